"""What every SQL source must keep: one snapshot, exclusions at the source, windows, drift, secrets, limits."""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from catalogs.model import Ingest, Partition, Resource, System
from catalogs.settings import ConfigurationError
from connectors import open_source
from connectors.base import (
    ReadSpec,
    Scope,
    SourceChanged,
    SourceRefused,
    SourceUnavailable,
    WarehousePin,
)
from connectors.duck import PgParams
from connectors.landing import Landing
from tests.connectors.alchemy import pg_dialect_system
from tests.connectors.build import by_day, item, resource, system
from tests.connectors.conftest import maria_system, pg_system
from tests.connectors.reading import AT, land, rows

KINDS = ("postgres", "mysql", "sqlite", "sqlalchemy")


@dataclass
class Place:
    """One real source: its system, and how to write to it behind the reader's back, in one transaction."""

    system: System
    execute: Callable[..., None]

    @property
    def kind(self) -> str:
        """The kind of database behind it; through SQLAlchemy a PostgreSQL is read."""
        return self.system.kind.replace("sqlalchemy", "postgres")


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param in ("postgres", "sqlalchemy"):
        database = request.getfixturevalue("pg_database")

        def execute(*statements: str) -> None:
            with database.connect() as connection, connection.transaction():
                for statement in statements:
                    connection.execute(statement)

        make = pg_system if request.param == "postgres" else pg_dialect_system
        yield Place(make(database), execute)
    elif request.param == "mysql":
        maria = request.getfixturevalue("mariadb_database")

        def execute(*statements: str) -> None:
            with maria.connect() as connection, connection.cursor() as cursor:
                connection.begin()
                for statement in statements:
                    cursor.execute(statement)
                connection.commit()

        yield Place(replace(maria_system(maria), code="academic"), execute)
    else:
        path = tmp_path / "source.db"
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA journal_mode = WAL")

        def execute(*statements: str) -> None:
            with contextlib.closing(sqlite3.connect(path, timeout=20, isolation_level=None)) as db:
                db.execute("BEGIN IMMEDIATE")
                for statement in statements:
                    db.execute(statement)
                db.execute("COMMIT")

        yield Place(system("sqlite", {"file": str(path)}), execute)


def students(ingest: Ingest | None = None, *, table: str = "xsjbxx") -> Resource:
    items = [item("no", "XH"), item("name", "XM"), item("changed_at", "GXSJ", "timestamp")]
    return resource(table, items, ingest=ingest)


def fill(place: Place, count: int = 3) -> None:
    place.execute(
        "CREATE TABLE xsjbxx (XH varchar(12) NOT NULL PRIMARY KEY, XM varchar(20), GXSJ timestamp NULL, SM char(1))"
    )
    for number in range(count):
        place.execute(
            f"INSERT INTO xsjbxx VALUES ('{number:03d}', '张三', '2026-10-{18 + number} 08:00:00', '{number % 2}')"
        )


def numbers(landing: Landing, manifest) -> list[str]:
    return [row[0] for row in rows(landing, manifest)]


def test_two_reads_see_one_moment_of_the_source(place: Place, landing: Landing) -> None:
    fill(place)
    place.execute("CREATE TABLE cj (XH varchar(12), KC varchar(12))")
    place.execute("INSERT INTO cj VALUES ('001', 'c')")
    grades = resource("cj", [item("no", "XH"), item("course", "KC")], name="academic.grades")
    with open_source(place.system) as source:
        first = landing.write(source.read(ReadSpec(students())), 1, AT)
        place.execute("INSERT INTO xsjbxx VALUES ('900', 'x', NULL, '0')")
        place.execute("INSERT INTO cj VALUES ('900', 'c')")
        second = landing.write(source.read(ReadSpec(grades)), 2, AT)
    assert (first.rows, second.rows) == (3, 1)
    assert [m.rows for m in land(landing, place.system, grades, extract_id=3)] == [2]


def test_no_row_is_read_without_the_row_that_it_refers_to_while_both_are_being_written(
    place: Place, landing: Landing
) -> None:
    """A writer adds students with a grade each, one transaction a student, all the time that both are read."""
    fill(place)
    place.execute("CREATE TABLE cj (XH varchar(12), KC varchar(12))")
    grades = resource("cj", [item("no", "XH"), item("course", "KC")], name="academic.grades")
    ended = threading.Event()
    written: list[str] = []

    def write() -> None:
        while not ended.is_set():
            number = f"w{len(written):05d}"
            place.execute(
                f"INSERT INTO xsjbxx VALUES ('{number}', 'x', NULL, '0')",
                f"INSERT INTO cj VALUES ('{number}', 'c')",
            )
            written.append(number)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for attempt in range(5):
            before = len(written)
            with open_source(place.system) as source:
                parents = landing.write(source.read(ReadSpec(students())), 2 * attempt + 1, AT)
                while len(written) < before + 3:
                    time.sleep(0.01)
                children = landing.write(source.read(ReadSpec(grades)), 2 * attempt + 2, AT)
            assert set(numbers(landing, children)) <= set(numbers(landing, parents))
    finally:
        ended.set()
        writer.join()
    assert len(written) >= 15


def test_a_failed_read_costs_the_snapshot_and_not_the_other_resources(place: Place, landing: Landing) -> None:
    fill(place)
    broken = students(Ingest(exclude="no_such_column = 1"))
    with open_source(place.system) as source:
        with pytest.raises(SourceRefused):
            landing.write(source.read(ReadSpec(broken)), 1, AT)
        assert landing.write(source.read(ReadSpec(students())), 2, AT).rows == 3


def test_excluded_rows_stay_in_the_source_and_are_counted(place: Place, landing: Landing) -> None:
    fill(place)
    (manifest,) = land(landing, place.system, students(Ingest(exclude="SM = '1'")))
    assert (manifest.excluded_rows, numbers(landing, manifest)) == (1, ["000", "002"])


def test_a_watermark_reads_on_with_an_overlap_and_rows_without_a_time_again(
    place: Place, landing: Landing
) -> None:
    fill(place)
    contract = students(Ingest(mode="watermark", watermark="changed_at", overlap_s=86_400))
    (first,) = land(landing, place.system, contract)
    assert (first.scope["kind"], first.scope["lists_keys"], first.rows) == ("full", True, 3)
    assert str(first.watermark_to).startswith("2026-10-20 08:00:00")
    place.execute("INSERT INTO xsjbxx VALUES ('900', 'late', '2026-10-19 20:00:00', '0')")
    place.execute("INSERT INTO xsjbxx VALUES ('901', 'new', '2026-10-21 08:00:00', '0')")
    place.execute("INSERT INTO xsjbxx VALUES ('902', 'none', NULL, '0')")
    (second,) = land(landing, place.system, contract, extract_id=2, watermark=first.watermark_to)
    assert numbers(landing, second) == ["001", "002", "900", "901", "902"]
    assert (second.scope["kind"], second.scope["lists_keys"]) == ("upsert", False)
    assert str(second.watermark_to).startswith("2026-10-21 08:00:00")
    (again,) = land(landing, place.system, contract, extract_id=3, watermark=second.watermark_to)
    assert again.watermark_to == second.watermark_to


@pytest.mark.parametrize(
    ("late", "newest", "low"),
    [
        (1792457500, 1792458000, "1792457400"),
        (1792457500000, 1792458000000, "1792457400000"),
        (20261020065500, 20261020070000, "20261020065000"),
    ],
)
def test_an_overlap_reaches_back_where_times_are_kept_as_numbers(
    place: Place, landing: Landing, late: int, newest: int, low: str
) -> None:
    place.execute("CREATE TABLE xsjbxx (XH varchar(12), XM varchar(20), GXSJ bigint)")
    place.execute(f"INSERT INTO xsjbxx VALUES ('000', 'x', 1), ('001', 'x', {newest})")
    ingest = Ingest(mode="watermark", watermark="changed_at", overlap_s=600)
    (first,) = land(landing, place.system, students(ingest))
    place.execute(f"INSERT INTO xsjbxx VALUES ('002', 'x', {late})")
    (second,) = land(landing, place.system, students(ingest), 2, first.watermark_to)
    assert (first.watermark_to, second.scope["low"]) == (str(newest), low)
    assert numbers(landing, second) == ["001", "002"]


def test_a_time_in_the_far_future_does_not_move_the_watermark(
    place: Place, landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(place)
    place.execute("INSERT INTO xsjbxx VALUES ('900', 'slip', '2037-01-01 00:00:00', '0')")
    monkeypatch.setattr("connectors.sql.now", lambda: AT)
    (manifest,) = land(landing, place.system, students(Ingest(mode="watermark", watermark="changed_at")))
    assert manifest.rows == 4
    assert str(manifest.watermark_to).startswith("2026-10-20 08:00:00")


@pytest.mark.parametrize(
    ("newest", "future"),
    [
        (1792450800, 2114352000),
        (1792450800000, 2114352000000),
        (20261020, 20370101),
        (202610200700, 203701010000),
        (20261020070000, 20370101000000),
    ],
)
def test_a_number_that_is_a_time_in_the_far_future_does_not_move_the_watermark(
    place: Place, landing: Landing, monkeypatch: pytest.MonkeyPatch, newest: int, future: int
) -> None:
    place.execute("CREATE TABLE xsjbxx (XH varchar(12), XM varchar(20), GXSJ bigint)")
    place.execute(f"INSERT INTO xsjbxx VALUES ('000', 'x', {newest}), ('900', 'slip', {future})")
    monkeypatch.setattr("connectors.sql.now", lambda: AT)
    times = students(Ingest(mode="watermark", watermark="changed_at", overlap_s=600))
    (manifest,) = land(landing, place.system, times)
    assert (manifest.rows, manifest.watermark_to) == (2, str(newest))
    declared = students(Ingest(mode="watermark", watermark="changed_at"))
    (manifest,) = land(landing, place.system, declared, 2)
    assert manifest.watermark_to == str(newest)
    counted = resource(
        "xsjbxx",
        [item("no", "XH"), item("number", "GXSJ", "integer")],
        ingest=Ingest(mode="watermark", watermark="number"),
    )
    (manifest,) = land(landing, place.system, counted, 3)
    assert manifest.watermark_to == str(future)


@pytest.mark.parametrize("slip", [1792450800000, 1792450800000000, 20261020070000])
def test_one_time_in_another_unit_does_not_move_the_watermark(
    place: Place, landing: Landing, monkeypatch: pytest.MonkeyPatch, slip: int
) -> None:
    place.execute("CREATE TABLE xsjbxx (XH varchar(12), XM varchar(20), GXSJ bigint)")
    place.execute("INSERT INTO xsjbxx VALUES ('000', 'x', 1792450800)")
    monkeypatch.setattr("connectors.sql.now", lambda: AT)
    times = students(Ingest(mode="watermark", watermark="changed_at", overlap_s=600))
    (first,) = land(landing, place.system, times)
    place.execute(f"INSERT INTO xsjbxx VALUES ('001', 'x', 1792450900), ('900', 'slip', {slip})")
    (second,) = land(landing, place.system, times, 2, first.watermark_to)
    assert (second.rows, second.watermark_to) == (3, "1792450900")


def test_a_range_can_be_read_again(place: Place, landing: Landing) -> None:
    fill(place)
    contract = students(Ingest(mode="watermark", watermark="changed_at"))
    for low, high in (("2026-10-18 00:00:00", "2026-10-19 23:59:59"), ("2026-10-18", "2026-10-19")):
        scope = Scope.of_range(low, high)
        (manifest,) = land(landing, place.system, contract, scope=scope, extract_id=len(high))
        assert (numbers(landing, manifest), manifest.scope) == (["000", "001"], scope.as_dict())
        assert (manifest.watermark_to, manifest.scope["lists_keys"]) == (None, False)


def test_a_sweep_reads_the_keys_that_may_be_read_and_nothing_else(place: Place, landing: Landing) -> None:
    fill(place)
    contract = students(Ingest(mode="watermark", watermark="changed_at", exclude="SM = '1'"))
    (manifest,) = land(landing, place.system, contract, scope=Scope.keys())
    assert rows(landing, manifest) == [("000",), ("002",)]
    assert (manifest.scope["kind"], manifest.scope["lists_keys"]) == ("keys", True)
    assert (list(manifest.columns), manifest.watermark_to) == (["no"], None)


def test_a_clock_that_runs_ahead_moves_the_watermark_no_further_than_now(
    place: Place, landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is 07:30 on the campus. A local time says so; an instant is the same moment in UTC."""
    kind = {"postgres": "timestamptz", "mysql": "timestamp NULL", "sqlite": "timestamp"}[place.kind]
    shown = {"sqlite": ("07", "08")}.get(place.kind, ("23", "00"))
    place.execute(f"CREATE TABLE t (a varchar(3), at {kind})")
    offset = "" if place.kind == "sqlite" else "+00"
    days = ("2026-10-21", "2026-10-21") if place.kind == "sqlite" else ("2026-10-20", "2026-10-21")
    for name, day, hour in zip("ab", days, shown, strict=True):
        written = f"{day} {hour}:00:00"
        if place.kind == "mysql":
            place.execute("SET time_zone = '+00:00'", f"INSERT INTO t VALUES ('{name}', '{written}')")
        else:
            place.execute(f"INSERT INTO t VALUES ('{name}', '{written}{offset}')")
    monkeypatch.setattr("connectors.sql.now", lambda: AT + timedelta(minutes=30))
    contract = resource(
        "t",
        [item("a"), item("at", logical_type="timestamp")],
        ingest=Ingest(mode="watermark", watermark="at"),
    )
    with open_source(place.system) as source:
        (reading,) = source.readings(ReadSpec(contract, zone="Asia/Shanghai"))
        assert str(reading.watermark_to).startswith(f"{days[0]} {shown[0]}:00:00")
        assert landing.write(reading, 1, AT).rows == 2


def test_days_are_read_once_until_they_change(place: Place, landing: Landing) -> None:
    fill(place)
    contract = students(by_day("changed_at"))
    first = land(landing, place.system, contract)
    assert [(m.scope["partition"], m.rows) for m in first] == [
        ("2026-10-18", 1), ("2026-10-19", 1), ("2026-10-20", 1),
    ]  # fmt: skip
    seen = {m.scope["partition"]: m.source_digest for m in first}
    assert land(landing, place.system, contract, extract_id=10, seen=seen) == []
    place.execute("INSERT INTO xsjbxx VALUES ('900', 'late', '2026-10-19 20:00:00', '0')")
    (changed,) = land(landing, place.system, contract, extract_id=20, seen=seen)
    assert (changed.scope["partition"], changed.rows) == ("2026-10-19", 2)
    (again,) = land(landing, place.system, contract, extract_id=30, scope=Scope.of_partition("2026-10-18"))
    assert (numbers(landing, again), again.source_digest) == (["000"], "rows:1")
    asked = Scope.of_range("2026-10-19", "2026-10-20")
    both = land(landing, place.system, contract, extract_id=40, scope=asked, seen=seen)
    assert [m.scope["partition"] for m in both] == ["2026-10-19", "2026-10-20"]


def test_a_day_with_as_many_rows_is_read_again_where_its_newest_time_is_another(
    place: Place, landing: Landing
) -> None:
    fill(place)
    contract = students(replace(by_day("changed_at"), watermark="changed_at"))
    seen = {m.scope["partition"]: m.source_digest for m in land(landing, place.system, contract)}
    assert land(landing, place.system, contract, extract_id=10, seen=seen) == []
    place.execute("UPDATE xsjbxx SET gxsj = '2026-10-19 23:00:00' WHERE xh = '001'")
    (changed,) = land(landing, place.system, contract, extract_id=20, seen=seen)
    assert (changed.scope["partition"], changed.rows) == ("2026-10-19", 1)
    (asked,) = land(landing, place.system, contract, extract_id=30, scope=Scope.of_partition("2026-10-19"))
    assert asked.source_digest == changed.source_digest


def test_closed_days_are_not_even_looked_at(place: Place, landing: Landing) -> None:
    fill(place)
    with open_source(place.system) as source:
        spec = ReadSpec(students(by_day("changed_at")), closed_before="2026-10-20")
        assert [reading.covered.partition for reading in source.readings(spec)] == ["2026-10-20"]
        assert source.skipped == []


def test_a_new_column_is_reported_and_a_lost_one_names_resource_column_and_provider(
    place: Place, landing: Landing
) -> None:
    fill(place)
    (manifest,) = land(landing, place.system, students())
    assert manifest.extra_columns == ("sm",) if place.kind == "postgres" else ("SM",)
    place.execute("ALTER TABLE xsjbxx DROP COLUMN XM")
    with pytest.raises(SourceChanged, match=r"academic\.students.*column XM \(name\) is gone.*Provider JW"):
        land(landing, place.system, students(), extract_id=2)
    with pytest.raises(SourceChanged, match="nosuch is not in academic"):
        land(landing, place.system, students(table="nosuch"), extract_id=3)


def test_a_retyped_column_is_named(place: Place, landing: Landing) -> None:
    fill(place)
    (manifest,) = land(landing, place.system, students())
    place.execute("DROP TABLE xsjbxx")
    place.execute("CREATE TABLE xsjbxx (XH int, XM varchar(20), GXSJ timestamp NULL)")
    with (
        open_source(place.system) as source,
        pytest.raises(SourceChanged, match=r"(?i)column XH \(no\) was .*char.* and is now int"),
    ):
        source.read(ReadSpec(students(), last_types=manifest.columns))


def test_a_column_that_cannot_hold_its_item_is_named(place: Place) -> None:
    place.execute("CREATE TABLE t (a date)")
    with (
        open_source(place.system) as source,
        pytest.raises(SourceChanged, match="is date, which cannot hold integer"),
    ):
        source.read(ReadSpec(resource("t", [item("a", logical_type="integer")])))


def test_a_read_that_was_given_up_does_not_spoil_the_next(place: Place, landing: Landing) -> None:
    fill(place)
    with open_source(place.system) as source:
        source.read(ReadSpec(students()))
        assert landing.write(source.read(ReadSpec(students())), 1, AT).rows == 3


@pytest.mark.parametrize("kind", ["postgres", "mysql"])
def test_a_wrong_password_is_refused_for_good_and_never_shown(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = (
        pg_system(request.getfixturevalue("pg_database"))
        if kind == "postgres"
        else maria_system(request.getfixturevalue("mariadb_database"))
    )
    monkeypatch.setenv("CAMPUS_PASSWORD", "CANARY'x\"y z")
    bad = replace(good, settings=dict(good.settings) | {"password": "env:CAMPUS_PASSWORD"})
    with pytest.raises(SourceRefused) as caught, open_source(bad) as source:
        source.read(ReadSpec(students()))
    shown = f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
    assert "CANARY" not in shown
    assert "user or password refused" in shown
    assert f"check {bad.code}.user, {bad.code}.password (variable CAMPUS_PASSWORD) in systems.yaml" in shown


@pytest.mark.parametrize("kind", ["postgres", "mysql"])
def test_a_server_that_is_down_is_a_passing_failure(kind: str) -> None:
    settings = {"host": "127.0.0.1", "port": 9, "database": "d", "user": "u", "password": "CANARY"}
    with (
        pytest.raises(
            SourceUnavailable, match=r"academic.*no connection.*academic\.host, academic\.port"
        ) as caught,
        open_source(system(kind, settings)) as source,
    ):
        source.read(ReadSpec(students()))
    assert "CANARY" not in str(caught.value)


def test_the_server_s_own_time_limit_ends_a_long_read(
    request: pytest.FixtureRequest, landing: Landing
) -> None:
    pg, maria = request.getfixturevalue("pg_database"), request.getfixturevalue("mariadb_database")
    with pg.connect() as connection:
        connection.execute("CREATE TABLE t (a int)")
        connection.execute("INSERT INTO t VALUES (1)")
    slow = resource("t", [item("a")], ingest=Ingest(exclude="pg_sleep(5) IS NULL"))
    with pytest.raises(SourceUnavailable, match="time limit was reached"):
        land(landing, pg_system(pg, statement_s=1), slow)
    with maria.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (a int)")
        cursor.execute("INSERT INTO t SELECT 1 FROM seq_1_to_100")
    slow = resource("t", [item("a")], name="finance.t", ingest=Ingest(exclude="sleep(0.1) = 9"))
    with pytest.raises(SourceUnavailable, match=r"time limit was reached|interrupted"):
        land(landing, maria_system(maria, statement_s=1), slow)


def test_a_predicate_cannot_write_to_the_source(request: pytest.FixtureRequest) -> None:
    database = request.getfixturevalue("pg_database")
    with database.connect() as connection:
        connection.execute("CREATE TABLE t (a int)")
        connection.execute("INSERT INTO t VALUES (1)")
        connection.execute(
            "CREATE FUNCTION spoil() RETURNS int LANGUAGE sql AS 'INSERT INTO t VALUES (2) RETURNING a'"
        )
    contract = resource("t", [item("a")], ingest=Ingest(exclude="spoil() = 2"))
    with open_source(pg_system(database)) as source, pytest.raises(SourceRefused):
        source.read(ReadSpec(contract))


def test_a_value_of_the_source_never_stands_in_an_error(request: pytest.FixtureRequest) -> None:
    database = request.getfixturevalue("pg_database")
    with database.connect() as connection:
        connection.execute("CREATE TABLE t (a text)")
        connection.execute("INSERT INTO t VALUES ('CANARY')")
    contract = resource("t", [item("a")], ingest=Ingest(exclude="a::int = 1"))
    with open_source(pg_system(database)) as source, pytest.raises(SourceRefused) as caught:
        source.read(ReadSpec(contract))
    assert "CANARY" not in f"{caught.value} {caught.value.__cause__!r}"


def test_a_text_is_no_watermark(place: Place) -> None:
    fill(place)
    contract = students(Ingest(mode="watermark", watermark="no"))
    with (
        open_source(place.system) as source,
        pytest.raises(ConfigurationError, match=r"ingest\.watermark no is"),
    ):
        source.read(ReadSpec(contract))


def test_sqlite_values_keep_their_digits_whatever_the_column_says(tmp_path: Path, landing: Landing) -> None:
    path = tmp_path / "v.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE t (id integer, v decimal(10,2))")
        values = [
            0.1 + 0.2,
            1e300,
            12345678901234.56,
            9223372036854775807,
            "text",
            b"\x00\xff",
            None,
            "",
            7.0,
        ]
        db.executemany("INSERT INTO t VALUES (?, ?)", enumerate(values))
        db.execute("CREATE TABLE bad (v text)")
        db.execute("INSERT INTO bad VALUES (CAST(x'd5c5' AS TEXT))")
    source = system("sqlite", {"file": str(path)})
    (manifest,) = land(landing, source, resource("t", [item("id"), item("v")]))
    assert [value for _, value in rows(landing, manifest)] == [
        "0.30000000000000004", "1e+300", "12345678901234.56", "9223372036854775807", "text", "\\x00ff", None, "", "7",
    ]  # fmt: skip
    with pytest.raises(SourceRefused, match="not valid UTF-8"):
        land(landing, source, resource("bad", [item("v")]), extract_id=2)


def test_the_kind_of_a_system_may_come_from_the_environment(
    tmp_path: Path, landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cw.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE t (a text)")
        db.execute("INSERT INTO t VALUES ('1')")
    finance = system("env:TEST_FINANCE_KIND", {"file": str(path), "host": "env:TEST_NOT_SET"}, code="finance")
    contract = resource("t", [item("a")], name="finance.t")
    with pytest.raises(ConfigurationError, match=r"finance\.kind: environment variable TEST_FINANCE_KIND"):
        land(landing, finance, contract)
    monkeypatch.setenv("TEST_FINANCE_KIND", "sqlite")
    assert [m.rows for m in land(landing, finance, contract)] == [1]
    monkeypatch.setenv("TEST_FINANCE_KIND", "dbase")
    with pytest.raises(ConfigurationError, match="no connector of kind 'dbase'"):
        land(landing, finance, contract)
    monkeypatch.setenv("TEST_FINANCE_KIND", "lookup")
    with pytest.raises(ConfigurationError, match="never landed"):
        land(landing, finance, contract)


def test_derived_resources_are_read_from_the_build_at_the_pinned_release(
    request: pytest.FixtureRequest, landing: Landing
) -> None:
    database = request.getfixturevalue("pg_database")
    with database.connect() as connection:
        connection.execute("CREATE SCHEMA build_7")
        connection.execute(
            "CREATE VIEW build_7.averages AS SELECT '1' AS no, current_setting('yici.release')::int AS release"
        )
    address = database.address
    params = PgParams(str(address.socket_dir), address.port, database.name, address.user, address.password)
    contract = resource(
        "averages", [item("no"), item("release", logical_type="integer")], name="derived.averages"
    )
    derived = system("warehouse", {}, code="derived")
    with open_source(derived, warehouse=WarehousePin(params, "build_7", 42)) as source:
        manifest = landing.write(source.read(ReadSpec(contract)), 1, AT)
    assert rows(landing, manifest) == [("1", "42")]
    with pytest.raises(ConfigurationError, match="during a release only"), open_source(derived):
        pass


def test_partitions_by_term_take_their_name_from_the_item(place: Place, landing: Landing) -> None:
    place.execute("CREATE TABLE cj (XH varchar(12), XQ varchar(12))")
    for term in ("2025-2026-1", "2025-2026-2"):
        place.execute(f"INSERT INTO cj VALUES ('001', '{term}')")
    ingest = Ingest(mode="append", partition=Partition("term", "term"))
    contract = resource("cj", [item("no", "XH"), item("term", "XQ")], name="academic.grades", ingest=ingest)
    assert [(m.scope["partition"], m.rows) for m in land(landing, place.system, contract)] == [
        ("2025-2026-1", 1), ("2025-2026-2", 1),
    ]  # fmt: skip
