"""The jobs that Dagster runs, in process, on real systems: what is released when something is wrong."""

from pathlib import Path

import pytest

from tests.support.campus import CONTRACT, FILES
from tests.support.postgres import PgServer
from warehouse import releases
from warehouse.connect import connect
from warehouse.report import failing_sources

_SYSTEMS = """- system: "hr"
  nameZh: "人事系统"
  provider: "RS"
  kind: "postgres"
  host: "env:HR_HOST"
  port: "env:HR_PORT"
  database: "env:HR_DATABASE"
  user: "env:HR_USER"
  password: "env:HR_PASSWORD"
- system: "gone"
  nameZh: "停用系统"
  provider: "RS"
  kind: "postgres"
  host: "127.0.0.1"
  port: "1"
  database: "nothing"
  user: "nobody"
  password: "env:HR_PASSWORD"
"""


@pytest.fixture
def campus(tmp_path: Path, pg_server: PgServer, monkeypatch: pytest.MonkeyPatch):
    """A campus of one live and one dead system; gives the live one's database."""
    folder = tmp_path / "campus"
    contract = CONTRACT.format(mode="full", absence="keep_as_former", extra="")
    other = contract.replace("hr.staff", "gone.staff").replace('"hr-staff"', '"gone-staff"')
    other = other.replace('{property: "system", value: "hr"}', '{property: "system", value: "gone"}')
    other = other.replace("3070201/000001", "3070201/000002").replace("教职工", "停用教职工")
    files = FILES | {
        "systems.yaml": _SYSTEMS,
        "resources/hr/staff.odcs.yaml": contract,
        "resources/gone/staff.odcs.yaml": other,
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    source, target = pg_server.create_database(), pg_server.create_database()
    monkeypatch.setenv("YICI_CAMPUS", str(folder))
    monkeypatch.setenv("YICI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("YICI_DATABASE_URL", target.url)
    monkeypatch.setenv("HR_HOST", str(source.address.socket_dir))
    monkeypatch.setenv("HR_PORT", str(source.address.port))
    monkeypatch.setenv("HR_DATABASE", source.name)
    monkeypatch.setenv("HR_USER", source.address.user)
    monkeypatch.setenv("HR_PASSWORD", source.address.password)
    with source.connect() as con:
        con.execute(
            "CREATE TABLE staff (gh text, xm text, zjhm text, xb text, csrq date, gz numeric(10, 2), gxsj timestamp)"
        )
        con.execute(
            "INSERT INTO staff SELECT lpad(i::text, 5, '0'), '试' || i, NULL, '男', '1980-02-29', i + 0.5,"
            " '2026-01-02 03:04:05' FROM generate_series(1, 50) i"
        )
    yield source
    pg_server.drop_database(source)
    pg_server.drop_database(target)


def test_a_system_that_is_down_is_named_and_the_rest_is_released(campus):
    from pipelines.run import run

    report = run()
    assert list(report.failed_systems) == ["gone"]
    assert report.release == 1
    with connect(autocommit=True) as con:
        rows = con.execute("SELECT resource, outcome, admitted FROM yici.release_resource").fetchall()
        assert rows == [("hr.staff", "applied", 50)]
        assert set(failing_sources(con)) == {"gone.staff"}

    with campus.connect() as source:
        source.execute("UPDATE staff SET gz = 99 WHERE gh = '00007'")
    again = run(["hr"])
    assert again.release == 2
    with connect(autocommit=True) as con:
        moved = con.execute("SELECT inserted, ended FROM yici.release_resource WHERE release = 2").fetchall()
        assert moved == [(1, 1)]

    with campus.connect() as source:
        source.execute("UPDATE staff SET xb = '?'")
    assert run(["hr"]).release == 3
    with connect(autocommit=True) as con:
        outcome, reason = con.execute(
            "SELECT outcome, reason FROM yici.release_resource WHERE release = 3 AND resource = 'hr.staff'"
        ).fetchone()
        assert outcome == "refused" and "50 of 50" in reason
        assert releases.current(con) == 3
    with connect(release=3) as con:
        assert con.execute("SELECT count(*) FROM raw.hr__staff WHERE _state = 'reported'").fetchone()[0] == 50


def test_the_definitions_have_one_job_per_system_and_one_for_releases(campus):
    import dagster as dg

    from pipelines.definitions import RELEASE_JOB, load

    definitions = load()
    dg.Definitions.validate_loadable(definitions)
    repository = definitions.get_repository_def()
    assert {"land_hr", "land_gone", RELEASE_JOB} <= set(repository.job_names)
    released = {tuple(key.path) for key in repository.get_job(RELEASE_JOB).asset_layer.executable_asset_keys}
    assert ("store", "hr", "staff") in released
    assert ("landing", "hr", "staff") not in released
