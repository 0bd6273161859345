"""What a PostgreSQL holds, by its own catalog: what the reading user may select, without system schemas."""

from collections import defaultdict
from typing import TYPE_CHECKING

from catalogs.found import FoundColumn, FoundReference, FoundTable
from connectors.base import family_of
from connectors.duck import quote

if TYPE_CHECKING:
    from connectors.postgres import PostgresSource

_OURS = """
n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
AND NOT c.relispartition AND has_schema_privilege(n.oid, 'USAGE')
"""
# What is under a domain (`t` of column `a`), and under the domain under it; nothing where the type is none.
UNDER = """
LEFT JOIN LATERAL (
    WITH RECURSIVE step (oid, class, base, modifier, base_modifier) AS (
        SELECT t.oid, t.typtype, t.typbasetype, a.atttypmod, t.typtypmod WHERE t.typtype = 'd'
        UNION ALL
        SELECT b.oid, b.typtype, b.typbasetype, step.base_modifier, b.typtypmod
        FROM step JOIN pg_catalog.pg_type b ON b.oid = step.base
    )
    SELECT pg_catalog.format_type(oid, modifier) AS type_text, class FROM step WHERE class <> 'd'
) AS under ON true
"""
_COLUMNS = f"""
SELECT n.nspname::text AS schema_name, c.relname::text AS table_name, c.relkind::text AS kind,
       obj_description(c.oid, 'pg_class')::text AS table_comment, c.reltuples::float8 AS estimate,
       pg_table_is_visible(c.oid) AS is_visible, a.attname::text AS column_name,
       coalesce(under.type_text, format_type(a.atttypid, a.atttypmod))::text AS type_text,
       coalesce(under.class, t.typtype)::text AS class,
       a.attnotnull OR t.typnotnull AS is_required, col_description(c.oid, a.attnum)::text AS column_comment,
       EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indkey[0] = a.attnum) AS is_indexed
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid {UNDER}
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND {_OURS} AND has_column_privilege(c.oid, a.attnum, 'SELECT')
ORDER BY 1, 2, a.attnum
"""
_KEYS = f"""
SELECT n.nspname::text AS schema_name, c.relname::text AS table_name, i.indexrelid::int8 AS key_no,
       a.attname::text AS column_name, a.attnotnull AS is_required
FROM pg_index i
JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
WHERE i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND k.place <= i.indnkeyatts
  AND {_OURS}
ORDER BY 1, 2, i.indisprimary DESC, i.indnkeyatts, i.indexrelid, k.place
"""
_REFERENCES = f"""
SELECT n.nspname::text AS schema_name, c.relname::text AS table_name, r.oid::int8 AS reference_no,
       a.attname::text AS column_name, tn.nspname::text AS to_schema, t.relname::text AS to_table,
       pg_table_is_visible(t.oid) AS is_visible, ta.attname::text AS to_column
FROM pg_constraint r
JOIN pg_class c ON c.oid = r.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class t ON t.oid = r.confrelid
JOIN pg_namespace tn ON tn.oid = t.relnamespace
CROSS JOIN LATERAL unnest(r.conkey, r.confkey) WITH ORDINALITY AS k(attnum, to_attnum, place)
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
JOIN pg_attribute ta ON ta.attrelid = t.oid AND ta.attnum = k.to_attnum
WHERE r.contype = 'f' AND {_OURS}
ORDER BY 1, 2, r.oid, k.place
"""


def family_in(of_type: str, words: str) -> str:
    """Sort a type into a family (see `connectors.base.Column`).

    Args:
        of_type: `pg_type.typtype`: a range of dates is no date, and what somebody calls a composite type says nothing.
        words: the type in PostgreSQL's words; of a domain, those of the type under it.
    """
    if of_type == "e":
        return "text"
    return family_of(words) if of_type == "b" else "other"


def tables(source: "PostgresSource") -> list[FoundTable]:
    """List tables, views and foreign tables, partitions under their parent; names outside the search path qualified."""

    def physical(schema: str, name: str, is_visible: bool) -> str:
        is_own = schema == source.schema if source.schema else is_visible
        return name if is_own and "." not in name else f"{schema}.{name}"

    keys: dict[tuple, dict[int, list]] = defaultdict(lambda: defaultdict(list))
    for schema, table, number, column, is_required in source.ask(_KEYS):
        keys[schema, table][number].append((column, is_required))
    references: dict[tuple, dict[int, list]] = defaultdict(lambda: defaultdict(list))
    for schema, table, number, column, to_schema, to_table, is_visible, to_column in source.ask(_REFERENCES):
        references[schema, table][number].append(
            (column, physical(to_schema, to_table, is_visible), to_column)
        )
    heads: dict[tuple, tuple] = {}
    columns: dict[tuple, list[FoundColumn]] = defaultdict(list)
    for (
        schema,
        table,
        kind,
        told,
        estimate,
        is_visible,
        name,
        kind_text,
        of_type,
        needed,
        comment,
        indexed,
    ) in source.ask(_COLUMNS):
        place = schema, table
        heads[place] = physical(schema, table, is_visible), kind, told, estimate
        family = family_in(of_type, kind_text)
        columns[place].append(FoundColumn(name, kind_text, family, comment or "", needed, indexed))
    return [
        FoundTable(
            physical_name=name,
            kind="view" if kind in "vm" else "table",
            comment=told or "",
            # Never analyzed: −1, or 0 in older versions, which says nothing.
            rows=int(estimate) if estimate and estimate > 0 else None,
            columns=tuple(columns[place]),
            keys=tuple(
                tuple(column for column, _ in parts)
                for parts in keys[place].values()
                if all(is_required for _, is_required in parts)
            ),
            references=tuple(
                FoundReference(
                    tuple(part[0] for part in parts), parts[0][1], tuple(part[2] for part in parts)
                )
                for parts in references[place].values()
            ),
            sql_name=".".join(map(quote, place)),
        )
        for place, (name, kind, told, estimate) in heads.items()
    ]
