"""Whoever takes a workbook says of one with damaged bytes that it is damaged, and nothing else breaks."""

import io

import openpyxl
import pytest

from catalogs.forms.sheets import NotAWorkbookError, open_sheets
from connectors.base import SourceRefused
from connectors.workbook import open_sheet
from expectations.quarantine import workbook
from expectations.quarantine.desk import QuarantineError
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


def test_corrected_rows_are_refused_in_words(damaged, tmp_path):
    file = tmp_path / "rows.xlsx"
    file.write_bytes(damaged)
    with pytest.raises(QuarantineError, match="cannot be opened"):
        workbook._open(file)
