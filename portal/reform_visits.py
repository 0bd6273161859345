"""At most one visit: promised, recorded, real, and what would raise it; goals and channels; before and after."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from catalogs.lists.base import DerivedList
from catalogs.small_cells import is_few, tells_of_few
from portal import charts
from portal.blocks import (
    COUNT,
    MEAN,
    SHARE,
    WHEN,
    Block,
    Column,
    few_parts,
    few_within,
    rest_of,
    tells,
    without_few,
)
from portal.reform import CHARTED, YEAR, Reading, points, share

_VISITS = "marts.mart_reform__visit_evidence"
_SUMS = """sum(cases_closed)::bigint AS cases, sum(real_without_visit)::bigint AS never,
    sum(real_with_one_visit)::bigint AS once, sum(real_with_more_visits)::bigint AS more,
    sum(recorded_at_most_once)::bigint AS recorded,
    sum(cases_beyond_promise)::bigint AS beyond, sum(cases_corrected)::bigint AS corrected,
    sum(cases_with_correction_visit)::bigint AS correction_visits,
    sum(CASE WHEN promised_visits <= 1 THEN cases_closed ELSE 0 END)::bigint AS promised"""
BY_ITEM = f"""SELECT service_item, max(name_zh) AS name_zh, max(lead_unit) AS lead_unit,
    max(promised_visits) AS promised_visits, {_SUMS}
    FROM {_VISITS} WHERE {YEAR.format(mart=_VISITS)} GROUP BY service_item
    ORDER BY more DESC, cases DESC, service_item"""
BY_MONTH = f"""SELECT to_char(month_on, 'YYYY-MM') AS month, {_SUMS} FROM {_VISITS}
    WHERE {YEAR.format(mart=_VISITS)} GROUP BY month_on ORDER BY month_on"""
_ENQUIRIES = "marts.mart_reform__enquiry_topics"
ASKED = f"""SELECT service_item, sum(enquiries)::bigint AS enquiries FROM {_ENQUIRIES}
    WHERE {YEAR.format(mart=_ENQUIRIES)} GROUP BY service_item"""
BEFORE_AFTER = "SELECT * FROM marts.mart_reform__before_after ORDER BY service_item"

_ITEM = Column("name", "事项", "Service item")
_UNIT = Column("unit", "主责单位", "Lead unit")
_CASES = Column("cases", "办结件数", "Cases closed", COUNT)
_VISITED = ("never", "once", "more")
_BROKEN_DOWN = (
    Column("never", "零跑动", "No visit", COUNT),
    Column("once", "跑一次", "One visit", COUNT),
    Column("more", "跑多次", "More visits", COUNT),
    Column("real", "实际最多跑一次", "Really at most once", SHARE),
    Column("noted", "办件系统所记", "As recorded", SHARE),
)


def summary(reading: Reading) -> Mapping[str, Any] | None:
    """Return the campus's figures of the last twelve months; None where nothing was measured, or too few cases.

    Returns:
        cases, never, once, more, recorded, promised, beyond: counts of cases, of which the last three may be None, too
        few; first, last: months.
    """
    months = reading.rows(BY_MONTH)
    if not months:
        return None
    keys = ("cases", "never", "once", "more", "recorded", "promised", "beyond")
    sums = {key: sum(int(row[key] or 0) for row in months) for key in keys}
    whole, least = sums["cases"], reading.threshold
    if whole < least or any(is_few(sums[key], least) for key in _VISITED):
        return None
    others = ("recorded", "promised", "beyond")
    few = {key: None for key in others if tells_of_few(sums[key], whole, least)}
    return {**sums, **few, "first": months[0]["month"], "last": months[-1]["month"]}


def overview(reading: Reading) -> list[Block]:
    """Return how the share has moved, and which single opening would raise it most."""
    return [*_trend(reading), *_raising(reading)]


def visits(reading: Reading) -> list[Block]:
    """Return the visits of every month and every item: 0, 1 and more apart, corrections and enquiries apart."""
    return [*_trend(reading), *_by_item(reading)]


def _parted(reading: Reading, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows of cases with their shares, without parts of too few cases.

    The share of those with at most one visit tells those with more, and what was recorded its rest.
    """
    least = reading.threshold
    found = [
        {**row, "real": (row["never"] + row["once"], row["cases"]), "noted": (row["recorded"], row["cases"])}
        for row in without_few(rows, "cases", least)
    ]
    found = few_parts(
        found, lambda row: {key: int(row[key] or 0) for key in _VISITED}, least, {"real": ("more",)}
    )
    found = few_parts(found, rest_of("cases", "recorded"), least, {"noted": ("recorded",)})
    found = few_parts(found, rest_of("cases", "beyond"), least)
    return few_parts(found, _corrections, least, {"corrected": ("uncorrected",)})


def _corrections(row: Mapping[str, Any]) -> dict[str, int]:
    corrected, visits = int(row["corrected"] or 0), int(row["correction_visits"] or 0)
    return {
        "uncorrected": int(row["cases"]) - corrected,
        "without": corrected - visits,
        "correction_visits": visits,
    }


def _trend(reading: Reading) -> list[Block]:
    rows = _parted(reading, reading.rows(BY_MONTH))
    drawn = [row for row in rows if tells(row, *_VISITED)]
    if not drawn:
        return []
    names = [
        reading.both("零跑动", "no visit"),
        reading.both("跑一次", "one"),
        reading.both("跑多次", "more"),
    ]
    last = drawn[-1]
    title = reading.t(
        "trend", month=last["month"], real=share(*last["real"]), never=share(last["never"], last["cases"])
    )
    figure = charts.columns(
        [row["month"] for row in drawn],
        dict(zip(names, ([row[key] for row in drawn] for key in ("never", "once", "more")), strict=True)),
        (charts.STEPS[0], charts.STEPS[2], charts.BAD),
        reading.t("cases"),
    )
    columns = (Column("month", "月份", "Month", WHEN), _CASES, *_BROKEN_DOWN)
    return [reading.block("trend", title, columns=columns, rows=rows, figure=figure)]


def _by_item(reading: Reading) -> list[Block]:
    asked = {row["service_item"]: row["enquiries"] for row in reading.rows(ASKED)}
    rows: list[dict[str, Any]] = [
        {
            **reading.item(row),
            "unit": reading.unit(row["lead_unit"]),
            "enquiries": asked.get(row["service_item"], 0),
        }
        for row in _parted(reading, reading.rows(BY_ITEM))
    ]
    rows = few_within(rows, "enquiries", ("enquiries",), reading.threshold)
    drawn = [row for row in rows if tells(row, *_VISITED) and row["more"]][:CHARTED]
    if not rows:
        return []
    beyond = sum(bool(row["beyond"]) and not row["hidden"] for row in rows)
    figure = None
    if drawn:
        names = [
            reading.both("零跑动", "no visit"),
            reading.both("跑一次", "one"),
            reading.both("跑多次", "more"),
        ]
        figure = charts.parts(
            [row["name"] for row in drawn],
            dict(zip(names, ([row[key] for row in drawn] for key in ("never", "once", "more")), strict=True)),
            (charts.STEPS[0], charts.STEPS[2], charts.BAD),
            reading.t("cases"),
        )
    columns = (
        _ITEM,
        _UNIT,
        Column("promised_visits", "承诺次数", "Promised", COUNT),
        _CASES,
        *_BROKEN_DOWN,
        Column("beyond", "超过承诺", "Beyond the promise", COUNT),
        Column("corrected", "有补正", "Corrected", COUNT),
        Column("correction_visits", "为补正到场", "Visits to correct", COUNT),
        Column("enquiries", "咨询", "Enquiries", COUNT),
    )
    title = reading.t("visits", n=beyond, all=len(rows))
    return [reading.block("visits", title, columns=columns, rows=rows, figure=figure)]


def _raising(reading: Reading) -> list[Block]:
    """Which single opening or mend touches most cases that took more than one visit.

    Of items whose figures are hidden none is counted: beside those that are shown a sum would tell theirs.
    """
    items = _parted(reading, reading.rows(BY_ITEM))
    more = {row["service_item"]: row["more"] for row in items if tells(row, "more")}
    openings = reading.lists.get("openings")
    rows = []
    for row in map(reading.listed, openings.rows if openings else ()):
        touched = sum(more.get(code, 0) for code in row["items"])
        if touched >= reading.threshold:
            names = tuple(reading.item({"service_item": code})["name"] for code in row["items"])
            rows.append({**row, "cases": touched, "what": f"{row['kind']} {row['target']}", "names": names})
    rows.sort(key=lambda row: (-row["cases"], row["number"]))
    if not rows:
        return []
    best = rows[0]
    figure = charts.bars(
        [row["what"] for row in rows[:CHARTED]],
        [row["cases"] for row in rows[:CHARTED]],
        [str(row["cases"]) for row in rows[:CHARTED]],
        reading.t("cases"),
    )
    columns = (
        Column("what", "开放或整改", "Opening or mend"),
        Column("office", "由谁", "By whom"),
        Column("cases", "所涉跑多次的办件", "Cases of more visits touched", COUNT),
        Column("alone", "单独可省份数", "Copies freed alone", COUNT),
        Column("names", "事项", "Service items"),
    )
    title = reading.t("raising", what=best["what"], office=best["office"], n=best["cases"])
    return [reading.block("raising", title, columns=columns, rows=rows, figure=figure, of_list=True)]


_OUTCOMES = {"达成": "✓", "未达成": "✕", "不可测": "–"}


def milestones(reading: Reading) -> list[Block]:
    """Return every clause of the reform's goals, met or missed, and how many items each channel has."""
    goals = reading.lists.get("goals")
    rows = [
        {
            **reading.listed(row),
            "outcome": f"{_OUTCOMES.get(row['outcome'], '–')} {reading.word(row['outcome'])}",
        }
        for row in (goals.rows if goals else ())
    ]
    if not rows:
        return []
    met = sum(row["outcome"].startswith("✓") for row in rows)
    measured = [row for row in rows if isinstance(row["met"], int)]
    figure = charts.bars(
        [row["clause"] for row in measured],
        [points(row["met"], row["counted"]) for row in measured],
        [f"{row['outcome'][0]} {row['share']} / {row['target']}" for row in measured],
        reading.both("达到的比例 / 目标 (%)", "share reached / goal (%)"),
        [charts.ACCENT if row["outcome"].startswith("✓") else charts.BAD for row in measured],
    )
    columns = (
        Column("goal", "编号", "Goal"),
        Column("clause", "目标条款", "Clause"),
        Column("dueOn", "期限", "Due on", WHEN),
        Column("target", "目标值", "Target", COUNT),
        Column("met", "达到", "Met by", COUNT),
        Column("counted", "计入", "Counted", COUNT),
        Column("share", "实际", "Actual", COUNT),
        Column("outcome", "结论", "Outcome", WHEN),
        Column("why", "说明", "Why"),
    )
    title = reading.t("milestones", met=met, all=len(rows))
    return [
        reading.block("milestones", title, columns=columns, rows=rows, figure=figure, of_list=True),
        *_channels(reading),
    ]


def channels_of(lists: Mapping[str, DerivedList]) -> list[tuple[str, int, int]]:
    """Return channel → items that have it, all items: online, fully online, mobile, at most once."""
    found = []
    for name, lst, key in (
        ("online", "online", "已开通"),
        ("fully_online", "online", "全流程在线"),
        ("mobile", "mobile", "已开通"),
    ):
        told = lists[lst].summary if lst in lists else {}
        if key in told:
            found.append((name, int(told[key]), int(told["全部事项"])))
    return found


def _channels(reading: Reading) -> list[Block]:
    found = channels_of(reading.lists)
    if not found:
        return []
    names = [reading.t(f"channel.{name}") for name, _, _ in found]
    rows = [
        {"channel": name, "having": having, "items": whole, "share": (having, whole)}
        for name, (_, having, whole) in zip(names, found, strict=True)
    ]
    figure = charts.bars(
        names,
        [points(having, whole) for _, having, whole in found],
        [share(having, whole) for _, having, whole in found],
        "%",
    )
    columns = (
        Column("channel", "渠道", "Channel"),
        Column("having", "已开通", "Opened", COUNT),
        Column("items", "事项", "Service items", COUNT),
        Column("share", "开通比例", "Share", SHARE),
    )
    _, having, whole = found[0]
    title = reading.t("channels", having=having, all=whole, share=share(having, whole))
    return [reading.block("channels", title, columns=columns, rows=rows, figure=figure)]


def means(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return means before and after over the items of each kind; each item counts once, as in reports of the reform.

    Args:
        rows: of mart_reform__before_after; only items that had cases before and after are compared.
    """
    found = []
    for kind in ("personal", "corporate"):
        own = [row for row in rows if row["kind"] == kind and row["cases_before"] and row["cases_after"]]
        if own:
            keys = ("mean_days_before", "mean_days_after", "mean_materials_before", "mean_materials_after")
            found.append(
                {
                    "kind": kind,
                    "items": len(own),
                    "cases_before": sum(row["cases_before"] for row in own),
                    "cases_after": sum(row["cases_after"] for row in own),
                    **{key: round(fmean(float(row[key]) for row in own), 2) for key in keys},
                }
            )
    return found


_BEFORE_AFTER = (
    Column("mean_days_before", "之前平均天数", "Days before", MEAN),
    Column("mean_days_after", "之后平均天数", "Days after", MEAN),
    Column("mean_materials_before", "之前平均材料", "Materials before", MEAN),
    Column("mean_materials_after", "之后平均材料", "Materials after", MEAN),
)


def before_after(reading: Reading) -> list[Block]:
    """Return mean days and materials before and after, of personal and corporate items."""
    raw = reading.rows(BEFORE_AFTER)
    compared = [row for row in raw if min(row["cases_before"], row["cases_after"]) >= reading.threshold]
    groups = [{**row, "name": reading.t(f"kind.{row['kind']}")} for row in means(compared)]
    if not groups:
        return []
    names = [reading.both("之前", "before"), reading.both("之后", "after")]
    figure = charts.groups(
        [row["name"] for row in groups],
        {
            names[0]: [row["mean_days_before"] for row in groups],
            names[1]: [row["mean_days_after"] for row in groups],
        },
        (charts.STEPS[2], charts.STEPS[0]),
        reading.both("平均自然日", "mean days"),
    )
    first = groups[0]
    title = reading.t(
        "before_after",
        kind=first["name"],
        before=f"{first['mean_days_before']:.1f}",
        after=f"{first['mean_days_after']:.1f}",
    )
    counts = (
        Column("cases_before", "之前件数", "Cases before", COUNT),
        Column("cases_after", "之后件数", "Cases after", COUNT),
    )
    items = [{**reading.item(row), "unit": reading.unit(row["lead_unit"])} for row in compared]
    items.sort(key=lambda row: float(row["mean_days_after"]) - float(row["mean_days_before"]))
    kinds = (Column("name", "类别", "Kind"), Column("items", "事项", "Service items", COUNT))
    return [
        reading.block(
            "before_after", title, columns=(*kinds, *counts, *_BEFORE_AFTER), rows=groups, figure=figure
        ),
        reading.block(
            "before_after_items",
            reading.t("before_after_items", n=len(items), all=len(raw)),
            columns=(
                _ITEM,
                _UNIT,
                Column("published_on", "公布日期", "Published on", WHEN),
                *counts,
                *_BEFORE_AFTER,
            ),
            rows=items,
        ),
    ]
