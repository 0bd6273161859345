"""Systems on the session's real servers."""

from pathlib import Path

import pytest

from catalogs.model import System
from connectors.landing import Landing
from tests.connectors.build import system
from tests.support.mariadb import MariaDatabase
from tests.support.postgres import PgDatabase


def pg_system(database: PgDatabase, **limits) -> System:
    address = database.address
    settings = {
        "host": str(address.socket_dir),
        "port": address.port,
        "database": database.name,
        "user": address.user,
        "password": address.password,
    }
    return system("postgres", settings, **limits)


def maria_system(database: MariaDatabase, **limits) -> System:
    settings = {
        "host": database.host,
        "port": database.port,
        "database": database.name,
        "user": database.user,
        "password": database.password,
    }
    return system("mysql", settings, code="finance", **limits)


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(str(tmp_path / "landing"))


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    """A drop folder."""
    folder = tmp_path / "drop"
    folder.mkdir()
    return folder


@pytest.fixture
def hr(drop: Path) -> System:
    """A system of kind `files` on `drop`."""
    return system("files", {"root": str(drop)}, code="hr")
