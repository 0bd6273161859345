"""What good releases measured of the distributions of items: aggregates, no values of a person."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

SQL = """
CREATE TABLE yici.distribution (
    release integer,
    resource text,
    at timestamptz NOT NULL,
    measured jsonb NOT NULL,
    PRIMARY KEY (release, resource)
);
CREATE INDEX distribution_resource ON yici.distribution (resource, release);
"""


def upgrade() -> None:
    op.execute(SQL)


def downgrade() -> None:
    op.execute("DROP TABLE yici.distribution")
