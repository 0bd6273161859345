"""A resource whose table could not follow its contract has a new one: what becomes of the rows in the old one.

They stay what is served until the resource is next touched by a release. That release carries them over into the new
table, as far as today's contract can express them, and compares what came with them as ever: absence, refusals and
partitions mean what they always mean. An item that the old table lacks, or whose old values may not be what the new
type means, is empty until its row is read anew. Releases before it go on showing the old table.
"""

import re
from collections.abc import Sequence

import psycopg
from psycopg import sql

from warehouse.sealing import sealed_columns
from warehouse.store import (
    SEALED_TYPE,
    SOURCE_SUFFIX,
    VERSION_COLUMNS,
    StoreTable,
    clear_columns,
    columns_of,
    opened,
    sealed_in,
    tables_of,
    types_of,
)

_NUMERIC = re.compile(r"numeric\(38,(\d+)\)")
_HIDDEN = "CASE WHEN {} IS NOT NULL THEN ''::bytea END"


def older_tables(con: psycopg.Connection, table: StoreTable) -> list[str]:
    """Return the tables that the resource was stored in before, the newest first."""
    names = tables_of(con, table.resource)
    return names[names.index(table.name) + 1 :]


def left_in(con: psycopg.Connection, table: StoreTable) -> str | None:
    """Return the older table of which open rows are still served, or None."""
    return next((name for name in older_tables(con, table) if _has_rows(con, name, "_to IS NULL")), None)


def is_untouched(con: psycopg.Connection, table: StoreTable) -> bool:
    """Whether nothing was ever written to a table."""
    return not _has_rows(con, table.name, "true")


def carry_over(con: psycopg.Connection, candidate: int, table: StoreTable, old: str) -> int | None:
    """Open the old table's open rows in the new one, and close them there; part of the caller's transaction.

    Args:
        con: the owner's connection.
        candidate: number of the open candidate release.
        table: the new table.
        old: `left_in`.

    Returns:
        How many; None, and nothing is changed, if the old rows cannot be told apart by today's key.
    """
    values = _expressed(con, table, old)
    if not _has_key(con, table, old, values):
        return None
    wanted = sealed_columns(table.resource, SOURCE_SUFFIX)
    kept, is_same = sealed_in(con, old), _same_columns(con, table, old)
    stored = [
        sql.Identifier(name)
        if name in is_same and (name not in wanted or kept.get(name, ("",))[0] == wanted[name])
        else sql.SQL("yici.seal(({})::text, {})").format(values[name], sql.Literal(wanted[name]))
        if name in wanted
        else values[name]
        for name in table.columns
    ]
    own = sql.SQL("_partition, _extract, _state, _last_extract")
    count = con.execute(
        sql.SQL(
            "INSERT INTO store.{} ({}, {own}, _from) SELECT {}, {own}, {} FROM store.{} WHERE _to IS NULL"
        ).format(
            sql.Identifier(table.name),
            sql.SQL(", ").join(map(sql.Identifier, table.columns)),
            sql.SQL(", ").join(stored),
            sql.Literal(candidate),
            sql.Identifier(old),
            own=own,
        )
    ).rowcount
    _close(con, candidate, old, sql.SQL("true"))
    con.execute(sql.SQL("ANALYZE store.{}").format(sql.Identifier(table.name)))
    return count


def give_up(con: psycopg.Connection, candidate: int, old: str, partitions: Sequence[str] | None) -> int:
    """Close the old table's rows that could not be carried over, since what is read anew takes their place.

    Rows that the source no longer reported stay: nothing will take theirs.

    Args:
        con: the owner's connection.
        candidate: number of the open candidate release.
        old: `left_in`.
        partitions: those that are read anew; None: everything is.

    Returns:
        How many were closed.
    """
    which = sql.SQL("_state NOT IN ('absent', 'former')")
    if partitions is not None:
        which = sql.SQL("{} AND _partition = ANY ({})").format(which, sql.Literal(list(partitions)))
    return _close(con, candidate, old, which)


def relation(con: psycopg.Connection, table: StoreTable, are_opened: bool) -> sql.Composable:
    """Return the versions of a resource as its newest table has them, in a FROM clause: older tables' too.

    Args:
        con: the owner's connection.
        table: the newest table.
        are_opened: show sealed columns opened; else that they have a value is all that counts.
    """
    older = older_tables(con, table)
    if not older and not are_opened:
        return sql.Identifier("store", table.name)
    parts = [_part(con, table, name, are_opened) for name in (table.name, *older)]
    return sql.SQL("({}) AS versions").format(sql.SQL(" UNION ALL ").join(parts))


def _part(con: psycopg.Connection, table: StoreTable, name: str, are_opened: bool) -> sql.Composable:
    values = _expressed(con, table, name)
    if not are_opened:
        present = columns_of(con, name)
        for column in sealed_columns(table.resource, SOURCE_SUFFIX):
            had = column in present
            values[column] = (
                sql.SQL(_HIDDEN).format(sql.Identifier(column)) if had else sql.SQL(f"NULL::{SEALED_TYPE}")
            )
    shown = [sql.SQL("{} AS {}").format(values[column], sql.Identifier(column)) for column in table.columns]
    shown += [sql.Identifier(column) for column, _ in VERSION_COLUMNS]
    return sql.SQL("SELECT {} FROM store.{}").format(sql.SQL(", ").join(shown), sql.Identifier(name))


def _expressed(con: psycopg.Connection, table: StoreTable, old: str) -> dict[str, sql.Composable]:
    """Return each column of the newest table as an older one, or itself, can express it, opened and of today's type."""
    present, sealed = types_of(con, old), sealed_in(con, old)
    types = {name: kind for name, kind, _ in clear_columns(table.resource)}
    return {
        name: _cast(opened(name, sealed), present.get(name), types[name].replace(" ", ""))
        for name in table.columns
    }


def _cast(value: sql.Composable, was: str | None, kind: str) -> sql.Composable:
    """Return a value under another type where it stays what it is; else, and where there was none, it is empty."""
    was = {"timestamp with time zone": "timestamptz"}.get(was or "", was)
    if was == kind:
        return value
    of, to = _NUMERIC.fullmatch(was or ""), _NUMERIC.fullmatch(kind)
    if to and (of or was == "bigint"):
        scale = int(to[1])
        return sql.SQL(
            "CASE WHEN round({0}, {1}) = {0} AND abs({0}) < 10::numeric ^ {2} THEN {0}::{3} END"
        ).format(
            sql.SQL("({}::numeric)").format(value), sql.Literal(scale), sql.Literal(38 - scale), sql.SQL(kind)
        )
    if of and kind == "bigint":
        return sql.SQL("CASE WHEN trunc({0}) = {0} AND abs({0}) < 9e18 THEN {0}::bigint END").format(value)
    if kind == "text" and was in ("bigint", "date"):
        return sql.SQL("{}::text").format(value)
    return sql.SQL("NULL::{}").format(sql.SQL(kind))


def _same_columns(con: psycopg.Connection, table: StoreTable, old: str) -> set[str]:
    now, was = types_of(con, table.name), types_of(con, old)
    return {name for name in table.columns if now.get(name) == was.get(name)}


def _has_key(con: psycopg.Connection, table: StoreTable, old: str, values: dict[str, sql.Composable]) -> bool:
    """Whether every open row of the old table has a key of today's, and no two have the same."""
    key = [values[name] for name in table.key]
    return not con.execute(
        sql.SQL(
            "SELECT EXISTS (SELECT FROM store.{0} WHERE _to IS NULL AND ({1}))"
            " OR EXISTS (SELECT FROM store.{0} WHERE _to IS NULL GROUP BY {2} HAVING count(*) > 1)"
        ).format(
            sql.Identifier(old),
            sql.SQL(" OR ").join(sql.SQL("{} IS NULL").format(part) for part in key),
            sql.SQL(", ").join(key),
        )
    ).fetchone()[0]


def _close(con: psycopg.Connection, candidate: int, table: str, which: sql.Composable) -> int:
    return con.execute(
        sql.SQL("UPDATE store.{} SET _to = {} WHERE _to IS NULL AND {}").format(
            sql.Identifier(table), sql.Literal(candidate), which
        )
    ).rowcount


def _has_rows(con: psycopg.Connection, table: str, where: str) -> bool:
    query = sql.SQL("SELECT EXISTS (SELECT FROM store.{} WHERE {})").format(
        sql.Identifier(table), sql.SQL(where)
    )
    return con.execute(query).fetchone()[0]
