"""Jobs: many questions in the background, each as if asked alone; nothing lost or doubled, whatever happens."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from datetime import timedelta

import asyncpg
import httpx
import psycopg
import pytest
from joserfc import jws

import catalogs
from catalogs.settings import now
from service import jobs, working
from service.keys import load
from tests.service import campus
from tests.service.conftest import opened, service_url
from tests.service.desk import CANARY, T001, Desk

ELEMENTS = ["XM", "ZT", "DW"]
OFFICER = {"user_id": "U1", "role": "officer"}


@pytest.fixture(scope="module")
def at_desk(pg_module_database, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(working, "starting", _nobody_starts)
        with opened(pg_module_database, tmp_path_factory.mktemp("home")) as found:
            yield found


async def _nobody_starts(_pool) -> None:
    await asyncio.Event().wait()


@pytest.fixture
def environment(at_desk: Desk, pg_module_database, as_owner, monkeypatch) -> dict[str, str]:
    """The variables of a process that works on this service's jobs."""
    own = {
        "YICI_HOME": str(at_desk.home),
        "YICI_DATABASE_URL": pg_module_database.url,
        "YICI_SERVICE_DATABASE_URL": service_url(pg_module_database),
    }
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    return os.environ | own


def item(at_desk: Desk, number: str, case_of: str = "", **capacity: str) -> dict:
    subject = T001 | {"id": number}
    party = {"role": "applicant", **T001, "id": case_of or number}
    return {
        "subject": subject | capacity, "case_id": at_desk.case(campus.EMPLOYED, [party]), "actor": OFFICER,
    }  # fmt: skip


def hand_in(
    at_desk: Desk, items: list[dict], client_id: str = campus.HALL, key: str = "", **more
) -> httpx.Response:
    head = {"service_item": campus.EMPLOYED, "elements": ELEMENTS} | more
    content = "\n".join(json.dumps(one) for one in [head, *items])
    headers = at_desk.headers(client_id) | {
        "Content-Type": "application/x-ndjson", "Idempotency-Key": key or uuid.uuid4().hex,
    }  # fmt: skip
    return at_desk.http.post("/v1/jobs", content=content, headers=headers)


def job(at_desk: Desk, items: list[dict]) -> str:
    reply = hand_in(at_desk, items)
    assert reply.status_code == 202, reply.text
    assert reply.headers["location"] == f"/v1/jobs/{reply.json()['job_id']}"
    return reply.json()["job_id"]


def state(at_desk: Desk, job_id: str) -> dict:
    return at_desk.get(f"/v1/jobs/{job_id}").json()


def results(at_desk: Desk, job_id: str, after: int = -1, client_id: str = campus.HALL) -> httpx.Response:
    return at_desk.get(f"/v1/jobs/{job_id}/results?after={after}", client_id)


def lines(reply: httpx.Response) -> list[dict]:
    assert reply.status_code == 200, reply.text
    return [json.loads(line) for line in reply.text.splitlines()]


def work() -> None:
    asyncio.run(working.main())


def finish(at_desk: Desk, job_id: str) -> None:
    """Work on what waits until a job is done, whoever else works on it."""
    work()
    for _ in range(300):
        if state(at_desk, job_id)["state"] == "done":
            return
        time.sleep(0.1)
    raise AssertionError(f"the job is not done: {state(at_desk, job_id)}")


def test_each_item_is_answered_refused_and_recorded_as_if_it_were_asked_alone(at_desk: Desk, environment):
    items = [
        item(at_desk, "T001"),
        item(at_desk, "T999"),
        item(at_desk, "T002", case_of="T001"),
        item(at_desk, "T003", capacity="staff"),
        item(at_desk, "T003", capacity="nobody"),
    ]
    job_id = job(at_desk, items)
    assert state(at_desk, job_id)["state"] == "waiting"
    assert results(at_desk, job_id).json()["code"] == "NOT_DONE"
    before = at_desk.last()["seq"]
    work()
    entries = at_desk.record("seq > %s", before)
    told = state(at_desk, job_id)
    assert (told["state"], told["items"], told["answered"]) == ("done", 5, 5)
    found = lines(results(at_desk, job_id))
    assert [one["n"] for one in found] == [0, 1, 2, 3, 4]
    for one, asked in zip(found, items, strict=True):
        alone = at_desk.facts(ELEMENTS, asked["subject"], asked["case_id"])
        if alone.status_code == 200:
            assert one["answer"]["release"] == told["release"]
            assert values(one["answer"]) == values(alone.json())
        else:
            kept = {"status", "code", "detail", "errors", "rule", "fault"}
            assert {name: one["problem"][name] for name in kept} == {n: alone.json()[n] for n in kept}
    of_items = {one["answer"]["transaction_id"] for one in found if "answer" in one}
    of_items |= {one["problem"]["instance"].removeprefix("urn:uuid:") for one in found if "problem" in one}
    assert of_items == {str(entry["transaction_id"]) for entry in entries}
    assert [entry["outcome"] for entry in entries].count("allowed") == 2


def values(answer: dict) -> dict:
    return {
        element: {name: value for name, value in fact.items() if name != "age_seconds"}
        for element, fact in answer["facts"].items()
    }


def test_a_receipt_of_a_job_is_one_as_any_other(at_desk: Desk, environment):
    job_id = job(at_desk, [item(at_desk, "T001")])
    work()
    (found,) = lines(results(at_desk, job_id))
    claims = json.loads(
        jws.deserialize_compact(
            found["answer"]["receipt"], load(at_desk.home).signing, algorithms=["Ed25519"]
        ).payload
    )
    (entry,) = at_desk.record("transaction_id = %s", found["answer"]["transaction_id"])
    assert (claims["seq"], claims["response_digest"]) == (entry["seq"], entry["response_digest"])


def test_a_job_is_taken_up_without_anybody_asking_for_it(at_desk: Desk, environment, monkeypatch):
    monkeypatch.setattr(working, "POLL_S", 0.1)
    job_id = job(at_desk, [item(at_desk, "T001")])

    async def served() -> None:
        async with asyncio.timeout(60):
            async with asyncpg.create_pool(environment["YICI_SERVICE_DATABASE_URL"], min_size=1) as pool:
                starter = asyncio.create_task(STARTING(pool))
                while state(at_desk, job_id)["state"] != "done":
                    await asyncio.sleep(0.1)
                starter.cancel()

    asyncio.run(served())
    assert len(lines(results(at_desk, job_id))) == 1


STARTING = working.starting


def test_a_killed_worker_loses_and_doubles_nothing(at_desk: Desk, environment):
    one = item(at_desk, "T001")
    count = jobs.PART * 6
    job_id = job(at_desk, [one] * count)
    before = at_desk.last()["seq"]
    kills = 0
    while state(at_desk, job_id)["state"] != "done":
        child = subprocess.Popen([sys.executable, "-m", "service.working"], env=environment)
        done = state(at_desk, job_id)["answered"]
        while child.poll() is None and kills < 2:
            if state(at_desk, job_id)["answered"] > done:
                child.send_signal(signal.SIGKILL)
                kills += 1
                break
            time.sleep(0.01)
        child.wait()
    assert kills == 2
    found = lines(results(at_desk, job_id))
    assert [one["n"] for one in found] == list(range(count))
    told = [one["answer"]["transaction_id"] for one in found]
    recorded = [str(one["transaction_id"]) for one in at_desk.record("seq > %s AND action = 'facts'", before)]
    assert len(recorded) == len(set(recorded)) == count
    assert set(told) == set(recorded)
    assert {one["answer"]["release"] for one in found} == {state(at_desk, job_id)["release"]}


def test_a_job_that_has_begun_is_finished_before_the_next_one_begins(at_desk: Desk, environment):
    first, begun = job(at_desk, [item(at_desk, "T001")]), job(at_desk, [item(at_desk, "T001")])
    at_desk.owner.execute(
        "UPDATE service.job SET state = 'running', release = yici.current() WHERE id = %s", [begun]
    )

    async def next_one() -> jobs.Job:
        async with asyncpg.create_pool(environment["YICI_SERVICE_DATABASE_URL"], min_size=1) as pool:
            return await jobs.next_one(pool)

    assert str(asyncio.run(next_one()).id) == begun
    work()
    assert state(at_desk, first)["state"] == state(at_desk, begun)["state"] == "done"


def test_of_two_workers_one_works(at_desk: Desk, environment):
    job_id = job(at_desk, [item(at_desk, "T001")])
    with psycopg.connect(environment["YICI_DATABASE_URL"], autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(hashtext('yici jobs'))")
        work()
        assert state(at_desk, job_id)["state"] == "waiting"
    work()
    assert state(at_desk, job_id)["state"] == "done"


def test_what_broke_off_goes_on_after_the_last_line(at_desk: Desk, environment):
    count = jobs.PART + 3
    job_id = job(at_desk, [item(at_desk, "T001")] * count)
    work()
    for after in (-1, 0, jobs.PART - 2, jobs.PART - 1, jobs.PART, count - 2, count - 1, count + 5):
        assert [one["n"] for one in lines(results(at_desk, job_id, after))] == list(range(after + 1, count))


def test_a_suspended_clients_job_is_stopped_and_nothing_of_it_kept(at_desk: Desk, environment):
    job_id = job(at_desk, [item(at_desk, "T001")])
    at_desk.owner.execute(
        "UPDATE service.client SET status = 'suspended' WHERE client_id = %s", [campus.HALL]
    )
    try:
        work()
    finally:
        at_desk.owner.execute(
            "UPDATE service.client SET status = 'active' WHERE client_id = %s", [campus.HALL]
        )
    told = state(at_desk, job_id)
    assert (told["state"], told["code"], told["answered"]) == ("stopped", "CLIENT_SUSPENDED", 0)
    assert parts(at_desk, job_id) == 0
    assert results(at_desk, job_id).json()["code"] == "GONE"


def test_a_right_that_a_newer_catalog_takes_away_stops_a_job_that_began_before(at_desk: Desk, environment):
    job_id = job(at_desk, [item(at_desk, "T001")])
    at_desk.owner.execute(
        "UPDATE service.job SET state = 'running', release = yici.current() WHERE id = %s", [job_id]
    )
    files = campus.files()
    demands = json.loads(files["demands/all.yaml"])
    demands[0]["decision"] = {"state": "refused", "by": ["post:b"], "on": "2026-01-02", "opinion": "no"}
    files["demands/all.yaml"] = json.dumps(demands, ensure_ascii=False).encode()
    campus.publish(at_desk.owner, catalogs.load(files), {})
    try:
        work()
        assert state(at_desk, job_id)["code"] == "PURPOSE_NOT_GRANTED"
    finally:
        campus.publish(at_desk.owner, at_desk.catalog, {})


def test_answers_are_given_only_as_long_as_the_right_to_them_lasts(at_desk: Desk, environment):
    job_id = job(at_desk, [item(at_desk, "T001")])
    work()
    files = campus.files()
    demands = json.loads(files["demands/all.yaml"])
    demands[0]["elements"].remove("ZT")
    files["demands/all.yaml"] = json.dumps(demands, ensure_ascii=False).encode()
    campus.publish(at_desk.owner, catalogs.load(files), {})
    try:
        assert results(at_desk, job_id).json()["code"] == "ELEMENT_NOT_GRANTED"
    finally:
        campus.publish(at_desk.owner, at_desk.catalog, {})
    assert len(lines(results(at_desk, job_id))) == 1


def test_a_cancelled_job_is_not_answered(at_desk: Desk, environment):
    job_id = job(at_desk, [item(at_desk, "T001")])
    for _ in range(2):
        reply = at_desk.post(f"/v1/jobs/{job_id}:cancel", {})
        assert reply.json()["state"] == "cancelled"
    before = at_desk.last()["seq"]
    work()
    assert at_desk.last()["seq"] == before
    assert parts(at_desk, job_id) == 0


def parts(at_desk: Desk, job_id: str) -> int:
    return at_desk.owner.execute("SELECT count(*) FROM service.job_part WHERE job = %s", [job_id]).fetchone()[
        0
    ]


def test_a_job_that_is_cancelled_while_it_is_answered_leaves_no_entry(
    at_desk: Desk, environment, monkeypatch
):
    job_id = job(at_desk, [item(at_desk, "T001")])
    written = working._write

    async def cancelled_before(around, *rest) -> None:
        await jobs.cancel(around.pool, campus.HALL, uuid.UUID(job_id), now())
        await written(around, *rest)

    monkeypatch.setattr(working, "_write", cancelled_before)
    before = at_desk.last()["seq"]
    work()
    assert state(at_desk, job_id)["state"] == "cancelled"
    assert at_desk.last()["seq"] == before


def test_nobody_but_its_client_sees_a_job(at_desk: Desk, environment):
    job_id = job(at_desk, [item(at_desk, "T001")])
    work()
    assert at_desk.get(f"/v1/jobs/{job_id}", campus.PORTAL).status_code == 404
    assert results(at_desk, job_id, client_id=campus.PORTAL).status_code == 404
    assert at_desk.post(f"/v1/jobs/{job_id}:cancel", {}, campus.PORTAL).status_code == 404


def test_only_whom_the_catalog_lets_hands_jobs_in(at_desk: Desk):
    reply = hand_in(at_desk, [item(at_desk, "T001")], campus.PORTAL)
    assert (reply.status_code, reply.json()["code"]) == (403, "NOT_PERMITTED")
    assert at_desk.last()["outcome"] == "refused"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"service_item": "S-NONE"}, "PURPOSE_NOT_GRANTED"),
        ({"elements": ["DH"]}, "ELEMENT_NOT_GRANTED"),
        ({"elements": []}, "INVALID_PARAMETER"),
    ],
)
def test_what_could_not_be_answered_is_refused_at_once(at_desk: Desk, more, code):
    assert hand_in(at_desk, [item(at_desk, "T001")], **more).json()["code"] == code


def test_lines_that_are_no_items_are_named_and_nothing_is_taken_in(at_desk: Desk):
    good = item(at_desk, "T001")
    count = "SELECT count(*) FROM service.job"
    before = at_desk.owner.execute(count).fetchone()
    reply = hand_in(at_desk, [good, good | {"case_id": CANARY}, good | {"more": 1}])
    assert (reply.status_code, reply.json()["code"]) == (422, "INVALID_PARAMETER")
    assert [one["pointer"] for one in reply.json()["errors"]] == ["/3", "/4"]
    assert CANARY not in reply.text
    assert hand_in(at_desk, []).status_code == 422
    assert at_desk.owner.execute(count).fetchone() == before


def test_one_key_is_one_job(at_desk: Desk):
    one, other = item(at_desk, "T001"), item(at_desk, "T002")
    first = hand_in(at_desk, [one], key="job-key").json()
    assert hand_in(at_desk, [one], key="job-key").json() == first
    assert hand_in(at_desk, [other], key="job-key").json()["code"] == "IDEMPOTENCY_KEY_REUSED"


def test_a_client_has_so_many_jobs_waiting_and_no_more(at_desk: Desk, environment):
    work()
    one = item(at_desk, "T001")
    told = [hand_in(at_desk, [one]).status_code for _ in range(jobs.MAX_OPEN + 1)]
    assert told == [202] * jobs.MAX_OPEN + [429]
    work()


def test_neither_questions_nor_answers_lie_about(at_desk: Desk, environment):
    job_id = job(at_desk, [item(at_desk, "T001")])
    work()
    kept = at_desk.owner.execute(
        "SELECT asked || answered FROM service.job_part WHERE job = %s", [job_id]
    ).fetchone()[0]
    assert CANARY.encode() not in kept and b"T001" not in kept and b"staff_no" not in kept


def test_answers_are_deleted_a_day_after_they_were_fetched_and_in_a_week_at_most(at_desk: Desk, environment):
    job_id = job(at_desk, [item(at_desk, "T001")])
    work()
    filed, deleted = (state(at_desk, job_id)[name] for name in ("filed_at", "delete_at"))
    assert _time(deleted) - _time(filed) == timedelta(days=7)
    lines(results(at_desk, job_id))
    told = state(at_desk, job_id)
    assert _time(told["delete_at"]) - _time(told["fetched_at"]) == timedelta(hours=24)

    async def forgotten(at) -> None:
        import asyncpg

        async with asyncpg.create_pool(environment["YICI_SERVICE_DATABASE_URL"], min_size=1) as pool:
            await jobs.forget(pool, at)

    asyncio.run(forgotten(now() + timedelta(hours=23)))
    assert state(at_desk, job_id)["state"] == "done"
    asyncio.run(forgotten(now() + timedelta(hours=25)))
    assert at_desk.get(f"/v1/jobs/{job_id}").status_code == 404
    assert parts(at_desk, job_id) == 0


def _time(text: str):
    from datetime import datetime

    return datetime.fromisoformat(text)
