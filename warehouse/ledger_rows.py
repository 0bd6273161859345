"""Rows of our own tables as lines of JSON, written and read back by PostgreSQL itself.

What the warehouse knows about extracts, releases and links has to survive it. PostgreSQL turns a row into JSON and
back without loss, whatever its types, and a line that lacks a column of a newer version takes that column's default.
"""

import gzip
import itertools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import psycopg
from psycopg import sql

from warehouse.tables import metadata

_BATCH = 2000
# Parents first, as their foreign keys ask.
TABLES = tuple(table.name for table in metadata.sorted_tables)


def write_rows(con: psycopg.Connection, selects: Iterable[tuple[str, str]], file: Path) -> int:
    """Write rows into a gzipped file, one line `{"table": …, "row": {…}}` each; returns how many.

    Args:
        con: any connection that may read the tables.
        selects: table → query that gives one jsonb column, in the order in which they shall be read back.
        file: written anew.
    """
    count = 0
    # Without a time stamp, the same rows make the same file.
    with file.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as out, con.transaction():
        for table, query in selects:
            with con.cursor(name="ledger_rows") as cursor:
                cursor.itersize = _BATCH
                cursor.execute(sql.SQL("SELECT row::text FROM ({}) AS found (row)").format(sql.SQL(query)))
                for (row,) in cursor:
                    out.write(f'{{"table": "{table}", "row": {row}}}\n'.encode())
                    count += 1
    return count


def read_rows(file: Path) -> Iterator[tuple[str, dict]]:
    """Yield (table, row) of every line, in the file's order."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for line in lines:
            value = json.loads(line)
            yield value["table"], value["row"]


def put_rows(con: psycopg.Connection, rows: Iterable[tuple[str, dict]]) -> None:
    """Write rows into their tables, ids included; a row whose id is there replaces it."""
    for table, group in itertools.groupby(rows, key=lambda pair: pair[0]):
        known = metadata.tables[f"yici.{table}"]
        for batch in _batches((row for _, row in group), _BATCH):
            columns = [column for column in batch[0] if column in known.c]
            key = [column.name for column in known.primary_key]
            listed = sql.SQL(", ").join(map(sql.Identifier, columns))
            changed = sql.SQL(", ").join(
                sql.SQL("{0} = excluded.{0}").format(sql.Identifier(column))
                for column in columns
                if column not in key
            )
            con.execute(
                sql.SQL(
                    "INSERT INTO yici.{table} ({columns}) OVERRIDING SYSTEM VALUE"
                    " SELECT {columns} FROM jsonb_populate_recordset(NULL::yici.{table}, %s::jsonb)"
                    " ON CONFLICT ({key}) DO UPDATE SET {changed}"
                ).format(
                    table=sql.Identifier(table),
                    columns=listed,
                    key=sql.SQL(", ").join(map(sql.Identifier, key)),
                    changed=changed,
                ),
                [json.dumps(batch, ensure_ascii=False)],
            )


def set_sequences(con: psycopg.Connection) -> None:
    """Let every sequence go on after the highest number in use."""
    for table in metadata.sorted_tables:
        for column in table.primary_key:
            found = con.execute(
                "SELECT pg_get_serial_sequence(%s, %s)", [f"yici.{table.name}", column.name]
            ).fetchone()[0]
            if found:
                _go_on(con, found, table.name, column.name)
    for table in ("extract", "release"):
        _go_on(con, f"yici.{table}_id", table, "id")


def _go_on(con: psycopg.Connection, sequence: str, table: str, column: str) -> None:
    con.execute(
        sql.SQL(
            "SELECT setval({sequence}, greatest(max({column}), (SELECT last_value FROM {name})))"
            " FROM yici.{table}"
        ).format(
            sequence=sql.Literal(sequence),
            name=sql.SQL(sequence),
            column=sql.Identifier(column),
            table=sql.Identifier(table),
        )
    )


def _batches(rows: Iterator[dict], size: int) -> Iterator[list[dict]]:
    while batch := list(itertools.islice(rows, size)):
        yield batch
