"""Excel's .xls: xlrd reads it; of formulas it tells only the result, so that is looked up beside it."""

import struct
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import xlrd

from connectors.cells import NEVER_CALCULATED, Cell, Fault, Merge, Sheet, choose_sheet, number_text

# Records of a .xls file.
_BOF, _EOF, _BOUNDSHEET, _FORMULA = 0x0809, 0x000A, 0x0085, 0x0006
_CALCULATE_ON_LOAD = 0x0002


def xls_sheet(path: Path, name: str | None) -> Sheet:
    """Open one sheet; see `connectors.workbook.open_sheet`, which also tells what a damaged file raises."""
    content = path.read_bytes()
    book = xlrd.open_workbook(
        file_contents=content, formatting_info=True, on_demand=True, ragged_rows=True, logfile=StringIO()
    )
    number = choose_sheet(path, book.sheet_names(), name)
    sheet = book.sheet_by_index(number)
    merges = [Merge(top + 1, left, bottom, right - 1) for top, bottom, left, right in sheet.merged_cells]
    return Sheet(_xls_rows(book, sheet, _formulas(content, number)), merges)


def _xls_rows(
    book: xlrd.Book, sheet: xlrd.sheet.Sheet, formulas: dict[tuple[int, int], bool]
) -> Iterator[tuple[int, dict[int, Cell]]]:
    for row in range(sheet.nrows):
        cells: dict[int, Cell] = {}
        for column, kind in enumerate(sheet.row_types(row)):
            value = sheet.cell_value(row, column)
            is_calculated = formulas.get((row, column))
            if is_calculated is False:
                cells[column] = Fault(NEVER_CALCULATED)
            elif kind in (xlrd.XL_CELL_NUMBER, xlrd.XL_CELL_DATE):
                style = book.xf_list[sheet.cell_xf_index(row, column)]
                number_format = book.format_map[style.format_key].format_str
                cells[column] = number_text(value, number_format, book.datemode == 1, bool(is_calculated))
            elif kind == xlrd.XL_CELL_TEXT and value:
                cells[column] = value
            elif kind == xlrd.XL_CELL_BOOLEAN:
                cells[column] = "true" if value else "false"
            elif kind == xlrd.XL_CELL_ERROR:
                cells[column] = Fault(f"the error {xlrd.error_text_from_code.get(value, value)}")
        if cells:
            yield row + 1, cells


def _formulas(content: bytes, number: int) -> dict[tuple[int, int], bool]:
    """Formula cells, counted from 0, and whether they were calculated; xlrd tells neither.

    Programs that only write formulas leave a zero and the mark "calculate me on opening".
    """
    stream = xlrd.compdoc.CompDoc(content, logfile=StringIO()).get_named_stream("Workbook")
    if stream is None:
        return {}
    offsets = [struct.unpack_from("<I", data)[0] for kind, data in _records(stream, 0) if kind == _BOUNDSHEET]
    found = {}
    for kind, data in _records(stream, offsets[number]):
        if kind == _FORMULA and len(data) >= 16:
            row, column, _, result, flags = struct.unpack_from("<HHHdH", data)
            found[row, column] = not (flags & _CALCULATE_ON_LOAD and result == 0.0)
    return found


def _records(stream: bytes, position: int) -> Iterator[tuple[int, bytes]]:
    """The records of one part of a .xls stream, down to its end mark."""
    depth = 0
    while position + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, position)
        yield kind, stream[position + 4 : position + 4 + length]
        depth += (kind == _BOF) - (kind == _EOF)
        position += 4 + length
        if kind == _EOF and depth == 0:
            return
