"""What pages say of quality, each with its workbook: scores, how they move, rules that fail, promises, extracts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from catalogs.lists import DerivedList
from expectations.quality.words import DIMENSIONS, TOTAL, shown
from portal import charts
from portal.blocks import COUNT, WHEN, Block, Column
from portal.texts import LANGUAGES, TEXTS, text
from portal.texts_catalog import WORDS

DAYS = 90
_COLOURS = ("#1b1f23", "#0b5cad", "#1a7f37", "#9a6700", "#b42318", "#6e40c9", "#57606a")


def blocks(
    days: Mapping[date, Mapping[str, float]], promises: DerivedList | None, language: str
) -> list[Block]:
    """Return how the campus's scores moved day by day, and every promise beside the fact.

    Args:
        days: day → dimension → score, oldest first.
        promises: the list of promises, as the reader may see it.
        language: of the reader.
    """
    return [*_trend(days, language), *_promises(promises, language)]


def heat(
    name: str,
    title: str,
    head: str,
    whole: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    language: str,
) -> Block:
    """Return scores by dimension, which a page shows as a heat map; no row where the whole was never scored.

    Args:
        name, title: of the block.
        head: key of the text that says what the rows are.
        whole: the row of what they are parts of, which comes first: `name`, `page`, `cells` (`portal.cells.of`).
        rows: as `whole`; what was never scored is left out.
        language: of the reader.
    """
    scored = [whole, *(row for row in rows if row["cells"])] if whole["cells"] else []
    dimensions = (TOTAL, *DIMENSIONS)
    keys = ("total", *(f"dim.{one}" for one in DIMENSIONS))
    columns = [
        Column("name", *TEXTS[head]),
        *(Column(one, *TEXTS[key], COUNT) for one, key in zip(dimensions, keys, strict=True)),
    ]
    told = [{**row} | {cell["dimension"]: cell["score"] for cell in row["cells"]} for row in scored]
    return Block(name, title, "", columns, told)


def failing(rows: Sequence[Mapping[str, Any]], language: str) -> Block:
    """Return the rules of a unit that fail, as its page lists them."""
    columns = (
        Column("resource", *TEXTS["resource"]),
        Column("rule", *TEXTS["rule"]),
        Column("dimension", *TEXTS["dimension"]),
        Column("severity", *TEXTS["severity"]),
        Column("rows_failed", *TEXTS["failed"], COUNT),
        Column("rows_total", *TEXTS["of"], COUNT),
        Column("since", *TEXTS["since"], WHEN),
        Column("ticket", *TEXTS["ticket"]),
    )
    return Block("failing", text("quality.failing", language), "", columns, rows)


def extracts(title: str, rows: Sequence[Mapping[str, Any]]) -> Block:
    """Return the extracts of a resource's strip, the newest first: when, how many rows, how it ended."""
    columns = (
        Column("at", *TEXTS["when"], WHEN),
        Column("rows", *TEXTS["rows"], COUNT),
        Column("outcome", *TEXTS["outcome"]),
    )
    told = [{**row, "outcome": row["status"]["word"]} for row in reversed(rows)]
    return Block("extracts", title, "", columns, told)


def _trend(days: Mapping[date, Mapping[str, float]], language: str) -> list[Block]:
    # One day is no movement, and the page's figures have it.
    if len(days) < 2:
        return []
    told = [(day.isoformat(), scores) for day, scores in days.items()]
    names = {TOTAL: text("total", language)} | {one: text(f"dim.{one}", language) for one in DIMENSIONS}
    having = [one for one in names if any(one in scores for scores in days.values())]
    figure = charts.lines(
        [day for day, _ in told],
        {names[one]: [_cut(scores.get(one)) for scores in days.values()] for one in having},
        _COLOURS,
        text("score", language),
        from_zero=False,
    )
    first, last = told[0][1].get(TOTAL), told[-1][1].get(TOTAL)
    columns = [
        Column("day", "日期", "Day", WHEN),
        *(Column(one, names[one], names[one], COUNT) for one in having),
    ]
    rows = [{"day": day} | {one: shown(scores.get(one)) for one in having} for day, scores in reversed(told)]
    title = text("quality.trend", language, first=shown(first), last=shown(last), n=len(days))
    return [Block("trend", title, text("quality.trend.note", language), columns, rows, figure)]


def _promises(promises: DerivedList | None, language: str) -> list[Block]:
    if promises is None or not promises.rows:
        return []
    kinds = dict.fromkeys(row["kind"] for row in promises.rows)
    counted = Counter((row["kind"], row["verdict"]) for row in promises.rows)
    verdicts = ("守诺", "失诺", "未测")
    names = [text(f"promise.{one}", language) for one in ("kept", "broken", "unknown")]
    figure = charts.parts(
        [kind if language == LANGUAGES[0] else WORDS.get(kind, kind) for kind in kinds],
        {name: [counted[kind, one] for kind in kinds] for name, one in zip(names, verdicts, strict=True)},
        (charts.STEPS[0], charts.BAD, charts.LINE),
        text("promises.unit", language),
    )
    columns = [
        Column(one.key, one.zh, one.en) for one in promises.columns if one.key not in ("number", "code")
    ]
    broken = sum(row["verdict"] == verdicts[1] for row in promises.rows)
    title = text("promises.title", language, broken=broken, all=len(promises.rows))
    return [
        Block(
            "promises", title, text("promises.note", language), columns, promises.rows, figure, of_list=True
        )
    ]


def _cut(score: float | None) -> float | None:
    return None if score is None else float(shown(score))
