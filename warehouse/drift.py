"""Two-way drift: what is declared exists, and what exists is declared or listed as ignored.

Looked at are the sources, by their own catalogs as the reading user sees them, and the warehouse's store. Nothing is
read of a row and nothing is changed. What cannot be looked at (a system that is down, one that is only asked about one
person at a time) is named, for silence would read as agreement.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import psycopg
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from catalogs.found import FoundTable
from catalogs.model import DERIVED_SYSTEM_KIND, LOOKUP_SYSTEM_KIND, Catalog, Resource, System
from catalogs.settings import ConfigurationError
from connectors import open_source
from connectors.base import SourceError, can_hold
from warehouse.store import VERSION_COLUMNS, clear_columns, newest_table, same_type, types_of

MISSING, RETYPED, UNDECLARED = "missing", "retyped", "undeclared"
STORE = "store"
_DIALECTS = {"postgres": "postgres", "mysql": "mysql", "sqlite": "sqlite"}


@dataclass(frozen=True, order=True)
class Drift:
    """One difference between the catalog and what is there.

    Attributes:
        place: code of the system, or `store` for the warehouse.
        name: `table`, or `table:column`, by its physical name.
        kind: missing (declared and not there), retyped (there and cannot hold its item), undeclared.
        what: in words, with the resource or item concerned.
    """

    place: str
    name: str
    kind: str
    what: str


@dataclass(frozen=True)
class Comparison:
    """What a comparison found.

    Attributes:
        compared: place → number of declared tables that were compared there.
        unseen: place → why it, or a part of it, could not be looked at.
    """

    drifts: tuple[Drift, ...]
    compared: dict[str, int]
    unseen: dict[str, str]


def drift(
    catalog: Catalog, con: psycopg.Connection | None, systems: Sequence[str] = (), folder: Path | None = None
) -> Comparison:
    """Compare the catalog with its systems and with the store.

    Args:
        catalog: what is declared.
        con: a connection to the warehouse; None leaves the store out, and names it as unseen.
        systems: codes of the systems to look at; empty means all.
        folder: where files of remote systems may pass through.
    """
    found: list[Drift] = []
    compared: dict[str, int] = {}
    unseen: dict[str, str] = {}
    chosen = [system for code, system in catalog.systems.items() if not systems or code in systems]
    for system in chosen:
        declared = [one for one in catalog.resources.values() if one.system == system.code]
        if system.kind == DERIVED_SYSTEM_KIND:
            continue
        if system.kind == LOOKUP_SYSTEM_KIND:
            unseen[system.code] = "is asked about one person at a time and lists nothing"
            continue
        try:
            with open_source(system, temp_dir=folder) as source:
                tables = source.tables([one.physical_name for one in declared])
        except (SourceError, ConfigurationError) as error:
            unseen[system.code] = str(error)
            continue
        found += source_drifts(system, declared, tables)
        compared[system.code] = len(declared)
        if system.kind == "rest":
            unseen[system.code] = (
                "an interface lists nothing: what it offers beyond the declared paths is not known"
            )
    stored = [one for one in catalog.resources.values() if not catalog.is_asked(one.name)]
    if systems:
        stored = [one for one in stored if one.system in systems]
    if con is None:
        unseen[STORE] = "no warehouse was looked at"
    else:
        ignored = [
            word
            for one in catalog.systems.values()
            if one.kind == DERIVED_SYSTEM_KIND
            for word in one.ignored
        ]
        if any(newest_table(con, one) for one in stored):
            found += store_drifts(con, stored, ignored, is_whole=not systems)
            compared[STORE] = len(stored)
        else:
            unseen[STORE] = "nothing of this has been released yet"
    return Comparison(tuple(sorted(found)), compared, unseen)


def source_drifts(system: System, declared: Iterable[Resource], tables: Sequence[FoundTable]) -> list[Drift]:
    """Compare the declared resources of one system with the tables it holds.

    Args:
        system: the system, with what it ignores.
        declared: its resources.
        tables: what it holds, with columns; one without columns could not be looked into.
    """
    found: list[Drift] = []
    used: dict[str, set[str]] = {}
    for resource in declared:
        table = _match(resource.physical_name, tables)
        if table is None:
            what = f"declared by {resource.name}, and not there or hidden from the reading user"
            found.append(Drift(system.code, resource.physical_name, MISSING, what))
            continue
        names = used.setdefault(table.physical_name, set())
        found += _column_drifts(system, resource, table, names)
    for table in tables:
        names_of = used.get(table.physical_name)
        if names_of is None:
            if not is_ignored(system.ignored, table.physical_name):
                what = f"a {table.kind} that no contract declares"
                found.append(Drift(system.code, table.physical_name, UNDECLARED, what))
            continue
        for column in table.columns:
            if column.name not in names_of and not is_ignored(
                system.ignored, table.physical_name, column.name
            ):
                name = f"{table.physical_name}:{column.name}"
                found.append(Drift(system.code, name, UNDECLARED, "a column that no item declares"))
    return found


def is_ignored(patterns: Iterable[str], table: str, column: str = "") -> bool:
    """Whether a table, or a column of one, is deliberately not declared.

    A pattern without a colon is for tables, one with it for columns (`T_XS:ZP`, `*:rowguid`).
    """
    for pattern in patterns:
        of_table, colon, of_column = pattern.rpartition(":") if ":" in pattern else (pattern, "", "")
        if bool(colon) == bool(column) and fnmatchcase(table, of_table) and fnmatchcase(column, of_column):
            return True
    return False


def _match(physical_name: str, tables: Sequence[FoundTable]) -> FoundTable | None:
    """The table of a physical name: the exact one, else a single one that differs in case, schema or lone sheet."""
    for same in (lambda name: name, str.casefold, _bare):
        fitting = [table for table in tables if same(table.physical_name) == same(physical_name)]
        if len(fitting) == 1:
            return fitting[0]
    return None


def _bare(name: str) -> str:
    """A name without the schema that a search path makes needless, and without the sheet of a book that has one."""
    folded = name.casefold().partition("#")[0]
    return re.sub(r"\A(?:public|dbo)\.", "", folded)


def _column_drifts(system: System, resource: Resource, table: FoundTable, used: set[str]) -> Iterator[Drift]:
    """Yield what is wrong with the declared columns; note in `used` what the contract knows of the table."""
    if not table.columns or resource.read.get("columns") or resource.read.get("header") is False:
        # Columns that only the contract names, by their place, are compared whenever they are read.
        used |= {column.name for column in table.columns}
        return
    exact = {column.name: column for column in table.columns}
    folded = {column.name.casefold(): column for column in table.columns}
    for item in resource.items:
        column = exact.get(item.physical_name) or folded.get(item.physical_name.casefold())
        name = f"{table.physical_name}:{item.physical_name}"
        if column is None:
            what = f"declared by {resource.name}.{item.name}, and not there"
            yield Drift(system.code, name, MISSING, what)
            continue
        used.add(column.name)
        if not can_hold(column.family, item.logical_type):
            what = f"{column.type}, which cannot hold {resource.name}.{item.name}: {item.logical_type}"
            yield Drift(system.code, name, RETYPED, what)
    known = {name.casefold() for name in _named_in(resource.ingest.exclude, system.kind)}
    used |= {column.name for column in table.columns if column.name.casefold() in known}


def _named_in(predicate: str, kind: str) -> set[str]:
    """The columns that an exclusion names: known to the contract, though never read out."""
    if not predicate:
        return set()
    try:
        tree = sqlglot.parse_one(f"SELECT 1 FROM t WHERE {predicate}", dialect=_DIALECTS.get(kind, "duckdb"))
    except SqlglotError:
        return set()
    return {column.name for column in tree.find_all(exp.Column)}


def store_drifts(
    con: psycopg.Connection, declared: Sequence[Resource], ignored: Sequence[str], is_whole: bool
) -> list[Drift]:
    """Compare the store's newest table of each resource with what its contract makes it.

    Args:
        con: a connection to the warehouse.
        declared: the resources that are stored.
        ignored: patterns of tables, or columns as `table:column`, that may be there undeclared.
        is_whole: whether `declared` are all; otherwise tables of others are not told.
    """
    found: list[Drift] = []
    own = {column for column, _ in VERSION_COLUMNS}
    for resource in declared:
        name = newest_table(con, resource)
        if name is None:
            what = f"{resource.name} is declared and has not been released yet"
            found.append(Drift(STORE, resource.table, MISSING, what))
            continue
        present = types_of(con, name)
        wanted = {column: pg_type for column, pg_type, _ in clear_columns(resource)}
        for column, pg_type in wanted.items():
            if column not in present:
                found.append(Drift(STORE, f"{name}:{column}", MISSING, f"declared by {resource.name}"))
            elif not same_type(pg_type, present[column]):
                what = f"{present[column]}, and {resource.name} makes it {pg_type}: the next release starts a new table"
                found.append(Drift(STORE, f"{name}:{column}", RETYPED, what))
        for column in present.keys() - wanted.keys() - own:
            if not is_ignored(ignored, name, column):
                found.append(Drift(STORE, f"{name}:{column}", UNDECLARED, f"no item of {resource.name}"))
    if is_whole:
        found += _undeclared_tables(con, declared, ignored)
    return found


def _undeclared_tables(
    con: psycopg.Connection, declared: Sequence[Resource], ignored: Sequence[str]
) -> Iterator[Drift]:
    """Yield tables of the store that are no resource's; earlier versions of a resource's table are its own."""
    known = {resource.table for resource in declared}
    rows = con.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'store'").fetchall()
    for (name,) in rows:
        if re.sub(r"__v[0-9]+\Z", "", name) not in known and not is_ignored(ignored, name):
            yield Drift(STORE, name, UNDECLARED, "a table of no declared resource")
