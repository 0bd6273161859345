"""Counters for Prometheus, one set per worker process; labels are codes and routes, never values or addresses."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

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
)
RECORD_CHANGED = Gauge(
    "yici_record_changed", "1 where the record is not what its last checkpoint says", registry=REGISTRY
)
RELEASE = Gauge("yici_release", "The release that this worker last answered from", registry=REGISTRY)
