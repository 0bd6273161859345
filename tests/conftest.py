"""Fixtures that every room's tests may use, and the naming of skipped tests at the end of a run."""

import gc
import json
import os
import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support import session
from tests.support.duck import believe_extensions
from tests.support.http import ScriptedServer, scripted_server
from tests.support.mariadb import MariaDatabase, MariaServer, start_mariadb
from tests.support.needs import need_program
from tests.support.postgres import PgDatabase, PgServer, start_postgres

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.support.s3 import S3

LONG = ("yici", "pipelines")  # folders whose tests run whole pipelines


def pytest_configure() -> None:
    session.begin()
    believe_extensions()
    # Not only within a test: whatever reads settings would keep the variables of an installation's sources.env.
    os.environ["YICI_HOME"] = str(session.empty_home())


def pytest_collection_finish() -> None:
    """Leave what collecting has imported out of Python's search for garbage: it stays, and is a million objects."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    session.end()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first, so that no worker is left with one of them at the end."""
    items.sort(key=lambda item: not item.path.parent.name.startswith(LONG))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name each skipped test with its reason: a test that did not run is not a test that passed."""
    skipped = terminalreporter.stats.get("skipped", [])
    if not skipped:
        return
    terminalreporter.section(f"not run here: {len(skipped)}")
    for report in skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        terminalreporter.line(f"{report.nodeid}: {reason.removeprefix('Skipped: ')}")


@pytest.fixture(autouse=True)
def own_surroundings() -> Iterator[None]:
    """No test reads this machine's own installation, or an external server that the shell points at.

    Afterwards everything is as it was before, in whatever order a test's own patches were undone.
    """
    before = _own_variables()
    for name in ("YICI_CAMPUS", "YICI_DATABASE_URL", "YICI_LANDING", "YICI_CLOCK_OFFSET_S"):
        os.environ.pop(name, None)
    os.environ["YICI_HOME"] = str(session.empty_home())
    yield
    for name in _own_variables().keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture(scope="module", autouse=True)
def nothing_is_left_behind(key_rings: None) -> Iterator[None]:
    """What a module sets for itself is gone after it: the next one would find another installation."""
    before = _own_variables()
    yield
    assert _own_variables() == before


def _own_variables() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("YICI_")}


@pytest.fixture(scope="session", autouse=True)
def key_rings() -> Iterator[None]:
    """Whichever home a test stands in, one ring of each kind: a database outlives the home that filled it."""
    with pytest.MonkeyPatch.context() as patch:
        with session.exclusively("keys"):
            for name in ("YICI_STORE_KEYS", "YICI_LANDING_KEYS"):
                file = session.shared_folder() / f"{name}.json"
                if not file.exists():
                    key = {"id": "7e57c0de", "secret": secrets.token_hex(32)}
                    file.write_text(json.dumps({"keys": [key]}))
                patch.setenv(name, str(file))
        yield


@pytest.fixture(scope="session")
def pg_server() -> PgServer:
    """The session's embedded PostgreSQL 18, shared by all workers."""
    return start_postgres()


@pytest.fixture
def pg_database(pg_server: PgServer) -> Iterator[PgDatabase]:
    """An empty database for one test."""
    database = pg_server.create_database()
    yield database
    pg_server.drop_database(database)


@pytest.fixture(scope="module")
def pg_module_database(pg_server: PgServer) -> Iterator[PgDatabase]:
    """An empty database for the tests of one module."""
    database = pg_server.create_database()
    yield database
    pg_server.drop_database(database)


@pytest.fixture(scope="session")
def mariadb_server() -> MariaServer:
    """The session's MariaDB; tests that ask for it are skipped where there is none."""
    return start_mariadb()


@pytest.fixture
def mariadb_database(mariadb_server: MariaServer) -> Iterator[MariaDatabase]:
    """An empty MariaDB database for one test."""
    database = mariadb_server.create_database()
    yield database
    mariadb_server.drop_database(database)


@pytest.fixture
def http_server() -> Iterator[ScriptedServer]:
    """An HTTP server that answers as the test scripts it."""
    with scripted_server() as server:
        yield server


@pytest.fixture(scope="session")
def s3_store() -> Iterator["S3"]:
    """This worker's object store."""
    from tests.support.s3 import s3_server  # takes a second to import

    with s3_server() as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator["Browser"]:
    """A real browser."""
    from playwright.sync_api import sync_playwright

    program = need_program("chromium", package="chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()
