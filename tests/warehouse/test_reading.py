"""A system is read by a process that can be stopped: what hangs, dies or is broken off leaves nothing behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import catalogs
from catalogs.model import Catalog
from connectors.base import SourceUnavailable
from tests.support import campus
from tests.support.http import Reply, Request, ScriptedServer, scripted_server
from warehouse.connect import connect
from warehouse.extraction import Landed
from warehouse.reading import read_system
from warehouse.report import failing_sources

ROWS = [
    {"gh": f"{n:05d}", "xm": "某", "zjhm": None, "xb": "1", "csrq": None, "gz": "1", "gxsj": None}
    for n in range(5)
]
_PARENT = """
import sys, catalogs
from pathlib import Path
from tests.warehouse.test_reading import content
from warehouse.reading import read_system
print("ready", flush=True)
read_system(content(), "hr", sys.argv[1])
"""


def content(reading_s: float = 60) -> Catalog:
    """The small campus, its one system behind HTTP at `env:YICI_HR_URL`."""
    systems = f"""- system: "hr"
  nameZh: "人事系统"
  provider: "RS"
  kind: "rest"
  base_url: "env:YICI_HR_URL"
  limits: {{reading_s: {reading_s}, attempts: 1}}
"""
    files = {name: text.encode() for name, text in campus.FILES.items()} | {"systems.yaml": systems.encode()}
    contract = campus.CONTRACT.format(mode="full", absence="end", extra="")
    return catalogs.load(files | {"resources/hr/staff.odcs.yaml": contract.encode()})


class Silent:
    """A source that takes a question and answers only when the test lets it."""

    def __init__(self, server: ScriptedServer) -> None:
        self.asked, self.let_go = threading.Event(), threading.Event()
        server.answers["/staff"] = self

    def __call__(self, request: Request) -> Reply:
        self.asked.set()
        self.let_go.wait(30)
        return Reply(ROWS)


@pytest.fixture
def hr(
    warehouse: Callable[[Catalog], campus.Warehouse], monkeypatch: pytest.MonkeyPatch
) -> Iterator[ScriptedServer]:
    warehouse(content())
    with scripted_server() as server:
        monkeypatch.setenv("YICI_HR_URL", server.url)
        server.answers["/staff"] = Reply(ROWS)
        yield server


@pytest.fixture
def silent(hr: ScriptedServer) -> Iterator[Silent]:
    source = Silent(hr)
    yield source
    source.let_go.set()


def test_what_a_child_lands_is_registered_and_told(hr: ScriptedServer, tmp_path: Path):
    told: list[Landed] = []
    (landed,) = read_system(content(), "hr", str(tmp_path / "landing"), report=told.append)
    assert landed.rows == len(ROWS) and told == [landed]
    assert registered() == [landed.extracts[0]]


def test_a_source_that_never_answers_is_given_up_in_time_and_holds_nothing(silent: Silent, tmp_path: Path):
    started = time.monotonic()
    with pytest.raises(SourceUnavailable, match=r"more than 1 s .* limits\.reading_s of hr"):
        read_system(content(reading_s=1), "hr", str(tmp_path / "landing"))
    assert time.monotonic() - started < 10
    assert_nothing_is_left(tmp_path)
    with connect(autocommit=True) as con:
        assert "limits.reading_s" in failing_sources(con)["hr.staff"]


def test_a_failure_arrives_as_what_it_was(hr: ScriptedServer, tmp_path: Path):
    hr.answers["/staff"] = Reply(status=503, headers={"Retry-After": "3600"})
    (landed,) = read_system(content(), "hr", str(tmp_path / "landing"))
    assert landed.transient and "busy" in landed.error


def test_a_process_that_dies_is_a_failure_that_may_pass(silent: Silent, tmp_path: Path):
    threading.Thread(target=lambda: (silent.asked.wait(), os.kill(reader(), signal.SIGKILL))).start()
    with pytest.raises(SourceUnavailable, match="ended before it was done"):
        read_system(content(), "hr", str(tmp_path / "landing"))
    assert_nothing_is_left(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_reading_ends_with_the_process_that_asked_for_it(
    silent: Silent, tmp_path: Path, number: signal.Signals
):
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(tmp_path / "landing")], stderr=subprocess.DEVNULL
    )
    assert silent.asked.wait(20)
    parent.send_signal(number)
    parent.wait(10)
    assert_nothing_is_left(tmp_path)


def registered() -> list[int]:
    with connect(autocommit=True) as con:
        return [number for (number,) in con.execute("SELECT id FROM yici.extract ORDER BY id")]


def assert_nothing_is_left(folder: Path) -> None:
    """No extract, and the lock that a reader holds on its system is free within a moment."""
    assert registered() == []
    with connect(autocommit=True) as con:
        con.execute("SET lock_timeout = '10s'")
        con.execute("SELECT pg_advisory_lock(hashtext('land hr'))")
    assert not list(folder.glob("landing/**/manifest.json"))


def reader() -> int:
    """The process id of the only child."""
    import multiprocessing

    (child,) = multiprocessing.active_children()
    assert child.pid
    return child.pid
