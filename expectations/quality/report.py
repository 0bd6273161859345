"""The weekly report of a unit (数据质量周报) and the one page for the leadership, as plain data (pure).

`facts.gather` reads; here it is decided what a reader is told, in which order and words. The writers
(`report_html`, `report_xlsx`, `report_pdf`) show the same data.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from catalogs.counting import counted, filled
from catalogs.english_words import ENGLISH
from catalogs.model import Catalog
from catalogs.posts import post_title
from catalogs.views import CYCLE_NAMES, unit_name
from expectations.quality.frozen import Objection
from expectations.quality.kept import Kept
from expectations.quality.report_words import labels as words_of
from expectations.quality.scores import CAMPUS, RESOURCE, UNIT, Promise, Score
from expectations.quality.standing import RuleState
from expectations.quality.terms import Terms
from expectations.quality.tickets import RULE, Ticket
from expectations.quality.titles import resource_title, rule_title
from expectations.quality.week import Week
from expectations.quality.words import DIMENSIONS, TOTAL, shown, word

# Of long lists a page shows so many; the workbook has all.
_SHOWN_FAULTS, _SHOWN_TICKETS, _SHOWN_WHO, _SHOWN_MOVED, _SHOWN_UNITS = 12, 20, 5, 5, 18
_LONG_OPEN_DAYS = 28


@dataclass(frozen=True)
class Facts:
    """All that the reports of a week are made of.

    Attributes:
        now, before: scores of the week and of the week before it.
        states: rules that fail.
        tickets: open at the end of the week.
        opened, closed: unit → how many tickets this happened to in the week.
        trend: (scope, name) → (week code, total) of the last weeks, oldest first.
        duties: resource, system or model → unit that answers for it.
        objections: that wait for a decision.
        vacant: units that lack a steward's or an accountable post.
    """

    catalog: Catalog
    terms: Terms
    week: Week
    made_at: datetime
    today: date
    now: Kept
    before: Kept
    states: Sequence[RuleState]
    tickets: Sequence[Ticket]
    opened: Mapping[str, int]
    closed: Mapping[str, int]
    trend: Mapping[tuple[str, str], Sequence[tuple[str, float]]]
    promises: Mapping[str, Promise]
    duties: Mapping[str, str]
    objections: Sequence[Objection]
    vacant: Sequence[str]


def formula(terms: Terms, lang: str = "zh") -> list[str]:
    """Return the formula of the scores in sentences, with the campus's own numbers."""
    numbers = {
        **{f"row_{name}": f"{value:g}" for name, value in terms.row_factor.items()},
        **{f"whole_{name}": f"{value:g}" for name, value in terms.whole_points.items()},
        "window": terms.window_days,
        "rows": terms.minimum_rows,
        "days": terms.minimum_days,
        "verdicts": terms.minimum_verdicts,
        "objection": terms.objection_days,
    }
    return [sentence.format(**numbers) for sentence in words_of(lang)["sentences"]]


def unit_report(facts: Facts, unit: str, lang: str = "zh") -> dict[str, Any]:
    """Return the weekly report of a unit."""
    labels = words_of(lang)
    faults = [one for one in facts.states if facts.duties.get(one.resource) == unit]
    tickets = [one for one in facts.tickets if one.unit == unit]
    total, before = (kept.get(UNIT, unit, TOTAL) for kept in (facts.now, facts.before))
    overdue = sum(one.is_overdue(facts.today) for one in tickets)
    names = sorted(name for name, own in facts.duties.items() if own == unit)
    return {
        **_head(facts, lang, labels["unit_title"], unit_name(facts.catalog, unit, lang)),
        "lead": _lead(facts, total, before, len(tickets), overdue, lang),
        "figures": [
            [labels["total"], shown(_value(total)), _compared(total, before, labels, lang)],
            [labels["own"], shown(total.own if total else None), labels["own_note"]],
            [labels["open_tickets"], str(len(tickets)), f"{labels['overdue']} {overdue}"],
            [labels["opened_week"], str(facts.opened.get(unit, 0)), ""],
            [labels["closed_week"], str(facts.closed.get(unit, 0)), ""],
        ],
        "dims": [_dimension(facts, UNIT, unit, dimension, lang) for dimension in DIMENSIONS],
        "trend_points": _trend(facts, UNIT, unit),
        "resources": _resources(facts, names, tickets, lang),
        "faults": _faults(facts, faults, tickets, lang),
        "tickets": [_ticket(facts, one, lang) for one in tickets],
    }


def campus_report(facts: Facts, lang: str = "zh") -> dict[str, Any]:
    """Return the one page for the leadership: what moved, who is overdue, which decisions are needed."""
    labels = words_of(lang)
    campus = facts.catalog.campus.code
    total, before = (kept.get(CAMPUS, campus, TOTAL) for kept in (facts.now, facts.before))
    overdue = [one for one in facts.tickets if one.is_overdue(facts.today)]
    units = facts.now.names(UNIT)
    return {
        **_head(facts, lang, labels["campus_title"], _campus_name(facts, lang)),
        "lead": _lead(facts, total, before, len(facts.tickets), len(overdue), lang),
        "figures": [
            [labels["total"], shown(_value(total)), _compared(total, before, labels, lang)],
            [labels["open_tickets"], str(len(facts.tickets)), f"{labels['overdue']} {len(overdue)}"],
            [labels["opened_week"], str(sum(facts.opened.values())), ""],
            [labels["closed_week"], str(sum(facts.closed.values())), ""],
        ],
        "dims": [_dimension(facts, CAMPUS, campus, dimension, lang) for dimension in DIMENSIONS],
        "trend_points": _trend(facts, CAMPUS, campus),
        "moved": _moved(facts, units, lang),
        "who": _who(facts, overdue, lang),
        "decide": _decisions(facts, overdue, lang),
        "heat": [
            {
                "unit": unit_name(facts.catalog, unit, lang),
                "cells": [_cell(facts, facts.now.get(UNIT, unit, one)) for one in (TOTAL, *DIMENSIONS)],
            }
            for unit in sorted(units, key=lambda one: _value(facts.now.get(UNIT, one, TOTAL)) or 0.0)
        ],
        "heat_head": [word(one, lang) for one in (TOTAL, *DIMENSIONS)],
    }  # fmt: skip


def _head(facts: Facts, lang: str, title: str, whose: str) -> dict[str, Any]:
    labels = words_of(lang)
    made = facts.made_at.strftime("%Y-%m-%d %H:%M")
    return {
        "lang": lang,
        "title": title,
        "whose": whose,
        "campus": _campus_name(facts, lang),
        "week": facts.week.title(lang),
        "made": labels["made"].format(at=made),
        "states": labels["states"].format(day=facts.now.day or "–"),
        "labels": {key: text for key, text in labels.items() if key != "sentences"},
        "formula": formula(facts.terms, lang),
        "bounds": [facts.terms.good_from, facts.terms.watch_from],
    }


def _campus_name(facts: Facts, lang: str) -> str:
    campus = facts.catalog.campus
    return campus.name_en if lang == "en" and campus.name_en else campus.name_zh


def _value(score: Score | None) -> float | None:
    return None if score is None else score.score


def _change(score: Score | None, before: Score | None) -> float | None:
    """The change as it is shown: of the shown figures, so that a reader who subtracts gets the same."""
    if score is None or before is None:
        return None
    return round(float(shown(score.score)) - float(shown(before.score)), 1)


def _signed(change: float | None) -> str:
    if change is None:
        return "–"
    return f"{change:+.1f}".replace("-", "−") if change else "0.0"


def _compared(total: Score | None, before: Score | None, labels: Mapping[str, str], lang: str) -> str:
    if before is None:
        return labels["no_last"]
    comma = "，" if lang == "zh" else ", "
    return f"{labels['last']} {shown(before.score)}{comma}{_signed(_change(total, before))}"


def _lead(
    facts: Facts, total: Score | None, before: Score | None, tickets: int, overdue: int, lang: str
) -> str:
    change = _change(total, before)
    if lang == "zh":
        moved = "与上周持平"
        if change is None:
            moved = "上周无数据"
        elif change:
            moved = f"比上周{'高' if change > 0 else '低'} {abs(change):.1f}"
        score = "没有得分数据" if total is None else f"总分 {shown(total.score)}（{moved}）"
        late = f"其中 {overdue:,} 张逾期" if overdue else "没有逾期"
        return f"{score}；未销工单 {tickets:,} 张，{late}。" if tickets else f"{score}；没有未销工单。"
    moved = "no data of last week" if change is None else f"{_signed(change)} against last week"
    score = "No score" if total is None else f"Total {shown(total.score)} ({moved})"
    return f"{score}; {counted(tickets, 'ticket')} open, {overdue:,} of them overdue."


def _cell(facts: Facts, score: Score | None) -> dict[str, Any]:
    value = _value(score)
    return {"value": shown(value), "sign": facts.terms.sign(value)}


def _dimension(facts: Facts, scope: str, name: str, dimension: str, lang: str) -> dict[str, Any]:
    score, before = (kept.get(scope, name, dimension) for kept in (facts.now, facts.before))
    sign = facts.terms.sign(_value(score))
    return {
        "name": word(dimension, lang),
        "score": shown(_value(score)),
        "own": shown(score.own if score else None),
        "last": shown(_value(before)),
        "change": _signed(_change(score, before)),
        "sign": sign,
        "said": word(sign, lang),
        "value": _value(score),
    }


def _trend(facts: Facts, scope: str, name: str) -> list[dict[str, Any]]:
    return [
        {"week": week, "score": score, "shown": shown(score)}
        for week, score in facts.trend.get((scope, name), ())
    ]


def _resources(
    facts: Facts, names: Iterable[str], tickets: Sequence[Ticket], lang: str
) -> list[dict[str, Any]]:
    rows = []
    for name in names:
        resource = facts.catalog.resources.get(name)
        total = facts.now.get(RESOURCE, name, TOTAL)
        if resource is None or total is None:
            continue
        dims = [one for one in (facts.now.get(RESOURCE, name, d) for d in DIMENSIONS) if one is not None]
        least = min(dims, key=lambda one: one.score)
        promise = facts.promises.get(name, Promise())
        rows.append(
            {
                "name": resource_title(facts.catalog, name, lang),
                "code": name,
                "score": shown(total.score),
                "sign": facts.terms.sign(total.score),
                "value": total.score,
                "worst": f"{word(least.dimension, lang)} {shown(least.score)}" if least.score < 100 else "–",
                "rows": total.rows,
                "cycle": _cycle(resource.update_cycle, lang),
                "on_time": "–" if promise.on_time is None else f"{int(promise.on_time * 1000) / 10:.1f}%",
                "is_late": promise.is_late,
                "tickets": sum(one.resource == name for one in tickets),
            }
        )  # fmt: skip
    return sorted(rows, key=lambda row: (row["value"], row["code"]))


def _cycle(code: str, lang: str) -> str:
    cycle = CYCLE_NAMES.get(code, code)
    return cycle if lang == "zh" else ENGLISH.get(cycle, cycle)


def _listed(names: Iterable[str], lang: str) -> str:
    """Return names, each once, as a sentence of the language lists them."""
    return ("、" if lang == "zh" else ", ").join(dict.fromkeys(names))


def _faults(
    facts: Facts, states: Iterable[RuleState], tickets: Sequence[Ticket], lang: str
) -> list[dict[str, Any]]:
    numbers = {(one.resource, one.rule): one.id for one in tickets}
    catalog = facts.catalog
    return [
        {
            "resource": resource_title(catalog, one.resource, lang),
            "code": one.resource,
            "rule": rule_title(catalog, one.resource, one.rule, lang),
            "rule_id": one.rule,
            "dimension": word(one.dimension, lang),
            "severity": word(one.severity, lang),
            "failed": one.rows_failed or None,
            "of": one.rows_total or None,
            "points": f"{one.points:.2f}",
            "since": f"{one.since.astimezone(facts.made_at.tzinfo):%Y-%m-%d}",
            "inherited": _listed((resource_title(catalog, name, lang) for name in one.inherited_from), lang),
            "ticket": numbers.get((one.resource, one.rule)),
        }
        for one in sorted(states, key=lambda one: (-one.points, one.resource, one.rule))
    ]


def _ticket(facts: Facts, one: Ticket, lang: str) -> dict[str, Any]:
    overdue = one.is_overdue(facts.today)
    return {
        "id": one.id,
        "about": _about(facts, one, lang),
        "unit": unit_name(facts.catalog, one.unit, lang),
        "severity": word(one.severity, lang),
        "rows": one.rows_failed or None,
        "post": post_title(facts.catalog, one.post, lang),
        "due": f"{one.due_on:%Y-%m-%d}",
        "days": one.days_open(facts.today),
        "is_overdue": overdue,
        "sign": "✕" if overdue else "!",
        "inherited": _listed(
            (resource_title(facts.catalog, name, lang) for name in one.inherited_from), lang
        ),
    }


def _about(facts: Facts, one: Ticket, lang: str) -> str:
    """What a ticket is about; what people wrote is shown as they wrote it."""
    if lang == "zh" or one.kind != RULE:
        return one.about
    catalog = facts.catalog
    return (
        f"{resource_title(catalog, one.resource, lang)}: {rule_title(catalog, one.resource, one.rule, lang)}"
    )


def _moved(facts: Facts, units: Iterable[str], lang: str) -> list[dict[str, Any]]:
    """The units whose total changed most, each with the dimension that changed most in the same direction."""
    moved: list[tuple[float, dict[str, Any]]] = []
    for unit in units:
        changes = {
            one: _change(facts.now.get(UNIT, unit, one), facts.before.get(UNIT, unit, one)) or 0.0
            for one in (TOTAL, *DIMENSIONS)
        }
        if change := changes.pop(TOTAL):
            _, most = max((value * change, name) for name, value in changes.items())
            told = {
                "unit": unit_name(facts.catalog, unit, lang),
                "score": shown(_value(facts.now.get(UNIT, unit, TOTAL))),
                "change": _signed(change),
                "by": f"{word(most, lang)} {_signed(changes[most])}",
                "value": change,
            }
            moved.append((abs(change), told))
    moved.sort(key=lambda one: -one[0])
    return [told for _, told in moved[:_SHOWN_MOVED]]


def _who(facts: Facts, overdue: Sequence[Ticket], lang: str) -> list[dict[str, Any]]:
    units: dict[str, list[Ticket]] = {}
    for one in overdue:
        units.setdefault(one.unit, []).append(one)
    rows = [
        {
            "unit": unit_name(facts.catalog, unit, lang),
            "count": len(own),
            "days": max((facts.today - one.due_on).days for one in own),
            "about": _about(facts, min(own, key=lambda one: one.due_on), lang),
            "post": post_title(facts.catalog, max(own, key=lambda one: one.level).post, lang),
        }
        for unit, own in units.items()
    ]
    return sorted(rows, key=lambda row: (-row["days"], -row["count"]))


def _decisions(facts: Facts, overdue: Sequence[Ticket], lang: str) -> list[str]:
    """What only the leadership can settle, each as one sentence that says what to decide."""
    catalog = facts.catalog
    told: list[str] = []

    def say(zh: str, en: str, **values: object) -> None:
        told.append(filled(zh if lang == "zh" else en, **values))

    climbed = [one for one in overdue if one.level >= 2]
    if climbed:
        say(
            "{n} 张工单已上报至数据办仍未改正（{names}）：请明确改正期限。",
            "{n} {n:ticket|tickets} reached the data office unmended ({names}): set a date.",
            n=len(climbed),
            names=_listed((unit_name(catalog, one.unit, lang) for one in climbed), lang),
        )
    refused = [one for one in facts.states if one.severity == "critical" and not one.inherited_from]
    if refused:
        say(
            "{n} 条严重规则不符合，相关数据停在上一个合格版次（{names}）：请督促数源单位处理。",
            "{n} critical {n:rule fails|rules fail}; these data stay as last released ({names}): press the providers.",
            n=len(refused),
            names=_listed((resource_title(catalog, one.resource, lang) for one in refused), lang),
        )
    long = [
        one for one in facts.tickets if one.days_open(facts.today) > _LONG_OPEN_DAYS and one not in climbed
    ]
    if long:
        say(
            "{n} 张工单开单超过 {days} 天：请定是限期改正，还是修改规则。",
            "{n} {n:ticket is|tickets are} older than {days} days: mend by a date, or change the rule.",
            n=len(long),
            days=_LONG_OPEN_DAYS,
        )
    if facts.objections:
        say(
            "{n} 件得分异议待裁定。",
            "{n} {n:objection to scores waits|objections to scores wait} for a decision.",
            n=len(facts.objections),
        )
    if facts.vacant:
        say(
            "责任岗位空缺（{names}）：请明确责任岗位。",
            "Posts are vacant ({names}): fill them.",
            names=_listed((unit_name(catalog, one, lang) for one in facts.vacant), lang),
        )
    return told


def shortened(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return a report as its page shows it: long lists cut, with the number of what was left out."""
    told = dict(report)
    for key, most in (
        ("faults", _SHOWN_FAULTS),
        ("tickets", _SHOWN_TICKETS),
        ("who", _SHOWN_WHO),
        ("heat", _SHOWN_UNITS),
    ):
        if key in told:
            rows = told[key]
            left = len(rows) - most
            told[key] = rows[:most]
            told[f"{key}_more"] = filled(told["labels"]["more"], n=left) if left > 0 else ""
    return told


def weeks_back(week: Week, count: int) -> date:
    """Return the first day of the week that lies so many weeks before."""
    return week.first - timedelta(weeks=count)
