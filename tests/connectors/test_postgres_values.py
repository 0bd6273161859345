"""No value of a PostgreSQL source changes on its way: one row per type and boundary value, by every way."""

from collections.abc import Callable

import pytest

from catalogs.model import System
from connectors import open_source
from connectors.base import ReadSpec
from connectors.landing import Landing
from tests.connectors.alchemy import pg_dialect_system
from tests.connectors.build import item, resource
from tests.connectors.conftest import pg_system
from tests.connectors.printed import by_psql
from tests.connectors.reading import AT, land, rows
from tests.support.postgres import PgDatabase

WAYS: dict[str, Callable[[PgDatabase], System]] = {"postgres": pg_system, "sqlalchemy": pg_dialect_system}
VALUES = {
    "smallint": ["-32768", "32767"],
    "integer": ["-2147483648", "2147483647"],
    "bigint": ["-9223372036854775808", "9223372036854775807"],
    "numeric": ["0.1", "NaN", "Infinity", "-Infinity", "1e100",
                "12345678901234567890123456789012345678901234567890.5"],
    "numeric(38,10)": ["9999999999999999999999999999.9999999999", "-0.0000000001"],
    "numeric(10,2)": ["12345678.90", "-0.01", "0", "NaN"],
    "numeric(12,3)": ["123456789.123", "0.005"],
    "numeric(3,-2)": ["12300", "99900"],
    "numeric(50,5)": ["123456789012345678901234567890123456789012345.12345"],
    "numeric(2,4)": ["0.0012"],
    "real": ["0.1", "3.4028235e+38", "NaN", "Infinity", "1.17549435e-38"],
    "double precision": ["0.1", "1.7976931348623157e+308", "5e-324", "0.30000000000000004",
                         "NaN", "-Infinity"],
    "money": ["1234567.89", "-0.01"],
    "boolean": ["true", "false"],
    "text": ["", " ", " a b ", "𠮷𡈽😀", "龘", "a\nb\tc\\", "'", "null", "NULL", "007"],
    "varchar(12)": ["", "01", "trailing  "],
    "char(6)": ["ab", "", "abcdef"],
    '"char"': ["x"],
    "name": ["pg_class"],
    "date": ["0001-01-01", "1899-12-31", "1582-10-10", "9999-12-31", "infinity", "-infinity",
             "0044-03-15 BC"],
    "time": ["00:00:00", "23:59:59.999999", "24:00:00"],
    "timetz": ["12:00:00+08", "00:00:00-15:59"],
    "timestamp": ["1900-01-01 00:00:00", "9999-12-31 23:59:59.999999", "0001-01-01 00:00:00",
                  "infinity", "-infinity"],
    "timestamptz": ["2026-10-20 07:00:00+08", "1901-01-01 00:00:00+08:05:43", "9999-12-31 23:59:59+00",
                    "infinity"],
    "interval": ["1 year 2 mons 3 days 04:05:06", "-1 days", "00:00:00"],
    "uuid": ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"],
    "json": ['{"a": 1.10, "a": 2}', "null", '"x"'],
    "jsonb": ['{"a": 1.10}', "[]"],
    "bytea": ["\\x00ff", "\\x"],
    "bit(3)": ["101"],
    "bit varying(8)": ["", "1"],
    "inet": ["10.0.0.1", "fe80::1/64"],
    "cidr": ["10.0.0.0/8"],
    "macaddr": ["08:00:2b:01:02:03"],
    "integer[]": ["{1,2,NULL}", "{{1,2},{3,4}}", "{}"],
    "text[]": ['{a,"b c",NULL}'],
    "point": ["(1,2)"],
    "int4range": ["[1,5)"],
    "tsvector": ["'a' 'b'"],
    "oid": ["4294967295"],
    "sex_kind": ["男", "女"],
    "grade_domain": ["99.5"],
}  # fmt: skip
# What DuckDB, whose types the native kind hands over, writes in other words than psql.
SAME = {
    "0044-03-15 BC": "0044-03-15 (BC)",
    "NaN": "nan",
    "Infinity": "inf",
    "-Infinity": "-inf",
}
BOOLEANS = {"t": "true", "f": "false"}


def expected(way: str, type_name: str, printed: str | None) -> str | None:
    """What must land: the blanks that fill up a char(n) were never entered."""
    if printed is None:
        return None
    if type_name == "char(6)":
        return printed.rstrip(" ")
    if type_name == "boolean":
        return BOOLEANS[printed]
    if way == "postgres" and type_name in ("double precision", "date"):
        return SAME.get(printed, printed)
    return printed


@pytest.fixture(scope="module")
def filled(pg_module_database: PgDatabase) -> PgDatabase:
    """A database with a table per type: each value, then none."""
    with pg_module_database.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("CREATE TYPE sex_kind AS ENUM ('男', '女')")
        connection.execute("CREATE DOMAIN grade_domain AS numeric(5,1) CHECK (value <= 100)")
        for table, (type_name, values) in enumerate(VALUES.items()):
            connection.execute(f"CREATE TABLE t_{table} (id int, v {type_name})")
            for number, value in enumerate([*values, None]):
                connection.execute(f"INSERT INTO t_{table} VALUES ({number}, %s::text::{type_name})", [value])
    return pg_module_database


@pytest.fixture(scope="module", params=WAYS)
def arrived(
    request: pytest.FixtureRequest, filled: PgDatabase, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, dict[str, list[str | None]]]:
    """The way, and type → values that arrived, all read in one go."""
    landing = Landing(str(tmp_path_factory.mktemp("landing")))
    found = {}
    with open_source(WAYS[request.param](filled)) as source:
        for table, type_name in enumerate(VALUES):
            contract = resource(f"t_{table}", [item("id", logical_type="integer"), item("v")])
            landed = rows(landing, landing.write(source.read(ReadSpec(contract)), table, AT))
            found[type_name] = [value for _, value in sorted(landed, key=lambda row: int(row[0]))]
    return request.param, found


@pytest.mark.parametrize("type_name", VALUES, ids=str)
def test_every_value_arrives_as_the_client_prints_it(
    type_name: str, filled: PgDatabase, arrived: tuple[str, dict[str, list[str | None]]]
) -> None:
    way, found = arrived
    # As an amount of money psql prints what the locale wants.
    value = "v::numeric" if type_name == "money" else "v"
    printed = by_psql(filled, f"SELECT {value} FROM t_{list(VALUES).index(type_name)} ORDER BY id")
    assert len(printed) == len(VALUES[type_name]) + 1
    assert found[type_name] == [expected(way, type_name, value) for value in printed]


def test_a_table_of_kept_types_is_scanned_and_others_are_selected_by_the_source(
    pg_module_database: PgDatabase, landing: Landing
) -> None:
    with pg_module_database.connect() as connection:
        connection.execute("CREATE TABLE kept (id int, v numeric(10,2)); INSERT INTO kept VALUES (1, 1.5)")
    contract = resource("kept", [item("id", logical_type="integer"), item("v", logical_type="number")])
    with open_source(pg_system(pg_module_database)) as source:
        assert "postgres_query" not in source.read(ReadSpec(contract)).query
    with pg_module_database.connect() as connection:
        connection.execute("INSERT INTO kept VALUES (2, 'NaN')")
    with open_source(pg_system(pg_module_database)) as source:
        assert "postgres_query" in source.read(ReadSpec(contract)).query
    (manifest,) = land(landing, pg_system(pg_module_database), contract)
    assert rows(landing, manifest) == [("1", "1.50"), ("2", "NaN")]
