"""A workbook to bytes, by way of memory alone: rows of people never lie in a file that somebody else might find.

openpyxl writes each sheet to a temporary file before it packs it, in clear.
"""

import io
from zipfile import ZIP_DEFLATED, ZipFile

from openpyxl import Workbook
from openpyxl.drawing.spreadsheet_drawing import SpreadsheetDrawing
from openpyxl.worksheet._writer import WorksheetWriter
from openpyxl.worksheet.worksheet import Worksheet
from openpyxl.writer.excel import ExcelWriter


def in_memory(book: Workbook) -> bytes:
    """Return a workbook as the content of an .xlsx file; nothing of it is on a disk meanwhile."""
    found = io.BytesIO()
    with ZipFile(found, "w", ZIP_DEFLATED, allowZip64=True) as archive:
        _Writer(book, archive).save()
    return found.getvalue()


class _Writer(ExcelWriter):
    def write_worksheet(self, ws: Worksheet) -> None:
        """Write one sheet as openpyxl's own writer does, its cells to memory."""
        ws._drawing = SpreadsheetDrawing()
        ws._drawing.charts = ws._charts
        ws._drawing.images = ws._images
        cells = io.BytesIO()
        writer = WorksheetWriter(ws, cells)
        writer.write()
        ws._rels = writer._rels
        self._archive.writestr(ws.path[1:], cells.getvalue())
        self.manifest.append(ws)
