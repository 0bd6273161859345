"""Drop folders: CSV, Excel, DBF, JSON lines and Parquet files that a unit puts there."""

import csv
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from catalogs.model import Resource, System
from catalogs.settings import ConfigurationError
from connectors.arrivals import Arrival, look
from connectors.base import (
    Column,
    Reading,
    ReadSpec,
    Scope,
    Source,
    SourceError,
    SourceRefused,
    SourceUnavailable,
    WarehousePin,
    family_of,
    match_columns,
    setting,
    source_error,
)
from connectors.batches import text_batches
from connectors.duck import literal, quote, session
from connectors.encoding import UTF8, as_utf8, codec, decoded, unreadable
from connectors.spool import physical_columns, spool, where_kept
from connectors.tabular import Records, Rows, dbf_rows, json_records, sheet_rows

_CSV_LINE = re.compile(r"CSV Error on Line: (\d+)")
_PARQUET_KEPT = re.compile(
    r"(TINYINT|SMALLINT|INTEGER|BIGINT|BOOLEAN|VARCHAR|DATE|TIMESTAMP|TIMESTAMP WITH TIME ZONE|DOUBLE"
    r"|DECIMAL\(\d+,\d+\))\Z"
)


@dataclass(frozen=True)
class Part:
    """One file as DuckDB sees it: what to select from, its columns, and what became of it on the way."""

    relation: str
    columns: tuple[Column, ...]
    where: str = ""
    excluded_rows: int | None = None
    notes: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    path: Path | None = None
    text: tuple[str, str] | None = None


class FileSource(Source):
    """A drop folder; a file is read where it lies, or by way of a private file of this source."""

    def __init__(self, system: System, con: duckdb.DuckDBPyConnection, root: Path, folder: Path):
        super().__init__(system)
        self.con = con
        self.root = root
        self.folder = folder
        self._count = 0

    def readings(
        self, spec: ReadSpec, seen: Mapping[str, str] | None = None, watermark: str | None = None
    ) -> Iterator[Reading]:
        """See `Source.readings`: one reading per new or changed partition, oldest first."""
        resource = spec.resource
        file_pattern, _, sheet = resource.physical_name.partition("#")
        is_whole = resource.ingest.mode == "full"
        listing = look(
            self.root,
            file_pattern,
            seen or {},
            latest_only=is_whole,
            done_marker=str(resource.read.get("done", "")),
            again=spec.scope.partition if spec.scope else None,
        )
        for partition, reason in listing.skipped:
            self.skip(resource, partition, reason)
        if not listing.arrivals and not listing.skipped and not seen:
            raise SourceUnavailable(
                f"{resource.name}: no file {file_pattern} has arrived in the folder of {self.system.code}; "
                f"what was published stays. Provider {resource.provider} delivers it"
            )
        for arrival in listing.arrivals:
            if spec.scope is None or spec.scope.partition in (None, arrival.partition):
                yield self._reading(spec, arrival, sheet or None, _scope(resource, arrival))

    def _reading(self, spec: ReadSpec, arrival: Arrival, sheet: str | None, covered: Scope) -> Reading:
        resource = spec.resource
        parts = [self._part(resource, path, sheet) for path in arrival.paths]
        selects: list[str] = []
        extra: dict[str, None] = {}
        excluded = 0
        matched = None
        for path, part in zip(arrival.paths, parts, strict=True):
            matched = match_columns(spec, path.name, part.columns)
            columns = ", ".join(f"{_kept(column)} AS {quote(item)}" for item, column in matched.columns)
            selects.append(f"SELECT {columns} FROM {part.relation}{part.where}")
            excluded += self._excluded(resource, part)
            extra |= dict.fromkeys([*matched.extra, *part.extra])
        assert matched is not None
        return Reading(
            resource=resource,
            con=self.con,
            query=" UNION ALL ".join(selects),
            covered=covered,
            types=matched.types,
            excluded_rows=excluded,
            source_digest=arrival.digest,
            extra_columns=tuple(extra),
            notes=tuple(note for part in parts for note in part.notes),
            failure=lambda: self._why(resource, parts),
        )

    def _part(self, resource: Resource, path: Path, sheet: str | None) -> Part:
        kind = str(resource.read.get("format") or path.suffix.lstrip(".")).casefold()
        if kind in ("csv", "txt", "tsv"):
            return self._csv(resource, path)
        if kind in ("xlsx", "xls"):
            return self._spooled(
                resource, path, sheet_rows(path, sheet, int(resource.read.get("headerRow", 1)))
            )
        if kind == "dbf":
            return self._spooled(resource, path, dbf_rows(path, resource.read.get("encoding")))
        if kind == "jsonl":
            return self._json(resource, path)
        if kind == "parquet":
            return self._parquet(resource, path)
        raise ConfigurationError(
            f"{resource.name}: read.format {kind!r} is not one of csv, xlsx, xls, dbf, jsonl, parquet"
        )

    def _csv(self, resource: Resource, path: Path) -> Part:
        read = resource.read
        delimiter = str(read.get("delimiter") or ("\t" if path.suffix == ".tsv" else ","))
        try:
            encoding = codec(read.get("encoding"))
        except LookupError:
            raise ConfigurationError(f"{resource.name}: read.encoding names no known encoding") from None
        skip, names = _csv_header(resource, path, encoding, delimiter)
        utf8 = path if encoding in UTF8 else as_utf8(path, encoding, self._path(".csv"), delimiter)
        columns = ", ".join(f"{literal(f'f{i}')}: 'VARCHAR'" for i in range(len(names)))
        inner = (
            f"read_csv({literal(str(utf8))}, auto_detect=false, header=false, skip={skip}, "
            f"delim={literal(delimiter)}, quote='\"', escape='\"', nullstr='', allow_quoted_nulls=false, "
            f"null_padding=false, strict_mode=true, ignore_errors=false, columns={{{columns}}})"
        )
        renamed = ", ".join(f"f{i} AS {quote(name)}" for i, name in _once(names))
        return Part(
            relation=f"(SELECT {renamed} FROM {inner})",
            columns=tuple(Column(name, "", "unknown") for name in names),
            where=where_kept(resource),
            path=path,
            text=(encoding, delimiter),
        )

    def _spooled(self, resource: Resource, path: Path, rows: Rows) -> Part:
        batches = text_batches(rows.rows, [f"f{i}" for i in range(len(rows.columns))])
        unique = dict(_once(rows.columns))
        wanted = [i for i in range(len(rows.columns)) if i in unique]
        kept = spool(
            self.con,
            self._path(".parquet"),
            resource,
            [rows.columns[i] for i in wanted],
            (batch.select(wanted).rename_columns([rows.columns[i] for i in wanted]) for batch in batches),
        )
        columns = tuple(Column(name, "", "unknown") for name in rows.columns)
        return Part(kept.relation, columns, excluded_rows=kept.excluded_rows, notes=tuple(rows.notes))

    def _json(self, resource: Resource, path: Path) -> Part:
        names = physical_columns(resource)
        records = Records(names)
        rows = json_records(path, codec(resource.read.get("encoding")), records)
        kept = spool(self.con, self._path(".parquet"), resource, names, text_batches(rows, names))
        present = records.present if records.count else set(names)
        columns = tuple(Column(name, "", "unknown") for name in names if name in present)
        return Part(kept.relation, columns, excluded_rows=kept.excluded_rows, extra=tuple(records.extra))

    def _parquet(self, resource: Resource, path: Path) -> Part:
        relation = f"read_parquet({literal(str(path))})"
        try:
            described = self.con.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
        except duckdb.Error as error:
            raise source_error(error, self.system.code, f"{resource.name}: {path.name}") from None
        columns = tuple(Column(name, kind, family_of(kind)) for name, kind, *_ in described)
        return Part(relation, columns, where=where_kept(resource))

    def _excluded(self, resource: Resource, part: Part) -> int:
        if part.excluded_rows is not None:
            return part.excluded_rows
        if not resource.ingest.exclude:
            return 0
        try:
            (count,) = self.con.execute(
                f"SELECT count(*) FROM {part.relation} WHERE ({resource.ingest.exclude}) IS TRUE"
            ).fetchone()
        except duckdb.Error as error:
            raise self._csv_error(resource, part, error) or source_error(
                error, self.system.code, resource.name
            ) from None
        return count

    def _why(self, resource: Resource, parts: list[Part]) -> SourceError | None:
        """After a failed landing: find the file that cannot be read, and where."""
        for part in parts:
            if part.path is None:
                continue
            try:
                self.con.execute(f"SELECT count(COLUMNS(*)) FROM {part.relation}")
            except duckdb.Error as error:
                return self._csv_error(resource, part, error)
        return None

    def _csv_error(self, resource: Resource, part: Part, error: duckdb.Error) -> SourceError | None:
        if part.path is None or part.text is None:
            return None
        if "unicode" in str(error):
            return unreadable(part.path, *part.text)
        line = _CSV_LINE.search(str(error))
        place = (
            f"line {line.group(1)}" if line else "the lines end in different ways, or a quote is never closed"
        )
        return SourceRefused(
            f"{resource.name}: {part.path.name}: {place}: the fields do not fit the header row; nothing of the "
            f"file was taken. Provider {resource.provider} delivers it again"
        )

    def _path(self, suffix: str) -> Path:
        self._count += 1
        return self.folder / f"{self._count:06d}{suffix}"


def _scope(resource: Resource, arrival: Arrival) -> Scope:
    if resource.ingest.mode == "full":
        return Scope.full()
    if resource.ingest.mode == "append" and arrival.partition:
        return Scope.of_partition(arrival.partition)
    return Scope("upsert", lists_keys=False, partition=arrival.partition or None)


def _kept(column: Column) -> str:
    """Only Parquet columns have a type; those that could lose something on the way become texts."""
    name = quote(column.name)
    return name if column.family == "unknown" or _PARQUET_KEPT.match(column.type) else f"{name}::VARCHAR"


def _once(names: tuple[str, ...]) -> list[tuple[int, str]]:
    """Positions of the names that occur once; a name that occurs twice cannot be asked for."""
    return [(i, name) for i, name in enumerate(names) if names.count(name) == 1]


def _csv_header(resource: Resource, path: Path, encoding: str, delimiter: str) -> tuple[int, tuple[str, ...]]:
    """Return the number of lines to skip and the column names."""
    read = resource.read
    skip = int(read.get("skip", 0))
    if str(read.get("header", True)).casefold() == "false":
        return skip, tuple(item.physical_name for item in resource.items)
    lines = _physical_lines(path, encoding, delimiter)
    for _ in range(skip):
        next(lines, None)
    header_row = int(read.get("headerRow", 1))
    reader = csv.reader(lines, delimiter=delimiter)
    names: list[str] = []
    try:
        for _ in range(header_row):
            names = next(reader, [])
    except csv.Error:
        names = []
    if not any(names):
        raise SourceRefused(
            f"{resource.name}: {path.name} has no header row; nothing was taken. If it never has one, the "
            f"contract says read.header: false"
        )
    return skip + reader.line_num, tuple(name.strip() for name in names)


def _physical_lines(path: Path, encoding: str, delimiter: str) -> Iterator[str]:
    held = ""
    for piece in decoded(path, encoding, delimiter):
        *whole, held = (held + piece).split("\n")
        yield from (line + "\n" for line in whole)
    yield held


@contextmanager
def open_kind(
    system: System, warehouse: WarehousePin | None = None, temp_dir: Path | None = None
) -> Iterator[FileSource]:
    """Open a drop folder: setting `root`.

    Raises:
        SourceUnavailable: the folder is not there now (a share that is not mounted).
    """
    root = Path(setting(system, "root"))
    if not root.is_dir():
        raise SourceUnavailable(
            f"{system.code}: the drop folder is not there; what was published stays; check {system.code}.root "
            f"in systems.yaml, or mount it"
        )
    with (
        tempfile.TemporaryDirectory(prefix="yici-files-", dir=temp_dir) as folder,
        closing(session(temp_dir=temp_dir, extensions=())) as con,
    ):
        yield FileSource(system, con, root, Path(folder))
