"""Refusals as RFC 9457 problems: what, whose fault, whether trying again helps; never a personal value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

MEDIA_TYPE = "application/problem+json"
NO_STORE = {"Cache-Control": "no-store"}


@dataclass(frozen=True)
class Kind:
    """One kind of problem: HTTP status, whose fault (caller, us, source), whether to try again, titles."""

    status: int
    fault: str
    retryable: bool
    title_zh: str
    title_en: str


KINDS = {
    "MALFORMED": Kind(400, "caller", False, "请求格式有误", "The request is malformed"),
    "INVALID_TOKEN": Kind(401, "caller", False, "令牌无效", "The token is not valid"),
    "INVALID_CLIENT": Kind(401, "caller", False, "客户端身份未通过", "The client could not be authenticated"),
    "CLIENT_SUSPENDED": Kind(401, "caller", False, "客户端已停用", "The client is suspended"),
    "PURPOSE_NOT_GRANTED": Kind(403, "caller", False, "用途未获授权", "The purpose is not granted"),
    "ELEMENT_NOT_GRANTED": Kind(403, "caller", False, "数据元未获授权", "An element is not granted"),
    "CASE_NOT_VALID": Kind(403, "caller", False, "办件无效", "The case is not valid"),
    "CONSENT_REQUIRED": Kind(403, "caller", False, "须先取得本人同意", "Consent is required"),
    "SELF_ACCESS_FORBIDDEN": Kind(
        403, "caller", False, "经办人不得查询本人", "Officers may not query themselves"
    ),
    "NOT_PERMITTED": Kind(403, "caller", False, "无权办理", "The client may not do this"),
    "SUBJECT_NOT_FOUND": Kind(404, "caller", False, "查无此对象", "The subject was not found"),
    "NOT_FOUND": Kind(404, "caller", False, "此处没有这项内容", "There is no such thing here"),
    "METHOD_NOT_ALLOWED": Kind(405, "caller", False, "不支持该方法", "The method is not allowed"),
    "NOT_ACCEPTABLE": Kind(406, "caller", False, "无法按所要的格式作答", "No answer in the format asked for"),
    "REQUEST_TIMEOUT": Kind(408, "caller", True, "请求传送过慢", "The request took too long to arrive"),
    "REQUEST_IN_PROGRESS": Kind(
        409, "caller", True, "同一请求正在处理", "The same request is being processed"
    ),
    "SUBJECT_AMBIGUOUS": Kind(
        409, "us", False, "所给的号码属于不同的人", "The numbers belong to different people"
    ),
    "CORRECTION_OPEN": Kind(
        409, "caller", False, "该项更正正在处理", "A correction of this fact is under way"
    ),
    "CORRECTION_DECIDED": Kind(
        409, "caller", False, "该更正已另有决定", "The correction was decided otherwise"
    ),
    "CERTIFICATE_REFUSED": Kind(
        409, "caller", False, "所需数据当前不能出证", "What it would state is not verified now"
    ),
    "TICKET_CLOSED": Kind(409, "caller", False, "该事项已办结", "The ticket is closed"),
    "QUESTION_ANSWERED": Kind(409, "caller", False, "该询问已答复", "The question was answered before"),
    "PROPOSAL_CLOSED": Kind(409, "caller", False, "该提案已办结", "The proposal is closed"),
    "NOT_SEALED": Kind(409, "us", True, "尚未封存, 请稍后再取", "No checkpoint covers the entry yet"),
    "NOT_DONE": Kind(409, "us", True, "任务尚未完成, 请稍后再取", "The job is not done yet"),
    "NOT_REPLAYABLE": Kind(409, "us", False, "该次答复无法重现", "This answer cannot be replayed"),
    "GONE": Kind(410, "us", False, "该版次的数据已按期删除", "The data of that release was deleted in time"),
    "TOO_LARGE": Kind(413, "caller", False, "请求过大", "The request is too large"),
    "UNSUPPORTED_FORMAT": Kind(415, "caller", False, "不支持该格式", "The format is not supported"),
    "INVALID_PARAMETER": Kind(422, "caller", False, "参数有误", "A parameter is not valid"),
    "PROPOSAL_FAULTY": Kind(
        422, "caller", False, "提案有误, 未登记", "The proposal has faults; nothing was recorded"
    ),
    "IDEMPOTENCY_KEY_REUSED": Kind(
        422, "caller", False, "幂等键已用于其他请求", "The idempotency key was reused"
    ),
    "QUOTA_EXCEEDED": Kind(429, "caller", True, "超出配额", "The quota is exceeded"),
    "INTERNAL": Kind(500, "us", True, "内部错误", "Internal error"),
    "AUDIT_UNAVAILABLE": Kind(
        503, "us", True, "暂不能留痕, 因此不作答", "No record can be kept, so no answer is given"
    ),
    "SOURCE_UNAVAILABLE": Kind(503, "us", True, "数据仓库暂不可用", "The warehouse is not available"),
    "SOURCE_TIMEOUT": Kind(504, "us", True, "数据仓库未及时作答", "The warehouse did not answer in time"),
    "LOGIN_UNAVAILABLE": Kind(503, "us", True, "校园登录暂不可用", "The campus login is not available"),
    "SEAL_UNAVAILABLE": Kind(503, "us", True, "暂不能出证", "No certificate can be issued now"),
    "BUSY": Kind(503, "us", True, "此刻请求过多, 请稍后再试", "Too many requests are under way"),
    "STOPPING": Kind(503, "us", True, "本进程即将停止", "This worker is about to end"),
    "NO_RELEASE": Kind(503, "us", True, "尚无发布版次", "There is no release yet"),
}
_OAUTH_ERRORS = {
    "INVALID_CLIENT": "invalid_client",
    "CLIENT_SUSPENDED": "invalid_client",
}


class Problem(Exception):
    """A refusal or failure.

    Attributes:
        code: one of KINDS.
        detail: names elements, rules and settings, never a value of a person.
        rule: the rule that decided; told to the caller.
        noted: what the record says instead of `rule`, where the caller must not learn the difference.
        errors: pointer and code of each fault in the request.
        headers: further headers of the answer.
        transaction_id: of the decision on record, once there is one.
    """

    def __init__(
        self,
        code: str,
        detail: str = "",
        errors: list[dict[str, str]] | None = None,
        *,
        rule: str = "",
        noted: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.rule = rule
        self.noted = noted or rule or code.lower()
        self.errors = errors or []
        self.headers = dict(headers or {})
        self.transaction_id: str | None = None

    @property
    def kind(self) -> Kind:
        return KINDS[self.code]


def prefers_english(accept_language: str) -> bool:
    """Whether a caller's Accept-Language puts English before Chinese; Chinese where it says neither."""
    best = {"en": 0.0, "zh": 0.0}
    for place, part in enumerate(accept_language.lower().split(",")):
        tag, _, parameter = part.strip().partition(";")
        quality = parameter.strip().removeprefix("q=") or "1"
        weight = float(quality) if quality.replace(".", "", 1).isdecimal() else 0.0
        language = tag.partition("-")[0]
        if language in best:
            best[language] = max(best[language], weight - place / 1000)
    return best["en"] > best["zh"]


def trace_of(request: Request) -> str:
    """Return the trace id that the guard gave the request."""
    return request.scope.get("yici.trace_id", "")


def body(problem: Problem, request: Request) -> dict[str, Any]:
    """Return the problem document, titled in the language that the caller prefers."""
    kind = problem.kind
    english = prefers_english(request.headers.get("accept-language", ""))
    trace_id = trace_of(request)
    instance = problem.transaction_id and f"urn:uuid:{problem.transaction_id}"
    shown: dict[str, Any] = {
        "type": f"urn:yici:problem:{problem.code.lower()}",
        "title": kind.title_en if english else kind.title_zh,
        "status": kind.status,
        "code": problem.code,
        "detail": problem.detail,
        "instance": instance or f"urn:yici:trace:{trace_id}",
        "fault": kind.fault,
        "rule": problem.rule or None,
        "retryable": kind.retryable,
        "errors": problem.errors,
        "trace_id": trace_id,
    }
    if request.scope["path"] == "/oauth2/token":
        # RFC 6749 §5.2: what OAuth clients look for, beside the problem's own members
        shown["error"] = _OAUTH_ERRORS.get(problem.code, "invalid_request")
        shown["error_description"] = kind.title_en
    return shown


def response(problem: Problem, request: Request) -> JSONResponse:
    """Return the HTTP answer for a problem."""
    headers = NO_STORE | problem.headers
    if problem.kind.status == 401 and problem.code != "INVALID_CLIENT":
        headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    if problem.kind.retryable and problem.kind.status >= 500:
        headers.setdefault("Retry-After", "5")
    return JSONResponse(body(problem, request), problem.kind.status, media_type=MEDIA_TYPE, headers=headers)


def as_bytes(answer: Response, more: Mapping[str, str]) -> bytes:
    """Write an answer as it goes over the wire where no application does, with further headers."""
    added = {"x-content-type-options": "nosniff", **more}
    headers = [*answer.raw_headers, *((name.encode(), value.encode()) for name, value in added.items())]
    lines = [b"%s: %s\r\n" % one for one in headers]
    return b"".join([STATUS_LINE[answer.status_code], *lines, b"\r\n", bytes(answer.body)])
