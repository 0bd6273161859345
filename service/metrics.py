"""Counters for Prometheus; labels are codes, routes and clients' policies, never values or addresses.

Each worker counts for itself. Several of them count in files of one folder (prometheus_client's multiprocess mode),
so that whichever worker is asked for `/metrics` answers for all.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import asyncpg
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

from catalogs.settings import scratch

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
REGISTRY = CollectorRegistry()
REQUESTS = Counter(
    "yici_requests", "Requests by route and status", ["method", "route", "status"], registry=REGISTRY
)
SECONDS = Histogram(
    "yici_request_seconds",
    "Time to answer",
    ["route"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5),
    registry=REGISTRY,
)
TURNED_AWAY = Counter(
    "yici_requests_turned_away", "Requests that came while a worker had no place for them", registry=REGISTRY
)
DECISIONS = Counter(
    "yici_decisions", "Entries of the record", ["action", "outcome", "code"], registry=REGISTRY
)
FACTS = Counter("yici_facts", "Facts answered, by status", ["status"], registry=REGISTRY)
LOOKUPS = Counter(
    "yici_lookups",
    "Questions to sources that are asked live, by system and outcome",
    ["system", "outcome"],
    registry=REGISTRY,
)
RECORD_BATCH = Histogram(
    "yici_record_batch_entries",
    "Entries per transaction of the record",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
    registry=REGISTRY,
)
RECORD_FAILURES = Counter("yici_record_failures", "Batches that could not be recorded", registry=REGISTRY)
RECORD_UNSIGNED_S = Gauge(
    "yici_record_unsigned_seconds",
    "How long the oldest entry has waited that no checkpoint covers",
    registry=REGISTRY,
    multiprocess_mode="livemostrecent",
)
RECORD_CHANGED = Gauge(
    "yici_record_changed",
    "1 where the record is not what its last checkpoint says",
    registry=REGISTRY,
    multiprocess_mode="livemax",
)
RECORD_SEALED = Gauge(
    "yici_record_sealed_entries",
    "Entries that the newest checkpoint covers",
    registry=REGISTRY,
    multiprocess_mode="livemax",
)
RECORD_SEALED_AT = Gauge(
    "yici_record_checkpoint_timestamp_seconds",
    "When the newest checkpoint was signed",
    registry=REGISTRY,
    multiprocess_mode="livemax",
)
RELEASE = Gauge(
    "yici_release",
    "The release that was last answered from",
    registry=REGISTRY,
    multiprocess_mode="livemostrecent",
)
RELEASE_AT = Gauge(
    "yici_release_published_timestamp_seconds",
    "When that release was published: its age is the time since",
    registry=REGISTRY,
    multiprocess_mode="livemostrecent",
)
QUOTA_REFUSALS = Counter(
    "yici_quota_refusals", "Requests that a quota turned away, by policy", ["policy"], registry=REGISTRY
)
POOL = Gauge(
    "yici_pool_connections",
    "Connections to the warehouse: busy, and the most there may be",
    ["state"],
    registry=REGISTRY,
    multiprocess_mode="livesum",
)


def see_pools(pools: Sequence[asyncpg.Pool]) -> None:
    """Set the gauges of this worker's connections."""
    POOL.labels("busy").set(sum(pool.get_size() - pool.get_idle_size() for pool in pools))
    POOL.labels("most").set(sum(pool.get_max_size() for pool in pools))


def exposition() -> bytes:
    """Return all counters in Prometheus's text format: this worker's, or those of all where they share a folder."""
    registry = REGISTRY
    if os.environ.get(_FOLDER):
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
    return generate_latest(registry)


@contextlib.contextmanager
def shared(workers: int) -> Iterator[None]:
    """Let worker processes that are started in the block count together; one alone needs no folder."""
    if workers == 1:
        yield
        return
    with scratch("metrics") as folder:
        os.environ[_FOLDER] = str(folder)
        yield


def forget_the_dead() -> None:
    """Remove what gauges of killed workers say: counters stay, a state that nobody has does not."""
    if not (folder := os.environ.get(_FOLDER)):
        return
    for file in Path(folder).glob("gauge_live*_*.db"):
        process = file.stem.rpartition("_")[2]
        if not Path(f"/proc/{process}").exists() and Path("/proc").exists():
            multiprocess.mark_process_dead(process)


def forget_this_worker() -> None:
    """Remove what this worker's gauges say, at its end."""
    if os.environ.get(_FOLDER):
        multiprocess.mark_process_dead(os.getpid())
