"""The reporting system as a client of the service: the rows that a task's decided demand grants it, as a job.

It names nobody: whom and what the rows are about, the demand says, and rows are given once in each period of it.
Values are shown only in part, as in `demo.ask`.
"""

import json
import time
import uuid
from typing import Any

import httpx
from rich.table import Table

from demo.ask import console, on_screen
from demo.signing import checked, make_keys, problem_of, token
from demo.target import Target, TargetError

CLIENT_ID, TASK = "data-reporting", "T-2026-004"
FOLDER = "reporting"
_VARIABLE = "YICI_CLIENT_DATA_REPORTING_JWKS"
_TIMEOUT_S, _JOB_S, _POLL_S = 30.0, 120.0, 0.2
_SHOWN = 3
# Refusals that a demo run again, or in another year, meets by right: given already, the demand is over.
_BY_RIGHT = ("task:once_a_period", "task:destroy_by", "grant:purpose")


def prepare(target: Target) -> None:
    """Make the reporting system's key pair, once, also for a campus that was built before it asked."""
    is_known = _VARIABLE in target.env.values
    make_keys(target, target.folder(FOLDER), CLIENT_ID, _VARIABLE)
    if not is_known:
        target.env.write()


def report(target: Target, service: str) -> int:
    """Have the rows of the task prepared, fetch them and show how they look; returns the exit code.

    Args:
        target: a built campus.
        service: address of the service.

    Returns:
        0 if rows came, every one with its receipt, or if the demand rightly gives none now.

    Raises:
        TargetError: the service refuses otherwise, or does not answer.
    """
    started = time.perf_counter()
    try:
        with httpx.Client(base_url=service, timeout=_TIMEOUT_S, trust_env=False) as http:
            http.headers["Accept-Language"] = "zh"
            http.headers["Authorization"] = f"Bearer {token(http, service, target.folder(FOLDER), CLIENT_ID)}"
            reply = http.post(
                f"/v1/tasks/{TASK}:rows", json={}, headers={"Idempotency-Key": uuid.uuid4().hex}
            )
            problem = {} if reply.is_success else problem_of(reply)
            if problem.get("rule") in _BY_RIGHT:
                console.print(f"{TASK}  未提供: {problem['title']} ({problem['rule']})")
                return 0
            job = _done(http, checked(reply))
            rows = _rows(http, job["job_id"])
    except httpx.TransportError as error:
        raise TargetError(f"{service} does not answer ({type(error).__name__})") from None
    _show(job, rows, time.perf_counter() - started)
    return 0 if rows and all("receipt" in one.get("answer", {}) for one in rows) else 1


def _done(http: httpx.Client, job: dict[str, Any]) -> dict[str, Any]:
    """Wait until a job has ended.

    Raises:
        TargetError: it was stopped, or takes too long.
    """
    deadline = time.monotonic() + _JOB_S
    while job["state"] in ("waiting", "running"):
        if time.monotonic() > deadline:
            raise TargetError(f"the job of {TASK} is still {job['state']} after {_JOB_S:.0f} s")
        time.sleep(_POLL_S)
        job = checked(http.get(f"/v1/jobs/{job['job_id']}"))
    if job["state"] != "done":
        raise TargetError(f"the job of {TASK} was {job['state']}: {job['code']}")
    return job


def _rows(http: httpx.Client, job_id: str) -> list[dict[str, Any]]:
    """Return all answers of a job, page by page."""
    found: list[dict[str, Any]] = []
    while True:
        after = found[-1]["n"] if found else -1
        reply = http.get(f"/v1/jobs/{job_id}/results", params={"after": after})
        if not reply.is_success:
            checked(reply)
        page = [json.loads(line) for line in reply.text.splitlines()]
        if not page:
            return found
        found += page


def _show(job: dict[str, Any], rows: list[dict[str, Any]], spent_s: float) -> None:
    told = [one["answer"] for one in rows if "answer" in one]
    console.print(
        f"\n[bold]{TASK} 学籍电子注册[/bold]  名单 {job['items']} 人, 提供 {len(told)} 人, "
        f"未提供 {len(rows) - len(told)} 人, 每人一份回执, 逐人留痕  版次 {job['release']}  {spent_s:.1f} s"
    )
    table = Table(*job["elements"], title=f"前 {_SHOWN} 人 (值在屏幕上遮去一部分)", title_justify="left")
    for one in told[:_SHOWN]:
        facts = one["facts"]
        table.add_row(
            *(on_screen(facts[name].get("value"), facts[name].get("code")) for name in job["elements"])
        )
    console.print(table)
