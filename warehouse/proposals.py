"""Proposals to change the catalog, kept with everything that was ever said of them.

A proposal is written once; what happens to it are events, which nobody alters. Whether it is decided follows from its
route, its events and the day (`catalogs.changes.deciding`). Its `state` is where it was found to stand, for looking it
up: roles that may not decide write it, so what takes effect is judged by approvals that are sealed (`proven`).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from typing import Any

import psycopg

from catalogs.changes.approvals import DueStep, Route
from catalogs.changes.deciding import REFUSED as IS_REFUSED
from catalogs.changes.deciding import Decision, Standing, own_steps, standing, steps_of
from catalogs.changes.edits import Edit
from catalogs.model import Calendar
from catalogs.settings import now, settings
from warehouse.decision_seals import is_right, seal

DRAFT, PROPOSED, DECIDED, EFFECTIVE = "draft", "proposed", "decided", "effective"
WITHDRAWN, REFUSED, SUPERSEDED = "withdrawn", "refused", "superseded"
OPEN = (DRAFT, PROPOSED, DECIDED)
_COLUMNS = (
    "number, title, author, person, reason, source, base, edits, notes, route, told, effective_on, rolls_back_to,"
    " state, at"
)


class ProposalError(Exception):
    """A proposal cannot be made, or not be treated as asked; nothing was changed."""


@dataclass(frozen=True)
class Event:
    """Something that happened to a proposal."""

    at: datetime
    on_day: date
    event: str
    post: str
    person: str
    steps: tuple[int, ...]
    opinion: str
    seal: str = field(default="", repr=False)


@dataclass(frozen=True)
class Proposal:
    """A proposal as it was made, with what happened to it since.

    Attributes:
        author: the post that proposes; `person` is who sat on it, as the system knows them.
        source: where it came from: folder, a file's name, rollback.
        base: the published version that it was made on.
        notes: what was left out of the wish or added to it.
        told: its consequences as they were shown when it was made.
        effective_on: the day from which it shall hold; None: as soon as it is decided.
        rolls_back_to: the version whose content it brings back, if it is a roll-back.
    """

    number: int
    title: str
    author: str
    person: str
    reason: str
    source: str
    base: int
    edits: tuple[Edit, ...]
    notes: tuple[str, ...]
    route: Route
    told: Mapping[str, Any]
    effective_on: date | None
    rolls_back_to: int | None
    state: str
    at: datetime
    events: tuple[Event, ...]

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """What was decided so far."""
        return tuple(
            Decision(one.steps, one.post, one.person, one.event == "approved", one.on_day)
            for one in self.events
            if one.event in ("approved", "refused") and (one.steps or one.event == "refused")
        )

    def proven(self) -> "Proposal":
        """Return the proposal without the approvals that no process of this installation recorded."""
        home = settings().home
        events = [
            one
            for one in self.events
            if one.event != "approved"
            or is_right(
                one.seal, seal(home, self.number, self.edits, one.post, one.person, one.steps, one.on_day)
            )
        ]
        return replace(self, events=tuple(events))

    @property
    def hindrance(self) -> str:
        """Why it is decided and did not take effect when its day came; empty: nothing was in its way."""
        said = [one for one in self.events if one.event != "commented"]
        return said[-1].opinion if said and said[-1].event == "blocked" else ""

    def standing(self, today: date, calendar: Calendar) -> Standing:
        """Where its decision is today."""
        proposed_on = next((one.on_day for one in self.events if one.event == "proposed"), today)
        return standing(self.route, proposed_on, self.decisions, today, calendar)

    def is_due(self, today: date) -> bool:
        """Whether it is decided and its day has come."""
        return self.state == DECIDED and (self.effective_on is None or self.effective_on <= today)


@dataclass(frozen=True)
class Wish:
    """What somebody hands in, beside the edits."""

    title: str
    author: str
    person: str
    reason: str
    source: str
    effective_on: date | None = None
    rolls_back_to: int | None = None


def add(
    con: psycopg.Connection,
    wish: Wish,
    base: int,
    edits: Sequence[Edit],
    notes: Sequence[str],
    route: Route,
    told: Mapping[str, Any],
    today: date,
) -> Proposal:
    """Keep a proposal as a draft and return it."""
    at = now()
    with con.transaction():
        (number,) = con.execute(
            """INSERT INTO yici.proposal (title, author, person, reason, source, base, edits, notes, route, told,
                   effective_on, rolls_back_to, state, at, changed_at)
               VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'draft', %s, %s) RETURNING number""",
            [
                wish.title,
                wish.author,
                wish.person,
                wish.reason,
                wish.source,
                base,
                _json([asdict(edit) for edit in edits]),
                _json(list(notes)),
                _json(asdict(route)),
                _json(told),
                wish.effective_on,
                wish.rolls_back_to,
                at,
                at,
            ],
        ).fetchone()
        _happen(con, number, today, "drafted", wish.author, wish.person)
    return one(con, number)


def submit(con: psycopg.Connection, proposal: Proposal, today: date, calendar: Calendar) -> Proposal:
    """Propose a draft: those who decide may do so from today on; what is not shared is refused at once."""
    with con.transaction():
        _still(con, proposal, (DRAFT,))
        _happen(con, proposal.number, today, "proposed", proposal.author, proposal.person)
        _set(con, proposal.number, PROPOSED)
        if proposal.route.refused:
            _happen(con, proposal.number, today, "refused", "", "", opinion=proposal.route.refused)
            _set(con, proposal.number, REFUSED)
        elif steps := own_steps(proposal.route, proposal.author):
            _approve(con, proposal, today, proposal.author, proposal.person, steps, "起草")
        _settle(con, proposal.number, today, calendar)
    return one(con, proposal.number)


def decide(
    con: psycopg.Connection,
    number: int,
    post: str,
    person: str,
    approve: bool,
    opinion: str,
    today: date,
    calendar: Calendar,
) -> Proposal:
    """Record what a post decides, for all its steps whose turn it is.

    Args:
        con: the owner's connection.
        number: the proposal.
        post: who decides.
        person: who sits on the post.
        approve: whether it is approved; one refusal refuses the whole proposal.
        opinion: why; needed for a refusal.
        today: the campus's day.
        calendar: whose working days count.

    Raises:
        MayNotDecide: it is not this post's or this person's to decide.
        ProposalError: there is no such proposal, or a refusal says no reason.
    """
    if not approve and not opinion.strip():
        raise ProposalError("a refusal says why: give an opinion. Nothing was recorded")
    with con.transaction():
        proposal = one(con, number, for_update=True)
        if proposal.state != PROPOSED:
            raise ProposalError(f"proposal {number} is {proposal.state}; nothing was recorded")
        found = proposal.standing(today, calendar)
        steps = steps_of(proposal.route, found, proposal.decisions, post, person, proposal.person)
        if approve:
            _approve(con, proposal, today, post, person, steps, opinion)
        else:
            _happen(con, number, today, "refused", post, person, steps, opinion)
        _settle(con, number, today, calendar)
    return one(con, number)


def withdraw(
    con: psycopg.Connection, number: int, post: str, person: str, opinion: str, today: date
) -> Proposal:
    """Withdraw a proposal that has not taken effect; its author's post does.

    Raises:
        ProposalError: it has taken effect, is closed, or is another's.
    """
    with con.transaction():
        proposal = one(con, number, for_update=True)
        if proposal.state not in OPEN:
            hint = (
                "; `yici catalog rollback` brings the content before it back"
                if proposal.state == EFFECTIVE
                else ""
            )
            raise ProposalError(f"proposal {number} is {proposal.state}{hint}. Nothing was changed")
        if post != proposal.author:
            raise ProposalError(f"proposal {number} is {proposal.author}'s to withdraw. Nothing was changed")
        _happen(con, number, today, "withdrawn", post, person, opinion=opinion)
        _set(con, number, WITHDRAWN)
    return one(con, number)


def comment(con: psycopg.Connection, number: int, post: str, person: str, text: str, today: date) -> Proposal:
    """Record what a post says of an open proposal; it decides nothing.

    Raises:
        ProposalError: it says nothing, or the proposal is closed.
    """
    if not text.strip():
        raise ProposalError("a comment says something. Nothing was recorded")
    with con.transaction():
        proposal = one(con, number, for_update=True)
        if proposal.state not in OPEN:
            raise ProposalError(f"proposal {number} is {proposal.state}; nothing was recorded")
        _happen(con, number, today, "commented", post, person, opinion=text)
    return one(con, number)


def close(con: psycopg.Connection, number: int, state: str, opinion: str, today: date) -> None:
    """Record that a decided proposal has taken effect, or that another made it needless (superseded)."""
    with con.transaction():
        _happen(con, number, today, state, "", "", opinion=opinion)
        _set(con, number, state)


def block(con: psycopg.Connection, proposal: Proposal, opinion: str, today: date) -> None:
    """Record, once, why a due proposal does not take effect."""
    if proposal.hindrance != opinion:
        _happen(con, proposal.number, today, "blocked", "", "", opinion=opinion)


def one(con: psycopg.Connection, number: int, for_update: bool = False) -> Proposal:
    """Return a proposal.

    Raises:
        ProposalError: there is none of this number.
    """
    lock = " FOR UPDATE" if for_update else ""
    row = con.execute(f"SELECT {_COLUMNS} FROM yici.proposal WHERE number = %s{lock}", [number]).fetchone()
    if row is None:
        raise ProposalError(f"there is no proposal {number}; `yici catalog proposals` lists them")
    return _proposal(con, row)


def listed(con: psycopg.Connection, states: Iterable[str] = OPEN) -> list[Proposal]:
    """Return the proposals in these states, by number."""
    rows = con.execute(
        f"SELECT {_COLUMNS} FROM yici.proposal WHERE state = ANY (%s) ORDER BY number", [list(states)]
    ).fetchall()
    return [_proposal(con, row) for row in rows]


def due(con: psycopg.Connection, today: date) -> list[Proposal]:
    """Return the decided proposals whose day has come, in the order in which they take effect."""
    found = [proposal for proposal in listed(con, (DECIDED,)) if proposal.is_due(today)]
    return sorted(found, key=lambda one: (one.effective_on or one.at.date(), one.number))


def _proposal(con: psycopg.Connection, row: Sequence[Any]) -> Proposal:
    names = [name.strip() for name in _COLUMNS.split(",")]
    told = dict(zip(names, row, strict=True))
    events = con.execute(
        "SELECT at, on_day, event, post, person, steps, opinion, seal FROM yici.proposal_event WHERE proposal = %s"
        " ORDER BY id",
        [told["number"]],
    ).fetchall()
    route = told["route"]
    return Proposal(
        **told
        | {
            "edits": tuple(Edit(**edit) for edit in told["edits"]),
            "notes": tuple(told["notes"]),
            "route": Route(
                tuple(DueStep(**step) for step in route["steps"]), route["refused"], tuple(route["missing"])
            ),
        },
        events=tuple(
            Event(at, on_day, event, post, person, tuple(steps), opinion, seal)
            for at, on_day, event, post, person, steps, opinion, seal in events
        ),
    )


def _settle(con: psycopg.Connection, number: int, today: date, calendar: Calendar) -> None:
    """Move a proposal on if its events say so."""
    proposal = one(con, number)
    if proposal.state != PROPOSED:
        return
    found = proposal.standing(today, calendar)
    if found.state == IS_REFUSED:
        _set(con, number, REFUSED)
    elif found.state == DECIDED:
        _happen(con, number, today, "decided", "", "")
        _set(con, number, DECIDED)


def _still(con: psycopg.Connection, proposal: Proposal, states: Iterable[str]) -> None:
    present = one(con, proposal.number, for_update=True)
    if present.state not in states:
        raise ProposalError(f"proposal {proposal.number} is {present.state}; nothing was changed")


def _approve(
    con: psycopg.Connection,
    proposal: Proposal,
    today: date,
    post: str,
    person: str,
    steps: Sequence[int],
    opinion: str,
) -> None:
    made = seal(settings().home, proposal.number, proposal.edits, post, person, steps, today)
    _happen(con, proposal.number, today, "approved", post, person, steps, opinion, made)


def _happen(
    con: psycopg.Connection,
    number: int,
    today: date,
    event: str,
    post: str,
    person: str,
    steps: Sequence[int] = (),
    opinion: str = "",
    seal: str = "",
) -> None:
    con.execute(
        """INSERT INTO yici.proposal_event (proposal, at, on_day, event, post, person, steps, opinion, seal)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        [number, now(), today, event, post, person, list(steps), opinion, seal],
    )


def _set(con: psycopg.Connection, number: int, state: str) -> None:
    con.execute(
        "UPDATE yici.proposal SET state = %s, changed_at = %s WHERE number = %s", [state, now(), number]
    )


def _json(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False)
