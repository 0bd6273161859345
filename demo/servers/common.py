"""What both servers share: token check, JSON answers, misbehaviour by count, a threaded server."""

import hmac
import json
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

_LARGEST_BODY = 64 * 1024
_RETRY_AFTER_S = 1


@dataclass(frozen=True)
class Request:
    """One request, read whole."""

    method: str
    path: str
    query: dict[str, list[str]]
    body: object


@dataclass(frozen=True)
class Answer:
    """Status, JSON body, further headers."""

    status: int
    body: object
    headers: dict[str, str] = field(default_factory=dict)


class Moods:
    """Misbehaviour by count of the requests that would have been answered: the n-th 503s, the m-th 429s.

    The request that follows a refusal is always answered, so that one retry is enough.
    """

    def __init__(self, busy_every: int, limited_every: int) -> None:
        self._busy_every = busy_every
        self._limited_every = limited_every
        self._count = 0
        self._just_refused = False
        self._lock = threading.Lock()

    def refusal(self) -> Answer | None:
        """Return the refusal for this request, or None if it is answered."""
        with self._lock:
            if self._just_refused:
                self._just_refused = False
                return None
            self._count += 1
            status = 0
            if self._count % self._busy_every == 0:
                status = HTTPStatus.SERVICE_UNAVAILABLE
            elif self._count % self._limited_every == 0:
                status = HTTPStatus.TOO_MANY_REQUESTS
            self._just_refused = bool(status)
        if not status:
            return None
        words = "系统繁忙, 请稍后再试" if status == HTTPStatus.SERVICE_UNAVAILABLE else "请求过于频繁"
        return Answer(status, {"code": int(status), "message": words}, {"Retry-After": str(_RETRY_AFTER_S)})


def documents(path: Path) -> sqlite3.Connection:
    """Open a server's file read-only, for one request."""
    return sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)


def make_server(
    port: int, token: str, answer: Callable[[Request], Answer], moods: Moods
) -> ThreadingHTTPServer:
    """Bind a server to 127.0.0.1; the caller runs `serve_forever`.

    Args:
        port: 0 lets the system choose.
        token: what `Authorization: Bearer` must carry, except for `GET /health`.
        answer: called once per lawful request, from several threads.
        moods: when to misbehave.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = "campus"
        sys_version = ""
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def log_message(self, *_words: object) -> None:
            """Requests may name people; they are not logged."""

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            body = self._read_body()
            if parts.path == "/health":
                self._send(Answer(200, {"status": "ok"}))
                return
            given = self.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
            if not hmac.compare_digest(given, f"Bearer {token}".encode()):
                self._send(Answer(401, {"code": 401, "message": "令牌无效"}, {"WWW-Authenticate": "Bearer"}))
                return
            if isinstance(body, Answer):
                self._send(body)
                return
            request = Request(self.command, parts.path, parse_qs(parts.query), body)
            self._send(moods.refusal() or answer(request))

        def _read_body(self) -> object:
            length = int(self.headers.get("Content-Length") or 0)
            if length > _LARGEST_BODY:
                self.close_connection = True
                return Answer(413, {"code": 413, "message": "请求过大"})
            raw = self.rfile.read(length)
            if not raw:
                return None
            try:
                return json.loads(raw)
            except ValueError:
                return Answer(400, {"code": 400, "message": "不是 JSON"})

        def _send(self, reply: Answer) -> None:
            raw = json.dumps(reply.body, ensure_ascii=False).encode()
            self.send_response(reply.status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(raw)))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    return server
