"""The workbook with its faults written in: red cells with a note, and a first sheet that lists them all."""

import io
from collections.abc import Sequence

from openpyxl import load_workbook
from openpyxl.cell import MergedCell
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill

from catalogs.forms.saving import in_memory
from catalogs.forms.sheets import FAULTS_SHEET, SheetFault

_HEADINGS = ("工作表", "单元格", "问题", "应为", "怎么改")
_WIDTHS = (18, 10, 50, 40, 40)
_RED = PatternFill("solid", "FFC7CE")


def marked(content: bytes, faults: Sequence[SheetFault]) -> bytes:
    """Return a copy of a workbook in which its faults are marked; nothing that was written in it is changed.

    The list of faults is a sheet of its own, which a later reading of the copy leaves out.

    Args:
        content: a workbook that could be opened.
        faults: those of `catalogs.forms.reading`.
    """
    book = load_workbook(io.BytesIO(content))
    if FAULTS_SHEET in book.sheetnames:
        del book[FAULTS_SHEET]
    notes: dict[tuple[str, str], list[SheetFault]] = {}
    for fault in faults:
        if fault.sheet in book.sheetnames and fault.row and fault.column:
            notes.setdefault((fault.sheet, f"{fault.column}{fault.row}"), []).append(fault)
    for (sheet, place), told in notes.items():
        cell = book[sheet][place]
        if isinstance(cell, MergedCell):
            continue
        cell.fill = _RED
        texts = [f"{one.what}\n应为: {one.expected}" + (f"\n{one.mend}" if one.mend else "") for one in told]
        cell.comment = Comment("\n\n".join(texts), "Yici", height=120, width=320)
    listed = book.create_sheet(FAULTS_SHEET, 0)
    for row in (
        _HEADINGS,
        *((one.sheet, f"{one.column}{one.row or ''}", one.what, one.expected, one.mend) for one in faults),
    ):
        listed.append(row)
        for cell in listed[listed.max_row]:
            cell.data_type = "s" if cell.value else cell.data_type
            cell.alignment = Alignment(wrap_text=True, vertical="top")
    for number, fault in enumerate(faults, start=2):
        if fault.sheet in book.sheetnames and fault.row:
            quoted = fault.sheet.replace("'", "''")
            listed.cell(number, 2).hyperlink = f"#'{quoted}'!{fault.column or 'A'}{fault.row}"
    for letter, width in zip("ABCDE", _WIDTHS, strict=True):
        listed.column_dimensions[letter].width = width
    for cell in listed[1]:
        cell.font = Font(bold=True)
    listed.freeze_panes = "A2"
    book.active = 0
    return in_memory(book)
