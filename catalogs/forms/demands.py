"""数据共享需求清单, the one list that is filed by hand (CATALOG §3.7): one row per demanded element.

A demand covers the whole list of its elements: its rows are taken as that list. How it was decided is shown and never
read: nobody approves a demand by writing so in a cell. A demand without a number is a new one and gets the next;
below another one of the same unit for the same item it is told apart by 新增 under 序号.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from catalogs.fields import ASCII_CODE
from catalogs.forms import labels
from catalogs.forms.cells import CellError, Code, Day, Flag, Number, Ref, Refs, Words, as_text, folded
from catalogs.forms.form import (
    ADD,
    NUMBER,
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
    look,
    mark,
    put,
    said,
)  # fmt: skip
from catalogs.forms.registers import elements, materials, service_items, units
from catalogs.forms.sheets import Record, Table
from catalogs.model import Catalog, Demand

KEY = "demands"
# Column → where it stands in a demand.
PATHS = {
    "requesterUnit": "requesterUnit",
    "applicant": "applicant",
    "contact": "contact",
    "serviceItem": "purpose.serviceItem",
    "task": "purpose.task",
    "step": "step",
    "replaces": "replaces",
    "presumedUnit": "presumedUnit",
    "basis": "basis",
    "ground": "ground",
    "population": "population",
    "scope": "scope",
    "mode": "mode",
    "client": "client",
    "frequency": "frequency",
    "validFrom": "validFrom",
    "validTo": "validTo",
    "retention": "retention",
    "destroyBy": "destroyBy",
    "undertaking": "undertaking",
    "assessment": "assessment",
    "notice": "notice",
    "note": "note",
}


class DemandsForm(Form):
    """数据共享需求清单."""

    name = "demands"
    title = "数据共享需求清单"
    needed = {"demands": ("requesterUnit", "element")}  # noqa: RUF012

    def __init__(self, catalog: Catalog):
        self.elements = elements(catalog)
        super().__init__(catalog)
        self.known = {folded(code): code for code in catalog.demands}

    def columns(self) -> Mapping[str, tuple[Column, ...]]:
        """Return the list's columns."""
        unit, state = Ref(register=units(self.catalog)), Words(labels=labels.DEMAND_STATES)
        ground, mode = (Words(labels=words, is_open=True) for words in (labels.GROUNDS, labels.DEMAND_MODES))
        columns = (
            Column(NUMBER, "序号", Number(), width=6),
            Column("demandId", "需求编号", over=True),
            Column("requesterUnit", "需求单位", unit, over=True),
            Column("applicant", "申请人(岗位)", over=True),
            Column("contact", "联系方式", over=True, width=18),
            Column("serviceItem", "关联事项", Ref(register=service_items(self.catalog)), over=True, width=20),
            Column("task", "其他用途(任务编号)", over=True),
            Column("step", "关联环节", over=True),
            Column("replaces", "替代的材料", Refs(register=materials(self.catalog)), over=True, width=24),
            Column("element", "数据元编号", Code(register=self.elements), width=12),
            Column("elementName", "数据元名称", width=16, derived=True, also=("所需数据元", "所需信息项")),
            Column("unmasked", "须用明文", Flag(), width=8),
            Column("presumedUnit", "推定责任单位", unit, over=True),
            Column("basis", "使用依据", over=True, width=26),
            Column("ground", "处理依据类型", ground, over=True),
            Column("population", "人群范围", over=True),
            Column("scope", "使用范围与最小必要说明", over=True, width=28),
            Column("mode", "提供方式", mode, over=True),
            Column("client", "使用系统", over=True),
            Column(
                "frequency", "提供频率", Words(labels=labels.FREQUENCIES, is_open=True), over=True, width=10
            ),
            Column("validFrom", "使用起始日", Day(), over=True, width=12),
            Column("validTo", "使用截止日", Day(), over=True, width=12),
            Column("retention", "留存与销毁", over=True, width=18),
            Column("destroyBy", "销毁日期", Day(), over=True, width=12),
            Column("undertaking", "安全承诺/保密协议", over=True, width=20),
            Column("assessment", "影响评估编号", over=True),
            Column("notice", "单独同意告知书", over=True),
            Column("note", "备注", over=True),
            Column("state", "审批状态", state, over=True, derived=True, width=10),
            Column("opinion", "审批意见", over=True, derived=True, width=24),
        )
        return {"demands": columns}

    def pages(self, draft: Draft, chosen: Chosen) -> Iterator[Page]:
        """Return one sheet with the demands of the chosen units."""
        rows: list[Row] = []
        for demand_id, demand in sorted(self.catalog.demands.items()):
            if chosen.has(demand.requester_unit, demand_id):
                values = _values(demand, draft.entry(demand.file, KEY, demand_id))
                for code in demand.elements:
                    own = self._element_values(demand, code) | {NUMBER: len(rows) + 1}
                    rows.append(Row(values | own, demand_id))
        title = f"{self.catalog.campus.name_zh}{self.title}"
        yield Page(self.title, title, (Grid(self.tables["demands"], tuple(rows)),))

    def _element_values(self, demand: Demand | None, code: str) -> dict[str, Any]:
        element = self.catalog.elements.get(code)
        is_plain = demand is not None and code in demand.unmasked
        return {
            "element": code,
            "elementName": element.name_zh if element else None,
            "unmasked": True if is_plain else None,
        }

    def read(self, tables: Sequence[Table], draft: Draft, told: Told) -> None:
        """Change demands and file new ones."""
        for table in tables:
            identity = ("demandId", "requesterUnit", "serviceItem")
            for group in groups(table, self.tables["demands"], identity, told, _begins):
                self._read_demand(group, draft, told)

    def _read_demand(self, group: Group, draft: Draft, told: Told) -> None:
        over = [column for column in self.tables["demands"] if column.over]
        try:
            code = as_text(group.head.cells.get("demandId"))
        except CellError as error:
            told.error(group.head.place("demandId"), error)
            return
        demand = self.catalog.demands.get(self.known.get(folded(code), ""))
        entry = draft.entry(demand.file, KEY, demand.demand_id) if demand else {}
        values = _values(demand, entry) if demand else {}
        new = said(group.head, over[1:], values, told)
        for key, value in new.items():
            put(entry, PATHS[key], value)
        wanted, plain = self._elements(group, demand, told)
        for key, before, now in (
            ("elements", demand.elements if demand else (), wanted),
            ("unmasked", demand.unmasked if demand else (), plain),
        ):
            if set(now) != set(before) or (key == "elements" and list(now) != list(before)):
                put(
                    entry,
                    key,
                    [one for one in before if one in now] + [one for one in now if one not in before],
                )
                if not now:
                    put(entry, key, None)
        if demand is None:
            self._file(group, code, entry, draft, told)

    def _elements(self, group: Group, demand: Demand | None, told: Told) -> tuple[list[str], list[str]]:
        """The elements that a demand's rows name, and those of them that are asked for unmasked."""
        register = self.elements
        before = demand.elements if demand else ()
        wanted, plain = [], []
        for record in group.rows:
            cells = {key: record.cells.get(key) for key in ("element", "elementName")}
            read = "element"
            try:
                code, name = as_text(cells["element"]), as_text(cells["elementName"])
                if not code and not name:
                    told.at(record.place("element"), "no element", "数据元编号 or 数据元名称")
                    continue
                found = code if code in before else register.code(code or name)
                if code and name and register.find(name) not in (None, found):
                    told.at(
                        record.place("elementName"), f'not the name of "{found}"', "the name of 数据元编号"
                    )
                if found in wanted:
                    told.at(
                        record.place("element"), f'"{found}" stands twice in one demand', "each element once"
                    )
                    continue
                wanted.append(found)
                read = "unmasked"
                if Flag().read(record.cells.get(read)):
                    plain.append(found)
            except CellError as error:
                told.error(record.place(read), error)
        return wanted, plain

    def _file(self, group: Group, code: str, entry: dict[str, Any], draft: Draft, told: Told) -> None:
        """File a new demand, as it is before anybody has looked at it."""
        code = code or self._free_id(draft)
        if not ASCII_CODE.match(code):
            told.at(
                group.head.place("demandId"), "not a number of a demand", "ASCII letters, digits, -, _, ."
            )
            return
        path = f"demands/{code}.yaml"
        if draft.entries(path):
            told.at(group.head.place("demandId"), f"two demands are filed as {code}", "each number once")
            return
        draft.entries(path)[""] = {"demandId": code, **entry, "state": "filed"}

    def _free_id(self, draft: Draft) -> str:
        """The number after the last one of the form that most have: D-2026-0107 → D-2026-0108."""
        last = max(self.catalog.demands, default="D-0000")
        found = re.fullmatch(r"(.*?)(\d+)", last)
        head, digits = (found[1], found[2]) if found else (f"{last}-", "0000")
        number = int(digits) + 1
        while draft.entries(f"demands/{head}{number:0{len(digits)}}.yaml"):
            number += 1
        return f"{head}{number:0{len(digits)}}"


def _begins(row: Record) -> bool:
    """Whether a row files a new demand, though it may be by the unit and for the item of the demand above it."""
    number, unit = (folded(row.cells.get(key) or "") for key in ("demandId", "requesterUnit"))
    return mark(row) == ADD and bool(unit) and not number


def _values(demand: Demand, entry: Mapping[str, Any]) -> dict[str, Any]:
    """What the columns over all rows of a demand say."""
    values = {key: look(entry, path) for key, path in PATHS.items()}
    opinion = look(entry, "decision.opinion") or look(entry, "decision.note")
    return values | {"demandId": demand.demand_id, "state": demand.state, "opinion": opinion}
