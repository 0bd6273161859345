"""A faulty workbook changes nothing, and every fault says sheet, row and column."""

import io
import zipfile

import openpyxl
import pytest
import xlwt

from catalogs.forms.marking import marked
from catalogs.forms.reading import read_workbook
from tests.catalogs.forms.books import catalog_of, cell_of, changed, reading, with_cell, written

CATALOG = catalog_of()


def test_all_faults_are_told_at_once_and_nothing_is_taken():
    def spoil(book):
        sheet = book["人事处"]
        for heading, shown, new in (
            ("数据类型", "日期型D", "日期时间"),
            ("更新周期", "每日", "天天"),
            ("发布日期", None, "九月"),
            ("共享类型", "有条件共享", "随便"),
        ):
            cell = next(cell for cell in sheet[3] if cell.value == heading)
            below = [sheet.cell(row, cell.column) for row in range(4, sheet.max_row + 1)]
            target = next(one for one in below if shown is None or one.value == shown)
            target.value = new
        cell_of(book, "信息资源摘要", "staff of the made-up campus").value = "这一处是对的"

    found = reading(changed(written("guide", CATALOG), spoil), CATALOG)
    assert found.edits == ()
    assert [fault.place for fault in found.faults] == ["人事处!X4", "人事处!Y4", "人事处!P7", "人事处!R8"]
    assert all(fault.what and fault.expected for fault in found.faults)
    assert "每日, 每周" in found.faults[0].expected


@pytest.mark.parametrize(
    ("form", "heading", "shown", "new"),
    [
        ("responsibilities", "共享类型", "无条件共享", "不予共享"),
        ("responsibilities", "数据元编号", "XM", "XB"),
        ("demands", "审批状态", "已授权", "不予授权"),
        ("demands", "审批意见", None, "同意"),
        ("annex1", "能否实现“最多跑一次”", "能", "否"),
    ],
)
def test_what_follows_from_the_catalog_cannot_be_written(form, heading, shown, new):
    found = reading(with_cell(written(form, CATALOG), heading, shown, new), CATALOG)
    assert found.edits == ()
    assert len(found.faults) == 1
    assert found.faults[0].row > 1
    assert "follows from the catalog" in found.faults[0].what


def test_a_word_that_does_not_say_yes_or_no_is_told_where_it_stands():
    def spoil(book):
        sheet = book.worksheets[0]
        heads = {cell.value: cell.column_letter for cell in sheet[2]}
        sheet[f"{heads['须用明文']}3"].value = "也许"

    content = changed(written("demands", CATALOG), spoil)
    (fault,) = reading(content, CATALOG).faults
    heads = {cell.column_letter: cell.value for cell in openpyxl.load_workbook(io.BytesIO(content)).active[2]}
    assert (heads[fault.column], fault.row) == ("须用明文", 3)


def test_a_new_demand_that_says_it_is_granted_is_a_fault():
    def file(book):
        sheet = book.worksheets[0]
        heads = {cell.value: cell.column for cell in sheet[2]}
        row = sheet.max_row + 1
        for heading, value in (("需求单位", "财务处"), ("数据元编号", "XM"), ("审批状态", "已授权")):
            sheet.cell(row, heads[heading]).value = value

    found = reading(changed(written("demands", CATALOG), file), CATALOG)
    assert found.edits == ()
    assert [fault.what for fault in found.faults] == ["审批状态 was changed, which follows from the catalog"]


def test_a_formula_is_refused_where_it_stands():
    found = reading(with_cell(written("powers", CATALOG), "监督电话", "内线0107", "=1+1"), CATALOG)
    assert [(fault.place, fault.what) for fault in found.faults] == [("权责清单!L3", "a formula")]


def test_a_text_that_begins_like_a_formula_is_written_as_text():
    catalog = catalog_of(
        {"powers.yaml": [{"code": "P-1", "nameZh": '=HYPERLINK("x")', "basis": "+1", "unit": "RS"}]}
    )
    content = written("powers", catalog)
    cells = [cell for row in openpyxl.load_workbook(io.BytesIO(content)).active.iter_rows() for cell in row]
    assert [cell.data_type for cell in cells if str(cell.value).startswith("=")] == ["s"]
    assert reading(content, catalog).edits == ()


def test_a_name_that_nobody_knows_is_told_with_the_nearest_known():
    found = reading(with_cell(written("annex2", CATALOG), "办理单位", "财务处", "财务出"), CATALOG)
    assert [fault.what for fault in found.faults] == ["no unit of this name or code"]
    assert 'did you mean "财务处"?' in found.faults[0].mend


def test_two_rows_of_one_entry_that_disagree_are_told():
    content = written("guide", CATALOG, merged=False)

    def differ(book):
        sheet = book["人事处"]
        column = next(cell.column for cell in sheet[3] if cell.value == "更新周期")
        sheet.cell(6, column).value = "每月"

    (fault,) = reading(changed(content, differ), CATALOG).faults
    assert (fault.place, fault.what) == ("人事处!X6", "更新周期 differs from row 4 of the same entry")


def _xls():
    book = xlwt.Workbook()
    book.add_sheet("a").write(0, 0, "信息资源代码")
    found = io.BytesIO()
    book.save(found)
    return found.getvalue()


def _zip(*names):
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w") as parts:
        for name in names:
            parts.writestr(name, "x")
    return found.getvalue()


def _with_macro():
    content = io.BytesIO(written("powers", CATALOG))
    with zipfile.ZipFile(content, "a") as parts:
        parts.writestr("xl/vbaProject.bin", b"x")
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (_xls(), "an .xls file, or a workbook with a password"),
        (_with_macro(), "holds macros"),
        (_zip("mimetype", "content.xml"), "another kind of document"),
        (_zip("xl/workbook.xml"), "damaged"),
        (b"code,nameZh\n", "no Excel workbook"),
        (b"PK\x03\x04broken", "damaged"),
        (b"", "no Excel workbook"),
    ],
    ids=["xls", "macro", "ods", "damaged", "csv", "cut", "empty"],
)
def test_what_is_no_plain_workbook_is_refused(content, told):
    found = read_workbook(content, "form.xlsx", CATALOG)
    assert found.edits == ()
    assert len(found.faults) == 1
    assert told in found.faults[0].what
    assert found.faults[0].mend


def test_a_workbook_without_any_form_is_told():
    book = openpyxl.Workbook()
    book.active["A1"] = "你好"
    content = io.BytesIO()
    book.save(content)
    found = reading(content.getvalue(), CATALOG)
    assert [fault.what for fault in found.faults] == ["no sheet is a form that is known"]


def test_the_marked_copy_shows_each_fault_at_its_cell_and_can_be_sent_again():
    content = with_cell(written("annex2", CATALOG), "办理单位", "财务处", "财务出")
    faults = reading(content, CATALOG).faults
    copy = marked(content, faults)
    book = openpyxl.load_workbook(io.BytesIO(copy))
    assert book.sheetnames[0] == "问题清单"
    cell = book["RS-001"][f"{faults[0].column}{faults[0].row}"]
    assert "no unit" in cell.comment.text
    assert cell.fill.fgColor.rgb.endswith("FFC7CE")
    assert [row[1] for row in book["问题清单"].iter_rows(min_row=2, values_only=True)] == ["C5"]
    assert reading(copy, CATALOG).faults == faults
    mended = changed(copy, lambda book: setattr(cell_of(book, "办理单位", "财务出"), "value", "财务处"))
    assert (reading(mended, CATALOG).edits, reading(mended, CATALOG).faults) == ((), ())
