"""What an applicant reads about a field or a material, made of what the service answered."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from demo.target import CAMPUS_ZONE
from demo.world_campus import UNITS
from yici.client.forms import as_text

LEVELS = {
    "authoritative": "权威源",
    "officer_verified": "经办核验",
    "cross_checked": "交叉核验",
    "system_verified": "系统核验",
    "self_declared": "本人申报",
}
# Why a field that the service answers for is empty, or not to be relied on; for the applicant.
_NOTES = {
    "stale": "数据可能已过期, 请核对",
    "conflict": "两处登记不一致, 请自行填写",
    "in_dispute": "更正正在核实",
    "not_found": "未查到, 请自行填写",
    "not_applicable": "不适用, 可留空",
    "source_unavailable": "数源暂不可用, 请自行填写",
    "withheld": "该项不提供, 请自行填写",
    "not_permitted": "请自行填写",
}
_REASONS = {"not_so": "不符合条件", "not_granted": "未获授权", "no_source": "校内无此数据"}
_DOCUMENT = "SFZJH"


def provenance(field: Mapping[str, Any]) -> str:
    """Return unit, day and level of a filled field: 教务处 · 2026-10-20 核实 · 权威源; empty for others."""
    verification = field.get("verification")
    if not verification or field.get("value") is None:
        return ""
    day = datetime.fromisoformat(verification["time"]).astimezone(CAMPUS_ZONE).date()
    level = LEVELS.get(verification["level"], verification["level"])
    return f"{unit(verification['verifier'])} · {day} 核实 · {level}"


def note(field: Mapping[str, Any]) -> str:
    """Return what the applicant has to know about a field's state; mostly nothing."""
    return _NOTES.get(field["status"], "")


def shown(field: Mapping[str, Any]) -> str:
    """Return a field's value as the page shows it; of the number of a document only its ends."""
    text = as_text(field.get("value"))
    if field["element"] == _DOCUMENT and len(text) > 10:
        return text[:6] + "*" * (len(text) - 10) + text[-4:]
    return text


def reason(material: Mapping[str, Any]) -> str:
    """Return why a material is spared, or still needed."""
    if material["outcome"] == "still_required":
        return "、".join(dict.fromkeys(_why(one) for one in material["reasons"]))
    by_unit: dict[str, list[str]] = {}
    for fact in material["facts"]:
        by_unit.setdefault(unit(fact["verifier"]), []).append(fact["name_zh"])
    return "; ".join(f"{name}已核实{'、'.join(facts)}" for name, facts in by_unit.items())


def unit(code: str) -> str:
    """Return a unit's name."""
    return UNITS.get(code, code)


def count(fields: Iterable[Mapping[str, Any]], *statuses: str) -> int:
    """Return how many fields are in one of these states."""
    return sum(field["status"] in statuses for field in fields)


def _why(told: str) -> str:
    what = told.rpartition(":")[2]
    return _REASONS.get(what) or _NOTES.get(what, "").partition(",")[0] or "校内数据尚不能证明"
