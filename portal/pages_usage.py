"""How the service is used: who asks for what, what is refused and why, what was granted and is never used.

Counts of the record at the last release; nobody who was asked about, and no officer, is in them.
"""

from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request, Response

from catalogs.derive import is_valid
from portal import charts
from portal.blocks import COUNT, SHARE, WHEN, Block, Column, seen, without_few
from portal.entry import Entered, House
from portal.pages_reform import block_file
from portal.problems import not_found
from portal.reform import CHARTED, YEAR, Reading, share
from portal.reform_materials import asked_again
from portal.rendering import language_of, page
from portal.texts import text
from service.signals import UNUSED_AFTER

router = APIRouter()
_USAGE = "marts.mart_service__usage"
_OUTCOMES = """sum(requests)::bigint AS cases,
    sum(CASE WHEN outcome = 'allowed' THEN requests ELSE 0 END)::bigint AS allowed,
    sum(CASE WHEN outcome = 'refused' THEN requests ELSE 0 END)::bigint AS refused,
    sum(CASE WHEN outcome = 'failed' THEN requests ELSE 0 END)::bigint AS failed"""
REQUESTS = f"""SELECT client_id, purpose, {_OUTCOMES} FROM {_USAGE} WHERE {YEAR.format(mart=_USAGE)}
    GROUP BY client_id, purpose ORDER BY cases DESC, client_id, purpose"""
REQUESTS_BY_MONTH = f"""SELECT to_char(month_on, 'YYYY-MM') AS month, {_OUTCOMES} FROM {_USAGE}
    WHERE {YEAR.format(mart=_USAGE)} GROUP BY month_on ORDER BY month_on"""
REASONS = f"""SELECT reason, client_id, sum(requests)::bigint AS cases FROM {_USAGE}
    WHERE outcome <> 'allowed' AND {YEAR.format(mart=_USAGE)} GROUP BY reason, client_id
    ORDER BY cases DESC, reason, client_id"""
_PREFILL = "marts.mart_service__prefill"
PREFILLS = f"""SELECT service_item, sum(prefills)::bigint AS cases, sum(prefills_noted)::bigint AS noted,
    sum(fields_kept)::bigint AS kept, sum(fields_changed)::bigint AS changed, sum(fields_cleared)::bigint AS cleared
    FROM {_PREFILL} WHERE {YEAR.format(mart=_PREFILL)} GROUP BY service_item ORDER BY cases DESC, service_item"""
USED = "SELECT client_id, purpose, element, last_on FROM marts.mart_service__grant_use"


@router.get("/usage", name="usage")
def usage(request: Request) -> Response:
    """Who uses the service for what, and where it does not help yet."""
    release = request.state.entered.edition.release or text("no_release", language_of(request))
    lead = text("usage.lead", language_of(request), release=release)
    return page(
        request, "usage.html.j2", section="usage", blocks=_blocks(request), address="/usage", lead=lead
    )


@router.get("/usage/{block}.xlsx", name="usage")
def usage_file(request: Request, block: str) -> Response:
    """A table of the page as a workbook."""
    found = next((one for one in _blocks(request) if one.name == block), None)
    if found is None:
        raise not_found()
    return block_file(request, found, request.state.entered)


def _blocks(request: Request) -> list[Block]:
    entered: Entered = request.state.entered
    house: House = request.app.state.house
    shown = entered.shown
    with house.database.connection() as con:
        edition, language = entered.edition, language_of(request)
        reading = Reading(con, edition.catalog, shown.lists, shown.pages, language, edition.english)
        return [
            *_requests(reading),
            *_reasons(reading),
            *_prefills(reading),
            *_unused(reading, entered),
            *asked_again(reading),
        ]


def _purpose(reading: Reading, row: dict[str, Any]) -> dict[str, Any]:
    if row["purpose"] in reading.catalog.services:
        return reading.item({**row, "service_item": row["purpose"]})
    return {**row, "name": row["purpose"] or reading.t("no_purpose"), "page": ""}


_COUNTS = (
    Column("cases", "请求", "Requests", COUNT),
    Column("allowed", "给出", "Answered", COUNT),
    Column("refused", "拒绝", "Refused", COUNT),
    Column("failed", "未能作答", "Failed", COUNT),
    Column("share", "给出比例", "Share answered", SHARE),
)


def _requests(reading: Reading) -> list[Block]:
    months = _shared(reading, reading.rows(REQUESTS_BY_MONTH))
    if not months:
        return []
    drawn = seen(months, len(months))
    figure = charts.columns(
        [row["month"] for row in drawn],
        {
            reading.t(f"outcome.{one}"): [row[one] for row in drawn]
            for one in ("allowed", "refused", "failed")
        },
        (charts.STEPS[0], charts.WATCH, charts.BAD),
        reading.both("次", "requests"),
    )
    whole, given = (sum(row[key] for row in months) for key in ("cases", "allowed"))
    title = reading.t("requests", n=whole, share=share(given, whole))
    columns = (Column("month", "月份", "Month", WHEN), *_COUNTS)
    who = (Column("name", "事项或任务", "Service item or task"), Column("client_id", "业务系统", "Client"))
    rows = [_purpose(reading, row) for row in _shared(reading, reading.rows(REQUESTS))]
    return [
        reading.block("requests", title, columns=columns, rows=months, figure=figure),
        reading.block(
            "purposes", reading.t("purposes", name=rows[0]["name"]), columns=(*who, *_COUNTS), rows=rows
        ),
    ]


def _shared(reading: Reading, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {**row, "share": (row["allowed"], row["cases"])}
        for row in without_few(rows, "cases", reading.threshold)
    ]


def _reasons(reading: Reading) -> list[Block]:
    rows = without_few(reading.rows(REASONS), "cases", reading.threshold)
    if not rows:
        return []
    by_reason: dict[str, int] = {}
    for row in rows:
        by_reason[row["reason"]] = by_reason.get(row["reason"], 0) + (0 if row["hidden"] else row["cases"])
    drawn = sorted(((count, reason) for reason, count in by_reason.items() if count), reverse=True)[:CHARTED]
    figure = (
        charts.bars(
            [reason for _, reason in drawn],
            [count for count, _ in drawn],
            [f"{count:,}" for count, _ in drawn],
            reading.both("次", "requests"),
        )
        if drawn
        else None
    )
    columns = (
        Column("reason", "规则", "Rule"),
        Column("client_id", "业务系统", "Client"),
        Column("cases", "次数", "Requests", COUNT),
    )
    title = reading.t("reasons", rule=drawn[0][1] if drawn else rows[0]["reason"])
    return [reading.block("reasons", title, columns=columns, rows=rows, figure=figure)]


def _prefills(reading: Reading) -> list[Block]:
    rows = [
        {**reading.item(row), "share": (row["kept"], row["kept"] + row["changed"] + row["cleared"])}
        for row in without_few(reading.rows(PREFILLS), "cases", reading.threshold)
    ]
    if not rows:
        return []
    drawn = seen(rows, CHARTED)
    figure = charts.bars(
        [row["name"] for row in drawn],
        [row["cases"] for row in drawn],
        [f"{row['cases']:,}" for row in drawn],
        reading.both("次", "prefills"),
    )
    columns = (
        Column("name", "事项", "Service item"),
        Column("cases", "预填", "Prefills", COUNT),
        Column("noted", "告知去向", "Outcome told", COUNT),
        Column("kept", "字段保留", "Fields kept", COUNT),
        Column("changed", "字段改动", "Changed", COUNT),
        Column("cleared", "字段清空", "Cleared", COUNT),
        Column("share", "保留比例", "Share kept", SHARE),
    )
    whole, kept = sum(row["cases"] for row in rows), sum(row["kept"] for row in rows)
    title = reading.t("prefills", n=whole, kept=kept)
    return [reading.block("prefills", title, columns=columns, rows=rows, figure=figure)]


def _unused(reading: Reading, entered: Entered) -> list[Block]:
    """Grants that were in force for long enough and that nobody has used since: to be given back."""
    since = entered.edition.on - UNUSED_AFTER
    used = {(row["client_id"], row["purpose"], row["element"]): row["last_on"] for row in reading.rows(USED)}
    idle: dict[tuple[str, str, str], dict[str, Any]] = {}
    for grant in reading.catalog.grants():
        last = used.get((grant.client, grant.purpose, grant.element))
        is_old = grant.valid_from is None or grant.valid_from <= since
        if (
            not is_old
            or not is_valid(grant.valid_from, grant.valid_to, entered.edition.on)
            or (last and last >= since)
        ):
            continue
        row = idle.setdefault(
            (grant.client, grant.purpose, grant.demand_id),
            {
                "client_id": grant.client,
                "purpose": grant.purpose,
                "demand": grant.demand_id,
                "elements": {},
                "last": None,
            },
        )
        element = reading.catalog.elements.get(grant.element)
        name = reading.both(element.name_zh, element.name_en or element.name_zh) if element else grant.element
        row["elements"][name] = None
        row["last"] = max(filter(None, (row["last"], last)), default=None)
    rows = [
        {**_purpose(reading, row), "count": len(row["elements"]), "elements": tuple(row["elements"])}
        for _, row in sorted(idle.items())
    ]
    if not rows:
        return []
    rows.sort(key=lambda row: -row["count"])
    columns = (
        Column("name", "事项或任务", "Service item or task"),
        Column("client_id", "业务系统", "Client"),
        Column("demand", "需求", "Demand"),
        Column("count", "数据元数", "Elements", COUNT),
        Column("elements", "从未或久未使用的数据元", "Elements not used"),
        Column("last", "最近使用", "Last used", WHEN),
    )
    title = reading.t("unused", n=sum(row["count"] for row in rows), days=UNUSED_AFTER // timedelta(days=1))
    return [reading.block("unused", title, columns=columns, rows=rows)]
