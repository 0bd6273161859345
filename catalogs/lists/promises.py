"""承诺与实际: declared update cycles against the ledger, promised limits and visits against the case log."""

from collections import Counter

from catalogs.lists.base import (
    CAMPUS,
    NOT_MEASURED,
    Column,
    DerivedList,
    Row,
    item_tier,
    make_list,
    narrowest,
    percent,
    unit_name,
)
from catalogs.lists.given import Given
from catalogs.lists.measured import CaseCount
from catalogs.model import Resource, ServiceItem
from catalogs.small_cells import NOT_TOLD
from catalogs.views import CYCLE_NAMES
from catalogs.views_services import limit_text

COLUMNS = (
    Column("kind", "承诺", "Promise", 12),
    Column("code", "编码", "Code", 18),
    Column("name", "名称", "Name", 28),
    Column("unit", "责任单位", "Responsible unit", 18),
    Column("promised", "承诺值", "Promised", 16),
    Column("observed", "实际值", "Observed", 24),
    Column("kept", "守诺率", "Kept", 10),
    Column("verdict", "结论", "Verdict", 10),
)


def promises(given: Given) -> DerivedList:
    """Return 承诺与实际对照清单: broken promises first."""
    rows = [
        _cycle(given, one) for _, one in sorted(given.catalog.resources.items()) if _is_loaded(given, one)
    ]
    few = {item for _, item in given.measured.few_cases} if given.measured else frozenset()
    for item in given.items:
        seen = given.measured.last_cases.get(item.code) if given.measured else None
        is_few = seen is None and item.code in few
        rows += [_limit(given, item, seen, is_few), _visits(given, item, seen, is_few)]
    order = {"失诺": 0, "守诺": 1, NOT_MEASURED: 2}
    rows.sort(key=lambda row: order[row["verdict"]])
    verdicts = Counter(row["verdict"] for row in rows)
    titles = ("承诺与实际对照清单", "Promises and facts")
    return make_list("promises", titles, COLUMNS, rows, {name: verdicts[name] for name in order})


def _is_loaded(given: Given, resource: Resource) -> bool:
    return resource.status in ("active", "deprecated") and not given.catalog.is_asked(resource.name)


def _cycle(given: Given, resource: Resource) -> Row:
    kept = given.kept(resource.name)
    promised = CYCLE_NAMES[resource.update_cycle]
    row = {
        "kind": "更新周期",
        "code": resource.code or resource.name,
        "name": resource.business_name,
        "unit": unit_name(given.catalog, resource.provider),
        "promised": promised,
        "tier": narrowest((CAMPUS, item_tier(given.catalog, resource.name))),
    }
    if kept is None:
        return {**row, **_unknown("抽取台账未测")}
    if kept.age_h is None:
        why = f"承诺{promised}更新, 数据仓库从未收到。"
        return {**row, "observed": "从未收到", "kept": percent(0, 1), "verdict": "失诺", "why": why}
    share = kept.on_time if kept.on_time is not None else (0.0 if kept.is_late else 1.0)
    broken = kept.is_late or share < 1
    why = (
        f"承诺{promised}更新; 考察期内收到 {kept.loads} 批, 处于承诺之内的时间占 {percent(int(share * 10**6), 10**6)}, "
        f"最近一次在 {kept.age_h:.0f} 小时前确认{', 已逾期' if kept.is_late else ''}。"
    )
    return {
        **row,
        "observed": f"{kept.loads} 批, 距今 {kept.age_h:.0f} 小时",
        "kept": percent(int(share * 10**6), 10**6),
        "verdict": "失诺" if broken else "守诺",
        "why": why,
    }


def _unknown(what: str) -> Row:
    return {"observed": NOT_MEASURED, "kept": NOT_MEASURED, "verdict": NOT_MEASURED, "why": f"{what}。"}


def _service(given: Given, item: ServiceItem, kind: str) -> Row:
    return {
        "kind": kind,
        "code": item.code,
        "name": item.name_zh,
        "unit": unit_name(given.catalog, item.lead_unit),
        "tier": CAMPUS,
    }


def _too_few() -> Row:
    return {"observed": NOT_TOLD, "kept": NOT_TOLD, "verdict": NOT_MEASURED, "why": "办件过少, 数字不列。"}


def _limit(given: Given, item: ServiceItem, seen: CaseCount | None, is_few: bool) -> Row:
    row = {**_service(given, item, "办结时限"), "promised": limit_text(item.promised_limit)}
    if is_few:
        return {**row, **_too_few()}
    if seen is None or seen.late is None or not seen.closed:
        return {**row, **_unknown("没有办结办件的数据" if item.promised else "没有写明承诺时限")}
    verdict = "失诺" if seen.late else "守诺"
    days = f"平均 {seen.days:.1f} 天" if seen.days is not None else ""
    if "late" in seen.few:
        why = f"{seen.span}办结的办件{'有超时的' if seen.late else '都不超时'}, 件数过少不列; {days}(日历天数)。"
        return {**row, "observed": days or NOT_TOLD, "kept": NOT_TOLD, "verdict": verdict, "why": why}
    kept = seen.closed - seen.late
    why = f"{seen.span}办结 {seen.closed} 件, {kept} 件在{row['promised']}之内, {seen.late} 件超时; {days}(日历天数)。"
    return {**row, "observed": days, "kept": percent(kept, seen.closed), "verdict": verdict, "why": why}


def _visits(given: Given, item: ServiceItem, seen: CaseCount | None, is_few: bool) -> Row:
    row = {**_service(given, item, "跑动次数"), "promised": f"{item.visits} 次"}
    if is_few:
        return {**row, **_too_few()}
    if seen is None or seen.visits_over is None:
        return {**row, **_unknown("没有跑动次数的数据")}
    verdict = "失诺" if seen.visits_over else "守诺"
    if "visits_over" in seen.few:
        any_over = "有" if seen.visits_over else "没有"
        why = f"{seen.span}受理 {seen.cases} 件, {any_over}跑动多于 {item.visits} 次的, 件数过少不列。"
        return {**row, "observed": NOT_TOLD, "kept": NOT_TOLD, "verdict": verdict, "why": why}
    kept = seen.cases - seen.visits_over
    why = f"{seen.span}受理 {seen.cases} 件, {kept} 件跑动不多于 {item.visits} 次, 最多一件跑了 {seen.most_visits} 次。"
    return {
        **row,
        "observed": f"最多 {seen.most_visits} 次",
        "kept": percent(kept, seen.cases),
        "verdict": verdict,
        "why": why,
    }
