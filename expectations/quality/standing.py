"""How every rule of every resource stands, carried on from release to release (pure).

A release judges only what came; the state of everything else is what it was. Of a resource that admission judged, its
admission rules start anew; of one whose suite ran, the suite's. A rule between systems runs when either side changes,
and replaces its own state alone. So the states are complete at any release, and a rule that does not fail in them is
clean: that is what closes a ticket. A rule that no longer exists leaves no state.

Rows in quarantine are counted besides: of a resource that is read by what changed, the newest extract says nothing of
a row that was refused last week and still waits.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from catalogs.model import Catalog
from expectations.admission import Finding
from expectations.checks import ACCURACY, COMPLETENESS, CONFORMITY, CONSISTENCY, SEVERITIES, TIMELINESS
from expectations.history import VOLUME

ADMISSION, EXPECTATIONS, DBT, LANDING, SAMPLE = "admission", "expectations", "dbt", "landing", "sample"
QUARANTINE = "quarantine"
ACCESSIBILITY = "accessibility"
# Summary of an admission: evidence that rows were judged, never a fault of its own.
SUMMARY = "contract"
# A row that the contract's order did not pick is no fault.
NOT_PICKED = "key.not_picked"
FRESHNESS, BUILD, READ = "freshness", "build", "extract"
# Findings by which one sees that the whole suite of a resource ran, not only a rule that another resource set off.
_SUITE_RAN = frozenset({FRESHNESS, VOLUME, "suite"})
_DIMENSIONS = {"uniqueness": ACCURACY, "coverage": COMPLETENESS}
_KNOWN = frozenset({CONFORMITY, COMPLETENESS, ACCURACY, CONSISTENCY, TIMELINESS, ACCESSIBILITY})


class Place(NamedTuple):
    """Which rule a state is of."""

    resource: str
    stage: str
    rule: str


@dataclass(frozen=True)
class RuleState:
    """How one rule stands.

    Attributes:
        resource: a resource; `dbt.<model>` for a model; a system's code for its being read.
        rows_failed, rows_total: rows that break it of those it looked at; total None or 0: it judges the whole.
        points: what it takes from the resource's score in its dimension.
        inherited_from: resources whose own faults explain it; empty: it is the resource's own.
        since: from when on it has been as it is (failing or not).
        release: where it was last judged; None for what no release judges.
    """

    resource: str
    stage: str
    rule: str
    dimension: str
    severity: str
    passed: bool
    rows_failed: int
    rows_total: int | None
    since: datetime
    release: int | None
    detail: str | None = None
    points: float = 0.0
    inherited_from: tuple[str, ...] = ()

    @property
    def place(self) -> Place:
        """Its identity."""
        return Place(self.resource, self.stage, self.rule)

    @property
    def is_fault(self) -> bool:
        """Whether somebody has to mend something: it fails, and not only for information."""
        return not self.passed and self.severity != "info"

    @property
    def share_failed(self) -> float | None:
        """Share of rows that break it, 0 to 1; None of a rule over the whole."""
        if not self.rows_total or not self.rows_failed:
            return None
        return min(1.0, self.rows_failed / self.rows_total)


States = Mapping[Place, RuleState]


def dimension_of(name: str) -> str:
    """Return a dimension of GB/T 36344 for what a rule calls its own; one that is unknown counts as consistency."""
    name = _DIMENSIONS.get(name, name)
    return name if name in _KNOWN else CONSISTENCY


def carry_on(
    before: States, findings: Iterable[Finding], release: int, at: datetime
) -> dict[Place, RuleState]:
    """Return the states after a release.

    Args:
        before: the states until then.
        findings: those of the release.
        release: its number.
        at: when it was published.
    """
    by_resource: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_resource[finding.resource].append(finding)
    states = dict(before)
    for resource, found in by_resource.items():
        stages = _anew(found)
        kept = {place: one for place, one in states.items() if place.resource == resource}
        for place in kept:
            if place.stage in stages:
                del states[place]
        for finding in found:
            if finding.rule == NOT_PICKED:
                continue
            state = _state(finding, release, at)
            old = kept.get(state.place)
            other = states.get(state.place)
            # One rule may speak twice in a release, of two groups of extracts: the worse stands.
            if other is not None and other.release == release and _badness(other) >= _badness(state):
                continue
            states[state.place] = _since(old, state)
    return states


def _anew(found: Iterable[Finding]) -> set[str]:
    """The stages that judged a resource wholly."""
    stages = set()
    for one in found:
        if one.stage == ADMISSION:
            stages.add(ADMISSION)
        elif (one.stage == EXPECTATIONS and one.rule in _SUITE_RAN) or (
            one.stage == DBT and one.rule == BUILD
        ):
            stages.add(one.stage)
    return stages


def _state(finding: Finding, release: int | None, at: datetime) -> RuleState:
    return RuleState(
        resource=finding.resource,
        stage=finding.stage,
        rule=finding.rule,
        dimension=dimension_of(finding.dimension),
        severity=finding.severity,
        passed=finding.passed or (finding.stage == ADMISSION and finding.rule == SUMMARY),
        rows_failed=finding.rows_failed,
        rows_total=finding.rows_total,
        since=at,
        release=release,
        detail=finding.detail,
    )


def _badness(state: RuleState) -> tuple[bool, int, int]:
    return not state.passed, -SEVERITIES.index(state.severity), state.rows_failed


def _since(old: RuleState | None, new: RuleState) -> RuleState:
    """The new state, with the day since which it is as it is."""
    return replace(new, since=old.since) if old is not None and old.passed == new.passed else new


@dataclass(frozen=True)
class Waiting:
    """How many rows of a resource wait in quarantine for one rule."""

    resource: str
    rule: str
    rows: int


def with_waiting(
    states: States, waiting: Iterable[Waiting], held: Mapping[str, int], before: States, at: datetime
) -> dict[Place, RuleState]:
    """Return the states with the rows that wait in quarantine counted.

    A rule for which rows wait fails, of as many rows as the resource has, in place of what the newest extract says of
    it: that may be a window of few rows, or not hold the row at all. Only where that extract was refused whole, so
    that none of its rows waits, the worse of both stands.

    Args:
        states: after the findings.
        waiting: rows in quarantine at the release.
        held: resource → rows that it shows.
        before: the states of the release before: since when a rule fails, and of which dimension it is.
        at: the present moment, for a fault that is new.
    """
    found = {place: one for place, one in states.items() if place.stage != QUARANTINE}
    refused = {
        one.resource
        for one in states.values()
        if one.stage == ADMISSION and one.severity == "critical" and not one.passed
    }
    for one in waiting:
        if one.rule == NOT_PICKED:
            continue
        admission, place = (Place(one.resource, stage, one.rule) for stage in (ADMISSION, QUARANTINE))
        judged = found.get(admission)
        total = held.get(one.resource, 0) + one.rows
        if one.resource in refused and judged and (judged.share_failed or 0.0) > one.rows / total:
            continue
        known = [
            state
            for state in (judged, before.get(place), before.get(admission))
            if state and not state.passed
        ]
        found.pop(admission, None)
        found[place] = RuleState(
            *place,
            dimension=known[0].dimension if known else _dimension_of_rule(one.rule),
            severity=known[0].severity if known else "warning",
            passed=False,
            rows_failed=one.rows,
            rows_total=total,
            since=min((state.since for state in known), default=at),
            release=known[0].release if known else None,
        )
    return found


def _dimension_of_rule(rule: str) -> str:
    """The dimension of an admission rule that is known by its name alone, as `expectations.admission` names them."""
    kind = rule.rpartition(".")[2]
    if kind == "required":
        return COMPLETENESS
    return ACCURACY if kind in ("range", "format", "unique", "future") else CONFORMITY


def of_campus(states: States, catalog: Catalog) -> dict[Place, RuleState]:
    """Return the states without those of resources that the catalog no longer has."""
    return {
        place: one
        for place, one in states.items()
        if place.stage in (DBT, LANDING) or place.resource in catalog.resources
    }


def with_readings(states: States, readings: Iterable[Finding], systems: Mapping[str, str], at: datetime):
    """Return the states with one per system that says whether it could be read.

    A system that is down fails once, not once for each of its resources.

    Args:
        states: so far.
        readings: the newest reading of each resource.
        systems: resource → its system.
        at: the present moment.
    """
    found = {place: one for place, one in states.items() if place.stage != LANDING}
    by_system: dict[str, list[Finding]] = defaultdict(list)
    for reading in readings:
        if reading.resource in systems:
            by_system[systems[reading.resource]].append(reading)
    for system, own in by_system.items():
        failed = [one for one in own if not one.passed]
        detail = f"{len(failed)} of {len(own)} resources could not be read" if failed else None
        state = RuleState(
            system, LANDING, READ, ACCESSIBILITY, "critical" if failed else "info", not failed, len(failed),
            len(own), at, None, detail,
        )  # fmt: skip
        found[state.place] = _since(states.get(state.place), state)
    return found
