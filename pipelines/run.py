"""Run the landing jobs and the release job in this process, for the command line.

The jobs are those that Dagster's daemon runs on schedule; their history is kept in the same instance.
"""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
from dagster._core.execution.plan.objects import ErrorSource

from catalogs.settings import settings
from connectors.base import Scope
from pipelines.definitions import RELEASE_JOB, landing_job, load
from pipelines.landing import asked
from pipelines.progress import tell
from warehouse import releases
from warehouse.connect import connect

# What a step prints is not kept: it would take two more processes per step, and nobody's rows may be in it.
_CONFIG = """telemetry:
  enabled: false
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""
_NICE = 10
# A terminal is told by `pipelines.progress`; Dagster's own events go to its instance.
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class RunReport:
    """What a run came to.

    Attributes:
        seconds: system → seconds that landing it took.
        failed_systems: system → why it could not be read.
        release: the number that is current after the run; None if nothing was released.
    """

    seconds: dict[str, float]
    failed_systems: dict[str, str]
    release: int | None


def prepare_instance() -> Path:
    """Make `<home>/dagster` the instance that this process and those it starts use; telemetry is off."""
    folder = settings().home / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "dagster.yaml"
    if not config.is_file():
        config.write_text(_CONFIG, encoding="utf-8")
    os.environ["DAGSTER_HOME"] = str(folder)
    return folder


def give_way() -> None:
    """Let this process, and those it starts from now on, take only what the service and the server leave.

    An embedded server has to run already, or it would give way, too.
    """
    os.setpriority(os.PRIO_PROCESS, 0, max(_NICE, os.getpriority(os.PRIO_PROCESS, 0)))


def run(
    systems: Iterable[str] | None = None,
    release: bool = True,
    believed: Iterable[str] = (),
    only: Iterable[str] = (),
    scope: Scope | None = None,
) -> RunReport:
    """Land the given systems (None: all), then release.

    A system that cannot be read does not stop the others; the release goes on with its last good state.

    Args:
        systems: codes; a system that is named is tried even if it did not answer lately.
        release: whether to judge and publish what was landed.
        believed: resources that land however few rows they have.
        only: read only these resources; empty: all of the systems.
        scope: a partition or a range of them to be read again; None follows each contract's mode.

    Raises:
        KeyboardInterrupt: somebody stopped it; what had landed waits for the next release.
    """
    definitions = load()
    repository = definitions.get_repository_def()
    every = [name.removeprefix("land_") for name in sorted(repository.job_names) if name.startswith("land_")]
    chosen = every if systems is None else list(systems)
    seconds, failed = {}, {}
    tags = asked(believed, only, scope, by_hand=systems is not None)
    prepare_instance()
    with dg.DagsterInstance.get() as kept:
        for system in chosen:
            started = time.monotonic()
            job = repository.get_job(landing_job(system))
            done = job.execute_in_process(run_config=_QUIET, instance=kept, raise_on_error=False, tags=tags)
            seconds[system] = time.monotonic() - started
            if not done.success:
                _stop_if_interrupted(done)
                failed[system] = _why(done)
                tell(system, f"✕ {failed[system]}")
        number = None
        if release:
            repository.get_job(RELEASE_JOB).execute_in_process(run_config=_QUIET, instance=kept)
            number = _published()
    return RunReport(seconds, failed, number)


def _stop_if_interrupted(done: dg.ExecuteInProcessResult) -> None:
    for event in done.all_events:
        if event.is_step_failure and event.step_failure_data.error_source == ErrorSource.INTERRUPT:
            raise KeyboardInterrupt


def _why(done: dg.ExecuteInProcessResult) -> str:
    """The reason that a step gave; of an error that nobody foresaw, only its kind: its text may hold values."""
    for event in done.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            if data.user_failure_data and data.user_failure_data.description:
                return data.user_failure_data.description
            kind = data.error.cause.cls_name if data.error and data.error.cause else "unknown error"
            return f"{kind}; `yici dev` shows run {done.run_id[:8]}"
    return f"run {done.run_id[:8]} failed; `yici dev` shows it"


def _published() -> int | None:
    with connect(autocommit=True) as con:
        return releases.current(con)
