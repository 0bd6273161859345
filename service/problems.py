"""Refusals as RFC 9457 problems: what, whose fault, whether trying again helps; never a personal value."""

from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse

MEDIA_TYPE = "application/problem+json"
NO_STORE = {"Cache-Control": "no-store"}


@dataclass(frozen=True)
class Kind:
    """One kind of problem: HTTP status, whose fault, whether to try again, titles."""

    status: int
    fault: str
    retryable: bool
    title_zh: str
    title_en: str


KINDS = {
    "INVALID_TOKEN": Kind(401, "caller", False, "令牌无效", "The token is not valid"),
    "INVALID_CLIENT": Kind(401, "caller", False, "客户端身份未通过", "The client could not be authenticated"),
    "CLIENT_SUSPENDED": Kind(401, "caller", False, "客户端已停用", "The client is suspended"),
    "PURPOSE_NOT_GRANTED": Kind(403, "caller", False, "用途未获授权", "The purpose is not granted"),
    "ELEMENT_NOT_GRANTED": Kind(403, "caller", False, "数据元未获授权", "An element is not granted"),
    "CASE_NOT_VALID": Kind(403, "caller", False, "办件无效", "The case is not valid"),
    "SELF_ACCESS_FORBIDDEN": Kind(403, "caller", False, "经办人不得查询本人", "Officers may not query themselves"),
    "SUBJECT_NOT_FOUND": Kind(404, "caller", False, "查无此对象", "The subject was not found"),
    "NOT_FOUND": Kind(404, "caller", False, "没有这个资源", "There is no such thing here"),
    "METHOD_NOT_ALLOWED": Kind(405, "caller", False, "不支持该方法", "The method is not allowed"),
    "MALFORMED": Kind(400, "caller", False, "请求格式有误", "The request is malformed"),
    "INVALID_PARAMETER": Kind(422, "caller", False, "参数有误", "A parameter is not valid"),
    "IDEMPOTENCY_KEY_REUSED": Kind(422, "caller", False, "幂等键已用于其他请求", "The idempotency key was reused"),
    "TOO_LARGE": Kind(413, "caller", False, "请求过大", "The request is too large"),
    "AUDIT_UNAVAILABLE": Kind(503, "us", True, "暂不能留痕, 因此不作答", "No record can be kept, so no answer is given"),
    "NO_RELEASE": Kind(503, "us", True, "尚无发布版次", "There is no release yet"),
    "INTERNAL": Kind(500, "us", True, "内部错误", "Internal error"),
}


class Problem(Exception):
    """A refusal. `detail` names elements, rules and settings, never a value of a person."""

    def __init__(self, code: str, detail: str = "", errors: list[dict[str, str]] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.errors = errors or []


def body(problem: Problem, request: Request, trace_id: str) -> dict[str, Any]:
    """Return the problem document, titled in the language that the caller prefers."""
    kind = KINDS[problem.code]
    english = request.headers.get("accept-language", "").lower().startswith("en")
    return {
        "type": f"urn:yici:problem:{problem.code.lower()}",
        "title": kind.title_en if english else kind.title_zh,
        "status": kind.status,
        "code": problem.code,
        "detail": problem.detail,
        "fault": kind.fault,
        "retryable": kind.retryable,
        "errors": problem.errors,
        "trace_id": trace_id,
    }


def response(problem: Problem, request: Request, trace_id: str) -> JSONResponse:
    """Return the HTTP answer for a problem."""
    return JSONResponse(
        body(problem, request, trace_id),
        KINDS[problem.code].status,
        media_type=MEDIA_TYPE,
        headers=NO_STORE,
    )
