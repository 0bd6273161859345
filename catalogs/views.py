"""What readers of a tier may see of the catalog, as plain data ready for JSON, tables and pages.

The public tier shows neither physical names nor data levels nor how a source is reached (CATALOG §3.2,
公布层级). Nothing here is a person's: posts and units answer, not names.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from catalogs import derive
from catalogs.model import Catalog, CodeTable, Element, Item, Resource
from catalogs.views_services import service_view, visible_services

TIERS = ("public", "campus", "office")
SCHEMA_FILE = "catalog.schema.json"
_WORD = re.compile(r"\w+")
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
# What the public sees of a contract: keys not named here are left out, so that a new key is never public by chance.
_PUBLIC_KEYS = {
    "contract": frozenset(
        ("apiVersion", "kind", "id", "name", "version", "status", "description", "team", "slaProperties", "schema",
         "customProperties", "tags")
    ),
    "table": frozenset(("name", "businessName", "description", "properties", "customProperties", "tags")),
    "item": frozenset(
        ("name", "businessName", "description", "logicalType", "logicalTypeOptions", "required", "unique",
         "primaryKey", "primaryKeyPosition", "relationships", "enum", "customProperties", "tags")
    ),
}  # fmt: skip
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


def unit_name(catalog: Catalog, code: str, language: str = "zh") -> str:
    """The unit's name, in English where the register has it so; its code where it is not registered."""
    unit = catalog.units.get(code)
    if unit is None:
        return code
    return (unit.name_en if language != "zh" else "") or unit.name_zh


def resource_name(catalog: Catalog, name: str, language: str = "zh") -> str:
    """What people call a resource: in English too where its contract says how, else in Chinese, else by its code."""
    resource = catalog.resources.get(name)
    if resource is None:
        return name
    english = str(resource.properties.get("nameEn") or "") if language != "zh" else ""
    return english or resource.business_name or name


def item_name(catalog: Catalog, item: Item, language: str = "zh") -> str:
    """What people call an item; in English as its contract or its element says, else as its column."""
    if language == "zh":
        return item.business_name or item.name
    element = catalog.elements.get(item.element or "")
    own = str(item.properties.get("nameEn") or "") or (element.name_en if element else "")
    return own or item.name.replace("_", " ")


def visible_elements(catalog: Catalog, reader: str) -> tuple[Element, ...]:
    """The elements a reader may see, by code: those of visible items, and what service items ask or spare."""
    codes = {
        item.element
        for resource in visible_resources(catalog, reader)
        for item in visible_items(resource, reader)
    }
    for service in visible_services(catalog, reader):
        codes |= {field.element for field in service.form}
        codes |= {proof.element for use in service.materials for proof in derive.proofs_of(catalog, use)}
    return tuple(catalog.elements[code] for code in sorted(codes) if code in catalog.elements)


def visible_codes(catalog: Catalog, reader: str) -> tuple[CodeTable, ...]:
    """The code tables a reader may see, by name: those of visible items and elements."""
    names = {one.code_table for one in visible_elements(catalog, reader)}
    names |= {
        item.code_table
        for resource in visible_resources(catalog, reader)
        for item in visible_items(resource, reader)
    }
    return tuple(catalog.codes[name] for name in sorted(names) if name in catalog.codes)


def unit_contact(catalog: Catalog, code: str) -> str:
    """How to reach a unit, without the code of the post that answers."""
    unit = catalog.units.get(code)
    words = unit.contact.split() if unit else []
    return " ".join(word for word in words if not word.startswith(derive.POST))


def catalog_json(catalog: Catalog, reader: str) -> dict[str, Any]:
    """The whole visible catalog as plain data with camelCase keys (CATALOG §3).

    Its form is `catalogs/exports/catalog.schema.json`, which is published beside it.
    """
    return {
        "$schema": SCHEMA_FILE,
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
            for one in visible_elements(catalog, reader)
        ],
        "codeTables": [
            {
                "name": one.name,
                "nameZh": one.name_zh,
                "norm": one.norm,
                "version": one.version,
                "codes": [
                    {"code": row.code, "nameZh": row.name_zh, "nameEn": row.name_en, "parent": row.parent}
                    for row in one.rows.values()
                ],
            }
            for one in visible_codes(catalog, reader)
        ],
        "serviceItems": [service_view(catalog, item, reader) for item in visible_services(catalog, reader)],
    }


def _resource(catalog: Catalog, resource: Resource, reader: str) -> dict[str, Any]:
    told = resource.properties
    unit = catalog.units.get(resource.provider)
    populations = resource.subject.populations if resource.subject else ()
    seen = {
        "name": resource.name,
        "code": told.get("resourceCode", ""),
        "nameZh": resource.business_name,
        "abstract": resource.purpose,
        "description": resource.description,
        "category": told.get("category", ""),
        "subset": told.get("subset", ""),
        "provider": resource.provider,
        "providerName": unit_name(catalog, resource.provider),
        "providerNameEn": unit.name_en if unit else "",
        "contact": unit_contact(catalog, resource.provider),
        "populations": [_population_name(catalog, code) for code in populations],
        "shareType": resource.share_type,
        "shareCondition": told.get("shareCondition") or told.get("noShareBasis") or "",
        "isOpen": bool(told.get("isOpen")),
        "openCondition": told.get("openCondition", ""),
        "updateCycle": resource.update_cycle,
        "delivers": resource.delivers.strftime("%H:%M") if resource.delivers else "",
        "publishedOn": told.get("publishedOn", ""),
        "version": resource.version,
        "tier": resource.tier,
        "usageWarning": told.get("usageWarning", ""),
        "relatedServiceItems": told.get("relatedServiceItems", []),
        "items": [_item(item, reader) for item in visible_items(resource, reader)],
    }
    if reader != "public":
        seen |= {
            "system": resource.system,
            "dataLevel": told.get("dataLevel", ""),
            "accountable": derive.post_of(resource.accountable),
            "steward": derive.post_of(resource.steward),
        }
    return seen


def _item(item: Item, reader: str) -> dict[str, Any]:
    seen = {
        "name": item.name,
        "nameZh": item.business_name,
        "description": item.description,
        "type": item.logical_type,
        "guideType": item.guide_type,
        "element": item.element,
        "codeTable": item.code_table,
        "required": item.required,
        "key": item.primary_key,
        "shareType": item.share_type,
        "shareCondition": item.share_condition or item.no_share_basis,
        "authoritative": item.authoritative,
    }
    if reader != "public":
        seen |= {"physicalName": item.physical_name, "dataLevel": item.data_level, "piClass": item.pi_class}
    return seen


def _population_name(catalog: Catalog, code: str) -> str:
    population = catalog.populations.get(code)
    return population.name_zh if population else code


def contract_for(catalog: Catalog, doc: Mapping[str, Any], resource: Resource, reader: str) -> dict[str, Any]:
    """Return an ODCS contract as a reader may see it: items of the tier, and for the public no internals.

    What speaks of something the reader may not see (a reference, a rule, a property) is left out, and so are members
    of the team who are not a post: no tier shows a person. The codes of an item's table are added as its `enum`.

    Args:
        catalog: the catalog.
        doc: the contract as parsed.
        resource: the resource it describes.
        reader: the tier it is written for.
    """
    seen = {item.name for item in visible_items(resource, reader)}
    secret = _names_of(item for item in resource.items if item.name not in seen)
    secret -= _names_of(item for item in resource.items if item.name in seen)
    shown = _part(doc, "contract", reader, secret)
    if "team" in shown:
        members = [one for one in shown["team"].get("members") or () if _is_post(one.get("username"))]
        shown["team"] = {**shown["team"], "members": members}
    shown["schema"] = [
        {
            **_referring(catalog, _part(table, "table", reader, secret), reader),
            "properties": [
                _referring(catalog, _part(item, "item", reader, secret), reader)
                | _codes(catalog, resource.item(item["name"]))
                for item in table["properties"]
                if item["name"] in seen
            ],
        }
        for table in doc["schema"]
    ]
    return shown


def _codes(catalog: Catalog, item: Item) -> dict[str, Any]:
    """Return the codes of an item's table as ODCS has them: what is handed out, whatever the source's own codes are.

    A stated enum lists what the source may send: it is what is handed out, unless a code map stands between the two.
    """
    table = catalog.codes.get(item.code_table)
    if table is None or not table.rows or (item.enum and not item.code_map):
        return {}
    known = {row.code: row.name_zh for row in table.rows.values()}
    sent = dict.fromkeys((item.code_map or {}).get(str(value), str(value)) for value in item.enum)
    codes = [code for code in sent if code in known] if item.enum else list(known)
    return {"enum": [{"value": code, "label": known[code]} for code in codes]}


def _names_of(items: Iterable[Item]) -> set[str]:
    return {name for item in items for name in (item.name, item.physical_name) if name}


def _part(part: Mapping[str, Any], kind: str, reader: str, secret: set[str]) -> dict[str, Any]:
    shown = {key: value for key, value in part.items() if reader != "public" or key in _PUBLIC_KEYS[kind]}
    for key in ("customProperties", "quality"):
        if key in shown:
            shown[key] = [entry for entry in shown[key] if not _mentions(entry, secret)]
    if reader == "public" and "customProperties" in shown:
        kept = [entry for entry in shown["customProperties"] if entry["property"] in _CUSTOM_FOR_PUBLIC]
        shown["customProperties"] = kept
    return shown


def _mentions(value: Any, names: set[str]) -> bool:
    """Whether any text of a value holds one of the names as a word."""
    if isinstance(value, Mapping):
        return any(_mentions(inner, names) for inner in value.values())
    if isinstance(value, list):
        return any(_mentions(inner, names) for inner in value)
    return isinstance(value, str) and (value in names or not names.isdisjoint(_WORD.findall(value)))


def _referring(catalog: Catalog, part: dict[str, Any], reader: str) -> dict[str, Any]:
    """Leave out references to what a reader may not see."""
    links = [link for link in part.pop("relationships", ()) if _may_refer(catalog, link.get("to"), reader)]
    return {**part, "relationships": links} if links else part


def _may_refer(catalog: Catalog, target: Any, reader: str) -> bool:
    for one in target if isinstance(target, list) else [target]:
        name, _, item = str(one).rpartition(".")
        resource = catalog.resources.get(name)
        if resource is None or resource.status != "active" or not may_see(resource.tier, reader):
            return False
        if not resource.has_item(item) or not may_see(resource.item(item).tier, reader):
            return False
    return True


def _is_post(name: Any) -> bool:
    return isinstance(name, str) and name.startswith(derive.POST)
