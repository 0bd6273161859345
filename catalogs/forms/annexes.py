"""The three annexes of a service item (西北工业大学机关“最多跑一趟”工作方案): list, flow, materials and notices.

Annex 1 has one sheet per unit and one row per item; annexes 2 and 3 have one sheet per item, under whose title a
line says its code. A list that is all there is to its matter (the steps of a flow, the materials, notices and
contacts of an item) is taken as a whole: a row that is gone is gone. In annex 1, items that are not listed stay.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from catalogs.fields import ASCII_CODE
from catalogs.forms import labels
from catalogs.forms.cells import (
    Amount,
    CellError,
    CellValue,
    Day,
    Folded,
    Kind,
    Number,
    Ref,
    Refs,
    Register,
    Words,
    as_text,
    folded,
    unnumbered,
)
from catalogs.forms.form import (
    ADD,
    NUMBER,
    REMOVE,
    Chosen,
    Column,
    Draft,
    Form,
    Grid,
    Page,
    Row,
    Told,
    look,
    mark,
    matched,
    put,
    said,
)
from catalogs.forms.registers import materials, units
from catalogs.forms.sheets import Place, Record, Table
from catalogs.model import ServiceItem
from catalogs.views import unit_name

KEY = "serviceItems"
# What an empty list leaves to write in.
_BLANK = (Row({}), Row({}), Row({}))
_CODE_LINE = "事项编码: "
_UNIT_LINE = "单位: "
_MODES = (("online", "线上"), ("window", "线下"), ("mobile", "掌上"))
_TARGET = re.compile(
    r"(?:(?P<day>.+?)前)?实现(?P<text>.*?)(?:[,，]并开始在(?P<mode>[^,，]*)运行)?[。.]?", re.DOTALL
)
_MATERIAL = re.compile(
    r"(?P<name>.*?)(?:〔(?P<necessity>[^:：〕]*)(?:[:：](?P<condition>[^〕]*))?〕)?", re.DOTALL
)


@dataclass(frozen=True)
class Target(Kind):
    """预期目标 as the annex words it: XX日前实现…, 并开始在线上运行。 The value: {date, mode, text}."""

    def write(self, value: Any) -> CellValue:
        """Return the sentence."""
        if not isinstance(value, Mapping):
            return ""
        day = f"{value['date']}前" if value.get("date") else ""
        mode = value.get("mode")
        end = f",并开始在{dict(_MODES).get(mode, mode)}运行" if mode else ""
        return super().write(f"{day}实现{value.get('text', '')}{end}。")

    def read(self, cell: CellValue) -> Any:
        """Return {date, mode, text}."""
        text = as_text(cell)
        if not text:
            return None
        found = _TARGET.fullmatch(text)
        if not found:
            raise CellError(
                "not worded as the form asks",
                "2026-12-31前实现…,并开始在线上运行。",
                "begin with the day and 前实现",
            )
        day, mode = found["day"], found["mode"]
        parts = {
            "date": Day().read(day) if day else None,
            "mode": Words(labels=_MODES).read(mode) if mode else None,
            "text": found["text"] or None,
        }
        return {key: value for key, value in parts.items() if value is not None}


@dataclass(frozen=True)
class Uses(Folded):
    """所需提交材料: one material a line, 〔非必要: …〕 behind those that not everybody brings. The value: the list."""

    register: Register | None = None

    def write(self, value: Any) -> CellValue:
        """Return the numbered lines."""
        lines = []
        for number, use in enumerate(value or (), start=1):
            necessity, condition = use.get("necessity", "required"), use.get("condition")
            word = dict(labels.NECESSITIES).get(necessity, necessity)
            note = (
                f"〔{word}{': ' + condition if condition else ''}〕"
                if condition or necessity != "required"
                else ""
            )
            assert self.register is not None
            lines.append(f"{number}.{self.register.name(use['material'])}{note}")
        return super().write("\n".join(lines))

    def read(self, cell: CellValue) -> Any:
        """Return the uses: {material, necessity, condition}."""
        assert self.register is not None
        uses = []
        for line in unnumbered(as_text(cell).split("\n")):
            found = _MATERIAL.fullmatch(line)
            assert found is not None
            use = {"material": self.register.code(found["name"])}
            use["necessity"] = Words(labels=labels.NECESSITIES).read(found["necessity"]) or "required"
            if found["condition"]:
                use["condition"] = found["condition"].strip()
            uses.append(use)
        return uses or None


class _ServiceForm(Form):
    """What the annexes share: finding a service item and its entry."""

    def entry(self, draft: Draft, item: ServiceItem) -> dict[str, Any]:
        """Return the entry of a service item."""
        return draft.entry(item.file, KEY, item.code)

    def chosen(self, chosen: Chosen) -> list[ServiceItem]:
        """Return the chosen service items, by code."""
        items = self.catalog.services.items()
        return [item for _, item in sorted(items) if chosen.has(item.lead_unit, item.code)]

    def item_of(self, table: Table, told: Told) -> ServiceItem | None:
        """Return the service item that the lines above a table name."""
        for text in table.above:
            head, _, code = _colons(text).partition(":")
            if folded(head) == "事项编码" and code.strip() in self.catalog.services:
                return self.catalog.services[code.strip()]
        place = Place(table.sheet, 1, "A")
        told.at(
            place, "no service item of the catalog is named above the table", "a line like 事项编码: JW-001"
        )
        return None


def _colons(text: str) -> str:
    return text.replace("：", ":")


class ServiceListForm(_ServiceForm):
    """附件1 服务事项清单."""

    name = "annex1"
    title = "服务事项清单"
    needed = {"annex1": ("nameZh", "description")}  # noqa: RUF012

    def columns(self) -> Mapping[str, tuple[Column, ...]]:
        """Return the annex's columns."""
        columns = (
            Column(NUMBER, "序号", Number(), width=6),
            Column("nameZh", "服务事项名称", width=22),
            Column("description", "事项说明", width=30),
            Column("current", "现状", width=26),
            Column("coordination", "需协调部门和事情(跨部门事项填写)", width=26),
            Column("target", "预期目标(明确实现时间、运行模式等)", Target(), width=30),
            Column("materials", "所需提交材料", Uses(register=materials(self.catalog)), width=36),
            Column(
                "atMostOnce",
                "能否实现“最多跑一次”",
                Folded(),
                derived=True,
                also=("能否实现“最多跑一趟”",),
                width=12,
            ),
        )
        return {"annex1": columns}

    def pages(self, draft: Draft, chosen: Chosen) -> Iterator[Page]:
        """Return a sheet per unit."""
        by_unit: dict[str, list[ServiceItem]] = {}
        for item in self.chosen(chosen):
            by_unit.setdefault(item.lead_unit, []).append(item)
        columns = self.tables["annex1"]
        for unit, items in sorted(by_unit.items()):
            rows = list(_PRINTED)
            for number, item in enumerate(items, start=1):
                rows.append(Row(_listed(item, self.entry(draft, item)) | {NUMBER: number}))
            name = unit_name(self.catalog, unit)
            signed = "填表人:            单位负责人签字(公章):            时间:    年    月    日"
            yield Page(name, self.title, (Grid(columns, tuple(rows), (f"{_UNIT_LINE}{name}",), (signed,)),))

    def read(self, tables: Sequence[Table], draft: Draft, told: Told) -> None:
        """Change service items, and add those that the unit has not had."""
        columns = self.tables["annex1"]
        for table in tables:
            unit = self._unit(table, told)
            if unit is None:
                continue
            items = [item for _, item in sorted(self.catalog.services.items()) if item.lead_unit == unit]
            records = [
                record
                for record in table.records
                if folded(str(record.cells.get(NUMBER) or "")) not in ("说明", "示例")
                and folded(str(record.cells.get("nameZh") or ""))
            ]
            known = [record for record in records if mark(record) != ADD]
            places = matched([str(one.cells["nameZh"]) for one in known], [item.name_zh for item in items])
            listed = dict(zip([record.row for record in known], places, strict=True))
            is_whole = len({place for place in places if place is not None}) == len(items)
            for record in records:
                place = listed.get(record.row)
                if place is not None and mark(record) == REMOVE:
                    self._remove(items[place], draft)
                elif place is not None:
                    entry = self.entry(draft, items[place])
                    new = said(record, columns, _listed(items[place], entry), told)
                    for key, value in new.items():
                        if key == "materials":
                            _put_list(entry, key, _merged_uses(entry, value))
                        else:
                            put(entry, key, value)
                elif mark(record) == ADD or is_whole:
                    self._add(record, unit, draft, told)
                else:
                    told.at(
                        record.place("nameZh"),
                        "no service item of this name, and not all items of the unit are listed",
                        "the name of a service item, or all items of the unit",
                        f"write {ADD} under 序号 for a new item; to rename one, list all",
                    )

    def _unit(self, table: Table, told: Told) -> str | None:
        for text in table.above:
            head, _, name = _colons(text).partition(":")
            if folded(head) == "单位":
                try:
                    return units(self.catalog).code(name.strip())
                except CellError as error:
                    told.error(Place(table.sheet, 1, "A"), error)
                    return None
        told.at(Place(table.sheet, 1, "A"), "no unit is named above the table", "a line like 单位: 教务处")
        return None

    def _remove(self, item: ServiceItem, draft: Draft) -> None:
        code = item.code if item.code in draft.members(item.file, KEY) else ""
        draft.remove(item.file, KEY, code)

    def _add(self, record: Record, unit: str, draft: Draft, told: Told) -> None:
        values = said(record, [column for column in self.tables["annex1"] if not column.derived], {}, told)
        number = 1
        while f"{unit}-{number:03}" in self.catalog.services or draft.entries(_file(unit, number)):
            number += 1
        code = f"{unit}-{number:03}"
        if not ASCII_CODE.match(code):
            told.at(record.place("nameZh"), "no code can be made for the item", "a unit whose code is ASCII")
            return
        draft.entries(_file(unit, number))[""] = {
            "code": code,
            "nameZh": values["nameZh"],
            "status": "draft",
            "leadUnit": unit,
            "kind": "公共服务",
            **{key: value for key, value in values.items() if key != "nameZh" and value is not None},
        }


# The two rows that the annex itself prints under its headings.
_PRINTED = (
    Row(
        {
            NUMBER: "说明",
            "nameZh": "填写事项名称",
            "description": "简要介绍该服务事项",
            "current": "该事项目前开展情况及面临的问题和困难",
            "coordination": "写明该事项涉及的部门,及需跨部门协调解决的事情。",
            "target": "XXXXXX日前实现哪些目标,并开始在线上/线下运行。",
            "materials": "办理该事项所需提交材料的目录",
            "atMostOnce": "/",
        },
        is_printed=True,
    ),
    Row(
        {
            NUMBER: "示例",
            "nameZh": "公房装修改造申请",
            "description": "教师个人或单位对公用房进行装修改造,需提交申请并经有关部门审核通过后才可进行。",
            "current": "目前,公用房装修申请为线下办理,办理者需到7个部门进行签字盖章审核,程序复杂繁琐。",
            "coordination": "涉及财务处、基建处、信息化处、后勤集团、保密处、国资处、保卫处。"
            "需以上部门共同进行流程再造,线下变线上,实现公房装修改造申请的网上办理。",
            "target": "XXXXXX日前实现公房装修改造申请的网上办理,并开始在线上运行。",
            "materials": "1.公房装修改造在线流程审批表\n2.改造前结构图\n3.本次结构设计图\n4.……",
        },
        is_printed=True,
    ),
)


def _file(unit: str, number: int) -> str:
    return f"services/{unit}-{number:03}.yaml"


def _listed(item: ServiceItem, entry: Mapping[str, Any]) -> dict[str, Any]:
    """What annex 1 says of an item."""
    values = {
        key: entry.get(key)
        for key in ("nameZh", "description", "current", "coordination", "target", "materials")
    }
    return values | {"atMostOnce": "能" if item.visits <= 1 else "否"}


def _merged_uses(entry: Mapping[str, Any], uses: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """The uses as listed, each with what the form does not say of it."""
    before = {use["material"]: use for use in entry.get("materials") or ()}
    merged = []
    for use in uses or ():
        kept = dict(before.get(use["material"], {}))
        kept.pop("condition", None)
        if kept and "necessity" not in kept and use["necessity"] == "required":
            use = {key: value for key, value in use.items() if key != "necessity"}
        merged.append({**kept, **use})
    return merged


class FlowForm(_ServiceForm):
    """附件2 服务事项流程图, as a table of its steps; the picture is drawn from the same steps (yici catalog flow)."""

    name = "annex2"
    title = "服务事项流程图"
    needed = {"annex2": ("nameZh", "unit", "parallelGroup")}  # noqa: RUF012

    def columns(self) -> Mapping[str, tuple[Column, ...]]:
        """Return the columns of a step."""
        return {
            "annex2": (
                Column("seq", "序号", Number(), width=6),
                Column("nameZh", "环节名称", also=("环节",), width=18),
                Column("unit", "办理单位", Ref(register=units(self.catalog)), width=16),
                Column("role", "办理角色", Words(labels=labels.ROLES, is_open=True), width=10),
                Column("action", "办理内容", width=20),
                Column("input", "输入材料", Refs(register=materials(self.catalog), is_open=True), width=18),
                Column("output", "输出结果", width=16),
                Column("limit", "办理时限", Amount(units=labels.LIMIT_UNITS), width=12),
                Column("channel", "办理方式", Words(labels=labels.CHANNELS, is_open=True), width=10),
                Column("parallelGroup", "并行组", width=10),
                Column("join", "并行组何时通过", Words(labels=labels.JOINS), width=12),
                Column("onReturn", "退回后", Words(labels=labels.ON_RETURN), width=14),
                Column("condition", "适用情形", width=18),
                Column("notify", "通知", Words(labels=labels.NOTIFY, is_open=True), width=10),
                Column("note", "备注", width=16),
            )
        }

    def pages(self, draft: Draft, chosen: Chosen) -> Iterator[Page]:
        """Return a sheet per service item."""
        for item in self.chosen(chosen):
            rows = tuple(Row(step) for step in self.entry(draft, item).get("steps") or ())
            grid = Grid(self.tables["annex2"], rows, (f"{_CODE_LINE}{item.code}",))
            yield Page(item.code, f"{item.name_zh}{self.title}", (grid,))

    def read(self, tables: Sequence[Table], draft: Draft, told: Told) -> None:
        """Take the steps of each item as listed; without a full row of numbers they are numbered anew."""
        for table in tables:
            item = self.item_of(table, told)
            if item is not None:
                entry = self.entry(draft, item)
                steps = _rows_of(table, entry.get("steps") or [], self.tables["annex2"], "nameZh", told)
                _put_list(entry, "steps", _numbered(steps))


def _put_list(entry: dict[str, Any], key: str, members: list[Any]) -> None:
    """Set a list; one that is not there stays away rather than empty."""
    if members or key in entry:
        entry[key] = members


def _rows_of(
    table: Table, before: Sequence[dict[str, Any]], columns: Sequence[Column], name: str, told: Told
) -> list[dict[str, Any]]:
    """Return the members of a list as a table lists them, each with what the form does not say of it."""
    records = [one for one in table.records if mark(one) != REMOVE]
    names = [_name_of(record, name, columns) for record in records]
    column = next(one for one in columns if one.key == name)
    places = matched(names, [as_text(column.kind.write(member.get(name))) for member in before])
    members = []
    for record, place in zip(records, places, strict=True):
        old = before[place] if place is not None else {}
        member = dict(old)
        for key, value in said(record, columns, old, told).items():
            both = isinstance(value, dict) and isinstance(old.get(key), dict)
            put(member, key, {**old[key], **value} if both else value)
        if name not in member:
            told.at(
                record.place(name), f"a row without {column.zh}", column.zh, "fill it in, or empty the row"
            )
        members.append(member)
    return members


def _name_of(record: Record, name: str, columns: Sequence[Column]) -> str:
    try:
        return as_text(record.cells.get(name))
    except CellError:
        return ""


def _numbered(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Number steps in their order, unless each has a number that fits it; new ones get a code of their own."""
    numbers: list[Any] = [step.get("seq") for step in steps]
    if None in numbers or sorted(set(numbers)) != numbers:
        steps = [{**step, "seq": number} for number, step in enumerate(steps, start=1)]
    taken = {step.get("code") for step in steps}
    for step in steps:
        if "code" not in step and any(taken - {None}):
            number = int(step["seq"])
            while f"S{number:02}" in taken:
                number += 1
            step["code"] = f"S{number:02}"
            taken.add(step["code"])
    return steps


class NoticesForm(_ServiceForm):
    """附件3 服务事项所需提交材料及注意事项."""

    name = "annex3"
    title = "所需提交材料及注意事项"
    needed = {  # noqa: RUF012
        "annex3.materials": ("material", "onlinePath"),
        "annex3.notices": ("notice",),
        "annex3.contacts": ("unit", "phone", "post"),
        "annex3.consult": ("accountable", "phone"),
    }
    ends = ("一、", "二、", "三、", "四、")

    def columns(self) -> Mapping[str, tuple[Column, ...]]:
        """Return the annex's tables."""
        number = Column(NUMBER, "序号", Number(), width=6)
        return {
            "annex3.materials": (
                number,
                Column("material", "材料名称", Ref(register=materials(self.catalog)), width=36),
                Column("necessity", "必要性", Words(labels=labels.NECESSITIES), width=10),
                Column("condition", "适用情形", width=24),
                Column("onlinePath", "线上审批工作路径", width=28),
                Column("sample", "填写样表", width=22),
                Column("blank", "空白表格", width=22),
            ),
            "annex3.notices": (number, Column("notice", "注意事项", span=6)),
            "annex3.contacts": (
                number,
                Column("unit", "业务单位", Ref(register=units(self.catalog)), width=18),
                Column("post", "业务联系人(岗位)", span=2),
                Column("phone", "联系电话", width=16),
            ),
            "annex3.consult": (
                Column("accountable", "该项工作负责人(岗位)", derived=True, span=2),
                Column("phone", "联系电话", span=2),
            ),
        }

    def pages(self, draft: Draft, chosen: Chosen) -> Iterator[Page]:
        """Return a sheet per service item."""
        for item in self.chosen(chosen):
            entry = self.entry(draft, item)
            contents: tuple[tuple[str, str, list[dict[str, Any]]], ...] = (
                ("annex3.materials", "一、所需提交材料", self._material_rows(entry, draft)),
                ("annex3.notices", "二、注意事项", [{"notice": text} for text in entry.get("notices") or ()]),
                ("annex3.consult", "三、该项工作负责人", [self._consult(item, entry)]),
                ("annex3.contacts", "四、各部门业务联系人", list(entry.get("contacts") or ())),
            )
            grids = []
            for name, line, members in contents:
                rows = [Row({**member, NUMBER: number}) for number, member in enumerate(members, start=1)]
                grids.append(Grid(self.tables[name], tuple(rows) or _BLANK, (line,)))
            first = replace(grids[0], above=(f"{_CODE_LINE}{item.code}", *grids[0].above))
            yield Page(item.code, f"{item.name_zh}{self.title}", (first, *grids[1:]))

    def _material_rows(self, entry: Mapping[str, Any], draft: Draft) -> list[dict[str, Any]]:
        register = draft.members(_REGISTER, "materials")
        rows = []
        for use in entry.get("materials") or ():
            paper = register.get(use["material"], {})
            rows.append({"necessity": "required", **use} | {key: paper.get(key) for key in _OF_PAPER})
        return rows

    def _consult(self, item: ServiceItem, entry: Mapping[str, Any]) -> dict[str, Any]:
        unit = self.catalog.units.get(item.lead_unit)
        return {
            "accountable": (unit.accountable if unit else "") or None,
            "phone": look(entry, "consult.phone"),
        }

    def read(self, tables: Sequence[Table], draft: Draft, told: Told) -> None:
        """Take the lists of an item as they stand; what is said of a material is said in the register."""
        item = self.item_of(tables[0], told)
        if item is None:
            return
        entry = self.entry(draft, item)
        for table in tables:
            columns = self.tables[table.name]
            if table.name == "annex3.materials":
                self._read_materials(table, entry, draft, told)
            elif table.name == "annex3.notices":
                notices = [{"notice": text} for text in entry.get("notices") or ()]
                rows = _rows_of(table, notices, columns, "notice", told)
                _put_list(entry, "notices", [row["notice"] for row in rows if "notice" in row])
            elif table.name == "annex3.contacts":
                put(
                    entry,
                    "contacts",
                    _rows_of(table, entry.get("contacts") or (), columns, "unit", told) or None,
                )
            else:
                for record in table.records:
                    if "phone" in (new := said(record, columns, self._consult(item, entry), told)):
                        consult = entry.setdefault("consult", {"unit": item.lead_unit})
                        put(consult, "phone", new["phone"])

    def _read_materials(self, table: Table, entry: dict[str, Any], draft: Draft, told: Told) -> None:
        rows = self._material_rows(entry, draft)
        register = draft.members(_REGISTER, "materials")
        uses = []
        for member in _rows_of(table, rows, self.tables[table.name], "material", told):
            paper = register.get(member.get("material", ""))
            for key in _OF_PAPER:
                value = member.pop(key, None)
                if paper is not None:
                    put(paper, key, value)
            uses.append(member)
        _put_list(entry, "materials", _merged_uses(entry, uses))


_REGISTER = "materials.yaml"
# What annex 3 says of a material stands in the register, once for all items that ask for it.
_OF_PAPER = ("onlinePath", "sample", "blank")
