"""What people decide about waiting rows: released, resubmitted; taken up by a release, rebuilt, purged, forgotten."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from openpyxl import load_workbook

from catalogs.model import Catalog
from catalogs.settings import settings
from connectors.base import Scope
from expectations.admit import engine
from expectations.purge import Order, purge
from expectations.quarantine import desk, path, workbook
from expectations.quarantine.handing_in import hand_in
from expectations.rebuild import plan, rebuild
from tests.service import campus as small
from tests.support import campus, migrated
from tests.support.campus import row
from tests.warehouse.test_looking_again import PEOPLE, changed, more_codes, served, settled, waiting
from tests.warehouse.test_purge import holding
from tests.warehouse.test_rebuild import contents
from warehouse import baseline, history, releases, sealed, versions
from warehouse.connect import connect
from warehouse.retention import enforce

Opened = Callable[[Catalog], campus.Warehouse]
STEWARD = "post:hr-steward"
CANARY = "鸑鷟甲"


def staff(house: campus.Warehouse):
    return house.catalog.resources["hr.staff"]


def release(house: campus.Warehouse, key: str = "", reason: str = "核对过原件") -> desk.Filed:
    with connect(autocommit=True) as con:
        return desk.release(con, staff(house), desk.rows(con, "hr.staff", key=key), STEWARD, "张", reason)


def export(house: campus.Warehouse, file: Path) -> Path:
    with connect(autocommit=True) as con:
        workbook.write(staff(house), desk.rows(con, "hr.staff"), "Asia/Shanghai", file)
    return file


def write(file: Path, key: str, title: str, value: str | None) -> None:
    """Write into the row of a key, below a title, as a person does."""
    book = load_workbook(file)
    sheet = book["待纠正"]
    titles = {cell.value: cell.column for cell in sheet[4]}
    (line,) = [
        n for n in range(5, sheet.max_row + 1) if sheet.cell(n, titles["工号 (staff_no)"]).value == key
    ]
    sheet.cell(line, titles[title]).value = value
    book.save(file)


def test_a_workbook_names_the_campus_s_day_of_an_extract(tmp_path: Path):
    file, contract = tmp_path / "rows.xlsx", small.catalog().resources["hr.staff"]
    at = datetime(2026, 3, 1, 16, 30, tzinfo=UTC)  # half past midnight in Shanghai
    workbook.write(contract, [desk.WaitingRow("d", "", (), 7, at, False, {})], "Asia/Shanghai", file)
    assert load_workbook(file)["待纠正"].cell(5, 3).value == "7 (2026-03-02)"


def resubmit(house: campus.Warehouse, file: Path) -> list[str]:
    """Hand in a workbook; returns the faults for which it was not taken."""
    with connect(autocommit=True) as con:
        done = hand_in(con, house.catalog, staff(house), file.read_bytes(), file.name, STEWARD, "张")
    return [workbook.told(fault) for fault in done.faults]


def decisions() -> list[tuple]:
    with connect(autocommit=True) as con:
        return con.execute(
            "SELECT kind, outcome, _from, row IS NULL, row_digest IS NULL FROM yici.quarantine_decision ORDER BY id"
        ).fetchall()


# Released.


@pytest.mark.parametrize("many", [1_000_000, 0])  # small tables, and large ones
def test_a_released_row_is_admitted_says_so_and_stays_so_while_the_source_sends_it_unchanged(
    warehouse: Opened, monkeypatch: pytest.MonkeyPatch, many: int
):
    monkeypatch.setattr(versions, "_MANY", many)
    house = warehouse(changed())
    rows = [*PEOPLE, row(98, sex="?"), row(99, salary="-5")]
    house.land(rows)
    house.release()
    assert release(house) == desk.Filed(1, {"sex.code": 1})
    done = house.release()
    assert (done.inserted, settled(), waiting()) == (1, [("00099", "released")], {"00098": ["sex.code"]})
    assert (served(house)["00099"]["_state"], str(served(house)["00099"]["salary"])) == ("released", "-5.00")
    assert decisions() == [("release", "admitted", 2, True, False)]
    house.land(rows)
    done = house.release()
    assert (done.rows_in, done.admitted, done.quarantined, done.inserted) == (92, 91, 1, 0)
    assert served(house)["00099"]["_state"] == "released"
    house.land([*PEOPLE, row(98, sex="?"), row(99, salary="-6")])
    house.release()
    assert served(house)["00099"]["_state"] == "refused"
    assert waiting()["00099"] == ["salary.range"]
    house.land([*PEOPLE, row(99, salary="-5"), row(98, sex="?")])
    house.release()
    assert (served(house)["00099"]["_state"], waiting()) == ("released", {"00098": ["sex.code"]})


@pytest.mark.parametrize("many", [1_000_000, 0])  # small tables, and large ones
def test_a_row_whose_good_version_stands_is_replaced_once_when_a_person_releases_what_it_became(
    warehouse: Opened, monkeypatch: pytest.MonkeyPatch, many: int
):
    monkeypatch.setattr(versions, "_MANY", many)
    house = warehouse(changed())
    house.land([*PEOPLE, row(99, salary="5")])
    house.release()
    rows = [*PEOPLE, row(99, salary="-5")]
    house.land(rows)
    house.release()
    assert served(house)["00099"]["_state"] == "refused"
    release(house)
    house.land(rows)
    done = house.release()
    assert (done.inserted, done.ended) == (1, 1)
    assert (served(house)["00099"]["_state"], str(served(house)["00099"]["salary"])) == ("released", "-5.00")


def test_a_row_that_is_released_before_it_was_ever_stored_fills_an_empty_table(warehouse: Opened):
    house = warehouse(changed())
    house.land([*PEOPLE, row(99, salary="-5")])
    house.release()
    release(house)
    with connect(autocommit=True) as con:
        con.execute("TRUNCATE store.hr__staff")
    house.land([*PEOPLE, row(99, salary="-5")])
    house.release()
    states = [person["_state"] for person in house.served()]
    assert (states.count("released"), states.count("reported")) == (1, 90)
    assert decisions()[0][:3] == ("release", "admitted", 2)


def test_only_what_a_contract_lets_be_waived_can_be_released(warehouse: Opened):
    rule = """    quality:
      - {{id: "{id}", name: "姓名不含空格", type: "sql", severity: "error", mustBe: 0{more},
         query: "SELECT COUNT(*) FROM ${{object}} WHERE name LIKE '% %'"}}
"""
    hard = rule.format(id="spaced", more=', customProperties: [{property: "waivable", value: false}]')
    soft = rule.format(id="spaced", more="")
    last = 'businessName: "更新时间", logicalType: "timestamp"}\n'
    house = warehouse(changed((last, last + hard)))
    house.land([*PEOPLE, row(97, name=None), row(98, name="张 三"), row(99), row(99, salary="7")])
    house.release()
    assert release(house) == desk.Filed(1, {"spaced": 1, "key.unique": 2})
    house.release()
    assert waiting() == {"00098": ["spaced"], "00099": ["key.unique"]}
    assert served(house)["00097"]["name"] is None
    house.catalog = changed((last, last + soft))
    assert release(house) == desk.Filed(1, {"key.unique": 2})
    house.release()
    assert served(house)["00098"]["_state"] == "released"
    with pytest.raises(desk.QuarantineError, match="--reason"):
        release(house, reason=" ")


def test_a_waiver_does_not_cover_what_the_row_breaks_besides(warehouse: Opened):
    house = warehouse(changed())
    rows = [*PEOPLE, row(99, salary="-5", name="很长的名字")]
    house.land(rows)
    house.release()
    release(house)
    name = 'businessName: "姓名", logicalType: "string"'
    house.catalog = changed((name, f"{name}, logicalTypeOptions: {{maxLength: 3}}"))
    house.release()
    assert waiting() == {"00099": ["name.length", "salary.range"]}
    assert decisions() == [("release", "refused", 2, True, False)]
    release(house)
    house.release()
    assert served(house)["00099"]["_state"] == "released"


# Resubmitted.


def test_corrected_rows_are_admitted_in_place_of_what_the_source_sent(warehouse: Opened, tmp_path: Path):
    house = warehouse(changed())
    extract = house.land([*PEOPLE, row(97, sex="?"), row(98, salary="x", name="=1+1"), row(99, name=None)])
    house.release()
    file = export(house, tmp_path / "staff.xlsx")
    write(file, "00097", "更正: 性别 (sex)", "女")
    write(file, "00098", "工资 (salary)", "8.50")
    assert resubmit(house, file) == []
    done = house.release()
    people = served(house)
    assert (done.inserted, waiting()) == (2, {"00099": ["name.required"]})
    assert (people["00097"]["sex"], people["00097"]["_extract"], people["00097"]["_state"]) == (
        "2",
        extract,
        "reported",
    )
    assert (str(people["00098"]["salary"]), people["00098"]["name"]) == ("8.50", "=1+1")
    assert settled() == [("00097", "resubmitted"), ("00098", "resubmitted")]
    assert decisions() == [("resubmit", "admitted", 2, False, False)] * 2


def test_the_sources_next_extract_comes_first(warehouse: Opened, tmp_path: Path):
    house = warehouse(changed(mode="watermark", extra=', watermark: "updated_at"'))
    house.land([*PEOPLE, row(98, sex="?"), row(99, sex="?")], Scope.since(None, "1"), "1")
    house.release()
    file = export(house, tmp_path / "staff.xlsx")
    for key in ("00098", "00099"):
        write(file, key, "更正: 性别 (sex)", "女")
    assert resubmit(house, file) == []
    house.land([row(99, sex="男", salary="9")], Scope.since("1", "2"), "2")
    house.release()
    assert [d[:2] for d in decisions()] == [("resubmit", "admitted"), ("resubmit", "superseded")]
    assert (served(house)["00099"]["sex"], str(served(house)["00099"]["salary"])) == ("1", "9.00")
    house.land([row(98, sex="男")], Scope.since("2", "3"), "3")
    house.release()
    assert served(house)["00098"]["sex"] == "1"


def test_of_two_rows_with_one_key_the_other_is_admitted_when_one_gets_its_own(
    warehouse: Opened, tmp_path: Path
):
    house = warehouse(changed())
    house.land([*PEOPLE, row(99, name="甲"), row(99, name="乙")])
    house.release()
    file = export(house, tmp_path / "staff.xlsx")
    book = load_workbook(file)
    sheet = book["待纠正"]
    titles = {cell.value: cell.column for cell in sheet[4]}
    (line,) = [n for n in (5, 6) if sheet.cell(n, titles["姓名 (name)"]).value == "乙"]
    sheet.cell(line, titles["更正: 工号 (staff_no)"]).value = "00100"
    book.save(file)
    assert resubmit(house, file) == []
    house.release()
    assert (served(house)["00099"]["name"], served(house)["00100"]["name"], waiting()) == ("甲", "乙", {})


def test_what_cannot_be_matched_or_breaks_the_contract_is_told_by_its_place_and_nothing_is_taken(
    warehouse: Opened, tmp_path: Path
):
    house = warehouse(changed())
    house.land([*PEOPLE, row(97, sex="?"), row(98, sex="?"), row(99, salary="x")])
    house.release()
    file = export(house, tmp_path / "staff.xlsx")
    write(file, "00097", "更正: 性别 (sex)", CANARY)
    write(file, "00098", "更正: 性别 (sex)", "女")
    write(file, "00099", "更正: 工资 (salary)", "-1")
    faults = resubmit(house, file)
    assert faults == [
        "sheet 待纠正, row 5, column H: 性别: 不在码表内的代码",
        "sheet 待纠正, row 7, column K: 工资: 超出允许范围 (不小于 0)",
    ]
    assert decisions() == []
    write(file, "00097", "更正: 性别 (sex)", "女")
    write(file, "00099", "更正: 工资 (salary)", "1")
    write(file, "00098", "工号 (staff_no)", "00001")
    assert resubmit(house, file) == ["sheet 待纠正, row 6, column D: 主键与另一行重复"]
    book = load_workbook(file)
    book["待纠正"]["A6"] = "0" * 32
    book["待纠正"]["D4"] = f"{CANARY}"
    book.save(file)
    faults = resubmit(house, file)
    assert [fault.partition(": ")[0] for fault in faults] == [
        "sheet 待纠正, row 4, column D",
        "sheet 待纠正, row 6, column A",
    ]
    assert decisions() == []


def test_a_correction_that_an_interrupted_release_took_up_is_taken_up_by_the_next(
    warehouse: Opened, tmp_path: Path
):
    house = warehouse(changed())
    house.land([*PEOPLE, row(98, salary="-5"), row(99, sex="?")])
    house.release()
    file = export(house, tmp_path / "staff.xlsx")
    write(file, "00099", "更正: 性别 (sex)", "女")
    resubmit(house, file)
    release(house, key="00098")
    with house.candidate() as opened:
        assert house.admit(opened).inserted == 2
    assert [d[:3] for d in decisions()] == [("resubmit", None, None), ("release", None, None)]
    assert house.release().inserted == 2
    assert [d[:3] for d in decisions()] == [("resubmit", "admitted", 3), ("release", "admitted", 3)]


# Kept, rebuilt, purged.


@pytest.mark.parametrize("secured_after", [0, 1, 2])
def test_released_resubmitted_and_judged_again_rows_come_back_to_the_letter(
    warehouse: Opened, tmp_path: Path, secured_after: int
):
    house = warehouse(changed())

    def publish(number: int) -> None:
        house.release()
        with connect(autocommit=True) as con:
            history.export(con, house.landing, settings().home)
            if number == secured_after:
                releases.hold(con)
                baseline.write(con, house.landing, settings().home)

    bad = [row(96, sex="M"), row(97, salary="-5"), row(98, sex="?"), row(99, sex="?", name=None)]
    house.land([*PEOPLE, *bad])
    publish(1)
    file = export(house, tmp_path / "staff.xlsx")
    write(file, "00098", "更正: 性别 (sex)", "女")
    resubmit(house, file)
    release(house, key="00097")
    publish(2)
    house.catalog = more_codes()
    publish(3)
    house.land([*PEOPLE, *bad, row(100)])
    publish(4)
    with connect(autocommit=True) as con:
        desk.record_look(con, desk.SHOW, "hr.staff", 2, STEWARD, "张")
    release(house, key="00099")  # 缺 name: waivable; the code is not
    publish(5)
    people, digest = served(house), house.digest()
    assert {key: people[key]["_state"] for key in ("00096", "00097", "00098")} == {
        "00096": "reported", "00097": "released", "00098": "refused",
    }  # fmt: skip
    tables = ("yici.quarantine_decision", "yici.quarantine_look")
    before = contents() | {table: _rows(table) for table in tables}
    migrated.begin()
    with connect(autocommit=True) as con:
        done = rebuild(
            con,
            house.landing,
            plan(house.landing, sealed.trusted_key(settings().home)),
            True,
            lambda *said: None,
        )
    assert done.differences == []
    assert (served(house), house.digest()) == (people, digest)
    assert contents() | {table: _rows(table) for table in tables} == before


def _rows(table: str) -> list:
    with connect(autocommit=True) as con:
        return sorted(text for (text,) in con.execute(f"SELECT to_jsonb(t)::text FROM {table} t").fetchall())


def test_a_purge_takes_corrections_and_leaves_who_decided(warehouse: Opened, tmp_path: Path):
    house = warehouse(changed())
    house.land([*PEOPLE, row(99, sex="?", name=CANARY)])
    house.release()
    file = export(house, tmp_path / "staff.xlsx")
    write(file, "00099", "更正: 性别 (sex)", "女")
    resubmit(house, file)
    for _ in range(2):
        house.release()
        with connect(autocommit=True) as con:
            history.export(con, house.landing, settings().home)
    order = Order(staff(house), ("00099",), "", "保密办", "误报")
    with connect(autocommit=True) as con, engine() as duck:
        done = purge(
            con, duck, house.catalog, house.landing, settings().home, order, False, lambda *said: None
        )
    assert dict(done.quarantined) == {"hr.staff": 2}
    assert decisions() == [("resubmit", "admitted", 2, True, True)]
    assert holding(house, CANARY) == []
    assert (
        house.scalar("SELECT count(*) FROM yici.quarantine_decision d WHERE d::text LIKE %s", f"%{CANARY}%")
        == 0
    )
    assert "00099" not in served(house)


def test_a_correction_is_forgotten_with_the_refusal_it_was_for(
    warehouse: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    house = warehouse(changed())
    house.land([*PEOPLE, row(99, sex="?")])
    house.release()
    file = export(house, tmp_path / "staff.xlsx")
    write(file, "00099", "更正: 性别 (sex)", "女")
    resubmit(house, file)
    house.release()
    house.land(PEOPLE)
    for days in (390, 401):
        monkeypatch.setenv("YICI_CLOCK_OFFSET_S", str(days * 86_400))
        if days == 390:
            house.release()
        with connect(autocommit=True) as con, connect("retention", autocommit=True) as pruner:
            enforce(con, pruner, house.catalog, house.landing, settings().home)
        assert decisions() == [("resubmit", "admitted", 2, days > 400, False)]
    assert house.scalar("SELECT count(*) FROM yici.quarantine") == 0


def test_looks_and_decisions_are_kept_as_they_were_made(warehouse: Opened):
    house = warehouse(changed())
    house.land([*PEOPLE, row(99, salary="-5")])
    house.release()
    release(house)
    with connect(autocommit=True) as con:
        desk.record_look(con, desk.EXPORT, "hr.staff", 1, STEWARD, "张")
        for statement in (
            "UPDATE yici.quarantine_look SET rows = 0",
            "DELETE FROM yici.quarantine_look",
            "UPDATE yici.quarantine_decision SET reason = 'x'",
            "DELETE FROM yici.quarantine_decision",
        ):
            with pytest.raises(psycopg.errors.RaiseException, match="keeps its rows"):
                con.execute(statement)


# The path of a row.


def test_the_path_of_a_row_names_each_step_and_no_value(warehouse: Opened):
    house = warehouse(changed())
    house.land([*PEOPLE, row(99, sex="男", name=CANARY)])
    house.release()
    house.land([*PEOPLE, row(99, sex="M", name=CANARY)])
    house.release()
    house.catalog = more_codes()
    house.release()
    house.land(PEOPLE)
    house.release()
    with connect(autocommit=True) as con, engine() as duck:
        found = path.trace(con, duck, house.catalog, staff(house), house.landing, "00099", 30)
        nothing = path.trace(con, duck, house.catalog, staff(house), house.landing, "77777", 2)
    told = [(step.release, step.told) for step in found.steps]
    assert told == [
        (1, "extract 1 (full) holds it"),
        (1, "a version with the values of extract 1 stands in hr__staff, reported"),
        (2, "extract 2 (full) holds it"),
        (2, "the row of extract 2 is refused: sex.code (性别: 不在码表内的代码)"),
        (2, "the version of release 1 ends"),
        (
            2,
            "a version with the values of extract 1 stands in hr__staff, refused, last confirmed by extract 1",
        ),
        (3, "it waits no more: judged again, it keeps its contract and is admitted"),
        (3, "the version of release 2 ends"),
        (3, "a version with the values of extract 2 stands in hr__staff, reported"),
        (4, "extract 3 (full) does not hold it"),
        (4, "the version of release 3 ends"),
        (
            4,
            "a version with the values of extract 2 stands in hr__staff, former, last confirmed by extract 2",
        ),
    ]
    assert (found.links, found.not_looked_at) == (1, 0)
    assert CANARY not in str(found)
    assert (nothing.not_looked_at, nothing.links) == (1, 0)
