"""How many requests a worker answers at a time: who comes beyond that is told so at once, and may come again.

Without a limit a flood makes everybody wait until every time-out is over, and nobody is answered. A place is taken when
the request is there in full, so that slow senders hold none, and left while a source that is asked live is waited for.
What is turned away was not decided about: it costs little and is not on record. Health, readiness and counters need no
place.
"""

import contextlib
import secrets
import time
from collections.abc import Iterator, Sequence
from functools import lru_cache

import structlog
from starlette.requests import Request

from service import metrics
from service.problems import Problem, as_bytes, prefers_english, response

# Under this name the connections of a worker find its room.
ROOM = "room"
OPS = ("/healthz", "/readyz", "/metrics")
_TELL_EVERY_S = 10.0
# Stands for the number of a trace in what is written beforehand.
_TRACE = b"7" * 32
_log = structlog.get_logger("yici.service")


class Room:
    """The places of one worker.

    Args:
        places: how many requests are answered at a time.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._taken = 0
        self._told_at = float("-inf")

    @property
    def is_full(self) -> bool:
        """Whether the next request has to be turned away."""
        return self._taken >= self._places

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """Take a place for the block."""
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Leave one's place for the block, in which somebody else's answer is waited for."""
        self._taken -= 1
        try:
            yield
        finally:
            self._taken += 1

    def busy(self) -> Problem:
        """Count a request that is turned away, and return what it is told."""
        metrics.TURNED_AWAY.inc()
        moment = time.monotonic()
        if moment - self._told_at > _TELL_EVERY_S:
            self._told_at = moment
            _log.warning("requests are turned away", places=self._places)
        return _busy()

    def turn_away(self, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
        """Return what a request is told of which nothing but the head was looked at, as it goes over the wire."""
        self.busy()
        languages = [value.decode("latin-1") for name, value in headers if name.lower() == b"accept-language"]
        return _written(prefers_english(",".join(languages))).replace(_TRACE, secrets.token_hex(16).encode())


@lru_cache
def _written(is_english: bool) -> bytes:
    headers = [(b"accept-language", b"en")] if is_english else []
    scope = {"type": "http", "path": "", "headers": headers, "yici.trace_id": _TRACE.decode()}
    traceparent = f"00-{_TRACE.decode()}-{_TRACE.decode()[:16]}-01"
    return as_bytes(response(_busy(), Request(scope)), {"traceparent": traceparent})


def _busy() -> Problem:
    return Problem("BUSY", "so many requests are being answered", headers={"Retry-After": "1"})
