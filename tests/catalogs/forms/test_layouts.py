"""Workbooks as people and other programs make them: the same is read however it is laid out."""

import io
import os
import shutil
import subprocess
from pathlib import Path

import openpyxl
import pytest
import python_calamine
import xlsxwriter

from tests.catalogs import small
from tests.catalogs.forms.books import FORMS, catalog_of, cell_of, changed, reading, with_cell, written

CATALOG = catalog_of()
SOFFICE = shutil.which("soffice")


def abstract(found):
    return [(edit.field, edit.new) for edit in found.edits]


def grid(content, sheet=0):
    return (
        python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
        .get_sheet_by_index(sheet)
        .to_python()
    )


@pytest.mark.parametrize("form", FORMS)
def test_another_library_reads_the_cells_that_were_written(form):
    ours = openpyxl.load_workbook(io.BytesIO(written(form, CATALOG)))
    book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(written(form, CATALOG)))
    assert book.sheet_names == ours.sheetnames
    for name in ours.sheetnames:
        theirs = [str(cell) for row in book.get_sheet_by_name(name).to_python() for cell in row if cell != ""]
        mine = [cell.value for row in ours[name].iter_rows() for cell in row if cell.value is not None]
        assert len(theirs) == len(mine)
        assert [cell for cell in mine if isinstance(cell, str)] == [
            theirs[place] for place, cell in enumerate(mine) if isinstance(cell, str)
        ]


@pytest.mark.parametrize("form", FORMS)
def test_a_workbook_of_another_writer_reads_the_same(form):
    target = io.BytesIO()
    book = xlsxwriter.Workbook(
        target, {"in_memory": True, "strings_to_numbers": False, "strings_to_formulas": False}
    )
    source = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(written(form, CATALOG, merged=False)))
    day = book.add_format({"num_format": "yyyy/m/d"})
    for name in source.sheet_names:
        sheet = book.add_worksheet(name)
        for number, row in enumerate(source.get_sheet_by_name(name).to_python()):
            for column, cell in enumerate(row):
                if cell != "" and hasattr(cell, "isoformat"):
                    sheet.write_datetime(number, column, cell, day)
                elif cell != "":
                    sheet.write(number, column, cell)
    book.close()
    found = reading(target.getvalue(), CATALOG)
    assert (found.forms, found.edits, found.faults) == ((form,), (), ())


@pytest.mark.skipif(SOFFICE is None, reason="LibreOffice (soffice) is not installed")
def test_workbooks_that_libreoffice_saved_read_the_same(tmp_path: Path):
    for form in FORMS:
        (tmp_path / f"{form}.xlsx").write_bytes(written(form, CATALOG))
    out = tmp_path / "saved"
    subprocess.run(
        [str(SOFFICE), "--headless", f"-env:UserInstallation=file://{tmp_path}/profile", "--convert-to",
         "xlsx:Calc MS Excel 2007 XML", "--outdir", str(out), *(str(tmp_path / f"{form}.xlsx") for form in FORMS)],
        check=True, capture_output=True, timeout=180, env={**os.environ, "HOME": str(tmp_path)},
    )  # fmt: skip
    for form in FORMS:
        found = reading((out / f"{form}.xlsx").read_bytes(), CATALOG)
        assert (found.forms, found.edits, found.faults) == ((form,), (), ())


def test_columns_are_found_by_their_heading_wherever_they_stand():
    def turn(book):
        for sheet in book.worksheets:
            sheet.merged_cells.ranges.clear()
            rows = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=3)]
            sheet.delete_rows(3, sheet.max_row)
            for row in rows:
                sheet.append(["我们的备注", *reversed(row)])

    content = changed(written("guide", CATALOG, merged=False), turn)
    assert reading(content, CATALOG).edits == ()
    assert reading(content, CATALOG).faults == ()
    again = with_cell(content, "信息资源摘要", "staff of the made-up campus", "教职工")
    faults = reading(again, CATALOG).faults
    assert {fault.what for fault in faults} == {"信息资源摘要 differs from row 4 of the same entry"}


def test_a_column_that_is_left_out_says_nothing():
    def cut(book):
        for sheet in book.worksheets:
            header = next(cell for row in sheet.iter_rows() for cell in row if cell.value == "信息资源摘要")
            sheet.delete_cols(header.column)

    assert reading(changed(written("guide", CATALOG, merged=False), cut), CATALOG).edits == ()


def test_a_header_of_two_rows_with_merged_headings_is_one_header():
    def split(book):
        for sheet in book.worksheets:
            sheet.insert_rows(3)
            sheet.merged_cells.ranges.clear()
            sheet["B3"], sheet["B4"] = "信息资源分类", "类"
            sheet.merge_cells("B3:F3")
            for column in range(7, 27):
                letter = openpyxl.utils.get_column_letter(column)
                sheet[f"{letter}3"] = sheet[f"{letter}4"].value
                sheet.merge_cells(f"{letter}3:{letter}4")

    found = reading(changed(written("guide", CATALOG, merged=False), split), CATALOG)
    assert (found.forms, found.edits, found.faults) == (("guide",), (), ())


def test_cells_left_empty_below_the_first_mean_the_same_as_merged_ones():
    def empty(book):
        for sheet in book.worksheets:
            sheet.merged_cells.ranges.clear()

    content = changed(written("guide", CATALOG, merged=True), empty)
    assert openpyxl.load_workbook(io.BytesIO(content))["人事处"]["I5"].value is None
    assert reading(content, CATALOG).edits == ()
    assert reading(content, CATALOG).faults == ()


def test_hidden_rows_count_and_a_sheet_that_is_no_form_is_left_alone():
    def hide(book):
        sheet = book["人事处"]
        for number in range(1, sheet.max_row):
            sheet.row_dimensions[number].hidden = True
        book.create_sheet("随手记")["A1"] = "下周一讨论"
        cell_of(book, "信息资源摘要", "staff of the made-up campus").value = "教职工"

    found = reading(changed(written("guide", CATALOG), hide), CATALOG)
    assert abstract(found) == [("description.purpose", "教职工")]
    assert found.left_alone == ("随手记",)


def test_a_share_type_that_all_items_are_given_is_the_resources():
    def close(book):
        for cell in [one for row in book["教务处"].iter_rows() for one in row if one.value == "无条件共享"]:
            cell.value = "有条件共享"

    found = reading(changed(written("guide", CATALOG, merged=False), close), CATALOG)
    assert {(edit.file, edit.field, edit.new) for edit in found.edits} == {
        (small.STUDENTS, "customProperties[shareType].value", "conditional"),
        (small.AWARDS, "customProperties[shareType].value", "conditional"),
    }
    one = reading(
        with_cell(written("guide", CATALOG), "共享类型", "无条件共享", "有条件共享", "教务处"), CATALOG
    )
    assert [(edit.file, ".properties[" in edit.field) for edit in one.edits] == [(small.AWARDS, True)]


def test_rows_are_removed_and_added_only_where_it_is_said():
    content = written("guide", CATALOG)

    def remove(book):
        row = cell_of(book, "信息项名称", "出生日期", "人事处").row
        book["人事处"].cell(row, 1).value = "删除"

    def gone(book):
        sheet = book["人事处"]
        sheet.merged_cells.ranges.clear()
        sheet.delete_rows(cell_of(book, "信息项名称", "出生日期", "人事处").row)

    def add(book):
        sheet = book["人事处"]
        sheet.append([None] * 14 + ["办公电话", "字符型", 20, "有条件共享", "逐项申请"])

    assert [edit.field for edit in reading(changed(content, remove), CATALOG).edits] == [
        "schema[staff].properties[born_on]"
    ]
    assert reading(changed(content, gone), CATALOG).edits == ()
    (edit,) = reading(changed(content, add), CATALOG).edits
    assert edit.field == "schema[staff].properties[bgdh]"
    assert edit.new["businessName"] == "办公电话"


def test_a_demand_without_a_number_is_filed_and_never_granted():
    def file(book):
        sheet = book.worksheets[0]
        heads = {cell.value: cell.column for cell in sheet[2]}
        row = sheet.max_row + 1
        for heading, value in (
            ("需求单位", "财务处"), ("关联事项", "在职证明"), ("数据元编号", "XM"), ("使用依据", "校财〔2026〕1号"),
            ("使用起始日", "2026年9月1日"),
        ):  # fmt: skip
            sheet.cell(row, heads[heading]).value = value
        sheet.cell(row + 1, heads["数据元名称"]).value = "性别"

    (edit,) = reading(changed(written("demands", CATALOG), file), CATALOG).edits
    assert edit.file == "demands/D-002.yaml"
    assert edit.new == {
        "demandId": "D-002",
        "requesterUnit": "CW",
        "purpose": {"serviceItem": "RS-001"},
        "basis": "校财〔2026〕1号",
        "validFrom": "2026-09-01",
        "elements": ["XM", "XB"],
        "state": "filed",
    }


def test_a_second_demand_of_a_unit_for_an_item_is_told_apart_by_the_word_new():
    def file(marks: tuple[str | None, str | None]):
        def written_in(book):
            sheet = book.worksheets[0]
            heads = {cell.value: cell.column for cell in sheet[2]}
            for row, (mark, element) in enumerate(
                zip(marks, ("XM", "XB"), strict=True), start=sheet.max_row + 1
            ):
                for heading, value in (
                    ("序号", mark), ("需求单位", "财务处"), ("关联事项", "在职证明"), ("数据元编号", element),
                ):  # fmt: skip
                    sheet.cell(row, heads[heading]).value = value

        found = reading(changed(written("demands", CATALOG), written_in), CATALOG)
        assert found.faults == ()
        return [(edit.file, edit.new["elements"]) for edit in found.edits]

    assert file(("新增", None)) == [("demands/D-002.yaml", ["XM", "XB"])]
    assert file(("新增", "新增")) == [("demands/D-002.yaml", ["XM"]), ("demands/D-003.yaml", ["XB"])]


def test_a_provider_confirms_its_duties_and_takes_back_a_claim():
    content = with_cell(written("responsibilities", CATALOG), "是否数源(确认)", "是", "否", "教务处")
    content = with_cell(content, "权威源依据(职责条款)", None, "校字〔2025〕1号第三条", "人事处")
    content = with_cell(content, "时限(每日几时前)", "02:00", "8点", "教务处")
    found = reading(content, CATALOG)
    assert found.faults == ()
    said = {(edit.file, edit.field): edit.new for edit in found.edits}
    assert ("resources/hr/staff.odcs.yaml", "customProperties[mandate]") in said
    assert [new["value"] for (_, field), new in said.items() if field.endswith("[authoritative]")] == [False]
    assert [value for (_, field), value in said.items() if field.startswith("slaProperties")]


def test_a_new_item_of_a_unit_is_drafted_from_the_list():
    def add(book):
        sheet = book["人事处"]
        row = next(cell.row for cell in sheet["A"] if str(cell.value or "").startswith("填表人"))
        sheet.insert_rows(row)
        for column, value in (
            (2, "收入证明"),
            (3, "开具收入证明"),
            (6, "2027年6月30日前实现网上办理,并开始在线上运行。"),
        ):
            sheet.cell(row, column).value = value

    def apart(book):
        book["人事处"].merged_cells.ranges.clear()
        add(book)

    (edit,) = reading(changed(written("annex1", CATALOG), apart), CATALOG).edits
    assert (edit.file, edit.new["status"], edit.new["leadUnit"]) == ("services/RS-002.yaml", "draft", "RS")
    assert edit.new["target"] == {"date": "2027-06-30", "mode": "online", "text": "网上办理"}
