"""kill -9 during `yici run`, at random points: the next run leaves what an undisturbed one leaves."""

import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import catalogs
from catalogs.settings import settings
from tests.pipelines.house import STAFF, STUDENTS, House
from tests.service.conftest import service_url
from tests.support.apart import Stable
from tests.support.dbt_apart import StableWithDbt
from tests.support.postgres import PgServer
from warehouse import releases
from warehouse.connect import connect

KILLS = int(os.environ.get("YICI_RUN_KILLS", "2"))
_MANY = [
    {"staff_no": f"K{n:05d}", "name": f"员{n}", "id_no": None, "status": "11", "unit": "物理系",
     "hired_on": "2020-09-01", "phone": None} for n in range(5_000)
]  # fmt: skip


@pytest.fixture(scope="module")
def stable() -> Iterator[StableWithDbt]:
    found = StableWithDbt()
    yield found
    found.close()


def _run(stable: Stable, log: Path) -> str:
    """Run to the end; returns the digest of what is served then."""
    done = stable.start("run", environment=os.environ, log=log)
    assert done.wait() == 0, done.said()
    with connect(autocommit=True) as con:
        return releases.digest(con, catalogs.load(settings().campus))


def _killed_run(stable: Stable, log: Path, after_s: float) -> str:
    """Kill a run some time after it began; returns what it had come to."""
    extracts, candidates = _made()
    child = stable.start("run", environment=os.environ, log=log)
    time.sleep(after_s)
    child.kill()
    if child.code == 0:
        return "ended"
    assert child.code == -signal.SIGKILL, child.said()
    more_extracts, more_candidates = _made()
    if more_candidates > candidates:
        return "releasing"
    return "landed" if more_extracts > extracts else "begun"


def _made() -> tuple[int, int]:
    """How many extracts and releases were ever begun."""
    with connect(autocommit=True) as con:
        return con.execute(
            "SELECT (SELECT count(*) FROM yici.extract), (SELECT count(*) FROM yici.release)"
        ).fetchone()


def test_a_killed_run_loses_and_doubles_nothing(
    stable: StableWithDbt, tmp_path: Path, pg_server: PgServer, monkeypatch: pytest.MonkeyPatch
):
    log = tmp_path / "said"
    undisturbed = pg_server.create_database()
    house = House(tmp_path, undisturbed, monkeypatch)
    house.fill("hr.staff", [*STAFF, *_MANY])
    first = _run(stable, log)
    stable.learn_project(settings().home)
    # The day that is disturbed begins where the other one does.
    disturbed, home = pg_server.create_database(undisturbed.name), tmp_path / "disturbed"
    shutil.copytree(settings().home, home)

    house.fill("hr.staff", [*STAFF[1:], *(row | {"unit": "化学系"} for row in _MANY[200:]), *_MANY[:100]])
    house.fill("academic.students", [row | {"name": f"{row['name']}更"} for row in STUDENTS])
    started = time.monotonic()
    expected = _run(stable, log)
    takes_s = time.monotonic() - started
    assert expected != first

    monkeypatch.setenv("YICI_HOME", str(home))
    monkeypatch.setenv("YICI_DATABASE_URL", disturbed.url)
    monkeypatch.setenv("YICI_SERVICE_DATABASE_URL", service_url(disturbed))
    hits: Counter[str] = Counter()
    while sum(hits.values()) - hits["ended"] < KILLS:
        hits[_killed_run(stable, log, after_s=random.uniform(0.1, 0.9) * takes_s)] += 1
    print(f"kills of runs of {takes_s:.0f} s, by what had been done: {dict(hits)}")
    assert _run(stable, log) == expected
    pg_server.drop_database(disturbed)
    pg_server.drop_database(undisturbed)
