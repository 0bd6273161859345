"""Versions of the catalog: which there are, what the next one would bring, publishing, bringing an earlier one back."""

from typing import Any

import psycopg
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from catalogs.changes.edits import Edit, edits_between
from catalogs.model import Catalog
from catalogs.model_posts import DATA_OFFICE
from portal import deeds, drafts, publishing
from portal.access import Decision, Held
from portal.entry import Entered, House
from portal.maintain_frame import maintain_page, typed_texts
from portal.pages_maintain import concerned, meaning, unit_of
from portal.problems import Refused, not_found
from portal.proposal_rights import in_use
from portal.rendering import age, language_of, moment
from portal.texts import text
from warehouse import catalog_versions, proposals
from warehouse.catalog_changes import today
from warehouse.catalog_versions import NoSuchVersion, Published
from warehouse.proposals import Proposal

router = APIRouter()
_SHOWN = 200
_LONGEST = 2000


@router.get("/maintain/versions", name="versions")
def versions(request: Request) -> Response:
    """Every published version, the newest first."""
    entered, house = _of(request)
    with house.database.connection() as con:
        catalog = in_use(con, house).catalog
        found = catalog_versions.every(con)
    return maintain_page(
        request,
        "maintain_versions.html.j2",
        versions=[_told(request, one, catalog) for one in found[:_SHOWN]],
        total=len(found),
        may_publish=_office(entered) is not None,
    )


@router.get("/maintain/versions/{number:int}", name="version")
def version(request: Request, number: int) -> Response:
    """A version; for an earlier one what it would mean to bring it back."""
    _, house = _of(request)
    with house.database.connection() as con:
        return _version(request, con, number, drafts.texts_of(request))


@router.post("/maintain/versions/{number:int}", name="version")
def roll_back(request: Request, number: int) -> Response:
    """Bring an earlier version's content back, in a process of its own."""
    entered, house = _of(request)
    typed = typed_texts(request)
    reason = typed.get("reason", "")[:_LONGEST]
    held = _acting(request)
    with house.database.connection() as con:
        if not reason:
            return _version(request, con, number, {}, "no_reason", 422)
        newest = in_use(con, house).published.number
        if typed.get("newest") != str(newest):
            return _version(request, con, number, {"reason": reason}, "moved", 409)
        _one(con, number)
        running = publishing.under_way(con)
        if running is None:
            asked = publishing.ask(con, entered.viewer.person, held.post, newest, [], number, reason)
            _note(con, entered, held, "version roll back", str(number))
    if running is not None:
        return RedirectResponse(f"/maintain/publications/{running.id}", 303)
    publishing.start(asked)
    return RedirectResponse(f"/maintain/publications/{asked}", 303)


@router.get("/maintain/publish", name="publish")
def publish(request: Request) -> Response:
    """What the next version would bring, and what still waits for its day."""
    entered, house = _of(request)
    with house.database.connection() as con:
        found = in_use(con, house)
        day = today(found.catalog)
        decided = proposals.listed(con, (proposals.DECIDED,))
        running = publishing.under_way(con)
    due = [one for one in decided if one.is_due(day)]
    return maintain_page(
        request,
        "maintain_publish.html.j2",
        newest=_told(request, found.published, found.catalog),
        due=[_brought(request, one, found.catalog) for one in due],
        later=[_brought(request, one, found.catalog) for one in decided if not one.is_due(day)],
        running=running,
        may_publish=_office(entered) is not None,
    )


@router.post("/maintain/publish", name="publish")
def begin(request: Request) -> Response:
    """Let what is due take effect, in a process of its own."""
    entered, house = _of(request)
    held = _acting(request)
    with house.database.connection() as con:
        found = in_use(con, house)
        due = [one.number for one in proposals.due(con, today(found.catalog))]
        running = publishing.under_way(con)
        if running is None and due:
            asked = publishing.ask(con, entered.viewer.person, held.post, found.published.number, due)
            _note(con, entered, held, "version publish", str(asked))
    if running is not None:
        return RedirectResponse(f"/maintain/publications/{running.id}", 303)
    if not due:
        return RedirectResponse("/maintain/publish", 303)
    publishing.start(asked)
    return RedirectResponse(f"/maintain/publications/{asked}", 303)


@router.get("/maintain/publications/{number:int}", name="publication")
def publication(request: Request, number: int) -> Response:
    """How far a publication is, and what came of it."""
    _, house = _of(request)
    with house.database.connection() as con:
        found = publishing.find(con, number) if number < 2**31 else None
        if found is None:
            raise not_found()
        catalog = in_use(con, house).catalog
        listed = [proposals.one(con, one) for one in found.proposals]
    language = language_of(request)
    return maintain_page(
        request,
        "maintain_publication.html.j2",
        one=found,
        age=age(found.asked_at, language),
        at=moment(found.asked_at, catalog.campus.time_zone),
        proposals=[_brought(request, one, catalog) for one in listed],
        done=sum(one.state != proposals.DECIDED for one in listed),
        is_under_way=found.is_under_way,
    )


# --- how ---


def _of(request: Request) -> tuple[Entered, House]:
    return request.state.entered, request.app.state.house


def _office(entered: Entered) -> Held | None:
    return next((held for held in entered.viewer.held if held.role == DATA_OFFICE), None)


def _acting(request: Request) -> Held:
    """Return the post of the data office as which the viewer publishes; others read these pages only."""
    entered, house = _of(request)
    held = _office(entered)
    if held is None:
        first = entered.viewer.held[0]
        refusal = Decision(False, first.post, first.role, frozenset(), "publish:data_office")
        with house.database.connection() as con:
            number = deeds.note(con, entered.viewer.person, "version publish", "", refusal)
        raise Refused(403, "not_yours", refusal.rule, number)
    return held


def _note(con: psycopg.Connection, entered: Entered, held: Held, deed: str, about: str) -> None:
    decision = Decision(True, held.post, held.role, None, "publish:data_office")
    deeds.note(con, entered.viewer.person, deed, about, decision)


def _one(con: psycopg.Connection, number: int) -> Published:
    try:
        return catalog_versions.one(con, number if number < 2**31 else 0)
    except NoSuchVersion:
        raise not_found() from None


def _told(request: Request, one: Published, catalog: Catalog) -> dict[str, Any]:
    language = language_of(request)
    return {
        "number": one.number,
        "digest": one.digest[:12],
        "at": moment(one.at, catalog.campus.time_zone),
        "age": age(one.at, language),
        "origin": text(f"version.origin.{one.origin}", language),
        "proposal": one.proposal,
        "by": one.by if one.by.startswith("post:") else "",
        "note": one.note if one.proposal is not None else "",
    }


def _brought(request: Request, one: Proposal, catalog: Catalog) -> dict[str, Any]:
    """Return what a proposal brings, as it was told when it was made."""
    told = one.told
    grants = told.get("grants", {})
    return {
        "number": one.number,
        "title": one.title,
        "unit": unit_of(catalog, one.author),
        "state": one.state,
        "effective_on": one.effective_on,
        "hindrance": one.hindrance,
        "edits": len(one.edits),
        "given": len(grants.get("new", ())),
        "taken": len(grants.get("removed", ())),
        "breaks": bool(told.get("breaks")),
        "contracts": [f"{one['resource']} {one['from']} → {one['to']}" for one in told.get("contracts", ())],
    }


def _version(
    request: Request,
    con: psycopg.Connection,
    number: int,
    typed: dict[str, str],
    problem: str = "",
    status: int = 200,
) -> Response:
    entered, house = _of(request)
    found, one = in_use(con, house), _one(con, number)
    told: dict[str, Any] = {}
    people: list[tuple[str, int]] = []
    edits: tuple[Edit, ...] = ()
    if one.number != found.published.number:
        edits = edits_between(found.catalog.files, catalog_versions.files_of(con, one))
        if edits:
            prepared = house.meanings.of(f"version {number}", found.catalog, edits, None)
            told = meaning(prepared, found.catalog, language_of(request))
            people = concerned(con, prepared, found.catalog)
    return maintain_page(
        request,
        "maintain_version.html.j2",
        status,
        one=_told(request, one, found.catalog),
        newest=found.published.number,
        told=told,
        people=people,
        edits=told.get("edits"),
        may_roll_back=bool(edits) and _office(entered) is not None,
        filled=typed,
        problem=problem,
    )
