"""The record: one entry per decision, written before the answer leaves, without values, never changed."""

import asyncio
import concurrent.futures
import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64decode
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import asyncpg
import httpx
import psycopg
import pytest
from joserfc import jws
from joserfc.jwk import KeySet

from service import record, transactions
from service.keys import load as load_keys
from service.record import canonical, leaf_hash, written
from tests.service import campus, desk
from tests.service.conftest import service_url
from tests.service.desk import CANARY, T001, Desk


def claims_of(at_desk: Desk, receipt: str) -> dict:
    keys = KeySet.import_key_set(at_desk.http.get("/.well-known/jwks.json").json())
    found = jws.deserialize_compact(receipt, keys, algorithms=["Ed25519"])
    assert found.headers()["typ"] == "yici-receipt+jws"
    return json.loads(found.payload)


def test_each_request_leaves_one_entry_that_says_who_asked_what_why(at_desk: Desk):
    case_id = at_desk.case()
    before = at_desk.last()["seq"]
    answer = at_desk.facts(["XM", "ZT"], case_id=case_id).json()
    (entry,) = at_desk.record("seq > %s", before)
    expected = {
        "action": "facts",
        "client_id": campus.HALL,
        "receiver_unit": "DT",
        "receiver_name": "系统 hall",
        "purpose": campus.EMPLOYED,
        "ground": "statutory_duty",
        "elements": ["XM", "ZT"],
        "outcome": "allowed",
        "code": "OK",
        "release": answer["release"],
        "confidentiality": "normal",
    }
    assert {name: entry[name] for name in expected} == expected
    details = at_desk.details(entry)
    assert (details["actor_id"], details["actor_role"], details["case_id"]) == ("U1", "officer", case_id)
    assert str(entry["transaction_id"]) == answer["transaction_id"]
    assert (entry["retention_until"] - entry["logtime"]).days >= 3 * 365


def test_the_receipt_proves_the_answer_and_only_to_who_holds_it(at_desk: Desk):
    answer = at_desk.facts(["XM"]).json()
    receipt = claims_of(at_desk, answer.pop("receipt"))
    entry = at_desk.last()
    digest = hmac.new(bytes.fromhex(receipt["salt"]), canonical(answer), hashlib.sha256).hexdigest()
    assert (receipt["txn"], receipt["seq"]) == (answer["transaction_id"], entry["seq"])
    assert digest == receipt["response_digest"] == entry["response_digest"]
    assert receipt["salt"] not in json.dumps(written(entry), default=str)


def test_numbers_have_no_gap_and_every_leaf_can_be_computed_again(at_desk: Desk):
    case_id = at_desk.case()

    def ask(number: int) -> int:
        elements = ["XM"] if number % 2 else ["DH"]  # allowed and refused ones
        return at_desk.facts(elements, case_id=case_id).status_code

    before = len(at_desk.record())
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(ask, range(60))) == [200] * 30 + [403] * 30
    entries = at_desk.record()
    assert len(entries) == before + 60
    assert [entry["seq"] for entry in entries] == list(range(1, len(entries) + 1))
    assert all(leaf_hash(written(entry)) == entry["leaf_hash"] for entry in entries)


_TOO_LATE = "SELECT $1::bigint - 1 WHERE $2::jsonb IS NOT NULL AND $3::jsonb IS NOT NULL"


@pytest.mark.parametrize("append", [record._APPEND, _TOO_LATE])
def test_workers_that_append_by_turns_leave_no_gap_even_if_each_always_comes_too_late(
    at_desk: Desk, pg_module_database, tmp_path, monkeypatch, append
):
    monkeypatch.setattr(record, "_APPEND", append)
    at, keys = datetime(2026, 3, 2, tzinfo=UTC), load_keys(tmp_path)

    async def by_turns() -> list[int]:
        async with asyncpg.create_pool(service_url(pg_module_database), min_size=2, max_size=2) as pool:
            workers = [record.Recorder(pool, keys) for _ in range(2)]
            given = [
                await worker.append(record.Decision(uuid4(), "facts", campus.HALL), {}, {}, at)
                for worker in (*workers, *workers, workers[1])
            ]
            for worker in workers:
                await worker.stop()
        return [json.loads(urlsafe_b64decode(one.split(".")[1] + "=="))["seq"] for one in given]

    last = at_desk.owner.execute("SELECT coalesce(max(seq), 0) FROM service.record").fetchone()[0]
    assert asyncio.run(by_turns()) == [last + n for n in range(1, 6)]


_OWN = ("seq", "transaction_id", "request_digest", "response_digest", "detail_hash", "leaf_hash", "salt")


def test_many_entries_at_once_stand_on_record_just_as_a_few(at_desk: Desk, pg_module_database, tmp_path):
    at, keys = datetime(2026, 3, 2, 7, 30, 1, 250_001, tzinfo=UTC), load_keys(tmp_path)
    plain = record.Decision(uuid4(), "token", campus.HALL)
    told = replace(
        plain, action="facts", receiver_unit="DT", receiver_name='系统 "hall"\t1', actor_id="U1", actor_role="officer",
        subject=("staff_no", "T001"), purpose=campus.EMPLOYED, case_id=str(uuid4()), ground="statutory_duty",
        elements=("XM", "ZT"), outcome="allowed", code="OK", rule="granted", release=1,
    )  # fmt: skip
    decisions = (plain, told, replace(told, actor_id="T001", actor_role="applicant", outcome="refused"))

    async def add(times: int) -> list[dict]:
        before = at_desk.last()["seq"]
        entries = [
            record.prepared(keys, replace(one, transaction_id=uuid4()), {}, {}, at)[0]
            for one in decisions * times
        ]
        async with (
            asyncpg.create_pool(service_url(pg_module_database), min_size=1) as pool,
            transactions.opened(pool, record.LOCKED) as con,
        ):
            assert await record.add(con, entries) == before
        return at_desk.record("seq > %s", before)

    def shown(entries: list[dict]) -> list[dict]:
        both = [entry | at_desk.details(entry) for entry in entries]
        return [{name: value for name, value in one.items() if name not in _OWN} for one in both]

    few, many = asyncio.run(add(1)), asyncio.run(add(record._COPIED))
    assert shown(many) == shown(few) * record._COPIED
    for entry in (*few, *many):
        assert leaf_hash(written(entry)) == entry["leaf_hash"]
        assert record.detail_hash(at_desk.details(entry)) == entry["detail_hash"]


def test_no_value_is_on_record_and_people_only_as_keyed_digests(at_desk: Desk):
    at_desk.facts(["XM", "SFZJH", "GZ"], T001)
    at_desk.prefill(T001)
    at_desk.facts(["XM"], T001, actor={"user_id": "T001", "role": "applicant"})
    at_desk.facts(["XM"], {"id_type": "staff_no", "id": "T999"})
    (everything,) = at_desk.owner.execute(
        "SELECT string_agg(r::text || d::text, ' ') FROM service.record r JOIN service.record_detail d USING (seq)"
    ).fetchone()
    numbers = [value for row in desk.STAFF for name, value in row.items() if value and name != "status"]
    assert [text for text in (*numbers, CANARY, "T999", "9000.5") if text in everything] == []
    keys = load_keys(at_desk.home)
    entry = at_desk.details(at_desk.record("action = 'facts' AND outcome = 'allowed'")[-1])
    assert entry["actor_role"] == "applicant"
    assert entry["subject_key"] == keys.subject_key("staff_no", "T001")
    assert entry["subject_key_id"] == keys.subject_key_id
    assert entry["actor_id"] == keys.subject_key("actor", "T001")
    assert entry["subject_key"] != hashlib.sha256(b"staff_no\0T001").hexdigest()


def test_no_answer_leaves_before_its_entry_is_written(at_desk: Desk):
    case_id = at_desk.case()
    before = at_desk.last()["seq"]
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with at_desk.owner.transaction():
            at_desk.owner.execute("SELECT pg_advisory_xact_lock(hashtext('yici record'))")
            asked = pool.submit(at_desk.facts, ["XM"], case_id=case_id)
            time.sleep(0.5)
            assert not asked.done()
        reply = asked.result(timeout=10)
    assert reply.status_code == 200
    assert at_desk.last()["seq"] == before + 1


def test_the_services_connections_wait_for_the_disk(at_desk: Desk):
    """The entry is durable, not merely sent: whatever the server's default, the service commits synchronously."""
    (default,) = at_desk.owner.execute("SHOW synchronous_commit").fetchone()
    at_desk.owner.execute("CREATE TABLE public.seen (setting text)")
    at_desk.owner.execute("GRANT INSERT ON public.seen TO yici_service")
    at_desk.owner.execute(
        "CREATE FUNCTION public.see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " INSERT INTO public.seen VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$"
    )
    at_desk.owner.execute(
        "CREATE TRIGGER see BEFORE INSERT ON service.record FOR EACH ROW EXECUTE FUNCTION public.see()"
    )
    try:
        assert at_desk.facts(["XM"]).status_code == 200
        found = at_desk.owner.execute("SELECT DISTINCT setting FROM public.seen").fetchall()
    finally:
        at_desk.owner.execute("DROP FUNCTION public.see() CASCADE")
        at_desk.owner.execute("DROP TABLE public.seen")
    assert (default, found) == ("off", [("on",)])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE service.record SET outcome = 'allowed'",
        "DELETE FROM service.record",
        "TRUNCATE service.record",
        "DROP TABLE service.record",
        "ALTER TABLE service.record DISABLE TRIGGER ALL",
        "INSERT INTO service.client VALUES ('x', 'x', 'x', '{}')",
        "UPDATE service.client SET status = 'active'",
        "UPDATE service.\"case\" SET parties = '[]'",
        'DELETE FROM service."case"',
        "UPDATE store.hr__staff SET name = 'x'",
        "SELECT * FROM store.hr__staff",
        "SELECT * FROM yici.quarantine",
    ],
)
def test_the_services_role_cannot_change_history_nor_rights_nor_rows(
    at_desk: Desk, pg_module_database, statement
):
    at_desk.facts(["XM"])
    with psycopg.connect(service_url(pg_module_database), autocommit=True) as con:
        assert con.execute("SELECT count(*) FROM service.record").fetchone()[0] > 0
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            con.execute(statement)


def test_without_a_record_there_is_no_answer_and_afterwards_there_is(at_desk: Desk):
    case_id = at_desk.case()
    at_desk.headers(campus.PORTAL)
    before = len(at_desk.record())
    at_desk.owner.execute("REVOKE INSERT ON service.record FROM yici_service")
    try:
        replies: list[httpx.Response] = [
            at_desk.facts(["XM"], case_id=case_id),
            at_desk.facts(["DH"], case_id=case_id),  # a refusal, too
            at_desk.facts(["XM"], case_id="no number"),
            at_desk.ask_token(at_desk.assertion(campus.HALL)),
            at_desk.http.get("/readyz"),
        ]
        told = [(reply.status_code, reply.json()["code"]) for reply in replies]
        assert told == [(503, "AUDIT_UNAVAILABLE")] * 5
        assert all(reply.headers["retry-after"] for reply in replies)
        assert not any(CANARY in reply.text for reply in replies)
    finally:
        at_desk.owner.execute("GRANT INSERT ON service.record TO yici_service")
    assert len(at_desk.record()) == before
    assert at_desk.facts(["XM"], case_id=case_id).status_code == 200
    assert at_desk.http.get("/readyz").status_code == 200


def test_a_fault_nobody_foresaw_does_not_end_the_recording(at_desk: Desk):
    case_id = at_desk.case()
    at_desk.owner.execute(
        "ALTER TABLE service.record ADD CONSTRAINT never CHECK (action <> 'facts') NOT VALID"
    )
    try:
        assert at_desk.facts(["XM"], case_id=case_id).json()["code"] == "AUDIT_UNAVAILABLE"
    finally:
        at_desk.owner.execute("ALTER TABLE service.record DROP CONSTRAINT never")
    assert at_desk.facts(["XM"], case_id=case_id).status_code == 200


def test_a_warehouse_that_fails_in_the_middle_is_on_record_as_our_fault(at_desk: Desk):
    case_id = at_desk.case()
    at_desk.owner.execute("REVOKE SELECT ON raw.hr__staff FROM yici_service")
    try:
        reply = at_desk.facts(["XM"], case_id=case_id)
    finally:
        at_desk.owner.execute("GRANT SELECT ON raw.hr__staff TO yici_service")
    problem = reply.json()
    assert (reply.status_code, problem["code"], problem["fault"], problem["retryable"]) == (
        503,
        "SOURCE_UNAVAILABLE",
        "us",
        True,
    )
    assert (at_desk.last()["outcome"], at_desk.last()["code"]) == ("failed", "SOURCE_UNAVAILABLE")


def test_a_warehouse_that_does_not_answer_in_time_is_told_apart_from_one_that_fails(
    at_desk: Desk, pg_module_database
):
    case_id = at_desk.case()
    with concurrent.futures.ThreadPoolExecutor(1) as pool, psycopg.connect(pg_module_database.url) as other:
        other.execute("LOCK TABLE store.hr__staff")
        asked = pool.submit(at_desk.facts, ["XM"], case_id=case_id)
        # What a statement that takes too long comes to: it is cancelled.
        while not asked.done():
            at_desk.owner.execute(
                "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
                " WHERE wait_event_type = 'Lock' AND datname = current_database() AND pid <> pg_backend_pid()"
            )
            time.sleep(0.05)
        other.rollback()
    problem = asked.result().json()
    assert (problem["status"], problem["code"], problem["fault"]) == (504, "SOURCE_TIMEOUT", "us")
    assert problem["retryable"] is True
    assert (at_desk.last()["outcome"], at_desk.last()["code"]) == ("failed", "SOURCE_TIMEOUT")
    assert str(at_desk.last()["transaction_id"]) in problem["instance"]
    assert at_desk.facts(["XM"], case_id=case_id).status_code == 200
