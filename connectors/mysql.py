"""MySQL and MariaDB: one consistent, read-only transaction on one connection, rows streamed as texts.

The server writes every value itself (the text protocol), so nothing is converted on the way. DuckDB's
scanner is not used: in 1.5.5 it has two ways to read, and neither will do. A table scan stays in the
transaction but turns zero dates into NULL, `decimal(65,30)` into DOUBLE and fails on `2024-00-00`;
`mysql_query` can cast in the source but runs on another connection, outside the snapshot, and costs the
server four times as much. The driver is asyncmy because it cuts rows in C: it keeps up with the
server's own client, so that nothing need be read in parallel, outside the snapshot
(docs/decisions/0011-mysql-reading.md). Its connection lives in an event loop of the source's own.
"""

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import asyncmy
import duckdb
import pyarrow as pa
from asyncmy.constants import CR, ER
from asyncmy.cursors import SSCursor
from asyncmy.errors import MySQLError

from catalogs.found import FoundTable
from catalogs.model import Resource, System
from connectors import probe_mysql
from connectors.base import (
    Column,
    SourceError,
    SourceRefused,
    SourceUnavailable,
    WarehousePin,
    check_settings,
    family_of,
    setting,
    unavailable,
)
from connectors.batches import BATCH_ROWS, utf8_batch
from connectors.cursors import CursorSource
from connectors.duck import session
from connectors.sql import MYSQL_MODE, Table, split_name

_T = TypeVar("_T")
_CONNECT_S = 10
_STATEMENT_S = 600
_LOCK_S = 5
# Types that the server writes as texts of its own making; columns with a character set are texts anyway.
_WRITTEN = frozenset(
    {"tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double"}
    | {"date", "datetime", "timestamp", "time", "year", "json", "inet4", "inet6", "uuid"}
)
_COLUMNS = """
SELECT c.table_schema, c.table_name, c.column_name, c.column_type, c.data_type, c.character_set_name,
       e.transactions
FROM information_schema.columns c
JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
LEFT JOIN information_schema.engines e ON e.engine = t.engine
WHERE c.table_schema = coalesce({schema}, database()) AND lower(c.table_name) = lower({name})
ORDER BY BINARY c.table_name <> {name}, c.ordinal_position
"""


@dataclass(frozen=True)
class MyColumn(Column):
    """A column with MySQL's bare type name, without length or sign, and whether it has a character set."""

    base: str
    is_text: bool


class MySqlSource(CursorSource):
    """One connection; a stream that was not read to its end costs the connection, hence the snapshot."""

    def __init__(self, system: System, con: duckdb.DuckDBPyConnection, loop: asyncio.AbstractEventLoop):
        super().__init__(system, con)
        self.db: asyncmy.Connection | None = None
        self.limit_s = float(system.limits.get("statement_s", _STATEMENT_S))
        self._loop = loop
        self._locks = False

    def name(self, identifier: str) -> str:
        """Quote an identifier in backticks."""
        return "`" + identifier.replace("`", "``") + "`"

    def tables(self, only: Sequence[str] = ()) -> list[FoundTable]:
        """See `Source.tables`."""
        return probe_mysql.tables(self)

    def table(self, resource: Resource) -> Table | None:
        """See `SqlSource.table`."""
        schema, name = split_name(resource.physical_name)
        found = self.rows(
            _COLUMNS.format(schema=self.literal(schema) if schema else "NULL", name=self.literal(name))
        )
        if not found:
            return None
        schema_name, table_name = found[0][:2]
        self._locks = found[0][-1] == "NO"
        columns = tuple(
            MyColumn(column, kind, family_of(kind), base, charset is not None)
            for _, table, column, kind, base, charset, _ in found
            if table == table_name
        )
        return Table(f"{self.name(schema_name)}.{self.name(table_name)}", schema_name, table_name, columns)

    def value(self, column: Column) -> str:
        """See `SqlSource.value`; only what is not text on the wire is written out by the source."""
        assert isinstance(column, MyColumn)
        name = self.name(column.name)
        if column.base == "bit":
            return f"CAST({name} + 0 AS CHAR)"
        if column.is_text or column.base in _WRITTEN:
            return name
        return f"CONCAT('\\\\x', LOWER(HEX({name})))"

    def literal(self, text: str) -> str:
        """See `SqlSource.literal`; a backslash escapes what follows it."""
        return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"

    def text(self, expression: str) -> str:
        """See `SqlSource.text`."""
        return f"CAST({expression} AS CHAR)"

    def is_instant(self, column: Column) -> bool:
        """See `SqlSource.is_instant`."""
        assert isinstance(column, MyColumn)
        return column.base == "timestamp"

    def finish(self, column: Column, alias: str) -> str:
        """`timestamp` is an instant, written in the session's zone, which is UTC; a zero date is none."""
        assert isinstance(column, MyColumn)
        if column.base != "timestamp":
            return alias
        return f"CASE WHEN {alias} LIKE '0000-%' THEN {alias} ELSE {alias} || '+00' END"

    def rows(self, sql: str) -> list[tuple]:
        """See `SqlSource.rows`."""
        cursor = self._connection().cursor()
        with self._translated():
            self._wait(cursor.execute(sql))
            return [tuple(map(_text, row)) for row in self._wait(cursor.fetchall())]

    def begin_snapshot(self) -> None:
        """See `SqlSource.begin_snapshot`; the time limits are the server's own."""
        with self._translated():
            self.db = self._wait(self._connect())
        patience_s = max(int(self.max_snapshot_s), 1)
        for statement in (
            MYSQL_MODE,
            "SET SESSION time_zone = '+00:00'",
            f"SET SESSION lock_wait_timeout = {int(self.system.limits.get('lock_s', _LOCK_S))}",
            # How long the server keeps a session that asks nothing, or does not take what it is sent.
            f"SET SESSION wait_timeout = {patience_s}, net_write_timeout = {patience_s}",
            self._time_limit(self.limit_s),
            "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
            "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
        ):
            self.rows(statement)

    def end_snapshot(self) -> None:
        """See `SqlSource.end_snapshot`; closing the connection spares reading the rest of a stream."""
        if self.db is not None:
            self.db.close()
            self._wait(asyncio.sleep(0))  # the loop closes the socket when it next turns
            self.db = None

    def is_broken(self) -> bool:
        """See `SqlSource.is_broken`."""
        return self.has_unread_rows or self.db is None or not self.db.connected

    def batches(self, sql: str, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """See `CursorSource.batches`."""
        self.rows(self._time_limit(min(self.limit_s, self.time_left_s())))
        # A table of an engine without snapshots (MyISAM) is locked until all is sent, or copied by the server.
        self.rows(f"SET SESSION sql_buffer_result = {int(self._locks)}")
        cursor = self._connection().cursor(SSCursor)
        with self._translated():
            self._wait(cursor.execute(sql))
            while rows := self._wait(cursor.fetchmany(BATCH_ROWS)):
                yield utf8_batch(rows, names)  # `value` sees to it that all are texts

    def _time_limit(self, seconds: float) -> str:
        if "mariadb" in self._connection().get_server_info().lower():
            return f"SET SESSION max_statement_time = {seconds}"
        return f"SET SESSION max_execution_time = {int(seconds * 1000)}"

    def _connection(self) -> asyncmy.Connection:
        if self.db is None:
            raise SourceUnavailable(f"{self.system.code}: the connection was closed")
        return self.db

    def _wait(self, answer: Awaitable[_T]) -> _T:
        return self._loop.run_until_complete(self._listening(answer))

    async def _listening(self, answer: Awaitable[_T]) -> _T:
        """Listen to the server only while an answer is waited for.

        The driver takes whatever comes in, wanted or not: a table would pile up in memory ahead of a slow
        reader. Not listening makes the server wait. (The driver's own `read_timeout` has the same effect.)
        """
        transport = self.db._transport if self.db else None
        if transport:
            transport.resume_reading()
        try:
            # Only for a connection that died without a word: the server keeps the limit by itself.
            async with asyncio.timeout(self.limit_s + _CONNECT_S):
                return await answer
        finally:
            if transport:
                transport.pause_reading()

    async def _connect(self) -> asyncmy.Connection:
        system = self.system
        host = setting(system, "host")
        is_socket = host.startswith("/")
        return await asyncmy.connect(
            unix_socket=host if is_socket else None,
            host=None if is_socket else host,
            port=0 if is_socket else int(setting(system, "port", "3306")),
            database=setting(system, "database"),
            user=setting(system, "user"),
            password=setting(system, "password", ""),
            charset="utf8mb4",
            connect_timeout=_CONNECT_S,
            conv={},
            use_unicode=False,
            autocommit=True,
        )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn the driver's errors into ours; its text may quote a value, so only its kind is told."""
        try:
            yield
        except (MySQLError, OSError) as error:
            raise _source_error(error, self.system) from None
        except (UnicodeDecodeError, pa.ArrowInvalid):
            raise SourceRefused(
                f"{self.system.code}: a text value is not valid in its column's character set; nothing was "
                f"landed from this reading and the last good state stays"
            ) from None


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()


_KINDS = {
    CR.CR_CONN_HOST_ERROR: (True, "no connection"),
    CR.CR_CONNECTION_ERROR: (True, "no connection"),
    CR.CR_SERVER_GONE_ERROR: (True, "the connection broke"),
    CR.CR_SERVER_LOST: (True, "the connection broke"),
    ER.CON_COUNT_ERROR: (True, "the source has no free connection"),
    ER.TOO_MANY_USER_CONNECTIONS: (True, "the source has no free connection"),
    ER.SERVER_SHUTDOWN: (True, "the source is shutting down"),
    ER.LOCK_WAIT_TIMEOUT: (True, "the source is locked by another session"),
    ER.LOCK_DEADLOCK: (True, "the source broke a deadlock"),
    ER.QUERY_INTERRUPTED: (True, "the query was interrupted"),
    1969: (True, "the source's time limit was reached"),  # MariaDB: max_statement_time
    3024: (True, "the source's time limit was reached"),  # MySQL: max_execution_time
    1927: (True, "the connection was killed"),
    ER.ACCESS_DENIED_ERROR: (False, "user or password refused"),
    ER.DBACCESS_DENIED_ERROR: (False, "the reading user lacks permission"),
    ER.TABLEACCESS_DENIED_ERROR: (False, "the reading user lacks permission"),
    ER.COLUMNACCESS_DENIED_ERROR: (False, "the reading user lacks permission"),
    ER.BAD_DB_ERROR: (False, "the database does not exist"),
    ER.NO_SUCH_TABLE: (False, "a table does not exist"),
    1356: (False, "a view is of something that is gone, or that its owner may not read"),
    ER.BAD_FIELD_ERROR: (False, "a column does not exist"),
    ER.PARSE_ERROR: (False, "the source could not parse the query"),
}


def _source_error(error: MySQLError | OSError, system: System) -> SourceError:
    code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    transient, words = _KINDS.get(code, (isinstance(error, OSError), f"the driver failed (error {code})"))
    kind = unavailable(words) if transient else SourceRefused
    return kind(
        f"{system.code}: {words}; nothing was landed from this reading and the last good state stays"
        f"{check_settings(system, words)}"
    )


@contextmanager
def open_kind(
    system: System, warehouse: WarehousePin | None = None, temp_dir: Path | None = None
) -> Iterator[MySqlSource]:
    """Open a MySQL or MariaDB system: settings host (a path is a socket), port, database, user, password."""
    with closing(asyncio.new_event_loop()) as loop, closing(session(temp_dir=temp_dir, extensions=())) as con:
        source = MySqlSource(system, con, loop)
        try:
            yield source
        finally:
            source.end_snapshot()
