"""Figures that only the warehouse knows, as plain data: what was asked, kept and copied, never by or about whom.

`warehouse.measured` fills this in; the lists take it without small cells (`catalogs.lists.restraint`). Counts are of
cases, rows and loads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property


@dataclass(frozen=True)
class Span:
    """A period of the case log, first and last day included; `is_over` if no case can be added to it any more."""

    name: str
    first: date
    last: date
    is_over: bool = True


@dataclass(frozen=True)
class CaseCount:
    """What the case log says of one service item in one period.

    Attributes:
        item: code of the service item as logged, in the catalog or not.
        span: name of the period in which its cases were accepted.
        cases: accepted cases.
        closed: those of them that are closed.
        late: closed ones that took longer than the log's own promise, or if it notes none the catalog's.
        days: mean calendar days from acceptance to closing of the closed ones; None without any.
        visits_over: cases with more visits than the catalog promises; None if visits are not logged.
        most_visits: the most visits that one case took; None if not logged.
        online: cases that came in by an online channel; None if channels are not logged.
        materials: mean number of materials handed in per case; None if not logged.
        few: names of figures that are not told, as they are of too few cases; a count then only says whether there
            was any (1) or none (0).
    """

    item: str
    span: str
    cases: int
    closed: int = 0
    late: int | None = None
    days: float | None = None
    visits_over: int | None = None
    most_visits: int | None = None
    online: int | None = None
    materials: float | None = None
    few: frozenset[str] = frozenset()


@dataclass(frozen=True)
class HandedIn:
    """How often a material was handed in for a service item within the last year, and how often it was spared.

    Attributes:
        is_few: whether the two are not told, as one is too small; they then only say whether there was any (1).
        together: their sum where it is told nevertheless.
    """

    item: str
    material: str
    handed: int
    spared: int
    is_few: bool = False
    together: int | None = None


@dataclass(frozen=True)
class Kept:
    """How well a resource's promise was kept.

    Attributes:
        loads: published extracts within the time looked at.
        on_time: share of that time, 0 to 1, during which the resource was inside its promise; None before a load.
        age_h: hours since its source last confirmed it; None if it never did.
        is_late: whether it is older than promised now.
        rows: rows of the last judged extract, and of them admitted.
        waiting: rows that wait for correction.
        failed: critical checks that failed at the release.
        is_refused: whether its newest extract was refused as a whole.
        shares: quality dimension (GB/T 36344) → least share of rows that kept a rule of it.
    """

    loads: int
    on_time: float | None
    age_h: float | None
    is_late: bool
    rows: int = 0
    admitted: int = 0
    waiting: int = 0
    failed: int = 0
    is_refused: bool = False
    shares: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Compared:
    """A copied item against its source, in the rows that name the same subject.

    Attributes:
        rows: rows whose copy has a value and whose subject the source knows.
        different: those of them with another value than the source.
        behind: those of the different ones that hold a value which the source had before.
        lag_days: median days for which they have been behind; None without any.
        orphans: rows whose subject the source does not know; None where the way to it is by identity links,
            because people whom the source never knew are not mistakes.
    """

    resource: str
    item: str
    source_resource: str
    source_item: str
    rows: int
    different: int
    behind: int = 0
    lag_days: float | None = None
    orphans: int | None = None


@dataclass(frozen=True)
class Measured:
    """All figures of one release.

    Attributes:
        release: its number.
        at: when they were taken, aware.
        spans: periods of the case log, oldest first; empty without a case log.
        year: service item → cases of the last 365 days.
        handed: materials of those cases; None if nobody logs them.
        gaps: what could not be measured and why, in Chinese.
        least: fewer cases are not told; 0: these are the figures as they were measured.
        few_year: service items of too few cases in the last year.
        few_cases: periods and service items of too few cases.
    """

    release: int
    at: datetime
    spans: tuple[Span, ...] = ()
    cases: tuple[CaseCount, ...] = ()
    year: Mapping[str, int] = field(default_factory=dict)
    handed: tuple[HandedIn, ...] | None = None
    kept: Mapping[str, Kept] = field(default_factory=dict)
    compared: tuple[Compared, ...] = ()
    gaps: tuple[str, ...] = ()
    least: int = 0
    few_year: frozenset[str] = frozenset()
    few_cases: frozenset[tuple[str, str]] = frozenset()

    @cached_property
    def by_span(self) -> dict[str, dict[str, CaseCount]]:
        """Period → service item → its figures."""
        found: dict[str, dict[str, CaseCount]] = {span.name: {} for span in self.spans}
        for one in self.cases:
            found.setdefault(one.span, {})[one.item] = one
        return found

    @property
    def last_span(self) -> Span | None:
        """The newest period that is over and has cases, else the newest with cases, else None."""
        told = [span for span in self.spans if self.by_span[span.name]]
        over = [span for span in told if span.is_over]
        return next(reversed(over or told), None)

    @cached_property
    def last_cases(self) -> dict[str, CaseCount]:
        """Service item → its figures in `last_span`; empty without cases."""
        return self.by_span[self.last_span.name] if self.last_span else {}

    @cached_property
    def _handed(self) -> dict[tuple[str, str], HandedIn]:
        return {(one.item, one.material): one for one in self.handed or ()}

    def handed_in(self, item: str, material: str) -> HandedIn | None:
        """How often a material was handed in for a service item; None if nobody logs materials."""
        if self.handed is None:
            return None
        return self._handed.get((item, material)) or HandedIn(item, material, 0, 0)
