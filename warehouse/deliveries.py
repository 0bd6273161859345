"""What did not come: days that are missing between others, and readings that are older than their promise.

Whatever is judged later can only judge what came. So this is said when a system is read, also where nothing was new.
"""

from datetime import date, datetime, timedelta

import psycopg

from catalogs.model import Catalog, Resource

MISSING_DAYS, OVERDUE = "missing_days", "overdue"
_WEEK, _LOOKED_BACK = timedelta(days=7), timedelta(days=60)
_MOST_NAMED = 10


def note(
    con: psycopg.Connection, catalog: Catalog, resource: Resource, is_confirmed: bool, at: datetime
) -> None:
    """Keep what did not come of a resource as findings of stage `landing`.

    Args:
        con: the owner's connection.
        catalog: for the calendar.
        resource: which was just read.
        is_confirmed: the source was seen to hold the rows that were read before.
        at: the campus's present moment.
    """
    cut = resource.ingest.partition
    if cut is not None and cut.by == "day":
        days = missing_days(con, catalog, resource)
        named = ", ".join(map(str, days[:_MOST_NAMED])) + (" and more" if len(days) > _MOST_NAMED else "")
        told = f"nothing came of {named}, though of days before and after; provider {resource.provider} delivers it"
        _keep(con, resource, MISSING_DAYS, "completeness", len(days), told if days else None, at)
    (taken_at,) = con.execute(
        "SELECT max(taken_at) FROM yici.extract WHERE resource = %s AND state IN ('landed', 'published')",
        [resource.name],
    ).fetchone()
    if taken_at is not None:
        late = not is_confirmed and at - taken_at > resource.promise
        age_h, promised_h = ((span.total_seconds() / 3600) for span in (at - taken_at, resource.promise))
        told = f"nothing new for {age_h:.0f} h, promised every {promised_h:.0f} h; {resource.provider} delivers it"
        _keep(con, resource, OVERDUE, "timeliness", int(late), told if late else None, at)


def missing_days(con: psycopg.Connection, catalog: Catalog, resource: Resource) -> list[date]:
    """Return the days between the first and the last that came of which nothing did, though it should have.

    A day is expected where the same day of the week before came and the calendar calls both the same: there are
    offices that deliver nothing on Sundays, and nothing in the holidays.
    """
    came = set()
    for (partition,) in con.execute(
        "SELECT DISTINCT scope ->> 'partition' FROM yici.extract WHERE resource = %s"
        " AND scope ->> 'partition' IS NOT NULL",
        [resource.name],
    ):
        try:
            came.add(date.fromisoformat(partition))
        except ValueError:
            continue
    if not came:
        return []
    day, missing = max(min(came), max(came) - _LOOKED_BACK), []
    listed = catalog.calendar.days
    while day < max(came):
        before = day - _WEEK
        kinds = {listed[one].kind if one in listed else "" for one in (day, before)}
        if day not in came and before in came and len(kinds) == 1:
            missing.append(day)
        day += timedelta(days=1)
    return missing


def _keep(
    con: psycopg.Connection,
    resource: Resource,
    rule: str,
    dimension: str,
    failed: int,
    detail: str | None,
    at: datetime,
) -> None:
    con.execute(
        """INSERT INTO yici.finding (resource, rule, dimension, severity, stage, passed, rows_failed, rows_total,
               detail, at) VALUES (%s, %s, %s, 'warning', 'landing', %s, %s, NULL, %s, %s)""",
        [resource.name, rule, dimension, not failed, failed, detail, at],
    )
