"""How a worker ends without dropping a request that somebody has sent already.

A signal is told to the callers first: `/readyz` says 503 and every answer closes its connection, for as long as a proxy
needs to notice (YICI_SERVICE_DRAIN_S). Then uvicorn stops listening, and connections that are silent just then get a
moment more: what is on its way is still answered. Only then the worker seals the record and goes.
"""

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LINGER_S = 0.5
# A proxy that keeps connections open (nginx: 60 s) has to give them up before we do, or it sends into a closed one.
KEEP_ALIVE_S = 75

_Handler = Callable[[int, FrameType | None], Any]


class Stopping:
    """Whether this worker is about to end, and the signal handler that says so before the server's own.

    Attributes:
        begun: the worker still answers, but wants no further requests.
    """

    def __init__(self, drain_s: float) -> None:
        self.begun = False
        self._drain_s = drain_s
        self._before: dict[int, _Handler] = {}

    def listen(self) -> None:
        """Hear SIGTERM and SIGINT before the server does; in a thread of a test there is nothing to hear."""
        if threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()

        def hear(number: int, frame: FrameType | None) -> None:
            is_first, self.begun = not self.begun, True
            if is_first and number == signal.SIGTERM and self._drain_s:
                loop.call_soon_threadsafe(loop.call_later, self._drain_s, self._before[number], number, None)
            else:
                self._before[number](number, frame)

        for number in (signal.SIGTERM, signal.SIGINT):
            before = signal.getsignal(number)
            if callable(before):
                self._before[number] = before
                signal.signal(number, hear)


class Protocol(HttpToolsProtocol):
    """uvicorn's, but a connection that is silent when the server stops gets a moment before it is closed."""

    def shutdown(self) -> None:
        """Close the connection after its answer, or soon if none is under way."""
        if self.cycle is None or self.cycle.response_complete:
            self.loop.call_later(LINGER_S, self._close)
        else:
            self._close()

    def _close(self) -> None:
        if not self.transport.is_closing():
            super().shutdown()
