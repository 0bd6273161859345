"""From source rows to HTTP answers through Dagster's jobs: what a bad day leaves standing."""

import dagster as dg
import psycopg
import pytest
from typer.testing import CliRunner

from pipelines.definitions import RELEASE_JOB, load
from tests.pipelines.house import MART, STAFF, STUDENTS, WANTED, House
from tests.service import campus
from tests.service.desk import T001
from warehouse.connect import connect

X011 = {"id_type": "student_no", "id": "X011"}


def _yici_run(exit_code: int = 0) -> str:
    from yici.cli import app

    done = CliRunner().invoke(app, ["run"])
    assert done.exit_code == exit_code, done.output
    return done.output


def test_dagster_has_one_job_per_system_and_one_for_releases_that_extracts_nothing(house: House):
    definitions = load()
    dg.Definitions.validate_loadable(definitions)
    repository = definitions.get_repository_def()
    assert {"land_hr", "land_academic", "land_finance", RELEASE_JOB} <= set(repository.job_names)
    released = {tuple(key.path) for key in repository.get_job(RELEASE_JOB).asset_layer.executable_asset_keys}
    assert ("store", "hr", "staff") in released
    assert not any(path[0] == "landing" for path in released)


def test_a_bad_day_names_what_failed_and_leaves_the_rest_answerable(house: House, mart: None):
    """One system down, one resource refused, one mart failing its test."""
    first = _yici_run()
    assert "Release 1 is current." in first
    assert "✕" not in first

    house.days_pass(3)
    house.file("finance").unlink()
    house.fill("hr.staff", [member | {"status": "??", "unit": "改名系"} for member in STAFF])
    house.fill("academic.students", [STUDENTS[0] | {"unit": None}, *STUDENTS[1:]])
    second = _yici_run(exit_code=1)
    assert "Release 2 is current." in second
    named = [line for line in second.splitlines() if "✕" in line]
    assert any("finance" in line for line in named)
    assert any("hr.staff refused" in line for line in named)
    assert any(MART in line for line in named)
    assert "鸑鷟" not in second

    with connect(autocommit=True) as con:
        outcomes = dict(
            con.execute("SELECT resource, outcome FROM yici.release_resource WHERE release = 2").fetchall()
        )
        marts = dict(con.execute("SELECT model, build FROM yici.mart WHERE release = 2").fetchall())
        held = dict(con.execute(f"SELECT student_no, unit FROM marts.{MART}").fetchall())
        said = con.execute(
            "SELECT obj_description(m), col_description(m, 2) FROM (SELECT %s::regclass::oid AS m)",
            [f"marts.{MART}"],
        ).fetchone()
    assert said == ("学生", "所在单位")
    assert outcomes["academic.students"] == "applied"
    assert outcomes["hr.staff"] == "refused"
    assert outcomes["finance.payroll"] == "carried"
    assert (marts[MART], marts["mart_quality__row_counts"]) == (1, 2)
    assert held == {s["student_no"]: s["unit"] for s in STUDENTS}

    with house.service() as at:
        refused = at.fact("DW")
        assert (refused["status"], refused["value"]) == ("stale", STAFF[0]["unit"])
        assert 3 * 86_400 <= refused["age_seconds"] < 4 * 86_400
        unread = at.fact("GZ")
        assert float(unread["value"]) == 9000.5
        assert 3 * 86_400 <= unread["age_seconds"] < 4 * 86_400
        fresh = at.fact("XH", X011, service_item=campus.TRANSFER)
        assert (fresh["status"], fresh["value"]) == ("available", "X011")
        assert fresh["age_seconds"] < 3_600


def test_a_resource_is_one_yaml_file(house: House):
    """A contract dropped into the catalog is read, judged, stored, tested, linked and answered."""
    house.first_run()
    with house.service() as at:
        assert at.facts([WANTED]).json()["code"] == "ELEMENT_NOT_GRANTED"

        rows = [{"staff_no": s["staff_no"], "honour": "教学名师"} for s in STAFF]
        house.fill("hr.honours", [*rows, {"staff_no": "", "honour": "?"}])
        item = {"authoritative": True, "element": WANTED}
        contract = campus.contract(
            "hr.honours", "荣誉称号", "RS", {"type": "person", "key": "staff_no", "idType": "staff_no"},
            [campus.item("staff_no", "工号", key=1), campus.item("honour", "称号", **item)],
        )  # fmt: skip
        house.write("resources/hr/honours.odcs.yaml", contract)
        out = _yici_run()
        assert "hr.honours" in out
        fact = at.fact(WANTED)
        assert (fact["status"], fact["value"]) == ("available", "教学名师")
        assert fact["verification"]["verifier"]
    with connect(autocommit=True) as con:
        rules = con.execute("SELECT rules FROM yici.quarantine WHERE resource = 'hr.honours'").fetchone()[0]
        assert rules == ["staff_no.required"]
    assert list((house.folder / "home/dbt/project/models/staging").rglob("stg_hr__honours.sql"))


def test_who_vanished_from_a_register_stays_answerable_and_nothing_else_moves(house: House):
    house.first_run()
    house.days_pass(1)
    house.fill("hr.staff", STAFF[1:])
    assert "1 of " in _yici_run()
    with connect(autocommit=True) as con:
        moved = con.execute(
            "SELECT resource, inserted, ended FROM yici.release_resource WHERE release = 2 AND inserted + ended > 0"
        ).fetchall()
    assert moved == [("hr.staff", 1, 1)]
    # Who says no release sees nothing at all, rather than the newest rows.
    with connect("service") as con, pytest.raises(psycopg.Error):
        con.execute("SELECT count(*) FROM raw.hr__staff")
    with house.service() as at:
        fact = at.fact("XM", T001)
        assert fact["value"] == STAFF[0]["name"]
        assert fact["age_seconds"] >= 86_400
