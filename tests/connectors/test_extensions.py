"""The scanners that come as wheels: each loads as it was signed, and one that was changed does not."""

import shutil
import sys
from pathlib import Path
from types import ModuleType

import duckdb
import pytest

from connectors.duck import DuckError, session
from tests.support.duck import as_installed

SCANNERS = ("postgres_scanner", "mysql_scanner", "sqlite_scanner", "excel")


def changed_wheel(folder: Path, extension: str) -> ModuleType:
    """A wheel in which one byte of the extension's code is another."""
    wheel = __import__(f"duckdb_extension_{extension}")
    shutil.copytree(Path(wheel.__file__).parent, folder / wheel.__name__)
    (file,) = (folder / wheel.__name__).glob("extensions/*/*.duckdb_extension")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    return wheel


def test_every_scanner_is_signed_by_duckdb() -> None:
    with as_installed():
        con = session(extensions=SCANNERS)
    loaded = con.execute("SELECT extension_name FROM duckdb_extensions() WHERE loaded").fetchall()
    assert set(SCANNERS) <= {name for (name,) in loaded}
    settings = dict(con.execute("SELECT name, value FROM duckdb_settings()").fetchall())
    assert settings["allow_unsigned_extensions"] == "false"


def test_a_scanner_that_was_changed_is_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = changed_wheel(tmp_path, "sqlite_scanner")
    monkeypatch.delitem(sys.modules, wheel.__name__)
    monkeypatch.syspath_prepend(tmp_path)
    with as_installed(), pytest.raises(DuckError, match=f"does not load into DuckDB {duckdb.__version__}"):
        session(extensions=("sqlite_scanner",))
