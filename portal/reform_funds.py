"""Research and finance: payments that nobody has claimed, how long money takes to its account, balances by unit."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from portal import charts, marts
from portal.blocks import (
    COUNT,
    MEAN,
    MONEY,
    WHEN,
    Block,
    Column,
    few_parts,
    few_within,
    rest_of,
    seen,
    without_few,
)
from portal.reform import YEAR, Reading
from portal.rendering import moment

_STATUS = "marts.mart_research__incoming_payment_status"
PAYMENTS = f"""SELECT to_char(month_on, 'YYYY-MM') AS month, claim_status, payments AS cases, amount,
    mean_days_to_claim, longest_wait_days, waiting_over_30_days, with_one_proposal
    FROM {_STATUS} WHERE {YEAR.format(mart=_STATUS)} ORDER BY month_on, claim_status"""
UNCLAIMED = "SELECT * FROM marts.mart_research__unclaimed_payment ORDER BY place"
AGEING = """SELECT ageing_band, count(*) AS payments, count(proposed_project_no) AS proposed, min(days_waiting) AS least
    FROM marts.mart_research__unclaimed_payment GROUP BY ageing_band ORDER BY least"""
FUNDS = "SELECT * FROM marts.mart_research__unit_funds ORDER BY available DESC NULLS LAST, unit"
_UNCLAIMED, _BOOKED = "0", "2"
_STATUS_COLOURS = {
    "0": charts.BAD,
    "1": charts.STEPS[2],
    "2": charts.STEPS[0],
    "3": charts.WATCH,
    "4": charts.MUTED,
}
_MILLION = Decimal(1_000_000)


def research(reading: Reading) -> list[Block]:
    """Return payments by month, the ageing and the masked list of those unclaimed, and balances by unit."""
    return [*_payments(reading), *_unclaimed(reading), *_funds(reading)]


def _payments(reading: Reading) -> list[Block]:
    raw = reading.rows(PAYMENTS)
    if not raw:
        return []
    table = reading.catalog.codes.get("claim_status")
    names = {}
    for status in sorted({row["claim_status"] for row in raw}):
        row = table.rows.get(status) if table else None
        names[status] = reading.both(row.name_zh, row.name_en or row.name_zh) if row else status
    told = [{**row, **_of_waiting(row), "name": names[row["claim_status"]]} for row in raw]
    rows = _without_single_amounts(reading, told)
    months = sorted({row["month"] for row in rows})
    counts = {(row["month"], row["claim_status"]): row["cases"] for row in rows}
    figure = charts.columns(
        months,
        {name: [counts.get((month, status), 0) for month in months] for status, name in names.items()},
        [_STATUS_COLOURS.get(status, charts.MUTED) for status in names],
        reading.both("到款笔数", "payments"),
    )
    booked = [row for row in rows if row["claim_status"] == _BOOKED and row["mean_days_to_claim"] is not None]
    number = sum(row["cases"] for row in booked)
    days = sum(row["mean_days_to_claim"] * row["cases"] for row in booked) / number if number else None
    waiting = sum(row["cases"] for row in rows if row["claim_status"] == _UNCLAIMED)
    columns = (
        Column("month", "到款月份", "Month", WHEN),
        Column("name", "认领状态", "State"),
        Column("cases", "笔数", "Payments", COUNT),
        Column("amount", "金额 (元)", "Amount (yuan)", MONEY),
        Column("mean_days_to_claim", "到款至认领 (天)", "Days to the claim", MEAN),
        Column("longest_wait_days", "最长等待 (天)", "Longest wait", COUNT),
        Column("waiting_over_30_days", "等待超过 30 天", "Over 30 days", COUNT),
        Column("with_one_proposal", "可直接提议", "With a proposal", COUNT),
    )
    title = reading.t("payments", days="–" if days is None else f"{days:.1f}", n=waiting)
    return [reading.block("payments", title, columns=columns, rows=rows, figure=figure)]


def _of_waiting(row: marts.Row) -> marts.Row:
    """Return what is told of waiting payments only: of others it would be a zero that says nothing."""
    keys = ("waiting_over_30_days", "with_one_proposal")
    return {} if row["claim_status"] == _UNCLAIMED else dict.fromkeys(keys)


def _without_single_amounts(reading: Reading, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return payments by month and state without the amounts of too few: whoever names one could claim it."""
    found = []
    for status in {row["claim_status"]: None for row in rows}:
        own = [row for row in rows if row["claim_status"] == status]
        found += few_within(own, "cases", ("amount",), reading.threshold)
    return sorted(found, key=lambda row: (row["month"], row["claim_status"]))


def _bands(reading: Reading, of: str, codes: Sequence[str]) -> dict[str, str]:
    """Return code of a band of the mart → what it is called."""
    return {code: reading.t(f"{of}.{code}") for code in codes}


def _unclaimed(reading: Reading) -> list[Block]:
    ages = _bands(reading, "age", ("to_7", "8_to_30", "31_to_90", "over_90"))
    amounts = _bands(reading, "amount", ("below_10k", "10k_to_100k", "100k_to_1m", "from_1m"))
    bands = [{**row, "age": ages.get(row["ageing_band"], row["ageing_band"])} for row in reading.rows(AGEING)]
    if not bands:
        return []
    whole, proposed = sum(row["payments"] for row in bands), sum(row["proposed"] for row in bands)
    figure = charts.parts(
        [row["age"] for row in bands],
        {
            reading.both("可提议", "with a proposal"): [row["proposed"] for row in bands],
            reading.both("无提议", "without"): [row["payments"] - row["proposed"] for row in bands],
        },
        (charts.STEPS[0], charts.STEPS[2]),
        reading.both("笔", "payments"),
    )
    ageing = (
        Column("age", "账龄", "Age"),
        Column("payments", "笔数", "Payments", COUNT),
        Column("proposed", "可提议", "With a proposal", COUNT),
    )
    by = {one: reading.t(f"proposed.{one}") for one in ("number", "name", "payer_and_amount", "payer")}
    rows = [
        {
            **row,
            "by": by.get(row["proposed_by"], ""),
            "amount": amounts.get(row["amount_band"], row["amount_band"]),
        }
        for row in reading.rows(UNCLAIMED)
    ]
    listed = (
        Column("received_on", "到款日期", "Received on", WHEN),
        Column("payer_masked", "付款单位 (脱敏)", "Payer (masked)"),
        Column("proposed_project_no", "提议项目", "Proposed project"),
        Column("by", "依据", "Why"),
        Column("amount", "金额 (元)", "Amount (yuan)"),
        Column("days_waiting", "已等待 (天)", "Days waiting", COUNT),
        Column("proposed_projects", "可提议项目", "Possible projects", COUNT),
    )
    return [
        reading.block(
            "ageing",
            reading.t("ageing", n=whole, proposed=proposed),
            columns=ageing,
            rows=bands,
            figure=figure,
        ),
        reading.block("unclaimed", reading.t("unclaimed", n=whole), columns=listed, rows=rows),
    ]


def _funds(reading: Reading) -> list[Block]:
    zone = reading.catalog.campus.time_zone
    rows = [
        {
            **row,
            "name": reading.unit(row["unit"]),
            "as_of": moment(row["oldest_as_of"], zone) if row["oldest_as_of"] else None,
        }
        for row in without_few(reading.rows(FUNDS), "projects", reading.threshold)
    ]
    rows = few_parts(rows, rest_of("projects", "projects_with_account"), reading.threshold)
    drawn = [row for row in seen(rows, len(rows)) if row["available"] is not None]
    if not rows:
        return []
    parts = {
        "available": reading.both("可用", "available"),
        "frozen": reading.both("冻结", "frozen"),
        "in_transit": reading.both("在途", "in transit"),
    }
    figure = (
        charts.parts(
            [row["name"] for row in drawn],
            {
                name: [round(float((row[key] or 0) / _MILLION), 2) for row in drawn]
                for key, name in parts.items()
            },
            (charts.STEPS[0], charts.STEPS[2], charts.WATCH),
            reading.both("百万元", "million yuan"),
        )
        if drawn
        else None
    )
    columns = (
        Column("name", "承担单位", "Unit"),
        Column("projects", "项目", "Projects", COUNT),
        Column("projects_with_account", "有账户", "With an account", COUNT),
        Column("budget", "预算 (元)", "Budget (yuan)", MONEY),
        Column("balance", "账面余额", "Balance", MONEY),
        Column("frozen", "冻结", "Frozen", MONEY),
        Column("in_transit", "在途", "In transit", MONEY),
        Column("available", "可用", "Available", MONEY),
        Column("as_of", "截至时间", "As of", WHEN),
    )
    as_of = min((row["as_of"] for row in rows if row["as_of"]), default="–")
    title = reading.t("funds", as_of=as_of, n=len(drawn))
    return [reading.block("funds", title, columns=columns, rows=rows, figure=figure)]
