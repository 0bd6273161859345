"""Run the landing jobs and the release job in this process, for the command line.

The jobs are those that Dagster's daemon runs on schedule; their history is kept in the same instance.
"""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass

import dagster as dg

from catalogs.settings import settings
from pipelines.definitions import RELEASE_JOB, landing_job, load
from warehouse import releases
from warehouse.connect import connect

_CONFIG = "telemetry:\n  enabled: false\n"


@dataclass(frozen=True)
class RunReport:
    """What a run came to: seconds per landed system, systems that failed, and the number published, if any."""

    seconds: dict[str, float]
    failed_systems: tuple[str, ...]
    release: int | None


def instance() -> dg.DagsterInstance:
    """Return the installation's Dagster instance, kept in `<home>/dagster`; telemetry is off."""
    folder = settings().home / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "dagster.yaml"
    if not config.is_file():
        config.write_text(_CONFIG, encoding="utf-8")
    os.environ["DAGSTER_HOME"] = str(folder)
    return dg.DagsterInstance.get()


def run(systems: Iterable[str] | None = None, release: bool = True) -> RunReport:
    """Land the given systems (None: all), then release.

    A system that cannot be read does not stop the others; the release goes on with its last good state.
    """
    definitions = load()
    repository = definitions.get_repository_def()
    every = [name.removeprefix("land_") for name in sorted(repository.job_names) if name.startswith("land_")]
    chosen = every if systems is None else list(systems)
    seconds, failed = {}, []
    with instance() as kept:
        for system in chosen:
            started = time.monotonic()
            job = repository.get_job(landing_job(system))
            done = job.execute_in_process(instance=kept, raise_on_error=False, tags={"yici/no_retry": "true"})
            seconds[system] = time.monotonic() - started
            if not done.success:
                failed.append(system)
        number = None
        if release:
            repository.get_job(RELEASE_JOB).execute_in_process(instance=kept)
            number = _published()
    return RunReport(seconds, tuple(failed), number)


def _published() -> int | None:
    with connect(autocommit=True) as con:
        return releases.current(con)
