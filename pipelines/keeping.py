"""The nightly job that deletes what is older than its rule allows; what and why is in `warehouse.retention`."""

import dagster as dg

from catalogs.model import Catalog
from catalogs.settings import settings
from connectors.landing import Landing
from pipelines.progress import tell
from service.erasure import elsewhere
from service.keys import load as load_keys
from warehouse.connect import connect
from warehouse.releases import ReleaseRunning
from warehouse.retention import enforce

RETENTION_JOB = "retention"
_MAX_RETRIES, _WAIT_S = 6, 600.0


def retention_job(catalog: Catalog) -> dg.JobDefinition:
    """Return the job: one op, tried again later while a release is under way."""

    @dg.op(name="delete_what_is_overdue", description="按保留期限删除, 并记录")
    def delete(context: dg.OpExecutionContext) -> None:
        found = settings()
        try:
            with connect(autocommit=True) as con, connect("retention", autocommit=True) as pruner:
                kept = elsewhere(load_keys(found.home), catalog)
                gone = enforce(con, pruner, catalog, Landing(found.landing), found.home, tell, elsewhere=kept)
        except ReleaseRunning as error:
            raise dg.RetryRequested(_MAX_RETRIES, _WAIT_S) from error
        for name, one in gone.items():
            context.log.info(f"{name}: {one.counts} ({one.rule.text})")

    @dg.job(name=RETENTION_JOB, executor_def=dg.in_process_executor)
    def retention() -> None:
        delete()

    return retention


def retention_schedule(catalog: Catalog) -> dg.ScheduleDefinition:
    """Every night, when systems have not begun to deliver."""
    return dg.ScheduleDefinition(
        name="retention_daily",
        job_name=RETENTION_JOB,
        cron_schedule="20 2 * * *",
        execution_timezone=catalog.campus.time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
