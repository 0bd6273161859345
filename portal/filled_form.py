"""The filled form of a case on paper, as PDF: the fields of the catalog's form, in their order, with room to write.

It is set from the catalog and not from the unit's Word file: nothing here reads Word's layout, so the page says that
the unit's own form counts where there is one. What is empty is left for the applicant's hand; what is doubtful says so.
How far each value was verified, by whom and when, stands below, here as in the unit's own form.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from catalogs.model import Catalog
from catalogs.views import unit_name
from portal.printing import press
from portal.rendering import moment
from portal.texts import text

_TEMPLATE = "form.typ"
_NOTE = "按目录中的表单字段排版。"
_NOTE_WORD = "按目录中的表单字段排版；本单位另有原表的，以原表为准。"


# What of a form may be printed: a value that is there, with whatever doubt is told beside it.
_FILLED = ("available", "stale", "in_dispute")
DECLARED = "self_declared"


def value_of(one: Mapping[str, Any]) -> str:
    """Return the value of a field of the service's prefill as it is printed; "" for the applicant's hand."""
    value = one.get("value")
    if one["status"] not in _FILLED or value is None:
        return ""
    return "、".join(map(str, value)) if isinstance(value, list) else str(value)


def verified(catalog: Catalog, one: Mapping[str, Any]) -> str:
    """Return how far a printed value was verified, by whom and when, as it stands on paper: in Chinese."""
    told = one.get("verification")
    if not told or not value_of(one):
        return ""
    level = text(f"level.{told['level']}", "zh")
    day = moment(datetime.fromisoformat(told["time"]), catalog.campus.time_zone)[:10]
    by = "" if told["level"] == DECLARED else f"{unit_name(catalog, told['verifier'])}，"
    return f"{level}（{by}{day}）"


def verification_note(catalog: Catalog, told: Mapping[str, Any], names: Collection[str]) -> str:
    """Return what stands at the foot of a form: how far the values of some of its fields were verified.

    Args:
        catalog: names units.
        told: what the service said of the case.
        names: of the fields that the form shows.
    """
    by: dict[str, list[str]] = {}
    for one in told["prefill"]["fields"]:
        if one["field"] in names and (words := verified(catalog, one)):
            by.setdefault(words, []).append(one["name_zh"])
    parts = "；".join(f"{'、'.join(fields)}：{words}" for words, fields in by.items())
    entry = f"留痕编号 {told['prefill']['transaction_id']}。"
    return f"所填数据的核验情况：{parts}。{entry}" if parts else entry


def printed(catalog: Catalog, told: Mapping[str, Any], has_word: bool) -> bytes:
    """Return the form as PDF.

    Args:
        catalog: names units.
        told: what the service said of the case: case_id, external_no, prefill.
        has_word: whether the unit has a form of its own.
    """
    filled = told["prefill"]
    legend = list(dict.fromkeys(filter(None, (verified(catalog, one) for one in filled["fields"]))))
    item = catalog.services.get(filled["service_item"])
    return press().document(
        _TEMPLATE,
        {
            "campus": catalog.campus.name_zh,
            "title": filled["name_zh"],
            "code": filled["service_item"],
            "unit": unit_name(catalog, item.lead_unit) if item else "",
            "case": told["external_no"] or told["case_id"],
            "entry": filled["transaction_id"],
            "fields": [_on_paper(catalog, one, legend) for one in filled["fields"]],
            "legend": legend,
            "note": _NOTE_WORD if has_word else _NOTE,
        },
    )


def _on_paper(catalog: Catalog, one: Mapping[str, Any], legend: Sequence[str]) -> tuple[str, str, str, str]:
    """Return a field's name, value and doubt, and the number in the legend of how far it was verified."""
    value, words = value_of(one), verified(catalog, one)
    is_doubtful = bool(value) and one["status"] != "available"
    return (
        one["name_zh"],
        value,
        text(f"fact.{one['status']}", "zh") if is_doubtful else "",
        str(legend.index(words) + 1) if words else "",
    )
