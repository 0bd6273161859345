"""Whoever takes a workbook says of one with damaged bytes that it is damaged, and nothing else breaks."""

import io

import openpyxl
import pytest

from catalogs.forms.sheets import NotAWorkbookError, open_sheets
from connectors.base import SourceRefused
from connectors.workbook import open_sheet
from expectations.quarantine import workbook
from expectations.quarantine.desk import QuarantineError
from tests.support.word import with_parts
from tests.support.zips import with_damaged_part


@pytest.fixture(params=["xl/workbook.xml", "xl/worksheets/sheet1.xml"])
def damaged(request) -> bytes:
    book = openpyxl.Workbook()
    for number in range(200):
        book.active.append([number, f"第{number}行"])
    out = io.BytesIO()
    book.save(out)
    return with_damaged_part(out.getvalue(), request.param)


def test_an_uploaded_form_is_refused_in_words(damaged):
    with pytest.raises(NotAWorkbookError, match="damaged"):
        open_sheets(damaged, "form.xlsx")


def test_a_source_s_workbook_is_refused_in_words(damaged, tmp_path):
    file = tmp_path / "rows.xlsx"
    file.write_bytes(damaged)
    with pytest.raises(SourceRefused, match="damaged"):
        list(open_sheet(file, None).rows())


def test_corrected_rows_are_refused_in_words(damaged):
    with pytest.raises(QuarantineError, match="damaged"):
        workbook.resource_of(damaged, "rows.xlsx")


# Each entity is ten of the one before.
_ENTITIES = "".join(
    f'<!ENTITY {own} "{f"&{before};" * 10}">' for before, own in zip("abcdefg", "bcdefgh", strict=True)
)
GROWING = f'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">{_ENTITIES}]><x>&h;</x>'.encode()


@pytest.mark.parametrize("xml", [b"<a", GROWING], ids=["cut short", "growing"])
@pytest.mark.parametrize(
    "part", ["xl/workbook.xml", "xl/styles.xml", "docProps/core.xml", "xl/worksheets/sheet1.xml"]
)
def test_a_part_that_is_no_harmless_xml_is_damage_too(part, xml):
    book, out = openpyxl.Workbook(), io.BytesIO()
    book.active.title = workbook.SHEET
    book.save(out)
    content = with_parts(out.getvalue(), {part: xml})
    with pytest.raises(NotAWorkbookError, match="damaged"):
        open_sheets(content, "form.xlsx")
    with pytest.raises(QuarantineError, match="damaged"):
        workbook.resource_of(content, "rows.xlsx")
