"""How many rows a reading should have, so that one that was cut short is noticed before it replaces anything.

A full reading is compared with the last good one. Where the same teaching week of an earlier year is in the ledger,
what was lost in that week then may be lost again: a quarter of the students leave every July. A day that was read
before is compared with itself; a new day with the same weekday of the same teaching week of an earlier year, since a
card is swiped less in the holidays, else with the same day of the week before. Of the earlier years the newest that
is known counts. A new day replaces nothing, so few rows are only a finding. A term is compared with itself alone: the
present one still grows.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import psycopg

from catalogs.model import Calendar, Catalog, Resource

_WEEK, _YEAR = timedelta(days=7), timedelta(days=365)
_HALF_WEEK = timedelta(days=3)
_YEARS = range(1, 6)
# How far apart the beginnings of a term may lie in two years, and how old a reading before a week may be.
_SLACK = timedelta(days=45)
_FULL = """FROM yici.extract WHERE resource = %s AND state = 'published' AND scope ->> 'kind' = 'full'"""


@dataclass(frozen=True)
class Week:
    """The week about a day, and since when what was there before it is looked for; all days inclusive."""

    first: date
    last: date
    since: date


@dataclass(frozen=True)
class Expected:
    """What a reading is compared with.

    Attributes:
        rows: what it should have.
        because: what they are the rows of, for messages.
        replaces: whether the reading would replace rows that were published.
    """

    rows: int
    because: str
    replaces: bool = True


def expected_full(
    con: psycopg.Connection, catalog: Catalog, resource: Resource, day: date
) -> Expected | None:
    """Return what a full reading on `day` is compared with, or None before the first published one."""
    row = con.execute(f"SELECT rows {_FULL} ORDER BY ordinal DESC LIMIT 1", [resource.name]).fetchone()
    if row is None:
        return None
    share, year = _share_left_before(con, catalog, resource, day)
    because = (
        "the last good"
        if share == 1
        else f"{share:.0%} of the last good {row[0]}, as in this week of {year}:"
    )
    return Expected(int(row[0] * share), because)


def expected_partition(
    con: psycopg.Connection, catalog: Catalog, resource: Resource, partition: str, today: date
) -> Expected | None:
    """Return what a reading of one partition is compared with, or None if there is nothing like it."""
    known = _published(con, resource, partition)
    if known is not None:
        return Expected(known, "the last good")
    cut = resource.ingest.partition
    if cut is None or cut.by != "day":
        return None
    try:
        day = date.fromisoformat(partition)
    except ValueError:
        return None
    if day >= today:
        return None
    calendar = catalog.calendar
    for years in _YEARS:
        earlier = years_before(calendar, day, years)
        if earlier and (rows := _published(con, resource, earlier.isoformat())):
            return Expected(rows, f"those of {earlier}, in the same teaching week:", replaces=False)
    before = day - _WEEK
    if _kind(calendar, before) == _kind(calendar, day) and (
        rows := _published(con, resource, before.isoformat())
    ):
        return Expected(rows, f"those of {before}:", replaces=False)
    return None


def years_before(calendar: Calendar, day: date, years: int) -> date | None:
    """Return the same weekday of the same teaching week some years earlier, counted from the beginning of term.

    None where the calendar does not list that term from its beginning.
    """
    starts = _term_starts(calendar)
    begun = max((start for start in starts if start <= day), default=None)
    if begun is None:
        return None
    near = [start for start in starts if abs(begun - start - years * _YEAR) <= _SLACK]
    if not near:
        return None
    return min(near, key=lambda start: abs(begun - start - years * _YEAR)) + (day - begun)


def week_years_before(calendar: Calendar, day: date, years: int = 1) -> Week | None:
    """Return the week about the same day of the same teaching week years earlier; None as for `years_before`."""
    earlier = years_before(calendar, day, years)
    if earlier is None:
        return None
    first = earlier - _HALF_WEEK
    return Week(first, earlier + _HALF_WEEK, first - _SLACK)


def _term_starts(calendar: Calendar) -> list[date]:
    """First days of the terms; not of the one in which the calendar begins, which began before it."""
    firsts: dict[str, date] = {}
    for day, listed in calendar.days.items():
        if listed.term:
            firsts[listed.term] = min(day, firsts.get(listed.term, day))
    return sorted(day for day in firsts.values() if day > min(calendar.days))


def _kind(calendar: Calendar, day: date) -> str:
    listed = calendar.days.get(day)
    return listed.kind if listed else ""


def _share_left_before(
    con: psycopg.Connection, catalog: Catalog, resource: Resource, day: date
) -> tuple[float, int | None]:
    """Return what share was left in this teaching week of the newest earlier year that is known, and of which year.

    At most 1, and 1 where nobody knows.
    """
    zone = ZoneInfo(catalog.campus.time_zone).key
    on = "(taken_at AT TIME ZONE %s)::date"
    for years in _YEARS:
        week = week_years_before(catalog.calendar, day, years)
        if week is None:
            continue
        lowest, before = con.execute(
            f"""SELECT (SELECT min(rows) {_FULL} AND {on} BETWEEN %s AND %s),
                       (SELECT rows {_FULL} AND {on} < %s AND {on} >= %s ORDER BY taken_at DESC LIMIT 1)""",
            [resource.name, zone, week.first, week.last, resource.name, zone, week.first, zone, week.since],
        ).fetchone()
        if lowest is not None and before:
            return min(1.0, lowest / before), week.first.year
    return 1.0, None


def _published(con: psycopg.Connection, resource: Resource, partition: str) -> int | None:
    row = con.execute(
        """SELECT rows FROM yici.extract WHERE resource = %s AND state = 'published'
           AND scope ->> 'kind' = 'partition' AND scope ->> 'partition' = %s ORDER BY ordinal DESC LIMIT 1""",
        [resource.name, partition],
    ).fetchone()
    return row and row[0]
