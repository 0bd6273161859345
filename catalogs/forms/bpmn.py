"""A BPMN file → the steps of a service item, and what of it has no place there.

What `catalogs.exports.bpmn` writes is read back without loss, after others have renamed, moved or reordered things in
it: the picture's structure says order, groups, returns and conditions; names and lanes say what and who; the rest is
in our extension elements. Of a foreign file the same shapes are read however they are drawn: a fork and its join, a
gateway around a task, a way back. Everything else is named, never guessed, and then nothing of the file is taken.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree as ET

from catalogs.changes.edits import Edit
from catalogs.exports.bpmn import APPLICANT, MODEL, OURS, process_id_of
from catalogs.forms.cells import Register, folded
from catalogs.forms.form import Draft
from catalogs.forms.registers import units
from catalogs.model import Catalog, ServiceItem

_TASKS = frozenset(
    (
        "task",
        "userTask",
        "manualTask",
        "serviceTask",
        "sendTask",
        "receiveTask",
        "scriptTask",
        "businessRuleTask",
    )
)
_NODES = _TASKS | {
    "startEvent", "endEvent", "exclusiveGateway", "parallelGateway", "subProcess", "boundaryEvent", "inclusiveGateway",
    "complexGateway", "eventBasedGateway", "intermediateCatchEvent", "intermediateThrowEvent", "callActivity",
    "transaction", "adHocSubProcess",
}  # fmt: skip
_STRUCTURE = ("nameZh", "unit", "parallelGroup", "onReturn", "condition")
_RESTART_ALL, _RESUME_NODE = "restartAll", "resumeNode"


@dataclass(frozen=True)
class FlowReading:
    """What a BPMN file says.

    Attributes:
        edits: what it changes; none if something was left out.
        left_out: what has no place in steps, each with the id of its element.
    """

    edits: tuple[Edit, ...]
    left_out: tuple[str, ...]


def read_flow(content: bytes, catalog: Catalog, item: ServiceItem) -> FlowReading:
    """Read a BPMN file against the service item whose flow it is to be."""
    steps, left_out = read_steps(content, catalog)
    if left_out:
        return FlowReading((), left_out)
    draft = Draft(catalog)
    entry = draft.entry(item.file, "serviceItems", item.code)
    before = entry.get("steps") or []
    places = {str(step.get("seq")): place for place, step in enumerate(before)}
    if {str(step["seq"]) for step in steps} == set(places):
        # The file's order of steps says nothing where each has its number.
        steps = sorted(steps, key=lambda step: places[str(step["seq"])])
    if steps or before:
        entry["steps"] = steps
    return FlowReading(draft.edits(), ())


def service_item_of(content: bytes, catalog: Catalog) -> ServiceItem | None:
    """Return the service item whose flow a file is that Yici wrote; None if the file does not say one for sure."""
    root = _parsed(content)
    if isinstance(root, str):
        return None
    ids = {one.get("id") for one in root.iter(_tag("process"))}
    found = [item for item in catalog.services.values() if process_id_of(item) in ids]
    return found[0] if len(found) == 1 else None


def read_steps(content: bytes, catalog: Catalog) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Return the steps of a BPMN file as they stand in a service item, and what could not be read."""
    root = _parsed(content)
    if isinstance(root, str):
        return [], (root,)
    reader = _Reader(root, units(catalog), frozenset(catalog.units))
    steps = reader.read()
    return steps, tuple(dict.fromkeys(reader.left_out))


def _parsed(content: bytes) -> ET.Element | str:
    """Return the root of the XML, or why there is none."""
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        return "the file: a document type declaration, which BPMN has no use for"
    try:
        return ET.fromstring(content)
    except ET.ParseError as error:
        return f"the file: no well-formed XML (line {error.position[0]})"


@dataclass(frozen=True)
class _Way:
    id: str
    source: str
    target: str
    label: str


@dataclass
class _Scope:
    """The nodes and ways of a process or a sub-process."""

    nodes: dict[str, ET.Element] = field(default_factory=dict)
    out: dict[str, list[_Way]] = field(default_factory=dict)
    into: dict[str, list[_Way]] = field(default_factory=dict)

    def starts(self) -> list[str]:
        named = [one for one, node in self.nodes.items() if _kind(node) == "startEvent"]
        loose = [
            one for one, node in self.nodes.items() if one not in self.into and _kind(node) != "boundaryEvent"
        ]
        return named or loose


class _Reader:
    def __init__(self, root: ET.Element, register: Register, codes: frozenset[str]):
        self.root = root
        self.register = register
        self.codes = codes
        self.left_out: list[str] = []
        self.owners = {one.get("id", ""): one for one in root.iter(_tag("resource"))}
        self.lanes = {
            (reference.text or "").strip(): lane
            for lane in root.iter(_tag("lane"))
            for reference in lane.iter(_tag("flowNodeRef"))
        }

    def read(self) -> list[dict[str, Any]]:
        processes = [one for one in self.root.iter(_tag("process")) if any(_is_node(node) for node in one)]
        if len(processes) != 1:
            self.left_out.append(f"the file: {len(processes)} processes with nodes, expected one")
            return []
        scope = self._scope(processes[0])
        starts = scope.starts()
        if len(starts) != 1:
            self.left_out.append(f"{processes[0].get('id')}: {len(starts)} starts, expected one")
            return []
        steps = _Walk(self, scope).walk(starts[0])
        return _finished(steps)

    def tell(self, node: ET.Element, why: str) -> None:
        name = " ".join((node.get("name") or "").split())
        self.left_out.append(f'{_kind(node)} "{node.get("id")}"{f" ({name})" if name else ""}: {why}')

    def _scope(self, parent: ET.Element) -> _Scope:
        scope = _Scope({one.get("id", ""): one for one in parent if _is_node(one)})
        ways = {}
        for flow in parent.iter(_tag("sequenceFlow")):
            if flow.get("sourceRef") in scope.nodes:
                expression = flow.find(_tag("conditionExpression"))
                text = (expression.text or "").strip() if expression is not None else ""
                way = _Way(
                    flow.get("id", ""),
                    flow.get("sourceRef", ""),
                    flow.get("targetRef", ""),
                    text or flow.get("name") or "",
                )
                ways[way.id] = way
        for way in ways.values():
            scope.into.setdefault(way.target, []).append(way)
        for one, node in scope.nodes.items():
            order = [(way.text or "").strip() for way in node.findall(_tag("outgoing"))]
            leaving = [way for way in ways.values() if way.source == one]
            leaving.sort(key=lambda way: order.index(way.id) if way.id in order else len(order))
            scope.out[one] = leaving
        return scope

    def is_applicants(self, one: str, node: ET.Element) -> bool:
        """Whether a task is the applicant's amending."""
        lane = self.lanes.get(one)
        is_ours = next(node.iter(_own("amending")), None) is not None
        return is_ours or (lane is not None and folded(lane.get("name") or "") == APPLICANT)

    def step(self, one: str, node: ET.Element) -> dict[str, Any]:
        """Return a task as a step, its structure still to be said."""
        raw = {own.get("key", ""): json.loads(own.text or "null") for own in node.iter(_own("field"))}
        name, unit = node.get("name") or "", ""
        owner = next(
            (self.owners.get((ref.text or "").strip()) for ref in node.iter(_tag("resourceRef"))), None
        )
        if owner is not None:
            unit = self._unit(owner)
            name = name.removesuffix("\n" + (owner.get("name") or ""))
        if one in self.lanes:
            unit = self._unit(self.lanes[one]) or unit
        if not unit:
            self.tell(node, "no lane or owner that is a unit of the catalog")
        documentation = node.find(_tag("documentation"))
        if "action" not in raw and documentation is not None and documentation.text:
            raw["action"] = documentation.text.strip()
        return {
            "raw": raw,
            "nameZh": name,
            "unit": unit,
            "parallelGroup": "",
            "onReturn": "",
            "condition": "",
        }

    def _unit(self, element: ET.Element) -> str:
        """The unit of a lane or an owner: by its name, else by the code that we wrote beside it."""
        own = next(element.iter(_own("unit")), None)
        code = own.get("code", "") if own is not None else ""
        return self.register.find(element.get("name") or "") or (code if code in self.codes else "")

    def group(self, one: str, node: ET.Element) -> list[dict[str, Any]]:
        """Read a sub-process: a parallel group, or steps that it only puts a frame around."""
        inner = self._scope(node)
        starts = inner.starts()
        if len(starts) != 1:
            self.tell(node, f"{len(starts)} starts, expected one")
            return []
        return _Walk(self, inner, one).walk(starts[0])


class _Walk:
    """One pass through a scope, from its start to its end."""

    def __init__(self, reader: _Reader, scope: _Scope, group: str = ""):
        self.reader = reader
        self.scope = scope
        self.group = group
        self.steps: list[dict[str, Any]] = []
        self.order: list[str] = []

    def walk(self, here: str) -> list[dict[str, Any]]:
        """Return the steps from a node on."""
        while here:
            if here in self.order:
                self.reader.tell(self.scope.nodes[here], "a way back that is no return")
                break
            self.order.append(here)
            here = self._pass(here)
        self._tell_unreached()
        return self.steps

    def _pass(self, here: str) -> str:
        """Take in a node; return the next one, or an empty text at the end."""
        node = self.scope.nodes[here]
        kind = _kind(node)
        if kind in _TASKS:
            step = self.reader.step(here, node)
            self.steps.append(step)
            return self._after_task(here, step)
        if kind == "parallelGateway" and len(self.scope.out[here]) > 1:
            return self._fork(here)
        if kind == "exclusiveGateway" and len(self.scope.out[here]) > 1:
            return self._choice(here)
        if kind == "subProcess":
            self._sub_process(here, node)
        elif kind == "endEvent":
            return ""
        elif kind not in ("startEvent", "exclusiveGateway", "parallelGateway"):
            self.reader.tell(node, "has no place among steps")
        return self._only_next(here)

    def _only_next(self, here: str) -> str:
        leaving = self.scope.out[here]
        if len(leaving) > 1:
            self.reader.tell(self.scope.nodes[here], "several ways leave it without a gateway")
        return leaving[0].target if leaving else ""

    def _after_task(self, here: str, step: dict[str, Any]) -> str:
        """Go on after a task, past the gateway that asks whether it was returned."""
        following = self._only_next(here)
        gateway = self.scope.nodes.get(following)
        if gateway is None or _kind(gateway) != "exclusiveGateway" or len(self.scope.out[following]) < 2:
            return following
        returns = {way.id: back for way in self.scope.out[following] if (back := self._return(way, step))}
        others = [way for way in self.scope.out[following] if way.id not in returns]
        if not returns:
            return following
        self.order.append(following)
        step["onReturn"] = next(iter(returns.values()))
        if len(returns) > 1 or len(others) != 1:
            self.reader.tell(gateway, "more than one way on, or more than one return")
        return others[0].target if others else ""

    def _return(self, way: _Way, step: dict[str, Any]) -> str:
        """What a way after a task is as a return; empty if it leads on."""
        passed: list[str] = []
        here = way.target
        while here not in self.order:
            node = self.scope.nodes.get(here)
            if node is None:
                return ""
            if _kind(node) == "endEvent":
                is_error = node.find(_tag("errorEventDefinition")) is not None
                self.order += [*passed, here] if is_error else []
                return _RESTART_ALL if is_error else ""
            if _kind(node) not in _TASKS or len(self.scope.out[here]) != 1 or here in passed:
                return ""
            passed.append(here)
            here = self.scope.out[here][0].target
        self.order += passed
        for one in passed:
            if not self.reader.is_applicants(one, self.scope.nodes[one]):
                self.reader.tell(self.scope.nodes[one], "a step within a return")
        task = next(one for one in reversed(self.order) if self._is_step(one))
        first = next((one for one in self.order if _kind(self.scope.nodes[one]) != "startEvent"), "")
        is_own = here == task or here in self._before(task)
        if here == first and not (is_own and step["raw"].get("onReturn") != _RESTART_ALL):
            # For the first step both kinds of return are the same way: it stays what it was.
            return _RESTART_ALL
        if is_own:
            return _RESUME_NODE
        self.reader.tell(self.scope.nodes[here], f"a return from {step['nameZh']} to the middle of the flow")
        return _RESTART_ALL

    def _is_step(self, one: str) -> bool:
        node = self.scope.nodes[one]
        return _kind(node) in _TASKS and not self.reader.is_applicants(one, node)

    def _before(self, task: str) -> set[str]:
        """The gateways right before a task."""
        return {
            way.source
            for way in self.scope.into.get(task, ())
            if _kind(self.scope.nodes[way.source]) == "exclusiveGateway" and way.source in self.order
        }

    def _choice(self, here: str) -> str:
        """A task that is passed by: one way to the task, the other past it to where its way on leads, too."""
        ways = self.scope.out[here]
        tasks = [way for way in ways if _kind(self.scope.nodes[way.target]) in _TASKS]
        if len(ways) == 2:
            for taken in tasks:
                past = next(way for way in ways if way is not taken)
                ahead = self._ahead(taken.target)
                is_end = bool(self.group) and _kind(self.scope.nodes[past.target]) == "endEvent"
                if past.target not in ahead and not is_end:
                    continue
                self.order.append(taken.target)
                step = self.reader.step(taken.target, self.scope.nodes[taken.target])
                step["condition"] = taken.label
                if not taken.label:
                    self.reader.tell(self.scope.nodes[here], "a choice without a condition")
                self.steps.append(step)
                following = self._after_task(taken.target, step)
                if is_end:
                    self.order.append(past.target)
                elif following != past.target:
                    self.reader.tell(self.scope.nodes[here], "its two ways do not meet after one step")
                return following
        self.reader.tell(self.scope.nodes[here], "ways that each do something else")
        return ""

    def _ahead(self, task: str) -> set[str]:
        """The nodes right after a task, and after the gateway that follows it."""
        found = {way.target for way in self.scope.out[task]}
        for one in list(found):
            if _kind(self.scope.nodes[one]) == "exclusiveGateway":
                found |= {way.target for way in self.scope.out[one]}
        return found

    def _fork(self, here: str) -> str:
        """Steps at the same time, each a branch of one task, up to where they join."""
        joins: set[str] = set()
        ends_any = False
        members: list[dict[str, Any]] = []
        for way in self.scope.out[here]:
            branch = _Walk(self.reader, self.scope, self.group or here)
            branch.order = [*self.order]
            at = way.target
            while at and not self._closes(at):
                if at in branch.order:
                    self.reader.tell(self.scope.nodes[at], "a way back that is no return")
                    break
                branch.order.append(at)
                at = branch._pass(at)
            self.order += [one for one in branch.order if one not in self.order]
            if len(branch.steps) != 1:
                self.reader.tell(
                    self.scope.nodes[way.target], f"a branch of {len(branch.steps)} steps, expected one"
                )
            members += branch.steps
            if at:
                joins.add(at)
        ends_any = any(self._is_terminate(one) for one in joins)
        nodes = [one for one in joins if not self._is_terminate(one)]
        if len(nodes) > 1 or (ends_any and nodes):
            self.reader.tell(self.scope.nodes[here], "its branches do not join in one place")
        for step in members:
            step["parallelGroup"] = self.group or here
            step["join"] = "any" if ends_any else "all"
        self.steps += members
        self.order += [one for one in joins if one not in self.order]
        return self._only_next(nodes[0]) if nodes else ""

    def _closes(self, one: str) -> bool:
        node = self.scope.nodes[one]
        is_join = _kind(node) == "parallelGateway" and len(self.scope.into.get(one, ())) > 1
        return is_join or self._is_terminate(one)

    def _is_terminate(self, one: str) -> bool:
        return self.scope.nodes[one].find(_tag("terminateEventDefinition")) is not None

    def _sub_process(self, here: str, node: ET.Element) -> None:
        own = next((one for one in node.iter(_own("group"))), None)
        members = self.reader.group(here, node)
        for step in members:
            if step["parallelGroup"]:
                step["parallelGroup"] = own.get("name") if own is not None else node.get("name") or here
        if any(step["onReturn"] == _RESTART_ALL for step in members) and not self._is_caught(here):
            self.reader.tell(node, "its error end is caught by nothing that leads back to it")
        self.steps += members

    def _is_caught(self, here: str) -> bool:
        """Whether a boundary event takes an error of a sub-process to the applicant, and back to its beginning."""
        for one, node in self.scope.nodes.items():
            if _kind(node) == "boundaryEvent" and node.get("attachedToRef") == here:
                self.order.append(one)
                at = self._only_next(one)
                while at and at != here and at not in self.order:
                    if not self.reader.is_applicants(at, self.scope.nodes[at]):
                        self.reader.tell(self.scope.nodes[at], "a step within a return")
                    self.order.append(at)
                    at = self._only_next(at)
                return at == here
        return False

    def _tell_unreached(self) -> None:
        for one, node in self.scope.nodes.items():
            if one not in self.order:
                self.reader.tell(node, "is not on the way from the start to the end")


def _finished(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put what the structure says into the fields as written, where it says something else than these do."""
    joins = _joins(found)
    steps = []
    for step in found:
        raw = dict(step["raw"])
        for key in _STRUCTURE:
            if str(raw.get(key) or "") != step[key]:
                _set(raw, key, step[key])
        group = step["parallelGroup"]
        if group and joins[group] != step["join"]:
            raw["join"] = step["join"]
        steps.append(raw)
    numbers: list[Any] = [step.get("seq") for step in steps]
    if None in numbers or sorted(numbers) != numbers:
        steps = [{**step, "seq": number} for number, step in enumerate(steps, start=1)]
    return steps


def _joins(found: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """How each group joins by its fields as written: as the first member that says it, else all."""
    joins: dict[str, str] = {}
    for step in found:
        said = step["raw"].get("join")
        if said:
            joins.setdefault(step["parallelGroup"], said)
    return {step["parallelGroup"]: joins.get(step["parallelGroup"], "all") for step in found}


def _set(raw: dict[str, Any], key: str, value: str) -> None:
    if value:
        raw[key] = value
    else:
        raw.pop(key, None)


def _is_node(element: ET.Element) -> bool:
    return element.tag.startswith(f"{{{MODEL}}}") and _kind(element) in _NODES


def _kind(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _tag(name: str) -> str:
    return f"{{{MODEL}}}{name}"


def _own(name: str) -> str:
    return f"{{{OURS}}}{name}"
