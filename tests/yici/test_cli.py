"""The console command as a user starts it: quick help, clear failures, the embedded server's life."""

import ast
import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from warehouse.embedded import EmbeddedServer
from yici import failures

REPOSITORY = Path(__file__).resolve().parents[2]
HEAVY = {"dagster", "great_expectations", "duckdb", "sqlalchemy", "fastapi", "pandas", "pyarrow"}


def yici(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "yici", *arguments],
        cwd=REPOSITORY,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def home(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "home"
    yield str(folder)
    EmbeddedServer(folder).remove()


def test_help_imports_none_of_the_heavy_libraries():
    code = "import sys; import yici.cli; print(sorted(m for m in sys.modules if '.' not in m))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert not HEAVY & set(ast.literal_eval(done.stdout))
    assert yici("--help").returncode == 0


def test_the_embedded_server_is_started_shown_stopped_and_removed(home):
    assert yici("db", "status", YICI_HOME=home).returncode == 3
    assert yici("db", "start", YICI_HOME=home).returncode == 0
    shown = yici("db", "status", YICI_HOME=home)
    assert shown.returncode == 0
    assert "running" in shown.stdout
    assert "is stopped" in yici("db", "stop", YICI_HOME=home).stdout
    assert "was not running" in yici("db", "stop", YICI_HOME=home).stdout
    assert yici("db", "remove", "--yes", YICI_HOME=home).returncode == 0
    assert "absent" in yici("db", "status", YICI_HOME=home).stdout


def test_an_external_server_is_left_alone(home):
    done = yici("db", "start", YICI_HOME=home, YICI_DATABASE_URL="postgresql://nobody@127.0.0.1:1/x")
    assert done.returncode == 0
    assert "YICI_DATABASE_URL" in done.stdout
    assert not Path(home).exists()


def test_a_failure_that_the_reader_can_mend_is_a_message_and_an_exit_code(home):
    Path(home).mkdir()
    (Path(home) / "sources.env").write_text("no equals sign here\n")
    done = yici("db", "status", YICI_HOME=home)
    assert done.returncode == 2
    assert "sources.env:1" in done.stderr
    assert "Traceback" not in done.stderr


def test_every_known_failure_exists_under_its_name():
    for module, name, code in failures._KNOWN:
        error = getattr(importlib.import_module(module), name)
        assert issubclass(error, Exception)
        assert code > 1
    assert failures.known_failure(ValueError("a bug")) is None
