"""My post: what a unit's steward or head answers for; its tickets, samples and weekly report.

Tickets and samples are treated as `yici quality` treats them, by the role of the desk and never by the portal's own.
"""

from functools import partial

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from catalogs.model import Catalog
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
from expectations.quarantine import desk
from portal import facts
from portal.downloads import download
from portal.drafts import typed
from portal.duty_frame import desk_of, posts_of
from portal.english import told_in_english
from portal.entry import Entered, House, about_unit
from portal.printing import press
from portal.problems import not_found
from portal.rendering import age_in_days, language_of, page, told_moment
from portal.texts import text

router = APIRouter()
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
    with desk_of(request) as con:
        waiting = [one for one in desk.held(con, catalog, day) if one.unit in units]
        samples = [one for post in posts_of(entered) for one in draws.to_review(con, post)]
    rows: dict[str, int] = {}
    for one in waiting:
        rows[one.resource] = rows.get(one.resource, 0) + one.rows
    resources = [
        {
            "name": resource_title(catalog, one.name, language),
            "page": f"/resources/{one.name}.html" if _is_shown(entered, one.name) else "",
            "cycle": CYCLE_NAMES.get(one.update_cycle, one.update_cycle),
            "last": told_moment(request, last.get(one.name)),
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
            {
                "id": one.id,
                "about": facts.about(catalog, one, language),
                "opened_on": one.opened_on,
                "age": age_in_days(one.days_open(day), language),
                "due_on": one.due_on,
                "is_overdue": one.is_overdue(day),
            }
            for one in opened
        ],
        overdue=sum(one.is_overdue(day) for one in opened),
        samples=len(samples),
        week=week.code,
        week_title=week.title(language),
    )


@router.post("/tickets/{number:int}/{act}", name="ticket_act")
def treat(request: Request, number: int, act: str) -> Response:
    """Add what a post says to a ticket, or the answer that closes one that a person told."""
    _, house, language = _request(request)
    with house.database.connection() as con:
        found = facts.ticket(con, number) if number < 2**31 else None
    if found is None or act not in _ACTS:
        raise not_found()
    decision = about_unit(request, "ticket_act", found[0].unit, str(number))
    said = typed(request, "said")
    try:
        if not said:
            raise TicketError("nothing was said")
        with desk_of(request) as con:
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
    verdict, item = typed(request, "verdict"), typed(request, "item")
    with desk_of(request) as con:
        mine = {one.id: one for post in posts_of(entered) for one in draws.to_review(con, post)}
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
            return _samples(request, number, text("samples.which", language), 422)
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
    if unit not in catalog.units or kind not in ("html", "xlsx", "pdf") or week.first > entered.edition.on:
        raise not_found()
    with desk_of(request) as con:
        told = unit_report(gather(con, catalog, terms(catalog), week), unit, language)
    if kind == "html":
        return HTMLResponse(
            html(told, "/assets/report.css", partial(told_in_english, names=entered.edition.english))
        )
    content = xlsx(told) if kind == "xlsx" else pdf(press(), told)
    return download(content, kind, f"{unit_name(catalog, unit)}-质量周报", week.code)


def _samples(request: Request, judged: int = 0, problem: str = "", status: int = 200) -> Response:
    """Return the rows to review; `judged` is the one whose verdict could not be taken."""
    entered, _, language = _request(request)
    catalog = entered.edition.catalog
    with desk_of(request) as con:
        found = [one for post in posts_of(entered) for one in draws.to_review(con, post)]
    return page(
        request,
        "samples.html.j2",
        status,
        section="duty",
        verdicts=(RIGHT, WRONG, UNCLEAR),
        judged=judged,
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


def _is_shown(entered: Entered, name: str) -> bool:
    return f"resources/{name}.html" in entered.shown.pages


def _request(request: Request) -> tuple[Entered, House, str]:
    return request.state.entered, request.app.state.house, language_of(request)
