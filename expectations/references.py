"""References between resources: a row that refers to another which is not there is pending at first, then a finding.

Resources of one system are read in one snapshot where its kind can; files, REST and systems that deliver at different
hours cannot be. So a missing parent is never a reason to refuse a row: it is admitted, and counted as pending (`info`).
If the parent is still missing when parent or child are next taken in, it is a finding (`warning`).

Nothing is kept for this: whether a row was an orphan before is read from the versions that the last published release
shows. Where that release had no orphan, only rows that are new now can be one.
"""

from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from catalogs.counting import counted
from catalogs.model import Catalog, Relationship, Resource
from expectations.checks import CONSISTENCY, Check, could_not_run
from warehouse.store import newest_table

STATEMENT_TIMEOUT_S = 120


def judge(catalog: Catalog, changed: Iterable[str], engine: Engine, release: int) -> list[Check]:
    """Count the orphans of every relationship of which either side changed.

    Args:
        catalog: the release's catalog.
        changed: names of the resources that this release took in.
        engine: of the warehouse.
        release: the candidate.

    Returns:
        One check per relationship that could have changed: passed, or `info` (all orphans are new), or `warning`.
    """
    changed = set(changed)
    checks = []
    with engine.connect() as con:
        con.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT_S}s'"))
        con.commit()
        for child in catalog.resources.values():
            for link in child.relationships:
                parent = catalog.resources.get(link.to_resource)
                if parent is None or changed.isdisjoint({child.name, parent.name}):
                    continue
                try:
                    found = _judge(con, child, parent, link, release)
                except SQLAlchemyError as error:
                    failed = could_not_run(child.name, rule_id(link), CONSISTENCY, type(error).__name__)
                    found = replace(failed, severity="warning")  # a reference never takes a resource back
                con.rollback()
                if found is not None:
                    checks.append(found)
    return checks


def rule_id(link: Relationship) -> str:
    """Return the name of a relationship's rule."""
    return f"reference-{'-'.join(link.items)}"


def _judge(
    con: Connection, child: Resource, parent: Resource, link: Relationship, release: int
) -> Check | None:
    own = con.connection.driver_connection
    tables = newest_table(own, child), newest_table(own, parent)
    if None in tables:
        return None
    before = _known_orphans(con, child, link, release)
    inserted, lost = _moved(con, child, release)[0], _moved(con, parent, release)[1]
    if before == 0 and not inserted and not lost:
        return None
    only_new = "AND c._from = :now" if before == 0 and not lost else ""
    refers = " AND ".join(f"c.{_q(item)}::text <> ''" for item in link.items)
    matches = " AND ".join(
        f"p.{_q(to)} = c.{_q(item)}" for item, to in zip(link.items, link.to_items, strict=True)
    )
    same = list(dict.fromkeys((*child.key, *link.items)))
    c, p = (f"clear.{_q(str(table))}" for table in tables)
    # What a release before this one showed of a row, or of its parent, is open still or was closed by this one.
    closed = "_to = :now AND _from < :now"
    refs, targets = _list(link.items), _list(link.to_items)
    pending, still = con.execute(
        text(
            f"""WITH orphan AS (
                    SELECT c.* FROM {c} c
                    WHERE {_seen("c")} AND c._state IN ('reported', 'released') AND {refers} {only_new}
                      AND NOT EXISTS (SELECT FROM {p} p WHERE {matches} AND {_seen("p")})),
                told AS (
                    SELECT (_from < :now OR ({_list(same)}) IN (SELECT {_list(same)} FROM {c} WHERE {closed}))
                       AND (({refs}) IN (SELECT {targets} FROM {p} WHERE {closed})) IS NOT TRUE
                       AS was_orphan
                    FROM orphan)
                SELECT count(*) FILTER (WHERE NOT was_orphan), count(*) FILTER (WHERE was_orphan) FROM told"""
        ),
        {"now": release},
    ).one()
    return _verdict(child, parent, link, pending, still)


def _verdict(child: Resource, parent: Resource, link: Relationship, pending: int, still: int) -> Check:
    detail = None
    if pending or still:
        rows = counted(still, "row refers", "rows refer")
        detail = f"{rows} to rows of {parent.name} that are still missing; {pending} pending"
    return Check(
        child.name,
        rule_id(link),
        CONSISTENCY,
        "warning" if still else "info",
        not pending and not still,
        pending + still,
        None,
        detail,
    )


def _known_orphans(con: Connection, child: Resource, link: Relationship, release: int) -> int | None:
    """Return how many orphans the relationship had when it was last judged and taken in; None if never."""
    return con.execute(
        text(
            """SELECT f.rows_failed FROM yici.finding f
               JOIN yici.release r ON r.id = f.release AND r.state = 'published'
               JOIN yici.release_resource x ON x.release = f.release AND x.resource = f.resource
                    AND x.outcome IN ('applied', 'carried')
               WHERE f.resource = :resource AND f.rule = :rule AND f.release < :release
               ORDER BY f.release DESC LIMIT 1"""
        ),
        {"resource": child.name, "rule": rule_id(link), "release": release},
    ).scalar()


def _moved(con: Connection, resource: Resource, release: int) -> tuple[int, int]:
    """Return the versions of the resource that the release opened and closed."""
    row = con.execute(
        text(
            "SELECT inserted, ended FROM yici.release_resource WHERE release = :release AND resource = :resource"
        ),
        {"release": release, "resource": resource.name},
    ).one_or_none()
    return (row[0], row[1]) if row else (0, 0)


def _seen(alias: str) -> str:
    return f"{alias}._from <= :now AND ({alias}._to IS NULL OR {alias}._to > :now)"


def _list(names: Iterable[str]) -> str:
    return ", ".join(map(_q, names))


def _q(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
