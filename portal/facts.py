"""What pages tell of the warehouse: extracts against their promise, scores, tickets. Counts and names only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

import psycopg
from psycopg.rows import class_row

from catalogs.model import LOOKUP_SYSTEM_KIND, Catalog, Resource
from catalogs.settings import now
from expectations.quality.desk import Event
from expectations.quality.kept import Kept, scores_on
from expectations.quality.scores import RESOURCE
from expectations.quality.tickets import RULE, Ticket
from expectations.quality.titles import resource_title, rule_title
from expectations.quality.words import TOTAL

EXTRACTS = 30
# The reference of a ticket leads to a person's case: the portal's role may not read it.
_TICKET = (
    "id, kind, channel, resource, rule, dimension, severity, unit, post, level, about, NULL AS reference,"
    " inherited_from, rows_failed, opened_on, due_on, climb_after, reopened, state, closed_at"
)


@dataclass(frozen=True)
class Extract:
    """An extract as its promise sees it: sign ✓ on time, ! late, ✕ refused, – not judged yet."""

    taken_at: datetime
    rows: int
    state: str
    sign: str


def extracts(con: psycopg.Connection, resource: Resource) -> list[Extract]:
    """Return the latest extracts of a resource, oldest first; whether each came in time is told by the one before."""
    rows = con.execute(
        "SELECT taken_at, rows, state FROM yici.extract WHERE resource = %s ORDER BY id DESC LIMIT %s",
        [resource.name, EXTRACTS + 1],
    ).fetchall()[::-1]
    gaps = [timedelta()] + [after[0] - before[0] for before, after in pairwise(rows)]
    told = [
        Extract(taken_at, count, state, _sign(state, gap > resource.promise))
        for (taken_at, count, state), gap in zip(rows, gaps, strict=True)
    ]
    return told[-EXTRACTS:]


def _sign(state: str, is_late: bool) -> str:
    if state == "refused":
        return "✕"
    if state == "landed":
        return "–"
    return "!" if is_late else "✓"


def last_published(con: psycopg.Connection, resource: str = "") -> dict[str, datetime]:
    """Return resource → when its last published extract was taken; of one resource, or of all."""
    return dict(
        con.execute(
            """SELECT resource, max(taken_at) FROM yici.extract
               WHERE state = 'published' AND %(resource)s IN ('', resource) GROUP BY resource""",
            {"resource": resource},
        ).fetchall()
    )


def promised(catalog: Catalog) -> list[Resource]:
    """Return the active resources that somebody has promised to deliver."""
    return [one for _, one in sorted(catalog.resources.items()) if is_promised(catalog, one)]


def is_promised(catalog: Catalog, resource: Resource) -> bool:
    """Whether somebody has promised to deliver a resource: it is active, and not asked about person by person."""
    return resource.status == "active" and catalog.systems[resource.system].kind != LOOKUP_SYSTEM_KIND


def is_late(resource: Resource, last: datetime | None) -> bool:
    """Whether a resource is older than promised now."""
    return last is None or now() - last > resource.promise


def scores(con: psycopg.Connection, day: date) -> Kept:
    """Return the newest scores up to a day."""
    return scores_on(con, day)


def totals(con: psycopg.Connection, day: date) -> dict[str, float]:
    """Return resource → its total score on the newest day that has scores, up to a day."""
    return dict(
        con.execute(
            """SELECT name, score FROM yici.score WHERE scope = %s AND dimension = %s
               AND day = (SELECT max(day) FROM yici.score WHERE day <= %s)""",
            [RESOURCE, TOTAL, day],
        ).fetchall()
    )


def tickets(con: psycopg.Connection, units: frozenset[str] | None, resource: str = "") -> list[Ticket]:
    """Return the open tickets of some units, or of all, those due first."""
    return _tickets(
        con,
        "state = 'open' AND (%(all)s OR unit = ANY(%(units)s)) AND %(resource)s IN ('', resource) ORDER BY due_on, id",
        {"all": units is None, "units": sorted(units or ()), "resource": resource},
    )


def about(catalog: Catalog, one: Ticket, language: str) -> str:
    """Return what a ticket is about; the ticket says it in Chinese, in English it is told by resource and rule."""
    if language == "zh" or one.kind != RULE:
        return one.about
    return f"{resource_title(catalog, one.resource, language)}: {rule_title(catalog, one.resource, one.rule, language)}"


def ticket(con: psycopg.Connection, number: int) -> tuple[Ticket, list[Event]] | None:
    """Return a ticket with its history; None if there is none of this number."""
    found = _tickets(con, "id = %(number)s", {"number": number})
    if not found:
        return None
    with con.cursor(row_factory=class_row(Event)) as cursor:
        events = cursor.execute(
            "SELECT at, event, post, text, release FROM yici.ticket_event WHERE ticket = %s ORDER BY id",
            [number],
        ).fetchall()
    return found[0], events


def _tickets(con: psycopg.Connection, condition: str, values: Mapping[str, object]) -> list[Ticket]:
    with con.cursor(row_factory=class_row(_ticket)) as cursor:
        return cursor.execute(f"SELECT {_TICKET} FROM yici.ticket WHERE {condition}", values).fetchall()


def _ticket(**row) -> Ticket:
    return Ticket(**row | {"inherited_from": tuple(row["inherited_from"])})


@dataclass(frozen=True)
class Release:
    """A published release, and what became of how many resources in it."""

    id: int
    published_at: datetime
    applied: int
    carried: int
    refused: int


def releases(con: psycopg.Connection, count: int) -> Sequence[Release]:
    """Return the latest published releases, the newest first."""
    with con.cursor(row_factory=class_row(Release)) as cursor:
        return cursor.execute(
            """SELECT r.id, r.published_at, count(*) FILTER (WHERE o.outcome = 'applied') AS applied,
                   count(*) FILTER (WHERE o.outcome = 'carried') AS carried,
                   count(*) FILTER (WHERE o.outcome IN ('refused', 'held')) AS refused
               FROM (SELECT id, published_at FROM yici.release WHERE state = 'published' ORDER BY id DESC LIMIT %s) r
               LEFT JOIN yici.release_resource o ON o.release = r.id
               GROUP BY r.id, r.published_at ORDER BY r.id DESC""",
            [count],
        ).fetchall()


@dataclass(frozen=True)
class Since:
    """What happened since the day before: releases, resources that were updated in them, tickets."""

    releases: int
    applied: int
    opened: int
    closed: int


def since_yesterday(con: psycopg.Connection, day: date, zone: str) -> Since:
    """Return what happened on a day of the campus and the day before."""
    with con.cursor(row_factory=class_row(Since)) as cursor:
        found = cursor.execute(
            """WITH since AS (SELECT (%(day)s::date - 1)::timestamp AT TIME ZONE %(zone)s AS at),
                   new AS (SELECT id FROM yici.release, since WHERE state = 'published' AND published_at >= since.at)
               SELECT (SELECT count(*) FROM new) AS releases,
                   (SELECT count(*) FROM yici.release_resource o JOIN new ON new.id = o.release
                       WHERE o.outcome = 'applied') AS applied,
                   (SELECT count(*) FROM yici.ticket WHERE opened_on >= %(day)s::date - 1) AS opened,
                   (SELECT count(*) FROM yici.ticket, since WHERE closed_at >= since.at) AS closed""",
            {"day": day, "zone": zone},
        ).fetchone()
    assert found is not None
    return found


def score_days(
    con: psycopg.Connection, scope: str, name: str, day: date, days: int
) -> dict[date, dict[str, float]]:
    """Return day → dimension → score of something, oldest first, over some days up to one."""
    found: dict[date, dict[str, float]] = {}
    for at, dimension, score in con.execute(
        """SELECT day, dimension, score FROM yici.score
           WHERE scope = %s AND name = %s AND day <= %s AND day > %s ORDER BY day""",
        [scope, name, day, day - timedelta(days=days)],
    ):
        found.setdefault(at, {})[dimension] = score
    return found
