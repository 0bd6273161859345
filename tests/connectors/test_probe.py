"""What a source says that it holds: by its own catalog, as far as the reading user may see, counted up to a limit."""

import sqlite3
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook

from catalogs.found import AT_LEAST, COUNTED, ESTIMATED, FoundReference, FoundTable
from catalogs.model import System
from catalogs.settings import ConfigurationError
from connectors import open_source
from connectors.base import SourceRefused
from connectors.probe import probe, read_out
from connectors.probe_files import pattern_of
from tests.connectors.build import item, resource, system
from tests.connectors.conftest import maria_system, pg_system
from tests.connectors.drops import put
from tests.support import foreign
from tests.support.http import Reply, ScriptedServer
from tests.support.mariadb import MariaDatabase
from tests.support.postgres import PgDatabase


def look(source: System, *only: str, limit: int = 100_000) -> dict[str, FoundTable]:
    with open_source(source) as opened:
        return {table.physical_name: table for table in probe(opened, only, limit)}


def test_postgres_tells_tables_views_keys_references_and_comments(pg_database: PgDatabase):
    foreign.library(pg_database)
    tables = look(pg_system(pg_database))
    assert set(tables) == {
        "arc.dz_ls", "tsg.DZ_JBXX", "tsg.fq_rz", "tsg.gc_dd", "tsg.geheim", "tsg.jy_jl", "tsg.mj_rz", "tsg.order",
        "tsg.sb_zc", "tsg.v_zjdz", "tsg.yy_jl",
    }  # fmt: skip
    readers = tables["tsg.DZ_JBXX"]
    assert (readers.kind, readers.comment, readers.rows, readers.certainty) == (
        "table",
        "读者基本信息",
        120,
        COUNTED,
    )
    assert readers.keys == (("DZTM",),)
    told = {column.name: column for column in readers.columns}
    assert (told["XBDM"].type, told["XBDM"].family, told["XBDM"].comment) == (
        "character(1)",
        "text",
        "性别代码: 1 男, 2 女",
    )
    assert told["XM"].is_required and not told["CSRQ"].is_required
    assert told["GXSJ"].is_indexed and not told["XM"].is_indexed
    loans = tables["tsg.jy_jl"]
    assert loans.keys == (("dztm", "tstm", "xh"),)
    assert loans.references == (FoundReference(("dztm",), "tsg.DZ_JBXX", ("DZTM",)),)
    assert tables["tsg.v_zjdz"].kind == "view" and tables["tsg.v_zjdz"].rows == 120
    assert {column.name: column.family for column in tables["arc.dz_ls"].columns}["z"] == "text"
    # A domain is what is under it, and a range of dates is no date.
    goods = {column.name: column for column in tables["tsg.sb_zc"].columns}
    assert (goods["id"].family, goods["yl"].type, goods["qx"].family) == ("integer", "numeric(12,2)", "other")
    assert goods["yl"].is_required


def test_postgres_names_what_is_on_the_search_path_without_its_schema(pg_database: PgDatabase):
    with pg_database.connect() as con:
        con.execute('CREATE TABLE plain (a int); CREATE TABLE "with.dot" (a int)')
        con.execute("CREATE TABLE u (a int NOT NULL, b int, c int NOT NULL, UNIQUE (b), UNIQUE (a, c))")
        con.execute("CREATE UNIQUE INDEX ON u (a) WHERE b > 1")
    tables = look(pg_system(pg_database))
    assert set(tables) == {"plain", "public.with.dot", "u"}
    # A nullable unique column, and a partial index, tell not every row apart.
    assert tables["u"].keys == (("a", "c"),)


def test_the_reading_user_sees_what_it_may_select_and_nothing_else(pg_database: PgDatabase):
    role = f"probe_{pg_database.name}"
    with pg_database.connect() as con:
        con.execute(
            "CREATE TABLE seen (id int PRIMARY KEY, name text, salary int); CREATE TABLE hidden (id int)"
        )
        con.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'x'")
        con.execute(f"GRANT SELECT (id, name) ON seen TO {role}")
    try:
        source = pg_system(pg_database)
        tables = look(system("postgres", {**source.settings, "user": role, "password": "x"}))
        assert set(tables) == {"seen"}
        assert [column.name for column in tables["seen"].columns] == ["id", "name"]
    finally:
        with pg_database.connect() as con:
            con.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_rows_are_counted_up_to_a_limit_and_estimated_beyond(pg_database: PgDatabase):
    with pg_database.connect() as con:
        con.execute("CREATE TABLE big AS SELECT n FROM generate_series(1, 5000) n")
        con.execute(
            "CREATE TABLE unknown WITH (autovacuum_enabled = off) AS SELECT n FROM generate_series(1, 300) n"
        )
        con.execute("CREATE TABLE small AS SELECT 1 AS n")
        con.execute("CREATE VIEW broken AS SELECT 1 / (n - n) AS n FROM big")
        con.execute("ANALYZE big")
    tables = look(pg_system(pg_database), limit=100)
    assert {name: (table.rows, table.certainty) for name, table in tables.items()} == {
        "big": (5000, ESTIMATED),
        "unknown": (100, AT_LEAST),
        "small": (1, COUNTED),
        "broken": (100, AT_LEAST),
    }


def test_a_view_that_cannot_be_read_does_not_hide_the_others(pg_database: PgDatabase):
    with pg_database.connect() as con:
        con.execute("CREATE TABLE a (n int); INSERT INTO a VALUES (0)")
        con.execute("CREATE VIEW broken AS SELECT n FROM a WHERE 1 / n > 0; CREATE TABLE z (n int)")
    tables = look(pg_system(pg_database))
    assert tables["broken"].rows is None and "cannot be counted" in tables["broken"].notes[0]
    assert tables["z"].rows == 0


def test_mariadb_tells_the_same_of_its_own(mariadb_database: MariaDatabase):
    foreign.meals(mariadb_database)
    with mariadb_database.connect() as con, con.cursor() as cursor:
        cursor.execute("CREATE VIEW open_shops AS SELECT id, shopName FROM shops WHERE isOpen = 1")
        cursor.execute("CREATE TABLE pre (a varchar(200) NOT NULL, UNIQUE KEY (a(5)))")
    tables = look(maria_system(mariadb_database))
    assert set(tables) == {"open_shops", "pre", "sales", "shops"}
    shops = tables["shops"]
    assert (shops.comment, shops.rows, shops.certainty) == ("档口", 30, COUNTED)
    assert shops.keys == (("id",), ("shopName",))
    assert [column.comment for column in shops.columns[:2]] == ["", "档口名称"]
    assert tables["sales"].references == (FoundReference(("shop",), "shops", ("id",)),)
    assert tables["open_shops"].kind == "view" and tables["open_shops"].rows == 10
    # A key over the first five letters tells not every row apart.
    assert tables["pre"].keys == ()


def test_sqlite_tells_keys_and_references_too(tmp_path: Path):
    foreign.gym(tmp_path / "gym.db")
    con = sqlite3.connect(tmp_path / "gym.db")
    con.execute('CREATE TABLE "a.b" (x INTEGER PRIMARY KEY, y TEXT NOT NULL UNIQUE, z UNIQUE)')
    con.close()
    tables = look(system("sqlite", {"file": str(tmp_path / "gym.db")}))
    assert set(tables) == {"a.b", "场馆", "预约"}
    assert tables["a.b"].keys == (("x",), ("y",))
    assert tables["场馆"].rows == 25 and tables["预约"].keys == ()
    assert tables["预约"].references == (FoundReference(("场馆",), "场馆", ()),)


@pytest.mark.parametrize("kind", ["sqlite", "sqlalchemy"])
def test_a_view_of_a_table_that_is_gone_does_not_hide_the_others(kind: str, tmp_path: Path):
    con = sqlite3.connect(tmp_path / "s.db")
    con.execute("CREATE TABLE gone (a)")
    con.execute("CREATE VIEW v AS SELECT * FROM gone")
    con.execute("DROP TABLE gone")
    con.execute("CREATE TABLE t (a INTEGER PRIMARY KEY)")
    con.close()
    place = {"file": str(tmp_path / "s.db")}
    if kind == "sqlalchemy":
        place = {"dialect": "sqlite", "database": str(tmp_path / "s.db")}
    found = look(system(kind, place))
    assert [column.name for column in found["t"].columns] == ["a"]
    assert found["v"].columns == () and "cannot be looked into" in found["v"].notes[0]


def test_a_header_that_ends_with_its_delimiter_is_one(tmp_path: Path):
    put(tmp_path, "t.csv", b"id;v;\n1;a;\n")
    put(tmp_path, "bare.csv", b"1;a;\n2;b;\n")
    found = look(system("files", {"root": str(tmp_path)}))
    assert [column.name for column in found["t.csv"].columns] == ["id", "v"]
    assert found["t.csv"].read == {"format": "csv", "encoding": "utf-8", "delimiter": ";"}
    assert found["bare.csv"].read["header"] is False


def test_files_are_grouped_by_the_pattern_of_their_names(tmp_path: Path):
    drop = tmp_path / "drop"
    foreign.dorm(drop)
    (drop / "cards_2026-09-01.jsonl").write_text(
        '{"no": 1, "at": {"gate": "东"}}\n{"no": 2, "x": null}\n', "utf-8"
    )
    pq.write_table(pa.table({"id": [1, 2], "born": pa.array([0, 1], pa.date32())}), drop / "p.parquet")
    (drop / "plain.txt").write_text("1001|甲\n1002|乙\n", "utf-8")
    (drop / "notes.docx").write_bytes(b"x")
    form = Workbook()
    form.active.append(["二〇二六年教师表"])
    form.active.append(["工号", "姓名", "单位"])
    form.active.append(["1", "甲", "物理"])
    form.save(drop / "form.xlsx")
    tables = look(system("files", {"root": str(drop)}))
    assert set(tables) == {
        "cards_{date}.jsonl", "p.parquet", "plain.txt", "form.xlsx",
        "住宿_{date}.csv", "楼栋.xlsx#楼栋", "楼栋.xlsx#说明", "水表.txt",
    }  # fmt: skip
    beds = tables["住宿_{date}.csv"]
    assert [column.name for column in beds.columns] == ["床位号", "学号", "姓名", "入住日期", "押金"]
    assert beds.read == {"format": "csv", "encoding": "gb18030"} and beds.rows == 62
    assert "2 files so far" in beds.notes[0]
    assert [column.name for column in tables["cards_{date}.jsonl"].columns] == ["no", "at.gate", "x"]
    assert {column.name: column.family for column in tables["p.parquet"].columns} == {
        "id": "integer",
        "born": "date",
    }
    plain = tables["plain.txt"]
    assert plain.read == {"format": "csv", "encoding": "utf-8", "delimiter": "|", "header": False}
    assert [column.name for column in plain.columns] == ["column_1", "column_2"]
    assert [column.name for column in tables["form.xlsx"].columns] == ["工号", "姓名", "单位"]
    assert tables["form.xlsx"].read["headerRow"] == 2


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("grades_2025-2026-1.csv", "grades_{term}.csv"),
        ("hr20260901.xlsx", "hr{date}.xlsx"),
        ("hr_2026.09.01.xlsx", "hr_{date}.xlsx"),
        ("card-202609.csv", "card-{month}.csv"),
        ("card-202613.csv", "card-202613.csv"),
        ("batch_12345678.csv", "batch_12345678.csv"),
        ("教职工.csv", "教职工.csv"),
    ],
)
def test_a_date_month_or_term_in_a_name_becomes_a_placeholder(name: str, pattern: str):
    assert pattern_of(name) == pattern


def test_a_rest_interface_is_asked_for_the_paths_that_somebody_names(http_server: ScriptedServer):
    rows = [{"id": 1, "unit": {"code": "a"}}, {"id": 2, "note": None}]
    http_server.answers["/projects"] = Reply({"data": rows, "total": 70})
    http_server.answers["/odd"] = Reply({"data": "no"})
    settings = {
        "base_url": http_server.url,
        "paging": {"style": "page", "rows": "$.data", "total": "$.total"},
    }
    tables = look(system("rest", settings), "/projects", "/odd")
    assert [column.name for column in tables["/projects"].columns] == ["id", "unit.code", "note"]
    assert (tables["/projects"].rows, tables["/projects"].certainty) == (70, COUNTED)
    assert "no rows at $.data" in tables["/odd"].notes[0]
    with pytest.raises(ConfigurationError, match="--table /path, or paths"):
        look(system("rest", settings))
    assert set(look(system("rest", settings | {"paths": ["/projects"]}))) == {"/projects"}


def test_a_name_that_is_not_there_is_told_with_the_nearest_one(tmp_path: Path):
    foreign.gym(tmp_path / "gym.db")
    with pytest.raises(ConfigurationError, match='did you mean "场馆"'):
        look(system("sqlite", {"file": str(tmp_path / "gym.db")}), "场馆表")


def test_rows_are_read_out_up_to_a_number_and_as_they_would_land(pg_database: PgDatabase, tmp_path: Path):
    with pg_database.connect() as con:
        con.execute(
            "CREATE TABLE t AS SELECT n AS id, '0' || n AS no, n / 7.0 AS q FROM generate_series(1, 500) n"
        )
    wanted = resource("t", [item("id"), item("no"), item("q")])
    with open_source(pg_system(pg_database)) as source:
        assert read_out(source, wanted, tmp_path / "a.parquet", 100) == 100
        # A stream that was not read to its end must not spoil what follows.
        assert read_out(source, wanted, tmp_path / "b.parquet", 1000) == 500
    with pg_database.connect() as con:
        stored = con.execute("SELECT id, no, q::text FROM t ORDER BY id").fetchall()
    read = pq.read_table(tmp_path / "b.parquet").sort_by("id").to_pydict()
    assert list(zip(read["id"], read["no"], read["q"], strict=True)) == stored


def test_a_failed_reading_leaves_no_file_and_tells_no_value(pg_database: PgDatabase, tmp_path: Path):
    with pg_database.connect() as con:
        con.execute("CREATE VIEW v AS SELECT ('CANARY' || n)::text::int AS id FROM generate_series(1, 3) n")
    with open_source(pg_system(pg_database)) as source, pytest.raises(SourceRefused) as caught:
        read_out(source, resource("v", [item("id")]), tmp_path / "v.parquet", 10)
    assert "CANARY" not in str(caught.value)
    assert not (tmp_path / "v.parquet").exists()
