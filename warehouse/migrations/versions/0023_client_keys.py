"""Keys of clients with their times: where they are published, and which of them are taken no longer."""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

SQL = """
ALTER TABLE service.client
    ADD COLUMN jwks_url text,
    ADD COLUMN retired_kids text[] NOT NULL DEFAULT '{}';
"""


def upgrade() -> None:
    op.execute(SQL)


def downgrade() -> None:
    op.execute("ALTER TABLE service.client DROP COLUMN jwks_url, DROP COLUMN retired_kids")
