"""The rows of a resource wherever they are kept, shown alike: in an extract, in a store table, in quarantine.

Each place becomes the DuckDB view `shown`: the contract's items, typed as today's contract says and NULL where the
place does not have them, `_key`, the key as one text, NULL where a part of it cannot be read, `_raw_key`, the key as it
was landed, and what locates the row there.
"""

import duckdb

from catalogs.model import Catalog, Resource
from connectors.duck import literal
from connectors.duck import quote as q
from expectations.typing import source_text, typed
from warehouse.judged import key_text
from warehouse.store import SOURCE_SUFFIX
from warehouse.waiting import items_of


def show_landed(
    duck: duckdb.DuckDBPyConnection, catalog: Catalog, resource: Resource, source: str, locator: str
) -> None:
    """Show landed rows, or rows kept as they were landed.

    Args:
        duck: an `expectations.admit.engine`.
        catalog: for code tables and time zone.
        resource: the contract.
        source: what they are read from, in DuckDB SQL.
        locator: columns of the source that locate a row.
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
    parts = [f"coalesce(CAST({q(name)} AS VARCHAR), '')" for name in resource.key if name in types]
    raw = f"concat_ws('|', {', '.join(parts) or 'NULL'}) AS _raw_key"
    _show(duck, resource, f"SELECT {', '.join(columns)}, {raw}, {locator} FROM {source}")


def show_table(duck: duckdb.DuckDBPyConnection, resource: Resource, table: str) -> bool:
    """Show a store table, located by key and `_from`; False if it has another key, by which no row can be named."""
    duck.execute("CALL pg_clear_cache()")
    source = f"wh.clear.{q(table)}"
    present = _columns(duck, source)
    if not set(resource.key) <= present.keys():
        return False
    columns = []
    for item in resource.items:
        wanted = [(item.name, item.duck_type)]
        if item.is_coded:
            wanted.append((item.name + SOURCE_SUFFIX, "VARCHAR"))
        columns += [q(name) if name in present else f"NULL::{kind} AS {q(name)}" for name, kind in wanted]
    _show(
        duck, resource, f"SELECT {', '.join(columns)}, {key_text(resource)} AS _raw_key, _from FROM {source}"
    )
    return True


def show_quarantine(
    duck: duckdb.DuckDBPyConnection, catalog: Catalog, resource: Resource, table: str = "quarantine"
) -> None:
    """Show the rows of a resource that are or were in quarantine, located by `_id`.

    Of table `quarantine_decision` instead: the rows as their provider corrected them.
    """
    duck.execute("CALL pg_clear_cache()")
    items = items_of("row", [item.name for item in resource.items])
    duck.execute(
        f"CREATE OR REPLACE TEMP VIEW kept AS SELECT id AS _id, row_digest AS _row_digest, {items}"
        f" FROM wh.clear.{table} WHERE resource = {literal(resource.name)} AND row IS NOT NULL"
    )
    show_landed(duck, catalog, resource, "kept", "_id, _row_digest")


def _show(duck: duckdb.DuckDBPyConnection, resource: Resource, rows: str) -> None:
    is_whole = " AND ".join(f"{q(name)} IS NOT NULL" for name in resource.key)
    duck.execute(
        f"CREATE OR REPLACE TEMP VIEW shown AS SELECT *, CASE WHEN {is_whole} THEN {key_text(resource)} END AS _key"
        f" FROM ({rows})"
    )


def _columns(duck: duckdb.DuckDBPyConnection, source: str) -> dict[str, str]:
    return dict(duck.execute(f"SELECT column_name, column_type FROM (DESCRIBE FROM {source})").fetchall())
