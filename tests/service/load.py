"""Requests at a constant rate while something else happens, and what came of each: for tests of stops and switches."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.service import campus
from tests.service.desk import T001, Desk

AT_ONCE = 20


@dataclass
class Load:
    """What was asked and what came of it.

    Attributes:
        answers: body of each answer of 200, in the order of their coming.
        failures: status or kind of error of everything else.
    """

    answers: list[dict[str, Any]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def wait_for(self, more: int, within_s: float = 180) -> None:
        """Wait until so many more requests have been answered."""
        wanted, ends = len(self.answers) + more, time.monotonic() + within_s
        while len(self.answers) < wanted:
            assert time.monotonic() < ends, self.failures[:5]
            time.sleep(0.05)


@contextlib.contextmanager
def constant(
    at_desk: Desk, address: str, per_second: int = 50, elements: tuple[str, ...] = ("XM", "ZT", "DW")
) -> Iterator[Load]:
    """Ask about one person `per_second` times a second until the block ends, over kept-open connections.

    A machine too busy to answer so often is asked less often: never more than AT_ONCE wait for an answer.
    """
    case_id, headers = at_desk.case(), at_desk.headers()
    body = {
        "subject": dict(T001),
        "service_item": campus.EMPLOYED,
        "case_id": case_id,
        "elements": list(elements),
        "actor": {"user_id": "U1", "role": "officer"},
    }
    load, ends = Load(), threading.Event()
    thread = threading.Thread(
        target=lambda: asyncio.run(_ask(address, headers, body, per_second, load, ends)), daemon=True
    )
    thread.start()
    try:
        yield load
    finally:
        ends.set()
        thread.join()


async def _ask(
    address: str,
    headers: Mapping[str, str],
    body: Mapping[str, Any],
    per_second: int,
    load: Load,
    ends: threading.Event,
) -> None:
    limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE, keepalive_expiry=30)
    room = asyncio.Semaphore(AT_ONCE)
    async with httpx.AsyncClient(
        base_url=address, headers=headers, trust_env=False, timeout=60, limits=limits
    ) as http:

        async def once() -> None:
            try:
                reply = await http.post("/v1/facts:query", json=body)
            except httpx.HTTPError as error:
                load.failures.append(type(error).__name__)
                return
            finally:
                room.release()
            if reply.status_code == 200:
                load.answers.append(reply.json())
            else:
                load.failures.append(f"{reply.status_code} {reply.json()['code']}")

        asked, due = [], time.monotonic()
        while not ends.is_set():
            await room.acquire()
            asked.append(asyncio.create_task(once()))
            due = max(due + 1 / per_second, time.monotonic())
            await asyncio.sleep(due - time.monotonic())
        await asyncio.gather(*asked)
