"""The resource form of the 2017 guide (政务信息资源目录): one row per information item, a sheet per provider.

Decided here: what a share type in a row means. A row shows what holds for its item, its own word or else its
resource's. If all items that follow their resource get the same new word, the resource's word has changed; else each
has one of its own. The form has no place for an English name: a new item gets the initials of its pinyin, as JY/T
1006 names fields, until somebody gives it a better one. A new resource needs a system to be read from, which no form
tells: it is drafted from its source.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from pypinyin import Style, lazy_pinyin

from catalogs.fields import SQL_NAME
from catalogs.forms import labels
from catalogs.forms.cells import Day, Flag, Number, Refs, Words, folded
from catalogs.forms.contract import custom_of, property_of, put_custom, schema_of
from catalogs.forms.form import (
    ADD,
    NUMBER,
    REMOVE,
    Chosen,
    Column,
    Draft,
    Form,
    Grid,
    Group,
    Page,
    Row,
    Told,
    groups,
    mark,
    matched,
    put,
    said,
)  # fmt: skip
from catalogs.forms.registers import service_items
from catalogs.forms.sheets import Record, Table
from catalogs.model import Item, Resource
from catalogs.views import unit_name
from catalogs.words import FORMAT_CLASSES, SHARE_MODE_CLASSES, SHARE_MODE_TYPES

_CATEGORY = ("category1", "category2", "category3", "category4", "category5")
_LOGICAL = {
    "C": "string", "M": "string", "G": "string", "N": "number", "Y": "number", "B": "number", "F": "number",
    "I": "integer", "D": "date", "T": "timestamp", "L": "boolean",
}  # fmt: skip
# Of a resource: column → custom property.
_PROPERTIES = {
    "relatedServiceItems": "relatedServiceItems",
    "code": "resourceCode",
    "providerSubunit": "providerSubunit",
    "formatClass": "formatClass",
    "formatType": "formatType",
    "formatNote": "formatNote",
    "shareModeClass": "shareModeClass",
    "shareModeType": "shareModeType",
    "isOpen": "isOpen",
    "openCondition": "openCondition",
    "updateCycle": "updateCycle",
    "publishedOn": "publishedOn",
    "openTheme": "openTheme",
}
# Where the words of a share type's column stand, by share type.
_CONDITIONS = {"conditional": "shareCondition", "none": "noShareBasis"}


def _open(words: Sequence[str]) -> Words:
    return Words(labels=tuple((word, word) for word in words))


class GuideForm(Form):
    """政务信息资源目录."""

    name = "guide"
    title = "信息资源目录"
    needed = {"guide": ("code", "itemName")}  # noqa: RUF012

    def columns(self) -> Mapping[str, tuple[Column, ...]]:
        """Return the form's columns, in the guide's order."""
        condition = "共享条件/不予共享依据"
        columns = (
            Column(NUMBER, "序号", Number(), width=6),
            Column("category1", "部门类信息资源分类", over=True, also=("类", "信息资源分类"), width=10),
            Column("category2", "项", over=True, width=10),
            Column("category3", "目", over=True, width=10),
            Column("category4", "细目1", over=True, also=("细目",), width=10),
            Column("category5", "细目1.1", over=True, width=10),
            Column(
                "relatedServiceItems",
                "关联业务事项",
                Refs(register=service_items(self.catalog)),
                over=True,
                width=20,
            ),
            Column("name", "信息资源名称", over=True, width=20),
            Column("code", "信息资源代码", over=True, also=("代码",), width=18),
            Column("providerSubunit", "下设机构", over=True),
            Column("abstract", "信息资源摘要", over=True, also=("摘要",), width=30),
            Column("formatClass", "信息资源格式分类", _open(FORMAT_CLASSES), over=True, also=("格式分类",)),
            Column("formatType", "信息资源格式类型", over=True, also=("格式类型",)),
            Column("formatNote", "其他类型资源格式描述", over=True, also=("其他格式描述",)),
            Column("itemName", "信息项名称", width=18),
            Column("guideType", "数据类型", Words(labels=labels.GUIDE_TYPES, letters=True), width=12),
            Column("length", "数据长度(字节)", Number(), width=8),
            Column("shareType", "共享类型", Words(labels=labels.SHARE_TYPES), width=12),
            Column("condition", condition, also=("共享条件", "不予共享依据"), width=24),
            Column("shareModeClass", "共享方式分类", _open(SHARE_MODE_CLASSES), over=True),
            Column("shareModeType", "共享方式类型", _open(SHARE_MODE_TYPES), over=True),
            Column("isOpen", "是否向社会开放", Flag(), over=True, width=8),
            Column("openCondition", "开放条件", over=True),
            Column("updateCycle", "更新周期", Words(labels=labels.UPDATE_CYCLES), over=True, width=10),
            Column("publishedOn", "发布日期", Day(), over=True, width=12),
            Column("openTheme", "开放主题分类", over=True),
        )
        return {"guide": columns}

    def pages(self, draft: Draft, chosen: Chosen) -> Iterator[Page]:
        """Return a sheet per provider."""
        by_provider: dict[str, list[Resource]] = {}
        for _, resource in sorted(self.catalog.resources.items()):
            if chosen.has(resource.provider, resource.name):
                by_provider.setdefault(resource.provider, []).append(resource)
        for provider, resources in sorted(by_provider.items()):
            rows: list[Row] = []
            for resource in resources:
                doc = draft.entries(resource.file)[""]
                values = _values(resource, doc)
                for item in resource.items:
                    numbered = {NUMBER: len(rows) + 1}
                    rows.append(Row(values | _item_values(item) | numbered, resource.name))
            name = unit_name(self.catalog, provider)
            line = f"信息资源提供方: {name}    信息资源提供方代码: {provider}"
            yield Page(name, self.title, (Grid(self.tables["guide"], tuple(rows), (line,)),))

    def read(self, tables: Sequence[Table], draft: Draft, told: Told) -> None:
        """Change resources and their items; the code tells which resource, the name which item."""
        columns = self.tables["guide"]
        for table in tables:
            found = groups(table, columns, ("code", "name"), told)
            taken = {folded(str(group.head.cells.get("code") or "")) for group in found}
            for group in found:
                resource = self._resource(group.head, taken)
                if resource is None:
                    told.at(
                        group.head.place("code"),
                        "no resource of this code",
                        "信息资源代码 of a resource of the catalog",
                        "draft the new resource from its system first: yici source draft",
                    )
                    continue
                self._read_resource(group, resource, draft, told)

    def _resource(self, head: Record, taken: set[str]) -> Resource | None:
        """The resource of a code; else the one of this name whose own code no other row has: its code was changed."""
        code, name = (folded(str(head.cells.get(key) or "")) for key in ("code", "name"))
        resources = self.catalog.resources.values()
        by_code = [one for one in resources if code and folded(one.code) == code]
        by_name = [
            one for one in resources if folded(one.business_name) == name and folded(one.code) not in taken
        ]
        found = by_code or by_name
        return found[0] if len(found) == 1 else None

    def _read_resource(self, group: Group, resource: Resource, draft: Draft, told: Told) -> None:
        doc = draft.entries(resource.file)[""]
        over = [column for column in self.tables["guide"] if column.over]
        values = _values(resource, doc)
        new = said(group.head, over, values, told)
        if new.keys() & set(_CATEGORY):
            self._put_category(group.head, values | new, doc, told)
        for key, value in new.items():
            if key in _PROPERTIES:
                put_custom(doc, _PROPERTIES[key], value)
            elif key == "abstract":
                put(doc, "description.purpose", value)
            elif key == "name":
                put(schema_of(doc), "businessName", value)
        rows = [record for record in group.rows if folded(str(record.cells.get("itemName") or ""))]
        known = [record for record in rows if mark(record) != ADD]
        items = resource.items
        names = [str(record.cells["itemName"]) for record in known]
        places = matched(names, [item.business_name for item in items])
        listed = dict(zip([record.row for record in known], places, strict=True))
        is_whole = len({place for place in places if place is not None}) == len(items)
        shares: dict[str, dict[str, Any]] = {}
        for record in rows:
            place = listed.get(record.row)
            if place is not None and mark(record) == REMOVE:
                properties = schema_of(doc)["properties"]
                properties[:] = [one for one in properties if one["name"] != items[place].name]
            elif place is not None:
                shares[items[place].name] = self._read_item(record, items[place], doc, told)
            elif mark(record) == ADD or is_whole:
                self._add_item(record, resource, doc, told)
            else:
                told.at(
                    record.place("itemName"),
                    "no item of this name, and not all items of the resource are listed",
                    "the name of an item, or all items of the resource",
                    f"write {ADD} under 序号 for a new item; to rename one, list all",
                )
        _put_shares(resource, doc, shares)

    def _put_category(self, head: Record, values: Mapping[str, Any], doc: dict[str, Any], told: Told) -> None:
        parts = [values.get(key) for key in _CATEGORY]
        given = [part for part in parts if part]
        if given != parts[: len(given)]:
            gap = next(key for key in _CATEGORY if not values.get(key))
            told.at(head.place(gap), "a level of the category is left out", "类, 项, 目, 细目 without a gap")
        else:
            put_custom(doc, "category", "/".join(map(str, given)) or None)

    def _read_item(self, record: Record, item: Item, doc: dict[str, Any], told: Told) -> dict[str, Any]:
        """Change an item; return what its row says of sharing."""
        data = property_of(doc, item.name)
        columns = [column for column in self.tables["guide"] if not column.over]
        values = _item_values(item)
        new = said(record, columns, values, told)
        if "itemName" in new:
            data["businessName"] = new["itemName"]
        if "length" in new:
            put_custom(data, "length", new["length"])
        if new.get("guideType"):
            put_custom(data, "guideType", new["guideType"])
            if _LOGICAL[new["guideType"]] != item.logical_type:
                data["logicalType"] = _LOGICAL[new["guideType"]]
        if "shareType" in new and new["shareType"] is None:
            # Left empty as under a merged cell: what the row above says would be a guess, so the item's words stay.
            del new["shareType"]
            if new.get("condition", "") is None:
                del new["condition"]
        share_type = new.get("shareType") or item.share_type
        if "shareType" in new and share_type in _CONDITIONS:
            # One column holds the words of both share types: what stands in it now is meant for the new one.
            new.setdefault("condition", values["condition"])
        if "condition" in new and share_type not in _CONDITIONS and new["condition"] is not None:
            told.at(
                record.place("condition"), "a condition of what is shared without condition", "an empty cell",
                "change 共享类型, or clear the cell",
            )  # fmt: skip
        return {key: new[key] for key in ("shareType", "condition") if key in new}

    def _add_item(self, record: Record, resource: Resource, doc: dict[str, Any], told: Told) -> None:
        columns = [column for column in self.tables["guide"] if not column.over]
        values = said(record, columns, {}, told)
        properties = schema_of(doc)["properties"]
        name = _free_name(str(values.get("itemName") or ""), {one["name"] for one in properties})
        if not name:
            told.at(
                record.place("itemName"), "no name can be made of this", "a name in Chinese or Latin letters"
            )
            return
        letter = values.get("guideType") or "C"
        data: dict[str, Any] = {
            "name": name,
            "physicalName": name.upper(),
            "businessName": values["itemName"],
            "logicalType": _LOGICAL[letter],
        }
        own: dict[str, Any] = {"guideType": letter, "length": values.get("length")}
        share_type = values.get("shareType") or resource.share_type
        if share_type != resource.share_type:
            own["shareType"] = share_type
        if share_type in _CONDITIONS:
            own[_CONDITIONS[share_type]] = values.get("condition")
        for key, value in own.items():
            put_custom(data, key, value)
        properties.append(data)


def _values(resource: Resource, doc: Mapping[str, Any]) -> dict[str, Any]:
    """What the columns over all rows of a resource say."""
    levels = [part for part in resource.category.split("/", len(_CATEGORY) - 1) if part]
    stated = custom_of(doc)
    return dict(zip(_CATEGORY, levels, strict=False)) | {
        "relatedServiceItems": list(resource.related_service_items) or None,
        "name": resource.business_name or None,
        "code": resource.code or None,
        "providerSubunit": stated.get("providerSubunit"),
        "abstract": resource.purpose or None,
        "formatClass": resource.format_class or None,
        "formatType": resource.format_type or None,
        "formatNote": stated.get("formatNote"),
        "shareModeClass": resource.share_mode_class or None,
        "shareModeType": resource.share_mode_type or None,
        "isOpen": resource.is_open,
        "openCondition": resource.open_condition or None,
        "updateCycle": resource.update_cycle,
        "publishedOn": resource.published_on.isoformat() if resource.published_on else None,
        "openTheme": resource.open_theme or None,
    }


def _item_values(item: Item) -> dict[str, Any]:
    return {
        "itemName": item.business_name,
        "guideType": item.guide_type,
        "length": item.length,
        "shareType": item.share_type,
        "condition": _condition(item, item.share_type) or None,
    }


def _condition(item: Item, share_type: str) -> str:
    return {"conditional": item.share_condition, "none": item.no_share_basis}.get(share_type, "")


def _put_shares(resource: Resource, doc: dict[str, Any], said_of: Mapping[str, Mapping[str, Any]]) -> None:
    """Write what the rows of a resource say of sharing, at the resource where all that follow it say the same."""
    types = {item.name: item.share_type for item in resource.items}
    types |= {name: said["shareType"] for name, said in said_of.items() if "shareType" in said}
    _put_followed(doc, "shareType", types, said_of.keys())
    for share_type, key in _CONDITIONS.items():
        wanted = {item.name: _condition(item, share_type) for item in resource.items}
        wanted |= {name: said["condition"] or "" for name, said in said_of.items() if "condition" in said}
        concerned = {name: text for name, text in wanted.items() if types[name] == share_type}
        _put_followed(doc, key, concerned, said_of.keys())


def _put_followed(doc: dict[str, Any], key: str, wanted: Mapping[str, Any], listed: Collection[str]) -> None:
    """Set a custom property of items that follow their resource's where they have none of their own."""
    default = custom_of(doc).get(key) or ""
    present = {one["name"]: one for one in schema_of(doc)["properties"]}
    own = {name: custom_of(data).get(key) for name, data in present.items()}
    followers = [name for name in wanted if name in own and not own[name]]
    told = {wanted[name] for name in followers}
    if len(followers) > 1 and len(told) == 1 and told != {default} and set(followers) <= set(listed):
        default = told.pop()
        put_custom(doc, key, default or None)
    if default and any(not wanted[name] for name in wanted if name in own):
        # An item cannot say that it has none of what its resource has: the others say it for themselves.
        default = ""
        put_custom(doc, key, None)
    for name in wanted:
        if name in own and wanted[name] != (own[name] or default):
            put_custom(present[name], key, wanted[name] if wanted[name] not in ("", default) else None)


def _free_name(text: str, taken: set[str]) -> str:
    """The initials of a name's pinyin, with a number if others have them; empty if there are none."""
    initials = "".join(lazy_pinyin(text, style=Style.FIRST_LETTER)).lower()
    name = re.sub(r"[^a-z0-9_]", "", initials)
    if not SQL_NAME.match(name):
        return ""
    number = 2
    free = name
    while free in taken:
        free, number = f"{name}{number}", number + 1
    return free
