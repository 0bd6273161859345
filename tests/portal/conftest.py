"""A running portal for the tests of one module, and one whose catalog may be changed."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.portal import maintained as changing
from tests.portal import marts
from tests.portal.figures import of_marts
from tests.portal.house import Portal, opened
from tests.support.postgres import PgDatabase


@pytest.fixture(scope="module")
def portal(pg_module_database: PgDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A portal that the tests of one module share."""
    with opened(pg_module_database, tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture(scope="module")
def filled(portal: Portal) -> Portal:
    """The small campus's portal, with marts."""
    marts.build(portal.owner, of_marts())
    return portal


@pytest.fixture(scope="module")
def office(filled: Portal) -> Iterator[httpx.Client]:
    """Somebody of the reform office, who reads Chinese."""
    with closing(filled.as_role("reform_office")) as browser:
        yield browser


@pytest.fixture(scope="module")
def maintained_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of state and campus of `maintained`."""
    return tmp_path_factory.mktemp("maintained")


@pytest.fixture(scope="module")
def maintained(pg_module_database: PgDatabase, maintained_home: Path) -> Iterator[Portal]:
    """A portal whose catalog is published and may be changed, shared by the tests of one module."""
    with changing.opened(pg_module_database, maintained_home) as found:
        yield found


@pytest.fixture
def surroundings_of_maintained(
    own_surroundings: None,
    pg_module_database: PgDatabase,
    maintained_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The process that publishes finds the same database and folder as the portal `maintained`."""
    for name, value in changing.surroundings(pg_module_database, maintained_home).items():
        monkeypatch.setenv(name, value)
