"""Sensitive items lie sealed in the store: functions that open them in views, and what is sealed with which key.

The functions are the SQL half of `warehouse.sealing`; keys come with the session and lie nowhere in the database.

Of an installation that holds data already, numbers of documents are sealed here. What its catalog calls sensitive, the
next release seals before it judges anything (`warehouse.store`); until then the views of `clear` show tables as they
are. Rewritten tables leave nothing behind; the rest is cleared by `VACUUM FULL` (docs/operations.md).
"""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

KEYS = """
CREATE TABLE yici.store_key (
    id text PRIMARY KEY CHECK (id ~ '^[0-9a-f]{8}$'),
    proof text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now(),
    destroyed_at timestamptz
);
CREATE TABLE yici.sealed_column (
    table_name text,
    column_name text,
    context text NOT NULL,
    type text NOT NULL,
    PRIMARY KEY (table_name, column_name)
);
ALTER TABLE yici.quarantine ADD COLUMN sealed boolean NOT NULL DEFAULT false;
ALTER TABLE yici.quarantine_decision ADD COLUMN sealed boolean NOT NULL DEFAULT false;
CREATE OR REPLACE TRIGGER keep BEFORE UPDATE OR DELETE ON yici.quarantine_decision FOR EACH ROW
    EXECUTE FUNCTION yici.keep('row_digest', 'row', 'sealed', 'outcome', '_from');
CREATE SCHEMA clear;
CREATE SCHEMA masked;
"""

FUNCTIONS = r"""
CREATE FUNCTION yici.store_pads(id text) RETURNS bytea LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE pads text := current_setting('yici.key_' || id, true);
BEGIN
    IF pads IS NULL OR pads = '' THEN
        RAISE EXCEPTION 'this session was not given store key %', coalesce(id, 'to seal with')
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN decode(pads, 'hex');
END $$;

-- The stream of a tag, XOR data whose length is a multiple of 16. Nearly all values have 16 or 32 bytes.
CREATE FUNCTION yici.crossed(data bytea, pads bytea, tag bytea) RETURNS bytea
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    body text := encode(data, 'hex');
    stream text := '';
    parts bytea[] := '{}';
BEGIN
    FOR block IN 0 .. (length(data) - 1) / 32 LOOP
        stream := stream || encode(
            sha256(substr(pads, 193, 64) || sha256(substr(pads, 129, 64) || tag || int4send(block))), 'hex');
    END LOOP;
    IF length(data) = 16 THEN
        RETURN int8send(('x' || left(body, 16))::bit(64)::bigint # ('x' || left(stream, 16))::bit(64)::bigint)
            || int8send(('x' || substr(body, 17, 16))::bit(64)::bigint
                # ('x' || substr(stream, 17, 16))::bit(64)::bigint);
    ELSIF length(data) = 32 THEN
        RETURN int8send(('x' || left(body, 16))::bit(64)::bigint # ('x' || left(stream, 16))::bit(64)::bigint)
            || int8send(('x' || substr(body, 17, 16))::bit(64)::bigint
                # ('x' || substr(stream, 17, 16))::bit(64)::bigint)
            || int8send(('x' || substr(body, 33, 16))::bit(64)::bigint
                # ('x' || substr(stream, 33, 16))::bit(64)::bigint)
            || int8send(('x' || substr(body, 49, 16))::bit(64)::bigint
                # ('x' || substr(stream, 49, 16))::bit(64)::bigint);
    END IF;
    FOR place IN 0 .. length(data) / 8 - 1 LOOP
        parts := parts || int8send(('x' || substr(body, place * 16 + 1, 16))::bit(64)::bigint
            # ('x' || substr(stream, place * 16 + 1, 16))::bit(64)::bigint);
    END LOOP;
    RETURN (SELECT string_agg(part, ''::bytea ORDER BY n) FROM unnest(parts) WITH ORDINALITY AS p(part, n));
END $$;

CREATE FUNCTION yici.seal_tag(data bytea, pads bytea, context text) RETURNS bytea
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE named bytea := convert_to(context, 'UTF8');
BEGIN
    RETURN substr(sha256(substr(pads, 65, 64)
        || sha256(substr(pads, 1, 64) || int4send(length(named)) || named || data)), 1, 16);
END $$;

CREATE FUNCTION yici.seal_with(key text, value text, context text) RETURNS bytea
    LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
DECLARE
    pads bytea := yici.store_pads(key);
    data bytea := convert_to(value, 'UTF8');
    tag bytea := yici.seal_tag(data, pads, context);
    filled integer := greatest(16, (length(data) + 15) / 16 * 16);
BEGIN
    RETURN decode(key, 'hex') || tag
        || yici.crossed(data || decode(repeat('00', filled - length(data)), 'hex'), pads, tag);
END $$;

CREATE FUNCTION yici.seal(value text, context text) RETURNS bytea
    LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    IF current_setting('yici.sealing_key', true) IS NULL THEN
        PERFORM yici.store_pads(NULL);
    END IF;
    RETURN yici.seal_with(current_setting('yici.sealing_key'), value, context);
END $$;

-- A text as it may stand armoured in a column: sealed with any key that the session was given.
CREATE FUNCTION yici.sealed_forms(value text, context text) RETURNS text[]
    LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
BEGIN
    RETURN ARRAY(SELECT encode(yici.seal_with(key, value, context), 'hex')
        FROM unnest(string_to_array(current_setting('yici.store_keys'), '/')) AS key);
END $$;

CREATE FUNCTION yici.unseal(sealed bytea, context text) RETURNS text
    LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
DECLARE
    pads bytea := yici.store_pads(encode(substr(sealed, 1, 4), 'hex'));
    tag bytea := substr(sealed, 5, 16);
    data bytea := rtrim(yici.crossed(substr(sealed, 21), pads, tag), '\x00'::bytea);
BEGIN
    IF tag <> yici.seal_tag(data, pads, context) THEN
        RAISE EXCEPTION 'a sealed value is not what was sealed under this name, or was altered'
            USING ERRCODE = 'data_corrupted';
    END IF;
    RETURN convert_from(data, 'UTF8');
END $$;

-- A value sealed with the session's sealing key, whichever it was sealed with.
CREATE FUNCTION yici.reseal(sealed bytea, context text) RETURNS bytea
    LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
BEGIN
    IF encode(substr(sealed, 1, 4), 'hex') = current_setting('yici.sealing_key', true) THEN
        RETURN sealed;
    END IF;
    RETURN yici.seal(yici.unseal(sealed, context), context);
END $$;
REVOKE ALL ON FUNCTION yici.store_pads(text), yici.crossed(bytea, bytea, bytea), yici.seal_tag(bytea, bytea, text),
    yici.seal_with(text, text, text), yici.seal(text, text), yici.sealed_forms(text, text), yici.unseal(bytea, text),
    yici.reseal(bytea, text) FROM PUBLIC;
"""

# Numbers of documents are sealed in their links, whatever the catalog says of the items that they came from.
LINKS = """
UPDATE yici.link SET key = encode(yici.seal(key, id_type), 'hex') WHERE id_type LIKE 'doc:%';
CREATE VIEW clear.links AS
    SELECT subject_id, type, id_type,
        CASE WHEN id_type LIKE 'doc:%' THEN yici.unseal(decode(key, 'hex'), id_type) ELSE key END AS key
    FROM raw.links;
CREATE VIEW clear.quarantine AS
    SELECT id, resource, row_digest, extract_id, partition,
        CASE WHEN sealed THEN yici.unseal(decode(key_text, 'hex'), resource || '#key') ELSE key_text END AS key_text,
        rules,
        CASE WHEN sealed THEN yici.unseal(decode(row, 'hex'), resource || '#row') ELSE row END AS row,
        judged_by, settled, _from, _to
    FROM yici.quarantine;
CREATE VIEW clear.quarantine_decision AS
    SELECT id, resource, row_digest, kind, rules, post, _from, outcome,
        CASE WHEN sealed THEN yici.unseal(decode(row, 'hex'), resource || '#row') ELSE row END AS row
    FROM yici.quarantine_decision;
"""

# Of cases, the document numbers of their parties; as `service.cases` writes and reads them.
CASES = r"""
UPDATE service."case" SET parties = (
    SELECT jsonb_agg(CASE WHEN starts_with(p->>'id_type', 'doc:') THEN jsonb_set(p, '{id}', to_jsonb(
        E'\x02' || encode(yici.seal(p->>'id', 'service.case#party'), 'hex'))) ELSE p END ORDER BY n)
    FROM jsonb_array_elements(parties) WITH ORDINALITY AS e (p, n))
WHERE EXISTS (SELECT FROM jsonb_array_elements(parties) p WHERE starts_with(p->>'id_type', 'doc:'));
"""
OPEN_CASES = r"""
UPDATE service."case" SET parties = (
    SELECT jsonb_agg(CASE WHEN starts_with(p->>'id', E'\x02') THEN jsonb_set(p, '{id}', to_jsonb(
        yici.unseal(decode(substr(p->>'id', 2), 'hex'), 'service.case#party'))) ELSE p END ORDER BY n)
    FROM jsonb_array_elements(parties) WITH ORDINALITY AS e (p, n))
WHERE EXISTS (SELECT FROM jsonb_array_elements(parties) p WHERE starts_with(p->>'id', E'\x02'));
"""

# Until a release seals them; it makes these views anew.
CLEAR = """
DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'store' LOOP
        EXECUTE format('CREATE VIEW clear.%I AS SELECT * FROM store.%I', name, name);
    END LOOP;
END $$;
"""

GRANTS = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'yici_service') THEN
        GRANT EXECUTE ON FUNCTION yici.store_pads(text), yici.crossed(bytea, bytea, bytea),
            yici.seal_tag(bytea, bytea, text), yici.seal_with(text, text, text), yici.sealed_forms(text, text),
            yici.unseal(bytea, text) TO yici_service;
        GRANT SELECT ON yici.store_key TO yici_service;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'yici_engineer') THEN
        GRANT USAGE ON SCHEMA masked TO yici_engineer;
        GRANT EXECUTE ON FUNCTION yici.current() TO yici_engineer;
        ALTER DEFAULT PRIVILEGES IN SCHEMA masked GRANT SELECT ON TABLES TO yici_engineer;
    END IF;
END $$;
"""


def upgrade() -> None:
    for statements in (KEYS, FUNCTIONS, LINKS, CASES, CLEAR, GRANTS):
        op.execute(statements)


def downgrade() -> None:
    if op.get_bind().exec_driver_sql("SELECT count(*) FROM yici.sealed_column").scalar():
        raise RuntimeError("tables of the store hold sealed items, which no earlier version can read")
    op.execute("DROP SCHEMA clear, masked CASCADE")
    op.execute(OPEN_CASES)
    for table, texts in (
        ("quarantine", {"row": "row", "key": "key_text"}),
        ("quarantine_decision", {"row": "row"}),
    ):
        opened = ", ".join(
            f"{column} = yici.unseal(decode({column}, 'hex'), resource || '#{name}')"
            for name, column in texts.items()
        )
        op.execute(f"UPDATE yici.{table} SET sealed = false, {opened} WHERE sealed")
    op.execute(
        "CREATE OR REPLACE TRIGGER keep BEFORE UPDATE OR DELETE ON yici.quarantine_decision FOR EACH ROW"
        " EXECUTE FUNCTION yici.keep('row_digest', 'row', 'outcome', '_from')"
    )
    op.execute(
        "UPDATE yici.link SET key = yici.unseal(decode(key, 'hex'), id_type) WHERE starts_with(id_type, 'doc:')"
    )
    op.execute("ALTER TABLE yici.quarantine DROP COLUMN sealed")
    op.execute("ALTER TABLE yici.quarantine_decision DROP COLUMN sealed")
    op.execute("DROP TABLE yici.sealed_column, yici.store_key")
    op.execute(
        "DROP FUNCTION yici.reseal(bytea, text), yici.unseal(bytea, text), yici.sealed_forms(text, text),"
        " yici.seal(text, text), yici.seal_with(text, text, text),"
        " yici.seal_tag(bytea, bytea, text), yici.crossed(bytea, bytea, bytea), yici.store_pads(text)"
    )
