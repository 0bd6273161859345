"""A workbook's bytes → the tables in it, with the place of every cell.

Decided here is what is refused before anybody looks at a value: what is no .xlsx (an .xls keeps formulas that its
readers cannot see), macros, formulas, cells that show an error. A formula's result is computed by the program that
saved the file, not by us, and changes when somebody opens it. Hidden rows count as rows: a filter hides them, too.
Columns are found by their heading, wherever they stand and under one header row or two; others are left alone.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from functools import lru_cache
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter, range_boundaries
from openpyxl.utils.exceptions import InvalidFileException

from catalogs.forms.cells import CellValue, folded

FAULTS_SHEET = "问题清单"
_MOST_BYTES = 512 * 1024 * 1024
_MOST_MERGED = 10_000
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z]+[0-9]+:[A-Z]+[0-9]+)"')
_MACROS = re.compile(r"vbaProject\.bin|macrosheets/|activeX/", re.IGNORECASE)
# What reading a damaged workbook raises.
BROKEN = (
    InvalidFileException,
    zipfile.BadZipFile,
    zlib.error,
    SyntaxError,  # of XML, by whichever of its readers openpyxl has
    KeyError,
    ValueError,
    TypeError,
    IndexError,
    EOFError,
)
_HINT = re.compile(r"[(（][^()（）]*[)）]")
_QUOTES = re.compile("[\"'“”‘’*＊:：]")


@dataclass(frozen=True, order=True)
class SheetFault:
    """Something in a workbook that cannot be taken. Texts name codes and headings, never a person's value.

    Attributes:
        sheet: its name; empty where the file as a whole is meant.
        row: 1-based; 0 where the sheet as a whole is meant.
        column: letter; empty where a row as a whole is meant.
    """

    sheet: str
    row: int
    column: str
    what: str
    expected: str
    mend: str

    @property
    def place(self) -> str:
        """Where, for people: 学生!G7."""
        return "!".join(part for part in (self.sheet, f"{self.column}{self.row or ''}") if part)

    def __str__(self) -> str:
        tail = f"; {self.mend}" if self.mend else ""
        return f"{self.place or 'the workbook'}: {self.what}: expected {self.expected}{tail}"


class NotAWorkbookError(Exception):
    """The file is no workbook that can be read; nothing of it was.

    Attributes:
        fault: what it is, and what to do.
    """

    def __init__(self, what: str, expected: str, mend: str):
        self.fault = SheetFault("", 0, "", what, expected, mend)
        super().__init__(str(self.fault))


@dataclass(frozen=True)
class Place:
    """A cell's place."""

    sheet: str
    row: int
    column: str

    def fault(self, what: str, expected: str, mend: str = "") -> SheetFault:
        """Return a fault at this place."""
        return SheetFault(self.sheet, self.row, self.column, what, expected, mend)


@dataclass(frozen=True)
class Record:
    """One row of a table.

    Attributes:
        cells: heading's key → what the cell holds; keys of columns that the sheet has, no others.
        places: heading's key → the column's letter.
    """

    sheet: str
    row: int
    cells: Mapping[str, CellValue]
    places: Mapping[str, str]

    def place(self, key: str) -> Place:
        """Where the cell under a heading stands."""
        return Place(self.sheet, self.row, self.places.get(key, ""))


@dataclass(frozen=True)
class Headings:
    """How a table is recognised: its columns' headings.

    Attributes:
        name: of the table.
        keys: folded heading → key; a column may have several headings.
        needed: keys without which it is not this table.
    """

    name: str
    keys: Mapping[str, str]
    needed: frozenset[str]


@dataclass(frozen=True)
class Table:
    """A table as found.

    Attributes:
        name: of its headings.
        above: texts of the rows between the last table and this one's header, for titles and codes.
        row: of the header's last line.
    """

    name: str
    sheet: str
    row: int
    above: tuple[str, ...]
    records: tuple[Record, ...]
    places: Mapping[str, str]


@dataclass
class Sheet:
    """A sheet's cells, merged ones told apart, formulas and errors as faults."""

    name: str
    values: dict[tuple[int, int], CellValue] = field(default_factory=dict)
    corner: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    faults: dict[tuple[int, int], SheetFault] = field(default_factory=dict)
    last_row: int = 0
    last_column: int = 0

    def down(self, row: int, column: int) -> CellValue:
        """What a cell holds; the lower cells of a merged range hold what its first one does."""
        top, left = self.corner.get((row, column), (row, column))
        return self.values.get((top, left)) if left == column else None

    def across(self, row: int, column: int) -> CellValue:
        """What a cell holds; every cell of a merged range holds what its first one does."""
        return self.values.get(self.corner.get((row, column), (row, column)))


@lru_cache(maxsize=65536)
def heading(text: str) -> str:
    """Return a heading folded, without quotes, stars, colons, and hints in brackets."""
    plain = _QUOTES.sub("", folded(text))
    return _HINT.sub("", plain) or plain


def open_sheets(content: bytes, name: str) -> list[Sheet]:
    """Return the visible and hidden sheets of a workbook, our own list of faults left out.

    Args:
        content: the file's bytes.
        name: its name, for its ending.

    Raises:
        NotAWorkbookError: it is no .xlsx, is protected by a password, holds macros, or is damaged.
    """
    tell_what_it_is(content, name)
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=False, keep_links=False)
        return [_sheet(sheet) for sheet in book.worksheets if sheet.title != FAULTS_SHEET]
    except BROKEN as error:
        raise damaged(error) from error


def damaged(error: Exception) -> NotAWorkbookError:
    """Return what is said of a workbook whose reader failed with one of BROKEN."""
    what = f"the workbook is damaged ({type(error).__name__})"
    return NotAWorkbookError(what, "an .xlsx file", "open it, save it anew as .xlsx")


def unpacked_bytes(content: bytes) -> int:
    """Return how large a workbook says it is unpacked, without unpacking it; 0 for what is no workbook."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            return sum(part.file_size for part in parts.infolist())
    except zipfile.BadZipFile:
        return 0


def tell_what_it_is(content: bytes, name: str) -> None:
    """Refuse what is no .xlsx, has a password, holds macros or is damaged, before anything of it is unpacked.

    Args:
        content: the file's bytes.
        name: its name, for its ending.

    Raises:
        NotAWorkbookError: says which.
    """
    save = "open it and save it as Excel workbook (.xlsx)"
    if content[:4] == b"\xd0\xcf\x11\xe0":
        raise NotAWorkbookError(
            "an .xls file, or a workbook with a password", "an .xlsx file without password", save
        )
    if content[:2] != b"PK":
        raise NotAWorkbookError(
            f"{name.rpartition('.')[2] or 'this'} is no Excel workbook", "an .xlsx file", save
        )
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            names = parts.namelist()
            size = sum(part.file_size for part in parts.infolist())
    except zipfile.BadZipFile as error:
        raise NotAWorkbookError("the workbook is damaged", "an .xlsx file", "send it once more") from error
    if "xl/workbook.xml" not in names:
        raise NotAWorkbookError("another kind of document, not an Excel workbook", "an .xlsx file", save)
    if size > _MOST_BYTES:
        raise NotAWorkbookError(
            "the workbook is too large when unpacked", "at most 512 MB", "cut it in parts"
        )
    macros = [part for part in names if _MACROS.search(part)]
    if macros:
        raise NotAWorkbookError(f"the workbook holds macros ({macros[0]})", "a workbook without macros", save)


def _sheet(sheet: Any) -> Sheet:
    """Read one sheet as a stream; merged ranges come from its text, since a stream leaves them out."""
    found = Sheet(sheet.title)
    sheet.reset_dimensions()
    for cell in (cell for row in sheet.iter_rows() for cell in row):
        if cell.value is None or cell.value == "":
            continue
        row, column = cell.row, cell.column
        found.last_row, found.last_column = max(found.last_row, row), max(found.last_column, column)
        place = Place(sheet.title, row, get_column_letter(column))
        if cell.data_type == "f":
            found.faults[row, column] = place.fault(
                "a formula", "a value", "copy the cell and paste it as value"
            )
        elif cell.data_type == "e":
            found.faults[row, column] = place.fault(
                "an error of the spreadsheet", "a value", "write the value"
            )
        else:
            found.values[row, column] = _value(cell.value, cell.number_format)
    with sheet._get_source() as source:
        ranges = [range_boundaries(match[1].decode()) for match in _MERGED.finditer(source.read())]
    for left, top, right, bottom in ranges:
        found.last_row = max(found.last_row, min(bottom, top + _MOST_MERGED))
        for row in range(top, min(bottom, found.last_row) + 1):
            for column in range(left, min(right, found.last_column) + 1):
                found.corner[row, column] = (top, left)
    return found


def _value(value: Any, number_format: str) -> CellValue:
    if isinstance(value, int | float) and not isinstance(value, bool):
        is_padded = re.fullmatch(r"0{2,}", number_format or "")
        return str(int(value)).zfill(len(number_format)) if is_padded and value == int(value) else value
    if isinstance(value, str | bool | date | time):
        return value
    return str(value)


def tables(sheet: Sheet, known: Sequence[Headings], ends: Iterable[str]) -> Iterator[Table]:
    """Find the tables of a sheet, from top to bottom.

    Args:
        sheet: its cells.
        known: the headings of all tables that there are.
        ends: folded beginnings of rows under a table that do not belong to it (填表人:, 备注:).
    """
    closings = tuple(ends)
    words = frozenset().union(*(headings.keys for headings in known))
    row, above_from = 1, 1
    while row <= sheet.last_row:
        found = _header(sheet, row, known, words)
        if found is None:
            row += 1
            continue
        above = tuple(_texts(sheet, above_from, row))
        places = {key: get_column_letter(column) for key, column in found.columns.items()}
        records = []
        row = header_row = found.last_row
        while (row := row + 1) <= sheet.last_row:
            if _header(sheet, row, known, words) or _ends(sheet, row, closings):
                break
            cells = {key: sheet.down(row, column) for key, column in found.columns.items()}
            if any(value is not None for value in cells.values()):
                records.append(Record(sheet.name, row, cells, places))
        yield Table(found.headings.name, sheet.name, header_row, above, tuple(records), places)
        above_from = row


@dataclass(frozen=True)
class _Header:
    headings: Headings
    columns: Mapping[str, int]
    last_row: int


def _header(sheet: Sheet, row: int, known: Sequence[Headings], words: frozenset[str]) -> _Header | None:
    """The table whose header starts at a row, of one line or two; of several tables the one with most columns."""
    if not any(_words(sheet.across(row, column)) in words for column in range(1, sheet.last_column + 1)):
        return None
    best: _Header | None = None
    for headings in known:
        one, two = _columns(sheet, row, row, headings), _columns(sheet, row, row + 1, headings)
        below = _columns(sheet, row + 1, row + 1, headings)
        is_two = len(two) > max(len(one), len(below)) or (bool(one) and _is_merged_down(sheet, row, two))
        columns = two if is_two else one
        if headings.needed <= columns.keys() and (best is None or len(columns) > len(best.columns)):
            best = _Header(headings, columns, row + is_two)
    return best


def _columns(sheet: Sheet, upper_row: int, lower_row: int, headings: Headings) -> dict[str, int]:
    columns: dict[str, int] = {}
    for column in range(1, sheet.last_column + 1):
        upper, lower = sheet.across(upper_row, column), sheet.across(lower_row, column)
        for words in (_words(lower), _words(upper) + _words(lower), _words(upper)):
            key = headings.keys.get(words)
            if key is not None and key not in columns:
                columns[key] = column
                break
    return columns


def _is_merged_down(sheet: Sheet, row: int, columns: Mapping[str, int]) -> bool:
    return all(sheet.corner.get((row + 1, column), (0, 0))[0] == row for column in columns.values())


def _words(value: CellValue) -> str:
    return heading(value) if isinstance(value, str) else ""


def _ends(sheet: Sheet, row: int, closings: tuple[str, ...]) -> bool:
    values = (sheet.values.get((row, column)) for column in range(1, sheet.last_column + 1))
    first = next((value for value in values if value is not None), None)
    return isinstance(first, str) and folded(first).startswith(closings)


def _texts(sheet: Sheet, start: int, stop: int) -> Iterator[str]:
    for row in range(start, stop):
        for column in range(1, sheet.last_column + 1):
            value = sheet.values.get((row, column))
            if value is not None:
                yield str(value)
