"""The workbook that a provider corrects waiting rows in: written with every broken rule in words, and read back.

One sheet, one row per waiting row. What the source sent stands as text, the offending cells are marked, and beside
each item that any row offends in stands an empty column to correct it in. A value cell that somebody overwrites counts
as well. Rows are found again by their mark in the first column; where that is lost, by the key that the source sent.
"""

import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from openpyxl import Workbook, load_workbook
from openpyxl.cell.cell import Cell
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

from catalogs.forms.cells import CellError, as_text
from catalogs.forms.saving import in_memory
from catalogs.forms.sheets import BROKEN, NotAWorkbookError, SheetFault, damaged, tell_what_it_is
from catalogs.model import Item, Resource
from expectations.quarantine.desk import Correction, QuarantineError, WaitingRow
from expectations.quarantine.words import in_words, items_of

SHEET = "待纠正"
EMPTY = "〔空〕"
_RESOURCE = "数据资源"
_MARK, _RULES, _SINCE = "行标识", "违反的规则", "批次"
_WIDTHS = {_MARK: 8, _RULES: 44}
_CORRECT = "更正: "
_HEAD = 4
_AGAIN = "export it again"
_WAITS_NO_MORE = "a row that waits no more: the source sent it otherwise, or it was admitted"
_ABOUT = (
    f"请在“{_CORRECT.strip(' :')}”列填写正确的值(应为空的填{EMPTY}), 或直接改正标红的单元格, 存盘后交回。"
    "未改动的行不受影响。业务系统下一批数据优先于这里的更正, 请同时在业务系统中改正。"
)
# What XML cannot hold, and where a spreadsheet cuts a text.
_UNSHOWN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_LONGEST = 32_767
_RED = PatternFill("solid", fgColor="FFC7CE")
_YELLOW = PatternFill("solid", fgColor="FFF2CC")
_BOLD = Font(bold=True)


@dataclass(frozen=True)
class Corrected:
    """What a workbook says.

    Attributes:
        corrections: rows that somebody changed.
        places: digest → row number of the sheet.
        columns: item → column letter in which it is corrected.
        unchanged: rows as they were.
        faults: what cannot be taken, each with sheet, row and column.
    """

    corrections: tuple[Correction, ...]
    places: Mapping[str, int]
    columns: Mapping[str, str]
    unchanged: int
    faults: tuple[SheetFault, ...]


def write(resource: Resource, rows: Sequence[WaitingRow], zone: str, file: Path) -> None:
    """Write the workbook to a file anew, readable by nobody else: it holds whole rows of people; else as `made`."""
    content = made(resource, rows, zone)
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_bytes(content)


def made(resource: Resource, rows: Sequence[WaitingRow], zone: str) -> bytes:
    """Return the workbook; nothing of it is on a disk meanwhile.

    Args:
        resource: the contract.
        rows: those that wait.
        zone: the campus's, by whose day extracts are told.
    """
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = SHEET
    sheet["A1"], sheet["A2"] = f"{_RESOURCE}: {resource.name} {resource.business_name}", _ABOUT
    sheet["A1"].font = _BOLD
    offending = Counter(name for row in rows for rule in row.rules for name in items_of(resource, rule))
    columns: list[tuple[str, Item | None]] = [(_MARK, None), (_RULES, None), (_SINCE, None)]
    for one in resource.items:
        columns.append((_title(one), one))
        if one.name in offending:
            columns.append((_CORRECT + _title(one), one))
    for number, (title, _) in enumerate(columns, 1):
        head = sheet.cell(_HEAD, number, title)
        head.font, head.fill = _BOLD, _YELLOW if title.startswith(_CORRECT) else PatternFill()
        head.alignment = Alignment(wrap_text=True, vertical="top")
        sheet.column_dimensions[get_column_letter(number)].width = _WIDTHS.get(title, 16)
    for line, row in enumerate(rows, _HEAD + 1):
        words = {rule: in_words(resource, rule) for rule in row.rules}
        taken_on = f" ({row.since.astimezone(ZoneInfo(zone)):%Y-%m-%d})" if row.since else ""
        since = f"{row.extract_id}{taken_on}"
        broken: dict[str, list[str]] = {}
        for rule in row.rules:
            for name in items_of(resource, rule):
                broken.setdefault(name, []).append(words[rule])
        for number, (title, item) in enumerate(columns, 1):
            cell = sheet.cell(line, number)
            assert isinstance(cell, Cell)
            cell.number_format = "@"
            if item is None:
                told = {_MARK: row.digest, _RULES: "; ".join(words.values()), _SINCE: since}
                _put(cell, told[title])
                cell.alignment = Alignment(wrap_text=title == _RULES, vertical="top")
            elif not title.startswith(_CORRECT):
                _put(cell, _shown(row.row.get(item.name)))
                if item.name in broken:
                    cell.fill, cell.comment = _RED, Comment("; ".join(broken[item.name]), "Yici")
            elif item.name in broken:
                cell.fill = _YELLOW
    sheet.freeze_panes = sheet.cell(_HEAD + 1, 4)
    return in_memory(book)


def resource_of(content: bytes, name: str) -> str:
    """Return which resource a workbook is about.

    Args:
        content: the workbook.
        name: of the file.

    Raises:
        QuarantineError: it is no workbook that can be taken, or none of ours.
    """
    try:
        sheet = _open(content, name)
        told = _resource_in(next(_rows(sheet), ()))
    except NotAWorkbookError as error:
        raise QuarantineError(f"{name}: {error.fault.what}: expected {error.fault.expected}") from None
    if not told:
        raise QuarantineError(f'{name}, sheet {SHEET}, A1: expected "{_RESOURCE}: …" as it was exported')
    return told


def read(resource: Resource, waiting: Sequence[WaitingRow], content: bytes, name: str) -> Corrected:
    """Read a corrected workbook; whatever cannot be taken is a fault, and then nothing of it may be taken.

    Args:
        resource: the contract.
        waiting: all rows of it that wait now.
        content: the workbook.
        name: of the file.
    """
    try:
        lines = list(_rows(_open(content, name)))
    except NotAWorkbookError as error:
        return Corrected((), {}, {}, 0, (error.fault,))
    if _resource_in(lines[0] if lines else ()) != resource.name:
        what = "a workbook of another resource, or none that was exported"
        return Corrected((), {}, {}, 0, (_fault(1, "A", what, f"{_RESOURCE}: {resource.name}", _AGAIN),))
    titles = {
        str(cell.value).strip(): cell.column_letter
        for cell in (lines[_HEAD - 1] if len(lines) >= _HEAD else ())
        if cell.value
    }
    if _MARK not in titles and not all(_title(resource.item(key)) in titles for key in resource.key):
        what = f"neither column {_MARK} nor those of the key"
        return Corrected((), {}, {}, 0, (_fault(_HEAD, "A", what, "the headings as exported", _AGAIN),))
    known = {title for item in resource.items for title in (_title(item), _CORRECT + _title(item))}
    faults = [
        _fault(_HEAD, letter, f"no column of {resource.name}", "the headings as exported", "take it out")
        for title, letter in titles.items()
        if title not in known and title not in (_MARK, _RULES, _SINCE)
    ]
    by_digest = {row.digest: row for row in waiting}
    by_key: dict[tuple[str, ...], list[WaitingRow]] = {}
    for row in waiting:
        by_key.setdefault(tuple(_shown(row.row.get(name)) for name in resource.key), []).append(row)
    corrections: list[Correction] = []
    places: dict[str, int] = {}
    unchanged = 0
    for line, cells in enumerate(lines[_HEAD:], _HEAD + 1):
        texts, own = _texts(cells, line, titles)
        if own:
            faults += own
            continue
        if not any(texts.values()):
            continue
        found, why = _matched(resource, texts, by_digest, by_key)
        if found is not None and found.digest in places:
            why = f"the row of line {places[found.digest]} again"
        if found is None or found.digest in places:
            faults.append(_fault(line, titles.get(_MARK, "A"), why, "a row that waits, once", _AGAIN))
            continue
        places[found.digest] = line
        corrected = _corrected(resource, found, texts)
        if corrected == dict(found.row):
            unchanged += 1
        else:
            corrections.append(Correction(found, corrected))
    columns = {
        item.name: titles.get(_CORRECT + _title(item)) or titles.get(_title(item)) or "A"
        for item in resource.items
    }
    return Corrected(tuple(corrections), places, columns, unchanged, tuple(faults))


def faults_of(
    resource: Resource, read_: Corrected, broken: Mapping[str, Sequence[str]]
) -> tuple[SheetFault, ...]:
    """Say where corrected rows still break the contract: sheet, row, column, and the rule in words."""
    told = []
    for digest, rules in broken.items():
        for rule in rules:
            letters = [read_.columns[name] for name in items_of(resource, rule)] or ["B"]
            words = in_words(resource, rule)
            told.append(_fault(read_.places[digest], letters[0], words, "a value that keeps the rule", ""))
    return tuple(sorted(told))


def told(fault: SheetFault) -> str:
    """Return a fault as a line for people."""
    place = f"sheet {fault.sheet}, row {fault.row}, column {fault.column}: " if fault.sheet else ""
    return f"{place}{fault.what}" + (f"; {fault.mend}" if fault.mend else "")


def _matched(
    resource: Resource,
    cells: Mapping[str, str],
    by_digest: Mapping[str, WaitingRow],
    by_key: Mapping[tuple[str, ...], Sequence[WaitingRow]],
) -> tuple[WaitingRow | None, str]:
    mark = cells.get(_MARK, "")
    if mark:
        return by_digest.get(mark), _WAITS_NO_MORE
    key = tuple(cells.get(_title(resource.item(name)), "") for name in resource.key)
    found = by_key.get(key, ())
    if len(found) == 1:
        return found[0], ""
    return None, f"{len(found)} waiting rows have this key, and column {_MARK} is empty"


def _corrected(resource: Resource, row: WaitingRow, cells: Mapping[str, str]) -> dict[str, str | None]:
    """Return the row with what somebody wrote: beside an item, or over it."""
    found = dict(row.row)
    for item in resource.items:
        title = _title(item)
        wanted = cells.get(_CORRECT + title, "")
        if not wanted and title in cells and cells[title] != _shown(row.row.get(item.name)).strip():
            wanted = cells[title] or EMPTY
        if wanted:
            found[item.name] = None if wanted == EMPTY else wanted
    return found


def _open(content: bytes, name: str) -> Any:
    """Return the sheet of a workbook, to be read as a stream.

    Raises:
        NotAWorkbookError: it cannot be read, is no .xlsx, holds macros, or lacks the sheet.
    """
    tell_what_it_is(content, name)
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, keep_links=False)
    except BROKEN as error:
        raise damaged(error) from None
    if SHEET not in book.sheetnames:
        raise NotAWorkbookError(f"no sheet {SHEET}", "the workbook as it was exported", _AGAIN)
    return book[SHEET]


def _rows(sheet: Any) -> Iterator[list[Any]]:
    """Yield the cells of each row that hold something.

    Raises:
        NotAWorkbookError: the sheet is damaged.
    """
    sheet.reset_dimensions()
    try:
        for row in sheet.iter_rows():
            yield [cell for cell in row if cell.value is not None]
    except BROKEN as error:
        raise damaged(error) from None


def _resource_in(first: Sequence[Any]) -> str:
    """Return the resource that the first row of a sheet names; empty if none."""
    found = re.match(rf"{_RESOURCE}: (\S+)", str(first[0].value)) if first else None
    return found[1] if found else ""


def _texts(
    cells: Sequence[Any], line: int, titles: Mapping[str, str]
) -> tuple[dict[str, str], list[SheetFault]]:
    """Return title → text of a row, and what of it is no text."""
    by_letter = {cell.column_letter: cell for cell in cells}
    texts, faults = dict.fromkeys(titles, ""), []
    for title, letter in titles.items():
        cell = by_letter.get(letter)
        if cell is None:
            continue
        if cell.data_type in ("f", "e"):
            what = "a formula" if cell.data_type == "f" else "an error of the spreadsheet"
            faults.append(_fault(line, letter, what, "a value", "copy the cell and paste it as value"))
            continue
        try:
            texts[title] = as_text(cell.value)
        except CellError as error:
            faults.append(_fault(line, letter, error.what, error.expected, error.mend))
    return texts, faults


def _fault(line: int, letter: str, what: str, expected: str, mend: str) -> SheetFault:
    return SheetFault(SHEET, line, letter, what, expected, mend)


def _put(cell: Cell, text: str) -> None:
    cell.value = text
    cell.data_type = "s"  # a text that begins with = is no formula


def _shown(value: str | None) -> str:
    return _UNSHOWN.sub("□", value or "")[:_LONGEST]


def _title(item: Item) -> str:
    return f"{item.business_name} ({item.name})"
