"""What may come instead of an answer. No exception here ever holds a value of a person."""

import json
from typing import Any

PROBLEM = "application/problem+json"
# What a proxy before the service says while the service is away.
_PASSING = (502, 503, 504)


class ServiceProblem(Exception):
    """The service refused or failed (RFC 9457).

    Attributes:
        code: for programs, for example CASE_NOT_VALID; docs/service.md lists them.
        status: of HTTP; 0 where nobody answered.
        title: for people, in the client's language.
        detail: which rule, setting or element; never a value.
        fault: whose it is: caller, us or source.
        rule: which rule decided, if the service says so.
        is_retryable: whether the same request may succeed later.
        retry_after_s: how long the service asked to wait; None if it did not say.
        errors: pointer into the request and code of each fault.
        instance: names the decision on record.
        trace_id: for the service's operators.
    """

    def __init__(
        self,
        code: str,
        status: int = 0,
        title: str = "",
        detail: str = "",
        *,
        fault: str = "us",
        rule: str | None = None,
        is_retryable: bool = False,
        retry_after_s: float | None = None,
        errors: tuple[dict[str, str], ...] = (),
        instance: str = "",
        trace_id: str = "",
    ) -> None:
        pointers = ", ".join(f"{one.get('pointer', '')} {one.get('code', '')}" for one in errors)
        said = " · ".join(part for part in (title, detail, pointers) if part)
        super().__init__(f"{code} ({status}): {said}" if status else f"{code}: {said}")
        self.code = code
        self.status = status
        self.title = title
        self.detail = detail
        self.fault = fault
        self.rule = rule
        self.is_retryable = is_retryable
        self.retry_after_s = retry_after_s
        self.errors = errors
        self.instance = instance
        self.trace_id = trace_id


class Unreachable(ServiceProblem):
    """Nobody answered: no connection, or not in time."""

    def __init__(self, kind: str) -> None:
        super().__init__("UNREACHABLE", title="the service does not answer", detail=kind, is_retryable=True)


class ReceiptError(ServiceProblem):
    """An answer whose receipt does not prove it: it is not to be used."""

    def __init__(self, detail: str) -> None:
        super().__init__("RECEIPT_NOT_VALID", title="the receipt does not prove the answer", detail=detail)


def problem_of(status: int, media_type: str, content: bytes, retry_after: str) -> ServiceProblem:
    """Return what an answer that is no success says; one that is no problem document came from somebody between."""
    wait_s = float(retry_after) if retry_after.isdigit() else None
    body = _read(content) if media_type.partition(";")[0].strip() == PROBLEM else {}
    if not isinstance(body.get("code"), str):
        return ServiceProblem(
            "UNEXPECTED_ANSWER",
            status,
            "an answer that is not the service's",
            is_retryable=status in _PASSING,
            retry_after_s=wait_s,
        )
    return ServiceProblem(
        body["code"],
        status,
        str(body.get("title", "")),
        str(body.get("detail", "")),
        fault=str(body.get("fault", "us")),
        rule=body.get("rule"),
        is_retryable=body.get("retryable") is True,
        retry_after_s=wait_s,
        errors=tuple(body.get("errors") or ()),
        instance=str(body.get("instance", "")),
        trace_id=str(body.get("trace_id", "")),
    )


def _read(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
