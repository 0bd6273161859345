"""A service item's steps as a graph: what the check walks, what is drawn, what leaves the house as BPMN.

Decided here is what the words of a step mean (CATALOG §3.6), once for all who read them:

- steps follow each other by `seq`; neighbours with one `parallelGroup` run at the same time;
- `join: all` goes on when every one of them has agreed, `join: any` when the first has (the others are dropped);
- a step with a `condition` is passed by where the condition does not hold;
- `onReturn` says what a return to the applicant costs: `resumeNode` the same step once more, `restartAll`
  every step of the group once more, or of the whole flow for a step outside a group. A group is left at once:
  one return calls back the steps that are still at work (the seeds: 其中某一节点退回, 所有节点均需再审一遍).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby

from catalogs.model import ServiceItem, Step

START, END = "start", "end"
ALL, ANY = "all", "any"
RESTART_ALL, RESUME_NODE = "restartAll", "resumeNode"


@dataclass(frozen=True)
class Block:
    """Steps that run at the same time, or one step alone.

    Attributes:
        group: the `parallelGroup`; empty for a step alone.
        join: all or any; of members that disagree the first that says it.
    """

    steps: tuple[Step, ...]
    group: str = ""
    join: str = ALL


@dataclass(frozen=True)
class Node:
    """One node of a flow.

    Attributes:
        id: unique in the flow, letters, digits and underscores.
        kind: start, end, step, fork and join (of a group), choice and merge (around a conditional step).
        step: the step of a step node, and of the choice and merge around it.
        group: the group that the node is in, or opens or closes.
    """

    id: str
    kind: str
    name: str = ""
    step: Step | None = None
    group: str = ""


@dataclass(frozen=True)
class Edge:
    """One way from node to node.

    Attributes:
        kind: next, if (the condition holds), else, return (to the applicant and back).
        label: the condition, for `if`.
    """

    source: str
    target: str
    kind: str = "next"
    label: str = ""


@dataclass(frozen=True)
class Flow:
    """Nodes in reading order, one start first and one end last, and the edges between them."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    def node(self, node_id: str) -> Node:
        """Return the node of this id.

        Raises:
            KeyError: there is none.
        """
        for node in self.nodes:
            if node.id == node_id:
                return node
        raise KeyError(node_id)

    def after(self, node_id: str) -> tuple[Edge, ...]:
        """The edges that leave a node, returns left out."""
        return tuple(edge for edge in self.edges if edge.source == node_id and edge.kind != "return")

    def reached(self, node_id: str = START) -> frozenset[str]:
        """The nodes that are reached from a node, itself among them, returns left out."""
        seen: set[str] = set()
        waiting = [node_id]
        while waiting:
            here = waiting.pop()
            if here not in seen:
                seen.add(here)
                waiting += [edge.target for edge in self.after(here)]
        return frozenset(seen)

    def longest(self, weight: Callable[[Step], float]) -> float:
        """The weight of the heaviest way from start to end (the critical path), conditional steps included."""
        heaviest: dict[str, float] = defaultdict(float)
        for node in self.nodes:
            own = weight(node.step) if node.kind == "step" and node.step else 0.0
            heaviest[node.id] += own
            for edge in self.after(node.id):
                heaviest[edge.target] = max(heaviest[edge.target], heaviest[node.id])
        return heaviest[END]


def blocks(steps: Iterable[Step]) -> tuple[Block, ...]:
    """Cut the steps, by `seq`, into what follows each other; a group that others interrupt is cut in two."""
    found: list[Block] = []
    ordered = sorted(steps, key=lambda step: step.seq)
    for group, members in groupby(ordered, key=lambda step: step.parallel_group):
        if group:
            together = tuple(members)
            found.append(Block(together, group, next((one.join for one in together if one.join), ALL)))
        else:
            found += [Block((step,)) for step in members]
    return tuple(found)


def graph(item: ServiceItem) -> Flow:
    """Return the flow of a service item."""
    return graph_of(item.steps)


def graph_of(steps: Iterable[Step]) -> Flow:
    """Return the flow of steps; without any, start leads to the end."""
    return _Builder().build(blocks(steps))


class _Builder:
    def __init__(self) -> None:
        self.nodes = [Node(START, "start", "申请")]
        self.edges: list[Edge] = []
        self.loose = [Edge(START, "")]
        self.first = ""

    def build(self, parts: tuple[Block, ...]) -> Flow:
        number = 0
        for place, block in enumerate(parts, start=1):
            if not block.group:
                number += 1
                self._step(block.steps[0], number)
                continue
            fork, join = f"fork_{place}", f"join_{place}"
            self._add(Node(fork, "fork", "", None, block.group))
            closing: list[Edge] = []
            for step in block.steps:
                number += 1
                self.loose = [Edge(fork, "")]
                self._step(step, number, block.group, fork)
                closing += self.loose
            self.loose = closing
            self._add(Node(join, "join", block.join, None, block.group))
        self._add(Node(END, "end", "办结"))
        return Flow(tuple(self.nodes), tuple(self.edges))

    def _step(self, step: Step, number: int, group: str = "", fork: str = "") -> None:
        node = Node(f"step_{number}", "step", step.name_zh, step, group)
        condition = step.condition
        choice = f"choice_{number}"
        if condition:
            self._add(Node(choice, "choice", condition, step, group))
            self.loose = [Edge(choice, "", "if", condition)]
        self._add(node)
        if step.on_return:
            back = node.id if step.on_return == RESUME_NODE else fork or self.first
            self.edges.append(Edge(node.id, back, "return"))
        if condition:
            self.loose.append(Edge(choice, "", "else"))
            self._add(Node(f"merge_{number}", "merge", "", step, group))

    def _add(self, node: Node) -> None:
        """Put a node behind every loose end; from now on it is the loose end."""
        self.first = self.first or node.id
        self.nodes.append(node)
        self.edges += [Edge(edge.source, node.id, edge.kind, edge.label) for edge in self.loose]
        self.loose = [Edge(node.id, "")]
