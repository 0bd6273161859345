"""Kinds of certificates (certificates/*.yaml), as written by people, and their check.

A unit adds a kind without Python: which elements it states, under which labels, the sentence in both languages, for
what it may be asked and how long it may be valid. What was decided:
- A sentence holds elements in braces, no code and no format, and only elements that are always there.
- It states what the person may see in the capacity it is for, from one value; nothing that is a list.
- Sensitive values are printed masked, unless the kind says on what basis they are not.
"""

import re
from collections.abc import Iterator

from catalogs.faults import Faults, did_you_mean
from catalogs.fields import Fields
from catalogs.lined_yaml import plain
from catalogs.model import Catalog, FactSource
from catalogs.model_certificates import (
    ASKED_BY,
    LONGEST_DAYS,
    SHORTEST_DAYS,
    CertificateKind,
    CertificatePurpose,
    Layout,
    Stated,
    placeholders,
)
from catalogs.posts import units_of_post
from catalogs.registers import Register
from catalogs.services import claim, entries, tell_predicate
from catalogs.sources import Sources
from catalogs.words import SENSITIVE_CLASSES

CERTIFICATE_KEYS = (
    "certificate", "nameZh", "nameEn", "unit", "post", "populations", "askedBy", "textZh", "textEn", "elements",
    "purposes", "validityDays", "maxAgeDays", "materials", "layout", "note",
)  # fmt: skip
STATED_KEYS = ("element", "labelZh", "labelEn", "must", "masked", "optional", "disclosable", "basis", "note")
LAYOUT_KEYS = ("accent", "statementFirst", "closingZh", "closingEn", "notes")
_COLOUR = re.compile(r"#[0-9a-f]{6}\Z")
_PERSON = "person"
_VIEWS = ("full", "masked")


def read_certificates(
    content: bytes, file: str, faults: Faults, register: Register
) -> list[tuple[CertificateKind, Fields]]:
    """Read the kinds of certificates of one file, each with the fields it was read from."""
    kinds = []
    for entry in entries(content, file, "certificates", "certificate", faults):
        code = claim(entry, "certificate", "certificate", register)
        if code:
            own = Fields(entry.data, file, f'certificate "{code}"', faults, entry.line)
            own.only(CERTIFICATE_KEYS)
            kinds.append((_kind(code, own), own))
    return kinds


def _kind(code: str, own: Fields) -> CertificateKind:
    purposes = []
    for row in own.rows("purposes", f"{own.place} purposes", required=True):
        row.only(("code", "nameZh", "nameEn"))
        purposes.append(
            CertificatePurpose(
                row.code("code"), row.text("nameZh", required=True), row.text("nameEn", required=True)
            )
        )
    asked_by = own.words("askedBy", required=True)
    for word in asked_by:
        own.among("askedBy", word, ASKED_BY, "")
    return CertificateKind(
        code=code,
        name_zh=own.text("nameZh", required=True),
        name_en=own.text("nameEn", required=True),
        unit=own.text("unit", required=True),
        post=own.text("post", required=True),
        populations=own.words("populations", required=True),
        asked_by=asked_by,
        text_zh=own.text("textZh", required=True),
        text_en=own.text("textEn", required=True),
        stated=tuple(_stated(row) for row in own.rows("elements", f"{own.place} elements", required=True)),
        purposes=tuple(purposes),
        validity_days=_days(own),
        max_age_days=own.whole("maxAgeDays"),
        materials=own.words("materials"),
        layout=_layout(own.inner("layout")),
        raw=plain(own.data),
    )


def _stated(row: Fields) -> Stated:
    row.only(STATED_KEYS)
    must = row.text("must", default="is_known")
    tell_predicate(row, "must", must)
    return Stated(
        element=row.text("element", required=True),
        label_zh=row.text("labelZh", required=True),
        label_en=row.text("labelEn", required=True),
        must=must,
        masked=row.flag("masked"),
        optional=row.flag("optional"),
        disclosable=row.flag("disclosable", True),
        basis=row.text("basis"),
    )


def _layout(own: Fields | None) -> Layout:
    if own is None:
        return Layout()
    own.only(LAYOUT_KEYS)
    accent = own.text("accent")
    if accent and not _COLOUR.match(accent):
        own.fault("V03", "accent", f'"accent" is "{accent}"', expected='a colour like "#8a1c1c"')
    notes = []
    for row in own.rows("notes", f"{own.place} notes"):
        row.only(("textZh", "textEn"))
        notes.append((row.text("textZh", required=True), row.text("textEn", required=True)))
    return Layout(
        accent=accent,
        statement_first=own.flag("statementFirst", True),
        closing_zh=own.text("closingZh", required="closingEn" in own.data),
        closing_en=own.text("closingEn", required="closingZh" in own.data),
        notes=tuple(notes),
    )


def _days(own: Fields) -> tuple[int, ...]:
    given = own.data.get("validityDays")
    if isinstance(given, list) and given and all(isinstance(day, int) and day is not True for day in given):
        return tuple(given)
    own.fault(
        "V03", "validityDays", '"validityDays" is no list of days', expected="a list like [30, 90, 180]"
    )
    return ()


def tell_certificate_faults(sources: Sources) -> None:
    """Check that kinds of certificates refer to what there is (K01) and keep the rules of the module (K02–K05)."""
    catalog = sources.catalog
    for kind, own in sources.certificates:
        _tell_unknown(catalog, kind, own)
        for key, text in (("textZh", kind.text_zh), ("textEn", kind.text_en)):
            for what in _text_faults(kind, text):
                own.fault("K02", key, what)
        for one in kind.stated:
            for rule, what in _stated_faults(catalog, kind, one):
                own.fault(rule, "elements", what)
        days = kind.validity_days
        if any(not SHORTEST_DAYS <= day <= LONGEST_DAYS for day in days):
            own.fault("K05", "validityDays", f"validityDays are {', '.join(map(str, days))}")


def _tell_unknown(catalog: Catalog, kind: CertificateKind, own: Fields) -> None:
    if kind.unit not in catalog.units:
        mend = did_you_mean(kind.unit, catalog.units)
        own.fault("K01", "unit", f'unknown unit "{kind.unit}"', mend=mend)
    elif kind.unit not in units_of_post(catalog, kind.post):
        own.fault("K01", "post", f'unit "{kind.unit}" names no post "{kind.post}"')
    for key, codes, known in (
        ("populations", kind.populations, catalog.populations),
        ("materials", kind.materials, catalog.materials),
        ("elements", kind.elements, catalog.elements),
    ):
        for code in codes:
            if code not in known:
                own.fault("K01", key, f'unknown code "{code}"', mend=did_you_mean(code, known))
    if len(set(kind.elements)) < len(kind.elements):
        own.fault("V04", "elements", "an element stands twice", expected="each once")


def _text_faults(kind: CertificateKind, text: str) -> Iterator[str]:
    try:
        named = placeholders(text)
    except ValueError as error:
        yield str(error)
        return
    certain = {one.element for one in kind.stated if not one.optional}
    for name in named:
        if name not in certain:
            yield f"{{{name}}} is no element that it always states"


def _stated_faults(catalog: Catalog, kind: CertificateKind, one: Stated) -> Iterator[tuple[str, str]]:
    element = catalog.elements.get(one.element)
    if element is None:
        return
    if element.pi_class in SENSITIVE_CLASSES and not one.masked and not one.basis:
        yield "K04", f'"{one.element}" is sensitive, printed whole, and no basis is named'
    if one.masked and not element.mask:
        yield "K04", f'"{one.element}" has no mask to be printed by'
    for population in kind.populations:
        known = catalog.populations.get(population)
        if known is None:
            continue
        if known.register not in catalog.resources:
            yield "K03", f'nobody keeps a register of "{population}"'
        found = [s for s in catalog.sources_of(one.element) if _speaks_for(catalog, s, population)]
        if not found:
            yield "K03", f'no stored source has "{one.element}" of "{population}"'
        for source in found:
            item = catalog.resources[source.resource].item(source.item)
            if source.many:
                yield "K03", f'"{one.element}" of "{population}" is a list'
            if item.subject_view not in _VIEWS or (item.subject_view == "masked" and not one.masked):
                yield "K03", f'"{one.element}" of "{population}": the person does not see it whole'


def _speaks_for(catalog: Catalog, source: FactSource, population: str) -> bool:
    if catalog.is_asked(source.resource) or source.subject_type != _PERSON:
        return False
    return not source.populations or population in source.populations
