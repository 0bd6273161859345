"""Drafting from a live source: read each table out once, look at it, draft, and judge the rows by the draft.

The last step is the proof: admission runs over the very rows that were looked at, so that what the draft would refuse
is known before anything of it is used.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb

from catalogs.draft import Drafted, Drafter, Found, Undrafted
from catalogs.faults import Faults
from catalogs.found import FoundTable
from catalogs.loading import read
from catalogs.model import Catalog
from connectors.base import Scope, Source, SourceError
from connectors.duck import describe, session
from connectors.probe import read_out
from expectations.admission import judge
from expectations.extracts import ExtractRefused
from expectations.profile import profile
from warehouse.ledger import Extract

ROWS = 2_000_000


@dataclass(frozen=True)
class Draft:
    """What drafting a system came to.

    Attributes:
        contracts: the drafted contracts.
        undrafted: tables that get none, and why.
        files: everything to be written, campus-relative path → text; contracts and code tables.
        rows: resource → rows looked at.
        refused: resource → rule → rows of those looked at that the draft would refuse.
    """

    contracts: tuple[Drafted, ...]
    undrafted: tuple[Undrafted, ...]
    files: Mapping[str, str]
    rows: Mapping[str, int]
    refused: Mapping[str, Mapping[str, int]]


def draft(
    source: Source,
    drafter: Drafter,
    tables: Sequence[FoundTable],
    folder: Path,
    most: int = ROWS,
    report: Callable[[str, str], None] = lambda table, what: None,
) -> Draft:
    """Draft contracts for tables of an open source.

    Args:
        source: the open system.
        drafter: of this system.
        tables: as the source lists them.
        folder: private, for the rows that are looked at; they stay there.
        most: rows to look at per table.
        report: called with a table and what became of it.

    Raises:
        RuntimeError: looking failed, or a draft is at fault; nothing of a row is told.
    """
    found: list[Found] = []
    undrafted: list[Undrafted] = []
    paths: dict[str, Path] = {}
    timezone = drafter.catalog.campus.time_zone
    with _wordless(), closing(session(temp_dir=folder, extensions=())) as con:
        for number, table in enumerate(tables):
            if not table.columns:
                undrafted.append(
                    Undrafted(table.physical_name, "; ".join(table.notes) or "it has no columns")
                )
                continue
            if fault := drafter.key_fault(table):
                undrafted.append(Undrafted(table.physical_name, fault))
                continue
            path = folder / f"found_{number:05d}.parquet"
            resource = drafter.as_text(table)
            try:
                read_out(source, resource, path, most)
            except SourceError as error:
                undrafted.append(Undrafted(table.physical_name, str(error)))
                report(table.physical_name, f"✕ {error}")
                continue
            seen = profile(con, str(path), resource, table, drafter.hints(table), most, timezone)
            found.append(Found(table, seen))
            paths[table.physical_name] = path
            report(table.physical_name, f"{seen.rows:,} rows looked at")
        contracts, without_key = drafter.draft(found)
        files = drafter.files(contracts)
        catalog = _with(drafter.catalog, files)
        rows, refused = {}, {}
        for one in contracts:
            rows[one.resource], refused[one.resource] = _refusals(
                con, catalog, one.resource, str(paths[one.table])
            )
    return Draft(tuple(contracts), (*undrafted, *without_key), files, rows, refused)


def _refusals(
    con: duckdb.DuckDBPyConnection, catalog: Catalog, name: str, file: str
) -> tuple[int, dict[str, int]]:
    """Judge rows by a draft: how many there are, and rule → how many of them break it."""
    resource = catalog.resources[name]
    extract = Extract(0, name, 0, Scope.full().as_dict(), "", 0, None)
    with suppress(ExtractRefused):
        judge(con, catalog, resource, [(extract, [file])])
    (rows,) = con.execute("SELECT count(*) FROM landed").fetchone()
    rules = con.execute(
        "SELECT rule, count(*) FROM (SELECT unnest(string_split(_rules, ',')) AS rule FROM refused) "
        "GROUP BY rule ORDER BY rule"
    )
    return rows, dict(rules.fetchall())


def _with(catalog: Catalog, files: Mapping[str, str]) -> Catalog:
    """Return the catalog as it is with further files; faults of what was there before are not ours to tell."""
    texts = {name: text.encode() for name, text in files.items()}
    sources, faults = read({**catalog.files, **texts})
    _tell_own(faults, files)
    return sources.catalog


def _tell_own(faults: Faults, files: Mapping[str, str]) -> None:
    own = [str(fault) for fault in faults.errors() if fault.file in files]
    if own:
        raise RuntimeError("a draft breaks the catalog's rules; nothing was written:\n" + "\n".join(own))


@contextmanager
def _wordless() -> Iterator[None]:
    """DuckDB's own words may quote a row."""
    try:
        yield
    except duckdb.Error as error:
        raise RuntimeError(f"looking at the rows failed: {describe(error)}; nothing was written") from None
