"""The portal: people's own page, and the desk of stewards.

A correction that somebody files at their own login has neither client nor case. A session may hold a bearer of the
service, which only the service can read and which counts only with the browser's cookie. Stewards treat tickets,
waiting rows and samples by a role of its own, `yici_desk`, that the portal uses for nothing else: it reads no row of
the store.
"""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

SQL = """
ALTER TABLE service.correction
    ALTER COLUMN client_id DROP NOT NULL,
    ALTER COLUMN case_id DROP NOT NULL,
    ALTER COLUMN service_item DROP NOT NULL,
    ADD CHECK (num_nonnulls(client_id, case_id, service_item) IN (0, 3));
CREATE INDEX correction_subject ON service.correction (subject_id);
ALTER TABLE portal.session ADD COLUMN bearer text, ADD COLUMN bearer_until timestamptz;
-- The clerk's case number is the service system's own.
CREATE INDEX case_external ON service."case" (external_no) WHERE external_no IS NOT NULL;
-- Deeds go only by the rule of retention: who deletes says so in the same transaction, on record.
CREATE TABLE portal.forgotten (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    before timestamptz NOT NULL,
    deeds bigint NOT NULL
);
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON portal.forgotten FOR EACH ROW EXECUTE FUNCTION yici.keep();
DROP TRIGGER keep ON portal.deed;
CREATE TRIGGER keep BEFORE UPDATE ON portal.deed FOR EACH ROW EXECUTE FUNCTION yici.keep();
CREATE FUNCTION portal.only_forgotten() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.at >= coalesce((SELECT max(before) FROM portal.forgotten), '-infinity') THEN
        RAISE EXCEPTION 'deeds are never altered, and deleted by the rule of retention alone';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER keep_newer BEFORE DELETE ON portal.deed FOR EACH ROW EXECUTE FUNCTION portal.only_forgotten();
CREATE INDEX deed_at ON portal.deed (at);
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'yici_portal') THEN
        GRANT UPDATE (bearer, bearer_until) ON portal.session TO yici_portal;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'yici_retention') THEN
        GRANT USAGE ON SCHEMA portal TO yici_retention;
        GRANT SELECT (at), DELETE ON portal.deed TO yici_retention;
        GRANT SELECT (before), INSERT ON portal.forgotten TO yici_retention;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'yici_desk') THEN
        GRANT USAGE ON SCHEMA yici TO yici_desk;
        GRANT EXECUTE ON FUNCTION yici.current(), yici.store_pads(text), yici.crossed(bytea, bytea, bytea),
            yici.seal_tag(bytea, bytea, text), yici.seal_with(text, text, text), yici.seal(text, text),
            yici.unseal(bytea, text) TO yici_desk;
        GRANT USAGE ON SCHEMA clear TO yici_desk;
        GRANT SELECT ON clear.quarantine, clear.quarantine_decision TO yici_desk;
        GRANT SELECT ON yici.current_release, yici.quarantine, yici.quarantine_decision, yici.ticket,
            yici.ticket_event, yici.sample_row, yici.rule_state, yici.score, yici.score_freeze, yici.score_frozen,
            yici.score_objection TO yici_desk;
        GRANT SELECT (id, resource, taken_at, rows, state) ON yici.extract TO yici_desk;
        GRANT SELECT (at, resource, stage, rule, passed) ON yici.finding TO yici_desk;
        GRANT SELECT (same_as), INSERT ON yici.notice TO yici_desk;
        GRANT INSERT ON yici.quarantine_look, yici.quarantine_decision, yici.ticket, yici.ticket_event TO yici_desk;
        GRANT UPDATE (state, closed_at) ON yici.ticket TO yici_desk;
        GRANT UPDATE (verdict, item, verdict_at, ticket, key_text) ON yici.sample_row TO yici_desk;
    END IF;
END $$;
"""
UNDO = """
DROP TRIGGER keep_newer ON portal.deed;
DROP TRIGGER keep ON portal.deed;
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON portal.deed FOR EACH ROW EXECUTE FUNCTION yici.keep();
DROP INDEX portal.deed_at;
DROP FUNCTION portal.only_forgotten;
DROP TABLE portal.forgotten;
DROP INDEX service.case_external;
ALTER TABLE portal.session DROP COLUMN bearer, DROP COLUMN bearer_until;
DROP INDEX service.correction_subject;
DELETE FROM service.correction WHERE client_id IS NULL;
ALTER TABLE service.correction
    DROP CONSTRAINT correction_check,
    ALTER COLUMN client_id SET NOT NULL,
    ALTER COLUMN case_id SET NOT NULL,
    ALTER COLUMN service_item SET NOT NULL;
"""


def upgrade() -> None:
    op.execute(SQL)


def downgrade() -> None:
    op.execute(UNDO)
