"""For any rows: what a source holds is what landing holds, no row and no value lost, added or changed."""

import itertools
import json
import os
import sqlite3
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalogs.model import Resource, System
from connectors.landing import Landing
from tests.connectors.build import item, resource, system
from tests.connectors.conftest import maria_system, pg_system
from tests.connectors.reading import land, rows

TEXTS = st.text(
    st.characters(blacklist_categories=("Cs",), blacklist_characters="\0\r"), max_size=20
) | st.sampled_from(["", " ", "007", "𠮷𡈽", "😀", 'a"b', "a,b", "x\ny", "NULL", "\\N", "\t", "'"])
DECIMALS = st.decimals(-(10**12), 10**12, places=2, allow_nan=False)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
DATES = st.dates().map(str)
ROWS = st.lists(
    st.tuples(*(st.none() | values for values in (TEXTS, DECIMALS, INTEGERS, DATES))), min_size=1, max_size=60
)
ITEMS = [
    item("t"),
    item("d", logical_type="number"),
    item("i", logical_type="integer"),
    item("on", logical_type="date"),
]
CONTRACT = resource("t", ITEMS)
OFTEN = settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
_ids = itertools.count(1)


def texts(found: list[tuple]) -> Counter:
    return Counter(tuple(None if value is None else str(value) for value in row) for row in found)


def assert_lands_equal(landing: Landing, source: System, contract: Resource, given_rows: list[tuple]) -> None:
    (manifest,) = land(landing, source, contract, extract_id=next(_ids))
    assert manifest.rows == len(given_rows)
    assert texts(rows(landing, manifest)) == texts(given_rows)


@OFTEN
@given(found=ROWS)
def test_postgres(found: list[tuple], pg_database, landing: Landing) -> None:
    with pg_database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            'DROP TABLE IF EXISTS t; CREATE TABLE t (t text, d numeric(16,2), i bigint, "on" date)'
        )
        cursor.executemany("INSERT INTO t VALUES (%s, %s, %s, %s)", found)
    assert_lands_equal(landing, pg_system(pg_database), CONTRACT, found)


@OFTEN
@given(found=ROWS)
def test_mariadb(found: list[tuple], mariadb_database, landing: Landing) -> None:
    with mariadb_database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE OR REPLACE TABLE t (t text, d decimal(16,2), i bigint, `on` varchar(10))")
        cursor.executemany("INSERT INTO t VALUES (%s, %s, %s, %s)", found)
    assert_lands_equal(landing, maria_system(mariadb_database), CONTRACT, found)


@OFTEN
@given(found=ROWS)
def test_sqlite(found: list[tuple], tmp_path: Path, landing: Landing) -> None:
    path = tmp_path / "t.db"
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE IF EXISTS t")
        db.execute('CREATE TABLE t (t text, d text, i bigint, "on" date)')
        as_stored = [(t, None if d is None else str(d), i, on) for t, d, i, on in found]
        db.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", as_stored)
    assert_lands_equal(landing, system("sqlite", {"file": str(path)}), CONTRACT, found)


@pytest.mark.parametrize(("encoding", "end"), [("utf-8", "\n"), ("gb18030", "\r\n")])
@OFTEN
@given(found=ROWS)
def test_csv(found: list[tuple], encoding: str, end: str, tmp_path: Path, landing: Landing) -> None:
    lines = ["t,d,i,on"]
    for row in found:
        quoted = ('"' + str(value).replace('"', '""') + '"' if value is not None else "" for value in row)
        lines.append(",".join(quoted))
    write(tmp_path / "drop" / "t.csv", (end.join(lines) + end).encode(encoding))
    contract = resource("t.csv", ITEMS, read={"encoding": encoding})
    assert_lands_equal(landing, system("files", {"root": str(tmp_path / "drop")}), contract, found)


@OFTEN
@given(found=ROWS)
def test_json_lines(found: list[tuple], tmp_path: Path, landing: Landing) -> None:
    lines = []
    for t, d, i, on in found:
        number = "null" if d is None else format(d, "f")
        lines.append(f'{{"t": {json.dumps(t)}, "d": {number}, "i": {json.dumps(i)}, "on": {json.dumps(on)}}}')
    write(tmp_path / "drop" / "t.jsonl", "\n".join(lines).encode())
    contract = resource("t.jsonl", ITEMS)
    source = system("files", {"root": str(tmp_path / "drop")})
    assert_lands_equal(landing, source, contract, [(t, d and format(d, "f"), i, on) for t, d, i, on in found])


def write(path: Path, content: bytes) -> None:
    """Put a file down as if it had arrived a minute ago."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (path.stat().st_mtime - 60,) * 2)
