"""What every request passes first: a trace, a bounded body in a known format, safe headers, a line in the log.

Plain ASGI, so that it costs little; what it refuses is a problem like any other.
"""

import asyncio
import json
import re
import secrets
import time
from typing import Any

import structlog
from starlette.requests import Request
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import api, metrics
from service.problems import Problem, response
from service.room import OPS, Room
from service.stopping import Stopping

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_LENGTH = re.compile(r"[0-9]{1,18}")
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\";,\s]*)", re.IGNORECASE)
_HUNG_UP = 499  # nobody is there to be answered; as nginx counts it
_HSTS = "max-age=31536000"
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ZIP = "application/zip"
NDJSON = "application/x-ndjson"
PDF = "application/pdf"
JSON_LD = "application/ld+json"
_JSON = "application/json"
# Where something else than JSON is sent, and may be larger than other requests.
_SENT = {
    "/oauth2/token": ("application/x-www-form-urlencoded",),
    "/v1/catalog/proposals": (_JSON, XLSX),
    "/v1/jobs": (NDJSON,),
    "/v1/verifications": (_JSON, PDF),
}
_ROOM = {
    "/v1/catalog/proposals": 4 * 1024 * 1024,
    "/v1/jobs": 32 * 1024 * 1024,
    "/v1/verifications": 5_000_000,
}
# Where something else may be asked for beside JSON.
_OTHER_ANSWERS = {
    "/v1/catalog.jsonld": JSON_LD,
    "/v1/catalog/lists/": XLSX,
    "/v1/transactions/": ZIP,
    "/v1/jobs/": NDJSON,
    "/v1/certificates/": PDF,
    "/v1/me/certificates/": PDF,
}
_JSON_ACCEPTED = ("application/json", "application/problem+json", "application/*", "*/*")
_log = structlog.get_logger("yici.service")


class Guard:
    """ASGI middleware; see the module."""

    def __init__(
        self, app: ASGIApp, max_body_bytes: int, body_timeout_s: float, stopping: Stopping, room: Room
    ) -> None:
        self._app = app
        self._room = room
        self._stopping = stopping
        self._max_body_bytes = max_body_bytes
        self._body_timeout_s = body_timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request = Request(scope)
        found = _TRACEPARENT.fullmatch(request.headers.get("traceparent", ""))
        trace_id = found[1] if found and set(found[1]) != {"0"} else secrets.token_hex(16)
        scope["yici.trace_id"] = trace_id
        scope["yici.headers"] = {}
        status = 500

        async def marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                names = {name.lower() for name, _ in message["headers"]}
                added = {"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"} | scope["yici.headers"]
                if b"cache-control" not in names:
                    added["cache-control"] = "no-store"
                added["x-content-type-options"] = "nosniff"
                if scope["scheme"] == "https":
                    added["strict-transport-security"] = _HSTS
                if self._stopping.begun:
                    added["connection"] = "close"
                message["headers"] = [
                    *message["headers"],
                    *((name.lower().encode(), value.encode()) for name, value in added.items()),
                ]
            await send(message)

        try:
            try:
                fault = _format_fault(request)
                if fault and _is_routed(request):  # looked up for a fault only: every request comes by here
                    raise fault
                content = await asyncio.wait_for(self._body(request, receive), self._body_timeout_s)
                fault = _content_fault(request, content)
                if fault and _is_routed(request):
                    raise fault
            except TimeoutError:
                await response(Problem("REQUEST_TIMEOUT"), request)(scope, receive, marked)
            except Problem as problem:
                await response(problem, request)(scope, receive, marked)
            else:
                if content is None:
                    status = _HUNG_UP
                elif scope["path"] in OPS:
                    await self._app(scope, _replayed(content, receive), marked)
                elif self._room.is_full:
                    await response(self._room.busy(), request)(scope, receive, marked)
                else:
                    with self._room.place():
                        await self._app(scope, _replayed(content, receive), marked)
        finally:
            seconds = time.perf_counter() - started
            route = getattr(scope.get("route"), "path_format", "unknown")
            method = request.method if request.method in _METHODS else "?"
            metrics.REQUESTS.labels(method, route, str(status)).inc()
            metrics.SECONDS.labels(route).observe(seconds)
            _log.info(
                "request",
                method=method,
                route=route,
                status=status,
                ms=round(seconds * 1000, 1),
                trace_id=trace_id,
                **scope.get("yici.log", {}),
            )

    async def _body(self, request: Request, receive: Receive) -> bytes | None:
        """Return the whole body, or None if the caller went away."""
        most = max(self._max_body_bytes, _ROOM.get(request.scope["path"], 0))
        too_large = Problem("TOO_LARGE", f"at most {most} bytes")
        declared = request.headers.get("content-length")
        if declared is not None and not _LENGTH.fullmatch(declared):
            raise Problem("MALFORMED", "content-length is not a number")
        length = int(declared or 0)
        if length > most:
            raise too_large
        if most > self._max_body_bytes and request.method == "POST":
            is_long = length > self._max_body_bytes or "transfer-encoding" in request.headers
            if is_long and not _format_fault(request):
                await api.admit(request)  # nobody sends us megabytes before we know who it is
        parts, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > most:
                raise too_large
            more = message.get("more_body", False)
        return b"".join(parts)


def _is_routed(request: Request) -> bool:
    """Whether there is such a method of such a path; what is not there has no formats either."""
    routes = request.scope["app"].routes
    return any(route.matches(request.scope)[0] == Match.FULL for route in routes)


def _format_fault(request: Request) -> Problem | None:
    path = request.scope["path"]
    if not path.startswith(("/v1/", "/oauth2/")):
        return None
    others = [kind for prefix, kind in _OTHER_ANSWERS.items() if path.startswith(prefix)]
    if not any(kind in (*_JSON_ACCEPTED, *others) for kind in accepted_kinds(request)):
        return Problem("NOT_ACCEPTABLE", "answers are application/json")
    if request.method in ("POST", "PUT", "PATCH"):
        wanted = _SENT.get(path, (_JSON,))
        if sent_kind(request) not in wanted:
            return Problem("UNSUPPORTED_FORMAT", f"expected content-type {' or '.join(wanted)}")
        if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
            return Problem("UNSUPPORTED_FORMAT", "bodies are not compressed")
        charset = _CHARSET.search(request.headers.get("content-type", ""))
        if charset and charset[1].lower() not in ("utf-8", "utf8"):
            return Problem("UNSUPPORTED_FORMAT", "text is UTF-8")
    return None


def _content_fault(request: Request, content: bytes | None) -> Problem | None:
    """Return what is wrong with JSON, where another reader might see something else in it than we do."""
    if not content or sent_kind(request) != _JSON:
        return None
    try:
        _STRICT.decode(content.decode())
    except _Ambiguous as ambiguous:
        return Problem("MALFORMED", str(ambiguous))
    except (ValueError, RecursionError):
        return Problem(
            "MALFORMED", "the body is no JSON in UTF-8", [{"pointer": "/", "code": "json_invalid"}]
        )
    return None


class _Ambiguous(ValueError):
    pass


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Ambiguous("an object names a member twice")
    return found


def _no_number(_name: str) -> None:
    raise _Ambiguous("NaN and Infinity are no JSON")


_STRICT = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_number)


def sent_kind(request: Request) -> str:
    """Return the media type of what a request sends."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def accepted_kinds(request: Request) -> list[str]:
    """Return the media types that a request accepts, as it lists them."""
    accepted = request.headers.get("accept", "*/*")
    return [part.partition(";")[0].strip().lower() for part in accepted.split(",")]


def _replayed(content: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": content, "more_body": False}

    return replay
