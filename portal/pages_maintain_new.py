"""A new proposal: a workbook or a form on a page is read, what it would mean is shown, and then it is proposed.

Whatever is wrong is shown in its place, and nothing of what somebody typed or uploaded is lost by it: it is kept as the
person's wish until it is proposed.
"""

import threading
from collections.abc import Mapping
from datetime import date
from typing import Any

import psycopg
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import UploadFile

from catalogs.changes.deciding import own_steps
from catalogs.faults import CatalogError
from catalogs.forms.fault_words import fault_in_chinese
from catalogs.forms.form import Chosen
from catalogs.forms.known import form_names, form_of, write_form
from catalogs.forms.marking import marked
from catalogs.forms.reading import Reading, read_workbook
from catalogs.forms.sheets import SheetFault, unpacked_bytes
from catalogs.model import Catalog
from catalogs.views import unit_name
from portal import deeds, drafts, wishes
from portal.access import Decision, Held
from portal.downloads import download
from portal.entry import Entered, House
from portal.form_fields import NEW, OFFERED, EntryForm
from portal.maintain_frame import maintain_page, typed_texts
from portal.pages_maintain import concerned, meaning
from portal.problems import Refused, not_found
from portal.proposal_rights import in_use, may_fill_in, proposing_posts, proposing_units
from portal.rendering import language_of
from portal.wall import LARGER
from portal.wishes import KeptWish
from warehouse import catalog_versions
from warehouse.catalog_changes import Hindered, hand_in
from warehouse.catalog_versions import NoSuchVersion
from warehouse.proposals import ProposalError, Wish

router = APIRouter()
UPLOAD_BYTES = LARGER["/maintain/upload"]
# Reading a workbook costs a multiple of its unpacked size in memory, and marking its faults far more.
_UNPACKED_BYTES = 64 * 1024 * 1024
_MARKED_BYTES = 16 * 1024 * 1024
_LONGEST_TITLE, _LONGEST_REASON = 200, 2000
_reading = threading.Lock()


@router.get("/maintain/new", name="propose")
def new(request: Request) -> Response:
    """The ways to propose a change."""
    return _new(request)


@router.post("/maintain/upload", name="upload")
def upload(request: Request) -> Response:
    """Read a workbook; its faults or its meaning is the next page."""
    entered, house = _of(request)
    sent = request.state.form.get("file")
    if not isinstance(sent, UploadFile) or not sent.filename:
        return _new(request, "no_file", 422)
    name = sent.filename.replace("\\", "/").rpartition("/")[2].replace("\x00", "")[:120]
    with sent.file as file:
        content = file.read()
    with house.database.connection() as con:
        found = in_use(con, house)
    reading = _read(content, name, found.catalog)
    with house.database.connection() as con:
        number = wishes.keep(
            con,
            entered.viewer.person,
            name,
            found.published.number,
            reading.edits,
            reading.faults,
            reading.left_alone,
            content,
        )
    return RedirectResponse(f"/maintain/wishes/{number}", 303)


@router.get("/maintain/forms/{name}.xlsx", name="form_file")
def form_file(request: Request, name: str, unit: str = "") -> Response:
    """A form filled in with what the catalog says, for a unit, or for all that the viewer proposes for."""
    entered, house = _of(request)
    if name not in form_names():
        raise not_found()
    with house.database.connection() as con:
        catalog = in_use(con, house).catalog
    own = proposing_units(entered.viewer, catalog)
    if unit and unit not in own:
        raise not_found()
    content = write_form(name, catalog, Chosen(units=frozenset((unit,) if unit else own)))
    if content is None:
        raise Refused(404, "form_empty")
    title = form_of(name, catalog).title + (f"-{unit_name(catalog, unit)}" if unit else "")
    return download(content, "xlsx", title, entered.edition.on)


@router.get("/maintain/edit/{form}/{code}", name="edit")
def edit(request: Request, form: str, code: str) -> Response:
    """A form for one entry, filled in."""
    _, house = _of(request)
    with house.database.connection() as con:
        found = in_use(con, house)
    typed = drafts.texts_of(request)
    entry = _entry(request, found.catalog, form, code)
    base = _version(typed) if typed else found.published.number
    return _edit(request, entry, base, typed)


@router.post("/maintain/edit/{form}/{code}", name="edit")
def send(request: Request, form: str, code: str) -> Response:
    """Read what was typed; faults are shown in place, else its meaning is the next page."""
    entered, house = _of(request)
    typed = typed_texts(request)
    base = _version(typed)
    with house.database.connection() as con:
        catalog = _catalog_of(con, house, base)
        entry = _entry(request, catalog, form, code)
        edits, faults = entry.read(typed)
        if faults:
            return _edit(request, entry, base, typed, faults, status=422)
        if not edits:
            return _edit(request, entry, base, typed, problem="nothing", status=422)
        source = form_of(form, catalog).title
        number = wishes.keep(con, entered.viewer.person, source, base, edits)
    return RedirectResponse(f"/maintain/wishes/{number}", 303)


@router.get("/maintain/wishes/{number:int}", name="wish")
def wish(request: Request, number: int) -> Response:
    """What was uploaded or filled in: its faults, or what it would mean and the form to propose it."""
    entered, house = _of(request)
    with house.database.connection() as con:
        kept = _kept(con, entered, number)
        return _wish(request, con, kept, drafts.texts_of(request))


@router.post("/maintain/wishes/{number:int}", name="wish")
def propose(request: Request, number: int) -> Response:
    """Propose it, or drop it."""
    entered, house = _of(request)
    typed = typed_texts(request)
    with house.database.connection() as con:
        kept = _kept(con, entered, number)
        if typed.get("act") == "drop":
            wishes.forget(con, entered.viewer.person, number)
            return RedirectResponse("/maintain/new", 303)
        found = in_use(con, house)
        held = _held(entered, found.catalog, kept, typed.get("post", ""))
        if held is None:
            refusal = Decision(False, *_first(entered), frozenset(), "propose:own_unit")
            deed = deeds.note(con, entered.viewer.person, "proposal propose", "", refusal)
            raise Refused(403, "not_your_units", "propose:own_unit", deed)
        day, problem = _day(typed.get("effective_on", ""))
        problem = problem or ("" if typed.get("title") else "no_title")
        if problem or kept.faults:
            return _wish(request, con, kept, typed, problem, 422)
        made = Wish(
            typed["title"][:_LONGEST_TITLE],
            held.post,
            entered.viewer.person,
            typed.get("reason", "")[:_LONGEST_REASON],
            kept.source,
            day,
        )
        try:
            proposal, _ = hand_in(con, found, made, kept.edits)
        except (Hindered, ProposalError, CatalogError):
            return _wish(request, con, kept, typed, "hindered", 409)
        house.meanings.of_proposal(proposal, found.catalog)
        decision = Decision(True, held.post, held.role, None, "propose:own_unit")
        deeds.note(con, entered.viewer.person, "proposal propose", str(proposal.number), decision)
        wishes.forget(con, entered.viewer.person, number)
    return RedirectResponse(f"/maintain/proposals/{proposal.number}", 303)


@router.get("/maintain/wishes/{number:int}/marked.xlsx", name="wish")
def marked_copy(request: Request, number: int) -> Response:
    """The uploaded workbook with its faults marked in it."""
    entered, house = _of(request)
    with house.database.connection() as con:
        kept = _kept(con, entered, number)
        if not _can_mark(kept):
            raise not_found()
        content = wishes.workbook(con, number)
    if unpacked_bytes(content) > _MARKED_BYTES:
        raise Refused(413, "too_large_to_mark")
    faults = kept.faults
    if language_of(request) == "zh":
        faults = tuple(fault_in_chinese(fault) for fault in faults)
    with _reading:
        copy = marked(content, faults)
    return download(copy, "xlsx", f"{kept.source.removesuffix('.xlsx')}-问题", entered.edition.on)


# --- how ---


def _of(request: Request) -> tuple[Entered, House]:
    return request.state.entered, request.app.state.house


def _read(content: bytes, name: str, catalog: Catalog) -> Reading:
    """Read a workbook, one at a time; what is too large is refused before anything of it is unpacked."""
    if unpacked_bytes(content) > _UNPACKED_BYTES:
        fault = SheetFault(
            "",
            0,
            "",
            "the workbook is too large when unpacked",
            f"at most {_UNPACKED_BYTES // 1024 // 1024} MB",
            "cut it in parts",
        )
        return Reading((), (fault,))
    with _reading:
        return read_workbook(content, name, catalog)


def _new(request: Request, problem: str = "", status: int = 200) -> Response:
    entered, house = _of(request)
    with house.database.connection() as con:
        catalog = in_use(con, house).catalog
        last = wishes.last(con, entered.viewer.person)
    units = proposing_units(entered.viewer, catalog)
    return maintain_page(
        request,
        "maintain_new.html.j2",
        status,
        problem=problem,
        most=UPLOAD_BYTES // 1024 // 1024,
        last=last,
        units=[(code, unit_name(catalog, code)) for code in units],
        forms=[(name, form_of(name, catalog).title) for name in form_names()],
        resources=[
            (one.name, one.business_name or one.name, unit_name(catalog, one.provider))
            for _, one in sorted(catalog.resources.items())
            if one.provider in units
        ],
        demands=[
            (one.demand_id, unit_name(catalog, one.requester_unit), one.purpose)
            for _, one in sorted(catalog.demands.items())
            if one.requester_unit in units
        ],
        powers=[(one.code, one.name_zh) for _, one in sorted(catalog.powers.items()) if one.unit in units],
    )


def _entry(request: Request, catalog: Catalog, form: str, code: str) -> EntryForm:
    if form not in OFFERED:
        raise not_found()
    viewer = request.state.entered.viewer
    is_new = (form, code) == ("demands", NEW)
    if not is_new and not may_fill_in(viewer, catalog, form, code):
        raise not_found()
    own = proposing_units(viewer, catalog)
    entry = EntryForm(catalog, form, code, {"requesterUnit": own[0]} if is_new and len(own) == 1 else {})
    if not entry.is_there:
        raise not_found()
    return entry


def _edit(
    request: Request,
    entry: EntryForm,
    base: int,
    typed: Mapping[str, str],
    faults: tuple[SheetFault, ...] = (),
    problem: str = "",
    status: int = 200,
) -> Response:
    return maintain_page(
        request,
        "maintain_edit.html.j2",
        status,
        form=entry.shown(typed, faults),
        code=entry.code,
        name=entry.name,
        base=base,
        count=len(faults),
        problem=problem,
    )


def _version(typed: Mapping[str, str]) -> int:
    """Return the number of the version that a form was filled in with; 0, which there is not, for anything else."""
    base = typed.get("base", "")
    return int(base) if base.isascii() and base.isdecimal() and len(base) < 9 else 0


def _catalog_of(con: psycopg.Connection, house: House, base: int) -> Catalog:
    """Return the catalog of the version that a form was filled in with: what was typed is compared with that one."""
    found = in_use(con, house)
    if base == found.published.number:
        return found.catalog
    try:
        return catalog_versions.catalog_of(con, catalog_versions.one(con, base), strict=False)
    except NoSuchVersion:
        raise not_found() from None


def _kept(con: psycopg.Connection, entered: Entered, number: int) -> KeptWish:
    kept = wishes.find(con, entered.viewer.person, number) if number < 2**31 else None
    if kept is None:
        raise not_found()
    return kept


def _held(entered: Entered, catalog: Catalog, kept: KeptWish, post: str) -> Held | None:
    """Return the post as which the viewer proposes: the chosen one, if it may, else the first that may."""
    may = proposing_posts(entered.viewer, catalog, kept.edits)
    return next((held for held in may if held.post == post), may[0] if may else None)


def _first(entered: Entered) -> tuple[str, str]:
    held = entered.viewer.held[0]
    return held.post, held.role


def _day(typed: str) -> tuple[date | None, str]:
    try:
        return (date.fromisoformat(typed) if typed else None), ""
    except ValueError:
        return None, "no_day"


def _can_mark(kept: KeptWish) -> bool:
    """Whether there is a workbook, and one that could be opened: a fault of the file as a whole has no sheet."""
    return kept.has_workbook and any(fault.sheet for fault in kept.faults)


def _wish(
    request: Request,
    con: psycopg.Connection,
    kept: KeptWish,
    typed: Mapping[str, str],
    problem: str = "",
    status: int = 200,
) -> Response:
    entered, house = _of(request)
    found = in_use(con, house)
    told: dict[str, Any] = {}
    people: list[tuple[str, int]] = []
    takes = False
    may = proposing_posts(entered.viewer, found.catalog, kept.edits)
    if kept.edits and may:  # what is another unit's is not told to whoever may not propose it
        by = may[0].post
        prepared = house.meanings.of(f"wish {kept.id}", found.catalog, kept.edits, by)
        told = meaning(prepared, found.catalog, language_of(request))
        people = concerned(con, prepared, found.catalog)
        takes = bool(prepared.route and own_steps(prepared.route, by))
    return maintain_page(
        request,
        "maintain_wish.html.j2",
        status,
        kept=kept,
        faults=kept.faults,
        can_mark=_can_mark(kept),
        told=told,
        people=people,
        edits=told.get("edits"),
        posts=[held.post for held in may],
        takes=takes,
        filled=typed,
        problem=problem,
        is_old=kept.base != found.published.number,
    )
