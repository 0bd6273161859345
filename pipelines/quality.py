"""The jobs that the calendar asks for besides releases; what they do is in `expectations.quality`.

Every morning overdue tickets climb and a month that is over is frozen; on Monday the reports of the week before are
written and a random sample is drawn; every few minutes corrections that people filed become tickets, and notices that
wait are sent.
"""

from collections.abc import Callable

import dagster as dg
import psycopg

from catalogs.model import Catalog
from catalogs.settings import settings
from expectations.quality import routine
from warehouse.connect import connect

DAILY_JOB, WEEKLY_JOB, NOTICES_JOB = "quality_daily", "quality_weekly", "quality_notices"
# Before offices open, after the night's systems have delivered; the week's after the day's.
_WHEN = {DAILY_JOB: "30 7 * * *", WEEKLY_JOB: "45 7 * * 1", NOTICES_JOB: "*/10 * * * *"}


def quality_jobs(catalog: Catalog) -> list[dg.JobDefinition]:
    """Return the jobs, one op each."""
    return [
        _job(DAILY_JOB, "逾期工单上报, 抽查到期, 月度得分冻结", lambda con: routine.every_day(con, catalog)),
        _job(
            WEEKLY_JOB,
            "数据质量周报, 双随机抽查",
            lambda con: routine.every_week(con, catalog, settings().home / "reports"),
        ),
        _job(NOTICES_JOB, "更正申请转工单, 发送通知", lambda con: routine.every_few_minutes(con, catalog)),
    ]


def _job(name: str, description: str, work: Callable[[psycopg.Connection], object]) -> dg.JobDefinition:
    @dg.op(name=f"{name}_op", description=description)
    def done(context: dg.OpExecutionContext) -> None:
        with connect(autocommit=True) as con:
            context.log.info(str(work(con)))

    @dg.job(name=name, executor_def=dg.in_process_executor)
    def job() -> None:
        done()

    return job


def quality_schedules(catalog: Catalog) -> list[dg.ScheduleDefinition]:
    """Return when the jobs run, by the campus's clock."""
    return [
        dg.ScheduleDefinition(
            name=f"{name}_schedule",
            job_name=name,
            cron_schedule=cron,
            execution_timezone=catalog.campus.time_zone,
            default_status=dg.DefaultScheduleStatus.RUNNING,
        )
        for name, cron in _WHEN.items()
    ]
