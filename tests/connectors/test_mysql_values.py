"""No value of a MariaDB source changes on its way: one row per type and boundary value, by every way of reading."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import asyncmy
import pytest

from catalogs.model import Ingest, Partition, System
from connectors import open_source
from connectors.base import ReadSpec, SourceRefused
from connectors.landing import Landing
from connectors.mysql import MySqlSource
from tests.connectors.alchemy import maria_dialect_system
from tests.connectors.build import item, resource
from tests.connectors.conftest import maria_system
from tests.connectors.printed import by_mariadb
from tests.connectors.reading import AT, land, rows
from tests.support.mariadb import MariaDatabase, MariaServer

WAYS: dict[str, Callable[[MariaDatabase], System]] = {
    "mysql": maria_system,
    "sqlalchemy": maria_dialect_system,
}
# Type → constants in MariaDB's SQL.
VALUES: dict[str, list[str]] = {
    "tinyint(1)": ["0", "1", "2", "9", "-1", "-128"],
    "tinyint unsigned": ["255"],
    "smallint": ["-32768"],
    "mediumint unsigned zerofill": ["7"],
    "int": ["-2147483648"],
    "int(8) zerofill": ["42"],
    "bigint": ["-9223372036854775808", "9223372036854775807"],
    "bigint unsigned": ["18446744073709551615"],
    "decimal(65,30)": ["12345678901234567890123456789012345.123456789012345678901234567890", "-0.1"],
    "decimal(38,2)": ["999999999999999999999999999999999999.99"],
    "decimal(12,2)": ["0.01", "-9999999999.99"],
    "float": ["0.1", "1e30"],
    "double": ["0.1", "1.7976931348623157e308", "0.30000000000000004", "5e-324"],
    "bit(1)": ["b'1'", "b'0'"],
    "bit(64)": ["~0", "1"],
    "date": ["'0000-00-00'", "'2024-00-00'", "'2024-02-00'", "'1000-01-01'", "'9999-12-31'"],
    "datetime": ["'0000-00-00 00:00:00'", "'2024-00-00 00:00:00'", "'1000-01-01'", "'9999-12-31 23:59:59'"],
    "datetime(6)": ["'2026-10-20 07:08:09.123456'", "'1899-12-31 00:00:00.000001'"],
    "timestamp": ["'2026-10-19 23:00:00'", "'1970-01-01 00:00:01'", "0"],
    "timestamp(6)": ["'2038-01-19 03:14:07.999999'"],
    "time(3)": ["'-838:59:59'", "'23:59:59.999'", "'100:00:00'"],
    "year": ["1901", "2155", "0"],
    "char(6)": ["'ab'", "''", "'ab  '"],
    "varchar(20)": ["''", "' a '", "'a  '", "'007'", "'𠮷😀'", "'NULL'", "'%d :x ?'"],
    "varchar(20) character set latin1": ["'é'", "''"],
    "varchar(20) character set gbk": ["'科研项目'"],
    "text": ["'第一行\\n第二行\\t\\\\'"],
    "binary(3)": ["x'00ff'"],
    "varbinary(4)": ["x'00ff'", "''", "'ab'"],
    "blob": ["x'5c00'", "''"],
    "tinyblob": ["x'00ff'"],
    "mediumblob": ["x'00ff'"],
    "longblob": ["x'00ff'", "''"],
    "geometry": ["POINT(1, 2)"],
    "enum('男','女')": ["'男'", "'女'"],
    "set('a','b','c')": ["'a,c'", "''"],
    "json": ["'{\"a\": 1.10}'"],
    "inet6": ["'fe80::1'"],
    "uuid": ["'123e4567-e89b-12d3-a456-426655440000'"],
}


def expected(type_name: str, printed: str | None) -> str | None:
    """What must land: bits as a number, bytes in hexadecimal, an instant with its offset."""
    if printed is None:
        return None
    if type_name.startswith("bit"):
        return str(int(printed, 16))
    if type_name.startswith(("binary", "varbinary", "geometry")) or type_name.endswith("blob"):
        return "\\x" + printed.removeprefix("0x").lower()
    if type_name.startswith("timestamp") and not printed.startswith("0000"):
        return printed + "+00"
    return printed


def create(database: MariaDatabase, *statements: str) -> None:
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET sql_mode = ''")
        cursor.execute("SET time_zone = '+00:00'")
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture(scope="module")
def filled(mariadb_server: MariaServer) -> Iterator[MariaDatabase]:
    """A database with a table per type: each value, then none."""
    database = mariadb_server.create_database()
    statements = []
    for table, (type_name, values) in enumerate(VALUES.items()):
        statements.append(f"CREATE TABLE t_{table} (id int PRIMARY KEY, v {type_name} NULL)")
        for number, value in enumerate([*values, "NULL"]):
            statements.append(f"INSERT INTO t_{table} VALUES ({number}, {value})")
    create(database, *statements)
    yield database
    mariadb_server.drop_database(database)


@pytest.fixture(scope="module", params=WAYS)
def arrived(
    request: pytest.FixtureRequest, filled: MariaDatabase, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, dict[str, list[str | None]]]:
    """The way, and type → values that arrived, all read in one go."""
    landing = Landing(str(tmp_path_factory.mktemp("landing")))
    found = {}
    with open_source(WAYS[request.param](filled)) as source:
        for table, type_name in enumerate(VALUES):
            contract = resource(
                f"t_{table}", [item("id", logical_type="integer"), item("v")], name="finance.t"
            )
            landed = rows(landing, landing.write(source.read(ReadSpec(contract)), table, AT))
            found[type_name] = [value for _, value in sorted(landed, key=lambda row: int(row[0]))]
    return request.param, found


@pytest.mark.parametrize("type_name", VALUES, ids=str)
def test_every_value_arrives_as_the_client_prints_it(
    type_name: str, filled: MariaDatabase, arrived: tuple[str, dict[str, list[str | None]]]
) -> None:
    _, found = arrived
    number = list(VALUES).index(type_name)
    printed = by_mariadb(filled, f"SELECT v FROM t_{number} ORDER BY id")
    assert len(printed) == len(VALUES[type_name]) + 1
    assert found[type_name] == [expected(type_name, value) for value in printed]


def test_a_text_may_hold_a_nul(mariadb_database: MariaDatabase, landing: Landing) -> None:
    create(
        mariadb_database, "CREATE TABLE t (v varchar(9))", "INSERT INTO t VALUES (CONCAT('a', CHAR(0), 'b'))"
    )
    for number, way in enumerate(WAYS.values()):
        (manifest,) = land(
            landing, way(mariadb_database), resource("t", [item("v")], name="finance.t"), number
        )
        assert rows(landing, manifest) == [("a\0b",)]


def test_bytes_that_are_no_text_are_refused_and_nothing_lands(
    mariadb_database: MariaDatabase, landing: Landing
) -> None:
    create(
        mariadb_database, "CREATE TABLE t (v varchar(9) CHARACTER SET latin1)", "INSERT INTO t VALUES ('é')"
    )
    contract = resource("t", [item("v")], name="finance.t")
    with open_source(maria_system(mariadb_database)) as source:
        assert isinstance(source, MySqlSource)
        source.ask("SET character_set_results = NULL")  # the server converts nothing any more
        with pytest.raises(SourceRefused, match="not valid in its column's character set"):
            landing.write(source.read(ReadSpec(contract)), 1, AT)
    assert landing.extracts() == []


@pytest.mark.parametrize("way", WAYS)
def test_the_modes_of_a_server_change_no_value(
    mariadb_database: MariaDatabase, landing: Landing, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    create(
        mariadb_database,
        "CREATE TABLE t (term varchar(9), b varbinary(4), c char(6))",
        r"INSERT INTO t VALUES ('a\\b', x'00ff', 'ab')",
    )
    # What a session of such a server begins with.
    modes = "SET sql_mode = 'NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH,ANSI_QUOTES'"
    system = WAYS[way](mariadb_database)
    if way == "mysql":
        monkeypatch.setattr(asyncmy, "connect", partial(asyncmy.connect, init_command=modes))
    else:
        settings = dict(system.settings) | {"options": {"charset": "utf8mb4", "init_command": modes}}
        system = replace(system, settings=settings)
    by_term = Ingest("append", partition=Partition("term", "term"))
    contract = resource("t", [item("term"), item("b"), item("c")], name="finance.t", ingest=by_term)
    (manifest,) = land(landing, system, contract)
    assert rows(landing, manifest) == [("a\\b", "\\x00ff", "ab")]
