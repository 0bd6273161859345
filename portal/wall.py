"""What every answer says to the browser, and how large a request may be. Plain ASGI."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portal.problems import Refused

MAX_BODY_BYTES = 64 * 1024
# Where forms are long, or files are sent: the beginning of the path, and how much it takes.
LARGER = {
    "/maintain/upload": 16 * 1024 * 1024,
    "/maintain/edit/": 1024 * 1024,
    "/duty/upload/": 16 * 1024 * 1024,
    "/window/confirm": 16 * 1024 * 1024,
}
# No page's address is nearly so long; Python reads no number of more than 4,300 digits.
_LONGEST_PATH = 2000
_TOO_LONG = "地址过长，没有这样的页面。\nThe address is too long: there is no such page.\n"
# So much of what is too large is still read, and dropped: a browser shows an answer only after it has sent all.
_DROPPED_BYTES = 128 * 1024 * 1024
_CSP = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "content-security-policy": _CSP,
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_HSTS = {"strict-transport-security": "max-age=31536000"}
_NOT_KEPT = {"cache-control": "no-store"}


def told_with_every_answer(is_secure: bool) -> dict[str, str]:
    """Return the headers of every answer; one that says nothing of being kept is not kept either."""
    return _HEADERS | (_HSTS if is_secure else {}) | _NOT_KEPT


class Wall:
    """ASGI middleware; see the module."""

    def __init__(self, app: ASGIApp, is_secure: bool) -> None:
        self._app = app
        self._headers = told_with_every_answer(is_secure)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        size, most = 0, _most_bytes(scope["path"])

        async def bounded() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > most:
                while message.get("more_body") and size < _DROPPED_BYTES:
                    message = await receive()
                    size += len(message.get("body", b""))
                raise Refused(413, "too_large")
            return message

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                names = {name.lower() for name, _ in message["headers"]}
                added = {
                    name: value
                    for name, value in self._headers.items()
                    if name not in _NOT_KEPT or name.encode() not in names
                }
                message["headers"] = [
                    *message["headers"],
                    *((name.encode(), value.encode()) for name, value in added.items()),
                ]
            await send(message)

        if len(scope["path"]) > _LONGEST_PATH:
            await PlainTextResponse(_TOO_LONG, 414)(scope, receive, marked)
            return
        await self._app(scope, bounded, marked)


def _most_bytes(path: str) -> int:
    return next((most for begin, most in LARGER.items() if path.startswith(begin)), MAX_BODY_BYTES)


def address_of(request: Request) -> str:
    """Return where a request came from, as the server saw it; uvicorn believes a proxy's word only where told to."""
    return request.client.host if request.client else ""
