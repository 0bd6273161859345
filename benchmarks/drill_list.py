"""The failure drills: what is done to a run, one function each. `benchmarks.drills` runs them."""

import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.drill_scene import DBT, Scene, Seen, end
from tests.support.disks import fill, mount

DAY_S = 86_400


@dataclass(frozen=True)
class Drill:
    """One drill.

    Attributes:
        name: its name on the command line.
        group, title: for the table.
        disturb: does it, and returns what the operator saw.
        disk_mb: the warehouse's cluster lies on a disk of its own of that size.
    """

    name: str
    group: str
    title: str
    disturb: Callable[[Scene], Seen]
    disk_mb: int | None = None


DRILLS: list[Drill] = []


def _drill(group: str, title: str, disk_mb: int | None = None):
    def enter(disturb: Callable[[Scene], Seen]) -> Callable[[Scene], Seen]:
        name = disturb.__name__.replace("_", "-")
        DRILLS.append(Drill(name, group, title, disturb, disk_mb))
        return disturb

    return enter


_KILLS = {
    "registered": "an extract lies in landing, and the ledger does not know it",
    "opened": "the candidate is being opened",
    "stored": "rows go into the store",
    "judged": "the ledger's entry of a resource is written",
    "gated": "expectations are recorded",
    "linked": "links of identity are written",
    DBT: "dbt builds a model",
    "published": "the release is being published",
    "described": "the release is published, its catalog not yet",
}


def _killed_at(point: str) -> Callable[[Scene], Seen]:
    def disturb(scene: Scene) -> Seen:
        with scene.held(point) as (command, _):
            command.kill()
        return scene.seen(command)

    return disturb


DRILLS += [
    Drill(f"killed-{point}", "kill -9 of the pipeline", title, _killed_at(point))
    for point, title in _KILLS.items()
]


@_drill("kill -9 of the pipeline", "a source is half read")
def killed_reading(scene: Scene) -> Seen:
    with scene.held_in_source() as (command, _, _):
        command.kill()
    return scene.seen(command)


@_drill("kill -9 of the pipeline", "dbt builds a model; dbt itself is not killed")
def killed_without_dbt(scene: Scene) -> Seen:
    with scene.held(DBT) as (command, _):
        command.kill(with_children=False)
        deadline = time.monotonic() + 5
        while command.leaves_children():
            if time.monotonic() > deadline:
                return Seen(0, "dbt went on without its pipeline, and would write into the next candidate")
            time.sleep(0.1)
    return scene.seen(command)


@_drill("PostgreSQL", "immediate shutdown while rows go into the store")
def server_stopped_storing(scene: Scene) -> Seen:
    with scene.held("stored") as (command, _):
        scene.stop_server(signal.SIGQUIT)
    return scene.seen(command)


@_drill("PostgreSQL", "kill -9 of the server while rows go into the store")
def server_killed_storing(scene: Scene) -> Seen:
    with scene.held("stored") as (command, _):
        scene.stop_server(signal.SIGKILL)
    return scene.seen(command)


@_drill("PostgreSQL", "stopped while dbt builds a model")
def server_stopped_building(scene: Scene) -> Seen:
    with scene.held(DBT) as (command, _):
        scene.stop_server(signal.SIGINT)
    return scene.seen(command)


@_drill("PostgreSQL", "immediate shutdown while the release is being published")
def server_stopped_publishing(scene: Scene) -> Seen:
    with scene.held("published") as (command, _):
        scene.stop_server(signal.SIGQUIT)
    return scene.seen(command)


@_drill("PostgreSQL", "the ledger's session is ended while an extract is entered")
def session_ended_landing(scene: Scene) -> Seen:
    with scene.held("registered") as (command, con):
        con.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%INTO yici.extract%'"
                    " AND pid <> pg_backend_pid()")  # fmt: skip
    return scene.seen(command)


@_drill("Disk full", "in the landing zone")
def landing_full(scene: Scene) -> Seen:
    """Needs root, to mount a small disk."""
    landing = scene.at.home / "landing"
    aside = scene.at.home / "aside"
    landing.rename(aside)
    landing.mkdir()
    mount(landing, 16)
    shutil.copytree(aside, landing, dirs_exist_ok=True)
    ballast = fill(landing, 48 << 10)
    found = scene.ran()
    ballast.unlink()
    return found


@_drill("Disk full", "in the warehouse, while rows go into the store", disk_mb=600)
def warehouse_full(scene: Scene) -> Seen:
    disk = scene.at.home / "pg"
    with scene.held("opened") as (command, _):
        ballast = fill(disk, 200 << 10)
    found = scene.seen(command)
    ballast.unlink()
    return found


@_drill("Source gone half way", "PostgreSQL ends the session")
def source_session_ended(scene: Scene) -> Seen:
    with scene.held_in_source() as (command, con, reading):
        for pid in reading:
            con.execute("SELECT pg_terminate_backend(%s)", [pid])
    return scene.seen(command)


@_drill("Source gone half way", "PostgreSQL's server is stopped")
def source_stopped(scene: Scene) -> Seen:
    with scene.held_in_source() as (command, _, _):
        end(scene.sources.postgres.status().pid, signal.SIGQUIT)
    found = scene.seen(command)
    scene.sources.start()
    return found


@_drill("Source gone half way", "SFTP is cut in the middle of a file")
def sftp_cut(scene: Scene) -> Seen:
    scene.sources.sftp.cut_after = 10_000
    found = scene.ran()
    scene.sources.sftp.cut_after = None
    return found


@_drill("Source gone half way", "HTTP is cut in the middle of a page")
def http_cut(scene: Scene) -> Seen:
    answers, path = scene.sources.rest.answers, "/day1/projects"
    whole = answers[path]
    answers[path] = lambda request: replace(
        whole(request), cut_after=500 if request.query["page"] == ["3"] else None
    )
    found = scene.ran()
    answers[path] = whole
    return found


@_drill("Clock", "30 days ahead for one run")
def clock_ahead(scene: Scene) -> Seen:
    return scene.ran(day=0, YICI_CLOCK_OFFSET_S=str(30 * DAY_S))


@_drill("Clock", "30 days behind for one run")
def clock_behind(scene: Scene) -> Seen:
    return scene.ran(day=0, YICI_CLOCK_OFFSET_S=str(-30 * DAY_S))


@_drill("Clock", "right while landing, 30 days behind while releasing")
def clock_jumps_between(scene: Scene) -> Seen:
    landed = scene.ran("run", "--no-release", YICI_CLOCK_OFFSET_S=str(30 * DAY_S), day=0)
    return landed if landed.code else scene.ran(day=0)


@_drill("Clock", "two years ahead while retention runs")
def retention_in_the_future(scene: Scene) -> Seen:
    return scene.ran("retention", YICI_CLOCK_OFFSET_S=str(800 * DAY_S))


@_drill("Two runs at once", "the second starts while the first stores rows")
def two_runs(scene: Scene) -> Seen:
    with scene.held("stored") as (first, _):
        found = scene.ran()
    first.wait()
    return found


def _damaged(scene: Scene, damage: Callable[[Path], None]) -> Seen:
    landed = scene.ran("run", "--no-release")
    if landed.code:
        return landed
    damage(scene.extract_folder("hr.staff"))
    return scene.ran("run", "--system", "academic")


@_drill("Landing damaged", "one byte of a landed file is another one")
def landed_file_altered(scene: Scene) -> Seen:
    def damage(folder: Path) -> None:
        (file,) = folder.glob("*.parquet")
        with file.open("r+b") as stream:
            stream.seek(file.stat().st_size // 3)
            (old,) = stream.read(1)
            stream.seek(-1, os.SEEK_CUR)
            stream.write(bytes([old ^ 0x01]))

    return _damaged(scene, damage)


@_drill("Landing damaged", "a landed file is cut short")
def landed_file_cut(scene: Scene) -> Seen:
    def damage(folder: Path) -> None:
        (file,) = folder.glob("*.parquet")
        os.truncate(file, file.stat().st_size // 2)

    return _damaged(scene, damage)


@_drill("Landing damaged", "an extract's manifest is gone")
def manifest_gone(scene: Scene) -> Seen:
    return _damaged(scene, lambda folder: (folder / "manifest.json").unlink())


@_drill("Landing damaged", "the landing zone is gone")
def landing_gone(scene: Scene) -> Seen:
    landed = scene.ran("run", "--no-release")
    shutil.rmtree(scene.at.home / "landing")
    return landed if landed.code else scene.ran("run", "--system", "academic")
