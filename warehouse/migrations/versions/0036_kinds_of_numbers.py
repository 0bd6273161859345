"""Sessions and accounts of the portal say of which kind the number of their person is.

A number without its kind may be somebody else's, so the sessions and accounts that there are go: people log in again,
and accounts of the reference campus are made anew.
"""

from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

SQL = """
DELETE FROM portal.session;
DELETE FROM portal.account;
ALTER TABLE portal.session ADD COLUMN id_type text, ADD CHECK ((id_type IS NULL) = (person IS NULL));
ALTER TABLE portal.account ADD COLUMN id_type text NOT NULL;
"""
BACK = """
ALTER TABLE portal.account DROP COLUMN id_type;
ALTER TABLE portal.session DROP COLUMN id_type;
"""


def upgrade() -> None:
    op.execute(SQL)


def downgrade() -> None:
    op.execute(BACK)
