"""Dagster's entry: every asset, job, schedule and sensor, all made from the campus's catalog.

Loaded by `workspace.yaml` and by the commands that run jobs in process. Adding a system or a resource changes
nothing here.
"""

import hashlib
import os
from datetime import time
from pathlib import Path

import dagster as dg

from catalogs.model import Catalog
from catalogs.settings import resolve_env, settings
from pipelines import dbt
from pipelines.assets import landing_key
from pipelines.identity import pairs_job, pairs_schedule
from pipelines.keeping import retention_job, retention_schedule
from pipelines.landing import landing_assets
from pipelines.quality import quality_jobs, quality_schedules
from pipelines.release import release_assets, release_run
from warehouse import ledger
from warehouse.catalog_changes import Desk
from warehouse.connect import connect
from warehouse.migrate import upgrade

RELEASE_JOB = "make_release"
_NIGHT = time(4, 0)
_EVERY_S = 300
_LOOK_S = 60
_RELEASING = dg.RunsFilter(
    job_name=RELEASE_JOB,
    statuses=[
        dg.DagsterRunStatus.QUEUED,
        dg.DagsterRunStatus.NOT_STARTED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
    ],
)


def landing_job(system: str) -> str:
    """Return the name of the job that lands a system."""
    return f"land_{system}"


def intraday_job(system: str, minutes: int) -> str:
    """Return the name of the job that lands what a system has that is read every so many minutes."""
    return f"intraday_{system}_every_{minutes}_minutes"


def build(catalog: Catalog, project: Path) -> dg.Definitions:
    """Return the definitions of a campus.

    Args:
        catalog: the checked catalog.
        project: the assembled and parsed dbt project.
    """
    landing, release = landing_assets(catalog), release_assets(catalog, project)
    intraday = _intraday(catalog)
    in_process = dg.in_process_executor
    jobs = [
        dg.define_asset_job(
            landing_job(code),
            dg.AssetSelection.assets(*asset.keys),
            executor_def=in_process,
            tags={"system": code},
        )
        for code, asset in landing.items()
    ]
    jobs += [
        dg.define_asset_job(
            intraday_job(code, minutes),
            dg.AssetSelection.assets(*(landing_key(name) for name in names)),
            executor_def=in_process,
            tags={"system": code},
        )
        for (code, minutes), names in intraday.items()
    ]
    jobs.append(
        dg.define_asset_job(
            RELEASE_JOB,
            dg.AssetSelection.assets(*(key for asset in release for key in asset.keys)),
            executor_def=in_process,
        )
    )
    jobs.append(retention_job(catalog))
    jobs += quality_jobs(catalog)
    jobs.append(pairs_job(catalog))
    return dg.Definitions(
        assets=[*landing.values(), *release],
        jobs=jobs,
        schedules=[
            *(_schedule(catalog, code) for code in landing if not _is_folder(catalog, code)),
            *(_intraday_schedule(catalog, code, minutes) for code, minutes in intraday),
            _release_schedule(catalog),
            retention_schedule(catalog),
            *quality_schedules(catalog),
            pairs_schedule(catalog),
        ],
        sensors=[
            *(_drop_sensor(catalog, code) for code in landing if _is_folder(catalog, code)),
            *([_intraday_sensor([n for names in intraday.values() for n in names])] if intraday else []),
        ],
        resources={"release": release_run(catalog, project)},
        executor=in_process,
    )


def _schedule(catalog: Catalog, code: str) -> dg.ScheduleDefinition:
    delivers = catalog.systems[code].delivers or _NIGHT
    return dg.ScheduleDefinition(
        name=f"{landing_job(code)}_daily",
        job_name=landing_job(code),
        cron_schedule=f"{delivers.minute} {delivers.hour} * * *",
        execution_timezone=catalog.campus.time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )


def _intraday(catalog: Catalog) -> dict[tuple[str, int], list[str]]:
    """Return (system, minutes) → the resources of that system that are read every so many minutes."""
    found: dict[tuple[str, int], list[str]] = {}
    for resource in catalog.resources.values():
        if resource.ingest.mode == "intraday":
            found.setdefault((resource.system, resource.ingest.every_minutes), []).append(resource.name)
    return found


def _intraday_schedule(catalog: Catalog, code: str, minutes: int) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name=intraday_job(code, minutes),
        job_name=intraday_job(code, minutes),
        cron_schedule="0 * * * *" if minutes == 60 else f"*/{minutes} * * * *",
        execution_timezone=catalog.campus.time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )


def _intraday_sensor(names: list[str]) -> dg.SensorDefinition:
    """Release what was read intraday as soon as it has landed and no other release is under way."""

    @dg.sensor(
        name="release_intraday",
        job_name=RELEASE_JOB,
        minimum_interval_seconds=_LOOK_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def landed(context: dg.SensorEvaluationContext):
        with connect(autocommit=True) as con:
            newest = ledger.newest_waiting(con, names)
        if newest is None:
            return dg.SkipReason("nothing waits that was read intraday")
        if context.instance.get_runs_count(_RELEASING):
            return dg.SkipReason("a release is under way")
        return dg.RunRequest(run_key=f"extract {newest}")

    return landed


def _release_schedule(catalog: Catalog) -> dg.ScheduleDefinition:
    """Release twice an hour: with nothing landed since the last one it has nothing to do."""
    return dg.ScheduleDefinition(
        name="release_half_hourly",
        job_name=RELEASE_JOB,
        cron_schedule="10,40 * * * *",
        execution_timezone=catalog.campus.time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )


def _is_folder(catalog: Catalog, code: str) -> bool:
    return catalog.systems[code].kind == "files"


def _drop_sensor(catalog: Catalog, code: str) -> dg.SensorDefinition:
    """Land a drop folder when what lies in it changed and has been quiet since the last look."""
    root = str(catalog.systems[code].settings.get("root", ""))

    @dg.sensor(
        name=f"{landing_job(code)}_arrivals",
        job_name=landing_job(code),
        minimum_interval_seconds=_EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def arrivals(context: dg.SensorEvaluationContext):
        folder = Path(resolve_env(root, f"systems.yaml: {code}.root"))
        seen = sorted(
            (str(f.relative_to(folder)), f.stat().st_size, f.stat().st_mtime_ns)
            for f in folder.rglob("*")
            if f.is_file()
        )
        state = hashlib.sha256(repr(seen).encode()).hexdigest()
        landed, _, waiting = (context.cursor or "").partition("|")
        if state == landed:
            return dg.SkipReason("nothing new in the folder")
        if state != waiting:
            context.update_cursor(f"{landed}|{state}")
            return dg.SkipReason("the folder changed; landed when it is quiet")
        context.update_cursor(f"{state}|")
        return dg.RunRequest(run_key=state)

    return arrivals


def load() -> dg.Definitions:
    """Return the definitions of the campus that the settings name, by the published version of its catalog.

    Changes that are due take effect first; warehouse and dbt project are prepared.

    Raises:
        CatalogError: the version to run by has faults, or the folder that would be published; nothing runs.
    """
    os.environ.setdefault("DO_NOT_TRACK", "1")
    upgrade()
    with connect(autocommit=True) as con:
        catalog = Desk(con, settings()).take_up().catalog
    return build(catalog, dbt.prepare(catalog))
