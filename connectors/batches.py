"""Python values to Arrow texts: for sources that DuckDB cannot scan, or not without changing a value.

Every value becomes the text that reads back as exactly that value; a batch at a time, so that memory
does not grow with the table. The stream is registered in DuckDB, so landing sees a query as always.
"""

import datetime
import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa

from connectors.base import SourceError

# One vector of DuckDB: rows that are still in the processor's cache when they are turned into columns
# take two thirds of the time.
BATCH_ROWS = 2_048
_ARROW_WRITES = (int, bool)
_SELDOM = 100_000  # objects more than before


def as_text(value: Any) -> str | None:
    """Write one value as text: numbers to the last digit, bytes as PostgreSQL's `\\x…`, times ISO."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return "\\x" + bytes(value).hex()
    return str(value)


def text_column(values: Sequence[Any]) -> pa.Array:
    """Return a column of texts; columns of one plain type take Arrow's own conversion."""
    kinds = set(map(type, values))
    kinds.discard(type(None))
    if kinds <= {str}:
        return pa.array(values, pa.string())
    if len(kinds) == 1 and kinds.issubset(_ARROW_WRITES):
        try:
            return pa.array(values).cast(pa.string())
        except (OverflowError, pa.ArrowInvalid):
            pass  # beyond 64 bits: written one by one
    return pa.array([as_text(value) for value in values], pa.string())


def text_batches(rows: Iterable[Sequence[Any]], names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Cut rows into batches of `BATCH_ROWS`, every column text."""
    held: list[Sequence[Any]] = []
    for row in rows:
        held.append(row)
        if len(held) == BATCH_ROWS:
            yield text_batch(held, names)
            held = []
    if held:
        yield text_batch(held, names)


def text_batch(rows: Sequence[Sequence[Any]], names: Sequence[str]) -> pa.RecordBatch:
    """Turn one or more rows into one batch."""
    columns = [text_column(column) for column in zip(*rows, strict=True)]
    return pa.RecordBatch.from_arrays(columns, names=list(names))


def utf8_batch(rows: Sequence[Sequence[bytes | None]], names: Sequence[str]) -> pa.RecordBatch:
    """Turn rows of nothing but texts as they came over the wire into one batch; no text is made of a value on the way.

    Raises:
        pa.ArrowInvalid: a value is not UTF-8.
    """
    columns = [pa.array(column, pa.binary()).cast(pa.string()) for column in zip(*rows, strict=True)]
    return pa.RecordBatch.from_arrays(columns, names=list(names))


class Stream:
    """A stream of batches registered in DuckDB under `name`; it may be read once.

    DuckDB wraps what a stream raises into an error of its own, so the SourceError is kept in `failure`.

    Args:
        con: session that will read it.
        name: of the registered relation.
        columns: their names; all are texts.
        batches: may raise SourceError, and only that.
    """

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        name: str,
        columns: Sequence[str],
        batches: Iterator[pa.RecordBatch],
    ):
        self.name = name
        self.failure: SourceError | None = None
        self.rows = 0
        self.finished = False
        schema = pa.schema([(column, pa.string()) for column in columns])
        con.register(name, pa.RecordBatchReader.from_batches(schema, self._watched(batches)))

    def _watched(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        try:
            with _seldom_collected():
                for batch in batches:
                    self.rows += batch.num_rows
                    yield batch
        except SourceError as error:
            self.failure = error
            raise
        self.finished = True


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """Look for cycles only where objects pile up: rows make none, and looking takes a third of reading them."""
    before = gc.get_threshold()
    gc.set_threshold(_SELDOM, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
