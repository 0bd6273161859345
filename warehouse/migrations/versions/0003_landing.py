"""What landing remembers between readings: columns nobody named, and systems that do not answer."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SQL = """
ALTER TABLE yici.extract ADD COLUMN extra_columns text[];
CREATE TABLE yici.system_failure (
    system text PRIMARY KEY,
    failures integer NOT NULL,
    failed_at timestamptz NOT NULL,
    paused_until timestamptz,
    reason text NOT NULL
);
"""


def upgrade() -> None:
    op.execute(SQL)


def downgrade() -> None:
    op.execute("DROP TABLE yici.system_failure")
    op.execute("ALTER TABLE yici.extract DROP COLUMN extra_columns")
