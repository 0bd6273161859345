"""What a MySQL or MariaDB holds, by its information schema: what the reading user sees, without system schemas."""

from collections import defaultdict
from typing import TYPE_CHECKING

from catalogs.found import FoundColumn, FoundReference, FoundTable
from connectors.base import family_of

if TYPE_CHECKING:
    from connectors.mysql import MySqlSource

_OURS = "table_schema NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys')"
_TABLES = f"""
SELECT table_schema, table_name, table_type, table_rows, table_comment, table_schema = database()
FROM information_schema.tables WHERE {_OURS} AND table_type <> 'SEQUENCE' ORDER BY 1, 2
"""
_COLUMNS = f"""
SELECT table_schema, table_name, column_name, column_type, is_nullable, column_comment, column_key
FROM information_schema.columns WHERE {_OURS} ORDER BY table_schema, table_name, ordinal_position
"""
_KEYS = f"""
SELECT table_schema, table_name, index_name, column_name, nullable, sub_part
FROM information_schema.statistics WHERE {_OURS} AND non_unique = 0
ORDER BY table_schema, table_name, index_name <> 'PRIMARY', index_name, seq_in_index
"""
_REFERENCES = f"""
SELECT table_schema, table_name, constraint_name, column_name, referenced_table_schema,
       referenced_table_name, referenced_table_schema = database(), referenced_column_name
FROM information_schema.key_column_usage WHERE {_OURS} AND referenced_table_name IS NOT NULL
ORDER BY table_schema, table_name, constraint_name, ordinal_position
"""
_YES = "1"  # every value arrives as text


def tables(source: "MySqlSource") -> list[FoundTable]:
    """List tables and views; those of another database than the connection's own are qualified."""
    keys: dict[tuple, dict[str, list]] = defaultdict(lambda: defaultdict(list))
    for schema, table, index, column, nullable, sub_part in source.ask(_KEYS):
        # A key over the first letters of a column, or over an expression, tells rows apart only there.
        is_whole = nullable != "YES" and sub_part is None and column is not None
        keys[schema, table][index].append((column, is_whole))
    references: dict[tuple, dict[str, list]] = defaultdict(lambda: defaultdict(list))
    for schema, table, name, column, to_schema, to_table, is_own, to_column in source.ask(_REFERENCES):
        target = _physical(to_schema, to_table, is_own)
        references[schema, table][name].append((column, target, to_column))
    columns: dict[tuple, list[FoundColumn]] = defaultdict(list)
    for schema, table, name, kind, is_nullable, comment, key in source.ask(_COLUMNS):
        columns[schema, table].append(
            FoundColumn(name, kind, family_of(kind), comment or "", is_nullable == "NO", bool(key))
        )
    found = []
    for schema, table, kind, rows, comment, is_own in source.ask(_TABLES):
        place, is_view = (schema, table), "VIEW" in kind
        found.append(
            FoundTable(
                physical_name=_physical(schema, table, is_own),
                kind="view" if is_view else "table",
                comment="" if is_view else comment or "",
                rows=int(rows) if rows else None,
                columns=tuple(columns[place]),
                keys=tuple(
                    tuple(column for column, _ in parts)
                    for parts in keys[place].values()
                    if all(is_whole for _, is_whole in parts)
                ),
                references=tuple(
                    FoundReference(
                        tuple(part[0] for part in parts), parts[0][1], tuple(part[2] for part in parts)
                    )
                    for parts in references[place].values()
                ),
                sql_name=f"{source.name(schema)}.{source.name(table)}",
            )
        )
    return found


def _physical(schema: str, table: str, is_own: str) -> str:
    return table if is_own == _YES and "." not in table else f"{schema}.{table}"
