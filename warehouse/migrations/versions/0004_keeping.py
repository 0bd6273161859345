"""What was deleted, by which rule or whose order; extracts whose files are gone; releases no longer whole."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SQL = """
CREATE TABLE yici.deletion (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('retention', 'purge')),
    state text NOT NULL CHECK (state IN ('begun', 'done')),
    begun_at timestamptz NOT NULL,
    done_at timestamptz,
    ordered_by text NOT NULL,
    reason text NOT NULL,
    resource text,
    horizon timestamptz,
    horizon_release integer,
    counts jsonb NOT NULL,
    digests jsonb NOT NULL,
    pending jsonb
);
ALTER TABLE yici.extract ADD COLUMN removed_at timestamptz;
ALTER TABLE yici.release ADD COLUMN pruned_at timestamptz;
"""

GRANTS = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'yici_retention') THEN
        GRANT USAGE ON SCHEMA yici, store TO yici_retention;
        GRANT EXECUTE ON FUNCTION yici.current() TO yici_retention;
        GRANT SELECT ON yici.current_release, yici.release_resource TO yici_retention;
        GRANT SELECT, DELETE ON yici.quarantine, yici.link, yici.subject TO yici_retention;
        GRANT SELECT, UPDATE (pruned_at) ON yici.release TO yici_retention;
        GRANT SELECT, UPDATE (removed_at) ON yici.extract TO yici_retention;
        GRANT SELECT, INSERT, UPDATE ON yici.deletion TO yici_retention;
        GRANT SELECT, DELETE ON ALL TABLES IN SCHEMA store TO yici_retention;
        ALTER DEFAULT PRIVILEGES IN SCHEMA store GRANT SELECT, DELETE ON TABLES TO yici_retention;
    END IF;
END $$;
"""


def upgrade() -> None:
    op.execute(SQL)
    op.execute(GRANTS)


def downgrade() -> None:
    op.execute("ALTER TABLE yici.release DROP COLUMN pruned_at")
    op.execute("ALTER TABLE yici.extract DROP COLUMN removed_at")
    op.execute("DROP TABLE yici.deletion")
