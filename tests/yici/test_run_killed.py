"""kill -9 during `yici run`, at random points: the next run leaves what an undisturbed one leaves."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import catalogs
from catalogs.settings import settings
from tests.pipelines.house import STAFF, STUDENTS, House
from tests.service.conftest import service_url
from tests.support.postgres import PgServer
from warehouse import releases
from warehouse.connect import connect

REPOSITORY = Path(__file__).resolve().parents[2]
KILLS = int(os.environ.get("YICI_RUN_KILLS", "2"))
_COMMAND = [sys.executable, "-m", "yici", "run"]
_MANY = [
    {"staff_no": f"K{n:05d}", "name": f"员{n}", "id_no": None, "status": "11", "unit": "物理系",
     "hired_on": "2020-09-01", "phone": None} for n in range(5_000)
]  # fmt: skip


def _run() -> str:
    """Run to the end; returns the digest of what is served then."""
    done = subprocess.run(_COMMAND, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    with connect(autocommit=True) as con:
        return releases.digest(con, catalogs.load(settings().campus))


def _killed_run(after_s: float) -> None:
    child = subprocess.Popen(
        _COMMAND, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    time.sleep(after_s)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def test_a_killed_run_loses_and_doubles_nothing(
    tmp_path: Path, pg_server: PgServer, monkeypatch: pytest.MonkeyPatch
):
    undisturbed = pg_server.create_database()
    house = House(tmp_path, undisturbed, monkeypatch)
    house.fill("hr.staff", [*STAFF, *_MANY])
    first = _run()
    # The day that is disturbed begins where the other one does.
    disturbed, home = pg_server.create_database(undisturbed.name), tmp_path / "disturbed"
    shutil.copytree(settings().home, home)

    house.fill("hr.staff", [*STAFF[1:], *(row | {"unit": "化学系"} for row in _MANY[200:]), *_MANY[:100]])
    house.fill("academic.students", [row | {"name": f"{row['name']}更"} for row in STUDENTS])
    started = time.monotonic()
    expected = _run()
    takes_s = time.monotonic() - started
    assert expected != first

    monkeypatch.setenv("YICI_HOME", str(home))
    monkeypatch.setenv("YICI_DATABASE_URL", disturbed.url)
    monkeypatch.setenv("YICI_SERVICE_DATABASE_URL", service_url(disturbed))
    for _ in range(KILLS):
        _killed_run(after_s=random.uniform(0.1, 0.9) * takes_s)
    assert _run() == expected
    pg_server.drop_database(disturbed)
    pg_server.drop_database(undisturbed)
