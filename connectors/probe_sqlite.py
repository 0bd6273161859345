"""What a SQLite file holds, by its schema table and pragmas. It has no comments and no estimates."""

from typing import TYPE_CHECKING

from catalogs.found import FoundColumn, FoundReference, FoundTable
from connectors.base import SourceRefused, family_of
from connectors.duck import literal, quote

if TYPE_CHECKING:
    from connectors.sqlite import SqliteSource

_HIDDEN = 1  # columns of virtual tables that `SELECT *` does not show


def tables(source: "SqliteSource") -> list[FoundTable]:
    """List tables and views."""
    listed = source.ask(
        "SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' "
        "ESCAPE '\\' ORDER BY name"
    )
    tables = []
    for name, kind in listed:
        try:
            tables.append(_table(source, name, kind))
        except SourceRefused as error:
            # A view of a table that is gone must not hide the others.
            tables.append(FoundTable(name, kind, notes=(f"cannot be looked into: {error}",)))
    return tables


def _table(source: "SqliteSource", name: str, kind: str) -> FoundTable:
    described = source.ask(
        f'SELECT name, type, "notnull", pk FROM pragma_table_xinfo({literal(name)}) WHERE hidden <> {_HIDDEN}'
    )
    required = {column for column, _, is_required, place in described if is_required or place}
    primary = tuple(
        column for _, column in sorted((place, column) for column, _, _, place in described if place)
    )
    keys, indexed = [primary] if primary else [], set(primary[:1])
    for index, is_unique, is_partial in source.ask(
        f'SELECT name, "unique", partial FROM pragma_index_list({literal(name)}) ORDER BY seq DESC'
    ):
        parts = [row[0] for row in source.ask(f"SELECT name FROM pragma_index_info({literal(index)})")]
        indexed.update(parts[:1])
        if is_unique and not is_partial and required.issuperset(parts) and tuple(parts) not in keys:
            keys.append(tuple(parts))
    return FoundTable(
        physical_name=name,
        kind=kind,
        columns=tuple(
            FoundColumn(column, type_text, family_of(type_text), "", column in required, column in indexed)
            for column, type_text, _, _ in described
        ),
        keys=tuple(keys),
        references=_references(source, name),
        sql_name=quote(name),
    )


def _references(source: "SqliteSource", name: str) -> tuple[FoundReference, ...]:
    found: dict[int, list[tuple]] = {}
    for number, table, column, to_column in source.ask(
        f'SELECT id, "table", "from", "to" FROM pragma_foreign_key_list({literal(name)}) ORDER BY id, seq'
    ):
        found.setdefault(number, []).append((column, table, to_column))
    return tuple(
        # Without target columns the other table's primary key is meant.
        FoundReference(
            tuple(part[0] for part in parts),
            parts[0][1],
            tuple(part[2] for part in parts) if parts[0][2] else (),
        )
        for parts in found.values()
    )
