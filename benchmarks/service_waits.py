"""Where answers wait, measured inside the benchmark's server, so that a late answer has a cause.

Noted are how late the event loop wakes, because something holds it or the processors are busy; stops by the garbage
collector; the wait for a connection; reads of a release; the record's transactions with their flush to the disk; and
the reading of a new release.
"""

import asyncio
import functools
import gc
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
from fastapi import APIRouter

from service.crowd import Crowd
from service.record import Recorder
from service.state import State

PATH = "/bench/waits"
LOOP, COLLECTOR = "event loop late", "garbage collector"
_LOOK_S = 0.005
_NOTED: tuple[tuple[type, str, str], ...] = (
    (asyncpg.Pool, "_acquire", "waiting for a connection"),
    (Crowd, "pinned", "reading a release"),
    (Recorder, "_write", "writing the record"),
    (State, "_read", "a new release"),
)
router = APIRouter()
_seen: dict[str, list[float]] = defaultdict(list)


def install() -> None:
    """Note waits from now on, in this process."""
    for kind, name, what in _NOTED:
        setattr(kind, name, _noted(what, getattr(kind, name)))
    gc.callbacks.append(_collecting())


def _noted(what: str, original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(original)
    async def noted(*args: Any, **more: Any) -> Any:
        started = time.perf_counter()
        try:
            return await original(*args, **more)
        finally:
            _seen[what].append(time.perf_counter() - started)

    return noted


def _collecting() -> Callable[[str, dict[str, int]], None]:
    started = 0.0

    def told(phase: str, _: dict[str, int]) -> None:
        nonlocal started
        if phase == "start":
            started = time.perf_counter()
        else:
            _seen[COLLECTOR].append(time.perf_counter() - started)

    return told


async def _look() -> None:
    while True:
        due = time.perf_counter() + _LOOK_S
        await asyncio.sleep(_LOOK_S)
        _seen[LOOP].append(time.perf_counter() - due)


_looking: set[asyncio.Task[None]] = set()


@router.post(PATH)
async def waits() -> dict[str, dict[str, float]]:
    """Return what was noted since the last time: how often, and the milliseconds of the median, p99 and the longest."""
    if not _looking:
        _looking.add(asyncio.create_task(_look()))
    told = {what: _shares(sorted(seconds)) for what, seconds in _seen.items() if seconds}
    _seen.clear()
    return told


def _shares(ordered: list[float]) -> dict[str, float]:
    count = len(ordered)
    ranks = {"p50": count // 2, "p99": min(count - 1, count * 99 // 100), "max": count - 1}
    return {"count": count} | {name: 1000 * ordered[rank] for name, rank in ranks.items()}
