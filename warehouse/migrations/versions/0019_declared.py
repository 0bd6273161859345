"""What people typed in forms themselves: self-declared facts, encrypted."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

SQL = """
CREATE TABLE service.declared (
    id uuid PRIMARY KEY,
    subject_key text NOT NULL,
    element text NOT NULL,
    client_id text NOT NULL REFERENCES service.client,
    case_id uuid NOT NULL REFERENCES service."case",
    service_item text NOT NULL,
    sealed bytea,
    declared_at timestamptz NOT NULL,
    confirmed_at timestamptz NOT NULL,
    ended_at timestamptz,
    ended_by text CHECK (ended_by IN ('replaced', 'confirmed', 'changed', 'deleted', 'expired')),
    CHECK (sealed IS NOT NULL OR ended_at IS NOT NULL)
);
CREATE INDEX declared_subject ON service.declared (subject_key, element);
CREATE INDEX declared_kept ON service.declared (confirmed_at) WHERE sealed IS NOT NULL;
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'yici_service') THEN
        GRANT SELECT, INSERT ON service.declared TO yici_service;
        GRANT UPDATE (sealed, ended_at, ended_by) ON service.declared TO yici_service;
    END IF;
END $$;
"""


def upgrade() -> None:
    op.execute(SQL)


def downgrade() -> None:
    op.execute("DROP TABLE service.declared")
