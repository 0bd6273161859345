"""Whether the hall's own log knows a case that its system registered."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

SQL = """
ALTER TABLE service."case"
    ADD COLUMN hall text CHECK (hall IN ('known', 'unknown')),
    ADD COLUMN hall_release integer;
CREATE INDEX case_unreconciled ON service."case" (registered_at) WHERE hall IS DISTINCT FROM 'known';
"""


def upgrade() -> None:
    op.execute(SQL)


def downgrade() -> None:
    op.execute('ALTER TABLE service."case" DROP COLUMN hall, DROP COLUMN hall_release')
