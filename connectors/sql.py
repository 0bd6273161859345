"""What SQL sources share: the query is built in the source's own dialect and runs there.

A column is handed over typed only if the scanner is known to keep every value of its type; all others
are cast to text by the source itself. The exclusion predicate and the watermark condition are part of
the source's query, so that an excluded row never leaves the source.
"""

import re
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb

from catalogs.model import Item, Resource, System
from catalogs.settings import ConfigurationError, now
from connectors.base import (
    Column,
    Matched,
    Reading,
    ReadSpec,
    Scope,
    Source,
    SourceChanged,
    SourceError,
    SourceRefused,
    match_columns,
)
from connectors.duck import literal, quote

_NUMBER = re.compile(r"-?\d+(\.\d+)?\Z")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_OLDEST = "1000"  # what is older is no day that somebody meant
_NUMERIC = ("integer", "number")
TIMES = ("date", "timestamp")
_ORDERED = (*_NUMERIC, *TIMES)
# By the number of digits: units in a second since 1970, and how the calendar's numbers are written.
_SINCE_1970 = {10: 1, 13: 1000}
_DIGITS = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
MAX_SNAPSHOT_S = 300
_LEAST_S = 1.0
AS_BEFORE = "closed, or as many rows as when it was last read"
# In a server's modes a backslash may be no escape, so that a constant is another text, and CHAR values come filled up.
MYSQL_MODE = (
    "SET SESSION sql_mode = REPLACE(REPLACE(@@sql_mode, 'NO_BACKSLASH_ESCAPES', ''),"
    " 'PAD_CHAR_TO_FULL_LENGTH', '')"
)


@dataclass(frozen=True)
class Table:
    """A table or view of the source: its SQL name, its columns, and whether it may be scanned in parallel."""

    sql: str
    schema: str
    name: str
    columns: tuple[Column, ...]
    scannable: bool = False


@dataclass(frozen=True)
class Relation:
    """A DuckDB query over the source, and what made it fail if a stream of ours feeds it."""

    query: str
    failure: Callable[[], SourceError | None] = lambda: None


class SqlSource(Source):
    """A source that answers SQL; its readings are queries of `con`.

    Everything read between two `begin`s is one snapshot. A snapshot older than `limits.max_snapshot_s`
    (default 300 s) is given up before the next reading, so that no source is kept from cleaning up.
    """

    def __init__(self, system: System, con: duckdb.DuckDBPyConnection):
        super().__init__(system)
        self.con = con
        self.max_snapshot_s = float(system.limits.get("max_snapshot_s", MAX_SNAPSHOT_S))
        self._began: float | None = None
        self._is_shared = False

    # What a dialect says.

    @abstractmethod
    def table(self, resource: Resource) -> Table | None:
        """Look the resource's table up in the source's own catalog; None if it is not there."""

    @abstractmethod
    def value(self, column: Column) -> str:
        """Return the source expression that hands the column over without changing a value."""

    @abstractmethod
    def text(self, expression: str) -> str:
        """Return the source expression that writes any expression as text."""

    @abstractmethod
    def rows(self, sql: str) -> list[tuple]:
        """Run a query in the source and return its rows (catalog look-ups and counts only).

        Raises:
            SourceUnavailable, SourceRefused: with nothing of a row in the message.
        """

    @abstractmethod
    def relation(self, sql: str, names: Sequence[str]) -> Relation:
        """Return what gives DuckDB the rows of `sql`, a query of the source with these column names."""

    @abstractmethod
    def begin_snapshot(self) -> None:
        """Begin one read-only transaction of the source."""

    @abstractmethod
    def end_snapshot(self) -> None:
        """Give the transaction up; nothing was written, so there is nothing to commit."""

    @abstractmethod
    def is_broken(self) -> bool:
        """True if an error or an unread rest makes the transaction useless for another reading."""

    def name(self, identifier: str) -> str:
        """Quote an identifier of the source."""
        return quote(identifier)

    def literal(self, text: str) -> str:
        """Write a text as a constant of the source's SQL."""
        return literal(text)

    def moment(self, column: Column, text: str) -> str:
        """Write a date or time, ISO, as a constant that may be compared with the column."""
        return self.literal(text)

    def day(self, expression: str) -> str:
        """Return the expression of the day within an ISO time that is a text."""
        return f"substr({expression}, 1, 10)"

    def scan(self, table: Table, matched: Matched) -> Relation | None:
        """Return a faster way for an unconditional read, or None if there is no safe one."""
        return None

    def finish(self, column: Column, alias: str) -> str:
        """Return the DuckDB expression for a column that `value` handed over."""
        return alias

    # Reading.

    def readings(
        self, spec: ReadSpec, seen: Mapping[str, str] | None = None, watermark: str | None = None
    ) -> Iterator[Reading]:
        """See `Source.readings`; a SQL source takes partitions by day or term from an item."""
        self._ensure_snapshot()
        resource = spec.resource
        table = self.table(resource)
        if table is None:
            raise SourceChanged(
                f"{resource.name}: {resource.physical_name} is not in {self.system.code}, or hidden from the "
                f"reading user. Provider {resource.provider} restores it; the last good state stays"
            )
        matched = match_columns(spec, resource.physical_name, table.columns)
        ingest = resource.ingest
        scope = spec.scope
        is_cut = ingest.mode == "append" and ingest.partition is not None
        if scope is not None and scope.kind == "keys":
            keys = tuple((item, column) for item, column in matched.columns if item in resource.key)
            yield self._reading(spec, table, Matched(keys), scope)
        elif scope is not None and scope.kind == "partition" and is_cut:
            yield self._partition(spec, table, matched, str(scope.partition))
        elif is_cut and (scope is None or scope.kind == "range"):
            yield from self._partitions(spec, table, matched, seen or {})
        elif scope is None and ingest.mode != "full" and ingest.watermark:
            yield self._since(spec, table, matched, watermark)
        elif scope is None or scope.kind == "full":
            yield self._reading(spec, table, matched, Scope.full())
        elif scope.kind == "range" and ingest.watermark:
            column = self._watermark_column(resource, matched)
            condition = self._between(column, scope.low, scope.high)
            yield self._reading(spec, table, matched, scope, condition)
        else:
            raise ConfigurationError(
                f"{resource.name}: a {scope.kind} read needs ingest.partition or ingest.watermark"
            )

    def _since(self, spec: ReadSpec, table: Table, matched: Matched, watermark: str | None) -> Reading:
        resource = spec.resource
        column = self._watermark_column(resource, matched)
        low = lower_bound(watermark, resource.ingest.overlap_s)
        condition = ""
        if low is not None:
            # A row without a watermark value can only be found by looking at it every time.
            name = self.name(column.name)
            condition = f"({name} >= {self._constant(column, low)} OR {name} IS NULL)"
        highest = self._highest(spec, table, column, watermark)
        top = highest if highest is not None and _orders(column, highest) else watermark
        covered = Scope.full() if watermark is None else Scope.since(low, top)
        return self._reading(spec, table, matched, covered, condition, low, top)

    def _highest(self, spec: ReadSpec, table: Table, column: Column, watermark: str | None) -> str | None:
        """Greatest watermark in the source that is not in the future: a clock that runs ahead would hide what
        follows. Rows from the future are read all the same, each time until their time has come.

        A number is a time where the contract says so, or lets reading reach back by seconds, in the form of the last
        watermark: one row in milliseconds among seconds moves nothing.
        """
        name = self.name(column.name)
        highest = f"SELECT {self.text(f'max({name})')} AS highest FROM {table.sql}"
        present = now().astimezone(UTC if self.is_instant(column) else ZoneInfo(spec.zone))
        if column.family not in TIMES:
            present += timedelta(days=1)  # nobody says which zone a text or a number is in
        if column.family not in _NUMERIC:
            form = "%Y-%m-%d" if column.family == "date" else "%Y-%m-%d %H:%M:%S"
            bound = self.moment(column, present.strftime(form))
        else:
            ((top,),) = self.rows(highest)
            ingest = spec.resource.ingest
            is_time = ingest.overlap_s or spec.resource.item(ingest.watermark).logical_type in TIMES
            bound = _as_number(present, watermark or top) if is_time and top else ""
            if not bound or float(top) <= float(bound):
                return top
        ((top,),) = self.rows(f"{highest} WHERE {name} <= {bound}")
        return top

    def is_instant(self, column: Column) -> bool:
        """True for a time column that knows its zone; the session writes it in UTC."""
        return "with time zone" in column.type.casefold()

    def _partition_column(self, resource: Resource, matched: Matched) -> tuple[Column, str]:
        """Return the column by which a resource is cut, and `day` or `term`."""
        partition = resource.ingest.partition
        assert partition is not None
        column = dict(matched.columns).get(partition.source)
        if column is None:
            raise ConfigurationError(
                f"{resource.name}: ingest.partition.from {partition.source!r} is not one of its items; "
                f"only files have partitions by file name"
            )
        return column, partition.by

    def _partition(self, spec: ReadSpec, table: Table, matched: Matched, part: str) -> Reading:
        """Read one partition that was asked for, whether or not it was read before."""
        column, by = self._partition_column(spec.resource, matched)
        condition = self._in_partition(column, by, part)
        where = self._where(spec.resource, condition)
        ((count, newest),) = self.rows(
            f"SELECT {self._tellers(spec.resource, matched)} FROM {table.sql}{where}"
        )
        covered = Scope.of_partition(part)
        return self._reading(spec, table, matched, covered, condition, source_digest=_digest(count, newest))

    def _tellers(self, resource: Resource, matched: Matched) -> str:
        """Return what is asked of a partition to see whether it changed: its rows and, by contract, its newest time.

        A digest of its content would tell all, and cost the source three to fifteen times the count.
        """
        newest = "NULL"
        if resource.ingest.watermark:
            newest = self.text(f"max({self.name(self._watermark_column(resource, matched).name)})")
        return f"{self.text('count(*)')} AS n, {newest} AS newest"

    def _partitions(
        self, spec: ReadSpec, table: Table, matched: Matched, seen: Mapping[str, str]
    ) -> Iterator[Reading]:
        """Read the partitions that are new or changed, and are not closed; or all of those asked for."""
        resource, scope = spec.resource, spec.scope
        column, by = self._partition_column(resource, matched)
        label = self.text(self.name(column.name))
        condition = ""
        if by == "day":
            label = self.day(label)
            if scope is None and spec.closed_before:
                name = self.name(column.name)
                condition = f"({name} >= {self.moment(column, spec.closed_before)} OR {name} IS NULL)"
        counts = self.rows(
            f"SELECT {label} AS part, {self._tellers(resource, matched)} FROM {table.sql}"
            f"{self._where(resource, condition)} GROUP BY {label} ORDER BY 1"
        )
        for part, count, newest in counts:
            if part is None:
                self.skip(resource, "", f"{count} rows have no {column.name}, so they belong to no partition")
                continue
            digest = _digest(count, newest)
            if scope is not None and not scope.holds(part):
                continue
            if scope is None and (part < (spec.closed_before or "") or seen.get(part) == digest):
                self.skip(resource, part, AS_BEFORE)
                continue
            condition = self._in_partition(column, by, part)
            self._ensure_snapshot()
            yield self._reading(
                spec, table, matched, Scope.of_partition(part), condition, source_digest=digest
            )

    def _reading(
        self,
        spec: ReadSpec,
        table: Table,
        matched: Matched,
        covered: Scope,
        condition: str = "",
        low: str | None = None,
        top: str | None = None,
        source_digest: str | None = None,
    ) -> Reading:
        resource = spec.resource
        where = self._where(resource, condition)
        excluded = self._excluded(resource, table, condition)
        relation = None if where else self.scan(table, matched)
        if relation is None:
            relation = self._selected(table, matched.columns, where)
        return Reading(
            resource=resource,
            con=self.con,
            query=relation.query,
            covered=covered,
            types=matched.types,
            excluded_rows=excluded,
            watermark_from=low,
            watermark_to=top,
            source_digest=source_digest,
            extra_columns=matched.extra,
            beside=self._beside(spec, table, matched, where),
            failure=relation.failure,
        )

    def _selected(self, table: Table, columns: Sequence[tuple[str, Column]], where: str) -> Relation:
        """Select columns, under the names that stand beside them, by the source's own SQL."""
        names = [f"c{i}" for i in range(len(columns))]
        inner = ", ".join(
            f"{self.value(column)} AS {self.name(name)}"
            for name, (_, column) in zip(names, columns, strict=True)
        )
        relation = self.relation(f"SELECT {inner} FROM {table.sql}{where}", names)
        outer = ", ".join(
            f"{self.finish(column, name)} AS {quote(item)}"
            for name, (item, column) in zip(names, columns, strict=True)
        )
        return Relation(f"SELECT {outer} FROM ({relation.query})", relation.failure)

    def _beside(self, spec: ReadSpec, table: Table, matched: Matched, where: str) -> Callable[[], str] | None:
        new = spec.new_columns(matched.extra) if spec.lands_new_columns else ()
        if not new:
            return None
        keys = [(item, column) for item, column in matched.columns if item in spec.resource.key]
        columns = [*keys, *((column.name, column) for column in table.columns if column.name in new)]
        return lambda: self._selected(table, columns, where).query

    def _where(self, resource: Resource, condition: str = "") -> str:
        parts = [f"{_is_true(resource.ingest.exclude)} = 0"] if resource.ingest.exclude else []
        if condition:
            parts.append(condition)
        return f" WHERE {' AND '.join(parts)}" if parts else ""

    def _excluded(self, resource: Resource, table: Table, condition: str) -> int:
        if not resource.ingest.exclude:
            return 0
        where = f"{_is_true(resource.ingest.exclude)} = 1" + (f" AND {condition}" if condition else "")
        ((count,),) = self.rows(f"SELECT {self.text('count(*)')} AS n FROM {table.sql} WHERE {where}")
        return int(count)

    def _watermark_column(self, resource: Resource, matched: Matched) -> Column:
        column = dict(matched.columns).get(resource.ingest.watermark)
        if column is None:
            raise ConfigurationError(f"{resource.name}: ingest.watermark is not one of its items")
        if not self.can_order(column, resource.item(resource.ingest.watermark)):
            raise ConfigurationError(
                f"{resource.name}: ingest.watermark {resource.ingest.watermark} is {column.type} in the "
                f"source; only numbers and times keep one order everywhere: choose such a column or mode full"
            )
        return column

    def can_order(self, column: Column, item: Item) -> bool:
        """True if the source orders the column that an item comes from as we do (texts depend on a collation)."""
        return column.family in _ORDERED

    def _between(self, column: Column, low: str | None, high: str | None) -> str:
        name = self.name(column.name)
        parts = [f"{name} >= {self._constant(column, low)}"] if low is not None else []
        if high is not None and _DAY.match(high) and column.family not in _NUMERIC:
            following = _following(high)  # after the last day of all times there is nothing to keep out
            parts += [f"{name} < {self.moment(column, following)}"] if following else []
        elif high is not None:
            parts.append(f"{name} <= {self._constant(column, high)}")
        return " AND ".join(parts) or "1 = 1"

    def _in_partition(self, column: Column, by: str, part: str) -> str:
        name = self.name(column.name)
        label = self.text(name)
        if by == "day":
            following = _following(part) if _DAY.match(part) and part > _OLDEST else None
            if following:
                low, high = self.moment(column, part), self.moment(column, following)
                return f"({name} >= {low} AND {name} < {high})"
            # No day of a calendar, as 0000-00-00 and infinity, or of another era: told apart as it is written.
            label = self.day(label)
        return f"{label} = {self.literal(part)}"

    def _constant(self, column: Column, value: str) -> str:
        """A constant of the column's family; numbers are not quoted, or some dialects compare as text."""
        if column.family in _NUMERIC:
            if not _NUMBER.match(value):
                raise SourceRefused(
                    f"{self.system.code}: column {column.name} is a number, but the watermark to read from, or a "
                    f"bound of the range asked for, is not; nothing was read"
                )
            return value
        return self.moment(column, value)

    def ask(self, sql: str) -> list[tuple]:
        """Run a query in the snapshot, which begins if there is none; see `rows`."""
        self._ensure_snapshot()
        return self.rows(sql)

    # Snapshots.

    def end(self) -> None:
        """Give up the snapshot, if there is one."""
        if self._began is not None:
            self._began = None
            self.end_snapshot()

    def time_left_s(self) -> float:
        """Seconds for which the snapshot may still be held; at least one, which whoever begins late is given."""
        held_s = time.monotonic() - self._began if self._began is not None else 0.0
        return max(self.max_snapshot_s - held_s, _LEAST_S)

    def ran_out(self) -> bool:
        """See `Source.ran_out`."""
        return self._is_shared and self.time_left_s() <= _LEAST_S

    def _ensure_snapshot(self) -> None:
        if self._began is not None and (
            self.is_broken() or time.monotonic() - self._began > self.max_snapshot_s
        ):
            self.end()
        self._is_shared = self._began is not None
        if self._began is None:
            self.seen_at = now()
            self._began = time.monotonic()  # before it is tried: a half-begun one is ended like any other
            self.begin_snapshot()


def _digest(count: str, newest: str | None) -> str:
    return f"rows:{count}" + (f" to:{newest}" if newest is not None else "")


def _is_true(predicate: str) -> str:
    """1 where the predicate holds, else 0; not every dialect has `IS TRUE`."""
    return f"CASE WHEN {predicate} THEN 1 ELSE 0 END"


def _following(day: str) -> str | None:
    """The day after; None of what is no day, and after the last one."""
    try:
        return (date.fromisoformat(day) + timedelta(days=1)).isoformat()
    except (ValueError, OverflowError):
        return None


def _orders(column: Column, value: str) -> bool:
    """Whether one can read on from a value; NaN, infinity, zero dates and other eras move no watermark."""
    if column.family in _NUMERIC:
        return bool(_NUMBER.match(value))
    return not value.startswith(("0000", "-")) and not value.endswith(("infinity", "BC"))


def lower_bound(watermark: str | None, overlap_s: int) -> str | None:
    """Return where to read from: the watermark less the overlap, in the form the watermark has.

    A time may be ISO, have strokes between year, month and day, or be a number: seconds or milliseconds since
    1970, or the digits of a day, with those of a time or without. A number that only looks like a time reads some
    rows once more. Other numbers have no seconds, so an overlap does not move them. A day moves back by whole days.

    Raises:
        SourceRefused: an overlap is asked for and the watermark is neither a number nor a time.
    """
    if watermark is None or not overlap_s:
        return watermark
    if _NUMBER.match(watermark):
        return _number_before(watermark, overlap_s)
    try:
        moved = _time_before(watermark.replace("/", "-"), overlap_s)
    except (ValueError, OverflowError):
        raise SourceRefused(
            "ingest.overlap_s: the watermark that was published last is written in a way that no time can be taken "
            "from; nothing was read and the last good state stays. Choose another ingest.watermark, or mode full"
        ) from None
    return moved.replace("-", "/", 2) if "/" in watermark else moved


def _time_before(text: str, overlap_s: int) -> str:
    if _DAY.match(text):
        return (date.fromisoformat(text) - timedelta(days=-(-overlap_s // 86_400))).isoformat()
    moved = datetime.fromisoformat(text) - timedelta(seconds=overlap_s)
    # An interface may not know a time with more, or with fewer, parts than it writes itself.
    written = moved.isoformat(sep=text[10], timespec="auto" if text.count(":") > 1 else "minutes")
    return written.removesuffix("+00:00") + "Z" if text.endswith("Z") else written


def _as_number(at: datetime, like: str) -> str:
    """Write a time as a number in the form of another; "" where that one is no time."""
    whole = like.partition(".")[0]
    if len(whole) in _SINCE_1970 and whole.isdigit():
        return str(int(at.timestamp()) * _SINCE_1970[len(whole)])
    return at.strftime(_DIGITS[len(whole)]) if len(whole) in _DIGITS and whole.isdigit() else ""


def _number_before(text: str, overlap_s: int) -> str:
    """Move a number that may be a time; one that is none stays."""
    whole, point, rest = text.partition(".")
    if len(whole) in _SINCE_1970 and whole.isdigit():
        return f"{int(whole) - overlap_s * _SINCE_1970[len(whole)]}{point}{rest}"
    form = _DIGITS.get(len(whole))
    if form is None or whole < _OLDEST:
        return text
    back_s = overlap_s if "%H" in form else -(-overlap_s // 86_400) * 86_400
    try:
        moved = datetime.strptime(whole, form) - timedelta(seconds=back_s)
    except (ValueError, OverflowError):
        return text
    return f"{moved.strftime(form)}{point}{rest}"


def split_name(physical_name: str) -> tuple[str | None, str]:
    """Split `schema.table`; without a dot the schema is the connection's own."""
    schema, dot, name = physical_name.partition(".")
    return (schema, name) if dot else (None, physical_name)
