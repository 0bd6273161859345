"""Certificates in the reader's words, for whoever they are about and for the post that answers for them.

What the service tells by codes is named here by the catalog: kinds, elements, purposes, and why one is refused.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from catalogs.model import Catalog
from catalogs.views import unit_name
from portal.entry import Entered
from portal.rendering import language_of, told_moment
from portal.texts import TEXTS, text

_STANDING_SIGNS = {"valid": "✓", "revoked": "✕", "expired": "–"}
_ELEMENT = "/elements/"
# Reasons that the person may do something about by saying that the value is wrong.
_CORRECTABLE = frozenset(("stale", "conflict", "not_found", "not_so"))


@dataclass(frozen=True)
class Reason:
    """Why a certificate is refused: what of it, why, and what to do; `page`: where that is done, if here."""

    what: str
    why: str
    mend: str
    page: str = ""


def certificate(request: Request, one: Mapping[str, Any]) -> dict[str, Any]:
    """Return a certificate, as the service tells it, in the reader's words."""
    catalog, language = catalog_of(request), language_of(request)
    kind = catalog.certificates.get(one["kind"])
    purposes = {each.code: each for each in kind.purposes} if kind else {}
    purpose = purposes.get(one["purpose"])
    today = str(request.state.entered.edition.on)
    standing = "revoked" if one["revoked_at"] else "expired" if one["valid_until"] < today else "valid"
    expected = told_moment(request, one["expected_at"])
    return {
        "id": one["certificate_id"],
        "number": one["number"],
        "name": _named(kind, language) if kind else one["kind"],
        "unit": unit_name(catalog, one["unit"], language),
        "purpose": _named(purpose, language) if purpose else one["purpose"],
        "issued": told_moment(request, one["issued_at"]),
        "valid_until": one["valid_until"],
        "standing": standing,
        "sign": _STANDING_SIGNS[standing],
        "state": one["state"],
        "ahead": one["ahead"] or 0,
        "expected": expected.at if expected else "",
        "revoked": told_moment(request, one["revoked_at"]),
        "reason": one["revoke_reason"] or "",
        "changed": labels(request, one["kind"], one["changed"]),
    }


def label_of(request: Request, code: str, element: str) -> str:
    """Return what a kind of certificate calls an element."""
    catalog, language = catalog_of(request), language_of(request)
    kind = catalog.certificates.get(code)
    for one in kind.stated if kind else ():
        if one.element == element:
            return one.label_zh if language == "zh" else one.label_en
    known = catalog.elements.get(element)
    return _named(known, language) if known else element


def labels(request: Request, code: str, elements: Iterable[str]) -> str:
    """Return what a kind of certificate calls several elements, as a list in the reader's language."""
    return text("listed", language_of(request)).join(label_of(request, code, one) for one in elements)


def reasons(request: Request, code: str, errors: Iterable[Mapping[str, str]]) -> list[Reason]:
    """Return what stands in the way of a certificate, each with what to do; `errors` as the service refuses it."""
    catalog, language = catalog_of(request), language_of(request)
    kind = catalog.certificates.get(code)
    if kind is None:
        return []
    found = []
    for error in errors:
        why = error["code"] if f"certificate.why.{error['code']}" in TEXTS else "unverified"
        element = error["pointer"].removeprefix(_ELEMENT) if error["pointer"].startswith(_ELEMENT) else ""
        what, unit, page = "", kind.unit, ""
        if element:
            what = label_of(request, code, element)
            sources = catalog.sources_of(element)
            unit = catalog.resources[sources[0].resource].provider if sources else unit
            page = "/mine/corrections" if why == "in_dispute" else ""
            page = f"/mine/correct/{element}" if why in _CORRECTABLE else page
        told = {
            "unit": unit_name(catalog, unit, language),
            "populations": text("listed", language).join(
                _named(catalog.populations[one], language) for one in kind.populations
            ),
        }
        mend = text(f"certificate.mend.{why}", language, **told)
        found.append(Reason(what, text(f"certificate.why.{why}", language, **told), mend, page))
    return found


def catalog_of(request: Request) -> Catalog:
    """Return the catalog that the page shows."""
    entered: Entered = request.state.entered
    return entered.edition.catalog


def _named(one: Any, language: str) -> str:
    return str(one.name_zh if language == "zh" else one.name_en or one.name_zh)
