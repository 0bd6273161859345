"""The portal: accounts, sessions, what people did in it.

Its role reads the catalog, how releases, rules, scores and tickets stand, and keeps sessions. It reads no row about a
person: neither `raw`, `store` and `marts` nor quarantine, findings, the record or the reference of a ticket.
"""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

SQL = """
CREATE SCHEMA portal;
-- Accounts of the reference campus. `totp_step` is the last step of time whose code was used: none counts twice.
CREATE TABLE portal.account (
    name text PRIMARY KEY,
    person text NOT NULL,
    password_hash text NOT NULL,
    totp_secret text NOT NULL,
    totp_step bigint NOT NULL,
    made_at timestamptz NOT NULL
);
-- A session has nobody until somebody has logged in; the cookie's value itself is not kept.
CREATE TABLE portal.session (
    digest text PRIMARY KEY,
    person text,
    csrf text NOT NULL,
    asked jsonb,
    began_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL
);
CREATE INDEX session_seen ON portal.session (seen_at);
CREATE TABLE portal.attempt (
    digest text NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX attempt_of ON portal.attempt (digest, at);
CREATE INDEX attempt_at ON portal.attempt (at);
CREATE TABLE portal.deed (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    person text NOT NULL,
    post text NOT NULL,
    role text NOT NULL,
    deed text NOT NULL,
    about text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('allowed', 'refused')),
    rule text NOT NULL
);
CREATE INDEX deed_person ON portal.deed (person, at);
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON portal.deed FOR EACH ROW EXECUTE FUNCTION yici.keep();
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'yici_portal') THEN
        GRANT USAGE ON SCHEMA portal, yici TO yici_portal;
        GRANT SELECT, UPDATE (totp_step) ON portal.account TO yici_portal;
        GRANT SELECT, INSERT, UPDATE (asked, seen_at), DELETE ON portal.session TO yici_portal;
        GRANT SELECT, INSERT, DELETE ON portal.attempt TO yici_portal;
        GRANT INSERT, SELECT (id) ON portal.deed TO yici_portal;
        GRANT EXECUTE ON FUNCTION yici.current() TO yici_portal;
        GRANT SELECT ON yici.catalog_version, yici.catalog_publication, yici.current_release, yici.release,
            yici.release_resource, yici.measured, yici.rule_state, yici.score, yici.ticket_event TO yici_portal;
        GRANT SELECT (id, resource, taken_at, rows, state) ON yici.extract TO yici_portal;
        GRANT SELECT (id, kind, channel, resource, rule, dimension, severity, unit, post, level, about, inherited_from,
            rows_failed, opened_on, due_on, climb_after, reopened, state, closed_at) ON yici.ticket TO yici_portal;
    END IF;
END $$;
"""


def upgrade() -> None:
    op.execute(SQL)


def downgrade() -> None:
    op.execute("DROP SCHEMA portal CASCADE")
