"""kill -9 at random points of land, apply and publish: after the next run nothing is lost and nothing doubled."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support import campus

KILLS = int(os.environ.get("YICI_KILLS", "10"))
_SPREAD_S = 1.2
_CHILD = """
import sys
from pathlib import Path
from tests.support import campus
from tests.warehouse.test_kill import day
house = campus.Warehouse(Path(sys.argv[1]), campus.catalog())
print("ready", flush=True)
house.land(day(int(sys.argv[2])))
house.release()
print("done", flush=True)
"""


def day(number: int) -> list[dict]:
    """What the source holds on a day: rows that stay, change, come, go, and some that break the contract."""
    rows = [campus.row(n) for n in range(1, 2_000)]
    rows += [campus.row(n, salary=f"{n}.{number % 10}0") for n in range(2_000, 2_200)]
    rows += [campus.row(n) for n in range(3_000 + 10 * number, 3_100 + 10 * number)]
    rows += [campus.row(n, sex="?") for n in range(2_190 + number % 5, 2_195 + number % 5) if n >= 2_200]
    return rows


def test_a_killed_run_leaves_what_an_undisturbed_one_leaves(warehouse, tmp_path: Path):
    house = warehouse(campus.catalog())
    house.land(day(0))
    house.release()
    chance = random.Random(20260101)
    outcomes = {"killed": 0, "finished": 0}
    for number in range(1, KILLS + 1):
        child = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(tmp_path), str(number)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0, _SPREAD_S))
        child.send_signal(signal.SIGKILL)
        outcomes["finished" if "done" in child.stdout.read() else "killed"] += 1
        child.wait()
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
