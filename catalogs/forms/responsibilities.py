"""数据提供责任清单, which is derived: what a provider confirms of it may be written in, and nothing else.

A provider says whether it is the source of an item (否 takes back the claim: the item is authoritative no more), by
which duty it is, until when it delivers, and which posts answer. All else follows from contracts and decided demands;
a changed cell is a fault that says so.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from catalogs.derive import Responsibility
from catalogs.forms import labels
from catalogs.forms.cells import Clock, Flag, Folded, Number, Words, folded
from catalogs.forms.contract import property_of, put_custom
from catalogs.forms.form import NUMBER, Chosen, Column, Draft, Form, Grid, Page, Row, Told, groups, said
from catalogs.forms.sheets import Table
from catalogs.views import unit_name

_ROLES = ("accountable", "steward")


class ResponsibilitiesForm(Form):
    """数据提供责任清单."""

    name = "responsibilities"
    title = "数据提供责任清单"
    needed = {"responsibilities": ("resourceCode", "itemName", "isSource")}  # noqa: RUF012

    def columns(self) -> Mapping[str, tuple[Column, ...]]:
        """Return the list's columns."""
        cycles, shares = Words(labels=labels.UPDATE_CYCLES), Words(labels=labels.SHARE_TYPES)
        columns = (
            Column(NUMBER, "序号", Number(), width=6),
            Column("unit", "责任单位", over=True, derived=True),
            Column("resourceName", "资源名称", over=True, derived=True, width=20),
            Column("resourceCode", "资源代码", over=True, derived=True, width=18),
            Column("itemName", "信息项", derived=True, width=16),
            Column("element", "数据元编号", derived=True, width=12),
            Column("populations", "覆盖人群", Folded(), over=True, derived=True, width=22),
            Column("isSource", "是否数源(确认)", Flag(), width=10),
            Column("mandate", "权威源依据(职责条款)", over=True, width=26),
            Column("mode", "提供方式", over=True, derived=True, width=12),
            Column("updateCycle", "更新周期", cycles, over=True, derived=True, width=10),
            Column("deadline", "时限(每日几时前)", Clock(), over=True, width=10),
            Column("shareType", "共享类型", shares, derived=True, width=12),
            Column("shareCondition", "共享条件或不予共享依据", derived=True, width=24),
            Column("accountable", "责任岗位", over=True, width=20),
            Column("steward", "经办岗位", over=True, width=20),
            Column("contact", "校核纠错联系", over=True, derived=True, width=20),
            Column("demands", "被哪些需求依赖", Folded(), derived=True, width=24),
            Column("gap", "缺口", over=True, derived=True, width=12),
        )
        return {"responsibilities": columns}

    def pages(self, draft: Draft, chosen: Chosen) -> Iterator[Page]:
        """Return a sheet per responsible unit."""
        by_unit: dict[str, list[Row]] = {}
        for duty in self.catalog.responsibilities():
            if chosen.has(duty.unit, duty.resource):
                rows = by_unit.setdefault(duty.unit, [])
                rows.append(Row(self._values(duty) | {NUMBER: len(rows) + 1}, duty.resource))
        for unit, rows in by_unit.items():
            name = unit_name(self.catalog, unit)
            signed = "单位负责人签字(公章):            时间:    年    月    日"
            yield Page(
                name,
                self.title,
                (Grid(self.tables[self.name], tuple(rows), (f"责任单位: {name}",), (signed,)),),
            )

    def _values(self, duty: Responsibility) -> dict[str, Any]:
        resource = self.catalog.resources[duty.resource]
        names = [
            self.catalog.populations[code].name_zh
            for code in duty.populations
            if code in self.catalog.populations
        ]
        return {
            "unit": unit_name(self.catalog, duty.unit),
            "resourceName": duty.resource_name,
            "resourceCode": duty.resource_code,
            "itemName": duty.item_name,
            "element": duty.element,
            "populations": "、".join(names) or None,
            "isSource": True,
            "mandate": resource.properties.get("mandate"),
            "mode": resource.share_mode_type or None,
            "updateCycle": duty.update_cycle,
            "deadline": duty.delivers or None,
            "shareType": duty.share_type,
            "shareCondition": duty.share_condition or None,
            "accountable": duty.accountable or None,
            "steward": duty.steward or None,
            "contact": duty.contact or None,
            "demands": "、".join(duty.demands) or None,
            "gap": duty.gap or None,
        }

    def read(self, tables: Sequence[Table], draft: Draft, told: Told) -> None:
        """Take the confirmations."""
        duties: dict[tuple[str, str], list[Responsibility]] = {}
        for duty in self.catalog.responsibilities():
            duties.setdefault((folded(duty.resource_code), folded(duty.item_name)), []).append(duty)
        columns = self.tables[self.name]
        over, own = ([one for one in columns if one.over is is_over] for is_over in (True, False))
        for table in tables:
            for group in groups(table, columns, ("resourceCode",), told):
                head = None
                code = folded(str(group.head.cells.get("resourceCode") or ""))
                left = {key: list(found) for key, found in duties.items() if key[0] == code}
                for record in group.rows:
                    found = left.get((code, folded(str(record.cells.get("itemName") or ""))))
                    if not found:
                        told.at(
                            record.place("itemName"),
                            "no row of the list is about this item of this resource",
                            "the rows that the list was written with",
                            "take the list anew; a new item comes with its contract",
                        )
                        continue
                    duty = found.pop(0)
                    head = head or duty
                    if said(record, own, self._values(duty), told).get("isSource") is False:
                        doc = draft.entries(self.catalog.resources[duty.resource].file)[""]
                        put_custom(property_of(doc, duty.item), "authoritative", False)
                if head is not None:
                    resource = self.catalog.resources[head.resource]
                    doc = draft.entries(resource.file)[""]
                    for key, value in said(group.head, over, self._values(head), told).items():
                        _confirm(doc, key, value)


def _confirm(doc: dict[str, Any], key: str, value: Any) -> None:
    if key == "mandate":
        put_custom(doc, "mandate", value)
    elif key == "deadline":
        _put_member(doc, "slaProperties", ("property", "timeOfAvailability"), "value", value)
    elif key in _ROLES:
        team = doc.setdefault("team", {})
        _put_member(team, "members", ("role", key), "username", value)


def _put_member(holder: dict[str, Any], name: str, identity: tuple[str, str], key: str, value: Any) -> None:
    """Set a key of the member of a list that an identity tells; None removes the member."""
    members = holder.setdefault(name, [])
    found = next((one for one in members if one.get(identity[0]) == identity[1]), None)
    if value is None:
        members[:] = [one for one in members if one is not found]
    elif found is not None:
        found[key] = value
    else:
        members.append(
            {key: value, identity[0]: identity[1]}
            if key == "username"
            else {identity[0]: identity[1], key: value}
        )
