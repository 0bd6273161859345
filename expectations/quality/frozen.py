"""Scores that people are judged by: frozen once a month, with working days for objections.

A month's figure of a unit in a dimension is the mean of its own scores of the month's days, without what it inherited.
Nobody is judged by too little: below a number of rows, or of days, there is none, and the reason stands in its place.
A figure is never altered. Who objects in time is answered; where the objection is accepted, the figure stays as it
was and does not count.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta

import psycopg
from psycopg.rows import class_row

from catalogs.derive import POST
from catalogs.model import Catalog
from catalogs.settings import now
from expectations.quality.kept import campus_day
from expectations.quality.scores import UNIT
from expectations.quality.terms import Terms


class FreezeError(Exception):
    """A month cannot be frozen, or an objection not be taken; nothing was changed."""


@dataclass(frozen=True)
class Figure:
    """A frozen score.

    Attributes:
        score, own: with and without inherited faults; None where there is too little to judge by.
        why_not: why there is none.
        objections: that wait for a decision.
        counts: whether people may be judged by it: there is one, and no objection to it was accepted.
    """

    month: str
    unit: str
    dimension: str
    score: float | None
    own: float | None
    days: int
    rows: int
    why_not: str | None
    objections: int
    counts: bool


@dataclass(frozen=True)
class Freeze:
    """A frozen month. It is final after its last day for objections, once all are decided."""

    month: str
    frozen_at: datetime
    objections_until: date
    state: str


@dataclass(frozen=True)
class Objection:
    """What a unit objects to, and what was decided."""

    id: int
    month: str
    unit: str
    dimension: str
    post: str
    reason: str
    at: datetime
    accepted: bool | None
    decided_by: str | None
    opinion: str | None


def last_month(today: date) -> str:
    """Return the month before the one that a day is in, as `2026-11`."""
    return f"{today.replace(day=1) - timedelta(days=1):%Y-%m}"


def freeze(con: psycopg.Connection, catalog: Catalog, terms: Terms, month: str) -> bool:
    """Freeze a month that is over, and return whether it was not yet.

    Raises:
        FreezeError: the month is not over, or no month.
    """
    at = now()
    today = campus_day(catalog, at)
    try:
        first = date.fromisoformat(f"{month}-01")
    except ValueError:
        raise FreezeError(f"{month}: expected a month like 2026-11. Nothing was frozen") from None
    after = (first + timedelta(days=32)).replace(day=1)
    if today < after:
        raise FreezeError(f"{month} is not over. Nothing was frozen")
    with con.transaction():
        con.execute("SELECT pg_advisory_xact_lock(hashtext('yici quality'))")
        if con.execute("SELECT 1 FROM yici.score_freeze WHERE month = %s", [month]).fetchone():
            return False
        until = catalog.calendar.add_working_days(today, terms.objection_days)
        con.execute(
            "INSERT INTO yici.score_freeze (month, frozen_at, objections_until, formula) VALUES (%s, %s, %s, %s)",
            [month, at, until, json.dumps(asdict(terms), default=list)],
        )
        con.execute(
            """INSERT INTO yici.score_frozen (month, unit, dimension, score, own, days, rows, why_not)
               SELECT %(month)s, name, dimension,
                   CASE WHEN why IS NULL THEN score END, CASE WHEN why IS NULL THEN own END, days, rows, why
               FROM (SELECT name, dimension, avg(score) AS score, avg(own) AS own, count(*) AS days,
                         max(rows) AS rows,
                         CASE WHEN max(rows) < %(least)s THEN 'rows < ' || %(least)s
                              WHEN count(*) < %(days)s THEN 'days < ' || %(days)s END AS why
                     FROM yici.score WHERE scope = %(scope)s AND day >= %(first)s AND day < %(after)s
                     GROUP BY name, dimension) told""",
            {"month": month, "least": terms.minimum_rows, "days": terms.minimum_days, "scope": UNIT,
             "first": first, "after": after},
        )  # fmt: skip
    return True


def freezes(con: psycopg.Connection, today: date) -> list[Freeze]:
    """Return the frozen months, newest first."""
    with con.cursor(row_factory=class_row(Freeze)) as cursor:
        return cursor.execute(
            """SELECT month, frozen_at, objections_until,
                   CASE WHEN objections_until < %s AND NOT EXISTS (SELECT FROM yici.score_objection o
                       WHERE o.month = f.month AND accepted IS NULL) THEN 'final' ELSE 'open' END AS state
               FROM yici.score_freeze f ORDER BY month DESC""",
            [today],
        ).fetchall()


def figures(con: psycopg.Connection, month: str) -> list[Figure]:
    """Return the figures of a frozen month, by unit and dimension."""
    with con.cursor(row_factory=class_row(Figure)) as cursor:
        return cursor.execute(
            """SELECT f.*, count(o.id) FILTER (WHERE o.accepted IS NULL) AS objections,
                   f.own IS NOT NULL AND NOT coalesce(bool_or(o.accepted), false) AS counts
               FROM yici.score_frozen f LEFT JOIN yici.score_objection o USING (month, unit, dimension)
               WHERE month = %s GROUP BY f.month, f.unit, f.dimension ORDER BY unit, dimension""",
            [month],
        ).fetchall()


def object_to(
    con: psycopg.Connection, catalog: Catalog, month: str, unit: str, dimension: str, post: str, reason: str
) -> int:
    """Record a unit's objection to its figure and return its number.

    Raises:
        FreezeError: there is no such figure, the days for it are over, no post, or no reason.
    """
    if not post.startswith(POST) or not reason.strip():
        raise FreezeError(f"an objection needs a post ({POST}…) and a reason. Nothing was recorded")
    with con.transaction():
        row = con.execute(
            """SELECT objections_until FROM yici.score_freeze JOIN yici.score_frozen USING (month)
               WHERE month = %s AND unit = %s AND dimension = %s""",
            [month, unit, dimension],
        ).fetchone()
        if row is None:
            raise FreezeError(f"{month}, {unit}, {dimension}: no such frozen figure. Nothing was recorded")
        if campus_day(catalog) > row[0]:
            raise FreezeError(f"{month}: objections ended on {row[0]}. Nothing was recorded")
        return con.execute(
            """INSERT INTO yici.score_objection (month, unit, dimension, post, reason, at)
               VALUES (%s, %s, %s, %s, %s, %s) RETURNING id""",
            [month, unit, dimension, post, reason.strip(), now()],
        ).fetchone()[0]


def decide(con: psycopg.Connection, number: int, accepted: bool, post: str, opinion: str) -> None:
    """Decide an objection, once.

    Raises:
        FreezeError: no objection of this number waits, it is the post's own, no post, or no opinion.
    """
    if not post.startswith(POST) or not opinion.strip():
        raise FreezeError(f"a decision needs a post ({POST}…) and its grounds. Nothing was decided")
    done = con.execute(
        """UPDATE yici.score_objection SET accepted = %s, decided_by = %s, opinion = %s, decided_at = %s
           WHERE id = %s AND accepted IS NULL AND post <> %s""",
        [accepted, post, opinion.strip(), now(), number, post],
    )
    if not done.rowcount:
        raise FreezeError(
            f"objection {number}: none of this number waits for a decision by {post}. Nothing was decided"
        )


def objections(con: psycopg.Connection, month: str = "") -> Sequence[Objection]:
    """Return the objections to a month's figures, or all."""
    with con.cursor(row_factory=class_row(Objection)) as cursor:
        return cursor.execute(
            """SELECT id, month, unit, dimension, post, reason, at, accepted, decided_by, opinion
               FROM yici.score_objection WHERE %s IN ('', month) ORDER BY id""",
            [month],
        ).fetchall()
