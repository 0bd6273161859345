"""The rows of a resource wherever they are kept, shown alike: in an extract, in a store table, in quarantine.

Each place becomes the DuckDB view `shown`: the contract's items, typed as today's contract says and NULL where the
place does not have them, `_key`, the key as one text, NULL where a part of it cannot be read, `_raw_key`, the key as it
was landed, or as a table of another shape has it, and what locates the row there.
"""

from collections.abc import Sequence

import duckdb

from catalogs.model import Catalog, Resource
from connectors.duck import literal
from connectors.duck import quote as q
from expectations.typing import source_text, typed
from warehouse.judged import key_text
from warehouse.store import SOURCE_SUFFIX
from warehouse.waiting import items_of


def show_landed(
    duck: duckdb.DuckDBPyConnection,
    catalog: Catalog,
    resource: Resource,
    source: str,
    locator: str,
    keys: Sequence[tuple[str, ...]] = (),
    filed_key: str = "",
) -> None:
    """Show landed rows, or rows kept as they were landed.

    Args:
        duck: an `expectations.admit.engine`.
        catalog: for code tables and time zone.
        resource: the contract.
        source: what they are read from, in DuckDB SQL.
        locator: columns of the source that locate a row.
        keys: those that the resource had before, for rows that were landed under one of them.
        filed_key: column of the source with the key as it was filed, for rows that lack a part of today's.
    """
    types = _columns(duck, source)
    columns = []
    for item in resource.items:
        name, landed = q(item.name), types.get(item.name)
        value, text = f"NULL::{item.duck_type}", "NULL::VARCHAR"
        if landed:
            value = typed(item, name, landed, catalog.codes, catalog.campus.time_zone)
            text = source_text(name, landed)
        columns.append(f"{value} AS {name}")
        if item.is_coded:
            columns.append(f"{text} AS {q(item.name + SOURCE_SUFFIX)}")
    whole = (key for key in (resource.key, *keys) if types.keys() >= set(key))
    raw = _text_of([name for name in next(whole, resource.key) if name in types])
    if filed_key:
        lacks = " OR ".join(f"{q(name)} IS NULL" for name in resource.key)
        raw = f"CASE WHEN {lacks} THEN {filed_key} ELSE {raw} END"
    _show(duck, resource, f"SELECT {', '.join(columns)}, {raw} AS _raw_key, {locator} FROM {source}")


def show_table(
    duck: duckdb.DuckDBPyConnection, resource: Resource, table: str, own_key: Sequence[str]
) -> None:
    """Show a store table, located by its own key and `_from`.

    Args:
        duck: an `expectations.admit.engine`.
        resource: the contract.
        table: the table, which may be of another contract's shape.
        own_key: the columns by which it tells rows apart.
    """
    duck.execute("CALL pg_clear_cache()")
    source = f"wh.clear.{q(table)}"
    present = _columns(duck, source)
    wanted = {}
    for item in resource.items:
        wanted[item.name] = item.duck_type
        if item.is_coded:
            wanted[item.name + SOURCE_SUFFIX] = "VARCHAR"
    columns = [q(name) if name in present else f"NULL::{kind} AS {q(name)}" for name, kind in wanted.items()]
    columns += [q(name) for name in own_key if name not in wanted]
    rows = f"SELECT {', '.join(columns)}, _from FROM {source}"
    _show(duck, resource, f"SELECT *, {_text_of(own_key)} AS _raw_key FROM ({rows})")


def show_quarantine(
    duck: duckdb.DuckDBPyConnection, catalog: Catalog, resource: Resource, table: str = "quarantine"
) -> None:
    """Show the rows of a resource that are or were in quarantine, located by `_id`.

    Of table `quarantine_decision` instead: the rows as their provider corrected them.
    """
    duck.execute("CALL pg_clear_cache()")
    items = items_of("row", [item.name for item in resource.items])
    filed = "key_text" if table == "quarantine" else "NULL::VARCHAR"
    duck.execute(
        "CREATE OR REPLACE TEMP VIEW kept AS"
        f" SELECT id AS _id, row_digest AS _row_digest, {filed} AS _key_text, {items}"
        f" FROM wh.clear.{table} WHERE resource = {literal(resource.name)} AND row IS NOT NULL"
    )
    show_landed(duck, catalog, resource, "kept", "_id, _row_digest", filed_key="_key_text")


def _show(duck: duckdb.DuckDBPyConnection, resource: Resource, rows: str) -> None:
    is_whole = " AND ".join(f"{q(name)} IS NOT NULL" for name in resource.key)
    duck.execute(
        f"CREATE OR REPLACE TEMP VIEW shown AS SELECT *, CASE WHEN {is_whole} THEN {key_text(resource)} END AS _key"
        f" FROM ({rows})"
    )


def _text_of(key: Sequence[str]) -> str:
    parts = ", ".join(f"coalesce(CAST({q(name)} AS VARCHAR), '')" for name in key)
    return f"concat_ws('|', {parts or 'NULL'})"


def _columns(duck: duckdb.DuckDBPyConnection, source: str) -> dict[str, str]:
    return dict(duck.execute(f"SELECT column_name, column_type FROM (DESCRIBE FROM {source})").fetchall())
