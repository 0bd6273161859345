"""What `yici run` and `yici status` print: tables for a person, never a value of one."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta

from rich.console import Console
from rich.table import Table

from warehouse.report import CheckCount, ResourceState

console = Console(highlight=False)


def age(span: timedelta | None) -> str:
    """Write an age in words short enough for a table."""
    if span is None:
        return "never"
    hours = span.total_seconds() / 3600
    if hours < 1:
        return f"{max(int(span.total_seconds() // 60), 0)} min"
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} d"


def moved(states: Iterable[ResourceState]) -> Table:
    """Rows read, admitted, quarantined and versions moved, per system."""
    table = Table(title="What this release moved", title_justify="left")
    table.add_column("system")
    for name in ("resources", "rows read", "admitted", "quarantined", "versions +", "versions −", "seconds"):
        table.add_column(name, justify="right")
    systems = defaultdict(list)
    for state in states:
        systems[state.system].append(state)
    for system, own in systems.items():
        touched = [s for s in own if s.outcome == "applied"]
        table.add_row(
            system,
            f"{len(touched)}/{len(own)}",
            *(
                f"{sum(getattr(s, name) for s in touched):,}"
                for name in ("rows_in", "admitted", "quarantined")
            ),
            *(f"{sum(getattr(s, name) for s in touched):,}" for name in ("inserted", "ended")),
            f"{sum(s.seconds for s in touched):.1f}",
        )
    return table


def resources_moved(states: Iterable[ResourceState]) -> Table:
    """Rows moved against rows read, per resource."""
    table = Table(title="Rows moved per resource", title_justify="left")
    table.add_column("resource")
    for name in ("rows read", "versions +", "versions −", "quarantined"):
        table.add_column(name, justify="right")
    for state in states:
        if state.outcome == "applied":
            numbers = (state.rows_in, state.inserted, state.ended, state.quarantined)
            table.add_row(state.resource, *(f"{number:,}" for number in numbers))
    return table


def checks(counts: Iterable[CheckCount]) -> Table:
    """Checks passed and failed by severity."""
    table = Table(title="Checks", title_justify="left")
    table.add_column("severity")
    table.add_column("passed", justify="right")
    table.add_column("failed", justify="right")
    for count in counts:
        table.add_row(count.severity, str(count.passed), str(count.failed))
    return table


def status(states: Iterable[ResourceState], failing: dict[str, str]) -> Table:
    """One line per system: last extract, age against promise, quarantine, what is wrong."""
    table = Table(title="Systems", title_justify="left")
    for name in ("system", "resources", "last extract", "oldest", "late", "quarantined", "state"):
        table.add_column(name, justify="left" if name in ("system", "state") else "right")
    systems = defaultdict(list)
    for state in states:
        systems[state.system].append(state)
    for system, own in systems.items():
        ages = [s.age for s in own if s.age is not None]
        late = [s for s in own if s.is_late]
        wrong = [s.resource for s in own if s.outcome in ("refused", "held")]
        unread = [s.resource for s in own if s.resource in failing]
        words = []
        if wrong:
            words.append(f"✕ refused: {', '.join(wrong)}")
        if unread:
            words.append(f"✕ not read: {', '.join(unread)}")
        table.add_row(
            system,
            str(len(own)),
            age(min(ages, default=None)),
            age(max(ages, default=None)),
            str(len(late)),
            f"{sum(s.quarantined for s in own):,}",
            "; ".join(words) or ("! late" if late else "✓"),
        )
    return table
