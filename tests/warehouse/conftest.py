"""A warehouse of one's own for each test."""

from collections.abc import Callable
from pathlib import Path

import pytest

from catalogs.model import Catalog
from tests.support import campus
from tests.support.postgres import PgDatabase


@pytest.fixture
def warehouse(
    tmp_path: Path, pg_database: PgDatabase, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Catalog], campus.Warehouse]:
    """Return a function that opens an empty warehouse for a catalog."""
    monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
    monkeypatch.setenv("YICI_HOME", str(tmp_path))
    return lambda content: campus.Warehouse(tmp_path, content)
