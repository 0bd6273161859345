"""Who looked: what the record says about one person, in words for that person.

Every number that identity links to the person is looked for. Refused attempts are shown too; other people of the same
case never are: an entry says which system of which unit, in which role, why, what kind of data, and what came of it.

What is confidential for now is neither shown nor counted. It is what was told for a task whose decided demand says so
(`confidential`), and stays so until the last day that the demand in force names, or until it is lifted by hand. A lift
opens what was told until then; the entries themselves, which are proven, never change.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

import asyncpg

from catalogs.model import Catalog, Demand
from service.keys import Keys
from service.problems import KINDS

_ROLES = {"applicant": "本人", "agent": "代办人", "guardian": "监护人", "officer": "经办人"}
_ACTIONS = {
    "facts": "读取",
    "prefill": "预填申请表",
    "claims": "核对(只答是否)",
    "replay": "复核过去的答复(不给出数据)",
    "case_register": "登记办件",
    "correction_file": "提出更正",
    "correction_read": "办理更正",
    "consent_give": "登记同意",
    "consent_withdraw": "撤回同意",
    "declared_keep": "保存本人填报内容",
    "me_consents": "本人查看同意记录",
    "me_consent_withdraw": "本人撤回同意",
    "me_declared_delete": "本人删除填报内容",
    "me_facts": "本人查看自己的数据",
    "me_things": "本人查看所负责项目等的数据",
    "me_usages": "本人查看访问记录",
    "usages": "向本人展示访问记录",
    "me_question": "本人询问一次访问",
    "me_questions": "本人查看自己的询问",
    "me_session": "本人登录",
    "me_correction_file": "本人提出更正",
    "me_corrections": "本人查看自己的更正",
    "session": "本人登录门户",
    "certificate_issue": "出具证明",
    "certificate_read": "取用证明",
    "certificate_find": "出具单位查看证明",
    "certificate_revoke": "撤销证明",
    "certificate_keep": "核定证明仍有效",
    "certificate_verify": "凭核验码核验证明",
    "me_certificate_issue": "本人开具证明",
    "me_certificate_kinds": "本人查看可开具的证明",
    "me_certificates": "本人查看自己的证明",
    "me_certificate_read": "本人取用证明",
    "me_certificate_revoke": "本人撤销证明",
    "me_certificate_share": "本人分享证明",
    "me_certificate_withdraw": "本人撤回分享",
    "window": "窗口代填申请表",
    "window_confirm": "窗口核实本人填报内容",
    "task_row": "按任务名单取用",
}
# Whether the person may see an entry `r`; $1 and $2 are clients and their purposes whose last day is over (`over`).
IS_SHOWN = """(r.confidentiality <> 'confidential'
    OR (r.client_id, r.purpose) IN (SELECT * FROM unnest($1::text[], $2::text[]))
    OR EXISTS (SELECT FROM service.confidentiality_lift l
        WHERE (l.client_id, l.purpose) = (r.client_id, r.purpose) AND r.logtime <= l.at))"""
_FROM = f"""
FROM service.record_detail d JOIN service.record r ON r.seq = d.seq
WHERE d.subject_key = ANY ($3::text[]) AND {IS_SHOWN}
    AND ($4::timestamptz IS NULL OR r.logtime >= $4) AND ($5::timestamptz IS NULL OR r.logtime <= $5)
"""


Over = tuple[list[str], list[str]]


def is_kept_from(demand: Demand, today: date) -> bool:
    """Whether people do not see today that a task was given their data."""
    given = demand.confidential
    return given is not None and (given.until is None or today <= given.until)


def over(catalog: Catalog, today: date) -> Over:
    """Return the clients and purposes whose people may see again what was confidential, each in its own list.

    A purpose is over only if no demand of it keeps it confidential any longer; one that the catalog no longer names at
    all is not: somebody has to lift it.
    """
    kept: dict[tuple[str, str], bool] = {}
    for demand in catalog.demands.values():
        if demand.confidential is not None:
            purpose = demand.client, demand.purpose
            kept[purpose] = kept.get(purpose, False) or is_kept_from(demand, today)
    found = [purpose for purpose, is_kept in sorted(kept.items()) if not is_kept]
    return [client for client, _ in found], [purpose for _, purpose in found]


async def count(
    con: asyncpg.Connection | asyncpg.Pool,
    over: Over,
    whose: list[str],
    since: datetime | None,
    until: datetime | None,
) -> int:
    """Return how many entries about a person are shown."""
    found: int = await con.fetchval(f"SELECT count(*) {_FROM}", *over, whose, since, until)
    return found


async def read(
    con: asyncpg.Connection | asyncpg.Pool,
    over: Over,
    whose: list[str],
    since: datetime | None,
    until: datetime | None,
    offset: int,
    limit: int,
) -> list[Mapping[str, Any]]:
    """Return entries about a person, the newest first."""
    rows: list[Mapping[str, Any]] = await con.fetch(
        f"""SELECT r.transaction_id, r.logtime, r.action, r.client_id, r.receiver_unit, r.receiver_name, d.actor_role,
                r.purpose, r.ground, r.elements, r.outcome, r.code, r.confidentiality {_FROM}
            ORDER BY r.seq DESC OFFSET $6 LIMIT $7""",
        *over,
        whose,
        since,
        until,
        offset,
        limit,
    )
    return rows


async def oldest(con: asyncpg.Connection | asyncpg.Pool) -> datetime | None:
    """Return since when details are kept; None while there are none."""
    found: datetime | None = await con.fetchval(
        "SELECT r.logtime FROM service.record r WHERE r.seq = (SELECT min(seq) FROM service.record_detail)"
    )
    return found


def subject_keys(keys: Keys, linked: Mapping[str, Iterable[str]]) -> list[str]:
    """Return everything by which a person may stand in the record."""
    return [key for kind, own in linked.items() for number in own for key in keys.subject_keys(kind, number)]


def words(catalog: Catalog, entry: Mapping[str, Any]) -> str:
    """Return what was done and why, for the person whom it is about."""
    names = "、".join(
        catalog.elements[code].name_zh for code in entry["elements"] if code in catalog.elements
    )
    said = (
        _why(catalog, entry)
        + _ACTIONS.get(entry["action"], entry["action"])
        + (f": {names}" if names else "")
    )
    if role := _ROLES.get(entry["actor_role"] or ""):
        said += f" ({role})"
    if entry["confidentiality"] == "confidential":
        said += "; 当时依法暂不告知"
    if entry["outcome"] != "allowed":
        title = KINDS[entry["code"]].title_zh if entry["code"] in KINDS else entry["code"]
        said += f"; 未给出数据: {title}"
    return said


def _why(catalog: Catalog, entry: Mapping[str, Any]) -> str:
    if item := catalog.services.get(entry["purpose"] or ""):
        return f"为办理《{item.name_zh}》"
    return f"为任务 {entry['purpose']} " if entry["action"] == "task_row" else ""


def receiver(catalog: Catalog, entry: Mapping[str, Any]) -> tuple[str, str]:
    """Return code and name of the unit that received the data: its social credit code if it has one of its own."""
    unit = catalog.units.get(entry["receiver_unit"])
    return (unit.uscc or unit.code, unit.name_zh) if unit else (entry["receiver_unit"] or "-", "")
