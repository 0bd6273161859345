"""Copying rows from DuckDB into PostgreSQL: whole or not at all."""

import threading

import duckdb
import psycopg
import pytest
from psycopg import sql

from tests.support.postgres import PgDatabase
from warehouse.bulk import copy_rows

TARGET = sql.Identifier("public", "target")


@pytest.fixture
def pg(pg_database: PgDatabase):
    with pg_database.connect(autocommit=True) as con:
        con.execute("CREATE TABLE target (n bigint CHECK (n < 250000), word text)")
        yield con


def _count(pg: psycopg.Connection) -> int:
    return pg.execute("SELECT count(*) FROM target").fetchone()[0]


def _encoders() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "encode"]


def test_rows_arrive_in_the_columns_named_whatever_their_number(pg: psycopg.Connection):
    duck = duckdb.connect()
    copy_rows(duck, "SELECT 'w' || i, i FROM range(200000) t(i)", pg, TARGET, ("word", "n"))
    copy_rows(duck, "SELECT 'w', 1::BIGINT WHERE false", pg, TARGET, ("word", "n"))
    assert pg.execute("SELECT count(*), sum(n), max(word) FROM target").fetchone() == (
        200_000, 199_999 * 100_000, "w99999",
    )  # fmt: skip


def test_no_value_is_lost_or_moved_where_rows_are_cut_into_pieces(pg: psycopg.Connection):
    pg.execute("CREATE TABLE kinds (n bigint, word text, is_even boolean, fen numeric(12, 2), day date)")
    query = (
        "SELECT i, CASE WHEN i % 3 > 0 THEN '第' || i END, CASE WHEN i % 7 > 0 THEN i % 2 = 0 END,"
        " CASE WHEN i % 5 > 0 THEN (i / 100)::DECIMAL(12, 2) END, DATE '2026-01-01' + (i % 300)::INTEGER"
        " FROM range(5000) t(i)"
    )
    duck = duckdb.connect()
    copy_rows(duck, query, pg, sql.Identifier("kinds"), ("n", "word", "is_even", "fen", "day"))
    assert pg.execute("SELECT * FROM kinds ORDER BY n").fetchall() == duck.execute(query).fetchall()


def test_a_query_that_fails_half_way_copies_nothing(pg: psycopg.Connection):
    query = "SELECT CASE WHEN i < 150000 THEN i ELSE error('broken') END::BIGINT, 'w' FROM range(200000) t(i)"
    # DuckDB may tell, instead of the error, that it therefore interrupted its other thread.
    with pytest.raises(duckdb.Error, match=r"broken|Interrupted"):
        copy_rows(duckdb.connect(), query, pg, TARGET, ("n", "word"))
    assert _count(pg) == 0
    assert not _encoders()


def test_a_row_that_the_server_refuses_ends_the_encoding_too(pg: psycopg.Connection):
    query = "SELECT i, 'w' FROM range(2000000) t(i)"
    with pytest.raises(psycopg.errors.CheckViolation):
        copy_rows(duckdb.connect(), query, pg, TARGET, ("n", "word"))
    assert _count(pg) == 0
    assert not _encoders()


def test_what_was_copied_counts_with_its_transaction(pg: psycopg.Connection):
    with pytest.raises(ZeroDivisionError), pg.transaction():
        copy_rows(duckdb.connect(), "SELECT 1::BIGINT, 'w'", pg, TARGET, ("n", "word"))
        raise ZeroDivisionError
    assert _count(pg) == 0
