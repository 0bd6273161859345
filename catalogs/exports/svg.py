"""What our drawings are made of: lines, texts and boxes as plain SVG, and the breaking of lines, which SVG does not do.

No script, no style sheet, no font of its own: a drawing stands alike in a page, in print and in an office document.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape

FONTS = "'PingFang SC','Microsoft YaHei','Noto Sans CJK SC','Noto Sans SC','Source Han Sans SC',sans-serif"
LINE, SIZE, SMALL = 17, 13, 11
INK, GREY, BLUE, RED = "#1f2933", "#57606a", "#2f5d8a", "#b03a2e"
_LATIN = 0x2E80


@dataclass(frozen=True)
class Text:
    """A line of text."""

    words: str
    size: int = SMALL
    color: str = GREY
    bold: bool = False


@dataclass
class Canvas:
    """A drawing under way: its elements in the order in which they are painted."""

    parts: list[str] = field(default_factory=list)

    def line(
        self, points: list[tuple[int, int]], color: str = INK, *, dashed: bool = False, head: str = ""
    ) -> None:
        """Draw a line through points; `head` names an `arrow` at its end."""
        way = " ".join(f"{x},{y}" for x, y in points)
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        end = f' marker-end="url(#{head})"' if head else ""
        self.parts.append(
            f'<polyline points="{way}" fill="none" stroke="{color}" stroke-width="1.4"{dash}{end}/>'
        )

    def text(self, x: int, y: int, text: Text, anchor: str = "middle") -> None:
        """Write a line of text."""
        weight = ' font-weight="600"' if text.bold else ""
        self.parts.append(
            f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{text.size}"{weight} fill="{text.color}">'
            f"{escape(text.words)}</text>"
        )

    def frame(
        self, left: int, top: int, width: int, height: int, fill: str, stroke: str, *, dashed: bool = False
    ) -> None:
        """Draw a box."""
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self.parts.append(
            f'<rect x="{left}" y="{top}" width="{width}" height="{height}" rx="6" fill="{fill}" '
            f'stroke="{stroke}" stroke-width="1.4"{dash}/>'
        )


def picture(
    width: int, height: int, title: str, told: str, defs: str, parts: str, lang: str = "zh-CN"
) -> str:
    """Return a whole drawing on white; title and description stand for it where it is not seen."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" lang="{lang}" font-family="{FONTS}"><title>{escape(title)}</title><desc>{escape(told)}</desc>'
        f'<defs>{defs}</defs><rect width="{width}" height="{height}" fill="#ffffff"/>{parts}</svg>\n'
    )


def arrow(name: str, color: str) -> str:
    """Return the head of an arrow, for `picture`'s defs."""
    return (
        f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0,0 L8,4 L0,8 z" fill="{color}"/></marker>'
    )


def broken(text: str, width: int, size: int) -> list[str]:
    """Break a text into lines of a width; Chinese breaks anywhere, a Latin word stays whole where it fits."""
    room = width - 10
    lines, line, used = [], "", 0.0
    for word in _words(text):
        for part in [word] if _long(word, size) <= room else word:
            long = _long(part, size)
            if line and used + long > room:
                lines.append(line.strip())
                line, used = "", 0.0
            line += part
            used += long
    return [*lines, line.strip()] if line.strip() else lines


def _long(text: str, size: int) -> float:
    return sum(size if ord(sign) > _LATIN else size * 0.56 for sign in text)


def _words(text: str) -> Iterator[str]:
    word = ""
    for sign in text:
        if ord(sign) > _LATIN or sign.isspace():
            yield from filter(None, (word, sign))
            word = ""
        else:
            word += sign
    if word:
        yield word
