"""What became of prefilled fields: kept or changed by the applicant, no values."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

SQL = """
CREATE TABLE service.prefill_outcome (
    transaction_id uuid NOT NULL,
    field text NOT NULL,
    element text NOT NULL,
    source text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('kept', 'changed', 'cleared')),
    at timestamptz NOT NULL,
    PRIMARY KEY (transaction_id, field)
);
CREATE INDEX prefill_outcome_source ON service.prefill_outcome (source, element, at);
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'yici_service') THEN
        GRANT SELECT, INSERT ON service.prefill_outcome TO yici_service;
    END IF;
END $$;
"""


def upgrade() -> None:
    op.execute(SQL)


def downgrade() -> None:
    op.execute("DROP TABLE service.prefill_outcome")
