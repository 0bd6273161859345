"""Figures for the derived lists, as they were measured when a release was published: counts and shares, no values."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SQL = """
CREATE TABLE yici.measured (
    release integer PRIMARY KEY REFERENCES yici.release,
    at timestamptz NOT NULL,
    figures jsonb NOT NULL
);
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'yici_service') THEN
        GRANT SELECT ON yici.measured TO yici_service;
    END IF;
END $$;
"""


def upgrade() -> None:
    op.execute(SQL)


def downgrade() -> None:
    op.execute("DROP TABLE yici.measured")
