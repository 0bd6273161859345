"""Excel workbooks: which of the two formats a file is, whatever its name says."""

import struct
import zipfile
import zlib
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

import xlrd

from connectors.base import SourceRefused
from connectors.cells import Sheet, damaged
from connectors.xls import xls_sheet
from connectors.xlsx import xlsx_sheet

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_DAMAGES = (
    zipfile.BadZipFile, expat.ExpatError, ElementTree.ParseError, xlrd.XLRDError, xlrd.compdoc.CompDocError,
    struct.error, zlib.error, EOFError, KeyError, IndexError,
)  # fmt: skip


def open_sheet(path: Path, name: str | None) -> Sheet:
    """Open one sheet of an .xlsx or .xls workbook; its content decides which it is.

    Args:
        path: the workbook.
        name: of the sheet; None means the only one.

    Raises:
        SourceRefused: not a workbook, damaged or protected; or several sheets and none named.
        SourceChanged: the sheet is gone.
    """
    with path.open("rb") as stream:
        start = stream.read(len(_OLE))
    try:
        if start.startswith(_ZIP):
            return xlsx_sheet(path, name)
        if start == _OLE:
            return xls_sheet(path, name)
    except _DAMAGES:
        raise damaged(path) from None
    raise SourceRefused(
        f"{path.name}: is no workbook, whatever its name says (programs write tables as HTML or CSV and call "
        f"them .xls); nothing of it was taken. If it is text, the contract says read.format: csv"
    )
