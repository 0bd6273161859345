"""What earlier releases measured, so that a suite can say whether today's state is plausible."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, text

from catalogs.model import Calendar

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
    """

    row_counts: tuple[int, ...] = ()
    confirmed_at: datetime | None = None

    @property
    def usual_rows(self) -> int | None:
        """The median of the remembered row counts, or None without any."""
        if not self.row_counts:
            return None
        return sorted(self.row_counts)[len(self.row_counts) // 2]


def read_histories(con: Connection, names: Iterable[str], release: int) -> dict[str, History]:
    """Read the histories of the named resources as they were before `release`.

    Row counts are those that earlier suites found (`yici.finding`, rule `volume`), not those of extracts: an
    incremental extract's rows say nothing about the whole.
    """
    names = list(names)
    counts: dict[str, list[int]] = {name: [] for name in names}
    rows = con.execute(
        text(
            """SELECT f.resource, f.rows_total FROM yici.finding f
               JOIN yici.release r ON r.id = f.release AND r.state = 'published'
               JOIN yici.release_resource x
                 ON x.release = f.release AND x.resource = f.resource AND x.outcome = 'applied'
               WHERE f.rule = :rule AND f.resource = ANY (:names) AND f.release < :release
                 AND f.rows_total IS NOT NULL
               ORDER BY f.release DESC"""
        ),
        {"rule": VOLUME, "names": names, "release": release},
    )
    for name, rows_total in rows:
        if len(counts[name]) < REMEMBERED_RELEASES:
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
    return {name: History(tuple(counts[name]), confirmed.get(name)) for name in names}


def volume_band(
    history: History, calendar: Calendar, day: date, grows: bool
) -> tuple[int, int | None] | None:
    """Return the fewest and the most rows that are usual, or None without a history.

    Args:
        history: of the resource.
        calendar: the campus's; an event announced for the last two weeks widens the band.
        day: the campus's day.
        grows: whether rows only ever come in (`append`, `watermark`): then there is no upper bound, since how
            fast a log grows is not how large it is.
    """
    usual = history.usual_rows
    if usual is None:
        return None
    announced = any(
        listed.event and timedelta(0) <= day - listed.day <= EVENT_REACH for listed in calendar.days.values()
    )
    low, high = AFTER_EVENT if announced else USUAL
    return max(0, int(usual * low) - SLACK_ROWS), None if grows else int(usual * high) + SLACK_ROWS


def collapse_below(history: History) -> int | None:
    """Return the row count below which no event explains the loss, or None without a history."""
    usual = history.usual_rows
    return None if usual is None else max(0, int(usual * COLLAPSE) - SLACK_ROWS)
