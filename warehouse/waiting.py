"""The waiting rows of a resource between two looks at them: which are due, what people decided, what became of them.

A row waits in `yici.quarantine` from the release that refused it (`_from`) to the one that settled it (`_to`), and
`settled` says how: by the `source` (it sent the row right, otherwise or no more), `admitted` when it was looked at
again, `released` or `resubmitted` by a person's word, `superseded` by newer content under its key; `judged_again`
closes one whose broken rules are others now, and the next entry says which. Everything carries the candidate's
number, so that `refused_rows.take_back` undoes it to the row.
"""

from collections import defaultdict
from collections.abc import Mapping

import duckdb
import psycopg
from psycopg import sql

from connectors.duck import literal
from connectors.duck import quote as q
from warehouse.bulk import copy_rows
from warehouse.judged import Applied, Judged, answered
from warehouse.sealed_rows import kept_text, show_sealed
from warehouse.store import StoreTable, opened, sealed_in
from warehouse.versions import compare, write


def take_up(pg: psycopg.Connection, candidate: int, resource: str) -> None:
    """Let a candidate take up what people decided about rows of the resource since the last release did."""
    pg.execute(
        "UPDATE yici.quarantine_decision SET _from = %s WHERE resource = %s AND _from IS NULL",
        [candidate, resource],
    )


def put_back(pg: psycopg.Connection, candidate: int, resource: str) -> None:
    """Leave what people decided about rows of the resource to a later release."""
    pg.execute(
        "UPDATE yici.quarantine_decision SET _from = NULL WHERE resource = %s AND _from = %s",
        [resource, candidate],
    )


def is_due(pg: psycopg.Connection, candidate: int, resource: str, judged_by: str) -> bool:
    """Whether a row waits that was judged by something else, or the candidate took up a decision.

    Args:
        pg: the owner's connection.
        candidate: number of the open candidate release.
        resource: its name.
        judged_by: digest of what judging depends on now.
    """
    return pg.execute(
        """SELECT EXISTS (SELECT FROM yici.quarantine
                    WHERE resource = %(resource)s AND _to IS NULL AND judged_by IS DISTINCT FROM %(judged_by)s)
                OR EXISTS (SELECT FROM yici.quarantine_decision
                    WHERE resource = %(resource)s AND _from = %(candidate)s)""",
        {"resource": resource, "judged_by": judged_by, "candidate": candidate},
    ).fetchone()[0]


def fetch(
    con: duckdb.DuckDBPyConnection,
    pg: psycopg.Connection,
    candidate: int | None,
    resource: str,
    judged_by: str,
) -> list[str | None]:
    """Fetch the waiting rows into DuckDB table `waiting`; returns their partitions.

    Columns: `digest`, `extract`, `partition`, `taken_at`, `kind` (of the extract's scope), `rules`, `row` (as JSON
    texts; a corrected one where the provider resubmitted it), `corrected`, `due` and `_row_no`. Not due are those that
    were judged as they would be now; beside a correction, those that were refused for not being alone are due as well.

    Args:
        con: the session.
        pg: the owner's connection.
        candidate: whose decisions count; None: none do.
        resource: its name.
        judged_by: digest of what judging depends on now.
    """
    query = sql.SQL(
        """SELECT q.row_digest AS digest, q.extract_id AS extract, q.partition, e.taken_at, e.scope ->> 'kind' AS kind,
                array_to_string(q.rules, ',') AS rules, coalesce(c.row, q.row) AS row,
                c.row IS NOT NULL AS corrected,
                c.row IS NOT NULL OR q.judged_by IS DISTINCT FROM %(judged_by)s OR EXISTS (
                    SELECT FROM yici.quarantine_decision d WHERE d.resource = q.resource
                    AND d.row_digest = q.row_digest AND d.kind = 'release' AND d._from = %(candidate)s) AS due
            FROM clear.quarantine q LEFT JOIN yici.extract e ON e.id = q.extract_id
            LEFT JOIN LATERAL (SELECT d.row FROM clear.quarantine_decision d WHERE d.resource = q.resource
                AND d.row_digest = q.row_digest AND d.kind = 'resubmit' AND d._from = %(candidate)s
                ORDER BY d.id DESC LIMIT 1) c ON true
            WHERE q.resource = %(resource)s AND q._to IS NULL"""
    )
    # As one text, since it travels through DuckDB to the server.
    bound = psycopg.ClientCursor(pg).mogrify(
        query, {"resource": resource, "judged_by": judged_by, "candidate": candidate}
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE waiting AS SELECT *, row_number() OVER (ORDER BY extract, digest) AS _row_no"
        f" FROM {answered(bound)}"
    )
    return _partitions(con)


def correct(con: duckdb.DuckDBPyConnection, corrections: Mapping[str, str]) -> list[str | None]:
    """Put corrected rows (digest → row as JSON) into table `waiting`, as if they were filed; returns the partitions."""
    con.executemany(
        "UPDATE waiting SET row = ?, corrected = true, due = true WHERE digest = ?",
        [[row, digest] for digest, row in corrections.items()],
    )
    return _partitions(con)


def _partitions(con: duckdb.DuckDBPyConnection) -> list[str | None]:
    con.execute(
        "UPDATE waiting SET due = true WHERE contains(rules, '.unique') AND EXISTS (SELECT 1 FROM waiting c"
        " WHERE c.corrected AND c.partition IS NOT DISTINCT FROM waiting.partition)"
    )
    rows = con.execute("SELECT DISTINCT partition FROM waiting WHERE due ORDER BY 1").fetchall()
    return [partition for (partition,) in rows]


def waivers(pg: psycopg.Connection, candidate: int | None, resource: str) -> dict[str, set[str]]:
    """Return digest of a row → the rules that people waived for it, as a candidate knows them; None: all."""
    found: dict[str, set[str]] = defaultdict(set)
    for digest, rules in pg.execute(
        """SELECT row_digest, rules FROM yici.quarantine_decision WHERE resource = %s AND kind = 'release'
           AND row_digest IS NOT NULL AND (%s::int IS NULL OR _from <= %s)""",
        [resource, candidate, candidate],
    ).fetchall():
        found[digest] |= set(rules)
    return found


def fetch_standing(con: duckdb.DuckDBPyConnection, pg: psycopg.Connection, table: StoreTable) -> None:
    """Fetch what stands open in the store under the keys of `admitted` into DuckDB table `standing`."""
    key = ", ".join(map(q, table.key))
    # Also somebody who only asks what would be admitted comes here, beside a release.
    staged = f"stage.{q(f'{table.name}__standing_{pg.info.backend_pid}')}"
    pg.execute(f"DROP TABLE IF EXISTS {staged}")
    pg.execute(f"CREATE UNLOGGED TABLE {staged} AS SELECT {key} FROM store.{q(table.name)} LIMIT 0")
    show_sealed(con, table)
    copy_rows(con, f"SELECT {key} FROM storable", pg, sql.SQL(staged), table.key)
    pg.execute(f"ANALYZE {staged}")
    sealed = sealed_in(pg, table.name)
    shown = ", ".join(f"{opened(name, sealed).as_string(pg)} AS {q(name)}" for name in table.key)
    by_keys = (
        f"SELECT {shown}, _partition, _extract, _state FROM store.{q(table.name)} JOIN {staged} USING ({key})"
        " WHERE _to IS NULL"
    )
    con.execute(f"CREATE OR REPLACE TEMP TABLE standing AS FROM {answered(by_keys)}")
    pg.execute(f"DROP TABLE {staged}")


def settle(
    con: duckdb.DuckDBPyConnection,
    pg: psycopg.Connection,
    candidate: int,
    table: StoreTable,
    judged: Judged,
) -> Applied:
    """Write what looking again came to, in one transaction.

    Args:
        con: DuckDB with `admitted` (rows that leave quarantine for the store), an empty `refused`, and `settling`:
            `digest`, `settled` (as in `yici.quarantine`; `same` where nothing changed), `rules` and `key`.
        pg: the owner's connection, in autocommit mode, which holds the release lock.
        candidate: number of the open candidate release.
        table: the resource's store table.
        judged: of a scope that ends nothing.

    Raises:
        duckdb.Error, psycopg.Error: the transaction failed; store and quarantine are as before.
    """
    name = judged.resource.name
    staged = f"stage.{q(judged.resource.table + '__settling')}"
    show_sealed(con, table)
    compare(con, pg, table, judged)
    with pg.transaction():
        inserted, ended = write(con, pg, candidate, table, judged)
        pg.execute(f"DROP TABLE IF EXISTS {staged}")
        pg.execute(f"CREATE UNLOGGED TABLE {staged} (digest text, settled text, rules text, key text)")
        columns = ("digest", "settled", "rules", "key")
        shown = f"digest, settled, rules, {kept_text(con, judged.resource, 'key', 'key')}"
        copy_rows(con, f"SELECT {shown} FROM settling", pg, sql.SQL(staged), columns)
        pg.execute(
            f"UPDATE yici.quarantine t SET judged_by = %s FROM {staged} s WHERE t.resource = %s"
            " AND t.row_digest = s.digest AND t._to IS NULL AND s.settled = 'same'",
            [judged.judged_by, name],
        )
        closed = pg.execute(
            f"UPDATE yici.quarantine t SET _to = %s, settled = s.settled FROM {staged} s WHERE t.resource = %s"
            " AND t.row_digest = s.digest AND t._to IS NULL AND s.settled <> 'same'",
            [candidate, name],
        ).rowcount
        opened = pg.execute(
            f"""INSERT INTO yici.quarantine
                    (resource, row_digest, extract_id, partition, key_text, rules, row, sealed, judged_by, _from)
                SELECT t.resource, t.row_digest, t.extract_id, t.partition, coalesce(s.key, t.key_text),
                    string_to_array(s.rules, ','), t.row, t.sealed, %s, %s
                FROM yici.quarantine t JOIN {staged} s ON t.row_digest = s.digest AND s.settled = 'judged_again'
                WHERE t.resource = %s AND t._to = %s AND t.settled = 'judged_again'""",
            [judged.judged_by, candidate, name, candidate],
        ).rowcount
        pg.execute(f"DROP TABLE {staged}")
        applied = Applied(inserted, ended, opened, closed)
        enter(pg, candidate, name, applied)
    return applied


def enter(pg: psycopg.Connection, candidate: int, resource: str, applied: Applied) -> None:
    """Enter into the ledger that a release touched a resource without, or after, judging an extract of it."""
    pg.execute(
        """INSERT INTO yici.release_resource AS r (release, resource, extract_id, outcome, reason, rows_in, admitted,
               quarantined, inserted, ended, seconds, judged)
           VALUES (%(release)s, %(resource)s, (SELECT extract_id FROM yici.release_resource
               WHERE resource = %(resource)s AND release = (SELECT max(id) FROM yici.release
                   WHERE state = 'published')), 'applied', NULL, 0, 0, 0, %(inserted)s, %(ended)s, 0, '{}')
           ON CONFLICT (release, resource) DO UPDATE
           SET inserted = r.inserted + excluded.inserted, ended = r.ended + excluded.ended""",
        {
            "release": candidate,
            "resource": resource,
            "inserted": applied.inserted,
            "ended": applied.ended,
        },
    )


def close_decisions(pg: psycopg.Connection, candidate: int, resource: str) -> None:
    """Say of every decision that the candidate took up what came of it.

    It is `superseded` where the source's own newer word had settled the row before.
    """
    pg.execute(
        """UPDATE yici.quarantine_decision d SET outcome = CASE
                WHEN EXISTS (SELECT FROM yici.quarantine q WHERE q.resource = d.resource
                    AND q.row_digest = d.row_digest AND q._to = %(release)s
                    AND q.settled = CASE d.kind WHEN 'release' THEN 'released' ELSE 'resubmitted' END) THEN 'admitted'
                WHEN EXISTS (SELECT FROM yici.quarantine q WHERE q.resource = d.resource
                    AND q.row_digest = d.row_digest AND q._to IS NULL) THEN 'refused'
                ELSE 'superseded' END
            WHERE d.resource = %(resource)s AND d._from = %(release)s""",
        {"release": candidate, "resource": resource},
    )


def scope_of(partition: str | None) -> tuple[str, tuple[str, ...]]:
    """Return the scope kind and partitions under which waiting rows of one partition are compared with the store."""
    return ("partition", (partition,)) if partition is not None else ("upsert", ())


def items_of(row: str, names: list[str]) -> str:
    """Return the DuckDB expressions of items of a row that is kept as JSON texts in column `row`."""
    return ", ".join(f"json_extract_string({row}, {literal(json_path(name))}) AS {q(name)}" for name in names)


def json_path(name: str) -> str:
    """Return where an item stands in a row that is kept as JSON."""
    return '$."' + name.replace('"', '\\"') + '"'
