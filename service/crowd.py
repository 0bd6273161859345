"""Reads of all the questions that a worker answers at the same time, made together as the record's entries are written.

Statements of one kind begin five thousandths of a second apart, and not more than two are under way: whoever comes
meanwhile goes with the next one, and who comes alone does not wait at all. So a busy worker makes fewer and larger
statements, and each question still sees the warehouse as it was after the question had come. Nothing is kept from one
question to the next. Every way to the database also stops the process for a moment, after which it is slow for a while,
so that company costs less than its statements alone.

What a release says is read over connections of their own, which cannot write and stay pinned to the release that they
read last: no transaction has to be opened for one statement. The other connections stay pinned to nothing, so that
whoever forgets to say a release reads none.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from service.reads import Answering, Together, answer

# So many statements of one kind at once: the second goes on where the first meets something slow.
_AT_ONCE = 2
_MOST = 200
APART_S = 0.005


@dataclass
class _Line:
    """Who waits for statements of one kind.

    Attributes:
        running: how many statements are under way.
        began: when the last one began, in the event loop's seconds.
        timer: begins the next one, where it had to be put off.
    """

    answering: Answering
    waiting: list[tuple[Any, asyncio.Future[Any]]] = field(default_factory=list)
    running: int = 0
    began: float = -math.inf
    timer: asyncio.TimerHandle | None = None


class Reader(asyncpg.Connection):
    """A connection that reads one release after the other; its pool opens it as read-only."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._release: int | None = None

    async def pin(self, release: int) -> None:
        """Let it read this release."""
        if self._release != release:
            self._release = None  # if this breaks off, nobody knows which one the server has
            await self.execute(f"SET yici.release = {release:d}")
            self._release = release


class Crowd(Together):
    """Reads of whatever is being asked now.

    Args:
        pool: connections for what belongs to no release: callers, cases.
        readers: connections of class `Reader`.
    """

    def __init__(self, pool: asyncpg.Pool, readers: asyncpg.Pool) -> None:
        super().__init__(pool)
        self._readers = readers
        self._lines: dict[Any, _Line] = {}

    async def pinned(self, release: int, work: Callable[[asyncpg.Connection], Awaitable[Any]]) -> Any:
        """Return what one statement reads of a release."""
        async with self._readers.acquire() as con:
            await con.pin(release)
            return await work(con)

    async def load(self, kind: Any, answering: Answering, wanted: Any) -> Any:
        """Wait for a statement that reads this and what others need of the same kind."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        line = self._lines.setdefault(kind, _Line(answering))
        line.waiting.append((wanted, future))
        self._serve(kind, line)
        return await future

    def _serve(self, kind: Any, line: _Line) -> None:
        """Begin a statement for who waits; if none may begin yet, this is called again when one may."""
        if line.timer or line.running == _AT_ONCE:
            return
        loop = asyncio.get_running_loop()
        if (early_s := line.began + APART_S - loop.time()) > 0:
            line.timer = loop.call_later(early_s, self._serve_late, kind, line)
        elif line.waiting:
            members, line.waiting = line.waiting[:_MOST], line.waiting[_MOST:]
            line.running += 1
            line.began = loop.time()
            task = loop.create_task(
                self._answer(line.answering, [one for one in members if not one[1].done()])
            )
            self._running.add(task)
            task.add_done_callback(lambda ended: self._ended(kind, line, ended))
        elif not line.running:
            self._lines.pop(kind, None)

    def _serve_late(self, kind: Any, line: _Line) -> None:
        line.timer = None
        self._serve(kind, line)

    def _ended(self, kind: Any, line: _Line, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        line.running -= 1
        self._serve(kind, line)

    async def _answer(self, answering: Answering, members: list[tuple[Any, asyncio.Future[Any]]]) -> None:
        """Read for all; if that fails, for each alone: nobody fails of what another asked."""
        if len(members) > 1:
            try:
                found = await answering([wanted for wanted, _ in members])
            except Exception:  # noqa: BLE001  # whatever it is, it comes again for whom it belongs to
                for one in members:
                    await answer(answering, [one])
                return
            for (_, future), one in zip(members, found, strict=True):
                if not future.done():
                    future.set_result(one)
        elif members:
            await answer(answering, members)
