"""When a paper was made: from that the service says when those that wait are expected.

The queue is taken in the order of `certificate_waiting`: whatever was tried least, then whatever waits longest.
"""

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

SQL = """
ALTER TABLE service.certificate ADD COLUMN made_at timestamptz;
CREATE INDEX certificate_made ON service.certificate (made_at);
DROP INDEX service.certificate_waiting;
CREATE INDEX certificate_waiting ON service.certificate (attempts, issued_at) WHERE state = 'waiting';
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'yici_service') THEN
        GRANT UPDATE (made_at) ON service.certificate TO yici_service;
    END IF;
END $$;
"""


def upgrade() -> None:
    op.execute(SQL)


def downgrade() -> None:
    op.execute(
        "DROP INDEX service.certificate_waiting, service.certificate_made;"
        "CREATE INDEX certificate_waiting ON service.certificate (issued_at) WHERE state = 'waiting';"
        "ALTER TABLE service.certificate DROP COLUMN made_at"
    )
