"""The service hall as a client of the service: a token, a case, a prefill, shown as a clerk would read it.

Values are shown only in part: the people are made up, the habit is not.
"""

import json
import sys
import time
import uuid
from datetime import datetime
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from demo.applicants import APPLICANTS
from demo.signing import checked, token
from demo.systems.hall import CLIENT_ID
from demo.target import CAMPUS_ZONE, Target, TargetError
from demo.world_campus import UNITS

_TIMEOUT_S = 30.0
_STATUS = {
    "available": "已核",
    "stale": "过期",
    "conflict": "有冲突",
    "in_dispute": "核实中",
    "not_found": "无记录",
    "not_applicable": "不适用",
    "source_unavailable": "数源不可用",
    "withheld": "不提供",
    "not_permitted": "未授权",
    "applicant": "本人填写",
}
_LEVEL = {
    "authoritative": "权威源",
    "officer_verified": "经办核验",
    "cross_checked": "交叉核验",
    "system_verified": "系统核验",
    "self_declared": "本人申报",
}
_OUTCOME = {"satisfied": "免提交", "certificate": "由系统出证", "still_required": "仍须提交"}
console = Console(highlight=False, width=None if sys.stdout.isatty() else 110)


def ask(
    target: Target, state: dict, service: str, service_item: str, applicant: str | None, capacity: str | None
) -> int:
    """Ask for one applicant, or for those the campus names for the service item; returns the exit code.

    Args:
        target: a built campus.
        state: its state.json.
        service: address of the service.
        service_item: code, for example RS-012.
        applicant: `<id_type>:<number>` or a staff number; None asks for the campus's own applicants.
        capacity: population in which the applicant acts.

    Returns:
        0 if at least one material of each applicant is no longer needed and all granted fields are filled.

    Raises:
        TargetError: the service refuses or does not answer.
    """
    named = json.loads((target.folder("hall") / APPLICANTS).read_text(encoding="utf-8"))
    if applicant:
        id_type, colon, number = applicant.rpartition(":")
        chosen = [{"who": "指定申请人", "id_type": id_type if colon else "staff_no", "id": number,
                   "capacity": capacity}]  # fmt: skip
    else:
        chosen = [one for one in named if service_item in one["service_items"]]
    if not chosen:
        raise TargetError(f"the campus names no applicant for {service_item}; give one with --applicant")
    try:
        with httpx.Client(base_url=service, timeout=_TIMEOUT_S, trust_env=False) as http:
            http.headers["Authorization"] = f"Bearer {token(http, service, target.folder('hall'), CLIENT_ID)}"
            http.headers["Accept-Language"] = "zh"
            return max(_one(http, service_item, one) for one in chosen)
    except httpx.TransportError as error:
        raise TargetError(f"{service} does not answer ({type(error).__name__})") from None


def _one(http: httpx.Client, service_item: str, one: dict[str, Any]) -> int:
    subject = {key: one[key] for key in ("id_type", "id", "capacity") if one.get(key)}
    party = {"role": "applicant", "id_type": subject["id_type"], "id": subject["id"]}
    case = checked(
        http.post(
            "/v1/cases",
            json={"service_item": service_item, "parties": [party]},
            headers={"Idempotency-Key": uuid.uuid4().hex},
        )
    )
    asked = {
        "subject": subject,
        "case_id": case["case_id"],
        "actor": {"user_id": subject["id"], "role": "applicant"},
    }
    started = time.perf_counter()
    answer = checked(http.post(f"/v1/service-items/{service_item}:prefill", json=asked))
    spent_ms = (time.perf_counter() - started) * 1000
    _show(answer, one["who"], spent_ms)
    return 0 if is_enough(answer) else 1


def is_enough(answer: dict[str, Any]) -> bool:
    """True if a material is spared and every field that the hall may see is filled and fresh."""
    granted = [f for f in answer["fields"] if f["status"] not in ("applicant", "not_permitted")]
    spared = [m for m in answer["materials"] if m["outcome"] in ("satisfied", "certificate")]
    return bool(spared) and bool(granted) and all(field["status"] == "available" for field in granted)


def _show(answer: dict[str, Any], who: str, spent_ms: float) -> None:
    console.print(
        f"\n[bold]{answer['service_item']} {answer['name_zh']}[/bold]  {who}  版次 {answer['release']}  "
        f"{spent_ms:.0f} ms"
    )
    fields = Table(title="表单 (值在屏幕上遮去一部分)", title_justify="left")
    for heading in ("表单项", "预填值", "状态", "数源单位", "数源确认于", "核验级别"):
        fields.add_column(heading, no_wrap=heading != "预填值")
    for field in answer["fields"]:
        verification = field.get("verification") or {}
        fields.add_row(
            field["name_zh"],
            on_screen(field.get("value"), field.get("code")),
            _STATUS.get(field["status"], field["status"]),
            _unit(verification.get("verifier", "")),
            _fresh(field),
            _LEVEL.get(verification.get("level", ""), ""),
        )
    console.print(fields)
    materials = Table("材料", "结论", "依据", title="材料", title_justify="left")
    for material in answer["materials"]:
        materials.add_row(
            f"{material['material']} {material['name_zh']}",
            _OUTCOME.get(material["outcome"], material["outcome"]),
            _why(material),
        )
    console.print(materials)


def _why(material: dict[str, Any]) -> str:
    if material["outcome"] == "still_required":
        return "; ".join(_reason(reason) for reason in material["reasons"])
    by_unit: dict[str, list[str]] = {}
    for fact in material["facts"]:
        by_unit.setdefault(_unit(fact["verifier"]), []).append(fact["name_zh"])
    return "; ".join(f"{unit}已核实{'、'.join(names)}" for unit, names in by_unit.items())


def _unit(code: str) -> str:
    return UNITS.get(code, code)


def _reason(reason: str) -> str:
    element, _, status = reason.partition(":")
    words = {**_STATUS, "not_so": "不符合要求"}
    return f"{element} {words.get(status, status)}" if status else reason


def _fresh(field: dict[str, Any]) -> str:
    if "age_seconds" not in field:
        return ""
    hours = field["age_seconds"] / 3600
    age = "不到 1 小时前" if hours < 1 else f"{hours:.0f} 小时前" if hours < 48 else f"{hours / 24:.0f} 天前"
    confirmed = datetime.fromisoformat(field["confirmed_at"]).astimezone(CAMPUS_ZONE)
    return f"{confirmed:%m-%d %H:%M}, {age}"


def on_screen(value: object, code: str | None) -> str:
    """Show a value in part: a coded value whole, of anything else the first and, if long, the last quarter.

    Args:
        value: as answered; None shows nothing.
        code: the standard code, if the value is the name of one.
    """
    if value is None:
        return ""
    if isinstance(value, list):
        return f"{len(value)} 项"
    text = str(value)
    if code or isinstance(value, bool):
        return text
    kept = max(1, len(text) // 4)
    tail = text[-kept:] if len(text) > 7 else ""
    return text[:kept] + "*" * (len(text) - kept - len(tail)) + tail
