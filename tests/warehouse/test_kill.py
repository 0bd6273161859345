"""kill -9 at random points of land, apply and publish: after the next run nothing is lost and nothing doubled."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import pytest

from tests.support import campus
from tests.support.apart import Command, Stable
from warehouse import identity, releases

KILLS = int(os.environ.get("YICI_KILLS", "10"))
PARTS = max(1, KILLS // 50)
PHASES = ("land", "apply", "publish")
_ENDED = "ended"
_POLL_S = 0.002


def day(number: int) -> list[dict]:
    """What the source holds on a day: rows that stay, change, come, go, and some that break the contract."""
    rows = [campus.row(n) for n in range(1, 2_000)]
    rows += [campus.row(n, salary=f"{n}.{number % 10}0") for n in range(2_000, 2_200)]
    rows += [campus.row(n) for n in range(3_000 + 10 * number, 3_100 + 10 * number)]
    rows += [campus.row(n, sex="?") for n in range(2_190 + number % 5, 2_195 + number % 5) if n >= 2_200]
    return rows


def live(house: campus.Warehouse, number: int, enters: Callable[[str], object]) -> None:
    """Land a day and release it, saying which phase begins."""
    enters("land")
    house.land(day(number))
    enters("apply")
    with house.candidate() as opened:
        house.admit(opened)
        identity.update(opened.con, opened.id, house.catalog)
        enters("publish")
        releases.publish(opened, list(house.catalog.resources.values()), {})
    enters(_ENDED)


def land_and_release() -> None:
    """What is killed. The arguments are the landing zone and the number of the day."""
    root, number = sys.argv[1:]
    house = campus.Warehouse.again(root, campus.catalog())
    live(house, int(number), lambda phase: os.write(1, f"{phase}\n".encode()))


@pytest.fixture(scope="module")
def stable() -> Iterator[Stable]:
    # pandas is what DuckDB looks for at the first table that it is given.
    found = Stable(("tests.warehouse.test_kill", "pandas", "pyarrow.dataset"))
    found.learn("warehouse.identity.names:name_digest", campus.row(1)["name"])
    yield found
    found.close()


@pytest.mark.parametrize("part", range(PARTS))
def test_after_each_killed_day_the_next_run_leaves_what_an_undisturbed_one_leaves(
    stable: Stable, warehouse, tmp_path: Path, part: int
):
    chance = random.Random(20260101 + part)
    aims = [PHASES[n % len(PHASES)] for n in range(KILLS // PARTS)]
    chance.shuffle(aims)
    # None to four a day: what recovers from a kill is killed too.
    days: list[list[str]] = []
    while aims:
        size = chance.randint(0, 4)
        days.append(aims[:size])
        del aims[:size]
    house = warehouse(campus.catalog())
    expected, takes_s = _undisturbed(house, len(days))

    house.empty()
    hits: Counter[str] = Counter()
    for number, aimed in enumerate(days):
        for phase in aimed:
            hits[_kill(stable, house, number, tmp_path / "said", phase, chance, takes_s[phase])] += 1
        house.land(day(number))
        house.release()
        assert house.digest() == expected[number], f"day {number}, killed in {aimed}"
        assert house.scalar("SELECT count(*) FROM yici.release WHERE state = 'candidate'") == 0
    print(f"{sum(hits.values())} kills on {len(days)} days: {dict(hits)}")
    assert set(hits) == set(PHASES)


def _undisturbed(house: campus.Warehouse, days: int) -> tuple[list[str], dict[str, float]]:
    """The digest after each day that nobody disturbed, and how long each phase of a day takes."""
    digests, took_s = [], {phase: list[float]() for phase in PHASES}
    for number in range(days):
        begun: dict[str, float] = {}
        live(house, number, lambda phase, begun=begun: begun.update({phase: time.monotonic()}))
        for phase, following in zip(PHASES, (*PHASES[1:], _ENDED), strict=True):
            took_s[phase].append(begun[following] - begun[phase])
        digests.append(house.digest())
    return digests, {phase: median(took) for phase, took in took_s.items()}


def _kill(
    stable: Stable,
    house: campus.Warehouse,
    number: int,
    log: Path,
    aimed: str,
    chance: random.Random,
    takes_s: float,
) -> str:
    """Kill a run of a day some time after a phase began, until one was alive then; returns the phase it died in."""
    while True:
        log.unlink(missing_ok=True)
        child = stable.start(
            house.landing.root,
            str(number),
            environment=os.environ,
            log=log,
            call="tests.warehouse.test_kill:land_and_release",
        )
        _await(child, aimed)
        time.sleep(chance.uniform(0, takes_s))
        child.kill()
        assert child.code in (0, -signal.SIGKILL), child.said()
        died_in = child.said().split()[-1]
        if died_in != _ENDED:
            return died_in


def _await(child: Command, phase: str) -> None:
    while phase not in (child.said() if child.log.exists() else "").split():
        # On a busy machine it may have begun the phase and ended since it was looked at.
        assert child.poll() is None or phase in child.said().split(), child.said()
        time.sleep(_POLL_S)


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
