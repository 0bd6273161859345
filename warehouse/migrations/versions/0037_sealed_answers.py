"""What was answered under an idempotency key is kept encrypted.

The answers of the last day go: who repeats a request across the upgrade creates anew.
"""

from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

SQL = """
DELETE FROM service.idempotency;
ALTER TABLE service.idempotency ALTER COLUMN answer TYPE bytea USING ''::bytea;
"""
BACK = """
DELETE FROM service.idempotency;
ALTER TABLE service.idempotency ALTER COLUMN answer TYPE jsonb USING 'null'::jsonb;
"""


def upgrade() -> None:
    op.execute(SQL)


def downgrade() -> None:
    op.execute(BACK)
