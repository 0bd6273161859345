"""What a question reads of the warehouse: by itself (`Reads`), or together with the other questions of a set.

A question of a set runs through the same code as one that is asked alone: no right can be checked there and forgotten
here. Only its reads are made otherwise: they wait until every question of the set that can go on has said what it
needs, and are then one statement for all.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from catalogs.model import Catalog
from service import cases, subjects, tokens
from service.reading import Plan, Read, read
from service.subjects import Resolved
from service.tokens import Client
from service.transactions import pinned

Key = tuple[str, str]


class Reading:
    """Reads that see one release and one moment.

    Args:
        con: in a transaction pinned to the release.
    """

    def __init__(self, con: asyncpg.Connection) -> None:
        self._con = con

    async def resolve(self, catalog: Catalog, asked: Sequence[Key], at: datetime) -> list[Resolved]:
        """Look up numbers; see `subjects.resolve`."""
        return await subjects.resolve(self._con, catalog, asked, at)

    async def rows(self, plan: Plan, keys: Mapping[str, Sequence[str]]) -> Read:
        """Run a plan for one subject; see `reading.read`."""
        return (await read(self._con, plan, [keys]))[0]

    async def fetch(self, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        """Run a statement of one question's own."""
        found: list[asyncpg.Record] = await self._con.fetch(statement, *arguments)
        return found


class Reads:
    """Reads of one question that is asked alone."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def case(self, client_id: str, case_id: UUID) -> Mapping[str, Any] | None:
        """Return the row of a client's case, if there is one."""
        return (await cases.rows(self._pool, client_id, [case_id])).get(case_id)

    async def caller(self, client_id: str) -> tuple[Client | None, int | None]:
        """Return a client as it is registered now, and the number of the current release."""
        known, release = await tokens.known(self._pool, [client_id])
        return known.get(client_id), release

    def at(self, release: int) -> contextlib.AbstractAsyncContextManager[Reading]:
        """Lend reads of a release."""
        return self._alone(release)

    async def load(self, kind: Any, answering: "Answering", wanted: Any) -> Any:
        """Do what questions of a set do together, for this one: `answering` does it for many, in their order."""
        return (await answering([wanted]))[0]

    @contextlib.asynccontextmanager
    async def _alone(self, release: int) -> AsyncIterator[Reading]:
        async with pinned(self._pool, release) as con:
            yield Reading(con)


# Answers what several questions need of one kind, in their order.
Answering = Callable[[list[Any]], Awaitable[Sequence[Any]]]


class Together(Reads):
    """Reads of a set of questions that run side by side."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        super().__init__(pool)
        self._waiting: dict[Any, tuple[Answering, list[tuple[Any, asyncio.Future[Any]]]]] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def case(self, client_id: str, case_id: UUID) -> Mapping[str, Any] | None:
        async def found(wanted: list[UUID]) -> list[Mapping[str, Any] | None]:
            known = await cases.rows(self._pool, client_id, wanted)
            return [known.get(one) for one in wanted]

        return await self.load(("case", client_id), found, case_id)

    async def caller(self, client_id: str) -> tuple[Client | None, int | None]:
        async def found(wanted: list[str]) -> list[tuple[Client | None, int | None]]:
            known, release = await tokens.known(self._pool, list(dict.fromkeys(wanted)))
            return [(known.get(one), release) for one in wanted]

        told: tuple[Client | None, int | None] = await self.load("caller", found, client_id)
        return told

    def at(self, release: int) -> contextlib.AbstractAsyncContextManager[Reading]:
        return contextlib.nullcontext(_Shared(self, release))

    async def load(self, kind: Any, answering: Answering, wanted: Any) -> Any:
        """Wait for what the other questions of the set need of this kind, and read it together.

        Args:
            kind: what is read together.
            answering: reads it for many, in their order.
            wanted: what this question needs.
        """
        loop = asyncio.get_running_loop()
        if not self._waiting:
            # Whoever is ready to run now comes first, and says what they need, too.
            loop.call_soon(self._send)
        future: asyncio.Future[Any] = loop.create_future()
        self._waiting.setdefault(kind, (answering, []))[1].append((wanted, future))
        return await future

    async def pinned(self, release: int, work: Callable[[asyncpg.Connection], Awaitable[Any]]) -> Any:
        """Return what is read in a transaction of its own that sees the release."""
        async with pinned(self._pool, release) as con:
            return await work(con)

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for answering, members in waiting.values():
            task = asyncio.get_running_loop().create_task(answer(answering, members))
            self._running.add(task)
            task.add_done_callback(self._running.discard)


async def answer(answering: Answering, members: list[tuple[Any, asyncio.Future[Any]]]) -> None:
    """Read for all members and give each its own, or the error."""
    try:
        found = await answering([wanted for wanted, _ in members])
    except BaseException as error:
        for _, future in members:
            if not future.done():
                future.set_exception(error)
        if not isinstance(error, Exception):
            raise
        return
    for (_, future), one in zip(members, found, strict=True):
        if not future.done():
            future.set_result(one)


class _Shared(Reading):
    """Reads of one question of a set: no connection is held for it while it waits."""

    def __init__(self, together: Together, release: int) -> None:
        self._together = together
        self._release = release

    async def resolve(self, catalog: Catalog, asked: Sequence[Key], at: datetime) -> list[Resolved]:
        async def found(wanted: list[list[tuple[Key, datetime]]]) -> list[list[Resolved]]:
            numbers = list(dict.fromkeys(number for one in wanted for number in one))
            told = await self._together.pinned(
                self._release, lambda con: subjects.resolve_each(con, catalog, numbers)
            )
            known = dict(zip(numbers, told, strict=True))
            return [[known[number] for number in one] for one in wanted]

        resolved: list[Resolved] = await self._together.load(
            ("resolve", self._release, catalog.version), found, [(number, at) for number in asked]
        )
        return resolved

    async def rows(self, plan: Plan, keys: Mapping[str, Sequence[str]]) -> Read:
        async def found(wanted: list[Mapping[str, Sequence[str]]]) -> list[Read]:
            told: list[Read] = await self._together.pinned(self._release, lambda con: read(con, plan, wanted))
            return told

        # A plan is made once per catalog and purpose: two plans are never read together, even if they ask the same.
        rows: Read = await self._together.load(("rows", self._release, id(plan)), found, keys)
        return rows

    async def fetch(self, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await self._together.pinned(
            self._release, lambda con: con.fetch(statement, *arguments)
        )
        return rows
