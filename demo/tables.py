"""Tables of the made-up systems: declared once, created and filled in SQLite, MariaDB or PostgreSQL.

Types are written as MariaDB knows them; `datetime` is campus local time without a zone, `instant` a
point in time. Rows are streamed: a generator of any length is loaded with flat memory.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

import psycopg

Row = Sequence[object]
_BATCH = 2000
_COPY_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_POSTGRES_TYPES = {"datetime": "timestamp", "instant": "timestamptz", "decimal": "numeric"}


@dataclass(frozen=True)
class Table:
    """One physical table.

    Attributes:
        name: as the vendor spells it.
        comment: the vendor's own words, kept where the database has comments.
        columns: (name, type, comment) in order.
        key: primary key columns.
        indexes: columns the vendor indexed, one index each.
    """

    name: str
    comment: str
    columns: tuple[tuple[str, str, str], ...]
    key: tuple[str, ...]
    indexes: tuple[str, ...] = ()

    @property
    def column_names(self) -> list[str]:
        return [name for name, _type, _comment in self.columns]

    def row(self, **values: object) -> Row:
        """Return a row of the columns named; the others are NULL.

        Raises:
            KeyError: the table has no such column.
        """
        if unknown := values.keys() - set(self.column_names):
            raise KeyError(f"{self.name}: no column {', '.join(sorted(unknown))}")
        return tuple(values.get(name) for name in self.column_names)

    def changed(self, row: Row, **values: object) -> Row:
        """Return a row with the columns named written otherwise.

        Raises:
            KeyError: the table has no such column.
        """
        return self.row(**dict(zip(self.column_names, row, strict=True)) | values)


class Store(Protocol):
    """What a system's generator needs of the database it lives in."""

    def create(self, table: Table) -> None: ...

    def load(self, table: Table, rows: Iterable[Row]) -> int: ...

    def change(self, statement: str, values: Sequence[object] = ()) -> int: ...

    def ask(self, statement: str, values: Sequence[object] = ()) -> list[tuple]: ...

    def close(self) -> None: ...


def yuan(fen: int) -> str:
    """Write an amount held in fen as yuan with two decimals."""
    sign, size = ("-", -fen) if fen < 0 else ("", fen)
    return f"{sign}{size // 100}.{size % 100:02d}"


def batches(rows: Iterable[Row], size: int = _BATCH) -> Iterator[list[Row]]:
    """Cut a stream of rows into lists of at most `size`."""
    stream = iter(rows)
    while batch := list(islice(stream, size)):
        yield batch


class SqliteStore:
    """A SQLite file. Statements use `?`."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path)
        self.connection.execute("PRAGMA journal_mode = DELETE")
        self.connection.execute("PRAGMA synchronous = OFF")

    def create(self, table: Table) -> None:
        columns = [
            f'"{name}" {kind.replace("instant", "datetime")}' for name, kind, _comment in table.columns
        ]
        columns.append(f"PRIMARY KEY ({_quoted(table.key)})")
        self.connection.execute(f'CREATE TABLE "{table.name}" ({", ".join(columns)})')
        for column in table.indexes:
            self.connection.execute(f'CREATE INDEX "ix_{table.name}_{column}" ON "{table.name}" ("{column}")')

    def load(self, table: Table, rows: Iterable[Row]) -> int:
        marks = ", ".join("?" * len(table.columns))
        return self.connection.executemany(f'INSERT INTO "{table.name}" VALUES ({marks})', rows).rowcount

    def change(self, statement: str, values: Sequence[object] = ()) -> int:
        return self.connection.execute(statement, values).rowcount

    def ask(self, statement: str, values: Sequence[object] = ()) -> list[tuple]:
        return self.connection.execute(statement, values).fetchall()

    def close(self) -> None:
        self.connection.commit()
        self.connection.close()


class MysqlStore:
    """A MariaDB or MySQL database. Statements use `?`, which becomes the driver's own mark."""

    def __init__(self, host: str, port: int, user: str, password: str, database: str) -> None:
        import pymysql  # only a campus whose finance system is MariaDB needs the driver

        self.connection = pymysql.connect(
            host=host,
            port=port,
            user=user,
            password=password,
            database=database,
            charset="utf8mb4",
            init_command="SET time_zone = '+08:00'",
        )

    def create(self, table: Table) -> None:
        columns = [f"`{name}` {kind} COMMENT '{comment}'" for name, kind, comment in table.columns]
        columns.append(f"PRIMARY KEY ({_quoted(table.key, '`')})")
        columns += [f"KEY `ix_{column}` (`{column}`)" for column in table.indexes]
        with self.connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS `{table.name}`")
            cursor.execute(
                f"CREATE TABLE `{table.name}` ({', '.join(columns)}) ENGINE=InnoDB "
                f"DEFAULT CHARSET=utf8mb4 COMMENT='{table.comment}'"
            )

    def load(self, table: Table, rows: Iterable[Row]) -> int:
        count = 0
        with self.connection.cursor() as cursor:
            for batch in batches(rows):
                tuples = ", ".join(f"({', '.join(map(_literal, row))})" for row in batch)
                cursor.execute(f"INSERT INTO `{table.name}` VALUES {tuples}")
                count += len(batch)
        return count

    def change(self, statement: str, values: Sequence[object] = ()) -> int:
        with self.connection.cursor() as cursor:
            return cursor.execute(statement.replace("?", "%s"), values)

    def ask(self, statement: str, values: Sequence[object] = ()) -> list[tuple]:
        with self.connection.cursor() as cursor:
            cursor.execute(statement.replace("?", "%s"), values)
            return list(cursor.fetchall())

    def close(self) -> None:
        self.connection.commit()
        self.connection.close()


class PostgresStore:
    """A PostgreSQL database and schema. Statements use `?`, which becomes the driver's own mark."""

    def __init__(self, connection: psycopg.Connection, schema: str = "public") -> None:
        self.connection = connection
        self.schema = schema
        connection.execute(f'SET search_path TO "{schema}"')

    def create(self, table: Table) -> None:
        columns = [f'"{name}" {_postgres_type(kind)}' for name, kind, _comment in table.columns]
        columns.append(f"PRIMARY KEY ({_quoted(table.key)})")
        self.connection.execute(f'CREATE TABLE "{table.name}" ({", ".join(columns)})')
        self.connection.execute(f"COMMENT ON TABLE \"{table.name}\" IS '{table.comment}'")
        for name, _kind, comment in table.columns:
            self.connection.execute(f'COMMENT ON COLUMN "{table.name}"."{name}" IS \'{comment}\'')
        for column in table.indexes:
            self.connection.execute(f'CREATE INDEX ON "{table.name}" ("{column}")')

    def load(self, table: Table, rows: Iterable[Row]) -> int:
        count = 0
        statement = f'COPY "{table.name}" ({_quoted(table.column_names)}) FROM STDIN'
        with self.connection.cursor() as cursor, cursor.copy(statement) as copy:
            for batch in batches(rows):
                copy.write("".join("\t".join(map(_copied, row)) + "\n" for row in batch))
                count += len(batch)
        return count

    def change(self, statement: str, values: Sequence[object] = ()) -> int:
        return self.connection.execute(statement.replace("?", "%s"), values).rowcount

    def ask(self, statement: str, values: Sequence[object] = ()) -> list[tuple]:
        return self.connection.execute(statement.replace("?", "%s"), values).fetchall()

    def close(self) -> None:
        self.connection.commit()
        self.connection.close()


def _copied(value: object) -> str:
    """Write a value as COPY's text format has it."""
    if value is None:
        return "\\N"
    return str(value).translate(_COPY_ESCAPES) if isinstance(value, str) else str(value)


def _literal(value: object) -> str:
    """Write a value of ours as MariaDB's SQL has it; ten times faster than the driver's own way."""
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
    return str(value)


def _postgres_type(kind: str) -> str:
    base, paren, rest = kind.partition("(")
    return _POSTGRES_TYPES.get(base, base) + paren + rest


def _quoted(names: Sequence[str], mark: str = '"') -> str:
    return ", ".join(f"{mark}{name}{mark}" for name in names)


class Spool:
    """Rows for several tables of one store, written in batches as they come."""

    def __init__(self, store: Store, size: int = 4000) -> None:
        self._store = store
        self._size = size
        self._waiting: dict[str, tuple[Table, list[Row]]] = {}
        self.counts: dict[str, int] = {}

    def add(self, table: Table, *rows: Row) -> None:
        """Take rows for a table; a full batch is written at once."""
        _, waiting = self._waiting.setdefault(table.name, (table, []))
        waiting.extend(rows)
        if len(waiting) >= self._size:
            self._write(table, waiting)

    def flush(self) -> dict[str, int]:
        """Write what waits and return the rows written per table."""
        for table, waiting in self._waiting.values():
            self._write(table, waiting)
        return self.counts

    def _write(self, table: Table, waiting: list[Row]) -> None:
        if waiting:
            self._store.load(table, waiting)
        self.counts[table.name] = self.counts.get(table.name, 0) + len(waiting)
        waiting.clear()
