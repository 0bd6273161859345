"""A running portal for the tests of one module."""

from collections.abc import Iterator

import pytest

from tests.portal.house import Portal, opened
from tests.support.postgres import PgDatabase


@pytest.fixture(scope="module")
def portal(pg_module_database: PgDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A portal that the tests of one module share."""
    with opened(pg_module_database, tmp_path_factory.mktemp("home")) as found:
        yield found
