"""What the whole of a resource must be like, from a bad extract to the service's answer and the pages about it."""

import json

import dagster as dg
from typer.testing import CliRunner

from expectations import data_docs
from pipelines.definitions import RELEASE_JOB
from pipelines.run import prepare_instance
from tests.pipelines.house import STAFF, STUDENTS, House
from tests.service import campus, desk
from warehouse.connect import connect
from yici.cli import app

CONTRACT = "resources/hr/staff.odcs.yaml"


def run(exit_code: int = 0) -> str:
    done = CliRunner().invoke(app, ["run"])
    assert done.exit_code == exit_code, done.output
    return done.output


def ask_more_of_staff(house: House, **gate: float) -> None:
    """Let the contract of hr.staff refuse an extract in which units are missing, and promise shares of good rows."""
    told = json.loads(campus.files()[CONTRACT])
    (unit,) = (one for one in told["schema"][0]["properties"] if one["name"] == "unit")
    unit["quality"] = [
        {
            "id": "unit-filled", "type": "library", "metric": "nullValues", "unit": "percent", "mustBeLessThan": 10,
            "dimension": "completeness", "severity": "error",
            "customProperties": [{"property": "onFailure", "value": "refuse_extract"}],
        }
    ]  # fmt: skip
    if gate:
        told["customProperties"].append({"property": "qualityGate", "value": gate})
    house.write(CONTRACT, json.dumps(told, ensure_ascii=False).encode())


def outcomes() -> dict[str, tuple[str, str | None]]:
    with connect(autocommit=True) as con:
        rows = con.execute(
            "SELECT resource, outcome, reason FROM yici.release_resource WHERE release = yici.current()"
        ).fetchall()
    return {name: (outcome, reason) for name, outcome, reason in rows}


def assert_told_to_dagster() -> None:
    """Results are checks of their asset, with the severity of the worst and a table of their rules."""
    prepare_instance()
    key = dg.AssetKey(["store", "hr", "staff"])
    with dg.DagsterInstance.get() as instance:
        [last] = instance.get_runs(dg.RunsFilter(job_name=RELEASE_JOB), limit=1)
        evaluated = instance.get_records_for_run(
            last.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
        ).records
    told = {}
    for record in evaluated:
        one = record.event_log_entry.dagster_event.event_specific_data
        told[one.asset_key, one.check_name] = one
    expectations, admission = told[key, "expectations"], told[key, "admission"]
    assert (expectations.passed, expectations.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert admission.passed
    records = {r.data["rule"]: r.data for r in expectations.metadata["findings"].records}
    assert records["unit-filled"]["result"] == "critical"
    assert (records["unit-filled"]["rows"], records["unit-filled"]["of"]) == (len(STAFF), len(STAFF))
    assert records["freshness"]["result"] == "passed"


def assert_documented(house: House) -> None:
    """The Data Docs are written, and no value of a person is in them."""
    folder = house.folder / "home" / data_docs.FOLDER
    pages = {file.name: file.read_text(encoding="utf-8") for file in folder.rglob("*") if file.is_file()}
    assert {"index.html", "hr.staff.html", "finance.payroll.html"} <= set(pages)
    assert "unit-filled" in pages["hr.staff.html"] and "未入库, 沿用上次" in pages["index.html"]
    everything = "".join(pages.values())
    values = {str(v) for rows in (STAFF, STUDENTS, desk.PAYROLL) for row in rows for v in row.values() if v}
    telling = {value for value in values if len(value) > 4 or desk.CANARY in value}
    assert len(telling) > 20
    assert [value for value in telling if value in everything] == []
    assert desk.CANARY not in everything
    assert "http" not in everything.replace("http-equiv", "")

    done = CliRunner().invoke(app, ["release", "docs"])
    assert f"{len(pages)} pages" in done.output


def test_a_broken_critical_expectation_takes_back_its_resource_only_and_the_last_good_facts_stay(
    house: House,
):
    ask_more_of_staff(house)
    run()
    house.days_pass(3)
    house.fill("hr.staff", [member | {"unit": None} for member in STAFF])
    house.fill("academic.students", [one | {"unit": "新学院"} for one in STUDENTS])
    assert "expectations broken: unit-filled" in run(exit_code=1)
    became = outcomes()
    assert became["hr.staff"] == ("refused", "expectations broken: unit-filled; the last good state stays")
    assert became["finance.payroll"][0] == became["academic.students"][0] == "applied"
    assert_told_to_dagster()
    assert_documented(house)
    with house.service() as at:
        fact = at.fact("DW")
        assert (fact["status"], fact["reason"]) == ("stale", "older_than_promised")
        assert fact["value"] == STAFF[0]["unit"]
        assert 3 * 86_400 <= fact["age_seconds"] < 4 * 86_400
        other = at.fact("GZ")
        assert (other["status"], other["verification"]["level"]) == ("available", "authoritative")

    house.fill("hr.staff", [member | {"unit": "新单位"} for member in STAFF])
    run()
    assert outcomes()["hr.staff"] == ("applied", None)
    with house.service() as at:
        fact = at.fact("DW")
        assert (fact["status"], fact["value"], fact.get("reason")) == ("available", "新单位", None)


def test_what_a_provider_promised_of_its_rows_is_kept_or_the_resource_is_taken_back(house: House):
    ask_more_of_staff(house, 规范性=0.98, 完整性=0.5)
    run()
    with connect(autocommit=True) as con:
        gates = con.execute(
            "SELECT rule, passed FROM yici.finding WHERE rule LIKE 'gate-%' AND resource = 'hr.staff' ORDER BY rule"
        ).fetchall()
    assert gates == [("gate-completeness", True), ("gate-conformity", True)]
    house.days_pass(1)
    # One of 24 rows is refused: too few to refuse the extract, more than was promised.
    house.fill("hr.staff", [*STAFF[:-1], STAFF[-1] | {"status": "??"}])
    run(exit_code=1)
    outcome, reason = outcomes()["hr.staff"]
    assert (outcome, reason) == ("refused", "expectations broken: gate-conformity; the last good state stays")
