"""kill -9 at random points of land, apply and publish: after the next run nothing is lost and nothing doubled."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import campus
from tests.support.apart import Stable

KILLS = int(os.environ.get("YICI_KILLS", "10"))
_SPREAD_S = 1.2


def day(number: int) -> list[dict]:
    """What the source holds on a day: rows that stay, change, come, go, and some that break the contract."""
    rows = [campus.row(n) for n in range(1, 2_000)]
    rows += [campus.row(n, salary=f"{n}.{number % 10}0") for n in range(2_000, 2_200)]
    rows += [campus.row(n) for n in range(3_000 + 10 * number, 3_100 + 10 * number)]
    rows += [campus.row(n, sex="?") for n in range(2_190 + number % 5, 2_195 + number % 5) if n >= 2_200]
    return rows


def land_and_release() -> None:
    """What is killed: land a day and release it. The arguments are the folder and the number of the day."""
    folder, number = sys.argv[1:]
    house = campus.Warehouse(Path(folder), campus.catalog())
    house.land(day(int(number)))
    house.release()


@pytest.fixture(scope="module")
def stable() -> Iterator[Stable]:
    found = Stable(("tests.warehouse.test_kill",))
    yield found
    found.close()


def test_a_killed_run_leaves_what_an_undisturbed_one_leaves(stable: Stable, warehouse, tmp_path: Path):
    house = warehouse(campus.catalog())
    house.land(day(0))
    house.release()
    chance = random.Random(20260101)
    outcomes = {"killed": 0, "finished": 0}
    for number in range(1, KILLS + 1):
        child = stable.start(
            str(tmp_path),
            str(number),
            environment=os.environ,
            log=tmp_path / "said",
            call="tests.warehouse.test_kill:land_and_release",
        )
        time.sleep(chance.uniform(0, _SPREAD_S))
        child.kill()
        assert child.code in (0, -signal.SIGKILL), child.said()
        outcomes["finished" if child.code == 0 else "killed"] += 1
        house.land(day(number))
        house.release()
    disturbed = house.digest()
    assert house.scalar("SELECT count(*) FROM yici.release WHERE state = 'candidate'") == 0
    assert outcomes["killed"] > 0

    assert disturbed == _undisturbed(house)


def _undisturbed(house: campus.Warehouse) -> str:
    """The digest of a warehouse that was fed the same days and never killed."""
    house.empty()
    for number in range(KILLS + 1):
        house.land(day(number))
        house.release()
    return house.digest()


@pytest.mark.parametrize("moment", ["candidate", "applied", "linked"])
def test_a_candidate_whose_process_died_is_abandoned_by_the_next_run(warehouse, moment):
    house = warehouse(campus.catalog())
    house.land(day(0))
    house.release()
    before = house.digest()
    house.land(day(1))
    script = f"""
import os, signal
from pathlib import Path
from tests.support import campus
from warehouse import identity
house = campus.Warehouse(Path({str(house.landing.local.parent)!r}), campus.catalog())
with house.candidate() as opened:
    if {moment!r} != "candidate":
        house.admit(opened)
    if {moment!r} == "linked":
        identity.update(opened.con, opened.id, house.catalog)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    child = subprocess.run([sys.executable, "-c", script], check=False)
    assert child.returncode == -signal.SIGKILL
    assert house.digest() == before
    house.release()
    assert house.digest() != before
    assert house.scalar("SELECT count(*) FROM yici.release WHERE state = 'abandoned'") == 1
