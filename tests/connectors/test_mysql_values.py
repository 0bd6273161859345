"""No value of a MariaDB source changes on its way: one row per type and boundary value."""

from collections.abc import Iterator

import pytest

from connectors import open_source
from connectors.base import ReadSpec
from connectors.landing import Landing
from tests.connectors.build import item, resource
from tests.connectors.conftest import maria_system
from tests.connectors.reading import AT, land, rows
from tests.support.mariadb import MariaDatabase, MariaServer

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
    "double": ["0.1", "1.7976931348623157e308", "0.30000000000000004"],
    "date": ["'0000-00-00'", "'2024-00-00'", "'1000-01-01'", "'9999-12-31'"],
    "datetime": ["'0000-00-00 00:00:00'", "'1000-01-01 00:00:00'", "'9999-12-31 23:59:59'"],
    "datetime(6)": ["'2026-10-20 07:08:09.123456'", "'1899-12-31 00:00:00.000001'"],
    "time(3)": ["'-838:59:59'", "'23:59:59.999'"],
    "year": ["1901", "2155", "0"],
    "char(6)": ["'ab'", "''", "'ab  '"],
    "varchar(20)": ["''", "' a '", "'007'", "'𠮷😀'", "CONCAT('a', CHAR(0), 'b')", "'NULL'"],
    "text": ["'第一行\\n第二行\\t\\\\'"],
    "enum('男','女')": ["'男'", "'女'"],
    "set('a','b','c')": ["'a,c'", "''"],
    "json": ["'{\"a\": 1.10}'"],
    "inet6": ["'fe80::1'"],
    "uuid": ["'123e4567-e89b-12d3-a456-426655440000'"],
}


def create(database: MariaDatabase, *statements: str) -> None:
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET sql_mode = ''")
        cursor.execute("SET time_zone = '+00:00'")
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture(scope="module")
def arrived(
    mariadb_server: MariaServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, list[tuple[str | None, str | None]]]]:
    """Type → pairs of what the source prints and what arrived, all read in one go."""
    database = mariadb_server.create_database()
    statements = []
    for table, (type_name, values) in enumerate(VALUES.items()):
        statements.append(f"CREATE TABLE t_{table} (id int PRIMARY KEY, v {type_name} NULL)")
        for number, value in enumerate([*values, "NULL"]):
            statements.append(f"INSERT INTO t_{table} VALUES ({number}, {value})")
    create(database, *statements)
    landing = Landing(str(tmp_path_factory.mktemp("landing")))
    found: dict[str, list[tuple[str | None, str | None]]] = {}
    with (
        open_source(maria_system(database)) as source,
        database.connect() as connection,
        connection.cursor() as cursor,
    ):
        for table, type_name in enumerate(VALUES):
            contract = resource(
                f"t_{table}", [item("id", logical_type="integer"), item("v")], name="finance.t"
            )
            landed = rows(landing, landing.write(source.read(ReadSpec(contract)), table, AT))
            cursor.execute(f"SELECT CAST(v AS CHAR) FROM t_{table} ORDER BY id")
            landed.sort(key=lambda row: int(row[0]))
            found[type_name] = [(p, v) for (p,), (_, v) in zip(cursor.fetchall(), landed, strict=True)]
    yield found
    mariadb_server.drop_database(database)


@pytest.mark.parametrize("type_name", VALUES, ids=str)
def test_every_value_arrives_as_the_source_prints_it(
    type_name: str, arrived: dict[str, list[tuple[str | None, str | None]]]
) -> None:
    assert [value for _, value in arrived[type_name]] == [printed for printed, _ in arrived[type_name]]


def test_bits_and_bytes_arrive_as_numbers_and_hexadecimal_and_instants_with_their_offset(
    mariadb_database: MariaDatabase, landing: Landing
) -> None:
    create(
        mariadb_database,
        "CREATE TABLE t (id int PRIMARY KEY, b bit(1), c bit(64), d varbinary(4), e blob, f timestamp NULL)",
        "INSERT INTO t VALUES (1, b'1', ~0, x'00ff', '', '2026-10-19 23:00:00')",
        "INSERT INTO t VALUES (2, b'0', 0, NULL, x'5c', 0)",
    )
    contract = resource("t", [item(name) for name in ("id", "b", "c", "d", "e", "f")], name="finance.t")
    (manifest,) = land(landing, maria_system(mariadb_database), contract)
    assert rows(landing, manifest) == [
        ("1", "1", "18446744073709551615", "\\x00ff", "\\x", "2026-10-19 23:00:00+00"),
        ("2", "0", "0", None, "\\x5c", "0000-00-00 00:00:00"),
    ]


def test_a_column_of_another_character_set_arrives_as_unicode(
    mariadb_database: MariaDatabase, landing: Landing
) -> None:
    create(
        mariadb_database,
        "CREATE TABLE t (id int PRIMARY KEY, v varchar(20) CHARACTER SET gbk) ",
        "INSERT INTO t VALUES (1, '科研项目')",
    )
    contract = resource("t", [item("id"), item("v")], name="finance.t")
    (manifest,) = land(landing, maria_system(mariadb_database), contract)
    assert rows(landing, manifest) == [("1", "科研项目")]
