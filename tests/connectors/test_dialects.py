"""Kind `sqlalchemy`: what it promises beyond what every SQL source keeps (test_sql_sources, the value tables)."""

import inspect
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import duckdb
import oracledb
import pyarrow as pa
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mssql, oracle

from catalogs.model import Ingest
from catalogs.settings import ConfigurationError
from connectors import open_source
from connectors.base import ReadSpec, SourceRefused, SourceUnavailable
from connectors.dialects import DialectSource, arrow_batches, open_kind
from connectors.landing import Landing
from tests.connectors.alchemy import maria_dialect_system, pg_dialect_system, sqlite_dialect_system
from tests.connectors.build import item, resource, system
from tests.connectors.reading import AT, land, rows
from tests.support.mariadb import MariaDatabase
from tests.support.postgres import PgDatabase

DRIVERS = {"oracle": "oracledb", "mssql": "pymssql", "dm": "dmPython"}


def told(dialect: str) -> DialectSource:
    """A source of a dialect whose server is not here: it can say what it would ask."""
    settings = {"dialect": dialect, "host": "127.0.0.1", "port": 9, "database": "x", "user": "u"}
    with open_kind(system("sqlalchemy", settings)) as source:
        return source


def test_two_reads_of_mariadb_see_one_moment(mariadb_database: MariaDatabase, landing: Landing) -> None:
    def execute(statement: str) -> None:
        with mariadb_database.connect() as connection, connection.cursor() as cursor:
            cursor.execute(statement)

    execute("CREATE TABLE t (a int)")
    execute("INSERT INTO t VALUES (1)")
    contract = resource("t", [item("a")], name="finance.t")
    with open_source(maria_dialect_system(mariadb_database)) as source:
        assert landing.write(source.read(ReadSpec(contract)), 1, AT).rows == 1
        execute("INSERT INTO t VALUES (2)")
        assert landing.write(source.read(ReadSpec(contract)), 2, AT).rows == 1
    assert [m.rows for m in land(landing, maria_dialect_system(mariadb_database), contract, 3)] == [2]


def test_signs_that_mean_something_to_a_driver_are_what_they_are_in_a_predicate(
    pg_database: PgDatabase, mariadb_database: MariaDatabase, landing: Landing
) -> None:
    fill = ["CREATE TABLE t (a varchar(20))", "INSERT INTO t VALUES ('10:30'), ('50%'), ('x')"]
    contract = resource("t", [item("a")], ingest=Ingest(exclude="a LIKE '%:30' OR a LIKE '50%'"))
    with pg_database.connect() as connection:
        for statement in fill:
            connection.execute(statement)
    with mariadb_database.connect() as connection, connection.cursor() as cursor:
        for statement in fill:
            cursor.execute(statement)
    for number, place in enumerate((pg_dialect_system(pg_database), maria_dialect_system(mariadb_database))):
        (manifest,) = land(landing, place, contract, number)
        assert (rows(landing, manifest), manifest.excluded_rows) == ([("x",)], 2)


def test_it_lists_tables_with_keys_comments_and_counts(pg_database: PgDatabase) -> None:
    with pg_database.connect() as connection:
        connection.execute("CREATE TABLE xy (id int PRIMARY KEY, mc varchar(20) NOT NULL UNIQUE)")
        connection.execute("CREATE TABLE xs (xh char(10) PRIMARY KEY, xy int REFERENCES xy, sr date)")
        connection.execute("COMMENT ON TABLE xs IS '学生'")
        connection.execute("COMMENT ON COLUMN xs.sr IS '生日'")
        connection.execute("INSERT INTO xy VALUES (1, 'a'), (2, 'b')")
        connection.execute("CREATE VIEW v AS SELECT 1 AS one")
    with open_source(pg_dialect_system(pg_database)) as source:
        found = {table.physical_name: table for table in source.tables()}
    students, schools, view = found["xs"], found["xy"], found["v"]
    assert (students.comment, students.keys, students.rows) == ("学生", (("xh",),), 0)
    assert [(c.name, c.type, c.family, c.comment) for c in students.columns] == [
        ("xh", "char(10)", "text", ""),
        ("xy", "integer", "integer", ""),
        ("sr", "date", "date", "生日"),
    ]
    assert (students.references[0].to_table, schools.rows, schools.keys) == ("xy", 2, (("id",), ("mc",)))
    assert (view.kind, view.rows) == ("view", 1)


@pytest.mark.parametrize(
    ("dialect", "advice"),
    [
        ("oracle", r"oracledb is not installed: pip install 'yici\[oracle\]'"),
        ("mssql", r"pymssql is not installed: pip install 'yici\[sqlserver\]'"),
        ("mssql+nosuch", "has no dialect mssql\\+nosuch"),
        ("nosuch", "has no dialect nosuch"),
    ],
)
def test_a_missing_driver_is_named_with_the_command_that_installs_it(
    dialect: str, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if driver := DRIVERS.get(dialect):
        monkeypatch.setitem(sys.modules, driver, None)
    place = system("sqlalchemy", {"dialect": dialect, "host": "h", "password": "CANARY"})
    with pytest.raises(ConfigurationError, match=advice) as caught, open_source(place):
        pass
    assert "CANARY" not in f"{caught.value!r} {caught.value.__cause__!r}"


@pytest.mark.parametrize("dialect", ["oracle", "mssql", "postgresql", "mysql+pymysql", "dm"])
def test_a_server_that_is_down_is_a_passing_failure(dialect: str) -> None:
    settings = {"dialect": dialect, "host": "127.0.0.1", "port": 9, "database": "d", "user": "u"}
    place = system("sqlalchemy", settings | {"password": "CANARY"})
    with (
        pytest.raises(SourceUnavailable, match=r"academic: no connection; .*check academic\.host") as caught,
        open_source(place) as source,
    ):
        source.read(ReadSpec(resource("t", [item("a")])))
    assert "CANARY" not in f"{caught.value} {caught.value.__cause__!r}"


def test_a_wrong_password_is_refused_for_good_and_never_shown(
    pg_database: PgDatabase, mariadb_database: MariaDatabase
) -> None:
    for good in (pg_dialect_system(pg_database), maria_dialect_system(mariadb_database)):
        bad = replace(good, settings=dict(good.settings) | {"password": "CANARY'x\"y z@/%"})
        with (
            pytest.raises(SourceRefused, match=f"user or password refused.*check {good.code}.user") as caught,
            open_source(bad) as source,
        ):
            source.read(ReadSpec(resource("t", [item("a")])))
        assert "CANARY" not in f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"


def test_neither_a_row_nor_the_password_stands_in_the_error_of_a_query(
    pg_database: PgDatabase, mariadb_database: MariaDatabase, tmp_path: Path, landing: Landing
) -> None:
    for_every = ["CREATE TABLE t (a varchar(20))", "INSERT INTO t VALUES ('CANARY')"]
    with pg_database.connect() as connection:
        for statement in for_every:
            connection.execute(statement)
    with mariadb_database.connect() as connection, connection.cursor() as cursor:
        for statement in for_every:
            cursor.execute(statement)
    with sqlite3.connect(tmp_path / "t.db") as db:
        for statement in for_every:
            db.execute(statement)
    tried = [
        (pg_dialect_system(pg_database), "a::int = 1"),
        (maria_dialect_system(mariadb_database), "a = 'CANARY' AND extractvalue('<a/>', concat('^', a))"),
        (sqlite_dialect_system(tmp_path / "t.db"), "a = 'CANARY' AND nosuch(a)"),
    ]
    for place, predicate in tried:
        contract = resource("t", [item("a")], ingest=Ingest(exclude=predicate))
        with pytest.raises(SourceRefused) as caught:
            land(landing, place, contract)
        shown = f"{caught.value} {caught.value.__cause__!r}"
        assert "CANARY" not in shown
        if password := place.settings.get("password"):
            assert password not in shown


ORACLE_COLUMNS: list[tuple[sa.types.TypeEngine, str, str]] = [
    (oracle.NUMBER(), "number", "to_char(a, 'TM9')"),
    (oracle.NUMBER(10, 0), "number", "to_char(a, 'TM9')"),
    (sa.INTEGER(), "integer", "to_char(a, 'TM9')"),
    (oracle.FLOAT(), "number", "to_char(a, 'TM9')"),
    (oracle.BINARY_DOUBLE(), "number", "a"),
    (oracle.DATE(), "timestamp", "ltrim(CAST(a AS VARCHAR2(4000 CHAR)))"),
    (oracle.TIMESTAMP(timezone=True), "timestamp", "ltrim(CAST(a AS VARCHAR2(4000 CHAR)))"),
    (oracle.VARCHAR2(20), "text", "a"),
    (sa.CHAR(6), "text", "rtrim(a)"),
    (oracle.CLOB(), "text", "a"),
    (oracle.RAW(16), "binary", "a"),
    (oracle.BLOB(), "binary", "a"),
]


@pytest.mark.parametrize(("kind", "family", "written"), ORACLE_COLUMNS, ids=str)
def test_oracle_writes_what_its_driver_would_convert(
    kind: sa.types.TypeEngine, family: str, written: str
) -> None:
    source = told("oracle")
    column = source.column({"name": "a", "type": kind})
    assert (column.family, source.value(column)) == (family, written)


SQL_SERVER_COLUMNS: list[tuple[sa.types.TypeEngine, str, str]] = [
    (sa.DECIMAL(38, 10), "number", "convert(NVARCHAR(max), a, 121)"),
    (mssql.MONEY(), "number", "convert(VARCHAR(40), a, 2)"),
    (sa.FLOAT(), "number", "convert(VARCHAR(40), a, 3)"),
    (mssql.DATETIME2(7), "timestamp", "convert(NVARCHAR(max), a, 121)"),
    (mssql.DATETIMEOFFSET(7), "timestamp", "convert(NVARCHAR(max), a, 121)"),
    (mssql.BIT(), "boolean", "convert(NVARCHAR(max), a, 121)"),
    (sa.NVARCHAR(20), "text", "a"),
    (sa.CHAR(6), "text", "rtrim(a)"),
    (sa.VARBINARY(20), "binary", "a"),
]


@pytest.mark.parametrize(("kind", "family", "written"), SQL_SERVER_COLUMNS, ids=str)
def test_sql_server_writes_all_digits(kind: sa.types.TypeEngine, family: str, written: str) -> None:
    source = told("mssql")
    column = source.column({"name": "a", "type": kind})
    assert (column.family, source.value(column)) == (family, written)


def test_sql_server_s_offset_follows_its_time_at_once() -> None:
    source = told("mssql")
    column = source.column({"name": "a", "type": mssql.DATETIMEOFFSET(7)})
    with duckdb.connect() as con:
        query = f"SELECT {source.finish(column, 'c')} FROM (SELECT '2026-10-20 07:00:00.0000000 -08:00' AS c)"
        assert con.execute(query).fetchone() == ("2026-10-20 07:00:00.0000000-08:00",)
    assert source.moment(column, "2026-10-20 07:00:00.0000000 -08:00").startswith("CAST('2026-10-20 15:00:00")


@pytest.mark.parametrize(
    ("dialect", "constant", "day", "text"),
    [
        ("oracle", "TO_DATE('2026-10-18 00:00:00', 'YYYY-MM-DD HH24:MI:SS')", "substr(a, 1, 10)", "'学'"),
        ("mssql", "CAST('2026-10-18 00:00:00' AS DATETIME2)", "substring(a, 1, 10)", "N'学'"),
        ("postgresql", "'2026-10-18 00:00:00'", "substr(a, 1, 10)", "'学'"),
    ],
)
def test_windows_are_written_as_the_dialect_wants_them(
    dialect: str, constant: str, day: str, text: str
) -> None:
    source = told(dialect)
    column = source.column({"name": "a", "type": sa.TIMESTAMP()})
    moment = source.moment(column, "2026-10-18 08:00:00+08:00").replace(".000000", "")
    assert (moment, source.day("a"), source.literal("学")) == (constant, day, text)


def test_oracle_is_read_in_arrow_tables_and_every_value_is_handed_over_as_a_text(landing: Landing) -> None:
    asked = inspect.signature(oracledb.Connection.fetch_df_batches).parameters
    assert list(asked)[1] == "statement" and "size" in asked
    frames = [
        oracledb.from_arrow(pa.table(found))
        for found in (
            {
                "NO": pa.array(["12345678901234567890123456789012345678", "-.5", ".25", None]),
                "AT": pa.array(["2026-10-18 08:00:00", "-0044-03-15 00:00:00", "9999-12-31 23:59:59", None]),
                "D": pa.array([0.1, 5e-324, float("inf"), None], pa.float64()),
                "R": pa.array([b"\x00\xff", b"a", b"\\", None], pa.binary()),
                "C": pa.array(["𠮷😀", "x" * 5000, " a", None], pa.large_string()),
            },
        )
    ]

    class Driver:
        def fetch_df_batches(self, statement: str, size: int) -> Iterator[oracledb.DataFrame]:
            assert statement.startswith("SELECT to_char(no, 'TM9') AS c0") and size > 0
            yield from frames

    kinds = {"no": oracle.NUMBER(), "at": oracle.DATE(), "d": oracle.BINARY_DOUBLE(), "r": oracle.RAW(9)}
    settings = {"dialect": "oracle", "host": "127.0.0.1", "database": "x", "user": "u"}
    with open_kind(system("sqlalchemy", settings)) as source:
        source.db = SimpleNamespace(  # stands for a connection to the server that is not here
            connection=SimpleNamespace(driver_connection=Driver()),
            invalidate=lambda: None,
            close=lambda: None,
        )
        columns = [
            (name, source.column({"name": name, "type": kinds.get(name, oracle.CLOB())}))
            for name in ("no", "at", "d", "r", "c")
        ]
        relation = source._selected(SimpleNamespace(sql="t"), columns, "")  # type: ignore[arg-type]
        assert source.con.execute(relation.query).fetchall() == [
            ("12345678901234567890123456789012345678", "2026-10-18 08:00:00", "0.1", "\\x00ff", "𠮷😀"),
            ("-0.5", "-0044-03-15 00:00:00", "5e-324", "\\x61", "x" * 5000),
            ("0.25", "9999-12-31 23:59:59", "inf", "\\x5c", " a"),
            (None, None, None, None, None),
        ]


def test_an_exact_number_of_an_arrow_table_keeps_its_digits() -> None:
    exact = pa.table({"a": pa.array([Decimal("1.10"), Decimal("-0.01")], pa.decimal128(38, 2))})
    (batch,) = arrow_batches(iter([oracledb.from_arrow(exact)]), ["a"])
    assert batch.column(0).to_pylist() == ["1.10", "-0.01"]


def test_dameng_s_dialect_loads_and_writes_values_as_texts() -> None:
    source = told("dm")
    number = source.column({"name": "a", "type": sa.NUMERIC(38, 10)})
    assert (source.engine.dialect.driver, source.value(number)) == (
        "dmPython",
        "CAST(a AS VARCHAR2(4000 CHAR))",
    )


def test_a_session_of_sqlite_cannot_write(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE t (a int)")
    with open_source(sqlite_dialect_system(path)) as source, pytest.raises(SourceRefused):
        source.ask("INSERT INTO t VALUES (1)")
