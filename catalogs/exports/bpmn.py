"""A service item's flow as BPMN 2.0 XML, with its picture (diagram interchange), for other tools.

Decided here is how the words of a step are said in BPMN, so that a foreign engine does what they mean:

- a parallel group is a sub-process with a parallel gateway in it; `join: all` closes with one, `join: any` ends each
  branch with a terminate event, which drops the others;
- a return that calls back the whole group is an error end inside of it: the interrupting boundary event takes every
  token out, the applicant amends, and the sub-process begins anew. That is the seeds' 所有节点均需再审一遍;
- any other return is a gateway after the step, the applicant's amending, and a way back;
- a condition is a gateway before the step, with a default way past it.

What BPMN has no place for stands in extension elements of our own name space; `catalogs.forms.bpmn` reads all of it
back. Units are lanes, and the owners of steps where these stand in a sub-process.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree as ET

from catalogs.flows import ANY, RESTART_ALL, Block, blocks
from catalogs.model import Catalog, ServiceItem, Step
from catalogs.views import unit_name

MODEL = "http://www.omg.org/spec/BPMN/20100524/MODEL"
OURS = "urn:yici:flow"
APPLICANT = "申请人"
RETURNED = "退回"
PAST = "否"
_DI = "http://www.omg.org/spec/BPMN/20100524/DI"
_DC = "http://www.omg.org/spec/DD/20100524/DC"
_DD = "http://www.omg.org/spec/DD/20100524/DI"
for _prefix, _uri in (("", MODEL), ("bpmndi", _DI), ("dc", _DC), ("di", _DD), ("yici", OURS)):
    ET.register_namespace(_prefix, _uri)

_SIZES = {"startEvent": (36, 36), "endEvent": (36, 36), "boundaryEvent": (36, 36), "exclusiveGateway": (50, 50),
          "parallelGateway": (50, 50), "userTask": (120, 70), "serviceTask": (120, 70)}  # fmt: skip
_GAP, _LANE_NAME, _LEFT, _TOP = 46, 30, 160, 80
_LANE_HEIGHT, _ROW, _HIGH_ROW, _PAD = 130, 130, 170, 40
_Point = tuple[float, float]


@dataclass
class _Node:
    """A flow node and where it stands; `x` and `y` are its upper left corner."""

    id: str
    tag: str
    name: str = ""
    x: float = 0
    y: float = 0
    width: float = 0
    height: float = 0
    lane: str = ""
    step: Step | None = None
    event: str = ""
    attached: str = ""
    default: str = ""
    inner: "_Scope | None" = None
    is_amending: bool = False

    @property
    def middle(self) -> _Point:
        return self.x + self.width / 2, self.y + self.height / 2

    def edge(self, side: str) -> _Point:
        """The middle of a side: left, right, top, bottom."""
        x, y = self.middle
        return {
            "left": (self.x, y),
            "right": (self.x + self.width, y),
            "top": (x, self.y),
            "bottom": (x, self.y + self.height),
        }[side]


@dataclass
class _Way:
    """A sequence flow."""

    id: str
    source: _Node
    target: _Node
    name: str
    condition: str
    points: list[_Point] = field(default_factory=list)


@dataclass
class _Scope:
    """A process or a sub-process: its nodes and ways; `group` is the parallel group that it stands for."""

    prefix: str
    group: str = ""
    nodes: list[_Node] = field(default_factory=list)
    ways: list[_Way] = field(default_factory=list)

    def add(self, tag: str, name: str = "", **keys: Any) -> _Node:
        width, height = _SIZES.get(tag, (0, 0))
        node = _Node(
            f"{self.prefix}{tag}_{len(self.nodes) + 1}", tag, name, width=width, height=height, **keys
        )
        self.nodes.append(node)
        return node

    def connect(
        self,
        source: _Node,
        target: _Node,
        name: str = "",
        condition: str = "",
    ) -> None:
        """Add a way; of several that leave a gateway, the one without a condition is the default."""
        way = _Way(f"{self.prefix}flow_{len(self.ways) + 1}", source, target, name, condition)
        if (
            source.tag == "exclusiveGateway"
            and not condition
            and any(one.source is source for one in self.ways)
        ):
            source.default = way.id
        self.ways.append(way)


def process_id_of(item: ServiceItem) -> str:
    """Return the id of the process that is a service item's flow."""
    return "process_" + re.sub(r"[^A-Za-z0-9_.-]", "_", item.code)


def write(catalog: Catalog, item: ServiceItem) -> bytes:
    """Return the flow of a service item as a BPMN 2.0 file."""
    return _Writer(catalog, item).write()


class _Writer:
    def __init__(self, catalog: Catalog, item: ServiceItem):
        self.catalog = catalog
        self.item = item
        self.scope = _Scope("")
        self.blocks = blocks(item.steps)
        self.units = list(dict.fromkeys([item.lead_unit, *(step.unit for step in item.steps)]))
        self.number = 0

    def write(self) -> bytes:
        self._build()
        self._place()
        root = ET.Element(_tag("definitions"), {
            "id": "definitions", "targetNamespace": OURS, "exporter": "Yici", "exporterVersion": "1",
        })  # fmt: skip
        process_id = process_id_of(self.item)
        collaboration = _sub(root, "collaboration", id="collaboration")
        _sub(collaboration, "participant", id="pool", name=self.item.name_zh, processRef=process_id)
        process = _sub(root, "process", id=process_id, name=self.item.name_zh, isExecutable="false")
        self._write_lanes(process)
        self._write_scope(process, self.scope)
        if any(node.event == "error" for node in self._all_nodes()):
            _sub(root, "error", id="returned", name=RETURNED, errorCode="returned")
        for number, unit in enumerate(self.units):
            resource = _sub(root, "resource", id=f"unit_{number}", name=unit_name(self.catalog, unit))
            ET.SubElement(_sub(resource, "extensionElements"), _own("unit"), {"code": unit})
        self._write_diagram(root)
        ET.indent(root)
        return ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"

    # What there is.

    def _build(self) -> None:
        scope = self.scope
        here = scope.add("startEvent", "提交申请", lane="")
        first: _Node | None = None
        for place, block in enumerate(self.blocks, start=1):
            begins = len(scope.nodes)
            here = (
                self._group(scope, here, block, place)
                if block.group
                else self._step(scope, here, block.steps[0], first)
            )
            first = first or scope.nodes[begins]
        scope.connect(here, scope.add("endEvent", "办结", lane=""))

    def _step(self, scope: _Scope, here: _Node, step: Step, first: _Node | None) -> _Node:
        """Add a step with its gateways; return the node from which the flow goes on.

        Args:
            scope: where it stands.
            here: the node before it.
            step: the step.
            first: where a return begins anew that is not the step's own; None: at the step.
        """
        choice = None
        if step.condition:
            choice = scope.add("exclusiveGateway", lane=step.unit)
            scope.connect(here, choice)
            here = choice
        task = self._task(scope, step)
        scope.connect(here, task, step.condition, step.condition)
        here = task
        if step.on_return and not (scope.group and step.on_return == RESTART_ALL):
            back = (first or choice or task) if step.on_return == RESTART_ALL else task
            here = self._returned(scope, task, back)
        elif step.on_return:
            here = self._decided(scope, task)
            scope.connect(here, scope.add("endEvent", RETURNED, event="error"), RETURNED, RETURNED)
        if choice is not None and not (scope.group and self._is_any(scope)):
            merge = scope.add("exclusiveGateway", lane=step.unit)
            scope.connect(here, merge)
            scope.connect(choice, merge, PAST)
            here = merge
        return here

    def _is_any(self, scope: _Scope) -> bool:
        return any(block.group == scope.group and block.join == ANY for block in self.blocks)

    def _task(self, scope: _Scope, step: Step) -> _Node:
        self.number += 1
        tag = "serviceTask" if step.role == "system" else "userTask"
        # Lanes end at a sub-process: there the unit stands under the step's name.
        name = f"{step.name_zh}\n{unit_name(self.catalog, step.unit)}" if scope.group else step.name_zh
        node = scope.add(tag, name, lane=step.unit, step=step)
        node.id = f"step_{self.number}"
        return node

    def _decided(self, scope: _Scope, task: _Node) -> _Node:
        gateway = scope.add("exclusiveGateway", lane=task.lane)
        scope.connect(task, gateway)
        return gateway

    def _returned(self, scope: _Scope, task: _Node, back: _Node) -> _Node:
        gateway = self._decided(scope, task)
        amending = scope.add("userTask", f"{APPLICANT}修改", lane="", is_amending=True)
        scope.connect(gateway, amending, RETURNED, RETURNED)
        scope.connect(amending, back)
        return gateway

    def _group(self, scope: _Scope, here: _Node, block: Block, place: int) -> _Node:
        inner = _Scope(f"group_{place}_", block.group)
        name = "同时办理, " + ("任一通过即可" if block.join == ANY else "全部通过后继续")
        node = scope.add("subProcess", name, lane=self.item.lead_unit, inner=inner)
        scope.connect(here, node)
        fork = inner.add("parallelGateway")
        begin = inner.add("startEvent")
        inner.connect(begin, fork)
        loose = []
        for step in block.steps:
            before = len(inner.nodes)
            loose.append(self._step(inner, fork, step, None))
            if block.join == ANY and step.condition:
                # A step that is not taken agrees to nothing: its branch ends, the others go on.
                choice = inner.nodes[before]
                inner.connect(choice, inner.add("endEvent", "不涉及"), PAST)
        if block.join == ANY:
            for last in loose:
                inner.connect(last, inner.add("endEvent", "通过", event="terminate"))
        else:
            join = inner.add("parallelGateway")
            for last in loose:
                inner.connect(last, join)
            inner.connect(join, inner.add("endEvent", "全部通过"))
        if any(step.on_return == RESTART_ALL for step in block.steps):
            boundary = scope.add("boundaryEvent", RETURNED, lane=node.lane, event="error", attached=node.id)
            amending = scope.add("userTask", f"{APPLICANT}修改", lane="", is_amending=True)
            scope.connect(boundary, amending)
            scope.connect(amending, node)
        return node

    def _all_nodes(self) -> Iterator[_Node]:
        for node in self.scope.nodes:
            yield node
            yield from node.inner.nodes if node.inner else ()

    # Where it stands.

    def _place(self) -> None:
        for node in self.scope.nodes:
            if node.inner:
                _place_group(node.inner)
                node.width = max(one.x + one.width for one in node.inner.nodes) + _PAD
                node.height = max(one.y + one.height for one in node.inner.nodes) + _PAD
        self._place_lanes()
        x: float = _LEFT + _LANE_NAME + _PAD
        for node in self.scope.nodes:
            if node.is_amending or node.tag == "boundaryEvent":
                continue
            node.x, node.y = x, self._lane_middle(node.lane) - node.height / 2
            x += node.width + _GAP
            if node.inner:
                for inner in node.inner.nodes:
                    inner.x, inner.y = inner.x + node.x, inner.y + node.y
        self.right = x + _PAD
        self._place_returns()
        for scope in [self.scope, *(node.inner for node in self.scope.nodes if node.inner)]:
            for way in scope.ways:
                way.points = way.points or _route(way)

    def _lane_units(self) -> list[str]:
        """The applicant, and the units that have a node outside of sub-processes."""
        used = {node.lane for node in self.scope.nodes}
        return ["", *(unit for unit in self.units if unit in used)]

    def _place_lanes(self) -> None:
        self.lanes: dict[str, tuple[float, float]] = {}
        top: float = _TOP
        for unit in self._lane_units():
            tallest = max((node.height for node in self.scope.nodes if node.lane == unit), default=0)
            height = max(_LANE_HEIGHT, tallest + 2 * _PAD)
            self.lanes[unit] = (top, height)
            top += height
        self.bottom = top

    def _lane_middle(self, unit: str) -> float:
        top, height = self.lanes[unit]
        return top + height / 2

    def _place_returns(self) -> None:
        """Amending stands in the applicant's lane above where it is asked for; its ways run there, too."""
        nodes = {node.id: node for node in self.scope.nodes}
        lane_top = self.lanes[""][0]
        for node in self.scope.nodes:
            if node.tag == "boundaryEvent":
                group = nodes[node.attached]
                node.x, node.y = group.x + group.width - 80, group.y - node.height / 2
        for way in self.scope.ways:
            if way.target.is_amending:
                x, _ = way.source.middle
                way.target.x, way.target.y = (
                    x - way.target.width / 2,
                    self._lane_middle("") - way.target.height / 2 + 10,
                )
                way.points = [way.source.edge("top"), way.target.edge("bottom")]
        amending = (way for way in self.scope.ways if way.source.is_amending)
        for number, way in enumerate(amending):
            x = way.target.x + (30 if way.target.inner else way.target.width / 2)
            y = lane_top + 8 + 6 * (number % 4)
            way.points = [way.source.edge("top"), (way.source.middle[0], y), (x, y), (x, way.target.y)]

    # How it is written.

    def _write_lanes(self, process: ET.Element) -> None:
        lanes = _sub(process, "laneSet", id="lanes")
        for number, unit in enumerate(self._lane_units()):
            name = unit_name(self.catalog, unit) if unit else APPLICANT
            lane = _sub(lanes, "lane", id=f"lane_{number}", name=name)
            extension = _sub(lane, "extensionElements")
            ET.SubElement(extension, _own("unit"), {"code": unit})
            for node in self.scope.nodes:
                if node.lane == unit:
                    _sub(lane, "flowNodeRef").text = node.id

    def _write_scope(self, parent: ET.Element, scope: _Scope) -> None:
        for node in scope.nodes:
            keys = {"id": node.id} | ({"name": node.name} if node.name else {})
            keys |= {"default": node.default} if node.default else {}
            keys |= {"attachedToRef": node.attached} if node.attached else {}
            element = _sub(parent, node.tag, **keys)
            self._write_extension(element, node)
            for way in scope.ways:
                if way.target is node:
                    _sub(element, "incoming").text = way.id
            for way in scope.ways:
                if way.source is node:
                    _sub(element, "outgoing").text = way.id
            if node.step:
                owner = _sub(element, "potentialOwner", id=f"{node.id}_owner")
                _sub(owner, "resourceRef").text = f"unit_{self.units.index(node.step.unit)}"
            if node.event:
                reference = {"errorRef": "returned"} if node.event == "error" else {}
                _sub(element, f"{node.event}EventDefinition", id=f"{node.id}_event", **reference)
            if node.inner:
                self._write_scope(element, node.inner)
        for way in scope.ways:
            keys = {"id": way.id, "sourceRef": way.source.id, "targetRef": way.target.id}
            element = _sub(parent, "sequenceFlow", **keys | ({"name": way.name} if way.name else {}))
            if way.condition:
                _sub(element, "conditionExpression").text = way.condition

    def _write_extension(self, element: ET.Element, node: _Node) -> None:
        """What BPMN has no place for: the fields of a step as written, the name of a group, whose task it is."""
        if node.step:
            extension = _sub(element, "extensionElements")
            for key, value in node.step.raw.items():
                own = ET.SubElement(extension, _own("field"), {"key": str(key)})
                own.text = json.dumps(value, ensure_ascii=False, sort_keys=True)
        elif node.inner:
            ET.SubElement(_sub(element, "extensionElements"), _own("group"), {"name": node.inner.group})
        elif node.is_amending:
            ET.SubElement(_sub(element, "extensionElements"), _own("amending"))

    def _write_diagram(self, root: ET.Element) -> None:
        diagram = ET.SubElement(root, f"{{{_DI}}}BPMNDiagram", {"id": "diagram"})
        plane = ET.SubElement(diagram, f"{{{_DI}}}BPMNPlane", {"id": "plane", "bpmnElement": "collaboration"})
        self._shape(plane, "pool", _LEFT, _TOP, self.right - _LEFT, self.bottom - _TOP, isHorizontal="true")
        for number, unit in enumerate(self._lane_units()):
            top, height = self.lanes[unit]
            left = _LEFT + _LANE_NAME
            self._shape(plane, f"lane_{number}", left, top, self.right - left, height, isHorizontal="true")
        for node in self._all_nodes():
            more = {"isExpanded": "true"} if node.inner else {}
            more |= {"isMarkerVisible": "true"} if node.tag == "exclusiveGateway" else {}
            self._shape(plane, node.id, node.x, node.y, node.width, node.height, **more)
        for scope in [self.scope, *(node.inner for node in self.scope.nodes if node.inner)]:
            for way in scope.ways:
                edge = ET.SubElement(
                    plane, f"{{{_DI}}}BPMNEdge", {"id": f"{way.id}_di", "bpmnElement": way.id}
                )
                for x, y in way.points:
                    ET.SubElement(edge, f"{{{_DD}}}waypoint", {"x": f"{x:g}", "y": f"{y:g}"})

    def _shape(
        self, plane: ET.Element, element: str, x: float, y: float, width: float, height: float, **keys: str
    ) -> None:
        shape = ET.SubElement(
            plane, f"{{{_DI}}}BPMNShape", {"id": f"{element}_di", "bpmnElement": element, **keys}
        )
        bounds = {"x": x, "y": y, "width": width, "height": height}
        ET.SubElement(shape, f"{{{_DC}}}Bounds", {key: f"{value:g}" for key, value in bounds.items()})


def _place_group(scope: _Scope) -> None:
    """Put the nodes of a sub-process in rows, one a branch, relative to its corner."""
    fork, begin = scope.nodes[0], scope.nodes[1]
    out = {node.id: [way.target for way in scope.ways if way.source is node] for node in scope.nodes}
    placed = {fork.id, begin.id}
    columns: float = _PAD + begin.width + _GAP + fork.width + _GAP
    right = columns
    rows = 0
    high = _HIGH_ROW if any(node.is_amending for node in scope.nodes) else _ROW
    for target in out[fork.id]:
        x, node, middle = columns, target, _PAD + high * rows + _ROW / 2 - 20
        waiting = [node]
        while waiting:
            node = waiting.pop(0)
            if node.id in placed or (node.tag == "parallelGateway") or node.event == "terminate":
                continue
            placed.add(node.id)
            is_beside = node.is_amending or node.tag == "endEvent"
            node.x = x - _GAP - (50 + node.width) / 2 if is_beside else x
            node.y = middle + 42 if is_beside else middle - node.height / 2
            x += 0 if is_beside else node.width + _GAP
            # What stands beside its gateway comes first, so that it is placed under it.
            waiting = sorted(
                (*out[node.id], *waiting), key=lambda one: not (one.is_amending or one.tag == "endEvent")
            )
        right, rows = max(right, x), rows + 1
    middle = _PAD + high * rows / 2 - 20
    for node, x in ((begin, float(_PAD)), (fork, _PAD + begin.width + _GAP)):
        node.x, node.y = x, middle - node.height / 2
    terminates = [node for node in scope.nodes if node.event == "terminate"]
    for number, node in enumerate(terminates):
        node.x, node.y = right, _PAD + high * number + _ROW / 2 - 20 - node.height / 2
        placed.add(node.id)
    for node in scope.nodes:
        if node.id not in placed:
            node.x, node.y = right, middle - node.height / 2
            right += node.width + _GAP


def _route(way: _Way) -> list[_Point]:
    """The corners of a way: to the right with one step up or down between; past or back to what stands beside."""
    source, target = way.source, way.target
    (source_x, source_y), (target_x, target_y) = source.middle, target.middle
    if target.y > source_y and abs(source_x - target_x) < 1:
        return [source.edge("bottom"), target.edge("top")]
    if target_x < source_x:
        return [source.edge("left"), (target_x, source_y), target.edge("bottom")]
    if way.name == PAST and source_y == target_y:
        low = source_y + 48
        return [source.edge("bottom"), (source_x, low), (target_x, low), target.edge("bottom")]
    if source_y == target_y:
        return [source.edge("right"), target.edge("left")]
    turn = (
        target.edge("left")[0] - _GAP / 2
        if source.tag != "parallelGateway"
        else source.edge("right")[0] + _GAP / 2
    )
    return [source.edge("right"), (turn, source_y), (turn, target_y), target.edge("left")]


def _tag(name: str) -> str:
    return f"{{{MODEL}}}{name}"


def _own(name: str) -> str:
    return f"{{{OURS}}}{name}"


def _sub(parent: ET.Element, tag: str, /, **keys: str) -> ET.Element:
    return ET.SubElement(parent, _tag(tag), keys)
