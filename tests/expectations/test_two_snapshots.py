"""Resources of one system that do not fit one snapshot: all are read, and a parent that came between is pending."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

import catalogs
from catalogs.model import Catalog
from catalogs.versions import pack
from connectors.landing import Landing
from expectations import references
from expectations.admit import admit, engine
from expectations.checks import Check
from tests.support import campus, migrated
from tests.support.mariadb import MariaDatabase
from tests.support.postgres import PgDatabase, PgServer
from warehouse import identity, releases
from warehouse.connect import connect, url
from warehouse.extraction import Landed, land_system

MEMBERS, POSTS = "hr.members", "hr.posts"
LIMIT_S = 4
_CONTRACT = """apiVersion: "v3.2.0"
kind: "DataContract"
id: "hr-{name}"
name: "hr.{name}"
version: "1.0.0"
status: "active"
description: {{purpose: "试验"}}
team: {{name: "人事处", members: [{{username: "post:hr-steward", role: "steward"}}]}}
customProperties:
  - {{property: "system", value: "hr"}}
  - {{property: "resourceCode", value: "3070201/{number}"}}
  - {{property: "tier", value: "campus"}}
  - {{property: "secrecy", value: "none"}}
  - {{property: "shareType", value: "conditional"}}
  - {{property: "shareCondition", value: "逐项申请"}}
  - {{property: "updateCycle", value: "daily"}}
  - {{property: "ingest", value: {{mode: "full", onAbsence: "end"}}}}
schema:
  - name: "{name}"
    physicalName: "{name}"
    physicalType: "view"
    businessName: "{name}"
    description: "一行 = 一条"
    properties:
      - name: "{key}"
        physicalName: "{key}"
        businessName: "编号"
        logicalType: "string"
        required: true
        primaryKey: true
        primaryKeyPosition: 1
{more}"""
_REFERENCE = (
    '      - {name: "member_no", physicalName: "member_no", businessName: "工号", logicalType: "string", '
    'relationships: [{to: "hr.members.member_no"}]}\n'
)


def content(system: str) -> Catalog:
    """A campus with one system, in which posts refer to members and are read after them."""
    files = {name: text.encode() for name, text in campus.FILES.items()}
    members = _CONTRACT.format(name="members", number="000011", key="member_no", more="")
    posts = _CONTRACT.format(name="posts", number="000012", key="post_no", more=_REFERENCE)
    return catalogs.load(
        files
        | {
            "systems.yaml": system.encode(),
            "resources/hr/members.odcs.yaml": members.encode(),
            "resources/hr/posts.odcs.yaml": posts.encode(),
        }
    )


class House:
    """A source whose posts take two seconds to read, and the warehouse that takes them in."""

    def __init__(self, folder: Path, catalog: Catalog, execute: Callable[[str], None]) -> None:
        self.catalog, self.execute = catalog, execute
        self.landing = Landing(str(folder / "landing"))
        migrated.begin()

    def hire(self, number: str) -> None:
        """Somebody comes, and gets a post, in one transaction each."""
        self.execute(f"INSERT INTO member VALUES ('{number}')")
        self.execute(f"INSERT INTO post VALUES ('P{number}', '{number}')")

    def land(self, between_s: float = 0.0, hired: str = "") -> dict[str, Landed]:
        """Read the system; between its resources so much time passes, and somebody is hired."""

        def between(landed: Landed) -> None:
            if landed.resource == MEMBERS and hired:
                self.hire(hired)
                time.sleep(between_s)

        done = land_system(self.catalog, "hr", self.landing, report=between)
        return {landed.resource: landed for landed in done}

    def release(self) -> tuple[dict[str, str], list[Check]]:
        """Publish what has landed: outcome of each resource, and what became of the reference."""
        with releases.open_candidate(self.catalog, pack(self.catalog.files)) as opened:
            with engine() as con:
                resources = list(self.catalog.resources.values())
                done = {one.name: admit(con, opened, self.catalog, one, self.landing) for one in resources}
            judging = create_engine(url(release=opened.id))
            checks = references.judge(self.catalog, list(done), judging, opened.id)
            judging.dispose()
            identity.update(opened.con, opened.id, self.catalog)
            releases.publish(opened, resources, {})
        assert [one.quarantined for one in done.values()] == [0, 0]
        return {name: one.outcome for name, one in done.items()}, checks

    def posts(self) -> list[str]:
        with connect(autocommit=True) as con:
            number = releases.current(con)
        with connect(release=number) as con:
            return [no for (no,) in con.execute("SELECT post_no FROM raw.hr__posts ORDER BY 1")]


_TABLES = (
    "CREATE TABLE member (member_no varchar(9) PRIMARY KEY)",
    "CREATE TABLE post (post_no varchar(9) PRIMARY KEY, member_no varchar(9))",
    "CREATE VIEW members AS SELECT member_no FROM member",
)


@pytest.fixture(params=["postgres", "mysql"])
def house(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    pg_database: PgDatabase,
    pg_server: PgServer,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[House]:
    monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
    monkeypatch.setenv("YICI_HOME", str(tmp_path))
    limits = f'password: "env:HR_PASSWORD", limits: {{max_snapshot_s: {LIMIT_S}}}'
    entry = '- {{system: "hr", nameZh: "人事系统", provider: "RS", kind: "{kind}", host: "{host}", {rest}}}\n'
    if request.param == "mysql":
        source: MariaDatabase = request.getfixturevalue("mariadb_database")

        def execute(statement: str) -> None:
            with source.connect() as con, con.cursor() as cursor:
                cursor.execute(statement)
                con.commit()

        monkeypatch.setenv("HR_PASSWORD", source.password)
        rest = f'port: "{source.port}", database: "{source.name}", user: "{source.user}", {limits}'
        system = entry.format(kind="mysql", host=source.host, rest=rest)
        slow = "CREATE VIEW posts AS SELECT post_no, member_no FROM post, (SELECT sleep(2) AS s) AS slow"
        yield _house(tmp_path, system, execute, slow)
        return
    database = pg_server.create_database()

    def execute(statement: str) -> None:
        with database.connect() as con:
            con.execute(statement)
            con.commit()

    address = database.address
    monkeypatch.setenv("HR_PASSWORD", address.password)
    rest = f'port: "{address.port}", database: "{database.name}", user: "{address.user}", {limits}'
    system = entry.format(kind="postgres", host=address.socket_dir, rest=rest)
    slow = "CREATE VIEW posts AS SELECT post_no, member_no FROM post, pg_sleep(2)"
    yield _house(tmp_path, system, execute, slow)
    pg_server.drop_database(database)


def _house(folder: Path, system: str, execute: Callable[[str], None], slow: str) -> House:
    for statement in (*_TABLES, slow):
        execute(statement)
    house = House(folder, content(system), execute)
    for number in ("1", "2", "3"):
        house.hire(number)
    return house


def test_what_comes_while_one_snapshot_is_read_is_in_none_of_its_resources(house: House) -> None:
    landed = house.land(hired="4")
    assert {name: one.rows for name, one in landed.items()} == {MEMBERS: 3, POSTS: 3}
    outcomes, checks = house.release()
    assert outcomes == {MEMBERS: "applied", POSTS: "applied"}
    assert [(check.passed, check.rows_failed) for check in checks] == [(True, 0)]


@pytest.mark.parametrize("between_s", [LIMIT_S + 0.5, LIMIT_S - 1])
def test_what_does_not_fit_one_snapshot_is_read_in_a_second_and_a_parent_that_came_between_is_pending(
    house: House, between_s: float
) -> None:
    """Whether the first has ended before the second resource is begun, or ends while that is being read."""
    landed = house.land(between_s, hired="4")
    assert {name: (one.rows, one.error) for name, one in landed.items()} == {
        MEMBERS: (3, None),
        POSTS: (4, None),
    }
    outcomes, checks = house.release()
    assert outcomes == {MEMBERS: "applied", POSTS: "applied"}
    assert [(c.severity, c.passed, c.rows_failed) for c in checks] == [("info", False, 1)]
    assert house.posts() == ["P1", "P2", "P3", "P4"]

    # The next reading brings the parent.
    house.land()
    _, checks = house.release()
    assert [(c.severity, c.passed, c.rows_failed) for c in checks] == [("info", True, 0)]


def test_a_parent_that_is_still_missing_when_the_system_is_read_again_is_a_finding(house: House) -> None:
    house.execute("INSERT INTO post VALUES ('P9', '9')")
    house.land()
    _, checks = house.release()
    assert [(c.severity, c.passed, c.rows_failed) for c in checks] == [("info", False, 1)]
    house.hire("5")
    house.land()
    _, checks = house.release()
    assert [(c.severity, c.passed, c.rows_failed) for c in checks] == [("warning", False, 1)]
    assert "P9" in house.posts()
