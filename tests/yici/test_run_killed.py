"""kill -9 during `yici run`, at random points: the next run leaves what an undisturbed one leaves."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.pipelines.house import STAFF, STUDENTS, House
from tests.support.postgres import PgServer

REPOSITORY = Path(__file__).resolve().parents[2]
KILLS = int(os.environ.get("YICI_RUN_KILLS", "3"))
_MANY = [
    {"staff_no": f"K{n:05d}", "name": f"员{n}", "id_no": None, "status": "11", "unit": "物理系",
     "hired_on": "2020-09-01", "phone": None} for n in range(5_000)
]  # fmt: skip


def _yici(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "yici", *arguments]


def _run() -> str:
    done = subprocess.run(_yici("run"), cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "✕" not in done.stdout, done.stdout
    done = subprocess.run(
        _yici("release", "digest"), cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def _first_day(house: House) -> None:
    house.fill("hr.staff", [*STAFF, *_MANY])
    house.fill("academic.students", STUDENTS)


def _second_day(house: House) -> None:
    house.fill("hr.staff", [*STAFF[1:], *(row | {"unit": "化学系"} for row in _MANY[200:]), *_MANY[:100]])
    house.fill("academic.students", [row | {"name": f"{row['name']}更"} for row in STUDENTS])


def test_a_killed_run_loses_and_doubles_nothing(
    tmp_path: Path, pg_server: PgServer, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "disturbed").mkdir()
    (tmp_path / "undisturbed").mkdir()
    disturbed, undisturbed = pg_server.create_database(), pg_server.create_database()

    house = House(tmp_path / "undisturbed", undisturbed, monkeypatch)
    _first_day(house)
    first = _run()
    _second_day(house)
    started = time.monotonic()
    expected = _run()
    takes_s = time.monotonic() - started
    assert expected != first

    house = House(tmp_path / "disturbed", disturbed, monkeypatch)
    _first_day(house)
    assert _run() == first
    _second_day(house)
    chance = random.Random()
    for _ in range(KILLS):
        child = subprocess.Popen(
            _yici("run"),
            cwd=REPOSITORY,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(chance.uniform(0.1, 0.9) * takes_s)
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    assert _run() == expected
    pg_server.drop_database(disturbed)
    pg_server.drop_database(undisturbed)
