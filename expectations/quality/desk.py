"""Tickets in the warehouse: settled after each release, climbing day by day, told and treated by people.

A ticket's row says how it stands; what happened to it are events, which nobody alters. What people tell is closed only
after they got an answer. Their identity is no part of it: a report carries the number under which the hall, or whoever
took it, knows the case, and a text that looks like it names a person is refused.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime

import psycopg
from psycopg.rows import class_row

from catalogs.derive import POST
from catalogs.faults import did_you_mean
from catalogs.model import Catalog
from catalogs.settings import now
from expectations.checks import ACCURACY
from expectations.quality import tickets
from expectations.quality.duty import Duty, duty, duty_of_unit
from expectations.quality.kept import campus_day
from expectations.quality.outbox import tell_of_tickets
from expectations.quality.standing import RuleState
from expectations.quality.terms import Terms
from expectations.quality.tickets import (
    ANSWERED,
    CLIMBED,
    CLOSED,
    COMMENTED,
    CORRECTION,
    HANDED,
    OPENED,
    OVERDUE,
    PERSON,
    REOPENED,
    RULE,
    SAMPLE,
    Change,
    Ticket,
)
from expectations.quality.titles import resource_title, rule_title

CHANNELS = ("complaint", "experience", "walkthrough", CORRECTION)
_COLUMNS = ", ".join(one.name for one in fields(Ticket))
# What must not stand in a text for everybody: identity numbers, telephones, addresses of mail, long numbers.
_PERSONAL = re.compile(r"\d{8,}[0-9Xx]?|[\w.+-]+@[\w-]+\.\w+|(?<!\d)1[3-9]\d(?:[ -]?\d{4}){2}(?!\d)")


class TicketError(Exception):
    """A ticket cannot be treated as asked; nothing was changed."""


@dataclass(frozen=True)
class Event:
    """Something that happened to a ticket."""

    at: datetime
    event: str
    post: str
    text: str
    release: int | None


def listed(
    con: psycopg.Connection, unit: str = "", resource: str = "", everything: bool = False
) -> list[Ticket]:
    """Return tickets, those due first: the open ones, or all that there were."""
    return _tickets(
        con,
        "(%(everything)s OR state = 'open') AND %(unit)s IN ('', unit) AND %(resource)s IN ('', resource)"
        " ORDER BY state DESC, due_on, id",
        everything=everything,
        unit=unit,
        resource=resource,
    )


def one(con: psycopg.Connection, number: int) -> tuple[Ticket, list[Event]]:
    """Return a ticket with its history.

    Raises:
        TicketError: there is none of this number.
    """
    found = _tickets(con, "id = %(number)s", number=number)
    if not found:
        raise TicketError(f"ticket {number}: there is none; `yici quality tickets --all` lists them")
    with con.cursor(row_factory=class_row(Event)) as cursor:
        events = cursor.execute(
            "SELECT at, event, post, text, release FROM yici.ticket_event WHERE ticket = %s ORDER BY id",
            [number],
        ).fetchall()
    return found[0], events


def _tickets(con: psycopg.Connection, condition: str, **values) -> list[Ticket]:
    with con.cursor(row_factory=class_row(_ticket)) as cursor:
        return cursor.execute(f"SELECT {_COLUMNS} FROM yici.ticket WHERE {condition}", values).fetchall()


def _ticket(**row) -> Ticket:
    return Ticket(**row | {"inherited_from": tuple(row["inherited_from"])})


def settle(
    con: psycopg.Connection, catalog: Catalog, terms: Terms, states: Sequence[RuleState], release: int
) -> list[tuple[Change, Ticket]]:
    """Open, close and reopen tickets as the rules stand after a release, and return what changed."""
    at = now()
    today = campus_day(catalog, at)
    opened = _tickets(con, "state = 'open' AND kind = %(kind)s ORDER BY id", kind=RULE)
    closed = _tickets(
        con,
        "state = 'closed' AND kind = %(kind)s AND closed_at >= %(since)s ORDER BY id",
        kind=RULE,
        since=tickets.comes_back_after(terms, at),
    )
    changes = tickets.settle(
        states, opened, closed, lambda name: duty(catalog, name, today), catalog.calendar, terms, today
    )
    done = [(change, _carry_out(con, catalog, change, release, at, today)) for change in changes]
    _follow(con, states, opened)
    return done


def _follow(con: psycopg.Connection, states: Iterable[RuleState], opened: Iterable[Ticket]) -> None:
    """Let open tickets say how many rows break their rule now, how badly, and whose fault it is."""
    faults = tickets.faults(states)
    for ticket in opened:
        fault = faults.get((ticket.resource, ticket.rule))
        if fault and (fault.rows_failed, fault.severity, fault.inherited_from) != (
            ticket.rows_failed,
            ticket.severity,
            ticket.inherited_from,
        ):
            con.execute(
                "UPDATE yici.ticket SET rows_failed = %s, severity = %s, inherited_from = %s WHERE id = %s",
                [fault.rows_failed, fault.severity, list(fault.inherited_from), ticket.id],
            )


def climb(con: psycopg.Connection, catalog: Catalog, terms: Terms) -> list[tuple[Change, Ticket]]:
    """Let the open tickets that are overdue today say so and climb, and return what changed."""
    at = now()
    today = campus_day(catalog, at)
    with con.transaction():
        opened = _tickets(con, "state = 'open' ORDER BY id FOR UPDATE")
        changes = tickets.climb(
            opened, lambda ticket: answers(catalog, ticket, today), catalog.calendar, terms, today
        )
        return [(change, _carry_out(con, catalog, change, None, at, today)) for change in changes]


def answers(catalog: Catalog, ticket: Ticket, today: date) -> Duty:
    """Return who answers for a ticket."""
    if ticket.resource:
        return duty(catalog, ticket.resource, today)
    return duty_of_unit(catalog, ticket.unit, today)


def _carry_out(
    con: psycopg.Connection, catalog: Catalog, change: Change, release: int | None, at: datetime, today: date
) -> Ticket:
    number = change.ticket.id if change.ticket else None
    fault = change.fault
    if change.event == OPENED:
        assert fault is not None and change.due_on is not None
        new = _New(
            kind=RULE,
            channel=None,
            resource=fault.resource,
            rule=fault.rule,
            dimension=fault.dimension,
            severity=fault.severity,
            who=duty(catalog, fault.resource, today),
            about=_about(catalog, fault),
            due=change.due_on,
            rows_failed=fault.rows_failed,
            inherited_from=fault.inherited_from,
        )
        number = _insert(con, new, at, today)
    elif change.event == REOPENED:
        assert fault is not None
        con.execute(
            """UPDATE yici.ticket SET state = 'open', closed_at = NULL, reopened = reopened + 1, post = %s,
                   level = %s, due_on = %s, climb_after = %s, rows_failed = %s, severity = %s,
                   inherited_from = %s WHERE id = %s""",
            [change.post, change.level, change.due_on, change.climb_after, fault.rows_failed, fault.severity,
             list(fault.inherited_from), number],
        )  # fmt: skip
    elif change.event == CLOSED:
        con.execute("UPDATE yici.ticket SET state = 'closed', closed_at = %s WHERE id = %s", [at, number])
    else:
        con.execute(
            "UPDATE yici.ticket SET post = %s, level = %s, climb_after = %s WHERE id = %s",
            [change.post, change.level, change.climb_after, number],
        )
    assert number is not None
    _note(con, number, change.event, change.post, _told(change), at, release)
    return _tickets(con, "id = %(number)s", number=number)[0]


def _about(catalog: Catalog, fault: RuleState) -> str:
    return f"{resource_title(catalog, fault.resource)}：{rule_title(catalog, fault.resource, fault.rule)}"


def _told(change: Change) -> str:
    fault = change.fault
    if change.event in (OPENED, REOPENED) and fault:
        rows = f"{fault.rows_failed} 行不符合" if fault.rows_failed else "不符合"
        source = f"；源自 {'、'.join(fault.inherited_from)}" if fault.inherited_from else ""
        return f"{rows}{source}"
    return {CLOSED: "最新批次已符合，自动销号", OVERDUE: "到期未改正", CLIMBED: "逾期，上报"}[change.event]


@dataclass(frozen=True)
class _New:
    """A ticket that is to be opened."""

    kind: str
    channel: str | None
    resource: str
    rule: str
    dimension: str
    severity: str
    who: Duty
    about: str
    due: date
    reference: str | None = None
    rows_failed: int = 0
    inherited_from: tuple[str, ...] = ()


def _insert(con: psycopg.Connection, new: _New, at: datetime, today: date) -> int:
    return con.execute(
        """INSERT INTO yici.ticket (kind, channel, resource, rule, dimension, severity, unit, post, level, about,
               reference, inherited_from, rows_failed, opened_at, opened_on, due_on, climb_after, reopened, state)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 0, %s, %s, %s, %s, %s, %s, %s, %s, 0, 'open') RETURNING id""",
        [new.kind, new.channel, new.resource, new.rule, new.dimension, new.severity, new.who.unit,
         new.who.post(0), new.about, new.reference, list(new.inherited_from), new.rows_failed, at, today,
         new.due, new.due],
    ).fetchone()[0]  # fmt: skip


def _note(
    con: psycopg.Connection, number: int, event: str, post: str, text: str, at: datetime, release: int | None
) -> None:
    con.execute(
        "INSERT INTO yici.ticket_event (ticket, at, event, post, text, release) VALUES (%s, %s, %s, %s, %s, %s)",
        [number, at, event, post, text, release],
    )


def tell(
    con: psycopg.Connection,
    catalog: Catalog,
    terms: Terms,
    channel: str,
    text: str,
    reference: str,
    resource: str = "",
    unit: str = "",
) -> Ticket:
    """Open a ticket for what a person told.

    Args:
        con: the owner's connection.
        catalog: the campus.
        terms: the limit.
        channel: complaint, experience, walkthrough or correction.
        text: what is wrong, naming nobody.
        reference: where whoever took the report knows the person, such as a complaint's number.
        resource: what it is about, if that is known.
        unit: who is to answer, where no resource is known.

    Raises:
        TicketError: an unknown channel, resource or unit, no reference, or a text that names a person.
    """
    if channel not in CHANNELS:
        raise TicketError(
            f"{channel}: no such channel; there are {', '.join(CHANNELS)}. Nothing was recorded"
        )
    if not text.strip() or not reference.strip():
        raise TicketError("what is wrong and its reference are both needed. Nothing was recorded")
    _refuse_personal(text)
    today = campus_day(catalog)
    if resource:
        _known("resource", resource, catalog.resources)
        who = duty(catalog, resource, today)
    else:
        _known("unit", unit, catalog.units)
        who = duty_of_unit(catalog, unit, today)
    due = catalog.calendar.add_working_days(today, terms.person_days)
    return _by_hand(con, catalog, terms, PERSON, channel, resource, who, text.strip(), reference, due)


def take_over(
    con: psycopg.Connection,
    catalog: Catalog,
    terms: Terms,
    channel: str,
    about: str,
    reference: str,
    unit: str,
    due: date,
) -> Ticket:
    """Open a ticket for what a person told elsewhere, with the day that was promised there; `about` names nobody."""
    who = duty_of_unit(catalog, unit, campus_day(catalog))
    return _by_hand(con, catalog, terms, PERSON, channel, "", who, about, reference, due)


def tell_sample(
    con: psycopg.Connection, catalog: Catalog, terms: Terms, resource: str, item: str, sample: int
) -> Ticket:
    """Open a ticket for an item that a reviewer found wrong."""
    who = duty(catalog, resource, campus_day(catalog))
    known = catalog.resources.get(resource)
    called = known.item(item).business_name if known and known.has_item(item) else item
    about = f"{resource_title(catalog, resource)}：双随机抽查认为“{called}”不实"
    days = int(terms.mend_days.get("warning", terms.person_days))
    due = catalog.calendar.add_working_days(campus_day(catalog), days)
    return _by_hand(con, catalog, terms, SAMPLE, SAMPLE, resource, who, about, f"sample {sample}", due)


def _by_hand(
    con: psycopg.Connection, catalog: Catalog, terms: Terms, kind: str, channel: str, resource: str, who: Duty,
    about: str, reference: str, due: date,
) -> Ticket:  # fmt: skip
    at = now()
    today = campus_day(catalog, at)
    new = _New(kind, channel, resource, channel, ACCURACY, "warning", who, about, due, reference)
    with con.transaction():
        number = _insert(con, new, at, today)
        _note(con, number, OPENED, who.post(0), about, at, None)
        return _announce(con, catalog, terms, OPENED, number)


def _announce(con: psycopg.Connection, catalog: Catalog, terms: Terms, event: str, number: int) -> Ticket:
    """Tell a ticket's post of what became of it by hand, and return the ticket."""
    ticket = _tickets(con, "id = %(number)s", number=number)[0]
    change = Change(event, ticket, None, ticket.post, ticket.level, None, None)
    tell_of_tickets(con, catalog, terms, [(change, ticket)])
    return ticket


def comment(con: psycopg.Connection, number: int, post: str, text: str) -> None:
    """Add what a post says to a ticket, open or closed."""
    _post(post)
    _refuse_personal(text)
    one(con, number)
    _note(con, number, COMMENTED, post, text, now(), None)


def hand_over(
    con: psycopg.Connection, catalog: Catalog, terms: Terms, number: int, post: str, to: str, text: str = ""
) -> None:
    """Hand an open ticket to another post, which is told; its deadline stays.

    Raises:
        TicketError: it is closed, or what it is handed to is no post.
    """
    _post(post)
    _post(to)
    _refuse_personal(text)
    with con.transaction():
        _open(con, number)
        con.execute("UPDATE yici.ticket SET post = %s WHERE id = %s", [to, number])
        _note(con, number, HANDED, post, f"→ {to} {text}".strip(), now(), None)
        _announce(con, catalog, terms, HANDED, number)


def answer(con: psycopg.Connection, number: int, post: str, text: str) -> None:
    """Note what the person who told was answered, and close the ticket.

    Raises:
        TicketError: it is closed, or a rule's, which closes itself when the rule is kept.
    """
    _post(post)
    _refuse_personal(text)
    if not text.strip():
        raise TicketError(f"ticket {number}: what was the person told? Nothing was recorded")
    keep(con, number, post, text)


def keep(con: psycopg.Connection, number: int, post: str, text: str) -> None:
    """Close a ticket because what it was opened for was kept elsewhere.

    Args:
        con: a connection that may write tickets.
        number: of the ticket.
        post: whose it is, vacant or not: nobody has to act for it.
        text: what was kept, in our own words.

    Raises:
        TicketError: it is closed, or a rule's.
    """
    with con.transaction():
        ticket = _open(con, number)
        if ticket.kind == RULE:
            raise TicketError(
                f"ticket {number} is a rule's: it closes itself when an extract keeps the rule. Nothing was changed"
            )
        at = now()
        _note(con, number, ANSWERED, post, text, at, None)
        _note(con, number, CLOSED, post, "", at, None)
        con.execute("UPDATE yici.ticket SET state = 'closed', closed_at = %s WHERE id = %s", [at, number])
        con.execute("UPDATE yici.sample_row SET key_text = NULL WHERE ticket = %s", [number])


def _open(con: psycopg.Connection, number: int) -> Ticket:
    found = _tickets(con, "id = %(number)s FOR UPDATE", number=number)
    if not found or found[0].state != "open":
        raise TicketError(f"ticket {number}: there is no open one of this number. Nothing was changed")
    return found[0]


def _post(post: str) -> None:
    if not post.startswith(POST):
        raise TicketError(
            f'"{post}" is no post; posts are written {POST}… as in units.csv. Nothing was recorded'
        )


def _known(kind: str, name: str, among) -> None:
    if name not in among:
        hint = did_you_mean(name, among) if name else ""
        raise TicketError(f'{kind} "{name}" is not in the catalog. {hint}'.strip() + " Nothing was recorded")


def _refuse_personal(text: str) -> None:
    if _PERSONAL.search(text):
        raise TicketError(
            "the text holds what looks like an identity number, a telephone or an address of mail: leave it out, and "
            "name the case by its reference. Nothing was recorded"
        )
