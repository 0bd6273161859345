"""What tables of other makers hold: names that differ in case only, days that are none, numbers that are none."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook

from catalogs.model import Ingest, System
from connectors import open_source
from connectors.base import ReadSpec, Scope, SourceChanged, SourceRefused
from connectors.landing import Landing
from tests.connectors.alchemy import maria_dialect_system, pg_dialect_system
from tests.connectors.build import by_day, item, resource, system
from tests.connectors.conftest import maria_system, pg_system
from tests.connectors.drops import put, settle
from tests.connectors.reading import AT, land, rows
from tests.support.http import Reply, ScriptedServer
from tests.support.mariadb import MariaDatabase
from tests.support.postgres import PgDatabase

TWINS = [item("code", "Code"), item("small", "code")]


@pytest.mark.parametrize("way", [pg_system, pg_dialect_system])
def test_columns_of_a_database_that_differ_in_case_only_are_told_apart(
    way: Callable[[PgDatabase], System], pg_database: PgDatabase, landing: Landing
) -> None:
    with pg_database.connect() as con:
        con.execute("""CREATE TABLE t ("Code" text, code text); INSERT INTO t VALUES ('A', 'b')""")
        con.execute("""CREATE TABLE "T" ("Code" text, code text); INSERT INTO "T" VALUES ('C', 'd')""")
    for number, (table, values) in enumerate({"t": ("A", "b"), "T": ("C", "d")}.items()):
        (manifest,) = land(landing, way(pg_database), resource(table, TWINS), number)
        assert rows(landing, manifest) == [values]


@pytest.mark.parametrize("way", [maria_system, maria_dialect_system])
def test_columns_of_mariadb_with_a_backtick_or_a_driver_s_signs_are_read_and_drafted(
    way: Callable[[MariaDatabase], System], mariadb_database: MariaDatabase, landing: Landing
) -> None:
    with mariadb_database.connect() as con, con.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE t (`a``b` varchar(9) NOT NULL PRIMARY KEY, `c``` int UNIQUE, `p%q:r` int)"
        )
        cursor.execute("INSERT INTO t VALUES ('x', 1, 2)")
    contract = resource("t", [item("a", "a`b"), item("c", "c`"), item("p", "p%q:r")])
    (manifest,) = land(landing, way(mariadb_database), contract)
    assert rows(landing, manifest) == [("x", "1", "2")]
    with open_source(way(mariadb_database)) as source:
        (found,) = source.tables()
    described = [(column.name, column.is_required, column.is_indexed) for column in found.columns]
    assert described == [("a`b", True, True), ("c`", False, True), ("p%q:r", False, False)]
    assert found.keys == (("a`b",),)


def _csv(path: Path) -> None:
    path.write_text("Code,code\nA,b\n", encoding="utf-8")


def _xlsx(path: Path) -> None:
    book = Workbook()
    for row in (["Code", "code"], ["A", "b"]):
        book.active.append(row)
    book.save(path)


def _jsonl(path: Path) -> None:
    path.write_text(json.dumps({"Code": "A", "code": "b"}), encoding="utf-8")


def _parquet(path: Path) -> None:
    pq.write_table(pa.table({"Code": ["A"], "code": ["b"]}), path)


@pytest.mark.parametrize("write", [_csv, _xlsx, _jsonl, _parquet])
@pytest.mark.parametrize("asked", [TWINS, TWINS[1:]], ids=["both", "one"])
def test_columns_of_a_file_that_differ_in_case_only_are_never_mixed_up(
    asked: Sequence, write: Callable[[Path], None], drop: Path, hr: System, landing: Landing
) -> None:
    name = f"t.{write.__name__[1:]}"
    write(drop / name)
    settle(drop / name)
    contract = resource(name, list(asked), name="hr.t")
    if write is _jsonl and len(asked) == 1:  # fields that nobody asked for are not read
        (manifest,) = land(landing, hr, contract)
        assert rows(landing, manifest) == [("b",)]
        return
    with open_source(hr) as source:
        (found,) = source.tables()
        assert [column.name for column in found.columns] == ["Code", "code"]
        with pytest.raises(SourceChanged, match="differ in case only, Code, code"):
            source.read(ReadSpec(contract))


def test_fields_of_an_interface_that_differ_in_case_only_are_never_mixed_up(
    http_server: ScriptedServer,
) -> None:
    http_server.answers["/t"] = lambda request: Reply([{"Code": "A", "code": "b"}])
    rest = system("rest", {"base_url": http_server.url, "paging": {"style": "none", "rows": "$"}})
    with open_source(rest) as source, pytest.raises(SourceChanged, match="differ in case only"):
        source.read(ReadSpec(resource("/t", TWINS)))


def test_a_file_of_json_lines_that_lost_its_mark_of_secrecy_does_not_land(drop: Path, hr: System) -> None:
    put(drop, "t.jsonl", b'{"no": "1"}\n')
    contract = resource("t.jsonl", [item("no")], name="hr.t", ingest=Ingest(exclude="mj = '1'"))
    with open_source(hr) as source, pytest.raises(SourceRefused, match="no row has mj"):
        source.read(ReadSpec(contract))


def _days(source: System, contract_of: str, landing: Landing) -> dict[str, int]:
    contract = resource("t", [item("no"), item("at", contract_of)], ingest=by_day("at"))
    with open_source(source) as opened:
        found = {}
        for number, reading in enumerate(opened.readings(ReadSpec(contract))):
            found[str(reading.covered.partition)] = landing.write(reading, number, AT).rows
        return found


@pytest.mark.parametrize("way", [pg_system, pg_dialect_system])
def test_days_without_end_and_of_another_era_are_partitions_like_any_other(
    way: Callable[[PgDatabase], System], pg_database: PgDatabase, landing: Landing
) -> None:
    with pg_database.connect() as con:
        con.execute("CREATE TABLE t (no int, at timestamptz)")
        con.execute(
            "INSERT INTO t VALUES (1, '2026-01-01Z'), (2, '9999-12-31Z'), (3, 'infinity'), (4, '-infinity'), "
            "(5, '0044-03-15Z BC')"
        )
    assert _days(way(pg_database), "at", landing) == {
        "2026-01-01": 1, "9999-12-31": 1, "infinity": 1, "-infinity": 1, "0044-03-15": 1,
    }  # fmt: skip


@pytest.mark.parametrize("way", [maria_system, maria_dialect_system])
def test_days_that_are_none_are_partitions_like_any_other(
    way: Callable[[MariaDatabase], System], mariadb_database: MariaDatabase, landing: Landing
) -> None:
    with mariadb_database.connect() as con, con.cursor() as cursor:
        cursor.execute("SET sql_mode = ''")
        cursor.execute("CREATE TABLE t (no int, at datetime)")
        cursor.execute(
            "INSERT INTO t VALUES (1, '2026-01-01'), (2, '9999-12-31'), (3, 0), (4, 0), (5, '2024-00-00')"
        )
    assert _days(way(mariadb_database), "at", landing) == {
        "2026-01-01": 1, "9999-12-31": 1, "0000-00-00": 2, "2024-00-00": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "values", "days"),
    [
        ("int", [20260101, 20260101, 20260102], {"20260101": 2, "20260102": 1}),
        ("text", ["2026-01-01 08:00", "2026-01-01", "20260102"], {"2026-01-01": 2, "20260102": 1}),
    ],
)
def test_days_that_are_kept_as_numbers_or_texts_are_partitions_too(
    kind: str, values: list, days: dict[str, int], pg_database: PgDatabase, landing: Landing
) -> None:
    with pg_database.connect() as con:
        con.execute(f"CREATE TABLE t (no int, at {kind})")
        con.cursor().executemany("INSERT INTO t VALUES (1, %s)", [[value] for value in values])
    assert _days(pg_system(pg_database), "at", landing) == days


def test_a_range_may_end_on_the_last_day_of_all(pg_database: PgDatabase, landing: Landing) -> None:
    with pg_database.connect() as con:
        con.execute("CREATE TABLE t (no int, at date)")
        con.execute("INSERT INTO t VALUES (1, '2026-01-01'), (2, '9999-12-31'), (3, '2025-01-01')")
    contract = resource("t", [item("no"), item("at")], ingest=Ingest(mode="watermark", watermark="at"))
    with open_source(pg_system(pg_database)) as source:
        asked = Scope.of_range("2026-01-01", "9999-12-31")
        assert landing.write(source.read(ReadSpec(contract, asked)), 1, AT).rows == 2


@pytest.mark.parametrize("overlap_s", [0, 600])
@pytest.mark.parametrize(
    ("kind", "values"),
    [("numeric", ["1", "NaN"]), ("float8", ["1", "Infinity"]), ("timestamp", ["-infinity"])],
)
def test_what_nobody_can_read_on_from_moves_no_watermark(
    kind: str, values: list[str], overlap_s: int, pg_database: PgDatabase, landing: Landing
) -> None:
    with pg_database.connect() as con:
        con.execute(f"CREATE TABLE t (no int, at {kind})")
        con.cursor().executemany(f"INSERT INTO t VALUES (1, %s::text::{kind})", [[value] for value in values])
    ingest = Ingest(mode="watermark", watermark="at", overlap_s=overlap_s)
    contract = resource("t", [item("no"), item("at")], ingest=ingest)
    watermark = None
    for number in range(2):
        with open_source(pg_system(pg_database)) as source:
            manifest = landing.write(source.read(ReadSpec(contract), watermark), number, AT)
        watermark = manifest.watermark_to
        assert (manifest.rows, watermark) == (len(values), None)


def test_a_table_whose_times_are_all_zero_is_read_whole_each_time(
    mariadb_database: MariaDatabase, landing: Landing
) -> None:
    with mariadb_database.connect() as con, con.cursor() as cursor:
        cursor.execute("SET sql_mode = ''")
        cursor.execute("CREATE TABLE t (no int, at datetime)")
        cursor.execute("INSERT INTO t VALUES (1, 0), (2, 0)")
    ingest = Ingest(mode="watermark", watermark="at", overlap_s=600)
    contract = resource("t", [item("no"), item("at")], ingest=ingest)
    with open_source(maria_system(mariadb_database)) as source:
        manifest = landing.write(source.read(ReadSpec(contract)), 1, AT)
    assert (manifest.rows, manifest.watermark_to) == (2, None)
