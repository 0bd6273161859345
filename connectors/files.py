"""Drop folders: CSV, Excel, DBF, JSON lines and Parquet files that a unit puts there."""

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from catalogs.found import FoundTable
from catalogs.model import Resource, System
from catalogs.read_keys import FORMATS, file_format
from catalogs.settings import ConfigurationError
from connectors import probe_files
from connectors.arrivals import Arrival, look
from connectors.base import (
    Column,
    Matched,
    Reading,
    ReadSpec,
    Scope,
    Source,
    SourceError,
    SourceUnavailable,
    WarehousePin,
    family_of,
    match_columns,
    refuse_twins,
    source_error,
)
from connectors.batches import text_batches
from connectors.delimited import once, open_delimited
from connectors.duck import literal, quote, session
from connectors.encoding import encoding_of
from connectors.fixed import fixed_rows
from connectors.places import Place, open_place
from connectors.spool import (
    Spooled,
    declared_columns,
    physical_columns,
    refuse_without_marks,
    spool,
    where_kept,
)
from connectors.tabular import Records, Rows, dbf_rows, json_records, sheet_rows

_PARQUET_KEPT = re.compile(
    r"(TINYINT|SMALLINT|INTEGER|BIGINT|BOOLEAN|VARCHAR|DATE|TIMESTAMP|TIMESTAMP WITH TIME ZONE|DOUBLE"
    r"|DECIMAL\(\d+,\d+\))\Z"
)


# What forms pad a value with: blanks, no-break and full-width ones too.
_BLANKS = " \t\u00a0\u3000"


@dataclass(frozen=True)
class Part:
    """One file as DuckDB sees it: what to select from, its columns, and what became of it on the way.

    Attributes:
        relation: what to select from.
        columns: its columns, in the file's order.
        where: the condition that drops what must not land; empty if that was done on the way.
        excluded_rows: rows dropped on the way; None if `where` drops them.
        notes: what a reader of the ledger should know.
        extra: fields of the file that the relation does not have.
        with_fields: gives a relation with just these fields, for what is only in `extra`.
        why: translates a failure of selecting, where the file itself is what DuckDB reads.
    """

    relation: str
    columns: tuple[Column, ...]
    where: str = ""
    excluded_rows: int | None = None
    notes: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    with_fields: Callable[[Sequence[str]], str] | None = None
    why: Callable[[duckdb.Error], SourceError] | None = None


class FileSource(Source):
    """A drop folder; a file is read where it lies, or by way of a private file of this source."""

    def __init__(self, system: System, con: duckdb.DuckDBPyConnection, place: Place, folder: Path):
        super().__init__(system)
        self.con = con
        self.place = place
        self.folder = folder
        self._count = 0

    def tables(self, only: Sequence[str] = ()) -> list[FoundTable]:
        """See `Source.tables`: files by the pattern of their names."""
        return probe_files.tables(self, only)

    def readings(
        self, spec: ReadSpec, seen: Mapping[str, str] | None = None, watermark: str | None = None
    ) -> Iterator[Reading]:
        """See `Source.readings`: one reading per new or changed partition, oldest first."""
        resource, scope = spec.resource, spec.scope
        file_pattern, _, sheet = resource.physical_name.partition("#")
        if scope is not None and scope.kind == "keys":
            raise ConfigurationError(
                f"{resource.name}: ingest.keySweep is for databases; what has left a file is known from the next "
                f"whole one (mode full), or from the corrected file of its day (mode append)"
            )
        taken = seen or {}
        if scope is not None:
            taken = {partition: digest for partition, digest in taken.items() if not scope.holds(partition)}
        self.place.forget()
        listing = look(
            self.place,
            file_pattern,
            taken,
            latest_only=resource.ingest.mode == "full",
            done_marker=str(resource.read.get("done", "")),
            wanted=scope.holds if scope is not None else lambda partition: True,
            closed_before=spec.closed_before,
        )
        for partition, reason in listing.skipped:
            self.skip(resource, partition, reason)
        if not listing.arrivals and not listing.skipped and not seen:
            raise SourceUnavailable(
                f"{resource.name}: no file {file_pattern} has arrived in the folder of {self.system.code}; "
                f"what was published stays. Provider {resource.provider} delivers it"
            )
        for arrival in listing.arrivals:
            self._tidy()
            yield self._reading(spec, arrival, sheet or None, _scope(resource, arrival))

    def _reading(self, spec: ReadSpec, arrival: Arrival, sheet: str | None, covered: Scope) -> Reading:
        resource = spec.resource
        parts = [self._part(resource, path, sheet) for path in arrival.paths]
        for path, part in zip(arrival.paths, parts, strict=True):
            there = [column.name for column in part.columns]
            refuse_twins(resource, path.name, there, physical_columns(resource))
        laid = [
            (part, match_columns(spec, path.name, part.columns))
            for path, part in zip(arrival.paths, parts, strict=True)
        ]
        selects = []
        for part, matched in laid:
            columns = ", ".join(
                f"{_value(resource, column)} AS {quote(item)}" for item, column in matched.columns
            )
            selects.append(f"SELECT {columns} FROM {part.relation}{part.where}")
        excluded = sum(self._excluded(resource, part) for part in parts)
        extra = tuple(dict.fromkeys(name for part, matched in laid for name in (*matched.extra, *part.extra)))
        new = spec.new_columns(extra) if spec.lands_new_columns else ()
        return Reading(
            resource=resource,
            con=self.con,
            query=" UNION ALL ".join(selects),
            covered=covered,
            types=laid[-1][1].types,
            excluded_rows=excluded,
            source_digest=arrival.digest,
            extra_columns=extra,
            beside=(lambda: _beside(resource, laid, new)) if new else None,
            notes=tuple(note for part in parts for note in part.notes),
            failure=lambda: self._why(parts),
        )

    def _part(self, resource: Resource, path: Path, sheet: str | None) -> Part:
        read = resource.read
        kind = file_format(str(read.get("format") or ""), path.name)
        try:
            if kind == "csv":
                return self._csv(resource, path)
            if kind == "fixed":
                return self._spooled(resource, fixed_rows(path, resource))
            if kind in ("xlsx", "xls"):
                has_header = read.get("header", True)
                rows = sheet_rows(
                    path,
                    sheet,
                    int(read.get("headerRow", 1)),
                    int(read.get("headerRows", 1)),
                    None if has_header else declared_columns(resource),
                    physical_columns(resource),
                )
                return self._spooled(resource, rows)
            if kind == "dbf":
                return self._spooled(resource, dbf_rows(path, read.get("encoding")))
            if kind == "jsonl":
                return self._json(resource, path)
        except LookupError:
            raise ConfigurationError(f"{resource.name}: read.encoding names no known encoding") from None
        if kind == "parquet":
            return self._parquet(resource, path)
        raise ConfigurationError(
            f"{resource.name}: files of format {kind!r} cannot be read, only {', '.join(FORMATS)}; the contract "
            f"may name one (read.format)"
        )

    def _csv(self, resource: Resource, path: Path) -> Part:
        file = open_delimited(resource, path, self._path(".csv"))
        return Part(
            relation=file.relation,
            columns=tuple(Column(column, "", "unknown") for column in file.names),
            where=where_kept(resource),
            notes=file.notes,
            why=file.why,
        )

    def _spooled(self, resource: Resource, rows: Rows) -> Part:
        batches = text_batches(rows.rows, [f"f{i}" for i in range(len(rows.columns))])
        wanted = [i for i, _ in once(rows.columns)]
        names = [rows.columns[i] for i in wanted]
        kept = spool(
            self.con,
            self._path(".parquet"),
            resource,
            names,
            (batch.select(wanted).rename_columns(names) for batch in batches),
        )
        columns = tuple(Column(name, "", "unknown") for name in rows.columns)
        return Part(kept.relation, columns, excluded_rows=kept.excluded_rows, notes=tuple(rows.notes))

    def _json(self, resource: Resource, path: Path) -> Part:
        encoding = encoding_of(path, resource.read.get("encoding"))

        def read(names: Sequence[str]) -> tuple[Spooled, Records]:
            records = Records(names)
            batches = text_batches(json_records(path, encoding.name, records), names)
            return spool(self.con, self._path(".parquet"), resource, names, batches), records

        names = physical_columns(resource)
        refuse_twins(resource, path.name, names, names)
        kept, records = read(names)
        present = records.present if records.count else set(names)
        refuse_without_marks(resource, present)
        return Part(
            kept.relation,
            tuple(Column(column, "", "unknown") for column in names if column in present),
            excluded_rows=kept.excluded_rows,
            notes=encoding.notes,
            extra=tuple(records.extra),
            with_fields=lambda fields: read(fields)[0].relation,
        )

    def _parquet(self, resource: Resource, path: Path) -> Part:
        relation = f"read_parquet({literal(str(path))})"
        try:
            described = self.con.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
        except duckdb.Error as error:
            raise source_error(error, self.system.code, f"{resource.name}: {path.name}") from None
        # DuckDB renames the second of two names that differ in case only.
        refuse_twins(resource, path.name, pq.read_schema(path).names, physical_columns(resource))
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
            raise self._why([part]) or source_error(error, self.system.code, resource.name) from None
        return count

    def _why(self, parts: list[Part]) -> SourceError | None:
        """After a failure: find the file that cannot be read, and where."""
        for part in parts:
            if part.why is not None:
                try:
                    self.con.execute(f"SELECT count(COLUMNS(*)) FROM {part.relation}")
                except duckdb.Error as error:
                    return part.why(error)
        return None

    def _tidy(self) -> None:
        """Remove the private files of the reading before: by now it was landed."""
        for path in self.folder.iterdir():
            path.unlink()

    def _path(self, suffix: str) -> Path:
        self._count += 1
        return self.folder / f"{self._count:06d}{suffix}"


def _scope(resource: Resource, arrival: Arrival) -> Scope:
    if resource.ingest.mode == "full":
        return Scope.full()
    if resource.ingest.mode == "append" and arrival.partition:
        return Scope.of_partition(arrival.partition)
    return Scope("upsert", lists_keys=False, partition=arrival.partition or None)


def _beside(resource: Resource, laid: Sequence[tuple[Part, Matched]], new: Sequence[str]) -> str:
    """Query for the key and the new columns, each under its own name."""
    selects = []
    for part, matched in laid:
        keys = [(item, column) for item, column in matched.columns if item in resource.key]
        named = [f"{_value(resource, column)} AS {quote(item)}" for item, column in keys]
        there = {*matched.extra, *part.extra}
        named += [f"{quote(name) if name in there else 'NULL'}::VARCHAR AS {quote(name)}" for name in new]
        relation = part.relation
        if part.with_fields is not None:
            relation = part.with_fields([*(column.name for _, column in keys), *new])
        selects.append(f"SELECT {', '.join(named)} FROM {relation}{part.where}")
    return " UNION ALL ".join(selects)


def _value(resource: Resource, column: Column) -> str:
    """What is landed of a column: texts as `read.trim` and `read.nulls` say; all but Parquet's are texts.

    Of Parquet's types, those that could lose something on the way become texts.
    """
    name = quote(column.name)
    if column.family != "unknown":
        return name if _PARQUET_KEPT.match(column.type) else f"{name}::VARCHAR"
    text = f"trim({name}, {literal(_BLANKS)})" if resource.read.get("trim") else name
    if nothing := resource.read.get("nulls"):
        listed = ", ".join(literal(str(word)) for word in nothing)
        return f"CASE WHEN {text} IN ({listed}) THEN NULL ELSE {text} END"
    return text


@contextmanager
def open_kind(
    system: System, warehouse: WarehousePin | None = None, temp_dir: Path | None = None
) -> Iterator[FileSource]:
    """Open a drop folder: setting `root`, a folder or an address that fsspec knows (`connectors.places`).

    Raises:
        SourceUnavailable: the folder is not there now (a share that is not mounted), or its host is silent.
        SourceRefused: its host refuses us.
        ConfigurationError: a setting or a driver is missing.
    """
    with (
        tempfile.TemporaryDirectory(prefix="yici-files-", dir=temp_dir) as folder,
        tempfile.TemporaryDirectory(prefix="yici-fetched-", dir=temp_dir) as fetched,
        open_place(system, Path(fetched)) as place,
        closing(session(temp_dir=temp_dir, extensions=())) as con,
    ):
        yield FileSource(system, con, place, Path(folder))
