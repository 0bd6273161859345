"""How far the reform has come: who is on which list of service items, and which goals are met.

特殊要求 stands outside the count (the matter itself needs more visits); 负面清单 is inside it and unmet, with its
reason. A goal is one clause of the documents (CATALOG §3.4): its figures are printed as they print them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from catalogs.lists.base import (
    NOT_MEASURED,
    Column,
    DerivedList,
    Row,
    join,
    make_list,
    percent,
    threshold,
    unit_name,
)
from catalogs.lists.given import Given
from catalogs.lists.volume import high_frequency_now
from catalogs.model import Goal, ServiceItem
from catalogs.views_services import CHANNEL_NAMES, DEPTH_NAMES
from catalogs.words import DECIDING_KINDS

# The goals of the reform's documents, where the campus states none of its own.
DEFAULT_GOALS = (
    Goal("G1", "全面梳理公布校务服务事项清单", date(2018, 12, 31), "list_published"),
    Goal("G2", "高频事项实现最多跑一次", date(2018, 12, 31), "high_frequency_at_most_once"),
    Goal(
        "G3", "80%以上事项(特殊要求的除外)实现最多跑一次", date(2019, 6, 30), "at_most_once", 0.8, "special"
    ),
    Goal("G4", "全部高频事项开通网上申请渠道", date(2019, 6, 30), "high_frequency_online"),
    Goal("G5", "全部事项(特殊要求的除外)实现最多跑一次", date(2019, 12, 31), "at_most_once", 1.0, "special"),
    Goal("G6", "全部事项(特殊要求的除外)开通网上申请渠道", date(2019, 12, 31), "online", 1.0, "special"),
    Goal("G7", "50%以上事项实现全流程在线办理", date(2019, 12, 31), "fully_online", 0.5),
    Goal("G8", "网上办事全覆盖", date(2020, 12, 31), "online"),
    Goal("G9", "掌上办事全覆盖", date(2020, 12, 31), "mobile"),
)


def is_at_most_once(item: ServiceItem) -> bool:
    """Whether the guide promises at most one visit."""
    return item.is_at_most_once


def is_special(item: ServiceItem) -> bool:
    """Whether the matter itself needs more (特殊要求): it is left out of the count."""
    return bool(item.special_reason)


def is_online(item: ServiceItem) -> bool:
    """Whether people can apply on the web."""
    return "online" in item.channels


def is_fully_online(item: ServiceItem) -> bool:
    """Whether the whole matter is done on the web (depth Ⅳ)."""
    return is_online(item) and item.online_depth == "IV"


def is_mobile(item: ServiceItem) -> bool:
    """Whether people can apply by phone."""
    return "mobile" in item.channels


def is_published(item: ServiceItem) -> bool:
    """Whether the guide says when it was published."""
    return item.published_on is not None


_ITEM_COLUMNS = (
    Column("item", "事项编码", "Service item", 12),
    Column("itemName", "事项名称", "Name", 28),
    Column("unit", "主责单位", "Lead unit", 18),
    Column("kind", "事项类型", "Kind", 10),
    Column("visits", "到现场次数", "Visits", 10),
)


def _item(given: Given, item: ServiceItem, **more: Any) -> Row:
    return {
        "item": item.code,
        "itemName": item.name_zh,
        "unit": unit_name(given.catalog, item.lead_unit),
        "kind": item.kind,
        "visits": item.visits,
        **more,
    }


def _coverage(given: Given, members: int) -> dict[str, Any]:
    whole = len(given.items)
    return {"全部事项": whole, "覆盖率": percent(members, whole)}


def at_most_once(given: Given) -> DerivedList:
    """Return 最多跑一次事项清单."""
    members = [item for item in given.items if item.is_at_most_once]
    counted = [item for item in given.items if not is_special(item)]
    done = sum(item.is_at_most_once for item in counted)
    rows = [_at_most_once(given, item) for item in members]
    summary = {
        "全部事项": len(given.items),
        "特殊要求(不计入)": len(given.items) - len(counted),
        "计入的事项": len(counted),
        "其中最多跑一次": done,
        "覆盖率": percent(done, len(counted)),
        "零跑动": sum(item.visits == 0 for item in members),
    }
    titles = ("最多跑一次事项清单", "Service items that need at most one visit")
    return make_list("at_most_once", titles, _ITEM_COLUMNS, rows, summary)


def _at_most_once(given: Given, item: ServiceItem) -> Row:
    why = "全程不到现场。" if item.visits == 0 else f"到现场一次: {item.visit_reason or '未说明原因'}。"
    return _item(given, item, why=why)


_REASON_COLUMNS = (*_ITEM_COLUMNS, Column("reason", "原因", "Reason", 50))


def negative(given: Given) -> DerivedList:
    """Return 负面清单: counted items that need more than one visit, whether or not they say why."""
    rows = []
    for item in given.items:
        over = not item.is_at_most_once and not is_special(item)
        if not item.negative_reason and not over:
            continue
        until = str((item.raw.get("negativeList") or {}).get("until") or "")
        state = "应移出" if not over else "已列明原因" if item.negative_reason else "应列未列"
        why = {
            "已列明原因": f"须到现场 {item.visits} 次, 暂不能最多跑一次: {item.negative_reason}。",
            "应列未列": f"须到现场 {item.visits} 次, 而事项没有写明不能最多跑一次的原因。",
            "应移出": "已列入负面清单, 而它最多跑一次或属特殊要求。",
        }[state]
        if until and until < given.on.isoformat():
            why += f"期限 {until} 已过。"
        rows.append(_item(given, item, reason=item.negative_reason, until=until, state=state, why=why))
    columns = (*_REASON_COLUMNS, Column("until", "期限", "Until", 12), Column("state", "状态", "State", 12))
    titles = ("负面清单", "Items that need more than one visit, with reason")
    summary = {**_coverage(given, len(rows)), "应列未列": sum(row["state"] == "应列未列" for row in rows)}
    return make_list("negative", titles, columns, rows, summary)


def special(given: Given) -> DerivedList:
    """Return 特殊要求事项清单: items left out of the count, with reason."""
    rows = [
        _item(given, item, reason=item.special_reason, why=f"不计入最多跑一次的总数: {item.special_reason}。")
        for item in given.items
        if is_special(item)
    ]
    titles = ("特殊要求事项清单", "Items left out of the count, with reason")
    return make_list("special", titles, _REASON_COLUMNS, rows, _coverage(given, len(rows)))


_CHANNEL_COLUMNS = (
    *_ITEM_COLUMNS,
    Column("channels", "办理形式", "Channels", 22),
    Column("depth", "网上办理深度", "Online depth", 14),
    Column("state", "状态", "State", 10),
    Column("url", "办理地址", "Address", 40),
)


def _by_channel(
    given: Given, name: str, titles: tuple[str, str], channel: str, members: str, everyone: bool
) -> DerivedList:
    """A list of the items with a channel, and if everyone is to have it, of those without."""
    rows, having = [], 0
    for item in given.items:
        has = channel in item.channels
        having += has
        if not has and not everyone:
            continue
        url = str((item.raw.get("urls") or {}).get(channel) or "")
        others = join(CHANNEL_NAMES.get(one, one) for one in item.channels if one != channel)
        why = f"已开通{members}" if has else f"尚未开通{members}, 现可{others or '—'}办理"
        if has and not url:
            why += ", 但没有写明办理地址"
        rows.append(
            _item(
                given,
                item,
                channels=tuple(CHANNEL_NAMES.get(one, one) for one in item.channels),
                depth=DEPTH_NAMES.get(item.online_depth, item.online_depth),
                state="已开通" if has else "未开通",
                url=url,
                why=why + "。",
            )
        )
    summary = {**_coverage(given, having), "已开通": having}
    return make_list(name, titles, _CHANNEL_COLUMNS, rows, summary)


def self_service(given: Given) -> DerivedList:
    """Return 自助办理事项清单."""
    titles = ("自助办理事项清单", "Service items at kiosks")
    return _by_channel(given, "self_service", titles, "kiosk", "自助终端办理", everyone=False)


def online(given: Given) -> DerivedList:
    """Return 网上办事项清单, with the items that are still missing."""
    titles = ("网上办事项清单", "Service items on the web")
    found = _by_channel(given, "online", titles, "online", "网上申请", everyone=True)
    fully = sum(map(is_fully_online, given.items))
    more = {"全流程在线": fully, "全流程在线占比": percent(fully, len(given.items))}
    return replace(found, summary={**found.summary, **more})


def mobile(given: Given) -> DerivedList:
    """Return 掌上办事项清单, with the items that are still missing."""
    titles = ("掌上办事项清单", "Service items on the phone")
    return _by_channel(given, "mobile", titles, "mobile", "掌上办理", everyone=True)


def batches(given: Given) -> DerivedList:
    """Return 分批公布清单: when which items were published, and what has not been yet."""
    columns = (
        *_ITEM_COLUMNS,
        Column("batch", "批次", "Batch", 8),
        Column("publishedOn", "公布日期", "Published on", 12),
    )
    rows = []
    for item in sorted(given.items, key=lambda item: (item.batch is None, item.batch or 0)):
        on = item.published_on.isoformat() if item.published_on else ""
        told = f"{on} 公布" if on else "尚未公布"
        batch = f"第 {item.batch} 批" if item.batch is not None else "未注明批次"
        rows.append(_item(given, item, batch=item.batch or "", publishedOn=on, why=f"{batch}, {told}。"))
    titles = ("分批公布清单", "Publication in batches")
    return make_list("batches", titles, columns, rows, _trend(given.items))


def _trend(items: Sequence[ServiceItem]) -> dict[str, str]:
    """Batch → its items, and how approvals stand against services with it and all batches before."""
    numbers = sorted({item.batch for item in items if item.batch is not None})
    told = {}
    for number in numbers:
        so_far = [item for item in items if item.batch is not None and item.batch <= number]
        approvals = sum(item.kind in DECIDING_KINDS for item in so_far)
        own = sum(item.batch == number for item in items)
        told[f"第 {number} 批"] = f"{own} 项, 累计审批审核 {approvals} 项、服务 {len(so_far) - approvals} 项"
    return {**told, "尚未公布": f"{sum(not is_published(item) for item in items)} 项"}


Test = Callable[[ServiceItem], bool]
# Measure → (whether it counts high-frequency items only, what an item must fulfil, in Chinese).
_MEASURES: Mapping[str, tuple[bool, Test, str]] = {
    "list_published": (False, is_published, "已公布"),
    "at_most_once": (False, is_at_most_once, "最多跑一次"),
    "online": (False, is_online, "开通网上申请"),
    "fully_online": (False, is_fully_online, "全流程在线"),
    "mobile": (False, is_mobile, "开通掌上办理"),
    "high_frequency_at_most_once": (True, is_at_most_once, "最多跑一次"),
    "high_frequency_online": (True, is_online, "开通网上申请"),
}

_GOAL_COLUMNS = (
    Column("goal", "编号", "Goal", 8),
    Column("clause", "目标条款", "Clause", 44),
    Column("dueOn", "期限", "Due on", 12),
    Column("target", "目标值", "Target", 10),
    Column("met", "达到", "Met by", 8),
    Column("counted", "计入", "Counted", 8),
    Column("share", "实际", "Actual", 10),
    Column("outcome", "结论", "Outcome", 12),
    Column("missing", "未达到的事项", "Missing", 50),
)


def goals(given: Given) -> DerivedList:
    """Return the goals of the reform, one row per clause: 达成, 未达成 or 不可测, as the catalog stands on the day."""
    rows = [_goal(given, goal) for goal in given.catalog.campus.goals or DEFAULT_GOALS]
    outcomes = {word: sum(row["outcome"] == word for row in rows) for word in ("达成", "未达成", "不可测")}
    titles = ("改革目标完成情况", "Goals of the reform")
    return make_list("goals", titles, _GOAL_COLUMNS, rows, outcomes)


def _goal(given: Given, goal: Goal) -> Row:
    frequent, fulfils, words = _MEASURES[goal.measure]
    target = threshold(goal.share, "1")
    common = {
        "goal": goal.id,
        "clause": goal.name_zh,
        "dueOn": goal.due_on.isoformat() if goal.due_on else "",
        "target": percent(target.numerator, target.denominator),
    }
    codes = high_frequency_now(given) if frequent else tuple(item.code for item in given.items)
    in_force = {item.code: item for item in given.items}
    left_out = {code for code in codes if goal.excludes and code in in_force and is_special(in_force[code])}
    counted = [code for code in codes if code not in left_out]
    if not counted:
        why = "没有办件量数据, 不知道哪些是高频事项。" if frequent else "目录中没有计入的事项。"
        nothing = {"met": NOT_MEASURED, "counted": NOT_MEASURED, "share": NOT_MEASURED, "missing": ()}
        return {**common, **nothing, "outcome": "不可测", "why": why}
    # What was logged and is no item in force fulfils nothing.
    missing = [code for code in counted if code not in in_force or not fulfils(in_force[code])]
    met = len(counted) - len(missing)
    reached = met >= target * len(counted)
    why = f"计入 {len(counted)} 项{'高频' if frequent else ''}事项, {met} 项{words}, 占 {percent(met, len(counted))}"
    if left_out:
        why += f"; 特殊要求 {len(left_out)} 项不计入"
    return {
        **common,
        "met": met,
        "counted": len(counted),
        "share": percent(met, len(counted)),
        "outcome": "达成" if reached else "未达成",
        "missing": _few(missing),
        "why": f"{why}; {_against_due(given.on, goal.due_on, reached)}。",
    }


def _against_due(on: date, due: date | None, reached: bool) -> str:
    if due is None:
        return "没有期限"
    if due >= on:
        return f"期限 {due} 未到"
    return f"期限 {due} 已过, 按 {on} 的目录计算" if reached else f"期限 {due} 已过, 逾期未达成"


def _few(codes: Iterable[str], shown: int = 30) -> tuple[str, ...]:
    told = tuple(codes)
    return told if len(told) <= shown else (*told[:shown], f"等 {len(told)} 项")


_FIGURE_COLUMNS = (
    Column("figure", "指标", "Figure", 28),
    Column("scope", "范围", "Scope", 18),
    Column("value", "数值", "Value", 12),
    Column("unit", "单位", "Unit", 8),
)


def figures(given: Given) -> DerivedList:
    """Return the figures that the reform is reported by: limits, materials, visits, online rate."""
    rows: list[Row] = []
    for scope, items in _scopes(given.items):
        rows += _figures_of(given, scope, items)
    titles = ("改革指标", "Figures of the reform")
    return make_list("figures", titles, _FIGURE_COLUMNS, rows)


def _scopes(items: Sequence[ServiceItem]) -> list[tuple[str, list[ServiceItem]]]:
    decides = [item for item in items if item.kind in DECIDING_KINDS]
    serves = [item for item in items if item.kind not in DECIDING_KINDS]
    return [("全部事项", list(items)), ("审批审核类", decides), ("服务类", serves)]


def _figures_of(given: Given, scope: str, items: list[ServiceItem]) -> list[Row]:
    limits = [item.promised_limit["value"] for item in items if "value" in item.promised_limit]
    told = [
        ("事项数", len(items), "项", "目录中在办的事项。"),
        ("平均承诺时限", _mean(limits), "天", f"{len(limits)} 项写明承诺时限的事项的平均值。"),
        (
            "平均材料数",
            _mean([len(item.materials) for item in items]),
            "件",
            "每个事项要求的材料件数的平均值。",
        ),
        ("平均跑动次数", _mean([item.visits for item in items]), "次", "每个事项承诺的到现场次数的平均值。"),
        (
            "网上开通率",
            percent(sum(map(is_online, items)), len(items)),
            "",
            "开通网上申请的事项占比, 按子项计。",
        ),
        (
            "全流程在线率",
            percent(sum(map(is_fully_online, items)), len(items)),
            "",
            "网上办理深度Ⅳ级的事项占比。",
        ),
    ]
    counts = given.measured.last_cases if given.measured else {}
    known = [counts[item.code] for item in items if item.code in counts]
    seen = [one for one in known if "closed" not in one.few]
    closed = sum(one.closed for one in seen)
    if closed:
        days = sum((one.days or 0) * one.closed for one in seen) / closed
        told.append(
            ("实际平均用时", f"{days:.1f}", "天", f"最近一期 {closed} 件办结办件, 自受理至办结的日历天数。")
        )
    else:
        told.append(("实际平均用时", NOT_MEASURED, "天", "没有办结办件的数据。"))
    return [
        {"figure": name, "scope": scope, "value": value, "unit": unit, "why": why}
        for name, value, unit, why in told
    ]


def _mean(values: Sequence[float]) -> str:
    return f"{sum(values) / len(values):.1f}" if values else "无"
