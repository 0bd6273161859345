"""What `yici quality` prints: scores with signs, rules, tickets; never a value of a row, but for a reviewer's keys."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from rich.table import Table

from catalogs.views import unit_name
from expectations.quality import desk, kept
from expectations.quality.duty import duty
from expectations.quality.kept import Kept
from expectations.quality.scores import CAMPUS, RESOURCE, SYSTEM, UNIT, Promise
from expectations.quality.standing import RuleState
from expectations.quality.terms import Terms
from expectations.quality.titles import resource_title, rule_title
from expectations.quality.words import DIMENSIONS, TOTAL, shown, word
from yici.screen import age, console

if TYPE_CHECKING:
    import psycopg

    from catalogs.model import Catalog
    from expectations.quality.draws import SampleRow
    from expectations.quality.frozen import Figure, Objection
    from expectations.quality.tickets import Ticket

_STYLES = {"✓": "green", "!": "yellow", "✕": "red", "–": "dim"}
_WORST, _LATE = 8, 8
_WEEK, _OLDEST = timedelta(days=7), timedelta(days=14)


@dataclass(frozen=True)
class Seen:
    """All that the screens show."""

    catalog: "Catalog"
    terms: Terms
    today: date
    now: Kept
    before: Kept
    states: Sequence[RuleState]
    tickets: "Sequence[Ticket]"
    promises: dict[str, Promise]


def look(con: "psycopg.Connection", catalog: "Catalog", terms: Terms, today: date) -> Seen:
    """Read what the screens show."""
    from catalogs.settings import now

    states = kept.read_states(con)
    return Seen(
        catalog,
        terms,
        today,
        kept.scores_on(con, today),
        kept.scores_on(con, today - _WEEK, today - _OLDEST),
        sorted(states.values(), key=lambda one: (-one.points, one.resource, one.rule)),
        desk.listed(con),
        kept.promises(con, catalog, terms, kept.held(states), now()),
    )


def as_data(seen: Seen, unit: str, system: str, resource: str) -> dict[str, Any]:
    """Return what a screen shows as data: of everything, a unit, a system or a resource."""
    names = set(_names(seen, unit, system, resource))
    chosen = {(UNIT, unit), (SYSTEM, system), *((RESOURCE, name) for name in names)}
    every = not (unit or system or resource)
    return {
        "day": seen.now.day,
        "scores": [asdict(one) for key, one in seen.now.by.items() if every or key[:2] in chosen],
        "week_ago": [asdict(one) for key, one in seen.before.by.items() if every or key[:2] in chosen],
        "rules": [asdict(one) for one in seen.states if every or one.resource in names],
        "tickets": [
            asdict(one) for one in seen.tickets if every or one.resource in names or one.unit == unit
        ],
        "promises": {name: asdict(one) for name, one in seen.promises.items() if every or name in names},
    }


def _names(seen: Seen, unit: str, system: str, resource: str) -> list[str]:
    scored = kept.scored_resources(seen.catalog, seen.today)
    return [
        name
        for name, (of_system, of_unit) in scored.items()
        if unit in ("", of_unit) and system in ("", of_system) and resource in ("", name)
    ]


def print_campus(seen: Seen, lang: str, at: datetime) -> None:
    """Print the campus on one screen."""
    units = sorted(seen.now.names(UNIT), key=lambda one: _total(seen, UNIT, one))
    table = _scores(seen, word("unit", lang), lang)
    for unit in units:
        table.add_row(unit_name(seen.catalog, unit, lang), *_row(seen, UNIT, unit))
    table.add_section()
    campus = seen.catalog.campus.code
    table.add_row(word("campus", lang), *_row(seen, CAMPUS, campus))
    console.print(table)
    faults = [one for one in seen.states if one.is_fault]
    _print_rules(seen, faults[:_WORST], lang, len(faults))
    _print_ages(seen)
    _print_promises(seen, kept.scored_resources(seen.catalog, seen.today), at)


def print_group(seen: Seen, unit: str, system: str, lang: str) -> None:
    """Print the resources of a unit, a system, or of a unit within a system."""
    names = _names(seen, unit, system, "")
    table = _scores(seen, word("resource", lang), lang)
    for name in sorted(names, key=lambda one: _total(seen, RESOURCE, one)):
        if seen.now.get(RESOURCE, name, TOTAL):
            table.add_row(name, *_row(seen, RESOURCE, name))
    if bool(unit) != bool(system):
        scope, code = (UNIT, unit) if unit else (SYSTEM, system)
        table.add_section()
        table.add_row(code, *_row(seen, scope, code))
    console.print(table)
    own = [one for one in seen.states if one.is_fault and (one.resource in names or one.resource == system)]
    _print_rules(seen, own, lang, len(own))
    open_tickets = [one for one in seen.tickets if one.resource in names or (unit and one.unit == unit)]
    if open_tickets:
        console.print(tickets(open_tickets, seen.today))


def print_resource(seen: Seen, name: str, lang: str, history: Sequence[tuple[date, float]]) -> None:
    """Print every rule of a resource as it stands, failing ones first."""
    who = duty(seen.catalog, name, seen.today)
    console.print(
        f"{resource_title(seen.catalog, name, lang)}  {name}  {unit_name(seen.catalog, who.unit, lang)}  {who.post(0)}",
        markup=False,
    )
    table = _scores(seen, word("resource", lang), lang)
    table.add_row(name, *_row(seen, RESOURCE, name))
    console.print(table)
    own = [one for one in seen.states if one.resource == name]
    zone = ZoneInfo(seen.catalog.campus.time_zone)
    rules = _table("Rules", ("", "rule", "dimension", "severity"), ("failed", "of", "points", "since"))
    for one in sorted(own, key=lambda one: (one.passed, -one.points)):
        rules.add_row(
            _sign("✓" if one.passed else "✕" if one.is_fault else "!"), rule_title(seen.catalog, name, one.rule, lang),
            word(one.dimension, lang), word(one.severity, lang), f"{one.rows_failed:,}" if not one.passed else "",
            f"{one.rows_total:,}" if one.rows_total else "", f"{one.points:.2f}" if one.points else "",
            f"{one.since.astimezone(zone):%Y-%m-%d}",
        )  # fmt: skip
        if one.inherited_from:
            rules.add_row("", f"[dim]inherited from {', '.join(one.inherited_from)}[/dim]")
    console.print(rules)
    if len(history) > 1:
        told = "  ".join(f"{day:%m-%d} {shown(score)}" for day, score in history[-12:])
        console.print(f"{word(TOTAL, lang)}: {told}", soft_wrap=True, markup=False)


def _total(seen: Seen, scope: str, name: str) -> float:
    score = seen.now.get(scope, name, TOTAL)
    return score.score if score else -1.0


def _scores(seen: Seen, first: str, lang: str) -> Table:
    bounds = f"✓ ≥ {seen.terms.good_from:g}  ! ≥ {seen.terms.watch_from:g}"
    title = f"{seen.catalog.campus.name_zh}  {seen.now.day}  {bounds}"
    return _table(title, (first,), (*(word(one, lang) for one in (TOTAL, *DIMENSIONS)), "7 d"))


def _row(seen: Seen, scope: str, name: str) -> list[str]:
    cells = []
    for dimension in (TOTAL, *DIMENSIONS):
        score = seen.now.get(scope, name, dimension)
        sign = seen.terms.sign(score.score if score else None)
        cells.append(_sign(sign) if score is None else f"{shown(score.score)} {_sign(sign)}")
    score, before = (one.get(scope, name, TOTAL) for one in (seen.now, seen.before))
    if score is None or before is None:
        return [*cells, "–"]
    change = round(float(shown(score.score)) - float(shown(before.score)), 1)
    return [*cells, f"{change:+.1f}" if change else "="]


def _sign(sign: str) -> str:
    return f"[{_STYLES[sign]}]{sign}[/]"


def _print_rules(seen: Seen, faults: Sequence[RuleState], lang: str, whole: int) -> None:
    if not faults:
        console.print("✓ No rule fails.")
        return
    more = f", the worst {len(faults)} of {whole}" if len(faults) < whole else ""
    table = _table(
        f"Rules that fail{more}", ("resource", "rule", "severity"), ("rows", "of", "points", "ticket")
    )
    numbers = {(one.resource, one.rule): one.id for one in seen.tickets}
    for one in faults:
        name = one.resource + (" ←" if one.inherited_from else "")
        table.add_row(
            name, rule_title(seen.catalog, one.resource, one.rule, lang), word(one.severity, lang),
            f"{one.rows_failed:,}" if one.rows_failed else "", f"{one.rows_total:,}" if one.rows_total else "",
            f"{one.points:.2f}", str(numbers.get((one.resource, one.rule), "")),
        )  # fmt: skip
    console.print(table)
    if any(one.inherited_from for one in faults):
        console.print("← inherited: another resource's fault explains it.")


def _print_ages(seen: Seen) -> None:
    bounds = ((7, "< 7 d"), (14, "7–13 d"), (28, "14–27 d"), (10**6, "≥ 28 d"))
    counts: Counter[str] = Counter()
    for one in seen.tickets:
        counts[next(name for bound, name in bounds if one.days_open(seen.today) < bound)] += 1
    overdue = sum(one.is_overdue(seen.today) for one in seen.tickets)
    told = "   ".join(f"{name}: {counts[name]}" for _, name in bounds)
    console.print(f"Open tickets: {len(seen.tickets)}, overdue: {overdue}.  By age  {told}", markup=False)


def _print_promises(seen: Seen, scored: Iterable[str], at: datetime) -> None:
    late = [name for name in scored if seen.promises[name].is_late]
    kept_all = sum(
        seen.promises[name].on_time is not None and not seen.promises[name].is_late for name in scored
    )
    console.print(f"Update cycles: {kept_all} resources inside their promise, {len(late)} late.")
    for name in late[:_LATE]:
        share = seen.promises[name].on_time
        told = (
            "never read"
            if share is None
            else f"inside it {share:.1%} of the last {seen.terms.window_days} days"
        )
        console.print(
            f"  ✕ {name}: promised {age(seen.catalog.resources[name].promise)}, {told}", markup=False
        )
    if len(late) > _LATE:
        console.print(f"  and {len(late) - _LATE} more")


def tickets(found: "Iterable[Ticket]", today: date) -> Table:
    """One line per ticket."""
    table = _table("Tickets", ("no", "unit"), ())
    table.add_column("about", overflow="fold")
    for name in ("severity", "post", "due", "state"):
        table.add_column(name, no_wrap=True)
    for one in found:
        due = f"[red]✕ {one.due_on}[/]" if one.is_overdue(today) else str(one.due_on)
        state = one.state + (f", back {one.reopened}×" if one.reopened else "")
        table.add_row(
            str(one.id), one.unit, one.about, word(one.severity), one.post.removeprefix("post:"), due, state
        )
    return table


def print_ticket(catalog: "Catalog", one: "Ticket", events: "Sequence[desk.Event]", today: date) -> None:
    """Print a ticket with its history."""
    late = "  ✕ overdue" if one.is_overdue(today) else ""
    lines = [
        f"Ticket {one.id}  {one.state}{late}  {one.about}",
        f"{one.resource or '–'}  {one.rule}  {word(one.severity)}  {one.rows_failed:,} rows",
        f"{unit_name(catalog, one.unit)}  {one.post}  due {one.due_on}",
    ]
    if one.reference:
        lines.append(f"reference: {one.reference}")
    if one.inherited_from:
        lines.append(f"inherited from {', '.join(one.inherited_from)}: it waits with them and does not climb")
    zone = ZoneInfo(catalog.campus.time_zone)
    for event in events:
        release = f"  release {event.release}" if event.release else ""
        lines.append(
            f"  {event.at.astimezone(zone):%Y-%m-%d %H:%M}  {event.event:<9} {event.post}  {event.text}{release}"
        )
    for line in lines:
        console.print(line, soft_wrap=True, markup=False)


def samples(rows: "Iterable[SampleRow]") -> Table:
    """How many drawn rows wait for which reviewer."""
    table = _table("Drawn rows that wait for a verdict", ("reviewer",), ("rows", "due"))
    rows = list(rows)
    for reviewer in sorted({one.reviewer for one in rows}):
        own = [one for one in rows if one.reviewer == reviewer]
        table.add_row(reviewer, str(len(own)), str(min(one.due_on for one in own)))
    return table


def print_sample(catalog: "Catalog", row: "SampleRow") -> None:
    """Print to its reviewer where a drawn row is found in its source."""
    resource = catalog.resources.get(row.resource)
    lines = [f"Sample {row.id}  {resource_title(catalog, row.resource)}  {row.resource}  due {row.due_on}"]
    if resource is not None:
        system = catalog.systems[resource.system]
        keys = ", ".join(resource.item(name).physical_name for name in resource.key)
        lines.append(f"  {system.name_zh}  {resource.physical_name}  {keys} = {row.key_text}")
        lines.append(f"  items: {', '.join(item.name for item in resource.items)}")
    for line in lines:
        console.print(line, soft_wrap=True, markup=False)


def frozen(catalog: "Catalog", figures: "Iterable[Figure]") -> Table:
    """The frozen figures of a month, one line per unit."""
    rows = list(figures)
    table = _table(
        "Frozen scores: own faults only", ("unit",), tuple(word(one) for one in (TOTAL, *DIMENSIONS))
    )
    by = {(one.unit, one.dimension): one for one in rows}
    for unit in sorted({one.unit for one in rows}):
        cells = []
        for dimension in (TOTAL, *DIMENSIONS):
            one = by.get((unit, dimension))
            if one is None or one.own is None:
                cells.append(f"– {one.why_not}" if one else "–")
            else:
                cells.append(shown(one.own) + ("" if one.counts else " ×"))
        table.add_row(unit_name(catalog, unit), *cells)
    return table


def objection(one: "Objection") -> str:
    """Say an objection in a line."""
    state = "waits" if one.accepted is None else "accepted" if one.accepted else "refused"
    decided = f" by {one.decided_by}: {one.opinion}" if one.decided_by else ""
    return f"objection {one.id}  {one.unit} {one.dimension}  {one.post}: {one.reason}  → {state}{decided}"


def _table(title: str, left: Sequence[str], right: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left")
    for name in left:
        table.add_column(name, overflow="fold")
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    return table
