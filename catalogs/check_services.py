"""Checks of service items and materials against the registers and the sources of facts."""

from collections.abc import Collection, Iterable

from catalogs.check_resources import unsaid_ending
from catalogs.derive import NOT_SHARED
from catalogs.faults import Faults, did_you_mean
from catalogs.fields import Fields
from catalogs.model import Catalog, Material, Proof, ServiceItem
from catalogs.sources import Sources


def tell_service_faults(sources: Sources, faults: Faults) -> None:
    """Check every service item and material."""
    catalog = sources.catalog
    for item, own in sources.services:
        _tell_item(catalog, item, own)
        if sources.powers is not None:
            _unknown(own, "S01", "power", "power", item.power, catalog.powers, "a code of powers.yaml")
    for material, own in sources.materials:
        _tell_proofs(catalog, material, material.facts, "facts", own)
    _tell_doubles(sources)


def _unknown(
    own: Fields, rule: str, key: str, what: str, word: str, known: Collection[str], register: str
) -> bool:
    if not word or word in known:
        return False
    own.fault(rule, key, f'unknown {what} "{word}"', expected=register, mend=did_you_mean(word, known))
    return True


def _tell_item(catalog: Catalog, item: ServiceItem, own: Fields) -> None:
    for key, codes in (("leadUnit", (item.lead_unit,)), ("jointUnits", item.joint_units)):
        for code in codes:
            _unknown(own, "S01", key, "unit", code, catalog.units, "a code of units.csv")
    _tell_form(catalog, item, own)
    _tell_uses(catalog, item, own)
    for proof in item.claims:
        if not _unknown(
            own, "S01", "claims", "element", proof.element, catalog.elements, "a code of elements.csv"
        ):
            _tell_words(catalog, proof, "claims", own)
    _tell_preconditions(catalog, own)
    if unsaid := unsaid_ending(item):
        own.fault("C34", "deprecatedOn" if item.deprecated_on else "status", unsaid)
    _unknown(
        own, "S01", "mainItem", "service item", item.main_item, catalog.services, "a code under services/"
    )
    _unknown(
        own, "S01", "outsideAuthority", "unit", item.outside_authority, catalog.units, "a code of units.csv"
    )


def _tell_doubles(sources: Sources) -> None:
    """A task code (实施编码) is one item's."""
    seen: dict[str, str] = {}
    for item, own in sources.services:
        first = seen.setdefault(item.task_code, item.code)
        if item.task_code and first != item.code:
            own.fault(
                "V04",
                "taskCode",
                f'taskCode "{item.task_code}" is already that of {first}',
                expected="each once",
            )


def _tell_preconditions(catalog: Catalog, own: Fields) -> None:
    for row in own.rows("preconditions", f"{own.place} preconditions"):
        row.only(("nameZh", "element", "predicate", "serviceItem", "note"))
        _unknown(
            row, "S01", "element", "element", row.text("element"), catalog.elements, "a code of elements.csv"
        )
        code = row.text("serviceItem")
        _unknown(row, "S01", "serviceItem", "service item", code, catalog.services, "a code under services/")


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
