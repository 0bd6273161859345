"""Certificates: issued, revoked, shared, checked.

What a certificate says, its PDF and the codes of its shares are kept encrypted and destroyed in time; what stays is its
number, whether it was revoked, and keyed digests.
"""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

SQL = """
CREATE TABLE service.certificate_number (
    kind text NOT NULL,
    year int NOT NULL,
    last int NOT NULL,
    PRIMARY KEY (kind, year)
);
-- Counts certificates into status lists; gaps do not matter.
CREATE SEQUENCE service.certificate_place;
CREATE TABLE service.certificate (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    year int NOT NULL,
    seq int NOT NULL,
    unit text NOT NULL,
    purpose text NOT NULL,
    language text NOT NULL,
    elements text[] NOT NULL,
    release int NOT NULL,
    client_id text NOT NULL,
    case_id text,
    subject_key text NOT NULL,
    issued_at timestamptz NOT NULL,
    valid_until date NOT NULL,
    expires_at timestamptz NOT NULL,
    status_list int NOT NULL,
    status_index int NOT NULL,
    content bytea,
    pdf bytea,
    state text NOT NULL CHECK (state IN ('waiting', 'ready', 'failed', 'destroyed')),
    attempts int NOT NULL DEFAULT 0,
    checked_release int NOT NULL,
    revoked_at timestamptz,
    revoked_by text,
    revoke_reason text,
    UNIQUE (kind, year, seq),
    UNIQUE (status_list, status_index),
    CHECK ((pdf IS NOT NULL) = (state = 'ready')),
    CHECK ((content IS NULL) = (state = 'destroyed'))
);
CREATE INDEX certificate_of ON service.certificate (subject_key);
CREATE INDEX certificate_waiting ON service.certificate (issued_at) WHERE state = 'waiting';
CREATE INDEX certificate_revoked ON service.certificate (status_list) WHERE revoked_at IS NOT NULL;
CREATE INDEX certificate_expires ON service.certificate (expires_at);
CREATE TABLE service.certificate_share (
    id uuid PRIMARY KEY,
    certificate uuid NOT NULL REFERENCES service.certificate ON DELETE CASCADE,
    code_digest text NOT NULL UNIQUE,
    code bytea,
    elements text[] NOT NULL,
    is_printed boolean NOT NULL,
    made_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    max_views int,
    views int NOT NULL DEFAULT 0,
    withdrawn_at timestamptz
);
CREATE INDEX certificate_share_of ON service.certificate_share (certificate);
CREATE TABLE service.certificate_view (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    certificate uuid NOT NULL REFERENCES service.certificate ON DELETE CASCADE,
    share uuid REFERENCES service.certificate_share ON DELETE CASCADE,
    at timestamptz NOT NULL,
    how text NOT NULL CHECK (how IN ('page', 'program', 'paper', 'token'))
);
CREATE INDEX certificate_view_of ON service.certificate_view (certificate, at);
CREATE TABLE service.certificate_ticket (
    id uuid PRIMARY KEY,
    certificate uuid NOT NULL REFERENCES service.certificate ON DELETE CASCADE,
    unit text NOT NULL,
    elements text[] NOT NULL,
    release int NOT NULL,
    opened_at timestamptz NOT NULL,
    due_on date NOT NULL,
    closed_at timestamptz,
    closed_by text,
    outcome text CHECK (outcome IN ('revoked', 'kept')),
    reason text
);
CREATE UNIQUE INDEX certificate_ticket_open ON service.certificate_ticket (certificate) WHERE closed_at IS NULL;
CREATE INDEX certificate_ticket_unit ON service.certificate_ticket (unit, due_on) WHERE closed_at IS NULL;
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'yici_service') THEN
        GRANT SELECT, INSERT, UPDATE ON service.certificate_number TO yici_service;
        GRANT USAGE ON SEQUENCE service.certificate_place TO yici_service;
        GRANT SELECT, INSERT, DELETE ON service.certificate TO yici_service;
        GRANT UPDATE (content, pdf, state, attempts, checked_release, revoked_at, revoked_by, revoke_reason)
            ON service.certificate TO yici_service;
        GRANT SELECT, INSERT ON service.certificate_share, service.certificate_view TO yici_service;
        GRANT UPDATE (code, views, withdrawn_at) ON service.certificate_share TO yici_service;
        GRANT SELECT, INSERT ON service.certificate_ticket TO yici_service;
        GRANT UPDATE (elements, closed_at, closed_by, outcome, reason) ON service.certificate_ticket TO yici_service;
    END IF;
END $$;
"""


def upgrade() -> None:
    op.execute(SQL)


def downgrade() -> None:
    op.execute(
        "DROP TABLE service.certificate_ticket, service.certificate_view, service.certificate_share,"
        " service.certificate, service.certificate_number; DROP SEQUENCE service.certificate_place"
    )
