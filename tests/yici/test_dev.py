"""`yici dev`: Dagster's pages and the service come up together on a new installation, and go together."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.pipelines.house import House
from tests.support.http import free_port

REPOSITORY = Path(__file__).resolve().parents[2]
JOBS = "{repositoriesOrError{... on RepositoryConnection{nodes{jobs{name} schedules{name}}}}}"


def _until(answer: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            if answer():
                return
        time.sleep(0.3)
    raise AssertionError(f"no answer within {seconds} s")


def _gone(address: str) -> bool:
    try:
        httpx.get(address, timeout=2, trust_env=False)
    except httpx.TransportError:
        return True
    return False


def test_service_and_dagster_start_before_the_first_release_and_stop_on_interrupt(house: House):
    port, dagster_port = free_port(), free_port()
    service, pages = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{dagster_port}"
    command = [sys.executable, "-m", "yici", "dev", "--port", str(port), "--dagster-port", str(dagster_port)]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    try:
        _until(lambda: httpx.get(f"{service}/healthz", trust_env=False).json() == {"status": "ok"})
        assert httpx.get(f"{service}/readyz", trust_env=False).json()["code"] == "NO_RELEASE"

        def has_jobs() -> bool:
            reply = httpx.post(f"{pages}/graphql", json={"query": JOBS}, timeout=30, trust_env=False).json()
            nodes = reply["data"]["repositoriesOrError"].get("nodes") or [{"jobs": [], "schedules": []}]
            names = {job["name"] for job in nodes[0]["jobs"]}
            return {"land_hr", "make_release"} <= names and bool(nodes[0]["schedules"])

        _until(has_jobs)
    finally:
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert service in out and pages in out
    _until(lambda: _gone(service) and _gone(pages), 20)
