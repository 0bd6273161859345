"""My certificates (我的证明): ask for one, fetch its paper, share it, take a share back, see who looked, revoke it.

All of it is the service's: these pages ask it as the person who has logged in, show what it answers, and keep nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from catalogs.views import unit_name
from portal.asking import Said, as_person
from portal.certificate_words import Reason, catalog_of, certificate, label_of, labels, reasons
from portal.downloads import download
from portal.drafts import typed
from portal.pages_mine import TABS
from portal.problems import not_found
from portal.rendering import language_of, moment, page, told_moment
from portal.texts import TEXTS, text

router = APIRouter()
_LIST = "/mine/certificates"
_LONGEST_REASON = 500
_CHOICES = ("language", "purpose", "validity_days", "capacity")
_NOTHING: Mapping[str, str] = {}


@router.get("/mine/certificates", name="mine_certificates")
def own(request: Request) -> Response:
    """The person's certificates, the kinds that they can have now, and what stands in the way of the others."""
    found, kinds = as_person(request, "GET", "certificates"), _kinds(request)
    return page(
        request,
        "mine_certificates.html.j2",
        section="mine",
        tab="certificates",
        mine_tabs=TABS,
        certificates=[certificate(request, one) for one in found],
        kinds=[one for one in kinds if not one["reasons"]],
        refused=[one for one in kinds if one["reasons"]],
    )


@router.get("/mine/certificates/new/{kind}", name="mine_certificate_new")
def new(request: Request, kind: str) -> Response:
    """Choose what a certificate is for, how long it is valid, and what its code shows."""
    return _asking(request, kind, dict.fromkeys(_CHOICES, ""))


@router.post("/mine/certificates/new/{kind}", name="mine_certificate_new")
def issue(request: Request, kind: str) -> Response:
    """Ask the service for it."""
    filled = {name: typed(request, name) for name in _CHOICES}
    order: dict[str, Any] = {
        "kind": kind,
        "language": filled["language"],
        "purpose": filled["purpose"],
        "validity_days": _number(filled["validity_days"]),
        "shown": _chosen(request),
    }
    if filled["capacity"]:
        order["capacity"] = filled["capacity"]
    try:
        told = as_person(request, "POST", "certificates", order)
    except Said as said:
        if said.code == "CERTIFICATE_REFUSED":
            return _asking(request, kind, filled, status=said.status, why=reasons(request, kind, said.errors))
        return _asking(request, kind, filled, said.title, said.status, _places(request, said))
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
    asked: dict[str, Any] = {"shown": _chosen(request)}
    asked |= {name: _number(said) for name in ("days", "max_views") if (said := typed(request, name))}
    try:
        as_person(request, "POST", f"certificates/{number}/shares", asked)
    except Said as said:
        return _shown(request, number, said.title, said.status, _places(request, said))
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
    reason = typed(request, "reason", _LONGEST_REASON)
    if not reason:
        return _revoking(request, number, text("mine.reason_missing", language_of(request)), 422)
    as_person(request, "POST", f"certificates/{number}:revoke", {"reason": reason})
    return RedirectResponse(f"{_LIST}/{number}", 303)


def _asking(
    request: Request,
    code: str,
    filled: Mapping[str, str],
    problem: str = "",
    status: int = 200,
    faults: Mapping[str, str] = _NOTHING,
    why: Sequence[Reason] = (),
) -> Response:
    """Return the form for a kind.

    Args:
        request: that asked for it.
        code: of the kind.
        filled: what was chosen before.
        problem: why nothing came of it.
        status: of HTTP.
        faults: field → what of it cannot be taken.
        why: why the service refused it; empty: as it would now.
    """
    kind = next((one for one in _kinds(request) if one["code"] == code), None)
    if kind is None:
        raise not_found()
    return page(
        request,
        "mine_certificate_new.html.j2",
        status,
        section="mine",
        kind=kind,
        filled=filled,
        chosen=_chosen(request),
        problem=problem,
        faults=faults,
        reasons=why or kind["reasons"],
    )


def _places(request: Request, said: Said) -> dict[str, str]:
    """Return the fields that the service cannot take, field → in words."""
    names = (error["pointer"].split("/")[1] for error in said.errors if error["pointer"].startswith("/"))
    language = language_of(request)
    return {
        name: text(f"certificate.fault.{name}", language)
        for name in names
        if f"certificate.fault.{name}" in TEXTS
    }


def _number(written: str) -> int:
    """Return a number that was typed; 0, which no field takes, for anything else."""
    return int(written) if written.isascii() and written.isdecimal() and len(written) < 5 else 0


def _shown(
    request: Request,
    number: UUID,
    problem: str = "",
    status: int = 200,
    faults: Mapping[str, str] = _NOTHING,
) -> Response:
    found = as_person(request, "GET", f"certificates/{number}")
    zone = catalog_of(request).campus.time_zone
    told = certificate(request, found)
    shares = [
        {
            "number": one["share_id"],
            "code": one["code"] or "",
            "address": one["verify_address"] or "",
            "shown": labels(request, found["kind"], one["shown"]),
            "is_printed": one["is_printed"],
            "until": moment(datetime.fromisoformat(one["expires_at"]), zone),
            "views": one["views"],
            "most": one["max_views"],
            "withdrawn": bool(one["withdrawn_at"]),
        }
        for one in found["shares"]
    ]
    views = [{"at": told_moment(request, one["at"]), "how": one["how"]} for one in found["views"]]
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
        faults=faults,
        chosen=_chosen(request),
    )


def _revoking(request: Request, number: UUID, problem: str, status: int = 200) -> Response:
    found = as_person(request, "GET", f"certificates/{number}")
    one = certificate(request, found)
    return page(request, "mine_certificate_revoke.html.j2", status, section="mine", one=one, problem=problem)


def _kinds(request: Request) -> list[dict[str, Any]]:
    """Return the kinds that people ask for themselves, each with what stands in the person's way now."""
    return [_kind(request, one) for one in as_person(request, "GET", "certificate-kinds")]


def _kind(request: Request, kind: Mapping[str, Any]) -> dict[str, Any]:
    language = language_of(request)

    def named(one: Mapping[str, Any]) -> dict[str, str]:
        return {"code": one["code"], "name": one[f"name_{language}"]}

    return named(kind) | {
        "unit": unit_name(catalog_of(request), kind["unit"], language),
        "reasons": reasons(request, kind["code"], kind["refused"]),
        "days": kind["validity_days"],
        **{part: [named(one) for one in kind[part]] for part in ("populations", "purposes", "elements")},
    }


def _chosen(request: Request) -> list[str]:
    return [str(one) for one in request.state.form.getlist("shown") if isinstance(one, str)]
