"""`yici quarantine` as a provider's steward types it, from a refused row to the answer of the service."""

import json
import stat
from pathlib import Path

import pytest
import yaml
from openpyxl import load_workbook

from tests.catalogs.small import as_bytes
from tests.pipelines.house import STAFF, House
from tests.service import campus
from tests.service.desk import CANARY
from tests.yici.commands import yici
from warehouse.connect import connect

STEWARD = "post:b"
CONTRACT = "resources/hr/staff.odcs.yaml"
SHORT_PHONE = {
    "id": "phone-length",
    "name": "电话须为 11 位",
    "type": "sql",
    "severity": "error",
    "query": "SELECT COUNT(*) FROM ${object} WHERE length(phone) <> 11",
    "mustBe": 0,
}
MORE = [STAFF[4] | {"staff_no": f"M{n:03d}"} for n in range(30)]
T005 = STAFF[0] | {"staff_no": "T005", "id_no": None, "status": "在职", "name": f"{CANARY}庚"}
T006 = STAFF[0] | {"staff_no": "T006", "id_no": None, "phone": "13900", "name": f"{CANARY}辛"}


@pytest.fixture
def waiting(house: House) -> House:
    """The house, in whose first release one row has an unknown code and another a short telephone number."""
    contract = yaml.safe_load((house.folder / "campus" / CONTRACT).read_text(encoding="utf-8"))
    contract["schema"][0].setdefault("quality", []).append(SHORT_PHONE)
    house.write(CONTRACT, as_bytes(contract))
    house.fill("hr.staff", [*STAFF, *MORE, T005, T006])
    house.first_run()
    return house


def looks() -> list[tuple]:
    with connect(autocommit=True) as con:
        return con.execute(
            "SELECT kind, resource, rows, post, person FROM yici.quarantine_look ORDER BY id"
        ).fetchall()


def test_a_steward_sees_corrects_and_releases_rows_and_the_service_says_so(waiting: House, tmp_path: Path):
    said = yici("quarantine", "list")
    assert "status.code" in said and "phone-length" in said and STEWARD in said
    told = json.loads(yici("quarantine", "list", "--json", "--resource", "hr.staff"))
    assert [(one["rule"], one["rows"], one["unit"], one["post"]) for one in told["waiting"]] == [
        ("phone-length", 1, "RS", STEWARD),
        ("status.code", 1, "RS", STEWARD),
    ]
    assert all(one["due_on"] for one in told["waiting"])

    masked = yici("quarantine", "show", "hr.staff")
    assert "状态: 不在码表内的代码" in masked and "电话须为 11 位" in masked
    assert not [value for row in (T005, T006) for value in (row["name"], row["staff_no"]) if value in masked]
    assert "Nothing was shown" in yici("quarantine", "show", "hr.staff", "--full", exit_code=2)
    assert "Nothing was shown" in yici(
        "quarantine", "show", "hr.staff", "--full", "--as", "post:x", exit_code=2
    )
    assert looks() == []
    full = yici(
        "quarantine",
        "show",
        "hr.staff",
        "--key",
        "T005",
        "--full",
        "--as",
        STEWARD,
        "--person",
        "王",
        "--json",
    )
    (row,) = json.loads(full)
    assert (row["key"], row["items"]["name"], row["rules"]) == ("T005", f"{CANARY}庚", ["status.code"])

    file = tmp_path / "staff.xlsx"
    assert "2 rows are in" in yici(
        "quarantine", "export", "hr.staff", "--out", str(file), "--as", STEWARD, "--person", "王"
    )
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert looks() == [("show", "hr.staff", 1, STEWARD, "王"), ("export", "hr.staff", 2, STEWARD, "王")]
    book = load_workbook(file)
    sheet = book["待纠正"]
    titles = {cell.value: cell.column for cell in sheet[4]}
    lines = {sheet.cell(line, titles["工号 (staff_no)"]).value: line for line in (5, 6)}
    code = sheet.cell(lines["T005"], titles["状态 (status)"])
    assert (code.value, code.fill.fgColor.rgb, code.comment.text) == (
        "在职",
        "00FFC7CE",
        "状态: 不在码表内的代码",
    )
    assert sheet.cell(lines["T006"], titles["违反的规则"]).value == "电话须为 11 位"
    sheet.cell(lines["T005"], titles["更正: 状态 (status)"]).value = "？"
    book.save(file)
    hand_in = ("quarantine", "resubmit", str(file), "--as", STEWARD)
    said = yici(*hand_in, exit_code=1)
    assert f"row {lines['T005']}, column" in said and "nothing was handed in" in said
    sheet.cell(lines["T005"], titles["更正: 状态 (status)"]).value = "11"
    book.save(file)
    assert "1 corrected rows are handed in, 1 are as they were" in yici(*hand_in)
    why = ("--reason", "分机号, 已核实", "--as", STEWARD)
    assert "post:x" in yici("quarantine", "release", "hr.staff", *why[:3], "post:x", exit_code=2)
    said = yici("quarantine", "release", "hr.staff", *why)
    assert "1 of 2 rows" in said and "status.code, which nobody may waive" in said

    yici("run")
    assert "No row waits." in yici("quarantine", "list")
    with waiting.service() as desk:
        answered = {
            number: desk.facts(["DW", "ZT"], {"id_type": "staff_no", "id": number}).json()["facts"]
            for number in ("T001", "T006")
        }
    fact = answered["T006"]["DW"]
    assert (fact["status"], fact["value"], fact["verification"]["level"]) == (
        "available",
        "物理系",
        "officer_verified",
    )
    assert (fact["verification"]["unmet"], fact["reason"]) == ("rule_waived", "rule_waived")
    assert answered["T001"]["DW"]["verification"]["level"] == "authoritative"

    path = yici("quarantine", "path", "hr.staff", "T006")
    assert "is refused: phone-length (电话须为 11 位)" in path
    assert f"{STEWARD}" in path and "released: 分机号, 已核实; admitted" in path
    assert "XM" in path and CANARY not in path
    assert yici("quarantine", "show", "hr.staff", "--path", "--key", "T006") == path
    assert json.loads(yici("quarantine", "path", "hr.staff", "T005", "--json"))["links"] == 1


def test_a_changed_contract_lets_rows_in_without_a_new_reading(waiting: House):
    contract = yaml.safe_load((waiting.folder / "campus" / CONTRACT).read_text(encoding="utf-8"))
    contract["schema"][0]["quality"] = [one for one in contract["schema"][0]["quality"] if one != SHORT_PHONE]
    waiting.write(CONTRACT, as_bytes(contract | {"version": "1.1.0"}))
    waiting.file("hr").rename(waiting.folder / "away.sqlite")
    said = yici("run", exit_code=1)
    assert "Release 2 is current." in said
    told = json.loads(yici("quarantine", "list", "--json"))
    assert [one["rule"] for one in told["waiting"]] == ["status.code"]
    path = json.loads(yici("quarantine", "path", "hr.staff", "T006", "--json"))
    assert "judged again, it keeps its contract and is admitted" in str(path["steps"])


def test_words_that_are_no_resource_or_workbook_are_told(house: House, tmp_path: Path):
    assert "hr.staf" in yici("quarantine", "show", "hr.staf", exit_code=2)
    assert "--path" in yici("quarantine", "show", "hr.staff", "--path", exit_code=2)
    (tmp_path / "x.xlsx").write_text("x")
    assert "no Excel workbook" in yici(
        "quarantine", "resubmit", str(tmp_path / "x.xlsx"), "--as", STEWARD, exit_code=2
    )
    assert campus.HALL not in yici("quarantine", "list")
