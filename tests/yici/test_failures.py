"""What the reader of a terminal is told when a command cannot do what was asked."""

import importlib
import os
import signal
import time

import psycopg
import pytest
from typer.testing import CliRunner

from tests.pipelines.house import STAFF, House
from tests.support import migrated
from warehouse.connect import connect
from warehouse.releases import _LOCK
from yici import failures
from yici.cli import app
from yici.screen import by_reason


def _yici(*arguments: str, code: int) -> str:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == code, done.output
    return done.output


def test_a_second_run_beside_a_release_says_so_and_changes_nothing(house: House):
    migrated.begin()
    with connect(autocommit=True) as other:
        other.execute(f"SELECT pg_advisory_lock({_LOCK})")
        told = _yici("run", code=5)
    assert "yici: another release run is under way" in told
    assert "Traceback" not in told


@pytest.mark.parametrize("command", ["release list", "release digest", "quarantine list", "status"])
def test_commands_that_look_work_before_the_first_run(house: House, command: str):
    _yici(*command.split(), code=0)


def test_a_release_that_never_was_is_not_shown(house: House):
    assert "release 7 was never published" in _yici("release", "rollback", "7", code=2)


def test_a_system_that_is_not_in_the_catalog_is_not_landed(house: House):
    assert 'did you mean "finance"?' in _yici("run", "--system", "finanse", code=2)


def test_a_client_that_nobody_registered_is_not_suspended(house: House):
    migrated.begin()
    assert "no client 'portal'" in _yici("client", "suspend", "portal", code=2)


def test_a_campus_that_was_never_built_does_not_age(house: House):
    assert "yici demo build" in _yici("demo", "advance", code=2)


@pytest.mark.parametrize(("module", "name"), failures._INTERRUPTIONS)
def test_ctrl_c_is_known_behind_what_libraries_make_of_it(module: str, name: str):
    interruption = getattr(importlib.import_module(module), name)()
    error = RuntimeError("Query interrupted")
    assert not failures.was_interrupted(error)
    error.__cause__ = interruption
    assert failures.was_interrupted(error)
    assert failures.was_interrupted(interruption)


def test_a_failure_of_the_database_is_told_by_its_kind_and_without_its_words():
    error = psycopg.errors.DiskFull('could not extend file "base/1": No space left on device; CANARY')
    told, code = failures.known_failure(error)
    assert code == 3
    assert "no room is left on its disk. What was published stays" in told
    assert "CANARY" not in told


def test_resources_that_fail_for_one_reason_are_told_in_one_line():
    failing = {"hr.staff": "no drop", "hr.units": "no drop", "hr.titles": "retyped", "hall.cases": "no drop"}
    assert by_reason(failing) == [
        ("hr.staff, units", "no drop"),
        ("hr.titles", "retyped"),
        ("hall.cases", "no drop"),
    ]


def test_ctrl_c_while_a_system_is_read_stops_the_run(house: House, monkeypatch: pytest.MonkeyPatch):
    from pipelines import landing

    def interrupted(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(10)

    monkeypatch.setattr(landing, "read_system", interrupted)
    _yici("run", code=130)
    with connect(autocommit=True) as con:
        assert con.execute("SELECT count(*) FROM yici.release").fetchone()[0] == 0


def test_what_was_refused_whole_is_named_by_rule(house: House):
    house.first_run()
    assert "No check failed." in _yici("release", "checks", code=0)
    house.fill("hr.staff", [row | {"hired_on": "2020-02-31"} for row in STAFF])
    told = _yici("run", code=1)
    assert "hr.staff refused" in told
    waiting = _yici("quarantine", "list", code=0)
    assert "No row waits." in waiting
    assert f"hr.staff hired_on.type {len(STAFF)} rows" in " ".join(waiting.split())
    checks = " ".join(_yici("release", "checks", code=0).replace("│", " ").split())
    assert "critical hr.staff refused_share" in checks
    assert f"warning hr.staff hired_on.type {len(STAFF)}" in checks


def test_a_reading_that_lost_many_rows_is_landed_only_when_it_is_believed(house: House):
    house.first_run()
    landing = ("run", "--system", "hr", "--no-release")
    house.fill("hr.staff", STAFF[: len(STAFF) // 2])
    assert "`yici run --believe hr.staff`" in _yici(*landing, code=1)
    assert 'did you mean "hr.staff"?' in _yici("run", "--believe", "hr.stuff", code=2)
    _yici(*landing, "--believe", "hr.staff", code=0)
    house.fill("hr.staff", STAFF[:1])
    assert "`yici run --believe hr.staff`" in _yici(*landing, code=1)
