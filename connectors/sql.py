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
from datetime import date, datetime, timedelta

import duckdb

from catalogs.model import Resource, System
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
_MAX_SNAPSHOT_S = 300


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
        self.max_snapshot_s = float(system.limits.get("max_snapshot_s", _MAX_SNAPSHOT_S))
        self._began: float | None = None

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
        if scope is None and ingest.mode == "append" and ingest.partition is not None:
            yield from self._partitions(resource, table, matched, seen or {})
        elif scope is None and ingest.mode in ("watermark", "append") and ingest.watermark:
            yield self._since(resource, table, matched, watermark)
        elif scope is None or scope.kind == "full":
            yield self._reading(resource, table, matched, Scope.full())
        elif scope.kind == "partition" and ingest.partition is not None:
            column = dict(matched.columns)[ingest.partition.source]
            condition = self._in_partition(column, ingest.partition.by, str(scope.partition))
            yield self._reading(resource, table, matched, scope, condition)
        elif scope.kind in ("range", "upsert") and ingest.watermark:
            column = self._watermark_column(resource, matched)
            condition = self._between(column, scope.low, scope.high)
            yield self._reading(resource, table, matched, scope, condition)
        else:
            raise ConfigurationError(
                f"{resource.name}: a {scope.kind} read needs ingest.partition or ingest.watermark"
            )

    def _since(self, resource: Resource, table: Table, matched: Matched, watermark: str | None) -> Reading:
        column = self._watermark_column(resource, matched)
        low = lower_bound(watermark, resource.ingest.overlap_s)
        condition = ""
        if low is not None:
            # A row without a watermark value can only be found by looking at it every time.
            name = self.name(column.name)
            condition = f"({name} >= {self._constant(column, low)} OR {name} IS NULL)"
        top = self._highest(table, column) or watermark
        covered = Scope.full() if watermark is None else Scope.since(low, top)
        return self._reading(resource, table, matched, covered, condition, low, top)

    def _highest(self, table: Table, column: Column) -> str | None:
        """Greatest watermark in the source; a time after tomorrow is a slip and would hide what follows."""
        name = self.name(column.name)
        where = ""
        if column.family in ("date", "timestamp", "text"):
            tomorrow = (now() + timedelta(days=1)).strftime("%Y-%m-%d %H:%M:%S")
            where = f" WHERE {name} <= {literal(tomorrow)}"
        (row,) = self.rows(f"SELECT {self.text(f'max({name})')} AS top FROM {table.sql}{where}")
        return row[0]

    def _partitions(
        self, resource: Resource, table: Table, matched: Matched, seen: Mapping[str, str]
    ) -> Iterator[Reading]:
        partition = resource.ingest.partition
        assert partition is not None
        column = dict(matched.columns).get(partition.source)
        if column is None:
            raise ConfigurationError(
                f"{resource.name}: ingest.partition.from {partition.source!r} is not one of its items; "
                f"only files have partitions by file name"
            )
        label = self.text(self.name(column.name))
        if partition.by == "day":
            label = f"substr({label}, 1, 10)"
        counts = self.rows(
            f"SELECT {label} AS part, {self.text('count(*)')} AS n FROM {table.sql}{self._where(resource)} "
            f"GROUP BY {label} ORDER BY 1"
        )
        for part, count in counts:
            if part is None:
                self.skip(
                    resource, "", f"{count} rows have no {partition.source}, so they belong to no partition"
                )
                continue
            digest = f"rows:{count}"
            if seen.get(part) == digest:
                self.skip(resource, part, "unchanged since it was last read")
                continue
            condition = self._in_partition(column, partition.by, part)
            self._ensure_snapshot()
            yield self._reading(
                resource, table, matched, Scope.of_partition(part), condition, source_digest=digest
            )

    def _reading(
        self,
        resource: Resource,
        table: Table,
        matched: Matched,
        covered: Scope,
        condition: str = "",
        low: str | None = None,
        top: str | None = None,
        source_digest: str | None = None,
    ) -> Reading:
        where = self._where(resource, condition)
        excluded = self._excluded(resource, table, condition)
        relation = None if where else self.scan(table, matched)
        if relation is None:
            names = [f"c{i}" for i in range(len(matched.columns))]
            inner = ", ".join(
                f"{self.value(column)} AS {self.name(name)}"
                for name, (_, column) in zip(names, matched.columns, strict=True)
            )
            relation = self.relation(f"SELECT {inner} FROM {table.sql}{where}", names)
            outer = ", ".join(
                f"{self.finish(column, name)} AS {quote(item)}"
                for name, (item, column) in zip(names, matched.columns, strict=True)
            )
            relation = Relation(f"SELECT {outer} FROM ({relation.query})", relation.failure)
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
            failure=relation.failure,
        )

    def _where(self, resource: Resource, condition: str = "") -> str:
        parts = [f"({resource.ingest.exclude}) IS NOT TRUE"] if resource.ingest.exclude else []
        if condition:
            parts.append(condition)
        return f" WHERE {' AND '.join(parts)}" if parts else ""

    def _excluded(self, resource: Resource, table: Table, condition: str) -> int:
        if not resource.ingest.exclude:
            return 0
        where = f"({resource.ingest.exclude}) IS TRUE" + (f" AND {condition}" if condition else "")
        ((count,),) = self.rows(f"SELECT {self.text('count(*)')} AS n FROM {table.sql} WHERE {where}")
        return int(count)

    def _watermark_column(self, resource: Resource, matched: Matched) -> Column:
        column = dict(matched.columns).get(resource.ingest.watermark)
        if column is None:
            raise ConfigurationError(f"{resource.name}: ingest.watermark is not one of its items")
        if not self.can_order(column):
            raise ConfigurationError(
                f"{resource.name}: ingest.watermark {resource.ingest.watermark} is {column.type} in the "
                f"source; only numbers and times keep one order everywhere: choose such a column or mode full"
            )
        return column

    def can_order(self, column: Column) -> bool:
        """True if the source orders the column as we do (texts depend on a collation)."""
        return column.family in ("integer", "number", "date", "timestamp")

    def _between(self, column: Column, low: str | None, high: str | None) -> str:
        name = self.name(column.name)
        parts = [f"{name} >= {self._constant(column, low)}"] if low is not None else []
        if high is not None:
            parts.append(f"{name} <= {self._constant(column, high)}")
        return " AND ".join(parts) or "1 = 1"

    def _in_partition(self, column: Column, by: str, part: str) -> str:
        name = self.name(column.name)
        if by == "day" and _DAY.match(part):
            following = date.fromisoformat(part) + timedelta(days=1)
            return f"({name} >= {literal(part)} AND {name} < {literal(following.isoformat())})"
        return f"{self.text(name)} = {literal(part)}"

    def _constant(self, column: Column, value: str) -> str:
        """A constant of the column's family; numbers are not quoted, or some dialects compare as text."""
        if column.family in ("integer", "number"):
            if not _NUMBER.match(value):
                raise SourceRefused(
                    f"{self.system.code}: the stored watermark is not a number, but column {column.name} is; "
                    f"read the resource again from the beginning"
                )
            return value
        return literal(value)

    # Snapshots.

    def end(self) -> None:
        """Give up the snapshot, if there is one."""
        if self._began is not None:
            self._began = None
            self.end_snapshot()

    def _ensure_snapshot(self) -> None:
        if self._began is not None and (
            self.is_broken() or time.monotonic() - self._began > self.max_snapshot_s
        ):
            self.end()
        if self._began is None:
            self.begin_snapshot()
            self._began = time.monotonic()


def lower_bound(watermark: str | None, overlap_s: int) -> str | None:
    """Return where to read from: the watermark less the overlap, in the form the watermark has.

    Numbers have no seconds, so an overlap does not move them. A date moves back by whole days.

    Raises:
        SourceRefused: an overlap is asked for and the watermark is neither a number nor an ISO time.
    """
    if watermark is None or not overlap_s or _NUMBER.match(watermark):
        return watermark
    try:
        if _DAY.match(watermark):
            return (date.fromisoformat(watermark) - timedelta(days=-(-overlap_s // 86_400))).isoformat()
        moved = datetime.fromisoformat(watermark) - timedelta(seconds=overlap_s)
    except ValueError:
        message = "the stored watermark is not an ISO time; read the resource from the beginning"
        raise SourceRefused(message) from None
    return moved.isoformat(sep=watermark[10])


def split_name(physical_name: str) -> tuple[str | None, str]:
    """Split `schema.table`; without a dot the schema is the connection's own."""
    schema, dot, name = physical_name.partition(".")
    return (schema, name) if dot else (None, physical_name)
