"""PostgreSQL (and databases that speak as it does): one transaction, one snapshot, read only.

Tables whose columns all survive DuckDB's binary scanner are scanned in parallel; everything else is
selected by the source's own SQL. Found with DuckDB 1.5.5: the scanner reads `numeric` without
precision, or beyond 38 digits, as DOUBLE; NaN of a bounded `numeric` as 0; a negative scale as
nonsense; and it aborts on arrays of two dimensions.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from catalogs.found import FoundTable
from catalogs.model import Resource, System
from connectors import probe_postgres
from connectors.base import (
    Column,
    Matched,
    WarehousePin,
    check_settings,
    setting,
    source_error,
    twins,
)
from connectors.duck import DuckError, PgParams, attach_postgres, literal, quote, session
from connectors.probe_postgres import UNDER, family_in
from connectors.sql import MAX_SNAPSHOT_S, Relation, SqlSource, Table, split_name

_ALIAS = "src"
_KEPT = frozenset(
    {
        "int2",
        "int4",
        "int8",
        "bool",
        "text",
        "varchar",
        "bpchar",
        "date",
        "timestamp",
        "timestamptz",
        "float8",
        "uuid",
    }
)
_LOCK_S = 5
_STATEMENT_S = 600
_PARALLEL = 2
_COLUMNS = f"""
SELECT n.nspname::text AS schema_name, c.relname::text AS table_name, c.relkind::text AS kind,
       a.attname::text AS column_name, format_type(a.atttypid, a.atttypmod) AS type_text,
       t.typname::text AS base, t.typtype::text AS class, a.atttypmod::int8 AS modifier,
       under.type_text::text AS under_text, under.class::text AS under_class
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid {UNDER}
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND lower(c.relname) = lower({{name}}) AND {{schema}}
ORDER BY c.relname <> {{name}}, a.attnum
"""


@dataclass(frozen=True)
class PgColumn(Column):
    """A column with what PostgreSQL's catalog says beyond its name: base type and type modifier."""

    base: str
    modifier: int

    @property
    def is_bounded_numeric(self) -> bool:
        """True for numeric(p, s) with p ≤ 38 and 0 ≤ s ≤ p, which DuckDB's DECIMAL holds (but for NaN)."""
        if self.base != "numeric" or self.modifier < 4:
            return False
        precision = ((self.modifier - 4) >> 16) & 0xFFFF
        scale = (self.modifier - 4) & 0x7FF
        return precision <= 38 and scale <= precision


class PostgresSource(SqlSource):
    """A PostgreSQL attached as `src`; `schema` is where unqualified names live (None: the search path)."""

    schema: str | None = None

    def tables(self, only: Sequence[str] = ()) -> list[FoundTable]:
        """See `Source.tables`."""
        return probe_postgres.tables(self)

    def table(self, resource: Resource) -> Table | None:
        """See `SqlSource.table`; an exact name wins over one that differs in case only."""
        schema, name = split_name(resource.physical_name)
        schema = schema or self.schema
        rows = self.rows(
            _COLUMNS.format(
                name=literal(name),
                schema=f"n.nspname = {literal(schema)}"
                if schema
                else "pg_catalog.pg_table_is_visible(c.oid)",
            )
        )
        if not rows:
            return None
        found_schema, found_name, kind = rows[0][:3]
        columns = tuple(
            PgColumn(
                column,
                f"enum {type_text}" if class_ == "e" else type_text,
                family_in(under_class or class_, under_text or type_text),
                base=base,
                modifier=modifier,
            )
            for _, table, _, column, type_text, base, class_, modifier, under_text, under_class in rows
            if table == found_name
        )
        return Table(
            f"{quote(found_schema)}.{quote(found_name)}",
            found_schema,
            found_name,
            columns,
            scannable=kind in "rpm",
        )

    def value(self, column: Column) -> str:
        """See `SqlSource.value`."""
        assert isinstance(column, PgColumn)
        name = quote(column.name)
        if column.base in _KEPT:
            return name
        if column.base == "money":
            return f"{name}::numeric::text"
        if column.base == "inet":
            return f"textin(inet_out({name}))"  # a cast adds the mask that nobody entered
        return f"{name}::text"

    def text(self, expression: str) -> str:
        """See `SqlSource.text`."""
        return f"({expression})::text"

    def rows(self, sql: str) -> list[tuple]:
        """See `SqlSource.rows`."""
        try:
            return self.con.execute(self.relation(sql, ()).query).fetchall()
        except duckdb.Error as error:
            raise source_error(error, self.system.code, "query") from None

    def relation(self, sql: str, names: Sequence[str]) -> Relation:
        """See `SqlSource.relation`."""
        return Relation(f"SELECT * FROM postgres_query({literal(_ALIAS)}, {literal(sql)})")

    def begin_snapshot(self) -> None:
        """A transaction of DuckDB is one transaction of the source, REPEATABLE READ, READ ONLY."""
        self.con.execute("BEGIN TRANSACTION")
        # Servers before 17 know no limit of a transaction as a whole: those settings that there are, are set.
        patience_ms = int(self.max_snapshot_s * 1000)
        self.rows(
            f"SELECT set_config(name, '{patience_ms}', false) AS set FROM pg_catalog.pg_settings "
            f"WHERE name IN ('transaction_timeout', 'idle_in_transaction_session_timeout')"
        )

    def end_snapshot(self) -> None:
        """See `SqlSource.end_snapshot`; DuckDB has itself ended one whose connection broke."""
        with suppress(duckdb.Error):
            self.con.execute("ROLLBACK")

    def is_broken(self) -> bool:
        """See `SqlSource.is_broken`; the source may have given a transaction up that DuckDB still holds."""
        try:
            self.con.execute(self.relation("SELECT 1 AS one", ()).query).fetchall()
        except duckdb.Error:
            return True
        return False

    def finish(self, column: Column, alias: str) -> str:
        """`char(n)` compares without its padding, so it is handed on without."""
        assert isinstance(column, PgColumn)
        return f"rtrim({alias}, ' ')" if column.base == "bpchar" else alias

    def scan(self, table: Table, matched: Matched) -> Relation | None:
        """See `SqlSource.scan`: possible if the binary scanner keeps every value that is in the table now."""
        columns = [(item, column) for item, column in matched.columns if isinstance(column, PgColumn)]
        if twins(column.name for column in table.columns):
            return None  # the scanner would hand one of them over as the other
        numerics = [column for _, column in columns if column.is_bounded_numeric]
        if not table.scannable or any(c.base not in _KEPT and not c.is_bounded_numeric for _, c in columns):
            return None
        if numerics:
            # No infinity fits into a bounded numeric, so only this one is looked for: compared as it stands it costs a
            # third of a look at it as float8.
            special = " OR ".join(f"{quote(c.name)} = 'NaN'::numeric" for c in numerics)
            if self.rows(f"SELECT 1 AS one FROM {table.sql} WHERE {special} LIMIT 1"):
                return None
        select = ", ".join(f"{self.finish(c, quote(c.name))} AS {quote(item)}" for item, c in columns)
        return Relation(f"SELECT {select} FROM {_ALIAS}.{table.sql}")


@contextmanager
def open_kind(
    system: System, warehouse: WarehousePin | None = None, temp_dir: Path | None = None
) -> Iterator[PostgresSource]:
    """Open a PostgreSQL system: settings host, port, database, user, password, schema."""
    params = PgParams(
        host=setting(system, "host"),
        port=int(setting(system, "port", "5432")),
        dbname=setting(system, "database"),
        user=setting(system, "user"),
        password=setting(system, "password", ""),
    )
    schema = setting(system, "schema", "") or None
    with attached(system, params, schema, temp_dir) as source:
        yield source


@contextmanager
def attached(
    system: System, params: PgParams, schema: str | None, temp_dir: Path | None
) -> Iterator[PostgresSource]:
    """Attach a PostgreSQL with the time limits of `system.limits`, which the server itself keeps."""
    limits = system.limits
    # No statement outlives a snapshot; servers before 17 cannot be told so otherwise.
    limit_s = min(
        float(limits.get("statement_s", _STATEMENT_S)), float(limits.get("max_snapshot_s", MAX_SNAPSHOT_S))
    )
    options = {
        "statement_timeout": str(int(limit_s * 1000)),
        "lock_timeout": str(int(float(limits.get("lock_s", _LOCK_S)) * 1000)),
        "TimeZone": "UTC",
        "DateStyle": "ISO",
        "IntervalStyle": "postgres",
        "bytea_output": "hex",
        "extra_float_digits": "1",
    } | dict(params.options)
    parallel = int(limits.get("parallel", _PARALLEL))
    con = session(threads=max(parallel, 1), temp_dir=temp_dir)
    try:
        con.execute(f"SET pg_pool_max_connections = {parallel + 1}")
        try:
            attach_postgres(
                con,
                _ALIAS,
                replace(params, options=tuple(options.items())),
            )
        except DuckError as error:
            raise source_error(error, system.code, "connection", check_settings(system, str(error))) from None
        source = PostgresSource(system, con)
        source.schema = schema
        try:
            yield source
        finally:
            source.end()
    finally:
        con.close()
