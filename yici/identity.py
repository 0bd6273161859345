"""`yici identity`: pairs in doubt, decisions about them, and how a subject came to hold its keys.

Values of persons are shown only with `--full --as POST`, and that is recorded. A decision counts from the next release.
"""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import psycopg

    from catalogs.model import Catalog
    from warehouse.identity.decisions import By
    from warehouse.identity.queue import Path, Review, Said

app = typer.Typer(
    help="Who is who: pairs in doubt, decisions, and how keys came together.", no_args_is_help=True
)
_AS = typer.Option("--as", help="The post that acts, as in units.csv: post:…")
_FULL = typer.Option("--full", help="Show what registers say; who looked is recorded.")
_REASON = typer.Option("--reason", help="Why, for the record; write no name and no number of a person.")
_KEYS = typer.Option(
    "--keys", help="Numbers of its keys that are somebody else's, as `path` shows them: 12,13."
)


@app.command("reviews")
def list_reviews(
    everything: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    limit: Annotated[int, typer.Option(help="At most so many.")] = 50,
) -> None:
    """List pairs in doubt, those first for which most speaks."""
    from rich.table import Table

    from warehouse.identity import queue
    from yici.screen import console

    with _warehouse() as con:
        found = queue.reviews(con, everything, limit)
        states = queue.counts(con)
    table = Table(box=None, pad_edge=False)
    for heading in ("review", "subjects", "weight", "since", "state", "why"):
        table.add_column(heading)
    for one in found:
        state = f"decision {one.waiting} waits" if one.waiting else one.state
        table.add_row(
            str(one.id), f"{one.subject_a}, {one.subject_b}", _weight(one), f"release {one.release}", state, _why(one)
        )  # fmt: skip
    if found:
        console.print(table)
    console.print(
        ", ".join(f"{count:,} {state}" for state, count in states.items()) or "No pair is in doubt."
    )


@app.command("review")
def show_review(
    number: Annotated[int, typer.Argument(help="As `reviews` lists it.")],
    full: Annotated[bool, _FULL] = False,
    post: Annotated[str, _AS] = "",
) -> None:
    """Show the evidence of one pair; with --full also what registers say of both."""
    from warehouse.identity import queue
    from yici.screen import console

    with _warehouse() as con:
        one = queue.review(con, number)
        said = _look(con, full, post, one.subjects, number)
        links = {subject: queue.path(con, subject).links for subject in one.subjects}
    console.print(f"Review {one.id}, {one.state}, since release {one.release}; from a row of {one.resource}.")
    console.print(one.reason)
    for name, word in one.evidence.items():
        console.print(f"  {name:<10} {word}")
    for subject, held in links.items():
        kinds = ", ".join(link.id_type for link in held if link.ends is None)
        console.print(f"subject {subject}: {kinds}")
    _print_said(said)
    if one.waiting:
        console.print(f"Decision {one.waiting} about it counts from the next release.")


@app.command()
def same(
    number: Annotated[int, typer.Argument(help="The review.")],
    post: Annotated[str, _AS],
    reason: Annotated[str, _REASON],
) -> None:
    """Decide that both are one person; counts from the next release."""
    from warehouse.identity import decisions

    with _warehouse() as con:
        _say_decided(decisions.decide_review(con, number, decisions.SAME, _by(post, reason)))


@app.command()
def different(
    number: Annotated[int, typer.Argument(help="The review.")],
    post: Annotated[str, _AS],
    reason: Annotated[str, _REASON],
) -> None:
    """Decide that they are two; they are not brought together again, nor asked about without much more evidence."""
    from warehouse.identity import decisions

    with _warehouse() as con:
        _say_decided(decisions.decide_review(con, number, decisions.DIFFERENT, _by(post, reason)))


@app.command()
def merge(
    one: Annotated[int, typer.Argument(help="A subject.")],
    other: Annotated[int, typer.Argument(help="Another that is the same.")],
    post: Annotated[str, _AS],
    reason: Annotated[str, _REASON],
) -> None:
    """Decide that two subjects are the same, though nothing asked; counts from the next release."""
    from warehouse.identity import decisions

    with _warehouse() as con:
        _say_decided(decisions.decide_merge(con, one, other, _by(post, reason)))


@app.command()
def split(
    subject: Annotated[int, typer.Argument(help="The subject that is two.")],
    keys: Annotated[str, _KEYS],
    post: Annotated[str, _AS],
    reason: Annotated[str, _REASON],
) -> None:
    """Decide that some keys of a subject are somebody else's; counts from the next release."""
    from catalogs.settings import ConfigurationError
    from warehouse.identity import decisions

    try:
        links = [int(part) for part in keys.split(",")]
    except ValueError:
        raise ConfigurationError(
            f"--keys: numbers parted by commas, as `yici identity path {subject}` shows them. Nothing was recorded"
        ) from None
    with _warehouse() as con:
        _say_decided(decisions.decide_split(con, subject, links, _by(post, reason)))


@app.command()
def undo(
    event: Annotated[int, typer.Argument(help="Number of the event, as `path` shows it.")],
    post: Annotated[str, _AS],
    reason: Annotated[str, _REASON],
) -> None:
    """Take back a merge, a split or a verdict, whoever made it; counts from the next release."""
    from warehouse.identity import decisions

    with _warehouse() as con:
        _say_decided(decisions.decide_undo(con, event, _by(post, reason)))


@app.command("path")
def show_path(
    subject: Annotated[int, typer.Argument(help="Its number.")],
    full: Annotated[bool, _FULL] = False,
    post: Annotated[str, _AS] = "",
) -> None:
    """Show which keys a subject held in which releases, and what happened to it."""
    from warehouse.identity import queue
    from yici.screen import console

    with _warehouse() as con:
        found = queue.path(con, subject)
        said = _look(con, full, post, (subject,), None)
    for line in _path_lines(found, full):
        console.print(line, soft_wrap=True, markup=False)
    _print_said(said)


@app.command()
def find(
    everything: Annotated[
        bool, typer.Option("--all", help="Compare all with all, as if for the first time.")
    ] = False,
) -> None:
    """Look for probable pairs among what is new in the current release; they enter the queue with the next one."""
    from warehouse.identity import probable
    from yici.screen import console
    from yici.warehouse import load_catalog

    catalog = load_catalog()
    with _warehouse() as con, console.status("comparing"):
        done = probable.find(con, catalog, everything)
    if done is None:
        console.print("Nothing is new since the last search.")
        return
    console.print(
        f"Release {done.release}: {done.new:,} of {done.records:,} records are new; {done.pairs:,} probable pairs"
        " enter the queue with the next release (`yici run`)."
    )


@contextmanager
def _warehouse() -> "Iterator[psycopg.Connection]":
    from yici.warehouse import open_warehouse

    with open_warehouse() as con:
        yield con


def _by(post: str, reason: str = "") -> "By":
    from warehouse.identity.decisions import By
    from yici.warehouse import load_catalog

    require_post(load_catalog(), post)
    return By(post, getpass.getuser(), reason)


def require_post(catalog: "Catalog", post: str) -> None:
    """Check that the catalog names a post.

    Raises:
        ConfigurationError: it does not; with a similar one, if there is one.
    """
    from catalogs.check_decisions import posts_of
    from catalogs.faults import did_you_mean
    from catalogs.settings import ConfigurationError

    known = posts_of(catalog)
    if post not in known:
        hint = did_you_mean(post, sorted(known)) or "units.csv and the contracts name them"
        raise ConfigurationError(
            f"--as {post or '?'}: no post of this campus; {hint}. Nothing was shown or recorded"
        )


def _look(
    con: "psycopg.Connection", full: bool, post: str, subjects: tuple[int, ...], review: int | None
) -> "list[Said]":
    from warehouse.identity import queue
    from yici.warehouse import load_catalog

    return queue.said(con, load_catalog(), subjects, _by(post), review) if full else []


def _weight(one: "Review") -> str:
    return "" if one.weight is None else f"{one.weight:.1f}"


def _why(one: "Review") -> str:
    told = ", ".join(f"{name} {word}" for name, word in one.evidence.items() if word != "unknown")
    return told if one.reason.startswith("alike") else one.reason


def _path_lines(found: "Path", full: bool) -> "Iterator[str]":
    successor = "" if found.now == found.subject else f", merged into {found.now}"
    yield f"Subject {found.subject}{successor}"
    for link in found.links:
        ends = "now" if link.ends is None else f"release {link.ends}"
        key = f" {link.key}" if full else ""
        yield f"  key {link.id}  {link.id_type}{key}  release {link.begins} to {ends}  from {link.source}"
    for event in found.events:
        who = f" by {event.post}" if event.post else ""
        what = f"{event.event} {event.kept}, {event.gone}{who}"
        yield f"  event {event.id}  release {event.release}  {what}: {event.reason}"


def _print_said(said: "list[Said]") -> None:
    from yici.screen import console

    for one in said:
        told = ", ".join(f"{word} {value}" for word, value in one.values.items())
        console.print(f"subject {one.subject}, {one.resource}: {told}", soft_wrap=True, markup=False)


def _say_decided(number: int) -> None:
    typer.echo(f"Decision {number} is recorded; it counts from the next release (`yici run`).")
