"""Files that Python reads: sheets of workbooks, DBF tables, JSON lines. Every value becomes its exact text."""

import json
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import dbfread

from connectors.base import SourceRefused
from connectors.batches import as_text
from connectors.cells import Cell, Fault, Merge, Sheet, cell_name
from connectors.encoding import decoded
from connectors.workbook import open_sheet


@dataclass
class Rows:
    """A file's columns and rows; `notes` may grow while the rows are read."""

    columns: tuple[str, ...]
    rows: Iterator[Sequence[Any]]
    notes: list[str] = field(default_factory=list)


def sheet_rows(
    path: Path,
    sheet: str | None,
    header_row: int = 1,
    header_rows: int = 1,
    columns: Sequence[str] | None = None,
    wanted: Collection[str] | None = None,
) -> Rows:
    """Read one sheet of an .xlsx or .xls workbook.

    A cell merged downwards holds for each of its rows, as whoever looks at the sheet reads it; a row that has
    nothing of its own is no row.

    Args:
        path: the workbook.
        sheet: its name; None means the only one.
        header_row: the last row of the header, counted from 1; what stands above the header is not read.
        header_rows: rows of the header. Of more than one, a column is named by all of them, `联系方式/手机`,
            where a group's merged cell holds for all columns below it.
        columns: names by position where there is no header: the rows then begin at row 1.
        wanted: columns that must not hold a cell without a value that can be taken; in others such a cell is
            empty. None: all of them.

    Raises:
        SourceRefused: not a workbook, several sheets and none named; while rows are read: a wanted cell without
            a value that can be taken (an error, a formula never calculated, …), named.
        SourceChanged: the sheet is gone.
    """
    opened = open_sheet(path, sheet)
    strict = None if wanted is None else {name.casefold() for name in wanted}
    if columns is not None:
        names = dict(enumerate(columns))
        return Rows(tuple(columns), _sheet_body(path, sheet, opened, opened.rows, 0, names, strict))
    head: dict[int, dict[int, Cell]] = {}
    held: list[tuple[int, dict[int, Cell]]] = []
    for number, cells in opened.rows:
        if number > header_row:
            held = [(number, cells)]
            break
        head[number] = cells
    names = _header_names(head, opened.merges, header_row - header_rows + 1, header_row)
    body = _sheet_body(path, sheet, opened, chain(held, opened.rows), header_row, names, strict)
    return Rows(tuple(names.values()), body)


def _header_names(
    head: Mapping[int, Mapping[int, Cell]], merges: Sequence[Merge], first: int, last: int
) -> dict[int, str]:
    """Name the columns by the rows `first` to `last`, where a merged cell holds for all that it covers.

    In the last row it holds for its first column only: two columns of one name could not be told apart.
    """
    parts: dict[int, list[str]] = {}
    for number in range(first, last + 1):
        texts = dict(head.get(number, {}))
        for merge in merges:
            if merge.top <= number <= merge.bottom and merge.left in head.get(merge.top, {}):
                right = merge.right if merge.bottom < last else merge.left
                anchor = head[merge.top][merge.left]
                texts |= dict.fromkeys(range(merge.left, right + 1), anchor)
        for column, text in texts.items():
            if text.strip():
                parts.setdefault(column, []).append(text.strip())
    return {column: "/".join(dict.fromkeys(texts)) for column, texts in sorted(parts.items())}


def _sheet_body(
    path: Path,
    sheet: str | None,
    opened: Sheet,
    rows: Iterable[tuple[int, dict[int, Cell]]],
    header_row: int,
    names: Mapping[int, str],
    strict: Collection[str] | None,
) -> Iterator[Sequence[str | None]]:
    downwards = [merge for merge in opened.merges if merge.bottom > merge.top and merge.bottom > header_row]
    starting = {(merge.top, merge.left): merge.bottom for merge in downwards}
    running: dict[int, tuple[int, Cell | None]] = {}
    for number, cells in rows:
        for column in names:
            if bottom := starting.get((number, column)):
                running[column] = (bottom, cells.get(column))
        if not any(column in cells for column in names):
            continue
        row: list[str | None] = []
        for column, name in names.items():
            last, merged = running.get(column, (0, None))
            value = merged if number <= last else cells.get(column)
            if isinstance(value, Fault) and strict is not None and name.casefold() not in strict:
                value = None
            elif isinstance(value, Fault):
                where = f"sheet {sheet}, " if sheet else ""
                raise SourceRefused(
                    f"{path.name}: {where}cell {cell_name(number, column)} (row {number}, column {name}): holds "
                    f"{value}; nothing of the file was taken. Whoever keeps it mends the cell and delivers it again"
                )
            row.append(value)
        yield row


# Visual FoxPro's hidden field of flags, and the mark of a field that may be NULL.
_DBF_FLAGS, _DBF_NULLABLE = "0", 0x02


class _DbfTexts(dbfread.FieldParser):
    """DBF fields as texts: numbers with the digits that stand in the file, dates ISO."""

    def parseC(self, field, data):
        return self.decode_text(data.rstrip(b"\0 "))

    def parseN(self, field, data):
        text = data.replace(b"\0", b"").strip(b" *").decode("ascii")
        return text or None

    parseF = parseN

    def parse(self, field, data):
        try:
            return super().parse(field, data)
        except (ValueError, UnicodeError):
            raise _BadField(field.name) from None


class _BadField(Exception):
    """A field that cannot be read; the argument is its name."""


def dbf_rows(path: Path, encoding: str | None) -> Rows:
    """Read a DBF table; an encoding of the contract wins over the file's own mark.

    Raises:
        SourceRefused: not a DBF, cut off, its memo file is missing, or a field that cannot be read, with record
            number.
    """
    try:
        table = dbfread.DBF(
            str(path),
            encoding=encoding,
            parserclass=_DbfTexts,
            recfactory=lambda items: [value for _, value in items],
            char_decode_errors="strict",
            ignorecase=True,
        )
        deleted = len(table.deleted)
    except dbfread.MissingMemoFile:
        raise SourceRefused(f"{path.name}: its memo file is missing; nothing of it was taken") from None
    except (dbfread.DBFNotFound, LookupError, ValueError, OSError, struct.error):
        raise SourceRefused(
            f"{path.name}: cannot be opened as a DBF table; nothing of it was taken"
        ) from None
    header = table.header
    if path.stat().st_size < header.headerlen + header.numrecords * header.recordlen:
        raise SourceRefused(
            f"{path.name}: is cut off: its header promises {header.numrecords} records; nothing of it was taken"
        )
    kept = [i for i, field in enumerate(table.fields) if field.type != _DBF_FLAGS]
    rows = Rows(tuple(table.field_names[i] for i in kept), _dbf_body(path, table, kept))
    if deleted:
        rows.notes.append(f"{path.name}: {deleted} records are marked as deleted and were not read")
    return rows


def _dbf_body(path: Path, table: dbfread.DBF, kept: Sequence[int]) -> Iterator[Sequence[Any]]:
    records = iter(table)
    flags, nullable = _dbf_nulls(table)
    number = 0
    while True:
        number += 1
        try:
            record = next(records, None)
        except _BadField as error:
            raise SourceRefused(
                f"{path.name}: record {number}, field {error.args[0]}: cannot be read as {table.encoding}; nothing of "
                f"the file was taken. If the file is right, declare its encoding in the contract (read.encoding)"
            ) from None
        if record is None:
            return
        for bit, position in nullable:
            if record[flags][bit // 8] & 1 << bit % 8:
                record[position] = None
        yield [record[position] for position in kept]


def _dbf_nulls(table: dbfread.DBF) -> tuple[int, list[tuple[int, int]]]:
    """Where Visual FoxPro keeps which fields of a record are NULL: position of the flags, (bit, field) of each.

    In the field itself stands then a zero or blanks.
    """
    flags = next((i for i, field in enumerate(table.fields) if field.type == _DBF_FLAGS), -1)
    if flags < 0:
        return flags, []
    nullable = [i for i, field in enumerate(table.fields) if field.reserved1 & _DBF_NULLABLE]
    return flags, list(enumerate(nullable))


@dataclass
class Records:
    """JSON objects laid over the columns a contract asks for; knows afterwards what there was.

    Attributes:
        columns: names asked for; `a.b` reaches into nested objects where there is no field of that very name.
        present: names that at least one object had.
        extra: fields that nobody asked for.
        count: objects seen.
    """

    columns: Sequence[str]
    present: set[str] = field(default_factory=set)
    extra: dict[str, None] = field(default_factory=dict)
    count: int = 0

    def row(self, record: dict[str, Any]) -> list[Any]:
        """Return the record's values in the order of `columns`."""
        self.count += 1
        values = []
        for column in self.columns:
            found, value = _reach(record, column)
            if found:
                self.present.add(column)
            values.append(json_text(value))
        wanted = {column.split(".", 1)[0] for column in self.columns} | set(self.columns)
        for name in record:
            if name not in wanted:
                self.extra.setdefault(name)
        return values


def json_records(path: Path, encoding: str, records: Records) -> Iterator[Sequence[Any]]:
    """Read JSON lines; numbers keep the digits that stand in the file.

    Raises:
        SourceRefused: a line that is not a JSON object, with its number.
    """
    number, rest = 0, ""
    for piece in _lines(decoded(path, encoding)):
        number += 1
        rest = piece.strip()
        if not rest:
            continue
        try:
            record = load_json(rest)
        except ValueError:
            record = None
        if not isinstance(record, dict):
            raise SourceRefused(
                f"{path.name}: line {number} is not a JSON object; nothing of the file was taken"
            )
        yield records.row(record)


def load_json(text: str | bytes) -> Any:
    """Parse JSON, numbers as the texts they are written as.

    Raises:
        ValueError: not JSON.
    """
    return json.loads(text, parse_int=_Number, parse_float=_Number, parse_constant=_Number)


class _Number(str):
    """A JSON number in its own digits."""


def at_path(body: Any, path: str) -> Any:
    """Follow a JSONPath of names (`$.data.items`, `$`, `$.list[*]`); None if there is nothing there."""
    for name in path.removeprefix("$").replace("[*]", "").split("."):
        if not name:
            continue
        if not isinstance(body, dict):
            return None
        body = body.get(name)
    return body


def json_text(value: Any) -> str | None:
    """The text of a JSON value: strings and numbers as they are, objects and lists as JSON."""
    if isinstance(value, dict | list):
        return _dump(value)
    return as_text(value)


def _dump(value: Any) -> str:
    if isinstance(value, dict):
        return (
            "{"
            + ", ".join(f"{json.dumps(k, ensure_ascii=False)}: {_dump(v)}" for k, v in value.items())
            + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(_dump, value)) + "]"
    return str(value) if isinstance(value, _Number) else json.dumps(value, ensure_ascii=False)


def _reach(record: dict[str, Any], column: str) -> tuple[bool, Any]:
    if column in record:
        return True, record[column]
    value: Any = record
    for name in column.split("."):
        if not isinstance(value, dict) or name not in value:
            return False, None
        value = value[name]
    return True, value


def _lines(pieces: Iterable[str]) -> Iterator[str]:
    held = ""
    for piece in pieces:
        *whole, held = (held + piece).split("\n")
        yield from whole
    if held:
        yield held
