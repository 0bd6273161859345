"""What the rights of persons rest on: notices and consent, minors and guardians, declared fields, words of clients."""

from catalogs.client_words import tell_mapping_faults
from catalogs.derive import GRANTED
from catalogs.faults import Faults, did_you_mean
from catalogs.fields import Fields
from catalogs.model import Catalog, Demand, Minors, ServiceItem
from catalogs.notices import CONSENT
from catalogs.sources import Sources

_DATE_TYPES = ("D", "date")
_PERSON = "person"


def tell_right_faults(sources: Sources, faults: Faults) -> None:
    """Check notices, demands that rest on consent, minors, declared fields and the mappings of clients."""
    catalog = sources.catalog
    _tell_notices(sources)
    for demand, own in sources.demands:
        if demand.state == GRANTED:
            _tell_consent(catalog, demand, own)
    for item, own in sources.services:
        _tell_declared(catalog, item, own)
    _tell_minors(sources, faults)
    tell_mapping_faults(sources, faults)


def _tell_notices(sources: Sources) -> None:
    catalog = sources.catalog
    begins: dict[tuple[str, str], str] = {}
    for notice, own in sources.notices:
        for key, codes, known, register in (
            ("elements", notice.elements, catalog.elements, "a code of elements.csv"),
            ("serviceItems", notice.service_items, catalog.services, "a code under services/"),
        ):
            for code in codes:
                if code not in known:
                    mend = did_you_mean(code, known)
                    own.fault("N01", key, f'unknown code "{code}"', expected=register, mend=mend)
        other = begins.setdefault((notice.notice, str(notice.valid_from)), notice.version)
        if other != notice.version:
            own.fault("N02", "validFrom", f'version "{notice.version}" begins with version "{other}"')


def _tell_consent(catalog: Catalog, demand: Demand, own: Fields) -> None:
    if not demand.notice:
        if demand.ground == CONSENT:
            own.fault("D11", "ground", "granted on consent, and no notice is named", expected='"notice"')
        return
    versions = catalog.notices.get(demand.notice)
    if versions is None:
        mend = did_you_mean(demand.notice, catalog.notices)
        what = f'unknown notice "{demand.notice}"'
        own.fault("D11", "notice", what, expected="a notice of notices.yaml", mend=mend)
        return
    newest = versions[0]
    if demand.purpose_kind != "service_item":
        own.fault("D11", "notice", "a task has nobody who could be asked for consent")
    elif demand.purpose not in newest.service_items:
        own.fault("D11", "notice", f'notice "{newest.notice}" is not for {demand.purpose}')
    told = set(demand.elements) & set(newest.elements)
    missing = [code for code in demand.elements if code not in told] if demand.ground == CONSENT else []
    if missing or not told:
        what = f'notice "{newest.notice}" does not list {", ".join(missing or demand.elements)}'
        own.fault("D11", "notice", what)


def _tell_declared(catalog: Catalog, item: ServiceItem, own: Fields) -> None:
    for field, row in zip(item.form, own.rows("form", f"{own.place} form"), strict=True):
        if not field.is_declared:
            continue
        element = catalog.elements.get(field.element)
        if not field.element or not field.editable:
            row.fault("S26", "declared", f'field "{field.field}" has no element, or cannot be edited')
        elif element and element.subject_type != _PERSON:
            row.fault("S26", "element", f'element "{field.element}" is not about persons')


def _tell_minors(sources: Sources, faults: Faults) -> None:
    catalog, minors = sources.catalog, sources.catalog.campus.minors
    if minors is None:
        for code, population in catalog.populations.items():
            if population.may_be_minors:
                file, line = sources.register.line("population", code)
                what = f'population "{code}" may hold minors, and campus.yaml names no birth date'
                faults.add("R07", file, line, what)
        return
    for what in (*_birth_date_faults(catalog, minors), *_guardian_faults(catalog, minors)):
        faults.add("R07", "campus.yaml", _line_of_minors(catalog), what)


def _birth_date_faults(catalog: Catalog, minors: Minors) -> list[str]:
    element = catalog.elements.get(minors.birth_date)
    if element is None:
        return [f'minors.birthDate: unknown element "{minors.birth_date}"']
    stored = [one for one in catalog.sources_of(element.code) if not catalog.is_asked(one.resource)]
    if element.type not in _DATE_TYPES or not stored:
        return [f'minors.birthDate: element "{element.code}" is no date, or has no stored source']
    return []


def _guardian_faults(catalog: Catalog, minors: Minors) -> list[str]:
    given = minors.guardians
    if given is None:
        return []
    resource = catalog.resources.get(given.resource)
    if resource is None:
        return [f'minors.guardians: unknown resource "{given.resource}"']
    if resource.subject is None or resource.subject.type != _PERSON or catalog.is_asked(resource.name):
        return [f'minors.guardians: resource "{given.resource}" is not about persons, or not stored']
    if not resource.has_item(given.item):
        return [f'minors.guardians: {given.resource} has no item "{given.item}"']
    return []


def _line_of_minors(catalog: Catalog) -> int:
    """Return the line of campus.yaml at which `minors` stands."""
    lines = catalog.files.get("campus.yaml", b"").decode("utf-8", "replace").splitlines()
    return next((number for number, line in enumerate(lines, 1) if line.startswith("minors")), 1)
