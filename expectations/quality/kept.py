"""Rule states and scores in the warehouse: what is read to make them, and how they are kept.

Findings of every release since the last one that was treated are carried on, so that a release after which this step
failed loses nothing. Scores have one row per day of the campus and figure: of a day the last release counts, and no
earlier day is ever written again. They are kept for ever.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from psycopg.rows import class_row, dict_row

from catalogs.model import LOOKUP_SYSTEM_KIND, Catalog
from catalogs.settings import now
from expectations.admission import Finding
from expectations.history import VOLUME
from expectations.quality.duty import duty
from expectations.quality.scores import Promise, Score, judged_dimensions, score_campus, share_on_time
from expectations.quality.standing import ADMISSION, SUMMARY, Place, RuleState, States, Waiting
from expectations.quality.terms import Terms

_FINDING = "resource, rule, dimension, severity, stage, passed, rows_failed, rows_total, detail, extract_id"
_STATE = (
    "resource, stage, rule, dimension, severity, passed, rows_failed, rows_total, since, release, detail, points,"
    " inherited_from"
)


def campus_day(catalog: Catalog, at: datetime | None = None) -> date:
    """Return the campus's day at a moment; now if none is given."""
    return (at or now()).astimezone(ZoneInfo(catalog.campus.time_zone)).date()


def scored_resources(catalog: Catalog, on: date) -> dict[str, tuple[str, str]]:
    """Return resource → (system, unit that answers), of those that are landed or derived."""
    return {
        name: (resource.system, duty(catalog, name, on).unit)
        for name, resource in sorted(catalog.resources.items())
        if catalog.systems[resource.system].kind != LOOKUP_SYSTEM_KIND
        and resource.status in ("", "active", "deprecated")
    }


def untreated(con: psycopg.Connection, upto: int) -> list[tuple[int, datetime]]:
    """Return the published releases up to a number that no scores were made of, oldest first, with their time."""
    return con.execute(
        """SELECT id, published_at FROM yici.release
           WHERE state = 'published' AND id <= %s
             AND id > coalesce((SELECT max(release) FROM yici.quality_release), 0)
           ORDER BY id""",
        [upto],
    ).fetchall()


def findings_of(con: psycopg.Connection, release: int) -> list[Finding]:
    """Return the findings of a release, in the order in which they were made."""
    with con.cursor(row_factory=class_row(Finding)) as cursor:
        return cursor.execute(
            f"SELECT {_FINDING} FROM yici.finding WHERE release = %s ORDER BY id", [release]
        ).fetchall()


def readings(con: psycopg.Connection, since: datetime) -> list[Finding]:
    """Return the newest reading of each resource, of those read since a moment."""
    with con.cursor(row_factory=class_row(Finding)) as cursor:
        return cursor.execute(
            f"""SELECT DISTINCT ON (resource) {_FINDING} FROM yici.finding
                WHERE stage = 'landing' AND rule = 'extract' AND at >= %s ORDER BY resource, id DESC""",
            [since],
        ).fetchall()


def waiting(con: psycopg.Connection, release: int) -> list[Waiting]:
    """Return how many rows wait in quarantine at a release, by resource and broken rule."""
    with con.cursor(row_factory=class_row(Waiting)) as cursor:
        return cursor.execute(
            """SELECT resource, rule, count(*) AS rows FROM yici.quarantine, unnest(rules) AS rule
               WHERE _from <= %(release)s AND (_to IS NULL OR _to > %(release)s) GROUP BY resource, rule""",
            {"release": release},
        ).fetchall()


def held(states: States) -> dict[str, int]:
    """Return resource → rows that it shows: as its suite counted them, or as admission last admitted them."""
    found: dict[str, int] = {}
    for state in states.values():
        if state.rule == SUMMARY and state.rows_total:
            found.setdefault(state.resource, state.rows_total - state.rows_failed)
    for state in states.values():
        if state.rule == VOLUME and state.rows_total:
            found[state.resource] = state.rows_total
    return found


def window_start(terms: Terms, at: datetime) -> datetime:
    """Return since when promptness and readings are looked at."""
    return at - timedelta(days=terms.window_days)


def promises(
    con: psycopg.Connection, catalog: Catalog, terms: Terms, rows: Mapping[str, int], at: datetime
) -> dict[str, Promise]:
    """Return how every resource kept its promises in the window of the terms."""
    start = window_start(terms, at)
    longest = max((one.promise for one in catalog.resources.values()), default=timedelta())
    taken: dict[str, list[datetime]] = defaultdict(list)
    for resource, taken_at in con.execute(
        "SELECT resource, taken_at FROM yici.extract WHERE state = 'published' AND taken_at > %s ORDER BY taken_at",
        [start - longest],
    ):
        taken[resource].append(taken_at)
    for resource, taken_at in con.execute(
        """SELECT resource, max(taken_at) FROM yici.extract WHERE state = 'published' AND taken_at <= %s
           GROUP BY resource""",
        [start - longest],
    ):
        taken[resource].insert(0, taken_at)
    attempts: dict[str, tuple[int, int]] = {}
    for resource, tried, failed in con.execute(
        """SELECT resource, count(*), count(*) FILTER (WHERE NOT passed) FROM yici.finding
           WHERE stage = 'landing' AND rule = 'extract' AND at > %s GROUP BY resource""",
        [start],
    ):
        attempts[resource] = (tried, failed)
    refused = dict(
        con.execute(
            "SELECT resource, count(*) FROM yici.extract WHERE state = 'refused' AND taken_at > %s GROUP BY resource",
            [start],
        ).fetchall()
    )
    found = {}
    for name, resource in catalog.resources.items():
        tried, failed = attempts.get(name, (0, 0))
        own = taken.get(name, [])
        found[name] = Promise(
            on_time=share_on_time(own, resource.promise, start, at) if own else (0.0 if tried else None),
            read=max(0.0, 1 - (failed + refused.get(name, 0)) / tried) if tried else None,
            is_late=bool(tried or own) and (not own or at - own[-1] > resource.promise),
            rows=rows.get(name, 0),
        )
    return found


def score_all(
    catalog: Catalog, states: States, kept_promises: Mapping[str, Promise], on: date
) -> list[Score]:
    """Return every score of the campus."""
    judged = {place.resource for place in states if place.stage == ADMISSION and place.rule == SUMMARY}
    admission = {
        name: judged_dimensions(catalog.resources[name]) for name in judged & catalog.resources.keys()
    }
    resources = scored_resources(catalog, on)
    return score_campus(catalog.campus.code, resources, states, kept_promises, admission)


def read_states(con: psycopg.Connection, is_short: bool = False) -> dict[Place, RuleState]:
    """Return how every rule stands, as the last treated release left it.

    Args:
        con: any connection that may read it.
        is_short: only rules that fail, and those that count a resource's rows: a tenth of all, for a page.
    """
    condition = "WHERE NOT passed OR rule = ANY (%s)" if is_short else ""
    with con.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            f"SELECT {_STATE} FROM yici.rule_state {condition}", [[SUMMARY, VOLUME]] if is_short else []
        ).fetchall()
    found = (RuleState(**row | {"inherited_from": tuple(row["inherited_from"])}) for row in rows)
    return {one.place: one for one in found}


def judged(con: psycopg.Connection) -> set[str]:
    """Return whatever has a rule that was judged: resources, systems, models."""
    return {name for (name,) in con.execute("SELECT DISTINCT resource FROM yici.rule_state").fetchall()}


def keep_states(con: psycopg.Connection, states: Iterable[RuleState]) -> None:
    """Put these states in the place of those that were."""
    con.execute("DELETE FROM yici.rule_state")
    con.execute(
        f"""INSERT INTO yici.rule_state ({_STATE})
            SELECT {_STATE} FROM jsonb_populate_recordset(NULL::yici.rule_state, %s::jsonb)""",
        [_json([asdict(one) for one in states])],
    )


def keep_scores(con: psycopg.Connection, day: date, release: int, scores: Sequence[Score]) -> None:
    """Keep the scores of a day in the place of earlier ones of the same day."""
    con.execute("DELETE FROM yici.score WHERE day = %s", [day])
    con.execute(
        """INSERT INTO yici.score (day, scope, name, dimension, score, own, resources, rows, release)
           SELECT day, scope, name, dimension, score, own, resources, rows, release
           FROM jsonb_populate_recordset(NULL::yici.score, %s::jsonb)""",
        [_json([{**asdict(one), "day": day.isoformat(), "release": release} for one in scores])],
    )


def treated(con: psycopg.Connection, release: int) -> None:
    """Note that a release's findings are in the states."""
    con.execute("INSERT INTO yici.quality_release (release, at) VALUES (%s, %s)", [release, now()])


@dataclass(frozen=True)
class Kept:
    """The scores of a day.

    Attributes:
        day: the campus's; None before the first release.
        by: (scope, name, dimension) → score.
    """

    day: date | None
    by: Mapping[tuple[str, str, str], Score]

    def get(self, scope: str, name: str, dimension: str) -> Score | None:
        """One score, or None without data."""
        return self.by.get((scope, name, dimension))

    def names(self, scope: str) -> list[str]:
        """Whatever has a score in a scope, by name."""
        return sorted({name for own, name, _ in self.by if own == scope})


def scores_on(con: psycopg.Connection, upto: date, not_before: date | None = None) -> Kept:
    """Return the newest scores up to a day; none are older than `not_before`."""
    (day,) = con.execute(
        "SELECT max(day) FROM yici.score WHERE day <= %s AND day >= %s", [upto, not_before or date.min]
    ).fetchone()
    with con.cursor(row_factory=class_row(Score)) as cursor:
        found = cursor.execute(
            "SELECT scope, name, dimension, score, own, resources, rows FROM yici.score WHERE day = %s", [day]
        ).fetchall()
    return Kept(day, {(one.scope, one.name, one.dimension): one for one in found})


def history(
    con: psycopg.Connection, scope: str, name: str, dimension: str, since: date
) -> list[tuple[date, float]]:
    """Return (day, score) of one figure, oldest first."""
    return con.execute(
        """SELECT day, score FROM yici.score WHERE scope = %s AND name = %s AND dimension = %s AND day >= %s
           ORDER BY day""",
        [scope, name, dimension, since],
    ).fetchall()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_text)


def _text(value: Any) -> str:
    return value.isoformat()
