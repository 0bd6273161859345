"""Nothing: a number that was kept for sealed items and applied empty before they came.

Installations stand at it, so it stays as it is; sealed items are 0025.
"""

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
