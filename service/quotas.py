"""How much a client may ask: a token bucket per client, per client and subject, and per address; headers say so.

Buckets live in the worker, so that no question waits for a count. What a client took, and what it took about one
subject, is told to the other workers and learnt from them through one small table: every second, and at once where a
twentieth of a bucket was taken since. So all workers together give what one would, and a moment's haste at most. What
an address took protects the worker that it came to, and is counted there alone.

How often a client may ask about one subject is counted by the number that it asks with, of which only a keyed digest
leaves the worker. The header fields follow the IETF draft `RateLimit`, whose spelling may still change; only this
module knows it.
"""

import asyncio
import contextlib
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import structlog

from service import metrics
from service.problems import Problem
from service.transactions import DATABASE_ERRORS, opened

DEFAULT_PER_MINUTE = 600
WINDOW_S, DAY_S = 60, 86_400
_MAX_BUCKETS = 50_000
SHARED = ("client", "subject")
_SHARE_EVERY_S = 1.0
_AT_ONCE = 0.05
# A crash may lose these counts, and nobody waits for the disk because of them.
_OPENED = "BEGIN; SET LOCAL synchronous_commit = off"
# In one order, so that of two workers neither waits for the other.
_SHARE = """
INSERT INTO service.quota AS q (policy, key, most, window_s, level, at)
SELECT policy, key, most, window_s, most - spent, now()
FROM unnest($1::text[], $2::text[], $3::float8[], $4::float8[], $5::float8[]) AS t (policy, key, most, window_s, spent)
ORDER BY policy, key
ON CONFLICT (policy, key) DO UPDATE SET most = EXCLUDED.most, window_s = EXCLUDED.window_s,
    at = greatest(q.at, EXCLUDED.at),
    level = EXCLUDED.level - EXCLUDED.most + least(EXCLUDED.most, q.level
        + greatest(0, extract(epoch FROM EXCLUDED.at - q.at)) * EXCLUDED.most / EXCLUDED.window_s)
RETURNING policy, key, level
"""
_log = structlog.get_logger("yici.service")


@dataclass
class _Bucket:
    """What is left, since when it flows in, and what was taken that the other workers have not heard of."""

    level: float
    at: float
    window_s: int
    most: int = 0
    unshared: float = 0.0


@dataclass
class Quotas:
    """The buckets of one worker."""

    buckets: dict[tuple[str, str], _Bucket] = field(default_factory=dict)
    _much: asyncio.Event = field(default_factory=asyncio.Event)

    def take(
        self, policy: str, key: str, most: int, count: int = 1, window_s: int = WINDOW_S
    ) -> dict[str, str]:
        """Take some from a bucket and return the headers to send; more than a full bucket holds count as all of it.

        Args:
            policy: which kind of bucket.
            key: whose.
            most: what a full bucket holds, and what flows in within the window.
            count: how much is taken.
            window_s: seconds.

        Raises:
            Problem: QUOTA_EXCEEDED, with Retry-After.
        """
        moment = time.monotonic()
        bucket = self.buckets.get((policy, key))
        if bucket is None:
            if len(self.buckets) >= _MAX_BUCKETS:
                self._forget(policy, moment)
            bucket = self.buckets[policy, key] = _Bucket(float(most), moment, window_s)
        rate = most / window_s
        bucket.level = min(most, bucket.level + (moment - bucket.at) * rate)
        bucket.at = moment
        count = min(count, most)
        limit = {"RateLimit-Policy": f'"{policy}";q={most};w={window_s}'}
        if bucket.level < count:
            metrics.QUOTA_REFUSALS.labels(policy).inc()
            wait_s = math.ceil((count - bucket.level) / rate)
            headers = limit | {"RateLimit": f'"{policy}";r=0;t={wait_s}', "Retry-After": str(wait_s)}
            raise Problem("QUOTA_EXCEEDED", f"policy {policy}", rule=f"quota:{policy}", headers=headers)
        bucket.level -= count
        if policy in SHARED:
            bucket.most = most
            bucket.unshared += count
            if bucket.unshared >= most * _AT_ONCE:
                self._much.set()
        return limit | {"RateLimit": f'"{policy}";r={int(bucket.level)};t={math.ceil(1 / rate)}'}

    async def share(self, pool: asyncpg.Pool, digest: Callable[[str], str]) -> None:
        """Tell the other workers what was taken here, and learn what is left after them.

        Args:
            pool: the warehouse.
            digest: of a key, which may name a person.
        """
        taken = {}
        for (policy, key), bucket in self.buckets.items():
            if bucket.unshared:
                taken[policy, digest(key)] = bucket, bucket.unshared
                bucket.unshared = 0.0
        if not taken:
            return
        told = [(*key, float(one.most), float(one.window_s), spent) for key, (one, spent) in taken.items()]
        try:
            async with opened(pool, _OPENED) as con:
                rows = await con.fetch(_SHARE, *zip(*told, strict=True))
        except DATABASE_ERRORS:
            for bucket, spent in taken.values():
                bucket.unshared += spent
            raise
        for row in rows:
            bucket, _ = taken[row["policy"], row["key"]]
            bucket.level, bucket.at = row["level"] - bucket.unshared, time.monotonic()

    async def sharing(self, pool: asyncpg.Pool, digest: Callable[[str], str]) -> None:
        """Share for as long as the worker runs; while the warehouse does not answer, each counts for itself."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._much.wait(), _SHARE_EVERY_S)
            self._much.clear()
            try:
                await self.share(pool, digest)
            except DATABASE_ERRORS as error:
                _log.warning("quotas could not be shared", error=type(error).__name__)
                await asyncio.sleep(_SHARE_EVERY_S)

    def _forget(self, policy: str, moment: float) -> None:
        """Drop the buckets that are full again; if none is, those of the policy that fills the memory."""
        kept = {key: one for key, one in self.buckets.items() if moment - one.at < one.window_s}
        if len(kept) >= _MAX_BUCKETS:
            kept = {key: one for key, one in kept.items() if key[0] != policy}
        self.buckets = kept


async def forget(pool: asyncpg.Pool) -> None:
    """Delete what has been full again for a day."""
    await pool.execute("DELETE FROM service.quota WHERE at < now() - 2 * window_s * interval '1 second'")


def per_subject(clients: Mapping[str, Mapping[str, Any]], client_id: str) -> int | None:
    """Return how often a day a client may ask about one subject; None: the catalog sets no bound."""
    most = (clients.get(client_id, {}).get("quota") or {}).get("perSubjectPerDay")
    return None if most is None else int(most)


def per_minute(clients: Mapping[str, Mapping[str, Any]], client_id: str) -> int:
    """Return a client's quota by the catalog's register of clients."""
    quota = clients.get(client_id, {}).get("quota") or {}
    return int(quota.get("perMinute", DEFAULT_PER_MINUTE))
