"""One embedded PostgreSQL per test session, and fresh databases on it."""

import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
from psycopg import sql

from tests.support.session import exclusively, shared_folder
from warehouse.embedded import EmbeddedServer, ServerAddress
from warehouse.key_ring import ring

# A crash of the machine during a test loses the test anyway.
_FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
    "max_connections": "120",
    "max_wal_size": "1GB",
    "autovacuum": "off",
    # A test opens a dozen connections, and hashing a random password four thousand times makes none of them safer.
    "scram_iterations": "1",
}
_numbers = itertools.count(1)


@dataclass(frozen=True)
class PgDatabase:
    """A database of its own; the user is the server's superuser."""

    name: str
    address: ServerAddress

    @property
    def url(self) -> str:
        """libpq's address, over the Unix socket."""
        return self.address.url(self.name)

    @property
    def tcp_url(self) -> str:
        """libpq's address, over 127.0.0.1."""
        return self.address.url(self.name, over_tcp=True)

    @property
    def sqlalchemy_url(self) -> str:
        return self.address.url(self.name, driver="postgresql+psycopg")

    def connect(self, **options) -> psycopg.Connection:
        """A connection in autocommit mode unless asked otherwise, which opens what is sealed, as the pipeline's do."""
        opens = " ".join(f"-c {name}={value}" for name, value in ring().session())
        return psycopg.connect(self.url, **({"autocommit": True, "options": opens} | options))


class PgServer:
    """The session's server. Its databases share their roles: name a test's own after its database."""

    def __init__(self, address: ServerAddress) -> None:
        self.address = address

    def create_database(self, template: str = "template0", name: str | None = None) -> PgDatabase:
        """Make an empty database, or a copy of another one, under a name of its own or a given one."""
        name = name or f"t_{worker()}_{os.getpid()}_{next(_numbers)}"
        # Copying files costs half of what writing a template's pages through the log does.
        self._administer("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", name, template)
        return PgDatabase(name, self.address)

    def has_database(self, name: str) -> bool:
        """Whether there is a database of this name."""
        with psycopg.connect(self.address.url()) as connection:
            return bool(connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone())

    def drop_database(self, database: PgDatabase) -> None:
        """Drop it, ending connections to it."""
        self._administer("DROP DATABASE IF EXISTS {} WITH (FORCE)", database.name)

    def keep(self, database: PgDatabase, template: str) -> None:
        """Make a template of a database as it is, ending connections to it."""
        with psycopg.connect(self.address.url(), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database.name]
            )
        self.create_database(database.name, template)

    def template(self, name: str, build: Callable[[PgDatabase], None]) -> str:
        """Return the name of a template database, built by the first worker that asks for it."""
        full = f"template_{name}"
        with exclusively(full):
            done = shared_folder() / f"{full}.done"
            if not done.exists():
                database = PgDatabase(full, self.address)
                self.drop_database(database)
                self._administer("CREATE DATABASE {}", full)
                build(database)
                done.touch()
        return full

    def _administer(self, statement: str, *names: str) -> None:
        with psycopg.connect(self.address.url(), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def worker() -> str:
    """Return the name of this process among the session's workers."""
    return os.environ.get("PYTEST_XDIST_WORKER", "gw")


def start_postgres() -> PgServer:
    """Return the session's server, started by whichever worker asks first."""
    address = EmbeddedServer(shared_folder() / "pg", settings=_FAST).ensure(tcp=True)
    with exclusively("pg password"):
        done = shared_folder() / "pg password.done"
        if not done.exists():  # initdb hashed it in its own way
            with psycopg.connect(address.url(), autocommit=True) as con:
                con.execute(
                    sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                        sql.Identifier(address.user), sql.Literal(address.password)
                    )
                )
            done.touch()
    return PgServer(address)
