"""A flood of requests: a worker answers as many as it can and turns the rest away at once, and everybody may see how it
is."""

import asyncio
import base64
import json
import os
from collections import Counter
from pathlib import Path

import httpx
import pytest

from benchmarks.service_driver import flat_out, request, steady
from catalogs.settings import ConfigurationError
from service.configuration import Configuration, configuration
from service.room import Room
from tests.service import campus
from tests.service.conftest import opened
from tests.service.desk import T001, Desk
from tests.service.test_shutdown import Served, served

PLACES = 8


@pytest.fixture(scope="module")
def at_desk(pg_module_database, tmp_path_factory):
    with opened(
        pg_module_database, tmp_path_factory.mktemp("home"), Configuration(checkpoint_s=3600)
    ) as found:
        yield found


def question(at_desk: Desk) -> bytes:
    body = {
        "subject": T001, "case_id": at_desk.case(), "actor": {"user_id": "U1", "role": "officer"},
        "service_item": campus.EMPLOYED, "elements": ["XM", "ZT", "DW"],
    }  # fmt: skip
    token = at_desk.headers()["Authorization"].partition(" ")[2]
    return request("/v1/facts:query", token, body)


def port(service: Served) -> int:
    return int(service.address.rpartition(":")[2])


def processor_s(service: Served) -> float:
    """Return the processor seconds that the worker has used."""
    fields = Path(f"/proc/{service.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_ten_times_what_a_worker_can_do_leaves_it_answering_what_it_can(at_desk: Desk, pg_module_database):
    asked, before = question(at_desk), at_desk.last()["seq"]
    numbers: list[int] = []
    told: Counter[tuple[int, str]] = Counter()

    def keep(status: int, body: bytes) -> None:
        if status == 200:
            claims = json.loads(body)["receipt"].split(".")[1]
            numbers.append(json.loads(base64.urlsafe_b64decode(claims + "==="))["seq"])
        else:
            told[status, json.loads(body)["code"] if body else ""] += 1

    with served(at_desk, pg_module_database, YICI_SERVICE_PLACES=str(PLACES)) as service:
        flat_out(port(service), iter(lambda: asked, None), 1, PLACES)
        used = processor_s(service)
        at_most = flat_out(port(service), iter(lambda: asked, None), 3, PLACES)
        cost_s = (processor_s(service) - used) / at_most.statuses[200]
        assert at_most.failures == 0
        capacity = at_most.per_second
        flood = steady(
            port(service), iter(lambda: asked, None), 10 * capacity, lambda passed: passed > 3, keep
        )
        used = processor_s(service)
        crowd = flat_out(port(service), iter(lambda: asked, None), 2, 4 * PLACES)
        turning_away_s = (processor_s(service) - used - crowd.statuses[200] * cost_s) / crowd.statuses[503]
        health = httpx.get(f"{service.address}/healthz", trust_env=False)
        counted = httpx.get(f"{service.address}/metrics", trust_env=False).text
    assert health.status_code == 200
    assert set(told) == {(503, "BUSY")}
    # By the worker's own processor time, whatever else the machine does: with ten times as many requests as it can
    # answer, most of it goes into answers.
    assert flood.statuses[200] and 9 * turning_away_s < cost_s
    # Whoever is answered waits for those who had a place before, not for the flood, as in a queue.
    in_a_queue_s = flood.statuses.total() / capacity
    answered = sorted(
        took for took, status in zip(flood.latencies_s, flood.each, strict=True) if status == 200
    )
    assert answered[int(0.99 * len(answered))] < in_a_queue_s / 8
    turned_away = next(
        line for line in counted.splitlines() if line.startswith("yici_requests_turned_away_total")
    )
    assert float(turned_away.split()[-1]) == told[503, "BUSY"] + crowd.statuses[503]
    entries = {entry["seq"] for entry in at_desk.record("seq > %s AND action = 'facts'", before)}
    assert len(numbers) == len(set(numbers)) and set(numbers) <= entries
    assert len(entries) >= len(numbers) + at_most.statuses[200]


def test_who_is_turned_away_is_told_when_to_come_again_and_nothing_is_recorded(at_desk: Desk):
    asked, headers = {"by": []}, at_desk.headers()
    before = at_desk.last()["seq"]
    room = at_desk.app.user_middleware[0].kwargs["room"]
    with room.place(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "_places", 1)
        reply = at_desk.http.post("/v1/tasks/T-1:aggregate", json=asked, headers=headers)
        assert at_desk.http.get("/healthz").status_code == 200
        assert at_desk.http.get("/readyz").status_code == 200
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "1")
    assert reply.headers["content-type"] == "application/problem+json"
    problem = reply.json()
    assert (problem["code"], problem["fault"], problem["retryable"]) == ("BUSY", "us", True)
    assert problem["trace_id"] in reply.headers["traceparent"]
    assert at_desk.last()["seq"] == before
    assert at_desk.http.post("/v1/tasks/T-1:aggregate", json=asked, headers=headers).status_code != 503


def test_what_is_turned_away_is_read_to_its_end_so_that_the_next_request_can_come(at_desk: Desk):
    room = at_desk.app.user_middleware[0].kwargs["room"]
    headers = at_desk.headers() | {"Content-Type": "application/x-ndjson", "Idempotency-Key": "k"}
    with httpx.Client(base_url=at_desk.url, trust_env=False) as http:
        with room.place(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(room, "_places", 1)
            told = [http.post("/v1/jobs", content=b"x" * 200_000, headers=headers) for _ in range(3)]
            told.append(http.get("/v1/elements", headers=at_desk.headers()))
        assert [(reply.status_code, reply.json()["code"]) for reply in told] == [(503, "BUSY")] * 4
        assert http.get("/v1/elements", headers=at_desk.headers()).status_code == 200
        assert len({reply.json()["trace_id"] for reply in told}) == 4
        assert http.get("/v1/elements", headers={"Accept-Language": "en"}).status_code == 401


def test_who_waits_for_somebody_else_holds_no_place():
    room = Room(1)

    async def one_and_another() -> None:
        with room.place():
            assert room.is_full
            with room.aside():
                assert not room.is_full
                with room.place():
                    assert room.is_full
            assert room.is_full
        assert not room.is_full

    asyncio.run(one_and_another())


@pytest.mark.parametrize("size", ["1", "3", "many"])
def test_a_pool_so_small_that_a_worker_would_wait_for_itself_is_refused(monkeypatch, size):
    monkeypatch.setenv("YICI_SERVICE_POOL", size)
    with pytest.raises(ConfigurationError, match=r"YICI_SERVICE_POOL.*at least 4"):
        configuration()
