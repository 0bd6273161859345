"""A running service for the tests of one module."""

import contextlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from catalogs.model import Catalog
from service.app import create_app
from service.configuration import Configuration
from service.wire import Wire
from tests.service import campus, desk
from tests.service.desk import Desk
from tests.support import kept, migrated
from tests.support.http import asgi_server
from tests.support.postgres import PgDatabase
from tests.support.session import exclusively
from warehouse.key_ring import ring

SERVICE_PASSWORD = "for-tests-only"


@contextlib.contextmanager
def opened(
    database: PgDatabase,
    home: Path,
    chosen: Configuration | None = None,
    content: Catalog | None = None,
    rows: Mapping[str, Sequence[Mapping[str, Any]]] = desk.ROWS,
) -> Iterator[Desk]:
    """Run a service over a fresh database that holds the releases of the small campus, or of another one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("YICI_HOME", str(home))
        patch.setenv("YICI_DATABASE_URL", database.url)
        patch.setenv("YICI_SERVICE_DATABASE_URL", service_url(database))
        content = content or campus.catalog()
        fill(database, content, rows)
        with database.connect() as owner:
            app = create_app(chosen)
            with asgi_server(app, http=Wire, ws="none") as url:
                at = Desk(url, content, owner, home, app)
                for client_id in (campus.HALL, campus.PORTAL, campus.STRANGER, campus.PAGES):
                    at.register(client_id, home)
                at.register(campus.HR, home, "RS")
                yield at


def fill(database: PgDatabase, content: Catalog, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Let a fresh database, which YICI_DATABASE_URL names, hold two releases; made once in a session and copied."""

    def make() -> None:
        migrated.begin()
        with database.connect() as owner:
            campus.publish(owner, content, rows)
            campus.publish(owner, content, {"hr.staff": desk.STAFF[:3] + desk.GONE})

    what = (content.version, rows, [key.id for key in ring().keys])
    name = hashlib.sha256(repr(what).encode()).hexdigest()[:16]
    kept.made_once(f"service_{name}", database, None, make)


def service_url(database: PgDatabase) -> str:
    """Return the address under which the service's own role signs in, making the role if there is none."""
    with exclusively("role yici_service"), database.connect() as con:
        if not con.execute("SELECT 1 FROM pg_roles WHERE rolname = 'yici_service'").fetchone():
            con.execute(f"CREATE ROLE yici_service LOGIN PASSWORD '{SERVICE_PASSWORD}'")
    parts = psycopg.conninfo.conninfo_to_dict(database.tcp_url)
    return f"postgresql://yici_service:{SERVICE_PASSWORD}@{parts['host']}:{parts['port']}/{database.name}"


@pytest.fixture
def as_owner(pg_module_database: PgDatabase, own_surroundings: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test itself publish a release or register a client."""
    monkeypatch.setenv("YICI_DATABASE_URL", pg_module_database.url)


@pytest.fixture(scope="module")
def at_desk(pg_module_database: PgDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A service that the tests of one module share."""
    with opened(pg_module_database, tmp_path_factory.mktemp("home")) as found:
        yield found
