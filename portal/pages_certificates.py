"""My certificates (我的证明): ask for one, fetch its paper, share it, take a share back, see who looked, revoke it.

All of it is the service's: these pages ask it as the person who has logged in, show what it answers, and keep nothing.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from catalogs.model import Catalog
from catalogs.views import unit_name
from portal.asking import Said, as_person
from portal.downloads import download
from portal.entry import Entered
from portal.pages_mine import TABS
from portal.problems import not_found
from portal.rendering import language_of, moment, page
from portal.texts import text

router = APIRouter()
_LIST = "/mine/certificates"
_LONGEST_REASON = 500
_CHOICES = ("language", "purpose", "validity_days", "capacity")
_STANDING_SIGNS = {"valid": "✓", "revoked": "✕", "expired": "–"}


@router.get("/mine/certificates", name="mine_certificates")
def own(request: Request) -> Response:
    """The person's certificates, and the kinds that they may ask for."""
    found = as_person(request, "GET", "certificates")
    return page(
        request,
        "mine_certificates.html.j2",
        section="mine",
        tab="certificates",
        mine_tabs=TABS,
        certificates=[certificate(request, one) for one in found],
        kinds=_kinds(request),
    )


@router.get("/mine/certificates/new/{kind}", name="mine_certificate_new")
def new(request: Request, kind: str) -> Response:
    """Choose what a certificate is for, how long it is valid, and what its code shows."""
    return _asking(request, kind, dict.fromkeys(_CHOICES, ""), "")


@router.post("/mine/certificates/new/{kind}", name="mine_certificate_new")
def issue(request: Request, kind: str) -> Response:
    """Ask the service for it."""
    typed = {name: typed_in(request, name) for name in _CHOICES}
    days = typed["validity_days"]
    order: dict[str, Any] = {
        "kind": kind,
        "language": typed["language"],
        "purpose": typed["purpose"],
        "validity_days": int(days) if days.isdecimal() and len(days) < 4 else 0,
        "shown": _chosen(request),
    }
    if typed["capacity"]:
        order["capacity"] = typed["capacity"]
    try:
        told = as_person(request, "POST", "certificates", order)
    except Said as said:
        return _asking(request, kind, typed, said.title, said.status)
    return RedirectResponse(f"{_LIST}/{told['certificate_id']}", 303)


@router.get("/mine/certificates/{number:uuid}", name="mine_certificate")
def one(request: Request, number: UUID) -> Response:
    """One certificate: its paper, its codes, who looked."""
    return _shown(request, number)


@router.get("/mine/certificates/{number:uuid}/paper", name="mine_certificate_paper")
def paper(request: Request, number: UUID) -> Response:
    """The sealed paper, as a file."""
    content = as_person(request, "GET", f"certificates/{number}/pdf")
    title = text("certificate.file", language_of(request), number=number)
    return download(content, "pdf", title, request.state.entered.edition.on)


@router.post("/mine/certificates/{number:uuid}/shares", name="mine_certificate_share")
def share(request: Request, number: UUID) -> Response:
    """Make a code for somebody who is to see what is chosen."""
    days, views = typed_in(request, "days"), typed_in(request, "max_views")
    asked: dict[str, Any] = {"shown": _chosen(request)}
    asked |= {
        name: int(typed)
        for name, typed in (("days", days), ("max_views", views))
        if typed.isdecimal() and len(typed) < 5
    }
    try:
        as_person(request, "POST", f"certificates/{number}/shares", asked)
    except Said as said:
        return _shown(request, number, said.title, said.status)
    return RedirectResponse(f"{_LIST}/{number}", 303)


@router.post("/mine/certificates/{number:uuid}/shares/{code:uuid}/withdraw", name="mine_certificate_withdraw")
def withdraw(request: Request, number: UUID, code: UUID) -> Response:
    """Take a code back at once."""
    as_person(request, "POST", f"certificates/{number}/shares/{code}:withdraw", {})
    return RedirectResponse(f"{_LIST}/{number}", 303)


@router.get("/mine/certificates/{number:uuid}/revoke", name="mine_certificate_revoke")
def revoke(request: Request, number: UUID) -> Response:
    """Ask once more before a certificate is revoked for good."""
    return _revoking(request, number, "")


@router.post("/mine/certificates/{number:uuid}/revoke", name="mine_certificate_revoke")
def revoked(request: Request, number: UUID) -> Response:
    """Revoke it for good."""
    reason = typed_in(request, "reason")[:_LONGEST_REASON]
    if not reason:
        return _revoking(request, number, text("mine.reason_missing", language_of(request)), 422)
    as_person(request, "POST", f"certificates/{number}:revoke", {"reason": reason})
    return RedirectResponse(f"{_LIST}/{number}", 303)


def _asking(
    request: Request, code: str, typed: Mapping[str, str], problem: str, status: int = 200
) -> Response:
    kind = next((one for one in _kinds(request) if one["code"] == code), None)
    if kind is None:
        raise not_found()
    return page(
        request,
        "mine_certificate_new.html.j2",
        status,
        section="mine",
        kind=kind,
        filled=typed,
        chosen=_chosen(request),
        problem=problem,
    )


def _shown(request: Request, number: UUID, problem: str = "", status: int = 200) -> Response:
    found = as_person(request, "GET", f"certificates/{number}")
    catalog = _catalog(request)
    zone = catalog.campus.time_zone
    told = certificate(request, found)
    shares = [
        {
            "number": one["share_id"],
            "code": one["code"] or "",
            "address": one["verify_address"] or "",
            "shown": "、".join(label_of(request, found["kind"], element) for element in one["shown"]),
            "is_printed": one["is_printed"],
            "until": moment(datetime.fromisoformat(one["expires_at"]), zone),
            "views": one["views"],
            "most": one["max_views"],
            "withdrawn": bool(one["withdrawn_at"]),
        }
        for one in found["shares"]
    ]
    views = [
        {"at": moment(datetime.fromisoformat(one["at"]), zone), "how": one["how"]} for one in found["views"]
    ]
    elements = [{"code": code, "name": label_of(request, found["kind"], code)} for code in found["elements"]]
    return page(
        request,
        "mine_certificate.html.j2",
        status,
        section="mine",
        one=told,
        shares=shares,
        views=views,
        elements=elements,
        problem=problem,
    )


def _revoking(request: Request, number: UUID, problem: str, status: int = 200) -> Response:
    found = as_person(request, "GET", f"certificates/{number}")
    one = certificate(request, found)
    return page(request, "mine_certificate_revoke.html.j2", status, section="mine", one=one, problem=problem)


def certificate(request: Request, one: Mapping[str, Any]) -> dict[str, Any]:
    """Return a certificate, as the service tells it, in the reader's words."""
    catalog, language = _catalog(request), language_of(request)
    kind = catalog.certificates.get(one["kind"])
    purposes = {each.code: each for each in kind.purposes} if kind else {}
    purpose = purposes.get(one["purpose"])
    today = str(request.state.entered.edition.on)
    standing = "revoked" if one["revoked_at"] else "expired" if one["valid_until"] < today else "valid"
    return {
        "id": one["certificate_id"],
        "number": one["number"],
        "name": _named(kind, language) if kind else one["kind"],
        "unit": unit_name(catalog, one["unit"]),
        "purpose": _named(purpose, language) if purpose else one["purpose"],
        "issued": moment(datetime.fromisoformat(one["issued_at"]), catalog.campus.time_zone),
        "valid_until": one["valid_until"],
        "standing": standing,
        "sign": _STANDING_SIGNS[standing],
        "state": one["state"],
        "ahead": one["ahead"] or 0,
        "expected": _minute(one["expected_at"], catalog),
        "reason": one["revoke_reason"] or "",
        "changed": "、".join(label_of(request, one["kind"], element) for element in one["changed"]),
    }


def _minute(at: str | None, catalog: Catalog) -> str:
    return moment(datetime.fromisoformat(at), catalog.campus.time_zone) if at else ""


def _kinds(request: Request) -> list[dict[str, Any]]:
    """Return the kinds that the person may ask for, as the service that issues them knows them now."""
    return [_kind(request, one) for one in as_person(request, "GET", "certificate-kinds")]


def _kind(request: Request, kind: Mapping[str, Any]) -> dict[str, Any]:
    language = language_of(request)

    def named(one: Mapping[str, Any]) -> dict[str, str]:
        return {"code": one["code"], "name": one[f"name_{language}"]}

    return named(kind) | {
        "unit": unit_name(_catalog(request), kind["unit"]),
        "days": kind["validity_days"],
        **{part: [named(one) for one in kind[part]] for part in ("populations", "purposes", "elements")},
    }


def _named(one: Any, language: str) -> str:
    return str(one.name_zh if language == "zh" else one.name_en or one.name_zh)


def label_of(request: Request, code: str, element: str) -> str:
    """Return what a kind of certificate calls an element."""
    catalog, language = _catalog(request), language_of(request)
    kind = catalog.certificates.get(code)
    for one in kind.stated if kind else ():
        if one.element == element:
            return one.label_zh if language == "zh" else one.label_en
    known = catalog.elements.get(element)
    return known.name_zh if known else element


def _chosen(request: Request) -> list[str]:
    return [str(one) for one in request.state.form.getlist("shown") if isinstance(one, str)]


def typed_in(request: Request, name: str) -> str:
    """Return what was typed into a field of the form."""
    value = request.state.form.get(name)
    return value.strip().replace("\x00", "") if isinstance(value, str) else ""


def _catalog(request: Request) -> Catalog:
    entered: Entered = request.state.entered
    return entered.edition.catalog
