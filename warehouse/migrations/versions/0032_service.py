"""What people are not told for now, and when they are told after all; how much clients took, over all workers.

What was told for a task that the catalog calls confidential is hidden from whom it is about until the task's last day,
or until somebody lifts it: a row here opens what was told until then. No row is ever changed or removed.

A value that an applicant typed may be borne out at a window by a paper: then the unit of the clerk stands beside it,
and a digest of the proof.

Of a quota's key a digest is kept. A crash may empty that table: it protects the service, and decides about nobody.
"""

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

SQL = """
CREATE TABLE service.confidentiality_lift (
    client_id text NOT NULL,
    purpose text NOT NULL,
    at timestamptz NOT NULL,
    by text NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (client_id, purpose, at)
);
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON service.confidentiality_lift
    FOR EACH ROW EXECUTE FUNCTION yici.keep();
ALTER TABLE service.declared
    ADD COLUMN verified_by text,
    ADD COLUMN verified_at timestamptz,
    ADD COLUMN evidence_digest text,
    ADD CHECK (num_nulls(verified_by, verified_at, evidence_digest) IN (0, 3));
CREATE UNLOGGED TABLE service.quota (
    policy text NOT NULL,
    key text NOT NULL,
    most double precision NOT NULL,
    window_s double precision NOT NULL,
    level double precision NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (policy, key)
);
CREATE INDEX quota_at ON service.quota (at);
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'yici_service') THEN
        GRANT SELECT ON service.confidentiality_lift TO yici_service;
        GRANT SELECT, INSERT, UPDATE, DELETE ON service.quota TO yici_service;
    END IF;
END $$;
"""


def upgrade() -> None:
    op.execute(SQL)


def downgrade() -> None:
    op.execute(
        "DROP TABLE service.confidentiality_lift, service.quota;"
        "ALTER TABLE service.declared DROP COLUMN verified_by, DROP COLUMN verified_at, DROP COLUMN evidence_digest"
    )
