"""No value of a SQLite source changes on its way, whatever its column is declared as."""

import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from catalogs.model import System
from connectors.base import SourceRefused
from connectors.landing import Landing
from tests.connectors.alchemy import sqlite_dialect_system
from tests.connectors.build import item, resource, system
from tests.connectors.reading import land, rows
from tests.support.needs import need_program

WAYS: dict[str, Callable[[Path], System]] = {
    "sqlite": lambda path: system("sqlite", {"file": str(path)}),
    "sqlalchemy": sqlite_dialect_system,
}
VALUES = [
    0.1 + 0.2, 1e300, 5e-324, 12345678901234.56, 7.0, -0.5, 9223372036854775807, -9223372036854775808, 0,
    "text", "", " ", "007", "NULL", "𠮷😀", "it's", "a\nb", "2026-02-30", b"\x00\xff", b"", None,
]  # fmt: skip
TYPES = [
    "text",
    "varchar(12)",
    "char(6)",
    "blob",
    "decimal(10,2)",
    "integer",
    "real",
    "date",
    "timestamp",
    "",
]


def printed(path: Path, table: str) -> list[str | None]:
    """What the client prints as SQL constants, as the values that they stand for."""
    program = need_program("sqlite3", package="sqlite3")
    answer = subprocess.run(
        [program, "-quote", "-newline", "\x1e", str(path), f"SELECT v FROM {table} ORDER BY id"],
        check=True, capture_output=True,
    )  # fmt: skip
    return [value_of(constant) for constant in answer.stdout.decode().split("\x1e")[:-1]]


def value_of(constant: str) -> str | None:
    if constant == "NULL":
        return None
    if constant.startswith("X'"):
        return "\\x" + constant[2:-1].lower()
    if constant.startswith("'"):
        return constant[1:-1].replace("''", "'")
    return constant if constant.lstrip("-").isdigit() else repr(float(constant)).removesuffix(".0")


@pytest.mark.parametrize("declared", TYPES)
@pytest.mark.parametrize("way", WAYS)
def test_every_value_arrives_as_the_client_prints_it(
    way: str, declared: str, tmp_path: Path, landing: Landing
) -> None:
    path = tmp_path / "v.db"
    with sqlite3.connect(path) as db:
        db.execute(f"CREATE TABLE t (id integer PRIMARY KEY, v {declared})")
        db.executemany("INSERT INTO t VALUES (?, ?)", enumerate(VALUES))
    (manifest,) = land(landing, WAYS[way](path), resource("t", [item("id"), item("v")]))
    landed = sorted(rows(landing, manifest), key=lambda row: int(row[0]))
    told = printed(path, "t")
    assert len(told) == len(VALUES)
    assert [value for _, value in landed] == told


@pytest.mark.parametrize("way", WAYS)
def test_a_text_that_is_not_unicode_is_refused(way: str, tmp_path: Path, landing: Landing) -> None:
    path = tmp_path / "v.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE bad (v text)")
        db.execute("INSERT INTO bad VALUES (CAST(x'd5c5' AS TEXT))")
    with pytest.raises(SourceRefused, match="not valid UTF-8"):
        land(landing, WAYS[way](path), resource("bad", [item("v")]))
