"""Workbooks in tests: written from a catalog, changed cell by cell, read back."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import openpyxl
from openpyxl.worksheet.worksheet import Worksheet

from catalogs.forms.known import write_form
from catalogs.forms.reading import Reading, read_workbook
from catalogs.loading import read
from catalogs.model import Catalog
from tests.catalogs import small

FORMS = ("guide", "annex1", "annex2", "annex3", "responsibilities", "demands", "powers")
POWERS = [
    {
        "code": "P-RS-01",
        "nameZh": "在职证明开具",
        "kind": "证明核发",
        "basis": "校人〔2025〕7号",
        "subject": "示例大学",
        "unit": "RS",
        "duties": "核验、开具",
        "dutyBasis": "校人〔2025〕7号",
        "accountablePersons": "经办人",
        "accountableFor": "不依规开具",
        "phone": "内线0107",
        "serviceItems": ["RS-001"],
    }
]


def catalog_of(changes: dict[str, Any] | None = None) -> Catalog:
    """A small campus; its own faults do not matter here."""
    return read(small.campus({"powers.yaml": POWERS} | (changes or {})))[0].catalog


def written(form: str, catalog: Catalog, *, merged: bool = True) -> bytes:
    """A form filled in."""
    content = write_form(form, catalog, merged=merged)
    assert content is not None
    return content


def changed(content: bytes, change: Callable[[openpyxl.Workbook], Any]) -> bytes:
    """The workbook after somebody worked in it."""
    book = openpyxl.load_workbook(io.BytesIO(content))
    change(book)
    found = io.BytesIO()
    book.save(found)
    return found.getvalue()


def cells(sheet: Worksheet, heading: str) -> Iterator[Any]:
    """The cells under a heading, wherever it stands, merged ones once."""
    for row in sheet.iter_rows():
        for cell in row:
            if str(cell.value or "").replace("\n", "").startswith(heading):
                below = (sheet.cell(number, cell.column) for number in range(cell.row + 1, sheet.max_row + 1))
                yield from (one for one in below if not isinstance(one, openpyxl.cell.MergedCell))


def cell_of(book: openpyxl.Workbook, heading: str, shown: Any, sheet: str = "") -> Any:
    """The first cell under a heading that shows a value."""
    for one in [book[sheet]] if sheet else book.worksheets:
        for cell in cells(one, heading):
            if cell.value == shown:
                return cell
    raise AssertionError(f"no {shown!r} under {heading}")


def with_cell(content: bytes, heading: str, shown: Any, new: Any, sheet: str = "") -> bytes:
    """The workbook with one cell changed."""

    def change(book: openpyxl.Workbook) -> None:
        cell_of(book, heading, shown, sheet).value = new

    return changed(content, change)


def reading(content: bytes, catalog: Catalog) -> Reading:
    """What the workbook says."""
    return read_workbook(content, "form.xlsx", catalog)
