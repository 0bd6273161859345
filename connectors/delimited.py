"""CSV and its kin: DuckDB reads the rows, as texts and strictly; Python finds the header and names a misfit.

A row with too many or too few fields is an error with its line, never padded or cut: the fields after a
stray delimiter would all stand in the wrong column.
"""

import csv
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import duckdb

from catalogs.model import Resource
from catalogs.read_keys import NO_QUOTE
from connectors.base import SourceRefused
from connectors.duck import literal, quote
from connectors.encoding import as_utf8, encoding_of, unreadable
from connectors.spool import declared_columns

_LINE = re.compile(r"CSV Error on Line: (\d+)")


@dataclass(frozen=True)
class Delimited:
    """A delimited file ready to be selected from.

    Attributes:
        resource: for messages.
        path: the file as it was delivered.
        utf8: the same or its private UTF-8 copy.
        rows: what DuckDB reads: `utf8`, or a private copy of its rows alone.
        encoding: Python's name.
        delimiter: one character.
        quote: one character; empty if quotes mean nothing.
        body: lines before the first row.
        names: its columns, in order.
        notes: what a reader of the ledger should know.
    """

    resource: Resource
    path: Path
    utf8: Path
    rows: Path
    encoding: str
    delimiter: str
    quote: str
    body: int
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def relation(self) -> str:
        """What to select from: each column under its own name, those whose names occur twice left out."""
        skip = self.body if self.rows == self.utf8 else 0
        columns = ", ".join(f"{literal(f'f{i}')}: 'VARCHAR'" for i in range(len(self.names)))
        inner = (
            f"read_csv({literal(str(self.rows))}, auto_detect=false, header=false, skip={skip}, "
            f"delim={literal(self.delimiter)}, quote={literal(self.quote)}, escape={literal(self.quote)}, "
            f"nullstr='', allow_quoted_nulls=false, null_padding=false, strict_mode=true, "
            f"ignore_errors=false, columns={{{columns}}})"
        )
        renamed = ", ".join(f"f{i} AS {quote(name)}" for i, name in once(self.names))
        return f"(SELECT {renamed} FROM {inner})"

    def why(self, error: duckdb.Error) -> SourceRefused:
        """Say where the file cannot be read, without a value of it."""
        try:
            place = self._misfit()
        except UnicodeDecodeError:
            return unreadable(self.path, self.encoding, self.delimiter)
        if place is None:
            line = _LINE.search(str(error))
            place = (
                f"line {line.group(1)}: the fields do not fit the header row"
                if line
                else "the lines end in different ways, or a quote is never closed"
            )
        return SourceRefused(
            f"{self.resource.name}: {self.path.name}: {place}; nothing of the file was taken. Provider "
            f"{self.resource.provider} delivers it again"
        )

    def _misfit(self) -> str | None:
        with _text(self.utf8, "utf-8-sig") as stream:
            for _ in range(self.body):
                next(stream, None)
            reader = _reader(stream, self.delimiter, self.quote)
            first = self.body + 1
            try:
                for row in reader:
                    if row and len(row) != len(self.names):
                        return f"line {first}: {len(row)} fields where the header row has {len(self.names)}"
                    first = self.body + reader.line_num + 1
            except csv.Error:
                return f"line {first}: a quote stands inside a field, or is never closed"
        return None


def once(names: tuple[str, ...]) -> list[tuple[int, str]]:
    """Positions of the names that occur once; a name that occurs twice cannot be asked for."""
    return [(i, name) for i, name in enumerate(names) if name and names.count(name) == 1]


def open_delimited(resource: Resource, path: Path, copy: Path) -> Delimited:
    """Find out how a delimited file is to be read.

    Args:
        resource: its contract; `read` says what differs from a CSV with one header row.
        path: the file on this machine.
        copy: where a private UTF-8 copy may be written; DuckDB knows no GB18030.

    Raises:
        SourceRefused: a byte that cannot be read, or no header row.
    """
    read = resource.read
    delimiter = str(read.get("delimiter") or ("\t" if path.suffix == ".tsv" else ","))
    mark = str(read.get("quote", '"'))
    mark = "" if mark == NO_QUOTE else mark
    skip = int(read.get("skip", 0))
    encoding = encoding_of(path, read.get("encoding"), delimiter)
    utf8 = path if encoding.is_utf8 else as_utf8(path, encoding.name, copy, delimiter)
    header_row = int(read.get("headerRow", 1)) if read.get("header", True) else 0
    try:
        lines, cells, is_plain = _above(utf8, skip, header_row, delimiter, mark)
    except UnicodeDecodeError:
        raise unreadable(path, encoding.name, delimiter) from None
    names = cells if header_row else declared_columns(resource)
    if not any(names):
        raise SourceRefused(
            f"{resource.name}: {path.name} has no header row; nothing was taken. If it never has one, the "
            f"contract says read.header: false"
        )
    # DuckDB counts rows where lines are to be skipped, and takes a quote in a title for the beginning of a field.
    rows = utf8 if is_plain else _rows_alone(utf8, lines, copy.with_suffix(".rows.csv"))
    return Delimited(resource, path, utf8, rows, encoding.name, delimiter, mark, lines, names, encoding.notes)


def _above(
    path: Path, skip: int, header_row: int, delimiter: str, mark: str
) -> tuple[int, tuple[str, ...], bool]:
    """Look at what stands above the rows.

    Returns:
        the number of its lines; the cells of the header row, none if there is no such row; whether each of its
        lines is one row.
    """
    with _text(path, "utf-8-sig") as stream:
        titles = [next(stream, "") for _ in range(skip)]
        reader = _reader(stream, delimiter, mark)
        names: list[str] = []
        try:
            for _ in range(header_row):
                names = next(reader, [])
        except csv.Error:
            names = []
        is_plain = reader.line_num == header_row and not (mark and any(mark in title for title in titles))
        return skip + reader.line_num, tuple(name.strip() for name in names), is_plain


def _rows_alone(path: Path, lines: int, target: Path) -> Path:
    with _text(path, "utf-8-sig") as stream, target.open("w", encoding="utf-8", newline="") as out:
        for _ in range(lines):
            next(stream, None)
        shutil.copyfileobj(stream, out)
    return target


def _reader(stream: TextIO, delimiter: str, mark: str) -> Any:
    if not mark:
        return csv.reader(stream, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    return csv.reader(stream, delimiter=delimiter, quotechar=mark, strict=True)


@contextmanager
def _text(path: Path, encoding: str) -> Iterator[TextIO]:
    # newline="": lines end with \n, \r\n or \r, and what stands inside a quoted field is left alone.
    with path.open(encoding=encoding, newline="") as stream:
        yield stream
