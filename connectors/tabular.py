"""Files that Python reads: Excel sheets, DBF tables, JSON lines. Every value becomes its exact text."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import dbfread
import python_calamine as calamine

from connectors.base import SourceChanged, SourceRefused
from connectors.batches import as_text
from connectors.encoding import decoded


@dataclass
class Rows:
    """A file's columns and rows; `notes` may grow while the rows are read."""

    columns: tuple[str, ...]
    rows: Iterator[Sequence[Any]]
    notes: list[str] = field(default_factory=list)


def sheet_rows(path: Path, sheet: str | None, header_row: int = 1) -> Rows:
    """Read one sheet of an .xlsx or .xls workbook.

    Args:
        path: the workbook.
        sheet: its name; None means the only one.
        header_row: row of the column names, counted from 1; what stands above is not read.

    Raises:
        SourceRefused: not a workbook, or several sheets and none named.
        SourceChanged: the sheet is gone.
    """
    try:
        workbook = calamine.load_workbook(path)
    except (calamine.CalamineError, OSError):
        raise SourceRefused(
            f"{path.name}: cannot be opened as a workbook (damaged, or protected by a password); nothing of "
            f"it was taken"
        ) from None
    names = workbook.sheet_names
    if sheet is None and len(names) != 1:
        raise SourceRefused(f"{path.name}: has {len(names)} sheets; the contract names one: file#sheet")
    wanted = sheet or names[0]
    if wanted not in names:
        raise SourceChanged(f"{path.name}: has no sheet {wanted!r} any more; it has {', '.join(names)}")
    lines = workbook.get_sheet_by_name(wanted).iter_rows()
    header: list[str] = []
    for _ in range(header_row):
        header = [(as_text(cell) or "").strip() for cell in next(lines, [])]
    kept = [position for position, name in enumerate(header) if name]
    columns = tuple(header[position] for position in kept)
    return Rows(columns, _sheet_body(lines, kept))


def _sheet_body(lines: Iterable[list[Any]], kept: Sequence[int]) -> Iterator[Sequence[Any]]:
    for line in lines:
        row = [_cell(line[position]) if position < len(line) else None for position in kept]
        if any(value is not None for value in row):
            yield row


def _cell(value: Any) -> Any:
    """A sheet has no empty string, only empty cells; a duration is hours, minutes, seconds."""
    if value == "":
        return None
    if isinstance(value, timedelta):
        seconds = int(value.total_seconds())
        return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return value


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
        SourceRefused: not a DBF, its memo file is missing, or a field that cannot be read, with record number.
    """
    try:
        table = dbfread.DBF(
            str(path), encoding=encoding, parserclass=_DbfTexts, char_decode_errors="strict", ignorecase=True
        )
        deleted = len(table.deleted)
    except dbfread.MissingMemoFile:
        raise SourceRefused(f"{path.name}: its memo file is missing; nothing of it was taken") from None
    except (dbfread.DBFNotFound, LookupError, ValueError, OSError):
        raise SourceRefused(
            f"{path.name}: cannot be opened as a DBF table; nothing of it was taken"
        ) from None
    rows = Rows(tuple(table.field_names), _dbf_body(path, table))
    if deleted:
        rows.notes.append(f"{path.name}: {deleted} records are marked as deleted and were not read")
    return rows


def _dbf_body(path: Path, table: dbfread.DBF) -> Iterator[Sequence[Any]]:
    records = iter(table)
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
        yield list(record.values())


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
