"""What `yici run` and `yici status` print: tables for a person, never a value of one."""

import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from catalogs.found import AT_LEAST, COUNTED, ESTIMATED, FoundTable
from catalogs.guesses import Registers, hints
from warehouse.report import CheckCount, ResourceState

if TYPE_CHECKING:
    from expectations.drafting import Draft
    from expectations.quarantine.desk import Held

_WIDTH = 110
console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)


@contextmanager
def progress() -> Iterator[Callable[[str, str], None]]:
    """Show how a run goes: systems, steps and failures stay on the screen, single resources pass by.

    Yields:
        the listener for `pipelines.progress`. Where the output is no terminal, only what stays is printed.
    """
    with console.status("starting") as line:

        def listen(what: str, result: str) -> None:
            if "." in what and not result.startswith("✕"):
                line.update(f"{what}  {result}")
            else:
                console.print(f"  {what:<22} {result}", soft_wrap=True)
                line.update("…")

        yield listen


def age(span: timedelta | None) -> str:
    """Write an age in words short enough for a table."""
    if span is None:
        return "never"
    hours = span.total_seconds() / 3600
    if hours < 1:
        return f"{max(int(span.total_seconds() // 60), 0)} min"
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} d"


def systems_moved(states: Iterable[ResourceState], landing_s: Mapping[str, float]) -> Table:
    """Rows extracted, admitted and quarantined, versions moved and seconds taken, per system and in all.

    Args:
        states: of the new release.
        landing_s: system → seconds that reading it took; admission is added.
    """
    table = _table("What this run moved", ("system",), ("resources", "extracted", "admitted", "quarantined",
                   "versions +", "versions −", "seconds"))  # fmt: skip
    total = [0, 0, 0, 0, 0, 0, 0.0]
    for system, own in _by_system(states).items():
        new = [s for s in own if s.outcome == "applied"]
        numbers = [len(new)] + [
            sum(getattr(s, name) for s in new)
            for name in ("rows_in", "admitted", "quarantined", "inserted", "ended")
        ]
        numbers.append(landing_s.get(system, 0.0) + sum(s.seconds for s in new))
        total = [one + other for one, other in zip(total, numbers, strict=True)]
        table.add_row(system, f"{numbers[0]}/{len(own)}", *_numbers(numbers[1:]))
    table.add_section()
    table.add_row("all", str(total[0]), *_numbers(total[1:]))
    return table


def _numbers(values: Sequence[float]) -> list[str]:
    return [*(f"{value:,}" for value in values[:-1]), f"{values[-1]:.1f}"]


def resources_moved(states: Iterable[ResourceState], held: Mapping[str, int]) -> Table:
    """Versions moved against rows read and rows held, for every resource in which anything moved.

    Args:
        states: of the new release.
        held: resource → rows that the release shows.
    """
    table = _table(
        "Rows moved per resource", ("resource",), ("extracted", "versions +", "versions −", "held")
    )
    for state in states:
        if state.outcome == "applied" and (state.inserted or state.ended):
            numbers = (state.rows_in, state.inserted, state.ended, held.get(state.resource, 0))
            table.add_row(state.resource, *(f"{number:,}" for number in numbers))
    return table


def in_words(states: Sequence[ResourceState], held: Mapping[str, int]) -> str:
    """Say in a sentence how much moved of what is held."""
    moved = sum(s.inserted for s in states if s.outcome == "applied")
    touched = sum(bool(s.inserted or s.ended) for s in states if s.outcome == "applied")
    total = sum(held.values())
    share = f" ({moved / total:.1%})" if total else ""
    return f"{moved:,} of {total:,} rows held are new or changed{share}, in {touched} of {len(states)} resources."


def by_reason(failing: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return what failed and why, resources of one system with one reason taken together."""
    groups = defaultdict(list)
    for resource, why in failing.items():
        system, _, name = resource.partition(".")
        groups[system, why].append(name)
    return [(f"{system}.{', '.join(names)}", why) for (system, why), names in groups.items()]


def checks(counts: Iterable[CheckCount]) -> Table:
    """Checks passed and failed by severity."""
    table = _table("Checks", ("severity",), ("passed", "failed"))
    for count in counts:
        table.add_row(count.severity, str(count.passed), str(count.failed))
    return table


def failed_checks(findings: Iterable[Mapping[str, Any]]) -> Table:
    """One line per failed check: what it is about, how many rows failed it, and its own words."""
    table = _table("Failed checks", ("severity", "resource", "check"), ("rows",))
    table.add_column("detail", overflow="fold")
    for found in findings:
        rows = f"{found['rows_failed']:,}" if found["rows_failed"] else ""
        table.add_row(found["severity"], found["resource"], found["rule"], rows, found["detail"] or "")
    return table


def status(states: Iterable[ResourceState], failing: dict[str, str]) -> Table:
    """One line per system: last extract, oldest against its promise, quarantine, what is wrong."""
    table = _table("Systems", ("system",), ("resources", "last extract", "oldest", "promised", "quarantined"))
    table.add_column("state", overflow="fold")
    for system, own in _by_system(states).items():
        oldest = max(own, key=lambda s: s.age - s.promise if s.age is not None else timedelta.max)
        ages = [s.age for s in own if s.age is not None]
        table.add_row(
            system,
            str(len(own)),
            age(min(ages, default=None)),
            age(oldest.age),
            age(oldest.promise),
            f"{sum(s.waiting for s in own):,}",
            _state(own, failing),
        )
    return table


def _state(own: Sequence[ResourceState], failing: Mapping[str, str]) -> str:
    named = {
        "refused": [s.resource for s in own if s.outcome in ("refused", "held")],
        "not read": [s.resource for s in own if s.resource in failing],
        "late": [s.resource for s in own if s.is_late],
    }
    words = []
    for what, names in named.items():
        if names:
            shown = "all" if len(names) == len(own) else ", ".join(name.partition(".")[2] for name in names)
            words.append(f"✕ {what}: {shown}")
    return "; ".join(words) or "✓"


def held_rows(held: Iterable["Held"], today: date) -> Table:
    """One line per resource and rule with waiting rows: how many, since when, who answers, until when."""
    table = Table(title="Waiting rows", title_justify="left")
    for name in ("resource", "rule"):
        table.add_column(name, overflow="fold")
    for name in ("rows", "decided"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("oldest", "post", "due"):
        table.add_column(name, no_wrap=True)
    for one in held:
        late = " ✕" if one.due_on and one.due_on < today else ""
        table.add_row(
            one.resource,
            one.rule,
            f"{one.rows:,}",
            f"{one.decided:,}" if one.decided else "",
            f"{one.oldest_at:%Y-%m-%d}" if one.oldest_at else "?",
            one.post or one.unit,
            f"{one.due_on}{late}" if one.due_on else "",
        )
    return table


def found_tables(tables: Iterable[FoundTable]) -> Table:
    """One line per table of a source: rows, columns, key, what may be a time of change, comment."""
    shown = _table("What the reading user sees", ("table", "kind"), ("rows", "columns"))
    shown.add_column("key", overflow="fold")
    shown.add_column("changed at", overflow="fold")
    shown.add_column("comment", overflow="fold")
    for table in tables:
        changed = [c.name for c in table.columns if hints(c.name, c.comment, Registers()).is_changed_at]
        shown.add_row(
            table.physical_name,
            table.kind,
            _row_count(table),
            str(len(table.columns)) if table.columns else "?",
            ", ".join(table.keys[0]) if table.keys else "none declared",
            ", ".join(changed),
            table.comment,
        )
    return shown


def _row_count(table: FoundTable) -> str:
    if table.rows is None:
        return "?"
    return {COUNTED: "", ESTIMATED: "≈ ", AT_LEAST: "> "}[table.certainty] + f"{table.rows:,}"


def drafted(draft: "Draft") -> Table:
    """One line per drafted contract: rows looked at, items, guesses."""
    shown = _table("Drafted", ("resource",), ("rows", "refused", "guesses"))
    shown.add_column("from", overflow="fold")
    for one in draft.contracts:
        refused = max(draft.refused[one.resource].values(), default=0)
        shown.add_row(
            one.resource,
            f"{draft.rows[one.resource]:,}",
            f"{refused:,}" if refused else "",
            str(len(one.guesses)),
            one.table,
        )
    return shown


def overdue(gone: Mapping[str, Any]) -> Table:
    """What retention deletes, per resource: `warehouse.retention.Due` by name."""
    table = _table(
        "Older than the rule allows", ("resource", "rule"), ("extracts", "versions", "quarantined", "links")
    )
    for name, one in gone.items():
        numbers = (one.counts[what] for what in ("extracts", "versions", "quarantined", "links"))
        table.add_row(name, one.rule.text, *(f"{number:,}" for number in numbers))
    return table


def _table(title: str, left: Sequence[str], right: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left")
    for name in left:
        table.add_column(name, no_wrap=True)
    for name in right:
        table.add_column(name, justify="right")
    return table


def _by_system(states: Iterable[ResourceState]) -> dict[str, list[ResourceState]]:
    systems = defaultdict(list)
    for state in states:
        systems[state.system].append(state)
    return systems
