"""Corrections of facts by those whom they are about, and who is told when one has come through."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

SQL = """
CREATE TABLE service.correction (
    id uuid PRIMARY KEY,
    client_id text NOT NULL REFERENCES service.client,
    case_id uuid NOT NULL,
    service_item text NOT NULL,
    subject_id bigint NOT NULL,
    element text NOT NULL,
    provider text NOT NULL,
    sealed bytea NOT NULL,
    value_digest text NOT NULL,
    value_since timestamptz,
    state text NOT NULL CHECK (state IN ('routed', 'accepted', 'rejected', 'propagated')),
    filed_at timestamptz NOT NULL,
    due_on date NOT NULL,
    decided_at timestamptz,
    decided_by text,
    decision_reason text,
    closed_at timestamptz,
    checked_release integer NOT NULL
);
CREATE UNIQUE INDEX correction_open ON service.correction (subject_id, element) WHERE closed_at IS NULL;
CREATE INDEX correction_provider ON service.correction (provider) WHERE closed_at IS NULL;
CREATE TABLE service.change (
    id bigint PRIMARY KEY,
    client_id text NOT NULL,
    transaction_id uuid NOT NULL,
    case_id text,
    element text NOT NULL,
    correction uuid NOT NULL REFERENCES service.correction,
    at timestamptz NOT NULL
);
CREATE INDEX change_client ON service.change (client_id, id);
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'yici_service') THEN
        GRANT SELECT, INSERT ON service.correction, service.change TO yici_service;
        GRANT UPDATE (state, subject_id, decided_at, decided_by, decision_reason, closed_at, checked_release)
            ON service.correction TO yici_service;
    END IF;
END $$;
"""


def upgrade() -> None:
    op.execute(SQL)


def downgrade() -> None:
    op.execute("DROP TABLE service.change, service.correction")
