"""A plain Excel workbook of large tables: texts and whole numbers, a bold frozen heading, a filter, widths, wrapped.

Why not XlsxWriter: forty items of a thousand resources are half a million cells, which it takes 10 s to write and
this takes one. Whatever needs more than a table (colours, links, forms) is written with a library.
"""

import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

Cell = str | int
_WIDEST, _LOOKED_AT, _LONGEST = 48, 200, 32_767
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml."
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_STYLES = (
    f'{_HEAD}<styleSheet xmlns="{_MAIN}"><fonts count="2"><font><sz val="11"/></font><font><b/><sz val="11"/></font>'
    '</fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/>'
    '</fill></fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
    '<cellXfs count="2"><xf xfId="0" applyAlignment="1"><alignment vertical="top" wrapText="1"/></xf>'
    '<xf xfId="0" fontId="1" applyFont="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)


@dataclass(frozen=True)
class Sheet:
    """A table: its title, its headings, rows as wide as these, and widths in Latin characters (none: as needed)."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    widths: Sequence[int] = ()


def workbook(sheets: Iterable[Sheet]) -> bytes:
    """Return sheets as an .xlsx file; equal sheets give equal bytes."""
    told = tuple(sheets)
    numbers = range(1, len(told) + 1)
    files = {
        "[Content_Types].xml": _content_types(numbers),
        "_rels/.rels": _relations([("officeDocument", "xl/workbook.xml")]),
        "xl/workbook.xml": _book(told),
        "xl/_rels/workbook.xml.rels": _relations(
            [
                *(("worksheet", f"worksheets/sheet{number}.xml") for number in numbers),
                ("styles", "styles.xml"),
            ]
        ),
        "xl/styles.xml": _STYLES,
        **{f"xl/worksheets/sheet{n}.xml": _sheet(sheet) for n, sheet in zip(numbers, told, strict=True)},
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, text.encode())
    return out.getvalue()


def _content_types(numbers: Iterable[int]) -> str:
    sheets = "".join(
        f'<Override PartName="/xl/worksheets/sheet{number}.xml" ContentType="{_TYPES}worksheet+xml"/>'
        for number in numbers
    )
    return (
        f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPES}sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_TYPES}styles+xml"/>{sheets}</Types>'
    )


def _relations(targets: Iterable[tuple[str, str]]) -> str:
    told = "".join(
        f'<Relationship Id="rId{number}" Type="{_RELATIONS}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets, start=1)
    )
    return f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">{told}</Relationships>'


def _book(sheets: Sequence[Sheet]) -> str:
    told = "".join(
        f'<sheet name="{escape(sheet.title[:31])}" sheetId="{number}" r:id="rId{number}"/>'
        for number, sheet in enumerate(sheets, start=1)
    )
    return f'{_HEAD}<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>{told}</sheets></workbook>'


def _sheet(sheet: Sheet) -> str:
    columns = "".join(
        f'<col min="{number}" max="{number}" width="{_wanted(sheet, number - 1)}" customWidth="1"/>'
        for number in range(1, len(sheet.header) + 1)
    )
    rows = ["<row>" + "".join(_cell(name, ' s="1"') for name in sheet.header) + "</row>"]
    rows += ["<row>" + "".join([_cell(cell) for cell in row]) + "</row>" for row in sheet.rows]
    reach = f"A1:{_letters(len(sheet.header))}{len(rows)}"
    return (
        f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" '
        'topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
        f'<cols>{columns}</cols><sheetData>{"".join(rows)}</sheetData><autoFilter ref="{reach}"/></worksheet>'
    )


def _cell(value: Cell, style: str = "") -> str:
    if isinstance(value, int):
        return f"<c{style}><v>{value}</v></c>"
    if not value:
        return f"<c{style}/>"
    text = escape(_NOT_XML.sub("", value[:_LONGEST]))
    return f'<c{style} t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def _wanted(sheet: Sheet, column: int) -> int:
    if sheet.widths:
        return sheet.widths[column]
    longest = max((_width(row[column]) for row in sheet.rows[:_LOOKED_AT]), default=0)
    return min(_WIDEST, max(_width(sheet.header[column]), longest) + 2)


def _width(cell: Cell) -> int:
    """How wide a cell is shown, in Latin characters."""
    return sum(2 if ord(letter) > 0x2E7F else 1 for letter in str(cell))


def _letters(column: int) -> str:
    """Return a column's letters: 1 → A, 27 → AA."""
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
