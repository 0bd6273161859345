"""What people say and where they wait: evaluations, enquiries, tidal demand, the league of units, hand-overs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from catalogs.small_cells import tells_of_few
from portal import charts
from portal.blocks import (
    COUNT,
    HIDDEN,
    MEAN,
    SHARE,
    WHEN,
    Block,
    Column,
    few_parts,
    rest_of,
    seen,
    tells,
    without_few,
    without_few_by,
)
from portal.reform import CHARTED, YEAR, Reading, points, share

_EVALUATIONS = "marts.mart_reform__evaluation"
_LEVELS = ("level_5", "level_4", "level_3", "level_2", "level_1")
_VOICES = f"""sum(evaluations)::bigint AS cases, {", ".join(f"sum({one})::bigint AS {one}" for one in _LEVELS)},
    sum(poor_called_back)::bigint AS called_back, sum(poor_waiting)::bigint AS waiting,
    sum(poor_beyond_limit)::bigint AS beyond, max(longest_wait_days) AS longest_wait_days,
    max(limit_working_days) AS limit_days"""
VOICES_BY_MONTH = f"""SELECT to_char(month_on, 'YYYY-MM') AS month, {_VOICES} FROM {_EVALUATIONS}
    WHERE {YEAR.format(mart=_EVALUATIONS)} GROUP BY month_on ORDER BY month_on"""
VOICES_BY_ITEM = f"""SELECT service_item, max(name_zh) AS name_zh, max(lead_unit) AS lead_unit, {_VOICES}
    FROM {_EVALUATIONS} WHERE {YEAR.format(mart=_EVALUATIONS)} GROUP BY service_item
    ORDER BY beyond DESC, waiting DESC, cases DESC, service_item"""
_ENQUIRIES = "marts.mart_reform__enquiry_topics"
TOPICS = f"""SELECT topic, sum(enquiries)::bigint AS cases, sum(unanswered)::bigint AS unanswered,
    sum(not_solved)::bigint AS not_solved,
    sum(mean_days_to_answer * (enquiries - unanswered)) / nullif(sum(enquiries - unanswered), 0) AS days
    FROM {_ENQUIRIES} WHERE {YEAR.format(mart=_ENQUIRIES)} GROUP BY topic ORDER BY cases DESC, topic"""
ASKED_ITEMS = f"""SELECT service_item, topic, max(name_zh) AS name_zh, max(lead_unit) AS lead_unit,
    sum(enquiries)::bigint AS cases, sum(not_solved)::bigint AS not_solved
    FROM {_ENQUIRIES} WHERE {YEAR.format(mart=_ENQUIRIES)} GROUP BY service_item, topic
    ORDER BY cases DESC, service_item, topic"""
_WEEKS = "marts.mart_reform__demand_week"
WEEKS = f"""SELECT week_on, max(day_kind) AS day_kind, max(event) AS event, sum(cases)::bigint AS cases FROM {_WEEKS}
    WHERE week_on > (SELECT max(week_on) FROM {_WEEKS}) - 371 GROUP BY week_on ORDER BY week_on"""
PEAKS = f"""SELECT week_on, service_item, name_zh, event, cases, times_usual FROM {_WEEKS}
    WHERE week_on > (SELECT max(week_on) FROM {_WEEKS}) - 371 AND times_usual >= 2 AND cases >= %(threshold)s
    ORDER BY times_usual DESC, week_on, service_item LIMIT 60"""
_LEAGUE = "marts.mart_reform__unit_league"
# A month that is not over would rank whoever closes early; the one before the newest is over.
LEAGUE = f"""SELECT to_char(month_on, 'YYYY-MM') AS month, unit, cases_closed, cases_with_promise, evaluations,
        at_most_once_share, without_visit_share, in_time_share, satisfied_share, mean_working_days, mean_materials,
        place
    FROM {_LEAGUE} WHERE month_on = coalesce(
        (SELECT max(month_on) FROM {_LEAGUE} WHERE month_on < (SELECT max(month_on) FROM {_LEAGUE})),
        (SELECT max(month_on) FROM {_LEAGUE}))
    ORDER BY place NULLS LAST, cases_closed DESC, unit"""
_HAND_OVERS = "marts.mart_reform__hand_over"
HAND_OVERS = f"""SELECT service_item, max(name_zh) AS name_zh, count(DISTINCT unit) AS units,
    sum(steps)::bigint AS cases, sum(handed_over)::bigint AS handed_over,
    sum(returned)::bigint AS returned, sum(waiting)::bigint AS waiting,
    sum(mean_hours * (steps - waiting)) / nullif(sum(CASE WHEN mean_hours IS NOT NULL THEN steps - waiting END), 0)
        AS hours
    FROM {_HAND_OVERS} WHERE {YEAR.format(mart=_HAND_OVERS)} GROUP BY service_item HAVING sum(handed_over) > 0
    ORDER BY handed_over DESC, service_item"""
SLOW_UNITS = f"""SELECT unit, sum(steps)::bigint AS cases, sum(handed_over)::bigint AS handed_over,
    sum(returned)::bigint AS returned, sum(waiting)::bigint AS waiting,
    sum(mean_hours * (steps - waiting)) / nullif(sum(CASE WHEN mean_hours IS NOT NULL THEN steps - waiting END), 0)
        AS hours
    FROM {_HAND_OVERS} WHERE {YEAR.format(mart=_HAND_OVERS)} GROUP BY unit ORDER BY hours DESC NULLS LAST, unit"""
_LISTED = 100
_ITEM = Column("name", "事项", "Service item")
_UNIT = Column("unit", "主责单位", "Lead unit")


def _levels(reading: Reading) -> list[str]:
    """Names of the five levels, of the campus's own code table where it has one."""
    table = reading.catalog.codes.get("evaluation_levels")
    names = []
    for one in _LEVELS:
        row = table.rows.get(one[-1]) if table else None
        names.append(reading.both(row.name_zh, row.name_en or row.name_zh) if row else one[-1])
    return names


def evaluation(reading: Reading) -> list[Block]:
    """Return evaluations in five levels, and whether each poor one was answered in time."""
    months = reading.rows(VOICES_BY_MONTH)
    whole = sum(row["cases"] for row in months)
    if whole < reading.threshold:
        return []
    levels = _levels(reading)
    heads = [Column(key, name, name, COUNT) for key, name in zip(_LEVELS, levels, strict=True)]
    after = (
        Column("satisfied", "满意率", "Satisfied", SHARE),
        Column("called_back", "差评已回复", "Poor, answered", COUNT),
        Column("waiting", "差评未回复", "Poor, waiting", COUNT),
        Column("beyond", "超过时限", "Beyond the limit", COUNT),
        Column("longest_wait_days", "最长等待 (天)", "Longest wait (days)", COUNT),
    )
    count = Column("cases", "评价", "Evaluations", COUNT)

    by_month = _evaluated(reading, months)
    drawn = [row for row in by_month if tells(row, *_LEVELS)]
    figure = charts.columns(
        [row["month"] for row in drawn],
        {name: [row[key] for row in drawn] for key, name in zip(_LEVELS, levels, strict=True)},
        charts.STEPS,
        reading.both("评价数", "evaluations"),
    )
    poor = sum(row["level_1"] + row["level_2"] for row in months)
    beyond = sum(row["beyond"] for row in months)
    few = reading.t("evaluation.few", n=whole)
    title = (
        few
        if tells_of_few(poor, whole, reading.threshold) or tells_of_few(beyond, poor, reading.threshold)
        else reading.t(
            "evaluation",
            share=share(whole - poor, whole),
            beyond=beyond,
            poor=poor,
            days=months[-1]["limit_days"],
        )
    )
    by_item = [
        {**reading.item(row), "unit": reading.unit(row["lead_unit"])}
        for row in _evaluated(reading, reading.rows(VOICES_BY_ITEM))
    ]
    late = sum(bool(row["beyond"]) for row in by_item if tells(row, "beyond"))
    return [
        reading.block(
            "evaluation", title, columns=(Column("month", "月份", "Month", WHEN), count, *heads, *after), rows=by_month,
            figure=figure,
        ),
        reading.block(
            "evaluation_items", reading.t("evaluation_items", n=late), columns=(_ITEM, _UNIT, count, *heads, *after),
            rows=by_item,
        ),
    ]  # fmt: skip


def _evaluated(reading: Reading, raw: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows of evaluations with the share of the satisfied, without parts of too few.

    What became of the poor ones adds up to the two lowest levels, and these to the rest of the satisfied: where one of
    these figures is hidden, all that would tell it are.
    """
    least, poor = reading.threshold, ("called_back", "waiting")
    found = [
        {**row, "satisfied": (sum(row[one] for one in _LEVELS[:3]), row["cases"])}
        for row in without_few(raw, "cases", least)
    ]
    after = ("satisfied", *poor, "beyond", "longest_wait_days")
    found = few_parts(
        found, lambda row: {one: int(row[one]) for one in _LEVELS}, least, dict.fromkeys(after, _LEVELS)
    )

    def answered(row: Mapping[str, Any]) -> dict[str, int]:
        parts = {one: int(row[one] or 0) for one in poor}
        return {**parts, "good": int(row["cases"]) - sum(parts.values())}

    told_by = dict.fromkeys(
        (*poor, "satisfied", "beyond", "longest_wait_days", *_LEVELS[3:]), (*poor, "good")
    )
    found = few_parts(found, answered, least, told_by)
    return few_parts(found, rest_of("cases", "beyond"), least)


def enquiries(reading: Reading) -> list[Block]:
    """Return what people ask about: where guides fail to say it."""
    rows: list[dict[str, Any]] = [
        {**row, "name": row["topic"] or reading.t("no_topic")}
        for row in without_few(reading.rows(TOPICS), "cases", reading.threshold)
    ]
    rows = few_parts(rows, rest_of("cases", "unanswered"), reading.threshold, {"days": ("unanswered",)})
    rows = few_parts(rows, rest_of("cases", "not_solved"), reading.threshold)
    drawn = seen(rows, CHARTED)
    if not drawn:
        return []
    whole = sum(row["cases"] for row in rows)
    figure = charts.bars(
        [row["name"] for row in drawn],
        [row["cases"] for row in drawn],
        [f"{row['cases']:,}" for row in drawn],
        reading.both("咨询数", "enquiries"),
    )
    columns = (
        Column("name", "主题", "Topic"),
        Column("cases", "咨询", "Enquiries", COUNT),
        Column("unanswered", "未答复", "Unanswered", COUNT),
        Column("not_solved", "未解决", "Not solved", COUNT),
        Column("days", "平均答复天数", "Mean days", MEAN),
    )
    items = [
        {
            **reading.item(row),
            "unit": reading.unit(row["lead_unit"]),
            "topic": row["topic"] or reading.t("no_topic"),
        }
        for row in _asked_items(reading)
    ]
    title = reading.t("enquiries", topic=drawn[0]["name"], share=share(drawn[0]["cases"], whole))
    found = [reading.block("enquiries", title, columns=columns, rows=rows, figure=figure)]
    if items:
        found.append(
            reading.block(
                "enquiry_items",
                reading.t("enquiry_items", item=items[0]["name"], topic=items[0]["topic"]),
                columns=(_ITEM, _UNIT, Column("topic", "主题", "Topic"), columns[1], columns[3]),
                rows=items,
            )
        )
    return found


def _asked_items(reading: Reading) -> list[Mapping[str, Any]]:
    """Return which items people ask what about, the most frequent first.

    Their sums by topic and by item stand in other tables. So what is not listed counts as hidden when it is decided
    what else is.
    """
    rows = [
        {**row, HIDDEN: not row["service_item"] or place >= _LISTED}
        for place, row in enumerate(reading.rows(ASKED_ITEMS))
    ]
    found = without_few_by(rows, ("topic", "service_item"), "cases", reading.threshold)
    found = few_parts(found, rest_of("cases", "not_solved"), reading.threshold)
    return sorted(seen(found, len(found)), key=lambda row: (-row["cases"], row["service_item"], row["topic"]))


def tides(reading: Reading) -> list[Block]:
    """Return the weeks of the year, and which items swell when."""
    weeks = without_few(reading.rows(WEEKS), "cases", reading.threshold)
    drawn = seen(weeks, len(weeks))
    if not drawn:
        return []
    peak = max(drawn, key=lambda row: row["cases"])
    usual = sum(row["cases"] for row in drawn) / len(drawn)
    figure = charts.columns(
        [row["week_on"].isoformat() for row in drawn],
        {reading.t("cases"): [row["cases"] for row in drawn]},
        (charts.ACCENT,),
        reading.t("cases"),
    )
    columns = (
        Column("week_on", "周一", "Monday", WHEN),
        Column("event", "校历", "Calendar"),
        Column("cases", "提交件数", "Cases", COUNT),
    )
    title = reading.t(
        "tides", week=peak["week_on"], event=peak["event"] or "", times=f"{peak['cases'] / usual:.1f}"
    )
    peaks = [reading.item(row) for row in reading.rows(PEAKS, threshold=reading.threshold)]
    found = [reading.block("tides", title, columns=columns, rows=weeks, figure=figure)]
    if peaks:
        more = (
            columns[0],
            _ITEM,
            columns[1],
            columns[2],
            Column("times_usual", "为平常的倍数", "Times usual", MEAN),
        )
        first = peaks[0]
        title = reading.t(
            "peaks", item=first["name"], week=first["week_on"], times=f"{first['times_usual']:.1f}"
        )
        found.append(reading.block("peaks", title, columns=more, rows=peaks))
    return found


def league(reading: Reading) -> list[Block]:
    """Return the league of units in the last month that is over."""
    raw = reading.rows(LEAGUE)
    if not raw:
        return []
    rows: list[dict[str, Any]] = []
    shares = ("at_most_once_share", "without_visit_share", "in_time_share", "satisfied_share")
    for row in without_few(raw, "cases_closed", reading.threshold):
        told = {key: None if row[key] is None else (round(row[key] * 10000), 10000) for key in shares}
        rows.append({**row, **told, "name": reading.unit(row["unit"])})
    wholes = ("cases_closed", "cases_closed", "cases_with_promise", "evaluations")
    for key, whole in zip(shares, wholes, strict=True):
        rows = few_parts(rows, _share_of(key, whole), reading.threshold)
    ranked = [row for row in rows if row["place"] is not None and not row[HIDDEN]]
    drawn = [row for row in ranked if tells(row, shares[0])]
    figure = (
        charts.bars(
            [row["name"] for row in drawn],
            [points(*row["at_most_once_share"]) for row in drawn],
            [share(*row["at_most_once_share"]) for row in drawn],
            "%",
        )
        if drawn
        else None
    )
    columns = (
        Column("place", "名次", "Place"),
        Column("name", "单位", "Unit"),
        Column("cases_closed", "办结件数", "Cases closed", COUNT),
        Column("at_most_once_share", "最多跑一次", "At most once", SHARE),
        Column("without_visit_share", "零跑动", "No visit", SHARE),
        Column("in_time_share", "按期办结", "In time", SHARE),
        Column("mean_working_days", "平均工作日", "Working days", MEAN),
        Column("mean_materials", "平均材料", "Materials", MEAN),
        Column("satisfied_share", "满意率", "Satisfied", SHARE),
    )
    month = raw[0]["month"]
    title = (
        reading.t("league", month=month, first=ranked[0]["name"], last=ranked[-1]["name"], n=len(ranked))
        if ranked
        else reading.t("league.none", month=month)
    )
    return [reading.block("league", title, columns=columns, rows=rows, figure=figure)]


def _share_of(key: str, whole: str) -> Callable[[Mapping[str, Any]], dict[str, int]]:
    """Return what parts a row into those of a share, a pair (part, whole) or None, and the others."""

    def parts(row: Mapping[str, Any]) -> dict[str, int]:
        number, told = int(row[whole] or 0), row[key]
        own = round(number * told[0] / told[1]) if told else 0
        return {key: own, "others": number - own if told else 0}

    return parts


def _passed_on(reading: Reading, raw: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows of steps without parts of too few; the mean is of those that are over."""
    found: list[dict[str, Any]] = without_few(raw, "cases", reading.threshold)
    for key in ("handed_over", "returned"):
        found = few_parts(found, rest_of("cases", key), reading.threshold)
    return few_parts(found, rest_of("cases", "waiting"), reading.threshold, {"hours": ("waiting",)})


def hand_overs(reading: Reading) -> list[Block]:
    """Return items that go from unit to unit, and where they stay longest."""
    items = [reading.item(row) for row in _passed_on(reading, reading.rows(HAND_OVERS))]
    units = [
        {**row, "name": reading.unit(row["unit"])} for row in _passed_on(reading, reading.rows(SLOW_UNITS))
    ]
    if not items:
        return []
    counts = (
        Column("cases", "环节", "Steps", COUNT),
        Column("handed_over", "交接", "Hand-overs", COUNT),
        Column("returned", "退回", "Returned", COUNT),
        Column("waiting", "未完成", "Waiting", COUNT),
        Column("hours", "平均停留 (小时)", "Mean hours", MEAN),
    )
    drawn = [row for row in items if tells(row, "handed_over")][:CHARTED]
    figure = charts.bars(
        [row["name"] for row in drawn],
        [row["handed_over"] for row in drawn],
        [f"{row['handed_over']:,}" for row in drawn],
        reading.both("交接次数", "hand-overs"),
    )
    first = drawn[0] if drawn else items[0]
    found = [
        reading.block(
            "hand_overs",
            reading.t("hand_overs", item=first["name"], n=first["units"]),
            columns=(_ITEM, Column("units", "经办单位", "Units", COUNT), *counts),
            rows=items,
            figure=figure,
        )
    ]
    slow = [row for row in units if tells(row, "hours") and row["hours"] is not None][:CHARTED]
    if slow:
        found.append(
            reading.block(
                "slow_units",
                reading.t("slow_units", unit=slow[0]["name"], hours=f"{slow[0]['hours']:.1f}"),
                columns=(Column("name", "单位", "Unit"), *counts),
                rows=units,
                figure=charts.bars(
                    [row["name"] for row in slow],
                    [round(float(row["hours"]), 1) for row in slow],
                    [f"{row['hours']:.1f}" for row in slow],
                    reading.both("平均停留小时", "mean hours"),
                ),
            )
        )
    return found
