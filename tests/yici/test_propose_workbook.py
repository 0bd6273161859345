"""A form goes out as a workbook, is filled in, proposed, decided, and in force: the commands as a user runs them."""

import json
from collections.abc import Mapping
from pathlib import Path

import openpyxl
import pytest
import yaml

from tests.pipelines.house import House
from tests.yici.commands import yici

DEMANDS = "demands/all.yaml"
SHEET = "数据共享需求清单"


@pytest.fixture
def form(governed: House, tmp_path: Path) -> Path:
    """The demand form, filled in with what the catalog says."""
    yici("catalog", "propose", "--dry-run")
    return exported("demands", tmp_path)


def exported(name: str, folder: Path) -> Path:
    file = folder / f"{name}.xlsx"
    yici("catalog", "forms", "export", "--form", name, "--out", str(file))
    return file


def fill_in(file: Path, cells: Mapping[tuple[int, str], object], sheet: str = SHEET) -> None:
    """Write into cells, named by their row and the heading of their column; the headings are in row 2."""
    book = openpyxl.load_workbook(file)
    page = book[sheet]
    places = {cell.value: cell.column for cell in page[2]}
    for (row, heading), value in cells.items():
        page.cell(row, places[heading], value)
    book.save(file)


def row_of(file: Path, demand: str) -> int:
    """Return the first row of a demand."""
    page = openpyxl.load_workbook(file)[SHEET]
    return next(row for row in range(3, page.max_row + 1) if page.cell(row, 2).value == demand)


def cell_of(file: Path, row: int, heading: str) -> str:
    """Return the address of a cell, as a fault names it."""
    column = next(
        cell.column_letter for cell in openpyxl.load_workbook(file)[SHEET][2] if cell.value == heading
    )
    return f"{SHEET}!{column}{row}"


def in_force(number: int, out: Path, file: str = DEMANDS) -> dict[str, dict]:
    """Return the demands of a published version by number."""
    yici("catalog", "versions", str(number), "--out", str(out))
    told = yaml.safe_load((out / file).read_text(encoding="utf-8"))
    return {one["demandId"]: one for one in (told if isinstance(told, list) else [told])}


def nothing_was_recorded() -> bool:
    numbers = [line.split()[0] for line in yici("catalog", "versions").splitlines()]
    return yici("catalog", "proposals", "--all") == "No proposal is open.\n" and numbers == ["1"]


def test_one_cell_of_a_workbook_is_in_force_after_it_was_decided(governed: House, form: Path, tmp_path: Path):
    fill_in(form, {(row_of(form, "D-2"), "留存与销毁"): "结案后 10 日销毁"})
    assert f"{DEMANDS} D-2 retention" in yici("catalog", "forms", "check", str(form))
    said = yici(
        "catalog", "propose", str(form), "--by", "post:a", "--title", "缩短留存", "--reason", "最小必要"
    )
    assert "Proposal 1 [proposed] 缩短留存, by post:a" in said
    assert "waits for post:b" in said
    meant = json.loads(yici("catalog", "diff", "1", "--json"))
    assert meant["source"] == form.name
    assert [(one["entry"], one["field"], one["old"], one["new"]) for one in meant["edits"]] == [
        ("D-2", "retention", "结案后 30 日销毁", "结案后 10 日销毁")
    ]
    assert "took effect: version 2" in yici("catalog", "decide", "1", "--by", "post:b", "--approve")
    before, after = in_force(1, tmp_path / "one"), in_force(2, tmp_path / "two")
    assert after["D-2"]["retention"] == "结案后 10 日销毁"
    assert {number for number in before if before[number] != after[number]} == {"D-2"}
    assert "结案后 10 日销毁" in (governed.folder / "campus" / DEMANDS).read_text(encoding="utf-8")
    assert "0 changes" in yici("catalog", "forms", "check", str(form))


def test_a_contract_is_changed_by_the_form_of_the_2017_guide(governed: House, form: Path, tmp_path: Path):
    guide = exported("guide", tmp_path)
    book = openpyxl.load_workbook(guide)
    page = next(one for one in book if one.title == "财务处")
    cell = next(cell for row in page.iter_rows() for cell in row if cell.value == "金额")
    cell.value = "实发金额"
    book.save(guide)
    assert "waits for post:b" in yici("catalog", "propose", str(guide), "--by", "post:a")
    yici("catalog", "decide", "1", "--by", "post:b", "--approve")
    (state,) = json.loads(yici("catalog", "proposals", "--all", "--json"))
    assert state["state"] == "effective"
    yici("catalog", "versions", "2", "--out", str(tmp_path / "two"))
    contract = (tmp_path / "two/resources/finance/payroll.odcs.yaml").read_text(encoding="utf-8")
    told = yaml.safe_load(contract)
    assert "实发金额" in [one["businessName"] for one in told["schema"][0]["properties"]]
    assert told["version"] == "1.0.1"


def test_every_fault_of_a_workbook_is_told_with_its_cell_and_nothing_is_recorded(form: Path):
    first = row_of(form, "D-1")
    fill_in(
        form,
        {
            (first, "使用截止日"): "明年",
            (first + 1, "数据元编号"): "NOSUCH",
            (row_of(form, "D-2"), "需求单位"): "人事部",
            (row_of(form, "D-2"), "留存与销毁"): "结案后 10 日销毁",
        },
    )
    said = yici("catalog", "propose", str(form), "--by", "post:a", exit_code=1)
    assert [line.split(":")[0] for line in said.splitlines()[:-1]] == [
        f"✕ {SHEET}!V{first}",
        f"✕ {SHEET}!J{first + 1}",
        f"✕ {SHEET}!C{row_of(form, 'D-2')}",
    ]
    assert "3 faults; nothing was recorded" in said
    assert nothing_was_recorded()


def test_a_workbook_that_breaks_a_rule_of_the_catalog_is_refused_with_the_rule(form: Path):
    fill_in(form, {(row_of(form, "D-2"), "使用截止日"): "2025-01-01"})
    said = yici("catalog", "propose", str(form), "--by", "post:a", exit_code=2)
    assert DEMANDS in said and "nothing was recorded" in said
    assert nothing_was_recorded()


@pytest.mark.parametrize("demand", ["D-2", "D-5", None], ids=["granted", "refused", "new"])
def test_a_cell_that_says_approved_is_a_fault_of_a_demand_workbook(form: Path, demand: str | None):
    row = row_of(form, demand) if demand else openpyxl.load_workbook(form)[SHEET].max_row + 1
    cells: dict[tuple[int, str], object] = {(row, "审批状态"): "已授权", (row, "审批意见"): "同意"}
    if demand is None:
        cells |= a_new_demand(row)
    fill_in(form, cells)
    said = yici("catalog", "propose", str(form), "--by", "post:a", exit_code=1)
    assert f"{cell_of(form, row, '审批意见')}: 审批意见 was changed" in said
    assert (f"{cell_of(form, row, '审批状态')}: 审批状态 was changed" in said) == (demand != "D-2")
    assert nothing_was_recorded()


def test_a_demand_that_a_workbook_files_is_granted_by_the_decision_and_by_nothing_else(
    form: Path, tmp_path: Path
):
    fill_in(form, a_new_demand(openpyxl.load_workbook(form)[SHEET].max_row + 1))
    yici("catalog", "propose", str(form), "--by", "post:a")
    (edit,) = json.loads(yici("catalog", "diff", "1", "--json"))["edits"]
    assert "decision" not in edit["new"]
    assert edit["new"].get("state", "filed") == "filed"
    assert not (tmp_path / "campus/demands/D-6.yaml").exists()
    yici("catalog", "decide", "1", "--by", "post:b", "--approve")
    filed = in_force(2, tmp_path / "two", "demands/D-6.yaml")["D-6"]
    assert (filed["decision"]["state"], filed["decision"]["by"]) == ("granted", ["post:b"])


def test_a_form_is_filled_in_with_the_published_version_and_not_with_a_hand_edit(governed: House, form: Path):
    path = governed.folder / "campus" / DEMANDS
    path.write_text(path.read_text(encoding="utf-8").replace("30 日", "90 日"), encoding="utf-8")
    told = yici("catalog", "forms", "export", "--form", "demands", "--out", str(form))
    assert "not in force" in told
    cells = [cell for row in openpyxl.load_workbook(form)[SHEET].iter_rows(values_only=True) for cell in row]
    assert "结案后 30 日销毁" in cells and "结案后 90 日销毁" not in cells
    assert "0 changes" in yici("catalog", "forms", "check", str(form))
    assert "not in force" in yici("catalog", "lists", "demands", "--no-figures")
    assert "nothing differs" in yici("catalog", "propose", str(form), "--by", "post:a", exit_code=2)


def a_new_demand(row: int) -> dict[tuple[int, str], object]:
    return {
        (row, "序号"): "新增",
        (row, "需求单位"): "人事处",
        (row, "关联事项"): "学籍变动",
        (row, "数据元编号"): "XH",
        (row, "使用依据"): "校人〔2025〕7号",
        (row, "处理依据类型"): "履行法定职责",
        (row, "使用系统"): "portal",
        (row, "提供频率"): "逐件",
        (row, "使用起始日"): "2026-01-01",
        (row, "使用截止日"): "2099-12-31",
        (row, "留存与销毁"): "结案后 30 日销毁",
    }
