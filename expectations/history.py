"""What earlier releases measured, so that a suite can say whether today's state is plausible.

Days are the campus's: what its calendar announces widens what is usual, and what happened in the same teaching week
of an earlier year may happen again. A quarter of the students leave every July.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, text

from catalogs.model import Calendar
from warehouse.volume import Week

VOLUME = "volume"
REMEMBERED_RELEASES = 8
# Shares of the median of what is remembered. An announced event (毕业离校, 年终封账) widens the usual band:
# a quarter of the students leave every July. Below `COLLAPSE` nothing explains the loss.
USUAL = (0.8, 1.3)
AFTER_EVENT = (0.6, 1.8)
COLLAPSE = 0.5
EVENT_REACH = timedelta(days=14)
# So few rows say nothing by their share: a resource of five rows may lose two.
SLACK_ROWS = 20


@dataclass(frozen=True)
class History:
    """What is known of a resource before this release.

    Attributes:
        row_counts: rows reported at the last published releases that took this resource in, newest first.
        confirmed_at: when the extract was taken that its present state rests on; None before the first.
        a_year_ago: least and most rows in the same teaching week of a year ago, as shares of what was there before
            that week; (1, 1) where nobody knows.
    """

    row_counts: tuple[int, ...] = ()
    confirmed_at: datetime | None = None
    a_year_ago: tuple[float, float] = (1.0, 1.0)

    @property
    def usual_rows(self) -> int | None:
        """The median of the remembered row counts, or None without any."""
        if not self.row_counts:
            return None
        return sorted(self.row_counts)[len(self.row_counts) // 2]


def read_histories(
    con: Connection, names: Iterable[str], release: int, week: Week | None = None, zone: str = "UTC"
) -> dict[str, History]:
    """Read the histories of the named resources as they were before `release`.

    Row counts are those that earlier suites found (`yici.finding`, rule `volume`), not those of extracts: an
    incremental extract's rows say nothing about the whole.

    Args:
        con: of the warehouse.
        names: of the resources.
        release: the candidate.
        week: the same teaching week of a year ago, if the calendar knows it.
        zone: the campus's time zone, in which its days begin.
    """
    names = list(names)
    counts: dict[str, list[int]] = {name: [] for name in names}
    rows = con.execute(
        text(
            """SELECT n.resource, found.rows_total FROM unnest(CAST(:names AS text[])) AS n (resource)
               CROSS JOIN LATERAL (
                   SELECT f.release, f.rows_total FROM yici.finding f
                   JOIN yici.release r ON r.id = f.release AND r.state = 'published'
                   JOIN yici.release_resource x
                     ON x.release = f.release AND x.resource = f.resource AND x.outcome = 'applied'
                   WHERE f.resource = n.resource AND f.rule = :rule AND f.release < :release
                     AND f.rows_total IS NOT NULL
                   ORDER BY f.release DESC LIMIT :remembered) found
               ORDER BY n.resource, found.release DESC"""
        ),
        {"rule": VOLUME, "names": names, "release": release, "remembered": REMEMBERED_RELEASES},
    )
    for name, rows_total in rows:
        counts[name].append(rows_total)
    taken = con.execute(
        text(
            """SELECT DISTINCT ON (x.resource) x.resource, e.taken_at
               FROM yici.release_resource x JOIN yici.extract e ON e.id = x.extract_id
               WHERE x.resource = ANY (:names) AND x.release <= :release
               ORDER BY x.resource, x.release DESC"""
        ),
        {"names": names, "release": release},
    )
    confirmed = {row.resource: row.taken_at for row in taken}
    earlier = _counts_about(con, names, release, week, zone) if week else {}
    return {
        name: History(
            tuple(counts[name]),
            confirmed.get(name),
            moved(earlier.get(name, ()), week) if week else (1.0, 1.0),
        )
        for name in names
    }


def _counts_about(
    con: Connection, names: list[str], release: int, week: Week, zone: str
) -> dict[str, list[tuple[date, int]]]:
    """Return resource → (campus day, rows) of the releases in a week and before it, oldest first."""
    rows = con.execute(
        text(
            """SELECT f.resource, (r.opened_at AT TIME ZONE :zone)::date, f.rows_total
               FROM yici.release r JOIN yici.finding f ON f.release = r.id
               JOIN yici.release_resource x
                 ON x.release = f.release AND x.resource = f.resource AND x.outcome = 'applied'
               WHERE r.state = 'published' AND r.id < :release AND f.resource = ANY (:names) AND f.rule = :rule
                 AND f.rows_total IS NOT NULL AND (r.opened_at AT TIME ZONE :zone)::date BETWEEN :since AND :last
               ORDER BY r.id"""
        ),
        {"zone": zone, "release": release, "names": names, "rule": VOLUME}
        | {"since": week.since, "last": week.last},
    )
    found: dict[str, list[tuple[date, int]]] = {}
    for name, day, count in rows:
        found.setdefault(name, []).append((day, count))
    return found


def moved(counts: Sequence[tuple[date, int]], week: Week) -> tuple[float, float]:
    """Return the least and the most rows of a week as shares of those before it; (1, 1) where nobody knows.

    Args:
        counts: campus day and rows, oldest first.
        week: which week.
    """
    before = [count for day, count in counts if week.since <= day < week.first]
    during = [count for day, count in counts if week.first <= day <= week.last]
    if not before or not during or not before[-1]:
        return 1.0, 1.0
    return min(1.0, min(during) / before[-1]), max(1.0, max(during) / before[-1])


def is_after_event(calendar: Calendar, day: date) -> bool:
    """Whether something was announced for the day or the two weeks before it."""
    return any(
        listed.event and timedelta(0) <= day - listed.day <= EVENT_REACH for listed in calendar.days.values()
    )


def volume_band(
    history: History, calendar: Calendar, day: date, grows: bool
) -> tuple[int, int | None] | None:
    """Return the fewest and the most rows that are usual, or None without a history.

    Args:
        history: of the resource; what a year ago moved in this teaching week may move again.
        calendar: the campus's; an event announced for the last two weeks widens the band.
        day: the campus's day.
        grows: whether rows only ever come in (`append`, `watermark`): then there is no upper bound, since how
            fast a log grows is not how large it is.
    """
    usual = history.usual_rows
    if usual is None:
        return None
    low, high = AFTER_EVENT if is_after_event(calendar, day) else USUAL
    least, most = history.a_year_ago
    return (
        max(0, int(usual * low * least) - SLACK_ROWS),
        None if grows else int(usual * high * most) + SLACK_ROWS,
    )


def collapse_below(history: History) -> int | None:
    """Return the row count below which no event, and no year before, explains a loss; None without a history."""
    usual = history.usual_rows
    return (
        None
        if usual is None
        else max(0, int(usual * min(COLLAPSE, history.a_year_ago[0] * USUAL[0])) - SLACK_ROWS)
    )
