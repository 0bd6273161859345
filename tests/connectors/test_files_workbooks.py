"""Workbooks that three programs wrote: every cell as it is shown, or refused by its name."""

import shutil
import struct
import subprocess
import zipfile
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter
import xlwt
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from catalogs.model import System
from connectors.base import SourceChanged, SourceRefused
from connectors.landing import Landing
from tests.connectors.build import item, resource
from tests.connectors.drops import settle
from tests.connectors.reading import land, rows
from tests.support.needs import need_program

NAMES = ("工号", "姓名", "日期", "金额")


def save(drop: Path, cells: list[list[Any]], name: str = "t.xlsx", sheet: str = "在册") -> openpyxl.Workbook:
    """Write a workbook with openpyxl; the caller may go on and save it again."""
    book = openpyxl.Workbook()
    book.active.title = sheet
    for row in cells:
        book.active.append(row)
    book.save(drop / name)
    settle(drop / name)
    return book


def old(drop: Path, cells: list[list[Any]], dates_1904: bool = False) -> None:
    """Write the same as .xls with xlwt; dates get a date format."""
    book = xlwt.Workbook()
    book.dates_1904 = dates_1904
    sheet = book.add_sheet("在册")
    day = xlwt.easyxf(num_format_str="YYYY-MM-DD")
    for row, values in enumerate(cells):
        for column, value in enumerate(values):
            if value is not None:
                sheet.write(row, column, value, *([day] if isinstance(value, date) else []))
    book.save(str(drop / "t.xls"))
    settle(drop / "t.xls")


def contract(name: str = "t.xlsx", names: tuple[str, ...] = NAMES, **read: Any):
    return resource(name, [item(each, each) for each in names], name="hr.staff", read=read)


def taken(landing: Landing, hr: System, *args: Any, **read: Any) -> list[tuple]:
    (manifest,) = land(landing, hr, contract(*args, **read))
    return rows(landing, manifest)


def refused(landing: Landing, hr: System, *args: Any, **read: Any) -> str:
    with pytest.raises(SourceRefused) as caught:
        land(landing, hr, contract(*args, **read))
    assert landing.extracts() == []
    return str(caught.value)


CELLS = [
    list(NAMES),
    ["00012", "𬎆𠮷 ", date(2020, 1, 2), 1234.56],
    ["00013", "李四\n二", date(1900, 1, 1), 0.1],
    [10001, None, date(1900, 3, 1), -1],
]
SHOWN = [
    ("00012", "𬎆𠮷 ", "2020-01-02", "1234.56"),
    ("00013", "李四\n二", "1900-01-01", "0.1"),
    ("10001", None, "1900-03-01", "-1"),
]


def test_both_formats_hold_the_same_texts_numbers_and_dates(drop: Path, hr: System, landing: Landing) -> None:
    save(drop, CELLS)
    old(drop, CELLS)
    assert taken(landing, hr) == SHOWN
    (manifest,) = land(landing, hr, contract("t.xls"), extract_id=2)
    assert rows(landing, manifest) == SHOWN


def test_what_libreoffice_makes_of_them_holds_the_same(drop: Path, hr: System, landing: Landing) -> None:
    office = need_program("soffice", "libreoffice", package="libreoffice-calc-nogui")
    source = drop / "source"
    source.mkdir()
    save(source, [*CELLS, ["00014", "=1/3", None, "=0.1+0.2"]])
    for kind, number in (("xlsx", 1), ("xls", 2)):
        profile = f"-env:UserInstallation={(drop / 'profile').as_uri()}"
        command = [office, profile, "--headless", "--convert-to", kind, "--outdir", drop, source / "t.xlsx"]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        settle(drop / f"t.{kind}")
        (manifest,) = land(landing, hr, contract(f"t.{kind}"), extract_id=number)
        third = ("00014", "0.333333333333333", None, "0.3")
        assert rows(landing, manifest) == [*SHOWN[:2], third, SHOWN[2]]
    shutil.rmtree(drop / "profile")


def test_workbooks_that_count_from_1904_give_the_same_days(drop: Path, hr: System, landing: Landing) -> None:
    cells = [list(NAMES), ["1", "张三", date(2020, 1, 2), 5]]
    book = save(drop, cells)
    book.epoch = CALENDAR_MAC_1904
    book.save(drop / "t.xlsx")
    settle(drop / "t.xlsx")
    assert taken(landing, hr) == [("1", "张三", "2020-01-02", "5")]
    old(drop, cells, dates_1904=True)
    (manifest,) = land(landing, hr, contract("t.xls"), extract_id=2)
    assert rows(landing, manifest) == [("1", "张三", "2020-01-02", "5")]


def test_times_and_durations_are_texts_of_hours_and_minutes(drop: Path, hr: System, landing: Landing) -> None:
    cells = [
        ["a", "b", "c"],
        [time(8, 30), timedelta(hours=30, seconds=5), datetime(2020, 1, 2, 3, 4, 5, 678000)],
    ]
    save(drop, cells)
    assert taken(landing, hr, "t.xlsx", ("a", "b", "c")) == [
        ("08:30:00", "30:00:05", "2020-01-02 03:04:05.678")
    ]


@pytest.mark.parametrize(
    ("number_format", "shown"),
    [
        ("yyyy/m/d;@", "2020-01-02"),
        ('yyyy"年"m"月"d"日"', "2020-01-02"),
        ("[$-804]yyyy-mm-dd", "2020-01-02"),
        ("YYYY-MM", "2020-01-02"),
        ("yyyy-mm-dd hh:mm", "2020-01-02"),
        ("General", "43832"),
        ('0"人d"', "43832"),
        ("[Red]#,##0.00", "43832"),
    ],
)
def test_a_number_is_a_date_where_its_format_says_so(
    number_format: str, shown: str, drop: Path, hr: System, landing: Landing
) -> None:
    book = save(drop, [["a"], [43832]])
    book.active["A2"].number_format = number_format
    book.save(drop / "t.xlsx")
    settle(drop / "t.xlsx")
    assert taken(landing, hr, "t.xlsx", ("a",)) == [(shown,)]


@pytest.mark.parametrize("serial", [0, -5, 60, 2_958_466])
def test_a_day_that_excel_does_not_have_is_refused_by_its_cell(
    serial: int, drop: Path, hr: System, landing: Landing
) -> None:
    book = save(drop, [["a"], ["x"], [serial]])
    book.active["A3"].number_format = "yyyy-mm-dd"
    book.save(drop / "t.xlsx")
    settle(drop / "t.xlsx")
    assert "cell A3 (row 3, column a): holds a date that Excel's calendar does not have" in refused(
        landing, hr, "t.xlsx", ("a",)
    )


def test_an_error_cell_is_refused_by_sheet_row_and_column_in_both_formats(
    drop: Path, hr: System, landing: Landing
) -> None:
    book = save(drop, [["工号", "姓名"], ["1", "CANARY"], ["2", "x"]])
    book.active["B3"].value, book.active["B3"].data_type = "#N/A", "e"
    book.save(drop / "t.xlsx")
    settle(drop / "t.xlsx")
    message = refused(landing, hr, "t.xlsx#在册", ("工号", "姓名"))
    assert message.startswith(
        "t.xlsx: sheet 在册, cell B3 (row 3, column 姓名): holds the error #N/A; nothing of"
    )
    assert "CANARY" not in message
    old_book = xlwt.Workbook()
    sheet = old_book.add_sheet("s")
    sheet.write(0, 0, "工号")
    sheet.row(1).set_cell_error(0, "#DIV/0!")
    old_book.save(str(drop / "t.xls"))
    settle(drop / "t.xls")
    assert "cell A2 (row 2, column 工号): holds the error #DIV/0!" in refused(landing, hr, "t.xls", ("工号",))


def test_an_error_in_a_column_that_nobody_asked_for_does_not_matter(
    drop: Path, hr: System, landing: Landing
) -> None:
    book = save(drop, [["工号", "旁注"], ["1", "x"]])
    book.active["B2"].value, book.active["B2"].data_type = "#REF!", "e"
    book.save(drop / "t.xlsx")
    settle(drop / "t.xlsx")
    assert taken(landing, hr, "t.xlsx", ("工号",)) == [("1",)]


@pytest.mark.parametrize("number", [10**15, 123456789012345678, -(2**53) - 2])
def test_a_number_of_more_digits_than_excel_keeps_is_refused(
    number: int, drop: Path, hr: System, landing: Landing
) -> None:
    save(drop, [["身份证号"], [number]])
    assert "cell A2 (row 2, column 身份证号): holds a number of more than 15 digits" in refused(
        landing, hr, "t.xlsx", ("身份证号",)
    )
    save(drop, [["身份证号"], [str(number)], [10**15 - 1]])
    assert taken(landing, hr, "t.xlsx", ("身份证号",)) == sorted([(str(number),), ("999999999999999",)])


def test_a_formula_has_the_value_that_was_calculated_last(drop: Path, hr: System, landing: Landing) -> None:
    book = xlsxwriter.Workbook(drop / "t.xlsx")
    sheet = book.add_worksheet("在册")
    sheet.write_row(0, 0, ["a", "b"])
    sheet.write_formula(1, 0, "=0.1+0.2", None, 0.1 + 0.2)
    sheet.write_formula(1, 1, '=""', None, "")
    book.close()
    settle(drop / "t.xlsx")
    # xlsxwriter marks its workbooks as never calculated; Excel takes the mark away when it saves.
    assert "cell A2 (row 2, column a): holds a formula that was never calculated" in refused(
        landing, hr, "t.xlsx", ("a", "b")
    )
    rewrite(drop / "t.xlsx", "xl/workbook.xml", b' fullCalcOnLoad="1"', b"")
    rewrite(drop / "t.xlsx", "xl/worksheets/sheet1.xml", b'<c r="B2">', b'<c r="B2" t="str">')
    assert taken(landing, hr, "t.xlsx", ("a", "b")) == [("0.3", None)]


def test_a_formula_that_was_never_calculated_is_refused_by_its_cell(
    drop: Path, hr: System, landing: Landing
) -> None:
    book = save(drop, [["a"], ["=1+1"]])
    book.calculation.fullCalcOnLoad = False
    book.save(drop / "t.xlsx")
    settle(drop / "t.xlsx")
    assert "cell A2 (row 2, column a): holds a formula that was never" in refused(
        landing, hr, "t.xlsx", ("a",)
    )
    older = xlwt.Workbook()
    sheet = older.add_sheet("s")
    sheet.write(0, 0, "a")
    sheet.write(1, 0, xlwt.Formula("1+1"))
    older.save(str(drop / "t.xls"))
    # As the Java libraries of many campus systems write it: a zero, to be calculated on opening.
    content = (drop / "t.xls").read_bytes()
    written = struct.pack("<8sH", b"\x03\0\0\0\0\0\xff\xff", 0)
    assert content.count(written) == 1
    (drop / "t.xls").write_bytes(content.replace(written, struct.pack("<dH", 0.0, 2)))
    settle(drop / "t.xls")
    assert "cell A2 (row 2, column a): holds a formula that was never" in refused(
        landing, hr, "t.xls", ("a",)
    )


def test_a_merged_cell_holds_for_all_its_rows_in_both_formats(
    drop: Path, hr: System, landing: Landing
) -> None:
    cells = [
        ["部门", "工号", "备注"],
        ["人事处", "1", None],
        [None, "2", "x"],
        [None, None, None],
        ["财务处", "3", None],
    ]
    book = save(drop, cells)
    book.active.merge_cells("A2:A4")
    book.save(drop / "t.xlsx")
    settle(drop / "t.xlsx")
    expected = [("人事处", "1", None), ("人事处", "2", "x"), ("财务处", "3", None)]
    assert sorted(taken(landing, hr, "t.xlsx", ("部门", "工号", "备注"))) == sorted(expected)
    older = xlwt.Workbook()
    sheet = older.add_sheet("s")
    for row, values in enumerate(cells):
        for column, value in enumerate(values):
            if column or row == 0 or row == 4:
                sheet.write(row, column, value)
    sheet.write_merge(1, 3, 0, 0, "人事处")
    older.save(str(drop / "t.xls"))
    settle(drop / "t.xls")
    (manifest,) = land(landing, hr, contract("t.xls", ("部门", "工号", "备注")), extract_id=2)
    assert sorted(rows(landing, manifest)) == sorted(expected)


def form(drop: Path) -> None:
    """A form as offices make it: a title over all, group headings over columns, plain headings over two rows."""
    book = save(
        drop,
        [
            ["教职工一览表", None, None, None, None],
            ["工号", "联系方式", None, "学历", None],
            [None, "手机", "邮箱", "起", "止"],
            ["007", "138", "a@b", "2001", "2005"],
        ],
    )
    for area in ("A1:E1", "A2:A3", "B2:C2", "D2:E2"):
        book.active.merge_cells(area)
    book.save(drop / "t.xlsx")
    settle(drop / "t.xlsx")


def test_a_header_of_two_rows_names_its_columns_by_group_and_heading(
    drop: Path, hr: System, landing: Landing
) -> None:
    form(drop)
    columns = ("工号", "联系方式/手机", "联系方式/邮箱", "学历/起", "学历/止")
    assert taken(landing, hr, "t.xlsx", columns, headerRow=3, headerRows=2) == [
        ("007", "138", "a@b", "2001", "2005")
    ]


def test_a_heading_merged_down_to_the_header_row_names_its_column(
    drop: Path, hr: System, landing: Landing
) -> None:
    form(drop)
    assert taken(landing, hr, "t.xlsx", ("工号", "手机", "止"), headerRow=3) == [("007", "138", "2005")]


def test_a_sheet_without_header_has_its_columns_by_position(drop: Path, hr: System, landing: Landing) -> None:
    save(drop, [["1", "张三", "多余"], ["2", "李四", "x"]])
    read = {"header": False, "columns": ["no", "name", "rest"]}
    assert taken(landing, hr, "t.xlsx", ("name", "no"), **read) == [("张三", "1"), ("李四", "2")]


def test_a_sheet_is_found_by_name_and_several_need_one(drop: Path, hr: System, landing: Landing) -> None:
    book = save(drop, [["a"], ["1"]])
    book.create_sheet("任职").append(["b"])
    book.save(drop / "t.xlsx")
    settle(drop / "t.xlsx")
    assert taken(landing, hr, "t.xlsx#在册", ("a",)) == [("1",)]
    with pytest.raises(SourceRefused, match="has 2 sheets; the contract names one"):
        land(landing, hr, contract("t.xlsx", ("a",)), extract_id=2)
    with pytest.raises(SourceChanged, match="no sheet '离职' any more; it has 在册, 任职"):
        land(landing, hr, contract("t.xlsx#离职", ("a",)), extract_id=3)


def test_a_file_that_only_calls_itself_a_workbook_is_named(drop: Path, hr: System, landing: Landing) -> None:
    for name, content in (("t.xls", b"<html><table>"), ("t.xlsx", b"PK\x03\x04 cut off")):
        (drop / name).write_bytes(content)
        settle(drop / name)
    assert "t.xls: is no workbook, whatever its name says" in refused(landing, hr, "t.xls", ("a",))
    assert "t.xlsx: cannot be opened as a workbook" in refused(landing, hr, "t.xlsx", ("a",))


def test_a_workbook_cut_off_inside_is_refused(drop: Path, hr: System, landing: Landing) -> None:
    save(drop, CELLS)
    rewrite(drop / "t.xlsx", "xl/worksheets/sheet1.xml", b"</sheetData>", b"")
    assert "t.xlsx: cannot be opened as a workbook" in refused(landing, hr)


def rewrite(path: Path, part: str, old_text: bytes, new_text: bytes) -> None:
    """Replace a text in one part of an .xlsx file."""
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    assert old_text in parts[part]
    parts[part] = parts[part].replace(old_text, new_text)
    with zipfile.ZipFile(path, "w") as book:
        for name, content in parts.items():
            book.writestr(name, content)
    settle(path)
