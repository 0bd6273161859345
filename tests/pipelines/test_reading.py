"""Reading on schedule and on request, through Dagster's jobs and the command: intraday, again, by hand."""

import json
from datetime import timedelta

import dagster as dg
import pytest
from typer.testing import CliRunner

from catalogs.settings import now
from pipelines.definitions import RELEASE_JOB, intraday_job, load
from tests.pipelines.house import STAFF, House
from tests.service import campus
from warehouse import breaker
from warehouse.connect import connect

RECEIPTS = "finance.receipts"
INTRADAY = {"mode": "intraday", "watermark": "received_at", "everyMinutes": 5, "onAbsence": "keep"}
BY_DAY = {"mode": "append", "partition": {"by": "day", "from": "received_at"}, "onAbsence": "keep"}


def receipt(number: int, at: str, amount: str = "1.00") -> dict[str, str]:
    return {"receipt_no": f"{number:04d}", "staff_no": "T001", "amount": amount, "received_at": at}


def write_contract(house: House, ingest: dict, cycle: str) -> None:
    content = json.loads(campus.contract(
        RECEIPTS, "到款", "CW", {"type": "person", "key": "staff_no", "idType": "staff_no"},
        [campus.item("receipt_no", "编号", key=1), campus.item("staff_no", "工号"),
         campus.item("amount", "金额", "number"), campus.item("received_at", "到款时间", "timestamp")],
        cycle=cycle,
    ))  # fmt: skip
    for custom in content["customProperties"]:
        if custom["property"] == "ingest":
            custom["value"] = ingest
    house.write("resources/finance/receipts.odcs.yaml", json.dumps(content, ensure_ascii=False).encode())


def yici(*words: str, exit_code: int = 0) -> str:
    from yici.cli import app

    done = CliRunner().invoke(app, words)
    assert done.exit_code == exit_code, done.output
    return done.output


def held() -> dict[str, str]:
    with connect(autocommit=True) as con:
        number = con.execute("SELECT yici.current()").fetchone()[0]
    with connect(release=number) as con:
        rows = con.execute("SELECT receipt_no, amount::text FROM raw.finance__receipts").fetchall()
    return {number: amount[:4] for number, amount in rows}


def extracts() -> dict[str, int]:
    with connect(autocommit=True) as con:
        return dict(con.execute("SELECT resource, count(*) FROM yici.extract GROUP BY resource").fetchall())


def test_what_is_read_every_five_minutes_is_published_by_itself_and_nothing_else_is_read(house: House):
    """A schedule lands just these resources, and a sensor releases what landed: some seconds after each reading."""
    write_contract(house, INTRADAY, "realtime")
    local = now() + timedelta(hours=8)  # what the source's clock shows

    def moment(minutes: int) -> str:
        return f"{local - timedelta(minutes=minutes):%Y-%m-%d %H:%M:%S}"

    house.fill(RECEIPTS, [receipt(n, moment(600 - n)) for n in range(1, 21)])
    yici("run")
    repository = load().get_repository_def()
    job = repository.get_job(intraday_job("finance", 5))
    assert {tuple(key.path) for key in job.asset_layer.executable_asset_keys} == {
        ("landing", "finance", "receipts")
    }
    schedule = repository.get_schedule_def(intraday_job("finance", 5))
    assert (schedule.cron_schedule, schedule.default_status.value) == ("*/5 * * * *", "RUNNING")
    sensor = repository.get_sensor_def("release_intraday")
    assert sensor.minimum_interval_seconds <= 60

    before = extracts()
    house.fill(
        RECEIPTS, [*(receipt(n, moment(600 - n)) for n in range(1, 21)), receipt(21, moment(1), "7.00")]
    )
    with dg.DagsterInstance.ephemeral() as instance:

        def look() -> dg.SensorResult:
            return sensor.evaluate_tick(dg.build_sensor_context(instance, repository_def=repository))

        assert look().run_requests == []
        assert job.execute_in_process(instance=instance).success
        assert extracts() == before | {RECEIPTS: before[RECEIPTS] + 1}
        (request,) = look().run_requests
        repository.get_job(RELEASE_JOB).execute_in_process(instance=instance, run_id=None, tags=request.tags)
        assert held()["0021"] == "7.00"
        assert look().run_requests == []
        # Unchanged, and the last reading young: nothing to land, and nothing to release.
        job.execute_in_process(instance=instance)
        assert extracts()[RECEIPTS] == before[RECEIPTS] + 2
        repository.get_job(RELEASE_JOB).execute_in_process(instance=instance)
        job.execute_in_process(instance=instance)
        assert extracts()[RECEIPTS] == before[RECEIPTS] + 2
        # Half of the promised ten minutes later it is confirmed again, although nothing changed.
        house.seconds_pass(301)
        job.execute_in_process(instance=instance)
        assert extracts()[RECEIPTS] == before[RECEIPTS] + 3


def test_a_partition_or_a_range_is_read_again_by_the_command(house: House):
    write_contract(house, BY_DAY, "daily")
    rows = [receipt(n, f"2026-09-0{n} 08:00:00") for n in range(1, 6)]
    house.fill(RECEIPTS, rows)
    yici("run")
    house.fill(RECEIPTS, [row | {"amount": "2.00"} for row in rows])
    yici("run", "--resource", RECEIPTS)
    assert set(held().values()) == {"1.00"}
    before = extracts()
    yici("run", "--resource", RECEIPTS, "--partition", "2026-09-02")
    yici("run", "-r", RECEIPTS, "--from", "2026-09-04", "--to", "2026-09-05")
    assert held() == {"0001": "1.00", "0002": "2.00", "0003": "1.00", "0004": "2.00", "0005": "2.00"}
    assert extracts() == before | {RECEIPTS: before[RECEIPTS] + 3}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--partition", "2026-09-02"), "of which resource"),
        (("--resource", "hr.staff", "--partition", "2026-09-02"), "hr.staff is read in mode full"),
        (("--resource", "hr.staff", "--from", "2026-09-02"), "every reading is whole"),
        (("--resource", "hr.staf"), "hr.staff"),
        (("--resource", "gov.identity"), "not to be landed"),
        (("--resource", "hr.staff", "--system", "hr"), "give one of the two"),
        (("--resource", RECEIPTS, "--partition", "2026-09-31"), "2026-09-31 is no day"),
        (("--resource", RECEIPTS, "--partition", "2026-09-01", "--to", "2026-09-02"), "give one of the two"),
    ],
)
def test_what_cannot_be_asked_for_is_said_and_nothing_is_run(house: House, words: tuple[str, ...], why: str):
    write_contract(house, BY_DAY, "daily")
    assert why in " ".join(yici("run", *words, exit_code=2).split())


def test_a_system_that_is_left_alone_is_shown_with_its_reason_and_tried_when_it_is_named(house: House):
    house.file("finance").rename(house.folder / "elsewhere")
    yici("run", exit_code=1)
    for _ in range(breaker.FAILURES - 1):
        yici("run", "--system", "finance", "--no-release", exit_code=1)
    told = yici("run", "--no-release", exit_code=1)
    assert "finance: not tried before" in " ".join(told.split())
    shown = " ".join(yici("status").split())
    assert f"finance: not reached {breaker.FAILURES} times in a row; not tried before" in shown
    assert "there is no database file at the configured path" in shown
    (house.folder / "elsewhere").rename(house.file("finance"))
    yici("run", "--system", "finance")
    assert "not reached" not in yici("status")


def test_a_new_column_is_told_by_run_and_status(house: House):
    house.first_run()
    house.fill("hr.staff", [row | {"hobby": "CANARY"} for row in STAFF])
    for told in (yici("run"), yici("status")):
        assert "! hr.staff: new in its source and not in its contract: hobby" in " ".join(told.split())
        assert "CANARY" not in told
