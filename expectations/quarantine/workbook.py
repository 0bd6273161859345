"""The workbook that a provider corrects waiting rows in: written with every broken rule in words, and read back.

One sheet, one row per waiting row. What the source sent stands as text, the offending cells are marked, and beside
each item that any row offends in stands an empty column to correct it in. A value cell that somebody overwrites counts
as well. Rows are found again by their mark in the first column; where that is lost, by the key that the source sent.
"""

import re
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

from openpyxl import Workbook, load_workbook
from openpyxl.cell.cell import Cell
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException

from catalogs.forms.cells import CellError, as_text
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
    faults: tuple[str, ...]


def write(resource: Resource, rows: Sequence[WaitingRow], file: Path) -> None:
    """Write the workbook, readable by nobody else: it holds whole rows of people.

    Args:
        resource: the contract.
        rows: those that wait.
        file: written anew.
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
        since = f"{row.extract_id} ({row.since:%Y-%m-%d})" if row.since else str(row.extract_id)
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
    file.touch(mode=0o600)
    file.chmod(0o600)
    book.save(file)


def resource_of(file: Path) -> str:
    """Return which resource a workbook is about.

    Raises:
        QuarantineError: it cannot be opened, or is no workbook of ours.
    """
    told = re.match(rf"{_RESOURCE}: (\S+)", str(_open(file)["A1"].value or ""))
    if not told:
        raise QuarantineError(f'{file.name}, sheet {SHEET}, A1: expected "{_RESOURCE}: …" as it was exported')
    return told[1]


def read(resource: Resource, waiting: Sequence[WaitingRow], file: Path) -> Corrected:
    """Read a corrected workbook.

    Args:
        resource: the contract.
        waiting: all rows of it that wait now.
        file: the workbook.

    Raises:
        QuarantineError: it is no workbook of this resource.
    """
    sheet = _open(file)
    titles = {str(cell.value or "").strip(): cell.column_letter for cell in sheet[_HEAD] if cell.value}
    if _MARK not in titles and not all(_title(resource.item(key)) in titles for key in resource.key):
        raise QuarantineError(
            f"{file.name}, sheet {SHEET}, row {_HEAD}: neither column {_MARK} nor those of the key; export it again"
        )
    known = {title for item in resource.items for title in (_title(item), _CORRECT + _title(item))}
    faults = [
        _place(_HEAD, letter) + f'column "{title[:40]}" is none of {resource.name}; take it out'
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
    for line in range(_HEAD + 1, sheet.max_row + 1):
        try:
            cells = {title: _text(sheet[f"{letter}{line}"], line, letter) for title, letter in titles.items()}
        except QuarantineError as error:
            faults.append(str(error))
            continue
        if not any(cells.values()):
            continue
        found, why = _matched(resource, cells, by_digest, by_key)
        if found is None:
            faults.append(_place(line, titles.get(_MARK, "A")) + why)
            continue
        if found.digest in places:
            faults.append(
                _place(line, titles.get(_MARK, "A")) + f"the row of line {places[found.digest]} again"
            )
            continue
        places[found.digest] = line
        corrected = _corrected(resource, found, cells)
        if corrected == dict(found.row):
            unchanged += 1
        else:
            corrections.append(Correction(found, corrected))
    columns = {
        item.name: titles.get(_CORRECT + _title(item)) or titles.get(_title(item)) or "A"
        for item in resource.items
    }
    return Corrected(tuple(corrections), places, columns, unchanged, tuple(faults))


def faults_of(resource: Resource, read_: Corrected, broken: Mapping[str, Sequence[str]]) -> list[str]:
    """Say where corrected rows still break the contract: sheet, row, column, and the rule in words."""
    told = []
    for digest, rules in broken.items():
        for rule in rules:
            letters = [read_.columns[name] for name in items_of(resource, rule)] or ["B"]
            told.append((read_.places[digest], letters[0], in_words(resource, rule)))
    return [_place(line, letter) + words for line, letter, words in sorted(told)]


def _matched(
    resource: Resource,
    cells: Mapping[str, str],
    by_digest: Mapping[str, WaitingRow],
    by_key: Mapping[tuple[str, ...], Sequence[WaitingRow]],
) -> tuple[WaitingRow | None, str]:
    mark = cells.get(_MARK, "")
    if mark:
        why = "the row does not wait any more: the source sent it otherwise, or it was admitted; export again"
        return by_digest.get(mark), why
    key = tuple(cells.get(_title(resource.item(name)), "") for name in resource.key)
    found = by_key.get(key, ())
    if len(found) == 1:
        return found[0], ""
    return None, f"{len(found)} waiting rows have this key; keep the column {_MARK}"


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


def _open(file: Path):
    try:
        book = load_workbook(file)
    except (OSError, BadZipFile, zlib.error, EOFError, InvalidFileException, KeyError, ValueError):
        raise QuarantineError(f"{file.name}: cannot be opened as an Excel workbook (.xlsx)") from None
    if SHEET not in book.sheetnames:
        raise QuarantineError(f"{file.name}: has no sheet {SHEET}; export it again")
    return book[SHEET]


def _text(cell: Cell, line: int, letter: str) -> str:
    try:
        return as_text(cell.value)
    except CellError as error:
        raise QuarantineError(f"{_place(line, letter)}{error.what}; {error.mend}") from None


def _put(cell: Cell, text: str) -> None:
    cell.value = text
    cell.data_type = "s"  # a text that begins with = is no formula


def _shown(value: str | None) -> str:
    return _UNSHOWN.sub("□", value or "")[:_LONGEST]


def _title(item: Item) -> str:
    return f"{item.business_name} ({item.name})"


def _place(line: int, letter: str) -> str:
    return f"sheet {SHEET}, row {line}, column {letter}: "
