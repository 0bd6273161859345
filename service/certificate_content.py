"""What a certificate says: facts of one release in the sentences of its kind, as plain data, or why there is none.

Nothing is certified that is not verified now: a fact that is stale, disputed, missing, in conflict, masked or not so
refuses the whole certificate and is named; its value never is. What a certificate says is kept whole, so that printing
it later needs neither the catalog nor the warehouse.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from catalogs.model import Catalog, CodeTable
from catalogs.model_certificates import CertificateKind, CertificatePurpose, Stated, filled
from certificates.paper import Content, Line, Template, Text
from service import masks
from service.keys import Keys
from service.predicates import holds
from service.problems import Problem
from service.telling import Fact
from service.values import digest

_CHINA = timezone(timedelta(hours=8))
_ABSENT = ("not_found", "not_applicable")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


@dataclass(frozen=True)
class Value:
    """One value as it is printed, in both languages, with who answers for it and since when it is known to hold.

    Attributes:
        digest: of the value itself, to see later whether it is another.
    """

    element: str
    label: Text
    value: Text
    provider: str
    provider_name: Text
    as_of: date
    digest: str


def values_of(
    catalog: Catalog, keys: Keys, kind: CertificateKind, facts: Mapping[str, Fact], today: date
) -> list[Value]:
    """Return what a certificate states, in its order.

    Args:
        catalog: of the release.
        keys: for the digests.
        kind: which certificate.
        facts: element → what was read; an element that is not there was not permitted.
        today: the campus's day.

    Raises:
        Problem: CERTIFICATE_REFUSED, naming every element that does not hold and why.
    """
    refused = shortfalls(catalog, kind, facts, today)
    if refused:
        told = ", ".join(f"{one['pointer'].rpartition('/')[2]} {one['code']}" for one in refused)
        raise Problem("CERTIFICATE_REFUSED", told, refused, rule="certificate:verified_now")
    return [
        _value(catalog, keys, one, facts[one.element])
        for one in kind.stated
        if facts[one.element].status not in _ABSENT
    ]


def shortfalls(
    catalog: Catalog, kind: CertificateKind, facts: Mapping[str, Fact], today: date
) -> list[dict[str, str]]:
    """Return pointer and code of every element that does not hold, as a refusal names them; none of their values."""
    return [
        {"pointer": f"/elements/{one.element}", "code": why}
        for one in kind.stated
        if (why := _falls_short(catalog, one, facts.get(one.element), today))
    ]


def _falls_short(catalog: Catalog, one: Stated, fact: Fact | None, today: date) -> str:
    if fact is None:
        return "not_permitted"
    if one.optional and fact.status in _ABSENT:
        return ""
    if fact.status != "available":
        return fact.status
    if not fact.is_verified:
        return str(fact.public["verification"]["unmet"])
    if isinstance(fact.raw, list):
        return "several_values"
    if fact.public["masked"] and not one.masked:
        return "masked"
    return "" if holds(one.must, fact.raw, fact.code, _table(catalog, fact), today) else "not_so"


def _table(catalog: Catalog, fact: Fact) -> CodeTable | None:
    return catalog.codes.get(fact.public["code_system"] or "")


def _value(catalog: Catalog, keys: Keys, one: Stated, fact: Fact) -> Value:
    unit, zone = str(fact.public["verification"]["verifier"]), ZoneInfo(catalog.campus.time_zone)
    return Value(
        element=one.element,
        label=Text(one.label_zh, one.label_en),
        value=_words(catalog, one, fact),
        provider=unit,
        provider_name=unit_name(catalog, unit),
        as_of=datetime.fromisoformat(fact.public["confirmed_at"]).astimezone(zone).date(),
        digest=value_digest(keys, fact),
    )


def value_digest(keys: Keys, fact: Fact) -> str:
    """Return a keyed digest of a fact's value."""
    return digest(keys.derived("certified values"), fact.element, fact.raw)


def _words(catalog: Catalog, one: Stated, fact: Fact) -> Text:
    value = fact.public["value"]
    if one.masked:
        shown = value if fact.public["masked"] else masks.mask(catalog.elements[one.element].mask, value)
        return Text(str(shown), str(shown))
    if isinstance(fact.raw, bool):
        return Text("是", "Yes") if fact.raw else Text("否", "No")
    if isinstance(fact.raw, date):
        return day(fact.raw)
    table = _table(catalog, fact)
    known = table.rows.get(str(fact.code)) if table else None
    return Text(str(value), (known.name_en if known else "") or str(value))


def day(of: date) -> Text:
    """Return a day as people write it."""
    return Text(f"{of.year}年{of.month}月{of.day}日", f"{of.day} {_MONTHS[of.month - 1]} {of.year}")


def unit_name(catalog: Catalog, code: str) -> Text:
    """Return the name of a unit in both languages."""
    unit = catalog.units.get(code)
    return Text(unit.name_zh, unit.name_en or unit.name_zh) if unit else Text(code, code)


def sentence(kind: CertificateKind, values: Sequence[Value], purpose: CertificatePurpose) -> Text:
    """Return the sentence of a certificate with its values, and what it is for."""
    zh = filled(kind.text_zh, {one.element: one.value.zh for one in values})
    en = filled(kind.text_en, {one.element: one.value.en for one in values})
    return Text(f"{zh}\n用途: {purpose.name_zh}。", f"{en}\nPurpose: {purpose.name_en}.")


def claims_of(values: Sequence[Value]) -> dict[str, Any]:
    """Return what the token of a certificate states: each value with its provider and date."""
    return {
        one.element: {
            "label": one.label.zh,
            "value": one.value.zh,
            "value_en": one.value.en,
            "provider": one.provider,
            "as_of": one.as_of.isoformat(),
        }
        for one in values
    }


def plain(values: Sequence[Value]) -> list[dict[str, Any]]:
    """Return values as they are kept."""
    return [
        {
            "element": one.element,
            "label": _pair(one.label),
            "value": _pair(one.value),
            "provider": one.provider,
            "provider_name": _pair(one.provider_name),
            "as_of": one.as_of.isoformat(),
            "digest": one.digest,
        }
        for one in values
    ]


def _pair(text: Text) -> list[str]:
    return [text.zh, text.en]


def _issued_on(kept: Mapping[str, Any]) -> date:
    if "issued_on" in kept:
        return date.fromisoformat(kept["issued_on"])
    # What was issued before the campus's own day was kept is printed again as it was, with China's.
    return datetime.fromisoformat(kept["issued_at"]).astimezone(_CHINA).date()


def printable(kept: Mapping[str, Any]) -> tuple[Template, Content]:
    """Return a certificate, as it was kept, as its paper wants it."""
    layout = kept["layout"]
    usual = Template()
    template = Template(
        accent=layout["accent"] or usual.accent,
        statement_first=layout["statement_first"],
        notes=tuple(Text(*one) for one in layout["notes"]),
        signature=Text(*layout["closing"]) if layout["closing"][0] else usual.signature,
    )
    lines = [
        Line(
            Text(*one["label"]),
            Text(*one["value"]),
            Text(*one["provider_name"]),
            date.fromisoformat(one["as_of"]),
        )
        for one in kept["values"]
    ]
    content = Content(
        title=Text(*kept["title"]),
        statement=Text(*kept["statement"]),
        lines=tuple(lines),
        number=kept["number"],
        code=kept["code"],
        issued_on=_issued_on(kept),
        valid_until=date.fromisoformat(kept["valid_until"]),
        verify_address=kept["verify_address"],
        university=Text(*kept["university"]),
        unit=Text(*kept["unit"]),
    )
    return template, content
