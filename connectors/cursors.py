"""SQL sources read through a Python driver: a cursor's rows, streamed into DuckDB as texts."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence

import duckdb
import pyarrow as pa

from catalogs.model import System
from connectors.batches import Stream
from connectors.sql import Relation, SqlSource


class CursorSource(SqlSource):
    """A source whose driver hands over rows; a relation of it can be read once."""

    def __init__(self, system: System, con: duckdb.DuckDBPyConnection):
        super().__init__(system, con)
        self._streams = 0
        self._stream: Stream | None = None

    @abstractmethod
    def batches(self, sql: str, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Run a query and yield its rows; whatever the driver raises is translated to a SourceError."""

    def relation(self, sql: str, names: Sequence[str]) -> Relation:
        """See `SqlSource.relation`."""
        if self._stream is not None:
            self.con.unregister(self._stream.name)
        self._streams += 1
        stream = Stream(self.con, f"stream_{self._streams}", names, self.batches(sql, names))
        self._stream = stream
        return Relation(f"SELECT * FROM {stream.name}", lambda: stream.failure)

    @property
    def has_unread_rows(self) -> bool:
        """True if the last relation was not read to its end."""
        return self._stream is not None and not self._stream.finished
