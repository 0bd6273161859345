"""What readers of a tier may see of the catalog, as plain data ready for JSON, tables and pages.

The public tier shows neither physical names nor data levels nor how a source is reached (CATALOG §3.2,
公布层级). Nothing here is a person's: posts and units answer, not names.
"""

from collections.abc import Mapping
from typing import Any

from catalogs import derive
from catalogs.model import Catalog, Item, Resource

TIERS = ("public", "campus", "office")
TIER_NAMES = {"public": "公开", "campus": "校内", "office": "数据办"}
SHARE_NAMES = {"unconditional": "无条件共享", "conditional": "有条件共享", "none": "不予共享"}
CYCLE_NAMES = {
    "realtime": "实时", "daily": "每日", "weekly": "每周", "monthly": "每月", "quarterly": "每季度",
    "halfyear": "每半年", "yearly": "每年", "termly": "每学期", "schoolyear": "每学年", "irregular": "不定期",
}  # fmt: skip
STATE_NAMES = {
    "draft": "草稿",
    "filed": "已提出",
    "granted": "已授权",
    "refused": "不予授权",
    "disputed": "争议",
    "withdrawn": "已撤回",
    "expired": "已到期",
}
RESPONSIBILITY_HEADER = (
    "序号",
    "责任单位",
    "资源代码",
    "资源名称",
    "信息项",
    "数据元编号",
    "覆盖人群",
    "更新周期",
    "时限",
    "共享类型",
    "共享条件或不予共享依据",
    "责任岗位",
    "经办岗位",
    "被哪些需求依赖",
    "缺口",
)
DEMAND_HEADER = (
    "序号",
    "需求编号",
    "需求单位",
    "用途",
    "数据元编号",
    "数据元",
    "数源信息项",
    "数源单位",
    "依据",
    "频率",
    "留存",
    "状态",
    "缺口",
)
_HIDDEN_FROM_PUBLIC = (
    "physicalName",
    "physicalType",
    "quality",
    "servers",
    "transformSourceObjects",
    "transformLogic",
)
_CUSTOM_FOR_PUBLIC = frozenset(
    (
        "resourceCode",
        "category",
        "shareType",
        "shareCondition",
        "noShareBasis",
        "tier",
        "subset",
        "updateCycle",
        "publishedOn",
        "isOpen",
        "openCondition",
        "provider",
        "relatedServiceItems",
        "usageWarning",
        "formatClass",
        "formatType",
        "element",
        "codeTable",
        "guideType",
        "length",
        "openTheme",
    )
)


def may_see(tier: str, reader: str) -> bool:
    """Whether readers of a tier (public ⊂ campus ⊂ office) may see something of that tier."""
    return TIERS.index(tier) <= TIERS.index(reader)


def visible_resources(catalog: Catalog, reader: str) -> tuple[Resource, ...]:
    """The active resources a reader may see, by name."""
    return tuple(
        resource
        for _, resource in sorted(catalog.resources.items())
        if resource.status == "active" and may_see(resource.tier, reader)
    )


def visible_items(resource: Resource, reader: str) -> tuple[Item, ...]:
    """The items of a resource a reader may see."""
    return tuple(item for item in resource.items if may_see(item.tier, reader))


def unit_name(catalog: Catalog, code: str) -> str:
    """The unit's Chinese name, or its code where it is not registered."""
    unit = catalog.units.get(code)
    return unit.name_zh if unit else code


def catalog_json(catalog: Catalog, reader: str) -> dict[str, Any]:
    """The whole visible catalog as plain data with camelCase keys (CATALOG §3)."""
    return {
        "campus": {
            "code": catalog.campus.code,
            "nameZh": catalog.campus.name_zh,
            "nameEn": catalog.campus.name_en,
        },
        "version": catalog.version,
        "tier": reader,
        "resources": [
            _resource(catalog, resource, reader) for resource in visible_resources(catalog, reader)
        ],
        "elements": [
            {
                "code": one.code,
                "nameZh": one.name_zh,
                "nameEn": one.name_en,
                "type": one.type,
                "codeTable": one.code_table,
                "norm": one.norm,
            }
            for _, one in sorted(catalog.elements.items())
        ],
        "codeTables": [
            {
                "name": one.name,
                "nameZh": one.name_zh,
                "norm": one.norm,
                "version": one.version,
                "codes": len(one.rows),
            }
            for _, one in sorted(catalog.codes.items())
        ],
        "serviceItems": [_service_item(catalog, code) for code in sorted(catalog.services)],
    }


def _resource(catalog: Catalog, resource: Resource, reader: str) -> dict[str, Any]:
    told = resource.properties
    seen = {
        "name": resource.name,
        "code": told.get("resourceCode", ""),
        "nameZh": resource.business_name,
        "abstract": resource.purpose,
        "description": resource.description,
        "category": told.get("category", ""),
        "provider": resource.provider,
        "providerName": unit_name(catalog, resource.provider),
        "shareType": resource.share_type,
        "shareCondition": told.get("shareCondition") or told.get("noShareBasis") or "",
        "updateCycle": resource.update_cycle,
        "version": resource.version,
        "tier": resource.tier,
        "usageWarning": told.get("usageWarning", ""),
        "relatedServiceItems": told.get("relatedServiceItems", []),
        "items": [_item(item, reader) for item in visible_items(resource, reader)],
    }
    if reader != "public":
        seen |= {"system": resource.system, "dataLevel": told.get("dataLevel", "")}
    return seen


def _item(item: Item, reader: str) -> dict[str, Any]:
    seen = {
        "name": item.name,
        "nameZh": item.business_name,
        "type": item.logical_type,
        "element": item.element,
        "codeTable": item.code_table,
        "required": item.required,
        "shareType": item.share_type,
        "authoritative": item.authoritative,
    }
    if reader != "public":
        seen |= {"physicalName": item.physical_name, "dataLevel": item.data_level, "piClass": item.pi_class}
    return seen


def _service_item(catalog: Catalog, code: str) -> dict[str, Any]:
    item = catalog.services[code]
    return {
        "code": item.code,
        "nameZh": item.name_zh,
        "nameEn": item.name_en,
        "leadUnit": item.lead_unit,
        "leadUnitName": unit_name(catalog, item.lead_unit),
        "jointUnits": list(item.joint_units),
        "kind": item.kind,
        "caseType": item.case_type,
        "promisedLimit": dict(item.promised_limit),
        "channels": list(item.channels),
        "onlineDepth": item.online_depth,
        "visits": item.visits,
        "materials": [
            {
                "material": one.material,
                "nameZh": one.name_zh,
                "necessity": one.necessity,
                "outcome": one.outcome,
                "blocked": list(one.blocked),
            }
            for one in derive.material_verdicts(catalog, code)
        ],
    }


def responsibility_rows(catalog: Catalog, reader: str) -> list[tuple[str | int, ...]]:
    """数据提供责任清单 under RESPONSIBILITY_HEADER, of what the reader may see."""
    seen = {
        (resource.name, item.name)
        for resource in visible_resources(catalog, reader)
        for item in visible_items(resource, reader)
    }
    rows = (row for row in catalog.responsibilities() if (row.resource, row.item) in seen)
    return [
        (
            number,
            unit_name(catalog, row.unit),
            row.resource_code,
            row.resource_name,
            row.item_name,
            row.element,
            "、".join(_population_name(catalog, code) for code in row.populations),
            CYCLE_NAMES[row.update_cycle],
            row.delivers,
            SHARE_NAMES[row.share_type],
            row.share_condition,
            row.accountable,
            row.steward,
            "、".join(row.demands),
            row.gap,
        )
        for number, row in enumerate(rows, start=1)
    ]


def demand_rows(catalog: Catalog, reader: str) -> list[tuple[str | int, ...]]:
    """数据共享需求清单 under DEMAND_HEADER.

    A row is seen where its source is; gaps are seen inside the campus only.
    """
    seen = {
        f"{resource.name}.{item.name}"
        for resource in visible_resources(catalog, reader)
        for item in visible_items(resource, reader)
    }
    rows: list[tuple[str | int, ...]] = []
    for line in derive.demand_lines(catalog):
        sources = [one for one in line.resources if one in seen]
        if not sources and (line.resources or reader == "public"):
            continue
        item, element = catalog.services.get(line.purpose), catalog.elements.get(line.element)
        providers = dict.fromkeys(catalog.resources[one.rpartition(".")[0]].provider for one in sources)
        rows.append(
            (
                len(rows) + 1,
                line.demand_id,
                unit_name(catalog, line.requester_unit),
                item.name_zh if item else line.purpose,
                line.element,
                element.name_zh if element else "",
                "、".join(sources),
                "、".join(unit_name(catalog, code) for code in providers),
                line.basis,
                line.frequency,
                line.retention,
                STATE_NAMES[line.state],
                line.gap,
            )
        )
    return rows


def _population_name(catalog: Catalog, code: str) -> str:
    population = catalog.populations.get(code)
    return population.name_zh if population else code


def contract_for(doc: Mapping[str, Any], resource: Resource, reader: str) -> dict[str, Any]:
    """Return an ODCS contract as a reader may see it: items of the tier, and for the public no internals.

    Args:
        doc: the contract as parsed.
        resource: the resource it describes.
        reader: the tier it is written for.
    """
    hidden = _HIDDEN_FROM_PUBLIC if reader == "public" else ()
    seen_items = {item.name for item in visible_items(resource, reader)}
    shown = _without(doc, hidden, reader)
    shown["schema"] = [
        {
            **_without(table, hidden, reader),
            "properties": [
                _without(item, hidden, reader) for item in table["properties"] if item["name"] in seen_items
            ],
        }
        for table in doc["schema"]
    ]
    return shown


def _without(part: Mapping[str, Any], hidden: tuple[str, ...], reader: str) -> dict[str, Any]:
    shown = {key: value for key, value in part.items() if key not in hidden}
    if reader == "public" and "customProperties" in shown:
        kept = [entry for entry in shown["customProperties"] if entry["property"] in _CUSTOM_FOR_PUBLIC]
        shown["customProperties"] = kept
    return shown
