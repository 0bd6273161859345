"""Copies compared with their source in the warehouse (一数一源, measured): mismatches, lag, orphans.

Rows meet by the subject's key, or by identity links. What comes back are counts and days.
"""

from collections.abc import Sequence
from itertools import groupby

from psycopg import sql

from catalogs.lists.measured import Compared
from catalogs.lists.one_source import Copy, copies
from catalogs.model import Resource
from warehouse.held import Held
from warehouse.store import newest_table


def compared(held: Held) -> tuple[Compared, ...]:
    """Compare every declared or evident copy with its source; copies of one pair in one statement."""
    wanted = [copy for copy in copies(held.catalog) if _can_compare(held, copy)]
    found: list[Compared] = []
    for _, members in groupby(sorted(wanted, key=_pair), key=_pair):
        together = list(members)
        if together[0].how == "reference":
            found += [_orphans(held, copy) for copy in together]
        else:
            found += _different(held, together)
    return tuple(found)


def _can_compare(held: Held, copy: Copy) -> bool:
    own, source = held.catalog.resources[copy.resource], held.catalog.resources[copy.source_resource]
    return held.holds(own, (copy.item, copy.key)) and held.holds(source, (copy.source_item, copy.source_key))


def _orphans(held: Held, copy: Copy) -> Compared:
    own, source = held.catalog.resources[copy.resource], held.catalog.resources[copy.source_resource]
    (rows, orphans) = held.con.execute(
        sql.SQL(
            "SELECT count(*), count(*) FILTER (WHERE s.{there_item} IS NULL) FROM raw.{own} c"
            " LEFT JOIN raw.{source} s ON {there} = {here} WHERE c.{item} IS NOT NULL"
        ).format(
            source=sql.Identifier(source.table),
            own=sql.Identifier(own.table),
            item=sql.Identifier(copy.item),
            there_item=sql.Identifier(copy.source_item),
            **held.sides(own, copy.item, source, copy.source_item),
        )
    ).fetchone()  # type: ignore[misc]
    return Compared(
        copy.resource, copy.item, copy.source_resource, copy.source_item, rows, 0, orphans=orphans
    )


def _different(held: Held, together: Sequence[Copy]) -> list[Compared]:
    first = together[0]
    own, source = held.catalog.resources[first.resource], held.catalog.resources[first.source_resource]
    selected = [sql.SQL("count(*) FILTER (WHERE s.{} IS NULL)").format(sql.Identifier(first.source_key))]
    for copy in together:
        sides = held.sides(own, copy.item, source, copy.source_item)
        both = sql.SQL("s.{key} IS NOT NULL AND c.{item} IS NOT NULL").format(
            key=sql.Identifier(first.source_key), item=sql.Identifier(copy.item)
        )
        selected.append(sql.SQL("count(*) FILTER (WHERE {})").format(both))
        selected.append(
            sql.SQL("count(*) FILTER (WHERE {} AND {here} IS DISTINCT FROM {there})").format(both, **sides)
        )
    row = held.con.execute(
        sql.SQL("SELECT {} FROM {}").format(
            sql.SQL(", ").join(selected), _joined(held, first, own, source, "LEFT JOIN")
        )
    ).fetchone()
    if row is None:
        return []
    found = []
    for place, copy in enumerate(together):
        rows, different = row[1 + 2 * place], row[2 + 2 * place]
        behind, lag = _behind(held, copy, own, source) if different else (0, None)
        found.append(
            Compared(
                resource=copy.resource,
                item=copy.item,
                source_resource=copy.source_resource,
                source_item=copy.source_item,
                rows=rows,
                different=different,
                behind=behind,
                lag_days=lag,
                orphans=None if copy.how == "links" else row[0],
            )
        )
    return found


def _joined(held: Held, copy: Copy, own: Resource, source: Resource, join: str) -> sql.Composed:
    """The copy's rows `c` with the source's rows `s` of the same subject; rows without a key are left out."""
    names = {
        "own": sql.Identifier(own.table),
        "source": sql.Identifier(source.table),
        "join": sql.SQL(join),
        "key": sql.Identifier(copy.key),
    }
    if copy.how == "links":
        assert own.subject is not None and source.subject is not None
        return sql.SQL(
            "(SELECT c.*, there.key AS _there FROM raw.{own} c"
            " JOIN raw.links here ON here.type = {type} AND here.id_type = {own_type} AND here.key = c.{key}::text"
            " JOIN raw.links there ON there.type = {type} AND there.subject_id = here.subject_id"
            " AND there.id_type = {source_type}) c {join} raw.{source} s ON s.{source_key}::text = c._there"
        ).format(
            **names,
            type=sql.Literal(own.subject.type),
            own_type=sql.Literal(own.subject.id_type),
            source_type=sql.Literal(source.subject.id_type),
            source_key=sql.Identifier(copy.source_key),
        )
    sides = held.sides(own, copy.key, source, copy.source_key)
    return sql.SQL(
        "(SELECT * FROM raw.{own} WHERE {key} IS NOT NULL) c {join} raw.{source} s ON {there} = {here}"
    ).format(**names, **sides)


def _behind(held: Held, copy: Copy, own: Resource, source: Resource) -> tuple[int, float | None]:
    """How many differing rows hold a value that the source had before, and for how many days (median)."""
    store = newest_table(held.con, source)
    if store is None:
        return 0, None
    sides = held.sides(own, copy.item, source, copy.source_item)
    row = held.con.execute(
        sql.SQL(
            "SELECT count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY days) FROM ("
            " SELECT min(extract(epoch FROM %s - r.published_at)) / 86400 AS days FROM {joined}"
            " JOIN clear.{store} v ON v.{source_key} = s.{source_key} AND v._to IS NOT NULL"
            " AND v._to <= current_setting('yici.release')::int AND v.{source_item}{cast} = {here}"
            " JOIN yici.release r ON r.id = v._to"
            " WHERE c.{item} IS NOT NULL AND {here} IS DISTINCT FROM {there}"
            " GROUP BY {own_key}) former"
        ).format(
            joined=_joined(held, copy, own, source, "JOIN"),
            store=sql.Identifier(store),
            source_key=sql.Identifier(copy.source_key),
            source_item=sql.Identifier(copy.source_item),
            cast=held.cast(own, copy.item, source, copy.source_item),
            item=sql.Identifier(copy.item),
            own_key=sql.SQL(", ").join(sql.SQL("c.{}").format(sql.Identifier(name)) for name in own.key),
            **sides,
        ),
        [held.at],
    ).fetchone()
    return (0, None) if row is None or not row[0] else (row[0], float(row[1]))


def _pair(copy: Copy) -> tuple[str, str, str, str, str]:
    return copy.resource, copy.source_resource, copy.how, copy.key, copy.source_key
