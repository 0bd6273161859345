"""What a database holds, as SQLAlchemy's Inspector tells it: the connection's own schema, or the one that is set."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import sqlalchemy as sa

from catalogs.found import AT_LEAST, COUNTED, FoundColumn, FoundReference, FoundTable
from connectors.base import SourceError, SourceRefused

if TYPE_CHECKING:
    from connectors.dialects import DialectSource

_COUNT_LIMIT = 100_000


def tables(source: "DialectSource") -> list[FoundTable]:
    """List tables and views; rows are counted up to a limit here, because every dialect limits differently."""
    source.ask(source.sql(sa.select(sa.literal_column("1"))))
    with source.translated():
        inspector = source.inspector()
        listed = [
            *((name, "table") for name in inspector.get_table_names(source.schema)),
            *((name, "view") for name in inspector.get_view_names(source.schema)),
        ]
    tables = []
    for name, kind in sorted(listed):
        try:
            tables.append(_table(source, inspector, name, kind))
        except SourceRefused as error:
            # A view of a table that is gone must not hide the others.
            tables.append(FoundTable(name, kind, notes=(f"cannot be looked into: {error}",)))
    return tables


def _table(source: "DialectSource", inspector: sa.Inspector, name: str, kind: str) -> FoundTable:
    schema = source.schema
    with source.translated():
        columns = inspector.get_columns(name, schema)
        required = {source.reflected(column["name"]) for column in columns if not column["nullable"]}
        primary = _names(source, inspector.get_pk_constraint(name, schema)["constrained_columns"])
        indexes = [_names(source, index["column_names"]) for index in inspector.get_indexes(name, schema)]
        constraints = inspector.get_unique_constraints(name, schema)
        unique = [
            columns_of
            for columns_of in (_names(source, key["column_names"]) for key in constraints)
            if required.issuperset(columns_of)
        ]
        references = tuple(
            FoundReference(
                _names(source, key["constrained_columns"]),
                key["referred_table"],
                _names(source, key["referred_columns"]),
            )
            for key in inspector.get_foreign_keys(name, schema)
            if key["referred_schema"] == schema
        )
        try:
            comment = inspector.get_table_comment(name, schema)["text"] or ""
        except NotImplementedError:
            comment = ""
    indexed = {columns_of[0] for columns_of in [*indexes, primary] if columns_of and columns_of[0]}
    rows, certainty, notes = _counted(source, name)
    described = [(column, source.column(column)) for column in columns]
    return FoundTable(
        physical_name=f"{schema}.{name}" if schema and "." in name else name,
        kind=kind,
        comment=comment,
        rows=rows,
        certainty=certainty,
        columns=tuple(
            FoundColumn(
                found.name,
                found.type,
                found.family,
                column.get("comment") or "",
                found.name in required,
                found.name in indexed,
            )
            for column, found in described
        ),
        keys=tuple(key for key in dict.fromkeys([primary, *unique]) if key),
        references=references,
        notes=notes,
    )


def _names(source: "DialectSource", reflected: Iterable[str | None]) -> tuple[str, ...]:
    """Return columns' names as they are; what an index computes has none."""
    return tuple(source.reflected(name) if name else "" for name in reflected)


def _counted(source: "DialectSource", name: str) -> tuple[int | None, str, tuple[str, ...]]:
    table = sa.table(name, schema=source.schema)
    some = (
        sa.select(sa.literal_column("1").label("one")).select_from(table).limit(_COUNT_LIMIT + 1).subquery()
    )
    try:
        ((text,),) = source.ask(source.sql(sa.select(sa.func.count()).select_from(some)))
    except SourceError as error:
        # A view that cannot be read, or takes too long, must not hide the other tables.
        return None, COUNTED, (f"cannot be counted: {error}",)
    rows = int(text)
    return (rows, COUNTED, ()) if rows <= _COUNT_LIMIT else (_COUNT_LIMIT, AT_LEAST, ())
