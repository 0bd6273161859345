"""Prefill: a service item's form filled from facts, and for each of its materials whether it is still needed.

A material is `satisfied` only if every fact that it proves is granted, available now and true; anything less is
`still_required`, with the reason for each fact. A stale fact fills a field, and says so, but spares no paper.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from catalogs.derive import MaterialVerdict, material_verdicts
from catalogs.model import Catalog, Grant, ServiceItem
from service.facts import Fact
from service.predicates import holds

FILLED = ("available", "stale")


def elements_of(catalog: Catalog, item: ServiceItem, grants: Sequence[Grant]) -> list[str]:
    """Return the elements that a prefill reads: those of form and materials, as far as they are granted."""
    asked = [field.element for field in item.form if field.element]
    asked += [fact.element for verdict in material_verdicts(catalog, item.code) for fact in verdict.facts]
    granted = {grant.element for grant in grants}
    return [element for element in dict.fromkeys(asked) if element in granted]


def answer(catalog: Catalog, item: ServiceItem, client: str, facts: Mapping[str, Fact], today: date) -> dict[str, Any]:
    """Return the filled form and the verdict on each material."""
    fields = []
    for field in item.form:
        fact = facts.get(field.element)
        entry: dict[str, Any] = {"field": field.field, "name_zh": field.name_zh, "element": field.element or None}
        if not field.element:
            entry |= {"status": "applicant", "editable": True}
        elif fact is None:
            entry |= {"status": "not_permitted", "editable": True}
        else:
            entry |= fact.as_dict() | {"editable": field.editable or fact.status not in FILLED}
        fields.append(entry)
    verdicts = material_verdicts(catalog, item.code, client, today)
    materials = [_material(catalog, verdict, facts, today) for verdict in verdicts]
    needed = [entry for entry in fields if entry["element"]]
    return {
        "service_item": item.code,
        "name_zh": item.name_zh,
        "fields": fields,
        "materials": materials,
        "complete": all(entry["status"] == "available" for entry in needed),
    }


def _material(catalog: Catalog, verdict: MaterialVerdict, facts: Mapping[str, Fact], today: date) -> dict[str, Any]:
    reasons = list(verdict.blocked)
    proven = []
    for proof in verdict.facts:
        fact = facts.get(proof.element)
        if fact is None:
            continue
        table = catalog.codes.get(catalog.elements[proof.element].code_table)
        if fact.status != "available":
            reasons.append(f"{proof.element}:{fact.status}")
        elif not holds(proof.predicate, fact.raw, fact.code, table, today):
            reasons.append(f"{proof.element}:not_so")
        else:
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
    outcome = verdict.outcome if not reasons else "still_required"
    if outcome == "satisfied" and len(proven) < len(verdict.facts):
        outcome = "still_required"
    return {
        "material": verdict.material,
        "name_zh": verdict.name_zh,
        "outcome": outcome,
        "facts": proven,
        "reasons": list(dict.fromkeys(reasons)),
    }
