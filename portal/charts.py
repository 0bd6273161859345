"""Charts as data: Plotly figures as plain JSON, drawn by `charts.js` with Plotly's own file, which we serve.

Plotly's Python half is not imported: it costs a second at start and would only write this JSON. A chart adds nothing to
its table: who has no JavaScript reads the same figures. Colours are those of the pages and can be told apart by the
colour-blind; bars begin at zero; a figure stands at its bar rather than in a legend.
"""

import gzip
import html
import textwrap
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

INK, MUTED, LINE, PAPER, ACCENT = "#1b1f23", "#57606a", "#d0d7de", "#ffffff", "#0b5cad"
GOOD, WATCH, BAD = "#1a7f37", "#9a6700", "#b42318"
# From what is best to what is worst; lightness alone tells neighbours apart, too.
STEPS = ("#0b4a8f", "#5b95d1", "#a9c9ec", "#d9a441", "#b42318")
_FONT = '"PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif'
_BAR_PX, _TALL_PX, _FRAME_PX, _HEIGHT_PX = 30, 42, 90, 320
# On a telephone a legend takes several lines, which bars and axis would else have to share their room with.
_LEGEND_PX = 44
_LABEL_WIDTH = 24
# The size of figures in parts, and the smallest that can be read.
_SMALL, _SMALLEST_PX = {"size": 12}, 10

Figure = Mapping[str, Any]
Number = float | int | None


@cache
def plotly_name() -> str:
    """Return the name under which Plotly's file is served; it changes with the version, so browsers may keep it."""
    return f"plotly-{metadata.version('plotly')}.min.js"


@cache
def plotly_gzipped() -> bytes:
    """Return Plotly's file from its wheel, compressed once per worker: 4.8 MB become 1.4."""
    path = metadata.distribution("plotly").locate_file("plotly/package_data/plotly.min.js")
    return gzip.compress(Path(str(path)).read_bytes(), 6)


def bars(
    labels: Sequence[str],
    values: Sequence[Number],
    texts: Sequence[str],
    unit: str = "",
    colours: Sequence[str] = (),
) -> Figure:
    """Return horizontal bars, the first on top, each with its figure.

    Args:
        labels: of the bars.
        values: their lengths.
        texts: the figures as the table has them.
        unit: what is counted, at the axis.
        colours: of the bars; none: all alike.
    """
    return _sideways(labels, [_bar("", labels, values, texts, list(colours) or ACCENT)], unit)


def groups(
    labels: Sequence[str], shown: Mapping[str, Sequence[Number]], colours: Sequence[str], unit: str = ""
) -> Figure:
    """Return horizontal bars side by side, to be compared; `shown` is name → its length in each group."""
    drawn = [
        _bar(name, labels, values, [_short(one) for one in values], colour)
        for (name, values), colour in zip(shown.items(), colours, strict=False)
    ]
    figure = _sideways(labels, drawn, unit)
    height = _TALL_PX * len(labels) * len(drawn) + _FRAME_PX + _LEGEND_PX
    return {**figure, "layout": figure["layout"] | {"barmode": "group", "showlegend": True, "height": height}}


def parts(
    labels: Sequence[str], shown: Mapping[str, Sequence[Number]], colours: Sequence[str], unit: str = ""
) -> Figure:
    """Return horizontal bars made of parts; `shown` is part → its length in each bar."""
    drawn = [
        _bar(name, labels, values, [_short(one) for one in values], colour)
        for (name, values), colour in zip(shown.items(), colours, strict=False)
    ]
    # A figure that its part has no room for stands in the table only: beside the part it would lie on another.
    drawn = [one | {"textposition": "inside", "constraintext": "inside", "textfont": _SMALL} for one in drawn]
    figure = dict(_sideways(labels, drawn, unit))
    hidden = {"mode": "hide", "minsize": _SMALLEST_PX}
    height = figure["layout"]["height"] + _LEGEND_PX
    figure["layout"] = figure["layout"] | {"barmode": "stack", "showlegend": True, "height": height}
    figure["layout"] |= {"uniformtext": hidden}
    return figure


def columns(
    labels: Sequence[str], shown: Mapping[str, Sequence[Number]], colours: Sequence[str], unit: str = ""
) -> Figure:
    """Return upright bars in the order of time, made of parts."""
    drawn = [
        {
            "type": "bar",
            "name": _plain(name),
            "x": [_plain(label) for label in labels],
            "y": list(values),
            "marker": {"color": colour},
            "hovertemplate": "%{x}<br>%{fullData.name} %{y}<extra></extra>",
        }
        for (name, values), colour in zip(shown.items(), colours, strict=False)
    ]
    layout = _layout(_HEIGHT_PX, unit) | {"barmode": "stack", "showlegend": len(drawn) > 1}
    layout["xaxis"] = layout["xaxis"] | {"type": "category"}
    return {"data": drawn, "layout": layout}


def lines(
    labels: Sequence[str],
    shown: Mapping[str, Sequence[Number]],
    colours: Sequence[str],
    unit: str = "",
    from_zero: bool = True,
) -> Figure:
    """Return lines over time, each named at its end; `shown` is name → its value at each label, None where unknown."""
    drawn = []
    for (name, values), colour in zip(shown.items(), colours, strict=False):
        drawn.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": _plain(name),
                "x": [_plain(label) for label in labels],
                "y": list(values),
                "line": {"color": colour, "width": 2},
                "hovertemplate": "%{x}<br>%{fullData.name} %{y}<extra></extra>",
            }
        )
    layout = _layout(_HEIGHT_PX, unit) | {"showlegend": len(drawn) > 1}
    layout["xaxis"] = layout["xaxis"] | {"type": "category"}
    layout["yaxis"] = layout["yaxis"] | ({"rangemode": "tozero"} if from_zero else {})
    return {"data": drawn, "layout": layout}


def _bar(
    name: str, labels: Sequence[str], values: Sequence[Number], texts: Sequence[str], colour: str | list[str]
) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "name": _plain(name),
        "x": list(values),
        "y": [_label(label) for label in labels],
        "text": [_plain(text) for text in texts],
        "textposition": "auto",
        "constraintext": "none",
        "textangle": 0,
        "cliponaxis": False,
        "customdata": [_plain(label) for label in labels],
        "marker": {"color": colour},
        "hovertemplate": "%{customdata}<br>%{fullData.name} %{text}<extra></extra>",
    }


def _sideways(labels: Sequence[str], drawn: list[dict[str, Any]], unit: str) -> Figure:
    is_tall = any(_width(label) > _LABEL_WIDTH for label in labels)
    layout = _layout((_TALL_PX if is_tall else _BAR_PX) * len(labels) + _FRAME_PX, "")
    layout["yaxis"] = layout["yaxis"] | {"autorange": "reversed", "type": "category", "showgrid": False}
    layout["yaxis"] |= {"ticklabelstandoff": 6}
    layout["xaxis"] = layout["xaxis"] | {"rangemode": "tozero", "title": {"text": unit}, "gridcolor": LINE}
    return {"data": drawn, "layout": layout}


def _layout(height: int, unit: str) -> dict[str, Any]:
    return {
        "height": height,
        "margin": {"l": 10, "r": 20, "t": 10, "b": 10},
        "font": {"family": _FONT, "size": 14, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": False,
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        "dragmode": False,
        "bargap": 0.25,
        "xaxis": {"automargin": True, "fixedrange": True, "zeroline": False, "showgrid": False},
        "yaxis": {
            "automargin": True,
            "fixedrange": True,
            "zeroline": False,
            "gridcolor": LINE,
            "title": {"text": unit},
        },
    }


def _plain(text: str) -> str:
    """Return a text as Plotly shows it unchanged: it takes some tags in texts for its own, and reads entities."""
    return html.escape(text, quote=False)


def _label(text: str) -> str:
    """Break a long name into two lines, between words where it has words, so that bars keep their room on a phone."""
    if _width(text) <= _LABEL_WIDTH:
        return _plain(text)
    lines = textwrap.wrap(text, _LABEL_WIDTH) if " " in text and text.isascii() else _cut(text)
    return "<br>".join(map(_plain, lines[:2])) + ("…" if len(lines) > 2 else "")


def _cut(text: str) -> list[str]:
    """Cut a text into lines; a Chinese character is as wide as two Latin ones."""
    lines = [""]
    for letter in text:
        if _width(lines[-1] + letter) > _LABEL_WIDTH:
            lines.append("")
        lines[-1] += letter
    return lines


def _width(text: str) -> int:
    return sum(1 if letter.isascii() else 2 for letter in text)


def _short(value: Number) -> str:
    return "" if not value else f"{value:,}"
