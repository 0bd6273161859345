"""Apply judged rows to the store by difference against the store, rows and ledger in one transaction.

The difference is computed in DuckDB from what admission left there and from the store's open versions within the
extract's scope, so that what PostgreSQL writes is proportional to what changed. Rows carry the candidate's number
in `_from` and `_to`; nobody sees them before that number is published, and taking them back is exact.

States of a version: `reported`; `absent` and `former`, no longer reported by a full extract (`onAbsence`);
`refused`, still reported but now breaking its contract. The last three keep the last good values and remember in
`_last_extract` which extract confirmed them last.
"""

from dataclasses import dataclass

import duckdb
import psycopg
from psycopg import sql

from catalogs.model import Resource
from warehouse.store import StoreTable

ABSENT_STATE = {"keep": "absent", "keep_as_former": "former"}
_FEW = 0.2  # an upsert extract below this share of the table fetches only its own keys from the store


@dataclass(frozen=True)
class Judged:
    """What admission decided of the extracts of one resource; the rows themselves are DuckDB tables.

    Tables: `admitted` (the store's columns, `_partition`, `_extract`) and `refused` (the key's columns where they
    could be read, `_partition`, `_extract`, `_row_digest`, `_key_text`, `_rules`, `_row`).
    """

    resource: Resource
    extract_ids: tuple[int, ...]
    scope_kind: str
    lists_keys: bool
    partitions: tuple[str, ...]
    rows_in: int
    admitted: int
    refused: int


@dataclass(frozen=True)
class Applied:
    """What one application changed in the store."""

    inserted: int
    ended: int
    quarantine_opened: int
    quarantine_closed: int


def q(name: str) -> str:
    """Quote an identifier for DuckDB."""
    return '"' + name.replace('"', '""') + '"'


def apply(
    con: duckdb.DuckDBPyConnection, candidate: int, table: StoreTable, judged: Judged, seconds: float
) -> Applied:
    """Write the difference as versions of `candidate`, with quarantine and ledger entry, in one transaction.

    Args:
        con: DuckDB with admission's tables and the warehouse attached read-write as `wh`.
        candidate: number of the open candidate release.
        table: the resource's store table.
        judged: admission's result.
        seconds: what reading and judging took, for the ledger.

    Raises:
        duckdb.Error: the transaction failed; the store is as before.
    """
    first = _is_empty(con, table)
    _difference(con, table, judged, first)
    _quarantine_difference(con, judged)
    columns = [*table.columns, *(name for name in ("_partition", "_extract", "_state", "_last_extract"))]
    con.execute("BEGIN")
    try:
        if first:
            con.execute(
                f"INSERT INTO wh.store.{q(table.name)} SELECT {_list(columns)}, {candidate}, NULL FROM change"
            )
            inserted, ended = con.execute("SELECT count(*), 0 FROM change").fetchone()
        else:
            inserted, ended = _write_staged(con, candidate, table, columns)
        opened, closed = _write_quarantine(con, candidate, judged)
        applied = Applied(inserted, ended, opened, closed)
        _pg(con, _ledger_entry(candidate, judged, applied, seconds))
        con.execute("COMMIT")
    except BaseException:
        con.execute("ROLLBACK")
        raise
    if inserted:
        _pg(con, f"ANALYZE store.{q(table.name)}")
    for name in ("change", "current_rows", "quarantine_new", "quarantine_gone"):
        con.execute(f"DROP TABLE IF EXISTS {name}")
    return applied


def take_back(con: psycopg.Connection, candidate: int, table: str) -> None:
    """Remove the versions of `candidate` from one store table and open again those that it ended."""
    con.execute(sql.SQL("DELETE FROM store.{} WHERE _from = %s").format(sql.Identifier(table)), [candidate])
    con.execute(
        sql.SQL("UPDATE store.{} SET _to = NULL WHERE _to = %s").format(sql.Identifier(table)), [candidate]
    )


def take_back_quarantine(con: psycopg.Connection, candidate: int, resource: str) -> None:
    """Undo what `candidate` put into or took out of the resource's quarantine."""
    con.execute("DELETE FROM yici.quarantine WHERE resource = %s AND _from = %s", [resource, candidate])
    con.execute(
        "UPDATE yici.quarantine SET _to = NULL WHERE resource = %s AND _to = %s", [resource, candidate]
    )


def _is_empty(con: duckdb.DuckDBPyConnection, table: StoreTable) -> bool:
    return not con.execute(
        "SELECT * FROM postgres_query('wh', ?)", [f"SELECT 1 FROM store.{q(table.name)} LIMIT 1"]
    ).fetchone()


def _difference(con: duckdb.DuckDBPyConnection, table: StoreTable, judged: Judged, first: bool) -> None:
    """Leave in table `change` one row per version to open or close (`_op` put or end)."""
    values = _list(table.columns)
    if first:
        con.execute(
            f"CREATE OR REPLACE TEMP VIEW change_rows AS SELECT {values}, _partition, _extract,"
            " 'reported' AS _state, NULL::BIGINT AS _last_extract, 'put' AS _op, false AS _replaces FROM admitted"
        )
        con.execute("CREATE OR REPLACE TEMP TABLE change AS FROM change_rows")
        return
    _current_rows(con, table, judged)
    on = " AND ".join(f"a.{q(name)} = c.{q(name)}" for name in table.key)
    differs = " OR ".join(f"a.{q(name)} IS DISTINCT FROM c.{q(name)}" for name in table.values) or "false"
    key = _list(table.key)
    confirmed = "coalesce(c._last_extract, c._confirmed)"
    kept = f"{_list(table.columns, 'c')}, c._partition, c._extract"
    parts = [
        f"""SELECT {_list(table.columns, "a")}, a._partition,
                CASE WHEN c._state IS NULL OR {differs} THEN a._extract ELSE c._extract END AS _extract,
                'reported' AS _state, NULL::BIGINT AS _last_extract, 'put' AS _op,
                c._state IS NOT NULL AS _replaces
            FROM admitted a LEFT JOIN current_rows c ON {on}
            WHERE c._state IS NULL OR c._state <> 'reported' OR {differs}""",
        f"""SELECT {kept}, 'refused', {confirmed}, 'put', true
            FROM current_rows c SEMI JOIN refused a ON {on} ANTI JOIN admitted d ON {on.replace("a.", "d.")}
            WHERE c._state <> 'refused'""",
    ]
    if judged.lists_keys:
        state = ABSENT_STATE.get(judged.resource.ingest.on_absence)
        ends = judged.scope_kind == "partition" or state is None
        op, to_state = ("end", "c._state") if ends else ("put", f"'{state}'")
        wanted = "true" if ends else f"c._state <> '{state}'"
        parts.append(
            f"""SELECT {kept}, {to_state}, {confirmed}, '{op}', true
                FROM current_rows c ANTI JOIN (SELECT {key} FROM admitted UNION ALL SELECT {key} FROM refused) a
                ON {on} WHERE {wanted}"""
        )
    con.execute("CREATE OR REPLACE TEMP TABLE change AS " + " UNION ALL ".join(parts))


def _current_rows(con: duckdb.DuckDBPyConnection, table: StoreTable, judged: Judged) -> None:
    """Fetch the store's open versions within the extract's scope into table `current_rows`.

    `_confirmed` is the extract that the last published release rests on: it confirmed every reported row.
    """
    columns = f"{_list(table.columns)}, _partition, _extract, _state, _last_extract"
    name = judged.resource.name.replace("'", "''")
    (confirmed,) = con.execute(
        "SELECT * FROM postgres_query('wh', ?)",
        [
            "SELECT coalesce((SELECT extract_id FROM yici.release_resource WHERE resource = "
            f"'{name}' AND release = (SELECT max(id) FROM yici.release WHERE state = 'published')), 0) AS x"
        ],
    ).fetchone()
    where = "_to IS NULL"
    if judged.scope_kind == "partition":
        wanted = ", ".join("'" + part.replace("'", "''") + "'" for part in judged.partitions)
        where += f" AND _partition IN ({wanted})"
    (stored,) = con.execute(
        "SELECT * FROM postgres_query('wh', ?)",
        [
            f"SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'store.{q(table.name)}'::regclass"
        ],
    ).fetchone()
    if judged.scope_kind in ("upsert", "range") and judged.rows_in < _FEW * stored:
        staged = f"{table.name}__keys"
        key = _list(table.key)
        _pg(con, f"DROP TABLE IF EXISTS stage.{q(staged)}")
        _pg(
            con, f"CREATE UNLOGGED TABLE stage.{q(staged)} AS SELECT {key} FROM store.{q(table.name)} LIMIT 0"
        )
        con.execute("CALL pg_clear_cache()")
        con.execute(
            f"INSERT INTO wh.stage.{q(staged)} SELECT {key} FROM admitted"
            f" UNION SELECT {key} FROM refused WHERE {' AND '.join(f'{q(k)} IS NOT NULL' for k in table.key)}"
        )
        _pg(con, f"ANALYZE stage.{q(staged)}")
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE current_rows AS SELECT *, {confirmed}::BIGINT AS _confirmed"
            " FROM postgres_query('wh', ?)",
            [
                f"SELECT {columns} FROM store.{q(table.name)} JOIN stage.{q(staged)} USING ({key}) WHERE {where}"
            ],
        )
        _pg(con, f"DROP TABLE stage.{q(staged)}")
    else:
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE current_rows AS SELECT {columns}, {confirmed}::BIGINT AS _confirmed"
            f" FROM wh.store.{q(table.name)} WHERE {where}"
        )


def _write_staged(
    con: duckdb.DuckDBPyConnection, candidate: int, table: StoreTable, columns: list[str]
) -> tuple[int, int]:
    """Stage `change` in PostgreSQL, close the versions it replaces and insert its own."""
    (rows,) = con.execute("SELECT count(*) FROM change").fetchone()
    if not rows:
        return 0, 0
    staged = f"stage.{q(table.name)}"
    _pg(con, f"DROP TABLE IF EXISTS {staged}")
    _pg(
        con,
        f"CREATE UNLOGGED TABLE {staged} AS SELECT {_list(columns)}, ''::text AS _op"
        f" FROM store.{q(table.name)} LIMIT 0",
    )
    con.execute("CALL pg_clear_cache()")
    con.execute(f"INSERT INTO wh.{staged} SELECT {_list(columns)}, _op FROM change")
    _pg(con, f"ANALYZE {staged}")
    on = " AND ".join(f"t.{q(name)} = s.{q(name)}" for name in table.key)
    _pg(
        con,
        f"UPDATE store.{q(table.name)} t SET _to = {candidate} FROM {staged} s WHERE {on} AND t._to IS NULL",
    )
    _pg(
        con,
        f"INSERT INTO store.{q(table.name)} ({_list(columns)}, _from)"
        f" SELECT {_list(columns)}, {candidate} FROM {staged} WHERE _op = 'put'",
    )
    _pg(con, f"DROP TABLE {staged}")
    return con.execute(
        "SELECT count(*) FILTER (_op = 'put'), count(*) FILTER (_replaces) FROM change"
    ).fetchone()


def _quarantine_difference(con: duckdb.DuckDBPyConnection, judged: Judged) -> None:
    """Leave in `quarantine_new` the refused rows that are not waiting yet, in `quarantine_gone` the settled ones."""
    name = judged.resource.name.replace("'", "''")
    con.execute(
        "CREATE OR REPLACE TEMP TABLE quarantine_open AS SELECT * FROM postgres_query('wh', ?)",
        [
            "SELECT row_digest, coalesce(partition, '') AS partition, coalesce(key_text, '') AS key_text"
            f" FROM yici.quarantine WHERE resource = '{name}' AND _to IS NULL"
        ],
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE quarantine_new AS SELECT r._row_digest, r._extract, r._partition, r._key_text,"
        " r._rules, r._row FROM refused r ANTI JOIN quarantine_open o ON o.row_digest = r._row_digest"
    )
    if judged.scope_kind == "full":
        covered = "true"
    elif judged.scope_kind == "partition":
        covered = (
            "o.partition IN (" + ", ".join("'" + p.replace("'", "''") + "'" for p in judged.partitions) + ")"
        )
    else:
        seen = f"SELECT {key_text(judged.resource)} FROM admitted UNION SELECT _key_text FROM refused"
        covered = f"o.key_text IN ({seen})"
    con.execute(
        "CREATE OR REPLACE TEMP TABLE quarantine_gone AS SELECT o.row_digest FROM quarantine_open o"
        f" ANTI JOIN refused r ON o.row_digest = r._row_digest WHERE {covered}"
    )


def key_text(resource: Resource) -> str:
    """Return the DuckDB expression that writes a row's key as one text, for quarantine and messages."""
    parts = ", ".join(f"coalesce(CAST({q(name)} AS VARCHAR), '')" for name in resource.key)
    return f"concat_ws('|', {parts})"


def _write_quarantine(con: duckdb.DuckDBPyConnection, candidate: int, judged: Judged) -> tuple[int, int]:
    new, gone = con.execute(
        "SELECT (SELECT count(*) FROM quarantine_new), (SELECT count(*) FROM quarantine_gone)"
    ).fetchone()
    if not new and not gone:
        return 0, 0
    name = judged.resource.name.replace("'", "''")
    staged = f"stage.{q(judged.resource.table + '__quarantine')}"
    _pg(con, f"DROP TABLE IF EXISTS {staged}")
    _pg(
        con,
        f"CREATE UNLOGGED TABLE {staged} (digest text, extract bigint, part text, key text, rules text, row text)",
    )
    con.execute("CALL pg_clear_cache()")
    con.execute(
        f"INSERT INTO wh.{staged} SELECT _row_digest, _extract, _partition, _key_text, _rules, _row FROM quarantine_new"
        " UNION ALL SELECT row_digest, NULL, NULL, NULL, NULL, NULL FROM quarantine_gone"
    )
    _pg(
        con,
        f"UPDATE yici.quarantine t SET _to = {candidate} FROM {staged} s"
        f" WHERE t.resource = '{name}' AND t.row_digest = s.digest AND t._to IS NULL AND s.extract IS NULL",
    )
    _pg(
        con,
        "INSERT INTO yici.quarantine (resource, row_digest, extract_id, partition, key_text, rules, row, _from)"
        f" SELECT '{name}', digest, extract, part, key, string_to_array(rules, ','), row, {candidate}"
        f" FROM {staged} WHERE extract IS NOT NULL",
    )
    _pg(con, f"DROP TABLE {staged}")
    return new, gone


def _ledger_entry(candidate: int, judged: Judged, applied: Applied, seconds: float) -> str:
    name = judged.resource.name.replace("'", "''")
    ids = ", ".join(map(str, judged.extract_ids))
    return (
        "INSERT INTO yici.release_resource (release, resource, extract_id, outcome, reason, rows_in, admitted,"
        " quarantined, inserted, ended, seconds, judged)"
        f" VALUES ({candidate}, '{name}', {max(judged.extract_ids)}, 'applied', NULL, {judged.rows_in},"
        f" {judged.admitted}, {judged.refused}, {applied.inserted}, {applied.ended}, {seconds:.3f}, ARRAY[{ids}])"
    )


def _pg(con: duckdb.DuckDBPyConnection, statement: str) -> None:
    """Run one statement on the warehouse, within DuckDB's transaction if one is open."""
    con.execute("CALL postgres_execute('wh', ?)", [statement])


def _list(names, alias: str | None = None) -> str:
    prefix = f"{alias}." if alias else ""
    return ", ".join(prefix + q(name) for name in names)
