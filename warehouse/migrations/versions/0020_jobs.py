"""Jobs and tasks: bulk answers, kept until they are fetched or destroyed."""

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
