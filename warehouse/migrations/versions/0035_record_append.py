"""Appending to the record in one statement, if nobody else has appended meanwhile.

A worker numbers its entries behind the last one that it knows of, since their hashes cover their numbers. If that is no
longer the last, nothing is written and the worker is told which one is: numbers stay contiguous under any number of
workers, and one that is alone needs one way to the database instead of four.
"""

from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

SQL = """
CREATE FUNCTION service.append_record(expected bigint, entries jsonb, details jsonb) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE last bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('yici record'));
    -- a statement of its own, so that it sees what the lock waited for
    SELECT coalesce(max(seq), 0) INTO last FROM service.record;
    IF last = expected THEN
        INSERT INTO service.record SELECT * FROM jsonb_populate_recordset(NULL::service.record, entries);
        INSERT INTO service.record_detail SELECT * FROM jsonb_populate_recordset(NULL::service.record_detail, details);
    END IF;
    RETURN last;
END $$;
REVOKE ALL ON FUNCTION service.append_record FROM PUBLIC;
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'yici_service') THEN
        GRANT EXECUTE ON FUNCTION service.append_record TO yici_service;
    END IF;
END $$;
"""


def upgrade() -> None:
    op.execute(SQL)


def downgrade() -> None:
    op.execute("DROP FUNCTION service.append_record")
