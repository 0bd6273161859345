"""八统一 and 同名不同规则: the same matter handled otherwise at another site, or by another unit.

What must be unified is judged by `catalogs.unified`, as in the check. 同名不同规则 goes further: names that differ only
in what stands in brackets are one matter too, and what a person meets with is compared, not how it is written.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from catalogs.check_between import folded
from catalogs.lists.base import Column, DerivedList, Row, join, make_list, material_name, percent, unit_name
from catalogs.lists.given import Given
from catalogs.model import Catalog, ServiceItem
from catalogs.unified import Difference, differences
from catalogs.views_services import limit_text

FIELD_NAMES = {
    "mainItem": "主项", "code": "子项", "legalBasis": "依据", "materials": "材料", "guideFlow": "办事流程",
    "steps": "经办流程", "promisedLimit": "时限", "form": "表单", "caseType": "办件类型", "channels": "办理形式",
    "visits": "到现场次数", "fee": "收费", "result": "办理结果", "acceptConditions": "受理条件",
    "refusal": "不予受理情形", "visitReason": "到现场原因", "nameZh": "名称",
}  # fmt: skip
_BRACKETS = re.compile(r"[(（【\[].*?[)）】\]]")
_SAME, _DIFFERENT = "一致", "不一致"


def unified(given: Given) -> DerivedList:
    """Return 八统一核对清单: per service item and unified field, whether every site does the same."""
    fields = given.catalog.campus.unified
    columns = (
        Column("item", "事项编码", "Service item", 12),
        Column("itemName", "事项名称", "Name", 28),
        Column("unit", "主责单位", "Lead unit", 16),
        Column("sites", "办理校区", "Sites", 24),
        *(Column(field, FIELD_NAMES.get(field, field), field, 14) for field in fields),
        Column("state", "结论", "Verdict", 10),
    )
    found: dict[str, list[Difference]] = {}
    for one in differences(given.catalog):
        found.setdefault(one.service_item, []).append(one)
    rows = [_unified(given, item, fields, found.get(item.code, ())) for item in given.items]
    rows.sort(key=lambda row: row["state"] == _SAME)
    same = sum(row["state"] == _SAME for row in rows)
    summary = {
        "全部一致的事项": same,
        "一致率": percent(same, len(rows)),
        **{
            f"{FIELD_NAMES.get(field, field)}不一致": sum(row[field] == _DIFFERENT for row in rows)
            for field in fields
        },
    }
    return make_list("unified", ("八统一核对清单", "Unified over sites"), columns, rows, summary)


def _unified(given: Given, item: ServiceItem, fields: Iterable[str], found: Iterable[Difference]) -> Row:
    names = {site.code: site.name_zh for site in given.catalog.campus.sites}
    places = [place for place in item.raw.get("places") or () if isinstance(place, Mapping)]
    sites = list(dict.fromkeys(str(place["campus"]) for place in places if place.get("campus")))
    where: dict[str, list[str]] = {}
    for one in found:
        elsewhere = names.get(one.site, one.site) if one.site else f"同名事项 {one.other}"
        where.setdefault(one.field, []).append(elsewhere)
    told = [f"{FIELD_NAMES.get(field, field)}与{join(others)}不同" for field, others in where.items()]
    if not told:
        told.append("各校区按同一份指南办理" if len(sites) > 1 else "只有一份指南")
    return {
        "item": item.code,
        "itemName": item.name_zh,
        "unit": unit_name(given.catalog, item.lead_unit),
        "sites": tuple(names.get(site, site) for site in sites),
        **{field: _DIFFERENT if field in where else _SAME for field in fields},
        "state": _DIFFERENT if where else _SAME,
        "why": "; ".join(told) + "。",
    }


def base_name(name: str) -> str:
    """Return a name without what stands in brackets, folded: 在读证明(本科生) and 在读证明(研究生) are one matter."""
    return folded(_BRACKETS.sub("", name))


def groups_by_name(items: Iterable[ServiceItem]) -> tuple[tuple[ServiceItem, ...], ...]:
    """Return the service items that share a name, in groups of two or more."""
    found: dict[str, list[ServiceItem]] = {}
    for item in items:
        found.setdefault(base_name(item.name_zh), []).append(item)
    return tuple(tuple(group) for name, group in found.items() if name and len(group) > 1)


def rules_of(catalog: Catalog, item: ServiceItem) -> dict[str, str]:
    """Return what a person meets with in a service item, as texts that can be compared."""
    fee: Any = item.raw.get("fee") or {}
    return {
        "materials": join(sorted(material_name(catalog, use.material) for use in item.materials)) or "无",
        "promisedLimit": limit_text(item.promised_limit),
        "visits": f"{item.visits} 次",
        "channels": join(sorted(item.channels)) or "无",
        "steps": f"{len(item.steps)} 个环节",
        "fee": "收费" if fee.get("charged") else "不收费",
        "caseType": item.case_type,
    }


def same_name(given: Given) -> DerivedList:
    """Return 同名不同规则清单: one row per group of equally named items and field in which they differ."""
    columns = (
        Column("name", "事项名称", "Name", 24),
        Column("items", "事项编码", "Service items", 22),
        Column("units", "主责单位", "Lead units", 24),
        Column("field", "不同之处", "Field", 12),
        Column("values", "各自规定", "What each says", 60),
    )
    rows: list[Row] = []
    groups = groups_by_name(given.items)
    for group in groups:
        rules = {item.code: rules_of(given.catalog, item) for item in group}
        for field in next(iter(rules.values())):
            values = {code: told[field] for code, told in rules.items()}
            if len(set(values.values())) > 1:
                rows.append(_difference(given, group, field, values))
    summary = {"同名组数": len(groups), "规则不同的组数": len({row["items"] for row in rows})}
    titles = ("同名不同规则清单", "Same name, different rules")
    return make_list("same_name", titles, columns, rows, summary)


def _difference(given: Given, group: tuple[ServiceItem, ...], field: str, values: Mapping[str, str]) -> Row:
    names = join(dict.fromkeys(item.name_zh for item in group))
    return {
        "name": _BRACKETS.sub("", group[0].name_zh),
        "items": tuple(item.code for item in group),
        "units": tuple(dict.fromkeys(unit_name(given.catalog, item.lead_unit) for item in group)),
        "field": FIELD_NAMES.get(field, field),
        "values": tuple(f"{code}: {value}" for code, value in values.items()),
        "why": f"{names}是同一类事, {FIELD_NAMES.get(field, field)}却不同; 没有理由的差别应统一。",
    }
