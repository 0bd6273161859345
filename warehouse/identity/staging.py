"""Rows on their way from PostgreSQL through Python into DuckDB: a batch at a time, so that memory stays flat."""

import itertools
from collections.abc import Iterator

import duckdb
import psycopg
import pyarrow as pa
from psycopg import sql

ROWS = 5_000


def stream(con: psycopg.Connection, statement: sql.Composable) -> Iterator[tuple]:
    """Yield rows from a cursor on the server; the connection is in a transaction."""
    with con.cursor(name="identity_rows") as cursor:
        cursor.itersize = ROWS
        cursor.execute(statement)
        yield from cursor


def fill(duck: duckdb.DuckDBPyConnection, table: str, schema: pa.Schema, rows: Iterator[tuple]) -> None:
    """Make a table of rows."""
    duck.from_arrow(schema.empty_table()).create(table)
    while found := list(itertools.islice(rows, ROWS)):
        columns = [
            pa.array(column, field.type)
            for column, field in zip(zip(*found, strict=True), schema, strict=True)
        ]
        duck.from_arrow(pa.table(columns, schema=schema)).insert_into(table)


def fetched(duck: duckdb.DuckDBPyConnection, query: str) -> Iterator[tuple]:
    """Yield a query's rows from a cursor of their own: another query of the session may run meanwhile."""
    with duck.cursor() as cursor:
        cursor.execute(query)
        while found := cursor.fetchmany(ROWS):
            yield from found
