"""How often a stated value was wrong: per client, subject, element and day, so that nobody guesses."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

SQL = """
CREATE TABLE service.claim_miss (
    client_id text NOT NULL,
    subject_key text NOT NULL,
    element text NOT NULL,
    day date NOT NULL,
    times integer NOT NULL,
    PRIMARY KEY (client_id, subject_key, element, day)
);
CREATE INDEX claim_miss_day ON service.claim_miss (day);
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'yici_service') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON service.claim_miss TO yici_service;
    END IF;
END $$;
"""


def upgrade() -> None:
    op.execute(SQL)


def downgrade() -> None:
    op.execute("DROP TABLE service.claim_miss")
