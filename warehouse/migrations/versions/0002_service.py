"""Schema `service`: clients, token replay guard, cases, idempotency and the record of decisions."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SQL = """
CREATE SCHEMA service;
CREATE TABLE service.client (
    client_id text PRIMARY KEY,
    unit text NOT NULL,
    name text NOT NULL,
    jwks jsonb,
    secret_hash text,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
    registered_at timestamptz NOT NULL,
    CHECK (jwks IS NOT NULL OR secret_hash IS NOT NULL)
);
CREATE TABLE service.jti (
    client_id text NOT NULL,
    jti text NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (client_id, jti)
);
CREATE INDEX jti_expired ON service.jti (expires_at);
CREATE TABLE service."case" (
    id uuid PRIMARY KEY,
    client_id text NOT NULL REFERENCES service.client,
    external_no text,
    service_item text NOT NULL,
    status text NOT NULL CHECK (status IN ('draft', 'submitted', 'accepted', 'closed')),
    parties jsonb NOT NULL,
    registered_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE TABLE service.idempotency (
    client_id text NOT NULL,
    key text NOT NULL,
    request_digest text NOT NULL,
    answer jsonb NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (client_id, key)
);
CREATE INDEX idempotency_expired ON service.idempotency (expires_at);
CREATE TABLE service.record (
    seq bigint PRIMARY KEY,
    transaction_id uuid NOT NULL UNIQUE,
    logtime timestamptz NOT NULL,
    action text NOT NULL,
    client_id text NOT NULL,
    receiver_unit text NOT NULL,
    receiver_name text NOT NULL,
    actor_id text,
    actor_role text,
    subject_key text,
    subject_key_id text,
    purpose text,
    case_id text,
    ground text,
    elements text[] NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('allowed', 'refused', 'failed')),
    code text NOT NULL,
    rule text NOT NULL,
    request_digest text NOT NULL,
    response_digest text NOT NULL,
    release integer,
    confidentiality text NOT NULL DEFAULT 'normal' CHECK (confidentiality IN ('normal', 'confidential', 'lifted')),
    retention_until timestamptz NOT NULL,
    leaf_hash text NOT NULL
);
CREATE INDEX record_subject ON service.record (subject_key, logtime);
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'yici_service') THEN
        GRANT USAGE ON SCHEMA service TO yici_service;
        GRANT SELECT ON service.client TO yici_service;
        GRANT SELECT, INSERT ON service.record TO yici_service;
        GRANT SELECT, INSERT, DELETE ON service.jti, service.idempotency TO yici_service;
        GRANT SELECT, INSERT ON service."case" TO yici_service;
        GRANT UPDATE (status) ON service."case" TO yici_service;
        GRANT SELECT (release, subject_a, subject_b, state) ON yici.identity_review TO yici_service;
    END IF;
END $$;
"""


def upgrade() -> None:
    op.execute(SQL)


def downgrade() -> None:
    op.execute("DROP SCHEMA service CASCADE")
