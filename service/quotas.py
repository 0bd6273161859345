"""How much a client may ask: a token bucket per client, per client and subject, and per address; headers say so.

Buckets live in the worker: with n workers a client may get up to n times its quota in a burst. How often it may ask
about one subject is counted by the number that it asks with. The header fields follow the IETF draft `RateLimit`, whose
spelling may still change; only this module knows it.
"""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from service import metrics
from service.problems import Problem

DEFAULT_PER_MINUTE = 600
WINDOW_S, DAY_S = 60, 86_400
_MAX_BUCKETS = 50_000


@dataclass
class _Bucket:
    level: float
    at: float
    window_s: int


@dataclass
class Quotas:
    """The buckets of one worker."""

    buckets: dict[tuple[str, str], _Bucket] = field(default_factory=dict)

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
        return limit | {"RateLimit": f'"{policy}";r={int(bucket.level)};t={math.ceil(1 / rate)}'}

    def _forget(self, policy: str, moment: float) -> None:
        """Drop the buckets that are full again; if none is, those of the policy that fills the memory."""
        kept = {key: one for key, one in self.buckets.items() if moment - one.at < one.window_s}
        if len(kept) >= _MAX_BUCKETS:
            kept = {key: one for key, one in kept.items() if key[0] != policy}
        self.buckets = kept


def per_subject(clients: Mapping[str, Mapping[str, Any]], client_id: str) -> int | None:
    """Return how often a day a client may ask about one subject; None: the catalog sets no bound."""
    most = (clients.get(client_id, {}).get("quota") or {}).get("perSubjectPerDay")
    return None if most is None else int(most)


def per_minute(clients: Mapping[str, Mapping[str, Any]], client_id: str) -> int:
    """Return a client's quota by the catalog's register of clients."""
    quota = clients.get(client_id, {}).get("quota") or {}
    return int(quota.get("perMinute", DEFAULT_PER_MINUTE))
