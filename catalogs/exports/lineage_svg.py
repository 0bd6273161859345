"""A resource's way as a picture: it runs down, and what branches off stands a step to the right.

One column, as wide as a telephone: the same picture stands in a page, on a telephone and in print. What stands at a
stop is named there as far as there is room; the table beside the picture has all of it, with links.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from catalogs.exports.svg import BLUE, GREY, INK, LINE, SIZE, SMALL, Canvas, Text, arrow, broken, picture
from catalogs.views_lineage import Stop

_WIDTH, _MARGIN, _INDENT, _RAIL = 344, 8, 28, 14
_PAD, _GAP = 8, 14
_NAMED = 5
_HEAD = "way"
_WAITING = "quarantine"


@dataclass(frozen=True)
class _Box:
    """A stop's box."""

    stop: Stop
    left: int
    top: int
    height: int
    texts: tuple[Text, ...]

    @property
    def bottom(self) -> int:
        return self.top + self.height


def draw(stops: Sequence[Stop], title: str, language: str) -> str:
    """Return the picture of a way as SVG.

    Args:
        stops: of `views_lineage.Ways.of`; each follows the one that it comes after.
        title: of the picture.
        language: zh or en; names of the catalog stand as they are there.
    """
    boxes: dict[str, _Box] = {}
    canvas, y = Canvas(), _MARGIN
    for stop in stops:
        box = _box(stop, _MARGIN + _INDENT * _depth(stop, boxes), y, language)
        boxes[stop.code] = box
        y = box.bottom + _GAP
        if stop.after:
            _join(canvas, boxes[stop.after], box)
    for box in boxes.values():
        width = _WIDTH - _MARGIN - box.left
        is_aside = box.stop.code == _WAITING
        canvas.frame(
            box.left, box.top, width, box.height, "#ffffff", GREY if is_aside else BLUE, dashed=is_aside
        )
        for row, text in enumerate(box.texts, start=1):
            canvas.text(box.left + _PAD, box.top + _PAD + row * LINE - 5, text, "start")
    told = "; ".join(f"{one.title(language)}: {one.told(language)}" for one in stops)
    height, lang = y - _GAP + _MARGIN, "en" if language == "en" else "zh-CN"
    return picture(_WIDTH, height, title, told, arrow(_HEAD, INK), "".join(canvas.parts), lang)


def _depth(stop: Stop, boxes: dict[str, _Box]) -> int:
    """How far to the right a stop stands: the way itself at the left, what branches off a step beside it."""
    if stop.code in ("source", "landing", "admission", "store"):
        return 0
    before = boxes[stop.after]
    return (before.left - _MARGIN) // _INDENT + 1


def _join(canvas: Canvas, before: _Box, box: _Box) -> None:
    x = before.left + _RAIL
    if box.left == before.left:
        canvas.line([(x, before.bottom), (x, box.top)], head=_HEAD)
        return
    middle = box.top + _PAD + LINE // 2
    dashed = box.stop.code == _WAITING
    canvas.line([(x, before.bottom), (x, middle), (box.left, middle)], dashed=dashed, head=_HEAD)


def _box(stop: Stop, left: int, top: int, language: str) -> _Box:
    width = _WIDTH - _MARGIN - left - 2 * _PAD + 10
    texts = [Text(stop.title(language), SIZE, INK, True)]
    texts += [Text(words) for words in broken(stop.told(language), width, SMALL)]
    for one in stop.names[:_NAMED]:
        texts += [Text(words, SMALL, INK) for words in broken(one.said(language), width, SMALL)[:2]]
    if (left_out := len(stop.names) - _NAMED) > 0:
        texts.append(Text(f"另有 {left_out} 项" if language == "zh" else f"and {left_out} more"))
    return _Box(stop, left, top, 2 * _PAD + LINE * len(texts), tuple(texts))
