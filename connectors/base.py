"""What every kind of source has in common: what is asked for, what comes back, how it fails.

A reading is a DuckDB query over the source, not rows: landing runs it once, straight to Parquet, so
memory does not grow with the table. Failures that may pass and failures that will not are different
types, because retrying the second kind hammers a source and hides the cause.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import duckdb

from catalogs.found import FoundTable
from catalogs.model import MINIMUM_SHARE, Resource, System
from catalogs.settings import ConfigurationError, resolve_env, variable_of
from connectors.duck import DuckError, PgParams, describe, is_transient


class SourceError(Exception):
    """Reading failed; nothing downstream changed. The message holds no secret and no row value."""


class SourceUnavailable(SourceError):
    """The system does not answer now, or not in time: trying later may help.

    Attributes:
        retry_after_s: seconds after which the source itself asked to be tried again; None if it did not say.
    """

    def __init__(self, message: str, retry_after_s: float | None = None):
        super().__init__(message)
        self.retry_after_s = retry_after_s


class SourceUnreachable(SourceUnavailable):
    """The system itself cannot be reached: no resource of it will be read now."""


class SourceRefused(SourceError):
    """The system refuses, or what it sent cannot be read: trying again will not help."""


class SourceChanged(SourceRefused):
    """A column the contract names is gone or has another type: a matter for the provider."""


class SourceShrunk(SourceRefused):
    """Far fewer rows than last time: taken for an accident until someone says otherwise."""


class LandingFull(SourceError):
    """What was read has no room on the landing zone's disk, or on the state folder's: nobody's fault at the source."""


class LandingUnreachable(SourceError):
    """The landing zone lies elsewhere and does not answer, or refuses us: no source is to blame, nothing can land."""


@dataclass(frozen=True)
class Scope:
    """Which part of a resource a reading speaks about.

    Attributes:
        kind: full | partition | range | upsert | keys. A range is read again because somebody asked; `keys` holds
            every key of the source and no other item.
        lists_keys: True if a key inside the scope that is absent from the reading is absent from the source:
            only then may a difference end rows.
        partition: day or term of an append resource, or the file's own name.
        low: lower bound of a range or watermark window, inclusive, as text.
        high: upper bound, inclusive, as text.
    """

    kind: str
    lists_keys: bool
    partition: str | None = None
    low: str | None = None
    high: str | None = None

    @classmethod
    def full(cls) -> "Scope":
        """The whole resource; what is not in the reading is not in the source."""
        return cls("full", lists_keys=True)

    @classmethod
    def of_partition(cls, partition: str) -> "Scope":
        """One day, term or file, complete in itself."""
        return cls("partition", lists_keys=True, partition=partition)

    @classmethod
    def since(cls, low: str | None, high: str | None) -> "Scope":
        """Rows changed within a watermark window; says nothing about rows that are not in it."""
        return cls("upsert", lists_keys=False, low=low, high=high)

    @classmethod
    def of_range(cls, low: str | None, high: str | None) -> "Scope":
        """Partitions, or watermark values, between two bounds, both inclusive.

        It ends nothing: a row that has left the range may just have been changed since.
        """
        return cls("range", lists_keys=False, low=low, high=high)

    @classmethod
    def keys(cls) -> "Scope":
        """Every key that is in the source now, and nothing else of its rows."""
        return cls("keys", lists_keys=True)

    def holds(self, partition: str) -> bool:
        """Whether a partition is among those asked for."""
        if self.kind == "partition":
            return partition == self.partition
        if self.kind == "range":
            return (self.low or "") <= partition and (self.high is None or partition <= self.high)
        return True

    def as_dict(self) -> dict[str, Any]:
        """Plain data for a manifest or a jsonb column."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> "Scope":
        """Inverse of `as_dict`."""
        return cls(**value)


@dataclass(frozen=True)
class ReadSpec:
    """What to read.

    Attributes:
        resource: the contract.
        scope: a partition to read again or a range to back-fill; None follows the contract's mode.
        last_types: item → source type of the last good extract (its manifest's `columns`), to notice a
            retyped column; None skips that comparison.
        known_extra: columns that the source had beyond the contract when it was agreed; others are new. None: nothing
            is known, so nothing is new.
        closed_before: partitions before this one were taken and are not looked at again, unless asked for; None: all.
        zone: the campus's time zone, which local times of the source are in.
    """

    resource: Resource
    scope: Scope | None = None
    last_types: Mapping[str, str] | None = None
    known_extra: Collection[str] | None = None
    closed_before: str | None = None
    zone: str = "UTC"

    def new_columns(self, extra: Sequence[str]) -> tuple[str, ...]:
        """Return those columns beyond the contract that were not there when it was agreed."""
        known = extra if self.known_extra is None else self.known_extra
        return tuple(name for name in extra if name not in known)

    @property
    def lands_new_columns(self) -> bool:
        """Whether new columns may land beside the data: not where anything of the resource is kept back.

        What nobody has named yet may be the very thing that must not leave the source (docs/decisions/0012).
        """
        return self.resource.secrecy == "none" and not self.resource.ingest.exclude


@dataclass(frozen=True)
class Column:
    """One column of a source table: its name, its type in the source's own words, and its family.

    `family` is one of integer, number, text, boolean, date, timestamp, time, binary, other, unknown
    (files and REST: everything is text, so nothing can be said).
    """

    name: str
    type: str
    family: str


@dataclass(frozen=True)
class Reading:
    """A source's answer to a ReadSpec, ready to be landed once.

    Attributes:
        resource: the contract it answers.
        con: session in which `query` runs, inside the source's snapshot.
        query: gives the contract's items, by item name, in the contract's order. Values are typed only where
            DuckDB holds the source's value exactly; else text as the source writes it. Instants carry an
            offset; local times carry none.
        covered: what the reading speaks about.
        types: item → source type.
        excluded_rows: rows that the contract's exclusion predicate named, which are never read out.
        watermark_from: where reading began, as text; None if from the beginning.
        watermark_to: greatest watermark value in the source when it was read, as text.
        source_digest: identifies what was read (file content, rows of a partition); None if unknown.
        extra_columns: columns of the source that the contract does not name.
        beside: gives a query for the key and the new columns among them, which land in a file of their own; called
            once the rows of `query` are read; None: there are none.
        notes: what a reader of the ledger should know (for example rows a DBF marks as deleted).
        failure: after the query failed: what the stream that feeds it had raised, if one feeds it.
    """

    resource: Resource
    con: duckdb.DuckDBPyConnection
    query: str
    covered: Scope
    types: Mapping[str, str]
    excluded_rows: int = 0
    watermark_from: str | None = None
    watermark_to: str | None = None
    source_digest: str | None = None
    extra_columns: tuple[str, ...] = ()
    beside: Callable[[], str] | None = None
    notes: tuple[str, ...] = ()
    failure: Callable[[], SourceError | None] = lambda: None


@dataclass(frozen=True)
class Skipped:
    """Something that was there and was not read, and why: the same file again, a half-written file, …"""

    resource: str
    partition: str
    reason: str


@dataclass(frozen=True)
class WarehousePin:
    """Where derived resources are read: our own PostgreSQL, the schema being built, the candidate release."""

    params: PgParams
    schema: str
    release: int


class Source(ABC):
    """An open system. Not thread-safe; one reading is landed before the next is asked for.

    Attributes:
        seen_at: when the snapshot was begun that readings come from; None if each reading sees the source as it is.
        skipped: what was there and was not read.
    """

    def __init__(self, system: System):
        self.system = system
        self.seen_at: datetime | None = None
        self.skipped: list[Skipped] = []

    @abstractmethod
    def readings(
        self, spec: ReadSpec, seen: Mapping[str, str] | None = None, watermark: str | None = None
    ) -> Iterator[Reading]:
        """Yield what is new: one reading for a full or watermark read, one per new or changed partition else.

        Args:
            spec: what to read.
            seen: partition → source digest of extracts already taken; an equal digest is not read again but
                noted in `skipped`.
            watermark: last published watermark, as text; None reads from the beginning.

        Raises:
            SourceUnavailable: transient.
            SourceChanged: a lost or retyped column.
            SourceRefused: permanent.
        """

    def read(self, spec: ReadSpec, watermark: str | None = None) -> Reading:
        """Return the only reading of a full or watermark read.

        Raises:
            SourceRefused: the source has nothing to read, or more than one partition (use `readings`).
        """
        found = list(self.readings(spec, watermark=watermark))
        if len(found) != 1:
            raise SourceRefused(
                f"{spec.resource.name}: expected one reading, the source has {len(found)}; read by partition"
            )
        return found[0]

    def tables(self, only: Sequence[str] = ()) -> list[FoundTable]:
        """List what the reading user can see, with columns, keys and comments, and nothing of a row.

        Args:
            only: physical names, for kinds that cannot list what they hold and have to be told.

        Raises:
            ConfigurationError: the kind cannot list what it holds, and nothing is named.
        """
        raise ConfigurationError(
            f"systems.yaml: {self.system.code}: kind {self.system.kind} cannot list what it holds"
        )

    def ran_out(self) -> bool:
        """Whether the last reading had only what earlier ones left of its snapshot's time, and that is over.

        Read again, it has a snapshot of its own.
        """
        return False

    def skip(self, resource: Resource, partition: str, reason: str) -> None:
        """Note that something was there and was not read."""
        self.skipped.append(Skipped(resource.name, partition, reason))


def setting(system: System, name: str, default: str | None = None) -> str:
    """Return a setting of a system, resolved from the environment.

    Raises:
        ConfigurationError: the setting, or the variable it names, is missing.
    """
    value = system.settings.get(name, default)
    where = f"systems.yaml: {system.code}.{name}"
    if value is None:
        raise ConfigurationError(f"{where}: setting is missing; a system of kind {system.kind} needs it")
    return resolve_env(str(value), where)


def source_error(error: Exception, system: str, what: str, check: str = "") -> SourceError:
    """Translate a failure of DuckDB or behind it; the message names system and resource and nothing else.

    Args:
        error: what was raised.
        system: its code.
        what: what was being done.
        check: advice on which settings to look at, from `check_settings`.
    """
    if isinstance(error, SourceError):
        return error
    transient = error.transient if isinstance(error, DuckError) else is_transient(error)
    words = str(error) if isinstance(error, DuckError) else describe(error)
    stays = "nothing was landed from this reading and the last good state stays"
    if transient:
        kind = unavailable(words)
        return kind(f"{system}: {what}: {words}; {stays}; it will be tried again{check}")
    advice = check or "; check the system's entry and the contract"
    return SourceRefused(f"{system}: {what}: {words}; {stays}{advice}")


def unavailable(words: str) -> type[SourceUnavailable]:
    """Return the type of a transient failure that is called so: of the system, or of one reading."""
    is_system = words.startswith(
        ("no connection", "the source has no free connection", "the source is shutting down")
    )
    return SourceUnreachable if is_system else SourceUnavailable


# What a failure to connect is called → the settings that decide it.
_BEHIND = {
    "user or password refused": ("user", "password", "key_file"),
    "no connection": ("host", "port", "base_url", "auth.token_url", "root", "endpoint"),
    "the database does not exist": ("database",),
    "the token was refused": ("auth.token", "auth.id", "auth.secret"),
    "the token endpoint refuses": ("auth.id", "auth.secret", "auth.token_url"),
    "the answer of the token endpoint": ("auth.id", "auth.secret", "auth.access_token"),
}


def check_settings(system: System, words: str) -> str:
    """Return which settings, and which variables behind them, to look at; empty if it is not a matter of settings.

    Args:
        system: the system's entry.
        words: what the failure is called; no setting's value is ever shown.
    """
    for name, settings in _BEHIND.items():
        if words.startswith(name):
            named = [told for told in (_named(system, setting) for setting in settings) if told]
            return f"; check {', '.join(named)} in systems.yaml" if named else ""
    return ""


def _named(system: System, path: str) -> str:
    value: Any = system.settings
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    if value is None:
        return ""
    variable = variable_of(str(value))
    return f"{system.code}.{path}" + (f" (variable {variable})" if variable else "")


# Which source families can still hold an item of a logical type. Text can hold anything (campus systems keep
# numbers and dates in varchar); `unknown` says that the kind has no types.
_HOLDS = {
    "string": {"text", "integer", "number", "boolean", "date", "timestamp", "time", "other", "binary"},
    "integer": {"text", "integer", "number", "boolean"},
    "number": {"text", "integer", "number"},
    "boolean": {"text", "integer", "number", "boolean"},
    "date": {"text", "date", "timestamp", "integer", "number"},
    "timestamp": {"text", "date", "timestamp", "integer", "number"},
}


def can_hold(family: str, logical_type: str) -> bool:
    """Whether a column of a family can hold an item of a logical type; what has no type of its own can hold any."""
    return family == "unknown" or family in _HOLDS.get(logical_type, {family})


@dataclass(frozen=True)
class Matched:
    """A contract laid over a source table: per item its column, and the columns nobody asked for."""

    columns: tuple[tuple[str, Column], ...]
    extra: tuple[str, ...] = field(default=())

    @property
    def types(self) -> dict[str, str]:
        """Item name → source type."""
        return {item: column.type for item, column in self.columns}


def twins(names: Iterable[str]) -> set[str]:
    """Return those names of columns that differ from another one in case only: DuckDB takes them for one."""
    names = tuple(names)
    count = Counter(map(str.casefold, dict.fromkeys(names)))
    return {name for name in names if count[name.casefold()] > 1}


def refuse_twins(resource: Resource, where: str, available: Sequence[str], wanted: Iterable[str]) -> None:
    """Refuse to read by name what DuckDB cannot tell apart: a value, or a mark of secrecy, would be another's.

    Args:
        resource: for the message.
        where: file or path, for the message.
        available: names of all columns that are there to be asked for.
        wanted: names that are asked for, whatever their case.

    Raises:
        SourceChanged: with the names.
    """
    asked = {name.casefold() for name in wanted}
    if found := sorted(name for name in twins(available) if name.casefold() in asked):
        raise SourceChanged(
            f"{resource.name}: {where} has columns whose names differ in case only, {', '.join(found)}, which "
            f"cannot be told apart here. Provider {resource.provider} names them otherwise; until then the last "
            f"good state stays"
        )


def match_columns(spec: ReadSpec, where: str, available: Sequence[Column]) -> Matched:
    """Find each item's column: by its exact physical name, else by a single one that differs in case only.

    Args:
        spec: contract and, if known, the types of the last good extract.
        where: table or file, for the message.
        available: the source's columns, in its order.

    Raises:
        SourceChanged: a column is gone, holds what its item cannot be, or changed family since the last
            good extract. All of them are named at once.
    """
    resource = spec.resource
    exact = {column.name: column for column in available}
    twice = Counter(column.name for column in available)
    folded: dict[str, list[Column]] = {}
    for column in available:
        folded.setdefault(column.name.casefold(), []).append(column)
    found: list[tuple[str, Column]] = []
    faults: list[str] = []
    for item in resource.items:
        candidates = (
            [exact[item.physical_name]]
            if item.physical_name in exact
            else folded.get(item.physical_name.casefold(), [])
        )
        if len(candidates) != 1 or twice[candidates[0].name] > 1:
            fate = "is there more than once" if candidates else "is gone"
            faults.append(f"column {item.physical_name} ({item.name}) {fate}")
            continue
        column = candidates[0]
        before = (spec.last_types or {}).get(item.name)
        called = f"column {item.physical_name} ({item.name})"
        if column.family == "unknown":
            pass
        elif not can_hold(column.family, item.logical_type):
            faults.append(f"{called} is {column.type}, which cannot hold {item.logical_type}")
        elif before and family_of(before) != family_of(column.type):
            faults.append(f"{called} was {before} and is now {column.type}")
        found.append((item.name, column))
    if faults:
        raise SourceChanged(
            f"{resource.name}: {where} no longer keeps its contract: {'; '.join(faults)}. Provider "
            f"{resource.provider} restores it or files a new contract version; until then the last good "
            f"state stays"
        )
    used = {column.name for _, column in found}
    return Matched(tuple(found), tuple(column.name for column in available if column.name not in used))


_FAMILIES = (
    ("text", ("char", "text", "varchar", "string", "clob", "enum", "set", "uuid", "json", "name", "citext")),
    ("timestamp", ("timestamp", "datetime")),
    ("date", ("date",)),
    ("time", ("time",)),
    ("integer", ("int", "serial", "year")),
    ("number", ("numeric", "decimal", "double", "float", "real", "money", "number")),
    ("boolean", ("bool",)),
    ("binary", ("blob", "binary", "bytea", "bit", "varbit")),
)


def family_of(source_type: str) -> str:
    """Sort a source type, in any dialect's words, into a family; arrays and what is not known are `other`."""
    text = source_type.casefold().strip()
    if not text:
        return "unknown"
    if text.endswith("[]") or text.startswith(("interval", "point", "tsvector")):
        return "other"
    for family, marks in _FAMILIES:
        if any(mark in text for mark in marks):
            return family
    return "other"


def guard(
    resource: str,
    rows: int,
    expected_rows: int | None,
    minimum_share: float = MINIMUM_SHARE,
    what: str = "",
    because: str = "the last good",
) -> None:
    """Refuse a reading that lost too many rows: an accident at the source must not end what is stored.

    A table that is empty and always was has lost nothing: vendors ship tables that nobody uses yet.

    Args:
        resource: for the message.
        rows: rows read now.
        expected_rows: rows that such a reading should have; None if there is nothing to compare with.
        minimum_share: least share of them that is believed.
        what: the part that was read, for the message; empty for all of the resource.
        because: where the expectation comes from, for the message.

    Raises:
        SourceShrunk: no rows where there should be some, or fewer than the share.
    """
    read = f"{resource}{f' {what}' if what else ''}"
    if rows == 0 and expected_rows:
        raise SourceShrunk(
            f"{read}: the source returned no rows; the last good state stays. The provider mends the "
            f"source; if nothing is right, `yici run --believe {resource}`"
        )
    if expected_rows and rows < minimum_share * expected_rows:
        raise SourceShrunk(
            f"{read}: the source returned {rows} rows, {rows / expected_rows:.0%} of {because} "
            f"{expected_rows} (at least {minimum_share:.0%} is believed); the last good state stays. "
            f"The provider mends the source, or confirms the count: then `yici run --believe {resource}`"
        )
