"""MySQL and MariaDB: one consistent, read-only transaction on one connection, rows streamed as texts.

The server writes every value itself (the text protocol), so nothing is converted on the way. DuckDB's
scanner is not used: in 1.5.5 it has two ways to read, and neither will do. A table scan stays in the
transaction but turns zero dates into NULL, `decimal(65,30)` into DOUBLE and fails on `2024-00-00`;
`mysql_query` can cast in the source but runs on another connection, outside the snapshot, unless it
keeps the whole result in memory.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pymysql
from pymysql.constants import CR, ER
from pymysql.converters import encoders
from pymysql.cursors import SSCursor

from catalogs.model import Resource, System
from connectors.base import (
    Column,
    SourceError,
    SourceRefused,
    SourceUnavailable,
    WarehousePin,
    check_settings,
    family_of,
    setting,
)
from connectors.batches import BATCH_ROWS, text_batch
from connectors.cursors import CursorSource
from connectors.duck import session
from connectors.sql import Table, split_name

_CONNECT_S = 10
_STATEMENT_S = 600
_LOCK_WAIT_S = 5
_BINARY = ("binary", "blob", "bit", "geometry", "point", "polygon", "linestring")
_COLUMNS = """
SELECT table_schema, table_name, column_name, column_type, data_type
FROM information_schema.columns
WHERE table_schema = coalesce({schema}, database()) AND lower(table_name) = lower({name})
ORDER BY BINARY table_name <> {name}, ordinal_position
"""


@dataclass(frozen=True)
class MyColumn(Column):
    """A column with MySQL's bare type name, without length or sign."""

    base: str


class MySqlSource(CursorSource):
    """One connection; a stream that was not read to its end costs the connection, hence the snapshot."""

    def __init__(self, system: System, con: duckdb.DuckDBPyConnection):
        super().__init__(system, con)
        self.db: pymysql.Connection | None = None

    def name(self, identifier: str) -> str:
        """Quote an identifier in backticks."""
        return "`" + identifier.replace("`", "``") + "`"

    def table(self, resource: Resource) -> Table | None:
        """See `SqlSource.table`."""
        schema, name = split_name(resource.physical_name)
        found = self.rows(
            _COLUMNS.format(schema=_constant(schema) if schema else "NULL", name=_constant(name))
        )
        if not found:
            return None
        schema_name, table_name = found[0][:2]
        columns = tuple(
            MyColumn(column, kind, family_of(kind), base)
            for _, table, column, kind, base in found
            if table == table_name
        )
        return Table(f"{self.name(schema_name)}.{self.name(table_name)}", schema_name, table_name, columns)

    def value(self, column: Column) -> str:
        """See `SqlSource.value`; only what is not text on the wire is written out by the source."""
        assert isinstance(column, MyColumn)
        name = self.name(column.name)
        if column.base == "bit":
            return f"CAST({name} + 0 AS CHAR)"
        if column.base.endswith(_BINARY):
            return f"CONCAT('\\\\x', LOWER(HEX({name})))"
        return name

    def text(self, expression: str) -> str:
        """See `SqlSource.text`."""
        return f"CAST({expression} AS CHAR)"

    def finish(self, column: Column, alias: str) -> str:
        """`timestamp` is an instant, written in the session's zone, which is UTC; a zero date is none."""
        assert isinstance(column, MyColumn)
        if column.base != "timestamp":
            return alias
        return f"CASE WHEN {alias} LIKE '0000-%' THEN {alias} ELSE {alias} || '+00' END"

    def rows(self, sql: str) -> list[tuple]:
        """See `SqlSource.rows`."""
        with self._translated(), self._connection().cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def begin_snapshot(self) -> None:
        """See `SqlSource.begin_snapshot`; the time limits are the server's own."""
        limit_s = float(self.system.limits.get("statement_s", _STATEMENT_S))
        with self._translated():
            self.db = self._connect()
            is_mariadb = "mariadb" in self.db.get_server_info().lower()
            with self.db.cursor() as cursor:
                cursor.execute("SET SESSION time_zone = '+00:00'")
                cursor.execute(f"SET SESSION lock_wait_timeout = {_LOCK_WAIT_S}")
                if is_mariadb:
                    cursor.execute(f"SET SESSION max_statement_time = {limit_s}")
                else:
                    cursor.execute(f"SET SESSION max_execution_time = {int(limit_s * 1000)}")
                cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")

    def end_snapshot(self) -> None:
        """See `SqlSource.end_snapshot`; closing the connection spares reading the rest of a stream."""
        if self.db is not None:
            with suppress(pymysql.Error, OSError):
                self.db._force_close()
            self.db = None

    def is_broken(self) -> bool:
        """See `SqlSource.is_broken`."""
        return self.has_unread_rows or self.db is None or not self.db.open

    def batches(self, sql: str, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """See `CursorSource.batches`."""
        with self._translated(), self._connection().cursor(SSCursor) as cursor:
            cursor.execute(sql)
            while rows := cursor.fetchmany(BATCH_ROWS):
                yield text_batch(rows, names)

    def _connection(self) -> pymysql.Connection:
        if self.db is None:
            raise SourceUnavailable(f"{self.system.code}: the connection was closed")
        return self.db

    def _connect(self) -> pymysql.Connection:
        system = self.system
        host = setting(system, "host")
        is_socket = host.startswith("/")
        return pymysql.connect(
            unix_socket=host if is_socket else None,
            host=None if is_socket else host,
            port=0 if is_socket else int(setting(system, "port", "3306")),
            database=setting(system, "database"),
            user=setting(system, "user"),
            password=setting(system, "password", ""),
            charset="utf8mb4",
            connect_timeout=_CONNECT_S,
            read_timeout=float(system.limits.get("statement_s", _STATEMENT_S)) + _CONNECT_S,
            conv=encoders,
            autocommit=True,
        )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn the driver's errors into ours; its text may quote a value, so only its kind is told."""
        try:
            yield
        except (pymysql.Error, OSError) as error:
            raise _source_error(error, self.system) from None
        except UnicodeDecodeError:
            raise SourceRefused(
                f"{self.system.code}: a text value is not valid in its column's character set; nothing was "
                f"landed from this reading and the last good state stays"
            ) from None


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
    ER.BAD_FIELD_ERROR: (False, "a column does not exist"),
    ER.PARSE_ERROR: (False, "the source could not parse the query"),
}


def _source_error(error: pymysql.Error | OSError, system: System) -> SourceError:
    code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    transient, words = _KINDS.get(code, (isinstance(error, OSError), f"the driver failed (error {code})"))
    kind = SourceUnavailable if transient else SourceRefused
    return kind(
        f"{system.code}: {words}; nothing was landed from this reading and the last good state stays"
        f"{check_settings(system, words)}"
    )


def _constant(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


@contextmanager
def open_kind(
    system: System, warehouse: WarehousePin | None = None, temp_dir: Path | None = None
) -> Iterator[MySqlSource]:
    """Open a MySQL or MariaDB system: settings host (a path is a socket), port, database, user, password."""
    with closing(session(temp_dir=temp_dir, extensions=())) as con:
        source = MySqlSource(system, con)
        try:
            yield source
        finally:
            source.end()
