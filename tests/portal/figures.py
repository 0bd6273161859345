"""Rows of the small campus's marts: of the reform, of funds, of the service's use; some about too few to be told.

And how a test reads the tables that pages make of them.
"""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import html5lib

from tests.service.campus import EMPLOYED, TRANSFER

# Columns with texts that some system has written.
TEXTS = frozenset(("name_zh", "topic", "event", "payer_masked"))
_TAG = "{http://www.w3.org/1999/xhtml}"
MONTHS = (date(2026, 8, 1), date(2026, 9, 1))


def visited(month: date, item: str, unit: str, never: int, once: int, more: int, **changes: object) -> dict:
    """Return a row of how often people really came for an item that month."""
    cases = never + once + more
    share = round((never + once) / cases, 4)
    return {
        "month_on": month, "service_item": item, "name_zh": item, "lead_unit": unit, "promised_visits": 1,
        "cases_closed": cases, "real_without_visit": never, "real_with_one_visit": once,
        "real_with_more_visits": more, "recorded_at_most_once": never + once,
        "recorded_at_most_once_share": share, "real_at_most_once_share": share,
        "cases_with_more_shown": 0, "cases_beyond_promise": more, "cases_corrected": 0,
        "cases_with_correction_visit": 0,
    } | changes  # fmt: skip


def evaluated(month: date, item: str, levels: tuple[int, ...], waiting: int, beyond: int) -> dict:
    """Return a row of an item's evaluations that month; `levels` from the best down."""
    poor = levels[3] + levels[4]
    return {
        "month_on": month, "service_item": item, "name_zh": item, "lead_unit": "RS", "evaluations": sum(levels),
        **{f"level_{5 - place}": count for place, count in enumerate(levels)}, "satisfied_share": 0.9,
        "poor_called_back": poor - waiting, "poor_waiting": waiting, "longest_wait_days": 9,
        "limit_working_days": 5, "poor_beyond_limit": beyond,
    }  # fmt: skip


def due(month: date, item: str, unit: str, *parts: int) -> dict:
    """Return a row of how promised days were kept; `parts`: in time, late, beyond, open within, without a day."""
    keys = ("closed_in_time", "closed_late", "open_beyond", "open_within", "closed_without_promise")
    return {
        "month_on": month, "service_item": item, "name_zh": item, "lead_unit": unit, "cases": sum(parts),
        **dict(zip(keys, parts, strict=True)), "mean_working_days": 4 if sum(parts) - sum(parts[2:4]) else None,
    }  # fmt: skip


def ranked(unit: str, cases: int, share: float, place: int | None) -> dict:
    """Return a row of a unit in the league."""
    return {
        "month_on": MONTHS[0], "unit": unit, "cases_closed": cases, "cases_with_promise": cases,
        "at_most_once_share": share,
        "without_visit_share": 0.5, "in_time_share": 0.7, "mean_working_days": 2.5, "mean_materials": 1.5,
        "satisfied_share": None, "place": place,
    }  # fmt: skip


def of_marts() -> dict[str, list[dict]]:
    """Return mart → its rows."""
    at = datetime(2026, 9, 30, 8, tzinfo=ZoneInfo("Asia/Shanghai"))
    return {
        "mart_reform__visit_evidence": [
            visited(MONTHS[0], EMPLOYED, "RS", 50, 40, 10, cases_corrected=40, cases_with_correction_visit=20,
                    recorded_at_most_once=100, recorded_at_most_once_share=1),
            visited(MONTHS[1], EMPLOYED, "RS", 60, 33, 17),
            visited(MONTHS[1], TRANSFER, "JW", 1, 1, 1),
            visited(MONTHS[1], "S-LOGGED", "JW", 20, 10, 12, name_zh="目录外", promised_visits=2),
        ],
        "mart_reform__before_after": [
            {"service_item": EMPLOYED, "name_zh": "甲", "lead_unit": "RS", "kind": "personal",
             "published_on": date(2026, 6, 30), "cases_before": 40, "cases_after": 60, "mean_days_before": 36.2,
             "mean_days_after": 29.8, "mean_materials_before": 8.3, "mean_materials_after": 7.4},
        ],
        "mart_reform__deadline": [
            due(MONTHS[0], EMPLOYED, "RS", 60, 20, 11, 0, 12) | {"mean_working_days": 2.5},
            due(MONTHS[1], EMPLOYED, "RS", 40, 12, 13, 30, 0),
            due(MONTHS[1], TRANSFER, "JW", 1, 1, 1, 0, 0),
            due(MONTHS[1], "S-LOGGED", "JW", 20, 15, 14, 10, 11),
        ],
        "mart_reform__service_item_volume": [
            {"period_kind": "year", "period_on": date(2026, 1, 1), "service_item": EMPLOYED, "name_zh": "甲",
             "lead_unit": "RS", "is_in_catalog": True, "cases": 200, "volume_rank": 1, "share": 0.8,
             "cumulative_share": 0.8, "is_high_frequency": True},
            {"period_kind": "year", "period_on": date(2026, 1, 1), "service_item": TRANSFER, "name_zh": "乙",
             "lead_unit": "JW", "is_in_catalog": True, "cases": 50, "volume_rank": 2, "share": 0.2,
             "cumulative_share": 1.0, "is_high_frequency": False},
        ],
        "mart_reform__spared": [
            {"service_item": EMPLOYED, "name_zh": "甲", "lead_unit": "RS", "cases": 200, "material_count": 7,
             "form_field_count": 5, "materials_given": 300, "materials_spared": 100, "prefills": 40,
             "fields_kept": 90, "fields_kept_per_prefill": 2.5, "fields_spared_if_all_prefilled": 500},
        ],
        "mart_reform__evaluation": [
            evaluated(MONTHS[0], EMPLOYED, (60, 20, 15, 12, 10), 10, 11),
            evaluated(MONTHS[1], EMPLOYED, (30, 15, 12, 0, 0), 0, 0),
        ],
        "mart_reform__enquiry_topics": [
            {"month_on": MONTHS[0], "service_item": EMPLOYED, "topic": "办理地点", "name_zh": "甲", "lead_unit": "RS",
             "enquiries": 40, "unanswered": 2, "not_solved": 3, "mean_days_to_answer": 1.5},
            {"month_on": MONTHS[1], "service_item": "", "topic": "", "enquiries": 10, "unanswered": 0, "not_solved": 0,
             "mean_days_to_answer": 0.5},
            {"month_on": MONTHS[1], "service_item": "S-LOGGED", "topic": "", "name_zh": "目录外", "lead_unit": "JW",
             "enquiries": 3, "unanswered": 3, "not_solved": 0, "mean_days_to_answer": None},
        ],
        "mart_reform__demand_week": [
            {"week_on": date(2026, 8, 31), "service_item": EMPLOYED, "name_zh": "甲", "day_kind": "teaching",
             "event": "新生报到", "cases": 90, "times_usual": 3.0},
            {"week_on": date(2026, 9, 7), "service_item": EMPLOYED, "name_zh": "甲", "day_kind": "teaching",
             "event": None, "cases": 30, "times_usual": 1.0},
        ],
        "mart_reform__unit_league": [
            ranked("RS", 120, 0.9, 1), ranked("JW", 40, 0.75, 2), ranked("CW", 6, 1.0, None),
            ranked("DT", 5, 1.0, None),
            {**ranked("RS", 1, 0.0, None), "month_on": MONTHS[1]},
        ],
        "mart_reform__hand_over": [
            {"month_on": MONTHS[0], "service_item": EMPLOYED, "unit": unit, "name_zh": "甲", "steps": 100,
             "handed_over": 60, "returned": 30, "waiting": 20, "mean_hours": hours}
            for unit, hours in (("RS", 12.5), ("CW", 40.0))
        ] + [
            {"month_on": MONTHS[1], "service_item": EMPLOYED, "unit": "RS", "name_zh": "甲", "steps": 50,
             "handed_over": 30, "returned": 10, "waiting": 10, "mean_hours": 32.5},
        ],
        "mart_research__incoming_payment_status": [
            {"month_on": MONTHS[0], "claim_status": "0", "payments": 2, "amount": 130000.5, "longest_wait_days": 70,
             "waiting_over_30_days": 2, "with_one_proposal": 1},
            {"month_on": MONTHS[0], "claim_status": "2", "payments": 20, "amount": 900000, "mean_days_to_claim": 3.5,
             "waiting_over_30_days": 0, "with_one_proposal": 0},
        ],
        "mart_research__unclaimed_payment": [
            {"place": 1, "received_on": date(2026, 8, 3), "payer_masked": "云溪＊＊＊公司",
             "amount_band": "100k_to_1m", "days_waiting": 70, "ageing_band": "31_to_90",
             "proposed_projects": 1, "proposed_project_no": "P-1",
             "proposed_by": "number"},
            {"place": 2, "received_on": date(2026, 8, 4), "payer_masked": "＊＊＊", "amount_band": "below_10k",
             "days_waiting": 69, "ageing_band": "31_to_90", "proposed_projects": 0},
        ],
        "mart_research__unit_funds": [
            {"unit": "JW", "projects": 30, "projects_with_account": 18, "budget": 5e6, "balance": 3e6, "frozen": 2e5,
             "in_transit": 1e5, "available": 2.7e6, "oldest_as_of": at, "newest_as_of": at},
        ],
        "mart_service__usage": [
            {"month_on": MONTHS[1], "client_id": "hall", "purpose": EMPLOYED, "action": "prefill", "outcome": "allowed",
             "reason": "", "requests": 300},
            {"month_on": MONTHS[1], "client_id": "hall", "purpose": EMPLOYED, "action": "facts", "outcome": "refused",
             "reason": "case:subject_is_a_party", "requests": 25},
        ],
        "mart_service__prefill": [
            {"month_on": MONTHS[1], "service_item": EMPLOYED, "prefills": 300, "prefills_noted": 40, "fields_kept": 90,
             "fields_changed": 10, "fields_cleared": 0},
        ],
        "mart_service__grant_use": [
            {"client_id": "hall", "purpose": EMPLOYED, "element": "XM", "times": 300, "last_on": date(2000, 1, 1)},
        ],
    }  # fmt: skip


# Of each of these marts too little to be told of.
FEW = {
    "evaluation": [evaluated(MONTHS[0], EMPLOYED, (1, 0, 0, 0, 2), 1, 1)],
    "enquiry_topics": [
        {"month_on": MONTHS[0], "service_item": EMPLOYED, "topic": "办理地点", "enquiries": 4, "unanswered": 0,
         "not_solved": 1, "mean_days_to_answer": 1},
    ],
    "spared": [
        {"service_item": EMPLOYED, "name_zh": "甲", "cases": 4, "materials_given": 4, "materials_spared": 1,
         "prefills": 1, "fields_kept": 1, "fields_kept_per_prefill": 1, "fields_spared_if_all_prefilled": 4},
    ],
}  # fmt: skip


def tables(html: str) -> dict[str, list[list[str]]]:
    """Return workbook's address → rows of the table before it, its heading first."""
    document = html5lib.parse(html)
    found = {}
    for section in document.iter(f"{_TAG}section"):
        link = next(
            one.get("href") for one in section.iter(f"{_TAG}a") if (one.get("href") or "").endswith(".xlsx")
        )
        rows = [
            ["".join(one.itertext()).strip() for one in row if one.tag in (f"{_TAG}td", f"{_TAG}th")]
            for row in section.iter(f"{_TAG}tr")
        ]
        found[link] = rows
    return found
