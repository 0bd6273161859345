"""A campus of systems that the project has never seen: looked into, drafted, run to a release, and compared."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner, Result

import catalogs
from catalogs.found import COUNTED
from tests.service.conftest import service_url
from tests.support import foreign
from tests.support.http import Reply, Request, ScriptedServer
from tests.support.mariadb import MariaDatabase
from tests.support.postgres import PgDatabase, PgServer
from yici.cli import app

CAMPUS = 'code: "WX"\nnameZh: "未见大学"\nnameEn: "Unseen University"\ntimeZone: "Asia/Shanghai"\n'
UNITS = "code,nameZh,accountable,steward\nTSG,图书馆,post:lib-director,post:lib-steward\nHQ,后勤处,,\n"
SYSTEMS = """- system: "lib"
  nameZh: "图书管理系统"
  provider: "TSG"
  kind: "postgres"
  host: "env:LIB_HOST"
  port: "env:LIB_PORT"
  database: "env:LIB_DATABASE"
  user: "env:LIB_USER"
  password: "env:LIB_PASSWORD"
- system: "meals"
  nameZh: "食堂系统"
  provider: "HQ"
  kind: "mysql"
  host: "env:MEALS_HOST"
  port: "env:MEALS_PORT"
  database: "env:MEALS_DATABASE"
  user: "env:MEALS_USER"
  password: "env:MEALS_PASSWORD"
- {system: "gym", nameZh: "体育馆系统", provider: "HQ", kind: "sqlite", file: "env:GYM_FILE"}
- {system: "dorm", nameZh: "宿舍台账", provider: "HQ", kind: "files", root: "env:DORM_DROP"}
- system: "labs"
  nameZh: "实验室系统"
  provider: "HQ"
  kind: "rest"
  base_url: "env:LABS_URL"
  paths: ["/rooms"]
  paging: {style: "page", size: 10, rows: "$.items", total: "$.total"}
"""
ROOMS = [
    {"no": f"R{n:02d}", "floor": n % 4, "unit": {"code": f"U{n % 3}"}, "tags": ["a", n], "bz": "x", "BZ": "y"}
    for n in range(25)
]


def _rooms(request: Request) -> Reply:
    page = int(request.query["page"][0])
    return Reply({"total": len(ROOMS), "items": ROOMS[(page - 1) * 10 : page * 10]})


class Unseen:
    """The campus: its folder, and what was written into it."""

    def __init__(self, folder: Path, database: PgDatabase) -> None:
        self.campus = folder / "campus"
        self.folder = folder
        self.database = database

    def run(self, *arguments: str, code: int = 0) -> str:
        done: Result = CliRunner().invoke(app, list(arguments))
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == code, done.output
        return done.output

    def draft(self, system: str, *arguments: str, code: int = 0) -> str:
        return self.run("source", "draft", system, "--out", str(self.campus), *arguments, code=code)

    def raw(self, resource: str, columns: str, order: str) -> list[tuple]:
        with self.database.connect() as con:
            con.execute("SELECT set_config('yici.release', yici.current()::text, false)")
            con.execute("SET TimeZone = 'UTC'")
            return con.execute(f"SELECT {columns} FROM raw.{resource} ORDER BY {order}").fetchall()


@pytest.fixture
def library(pg_server: PgServer) -> Iterator[PgDatabase]:
    """The vendor's database, and a role that may read most of it."""
    database = pg_server.create_database()
    foreign.library(database)
    role = f"reader_{database.name}"
    with database.connect() as con:
        con.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'canary-9f2'")
        con.execute(f"GRANT USAGE ON SCHEMA tsg, arc TO {role}")
        con.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA tsg, arc TO {role}")
        con.execute(f"REVOKE ALL ON tsg.geheim FROM {role}")
    yield database
    pg_server.drop_database(database)
    with psycopg.connect(pg_server.address.url(), autocommit=True) as con:
        con.execute(f"DROP ROLE {role}")


@pytest.fixture
def unseen(
    tmp_path: Path, pg_database: PgDatabase, library: PgDatabase, monkeypatch: pytest.MonkeyPatch
) -> Unseen:
    """A campus of `campus.yaml`, `systems.yaml` and `units.csv`, and nothing else."""
    campus = tmp_path / "campus"
    campus.mkdir()
    for name, text in (("campus.yaml", CAMPUS), ("systems.yaml", SYSTEMS), ("units.csv", UNITS)):
        (campus / name).write_text(text, encoding="utf-8")
    foreign.gym(tmp_path / "gym.db")
    foreign.dorm(tmp_path / "drop")
    variables = {
        "YICI_CAMPUS": campus,
        "YICI_HOME": tmp_path / "home",
        "YICI_DATABASE_URL": pg_database.url,
        "YICI_SERVICE_DATABASE_URL": service_url(pg_database),
        "LIB_HOST": library.address.socket_dir,
        "LIB_PORT": library.address.port,
        "LIB_DATABASE": library.name,
        "LIB_USER": f"reader_{library.name}",
        "LIB_PASSWORD": "canary-9f2",
        "GYM_FILE": tmp_path / "gym.db",
        "DORM_DROP": tmp_path / "drop",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))
    return Unseen(tmp_path, pg_database)


@pytest.fixture
def meals(mariadb_database: MariaDatabase, monkeypatch: pytest.MonkeyPatch) -> MariaDatabase:
    foreign.meals(mariadb_database)
    for name in ("host", "port", "user", "password"):
        monkeypatch.setenv(f"MEALS_{name.upper()}", str(getattr(mariadb_database, name)))
    monkeypatch.setenv("MEALS_DATABASE", mariadb_database.name)
    return mariadb_database


@pytest.fixture
def labs(http_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    http_server.answers["/rooms"] = _rooms
    monkeypatch.setenv("LABS_URL", http_server.url)


def test_a_campus_of_drafts_runs_to_a_release_that_holds_what_its_systems_hold(
    unseen: Unseen, library: PgDatabase, meals: MariaDatabase, labs: None
):
    shown = unseen.run("source", "probe", "lib")
    assert "tsg.DZ_JBXX" in shown and "读者基本信息" in shown and "geheim" not in shown
    told = unseen.draft("lib", code=1)
    assert "✕ tsg.mj_rz: no contract: no key is declared" in told
    for system in ("meals", "gym", "dorm", "labs"):
        unseen.draft(system)
    checked = unseen.run("catalog", "check")
    assert checked.endswith("0 errors, 1 warnings\n")
    assert 'unit "HQ" answers, and has no accountable and no steward' in checked
    told = unseen.run("run")
    assert "Release 1 is current." in told
    with unseen.database.connect() as con:
        assert con.execute("SELECT count(*) FROM yici.quarantine").fetchone() == (0,)
        outcomes = con.execute(
            "SELECT resource, outcome FROM yici.release_resource WHERE release = 1"
        ).fetchall()
    assert {outcome for _, outcome in outcomes} == {"applied"}
    assert len(outcomes) == len(catalogs.load(unseen.campus).resources) == 17

    with library.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        readers = con.execute(
            'SELECT "DZTM", "XM", "XBDM"::text, to_date("CSRQ", \'YYYYMMDD\'), "SFZH", "SJHM", rtrim("DZLX"), "DZYX", '
            '"YZBM", "GXSJ" AT TIME ZONE \'Asia/Shanghai\' FROM tsg."DZ_JBXX" ORDER BY 1'
        ).fetchall()
        loans = con.execute(
            "SELECT dztm, tstm, xh::bigint, fk, sfyh, jcrq, wz::text FROM tsg.jy_jl ORDER BY 1, 2, 3"
        ).fetchall()
        orders = con.execute(
            'SELECT "select", "group"::bigint, "from", "Mixed Case"::text::numeric, no FROM tsg."order" ORDER BY 1'
        ).fetchall()
        old = con.execute(
            "SELECT id::bigint, wyh::text, je::numeric, xx::text, z::text FROM arc.dz_ls ORDER BY 1"
        ).fetchall()
        goods = con.execute('SELECT id, "Mc", mc, yl, qx::text, sm FROM tsg.sb_zc ORDER BY 1').fetchall()
    assert len(readers) == foreign.READERS
    columns = "dztm, xm, xbdm, csrq, sfzh, sjhm, dzlx, dzyx, yzbm, gxsj"
    assert unseen.raw("lib__dz_jbxx", columns, "dztm") == readers
    assert unseen.raw("lib__jy_jl", "dztm, tstm, xh, fk, sfyh, jcrq, wz", "1, 2, 3") == loans
    assert unseen.raw("lib__order", "select_, group_, from_, mixed_case, no_", "1") == orders
    assert unseen.raw("lib__dz_ls", "id, wyh, je, xx, z", "1") == old
    assert unseen.raw("lib__sb_zc", "id, mc, mc_2, yl, qx, sm", "1") == goods
    assert unseen.raw("lib__yy_jl", "count(*)", "1") == [(0,)]
    assert unseen.raw("lib__v_zjdz", "count(*), sum(zjs)", "1") == [(foreign.READERS, Decimal(len(loans)))]

    with meals.connect() as con, con.cursor() as cursor:
        cursor.execute(
            "SELECT id, shopName, isOpen + 0, CAST(closed_on AS CHAR), balance, big, y + 0, CAST(bits + 0 AS CHAR), "
            "CONCAT('\\\\x', LOWER(HEX(pic))), CAST(no_ AS CHAR) FROM shops ORDER BY id"
        )
        shops = list(cursor.fetchall())
        cursor.execute("SELECT shop, day, seq, cents, card, note FROM sales ORDER BY 1, 2, 3")
        sales = list(cursor.fetchall())
    columns = "id, shop_name, is_open, closed_on, balance, big::text::numeric, y_, bits, pic, no_"
    assert unseen.raw("meals__shops", columns, "id") == shops
    assert unseen.raw("meals__sales", "shop, day, seq, cents, card, note", "1, 2, 3") == sales

    with sqlite3.connect(unseen.folder / "gym.db") as con:
        halls = con.execute(
            "SELECT 编号, 名称, CAST(面积 AS TEXT), CAST(容量 AS TEXT) FROM 场馆 ORDER BY 1"
        ).fetchall()
    con.close()
    held = unseen.raw("gym__chang_guan", "bian_hao, ming_cheng, mian_ji::float8::text, rong_liang", "1")
    assert held == halls

    beds = unseen.raw("dorm__zhu_su", "chuang_wei_hao, xue_hao, ru_zhu_ri_qi::text, ya_jin", "1")
    assert beds == [(f"A{n:04d}", f"{2026000 + n:08d}", "2026-09-02", Decimal(f"{n}.50")) for n in range(62)]
    assert len(unseen.raw("dorm__lou_dong_lou_dong", "lou_hao", "1")) == 25

    meters = unseen.raw("dorm__shui_biao", "shui_biao_hao, lou_hao, du_shu", "1")
    assert meters == [(f"S{n:03d}", f"L{n % 25 + 1:02d}", Decimal(f"{n}.5")) for n in range(40)]

    # Two fields that nothing can tell apart are in no contract.
    assert "bz" not in {item.name for item in catalogs.load(unseen.campus).resources["labs.rooms"].items}
    rooms = unseen.raw("labs__rooms", "no_, floor, unit_code, tags", "1")
    assert [(no, floor, code, json.loads(tags)) for no, floor, code, tags in rooms] == [
        (room["no"], str(room["floor"]), room["unit"]["code"], room["tags"]) for room in ROOMS
    ]


def test_a_draft_gives_nobody_anything(unseen: Unseen):
    unseen.draft("lib", code=1)
    catalog = catalogs.load(unseen.campus)
    assert catalog.resources
    for resource in catalog.resources.values():
        assert (resource.status, resource.share_type, resource.tier) == ("draft", "none", "office")
        assert {item.share_type for item in resource.items} == {"none"}
        assert resource.subject is None and not resource.authoritative
    assert catalog.grants() == () and catalog.responsibilities() == ()


def test_a_draft_holds_no_value_of_a_person(unseen: Unseen):
    told = unseen.draft("lib", code=1)
    written = "".join(path.read_text(encoding="utf-8") for path in unseen.campus.rglob("*") if path.is_file())
    for value in (
        "读者7",
        foreign.resident_id(7),
        "13900000007",
        "reader8@",
        "0020250007",
        "TM000007",
        "canary-9f2",
    ):
        assert value not in written and value not in told
    assert not list((unseen.folder / "home" / "tmp").iterdir())


def test_what_is_already_there_is_neither_drafted_again_nor_overwritten(unseen: Unseen, tmp_path: Path):
    unseen.draft("gym")
    contract = unseen.campus / "resources/gym/chang_guan.odcs.yaml"
    decided = contract.read_text(encoding="utf-8").replace("待定", "已定")
    contract.write_text(decided, encoding="utf-8")
    assert "has a contract, gym.chang_guan; not drafted again" in unseen.draft("gym")
    other = tmp_path / "other"
    shutil.copytree(unseen.campus / "resources", other / "resources")
    shutil.rmtree(unseen.campus / "resources")
    told = unseen.run("source", "draft", "gym", "--out", str(other), code=2)
    assert "nothing was written" in told
    assert (other / "resources/gym/chang_guan.odcs.yaml").read_text(encoding="utf-8") == decided


def test_excluded_rows_are_not_even_looked_at(unseen: Unseen, library: PgDatabase):
    told = unseen.draft("lib", "--table", "tsg.DZ_JBXX", "--exclude", "\"DZTM\" < '0020250100'")
    assert "20" in told
    resource = catalogs.load(unseen.campus).resources["lib.dz_jbxx"]
    assert resource.ingest.exclude == "\"DZTM\" < '0020250100'"
    assert "filled in all 20 rows" in (unseen.campus / resource.file).read_text(encoding="utf-8")
    assert "--table" in unseen.run("source", "draft", "lib", "--out", "x", "--exclude", "1 = 1", code=2)


def test_a_key_that_documents_name_is_drafted_and_judged_by_the_rows(unseen: Unseen, library: PgDatabase):
    with library.connect() as con:
        con.execute("CREATE TABLE tsg.cs (csm text, csz text)")
        con.execute("INSERT INTO tsg.cs VALUES ('校名', '未见大学')")
        con.execute(f"GRANT SELECT ON tsg.cs TO reader_{library.name}")
    assert "draft it with --table and --key" in unseen.draft("lib", "--table", "tsg.cs", code=1)
    told = unseen.draft("lib", "--table", "tsg.cs", "--key", "CSM", code=1)
    assert '✕ tsg.cs: no contract: --key CSM: it has no column that is called so; did you mean "csm"?' in told
    assert "break" not in unseen.draft("lib", "--table", "tsg.cs", "--key", "csm")
    told = unseen.draft("lib", "--table", "tsg.mj_rz", "--key", "men", "--key", "sj")
    assert "lib.mj_rz: 30 of 30 rows break" in told
    resources = catalogs.load(unseen.campus).resources
    assert (resources["lib.cs"].key, resources["lib.mj_rz"].key) == (("csm",), ("men", "sj"))
    assert "--table" in unseen.run("source", "draft", "lib", "--out", "x", "--key", "csm", code=2)


def test_a_column_that_may_mark_secrets_is_told_before_anything_runs(unseen: Unseen, library: PgDatabase):
    with library.connect() as con:
        con.execute("CREATE TABLE tsg.xm (id integer PRIMARY KEY, mj char(1))")
        con.execute("COMMENT ON COLUMN tsg.xm.mj IS '项目密级'")
        con.execute(f"GRANT SELECT ON tsg.xm TO reader_{library.name}")
    assert "Before the first run: lib.xm.mj may mark state secrets" in unseen.draft(
        "lib", "--table", "tsg.xm"
    )


def test_mistakes_are_messages(unseen: Unseen, monkeypatch: pytest.MonkeyPatch):
    assert "did you mean" in unseen.run("source", "probe", "lip", code=2)
    assert 'did you mean "tsg.jy_jl"' in unseen.run("source", "probe", "lib", "--table", "tsg.jy_j", code=2)
    monkeypatch.setenv("LIB_PASSWORD", "canary-wrong")
    told = unseen.run("source", "probe", "lib", code=4)
    assert "user or password refused" in told and "LIB_PASSWORD" in told and "canary" not in told
    (unseen.campus / "units.csv").write_text("code,nameZh\nHQ,后勤处\n", encoding="utf-8")
    assert "lib.provider: TSG is no unit" in unseen.run("source", "probe", "lib", code=2)


def test_a_probe_lists_files_and_paths_too(unseen: Unseen, labs: None):
    shown = unseen.run("source", "probe", "dorm")
    assert "住宿_{date}.csv" in shown and "楼栋.xlsx#楼栋" in shown and "2 files so far" in shown
    shown = unseen.run("source", "probe", "labs")
    assert "/rooms" in shown and "25" in shown
    assert COUNTED not in shown


def test_what_a_database_declares_in_its_own_way_is_understood(unseen: Unseen, meals: MariaDatabase):
    unseen.draft("lib", "--table", "tsg.sb_zc")
    unseen.draft("meals", "--table", "shops")
    resources = catalogs.load(unseen.campus).resources
    goods = {item.name: item for item in resources["lib.sb_zc"].items}
    # A domain is what is under it, and NOT NULL where it says so; a range of dates is no date.
    assert goods["id"].logical_type == "integer"
    assert (goods["yl"].logical_type, goods["yl"].scale, goods["yl"].required) == ("number", 2, True)
    assert goods["qx"].logical_type == "string"
    # A text may be as long as it is, although nobody had said so.
    assert goods["sm"].max_length == 10_000
    shops = {item.name: item for item in resources["meals.shops"].items}
    assert (shops["big"].logical_type, shops["big"].scale) == ("number", 0)
    assert shops["no_"].logical_type == "string"


def test_a_user_who_may_read_nothing_is_told_so(unseen: Unseen, library: PgDatabase):
    with library.connect() as con:
        con.execute(f"REVOKE USAGE ON SCHEMA tsg, arc FROM reader_{library.name}")
    assert "GRANT SELECT" in unseen.run("source", "probe", "lib")
