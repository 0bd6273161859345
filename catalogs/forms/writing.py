"""Pages of a form → a workbook's bytes: merged cells, widths, lists to choose from, ready to print.

Text cells are marked as text, so that a spreadsheet keeps leading zeros and runs nothing that begins with "=".
"""

import io
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate, groupby
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import Cell
from openpyxl.styles import Alignment, Border, Font, NamedStyle, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.cell_range import CellRange
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from catalogs.forms.cells import DAY_FORMAT, NUMBER_FORMAT, TEXT_FORMAT, CellValue, Words
from catalogs.forms.form import Column, Grid, Page, Row

_Place = tuple[Column, int, int]
_LINE_HEIGHT = 16
_HIGHEST = 400
_LATIN = 0x2E80
_A4_WIDTH = 200
_LONGEST_LIST = 250
_LONGEST_TITLE = 31
_NOT_IN_TITLES = str.maketrans(dict.fromkeys("[]:*?/\\'", "_"))


def write_workbook(pages: Iterable[Page], *, merged: bool = True) -> bytes:
    """Return a workbook with one sheet per page.

    Args:
        pages: at least one.
        merged: whether cells over all rows of an entry are merged; else each row repeats them.
    """
    book = Workbook()
    book.remove(book.active)
    for style in _styles():
        book.add_named_style(style)
    titles: set[str] = set()
    for page in pages:
        sheet = book.create_sheet(_title(page.name, titles))
        _write_page(sheet, page, merged)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def _styles() -> Iterator[NamedStyle]:
    thin = Side(style="thin", color="999999")
    border = Border(left=thin, right=thin, top=thin, bottom=thin)
    wrapped = Alignment(wrap_text=True, vertical="center")
    centred = Alignment(wrap_text=True, vertical="center", horizontal="center")
    yield NamedStyle("yici title", font=Font(bold=True, size=16), alignment=centred)
    yield NamedStyle("yici line", alignment=wrapped)
    yield NamedStyle(
        "yici heading",
        font=Font(bold=True),
        alignment=centred,
        border=border,
        fill=PatternFill("solid", "E8EEF4"),
    )
    grey = PatternFill("solid", "F2F2F2")
    for name, number_format in (("text", TEXT_FORMAT), ("day", DAY_FORMAT), ("number", NUMBER_FORMAT)):
        yield NamedStyle(f"yici {name}", alignment=wrapped, border=border, number_format=number_format)
        yield NamedStyle(
            f"yici {name} derived", alignment=wrapped, border=border, number_format=number_format, fill=grey
        )


_STYLE_OF = {TEXT_FORMAT: "yici text", DAY_FORMAT: "yici day", NUMBER_FORMAT: "yici number"}


def _title(name: str, taken: set[str]) -> str:
    """A sheet's title: without the signs that a spreadsheet forbids, short enough, each once."""
    bare = (name.translate(_NOT_IN_TITLES).strip() or "表")[:_LONGEST_TITLE]
    title, number = bare, 2
    while title.casefold() in taken:
        ending = f" {number}"
        title, number = bare[: _LONGEST_TITLE - len(ending)] + ending, number + 1
    taken.add(title.casefold())
    return title


def _write_page(sheet: Worksheet, page: Page, merged: bool) -> None:
    widest = max((grid.columns for grid in page.grids), key=len)
    width = len(widest)
    for place, column in enumerate(widest, start=1):
        sheet.column_dimensions[get_column_letter(place)].width = column.width
    _line(sheet, 1, page.title, width, "yici title")
    sheet.row_dimensions[1].height = 2 * _LINE_HEIGHT
    row = 2
    for grid in page.grids:
        for text in grid.above:
            _line(sheet, row, text, width, "yici line")
            row += 1
        row = _write_grid(sheet, row, grid, merged)
        for text in grid.below:
            _line(sheet, row, text, width, "yici line")
            row += 1
    if len(page.grids) == 1:
        top = 2 + len(page.grids[0].above)
        sheet.freeze_panes = sheet.cell(top + 1, 1)
        sheet.print_title_rows = f"{top}:{top}"
    total = sum(column.width for column in widest)
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = sheet.PAPERSIZE_A3 if total > _A4_WIDTH else sheet.PAPERSIZE_A4
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True


def _line(sheet: Worksheet, row: int, text: str, width: int, style: str) -> None:
    _put(sheet.cell(row, 1), text, style)
    if width > 1:
        _merge(sheet, row, 1, row, width)


def _merge(sheet: Worksheet, top: int, left: int, bottom: int, right: int) -> None:
    """Merge cells that are styled already; openpyxl's own way compares each range with all others."""
    sheet.merged_cells.ranges.add(CellRange(min_row=top, min_col=left, max_row=bottom, max_col=right))


def _write_grid(sheet: Worksheet, row: int, grid: Grid, merged: bool) -> int:
    """Write a table; return the row after it."""
    places = _places(grid.columns)
    headings: dict[str, CellValue] = {column.key: column.zh for column in grid.columns}
    _write_row(sheet, row, places, headings, dict.fromkeys(headings, "yici heading"))
    _make_room(sheet, row, places, [headings])
    styles = {
        one.key: _STYLE_OF[one.kind.format] + (" derived" if one.derived else "") for one in grid.columns
    }
    first = row = row + 1
    for _, members in groupby(grid.rows, key=lambda one: one.entry or id(one)):
        together = [
            _cells(one, places, is_head=not number or not merged) for number, one in enumerate(members)
        ]
        for number, cells in enumerate(together):
            _write_row(sheet, row + number, places, cells, styles)
        _make_room(sheet, row, places, together)
        if merged and len(together) > 1:
            for column, left, _ in places:
                if column.over:
                    _merge(sheet, row, left, row + len(together) - 1, left)
        row += len(together)
    for column, left, _ in places:
        _offer_words(sheet, column, get_column_letter(left), first, row - 1)
    return row


def _places(columns: tuple[Column, ...]) -> list[_Place]:
    """Each column with the first and the last column of the sheet that it takes."""
    lefts = accumulate((column.span for column in columns), initial=1)
    return [(column, left, left + column.span - 1) for column, left in zip(columns, lefts, strict=False)]


def _cells(one: Row, places: list[_Place], *, is_head: bool) -> dict[str, CellValue]:
    if one.is_printed:
        return dict(one.values)
    shown = (column for column, _, _ in places if is_head or not column.over)
    return {column.key: column.kind.write(one.values.get(column.key)) for column in shown}


def _write_row(
    sheet: Worksheet,
    row: int,
    places: list[_Place],
    cells: Mapping[str, CellValue],
    styles: Mapping[str, str],
) -> None:
    for column, left, right in places:
        style = styles[column.key]
        _put(sheet.cell(row, left), cells.get(column.key), style)
        for more in range(left + 1, right + 1):
            _put(sheet.cell(row, more), None, style)
        if right > left:
            _merge(sheet, row, left, row, right)


def _make_room(
    sheet: Worksheet, row: int, places: list[_Place], together: list[dict[str, CellValue]]
) -> None:
    """Make rows as high as their texts: not every program does so by itself, and none for merged cells."""
    needed = [{column.key: _lines(cells.get(column.key), _width(sheet, left, right)) for column, left, right in places}
              for cells in together]  # fmt: skip
    over = max((needed[0][column.key] for column, _, _ in places if column.over), default=1)
    for number, lines in enumerate(needed):
        own = max((lines[column.key] for column, _, _ in places if not column.over), default=1)
        height = max(own, -(-over // len(together)))
        if height > 1:
            sheet.row_dimensions[row + number].height = min(height * _LINE_HEIGHT, _HIGHEST)


def _width(sheet: Worksheet, left: int, right: int) -> int:
    return int(
        sum(sheet.column_dimensions[get_column_letter(place)].width for place in range(left, right + 1))
    )


def _lines(cell: CellValue, width: int) -> int:
    """How many lines a text takes; a Chinese sign is as wide as two Latin ones."""
    if not isinstance(cell, str):
        return 1
    wide = (sum(2 if ord(sign) > _LATIN else 1 for sign in line) for line in cell.split("\n"))
    return sum(max(1, -(-one // max(1, width - 1))) for one in wide)


def _put(cell: Cell, value: CellValue, style: str) -> None:
    cell.style = style
    if value is None or value == "":
        return
    cell.value = value
    if isinstance(value, str):
        # Set after the value: openpyxl takes a text that begins with "=" for a formula, and one like #N/A for an error.
        cell.data_type = "s"


def _offer_words(sheet: Worksheet, column: Column, letter: str, first: int, last: int) -> None:
    """Let people choose from the words of a column; other spellings are read, too, so nothing is forbidden."""
    if not isinstance(column.kind, Words) or last < first:
        return
    words: list[Any] = [column.kind.write(code) for code, _ in column.kind.labels]
    listed = ",".join(map(str, words))
    if len(listed) <= _LONGEST_LIST and not any("," in str(word) for word in words):
        choice = DataValidation("list", formula1=f'"{listed}"', allow_blank=True, showErrorMessage=False)
        choice.add(f"{letter}{first}:{letter}{last}")
        sheet.add_data_validation(choice)
