"""Quality follows a release of the real jobs: scores, tickets, and what the calendar asks for."""

import dagster as dg
from typer.testing import CliRunner

from pipelines.definitions import build, dbt
from tests.pipelines.house import STUDENTS, House
from yici.cli import app


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, done.output
    return done.output


def test_a_release_opens_tickets_and_the_next_clean_one_closes_them(house: House):
    broken = [dict(row) for row in STUDENTS]
    broken[-1]["is_enrolled"] = "maybe"
    house.fill("academic.students", broken)
    assert "tickets opened" in run("run")
    assert "academic.students" in run("quality", "--system", "academic")
    with house.database.connect() as con:
        told = con.execute(
            "SELECT unit, post FROM yici.ticket WHERE resource = 'academic.students'"
        ).fetchall()
        assert told and set(told) == {("JW", "post:b")}
        days = con.execute("SELECT count(DISTINCT day), count(*) FROM yici.score").fetchone()
        assert days[0] == 1 and days[1] > 20
    house.fill("academic.students", STUDENTS)
    run("run")
    with house.database.connect() as con:
        left = con.execute(
            "SELECT count(*) FROM yici.ticket WHERE resource = 'academic.students' AND state = 'open'"
        ).fetchone()[0]
        assert left == 0


def test_the_calendars_jobs_write_reports_and_freeze_months(house: House):
    house.first_run()
    with house.database.connect() as con:
        con.execute(
            """INSERT INTO yici.score SELECT d::date, 'unit', 'RS', 'total', 90, 90, 1, 500, 1
               FROM generate_series(now() - interval '70 days', now() - interval '2 days', '1 day') d"""
        )
    from catalogs import load
    from catalogs.settings import settings

    catalog = load(settings().campus)
    repository = build(catalog, dbt.prepare(catalog)).get_repository_def()
    crons = {one.name: (one.cron_schedule, one.execution_timezone) for one in repository.schedule_defs}
    assert crons["quality_weekly_schedule"] == ("45 7 * * 1", catalog.campus.time_zone)
    for name in ("quality_daily", "quality_weekly", "quality_notices"):
        done = repository.get_job(name).execute_in_process(instance=dg.DagsterInstance.ephemeral())
        assert done.success
    with house.database.connect() as con:
        assert con.execute("SELECT count(*) FROM yici.score_freeze").fetchone()[0] == 1
    written = list((house.folder / "home" / "reports").rglob("*.pdf"))
    assert any("全校" in path.name for path in written)
