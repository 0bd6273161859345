"""The end of a worker: nobody's request is dropped, nothing on record stays unsigned, and callers are told in time."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

import httpx
import pytest

from service.configuration import Configuration
from service.keys import load as load_keys
from service.verification import verify
from tests.service.conftest import opened, service_url
from tests.service.desk import Desk
from tests.service.load import constant
from tests.support.http import free_port
from tests.support.postgres import PgDatabase
from tests.support.quick_service import workers_of

# Here only an end seals.
NEVER = {"YICI_SERVICE_CHECKPOINT_S": "60"}


@pytest.fixture(scope="module")
def at_desk(pg_module_database, tmp_path_factory) -> Iterator[Desk]:
    with opened(
        pg_module_database, tmp_path_factory.mktemp("home"), Configuration(checkpoint_s=3600)
    ) as found:
        yield found


class Served:
    """The service as it is run, in processes of its own."""

    def __init__(self, at_desk: Desk, database: PgDatabase, workers: int, **environment: str) -> None:
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        settings = {
            "YICI_HOME": str(at_desk.home),
            "YICI_DATABASE_URL": database.url,
            "YICI_SERVICE_DATABASE_URL": service_url(database),
            "YICI_SERVICE_URL": at_desk.url,
        }
        command = [sys.executable, "-m", "yici", "serve", "--port", str(port), "--workers", str(workers)]
        self.process = subprocess.Popen(
            command, env=os.environ | settings | NEVER | environment, stdout=subprocess.DEVNULL
        )
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):
                if self.ready() == 200:
                    return
            assert self.process.poll() is None
            time.sleep(0.1)
        raise AssertionError("the service did not start")

    def ready(self) -> int:
        return httpx.get(f"{self.address}/readyz", trust_env=False).status_code

    def workers(self) -> list[int]:
        """Return the worker processes of the supervisor."""
        return workers_of(self.process.pid)

    def wait_without(self, gone: Sequence[int]) -> None:
        """Wait until others have taken the place of these workers."""
        for _ in range(1800):
            left = self.workers()
            if len(left) == 2 and not set(left) & set(gone):
                return
            time.sleep(0.1)
        raise AssertionError("the workers were not replaced")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=120)


@contextlib.contextmanager
def served(at_desk: Desk, database: PgDatabase, workers: int = 1, **environment: str) -> Iterator[Served]:
    found = Served(at_desk, database, workers, **environment)
    try:
        yield found
    finally:
        if found.process.poll() is None:
            found.stop()


@pytest.fixture(scope="module")
def two_workers(at_desk: Desk, pg_module_database: PgDatabase) -> Iterator[Served]:
    """A service of two workers that the tests of this file share."""
    with served(at_desk, pg_module_database, workers=2) as found:
        yield found


def unsealed(at_desk: Desk) -> int:
    """Return how many entries no checkpoint covers."""
    (left,) = at_desk.owner.execute(
        "SELECT (SELECT max(seq) FROM service.record)"
        " - (SELECT coalesce(max(size), 0) FROM service.record_checkpoint)"
    ).fetchone()
    return left


def test_whichever_worker_is_asked_counts_for_all(at_desk: Desk, two_workers: Served):
    with constant(at_desk, two_workers.address, per_second=40) as load:
        load.wait_for(40)
    counted = set()
    for _ in range(8):
        text = httpx.get(f"{two_workers.address}/metrics", trust_env=False).text
        counted |= {
            line.rpartition(" ")[2]
            for line in text.splitlines()
            if line.startswith('yici_requests_total{method="POST",route="/v1/facts:query",status="200"}')
        }
    assert counted == {f"{len(load.answers)}.0"}
    assert 'yici_pool_connections{state="most"} 20.0' in text
    assert "yici_record_checkpoint_timestamp_seconds" in text
    assert list((at_desk.home / "tmp").glob("metrics-*"))


def test_stopping_one_of_two_workers_drops_no_request(at_desk: Desk, two_workers: Served):
    before = two_workers.workers()
    with constant(at_desk, two_workers.address, per_second=80) as load:
        load.wait_for(50)
        os.kill(before[0], signal.SIGTERM)
        two_workers.wait_without(before[:1])
        load.wait_for(50)
    assert load.failures == []


def test_workers_are_replaced_one_by_one_without_dropping_a_request(at_desk: Desk, two_workers: Served):
    """SIGHUP: how new code is taken up (docs/operations.md)."""
    before = two_workers.workers()
    with constant(at_desk, two_workers.address) as load:
        load.wait_for(20)
        two_workers.process.send_signal(signal.SIGHUP)
        two_workers.wait_without(before)
        load.wait_for(50)
    assert load.failures == []


def test_a_worker_that_is_about_to_end_says_so_and_still_answers(at_desk: Desk, pg_module_database):
    with served(at_desk, pg_module_database, YICI_SERVICE_DRAIN_S="8") as service:
        desk = Desk(service.address, at_desk.catalog, at_desk.owner, at_desk.home, tokens=at_desk.tokens)
        case_id = at_desk.case()
        service.process.send_signal(signal.SIGTERM)
        while (not_ready := desk.http.get("/readyz")).status_code == 200:
            time.sleep(0.05)
        assert (not_ready.status_code, not_ready.json()["code"]) == (503, "STOPPING")
        answered = desk.facts(["XM"], case_id=case_id)
        assert (answered.status_code, answered.headers["connection"]) == (200, "close")
        assert desk.http.get("/healthz").status_code == 200
        service.process.wait(timeout=120)
        assert unsealed(at_desk) == 0


def test_a_clean_stop_under_load_leaves_no_entry_unsigned(at_desk: Desk, two_workers: Served):
    """The last test of this file: it ends the workers that the others share."""
    with constant(at_desk, two_workers.address) as load:
        load.wait_for(50)
        two_workers.stop()
    assert list((at_desk.home / "tmp").glob("metrics-*")) == []
    assert unsealed(at_desk) == 0
    found = verify(at_desk.owner, load_keys(at_desk.home))
    assert (found.faults, found.sealed) == ([], found.entries)
    # Who comes after the end finds nobody; who was heard before was answered, and never with a fault of ours.
    assert [one for one in load.failures if not one.endswith("Error")] == []
    assert {one["transaction_id"] for one in load.answers} <= {
        str(entry["transaction_id"]) for entry in at_desk.record()
    }
