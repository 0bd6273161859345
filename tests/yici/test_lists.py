"""`yici catalog lists` as a user types it: names, one list, files; with and without a warehouse."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from catalogs.lists.all import BUILDERS
from tests.catalogs import small
from tests.support.postgres import PgDatabase
from yici.cli import app


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small campus in a folder."""
    root = tmp_path / "campus"
    for name, content in small.campus().items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def lists(folder: Path, *arguments: str, **environment: str) -> Result:
    own = {"YICI_CAMPUS": str(folder), "YICI_HOME": str(folder.parent / "home"), "COLUMNS": "200"}
    return CliRunner().invoke(app, ["catalog", "lists", *arguments], env=own | environment)


def test_without_a_warehouse_all_lists_are_named_and_none_is_started(folder):
    done = lists(folder)
    assert done.exit_code == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(BUILDERS)
    assert "未测" in done.stderr
    assert not (folder.parent / "home" / "pg").exists()


def test_one_list_is_printed_with_the_reason_of_each_row(folder):
    done = lists(folder, "demands")
    assert "数据共享需求清单" in done.stdout
    assert "“姓名(XM)”由人事处《示例资源 hr.staff》提供" in done.stdout


def test_a_list_that_is_not_there_is_told_with_the_nearest_name(folder):
    done = lists(folder, "demand")
    assert done.exit_code == 2
    assert 'did you mean "demands"?' in done.stderr
    assert isinstance(done.exception, SystemExit)


def test_all_lists_are_written_as_a_workbook_and_json(folder, tmp_path):
    done = lists(folder, "--out", str(tmp_path / "out"))
    assert done.exit_code == 0, done.stderr
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"lists.xlsx", *(f"{name}.json" for name in BUILDERS)}
    told = json.loads((tmp_path / "out" / "responsibilities.json").read_text(encoding="utf-8"))
    assert told["campus"] == "示例大学" and told["release"] is None and told["rows"]


def test_a_warehouse_without_release_gives_lists_without_figures(folder, pg_database: PgDatabase):
    done = lists(folder, "promises", YICI_DATABASE_URL=pg_database.url)
    assert done.exit_code == 0, done.stderr
    assert "No release yet" in done.stderr
    assert "未测" in done.stdout


def test_a_catalog_at_fault_is_told_and_no_list_is_written(folder, tmp_path):
    (folder / "units.csv").write_text("code,nameZh\n", encoding="utf-8")
    done = lists(folder, "--out", str(tmp_path / "out"))
    assert done.exit_code == 2
    assert "fault" in done.stderr
    assert not (tmp_path / "out").exists()
