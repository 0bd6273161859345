"""What was told then can be composed again: after new values, new grants, merges, corrections and closed cases."""

import asyncio
import json
import uuid
from dataclasses import replace

import asyncpg
import pytest

import catalogs
from catalogs.faults import CatalogError
from service import state
from service.reading import Wish, plan, read
from service.state import Current, State
from service.transactions import pinned
from tests.service import campus, desk
from tests.service.conftest import opened, service_url
from tests.service.desk import T001, Desk
from tests.service.test_lookups import FOUND, PLACE, asking, source  # noqa: F401  # fixtures
from tests.service.test_verified import fail_a_check, made_up


def asked(at_desk: Desk, elements=("XM", "ZT", "GZ", "DW"), subject=T001) -> tuple[dict, dict]:
    """Ask for facts; returns what a client keeps: request and answer."""
    body = {
        "subject": subject,
        "service_item": campus.EMPLOYED,
        "case_id": at_desk.case(campus.EMPLOYED, [{"role": "applicant", **subject}]),
        "actor": {"user_id": "U1", "role": "officer"},
        "elements": list(elements),
    }
    reply = at_desk.post("/v1/facts:query", body)
    assert reply.status_code == 200, reply.text
    return body, reply.json()


def replayed(at_desk: Desk, request: dict, told: dict, client_id: str = campus.HALL, **changes):
    body = {"action": "facts", "request": request, "receipt": told["receipt"]} | changes
    return at_desk.post(f"/v1/transactions/{told['transaction_id']}:replay", body, client_id)


def test_an_answer_is_the_same_after_everything_has_changed(
    pg_database, tmp_path, own_surroundings, monkeypatch
):
    with opened(pg_database, tmp_path) as at_desk:
        monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
        facts, answer = asked(at_desk)
        applicant = {"role": "applicant", **T001}
        form = {
            "subject": T001,
            "case_id": at_desk.case(campus.TRANSFER, [applicant]),
            "actor": {"user_id": "T001", "role": "applicant"},
        }
        filled = at_desk.post(f"/v1/service-items/{campus.TRANSFER}:prefill", form).json()
        assert answer["facts"]["DW"]["value"] == "物理系"

        correction = {**form, "service_item": campus.EMPLOYED, "element": "ZT", "reason": "已离职"}
        correction["case_id"] = at_desk.case()
        filed = at_desk.post("/v1/corrections", correction, **{"Idempotency-Key": "1"})
        assert filed.status_code == 201, filed.text
        at_desk.http.patch(
            f"/v1/cases/{facts['case_id']}", json={"status": "closed"}, headers=at_desk.headers()
        ).raise_for_status()
        changed = campus.files()
        changed["demands/all.yaml"] = changed["demands/all.yaml"].replace(b'"GZ", ', b"")
        changed["codes/staff_status.csv"] = changed["codes/staff_status.csv"].replace(
            "在职".encode(), "在岗".encode()
        )
        changed["materials.yaml"] = changed["materials.yaml"].replace('在职"}]'.encode(), '在岗"}]'.encode())
        at_desk.owner.execute("UPDATE store.hr__staff SET _to = yici.current() + 1 WHERE _to IS NULL")
        moved = [desk.STAFF[0] | {"unit": "图书馆", "status": "21", "name": "另一名"}, *desk.STAFF[1:3]]
        newer = catalogs.load(changed)
        campus.publish(at_desk.owner, newer, {"hr.staff": moved})
        # both numbers become another person's from now on
        at_desk.owner.execute(
            "WITH ended AS (UPDATE yici.link SET _to = yici.current() WHERE key = 'T001' AND _to IS NULL RETURNING *)"
            " INSERT INTO yici.link (subject_id, type, id_type, key, source, _from)"
            " SELECT (SELECT subject_id FROM yici.link WHERE key = 'T002' AND _to IS NULL), type, id_type, key, source,"
            " yici.current() FROM ended"
        )
        assert at_desk.facts(["GZ"]).status_code == 403

        told = replayed(at_desk, facts, answer)
        assert told.status_code == 200, told.text
        assert (told.json()["matches"], told.json()["release"]) == (True, answer["release"])
        assert told.json()["statuses"] == dict.fromkeys(("XM", "ZT", "GZ", "DW"), "available")
        assert told.json()["catalog"] != newer.version
        again = replayed(at_desk, form, filled, action="prefill", service_item=campus.TRANSFER)
        assert again.status_code == 200, again.text
        assert again.json()["matches"]
        entry = at_desk.last()
        assert (entry["action"], entry["outcome"], entry["rule"]) == ("replay", "allowed", "replay matches")
        assert "物理系" not in told.text + again.text


def test_statements_are_judged_again_as_they_were_without_being_told_or_counted(
    pg_database, tmp_path, own_surroundings, monkeypatch
):
    with opened(pg_database, tmp_path) as at_desk:
        monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
        subject, case_id = {"subject": T001}, at_desk.case()
        request = subject | {
            "case_id": case_id, "actor": {"user_id": "U1", "role": "officer"}, "service_item": campus.EMPLOYED,
            "claims": [{"element": "XM", "op": "eq", "value": "别名"}, {"element": "ZT", "op": "eq", "value": "11"}],
        }  # fmt: skip
        answer = at_desk.post("/v1/claims:verify", request).json()
        assert [one["outcome"] for one in answer["claims"]] == ["no_match", "match"]
        campus.publish(at_desk.owner, at_desk.catalog, {"hr.staff": [desk.STAFF[0] | {"status": "21"}]})
        counted = at_desk.owner.execute("SELECT * FROM service.claim_miss").fetchall()
        for _ in range(7):
            told = replayed(at_desk, request, answer, action="claims").json()
            assert (told["matches"], told["statuses"]) == (True, {"XM": "answered", "ZT": "answered"})
        assert at_desk.owner.execute("SELECT * FROM service.claim_miss").fetchall() == counted
        other = replayed(at_desk, request | {"claims": request["claims"][:1]}, answer, action="claims")
        assert other.json()["errors"] == [{"pointer": "/request", "code": "not_recorded"}]


def test_a_question_names_no_moment_of_its_own(at_desk: Desk):
    request, _ = asked(at_desk)
    reply = at_desk.post("/v1/facts:query", request | {"as_of": "2026-05-03T00:00:00Z"})
    assert (reply.status_code, reply.json()["code"]) == (422, "INVALID_PARAMETER")


def test_history_that_was_rewritten_does_not_match(at_desk: Desk):
    request, answer = asked(at_desk)
    assert replayed(at_desk, request, answer).json()["matches"]
    at_desk.owner.execute("UPDATE store.hr__staff SET unit = '别处' WHERE staff_no = 'T001'")
    try:
        assert replayed(at_desk, request, answer).json()["matches"] is False
    finally:
        at_desk.owner.execute("UPDATE store.hr__staff SET unit = '物理系' WHERE staff_no = 'T001'")
    assert replayed(at_desk, request, answer).json()["matches"]


def test_an_answer_from_before_there_were_levels_in_between_is_the_same(
    pg_database, tmp_path, own_surroundings, monkeypatch
):
    """Of a row that its provider released, and of one that another system bears out, less was said of it then."""
    both = {"id_type": "staff_no", "id": "T003"}

    def ask_then_and_now(at_desk: Desk, element: str, subject: dict, level: str) -> list[tuple[dict, dict]]:
        state, current = at_desk.app.state.around.state, asyncio.run(_current(pg_database))
        state._releases[current.release] = replace(current, has_middle_levels=False)
        then = asked(at_desk, [element], subject)
        state._releases.clear()
        since = asked(at_desk, [element], subject)
        told = [answer["facts"][element]["verification"]["level"] for _, answer in (then, since)]
        assert told == ["system_verified", level]
        return [then, since]

    with opened(pg_database, tmp_path, content=made_up()) as at_desk:
        monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
        campus.publish(at_desk.owner, at_desk.catalog, {"hr.staff": [desk.STAFF[0] | {"_state": "released"}]})
        kept = ask_then_and_now(at_desk, "ZT", T001, "officer_verified")
        campus.publish(at_desk.owner, at_desk.catalog, {"hr.staff": [desk.STAFF[0], desk.STAFF[2]]})
        fail_a_check(at_desk, "hr.staff")
        kept += ask_then_and_now(at_desk, "XM", both, "cross_checked")
        assert [replayed(at_desk, *one).json()["matches"] for one in kept] == [True] * 4


async def _current(database) -> Current:
    async with asyncpg.create_pool(service_url(database), min_size=1, max_size=1) as pool:
        return await State().current(pool)


def test_only_ones_own_answer_with_its_own_request_and_receipt_is_replayed(at_desk: Desk):
    request, answer = asked(at_desk)
    other_request, other = asked(at_desk, ["XM"])
    assert replayed(at_desk, request, answer, campus.PORTAL).status_code == 404
    assert replayed(at_desk, request, answer | {"transaction_id": str(uuid.uuid4())}).status_code == 404
    foreign = replayed(at_desk, request, answer, receipt=other["receipt"])
    assert foreign.json()["errors"] == [{"pointer": "/receipt", "code": "not_this_transactions"}]
    made_up = replayed(at_desk, request, answer, receipt="a.b.c")
    assert made_up.json()["errors"] == [{"pointer": "/receipt", "code": "not_this_transactions"}]
    another = replayed(at_desk, other_request, answer)
    assert another.json()["errors"] == [{"pointer": "/request", "code": "not_recorded"}]
    assert (
        replayed(at_desk, request, answer, action="prefill", service_item=campus.EMPLOYED).status_code == 422
    )


def test_a_release_whose_rows_were_deleted_is_gone(at_desk: Desk):
    request, answer = asked(at_desk)
    at_desk.owner.execute("UPDATE yici.release SET pruned_at = now() WHERE id = %s", [answer["release"]])
    try:
        reply = replayed(at_desk, request, answer)
    finally:
        at_desk.owner.execute("UPDATE yici.release SET pruned_at = NULL")
    assert (reply.status_code, reply.json()["code"]) == (410, "GONE")


def test_a_release_whose_catalog_is_faulty_by_the_rules_of_today_is_said_to_be_one(
    at_desk: Desk, as_owner, monkeypatch
):
    request, answer = asked(at_desk)
    campus.publish(at_desk.owner, at_desk.catalog, {})
    asked(at_desk)  # the newer release is known now
    held = at_desk.app.state.around.state
    monkeypatch.setattr(
        held, "_releases", {one: at for one, at in held._releases.items() if one > answer["release"]}
    )
    monkeypatch.setattr(held, "_catalogs", {})

    def loaded(_blob: bytes) -> None:
        raise CatalogError([])

    monkeypatch.setattr(state, "_loaded", loaded)
    reply = replayed(at_desk, request, answer)
    assert (reply.status_code, reply.json()["code"], reply.json()["rule"]) == (
        409,
        "NOT_REPLAYABLE",
        "replay:catalog_of_then",
    )


def test_what_was_answered_live_is_not_composed_again_without_the_answer_that_was_kept(at_desk: Desk):
    request, answer = asked(at_desk, ["XM", "HJ"])
    reply = replayed(at_desk, request, answer)
    assert (reply.status_code, reply.json()["code"]) == (409, "NOT_REPLAYABLE")
    assert "gov.household" in reply.json()["detail"]


def test_an_answer_with_live_parts_is_proven_by_the_kept_one_and_the_rest_composed_again(
    asking: Desk,  # noqa: F811
    source,  # noqa: F811
):
    request, answer = asked(asking, ["XM", "DW", "HJ", "HJRQ"])
    assert answer["facts"]["HJ"]["verification"]["evidence"][0]["serial"] == FOUND["serial"]
    heard = len(source.requests)
    told = replayed(asking, request, answer, answer=answer)
    assert told.status_code == 200, told.text
    assert (told.json()["matches"], told.json()["heard"]) == (True, ["HJ", "HJRQ"])
    assert told.json()["statuses"] == dict.fromkeys(("XM", "DW", "HJ", "HJRQ"), "available")
    assert len(source.requests) == heard and PLACE not in told.text
    facts = answer["facts"]
    other = answer | {"facts": facts | {"HJ": facts["HJ"] | {"value": "别处"}}}
    refused = replayed(asking, request, answer, answer=other)
    assert (refused.status_code, refused.json()["errors"]) == (
        422,
        [{"pointer": "/answer", "code": "not_recorded"}],
    )
    asking.owner.execute("UPDATE store.hr__staff SET unit = '别处' WHERE staff_no = 'T001'")
    try:
        assert replayed(asking, request, answer, answer=answer).json()["matches"] is False
    finally:
        asking.owner.execute("UPDATE store.hr__staff SET unit = '物理系' WHERE staff_no = 'T001'")


def test_a_form_and_statements_with_live_parts_are_replayed_too(asking: Desk, source):  # noqa: F811
    form = {"subject": T001, "case_id": asking.case(), "actor": {"user_id": "U1", "role": "officer"}}
    filled = asking.post(f"/v1/service-items/{campus.EMPLOYED}:prefill", form).json()
    (household,) = [one for one in filled["materials"] if one["material"] == "M-HOUSEHOLD"]
    assert household["outcome"] == "satisfied"
    again = {"action": "prefill", "service_item": campus.EMPLOYED, "answer": filled}
    told = replayed(asking, form, filled, **again)
    assert told.status_code == 200, told.text
    assert told.json()["matches"] and "HJ" in told.json()["heard"]
    stated = form | {
        "service_item": campus.EMPLOYED,
        "claims": [{"element": "HY", "op": "is_known"}, {"element": "ZT", "op": "eq", "value": "11"}],
    }
    answer = asking.post("/v1/claims:verify", stated).json()
    assert [one["outcome"] for one in answer["claims"]] == ["match", "match"]
    told = replayed(asking, stated, answer, action="claims", answer=answer)
    assert (told.json()["matches"], told.json()["heard"]) == (True, ["HY"])


@pytest.mark.parametrize("kept", ['{"a": "\\ud800"}', '{"a": ' * 150 + "1" + "}" * 150, "[]", '{"a": 1e999}'])
def test_a_kept_answer_that_is_none_is_refused_in_words(at_desk: Desk, source, kept):  # noqa: F811
    request, answer = asked(at_desk, ["XM", "HJ"])
    told = {"action": "facts", "request": request, "receipt": answer["receipt"], "answer": "KEPT"}
    content = json.dumps(told).replace('"KEPT"', kept)
    headers = at_desk.headers() | {"Content-Type": "application/json"}
    reply = at_desk.http.post(
        f"/v1/transactions/{answer['transaction_id']}:replay", content=content, headers=headers
    )
    assert reply.status_code in (400, 422), reply.text


def test_what_had_no_value_then_has_none_now(at_desk: Desk):
    request, answer = asked(at_desk, ["XM"], {"id_type": "guest_no", "id": "G001"})
    told = replayed(at_desk, request, answer).json()
    assert (told["matches"], told["statuses"]) == (True, {"XM": "withheld"})


def test_rows_are_read_in_the_order_of_their_key_wherever_they_lie(at_desk: Desk, pg_module_database):
    """What an answer of many values rests on: it must be the same one when it is composed again."""
    wish = Wish("finance.payroll", "month", None)

    async def months() -> list[str]:
        address = service_url(pg_module_database)
        async with asyncpg.create_pool(address, min_size=1, max_size=1) as pool, pinned(pool, 2) as con:
            ((rows, _),) = await read(con, plan(at_desk.catalog, (wish,)), [{"staff_no": ["T001", "T003"]}])
            return [row.items["month"] for row in rows["finance.payroll"]]

    for _ in range(2):
        assert asyncio.run(months()) == ["2026-08", "2026-09", "2026-09"]
        at_desk.owner.execute(
            "WITH moved AS (DELETE FROM store.finance__payroll WHERE month = '2026-08' RETURNING *)"
            " INSERT INTO store.finance__payroll SELECT * FROM moved"
        )
