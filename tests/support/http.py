"""Real HTTP on 127.0.0.1 for tests: scripted answers that remember the questions, or a whole application."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """An answer; a `body` that is not bytes is sent as JSON. The connection is cut after `cut_after` bytes of it."""

    body: object = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None


class ScriptedServer:
    """Answers with what `answers` (path → Reply, or function of the Request) says; 404 for other paths."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: dict[str, Reply | Callable[[Request], Reply]] = {}
        self.requests: list[Request] = []

    def answer(self, request: Request) -> Reply:
        self.requests.append(request)
        scripted = self.answers.get(request.path, Reply(status=404))
        return scripted(request) if callable(scripted) else scripted


@contextlib.contextmanager
def scripted_server() -> Iterator[ScriptedServer]:
    """Serve from a thread until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _respond(self) -> None:
            address = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = scripted.answer(
                Request(self.command, address.path, parse_qs(address.query), headers, body)
            )
            content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            kind = "application/octet-stream" if isinstance(reply.body, bytes) else "application/json"
            self.send_response(reply.status)
            headers = {"Content-Type": kind, "Content-Length": str(len(content))} | reply.headers
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # a reader may give up, and some tests are about that
                self.wfile.write(content[: reply.cut_after])
            self.close_connection = self.close_connection or reply.cut_after is not None

        do_GET = do_POST = do_PUT = do_DELETE = _respond

        def log_message(self, *_: object) -> None:
            """Say nothing: a test reads `requests`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    scripted = ScriptedServer(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield scripted
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def asgi_server(application: object, **options: Any) -> Iterator[str]:
    """Serve an ASGI application with uvicorn from a thread; yields its address. `options` are uvicorn's."""
    import uvicorn

    config = uvicorn.Config(
        application, host="127.0.0.1", port=0, log_level="warning", lifespan="on", **options
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("the application did not start; its traceback is in the captured output")
        time.sleep(0.02)
    try:
        yield f"http{'s' if config.is_ssl else ''}://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
