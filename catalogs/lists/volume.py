"""高频事项: the items that make up four fifths of all cases, period by period (CATALOG §3.4).

The rule is exact: sort by volume, take the shortest run that reaches the share, with every tie of its last one. An item
without a case never belongs to it, and of a period without cases there is no such list.
"""

from collections.abc import Collection, Mapping
from fractions import Fraction

from catalogs.lists.base import (
    NOT_MEASURED,
    Column,
    DerivedList,
    Row,
    make_list,
    percent,
    service_name,
    threshold,
    unit_name,
)
from catalogs.lists.given import Given
from catalogs.lists.measured import CaseCount
from catalogs.small_cells import NOT_TOLD

PARETO_SHARE = "0.8"

COLUMNS = (
    Column("span", "时期", "Period", 12),
    Column("rank", "名次", "Rank", 6),
    Column("item", "事项编码", "Service item", 12),
    Column("itemName", "事项名称", "Name", 28),
    Column("unit", "主责单位", "Lead unit", 18),
    Column("cases", "办件量", "Cases", 10),
    Column("share", "占比", "Share", 10),
    Column("cumulative", "累计占比", "Cumulative share", 10),
    Column("change", "变化", "Change", 10),
)


def pareto_share(given: Given) -> Fraction:
    """Return the share of all cases that makes items high-frequency, of the campus's thresholds."""
    return threshold(given.setting("thresholds", {}).get("paretoShare"), PARETO_SHARE)


def high_frequency_of(volumes: Mapping[str, int], share: Fraction) -> tuple[str, ...]:
    """Return the codes of the high-frequency items, most cases first, ties by code; () if there is no case.

    Args:
        volumes: service item → cases.
        share: of all cases, above 0 and at most 1.
    """
    total = sum(volumes.values())
    chosen: list[str] = []
    reached = last = 0
    for code in sorted(volumes, key=lambda code: (-volumes[code], code)):
        if volumes[code] == 0 or (reached >= share * total and volumes[code] != last):
            break
        chosen.append(code)
        last = volumes[code]
        reached += last
    return tuple(chosen)


def high_frequency_now(given: Given) -> tuple[str, ...]:
    """Return the high-frequency items of the last period that is over; () without figures."""
    counts = given.measured.last_cases if given.measured else {}
    return high_frequency_of(_volumes(counts), pareto_share(given))


def high_frequency(given: Given) -> DerivedList:
    """Return 高频事项清单, newest period first, each with what changed since the one before."""
    titles = ("高频事项清单", "High-frequency service items")
    if given.measured is None or not given.measured.spans:
        return make_list("high_frequency", titles, COLUMNS, (), {"办件量": NOT_MEASURED})
    share = pareto_share(given)
    rows: list[Row] = []
    before: tuple[str, ...] = ()
    known = False
    for span in given.measured.spans:
        counts = given.measured.by_span[span.name]
        volumes = _volumes(counts)
        chosen = high_frequency_of(volumes, share)
        if chosen:
            name = span.name if span.is_over else f"{span.name}(未满)"
            few = {item for period, item in given.measured.few_cases if period == span.name}
            rows = _rows_of(given, name, volumes, chosen, before if known else None, few) + rows
            before, known = chosen, True
    last = given.measured.last_span
    total = sum(_volumes(given.measured.last_cases).values())
    summary = {
        "占比线": percent(share.numerator, share.denominator),
        "最近一期": last.name if last else "无",
        "最近一期办件量": total,
        "最近一期高频事项数": len(high_frequency_now(given)),
    }
    return make_list("high_frequency", titles, COLUMNS, rows, summary)


def _volumes(counts: Mapping[str, CaseCount]) -> dict[str, int]:
    return {code: count.cases for code, count in counts.items()}


def _rows_of(
    given: Given,
    span: str,
    volumes: Mapping[str, int],
    chosen: tuple[str, ...],
    before: tuple[str, ...] | None,
    few: Collection[str],
) -> list[Row]:
    total = sum(volumes.values())
    smallest = volumes[chosen[-1]]
    with_smallest = sum(volumes[code] == smallest for code in chosen)
    rows: list[Row] = []
    reached = rank = previous = 0
    for place, code in enumerate(chosen, start=1):
        cases = volumes[code]
        rank = rank if cases == previous else place
        previous = cases
        reached += cases
        change = "首期" if before is None else "保留" if code in before else "新进"
        why = f"{span}办件 {cases} 件, 占全部 {total} 件的 {percent(cases, total)}, 排第 {rank}"
        if cases == smallest and with_smallest > 1:
            why += ", 与末位同量者一并列入"
        rows.append(_row(given, span, rank, code, cases, total, reached, change, why + "。"))
    for code in before or ():
        if code not in chosen:
            cases = volumes.get(code, 0)
            told = f"{NOT_TOLD}(过少)" if code in few else f"{cases} 件"
            why = f"上一期为高频, {span}办件 {told}, 少于末位的 {smallest} 件, 退出。"
            row = _row(given, span, 0, code, cases, total, 0, "退出", why)
            rows.append({**row, "cases": NOT_TOLD, "share": NOT_TOLD} if code in few else row)
    return rows


def _row(
    given: Given, span: str, rank: int, code: str, cases: int, total: int, reached: int, change: str, why: str
) -> Row:
    item = given.catalog.services.get(code)
    return {
        "span": span,
        "rank": rank or "",
        "item": code,
        "itemName": service_name(given.catalog, code) if item else "(目录外事项)",
        "unit": unit_name(given.catalog, item.lead_unit) if item else "",
        "cases": cases,
        "share": percent(cases, total),
        "cumulative": percent(reached, total) if reached else "",
        "change": change,
        "why": why if item else why[:-1] + "; 目录中没有这个事项, 须补录或更正办件记录。",
    }
