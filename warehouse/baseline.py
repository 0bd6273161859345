"""A baseline: all that the warehouse holds at its newest release, beside landing and signed, to rebuild from.

Parquet for each table of the store, with `_from` and `_to`, and our own tables as lines of JSON. From it on, a rebuild
needs only the extracts that later releases judged; whatever landing keeps from before may go when its time is over.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg import sql

from catalogs.settings import now, scratch
from connectors.duck import attach_postgres, literal, quote, session
from connectors.landing import BASELINES, LEDGER, Landing
from warehouse import sealed
from warehouse.bulk import copy_rows
from warehouse.connect import pg_params
from warehouse.history import put_catalog, with_files
from warehouse.ledger_rows import TABLES, put_rows, read_rows, set_sequences, write_rows
from warehouse.sealed import Sealed

_ROWS = "tables.jsonl.gz"
_STAMP = "%Y%m%dT%H%M%S%f"
_MEMORY_LIMIT = "300MB"


class NothingPublished(Exception):
    """There is no release yet that a baseline could hold."""


def write(
    con: psycopg.Connection, landing: Landing, home: Path, tell: Callable[[str], None] = lambda table: None
) -> str:
    """Write a baseline of the newest published release and return its folder.

    Args:
        con: the owner's connection, in autocommit mode, which holds the release lock.
        landing: the zone.
        home: the state folder, whose key signs.
        tell: called with the name of each table.

    Raises:
        NothingPublished: there is nothing to secure.
    """
    (release,) = con.execute("SELECT max(id) FROM yici.release WHERE state = 'published'").fetchone()
    if release is None:
        raise NothingPublished("nothing was released yet: run `yici run`, then write a baseline")
    catalogs = con.execute("SELECT hash, id FROM yici.catalog_version ORDER BY id").fetchall()
    for version, number in catalogs:
        (files,) = con.execute("SELECT files FROM yici.catalog_version WHERE id = %s", [number]).fetchone()
        put_catalog(landing, version, files)
    tables = _store_tables(con)
    at = now()
    path = f"{BASELINES}/{release:010d}-{at.astimezone(UTC):{_STAMP}}"
    with scratch("baseline") as folder:
        files = {_ROWS: folder / _ROWS}
        selects = [(table, _select(table)) for table in TABLES]
        write_rows(con, selects, files[_ROWS])
        duck = session(memory_limit=_MEMORY_LIMIT, temp_dir=folder)
        try:
            attach_postgres(duck, "wh", pg_params())
            for table in tables:
                tell(table)
                name = f"{table}.parquet"
                duck.execute(
                    f"COPY (FROM wh.store.{quote(table)}) TO {literal(str(folder / name))}"
                    " (FORMAT parquet, COMPRESSION zstd)"
                )
                files[name] = folder / name
        finally:
            duck.close()
        about = {
            "kind": "baseline",
            "release": release,
            "at": at.isoformat(),
            "catalogs": [version for version, _ in catalogs],
            "tables": {table: _definition(con, table) for table in tables},
        }
        sealed.seal(landing, path, files, about, sealed.signing_key(home))
    return path


def replace(
    con: psycopg.Connection, landing: Landing, home: Path, tell: Callable[[str], None] = lambda table: None
) -> str | None:
    """Write a baseline and remove all that it makes needless: earlier ones, and the ledgers up to its release.

    What was deleted from the warehouse is still in those. Returns its folder; None if nothing was published yet.
    """
    old = [*sealed.folders(landing, BASELINES), *sealed.folders(landing, LEDGER)]
    try:
        path = write(con, landing, home, tell)
    except NothingPublished:
        return None
    for folder in old:
        if sealed.release_of(folder) <= sealed.release_of(path):
            landing.remove_beside(folder)
    return path


def is_owed(con: psycopg.Connection, landing: Landing) -> bool:
    """Whether something was deleted after the newest baseline, which so still holds it."""
    (deleted_at,) = con.execute("SELECT max(done_at) FROM yici.deletion").fetchone()
    if deleted_at is None:
        return False
    stamps = [path.rpartition("-")[2] for path in sealed.folders(landing, BASELINES)]
    written_at = [datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC) for stamp in stamps]
    return all(at < deleted_at for at in written_at)


def restore(
    con: psycopg.Connection,
    landing: Landing,
    baseline: Sealed,
    tell: Callable[[str], None] = lambda table: None,
) -> None:
    """Fill an empty warehouse from a baseline.

    Args:
        con: the owner's connection, in autocommit mode, which holds the release lock.
        landing: the zone.
        baseline: as `unseal` found it.
        tell: called with the name of each table.

    Raises:
        LandingError: a file of it is missing or altered.
    """
    with scratch("restore") as folder:
        rows = sealed.fetch(landing, baseline, _ROWS, folder)
        with con.transaction():
            put_rows(con, (with_files(landing, table, row) for table, row in read_rows(rows)))
            set_sequences(con)
        duck = session(memory_limit=_MEMORY_LIMIT, temp_dir=folder)
        try:
            for table, statements in baseline.about["tables"].items():
                tell(table)
                file = sealed.fetch(landing, baseline, f"{table}.parquet", folder)
                con.execute(statements["table"])
                rows = duck.read_parquet(str(file))
                copy_rows(
                    duck,
                    f"FROM read_parquet({literal(str(file))})",
                    con,
                    sql.Identifier("store", table),
                    rows.columns,
                )
                file.unlink()
                for statement in statements["after"]:
                    con.execute(statement)
                con.execute(sql.SQL("ANALYZE store.{}").format(sql.Identifier(table)))
        finally:
            duck.close()


def _select(table: str) -> str:
    """A catalog's files lie apart; all else of our tables goes into the baseline whole."""
    without = " - 'files'" if table == "catalog_version" else ""
    return f'SELECT to_jsonb(t){without} FROM yici."{table}" t'


def _store_tables(con: psycopg.Connection) -> list[str]:
    rows = con.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'store' ORDER BY 1")
    return [row[0] for row in rows.fetchall()]


def _definition(con: psycopg.Connection, table: str) -> dict:
    """Return the statements that make a store table as it is: old shapes follow no contract of today."""
    oid = con.execute("SELECT %s::regclass::oid", [f'store."{table}"']).fetchone()[0]
    columns = con.execute(
        """SELECT string_agg(format('%%I %%s%%s', attname, format_type(atttypid, atttypmod),
                  CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END), ', ' ORDER BY attnum)
           FROM pg_attribute WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped""",
        [oid],
    ).fetchone()[0]
    options = con.execute(
        "SELECT array_to_string(reloptions, ', ') FROM pg_class WHERE oid = %s", [oid]
    ).fetchone()[0]
    indexes = con.execute(
        "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = %s ORDER BY indexrelid", [oid]
    ).fetchall()
    comments = con.execute(
        """SELECT format('COMMENT ON %%s IS %%L', CASE WHEN objsubid = 0 THEN format('TABLE store.%%I', %(table)s::text)
                  ELSE format('COLUMN store.%%I.%%I', %(table)s::text, attname) END, description)
           FROM pg_description LEFT JOIN pg_attribute ON attrelid = objoid AND attnum = objsubid
           WHERE objoid = %(oid)s AND classoid = 'pg_class'::regclass ORDER BY objsubid""",
        {"oid": oid, "table": table},
    ).fetchall()
    made = sql.SQL("CREATE TABLE store.{} ").format(sql.Identifier(table)).as_string(con)
    return {
        "table": f"{made}({columns})" + (f" WITH ({options})" if options else ""),
        "after": [row[0] for row in (*indexes, *comments)],
    }
