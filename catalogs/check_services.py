"""Checks of service items, materials and demands against the registers and the sources of facts."""

from collections.abc import Iterable

from catalogs.derive import GRANTED, NOT_SHARED, proofs_of
from catalogs.faults import Faults, did_you_mean
from catalogs.fields import Fields
from catalogs.model import Catalog, Demand, Material, Proof, ServiceItem
from catalogs.sources import Sources

_AT_ONCE = "即办件"


def tell_service_faults(sources: Sources, faults: Faults) -> None:
    """Check every service item, material and demand."""
    catalog = sources.catalog
    for item, own in sources.services:
        _tell_item(catalog, item, own)
        if sources.powers is not None:
            power = own.text("power")
            _unknown(own, "S01", "power", "power", power, sources.powers, "a code of powers.yaml")
    for material, own in sources.materials:
        _tell_proofs(catalog, material, material.facts, "facts", own)
    for demand, own in sources.demands:
        _tell_demand(catalog, demand, own)


def _unknown(
    own: Fields, rule: str, key: str, what: str, word: str, known: Iterable[str], register: str
) -> bool:
    words = list(known)
    if not word or word in words:
        return False
    own.fault(rule, key, f'unknown {what} "{word}"', expected=register, mend=did_you_mean(word, words))
    return True


def _tell_item(catalog: Catalog, item: ServiceItem, own: Fields) -> None:
    for key, codes in (("leadUnit", (item.lead_unit,)), ("jointUnits", item.joint_units)):
        for code in codes:
            _unknown(own, "S01", key, "unit", code, catalog.units, "a code of units.csv")
    _tell_form(catalog, item, own)
    _tell_uses(catalog, item, own)
    _tell_guide(item, own)
    _tell_steps(catalog, item, own)


def _tell_form(catalog: Catalog, item: ServiceItem, own: Fields) -> None:
    rows = own.rows("form", f"{own.place} form")
    for field, row in zip(item.form, rows, strict=True):
        if not field.element:
            continue
        _unknown(row, "S01", "element", "element", field.element, catalog.elements, "a code of elements.csv")
        if not field.editable and not catalog.sources_of(field.element):
            row.fault(
                "S06",
                "element",
                f'field "{field.field}" cannot be edited, and element "{field.element}" has no source',
            )


def _tell_uses(catalog: Catalog, item: ServiceItem, own: Fields) -> None:
    rows = own.rows("materials", f"{own.place} materials")
    for use, row in zip(item.materials, rows, strict=True):
        known = catalog.materials
        if not _unknown(row, "S01", "material", "material", use.material, known, "a code of materials.yaml"):
            _tell_proofs(catalog, known[use.material], use.proves, "proves", row)


def _tell_proofs(
    catalog: Catalog, material: Material, proofs: Iterable[Proof], key: str, row: Fields
) -> None:
    """Tell proved elements that are unknown, or have no source while the material names no gap."""
    for proof in proofs:
        if _unknown(row, "S01", key, "element", proof.element, catalog.elements, "a code of elements.csv"):
            continue
        _tell_words(catalog, proof, key, row)
        if material.gap:
            continue
        sources = catalog.sources_of(proof.element)
        if not sources:
            row.fault("S02", key, f'"{material.code}" proves "{proof.element}", which has no source')
        elif all(catalog.resources[s.resource].item(s.item).share_type == NOT_SHARED for s in sources):
            row.fault(
                "S02",
                key,
                f'"{material.code}" proves "{proof.element}", which is not shared',
                mend='set gap: "不予共享", or have the share type decided anew',
            )


def _tell_words(catalog: Catalog, proof: Proof, key: str, row: Fields) -> None:
    """Tell words of a predicate that are neither name nor code in the table of a coded element."""
    name, _, arguments = proof.predicate.partition(":")
    element = catalog.elements.get(proof.element)
    table = catalog.codes.get(element.code_table) if element else None
    if table is None or name not in ("in", "eq"):
        return
    for word in arguments.split(",") if name == "in" else [arguments]:
        if word.strip() not in table.rows and word.strip() not in table.codes_by_name:
            row.fault(
                "S03",
                key,
                f'predicate "{proof.predicate}" of element "{proof.element}" names "{word.strip()}"',
                expected=f"a name or code of {table.name}",
                mend=did_you_mean(word.strip(), [*table.codes_by_name, *table.rows]),
            )


def _tell_guide(item: ServiceItem, own: Fields) -> None:
    value = item.promised_limit.get("value")
    if item.case_type == _AT_ONCE and value not in (0, None):
        own.fault("S04", "promisedLimit", f"{_AT_ONCE} promises {value}", expected="promisedLimit value 0")
    if item.online_depth == "IV" and item.visits:
        own.fault("S04", "visits", f"online depth IV and {item.visits} visits", expected="visits 0")
    if item.visits and not item.visit_reason:
        own.fault("S04", "visits", f"{item.visits} visits without reason", expected="visitReason")


def _tell_steps(catalog: Catalog, item: ServiceItem, own: Fields) -> None:
    if not item.steps:
        own.fault("S05", "steps", "no steps")
    involved = {item.lead_unit, *item.joint_units}
    seen: set[int] = set()
    for step, row in zip(item.steps, own.rows("steps", f"{own.place} steps"), strict=True):
        if step.seq in seen:
            row.fault("S05", "seq", f"step {step.seq} stands twice", expected="each number once")
        seen.add(step.seq)
        unknown = _unknown(row, "S01", "unit", "unit", step.unit, catalog.units, "a code of units.csv")
        if step.unit and not unknown and step.unit not in involved:
            row.fault(
                "S05",
                "unit",
                f'unit "{step.unit}" of step {step.seq} takes no part in the item',
                expected="leadUnit or one of jointUnits",
                mend="add the unit to jointUnits",
            )


def _tell_demand(catalog: Catalog, demand: Demand, own: Fields) -> None:
    _unknown(own, "D01", "requesterUnit", "unit", demand.requester_unit, catalog.units, "a code of units.csv")
    if demand.purpose_kind == "service_item":
        _unknown(
            own, "D01", "purpose", "service item", demand.purpose, catalog.services, "a code under services/"
        )
    if catalog.campus.clients:
        _unknown(
            own, "D01", "client", "client", demand.client, catalog.campus.clients, "a client of clients.yaml"
        )
    for code in demand.replaces:
        _unknown(own, "D01", "replaces", "material", code, catalog.materials, "a code of materials.yaml")
    unknown = set()
    for code in demand.elements:
        if _unknown(own, "D01", "elements", "element", code, catalog.elements, "a code of elements.csv"):
            unknown.add(code)
    for code in demand.unmasked:
        if code not in demand.elements:
            own.fault("D01", "unmasked", f'"{code}" is not among the elements', expected="one of elements")
    if demand.state != GRANTED:
        return
    _tell_complete(demand, own)
    for code in demand.elements:
        if code not in unknown:
            _tell_granted(catalog, demand, code, own)
    if demand.purpose in catalog.services and demand.purpose_kind == "service_item":
        _tell_unneeded(catalog, demand, own)


def _tell_complete(demand: Demand, own: Fields) -> None:
    wanted = {
        "basis": demand.basis,
        "ground": demand.ground,
        "client": demand.client,
        "validFrom": demand.valid_from,
        "validTo": demand.valid_to,
        "decision.by": demand.decided_by,
        "decision.on": demand.decided_on,
    }
    for key, value in wanted.items():
        if not value:
            own.fault("D02", key.partition(".")[0], f'granted, and "{key}" is missing', expected=f'"{key}"')


def _tell_granted(catalog: Catalog, demand: Demand, code: str, own: Fields) -> None:
    sources = catalog.sources_of(code)
    if not sources:
        own.fault("D04", "elements", f'element "{code}" is granted and has no source')
    elif all(catalog.resources[s.resource].item(s.item).share_type == NOT_SHARED for s in sources):
        own.fault("D03", "elements", f'element "{code}" is granted, and its share type is none')


def _tell_unneeded(catalog: Catalog, demand: Demand, own: Fields) -> None:
    item = catalog.services[demand.purpose]
    needed = {field.element for field in item.form}
    for use in item.materials:
        needed |= {proof.element for proof in proofs_of(catalog, use)}
    for code in demand.elements:
        if code not in needed:
            own.fault(
                "D05", "elements", f'element "{code}" is used by no field and no material of {item.code}'
            )
