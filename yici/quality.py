"""`yici quality`: how good the data are, who answers for what is wrong, and what the reformers publish of it."""

import json
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from catalogs.counting import counted

if TYPE_CHECKING:
    from expectations.quality.tickets import Ticket

app = typer.Typer(help="Scores, tickets, reports and random samples of data quality.")

_JSON = typer.Option("--json", help="For machines: JSON.")
_BY = typer.Option("--by", help="The post that acts, as in units.csv: post:…")
_LANG = typer.Option(help="zh or en.")
_UNIT = "Code of a unit."


@app.callback(invoke_without_command=True)
def quality(
    context: typer.Context,
    unit: Annotated[str, typer.Option(help=_UNIT + " Its resources, tickets and rules.")] = "",
    system: Annotated[str, typer.Option(help="Code of a system: its resources.")] = "",
    resource: Annotated[str, typer.Option(help="A resource: every rule, as it stands.")] = "",
    formula: Annotated[bool, typer.Option("--formula", help="How scores are made.")] = False,
    as_json: Annotated[bool, _JSON] = False,
    lang: Annotated[str, _LANG] = "zh",
) -> None:
    """Show the campus on one screen: score per unit and dimension, trend, worst rules, tickets, promises."""
    if context.invoked_subcommand is not None:
        return
    from catalogs.settings import now
    from expectations.quality import kept, report
    from expectations.quality.terms import terms
    from yici import quality_screen as screen
    from yici.screen import console
    from yici.warehouse import load_catalog, open_warehouse, tell_unknown

    _check_lang(lang)
    catalog = load_catalog()
    tell_unknown("--unit", [unit] if unit else [], catalog.units)
    tell_unknown("--system", [system] if system else [], catalog.systems)
    tell_unknown("--resource", [resource] if resource else [], catalog.resources)
    wanted = terms(catalog)
    if formula:
        for sentence in report.formula(wanted, lang):
            console.print(f"· {sentence}", soft_wrap=True, markup=False)
        return
    with open_warehouse() as con:
        today = kept.campus_day(catalog)
        seen = screen.look(con, catalog, wanted, today)
        if as_json:
            typer.echo(_json(screen.as_data(seen, unit, system, resource)))
        elif seen.now.day is None:
            console.print("No score yet: run `yici run`.")
        elif resource:
            screen.print_resource(
                seen, resource, lang, kept.history(con, "resource", resource, "total", today - timedelta(84))
            )
        elif unit or system:
            screen.print_group(seen, unit, system, lang)
        else:
            screen.print_campus(seen, lang, now())


@app.command()
def tickets(
    unit: Annotated[str, typer.Option(help=_UNIT)] = "",
    resource: Annotated[str, typer.Option(help="A resource.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Closed ones, too.")] = False,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """List the tickets, those that are due first."""
    from expectations.quality import desk, kept
    from yici import quality_screen as screen
    from yici.screen import console
    from yici.warehouse import load_catalog, open_warehouse

    catalog = load_catalog()
    with open_warehouse() as con:
        found = desk.listed(con, unit, resource, everything)
    if as_json:
        typer.echo(_json([_ticket(one) for one in found]))
        return
    console.print(screen.tickets(found, kept.campus_day(catalog)) if found else "No ticket is open.")


@app.command()
def ticket(
    number: Annotated[int, typer.Argument(help="Its number.")],
    comment: Annotated[str, typer.Option(help="Add what is to be known of it.")] = "",
    hand_to: Annotated[str, typer.Option("--hand-to", help="Hand it over to this post.")] = "",
    answer: Annotated[
        str, typer.Option(help="What the person who told was answered; closes the ticket.")
    ] = "",
    by: Annotated[str, _BY] = "",
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Show a ticket with its history, or treat it.

    A rule's ticket closes itself when the rule is kept. What a person told is closed by --answer alone.
    """
    from catalogs.settings import ConfigurationError
    from expectations.quality import desk, kept
    from expectations.quality.terms import terms
    from yici import quality_screen as screen
    from yici.warehouse import load_catalog, open_warehouse

    acts = [bool(comment), bool(hand_to), bool(answer)]
    if sum(acts) > 1 and not (sum(acts) == 2 and comment and hand_to):
        raise ConfigurationError(
            "--comment, --hand-to, --answer: one at a time; a comment may go with a hand-over"
        )
    catalog = load_catalog()
    with open_warehouse() as con:
        if hand_to:
            desk.hand_over(con, catalog, terms(catalog), number, by, hand_to, comment)
        elif comment:
            desk.comment(con, number, by, comment)
        elif answer:
            desk.answer(con, number, by, answer)
        found, events = desk.one(con, number)
    if as_json:
        typer.echo(_json({**_ticket(found), "events": [asdict(one) for one in events]}))
        return
    screen.print_ticket(catalog, found, events, kept.campus_day(catalog))


@app.command()
def tell(
    channel: Annotated[str, typer.Argument(help="complaint, experience, walkthrough or correction.")],
    text: Annotated[str, typer.Argument(help="What is wrong; it names nobody.")],
    reference: Annotated[
        str, typer.Option(help="Where whoever took it knows the person: a complaint's number.")
    ],
    resource: Annotated[str, typer.Option(help="The resource that it is about.")] = "",
    unit: Annotated[str, typer.Option(help="The unit that answers, where no resource is known.")] = "",
) -> None:
    """Open a ticket for what a person told: a complaint, a trial visit, a walk-through, a correction."""
    from expectations.quality import desk
    from expectations.quality.terms import terms
    from yici.warehouse import load_catalog, open_warehouse

    catalog = load_catalog()
    with open_warehouse() as con:
        found = desk.tell(con, catalog, terms(catalog), channel, text, reference, resource, unit)
    typer.echo(
        f"Ticket {found.id} is with {found.post} until {found.due_on}; it is closed when the person was answered."
    )


@app.command()
def report(
    week: Annotated[str, typer.Option(help="Like 2026-W48; default: this week.")] = "",
    unit: Annotated[list[str] | None, typer.Option(help=_UNIT + " Only its report; may be repeated.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder; default: reports/<week> in the state folder.")
    ] = None,
    lang: Annotated[str, _LANG] = "zh",
) -> None:
    """Write the weekly reports of the units and the leadership's page: HTML, Excel and PDF."""
    from catalogs.settings import ConfigurationError, settings
    from expectations.quality import kept
    from expectations.quality.publishing import write_reports
    from expectations.quality.terms import terms
    from expectations.quality.week import parse_week, week_of
    from yici.warehouse import load_catalog, open_warehouse, tell_unknown

    _check_lang(lang)
    catalog = load_catalog()
    tell_unknown("--unit", unit or [], catalog.units)
    try:
        chosen = parse_week(catalog, week) if week else week_of(catalog, kept.campus_day(catalog))
    except ValueError as error:
        raise ConfigurationError(f"--week {error}") from None
    folder = out or settings().home / "reports" / chosen.code
    with open_warehouse() as con:
        files = write_reports(con, catalog, terms(catalog), chosen, folder, unit or (), lang)
    typer.echo(f"{counted(len(files), 'file')} of week {chosen.code}: {folder}")


@app.command()
def sample(
    draw: Annotated[bool, typer.Option("--draw", help="Draw with the seed that was committed to.")] = False,
    reviewer: Annotated[str, typer.Option(help="Only the rows of this post, with their keys.")] = "",
    verify: Annotated[int | None, typer.Option(help="Draw this draw again and compare.")] = None,
    publish: Annotated[
        bool, typer.Option("--publish", help="Write what is public: counts and seeds.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for --publish.")] = None,
) -> None:
    """双随机、一公开: rows drawn at random for random reviewers of other units.

    Without an option: how many rows wait for which reviewer. A reviewer names their post to see keys and source.
    """
    from catalogs.settings import settings
    from expectations.quality import draws
    from expectations.quality.publishing import publish_samples
    from expectations.quality.terms import terms
    from yici import quality_screen as screen
    from yici.screen import console
    from yici.warehouse import load_catalog, open_warehouse

    catalog = load_catalog()
    with open_warehouse() as con:
        if draw:
            done = draws.draw(con, catalog, terms(catalog))
            typer.echo(
                f"Draw {done.number}: {counted(done.rows, 'row')}."
                if done.number
                else f"Nothing drawn: {done.why}."
            )
            typer.echo(f"The next seed's SHA-256: {done.next_commitment}")
            return
        if verify is not None:
            differences = draws.verify(con, catalog, verify)
            for one in differences:
                typer.echo(f"✕ {one}")
            if differences:
                raise typer.Exit(1)
            typer.echo(f"Draw {verify} follows from its seed.")
            return
        if publish:
            files = publish_samples(con, catalog, out or settings().home / "reports" / "sampling")
            typer.echo("\n".join(map(str, files)))
            return
        rows = draws.to_review(con, reviewer)
    if not rows:
        console.print("No row waits for a verdict.")
    elif reviewer:
        for row in rows:
            screen.print_sample(catalog, row)
    else:
        console.print(screen.samples(rows))


@app.command()
def verdict(
    number: Annotated[int, typer.Argument(help="The sample.")],
    found: Annotated[str, typer.Argument(help="right, wrong or unclear.")],
    by: Annotated[str, _BY],
    item: Annotated[str, typer.Option(help="The item that is wrong.")] = "",
) -> None:
    """Record what a reviewer found of a drawn row; a wrong item opens a ticket to its provider."""
    from expectations.quality import draws
    from expectations.quality.terms import terms
    from yici.warehouse import load_catalog, open_warehouse

    catalog = load_catalog()
    with open_warehouse() as con:
        row = draws.judge(con, catalog, terms(catalog), number, by, found, item)
    typer.echo(f"Sample {row.id}: {row.verdict}.")


@app.command()
def freeze(
    month: Annotated[str, typer.Argument(help="Like 2026-11; default: list the frozen months.")] = "",
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Freeze the scores of a month that is over, or show them if they are frozen."""
    from expectations.quality import frozen, kept
    from expectations.quality.terms import terms
    from yici import quality_screen as screen
    from yici.screen import console
    from yici.warehouse import load_catalog, open_warehouse

    catalog = load_catalog()
    with open_warehouse() as con:
        if month:
            frozen.freeze(con, catalog, terms(catalog), month)
        months = frozen.freezes(con, kept.campus_day(catalog))
        figures = frozen.figures(con, month) if month else []
        told = frozen.objections(con, month)
    if as_json:
        rows = {
            "months": [asdict(one) for one in months],
            "figures": [asdict(one) for one in figures],
            "objections": [asdict(one) for one in told],
        }
        typer.echo(_json(rows))
        return
    for one in months:
        if month in ("", one.month):
            console.print(f"{one.month}  {one.state}, objections until {one.objections_until}")
    if not months:
        console.print("No month is frozen yet: `yici quality freeze 2026-11`.")
    if month:
        console.print(screen.frozen(catalog, figures))
    for objected in told:
        console.print(screen.objection(objected), soft_wrap=True, markup=False)


@app.command()
def objection(
    month: Annotated[str, typer.Option(help="The frozen month.")] = "",
    unit: Annotated[str, typer.Option(help=_UNIT)] = "",
    dimension: Annotated[str, typer.Option(help="A dimension, or total.")] = "total",
    reason: Annotated[str, typer.Option(help="Why the figure is wrong.")] = "",
    decide: Annotated[int | None, typer.Option(help="Decide this objection.")] = None,
    accept: Annotated[bool, typer.Option("--accept/--refuse", help="With --decide.")] = False,
    opinion: Annotated[str, typer.Option(help="With --decide: the grounds.")] = "",
    by: Annotated[str, _BY] = "",
) -> None:
    """Object to a frozen figure in time, or decide an objection.

    A figure whose objection is accepted stays as it was, and nobody is judged by it.
    """
    from expectations.quality import frozen
    from yici.warehouse import load_catalog, open_warehouse

    with open_warehouse() as con:
        if decide is not None:
            frozen.decide(con, decide, accept, by, opinion)
            typer.echo(f"Objection {decide} is {'accepted' if accept else 'refused'}.")
            return
        number = frozen.object_to(con, load_catalog(), month, unit, dimension, by, reason)
    typer.echo(f"Objection {number} is recorded.")


@app.command()
def notices(
    send: Annotated[bool, typer.Option("--send", help="Send what is due now.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Try once more what was given up.")] = False,
) -> None:
    """Count the notices by state, and send them, those of corrections that people filed included."""
    from expectations.quality import outbox, routine
    from yici.screen import console
    from yici.warehouse import load_catalog, open_warehouse

    with open_warehouse() as con:
        if again:
            typer.echo(f"{outbox.again(con)} notices are tried again.")
        if send:
            done = routine.every_few_minutes(con, load_catalog()).notices
            typer.echo(f"{done.sent} sent, {done.waiting} to be tried again, {done.dead} given up.")
        for channel, state, count, error in con.execute(
            "SELECT channel, state, count(*), max(error) FROM yici.notice GROUP BY 1, 2 ORDER BY 1, 2"
        ).fetchall():
            console.print(f"{channel:<8} {state:<8} {count:>6}  {error or ''}", markup=False)


def _ticket(one: "Ticket") -> dict[str, Any]:
    return {**asdict(one), "inherited_from": list(one.inherited_from)}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, default=str)


def _check_lang(lang: str) -> None:
    from catalogs.settings import ConfigurationError

    if lang not in ("zh", "en"):
        raise ConfigurationError(f"--lang {lang}: zh or en")
