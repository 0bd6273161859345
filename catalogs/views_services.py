"""What readers of a tier may see of service items, as plain data ready for JSON, pages and printed guides.

Service items are for everybody who comes to the university, so an active one is public. Why a material cannot be
spared names elements and their sharing and is for the campus only. A guide calls a material spared only where a
granted demand lets somebody read its facts: that they could be shared helps nobody at the counter. Contacts are
units, posts and service telephones: a person's name that somebody wrote into a guide is never shown.
"""

from collections.abc import Mapping
from typing import Any

from catalogs import derive
from catalogs.model import Catalog, FormField, MaterialUse, ServiceItem, Step

NECESSITY_NAMES = {"required": "必要", "optional": "视情形", "deferrable": "可容缺"}
AUDIENCE_NAMES = {
    "staff": "教职工",
    "student": "学生",
    "parent": "家长",
    "public": "社会公众",
    "unit": "单位",
}
CHANNEL_NAMES = {
    "online": "网上", "mobile": "掌上", "kiosk": "自助终端", "window": "窗口", "mail": "邮寄", "phone": "电话",
}  # fmt: skip
DEPTH_NAMES = {"I": "信息公开", "II": "网上预审", "III": "网上受理", "IV": "全程网办"}
LIMIT_UNIT_NAMES = {"workday": "个工作日", "day": "天", "hour": "小时", "minute": "分钟", "month": "个月"}
ROLE_NAMES = {
    "clerk": "经办人", "head": "负责人", "reviewer": "审核人", "system": "系统自动", "committee": "委员会",
    "branch": "支部", "outside": "校外单位", "bank": "银行", "supervisor": "导师", "steward": "数据专员",
    "worker": "现场人员", "applicant": "申请人",
}  # fmt: skip
ON_RETURN_NAMES = {"restartAll": "任一退回, 全部重审", "resumeNode": "退回后只重审该环节"}
OUTCOME_NAMES = {
    derive.SATISFIED: "免提交",
    derive.CERTIFICATE: "学校出具电子证明",
    derive.STILL_REQUIRED: "需提交",
}
_PLACE = ("campus", "address", "hours", "window")
_BASIS = ("title", "no", "clause", "url")
_FEE = ("charged", "basis", "standard", "onlinePayment")
_RESULT = ("nameZh", "kind", "sample", "delivery")
_CONTACT = ("phone", "url", "email", "address")
_TEXTS = (
    "taskCode",
    "mainItem",
    "theme",
    "lifeEvent",
    "acceptConditions",
    "refusal",
    "publishedOn",
    "version",
)


def visible_services(catalog: Catalog, reader: str) -> tuple[ServiceItem, ...]:
    """The service items a reader may see, by code: the active ones, and for the data office all."""
    return tuple(
        item
        for _, item in sorted(catalog.services.items())
        if reader == "office" or item.raw.get("status", "active") == "active"
    )


def service_view(catalog: Catalog, item: ServiceItem, reader: str) -> dict[str, Any]:
    """Return a service item with its guide, form, materials and flow (CATALOG §§3.4–3.6)."""
    raw = item.raw
    return {
        "code": item.code,
        "nameZh": item.name_zh,
        "nameEn": item.name_en,
        **{key: str(raw.get(key) or "") for key in _TEXTS},
        "description": item.description,
        "kind": item.kind,
        "caseType": item.case_type,
        "audience": list(item.audience),
        "leadUnit": item.lead_unit,
        "leadUnitName": _unit(catalog, item.lead_unit),
        "jointUnits": [{"code": code, "nameZh": _unit(catalog, code)} for code in item.joint_units],
        "outsideAuthority": _unit(catalog, str(raw.get("outsideAuthority") or "")),
        "legalBasis": [_only(one, _BASIS) for one in item.legal_basis],
        "preconditions": [
            str(one.get("nameZh") or "") for one in _rows(raw, "preconditions") if one.get("nameZh")
        ],
        "promisedLimit": dict(item.promised_limit),
        "statutoryLimit": dict(raw.get("statutoryLimit") or {}),
        "channels": list(item.channels),
        "onlineDepth": item.online_depth,
        "visits": item.visits,
        "visitReason": item.visit_reason,
        "atMostOnce": item.visits <= 1,
        "negativeList": _reason(raw, "negativeList"),
        "specialRequirement": _reason(raw, "specialRequirement"),
        "urls": {str(key): str(url) for key, url in (raw.get("urls") or {}).items()},
        "places": [_only(one, _PLACE) for one in _rows(raw, "places")],
        "fee": _only(raw.get("fee") or {}, _FEE),
        "result": _only(raw.get("result") or {}, _RESULT),
        "consult": _contact(catalog, raw.get("consult")),
        "complaint": _contact(catalog, raw.get("complaint")),
        "contacts": [_contact(catalog, one) for one in _rows(raw, "contacts")],
        "notices": [str(one) for one in raw.get("notices") or ()],
        "faq": [_only(one, ("q", "a")) for one in _rows(raw, "faq")],
        "form": [_form_field(catalog, field) for field in item.form],
        "materials": _materials(catalog, item, reader),
        "steps": [_step(catalog, step) for step in item.steps],
    }


def limit_text(limit: Mapping[str, Any]) -> str:
    """Return a limit as people say it: `{value: 5, unit: workday}` → 5 个工作日, 0 → 当场办结, none → 未承诺."""
    value = limit.get("value")
    if value is None:
        return "未承诺"
    if value == 0:
        return "当场办结"
    unit = str(limit.get("unit") or "")
    return f"{value} {LIMIT_UNIT_NAMES.get(unit, unit)}"


def visits_text(view: Mapping[str, Any]) -> str:
    """Return how often one must come: 一趟不跑, 最多跑 1 次, 跑 3 次."""
    visits = view["visits"]
    if visits == 0:
        return "一趟不跑"
    return "最多跑 1 次" if visits == 1 else f"跑 {visits} 次"


def _materials(catalog: Catalog, item: ServiceItem, reader: str) -> list[dict[str, Any]]:
    verdicts = derive.material_verdicts(catalog, item.code, derive.ANY_CLIENT)
    return [
        _material(catalog, use, verdict, reader)
        for use, verdict in zip(item.materials, verdicts, strict=True)
    ]


def _material(
    catalog: Catalog, use: MaterialUse, verdict: derive.MaterialVerdict, reader: str
) -> dict[str, Any]:
    material = catalog.materials.get(use.material)
    raw = material.raw if material else {}
    seen = {
        "material": use.material,
        "nameZh": verdict.name_zh,
        "kind": material.kind if material else "",
        "source": material.source if material else "",
        "issuerName": _unit(catalog, material.issuer) if material else "",
        "form": list(material.form) if material else [],
        "copies": raw.get("copies"),
        "necessity": use.necessity,
        "condition": use.condition,
        "originalRequired": material.original_required if material else False,
        "originalBasis": material.original_basis if material else "",
        **{key: str(raw.get(key) or "") for key in ("handover", "help", "onlinePath", "sample", "blank")},
        "outcome": verdict.outcome,
        "facts": [
            {"element": fact.element, "nameZh": _element(catalog, fact.element)} for fact in verdict.facts
        ],
    }
    if reader != "public":
        seen["blocked"] = list(verdict.blocked)
    return seen


def _form_field(catalog: Catalog, field: FormField) -> dict[str, Any]:
    return {
        "field": field.field,
        "nameZh": field.name_zh,
        "element": field.element,
        "editable": field.editable,
        "held": bool(field.element and catalog.sources_of(field.element)),
    }


def _step(catalog: Catalog, step: Step) -> dict[str, Any]:
    raw = step.raw
    return {
        "seq": step.seq,
        "code": str(raw.get("code") or ""),
        "nameZh": step.name_zh,
        "unit": step.unit,
        "unitName": _unit(catalog, step.unit),
        "role": step.role,
        "limit": dict(raw.get("limit") or {}),
        "parallelGroup": step.parallel_group,
        "join": step.join,
        "onReturn": step.on_return,
        **{key: str(raw.get(key) or "") for key in ("action", "channel", "condition", "output", "notify")},
    }


def _reason(raw: Mapping[str, Any], key: str) -> str:
    """Return the reason that `negativeList` or `specialRequirement` gives, empty if the item is not on it."""
    given = raw.get(key)
    if isinstance(given, Mapping):
        return str(given.get("reason") or "")
    return str(given) if given else ""


def _contact(catalog: Catalog, given: Any) -> dict[str, str]:
    if not isinstance(given, Mapping):
        return {}
    phone = str(given.get("phone") or "")
    shown = {"unitName": _unit(catalog, str(given.get("unit") or ""))} | _only(given, _CONTACT)
    if phone.startswith("post:"):
        shown["phone"] = ""
    return shown


def _rows(raw: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    return [one for one in raw.get(key) or () if isinstance(one, Mapping)]


def _only(given: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: given[key] for key in keys if given.get(key) not in (None, "")}


def _unit(catalog: Catalog, code: str) -> str:
    unit = catalog.units.get(code)
    return unit.name_zh if unit else code


def _element(catalog: Catalog, code: str) -> str:
    element = catalog.elements.get(code)
    return element.name_zh if element else code
