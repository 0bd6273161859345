"""Systems land while a release runs: what readers see is one release, whole, and nothing of the next."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable

import catalogs
from catalogs.settings import settings
from connectors.landing import Landing
from pipelines import release as release_steps
from tests.pipelines.house import MART, STAFF, STUDENTS, House
from warehouse import releases
from warehouse.connect import connect
from warehouse.extraction import land_system

RESOURCES = {"hr.staff": STAFF, "academic.students": STUDENTS}
RELEASES = 2
_PAUSE_S, _LOOK_S, _LAND_S = 0.7, 0.1, 0.5


def _fill(house: House, resource: str, batch: int) -> None:
    house.fill(resource, [row | {"unit": f"批{batch}"} for row in RESOURCES[resource]])


def _repeatedly(
    step: Callable[[], None], ended: threading.Event, failures: list[BaseException]
) -> threading.Thread:
    def work() -> None:
        try:
            while not ended.is_set():
                step()
        except BaseException as error:
            failures.append(error)
            raise

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def _batches(con, resource: str) -> set[str]:
    table = resource.replace(".", "__")
    return {unit for (unit,) in con.execute(f"SELECT DISTINCT unit FROM raw.{table}").fetchall()}


def test_nothing_unpublished_is_seen_while_two_systems_land_and_releases_run(
    house: House, mart: None, monkeypatch
):
    from pipelines.run import run

    for resource in RESOURCES:
        _fill(house, resource, 0)
    assert run().release == 1

    # Every candidate stands open, applied and linked, long enough to be looked at.
    def slowly(step: Callable) -> Callable:
        def slow(*given):
            time.sleep(_PAUSE_S)
            return step(*given)

        return slow

    monkeypatch.setattr(release_steps.identity, "update", slowly(release_steps.identity.update))
    monkeypatch.setattr(releases, "publish", slowly(releases.publish))

    seen: dict[tuple[int, str], set[str]] = defaultdict(set)
    landed = dict.fromkeys(RESOURCES, 0)
    content, landing = catalogs.load(settings().campus), Landing(settings().landing)

    def land(resource: str) -> Callable[[], None]:
        def step() -> None:
            landed[resource] += 1
            _fill(house, resource, landed[resource])
            (done,) = land_system(content, resource.partition(".")[0], landing, [resource])
            assert done.error is None, done.error
            time.sleep(_LAND_S)

        return step

    def read() -> None:
        with connect("service", autocommit=True) as con:
            number = con.execute("SELECT yici.current()").fetchone()[0]
        with connect("service", release=number) as con:
            for resource in RESOURCES:
                seen[number, resource] |= _batches(con, resource)
        time.sleep(_LOOK_S)

    with house.service() as at:

        def ask() -> None:
            reply = at.facts(["DW"]).json()
            seen[reply["release"], "hr.staff"].add(reply["facts"]["DW"]["value"])
            time.sleep(_LOOK_S)

        ended, failures = threading.Event(), []
        threads = [_repeatedly(step, ended, failures) for step in (*map(land, RESOURCES), read, ask)]
        try:
            published = [run([]).release for _ in range(RELEASES)]
        finally:
            ended.set()
            for thread in threads:
                thread.join()
    assert not failures
    assert published == [2, 3]
    assert min(landed.values()) >= RELEASES

    assert {number for number, _ in seen} <= {1, *published}
    assert len({number for number, _ in seen}) >= 2
    for (number, resource), batches in seen.items():
        with connect(release=number) as con:
            assert batches == _batches(con, resource), (number, resource)
        assert len(batches) == 1, (number, resource, batches)
    # dbt built each release from just what that release admitted.
    for number in published:
        with connect(release=number) as con:
            built = con.execute(
                f"SELECT DISTINCT unit FROM {releases.build_schema(number)}.{MART}"
            ).fetchall()
            assert {unit for (unit,) in built} == _batches(con, "academic.students")
