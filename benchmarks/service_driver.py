"""A driver for HTTP that costs less than the server it drives: raw sockets, ready-made requests, one process.

Every status is counted, requests differ (each asks about somebody else), and the rate may be given. At a given rate a
latency begins when its request was due, whether or not the driver or the server was ready for it; how late the driver
itself was is told beside it. `service_wrk` drives flat out where `wrk` is installed.
"""

import asyncio
import gc
import itertools
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import uvloop

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length: "
_TIMEOUT_S = 20
# Stands for the status of what broke, or was refused with a status that nobody told.
FAILED = 0


@dataclass
class Drive:
    """What a drive came to.

    Attributes:
        seconds: how long it took.
        statuses: answers by status; FAILED for a connection that broke.
        latencies_s: of every answer, or evenly spread over them, from the moment that its turn came, so that waiting
            for a slow server counts.
        each: the status of every answer, in the same order.
        lags_s: how much later than due each request was sent, which is the driver's own fault.
    """

    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    latencies_s: list[float] = field(default_factory=list)
    each: list[int] = field(default_factory=list)
    lags_s: list[float] = field(default_factory=list)

    def note(self, status: int, latency_s: float) -> None:
        """Count an answer."""
        self.statuses[status] += 1
        self.latencies_s.append(latency_s)
        self.each.append(status)

    @property
    def per_second(self) -> float:
        """Answers of 200 a second."""
        return self.statuses[200] / self.seconds

    @property
    def failures(self) -> int:
        """Everything that was not answered with 200."""
        return self.statuses.total() - self.statuses[200]

    def percentile_ms(self, share: float) -> float:
        """Return the latency that this share of the answers stayed below, in milliseconds."""
        return _percentile_ms(self.latencies_s, share)

    def lag_ms(self, share: float) -> float:
        """Return the driver's own lag that this share of the requests stayed below, in milliseconds."""
        return _percentile_ms(self.lags_s, share)


def _percentile_ms(seconds: Sequence[float], share: float) -> float:
    ordered = sorted(seconds)
    return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def request(path: str, token: str, body: object) -> bytes:
    """Return the bytes of a POST."""
    content = json.dumps(body, ensure_ascii=False).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def flat_out(port: int, requests: Iterable[bytes], seconds: float, connections: int) -> Drive:
    """Ask as fast as answers come, each connection one request at a time."""
    drive = Drive()
    uvloop.run(_flat_out(drive, port, iter(requests), seconds, connections))
    return drive


def steady(
    port: int,
    requests: Iterable[bytes],
    per_second: float,
    is_over: Callable[[float], bool],
    on_answer: Callable[[int, bytes], None] | None = None,
) -> Drive:
    """Ask at a constant rate, whether or not answers come.

    Args:
        port: of the server on this machine.
        requests: what to send, in turn.
        per_second: how many.
        is_over: told the seconds so far, says whether to end; asked once a second.
        on_answer: told status and body of every answer.
    """
    drive = Drive()
    gc.disable()  # nothing here is a cycle, and looking for some would make requests late
    try:
        uvloop.run(_steady(drive, port, iter(requests), per_second, is_over, on_answer))
    finally:
        gc.enable()
    return drive


class _Connection:
    """A kept-open connection; opened anew when it was closed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, sent: bytes) -> tuple[int, bytes]:
        """Return status and body."""
        if self._streams and self._streams[0].at_eof():  # the server closed it while it rested
            self.close()
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        try:
            writer.write(sent)
            head = (await reader.readuntil(_HEAD_END)).lower()
            at = head.index(_LENGTH) + len(_LENGTH)
            body = await reader.readexactly(int(head[at : head.index(b"\r\n", at)]))
        except (OSError, asyncio.IncompleteReadError, ValueError):
            self.close()
            return FAILED, b""
        if b"connection: close" in head:
            self.close()
        return int(head[9:12]), body

    def close(self) -> None:
        """Close it."""
        if self._streams:
            self._streams[1].close()
        self._streams = None


async def _flat_out(
    drive: Drive, port: int, requests: Iterator[bytes], seconds: float, connections: int
) -> None:
    started = time.perf_counter()
    ends = started + seconds

    async def one() -> None:
        connection = _Connection(port)
        while (asked := time.perf_counter()) < ends:
            status, _ = await connection.ask(next(requests))
            drive.note(status, time.perf_counter() - asked)
        connection.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    drive.seconds = time.perf_counter() - started


async def _steady(
    drive: Drive,
    port: int,
    requests: Iterator[bytes],
    per_second: float,
    is_over: Callable[[float], bool],
    on_answer: Callable[[int, bytes], None] | None,
) -> None:
    started = time.perf_counter()
    idle: list[_Connection] = []

    async def one(due: float) -> None:
        connection = idle.pop() if idle else _Connection(port)
        drive.lags_s.append(max(0.0, time.perf_counter() - due))
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                status, body = await connection.ask(next(requests))
        except TimeoutError:
            connection.close()
            status, body = FAILED, b""
        drive.note(status, time.perf_counter() - due)
        if on_answer:
            on_answer(status, body)
        idle.append(connection)

    tasks: set[asyncio.Task[None]] = set()
    for number in itertools.count():
        due = started + number / per_second
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        if number % max(1, int(per_second)) == 0 and is_over(due - started):
            break
        task = asyncio.create_task(one(due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    drive.seconds = time.perf_counter() - started
    for connection in idle:
        connection.close()
