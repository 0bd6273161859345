"""Any other database that SQLAlchemy speaks to: Oracle, SQL Server, Dameng, and what speaks like those we know.

The source itself writes as text whatever a driver would convert (numbers, times, JSON …); only texts and
bytes are fetched as they are. Quoting, casts and constants are SQLAlchemy's, so that a dialect it knows needs
no line here; what it cannot know about a dialect is `connectors.manners`. Oracle's driver hands over Arrow
tables itself. A driver is an extra: a missing one is named with the command that installs it.
"""

import re
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects import mssql, mysql, oracle, postgresql
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SAWarning, SQLAlchemyError
from sqlalchemy.pool import NullPool
from sqlalchemy.types import TypeEngine

from catalogs.found import FoundTable
from catalogs.model import Resource, System
from catalogs.settings import ConfigurationError, resolve_env
from connectors import probe_dialects
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
from connectors.batches import BATCH_ROWS, as_text, text_batch
from connectors.cursors import CursorSource
from connectors.duck import describe, is_transient, session
from connectors.manners import MYSQL, Expression, Manner, manner_of
from connectors.sql import MAX_SNAPSHOT_S, Table, split_name

_LOCK_S = 5
_STATEMENT_S = 600
# Where SQLAlchemy would choose another driver than the one that is tried here.
_DRIVERS = {
    "oracle": "oracle+oracledb",
    "mssql": "mssql+pymssql",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
}
# Module of a driver → extra of this package that brings it.
_EXTRAS = {"oracledb": "oracle", "pymssql": "sqlserver", "dmPython": "dameng", "dmSQLAlchemy": "dameng"}
_BYTES = (
    sa.LargeBinary,
    sa.BINARY,
    sa.VARBINARY,
    mysql.TINYBLOB,
    mysql.MEDIUMBLOB,
    mysql.LONGBLOB,
    oracle.RAW,
    mssql.TIMESTAMP,
)
# A type that is none of SQLAlchemy's is read like any other; whoever runs a command need not hear of it.
warnings.filterwarnings("ignore", "Did not recognize type", SAWarning)


@dataclass(frozen=True)
class DialectColumn(Column):
    """A column with its type in SQLAlchemy's words."""

    kind: TypeEngine


class DialectSource(CursorSource):
    """One connection of an SQLAlchemy engine; what the dialect has of snapshots and limits is asked for."""

    def __init__(self, system: System, con: duckdb.DuckDBPyConnection, engine: sa.Engine, manner: Manner):
        super().__init__(system, con)
        self.engine = engine
        self.manner = manner
        self.schema = setting(system, "schema", "") or None
        self.limits = _limits(system)
        self.db: sa.Connection | None = None
        # Writes SQL as a person would: `%` and `:` are what they are.
        self._writer = type(engine.dialect)(paramstyle="named")

    def name(self, identifier: str) -> str:
        """Quote an identifier where the dialect needs it."""
        return self._writer.identifier_preparer.quote(identifier)

    def tables(self, only: Sequence[str] = ()) -> list[FoundTable]:
        """See `Source.tables`."""
        return probe_dialects.tables(self)

    def table(self, resource: Resource) -> Table | None:
        """See `SqlSource.table`; an exact name wins over one that differs in case only."""
        schema, wanted = split_name(resource.physical_name)
        with self.translated():
            inspector = self.inspector()
            schema = schema or self.schema
            there = [*inspector.get_table_names(schema), *inspector.get_view_names(schema)]
            folded = [name for name in there if name.casefold() == wanted.casefold()]
            name = wanted if wanted in there else folded[0] if len(folded) == 1 else None
            if name is None:
                return None
            columns = tuple(map(self.column, inspector.get_columns(name, schema)))
        sql = f"{self.name(schema)}.{self.name(name)}" if schema else self.name(name)
        return Table(sql, schema or "", name, columns)

    def column(self, reflected: Mapping[str, Any]) -> DialectColumn:
        """Describe a column that an Inspector found."""
        kind = reflected["type"]
        try:
            words = kind.compile(dialect=self.engine.dialect).lower()
        except SQLAlchemyError:
            words = "unknown to SQLAlchemy"
        return DialectColumn(self.reflected(reflected["name"]), words, _family(kind, words), kind)

    def reflected(self, name: str) -> str:
        """Return a column's name as it is: SQLAlchemy cuts MySQL's out of a statement and leaves a backtick doubled."""
        return name.replace("``", "`") if self.manner is MYSQL else name

    def value(self, column: Column) -> str:
        """See `SqlSource.value`."""
        assert isinstance(column, DialectColumn)
        return self.sql(self._written(column.kind, sa.literal_column(self.name(column.name))))

    def _written(self, kind: TypeEngine, column: Expression) -> Expression:
        for kinds, write in self.manner.written:
            if isinstance(kind, kinds):
                return write(column)
        if isinstance(kind, sa.CHAR | sa.NCHAR) and self.manner.pads:
            return sa.func.rtrim(column)
        is_kept = isinstance(kind, (sa.String, *_BYTES))
        return column if is_kept else self.manner.cast(column)

    def finish(self, column: Column, alias: str) -> str:
        """Instants get their offset, without a blank before it, and Oracle's numbers the nought before the point."""
        assert isinstance(column, DialectColumn)
        if _is_bare_instant(column.kind):
            return f"CASE WHEN {alias} LIKE '0000-%' THEN {alias} ELSE {alias} || '+00' END"
        if isinstance(column.kind, mssql.DATETIMEOFFSET):
            return f"regexp_replace({alias}, ' ([+-])', '\\1')"
        if self.engine.dialect.name == "oracle" and column.family in ("integer", "number"):
            return f"regexp_replace({alias}, '^(-?)[.]', '\\1' || '0.')"
        return alias

    def text(self, expression: str) -> str:
        """See `SqlSource.text`."""
        return self.sql(self.manner.cast(sa.literal_column(expression)))

    def literal(self, text: str) -> str:
        """See `SqlSource.literal`."""
        return self.sql(sa.literal(text, sa.Unicode()))

    def moment(self, column: Column, text: str) -> str:
        """See `SqlSource.moment`; the session's zone is UTC."""
        if column.family == "text":
            return self.literal(text)
        try:
            at = datetime.fromisoformat(re.sub(" (?=[+-])", "", text))
        except ValueError:
            raise SourceRefused(
                f"{self.system.code}: column {column.name} is a time, but the watermark to read from, or a bound "
                f"of the range asked for, is not; nothing was read"
            ) from None
        if at.tzinfo:
            at = at.astimezone(UTC).replace(tzinfo=None)
        constant = sa.literal(at, sa.DateTime())
        # As a bare text it would be read with the column's precision, and refused.
        is_sql_server = self.engine.dialect.name == "mssql"
        return self.sql(sa.cast(constant, mssql.DATETIME2()) if is_sql_server else constant)

    def day(self, expression: str) -> str:
        """See `SqlSource.day`."""
        cut = sa.func.substring if self.engine.dialect.name == "mssql" else sa.func.substr
        return self.sql(cut(sa.literal_column(expression), 1, 10))

    def is_instant(self, column: Column) -> bool:
        """See `SqlSource.is_instant`."""
        assert isinstance(column, DialectColumn)
        kind = column.kind
        is_zoned = isinstance(kind, mssql.DATETIMEOFFSET) or getattr(kind, "timezone", False)
        return bool(is_zoned) or _is_bare_instant(kind)

    def sql(self, expression: sa.ClauseElement) -> str:
        """Write an expression in the source's dialect, constants and all."""
        return str(expression.compile(dialect=self._writer, compile_kwargs={"literal_binds": True}))

    def rows(self, sql: str) -> list[tuple]:
        """See `SqlSource.rows`."""
        with self.translated():
            return [tuple(row) for row in self._connection().execute(_statement(sql))]

    def inspector(self) -> sa.Inspector:
        """Return a look into the source's catalog as it is now."""
        return sa.inspect(self._connection())

    def begin_snapshot(self) -> None:
        """See `SqlSource.begin_snapshot`: the best that the dialect has."""
        with self.translated():
            db = self.db = self.engine.connect()
            options = dict(self.manner.options)
            if self.engine.dialect.name == "mssql" and _allows_snapshots(db):
                options["isolation_level"] = "SNAPSHOT"
            db.execution_options(**options)
            if self.engine.dialect.name == "oracle":
                # The driver's own limit for each answer: the server has none per session.
                db.connection.driver_connection.call_timeout = self.limits["limit_ms"]
            for statement in self.manner.session:
                db.execute(_statement(statement.format_map(self.limits)))
            if self.manner is MYSQL:
                db.execute(_statement(_mysql_limit(self.engine.dialect, self.limits)))

    def end_snapshot(self) -> None:
        """See `SqlSource.end_snapshot`; the connection goes too, with what it had not sent yet."""
        if self.db is not None:
            with suppress(SQLAlchemyError, OSError):
                self.db.invalidate()
            with suppress(SQLAlchemyError, OSError):
                self.db.close()
            self.db = None

    def is_broken(self) -> bool:
        """See `SqlSource.is_broken`."""
        if self.has_unread_rows or self.db is None or self.db.invalidated:
            return True
        try:
            self.db.scalar(sa.select(sa.literal(1)))
        except (SQLAlchemyError, OSError):
            return True
        return False

    def batches(self, sql: str, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """See `CursorSource.batches`."""
        with self.translated():
            db = self._connection()
            fetch = getattr(db.connection.driver_connection, "fetch_df_batches", None)
            if fetch is not None:
                yield from arrow_batches(fetch(sql, size=BATCH_ROWS * 10), names)
                return
            result = db.execute(_statement(sql), execution_options={"stream_results": True})
            while rows := result.fetchmany(BATCH_ROWS):
                yield text_batch(rows, names)

    def _connection(self) -> sa.Connection:
        if self.db is None:
            raise SourceUnavailable(f"{self.system.code}: the connection was closed")
        return self.db

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn a driver's errors into ours; its text may quote a value, so only its kind is told."""
        try:
            yield
        except UnicodeDecodeError:
            raise SourceRefused(
                f"{self.system.code}: a text value is not valid in its column's character set; nothing was "
                f"landed from this reading and the last good state stays"
            ) from None
        except (SQLAlchemyError, OSError, *_driver_errors(self.engine)) as error:
            raise _source_error(error, self.system) from None


def arrow_batches(frames: Iterator[Any], names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Turn a driver's Arrow tables into batches of texts.

    Args:
        frames: objects with Arrow's stream interface, as `oracledb.Connection.fetch_df_batches` yields them.
        names: of the columns, in their order.
    """
    for frame in frames:
        for batch in pa.table(frame).to_batches():
            yield pa.RecordBatch.from_arrays([_texts(column) for column in batch.columns], names=list(names))


def _texts(column: pa.Array) -> pa.Array:
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind):
        return column.cast(pa.string())
    return pa.array([as_text(value) for value in column.to_pylist()], pa.string())


def _is_bare_instant(kind: TypeEngine) -> bool:
    """True for instants that the session writes in its zone, UTC, without saying so."""
    return isinstance(kind, mysql.TIMESTAMP) or bool(getattr(kind, "local_timezone", False))


def _statement(sql: str) -> sa.TextClause:
    return sa.text(sql.replace(":", r"\:"))


def _driver_errors(engine: sa.Engine) -> tuple[type[Exception], ...]:
    module = engine.dialect.dbapi
    return (module.Error,) if module is not None else ()


def _allows_snapshots(db: sa.Connection) -> bool:
    found = db.scalar(
        sa.text("SELECT snapshot_isolation_state FROM sys.databases WHERE database_id = DB_ID()")
    )
    db.rollback()  # the level is set before a transaction begins
    return found == 1


def _limits(system: System) -> dict[str, int]:
    """Return the time limits of a system under the names that `Manner` uses; no statement outlives a snapshot."""
    lock_s = float(system.limits.get("lock_s", _LOCK_S))
    patience_s = float(system.limits.get("max_snapshot_s", MAX_SNAPSHOT_S))
    limit_s = min(float(system.limits.get("statement_s", _STATEMENT_S)), patience_s)
    seconds = {"lock": lock_s, "patience": patience_s, "limit": limit_s}
    return {f"{name}_s": max(int(value), 1) for name, value in seconds.items()} | {
        f"{name}_ms": int(value * 1000) for name, value in seconds.items()
    }


def _mysql_limit(dialect: Any, limits: Mapping[str, int]) -> str:
    if dialect.is_mariadb:
        return f"SET SESSION max_statement_time = {limits['limit_ms'] / 1000}"
    return f"SET SESSION max_execution_time = {limits['limit_ms']}"


# Of types that stand in more than one family, the narrower first.
_FAMILIES: tuple[tuple[str, tuple[type[TypeEngine], ...]], ...] = (
    ("other", (sa.Interval, oracle.INTERVAL, postgresql.INTERVAL, sa.ARRAY)),
    ("boolean", (sa.Boolean,)),
    ("number", (sa.Numeric, sa.Float)),  # Oracle's NUMBER is an integer, too
    ("integer", (sa.Integer,)),
    ("binary", _BYTES),
    ("timestamp", (sa.DateTime,)),
    ("date", (sa.Date,)),
    ("time", (sa.Time,)),
    ("text", (sa.String, sa.Uuid, sa.JSON)),
)


def _family(kind: TypeEngine, words: str) -> str:
    for family, kinds in _FAMILIES:
        if isinstance(kind, kinds):
            return family
    return family_of(words)


# Drivers' words and numbers for what went wrong, where `connectors.duck` does not know them.
_FAILURES = tuple(
    (re.compile(pattern, re.IGNORECASE), is_passing, words)
    for pattern, is_passing, words in (
        (r"ORA-01017|ORA-28000|\b18456\b|login failed|access denied|-2501\b", False, "user or password refused"),
        (r"ORA-12505|ORA-12514|DPY-600[13]|\b4060\b|unknown database", False, "the database does not exist"),
        (
            r"ORA-12541|ORA-12170|ORA-12545|DPY-6000|DPY-6005|\b2000[29]\b|-70028|\(200[23],|unable to open",
            True,
            "no connection",
        ),
        (r"ORA-0102[0-9]|ORA-01031|\b229\b|\(1142,|\(1143,", False, "the reading user lacks permission"),
        (r"DPY-4024|ORA-01013|\b20003\b|timed out|\(1969,|\(3024,", True, "the source's time limit was reached"),
        (r"ORA-00054|ORA-30006|\b1222\b|\(1205,", True, "the source is locked by another session"),
        (r"decode to UTF-8", False, "a text value is not valid UTF-8"),
        (r"ORA-01555", True, "the source keeps its old rows too briefly for so long a reading"),
        (r"DPY-4011|DPY-1001|ORA-03113|ORA-03135|\(2006,|\(2013,", True, "the connection broke"),
        (r"ORA-00942|ORA-00904|\b20[78]\b|invalid (object|column) name", False, "a table or column does not exist"),
    )
)  # fmt: skip


def _source_error(error: Exception, system: System) -> SourceError:
    cause = getattr(error, "orig", None) or error
    is_passing, words = is_transient(cause), describe(cause)
    for pattern, passes, kind in _FAILURES:
        if pattern.search(str(cause)):
            is_passing, words = passes, kind
            break
    else:
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            is_passing, words = True, "the connection broke"
    kind_of_error = unavailable(words) if is_passing else SourceRefused
    return kind_of_error(
        f"{system.code}: {words}; nothing was landed from this reading and the last good state stays"
        f"{check_settings(system, words)}"
    )


def _mend_dameng() -> None:
    """Let Dameng's package (2.0.17) load without its asynchronous half, which SQLAlchemy 2.1 no longer suits."""
    sys.modules.setdefault("dmSQLAlchemy.dmasync", SimpleNamespace(dialect_async=None))  # type: ignore[arg-type]


@contextmanager
def open_kind(
    system: System, warehouse: WarehousePin | None = None, temp_dir: Path | None = None
) -> Iterator[DialectSource]:
    """Open a system through SQLAlchemy: settings dialect, host, port, database, user, password, schema, options.

    Raises:
        ConfigurationError: SQLAlchemy has no such dialect, or the driver is not installed.
    """
    engine, manner = _engine(system)
    with closing(session(temp_dir=temp_dir, extensions=())) as con:
        source = DialectSource(system, con, engine, manner)
        try:
            yield source
        finally:
            source.end_snapshot()
            engine.dispose()


def _engine(system: System) -> tuple[sa.Engine, Manner]:
    dialect = setting(system, "dialect")
    where = f"systems.yaml: {system.code}.dialect"
    options = system.settings.get("options") or {}
    if not isinstance(options, Mapping):
        raise ConfigurationError(f"systems.yaml: {system.code}.options: give names and values")
    query = {
        name: resolve_env(str(value), f"systems.yaml: {system.code}.options.{name}")
        for name, value in options.items()
    }
    database = setting(system, "database", "") or None
    if dialect.startswith("oracle") and database and "service_name" not in query:
        # SQLAlchemy takes the place of the database for a SID; services have replaced those.
        query["service_name"], database = database, None
    port = setting(system, "port", "")
    try:
        url = sa.URL.create(
            _DRIVERS.get(dialect, dialect),
            username=setting(system, "user", "") or None,
            password=setting(system, "password", "") or None,
            host=setting(system, "host", "") or None,
            port=int(port) if port else None,
            database=database,
            query=query,
        )
        if url.get_backend_name() == "dm":
            _mend_dameng()
        manner = manner_of(url.get_dialect())
        limits = _limits(system)
        arguments = {
            name: limits.get(str(value).strip("{}"), value) for name, value in manner.arguments.items()
        }
        return sa.create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=arguments), manner
    except NoSuchModuleError:
        raise ConfigurationError(
            f"{where}: SQLAlchemy has no dialect {dialect}; a database's maker may have one as a package"
        ) from None
    except ImportError as error:
        extra = _EXTRAS.get(error.name or "")
        command = f"pip install 'yici[{extra}]'" if extra else f"pip install {error.name}"
        raise ConfigurationError(f"{where}: its driver {error.name} is not installed: {command}") from None
    except (SQLAlchemyError, ValueError):
        raise ConfigurationError(
            f"{where}: {dialect} is not a dialect and driver as SQLAlchemy writes them, for example "
            f"oracle, mssql, postgresql+psycopg; or the port is not a number"
        ) from None
