"""Apply judged rows to the store by difference against the store, rows and ledger in one transaction.

What PostgreSQL writes is proportional to what changed. The difference is computed in DuckDB from what admission left
there and from the store's open versions within the extract's scope; of an extract that is small beside its table and
ends nothing, in PostgreSQL, so that the table's pages are visited once. Rows carry the candidate's number in `_from`
and `_to`; nobody sees them before that number is published, and taking them back is exact.

States of a version: `reported`; `released`, reported and breaking a rule that a person waived for it; `absent` and
`former`, no longer reported by a full extract or a sweep of keys (`onAbsence`); `refused`, still reported but now
breaking its contract. The last three keep the last good values and remember in `_last_extract` which extract
confirmed them last.

Sensitive items are compared and written as ciphertext (`warehouse.sealing`): equal values are equal sealed, and nothing
of them is written in clear, not even into a staging table.

A sweep of keys touches no value: it says which rows are there, and so which are gone or have come back. Where
partitions are files, a file tells the past: the row of an older one does not replace that of a newer one.
"""

import duckdb
import psycopg
from psycopg import sql

from catalogs.model import Resource
from connectors.duck import literal
from connectors.duck import quote as q
from warehouse import refused_rows
from warehouse.bulk import copy_rows
from warehouse.judged import Applied, Judged, answered
from warehouse.sealed_rows import show_sealed
from warehouse.store import StoreTable, value_columns

ABSENT_STATE = {"keep": "absent", "keep_as_former": "former"}
_LISTING = ("full", "partition", "keys")  # what is not there has gone; a window or range cannot say
# Rows of a table from which on it pays to compare digests first, and to build indexes after a load.
_MANY = 100_000
_FEW = 0.2  # share of the table below which single rows are fetched by their keys
# Share of the table up to which rows of a window are compared where they are stored: to read the key and digest of all
# others costs more than what full pages then cost (docs/performance.md).
_OFFERED = 0.1
# Share of the table up to which new content finds room beside the old: a tenth of each page is left free.
_ROOM = 0.05
_RETURNS_OLD = 180_000  # version of PostgreSQL from which on a statement returns what it has replaced
_STALE = 0.1  # share of the table from which on the planner is told at once; what is less, autovacuum tells


def apply(
    con: duckdb.DuckDBPyConnection,
    pg: psycopg.Connection,
    candidate: int,
    table: StoreTable,
    judged: Judged,
    seconds: float,
) -> Applied:
    """Write the difference as versions of `candidate`, with quarantine and ledger entry, in one transaction.

    Called again for extracts of another kind of the same resource, it adds to what the candidate has.

    Args:
        con: DuckDB with admission's tables and the warehouse attached as `wh`, for reading.
        pg: the owner's connection, in autocommit mode, which holds the release lock.
        candidate: number of the open candidate release.
        table: the resource's store table.
        judged: admission's result.
        seconds: what reading and judging took, for the ledger.

    Raises:
        duckdb.Error, psycopg.Error: the transaction failed; the store is as before.
    """
    show_sealed(con, table)
    stored = _rows_stored(pg, table)
    if stored:
        compare(con, pg, table, judged)
    gone = _gone(con) if stored and judged.lists_keys else 0
    refused_rows.compare(con, judged)
    with pg.transaction():
        inserted, ended = (
            write(con, pg, candidate, table, judged) if stored else _fill(con, pg, candidate, table, judged)
        )
        opened, closed = refused_rows.write(con, pg, candidate, judged)
        applied = Applied(inserted, ended, opened, closed, gone)
        pg.execute(_ledger_entry(candidate, judged, applied, seconds))
    if inserted and inserted >= _STALE * stored:
        pg.execute(f"ANALYZE store.{q(table.name)}")
    con.execute("DROP VIEW IF EXISTS change; DROP VIEW IF EXISTS to_compare")
    for name in (
        "compared",
        "touched",
        "touched_rows",
        "current_rows",
        "quarantine_new",
        "quarantine_gone",
        "right_now",
    ):
        con.execute(f"DROP TABLE IF EXISTS {name}")
    return applied


def take_back(con: psycopg.Connection, candidate: int, table: str) -> None:
    """Remove the versions of `candidate` from one store table and open again those that it ended."""
    con.execute(sql.SQL("DELETE FROM store.{} WHERE _from = %s").format(sql.Identifier(table)), [candidate])
    con.execute(
        sql.SQL("UPDATE store.{} SET _to = NULL WHERE _to = %s").format(sql.Identifier(table)), [candidate]
    )


def _rows_stored(pg: psycopg.Connection, table: StoreTable) -> int:
    """Return about how many versions the table has; 0 only if there is none."""
    estimate, some = pg.execute(
        f"SELECT greatest(reltuples, 0)::bigint, EXISTS (SELECT FROM store.{q(table.name)})"
        f" FROM pg_class WHERE oid = 'store.{q(table.name)}'::regclass"
    ).fetchone()
    return max(estimate, 1) if some else 0


def _fill(
    con: duckdb.DuckDBPyConnection, pg: psycopg.Connection, candidate: int, table: StoreTable, judged: Judged
) -> tuple[int, int]:
    """Write the rows of an empty store table straight from the extract.

    What all rows have in common the server fills in by itself. Of many rows the indexes are built afterwards, by
    sorting, and the rows are written as if long settled: nobody sees them before they are published, so holding
    the table's readers up meanwhile takes nothing away.
    """
    if judged.scope_kind == "keys":
        return 0, 0
    name = f"store.{q(table.name)}"
    many = judged.admitted >= _MANY
    common: dict[str, int | str] = {"_from": candidate}
    columns = [*table.columns, "_partition"]
    if judged.released:
        columns.append("_state")
    else:
        common["_state"] = "reported"
    if len(judged.extract_ids) == 1:
        common["_extract"] = judged.extract_ids[0]
    else:
        columns.append("_extract")
    indexes = []
    if many:
        indexes = pg.execute(
            "SELECT format('%%I.%%I', schemaname, indexname), indexdef FROM pg_indexes"
            " WHERE schemaname = 'store' AND tablename = %s",
            [table.name],
        ).fetchall()
        pg.execute(f"TRUNCATE {name}")
        # Such rows are in no log, so that the commit waits until they are on the disk: most are there before.
        pg.execute("SET LOCAL backend_flush_after = '2MB'")
    for index, _ in indexes:
        pg.execute(f"DROP INDEX {index}")
    given = (f"ALTER {column} SET DEFAULT {literal(str(value))}" for column, value in common.items())
    pg.execute(f"ALTER TABLE {name} {', '.join(given)}")
    target = sql.Identifier("store", table.name)
    copy_rows(con, f"SELECT {_list(columns)} FROM storable", pg, target, columns, frozen=many)
    pg.execute(f"ALTER TABLE {name} {', '.join(f'ALTER {column} DROP DEFAULT' for column in common)}")
    for _, definition in indexes:
        pg.execute(definition)
    return judged.admitted, 0


def compare(
    con: duckdb.DuckDBPyConnection, pg: psycopg.Connection, table: StoreTable, judged: Judged
) -> None:
    """Compare the extract with the store's open versions; nothing of the store changes.

    Rows come from `storable` and its companions (`show_sealed`). Leave in view `change` one row per version to open or
    close (`_op` put or end); or, of an extract that is small beside its table, every row of it (`offer`) and every
    key that was refused (`refuse`), for `write` to see what they change.

    Rows known to have changed (`touched`, where `_differs`) go from the extract to the store without being kept.
    """
    if not judged.lists_keys and judged.rows_in <= _OFFERED * _rows_stored(pg, table):
        _offer(con, pg, table, judged)
        return
    incoming = _current_rows(con, pg, table, judged)
    on = " AND ".join(f"a.{q(name)} = c.{q(name)}" for name in table.key)
    compared = (*table.values, *_place(judged))
    differs = " OR ".join(f"a.{q(name)} IS DISTINCT FROM c.{q(name)}" for name in compared) or "false"
    key = _list(table.key)
    confirmed = "coalesce(c._last_extract, c._confirmed)"
    kept = f"{_list(table.columns, 'c')}, c._partition, c._extract"
    if judged.scope_kind == "keys":
        parts = [
            f"""SELECT {kept}, 'reported' AS _state, NULL::BIGINT AS _last_extract, 'put' AS _op
                FROM current_rows c SEMI JOIN {incoming} a ON {on} WHERE c._state IN ('absent', 'former')"""
        ]
    else:
        parts = [
            f"""SELECT {_list(table.columns, "a")}, a._partition,
                    CASE WHEN c._state IS NULL OR {differs} THEN a._extract ELSE c._extract END AS _extract,
                    a._state, NULL::BIGINT AS _last_extract, 'put' AS _op
                FROM {incoming} a LEFT JOIN current_rows c ON {on}
                WHERE c._state IS NULL OR c._state <> a._state OR {differs}""",
            f"""SELECT {kept}, 'refused', {confirmed}, 'put'
                FROM current_rows c SEMI JOIN refused_keys a ON {on} ANTI JOIN {incoming} d ON {on.replace("a.", "d.")}
                WHERE c._state <> 'refused'""",
        ]
    if judged.lists_keys and judged.scope_kind in _LISTING:
        state = ABSENT_STATE.get(judged.resource.ingest.on_absence)
        ends = judged.scope_kind == "partition" or state is None
        op, to_state = ("end", "c._state") if ends else ("put", f"'{state}'")
        wanted = "true" if ends else f"c._state <> '{state}'"
        parts.append(
            f"""SELECT {kept}, {to_state}, {confirmed}, '{op}'
                FROM current_rows c ANTI JOIN (SELECT {key} FROM {incoming} UNION ALL SELECT {key} FROM refused_keys) a
                ON {on} WHERE {wanted}"""
        )
    con.execute("CREATE OR REPLACE TEMP TABLE compared AS " + " UNION ALL ".join(parts))
    changed = (
        f""" UNION ALL
            SELECT {_list(table.columns, "a")}, a._partition, a._extract, a._state, NULL, 'put'
            FROM storable a JOIN touched t USING ({key}) WHERE t._differs"""
        if incoming != "storable" and judged.scope_kind != "keys"
        else ""
    )
    con.execute(f"CREATE OR REPLACE TEMP VIEW change AS FROM compared{changed}")


def _place(judged: Judged) -> tuple[str, ...]:
    """The column that says in which partition a row stands, where the extracts know."""
    return ("_partition",) if judged.scope_kind == "partition" else ()


def _gone(con: duckdb.DuckDBPyConnection) -> int:
    absent = ", ".join(map(literal, ABSENT_STATE.values()))
    (count,) = con.execute(
        f"SELECT count(*) FROM compared WHERE _op = 'end' OR _state IN ({absent})"
    ).fetchone()
    return count


def _offer(con: duckdb.DuckDBPyConnection, pg: psycopg.Connection, table: StoreTable, judged: Judged) -> None:
    """Make `change` of every row that came, for PostgreSQL to compare; what was refused has a key and no more."""
    key = _list(table.key)
    unknown = "".join(f", NULL AS {q(name)}" for name in table.values)
    present = " AND ".join(f"{q(name)} IS NOT NULL" for name in table.key)
    con.execute(
        f"""CREATE OR REPLACE TEMP VIEW change AS
            SELECT {_list(table.columns)}, _partition, _extract, _state, NULL::BIGINT AS _last_extract, 'offer' AS _op
            FROM storable
            UNION ALL BY NAME
            SELECT DISTINCT {key}{unknown}, NULL AS _partition, 0 AS _extract, 'refused' AS _state,
                {_confirmed(pg, judged.resource)}::BIGINT AS _last_extract, 'refuse' AS _op
            FROM refused_keys ANTI JOIN storable USING ({key}) WHERE {present}"""
    )


def _confirmed(pg: psycopg.Connection, resource: Resource) -> int:
    """Return the extract that the last published release rests on: it confirmed every reported row."""
    newest = "SELECT max(id) FROM yici.release WHERE state = 'published'"
    (extract,) = pg.execute(
        "SELECT coalesce((SELECT extract_id FROM yici.release_resource"
        f" WHERE resource = %s AND release = ({newest})), 0)",
        [resource.name],
    ).fetchone()
    return extract


def _current_rows(
    con: duckdb.DuckDBPyConnection, pg: psycopg.Connection, table: StoreTable, judged: Judged
) -> str:
    """Fetch the store's open versions that the extract may change into table `current_rows`.

    Of a large table these are not all within the extract's scope, but those whose keys are in `touched`. Column
    `_confirmed` holds what the function of that name returns.

    Returns:
        The relation of those admitted rows that are to be compared with them.
    """
    columns = f"{_list(table.columns)}, _partition, _extract, _state, _last_extract"
    confirmed = _confirmed(pg, judged.resource)
    fetched = (
        f"CREATE OR REPLACE TEMP TABLE current_rows AS SELECT {columns}, {confirmed}::BIGINT AS _confirmed"
    )
    where = "_to IS NULL"
    if judged.scope_kind == "partition":
        among = f"IN ({', '.join(map(literal, judged.partitions))})"
        uncut = f" OR _partition IS NULL AND {judged.label} {among}" if judged.label else ""
        where += f" AND (_partition {among}{uncut})"
    stored = _rows_stored(pg, table)
    if stored < _MANY:
        con.execute(f"{fetched} FROM wh.store.{q(table.name)} WHERE {where}")
        return "storable"
    key = _list(table.key)
    _touched(con, table, judged, where)
    con.execute("CREATE OR REPLACE TEMP VIEW to_compare AS FROM touched WHERE NOT _differs")
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE touched_rows AS FROM storable SEMI JOIN to_compare USING ({key})"
    )
    (fetching,) = con.execute("SELECT count(*) FROM to_compare").fetchone()
    if fetching >= _FEW * stored:
        con.execute(
            f"{fetched} FROM wh.store.{q(table.name)} SEMI JOIN to_compare USING ({key}) WHERE {where}"
        )
        return "touched_rows"
    staged = f"stage.{q(table.name + '__keys')}"
    pg.execute(f"DROP TABLE IF EXISTS {staged}")
    pg.execute(f"CREATE UNLOGGED TABLE {staged} AS SELECT {key} FROM store.{q(table.name)} LIMIT 0")
    copy_rows(con, f"SELECT {key} FROM to_compare", pg, sql.SQL(staged), table.key)
    pg.execute(f"ANALYZE {staged} ({key})")
    by_keys = f"SELECT {columns} FROM store.{q(table.name)} JOIN {staged} USING ({key}) WHERE {where}"
    con.execute(f"{fetched} FROM {answered(by_keys)}")
    pg.execute(f"DROP TABLE {staged}")
    return "touched_rows"


def _touched(con: duckdb.DuckDBPyConnection, table: StoreTable, judged: Judged, where: str) -> None:
    """Leave in `touched` the keys of which anything changed, so that whole rows are held of as few as possible.

    `_differs` says that values changed or are new. Values are compared by a 64-bit digest that never leaves this
    session; a changed row escapes it with a probability of 2^-64.
    """
    key = _list(table.key)
    values = [column for column in value_columns(table.resource) if column[0] in table.values]
    parts = [f"CAST({q(name)} AS {kind})" for name, _, kind in values] + list(map(q, _place(judged)))
    digest = f"hash({', '.join(parts)})" if parts and judged.scope_kind != "keys" else "0"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE stored AS SELECT {key}, {digest} AS _digest, _state = 'reported' AS _reported"
        f" FROM wh.store.{q(table.name)} WHERE {where}"
    )
    gone = "" if judged.lists_keys else " AND a._digest IS NOT NULL"
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE touched AS
            SELECT {key}, a._digest IS NOT NULL AND a._digest IS DISTINCT FROM s._digest AS _differs
            FROM (SELECT {key}, {digest} AS _digest FROM storable) a FULL JOIN stored s USING ({key})
            WHERE (a._digest IS DISTINCT FROM s._digest OR s._reported IS NOT TRUE){gone}"""
    )
    # What a person's word or a refusal touches as well, which is little, and once: a key of it may differ, too.
    others = [f"SELECT {key} FROM refused_keys ANTI JOIN storable USING ({key})"] if judged.refused else []
    others += [f"SELECT {key} FROM waived_keys"] if judged.released else []
    if others:
        con.execute(
            f"INSERT INTO touched SELECT DISTINCT {key}, false FROM ({' UNION ALL '.join(others)})"
            f" SEMI JOIN stored USING ({key}) ANTI JOIN touched USING ({key})"
        )
    con.execute("DROP TABLE stored")


def write(
    con: duckdb.DuckDBPyConnection, pg: psycopg.Connection, candidate: int, table: StoreTable, judged: Judged
) -> tuple[int, int]:
    """Stage `change` in PostgreSQL, open its versions and close those that they replace; returns opened and closed."""
    columns = (*table.columns, "_partition", "_extract", "_state", "_last_extract")
    if not con.execute("SELECT 1 FROM change LIMIT 1").fetchone():
        return 0, 0
    staged, store = f"stage.{q(table.name)}", f"store.{q(table.name)}"
    pg.execute(f"DROP TABLE IF EXISTS {staged}")
    pg.execute(
        f"CREATE UNLOGGED TABLE {staged} AS SELECT {_list(columns)}, ''::text AS _op FROM {store} LIMIT 0"
    )
    copy_rows(con, f"SELECT {_list(columns)}, _op FROM change", pg, sql.SQL(staged), (*columns, "_op"))
    pg.execute(f"ANALYZE {staged} ({_list(table.key)})")
    on = " AND ".join(f"t.{q(name)} = s.{q(name)}" for name in table.key)
    cut = judged.resource.ingest.partition
    if judged.scope_kind == "partition" and cut is not None and cut.source == "filename":
        pg.execute(
            f"DELETE FROM {staged} s USING {store} t"
            f' WHERE {on} AND t._to IS NULL AND t._partition COLLATE "C" > s._partition COLLATE "C"'
            f" AND t._partition <> ALL (%s)",
            [list(judged.partitions)],
        )
    is_open = f"{on} AND t._to IS NULL"
    offered = _take_refusals(pg, table, staged, is_open)
    (opened,) = pg.execute(f"SELECT count(*) FROM {staged} WHERE _op = 'put'").fetchone()
    if offered or opened <= _ROOM * _rows_stored(pg, table):
        closed = pg.execute(
            f"UPDATE {store} t SET _to = %s FROM {staged} s WHERE {is_open} AND s._op = 'end'", [candidate]
        ).rowcount
        opened, replaced = _write_in_place(pg, candidate, table, staged, is_open, judged)
        closed += replaced
    else:
        closed = pg.execute(
            f"UPDATE {store} t SET _to = %s FROM {staged} s WHERE {is_open}", [candidate]
        ).rowcount
        pg.execute(
            f"INSERT INTO {store} ({_list(columns)}, _from)"
            f" SELECT {_list(columns)}, %s FROM {staged} WHERE _op = 'put'",
            [candidate],
        )
    pg.execute(f"DROP TABLE {staged}")
    return opened, closed


def _take_refusals(pg: psycopg.Connection, table: StoreTable, staged: str, is_open: str) -> bool:
    """Make of staged refusals the versions that they open: the last good values. Returns whether rows are offered."""
    offered, refused = pg.execute(
        f"SELECT count(*) FILTER (WHERE _op = 'offer'), count(*) FILTER (WHERE _op = 'refuse') FROM {staged}"
    ).fetchone()
    if refused:
        kept = (*table.values, "_partition", "_extract")
        last_good = "".join(f"{q(column)} = t.{q(column)}, " for column in kept)
        pg.execute(
            f"UPDATE {staged} s SET {last_good}_last_extract = coalesce(t._last_extract, s._last_extract), _op = 'put'"
            f" FROM store.{q(table.name)} t WHERE {is_open} AND s._op = 'refuse' AND t._state <> s._state"
        )
        pg.execute(f"DELETE FROM {staged} WHERE _op = 'refuse'")
    return offered > 0 or refused > 0


def _write_in_place(
    pg: psycopg.Connection, candidate: int, table: StoreTable, staged: str, is_open: str, judged: Judged
) -> tuple[int, int]:
    """Write what is staged where the free room of the table's pages has place; returns versions opened and closed.

    New content takes the place of the old, which is written again as a closed version. No indexed value changes where
    it stood, so while a page has room its indexes are left alone, and what is over gathers at the end of the table. Of
    rows that are offered only those are written that differ.
    """
    store = f"store.{q(table.name)}"
    columns = (*table.columns, "_partition", "_extract", "_state", "_last_extract")
    compared = (*table.values, *_place(judged))
    differs = " OR ".join(f"t.{q(name)} IS DISTINCT FROM s.{q(name)}" for name in compared) or "false"
    changes = f"(s._op = 'put' OR s._op = 'offer' AND (t._state <> s._state OR {differs}))"
    taken_over = {name: f"s.{q(name)}" for name in columns}
    taken_over["_extract"] = f"CASE WHEN s._op = 'put' OR {differs} THEN s._extract ELSE t._extract END"
    merge = f"""MERGE INTO {store} t USING {staged} s ON {is_open}
        WHEN MATCHED AND {changes} THEN UPDATE SET
            {", ".join(f"{q(name)} = {new}" for name, new in taken_over.items())}, _from = %(candidate)s
        WHEN NOT MATCHED AND s._op IN ('put', 'offer') THEN
            INSERT ({_list(columns)}, _from) VALUES ({_list(columns, "s")}, %(candidate)s)"""
    into = f"INSERT INTO {store} ({_list(columns)}, _from, _to)"
    values = {"candidate": candidate}
    if pg.info.server_version >= _RETURNS_OLD:
        old = [f"old_{number}" for number in range(len(columns))]
        returned = ", ".join(f"old.{q(name)} AS {alias}" for name, alias in zip(columns, old, strict=True))
        return pg.execute(
            f"""WITH changed AS ({merge} RETURNING old._from AS since, {returned}),
                    kept AS ({into} SELECT {", ".join(old)}, since, %(candidate)s FROM changed WHERE since IS NOT NULL)
                SELECT count(*), count(since) FROM changed""",
            values,
        ).fetchone()
    replaced = pg.execute(
        f"{into} SELECT {_list(columns, 't')}, t._from, %(candidate)s FROM {staged} s JOIN {store} t ON {is_open}"
        f" WHERE {changes}",
        values,
    ).rowcount
    return pg.execute(merge, values).rowcount, replaced


def _ledger_entry(candidate: int, judged: Judged, applied: Applied, seconds: float) -> str:
    name = literal(judged.resource.name)
    ids = ", ".join(map(str, judged.extract_ids))
    return (
        "INSERT INTO yici.release_resource AS r (release, resource, extract_id, outcome, reason, rows_in, admitted,"
        " quarantined, inserted, ended, seconds, judged)"
        f" VALUES ({candidate}, {name}, {max(judged.extract_ids)}, 'applied', NULL, {judged.rows_in},"
        f" {judged.admitted}, {judged.refused}, {applied.inserted}, {applied.ended}, {seconds:.3f}, ARRAY[{ids}])"
        " ON CONFLICT (release, resource) DO UPDATE SET extract_id = excluded.extract_id,"
        + "".join(f" {name} = r.{name} + excluded.{name}," for name in _ADDED)
        + " judged = r.judged || excluded.judged"
    )


_ADDED = ("rows_in", "admitted", "quarantined", "inserted", "ended", "seconds")


def _list(names, alias: str | None = None) -> str:
    prefix = f"{alias}." if alias else ""
    return ", ".join(prefix + q(name) for name in names)
