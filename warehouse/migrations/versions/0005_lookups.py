"""How often a resource that is asked live was asked on a day of the campus; nothing of whom it was asked about."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SQL = """
CREATE TABLE service.lookup_count (
    resource text NOT NULL,
    day date NOT NULL,
    times bigint NOT NULL,
    PRIMARY KEY (resource, day)
);
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'yici_service') THEN
        GRANT SELECT, INSERT, UPDATE ON service.lookup_count TO yici_service;
    END IF;
END $$;
"""


def upgrade() -> None:
    op.execute(SQL)


def downgrade() -> None:
    op.execute("DROP TABLE service.lookup_count")
