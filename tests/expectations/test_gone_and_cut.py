"""What only two versions or two resources show: children of what is gone, names that became shorter."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine

import catalogs
from catalogs.model import Catalog
from expectations import cut_names, gone
from expectations.checks import Check
from tests.service import campus as served
from tests.support import campus, migrated
from tests.support.campus import CONTRACT, row
from tests.support.postgres import PgDatabase
from warehouse.connect import connect, url


@pytest.fixture
def house(
    tmp_path: Path, pg_database: PgDatabase, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Catalog], campus.Warehouse]:
    monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
    monkeypatch.setenv("YICI_HOME", str(tmp_path))
    return lambda content: campus.Warehouse(tmp_path, content)


def _cut(place: campus.Warehouse, *rows: dict) -> Check:
    """Admit rows into a candidate and judge its names; the candidate is published."""
    place.land(list(rows))
    place.release()
    number = place.scalar("SELECT max(id) FROM yici.release")
    engine = create_engine(url(release=number))
    (check,) = cut_names.judge(place.catalog.resources.values(), engine, number)
    engine.dispose()
    return check


def test_a_name_that_lost_its_end_or_beginning_holds_its_register(house):
    place = house(campus.catalog())
    people = [row(number, name=f"欧阳娜{number}娜") for number in range(1, 30)]
    first = _cut(place, *people)
    assert (first.passed, first.severity) == (True, "critical")
    married = people[0] | {"name": "欧阳某"}
    assert _cut(place, married, *people[1:]).passed
    check = _cut(place, married, people[1] | {"name": "欧阳娜2"}, people[2] | {"name": "娜3娜"}, *people[3:])
    assert (check.passed, check.rows_failed, check.rows_total) == (False, 2, 2)
    assert "娜" not in str(check.detail)


def test_a_shorter_name_whose_former_one_is_told_is_a_new_name(house):
    text = CONTRACT.replace('name: "name"}}', 'name: "name", formerName: "salary"}}')
    text = text.replace(
        'logicalType: "number", logicalTypeOptions: {{multipleOf: 0.01, minimum: 0}}', 'logicalType: "string"'
    )
    place = house(campus.catalog(contract=text.format(mode="full", absence="keep_as_former", extra="")))
    people = [row(number, name=f"张{number}伟") for number in range(1, 30)]
    assert _cut(place, *people).passed
    told = people[0] | {"name": "张1", "salary": "张1伟"}
    assert _cut(place, told, *people[1:]).passed
    assert not _cut(place, told, people[1] | {"name": "张2"}, *people[2:]).passed


def test_children_of_what_is_no_longer_reported_are_told(
    pg_database: PgDatabase, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
    files = served.files()
    path = "resources/finance/payroll.odcs.yaml"
    contract = json.loads(files[path])
    contract["schema"][0]["properties"][0]["relationships"] = [{"to": "hr.staff.staff_no"}]
    content = catalogs.load(files | {path: json.dumps(contract, ensure_ascii=False).encode()})
    migrated.begin()

    def judged(state: str) -> list[tuple[str, bool, int]]:
        staff = [
            {"staff_no": "T001", "name": "甲", "id_no": None, "status": "11", "unit": "物理系",
             "hired_on": "2005-09-01", "phone": None, "_state": state}
        ]  # fmt: skip
        paid = [{"staff_no": "T001", "month": "2026-09", "amount": "9000.50"}]
        with connect(autocommit=True) as con:
            number = served.publish(con, content, {"hr.staff": staff, "finance.payroll": paid})
        engine = create_engine(url(release=number))
        checks = gone.judge(content, ["hr.staff"], engine)
        engine.dispose()
        return [
            (check.resource, check.passed, check.rows_failed)
            for check in checks
            if check.rule == "gone-staff_no"
        ]

    assert judged("reported") == [("finance.payroll", True, 0)]
    assert judged("absent") == [("finance.payroll", False, 1)]
