"""How much a client may ask: all workers together give what one would."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from functools import partial

import asyncpg
import pytest

import catalogs
from service.keys import load
from service.problems import Problem
from service.quotas import Quotas
from tests.service import campus
from tests.service.conftest import service_url
from tests.service.desk import Desk
from tests.support.postgres import PgDatabase

Share = Callable[[Quotas], Awaitable[None]]


def workers(at_desk: Desk, database: PgDatabase, work: Callable[[Share], Awaitable[None]]) -> None:
    """Do something with quotas of further workers of the same service."""

    async def run() -> None:
        async with asyncpg.create_pool(service_url(database), min_size=1, max_size=2) as pool:
            await work(lambda one: one.share(pool, partial(load(at_desk.home).digest, "quota")))

    asyncio.run(run())


def taken(one: Quotas, most: int, key: str) -> int:
    """Take until there is nothing left; returns how often there was."""
    for times in range(most + 1):
        try:
            one.take("client", key, most)
        except Problem as refused:
            assert (refused.code, refused.rule) == ("QUOTA_EXCEEDED", "quota:client")
            return times
    raise AssertionError("more was given than a full bucket holds")


def test_what_one_worker_gave_no_other_gives_again(at_desk: Desk, pg_module_database: PgDatabase):
    async def work(share: Share) -> None:
        first, second, third = Quotas(), Quotas(), Quotas()
        first.take("client", "somebody", 20, count=15)
        await share(first)
        second.take("client", "somebody", 20)
        await share(second)
        assert taken(second, 20, "somebody") == 4
        await share(second)
        third.take("client", "somebody", 20)  # before it has heard of the others
        await share(third)
        assert taken(third, 20, "somebody") == 0
        third.take("client", "another", 20)  # another client's is its own

    workers(at_desk, pg_module_database, work)


def test_the_service_shares_by_itself_what_it_gave(at_desk: Desk, pg_module_database: PgDatabase):
    assert at_desk.get("/v1/service-items", campus.STRANGER).status_code == 200

    key = load(at_desk.home).digest("quota", campus.STRANGER)
    for _ in range(100):
        row = at_desk.owner.execute("SELECT level FROM service.quota WHERE key = %s", [key]).fetchone()
        if row:
            break
        time.sleep(0.05)
    assert row == (19,)

    async def work(share: Share) -> None:
        other = Quotas()
        other.take("client", campus.STRANGER, 20, count=20)
        await share(other)

    workers(at_desk, pg_module_database, work)
    for _ in range(100):  # the service hears of it with its next question
        reply = at_desk.get("/v1/service-items", campus.STRANGER)
        if reply.status_code == 429:
            break
        time.sleep(0.05)
    assert (reply.status_code, reply.json()["code"]) == (429, "QUOTA_EXCEEDED")


def test_whom_was_asked_about_stands_in_no_count(at_desk: Desk, as_owner: None):
    files = campus.files()
    clients = json.loads(files["clients.yaml"])
    clients[0]["quota"]["perSubjectPerDay"] = 20
    files["clients.yaml"] = json.dumps(clients, ensure_ascii=False).encode()
    campus.publish(at_desk.owner, catalogs.load(files), {})
    try:
        assert at_desk.facts(["XM"]).status_code == 200
        for _ in range(100):
            rows = at_desk.owner.execute("SELECT policy, key FROM service.quota").fetchall()
            if "subject" in {policy for policy, _ in rows}:
                break
            time.sleep(0.05)
    finally:
        campus.publish(at_desk.owner, at_desk.catalog, {})
    assert {policy for policy, _ in rows} == {"client", "subject"}
    assert all(len(key) == 64 and "T001" not in key for _, key in rows)


def test_a_warehouse_that_does_not_answer_loses_no_count(at_desk: Desk, pg_module_database: PgDatabase):
    async def work(share: Share) -> None:
        one = Quotas()
        one.take("client", "unheard", 20, count=7)
        at_desk.owner.execute("REVOKE INSERT ON service.quota FROM yici_service")
        try:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await share(one)
        finally:
            at_desk.owner.execute("GRANT INSERT ON service.quota TO yici_service")
        await share(one)
        (bucket,) = one.buckets.values()
        assert (round(bucket.level), bucket.unshared) == (13, 0)

    workers(at_desk, pg_module_database, work)
