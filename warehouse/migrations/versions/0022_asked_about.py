"""Entries that their subjects question; notices of changes to the addresses of service systems."""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

SQL = """
CREATE TABLE service.question (
    id uuid PRIMARY KEY,
    transaction_id uuid NOT NULL,
    subject_key text NOT NULL,
    client_id text NOT NULL,
    unit text NOT NULL,
    action text NOT NULL,
    service_item text,
    accessed_at timestamptz NOT NULL,
    sealed bytea NOT NULL,
    state text NOT NULL CHECK (state IN ('asked', 'answered')),
    asked_at timestamptz NOT NULL,
    due_on date NOT NULL,
    answered_at timestamptz,
    answered_by text,
    answering_unit text,
    answer bytea
);
CREATE UNIQUE INDEX question_once ON service.question (transaction_id, subject_key);
CREATE INDEX question_subject ON service.question (subject_key, asked_at);
CREATE INDEX question_unit ON service.question (unit) WHERE state = 'asked';
CREATE TABLE service.webhook_notice (
    id uuid PRIMARY KEY,
    client_id text NOT NULL REFERENCES service.client,
    changes bigint[] NOT NULL,
    at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('waiting', 'sent', 'dead')),
    tries integer NOT NULL,
    next_at timestamptz NOT NULL,
    error text
);
CREATE INDEX webhook_notice_due ON service.webhook_notice (next_at) WHERE state = 'waiting';
CREATE INDEX webhook_notice_client ON service.webhook_notice (client_id, state);
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'yici_service') THEN
        GRANT SELECT, INSERT ON service.question, service.webhook_notice TO yici_service;
        GRANT UPDATE (state, answered_at, answered_by, answering_unit, answer) ON service.question TO yici_service;
        GRANT UPDATE (state, tries, next_at, error) ON service.webhook_notice TO yici_service;
    END IF;
END $$;
"""


def upgrade() -> None:
    op.execute(SQL)


def downgrade() -> None:
    op.execute("DROP TABLE service.question, service.webhook_notice")
