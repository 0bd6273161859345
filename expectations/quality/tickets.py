"""What becomes of tickets (工单): opened, closed, reopened, overdue, climbed (pure).

One resource and rule has one ticket at a time. It is opened for the steward of the responsibility row when the rule
fails, closes itself when the rule no longer fails, and is the same ticket again, with its history, if the fault is back
within some days. A ticket that is overdue climbs to the accountable post and then to the data office. One whose fault
is inherited waits with the ticket of its source: nobody climbs for what another has to mend.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from catalogs.model import Calendar
from expectations.checks import SEVERITIES
from expectations.quality.duty import Duty
from expectations.quality.standing import ADMISSION, SUMMARY, RuleState
from expectations.quality.terms import Terms

RULE, PERSON, SAMPLE = "rule", "person", "sample"
CORRECTION = "correction"
OPENED, OVERDUE, CLIMBED, COMMENTED = "opened", "overdue", "climbed", "commented"
HANDED, ANSWERED, CLOSED, REOPENED = "handed", "answered", "closed", "reopened"


@dataclass(frozen=True)
class Ticket:
    """A ticket as it stands.

    Attributes:
        kind: rule, person (somebody told) or sample (a reviewer found a row wrong).
        channel: of what a person told: complaint, experience, walkthrough, correction.
        about: what is wrong, without values.
        reference: where the case of a person, or the row of a sample, is found by those who may see it.
        level: 0 steward, 1 accountable post, 2 data office.
        climb_after: the day after which it climbs again.
        closed_at: None while it is open.
    """

    id: int
    kind: str
    channel: str | None
    resource: str
    rule: str
    dimension: str
    severity: str
    unit: str
    post: str
    level: int
    about: str
    reference: str | None
    inherited_from: tuple[str, ...]
    rows_failed: int
    opened_on: date
    due_on: date
    climb_after: date
    reopened: int
    state: str
    closed_at: datetime | None

    def days_open(self, today: date) -> int:
        """Calendar days since it was opened first."""
        return (today - self.opened_on).days

    def is_overdue(self, today: date) -> bool:
        """Whether it is open after its day."""
        return self.state == "open" and today > self.due_on


@dataclass(frozen=True)
class Change:
    """One thing that becomes of a ticket; `ticket` is None where a new one is opened.

    Attributes:
        fault: the rule as it stands, where the change comes from it.
        post, level: whose it is afterwards.
        due_on, climb_after: as they are afterwards; None: as they were.
    """

    event: str
    ticket: Ticket | None
    fault: RuleState | None
    post: str
    level: int
    due_on: date | None
    climb_after: date | None


def faults(states: Iterable[RuleState]) -> dict[tuple[str, str], RuleState]:
    """Return what tickets are to be open for: (resource, rule) → its worst state."""
    found: dict[tuple[str, str], RuleState] = {}
    for one in states:
        if not one.is_fault or (one.stage == ADMISSION and one.rule == SUMMARY):
            continue
        key = one.resource, one.rule
        other = found.get(key)
        if other is None or SEVERITIES.index(one.severity) < SEVERITIES.index(other.severity):
            found[key] = one
    return found


def settle(
    states: Iterable[RuleState],
    opened: Sequence[Ticket],
    closed: Sequence[Ticket],
    answers: Callable[[str], Duty],
    calendar: Calendar,
    terms: Terms,
    today: date,
) -> list[Change]:
    """Return what a release makes of the tickets of rules.

    Args:
        states: how all rules stand.
        opened: the open tickets of rules.
        closed: those that were closed within the days in which they may come back, newest last.
        answers: resource → who answers for it.
        calendar: of working days.
        terms: deadlines.
        today: the campus's day.
    """
    wanted = faults(states)
    known = {(one.resource, one.rule): one for one in opened}
    back = {(one.resource, one.rule): one for one in closed}
    changes = []
    for key, fault in wanted.items():
        if key in known:
            continue
        due = calendar.add_working_days(today, _days(terms, fault.severity))
        old = back.get(key)
        event = REOPENED if old else OPENED
        changes.append(Change(event, old, fault, answers(fault.resource).post(0), 0, due, due))
    changes += [
        Change(CLOSED, one, None, one.post, one.level, None, None)
        for key, one in known.items()
        if key not in wanted
    ]
    return changes


def _days(terms: Terms, severity: str) -> int:
    return int(terms.mend_days.get(severity, max(terms.mend_days.values(), default=0)))


def comes_back_after(terms: Terms, at: datetime) -> datetime:
    """Return since when a ticket must have been closed to be reopened by a fault of now."""
    return at - timedelta(days=terms.reopen_days)


def climb(
    opened: Iterable[Ticket],
    answers: Callable[[Ticket], Duty],
    calendar: Calendar,
    terms: Terms,
    today: date,
) -> list[Change]:
    """Return what a day makes of open tickets: those that are overdue say so once, then climb post by post."""
    changes = []
    for one in opened:
        if today <= one.climb_after or one.inherited_from:
            continue
        duty = answers(one)
        after = calendar.add_working_days(today, terms.climb_days)
        if one.climb_after == one.due_on:
            changes.append(Change(OVERDUE, one, None, one.post, one.level, None, after))
        level = min(one.level + 1, duty.highest)
        if level > one.level:
            changes.append(Change(CLIMBED, one, None, duty.post(level), level, None, after))
    return changes
