"""Deadlines: what was closed by its promised day, what late, what is open beyond it; by month and by item."""

from collections.abc import Mapping, Sequence
from typing import Any

from catalogs.small_cells import tells_of_few
from portal import charts
from portal.blocks import COUNT, MEAN, SHARE, WHEN, Block, Column, few_parts, rest_of, tells, without_few
from portal.reform import CHARTED, YEAR, Reading, share

_DEADLINES = "marts.mart_reform__deadline"
_PARTS = ("closed_in_time", "closed_late", "open_beyond", "open_within", "closed_without_promise")
_CLOSED = ("closed_in_time", "closed_late", "closed_without_promise")
_SUMS = f"""sum(cases)::bigint AS cases, {", ".join(f"sum({one})::bigint AS {one}" for one in _PARTS)},
    sum({" + ".join(_CLOSED)})::bigint AS closed,
    sum(mean_working_days * ({" + ".join(_CLOSED)}))
        / nullif(sum(CASE WHEN mean_working_days IS NOT NULL THEN {" + ".join(_CLOSED)} END), 0) AS working_days"""
BY_MONTH = f"""SELECT to_char(month_on, 'YYYY-MM') AS month, {_SUMS} FROM {_DEADLINES}
    WHERE {YEAR.format(mart=_DEADLINES)} GROUP BY month_on ORDER BY month_on"""
BY_ITEM = f"""SELECT service_item, max(name_zh) AS name_zh, max(lead_unit) AS lead_unit, {_SUMS} FROM {_DEADLINES}
    WHERE {YEAR.format(mart=_DEADLINES)} GROUP BY service_item
    ORDER BY open_beyond DESC, closed_late DESC, cases DESC, service_item"""
_COLUMNS = (
    Column("cases", "提交件数", "Cases", COUNT),
    Column("closed_in_time", "按期办结", "In time", COUNT),
    Column("closed_late", "超期办结", "Late", COUNT),
    Column("in_time", "按期比例", "Share in time", SHARE),
    Column("open_within", "在办未逾期", "Open", COUNT),
    Column("open_beyond", "逾期未结", "Open beyond the day", COUNT),
    Column("closed_without_promise", "办结无承诺日", "Closed, no day", COUNT),
    Column("working_days", "平均工作日", "Working days", MEAN),
)
_COLOURS = (charts.STEPS[0], charts.WATCH, charts.BAD, charts.STEPS[2], charts.MUTED)


def deadlines(reading: Reading) -> list[Block]:
    """Return how promised days were kept, by month of handing in and by item."""
    raw = reading.rows(BY_MONTH)
    sums = {key: sum(int(row[key]) for row in raw) for key in ("cases", *_PARTS)}
    if sums["cases"] < reading.threshold:
        return []
    months = _parted(reading, raw)
    items = [
        {**reading.item(row), "unit": reading.unit(row["lead_unit"])}
        for row in _parted(reading, reading.rows(BY_ITEM))
    ]
    late = sum(bool(row["open_beyond"]) for row in items if tells(row, "open_beyond"))
    return [
        reading.block(
            "deadlines",
            _title(reading, sums),
            columns=(Column("month", "提交月份", "Handed in", WHEN), *_COLUMNS),
            rows=months,
            figure=_figure(reading, "month", [row for row in months if tells(row, *_PARTS)]),
        ),
        reading.block(
            "deadline_items",
            reading.t("deadline_items", n=late, all=len(items)),
            columns=(
                Column("name", "事项", "Service item"),
                Column("unit", "主责单位", "Lead unit"),
                *_COLUMNS,
            ),
            rows=items,
            figure=_figure(reading, "name", [row for row in items if tells(row, *_PARTS)][:CHARTED]),
        ),
    ]


def _title(reading: Reading, sums: Mapping[str, int]) -> str:
    """Return the finding, which tells of no part that is too few."""
    whole, least = sums["cases"], reading.threshold
    in_time, late, beyond = (sums[key] for key in _PARTS[:3])
    promised = in_time + late
    if tells_of_few(late, promised, least) or tells_of_few(beyond, whole, least):
        return reading.t("deadlines.few", n=whole)
    return reading.t("deadlines", share=share(in_time, promised) if promised else "–", beyond=beyond)


def _parted(reading: Reading, raw: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows with the share in time, without parts of too few and without a mean of too few."""
    found: list[dict[str, Any]] = [
        {**row, "in_time": (row["closed_in_time"], row["closed_in_time"] + row["closed_late"])}
        for row in without_few(raw, "cases", reading.threshold)
    ]
    found = few_parts(
        found,
        lambda row: {key: int(row[key]) for key in _PARTS},
        reading.threshold,
        {"in_time": ("closed_in_time", "closed_late")},
    )
    return few_parts(found, rest_of("cases", "closed"), reading.threshold, {"working_days": ("closed",)})


def _figure(reading: Reading, key: str, drawn: Sequence[Mapping[str, Any]]) -> charts.Figure | None:
    if not drawn:
        return None
    heads = {column.key: reading.both(column.zh, column.en) for column in _COLUMNS}
    draw = charts.columns if key == "month" else charts.parts
    return draw(
        [row[key] for row in drawn],
        {heads[part]: [row[part] for row in drawn] for part in _PARTS},
        _COLOURS,
        reading.t("cases"),
    )
