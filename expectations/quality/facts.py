"""What the weekly reports are made of, read from the warehouse."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import psycopg

from catalogs.derive import post_of
from catalogs.model import Catalog
from catalogs.settings import now
from expectations.quality import desk, frozen, kept
from expectations.quality.duty import duty
from expectations.quality.report import Facts, weeks_back
from expectations.quality.scores import CAMPUS, UNIT
from expectations.quality.terms import Terms
from expectations.quality.tickets import CLOSED, OPENED, REOPENED, Ticket
from expectations.quality.week import Week, code_of
from expectations.quality.words import TOTAL

_TREND_WEEKS = 12


def gather(con: psycopg.Connection, catalog: Catalog, terms: Terms, week: Week) -> Facts:
    """Read all facts of a week; of a week that is not over, what there is until now."""
    at = now()
    today = kept.campus_day(catalog, at)
    last = min(week.last, today)
    states = kept.read_states(con, is_short=True)
    tickets = _open_at(con, catalog, last, today)
    zone = ZoneInfo(catalog.campus.time_zone)
    names = kept.judged(con) | kept.scored_resources(catalog, today).keys()
    events = con.execute(
        """SELECT t.unit, e.event FROM yici.ticket_event e JOIN yici.ticket t ON t.id = e.ticket
           WHERE e.at >= %s AND e.at < %s""",
        [_start(week.first, zone), _start(week.last + timedelta(days=1), zone)],
    ).fetchall()
    duties = {name: duty(catalog, name, today).unit for name in names}
    return Facts(
        catalog=catalog,
        terms=terms,
        week=week,
        made_at=at.astimezone(zone),
        today=min(today, week.last + timedelta(days=1)),
        now=kept.scores_on(con, last, week.first),
        before=kept.scores_on(con, week.first - timedelta(days=1), weeks_back(week, 2)),
        states=[one for one in states.values() if not one.passed and one.points],
        tickets=tickets,
        opened=Counter(unit for unit, event in events if event in (OPENED, REOPENED)),
        closed=Counter(unit for unit, event in events if event == CLOSED),
        trend=_trend(con, week),
        promises=kept.promises(con, catalog, terms, kept.held(states), at),
        duties=duties,
        objections=[one for one in frozen.objections(con) if one.accepted is None],
        vacant=_vacant(catalog, set(duties.values())),
    )


def _open_at(con: psycopg.Connection, catalog: Catalog, day: date, today: date) -> Sequence[Ticket]:
    """The tickets that were open at the end of a day, most urgent first."""
    if day >= today:
        return desk.listed(con)
    end = _start(day + timedelta(days=1), ZoneInfo(catalog.campus.time_zone))
    found = [
        one
        for one in desk.listed(con, everything=True)
        if one.opened_on <= day and (one.closed_at is None or one.closed_at >= end)
    ]
    return sorted(found, key=lambda one: (one.due_on, one.id))


def _trend(con: psycopg.Connection, week: Week) -> dict[tuple[str, str], list[tuple[str, float]]]:
    """Of every week the last day with scores, of the units and the campus."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for scope, name, day, score in con.execute(
        """SELECT scope, name, day, score FROM yici.score
           WHERE scope = ANY (%s) AND dimension = %s AND day BETWEEN %s AND %s ORDER BY day""",
        [[UNIT, CAMPUS], TOTAL, weeks_back(week, _TREND_WEEKS - 1), week.last],
    ):
        found.setdefault((scope, name), {})[code_of(day)] = score
    return {key: list(weeks.items()) for key, weeks in found.items()}


def _vacant(catalog: Catalog, units: set[str]) -> list[str]:
    return sorted(
        code
        for code in units & catalog.units.keys()
        if not (post_of(catalog.units[code].accountable) and post_of(catalog.units[code].steward))
    )


def _start(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
