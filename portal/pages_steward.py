"""My post: what a unit's steward or head answers for; its tickets, waiting rows, samples and weekly report.

Tickets, waiting rows and samples are treated as `yici quality` and `yici quarantine` treat them, by the role of the
desk and never by the portal's own. Rows are shown masked as the catalog says; whole ones leave only as the provider's
workbook, to a post that answers for the resource, on record before they leave.
"""

import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from catalogs.exports.printing import Press
from catalogs.model import Catalog, Resource
from catalogs.views import CYCLE_NAMES, unit_name
from expectations.quality import desk as tickets
from expectations.quality import draws
from expectations.quality.desk import TicketError
from expectations.quality.draws import RIGHT, UNCLEAR, WRONG, SampleError
from expectations.quality.duty import duty
from expectations.quality.facts import gather
from expectations.quality.report import unit_report
from expectations.quality.report_html import html
from expectations.quality.report_pdf import pdf
from expectations.quality.report_xlsx import xlsx
from expectations.quality.scores import RESOURCE
from expectations.quality.terms import terms
from expectations.quality.tickets import RULE
from expectations.quality.titles import resource_title
from expectations.quality.week import parse_week, week_of
from expectations.quality.words import TOTAL
from expectations.quarantine import desk, workbook
from expectations.quarantine.desk import WaitingRow
from expectations.quarantine.words import in_words, may_waive
from portal import facts
from portal.access import decide
from portal.entry import Entered, House, about_unit
from portal.problems import Refused, not_found
from portal.rendering import age, language_of, moment, page
from portal.texts import text
from service import masks
from warehouse.masked import mask_of

router = APIRouter()
_SHOWN = 100
_MOST_RELEASED = 1000
_LONGEST_TEXT = 1000
_KEY_MASK = "last:2"
_KINDS = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}
# A ticket is answered with words for whoever told of it; one of a rule closes by the next good extract.
_ACTS = ("comment", "answer")


@router.get("/duty", name="duty")
def own(request: Request) -> Response:
    """What the viewer's units answer for: what is late, what waits, what is overdue."""
    entered, house, language = _request(request)
    catalog, day = entered.edition.catalog, entered.edition.on
    units = entered.decision.units or frozenset()
    with house.database.connection() as con:
        last, kept = facts.last_published(con), facts.scores(con, day)
        opened = facts.tickets(con, entered.decision.units)
    with _desk(request) as con:
        waiting = [one for one in desk.held(con, catalog, day) if one.unit in units]
        samples = [one for post in _posts(entered) for one in draws.to_review(con, post)]
    rows: dict[str, int] = {}
    for one in waiting:
        rows[one.resource] = rows.get(one.resource, 0) + one.rows
    resources = [
        {
            "name": resource_title(catalog, one.name, language),
            "page": f"/resources/{one.name}.html" if _is_shown(entered, one.name) else "",
            "cycle": CYCLE_NAMES.get(one.update_cycle, one.update_cycle),
            "last": moment(last[one.name], catalog.campus.time_zone) if one.name in last else "",
            "age": age(last[one.name], language) if one.name in last else "",
            "is_late": facts.is_late(one, last.get(one.name)),
            "score": kept.get(RESOURCE, one.name, TOTAL),
            "rows": rows.get(one.name, 0),
            "waiting": f"/duty/rows/{one.name}",
        }
        for one in facts.promised(catalog)
        if duty(catalog, one.name, day).unit in units
    ]
    resources.sort(key=lambda one: (not one["is_late"], not one["rows"], one["name"]))
    week = week_of(catalog, day)
    known = terms(catalog)
    return page(
        request,
        "duty.html.j2",
        section="duty",
        units=[{"code": code, "name": unit_name(catalog, code)} for code in sorted(units)],
        resources=resources,
        late=sum(one["is_late"] for one in resources),
        waiting=sum(one.rows for one in waiting),
        sign=lambda score: known.sign(score.score if score else None),
        tickets=[
            {"id": one.id, "about": one.about, "due_on": one.due_on, "is_overdue": one.is_overdue(day)}
            for one in opened
        ],
        overdue=sum(one.is_overdue(day) for one in opened),
        samples=len(samples),
        week=week.code,
        week_title=week.title(language),
    )


@router.get("/duty/rows/{name}", name="waiting")
def waiting(request: Request, name: str, rule: str = "") -> Response:
    """The waiting rows of a resource, masked, each with the rules that it breaks."""
    return _waiting(request, _resource(request, name, "waiting"), rule)


@router.post("/duty/rows/{name}/export", name="waiting_export")
def export(request: Request, name: str) -> Response:
    """Give the provider's workbook with whole rows to a post that answers for the resource; on record first."""
    entered, _, _ = _request(request)
    contract = _resource(request, name, "waiting_export")
    post = _answering_post(request, contract)
    with _desk(request) as con:
        found = desk.rows(con, name)
        if found:
            desk.record_look(con, desk.EXPORT, name, len(found), post, entered.viewer.person)
    if not found:
        raise not_found()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.xlsx"
        workbook.write(contract, found, file)
        content = file.read_bytes()
    return _file(content, f"{contract.business_name or name}-待纠正-{entered.edition.on}.xlsx", "xlsx")


@router.post("/duty/rows/{name}/release", name="waiting_release")
def release(request: Request, name: str) -> Response:
    """Say of chosen rows that they are right although they break rules; the next release admits them."""
    entered, _, language = _request(request)
    contract = _resource(request, name, "waiting_release")
    post = _answering_post(request, contract)
    reason = _typed(request, "reason")
    chosen = {one for one in request.state.form.getlist("row") if isinstance(one, str)}
    if not reason or not chosen:
        told = text("waiting.choose", language)
        return _waiting(request, contract, "", told, chosen, reason, status=422)
    with _desk(request) as con:
        found = [one for one in desk.rows(con, name) if one.digest in chosen][:_MOST_RELEASED]
        filed = desk.release(con, contract, found, post, entered.viewer.person, reason)
    left = sum(not may_waive(contract, rule) for one in found for rule in one.rules)
    told = text("waiting.released", language, n=filed.rows)
    if left:
        told += text("waiting.left", language, n=len(found) - filed.rows)
    return _waiting(request, contract, "", told)


@router.post("/tickets/{number:int}/{act}", name="ticket_act")
def treat(request: Request, number: int, act: str) -> Response:
    """Add what a post says to a ticket, or the answer that closes one that a person told."""
    _, house, language = _request(request)
    with house.database.connection() as con:
        found = facts.ticket(con, number) if number < 2**31 else None
    if found is None or act not in _ACTS:
        raise not_found()
    decision = about_unit(request, "ticket_act", found[0].unit, str(number))
    said = _typed(request, "said")
    try:
        if not said:
            raise TicketError("nothing was said")
        with _desk(request) as con:
            treated = tickets.comment if act == "comment" else tickets.answer
            treated(con, number, decision.post, said)
    except TicketError:
        # Our own words: what the desk says is for a command line.
        kind = (
            "empty"
            if not said
            else "closes_itself"
            if found[0].kind == RULE and act == "answer"
            else "personal"
        )
        return page(
            request, "ticket_refused.html.j2", 422, section="tickets", number=number, act=act, said=said,
            problem=text(f"ticket.{kind}", language),
        )  # fmt: skip
    return RedirectResponse(f"/tickets/{number}", 303)


@router.get("/duty/samples", name="samples")
def samples(request: Request) -> Response:
    """The drawn rows that the viewer's posts are to review."""
    return _samples(request)


@router.post("/duty/samples/{number:int}", name="sample_judge")
def judge(request: Request, number: int) -> Response:
    """Take a verdict on a drawn row; it is final, and a wrong one opens a ticket to the provider."""
    entered, _, language = _request(request)
    catalog = entered.edition.catalog
    verdict, item = _typed(request, "verdict"), _typed(request, "item")
    with _desk(request) as con:
        mine = {one.id: one for post in _posts(entered) for one in draws.to_review(con, post)}
        if number not in mine:
            raise not_found()
        try:
            draws.judge(
                con,
                catalog,
                terms(catalog),
                number,
                mine[number].reviewer,
                verdict,
                item if verdict == WRONG else "",
            )
        except SampleError:
            return _samples(request, text("samples.which", language), 422)
    return RedirectResponse("/duty/samples", 303)


@router.get("/duty/report/{unit}/{name}", name="weekly")
def weekly(request: Request, unit: str, name: str) -> Response:
    """A unit's weekly report: as a page, a workbook or PDF."""
    entered, _, language = _request(request)
    catalog = entered.edition.catalog
    about_unit(request, "weekly", unit, f"{unit if unit in catalog.units else '?'} {name[:20]}")
    code, _, kind = name.partition(".")
    try:
        week = parse_week(catalog, code)
    except ValueError:
        raise not_found() from None
    if unit not in catalog.units or kind not in ("html", *_KINDS) or week.first > entered.edition.on:
        raise not_found()
    with _desk(request) as con:
        told = unit_report(gather(con, catalog, terms(catalog), week), unit, language)
    if kind == "html":
        return HTMLResponse(html(told, "/assets/report.css"))
    content = xlsx(told) if kind == "xlsx" else pdf(Press(), told)
    return _file(content, f"{unit_name(catalog, unit)}-{week.code}.{kind}", kind)


def _waiting(
    request: Request,
    contract: Resource,
    rule: str,
    told: str = "",
    chosen: Collection[str] = (),
    reason: str = "",
    status: int = 200,
) -> Response:
    entered, _, language = _request(request)
    catalog, day = entered.edition.catalog, entered.edition.on
    zone = catalog.campus.time_zone
    with _desk(request) as con:
        held = desk.held(con, catalog, day, contract.name)
        known = {one.rule for one in held}
        shown = desk.rows(con, contract.name, rule if rule in known else "", limit=_SHOWN)
    may_decide = any(post in desk.posts_of(catalog, contract, day) for post in _posts(entered))
    return page(
        request,
        "waiting.html.j2",
        status,
        section="duty",
        name=contract.name,
        title=resource_title(catalog, contract.name, language),
        rules=[
            {
                "rule": one.rule,
                "words": in_words(contract, one.rule),
                "rows": one.rows,
                "oldest": age(one.oldest_at, language) if one.oldest_at else "",
                "due_on": one.due_on,
                "is_overdue": one.due_on is not None and one.due_on < day,
                "decided": one.decided,
            }
            for one in held
        ],
        rule=rule if rule in known else "",
        rows=[_row(contract, one, zone, chosen) for one in shown],
        is_cut=len(shown) == _SHOWN,
        may_decide=may_decide,
        told=told,
        reason=reason,
    )


def _row(contract: Resource, one: WaitingRow, zone: str, chosen: Collection[str]) -> dict[str, Any]:
    items = [
        (contract.item(name).business_name or name, masks.mask(mask_of(contract.item(name)), value))
        for name, value in one.row.items()
        if value and contract.has_item(name)
    ]
    return {
        "digest": one.digest,
        "key": masks.mask(_KEY_MASK, one.key) if one.key else "",
        "rules": [in_words(contract, rule) for rule in one.rules],
        "items": items,
        "since": moment(one.since, zone) if one.since else "",
        "is_decided": one.is_decided,
        "may_waive": all(may_waive(contract, rule) for rule in one.rules) and not one.is_decided,
        "is_chosen": one.digest in chosen,
    }


def _samples(request: Request, problem: str = "", status: int = 200) -> Response:
    entered, _, language = _request(request)
    catalog = entered.edition.catalog
    with _desk(request) as con:
        found = [one for post in _posts(entered) for one in draws.to_review(con, post)]
    return page(
        request,
        "samples.html.j2",
        status,
        section="duty",
        verdicts=(RIGHT, WRONG, UNCLEAR),
        problem=problem,
        samples=[
            {
                "id": one.id,
                "unit": unit_name(catalog, one.unit),
                "resource": resource_title(catalog, one.resource, language),
                "key": one.key_text or "",
                "due_on": one.due_on,
                "items": _items(catalog, one.resource),
            }
            for one in found
        ],
    )


def _items(catalog: Catalog, name: str) -> list[tuple[str, str]]:
    resource = catalog.resources.get(name)
    return [(one.name, one.business_name or one.name) for one in resource.items] if resource else []


def _resource(request: Request, name: str, what: str) -> Resource:
    """Return a resource that the viewer's unit answers for.

    Raises:
        Refused: another unit's; not found where there is none.
    """
    entered, _, _ = _request(request)
    catalog = entered.edition.catalog
    contract = catalog.resources.get(name)
    if contract is None:
        raise not_found()
    about_unit(request, what, duty(catalog, name, entered.edition.on).unit, name)
    return contract


def _answering_post(request: Request, contract: Resource) -> str:
    """Return the viewer's post that may see whole rows of a resource and decide about them.

    Raises:
        Refused: none of them may.
    """
    entered, _, _ = _request(request)
    allowed = desk.posts_of(entered.edition.catalog, contract, entered.edition.on)
    post = next((one for one in _posts(entered) if one in allowed), None)
    if post is None:
        raise Refused(403, "not_yours", "waiting:answering_post")
    return post


@contextmanager
def _desk(request: Request) -> Iterator[psycopg.Connection]:
    """Lend a connection of the desk's role.

    Raises:
        Refused: it is not set up.
    """
    house: House = request.app.state.house
    if house.desk is None:
        raise Refused(503, "desk_not_set_up", "desk:set_up")
    with house.desk.connection() as con:
        yield con


def _posts(entered: Entered) -> list[str]:
    """Return the posts held today that answer for data."""
    own = decide(entered.viewer, "duty")
    return list(dict.fromkeys(one.post for one in entered.viewer.held if own.is_allowed and one.units))


def _is_shown(entered: Entered, name: str) -> bool:
    return f"resources/{name}.html" in entered.shown.pages


def _typed(request: Request, name: str) -> str:
    value = request.state.form.get(name)
    return value.strip().replace("\x00", "")[:_LONGEST_TEXT] if isinstance(value, str) else ""


def _file(content: bytes, name: str, kind: str) -> Response:
    return Response(
        content,
        media_type=_KINDS[kind],
        headers={"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"},
    )


def _request(request: Request) -> tuple[Entered, House, str]:
    return request.state.entered, request.app.state.house, language_of(request)
