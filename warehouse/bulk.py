"""Rows out of DuckDB into PostgreSQL: one binary COPY, encoded beside the server's work, in the caller's transaction.

DuckDB's own writer encodes a chunk, waits for the server to take it, and only then encodes the next; here a thread
encodes ahead while the connection's thread sends, so that both processors work (measured in docs/performance.md).
"""

from collections.abc import Iterable, Iterator
from queue import Queue
from threading import Event, Thread

import duckdb
import pgpq
import psycopg
from psycopg import sql

_ROWS = 8192  # of a batch that DuckDB hands over
# Rows encoded at once, some 250 KB: nothing is sent meanwhile, and the server has that much at most to go on with.
_PIECE = 2048
_AHEAD = 32  # pieces encoded and not sent yet


def copy_rows(
    duck: duckdb.DuckDBPyConnection,
    query: str,
    pg: psycopg.Connection,
    table: sql.Composable,
    columns: Iterable[str],
    frozen: bool = False,
) -> None:
    """Append the rows of a DuckDB query to a PostgreSQL table.

    Args:
        duck: the session that runs the query; nobody else uses it meanwhile.
        query: its columns have the types of `columns`, in their order.
        pg: the connection; what was copied counts when its transaction commits.
        table: the table, quoted.
        columns: those that the query fills.
        frozen: the rows need no later visit of the server; only in the transaction that made or emptied the table.

    Raises:
        duckdb.Error: the query failed; nothing of it was copied.
        psycopg.Error: the server refused a row, or the connection broke; nothing was copied.
    """
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary{})").format(
        table, sql.SQL(", ").join(map(sql.Identifier, columns)), sql.SQL(", FREEZE" if frozen else "")
    )
    with pg.cursor() as cursor, cursor.copy(statement) as copy:
        for block in _ahead(_encoded(duck, query)):
            copy.write(block)


def _encoded(duck: duckdb.DuckDBPyConnection, query: str) -> Iterator[bytes]:
    batches = duck.execute(query).to_arrow_reader(_ROWS)
    encoder = pgpq.ArrowToPostgresBinaryEncoder(batches.schema)
    yield encoder.write_header()
    try:
        for batch in batches:
            for start in range(0, len(batch), _PIECE):
                yield encoder.write_batch(batch.slice(start, _PIECE))
    except OSError as error:
        # Arrow's stream says no more of what failed in DuckDB.
        raise duckdb.Error(str(error)) from error
    yield encoder.finish()


def _ahead(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what `blocks` yields, made by a thread that is some blocks ahead; its error is raised here."""
    made: Queue[bytes | BaseException | None] = Queue(_AHEAD)
    given_up = Event()

    def make() -> None:
        end: BaseException | None = None
        try:
            for block in blocks:
                if given_up.is_set():
                    return
                made.put(block)
        except BaseException as error:  # noqa: BLE001 - it is raised again where the blocks are taken
            end = error
        made.put(end)

    thread = Thread(target=make, name="encode", daemon=True)
    thread.start()
    try:
        while isinstance(block := made.get(), bytes):
            yield block
        if block is not None:
            raise block
    finally:
        given_up.set()
        while thread.is_alive():
            while not made.empty():
                made.get_nowait()
            thread.join(0.01)
