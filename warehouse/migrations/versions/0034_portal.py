"""The portal: what was typed into a form that could not be taken is sealed.

Now every form is kept, those about people too; its key is a cookie of the browser in which it was typed. What was kept
in clear before, for a week at most, goes.
"""

from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        r"""
        DELETE FROM portal.draft;
        ALTER TABLE portal.draft ALTER COLUMN fields TYPE bytea USING '\x';
        ALTER TABLE portal.draft RENAME COLUMN fields TO sealed;
        """
    )


def downgrade() -> None:
    op.execute(
        """
        DELETE FROM portal.draft;
        ALTER TABLE portal.draft RENAME COLUMN sealed TO fields;
        ALTER TABLE portal.draft ALTER COLUMN fields TYPE jsonb USING '{}';
        """
    )
