"""What lies in a drop folder: files grouped by the pattern of their names, columns taken from the newest of each.

A date, month or term in a name is what changes from delivery to delivery; files that differ in nothing else are one
resource. How a text file is to be read (encoding, delimiter, header row) is found out from the file itself.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openpyxl
import pyarrow.parquet as pq
import xlrd

from catalogs.found import AT_LEAST, COUNTED, ESTIMATED, FoundColumn, FoundTable
from connectors.base import SourceError, SourceRefused, family_of
from connectors.duck import literal
from connectors.encoding import decoded, encoding_of
from connectors.probe import fields_of
from connectors.tabular import dbf_rows, load_json, sheet_rows

if TYPE_CHECKING:
    from connectors.files import FileSource
    from connectors.places import Found

_DIGITS = r"(?<![0-9]){}(?![0-9])"
_TERM = re.compile(_DIGITS.format("[0-9]{4}-[0-9]{4}-[0-9]"))
_DATE = re.compile(_DIGITS.format("([0-9]{4})[-_.]?([0-9]{2})[-_.]?([0-9]{2})"))
_MONTH = re.compile(_DIGITS.format("([0-9]{4})[-_.]?([0-9]{2})"))
_KINDS = {
    "csv": "csv", "txt": "csv", "tsv": "csv", "xlsx": "xlsx", "xls": "xls", "dbf": "dbf", "jsonl": "jsonl",
    "parquet": "parquet",
}  # fmt: skip
_DELIMITERS = ",\t;|"
_COUNT_LIMIT = 100_000
_LOOKED_AT = 1_000  # JSON lines whose fields are gathered
_TITLE_ROWS = 5  # rows in which a sheet's header is looked for
_DATA_CELL = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?|[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}")


def tables(source: "FileSource", only: Sequence[str] = ()) -> list[FoundTable]:
    """List the files at the root, and in folders that `only` names, by pattern and sheet."""
    folders = sorted({"", *(name.rpartition("/")[0] for name in only)})
    groups: dict[str, list[Found]] = defaultdict(list)
    for folder in folders:
        for found in source.place.entries(folder):
            kind = _KINDS.get(found.name.rpartition(".")[2].casefold())
            if kind and not found.name.startswith(("~$", ".")):
                pattern = pattern_of(found.name)
                groups[f"{folder}/{pattern}" if folder else pattern].append(found)
    tables: list[FoundTable] = []
    for pattern, files in sorted(groups.items()):
        newest = max(files, key=lambda found: found.name)
        try:
            tables += _tables(source, pattern, newest, len(files))
        except SourceError as error:
            tables.append(FoundTable(pattern, "file", notes=(str(error),)))
    return tables


def pattern_of(name: str) -> str:
    """Return a file's name with its date, month or term as a placeholder; the name itself without one."""
    for placeholder, expression in (("{term}", _TERM), ("{date}", _DATE), ("{month}", _MONTH)):
        for match in expression.finditer(name):
            if placeholder == "{term}" or _is_day(match):
                return name[: match.start()] + placeholder + name[match.end() :]
    return name


def _is_day(match: re.Match[str]) -> bool:
    year, month, *day = map(int, match.groups())
    try:
        return 1950 <= date(year, month, *(day or [1])).year <= 2100
    except ValueError:
        return False


def _tables(source: "FileSource", pattern: str, newest: "Found", count: int) -> Iterator[FoundTable]:
    path = source.place.local(newest)
    if path is None:
        yield FoundTable(pattern, "file", notes=(f"{newest.name}: still growing; look again later",))
        return
    notes: tuple[str, ...] = ()
    if "{" in pattern:
        files = "1 file" if count == 1 else f"{count} files"
        notes = (
            f"{files} so far: each is taken for the whole, and the newest counts; where each holds its own day or "
            'term only, write ingest {mode: "append", partition: {by: "day", from: "filename"}, onAbsence: "keep"}',
        )
    kind = _KINDS[newest.name.rpartition(".")[2].casefold()]
    if kind == "csv":
        yield _delimited(pattern, path, notes)
    elif kind in ("xlsx", "xls"):
        sheets = _sheets(path, kind)
        for sheet in sheets:
            yield _sheet(f"{pattern}#{sheet}" if len(sheets) > 1 else pattern, path, sheet, notes)
    elif kind == "dbf":
        found = dbf_rows(path, None)
        yield _listed(pattern, found.columns, found.rows, {"format": "dbf"}, notes)
    elif kind == "jsonl":
        lines = _lines(path, encoding_of(path, None).name)
        columns = _columns(_json_fields(path, islice(lines, _LOOKED_AT)))
        yield FoundTable(pattern, "file", columns=columns, read={"format": "jsonl"}, notes=notes)
    else:
        (rows,) = source.con.execute(f"SELECT count(*) FROM read_parquet({literal(str(path))})").fetchone()
        described = source.con.execute(f"DESCRIBE FROM read_parquet({literal(str(path))})").fetchall()
        # DuckDB renames the second of two names that differ in case only.
        columns = tuple(
            FoundColumn(name, told, family_of(told))
            for name, (_, told, *_) in zip(pq.read_schema(path).names, described, strict=True)
        )
        yield FoundTable(pattern, "file", "", rows, COUNTED, columns, read={"format": "parquet"}, notes=notes)


def _delimited(pattern: str, path: Path, notes: tuple[str, ...]) -> FoundTable:
    encoding = encoding_of(path, None)
    lines = _lines(path, encoding.name)
    first = next(lines, "")
    delimiter = max(_DELIMITERS, key=first.count)
    header = [cell.strip() for cell in next(csv.reader([first], delimiter=delimiter), [])]
    read: dict[str, Any] = {"format": "csv", "encoding": encoding.name.removesuffix("-sig")}
    if delimiter != ("\t" if path.suffix == ".tsv" else ","):
        read["delimiter"] = delimiter
    while header and not header[-1]:
        header.pop()  # a line that ends with its delimiter
    if not header or any(not cell or _DATA_CELL.fullmatch(cell) for cell in header):
        header = [f"column_{place}" for place in range(1, len(header) + 1)]
        read["header"] = False
        notes = (*notes, "the first line looks like data: columns are named by place")
        return FoundTable(
            pattern,
            "file",
            "",
            1 + sum(1 for _ in lines),
            ESTIMATED,
            _columns(header),
            read=read,
            notes=notes,
        )
    return FoundTable(
        pattern, "file", "", sum(1 for _ in lines), ESTIMATED, _columns(header), read=read, notes=notes
    )


def _sheet(pattern: str, path: Path, sheet: str, notes: tuple[str, ...]) -> FoundTable:
    """Take for the header the first row that names most columns: forms have their title above it."""
    named = [len(sheet_rows(path, sheet, row).columns) for row in range(1, _TITLE_ROWS + 1)]
    row = named.index(max(named)) + 1
    read: dict[str, Any] = {"format": path.suffix.lstrip(".").casefold()}
    if row > 1:
        read["headerRow"] = row
        notes = (*notes, f"row {row} is taken for the header; a header of several rows needs read.headerRows")
    found = sheet_rows(path, sheet, row)
    return _listed(pattern, found.columns, found.rows, read, notes)


def _listed(
    pattern: str, columns: Sequence[str], rows: Iterator[Any], read: dict[str, Any], notes: tuple[str, ...]
) -> FoundTable:
    count = sum(1 for _ in islice(rows, _COUNT_LIMIT + 1))
    certainty = COUNTED if count <= _COUNT_LIMIT else AT_LEAST
    return FoundTable(
        pattern,
        "file",
        rows=min(count, _COUNT_LIMIT),
        certainty=certainty,
        columns=_columns(columns),
        read=read,
        notes=notes,
    )


def _sheets(path: Path, kind: str) -> list[str]:
    if kind == "xls":
        with xlrd.open_workbook(str(path), on_demand=True) as old:
            return old.sheet_names()
    book = openpyxl.load_workbook(path, read_only=True)
    try:
        return book.sheetnames
    finally:
        book.close()


def _lines(path: Path, encoding: str) -> Iterator[str]:
    held = ""
    for piece in decoded(path, encoding):
        *whole, held = (held + piece).split("\n")
        yield from whole
    if held.strip():
        yield held


def _json_fields(path: Path, lines: Iterable[str]) -> dict[str, None]:
    fields: dict[str, None] = {}
    for line in lines:
        if not line.strip():
            continue
        try:
            record = load_json(line)
        except ValueError:
            record = None
        if not isinstance(record, dict):
            raise SourceRefused(f"{path.name}: a line is no JSON object")
        fields |= dict.fromkeys(fields_of(record))
    return fields


def _columns(names: Iterable[str]) -> tuple[FoundColumn, ...]:
    return tuple(FoundColumn(name) for name in names)
