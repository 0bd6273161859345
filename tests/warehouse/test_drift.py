"""Two-way drift: what is declared exists, and what exists is declared or listed as ignored."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from catalogs.model import Catalog, Ingest, System
from tests.connectors.build import item, resource, system
from tests.support import campus
from tests.support.postgres import PgServer
from warehouse.connect import connect
from warehouse.drift import Drift, drift, is_ignored
from warehouse.store import ensure_table

MISSING, RETYPED, UNDECLARED = "missing", "retyped", "undeclared"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The personnel system's database, just as the contract declares it, and one excluded column."""
    path = tmp_path / "hr.db"
    with sqlite3.connect(path) as con:
        con.execute(
            "CREATE TABLE staff (gh TEXT, xm TEXT, zjhm TEXT, xb TEXT, csrq DATE, gz NUMERIC, gxsj TIMESTAMP, sm TEXT)"
        )
    monkeypatch.setenv("YICI_HR_FILE", str(path))
    return path


def declared(ignored: tuple[str, ...] = (), **systems: System) -> Catalog:
    """Return the small campus; its personnel contract excludes by column `sm`, its system ignores what is named."""
    content = campus.catalog(extra=", exclude: \"sm = '1'\"")
    own = replace(content.systems["hr"], ignored=ignored)
    return replace(content, systems={"hr": own, **systems})


def change(file: Path, *statements: str) -> None:
    with sqlite3.connect(file) as con:
        for statement in statements:
            con.execute(statement)


def told(found: tuple[Drift, ...]) -> list[tuple[str, str, str]]:
    return [(one.place, one.name, one.kind) for one in found]


def test_a_source_as_declared_has_no_drift_and_a_column_that_only_excludes_is_known(file: Path):
    found = drift(declared(), None)
    assert found.drifts == () and found.compared == {"hr": 1}
    assert found.unseen == {"store": "no warehouse was looked at"}


def test_what_a_source_lost_retyped_or_gained_is_told(file: Path):
    change(
        file,
        "CREATE TABLE tmp_1 (a TEXT)",
        "ALTER TABLE staff DROP COLUMN xm",
        "ALTER TABLE staff DROP COLUMN csrq",
        "ALTER TABLE staff ADD COLUMN csrq BLOB",
        "ALTER TABLE staff ADD COLUMN zp BLOB",
    )
    found = drift(declared(), None)
    assert told(found.drifts) == [
        ("hr", "staff:csrq", RETYPED),
        ("hr", "staff:xm", MISSING),
        ("hr", "staff:zp", UNDECLARED),
        ("hr", "tmp_1", UNDECLARED),
    ]
    assert "hr.staff.name" in found.drifts[1].what
    assert told(drift(declared(ignored=("tmp_*", "staff:zp")), None).drifts) == told(found.drifts)[:2]


def test_a_declared_table_that_is_gone_is_told_with_its_resource(file: Path):
    change(file, "ALTER TABLE staff RENAME TO staff_old")
    found = drift(declared(ignored=("*_old",)), None)
    assert [(one.name, one.kind) for one in found.drifts] == [("staff", MISSING)]
    assert "hr.staff" in found.drifts[0].what


@pytest.mark.parametrize(
    ("pattern", "table", "column", "ignored"),
    [("tmp_*", "tmp_1", "", True), ("tmp_*", "tmp_1", "a", False), ("*:zp", "staff", "zp", True),
     ("*:zp", "staff", "", False), ("yjs.log", "yjs.log", "", True), ("a:*", "b", "x", False)],
)  # fmt: skip
def test_a_pattern_is_for_tables_or_with_a_colon_for_columns(pattern, table, column, ignored):
    assert is_ignored([pattern], table, column) is ignored


def test_a_postgresql_source_is_compared_as_its_reading_user_sees_it(file: Path, pg_server: PgServer):
    database = pg_server.create_database()
    try:
        with database.connect() as con:
            con.execute(
                'CREATE SCHEMA yjs; CREATE TABLE yjs.student (xh text, "XM" text, rxrq date, zp bytea)'
            )
            con.execute(
                "CREATE TABLE t_case (no bigint, at timestamptz); CREATE VIEW v_open AS SELECT no FROM t_case"
            )
        address = database.address
        settings = {"host": str(address.socket_dir), "port": address.port, "database": database.name,
                    "user": address.user, "password": address.password}  # fmt: skip
        student = resource(
            "yjs.student", [item("no", "xh"), item("name", "xm"), item("entered_on", "rxrq", "boolean")]
        )
        case = resource("public.t_case", [item("no", "no", "integer")], name="academic.cases")
        content = declared(academic=system("postgres", settings))
        content = replace(content, resources={one.name: one for one in (student, case)})
        found = drift(content, None, ["academic"])
        assert told(found.drifts) == [
            ("academic", "t_case:at", UNDECLARED),
            ("academic", "v_open", UNDECLARED),
            ("academic", "yjs.student:rxrq", RETYPED),
            ("academic", "yjs.student:zp", UNDECLARED),
        ]
        assert found.compared == {"academic": 2}
    finally:
        pg_server.drop_database(database)


def test_a_system_that_cannot_be_looked_at_is_named_and_never_passed_over(file: Path):
    gone = system(
        "postgres", {"host": "127.0.0.1", "port": 1, "database": "x", "user": "x", "password": "canary-7"}
    )
    police = system("lookup", {"base_url": "http://127.0.0.1:1"}, code="police")
    unset = system("sqlite", {"file": "env:YICI_NOWHERE"}, code="assets")
    found = drift(declared(academic=gone, police=police, assets=unset), None)
    assert set(found.unseen) == {"academic", "police", "assets", "store"} and found.compared == {"hr": 1}
    assert "YICI_NOWHERE" in found.unseen["assets"] and "canary-7" not in str(found)


def test_the_store_is_compared_with_what_contracts_make_it(
    file: Path, warehouse: Callable[[Catalog], campus.Warehouse]
):
    content = declared()
    warehouse(content)
    with connect() as con:
        fresh = drift(content, con)
        assert fresh.drifts == () and fresh.unseen == {"store": "nothing of this has been released yet"}
        ensure_table(con, content.resources["hr.staff"])
        assert drift(content, con).drifts == ()
        con.execute("ALTER TABLE store.hr__staff DROP COLUMN name CASCADE, ADD COLUMN more text")
        con.execute("ALTER TABLE store.hr__staff ALTER salary TYPE text USING salary::text")
        con.execute("CREATE TABLE store.hr__gone (a text); CREATE TABLE store.hr__staff__v1 (a text)")
        found = drift(content, con)
        assert told(found.drifts) == [
            ("store", "hr__gone", UNDECLARED),
            ("store", "hr__staff:more", UNDECLARED),
            ("store", "hr__staff:name", MISSING),
            ("store", "hr__staff:salary", RETYPED),
        ]
        assert found.compared == {"hr": 1, "store": 1}
        only = drift(content, con, ["hr"]).drifts
        assert "hr__gone" not in {one.name for one in only}
        derived = replace(system("warehouse", {}, code="derived"), ignored=("hr__gone", "hr__staff:more"))
        ignoring = replace(content, systems={**content.systems, "derived": derived})
        assert [one.name for one in drift(ignoring, con).drifts] == ["hr__staff:name", "hr__staff:salary"]
        newer = replace(content.resources["hr.staff"], name="hr.titles")
        both = replace(content, resources={**content.resources, "hr.titles": newer})
        assert ("store", "hr__titles", MISSING) in told(drift(both, con).drifts)
        con.rollback()


def test_a_column_that_no_exclusion_names_any_more_is_told(file: Path):
    content = declared()
    staff = replace(content.resources["hr.staff"], ingest=Ingest(mode="watermark", watermark="updated_at"))
    found = drift(replace(content, resources={"hr.staff": staff}), None)
    assert told(found.drifts) == [("hr", "staff:sm", UNDECLARED)]
