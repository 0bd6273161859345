"""Finance, research, hall, office and legacy certificates: right by their contracts but for the faults they tell."""

import importlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalogs.model import Catalog
from connectors import open_source
from connectors.base import ReadSpec
from demo.projects import projects
from demo.roll import roll_of
from demo.servers import research as research_server
from demo.systems import hall
from demo.systems.hall_items import ITEMS
from demo.target import TargetError, new_target
from demo.world import build_world
from tests.demo.built import NO_SERVER, Campus, built, file_target, judgements, live, told
from tests.support.mariadb import MariaServer
from tests.support.postgres import PgServer
from tests.support.reference import reference_campus

LANDED = ("finance", "research", "hall", "administration", "certificates_legacy")
SYSTEMS = (*LANDED, "government")
# A row that no rule within one resource can find: its case does not exist.
BETWEEN_RESOURCES = {("hall.case_steps", "BJ-9999-X/1")}


@pytest.fixture(scope="module")
def content() -> Catalog:
    return reference_campus()


@pytest.fixture(scope="module")
def campus(
    pg_server: PgServer, content: Catalog, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Campus]:
    with built(pg_server, content, tmp_path_factory.mktemp("campus"), SYSTEMS, "b") as campus:
        port, token = campus.target.port("research"), campus.target.password("token:research")
        server = research_server.server(campus.target.folder("research"), port, token)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield campus
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def variables(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "campus" in request.fixturenames:
        for name, value in request.getfixturevalue("campus").variables.items():
            monkeypatch.setenv(name, value)


def _only_told_are_refused(campus: Campus, system: str, first_id: int) -> None:
    for name, one in judgements(campus, system, first_id).items():
        findable = [key for key in told(campus, name) if (name, key) not in BETWEEN_RESOURCES]
        assert one.rows > 0, name
        assert len(one.refused) == len(findable), (name, one.rules)


@pytest.mark.parametrize("system", LANDED)
def test_every_contract_fits_its_system_and_only_told_faults_are_refused(campus: Campus, system: str) -> None:
    _only_told_are_refused(campus, system, 1)


def test_the_campus_has_the_size_that_is_promised(campus: Campus) -> None:
    assert 100_000 < sum(campus.rows.values()) < 250_000
    assert campus.rows["hall.t_case"] > 10_000
    assert campus.rows["finance.kjpzfl"] > 25_000
    assert len(campus.world.faults) < 0.001 * sum(campus.rows.values())


def test_nothing_of_a_secret_project_or_person_is_read(campus: Campus) -> None:
    roll = roll_of(campus.world)
    secret = {one.number for one in projects(roll, 1) if one.is_secret}
    secret |= {member.number for member in roll.secret_staff}
    assert secret
    hidden = sqlite3.connect(campus.variables["YICI_FINANCE_FILE"])
    (there,) = hidden.execute("SELECT count(*) FROM xmjfzh WHERE SMBZ = '1'").fetchone()
    assert there
    for name in ("finance.accounts", "finance.voucher_lines", "finance.payroll", "research.projects",
                 "research.members"):  # fmt: skip
        resource = campus.catalog.resources[name]
        with open_source(campus.catalog.systems[resource.system]) as source:
            (reading,) = source.readings(ReadSpec(resource))
            rows = reading.con.execute(reading.query).fetchall()
        assert reading.excluded_rows, name
        assert not secret & {str(value) for row in rows for value in row}, name


def test_last_years_income_is_the_sum_of_that_years_payroll(campus: Campus) -> None:
    con = sqlite3.connect(campus.variables["YICI_FINANCE_FILE"])
    differing = con.execute(
        "SELECT count(*) FROM ndsr n JOIN (SELECT GH, sum(YFHJ) AS paid FROM gzffb WHERE NY BETWEEN '202501' AND "
        "'202512' GROUP BY GH) g USING (GH) WHERE n.ND = 2025 AND abs(n.SQSR - g.paid) > 0.001"
    ).fetchone()
    everybody = con.execute("SELECT count(*) FROM ndsr WHERE ND = 2025").fetchone()
    assert differing == (0,)
    assert everybody[0] > 300


def test_every_voucher_balances(campus: Campus) -> None:
    con = sqlite3.connect(campus.variables["YICI_FINANCE_FILE"])
    query = (
        "SELECT count(*) FROM (SELECT 1 FROM kjpzfl GROUP BY PZNM HAVING abs(sum(JFJE) - sum(DFJE)) > 0.001)"
    )
    assert con.execute(query).fetchone() == (0,)


def test_cases_are_of_real_people_and_of_service_items_that_the_catalog_offers(campus: Campus) -> None:
    roll = roll_of(campus.world)
    known = {member.number for member in roll.students + roll.staff}
    with campus.target.database("bsdt") as con:
        numbers = {
            n for (n,) in con.execute("SELECT DISTINCT applicant_no FROM t_case WHERE case_no NOT LIKE '%X'")
        }
        codes = {code for (code,) in con.execute("SELECT DISTINCT item_code FROM t_case")}
        visits, materials = con.execute("SELECT sum(visits), sum(materials) FROM t_case").fetchone()
    assert numbers <= known
    assert codes == set(campus.catalog.services)
    assert visits > 1000
    assert materials > 5000


def test_the_halls_own_codes_are_the_catalogs(content: Catalog) -> None:
    assert {item.code for item in ITEMS} == set(content.services)
    for item in ITEMS:
        offered = content.services[item.code]
        assert item.unit == offered.lead_unit
        assert item.visits == offered.visits
        asked = [use.material for use in offered.materials if use.necessity == "required"]
        assert list(item.materials) == asked, item.code
        assert len(item.nodes) == len(offered.steps)


def test_the_same_seed_gives_the_same_rows(campus: Campus, tmp_path: Path) -> None:
    again = file_target(tmp_path)
    world = build_world(1, "small")
    for name, file in (("finance", "finance.db"), ("research", "research.db"), ("administration", "oa.db")):
        importlib.import_module(f"demo.systems.{name}").build(world, again)
        first, second = (
            list(sqlite3.connect(target.folder(name) / file).iterdump()) for target in (campus.target, again)
        )
        assert first == second, name
    importlib.import_module("demo.systems.certificates_legacy").build(world, again)
    for path in campus.target.folder("certificates_legacy").glob("*.jsonl"):
        assert path.read_bytes() == (again.folder("certificates_legacy") / path.name).read_bytes()
    desks = [hall._Desk(1, roll_of(one)) for one in (campus.world, world)]
    first, second = ([row for n in range(1, 400) for row in desk.case(n)] for desk in desks)
    assert first == second


def test_another_seed_gives_other_rows(campus: Campus, tmp_path: Path) -> None:
    again = file_target(tmp_path)
    importlib.import_module("demo.systems.research").build(build_world(2, "small"), again)
    first, second = (
        list(sqlite3.connect(target.folder("research") / "research.db").iterdump())
        for target in (campus.target, again)
    )
    assert first != second


def test_finance_reads_the_same_from_mariadb(
    campus: Campus, mariadb_server: MariaServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = mariadb_server.create_database()
    url = database.sqlalchemy_url.partition("?")[0]
    target = new_target(tmp_path / "out", NO_SERVER, url, tmp_path / "env")
    importlib.import_module("demo.systems.finance").build(build_world(1, "small"), target)
    tables = ("accounts", "incoming_payments", "fee_payments", "payroll", "voucher_lines")
    names = [f"finance.{table}" for table in tables]
    sqlite_rows = {name: _texts(campus.catalog, name) for name in names}
    for name, value in target.env.values.items():
        monkeypatch.setenv(name, value)
    try:
        for name in names:
            assert _texts(campus.catalog, name) == sqlite_rows[name], name
    finally:
        mariadb_server.drop_database(database)


def _texts(content: Catalog, name: str) -> list[tuple]:
    """Return a resource's rows as admission types them, whatever the source handed over."""
    resource = content.resources[name]
    with open_source(content.systems["finance"]) as source:
        (reading,) = source.readings(ReadSpec(resource))
        columns = ", ".join(
            f"TRY_CAST({item.name} AS {item.duck_type})"
            if item.logical_type in ("number", "integer")
            else item.name
            for item in resource.items
        )
        rows = reading.con.execute(f"SELECT {columns} FROM ({reading.query})").fetchall()
    return sorted(tuple(None if value is None else str(value) for value in row) for row in rows)


@pytest.fixture(scope="module")
def later(campus: Campus) -> dict[str, dict[str, int]]:
    """The changes of two days; the tests after this fixture see the campus two days later."""
    return live(campus, SYSTEMS)


def test_a_day_moves_little_but_something(campus: Campus, later: dict[str, dict[str, int]]) -> None:
    moved = sum(count for tables in later.values() for count in tables.values())
    assert 100 < moved < 0.02 * sum(campus.rows.values())
    for table in ("kjpz", "dkxx", "bxd", "xsjf", "xmjfzh"):
        assert later["finance"][table] > 0
    assert later["hall"]["t_case"] > 0
    assert later["research"]


def test_what_a_day_changes_lies_after_the_watermark_of_the_day_before(
    campus: Campus, later: dict[str, dict[str, int]]
) -> None:
    with campus.target.database("bsdt") as con:
        for table in ("t_case", "t_case_step", "t_case_material"):
            (count,) = con.execute(
                f"SELECT count(*) FROM {table} WHERE updated_at > timestamptz '2026-10-20 07:00+08'"
            ).fetchone()
            assert count > 0
            latest = con.execute(
                f"SELECT max(updated_at) <= timestamptz '2026-10-22 07:00+08' FROM {table}"
            ).fetchone()
            assert latest == (True,)
    finance = sqlite3.connect(campus.variables["YICI_FINANCE_FILE"])
    (count,) = finance.execute("SELECT count(*) FROM kjpzfl WHERE GXSJ > '2026-10-20'").fetchone()
    assert count == later["finance"]["kjpzfl"]


@pytest.mark.parametrize("system", ["finance", "hall"])
def test_after_two_days_the_rows_still_keep_their_contracts(
    campus: Campus, later: dict[str, dict[str, int]], system: str
) -> None:
    _only_told_are_refused(campus, system, 1001)


def test_a_database_of_somebody_else_is_left_alone(pg_server: PgServer, tmp_path: Path) -> None:
    foreign = pg_server.create_database()
    prefix = foreign.name[:-1]
    target = new_target(tmp_path / "out", foreign.url, None, tmp_path / "env", prefix)
    with pytest.raises(TargetError, match="was not made by the reference campus"):
        target.new_database("hall", foreign.name.removeprefix(prefix))
    with foreign.connect() as con:
        assert con.execute("SELECT 1").fetchone() == (1,)
    pg_server.drop_database(foreign)


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(TargetError, match="not a reference campus"):
        new_target(tmp_path, NO_SERVER, None, tmp_path / "env")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_what_holds_a_password_is_readable_by_its_owner_only(campus: Campus) -> None:
    out = campus.target.out
    for path in (campus.target.env.path, out / "private.json", out / "hall" / "client_private.jwk"):
        assert path.stat().st_mode & 0o077 == 0, path.name
