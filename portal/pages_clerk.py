"""A case at a window: which papers the applicant is spared and why, and the form, filled, to print.

Everything is asked of the service for that case with the clerk's authority, shown and forgotten. The number of the
case is typed into a form and never stands in an address. A proof that the clerk has seen is digested here and dropped:
the unit keeps it, the service keeps its digest.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.datastructures import UploadFile

from catalogs import word_forms
from catalogs.model import Catalog
from catalogs.views import unit_name
from catalogs.word_forms import WordFormError
from portal.asking import Said, asking
from portal.downloads import download
from portal.entry import Entered
from portal.filled_form import DECLARED, printed, value_of, verification_note
from portal.problems import not_found
from portal.rendering import language_of, moment, page
from portal.texts import TEXTS, text
from portal.wall import LARGER

router = APIRouter()
_LONGEST = 64
_OUTCOMES = {"satisfied": "✓", "certificate": "✓", "still_required": "!"}
_DIGEST = re.compile(r"[0-9a-f]{64}")


@router.get("/window", name="window")
def window(request: Request) -> Response:
    """Ask for the number of a case."""
    return page(request, "window.html.j2", section="window", number="", problem="")


@router.post("/window", name="window_case")
def case(request: Request) -> Response:
    """What the applicant of a case is spared, and the filled form."""
    return _case(request, _number(request))


@router.post("/window/confirm", name="window_confirm")
def confirm(request: Request) -> Response:
    """Take the clerk's word that they have seen the proof of what the applicant had typed."""
    number, language = _number(request), language_of(request)
    entered: Entered = request.state.entered
    digest, fault_of = _proof(request)
    declared_id = request.state.form.get("declared_id")
    if not isinstance(declared_id, str) or not declared_id:
        return _case(request, number, 422, fault="which", fault_of="which")
    if not digest:
        return _case(request, number, 422, fault=f"no_{fault_of}", fault_of=fault_of)
    sent = {
        "case": number,
        "clerk": entered.viewer.person,
        "declared_id": declared_id,
        "evidence_digest": digest,
    }
    try:
        told = asking(request).as_portal("POST", "/v1/window:confirm", sent, language)
    except Said as said:
        if said.code == "CASE_NOT_VALID":
            return _refused(request, said, number)
        return _case(request, number, said.status, fault="gone", fault_of="which")
    return _case(request, number, confirmed=told | {"digest": digest})


def _case(
    request: Request,
    number: str,
    status: int = 200,
    fault: str = "",
    fault_of: str = "",
    confirmed: Mapping[str, Any] | None = None,
) -> Response:
    """Return the page of a case.

    Args:
        request: of the clerk.
        number: of the case, as typed.
        status: of HTTP.
        fault: of a confirmation, as its text is named.
        fault_of: the field that it is about.
        confirmed: what the service says of a confirmation, with the `digest` of the proof.
    """
    try:
        told = _asked(request, number)
    except Said as said:
        return _refused(request, said, number)
    filled, catalog, language = told["prefill"], _catalog(request), language_of(request)
    materials = [_material(request, one) for one in filled["materials"]]
    fields = [_field(request, one) for one in filled["fields"]]
    done = ""
    if confirmed:
        names = [one["name"] for one in fields if one["element"] == confirmed["element"]]
        done = text(
            "window.confirm.done",
            language,
            field="、".join(names) or confirmed["element"],
            unit=unit_name(catalog, confirmed["verifier"], language),
            digest=confirmed["digest"],
        )
    return page(
        request,
        "window_case.html.j2",
        status,
        section="window",
        number=number,
        title=filled["name_zh"],
        case=told["external_no"] or told["case_id"],
        fields=fields,
        declared=[one for one in fields if one["declared_id"]],
        done=done,
        fault_told=text(f"window.confirm.{fault}", language) if fault else "",
        fault_of=fault_of,
        materials=materials,
        spared=sum(one["is_spared"] for one in materials),
        has_word=word_forms.form_of(catalog, filled["service_item"]) is not None,
        entry=filled["transaction_id"],
        most=LARGER["/window/confirm"] // 2**20,
    )


def _refused(request: Request, said: Said, number: str) -> Response:
    problem = _refusal(said, language_of(request))
    return page(request, "window.html.j2", said.status, section="window", number=number, problem=problem)


def _proof(request: Request) -> tuple[str, str]:
    """Return the digest of the proof, of its scan or as typed, and the field that it came from or is missing in."""
    sent = request.state.form.get("proof")
    if isinstance(sent, UploadFile):
        with sent.file as file:
            content = file.read()
        if content:
            return hashlib.sha256(content).hexdigest(), "proof"
    typed = request.state.form.get("digest")
    typed = typed.strip().lower() if isinstance(typed, str) else ""
    if not typed:
        return "", "proof"
    return (typed if _DIGEST.fullmatch(typed) else ""), "digest"


@router.post("/window/form", name="window_form")
def form(request: Request) -> Response:
    """The filled form of a case: the unit's own in Word, or set from the catalog as PDF."""
    told = _asked(request, _number(request))
    filled = told["prefill"]
    template = word_forms.form_of(_catalog(request), filled["service_item"])
    if request.state.form.get("as") == "pdf":
        return _file(request, told, printed(_catalog(request), told, template is not None), "pdf")
    if template is None:
        raise not_found()
    values = {one["field"]: value_of(one) for one in filled["fields"]}
    try:
        note = verification_note(_catalog(request), told, word_forms.placeholders(template))
        content = word_forms.fill(template, values, note)
    except WordFormError:
        raise not_found() from None
    return _file(request, told, content, "docx")


def _asked(request: Request, number: str) -> Mapping[str, Any]:
    entered: Entered = request.state.entered
    sent = {"case": number, "clerk": entered.viewer.person}
    told: Mapping[str, Any] = asking(request).as_portal(
        "POST", "/v1/window:prefill", sent, language_of(request)
    )
    return told


def _file(request: Request, told: Mapping[str, Any], content: bytes, kind: str) -> Response:
    title = f"{told['prefill']['name_zh']}-{told['external_no'] or told['case_id']}"
    entered: Entered = request.state.entered
    return download(content, kind, title, entered.edition.on)


def _refusal(said: Said, language: str) -> str:
    if said.code in ("CASE_NOT_VALID", "INVALID_PARAMETER"):
        return text("window.refused", language)
    return said.title


def _number(request: Request) -> str:
    value = request.state.form.get("case")
    typed = value.strip()[:_LONGEST] if isinstance(value, str) else ""
    return typed if typed.isprintable() and typed else "-"


def _material(request: Request, one: Mapping[str, Any]) -> dict[str, Any]:
    catalog, language = _catalog(request), language_of(request)
    why = [
        text(
            "window.by",
            language,
            fact=fact["name_zh"],
            unit=unit_name(catalog, fact["verifier"]),
            time=moment(datetime.fromisoformat(fact["time"]), catalog.campus.time_zone)[:10],
        )
        for fact in one["facts"]
    ]
    why += [_reason(catalog, reason, language) for reason in one["reasons"]]
    return {
        "name": one["name_zh"],
        "sign": _OUTCOMES.get(one["outcome"], "!"),
        "outcome": text(f"window.{one['outcome']}", language),
        "is_spared": one["outcome"] in ("satisfied", "certificate"),
        "why": why,
    }


def _reason(catalog: Catalog, reason: str, language: str) -> str:
    code, _, why = reason.partition(":")
    key = f"why.{why}" if f"why.{why}" in TEXTS else "why.blocked"
    if code in catalog.elements:
        return text("window.reason", language, fact=catalog.elements[code].name_zh, why=text(key, language))
    return text("why.blocked", language)


def _field(request: Request, one: Mapping[str, Any]) -> dict[str, Any]:
    catalog = _catalog(request)
    verification = one.get("verification") or {}
    status, level = one["status"], verification.get("level", "")
    is_declared = level == DECLARED
    return {
        "name": one["name_zh"],
        "element": one["element"],
        "value": value_of(one),
        "status": status,
        "unit": unit_name(catalog, verification["verifier"]) if verification and not is_declared else "",
        "level": level,
        "declared_id": verification["evidence"][0]["serial"] if is_declared else "",
        "is_doubtful": status in ("stale", "in_dispute"),
    }


def _catalog(request: Request) -> Catalog:
    entered: Entered = request.state.entered
    return entered.edition.catalog
