"""`yici catalog check` and `drift` as their readers see them."""

import json
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.catalogs.small import STAFF, campus, staff
from tests.service.conftest import service_url
from tests.support.campus import CONTRACT, FILES
from tests.support.postgres import PgDatabase
from yici.cli import app


def run(*arguments: str, code: int) -> str:
    done = CliRunner().invoke(app, ["catalog", *arguments])
    assert done.exit_code == code, done.output
    return done.output


def write(folder: Path, files: dict[str, bytes]) -> str:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return str(folder)


def test_errors_and_warnings_are_told_apart_and_only_errors_end_with_a_code(tmp_path: Path):
    right = write(tmp_path / "right", campus())
    assert run("check", right, code=0).endswith("0 errors, 0 warnings\n")
    warned = write(tmp_path / "warned", campus({STAFF: staff(retention=None)}))
    told = run("check", warned, code=0)
    assert told.startswith("Warnings:\n") and told.endswith("0 errors, 1 warnings\n")
    faulty = write(tmp_path / "faulty", campus({STAFF: staff(retention=None, tier="secret")}))
    told = run("check", faulty, code=1)
    errors, _, warnings = told.partition("Warnings:")
    assert "[V03]" in errors and "[C22]" in warnings and told.endswith("1 errors, 1 warnings\n")


def test_machines_get_the_same_as_json(tmp_path: Path):
    faulty = write(tmp_path, campus({STAFF: staff(tier="secret")}))
    told = json.loads(run("check", faulty, "--json", code=1))
    assert (told["errors"], told["warnings"]) == (1, 0)
    [fault] = told["faults"]
    assert (fault["file"], fault["rule"], fault["severity"]) == (STAFF, "V03", "error")
    assert fault["line"] > 1 and fault["what"] and fault["why"] and fault["mend"]


@pytest.fixture
def hr(tmp_path: Path, pg_database: PgDatabase, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation with the small campus and its personnel system, a SQLite file."""
    contract = CONTRACT.format(mode="full", absence="keep", extra="")
    files = {name: text.encode() for name, text in FILES.items()}
    folder = write(tmp_path / "campus", files | {"resources/hr/staff.odcs.yaml": contract.encode()})
    file = tmp_path / "hr.db"
    with sqlite3.connect(file) as con:
        con.execute(
            "CREATE TABLE staff (gh TEXT, xm TEXT, zjhm TEXT, xb TEXT, csrq DATE, gz NUMERIC, gxsj TIMESTAMP)"
        )
    variables = {
        "YICI_CAMPUS": folder,
        "YICI_HOME": str(tmp_path / "home"),
        "YICI_HR_FILE": str(file),
        "YICI_DATABASE_URL": pg_database.url,
        "YICI_SERVICE_DATABASE_URL": service_url(pg_database),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return file


def test_drift_says_what_was_compared_what_differs_and_what_was_not_looked_at(hr: Path):
    told = run("drift", code=0)
    assert "0 differences; declared tables compared: hr 1" in told
    assert "store  not looked at: nothing of this has been released yet" in told
    with sqlite3.connect(hr) as con:
        con.execute("ALTER TABLE staff DROP COLUMN gz")
        con.execute("CREATE TABLE scratch (a TEXT)")
    told = run("drift", "--system", "hr", code=1)
    assert "hr  scratch  undeclared: a table that no contract declares" in told
    assert "hr  staff:gz  missing: declared by hr.staff.salary, and not there" in told
    as_json = json.loads(run("drift", "--json", code=1))
    assert [one["kind"] for one in as_json["drifts"]] == ["undeclared", "missing"]
