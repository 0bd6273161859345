"""A missing parent is pending for one extract, then a finding; its child is never refused for it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

import catalogs
from expectations import references
from tests.service import campus
from tests.support import migrated
from tests.support.postgres import PgDatabase
from warehouse import releases
from warehouse.connect import connect, url

RULE = "reference-staff_no"
STAFF, PAYROLL = "hr.staff", "finance.payroll"


class House:
    """A warehouse in which payroll refers to staff."""

    def __init__(self) -> None:
        files = campus.files()
        path = "resources/finance/payroll.odcs.yaml"
        contract = json.loads(files[path])
        contract["schema"][0]["properties"][0]["relationships"] = [{"to": "hr.staff.staff_no"}]
        self.catalog = catalogs.load(files | {path: json.dumps(contract, ensure_ascii=False).encode()})
        migrated.begin()

    def publish(self, **rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, bool, int]]:
        """Publish rows of staff and payroll; return severity, verdict and count of what was judged."""
        named = {{"staff": STAFF, "payroll": PAYROLL}[name]: own for name, own in rows.items()}
        with connect(autocommit=True) as con:
            number = campus.publish(con, self.catalog, named)
            engine = create_engine(url(release=number))
            checks = references.judge(self.catalog, named, engine, number)
            engine.dispose()
            releases.add_findings(con, number, [_finding(check) for check in checks])
        assert {check.rule for check in checks} <= {RULE}
        return [(check.severity, check.passed, check.rows_failed) for check in checks]

    def end_staff(self, number: str) -> None:
        """Let the next release be the one that ended this member of staff."""
        with connect(autocommit=True) as con:
            (newest,) = con.execute("SELECT max(id) FROM yici.release").fetchone()
            con.execute("UPDATE store.hr__staff SET _to = %s WHERE staff_no = %s", [newest + 1, number])
            con.execute(
                "CREATE OR REPLACE FUNCTION ended() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                " IF NEW.resource = 'hr.staff' THEN NEW.ended := 1; END IF; RETURN NEW; END $$"
            )
            con.execute(
                "CREATE TRIGGER ended BEFORE INSERT ON yici.release_resource"
                " FOR EACH ROW EXECUTE FUNCTION ended()"
            )


def _finding(check):
    from expectations.admission import Finding

    return Finding(
        check.resource, check.rule, check.dimension, check.severity, "expectations", check.passed,
        check.rows_failed, check.rows_total, check.detail,
    )  # fmt: skip


@pytest.fixture
def house(tmp_path: Path, pg_database: PgDatabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
    monkeypatch.setenv("YICI_HOME", str(tmp_path))
    yield House()


def member(number: str, unit: str = "物理系") -> dict[str, Any]:
    return {"staff_no": number, "name": "甲", "status": "11", "unit": unit}


def pay(number: str, month: str = "2026-09", amount: str = "1.00") -> dict[str, Any]:
    return {"staff_no": number, "month": month, "amount": amount}


def test_a_missing_parent_is_pending_and_its_coming_settles_it(house):
    assert house.publish(staff=[member("T1")], payroll=[pay("T1"), pay("T2")]) == [("info", False, 1)]
    assert house.publish(staff=[member("T2")]) == [("info", True, 0)]
    # Nothing lacks a parent and nothing was lost: only what is new is looked at.
    assert house.publish(payroll=[pay("T1", "2026-10")]) == [("info", True, 0)]


@pytest.mark.parametrize("then", [{"staff": [member("T1", "化学系")]}, {"payroll": [pay("T1", "2026-10")]}])
def test_a_parent_that_is_still_missing_when_either_side_is_read_again_is_a_finding(house, then):
    house.publish(staff=[member("T1")], payroll=[pay("T1"), pay("T2")])
    assert house.publish(**then) == [("warning", False, 1)]


def test_a_changed_row_does_not_become_pending_anew(house):
    house.publish(staff=[member("T1")], payroll=[pay("T1"), pay("T2")])
    assert house.publish(payroll=[pay("T2", amount="2.00")]) == [("warning", False, 1)]


def test_old_orphans_are_a_finding_and_new_ones_among_them_are_told_apart(house):
    house.publish(staff=[member("T1")], payroll=[pay("T2")])
    house.publish(payroll=[pay("T3"), pay("T4")])
    with connect(autocommit=True) as con:
        detail = con.execute("SELECT detail FROM yici.finding WHERE release = 2").fetchone()[0]
    assert detail == "1 row refers to rows of hr.staff that are still missing; 2 pending"


def test_a_parent_that_ends_makes_its_children_pending(house):
    house.publish(staff=[member("T1"), member("T2")], payroll=[pay("T1"), pay("T2")])
    house.end_staff("T2")
    assert house.publish(staff=[member("T1", "化学系")]) == [("info", False, 1)]
    assert house.publish(payroll=[pay("T1", "2026-10")]) == [("warning", False, 1)]


def test_what_refers_to_nothing_at_all_is_no_orphan_and_what_did_not_move_is_not_asked(house):
    rows = [pay("T1"), pay("")]
    assert house.publish(staff=[member("T1")], payroll=rows) == [("info", True, 0)]
    with connect(autocommit=True) as con:
        con.execute("UPDATE yici.release_resource SET inserted = 0")
        (newest,) = con.execute("SELECT max(id) FROM yici.release").fetchone()
    engine = create_engine(url(release=newest))
    assert references.judge(house.catalog, [PAYROLL], engine, newest + 1) == []
    engine.dispose()
