"""Certificates that a post answers for (证明管理): found by number, those whose facts changed, revoked or left.

Who holds the post that a kind of certificate names acts here for a unit without a system of its own. The service
decides by the same post, as the person who has logged in, and shows nothing that a certificate says.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from portal.asking import Said, as_person
from portal.certificate_words import certificate, labels
from portal.drafts import typed
from portal.problems import not_found
from portal.rendering import language_of, page, told_moment
from portal.texts import text

router = APIRouter()
_LONGEST_REASON = 500
_LONGEST_NUMBER = 100


@router.get("/issued", name="issued")
def issued(request: Request) -> Response:
    """The valid certificates whose facts have changed, and the form that finds one by its number."""
    return _list(request)


@router.post("/issued", name="issued_find")
def find(request: Request) -> Response:
    """Find one by the number on its paper, which never stands in an address."""
    number = typed(request, "number", _LONGEST_NUMBER)
    try:
        if not number:
            raise Said(422, "INVALID_PARAMETER", "", "")
        told = as_person(request, "GET", "issued-certificates", number=number)
    except Said as said:
        if said.status not in (404, 422):
            raise
        return _list(request, number, text("issued.none", language_of(request)), said.status)
    return RedirectResponse(f"/issued/{told['certificate_id']}", 303)


@router.get("/issued/{number:uuid}", name="issued_one")
def one(request: Request, number: UUID) -> Response:
    """One certificate: whether it counts, what of it has changed, and what can be done."""
    return _one(request, number)


@router.post("/issued/{number:uuid}/revoke", name="issued_revoke")
def revoke(request: Request, number: UUID) -> Response:
    """Revoke it for good, with a reason that its holder reads."""
    reason = typed(request, "reason", _LONGEST_REASON)
    if not reason:
        return _one(request, number, "revoke")
    as_person(request, "POST", f"issued-certificates/{number}:revoke", {"reason": reason})
    return RedirectResponse(f"/issued/{number}", 303)


@router.post("/issued/{number:uuid}/keep", name="issued_keep")
def keep(request: Request, number: UUID) -> Response:
    """Leave it valid although what it states has changed, with a reason."""
    reason = typed(request, "reason", _LONGEST_REASON)
    if not reason:
        return _one(request, number, "keep")
    ticket = _ticket(request, number)
    if ticket is None:
        raise not_found()
    as_person(request, "POST", f"certificate-tickets/{ticket['ticket_id']}:keep", {"reason": reason})
    return RedirectResponse("/issued", 303)


def _list(request: Request, number: str = "", problem: str = "", status: int = 200) -> Response:
    waiting = [
        {
            "id": one["certificate_id"],
            "number": one["number"],
            "changed": labels(request, one["number"].rsplit("-", 2)[0], one["elements"]),
            "opened": told_moment(request, one["opened_at"]),
            "due_on": one["due_on"],
            "is_overdue": one["due_on"] < str(request.state.entered.edition.on),
        }
        for one in as_person(request, "GET", "certificate-tickets")
    ]
    return page(
        request, "issued.html.j2", status, section="issued", waiting=waiting, number=number, problem=problem
    )


def _one(request: Request, number: UUID, without_reason: str = "") -> Response:
    """Return the page of one certificate; `without_reason` is the form that came without one."""
    found = as_person(request, "GET", f"issued-certificates/{number}")
    return page(
        request,
        "issued_one.html.j2",
        422 if without_reason else 200,
        section="issued",
        one=certificate(request, found),
        elements=labels(request, found["kind"], found["elements"]),
        ticket=_ticket(request, number),
        problem=text("mine.reason_missing", language_of(request)) if without_reason else "",
        without_reason=without_reason,
    )


def _ticket(request: Request, number: UUID) -> Mapping[str, Any] | None:
    """Return the open ticket of a certificate."""
    waiting = as_person(request, "GET", "certificate-tickets")
    return next((one for one in waiting if one["certificate_id"] == str(number)), None)
