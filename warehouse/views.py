"""The views through which everybody reads the store: `raw`, at the pinned release, and `masked`, at the current one.

They have the columns of today's contract. What stands in a table that could not follow it is shown in them, too, as far
as they can express it (`warehouse.reshaped`).
"""

import psycopg
from psycopg import sql

from catalogs.model import LOOKUP_SYSTEM_KIND, Catalog
from warehouse.masked import masked
from warehouse.reshaped import older_tables, relation
from warehouse.store import SOURCE_SUFFIX, StoreTable, ensure_table, keep_sealed, opened, sealed_in, show


def create_views(con: psycopg.Connection, catalog: Catalog) -> list[str]:
    """Make `raw.<resource>` of every resource show its rows as the pinned release sees them, and `masked.<resource>`.

    First whatever the catalog calls sensitive is sealed where it lies. Views that are already right are left alone, so
    that readers are not held up.

    Returns:
        The tables whose files still hold in clear what was sealed now: the caller has them written anew, in this order.
    """
    rewritten: set[str] = set()
    for resource in catalog.resources.values():
        if catalog.systems[resource.system].kind == LOOKUP_SYSTEM_KIND:
            continue
        rewritten |= keep_sealed(con, resource)
        table = ensure_table(con, resource)
        _create_view(con, table)
        _create_masked(con, table)
    return sorted(rewritten, reverse=True)


def _create_view(con: psycopg.Connection, table: StoreTable) -> None:
    shown = (*table.columns, "_extract", "_state", "_last_extract", "_from")
    # One table alone is opened here; of several, each where it stands.
    is_alone = not older_tables(con, table)
    sealed = sealed_in(con, table.name) if is_alone else {}
    source = sql.Identifier("store", table.name) if is_alone else relation(con, table, are_opened=True)
    listed = sql.SQL(", ").join(
        sql.SQL("{} AS {}").format(opened(column, sealed), sql.Identifier(column)) for column in shown
    )
    query = sql.SQL(
        "SELECT {} FROM {} WHERE _from <= current_setting('yici.release')::int"
        " AND (_to IS NULL OR _to > current_setting('yici.release')::int)"
    ).format(listed, source)
    show(con, sql.Identifier("raw", table.resource.table), query)


def _create_masked(con: psycopg.Connection, table: StoreTable) -> None:
    items = {item.name: item for item in table.resource.items}
    items |= {item.name + SOURCE_SUFFIX: item for item in table.resource.items if item.is_coded}
    shown = masked(table.resource, {name: items[name] for name in table.columns})
    query = sql.SQL(
        "SELECT {}, _extract, _state, _last_extract, _from FROM {}"
        " WHERE _from <= (SELECT release FROM yici.current_release)"
        " AND (_to IS NULL OR _to > (SELECT release FROM yici.current_release))"
    ).format(shown, relation(con, table, are_opened=False))
    show(con, sql.Identifier("masked", table.resource.table), query)
