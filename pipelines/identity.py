"""The nightly job that looks for probable pairs; what it compares is in `warehouse.identity.probable`.

Apart from the release, which must not wait for it: what it finds enters the queue with the next candidate.
"""

import dagster as dg

from catalogs.model import Catalog
from pipelines.progress import tell
from warehouse.connect import connect
from warehouse.identity.probable import find

PAIRS_JOB = "find_probable_pairs"


def pairs_job(catalog: Catalog) -> dg.JobDefinition:
    """Return the job: one op, which compares what is new since the last search."""

    @dg.op(name="compare_subjects", description="查找疑似同一人的对象, 交人工判定")
    def compare(context: dg.OpExecutionContext) -> None:
        with connect(autocommit=True) as con:
            done = find(con, catalog)
        if done is not None:
            tell("identity", f"{done.new:,} new records compared, {done.pairs:,} probable pairs")
            context.log.info(f"release {done.release}: {done.new} new records, {done.pairs} probable pairs")

    @dg.job(name=PAIRS_JOB, executor_def=dg.in_process_executor)
    def find_probable_pairs() -> None:
        compare()

    return find_probable_pairs


def pairs_schedule(catalog: Catalog) -> dg.ScheduleDefinition:
    """Every night, after retention and before systems deliver."""
    return dg.ScheduleDefinition(
        name="find_probable_pairs_daily",
        job_name=PAIRS_JOB,
        cron_schedule="10 3 * * *",
        execution_timezone=catalog.campus.time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
