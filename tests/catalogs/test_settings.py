"""Settings come from the environment and the sources.env of the state folder."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from catalogs.settings import (
    DEFAULT_CAMPUS,
    ConfigurationError,
    kept_secret,
    load_env_file,
    now,
    resolve_env,
    scratch,
    settings,
)


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    for name in ("YICI_HOME", "YICI_CAMPUS", "YICI_DATABASE_URL", "YICI_LANDING", "YICI_CLOCK_OFFSET_S"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_defaults_live_under_the_working_folder(tmp_path):
    found = settings()
    assert found.home == tmp_path / ".yici"
    assert found.campus == DEFAULT_CAMPUS
    assert found.database_url is None
    assert found.landing == str(tmp_path / ".yici" / "landing")


def test_the_environment_decides(monkeypatch, tmp_path):
    monkeypatch.setenv("YICI_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("YICI_CAMPUS", str(tmp_path / "mine"))
    monkeypatch.setenv("YICI_DATABASE_URL", "postgresql://h/d")
    monkeypatch.setenv("YICI_LANDING", "s3://bucket/landing")
    found = settings()
    assert (found.home, found.campus) == (tmp_path / "state", tmp_path / "mine")
    assert (found.database_url, found.landing) == ("postgresql://h/d", "s3://bucket/landing")


def test_sources_env_fills_what_the_environment_leaves_open(monkeypatch, tmp_path):
    monkeypatch.setenv("YICI_TEST_SET", "outside")
    monkeypatch.delenv("YICI_TEST_OPEN", raising=False)
    (tmp_path / ".yici").mkdir()
    text = "# systems\nYICI_TEST_SET=file\n\nexport YICI_TEST_OPEN='a=b c'\n"
    (tmp_path / ".yici" / "sources.env").write_text(text, encoding="utf-8")
    settings()
    assert resolve_env("env:YICI_TEST_SET", "x") == "outside"
    assert resolve_env("env:YICI_TEST_OPEN", "x") == "a=b c"
    monkeypatch.delenv("YICI_TEST_OPEN")


def test_a_broken_line_is_named_by_number_without_its_text(tmp_path):
    path = tmp_path / "sources.env"
    path.write_text("A=1\nhunter2\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"sources\.env:2") as caught:
        load_env_file(path)
    assert "hunter2" not in str(caught.value)


def test_a_missing_variable_names_place_and_variable(monkeypatch):
    monkeypatch.delenv("YICI_HR_DROP", raising=False)
    with pytest.raises(ConfigurationError, match=r"systems\.yaml: hr\.root.*YICI_HR_DROP"):
        resolve_env("env:YICI_HR_DROP", "systems.yaml: hr.root")
    assert resolve_env("jwxt", "systems.yaml: academic.database") == "jwxt"


def test_a_kept_secret_is_made_once_and_only_its_owner_reads_it(tmp_path):
    assert kept_secret(tmp_path, "k", lambda: "first") == "first"
    assert kept_secret(tmp_path, "k", lambda: "another") == "first"
    assert (tmp_path / "keys" / "k").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["k"]


def test_the_clock_is_shifted_by_the_offset(monkeypatch):
    assert abs(now() - datetime.now(UTC)) < timedelta(seconds=5)
    monkeypatch.setenv("YICI_CLOCK_OFFSET_S", "-86400")
    assert abs(now() + timedelta(days=1) - datetime.now(UTC)) < timedelta(seconds=5)
    monkeypatch.setenv("YICI_CLOCK_OFFSET_S", "tomorrow")
    with pytest.raises(ConfigurationError, match="YICI_CLOCK_OFFSET_S"):
        now()


def test_scratch_is_private_and_gone_afterwards_and_so_is_what_a_killed_process_left(tmp_path, monkeypatch):
    monkeypatch.setenv("YICI_HOME", str(tmp_path))
    killed = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True
    )
    left = tmp_path / "tmp" / f"admit-{killed.stdout.strip()}-x"
    left.mkdir(parents=True)
    (left / "rows.parquet").write_text("a person's row")
    with scratch("extract") as folder:
        assert not left.exists()
        assert folder.stat().st_mode & 0o077 == 0
        with scratch("extract") as other:
            assert folder.exists() and other != folder
    assert not list((tmp_path / "tmp").iterdir())
