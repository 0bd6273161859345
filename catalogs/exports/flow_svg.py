"""A service item's flow as a picture: time runs down, one lane per unit, the applicant's lane first.

Plain SVG without scripts, links or fonts of its own, so that it stands in a page, in print and in an office document.
What a return costs is said where it happens: a frame around a group that is reviewed anew as a whole, a line in the
box of a step that is done again. Texts are broken here, since SVG does not break them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from catalogs.exports.svg import BLUE, INK, LINE, RED, SIZE, SMALL, Canvas, Text, arrow, broken, picture
from catalogs.flows import ANY, RESTART_ALL, RESUME_NODE, Block, blocks
from catalogs.model import Catalog, ServiceItem, Step
from catalogs.views import unit_name
from catalogs.views_services import CHANNEL_NAMES, LIMIT_UNIT_NAMES, ROLE_NAMES

APPLICANT = "申请人"
_LANE, _PAD, _GAP = 148, 12, 30
_BOX = _LANE - 2 * _PAD
_HEAD = 40
_MARGIN = 16


@dataclass(frozen=True)
class _Box:
    """A step's box in its lane."""

    lane: int
    top: int
    height: int
    texts: tuple[Text, ...]
    is_conditional: bool

    @property
    def middle(self) -> int:
        return _MARGIN + self.lane * _LANE + _LANE // 2

    @property
    def bottom(self) -> int:
        return self.top + self.height


class _Canvas(Canvas):
    """A drawing of a flow."""

    def way(self, points: list[tuple[int, int]], color: str = INK, *, dashed: bool = False) -> None:
        self.line(points, color, dashed=dashed, head="back" if color == RED else "on")

    def box(self, box: _Box, fill: str = "#ffffff", stroke: str = BLUE) -> None:
        self.frame(box.middle - _BOX // 2, box.top, _BOX, box.height, fill, stroke, dashed=box.is_conditional)
        y = box.top + _PAD
        for one in box.texts:
            y += LINE
            self.text(box.middle, y - 5, one)

    def bar(self, left: int, right: int, y: int) -> None:
        self.parts.append(f'<rect x="{left}" y="{y}" width="{right - left}" height="5" rx="2" fill="{INK}"/>')

    def pill(self, middle: int, top: int, words: str) -> None:
        self.parts.append(
            f'<rect x="{middle - 44}" y="{top}" width="88" height="30" rx="15" fill="{BLUE}" stroke="{BLUE}"/>'
        )
        self.text(middle, top + 20, Text(words, SIZE, "#ffffff", True))


def draw(catalog: Catalog, item: ServiceItem) -> bytes:
    """Return the picture of a service item's flow, SVG in UTF-8."""
    return _Drawing(catalog, item).draw().encode()


class _Drawing:
    def __init__(self, catalog: Catalog, item: ServiceItem):
        self.catalog = catalog
        self.item = item
        self.blocks = blocks(item.steps)
        units = dict.fromkeys(step.unit for block in self.blocks for step in block.steps)
        self.lanes = {"": 0} | {unit: place for place, unit in enumerate(units, start=1)}
        self.canvas = _Canvas()

    def draw(self) -> str:
        start = _MARGIN + _LANE // 2
        y = _MARGIN + _HEAD + 18
        self.canvas.pill(start, y, "提交申请")
        loose = [(start, y + 30)]
        y += 30 + _GAP
        for number, block in enumerate(self.blocks):
            loose, y = self._block(block, loose, y, is_first=not number)
        y += 4
        turn = y - _GAP // 2
        self._join(loose, start, turn, y)
        self.canvas.pill(start, y, "办结送达")
        return self._page(y + 30 + 18)

    def _page(self, bottom: int) -> str:
        width, height = 2 * _MARGIN + _LANE * len(self.lanes), bottom + _MARGIN
        lanes = []
        for unit, place in self.lanes.items():
            left = _MARGIN + place * _LANE
            fill = "#f7f9fb" if place % 2 else "#ffffff"
            for high, color in ((bottom - _MARGIN, fill), (_HEAD, "#e8eef4")):
                lanes.append(
                    f'<rect x="{left}" y="{_MARGIN}" width="{_LANE}" height="{high}" fill="{color}" stroke="#d2d9e0"/>'
                )
            names = broken(unit_name(self.catalog, unit) if unit else APPLICANT, _BOX, SIZE)[:2]
            for row, words in enumerate(names):
                y = _MARGIN + _HEAD // 2 + 5 + (2 * row - len(names) + 1) * 8
                lanes.append(
                    f'<text x="{left + _LANE // 2}" y="{y}" text-anchor="middle" font-size="{SIZE}" '
                    f'font-weight="600" fill="{INK}">{escape(words)}</text>'
                )
        title = f"{self.item.name_zh}流程图"
        defs = arrow("on", INK) + arrow("back", RED)
        return picture(width, height, title, self._told(), defs, "".join([*lanes, *self.canvas.parts]))

    def _told(self) -> str:
        """The flow in words, for those who do not see the picture."""
        parts = []
        for block in self.blocks:
            names = "、".join(f"{unit_name(self.catalog, step.unit)}{step.name_zh}" for step in block.steps)
            parts.append(f"{names}同时办理, {_joined(block)}{_returned(block)}" if block.group else names)
        return "; ".join(parts) + "。"

    def _block(
        self, block: Block, loose: list[tuple[int, int]], y: int, *, is_first: bool
    ) -> tuple[list[tuple[int, int]], int]:
        """Draw a block; return the points from which the next is reached, and how far down it went."""
        if not block.group:
            box = self._box(block.steps[0], y)
            self._join(loose, box.middle, y - _GAP // 2, y)
            self.canvas.box(box)
            return [(box.middle, box.bottom)], box.bottom + _GAP
        fork, boxes = y, []
        top = dict.fromkeys(self.lanes, fork + _GAP)
        for step in block.steps:
            box = self._box(step, top[step.unit])
            top[step.unit] = box.bottom + _PAD
            boxes.append(box)
        left, right = (
            min(box.middle for box in boxes) - _BOX // 2,
            max(box.middle for box in boxes) + _BOX // 2,
        )
        join = max(box.bottom for box in boxes) + _GAP
        middle = (left + right) // 2
        self._join(loose, middle, fork - _GAP // 2, fork)
        self.canvas.bar(left - 6, right + 6, fork)
        for box in boxes:
            others = [one for one in boxes if one.lane == box.lane]
            self._connect(box, fork + 5, join, is_top=box is others[0], is_bottom=box is others[-1])
        self.canvas.bar(left - 6, right + 6, join)
        self.canvas.text(middle, join + 25, Text(_joined(block), SMALL, INK))
        if any(step.on_return == RESTART_ALL for step in block.steps):
            self._frame(left, right, fork, join, _returned(block))
        return [(middle, join + 31)], join + 31 + _GAP

    def _connect(self, box: _Box, fork: int, join: int, *, is_top: bool, is_bottom: bool) -> None:
        """Draw a box of a group between its bars; one under or above another of its lane is reached from the side."""
        half, middle = _BOX // 2, box.top + box.height // 2
        into = [(box.middle, fork), (box.middle, box.top)]
        if not is_top:
            side = box.middle - half - 5
            into = [(side, fork), (side, middle), (box.middle - half, middle)]
        self.canvas.way(into)
        self.canvas.box(box)
        out = [(box.middle, box.bottom), (box.middle, join)]
        if not is_bottom:
            side = box.middle + half + 5
            out = [(box.middle + half, middle), (side, middle), (side, join)]
        self.canvas.way(out)

    def _frame(self, left: int, right: int, fork: int, join: int, words: str) -> None:
        """The return of a whole group: to the applicant, and back to its beginning."""
        x = _MARGIN + _LANE // 2
        middle = (fork + join) // 2
        edge = left - 11
        self.canvas.frame(edge, fork - 6, right - left + 22, join - fork + 17, "none", RED, dashed=True)
        lines = broken(words.lstrip(", "), _BOX, SMALL)
        height = 2 * _PAD + LINE * (len(lines) + 1)
        top = max(fork + 26, middle - height // 2)
        texts = (Text("修改后重新提交", SIZE, RED, True), *(Text(one, SMALL, RED) for one in lines))
        box = _Box(0, top, height, texts, False)
        self.canvas.box(box, "#fdf3f2", RED)
        y = top + height // 2
        self.canvas.way([(edge, y), (x + _BOX // 2, y)], RED, dashed=True)
        self.canvas.way([(x, box.top), (x, fork + 2), (left - 6, fork + 2)], RED, dashed=True)

    def _join(self, loose: list[tuple[int, int]], x: int, turn: int, y: int) -> None:
        for from_x, from_y in loose:
            straight = [(from_x, from_y), (x, y)]
            self.canvas.way(
                straight if from_x == x else [(from_x, from_y), (from_x, turn), (x, turn), (x, y)]
            )

    def _box(self, step: Step, y: int) -> _Box:
        texts = tuple(self._texts(step))
        return _Box(self.lanes[step.unit], y, 2 * _PAD + LINE * len(texts), texts, bool(step.condition))

    def _texts(self, step: Step) -> Iterator[Text]:
        for words in broken(f"{step.seq}. {step.name_zh}", _BOX, SIZE):
            yield Text(words, SIZE, INK, True)
        limit = step.raw.get("limit") or {}
        facts = [ROLE_NAMES.get(step.role, step.role), CHANNEL_NAMES.get(str(step.raw.get("channel")), "")]
        for words in broken(" · ".join(filter(None, facts)), _BOX, SMALL):
            yield Text(words)
        if limit.get("value"):
            unit = str(limit.get("unit", ""))
            yield Text(f"{limit['value']} {LIMIT_UNIT_NAMES.get(unit, unit)}")
        if step.condition:
            for words in broken(f"仅当: {step.condition}", _BOX, SMALL):
                yield Text(words, SMALL, "#8a5a00")
        if step.on_return == RESUME_NODE:
            yield Text("退回: 只重审本环节", SMALL, RED)
        elif step.on_return == RESTART_ALL and not step.parallel_group:
            yield Text("退回: 从头再审", SMALL, RED)


def _joined(block: Block) -> str:
    return "任一通过即可" if block.join == ANY else "全部通过后继续"


def _returned(block: Block) -> str:
    kinds = {step.on_return for step in block.steps}
    if RESTART_ALL in kinds:
        return ", 任一退回, 全部重审"
    return ", 退回只重审该环节" if RESUME_NODE in kinds else ""
