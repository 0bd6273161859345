"""Clear rows in DuckDB as the store keeps them: sensitive items sealed (`warehouse.sealing`), a column at a time."""

import contextlib
from collections.abc import Iterable, Mapping

import duckdb
import pyarrow as pa

from catalogs.model import Resource
from connectors.duck import literal
from connectors.duck import quote as q
from warehouse.key_ring import ring
from warehouse.store import StoreTable, is_sealed

# View → the table of admission that it shows.
_SHOWN = {"storable": "admitted", "refused_keys": "refused", "waived_keys": "waived"}
_SEAL = "yici_seal"


def show_sealed(con: duckdb.DuckDBPyConnection, table: StoreTable) -> None:
    """Make views of what admission left as the store keeps it: `storable`, `refused_keys` and `waived_keys`."""
    sealed = table.sealed
    if sealed:
        _teach_sealing(con)
    for view, source in _SHOWN.items():
        try:
            present = con.execute(f"SELECT column_name FROM (DESCRIBE FROM {source})").fetchall()
        except duckdb.CatalogException:
            continue  # nothing was waived
        replaced = ", ".join(
            f"{_SEAL}(CAST({q(name)} AS VARCHAR), {literal(sealed[name])}) AS {q(name)}"
            for (name,) in present
            if name in sealed
        )
        shown = f"* REPLACE ({replaced})" if replaced else "*"
        con.execute(f"CREATE OR REPLACE TEMP VIEW {view} AS SELECT {shown} FROM {source}")


def _teach_sealing(con: duckdb.DuckDBPyConnection) -> None:
    """Give a session the function that seals a column of texts under a name."""

    def seal(texts: pa.ChunkedArray, contexts: pa.ChunkedArray) -> pa.Array:
        return ring().column(texts, contexts[0].as_py()) if len(texts) else pa.array([], pa.binary())

    # A session that seals already says so in this way; a look into its functions would read the warehouse's as well.
    with contextlib.suppress(duckdb.NotImplementedException):
        con.create_function(_SEAL, seal, ["VARCHAR", "VARCHAR"], "BLOB", type="arrow")  # type: ignore[arg-type]


def sealed_list(
    con: duckdb.DuckDBPyConnection, names: Iterable[str], sealed: Mapping[str, tuple[str, str]]
) -> str:
    """Return columns of clear rows as a store table keeps them, for a select list; `sealed` as `store.sealed_in`."""
    _teach_sealing(con)
    return ", ".join(
        f"{_SEAL}(CAST({q(name)} AS VARCHAR), {literal(sealed[name][0])}) AS {q(name)}"
        if name in sealed
        else q(name)
        for name in names
    )


def kept_text(con: duckdb.DuckDBPyConnection, resource: Resource, column: str, name: str) -> str:
    """Return how quarantine keeps a text of a row: sealed where the resource has sensitive items."""
    if not is_sealed(resource):
        return column
    _teach_sealing(con)
    return f"lower(hex({_SEAL}({column}, {literal(f'{resource.name}#{name}')})))"
