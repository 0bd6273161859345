"""The connection before there is a request: how long and how large its head may be, and what is no HTTP at all.

uvicorn waits for a head without end, keeps one of any size, and refuses what it cannot read with a line of plain text.
Here a head has a time and a size, and every refusal is a problem document like any other. What follows a request that
is still being answered never gets between it and its answer.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

import structlog
from starlette.requests import Request
from uvicorn.config import Config

from service import metrics
from service.configuration import Configuration
from service.problems import Problem, as_bytes, response
from service.room import OPS, ROOM, Room
from service.stopping import Protocol

_OPS = tuple(path.encode() for path in OPS)
_log = structlog.get_logger("yici.service")


class Wire(Protocol):
    """The protocol of one connection; see the module.

    Attributes:
        head_s: seconds from the first byte of a request, or the connection, until its head must be there.
        max_head_bytes: how large the head may be.
        linger_s: seconds for an early answer to be read before its connection is closed.
    """

    head_s = 10.0
    max_head_bytes = 32 * 1024
    linger_s = 2.0
    _deadline: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _is_turned_away = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first head."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._head_arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless the head has become too large."""
        is_head = self._deadline is not None
        super().data_received(data)
        if is_head and self._deadline is not None and not self._is_turned_away:
            self._head_bytes += len(data)
            if self._head_bytes > self.max_head_bytes:
                self._refuse(Problem("TOO_LARGE", f"at most {self.max_head_bytes} bytes of head"))

    def on_message_begin(self) -> None:
        """Wait for the head of a further request."""
        super().on_message_begin()
        self._is_turned_away = False
        if self._deadline is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        """Let the application have it, if there is room; the body has a time of its own."""
        self._head_arrived()
        self._is_turned_away = self._has_no_room()
        if not self._is_turned_away:
            super().on_headers_complete()
        else:
            self._await_head()  # for its body, too, which is read and not kept

    def on_body(self, body: bytes) -> None:
        """Read the body for the application."""
        if not self._is_turned_away:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Let the application know, or answer what is turned away: by hand, so that a flood costs little."""
        if not self._is_turned_away:
            super().on_message_complete()
            return
        self._head_arrived()
        room: Room = self.app_state[ROOM]
        self.transport.write(room.turn_away([*self.headers]))
        super().on_response_complete()
        if not self.parser.should_keep_alive():
            self._close()

    def _has_no_room(self) -> bool:
        room: Room | None = self.app_state.get(ROOM)
        if room is None or not room.is_full or self.expect_100_continue:
            return False
        is_answered = self.cycle is None or self.cycle.response_complete
        return is_answered and self.url.partition(b"?")[0] not in _OPS

    def on_response_complete(self) -> None:
        """Close the connection soon if its request was answered before it had been read to its end."""
        is_unread = self.cycle is not None and self.cycle.response_complete and self.cycle.more_body
        super().on_response_complete()
        if is_unread:
            self.loop.call_later(self.linger_s, self._close)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP; if that came after a request that is whole, answer this one first."""
        if self.cycle is None or self.cycle.response_complete or self.cycle.more_body:
            self._refuse(Problem("MALFORMED", "this is no HTTP request"))
        else:
            self._head_arrived()
            self.cycle.keep_alive = False

    def _await_head(self) -> None:
        self._head_bytes = 0
        self._deadline = self.loop.call_later(self.head_s, self._too_late)

    def _head_arrived(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        if self._head_bytes:
            self._refuse(Problem("REQUEST_TIMEOUT"))
        else:
            self._close()

    def _refuse(self, problem: Problem) -> None:
        self._head_arrived()
        if self.transport.is_closing():
            return
        answer = response(problem, Request({"type": "http", "path": "", "headers": []}))
        self.transport.write(as_bytes(answer, {"connection": "close"}))
        self.transport.close()
        metrics.REQUESTS.labels("?", "unknown", str(answer.status_code)).inc()
        _log.info("request refused unread", status=answer.status_code, code=problem.code)


def tls_options(chosen: Configuration) -> dict[str, Any]:
    """Return uvicorn's options for serving over TLS without a proxy; none where no certificate is set."""
    if chosen.tls_cert is None:
        return {}
    return {
        "ssl_certfile": chosen.tls_cert,
        "ssl_keyfile": chosen.tls_key,
        "ssl_context_factory": _tls_context,
    }


def _tls_context(_config: Config, usual: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    context = usual()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
