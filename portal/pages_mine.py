"""Mine: what the university holds about me, who looked, what is wrong, what I consented to.

Everything is asked of the service as the person who has logged in, shown and forgotten: these pages read no table, and
nothing of them is kept, neither by us nor by the browser (`no-store`). What is typed into a form that fails is shown
again in the same answer, and nowhere kept.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from catalogs.model import Catalog
from catalogs.views import unit_name
from portal.asking import Said, as_person
from portal.drafts import typed
from portal.entry import Entered
from portal.problems import not_found
from portal.rendering import language_of, page, told_moment
from portal.texts import text

router = APIRouter()
_USAGES = 50
_MOST_PAGES = 10_000
# More names than these are folded away in the list of who looked.
_MOST_NAMED = 12
_LONGEST_STATED, _LONGEST_REASON = 500, 1000
# The parts of one's own pages, as they stand side by side.
TABS = (
    ("mine", "/mine"),
    ("things", "/mine/things"),
    ("usages", "/mine/usages"),
    ("corrections", "/mine/corrections"),
    ("consents", "/mine/consents"),
    ("certificates", "/mine/certificates"),
)
# How a fact's state is shown.
FACT_SIGNS = {
    "available": "✓",
    "stale": "!",
    "in_dispute": "!",
    "conflict": "!",
    "withheld": "–",
    "not_found": "–",
    "source_unavailable": "–",
}
_CORRECTION_SIGNS = {"routed": "!", "accepted": "!", "propagated": "✓", "rejected": "–"}
# What may be said to be wrong; what the service may have to say besides is told by it.
_CORRECTABLE = frozenset(("available", "stale", "conflict", "not_found"))


@router.get("/mine", name="mine")
def mine(request: Request) -> Response:
    """What the university holds about the person, by whom it was verified and since when."""
    told = as_person(request, "GET", "facts")
    shown = [_fact(request, one) for one in told["facts"]]
    return page(
        request,
        "mine.html.j2",
        section="mine",
        tab="mine",
        mine_tabs=TABS,
        facts=[one for one in shown if not one["is_declared"] and one["status"] != "not_found"],
        without=[one for one in shown if not one["is_declared"] and one["status"] == "not_found"],
        declared=[one for one in shown if one["is_declared"]],
        release=told["release"],
    )


@router.get("/mine/usages", name="mine_usages")
def usages(request: Request, at: int = 0) -> Response:
    """Who looked, refused attempts too; other people never."""
    start = max(0, min(at, _MOST_PAGES)) * _USAGES
    told = as_person(request, "GET", "usages", None, offset=start, limit=_USAGES)
    asked = {one["transaction_id"]: one for one in as_person(request, "GET", "questions")}
    return page(
        request,
        "mine_usages.html.j2",
        section="mine",
        tab="usages",
        mine_tabs=TABS,
        total=told["total"],
        usages=[_usage(request, one, asked) for one in told["usages"]],
        at=at,
        has_more=start + _USAGES < told["total"],
    )


@router.get("/mine/usages/{number:uuid}/question", name="mine_question")
def ask(request: Request, number: UUID) -> Response:
    """Ask why somebody looked."""
    return page(request, "mine_question.html.j2", section="mine", number=number, typed={}, problem="")


@router.post("/mine/usages/{number:uuid}/question", name="mine_question")
def asked(request: Request, number: UUID) -> Response:
    """Take the question and hand it to the service."""
    reason = typed(request, "reason", _LONGEST_REASON)
    if not reason:
        problem = text("mine.reason_missing", language_of(request))
        return page(
            request, "mine_question.html.j2", 422, section="mine", number=number, typed={}, problem=problem
        )
    as_person(request, "POST", f"usages/{number}:question", {"reason": reason})
    return RedirectResponse("/mine/usages", 303)


@router.get("/mine/corrections", name="mine_corrections")
def corrections(request: Request) -> Response:
    """What is or was said to be wrong: with whom, until when, what was decided and why."""
    found = as_person(request, "GET", "corrections")
    return page(
        request,
        "mine_corrections.html.j2",
        section="mine",
        tab="corrections",
        mine_tabs=TABS,
        corrections=[_correction(request, one) for one in found],
    )


@router.get("/mine/correct/{element}", name="mine_correct")
def correct(request: Request, element: str) -> Response:
    """Say that a value is wrong."""
    return _correcting(request, element, {}, "")


@router.post("/mine/correct/{element}", name="mine_correct")
def corrected(request: Request, element: str) -> Response:
    """Take what is said to be wrong and hand it to the unit that answers for it, by the service."""
    filled = {"reason": typed(request, "reason", _LONGEST_REASON)}
    if stated := typed(request, "stated", _LONGEST_STATED):
        filled["stated"] = stated
    if not filled["reason"]:
        problem = text("mine.reason_missing", language_of(request))
        return _correcting(request, element, filled, problem, 422, "reason")
    sent = {"element": element, **filled}
    try:
        as_person(request, "POST", "corrections", sent)
    except Said as said:
        return _correcting(request, element, filled, said.title, said.status)
    return RedirectResponse("/mine/corrections", 303)


@router.get("/mine/consents", name="mine_consents")
def consents(request: Request) -> Response:
    """What the person consented to, and what of it was taken back."""
    found = as_person(request, "GET", "consents")["consents"]
    return page(
        request,
        "mine_consents.html.j2",
        section="mine",
        tab="consents",
        mine_tabs=TABS,
        consents=[_consent(request, one) for one in found],
    )


@router.get("/mine/consents/{number:uuid}/withdraw", name="mine_withdraw")
def withdraw(request: Request, number: UUID) -> Response:
    """Ask once more before a consent is taken back."""
    found = as_person(request, "GET", "consents")["consents"]
    known = next((one for one in found if one["consent_id"] == str(number)), None)
    if known is None:
        raise not_found()
    return page(request, "mine_withdraw.html.j2", section="mine", one=_consent(request, known))


@router.post("/mine/consents/{number:uuid}/withdraw", name="mine_withdraw")
def withdrawn(request: Request, number: UUID) -> Response:
    """Take a consent back."""
    as_person(request, "POST", f"consents/{number}:withdraw", {})
    return RedirectResponse("/mine/consents", 303)


@router.get("/mine/declared/{number:uuid}/delete", name="mine_declared")
def forget(request: Request, number: UUID) -> Response:
    """Ask once more before what the person declared is destroyed."""
    found = as_person(request, "GET", "facts")["facts"]
    known = next((one for one in found if one.get("declared_id") == str(number)), None)
    if known is None:
        raise not_found()
    return page(request, "mine_declared.html.j2", section="mine", one=_fact(request, known), number=number)


@router.post("/mine/declared/{number:uuid}/delete", name="mine_declared")
def forgotten(request: Request, number: UUID) -> Response:
    """Destroy what the person declared."""
    as_person(request, "DELETE", f"declared/{number}")
    return RedirectResponse("/mine", 303)


def _correcting(
    request: Request,
    element: str,
    filled: Mapping[str, str],
    problem: str,
    status: int = 200,
    fault_of: str = "",
) -> Response:
    """Return the form; `fault_of` is the field that `problem` is about, if it is about one."""
    found = as_person(request, "GET", "facts")["facts"]
    known = next((one for one in found if one["element"] == element and not one.get("declared_id")), None)
    if known is None:
        raise not_found()
    one = _fact(request, known)
    return page(
        request,
        "mine_correct.html.j2",
        status,
        section="mine",
        one=one,
        typed=filled,
        problem=problem,
        fault_of=fault_of,
    )


def _fact(request: Request, one: Mapping[str, Any]) -> dict[str, Any]:
    catalog, language = _catalog(request), language_of(request)
    verification = one.get("verification") or {}
    element = catalog.elements.get(one["element"])
    name_en = element.name_en if element else ""
    return {
        "element": one["element"],
        "name": name_en if language == "en" and name_en else one["name_zh"],
        "value": _value(one, language),
        "is_masked": bool(one.get("masked")),
        "status": one["status"],
        "sign": FACT_SIGNS.get(one["status"], "–"),
        "reason": one.get("reason") or "",
        "unit": _unit(catalog, verification.get("verifier")),
        "level": verification.get("level", ""),
        "updated": told_moment(request, one.get("lastupdated")),
        "confirmed": told_moment(request, one.get("confirmed_at")),
        "is_declared": bool(one.get("declared_id")),
        "declared_id": one.get("declared_id"),
        "can_be_corrected": one["status"] in _CORRECTABLE and not one.get("declared_id"),
    }


def _value(one: Mapping[str, Any], language: str) -> str:
    value = one.get("value")
    if value is None:
        return ""
    if isinstance(value, bool):
        return text("yes" if value else "no", language)
    if isinstance(value, list):
        return text("listed", language).join(str(each) for each in value)
    return str(value)


def _usage(request: Request, one: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    catalog = _catalog(request)
    question = asked.get(one["transaction_id"])
    what, _, named = one["action"].partition(": ")
    many = named.count("、") + 1
    is_long = many > _MOST_NAMED
    return {
        "number": one["transaction_id"],
        "at": told_moment(request, one["logtime"]),
        "what": what if is_long else one["action"],
        "named": named,
        "many": many if is_long else 0,
        "unit": one["receiver_unit"],
        "system": one["receiver_system"],
        "sign": "✓" if one["outcome"] == "allowed" else "✕",
        "is_own": (one.get("ground") or "") == "own_data",
        "question": question
        and {
            "state": question["state"],
            "due_on": question["due_on"],
            "reason": question["reason"],
            "answer": question["answer"] or "",
            "unit": _unit(catalog, question["answered_by"] or question["receiver_unit"]),
        },
    }


def _correction(request: Request, one: Mapping[str, Any]) -> dict[str, Any]:
    catalog, language = _catalog(request), language_of(request)
    element = catalog.elements.get(one["element"])
    return {
        "name": (element.name_zh if language == "zh" else element.name_en or element.name_zh)
        if element
        else one["element"],
        "unit": _unit(catalog, one["provider"]),
        "filed": told_moment(request, one["filed_at"]),
        "due_on": one["due_on"],
        "state": one["state"],
        "sign": _CORRECTION_SIGNS[one["state"]],
        "decided": told_moment(request, one["decided_at"]),
        "reason": one["decision_reason"] or "",
        "is_late": one["state"] == "routed" and one["due_on"] < str(request.state.entered.edition.on),
    }


def _consent(request: Request, one: Mapping[str, Any]) -> dict[str, Any]:
    catalog, language = _catalog(request), language_of(request)
    versions = catalog.notices.get(one["notice"], ())
    told = next((each for each in versions if each.version == one["version"]), None)
    item = catalog.services.get(one["service_item"])
    named = [catalog.elements[code] for code in one["elements"] if code in catalog.elements]
    return {
        "number": one["consent_id"],
        "title": (told.title_zh if language == "zh" else told.title_en) if told else one["notice"],
        "version": one["version"],
        "service": item.name_zh if item else one["service_item"],
        "elements": text("listed", language).join(
            each.name_zh if language == "zh" else each.name_en or each.name_zh for each in named
        ),
        "by": one["given_by"],
        "given": told_moment(request, one["given_at"]),
        "withdrawn": told_moment(request, one["withdrawn_at"]),
    }


def _unit(catalog: Catalog, code: str | None) -> str:
    return unit_name(catalog, code) if code else ""


def _catalog(request: Request) -> Catalog:
    entered: Entered = request.state.entered
    return entered.edition.catalog
