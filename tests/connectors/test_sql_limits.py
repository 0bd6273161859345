"""What a source is spared: no lock, no long transaction, no endless statement, no waiting for its own locks."""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from catalogs.model import Ingest, System
from connectors import open_source
from connectors.base import ReadSpec, SourceUnavailable
from connectors.landing import Landing
from tests.connectors.alchemy import maria_dialect_system, pg_dialect_system
from tests.connectors.build import item, resource, system
from tests.connectors.conftest import maria_system, pg_system
from tests.connectors.reading import AT, land
from tests.support.mariadb import MariaDatabase
from tests.support.postgres import PgDatabase

CONTRACT = resource("t", [item("a"), item("b")])
ROWS = 50_000  # more than drivers and sockets hold, so that the source is still sending


@dataclass
class Place:
    """One real source: how to read it with which limits, and how its own programs work on it meanwhile."""

    system: Callable[..., System]
    execute: Callable[[str], None]
    lock: Callable[[], contextlib.AbstractContextManager]
    transactions: Callable[[], int]
    slow: str


def on_postgres(database: PgDatabase, make: Callable[..., System]) -> Place:
    def execute(statement: str) -> None:
        with database.connect() as connection:
            connection.execute("SET lock_timeout = '2s'")
            connection.execute(statement)

    @contextlib.contextmanager
    def lock() -> Iterator[None]:
        with database.connect() as connection, connection.transaction():
            connection.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
            yield

    def transactions() -> int:
        with database.connect() as connection:
            return connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND xact_start IS NOT NULL AND pid <> pg_backend_pid()"
            ).fetchone()[0]

    execute("CREATE TABLE t (a int PRIMARY KEY, b text)")
    execute(f"INSERT INTO t SELECT i, repeat('x', 200) FROM generate_series(1, {ROWS}) AS i")
    return Place(
        lambda **limits: make(database, **limits), execute, lock, transactions, "pg_sleep(5) IS NULL"
    )


def on_mariadb(database: MariaDatabase, make: Callable[..., System]) -> Place:
    def execute(statement: str) -> None:
        with database.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SET SESSION lock_wait_timeout = 2, innodb_lock_wait_timeout = 2")
            cursor.execute(statement)

    @contextlib.contextmanager
    def lock() -> Iterator[None]:
        with database.connect() as connection, connection.cursor() as cursor:
            cursor.execute("LOCK TABLES t WRITE")
            yield

    def transactions() -> int:
        with database.connect() as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM information_schema.innodb_trx x JOIN information_schema.processlist p "
                "ON p.id = x.trx_mysql_thread_id WHERE p.db = database()"
            )
            return cursor.fetchone()[0]

    execute("CREATE TABLE t (a int PRIMARY KEY, b varchar(200))")
    execute(f"INSERT INTO t SELECT seq, repeat('x', 200) FROM seq_1_to_{ROWS}")
    return Place(lambda **limits: make(database, **limits), execute, lock, transactions, "sleep(0.1) = 9")


@pytest.fixture(params=["postgres", "mysql", "sqlalchemy on postgres", "sqlalchemy on mysql"])
def place(request: pytest.FixtureRequest) -> Place:
    is_dialect = request.param.startswith("sqlalchemy")
    if request.param.endswith("postgres"):
        make = pg_dialect_system if is_dialect else pg_system
        return on_postgres(request.getfixturevalue("pg_database"), make)
    make = maria_dialect_system if is_dialect else maria_system
    return on_mariadb(request.getfixturevalue("mariadb_database"), make)


def test_a_statement_ends_at_the_server_s_own_limit(place: Place, landing: Landing) -> None:
    began = time.monotonic()
    slow = resource("t", [item("a"), item("b")], ingest=Ingest(exclude=place.slow))
    with pytest.raises(SourceUnavailable, match=r"time limit was reached|query was interrupted"):
        land(landing, place.system(statement_s=1), slow)
    assert time.monotonic() - began < 4


def test_a_locked_table_is_waited_for_no_longer_than_the_limit(place: Place, landing: Landing) -> None:
    began = time.monotonic()
    with place.lock(), pytest.raises(SourceUnavailable, match="locked by another session"):
        land(landing, place.system(lock_s=1), CONTRACT)
    assert time.monotonic() - began < 5
    assert land(landing, place.system(), CONTRACT, 2)[0].rows == ROWS


def test_a_table_can_be_written_to_while_it_is_being_read(place: Place, landing: Landing) -> None:
    with open_source(place.system()) as source:
        reading = source.read(ReadSpec(CONTRACT))
        stream = reading.con.execute(reading.query)
        stream.fetchmany(10)
        place.execute("UPDATE t SET b = 'y'")
        place.execute("DELETE FROM t WHERE a = 1")
        assert {b for _, b in stream.fetchall()} == {"x" * 200}


def test_a_snapshot_is_given_up_before_a_reading_that_would_hold_it_too_long(
    place: Place, landing: Landing
) -> None:
    with open_source(place.system(max_snapshot_s=2)) as source:
        assert landing.write(source.read(ReadSpec(CONTRACT)), 1, AT).rows == ROWS
        place.execute("DELETE FROM t WHERE a <= 10")
        time.sleep(2.2)
        assert landing.write(source.read(ReadSpec(CONTRACT)), 2, AT).rows == ROWS - 10


def test_the_server_ends_the_transaction_of_a_reader_that_has_fallen_asleep(place: Place) -> None:
    with open_source(place.system(max_snapshot_s=1)) as source:
        source.read(ReadSpec(CONTRACT))
        assert place.transactions() >= 1
        deadline = time.monotonic() + 8
        while place.transactions() and time.monotonic() < deadline:
            time.sleep(0.2)
        assert place.transactions() == 0


def test_a_table_without_snapshots_is_copied_by_the_server_and_not_locked(
    mariadb_database: MariaDatabase, landing: Landing
) -> None:
    with mariadb_database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (a int PRIMARY KEY, b varchar(200)) ENGINE = MyISAM")
        cursor.execute(f"INSERT INTO t SELECT seq, repeat('x', 200) FROM seq_1_to_{ROWS}")
    with open_source(maria_system(mariadb_database)) as source:
        reading = source.read(ReadSpec(CONTRACT))
        stream = reading.con.execute(reading.query)
        stream.fetchmany(10)
        with mariadb_database.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SET SESSION lock_wait_timeout = 2, max_statement_time = 5")
            cursor.execute("DELETE FROM t WHERE a = 1")
        assert len(stream.fetchall()) == ROWS - 10


def test_a_locked_sqlite_file_is_waited_for_no_longer_than_the_limit(
    tmp_path: Path, landing: Landing
) -> None:
    path = tmp_path / "t.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("CREATE TABLE t (a int, b text)")
        db.execute("BEGIN EXCLUSIVE")
        for number, settings in enumerate(
            ({"file": str(path)}, {"dialect": "sqlite", "database": str(path)})
        ):
            kind = "sqlite" if "file" in settings else "sqlalchemy"
            began = time.monotonic()
            with pytest.raises(SourceUnavailable, match="locked by another"):
                land(landing, system(kind, settings, lock_s=1), CONTRACT, number)
            assert time.monotonic() - began < 4
