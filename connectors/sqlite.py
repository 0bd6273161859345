"""SQLite files, read by Python's own driver in one read transaction.

SQLite types values, not columns, and DuckDB's scanner either refuses a text in an integer column or
writes reals with 15 digits; so each value is read as what it is and written as text.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import duckdb
import pyarrow as pa

from catalogs.found import FoundTable
from catalogs.model import Item, Resource, System
from catalogs.settings import ConfigurationError
from connectors import probe_sqlite
from connectors.base import (
    Column,
    SourceError,
    SourceRefused,
    SourceUnavailable,
    WarehousePin,
    family_of,
    setting,
)
from connectors.batches import BATCH_ROWS, text_batch
from connectors.cursors import CursorSource
from connectors.duck import literal, quote, session
from connectors.sql import TIMES, Table

_LOCK_S = 5
_STATEMENT_S = 600


class SqliteSource(CursorSource):
    """One SQLite file; a WAL file's writers are not held up, others wait with their commit."""

    def __init__(self, system: System, con: duckdb.DuckDBPyConnection, db: sqlite3.Connection):
        super().__init__(system, con)
        self.db = db

    def tables(self, only: Sequence[str] = ()) -> list[FoundTable]:
        """See `Source.tables`."""
        return probe_sqlite.tables(self)

    def table(self, resource: Resource) -> Table | None:
        """See `SqlSource.table`."""
        found = self.rows(
            f"SELECT name FROM sqlite_master WHERE type IN ('table', 'view') "
            f"AND lower(name) = lower({literal(resource.physical_name)}) "
            f"ORDER BY name <> {literal(resource.physical_name)} LIMIT 1"
        )
        if not found:
            return None
        name = found[0][0]
        columns = tuple(
            Column(column, kind, family_of(kind))
            for column, kind in self.rows(f"SELECT name, type FROM pragma_table_xinfo({literal(name)})")
        )
        return Table(quote(name), "", name, columns)

    def value(self, column: Column) -> str:
        """See `SqlSource.value`."""
        return quote(column.name)

    def text(self, expression: str) -> str:
        """See `SqlSource.text`."""
        return f"CAST({expression} AS TEXT)"

    def can_order(self, column: Column, item: Item) -> bool:
        """SQLite has no type for times, and ISO texts order as the times do: the contract says which are times."""
        return super().can_order(column, item) or item.logical_type in TIMES

    def rows(self, sql: str) -> list[tuple]:
        """See `SqlSource.rows`."""
        with _translated(self.system):
            return self.db.execute(sql).fetchall()

    def begin_snapshot(self) -> None:
        """See `SqlSource.begin_snapshot`."""
        with _translated(self.system):
            self.db.execute("BEGIN")

    def end_snapshot(self) -> None:
        """See `SqlSource.end_snapshot`."""
        with suppress(sqlite3.Error):
            self.db.execute("ROLLBACK")

    def is_broken(self) -> bool:
        """See `SqlSource.is_broken`; an unread rest of a stream does no harm here."""
        return not self.db.in_transaction

    def batches(self, sql: str, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """See `CursorSource.batches`."""
        with _translated(self.system):
            cursor = self.db.execute(sql)
            while rows := cursor.fetchmany(BATCH_ROWS):
                yield text_batch(rows, names)


@contextmanager
def open_kind(
    system: System, warehouse: WarehousePin | None = None, temp_dir: Path | None = None
) -> Iterator[SqliteSource]:
    """Open a SQLite system: setting `file`.

    Raises:
        SourceUnavailable: there is no such file now.
    """
    path = Path(setting(system, "file"))
    if not path.is_absolute():
        raise ConfigurationError(f"systems.yaml: {system.code}.file: give an absolute path")
    if not path.is_file():
        raise SourceUnavailable(
            f"{system.code}: there is no database file at the configured path; the last good state stays; "
            f"check {system.code}.file in systems.yaml"
        )
    with _translated(system):
        # DuckDB reads the stream from its own threads, one at a time.
        db = sqlite3.connect(
            f"{path.as_uri()}?mode=ro",
            uri=True,
            timeout=float(system.limits.get("lock_s", _LOCK_S)),
            isolation_level=None,
            check_same_thread=False,
        )
    with closing(db):
        db.execute("PRAGMA query_only = ON")
        with closing(session(temp_dir=temp_dir, extensions=())) as con:
            source = SqliteSource(system, con, db)
            try:
                yield source
            finally:
                source.end()


@contextmanager
def _translated(system: System) -> Iterator[None]:
    """Turn SQLite's errors into ours; its text may quote a value, so only its kind is told."""
    try:
        yield
    except sqlite3.Error as error:
        raise _source_error(error, system) from None


def _source_error(error: sqlite3.Error, system: System) -> SourceError:
    text = str(error)
    stays = "nothing was landed from this reading and the last good state stays"
    for marks, words, kind in _FAILURES:
        if any(mark in text for mark in marks):
            return kind(f"{system.code}: {words}; {stays}")
    return SourceRefused(f"{system.code}: SQLite failed ({type(error).__name__}); {stays}")


_FAILURES: tuple[tuple[tuple[str, ...], str, Callable[[str], SourceError]], ...] = (
    (("locked", "busy"), "the database is locked by another program", SourceUnavailable),
    (("unable to open",), "the database file cannot be opened", SourceUnavailable),
    (("UTF-8",), "a text value is not valid UTF-8", SourceRefused),
    (("no such",), "a table or column does not exist", SourceRefused),
    (("syntax error",), "the source could not parse the query", SourceRefused),
    (("malformed", "not a database"), "the file is damaged or not a SQLite database", SourceRefused),
)
