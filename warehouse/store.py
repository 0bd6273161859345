"""The store's tables.

`store.<resource>` holds every version of every row. It follows the contract: an added optional item becomes a column,
anything else that a table cannot follow (a retyped or removed item, another key) opens a new table
`store.<resource>__v2` (`warehouse.reshaped`). Everybody reads them through views (`warehouse.views`).

Columns of sensitive items hold ciphertext (`warehouse.sealing`). `yici.sealed_column` says which they are and under
which names they are sealed, for every table that there is; `clear.<table>` shows the versions of a table opened, to
sessions that were given the keys. What a catalog newly calls sensitive is sealed where it lies, in old tables, too.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
from psycopg import sql

from catalogs.model import Item, Resource
from catalogs.settings import ConfigurationError
from warehouse.sealing import SEALED_MARK, sealed_columns

SOURCE_SUFFIX = "__src"
VERSION_COLUMNS = (
    ("_partition", "text"),
    ("_extract", "bigint NOT NULL"),
    ("_state", "text NOT NULL"),
    ("_last_extract", "bigint"),
    ("_from", "integer NOT NULL"),
    ("_to", "integer"),
)
# `released`: a rule is broken, and a person has said that the row is right all the same.
RELEASED = "released"
STATES = ("reported", "absent", "former", "refused", RELEASED)
# Where the server keeps the commonest values of a column; what it forgets there stays in the file.
_STATISTICS = "pg_catalog.pg_statistic"
SEALED_TYPE, SEALED_DUCK_TYPE = "bytea", "BLOB"


@dataclass(frozen=True)
class StoreTable:
    """Where a resource's versions are: `name` in schema `store`, with the items' columns in order."""

    resource: Resource
    name: str
    columns: tuple[str, ...]

    @property
    def sealed(self) -> Mapping[str, str]:
        """The columns that are sealed, each with the name under which."""
        return sealed_columns(self.resource, SOURCE_SUFFIX)

    @property
    def key(self) -> tuple[str, ...]:
        return self.resource.key

    @property
    def values(self) -> tuple[str, ...]:
        """The columns that are not part of the key."""
        return tuple(name for name in self.columns if name not in self.key)


def value_columns(resource: Resource) -> tuple[tuple[str, str, str], ...]:
    """Return (column, PostgreSQL type, DuckDB type) of every stored item as the table has it; sealed ones are bytes."""
    sealed = sealed_columns(resource, SOURCE_SUFFIX)
    return tuple(
        (name, SEALED_TYPE, SEALED_DUCK_TYPE) if name in sealed else (name, pg_type, duck_type)
        for name, pg_type, duck_type in clear_columns(resource)
    )


def clear_columns(resource: Resource) -> tuple[tuple[str, str, str], ...]:
    """Return (column, PostgreSQL type, DuckDB type) of every item as it is read, a coded item with its source code."""
    columns = []
    for item in resource.items:
        columns.append((item.name, item.pg_type, item.duck_type))
        if item.is_coded:
            columns.append((item.name + SOURCE_SUFFIX, "text", "VARCHAR"))
    return tuple(columns)


def shape_hash(resource: Resource) -> str:
    """Return a hash of what reading goes on under: key, types, watermark, and which rows are kept back.

    Under another one everything is read from the beginning: what a new watermark would have found, or is no longer
    kept back, may be older than how far reading got.
    """
    shape: list[object] = [
        list(resource.key),
        resource.physical_name,
        sorted(column[:2] for column in clear_columns(resource)),
    ]
    read_by = [resource.ingest.watermark, resource.ingest.exclude]
    if any(read_by):
        shape.append(read_by)
    return hashlib.sha256(json.dumps(shape, ensure_ascii=False).encode()).hexdigest()[:16]


def ensure_table(con: psycopg.Connection, resource: Resource) -> StoreTable:
    """Create or extend the resource's store table and return it."""
    wanted = {name: pg_type for name, pg_type, _ in value_columns(resource)}
    meant = {name: pg_type for name, pg_type, _ in clear_columns(resource)}
    name = next(iter(tables_of(con, resource)), None)
    if name is None:
        name = resource.table
    else:
        present = types_of(con, name)
        if _can_follow(con, name, resource, meant, present):
            for column in wanted.keys() - present.keys():
                con.execute(
                    sql.SQL("ALTER TABLE store.{} ADD COLUMN {} {}").format(
                        sql.Identifier(name), sql.Identifier(column), sql.SQL(wanted[column])
                    )
                )
            _enter_sealed(con, name, resource)
            show_clear(con, name)
            _index(con, name, resource)
            _comment(con, name, resource)
            return StoreTable(resource, name, tuple(wanted))
        name = f"{resource.table}__v{_version(resource, name) + 1}"
    body = [*wanted.items(), *VERSION_COLUMNS]
    con.execute(
        sql.SQL(
            "CREATE TABLE store.{} ({}) WITH (fillfactor = 90, autovacuum_analyze_scale_factor = 0.02)"
        ).format(
            sql.Identifier(name),
            sql.SQL(", ").join(
                sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(pg_type)) for column, pg_type in body
            ),
        )
    )
    con.execute(
        sql.SQL("CREATE UNIQUE INDEX ON store.{} ({}) WHERE _to IS NULL").format(
            sql.Identifier(name), sql.SQL(", ").join(map(sql.Identifier, resource.key))
        )
    )
    if resource.ingest.mode == "append":
        con.execute(
            sql.SQL("CREATE INDEX ON store.{} (_partition) WHERE _to IS NULL").format(sql.Identifier(name))
        )
    _enter_sealed(con, name, resource)
    show_clear(con, name)
    _index(con, name, resource)
    _comment(con, name, resource)
    return StoreTable(resource, name, tuple(wanted))


def newest_table(con: psycopg.Connection, resource: Resource) -> str | None:
    """Return the table that the resource's rows are in now, or None before the first one is made.

    A new table, made since the one before could not follow the contract, is empty until the next release that touches
    the resource; until then it is the one before, if that has all of its columns.
    """
    names = tables_of(con, resource)
    for name in names[:-1]:
        if con.execute(
            sql.SQL("SELECT EXISTS (SELECT FROM store.{})").format(sql.Identifier(name))
        ).fetchone()[0]:
            return name
        now, before = columns_of(con, name).items(), columns_of(con, names[names.index(name) + 1])
        if any(_kind(before.get(column, "")) != _kind(kind) for column, kind in now):
            return name
    return names[-1] if names else None


def _kind(pg_type: str) -> str:
    """A type without its scale: numbers are numbers."""
    return pg_type.partition("(")[0]


def tables_of(con: psycopg.Connection, resource: Resource) -> list[str]:
    """Return all tables that the resource is or was stored in, the newest first."""
    rows = con.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'store' AND (tablename = %s OR tablename ~ %s)",
        [resource.table, f"^{resource.table}__v[0-9]+$"],
    ).fetchall()
    return sorted((name for (name,) in rows), key=lambda name: _version(resource, name), reverse=True)


def reported_rows(con: psycopg.Connection, resource: Resource) -> int:
    """Return how many rows the source still reports, as far as the newest extract that was applied says."""
    name = newest_table(con, resource)
    if name is None:
        return 0
    (count,) = con.execute(
        sql.SQL(
            "SELECT count(*) FROM store.{} WHERE _to IS NULL AND _state IN ('reported', 'released')"
        ).format(sql.Identifier(name))
    ).fetchone()
    return count


def sealed_in(con: psycopg.Connection, table: str) -> dict[str, tuple[str, str]]:
    """Return the sealed columns of a table of the store: name → under which name, and the type when opened."""
    rows = con.execute(
        "SELECT column_name, context, type FROM yici.sealed_column WHERE table_name = %s", [table]
    ).fetchall()
    return {column: (context, kind) for column, context, kind in rows}


def opened(column: str, sealed: Mapping[str, tuple[str, str]]) -> sql.Composable:
    """Return a column of a store table as those read it who may: opened where it is sealed."""
    if column not in sealed:
        return sql.Identifier(column)
    context, kind = sealed[column]
    return sql.SQL("yici.unseal({}, {})::{}").format(
        sql.Identifier(column), sql.Literal(context), sql.SQL(kind)
    )


def keep_sealed(con: psycopg.Connection, resource: Resource) -> set[str]:
    """Bring every table of a resource to what its contract calls sensitive now, old tables included.

    Returns:
        The tables whose files still hold in clear what was sealed.
    """
    rewritten: set[str] = set()
    types = {name: pg_type for name, pg_type, _ in clear_columns(resource)}
    wanted = sealed_columns(resource, SOURCE_SUFFIX)
    for table in tables_of(con, resource):
        present, known = columns_of(con, table), sealed_in(con, table)
        changes = []
        for column, pg_type in types.items():
            context, (was, kind) = wanted.get(column), known.get(column, (None, pg_type))
            if column not in present or context == was:
                continue
            if was is None and present[column] == SEALED_TYPE:
                raise ConfigurationError(
                    f"store.{table}.{column} is sealed, and the warehouse does not know under which name; nothing was"
                    " changed. Restore yici.sealed_column from a backup, or rebuild from the landing zone"
                )
            kind = present[column] if was is None else kind
            value = sql.Identifier(column) if was is None else opened(column, known)
            if context is None:
                to, using = sql.SQL(kind), value
            else:
                to = sql.SQL(SEALED_TYPE)
                using = sql.SQL("yici.seal(({})::text, {})").format(value, sql.Literal(context))
            changes.append((column, context, kind, to, using))
        if changes:
            _convert(con, table, changes)
            rewritten.add(_STATISTICS)
    return rewritten | _keep_rows_sealed(con, resource)


def _keep_rows_sealed(con: psycopg.Connection, resource: Resource) -> set[str]:
    """Bring what quarantine and samples keep of a resource to what its contract calls sensitive now."""
    rewritten: set[str] = set()
    change, wanted = "encode(yici.seal({column}, resource || '#{name}'), 'hex')", is_sealed(resource)
    if not wanted:
        change = "yici.unseal(decode({column}, 'hex'), resource || '#{name}')"
    for table, texts in (
        ("quarantine", {"row": "row", "key": "key_text"}),
        ("quarantine_decision", {"row": "row"}),
    ):
        changed = ", ".join(
            f"{column} = {change.format(column=column, name=name)}" for name, column in texts.items()
        )
        done = con.execute(
            f"UPDATE yici.{table} SET sealed = %(wanted)s, {changed}"
            " WHERE resource = %(resource)s AND sealed <> %(wanted)s",
            {"resource": resource.name, "wanted": wanted},
        )
        if wanted and done.rowcount:
            rewritten.add(f"yici.{table}")
    if any(resource.item(name).is_sensitive for name in resource.key):
        done = con.execute(
            """UPDATE yici.sample_row SET key_text =
                   %(mark)s || encode(yici.seal(key_text, resource || '#key'), 'hex')
               WHERE resource = %(resource)s AND NOT starts_with(key_text, %(mark)s)""",
            {"resource": resource.name, "mark": SEALED_MARK},
        )
        if done.rowcount:
            rewritten.add("yici.sample_row")
    return rewritten | ({_STATISTICS} if rewritten else set())


def is_sealed(resource: Resource) -> bool:
    """Whether rows of a resource hold anything sensitive, so that quarantine keeps them sealed."""
    return any(item.is_sensitive for item in resource.items)


def _convert(con: psycopg.Connection, table: str, changes: list) -> None:
    """Write a table anew with other columns sealed; whoever reads it waits."""
    altered = sql.SQL(", ").join(
        sql.SQL("ALTER {} TYPE {} USING {}").format(sql.Identifier(column), to, using)
        for column, _, _, to, using in changes
    )
    with con.transaction():
        for schema in ("raw", "masked", "clear"):
            view = table if schema == "clear" else table.partition("__v")[0]
            con.execute(sql.SQL("DROP VIEW IF EXISTS {} CASCADE").format(sql.Identifier(schema, view)))
        con.execute(sql.SQL("ALTER TABLE store.{} {}").format(sql.Identifier(table), altered))
        for column, context, kind, _, _ in changes:
            con.execute(
                "DELETE FROM yici.sealed_column WHERE table_name = %s AND column_name = %s", [table, column]
            )
            if context is not None:
                _enter(con, table, column, context, kind)
        show_clear(con, table)
        con.execute(sql.SQL("ANALYZE store.{}").format(sql.Identifier(table)))


def _enter_sealed(con: psycopg.Connection, table: str, resource: Resource) -> None:
    types = {name: pg_type for name, pg_type, _ in clear_columns(resource)}
    for column, context in sealed_columns(resource, SOURCE_SUFFIX).items():
        _enter(con, table, column, context, types[column])


def _enter(con: psycopg.Connection, table: str, column: str, context: str, kind: str) -> None:
    con.execute(
        "INSERT INTO yici.sealed_column (table_name, column_name, context, type) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        [table, column, context, kind],
    )


def show_clear(con: psycopg.Connection, table: str) -> None:
    """Make `clear.<table>` show every version of a store table, opened."""
    sealed = sealed_in(con, table)
    shown = sql.SQL(", ").join(
        sql.SQL("{} AS {}").format(opened(column, sealed), sql.Identifier(column))
        for column in columns_of(con, table)
    )
    query = sql.SQL("SELECT {} FROM store.{}").format(shown, sql.Identifier(table))
    show(con, sql.Identifier("clear", table), query)


def show(con: psycopg.Connection, view: sql.Identifier, query: sql.Composable) -> None:
    """Make a view unless it is already right: readers are not held up for nothing."""
    mark = hashlib.sha256(query.as_string(con).encode()).hexdigest()
    found = con.execute(
        "SELECT obj_description(to_regclass(%s), 'pg_class')", [view.as_string(con)]
    ).fetchone()
    if found[0] == mark:
        return
    try:
        with con.transaction():
            con.execute(sql.SQL("CREATE OR REPLACE VIEW {} AS {}").format(view, query))
    except psycopg.errors.InvalidTableDefinition:  # other columns: what reads them goes with it
        con.execute(sql.SQL("DROP VIEW IF EXISTS {} CASCADE").format(view))
        con.execute(sql.SQL("CREATE VIEW {} AS {}").format(view, query))
    con.execute(sql.SQL("COMMENT ON VIEW {} IS {}").format(view, sql.Literal(mark)))


def columns_of(con: psycopg.Connection, name: str) -> dict[str, str]:
    """Return the columns of a table of the store, name → type as PostgreSQL words it."""
    rows = con.execute(
        """SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
           WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum""",
        [f'store."{name}"'],
    )
    return dict(rows.fetchall())


def types_of(con: psycopg.Connection, name: str) -> dict[str, str]:
    """Return the columns of a table of the store, name → type as it is read; a sealed one's when opened."""
    return columns_of(con, name) | {column: kind for column, (_, kind) in sealed_in(con, name).items()}


def _can_follow(con, name: str, resource: Resource, wanted: dict[str, str], present: dict[str, str]) -> bool:
    own = {column for column, _ in VERSION_COLUMNS}
    kept = all(
        column in wanted and same_type(wanted[column], kind)
        for column, kind in present.items()
        if column not in own
    )
    added_ok = all(not _is_required(resource, column) for column in wanted.keys() - present.keys())
    return kept and added_ok and key_of(con, name) == resource.key


def key_of(con: psycopg.Connection, table: str) -> tuple[str, ...]:
    """Return the columns by which a table of the store tells rows apart, whatever the contract says now."""
    key = con.execute(
        """SELECT array_agg(a.attname ORDER BY k.place) FROM pg_index i
           CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY k(attnum, place)
           JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
           WHERE i.indrelid = %s::regclass AND i.indisunique""",
        [f'store."{table}"'],
    ).fetchone()[0]
    return tuple(key or ())


def same_type(wanted: str, present: str) -> bool:
    """Whether a type as we write it is a type as PostgreSQL words it."""
    names = {"timestamp with time zone": "timestamptz"}
    return wanted.replace(" ", "") == names.get(present, present).replace(" ", "")


def _is_required(resource: Resource, column: str) -> bool:
    return any(item.name == column and item.required for item in resource.items)


def _version(resource: Resource, name: str) -> int:
    suffix = name.removeprefix(resource.table).removeprefix("__v")
    return int(suffix) if suffix else 1


def linked_items(resource: Resource) -> tuple[Item, ...]:
    """Return the items by which a subject's rows are found; each gets an index."""
    names = [resource.subject.key] if resource.subject else []
    names += [link.item for link in resource.subject.links] if resource.subject else []
    return tuple(item for item in resource.items if item.name in names)


def _index(con: psycopg.Connection, name: str, resource: Resource) -> None:
    for item in linked_items(resource):
        con.execute(
            sql.SQL("CREATE INDEX IF NOT EXISTS {} ON store.{} ({})").format(
                sql.Identifier(f"{name}__{item.name}"[:63]), sql.Identifier(name), sql.Identifier(item.name)
            )
        )


def comments(resource: Resource) -> dict[str, str]:
    """Return what a database tool shows of the resource's table: column → Chinese words; "" is the table itself."""
    told = {"": _words(resource.business_name, resource.description) + f" (数源单位 {resource.provider})"}
    for item in resource.items:
        told[item.name] = _words(item.business_name, item.description)
        if item.is_coded:
            told[item.name + SOURCE_SUFFIX] = f"{item.business_name}: 业务系统的原代码"
    return told


def _words(name: str, description: str) -> str:
    return f"{name}: {description}" if description else name


def _comment(con: psycopg.Connection, name: str, resource: Resource) -> None:
    """Let the table say what the contract says now; what is right is left alone, since a comment takes a lock."""
    rows = con.execute(
        """SELECT coalesce(a.attname, ''), d.description FROM pg_description d
           LEFT JOIN pg_attribute a ON a.attrelid = d.objoid AND a.attnum = d.objsubid
           WHERE d.objoid = %s::regclass AND d.classoid = 'pg_class'::regclass""",
        [f'store."{name}"'],
    )
    present = dict(rows.fetchall())
    table = sql.Identifier("store", name)
    for column, text in comments(resource).items():
        if present.get(column) == text:
            continue
        target = sql.SQL("TABLE {}").format(table)
        if column:
            target = sql.SQL("COLUMN {}.{}").format(table, sql.Identifier(column))
        con.execute(sql.SQL("COMMENT ON {} IS {}").format(target, sql.Literal(text)))
