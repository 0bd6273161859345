"""Sources that are asked live about one person, for one case, and whose answers nobody here keeps.

Each system is asked from a few threads of its own, at most as often as its limits and contracts say and never for
longer than its time-out, so that a slow one holds up neither the event loop nor the warehouse's connections nor
another source. After failures in a row it is left alone for a while. What comes back is an outcome, typed as its
contract says; logs hold names, outcomes and whether there was an evidence number, never a value. If the contract
allows it, the case that asked is told the same again for a while, from this process's memory.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any

import asyncpg
import duckdb
import structlog

from catalogs.model import Catalog, Item, Resource, System
from catalogs.settings import SOURCES_ENV, ConfigurationError, load_env_file, now
from connectors.duck import session
from connectors.lookup import Lookup, Outcome
from expectations.typing import typed
from service import metrics
from service.access import campus_day
from service.transactions import DATABASE_ERRORS

FOUND, NONE = "found", "none"
# Why a source said nothing, as callers are told.
NO_ANSWER, REFUSED, UNREADABLE = "no_answer", "refused", "unreadable_answer"
TOO_OFTEN, RESTING, NOT_SET_UP = "asked_too_often", "not_asked_after_failures", "not_set_up"
NOT_AGAIN = "not_asked_again"  # of an answer that is composed again: nobody is asked twice for it
_SAID = {
    "unavailable": NO_ANSWER,
    "refused": REFUSED,
    "unreadable": UNREADABLE,
    "not_set_up": NOT_SET_UP,
}
_TIMEOUT_S = 10.0
_AT_ONCE = 4
_ATTEMPTS = 3
_FIRST_WAIT_S = 0.5
_MINUTE_S = 60.0
_FAILURES_IN_A_ROW = 3
_REST_S, _LONGEST_REST_S = 15.0, 300.0
_MOST_KEPT = 1000
# One more, unless the day's quota is used up: then no row comes back. Of all workers each waits for the one before.
_COUNT = """
    INSERT INTO service.lookup_count AS c (resource, day, times) VALUES ($1, $2, 1)
    ON CONFLICT (resource, day) DO UPDATE SET times = c.times + 1 WHERE c.times < $3 RETURNING times
"""
_log = structlog.get_logger("yici.service")


@dataclass(frozen=True)
class Call:
    """One question about one person.

    Attributes:
        resource: the contract of the answer, of a lookup system.
        params: the source's names of its parameters and the person's values.
    """

    resource: Resource
    params: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class Told:
    """What a call came to.

    Attributes:
        at: when the source was asked.
        values: item → value in Python's type for it, if the source knows the person.
        evidence: the source's own number of its answer.
        silent: why there is no answer; empty if there is one, also if the source does not know the person.
        is_kept: whether the same case was told this before and the source was not asked again.
    """

    at: datetime
    values: Mapping[str, Any] | None = field(default=None, repr=False)
    evidence: str | None = field(default=None, repr=False)
    silent: str = ""
    is_kept: bool = False

    @property
    def outcome(self) -> str:
        """The outcome in the words of the record: found, none, or why the source was silent."""
        return self.silent or (NONE if self.values is None else FOUND)


class Lookups:
    """The lookup systems as one worker asks them.

    Args:
        home: the state folder; `sources.env` in it may hold the systems' settings.
        pool: the warehouse, where the questions of a day are counted.
        aside: within it, whoever asks waits for others.
    """

    def __init__(
        self,
        home: Path,
        pool: asyncpg.Pool,
        aside: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._aside = aside
        self._home = home
        self._pool = pool
        self._sources: dict[str, _Source] = {}
        self._kept: dict[tuple[Any, ...], Told] = {}

    async def ask(
        self, catalog: Catalog, calls: Sequence[Call], reason: str, max_age: timedelta | None = None
    ) -> dict[str, Told]:
        """Ask all calls side by side; returns within the longest time-out of their systems.

        Args:
            catalog: the catalog of the release, for systems and code tables.
            calls: at most one per resource.
            reason: service item and case, for sources that want to be told why; answers are used again within it only.
            max_age: how old an answer may be at most for this caller, if that is less than the contract's `ttl_s`.

        Returns:
            resource → what it came to; never an error.
        """
        asked = (self._ask(catalog, call, reason, max_age) for call in calls)
        with self._aside():
            told = await asyncio.gather(*asked)
        return {call.resource.name: one for call, one in zip(calls, told, strict=True)}

    def close(self) -> None:
        """Let go of the threads, and of what was told."""
        self._kept.clear()
        for source in self._sources.values():
            source.close()

    async def _ask(self, catalog: Catalog, call: Call, reason: str, max_age: timedelta | None) -> Told:
        """Tell what the source told this case before, as long as that may be used, else ask it."""
        key = (catalog.version, call.resource.name, reason, *sorted(call.params.items()))
        kept = self._kept.get(key)
        if kept is not None and (max_age is None or now() - kept.at <= max_age):
            return replace(kept, is_kept=True)
        told = await self._source(catalog, call).ask(catalog, call, reason)
        usable_s = min(call.resource.read.get("ttl_s") or 0, call.resource.promise.total_seconds())
        left_s = usable_s - (now() - told.at).total_seconds()
        if not told.silent and left_s > 0 and len(self._kept) < _MOST_KEPT:
            self._kept[key] = told
            asyncio.get_running_loop().call_later(left_s, self._kept.pop, key, None)
        return told

    def _source(self, catalog: Catalog, call: Call) -> "_Source":
        system = catalog.systems[call.resource.system]
        known = self._sources.get(system.code)
        if known is None or known.system != system:
            known = self._sources[system.code] = _Source(system, self._home, self._pool)
        return known


class _Source:
    """One lookup system: its threads, its pace, and whether it is being left alone."""

    def __init__(self, system: System, home: Path, pool: asyncpg.Pool) -> None:
        self.system = system
        self._home = home
        self._pool = pool
        self._timeout_s = float(system.limits.get("timeout_s", _TIMEOUT_S))
        self._per_minute = int(system.limits.get("per_minute", 0))
        self._asked: deque[tuple[float, str]] = deque()
        self._failures = 0
        self._rests_until = 0.0
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix=f"ask-{system.code}")
        self._one_at_a_time = Lock()
        self._lookup: Lookup | None = None
        self._reader: duckdb.DuckDBPyConnection | None = None

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def ask(self, catalog: Catalog, call: Call, reason: str) -> Told:
        """Ask, again if that may help, and learn from what comes of it."""
        started, at = time.monotonic(), now()
        if started < self._rests_until:
            told = Told(at, silent=RESTING)
        else:
            try:
                async with asyncio.timeout(self._timeout_s):
                    told = await self._insist(catalog, call, reason, started + self._timeout_s)
            except TimeoutError:
                told = Told(at, silent=NO_ANSWER)
            if told.silent not in (TOO_OFTEN, NOT_SET_UP):
                self._learn(told.silent)
        metrics.LOOKUPS.labels(self.system.code, told.outcome).inc()
        _log.info(
            "asked a source",
            resource=call.resource.name,
            outcome=told.outcome,
            has_evidence=told.evidence is not None,
            ms=round((time.monotonic() - started) * 1000, 1),
        )
        return told

    async def _insist(self, catalog: Catalog, call: Call, reason: str, ends: float) -> Told:
        """Ask until there is an answer, within the allowed attempts and the time that is left."""
        told = Told(now(), silent=TOO_OFTEN)
        for attempt in range(1, _ATTEMPTS + 1):
            if not await self._may_ask(catalog, call.resource):
                break
            # A call that still waits for a thread when its caller gives up is never made.
            outcome, told = await asyncio.get_running_loop().run_in_executor(
                self._threads, self._exchange, catalog, call, reason
            )
            if outcome.kind != "unavailable":
                break
            wait_s = _FIRST_WAIT_S * attempt if outcome.retry_after_s is None else outcome.retry_after_s
            if attempt == _ATTEMPTS or wait_s > ends - time.monotonic():
                self._rest(outcome.retry_after_s or 0.0)
                break
            await asyncio.sleep(wait_s)
        return told

    async def _may_ask(self, catalog: Catalog, resource: Resource) -> bool:
        """Count one request, unless a limit of the last minute or the resource's quota of the day is reached."""
        moment = time.monotonic()
        while self._asked and self._asked[0][0] <= moment - _MINUTE_S:
            self._asked.popleft()
        if self._per_minute and len(self._asked) >= self._per_minute:
            return False
        per_minute = resource.read.get("perMinute")
        if per_minute and sum(name == resource.name for _, name in self._asked) >= per_minute:
            return False
        request = (moment, resource.name)
        self._asked.append(request)
        if await self._is_within_day(catalog, resource):
            return True
        # What is not sent leaves the minute to the system's other resources.
        with suppress(ValueError):
            self._asked.remove(request)
        return False

    async def _is_within_day(self, catalog: Catalog, resource: Resource) -> bool:
        """Count one request of the campus's day, of all workers; what cannot be counted is not asked."""
        per_day = resource.read.get("perDay")
        if not per_day:
            return True
        try:
            day = campus_day(catalog, now())
            return await self._pool.fetchval(_COUNT, resource.name, day, per_day) is not None
        except DATABASE_ERRORS as error:
            _log.error("questions could not be counted", resource=resource.name, error=type(error).__name__)
            return False

    def _learn(self, silent: str) -> None:
        self._failures = self._failures + 1 if silent else 0
        if self._failures >= _FAILURES_IN_A_ROW:
            self._rest(_REST_S)

    def _rest(self, wait_s: float) -> None:
        until = time.monotonic() + min(wait_s, _LONGEST_REST_S)
        self._rests_until = max(self._rests_until, until)

    def _exchange(self, catalog: Catalog, call: Call, reason: str) -> tuple[Outcome, Told]:
        """Ask once, in a thread; whatever goes wrong here is this source's silence and nobody else's."""
        try:
            outcome = self._connected().ask(call.resource, call.params, reason)
        except ConfigurationError as error:
            outcome = Outcome("not_set_up", now(), reason=str(error))
        except Exception as error:  # noqa: BLE001  # the facts of other sources must still come
            outcome = Outcome("unavailable", now(), reason=type(error).__name__)
        values = self._typed(catalog, call.resource, outcome.values) if outcome.kind == FOUND else None
        if outcome.kind == FOUND and values is None:
            outcome = Outcome("unreadable", outcome.asked_at, reason="a value is not as the contract says")
        silent = _SAID.get(outcome.kind, "")
        if silent:
            _log.warning("a source gave no answer", resource=call.resource.name, why=outcome.reason)
        return outcome, Told(outcome.asked_at, values, None if silent else outcome.evidence, silent)

    def _connected(self) -> Lookup:
        """Return the connection, whose settings are read when it is first needed.

        Attempts and pace are counted out here, where waiting holds no thread.
        """
        with self._one_at_a_time:
            if self._lookup is None:
                load_env_file(self._home / SOURCES_ENV)
                limits = {"timeout_s": self._timeout_s, "answer_s": self._timeout_s, "attempts": 1}
                self._lookup = Lookup(replace(self.system, limits=limits))
            return self._lookup

    def _typed(
        self, catalog: Catalog, resource: Resource, texts: Mapping[str, str | None]
    ) -> dict[str, Any] | None:
        """Type an answer's texts as admission types a row's; None if one of them is not as the contract says."""
        sent = set((resource.read.get("params") or {}).values())
        items = [item for item in resource.items if item.name not in sent]
        texts = {item.name: texts.get(item.name) or None for item in items}
        columns = [f"v{place}" for place in range(len(items))]
        shown = [
            typed(item, column, "VARCHAR", catalog.codes, catalog.campus.time_zone)
            for item, column in zip(items, columns, strict=True)
        ]
        statement = (
            f"SELECT {', '.join(shown)}"
            f" FROM (VALUES ({', '.join('?::VARCHAR' for _ in items)})) AS answer ({', '.join(columns)})"
        )
        with self._one_at_a_time:
            try:
                if self._reader is None:
                    self._reader = session(memory_limit="64MB", threads=1, extensions=())
                row = self._reader.execute(statement, list(texts.values())).fetchone()
            except duckdb.Error:  # its words may quote a value
                return None
        values = dict(zip(texts, row or (), strict=True))
        lawful = (_is_lawful(catalog, item, texts[item.name], values[item.name]) for item in items)
        return values if all(lawful) else None


def _is_lawful(catalog: Catalog, item: Item, text: str | None, value: Any) -> bool:
    """Whether a typed value is one that the contract allows: nothing lost, nothing missing, codes of the table."""
    if value is None:
        return text is None and not item.required
    table = catalog.codes.get(item.code_table)
    return table is None or value in table.rows
