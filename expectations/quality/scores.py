"""Scores of quality: one plain formula, over how rules stand and how promises were kept (pure).

**Resource, dimension.** 100 points, less for every rule of the dimension that fails: of a rule over rows the share of
rows that break it, in per cent, times its severity's factor; of a rule over the whole (volume, a sum) its severity's
fixed points. Not below 0. Timeliness starts from the share of the last days during which the resource was inside its
promise, accessibility from the share of readings that succeeded and were not refused whole.

**Unit, system, campus.** In each dimension the mean over resources, each counting once: a register of people is a duty
like a log of a million card swipes, and does not disappear behind it.

**Total.** The mean of the dimensions that have data. A dimension that nothing judged has none, and no score.

**Own.** The same without what is inherited from other resources' faults. It is never below the score, and is what
people are judged by.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import fmean

from catalogs.model import Resource
from expectations.checks import ACCURACY, COMPLETENESS, CONFORMITY, TIMELINESS
from expectations.quality.standing import (
    ACCESSIBILITY,
    ADMISSION,
    FRESHNESS,
    LANDING,
    SAMPLE,
    SUMMARY,
    RuleState,
    States,
    dimension_of,
)
from expectations.quality.terms import Terms
from expectations.quality.words import DIMENSIONS, TOTAL

RESOURCE, SYSTEM, UNIT, CAMPUS = "resource", "system", "unit", "campus"
FULL = 100.0


@dataclass(frozen=True)
class Promise:
    """How a resource kept its promises in the time looked at.

    Attributes:
        on_time: share of the time, 0 to 1, inside the update cycle; None where nothing can be said.
        read: share of readings that succeeded and were not refused whole; None without a reading.
        is_late: whether it is older than promised now.
        rows: rows that it shows.
    """

    on_time: float | None = None
    read: float | None = None
    is_late: bool = False
    rows: int = 0


@dataclass(frozen=True)
class Score:
    """A figure from 0 to 100.

    Attributes:
        own: the same without inherited faults; never below `score`.
        resources: how many resources it is the mean of.
        rows: rows that these show.
    """

    scope: str
    name: str
    dimension: str
    score: float
    own: float
    resources: int
    rows: int


def points(state: RuleState, terms: Terms) -> float:
    """Return what a rule takes from its resource's score in its dimension."""
    if state.passed or (state.stage == ADMISSION and state.rule == SUMMARY):
        return 0.0
    share = state.share_failed
    if share is None:
        return min(FULL, terms.whole_points[state.severity])
    # What reviewers found is for information, as each wrong row has a ticket; it counts like any wrong row.
    severity = "warning" if state.stage == SAMPLE else state.severity
    return min(FULL, share * 100 * terms.row_factor[severity])


def with_points(states: States, terms: Terms):
    """Return the states with their points."""
    return {place: replace(one, points=points(one, terms)) for place, one in states.items()}


def judged_dimensions(resource: Resource) -> frozenset[str]:
    """The dimensions of which admission has rules for a resource, failing or not."""
    found = {CONFORMITY, COMPLETENESS}
    if not resource.ingest.pick_order_by or any(item.unique for item in resource.items):
        found.add(ACCURACY)
    for item in resource.items:
        if item.format or item.minimum is not None or item.maximum is not None:
            found.add(ACCURACY)
    found |= {dimension_of(rule.dimension) for rule in resource.rules if rule.where is not None}
    return frozenset(found)


def score_resource(
    resource: str,
    states: Iterable[RuleState],
    promise: Promise,
    admission: frozenset[str],
) -> list[Score]:
    """Return the scores of one resource: one per dimension that something judged, and the total.

    Args:
        resource: its name.
        states: how its rules stand, with their points.
        promise: how it kept its promises.
        admission: dimensions of which admission has rules, if it judged the resource.
    """
    own_states = list(states)
    judged: dict[str, list[RuleState]] = {}
    for state in own_states:
        if state.stage == ADMISSION and state.rule == SUMMARY:
            for dimension in admission:
                judged.setdefault(dimension, [])
        elif state.rule != FRESHNESS and state.stage != LANDING:
            judged.setdefault(state.dimension, []).append(state)
    start = {TIMELINESS: promise.on_time, ACCESSIBILITY: promise.read}
    found = []
    for dimension in DIMENSIONS:
        share = start.get(dimension)
        rules = judged.get(dimension)
        if rules is None and share is None:
            continue
        base = FULL * (1.0 if share is None else share)
        inherited = [one for one in rules or () if one.inherited_from]
        lost = sum(one.points for one in rules or ())
        score = max(0.0, base - lost)
        own = max(0.0, base - (lost - sum(one.points for one in inherited)))
        if dimension == TIMELINESS and any(
            one.rule == FRESHNESS and one.inherited_from for one in own_states
        ):
            own = max(own, FULL - (lost - sum(one.points for one in inherited)))
        found.append(Score(RESOURCE, resource, dimension, score, max(score, min(FULL, own)), 1, promise.rows))
    return [*found, *_total(found)]


def _total(scores: Sequence[Score]) -> list[Score]:
    """The mean of the dimensions, or nothing without any."""
    if not scores:
        return []
    score = _mean([one.score for one in scores])
    return [
        replace(
            scores[0],
            dimension=TOTAL,
            score=score,
            own=max(score, _mean([one.own for one in scores])),
            resources=max(one.resources for one in scores),
            rows=max(one.rows for one in scores),
        )
    ]


def together(scope: str, name: str, scores: Iterable[Score]) -> list[Score]:
    """Return the scores of a unit, a system or the campus from those of its resources."""
    by_dimension: dict[str, list[Score]] = {}
    for one in scores:
        if one.dimension != TOTAL:
            by_dimension.setdefault(one.dimension, []).append(one)
    found = []
    for dimension in DIMENSIONS:
        if own := by_dimension.get(dimension):
            score = _mean([one.score for one in own])
            best = max(score, _mean([one.own for one in own]))
            rows = sum(one.rows for one in own)
            found.append(Score(scope, name, dimension, score, best, len(own), rows))
    return [*found, *_total(found)]


def _mean(values: Sequence[float]) -> float:
    """The mean, which floating point must not carry past what it is the mean of."""
    return min(max(values), max(min(values), fmean(values)))


def score_campus(
    campus: str,
    resources: Mapping[str, tuple[str, str]],
    states: States,
    promises: Mapping[str, Promise],
    admission: Mapping[str, frozenset[str]],
) -> list[Score]:
    """Return every score of a campus: of resources, systems, units, and its own.

    Args:
        campus: its code.
        resources: resource → (system, unit that answers).
        states: how all rules stand, with points and inheritance.
        promises: by resource.
        admission: resource → dimensions of which admission has rules.
    """
    by_resource: dict[str, list[RuleState]] = {name: [] for name in resources}
    for state in states.values():
        if state.resource in by_resource:
            by_resource[state.resource].append(state)
    single = {
        name: score_resource(name, own, promises.get(name, Promise()), admission.get(name, frozenset()))
        for name, own in by_resource.items()
    }
    everything = [one for own in single.values() for one in own]
    groups: dict[tuple[str, str], list[Score]] = {}
    for name, (system, unit) in resources.items():
        for key in ((SYSTEM, system), (UNIT, unit)):
            groups.setdefault(key, []).extend(single[name])
    for (scope, name), own in groups.items():
        everything += together(scope, name, own)
    return everything + together(CAMPUS, campus, [one for one in everything if one.scope == RESOURCE])


def share_on_time(
    taken: Sequence[datetime], promise: timedelta, start: datetime, at: datetime
) -> float | None:
    """Return the share of the time from `start` to `at` during which the newest load was inside its promise.

    Time before the first load that is known is left out; without one there is no share.

    Args:
        taken: when the source confirmed its loads, oldest first, those before `start` included.
        promise: how old a load may be.
        start, at: aware.
    """
    whole = kept = timedelta()
    for after, until in pairwise([*taken, at]):
        low, high = max(after, start), min(until, at)
        if high <= low:
            continue
        whole += high - low
        kept += max(timedelta(), min(high, after + promise) - low)
    if not whole:
        return 1.0 if taken else None
    return kept / whole
