"""Rows for tasks: in which period the answers of which job were given."""

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

SQL = """
CREATE TABLE service.task_rows (
    client_id text NOT NULL REFERENCES service.client,
    demand_id text NOT NULL,
    period text NOT NULL,
    job uuid NOT NULL,
    given_at timestamptz NOT NULL,
    PRIMARY KEY (client_id, demand_id, period)
);
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'yici_service') THEN
        GRANT SELECT, INSERT ON service.task_rows TO yici_service;
    END IF;
END $$;
"""


def upgrade() -> None:
    op.execute(SQL)


def downgrade() -> None:
    op.execute("DROP TABLE service.task_rows")
