"""Proposals: what waits for whom, what one would mean, and what its readers say and decide of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import psycopg
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from catalogs.changes.deciding import MayNotDecide, Standing
from catalogs.changes.edit_words import changed_entries, place_in_words
from catalogs.changes.edits import Edit
from catalogs.changes.proposing import Prepared
from catalogs.changes.telling import as_parts
from catalogs.model import Catalog
from catalogs.views import unit_name
from portal import deeds, drafts
from portal.access import Decision, Held
from portal.entry import Entered, House
from portal.maintain_frame import hindrances, maintain_page, notes, typed_texts
from portal.problems import Refused, not_found
from portal.proposal_rights import CLOSED, deciding_posts, in_use, is_shown, proposing_posts, standing
from portal.rendering import age, language_of, moment
from portal.texts import text
from warehouse import proposals
from warehouse.catalog_changes import rivals, today
from warehouse.proposals import Event, Proposal, ProposalError

router = APIRouter()
_CLOSED_SHOWN = 100
_SIGNS = {
    proposals.DRAFT: "–",
    proposals.PROPOSED: "!",
    proposals.DECIDED: "!",
    proposals.EFFECTIVE: "✓",
    proposals.REFUSED: "✕",
    proposals.WITHDRAWN: "–",
    proposals.SUPERSEDED: "–",
}
_LONGEST, _PLACES_SHOWN = 2000, 200


@router.get("/maintain", name="maintain")
def listed(request: Request, state: str = "open", unit: str = "") -> Response:
    """Proposals that concern the viewer; those that wait for the viewer first."""
    entered, house = _of(request)
    with house.database.connection() as con:
        catalog = in_use(con, house).catalog
        found = _closed(con) if state == "closed" else list(reversed(proposals.listed(con)))
    shown = [_summary(request, one, catalog) for one in found if is_shown(entered.viewer, one, catalog)]
    units = sorted({one["unit"] for one in shown})
    shown = [one for one in shown if unit in ("", one["unit"])]
    return maintain_page(
        request,
        "maintain_list.html.j2",
        state="closed" if state == "closed" else "open",
        unit=unit,
        units=units,
        mine=[one for one in shown if one["is_mine"]],
        others=[one for one in shown if not one["is_mine"]],
        may_propose=bool(proposing_posts(entered.viewer, catalog, ())),
    )


@router.get("/maintain/proposals/{number:int}", name="proposal")
def proposal(request: Request, number: int) -> Response:
    """One proposal: what it would mean, where it stands, what was said."""
    _, house = _of(request)
    with house.database.connection() as con:
        found, catalog = _found(request, con, house, number)
        return _page(request, con, found, catalog, drafts.texts_of(request))


@router.post("/maintain/proposals/{number:int}", name="proposal")
def act(request: Request, number: int) -> Response:
    """Decide a proposal, say something of it, or withdraw it."""
    entered, house = _of(request)
    typed = typed_texts(request)
    deed, opinion = typed.get("act", ""), typed.get("opinion", "")[:_LONGEST]
    with house.database.connection() as con:
        found, catalog = _found(request, con, house, number)
        held = _acting(entered, found, catalog, deed, typed.get("post", ""))
        problem = _hindrance(found, deed, held, opinion, typed.get("seen", ""))
        if not problem:
            assert held is not None
            try:
                with con.transaction():
                    _do(con, found, catalog, deed, held, entered.viewer.person, opinion)
            except (ProposalError, MayNotDecide):
                problem = "moved"
        if not problem:
            assert held is not None
            decision = Decision(True, held.post, held.role, None, f"proposal:{deed}")
            deeds.note(con, entered.viewer.person, f"proposal {deed}", str(number), decision)
            return RedirectResponse(request.url.path, 303)
        now_found, catalog = _found(request, con, house, number)
        return _page(request, con, now_found, catalog, {"opinion": opinion, "act": deed}, problem, 409)


def meaning(prepared: Prepared, catalog: Catalog, language: str) -> dict[str, Any]:
    """Return what a change would mean, as the template of it shows it."""
    told = prepared.told
    return {
        "parts": as_parts(told, prepared.edits, catalog, language)[:-1] if told else [],
        "allows_more": bool(told and told.allows_more),
        "breaks": bool(told and told.breaks),
        "hindrances": hindrances(prepared, catalog, language),
        "notes": notes(prepared, catalog, language),
        "refused": prepared.route.refused if prepared.route else "",
        "steps": prepared.route.steps if prepared.route else (),
        "edits": edits_told(prepared.edits, catalog, language),
    }


def edits_told(edits: Sequence[Edit], catalog: Catalog, language: str) -> dict[str, Any]:
    """Return edits by entry in the words of the catalog, the first places of them, and how many there are."""
    entries, left = [], _PLACES_SHOWN
    found = changed_entries(edits, catalog, language)
    for one in found:
        if left > 0:
            entries.append(replace(one, changes=one.changes[:left]))
        left -= len(one.changes)
    return {"entries": entries, "count": sum(len(one.changes) for one in found), "more": max(0, -left)}


def concerned(con: psycopg.Connection, prepared: Prepared, catalog: Catalog) -> list[tuple[str, int]]:
    """Return the populations whose data a change hands out or takes back, and how many rows their register has."""
    if prepared.told is None:
        return []
    resources = {change.grant.resource for change in prepared.told.grants}
    codes = {
        source.populations
        for change in prepared.told.grants
        for source in catalog.sources_of(change.grant.element)
        if source.resource in resources
    }
    registers = {
        population.register: population.name_zh
        for code in sorted({code for several in codes for code in several})
        if (population := catalog.populations.get(code)) is not None
    }
    counts = dict(
        con.execute(
            """SELECT DISTINCT ON (resource) resource, rows FROM yici.extract
               WHERE state = 'published' AND resource = ANY (%s) ORDER BY resource, id DESC""",
            [list(registers)],
        ).fetchall()
    )
    return [(name, counts[register]) for register, name in registers.items() if register in counts]


# --- how ---


def _of(request: Request) -> tuple[Entered, House]:
    return request.state.entered, request.app.state.house


def _closed(con: psycopg.Connection) -> list[Proposal]:
    rows = con.execute(
        "SELECT number FROM yici.proposal WHERE state = ANY (%s) ORDER BY changed_at DESC LIMIT %s",
        [list(CLOSED), _CLOSED_SHOWN],
    ).fetchall()
    return [proposals.one(con, number) for (number,) in rows]


def _found(request: Request, con: psycopg.Connection, house: House, number: int) -> tuple[Proposal, Catalog]:
    catalog = in_use(con, house).catalog
    try:
        found = proposals.one(con, number) if number < 2**31 else None
    except ProposalError:
        found = None
    if found is None or not is_shown(request.state.entered.viewer, found, catalog):
        raise not_found()
    return found, catalog


def _summary(request: Request, one: Proposal, catalog: Catalog) -> dict[str, Any]:
    entered: Entered = request.state.entered
    language = language_of(request)
    found = standing(one, catalog)
    waiting = found.waiting if one.state == proposals.PROPOSED else ()
    return {
        "number": one.number,
        "title": one.title,
        "state": one.state,
        "status": {"sign": _SIGNS[one.state], "kind": one.state},
        "author": one.author,
        "unit": unit_of(catalog, one.author),
        "age": age(one.at, language),
        "at": moment(one.at, catalog.campus.time_zone),
        "waiting": [
            {
                "posts": list(step.posts),
                "act": step.step.act,
                "due_on": step.due_on,
                "is_overdue": step.due_on < today(catalog),
            }
            for step in waiting
        ],
        "is_blocked": bool(one.hindrance),
        "effective_on": one.effective_on,
        "is_mine": bool(deciding_posts(entered.viewer, one, found)),
    }


def unit_of(catalog: Catalog, author: str) -> str:
    """Return the name of the unit that a post belongs to; of a service system its name."""
    for code, unit in catalog.units.items():
        if author in (unit.accountable, unit.steward) or author in unit.contact.split():
            return unit_name(catalog, code)
    return author


def _page(
    request: Request,
    con: psycopg.Connection,
    found: Proposal,
    catalog: Catalog,
    typed: Mapping[str, str],
    problem: str = "",
    status: int = 200,
) -> Response:
    entered, house = _of(request)
    language, zone = language_of(request), catalog.campus.time_zone
    told: dict[str, Any] = {}
    people: list[tuple[str, int]] = []
    if found.state in proposals.OPEN:
        prepared = house.meanings.of_proposal(found, catalog)
        told, people = meaning(prepared, catalog, language), concerned(con, prepared, catalog)
    at = standing(found, catalog)
    posts = deciding_posts(entered.viewer, found, at)
    own = [held.post for held in entered.viewer.held if held.post == found.author]
    is_open = found.state in proposals.OPEN
    return maintain_page(
        request,
        "maintain_proposal.html.j2",
        status,
        one=_summary(request, found, catalog),
        reason=found.reason,
        source=found.source,
        base=found.base,
        hindrance=found.hindrance,
        told=told,
        people=people,
        given=len(found.told.get("grants", {}).get("new", ())),
        taken=len(found.told.get("grants", {}).get("removed", ())),
        edits=told["edits"] if told else edits_told(found.edits, catalog, language),
        rivals={
            number: [place_in_words(one.edit, catalog, language) for one in conflicts]
            for number, conflicts in (rivals(con, catalog, found).items() if is_open else ())
        },
        informed=list(dict.fromkeys(step.post for step in at.informed)),
        events=[_event(request, one, catalog) for one in found.events],
        posts=[held.post for held in posts],
        why_not=_why_not(entered, found, at),
        may_say=is_open and bool(entered.viewer.held),
        may_withdraw=is_open and bool(own),
        seen=len(found.events),
        filled=typed,
        problem=problem,
        fault_of=_field(typed.get("act", "")) if problem == "no_reason" else "",
        last=_event(request, found.events[-1], catalog),
        zone=zone,
    )


def _field(deed: str) -> str:
    """Return the field that holds what is said with a deed: the decision's, or the comment's."""
    return "opinion" if deed in ("approve", "refuse") else "said"


def _why_not(entered: Entered, found: Proposal, at: Standing) -> str:
    """Why somebody whose post's turn it is may not decide: their own proposal, or two persons are needed."""
    if found.state != proposals.PROPOSED or deciding_posts(entered.viewer, found, at):
        return ""
    is_turn = any(held.post in one.posts for one in at.waiting for held in entered.viewer.held)
    return ("own" if found.person == entered.viewer.person else "two") if is_turn else ""


def _event(request: Request, one: Event, catalog: Catalog) -> dict[str, Any]:
    language = language_of(request)
    return {
        "at": moment(one.at, catalog.campus.time_zone),
        "age": age(one.at, language),
        "event": text(f"proposal.event.{one.event}", language),
        "post": one.post,
        "is_you": one.person == request.state.entered.viewer.person,
        "opinion": one.opinion,
    }


def _acting(entered: Entered, found: Proposal, catalog: Catalog, deed: str, post: str) -> Held | None:
    """Return the post as which the viewer acts: the one that was chosen, if it may, else the first that may."""
    if deed in ("approve", "refuse"):
        may = deciding_posts(entered.viewer, found, standing(found, catalog))
    elif deed == "withdraw":
        may = tuple(held for held in entered.viewer.held if held.post == found.author)
    elif deed == "comment":
        may = entered.viewer.held
    else:
        raise Refused(404, "not_found")
    return next((held for held in may if held.post == post), may[0] if may else None)


def _hindrance(found: Proposal, deed: str, held: Held | None, opinion: str, seen: str) -> str:
    """Why an act is not done: the proposal is not what the viewer saw, it is not theirs to do, or no reason is said."""
    if deed != "comment" and seen != str(len(found.events)):
        return "moved"
    if held is None:
        return "not_yours"
    if not opinion and deed != "withdraw":
        return "no_reason"
    return ""


def _do(
    con: psycopg.Connection,
    seen: Proposal,
    catalog: Catalog,
    deed: str,
    held: Held,
    person: str,
    opinion: str,
) -> None:
    """Do what was asked, unless somebody else was faster: what the viewer saw is compared under the row's lock."""
    present = proposals.one(con, seen.number, for_update=True)
    if deed != "comment" and len(present.events) != len(seen.events):
        raise ProposalError(f"proposal {seen.number} has moved on")
    day = today(catalog)
    if deed == "comment":
        proposals.comment(con, seen.number, held.post, person, opinion, day)
    elif deed == "withdraw":
        proposals.withdraw(con, seen.number, held.post, person, opinion, day)
    else:
        is_approval = deed == "approve"
        proposals.decide(con, seen.number, held.post, person, is_approval, opinion, day, catalog.calendar)
