"""Prefill: a service item's form filled from facts, and for each of its materials whether it is still needed.

A material is `satisfied` only if every fact that it proves is granted, verified now and true; anything less is
`still_required`, with the reason for each fact. A stale fact fills a field, and says so, but spares no paper. Where
only the right to read the facts is lacking, and the person may have them certified, the answer is `certificate`.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

from catalogs.derive import CERTIFICATE, STILL_REQUIRED, MaterialVerdict, material_verdicts
from catalogs.model import Catalog, FormField, Grant, ServiceItem
from catalogs.model_certificates import SELF
from service.consents import Needed
from service.declared import ABSENT
from service.predicates import holds
from service.reading import Versioned
from service.telling import Fact

# Why a fact cannot be read here although the person may have it certified.
_NO_RIGHT = ("not_granted", "not_shared", "original_required")
FILLED = ("available", "stale", "in_dispute")


def elements_of(catalog: Catalog, item: ServiceItem, grants: Sequence[Grant]) -> list[str]:
    """Return the elements that a prefill reads: those of form and materials, as far as they are granted."""
    asked = [field.element for field in item.form if field.element]
    asked += [fact.element for verdict in _verdicts(Versioned(catalog), item.code) for fact in verdict.facts]
    granted = {grant.element for grant in grants}
    return [element for element in dict.fromkeys(asked) if element in granted]


def answer(
    catalog: Catalog,
    item: ServiceItem,
    client: str,
    facts: Mapping[str, Fact],
    today: date,
    unconsented: Needed,
    own: Mapping[str, Fact],
) -> dict[str, Any]:
    """Return the filled form and the verdict on each material.

    Args:
        catalog: the catalog of the release.
        item: the service item.
        client: whose grants count.
        facts: what was read, by element; an element of the form that is not there was not granted.
        today: the campus's day.
        unconsented: elements that are granted and lack a consent, and the notice to consent to.
        own: what the person has declared before; it fills fields that no source fills, and proves nothing.
    """
    fields = [_field(field, facts, unconsented, own) for field in item.form]
    materials = [
        _material(catalog, verdict, facts, today, unconsented)
        for verdict in _verdicts(Versioned(catalog), item.code, client, today)
    ]
    return {
        "service_item": item.code,
        "name_zh": item.name_zh,
        "fields": fields,
        "materials": materials,
        "complete": all(entry["status"] == "available" for entry in fields if entry["element"]),
    }


@lru_cache(maxsize=1024)
def _verdicts(
    versioned: Versioned, service_item: str, client: str | None = None, today: date | None = None
) -> tuple[MaterialVerdict, ...]:
    """Return what each material comes to by the catalog alone: the same for everybody who asks on one day."""
    return material_verdicts(versioned.catalog, service_item, client, today)


def _field(
    field: FormField, facts: Mapping[str, Fact], unconsented: Needed, own: Mapping[str, Fact]
) -> dict[str, Any]:
    element = field.element
    entry: dict[str, Any] = {"field": field.field, "name_zh": field.name_zh, "element": element or None}
    fact = facts.get(element)
    if not element:
        return entry | {"status": "applicant", "editable": True}
    if element in unconsented:
        notice = unconsented[element]
        reason = {"reason": "consent_required", "notice": notice.notice if notice else None}
        return entry | {"status": "not_permitted", "editable": True} | reason
    if fact is None:
        return entry | {"status": "not_permitted", "editable": True}
    if field.is_declared and fact.status in ABSENT:
        said = own[element].as_dict() if element in own else {"status": "applicant"}
        return entry | said | {"editable": True}
    return entry | fact.as_dict() | {"editable": field.editable or fact.status not in FILLED}


def _material(
    catalog: Catalog,
    verdict: MaterialVerdict,
    facts: Mapping[str, Fact],
    today: date,
    unconsented: Needed,
) -> dict[str, Any]:
    reasons = list(verdict.blocked) if verdict.outcome == STILL_REQUIRED else []
    proven = []
    for proof in verdict.facts:
        fact = facts.get(proof.element)
        if fact is None:
            if not proof.blocked:
                lacking = "consent_required" if proof.element in unconsented else "not_read"
                reasons.append(f"{proof.element}:{lacking}")
            continue
        reason = _falls_short(catalog, proof.element, proof.predicate, fact, today)
        if reason:
            reasons.append(f"{proof.element}:{reason}")
            continue
        verification = fact.public["verification"]
        proven.append(
            {
                "element": proof.element,
                "name_zh": catalog.elements[proof.element].name_zh,
                "predicate": proof.predicate,
                "verifier": verification["verifier"],
                "time": verification["time"],
            }
        )
    told = {
        "material": verdict.material,
        "name_zh": verdict.name_zh,
        "necessity": verdict.necessity,
        "outcome": STILL_REQUIRED if reasons else verdict.outcome,
        "facts": proven,
        "reasons": list(dict.fromkeys(reasons)),
    }
    kinds = _certificates(catalog, verdict, reasons)
    return told | {"outcome": CERTIFICATE, "certificates": kinds} if kinds else told


def _certificates(catalog: Catalog, verdict: MaterialVerdict, reasons: Sequence[str]) -> list[str]:
    """Return the kinds of certificates that the person may ask for in place of a material.

    None where anything but a right is lacking: what is stale or not so would not be certified either.
    """
    is_certifiable = verdict.outcome == CERTIFICATE and not reasons
    if not is_certifiable and (
        not reasons or any(one.rpartition(":")[2] not in _NO_RIGHT for one in reasons)
    ):
        return []
    wanted = {fact.element for fact in verdict.facts}
    return [
        kind.code
        for kind in catalog.certificates.values()
        if verdict.material in kind.materials and SELF in kind.asked_by and wanted <= set(kind.elements)
    ]


def _falls_short(catalog: Catalog, element: str, predicate: str, fact: Fact, today: date) -> str:
    """Return why a fact does not prove what the material proves; empty if it does."""
    if fact.status != "available":
        return fact.status
    if not fact.is_verified:
        return str(fact.public["verification"]["unmet"])
    table = catalog.codes.get(fact.public["code_system"] or "")
    return "" if holds(predicate, fact.raw, fact.code, table, today) else "not_so"
