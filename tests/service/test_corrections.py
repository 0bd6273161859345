"""A fact is said to be wrong: its provider decides, the source mends it, and exactly those who were told hear of it."""

import asyncio
import json
import time
import uuid

import asyncpg
import pytest

from expectations.quality import corrections
from expectations.quality import desk as quality
from expectations.quality.terms import terms
from service import following
from service.state import State
from tests.service import campus, desk
from tests.service.conftest import service_url
from tests.service.desk import CANARY, T001, Desk
from warehouse.key_ring import ring

T002 = {"id_type": "staff_no", "id": "T002"}
STATED = f"{CANARY}新"


@pytest.fixture(autouse=True)
def none_open(at_desk: Desk) -> None:
    at_desk.owner.execute("DELETE FROM service.change")
    at_desk.owner.execute("DELETE FROM service.correction")


def filed(
    at_desk: Desk,
    element: str = "DW",
    subject=T001,
    key: str | None = None,
    case_id: str | None = None,
    **more,
):
    body = {
        "subject": subject,
        "case_id": case_id or at_desk.case(campus.EMPLOYED, [{"role": "applicant", **subject}]),
        "actor": {"user_id": subject["id"], "role": "applicant"},
        "service_item": campus.EMPLOYED,
        "element": element,
        "stated": STATED,
        "reason": f"本人{CANARY}已调动",
    } | more
    return at_desk.post("/v1/corrections", body, **{"Idempotency-Key": key or uuid.uuid4().hex})


def decided(at_desk: Desk, number: str, decision: str, client_id: str = campus.HR):
    body = {"decision": decision, "reason": "已核对档案"}
    return at_desk.post(f"/v1/corrections/{number}:decide", body, client_id)


def followed(at_desk: Desk, database) -> int:
    """Compare the open corrections with the newest release now, as the service's own role does it."""
    keys = at_desk.app.state.around.keys

    async def once() -> int:
        given = dict(ring().session())
        async with asyncpg.create_pool(
            service_url(database), min_size=1, max_size=3, server_settings=given
        ) as pool:
            return await following.follow(pool, keys, await State().current(pool))

    return asyncio.run(once())


def changes(at_desk: Desk, client_id: str, after: int = 0) -> list[dict]:
    reply = at_desk.get(f"/v1/changes?after={after}", client_id)
    assert reply.status_code == 200, reply.text
    return reply.json()


def mended(at_desk: Desk, **item: str) -> int:
    """Publish a release in which the source shows another value for T001."""
    at_desk.owner.execute("UPDATE store.hr__staff SET _to = (SELECT yici.current() + 1) WHERE _to IS NULL")
    rows = [desk.STAFF[0] | item, *desk.STAFF[1:3]]
    return campus.publish(at_desk.owner, at_desk.catalog, {"hr.staff": rows})


def test_a_correction_goes_to_who_answers_for_the_fact_with_a_deadline(at_desk: Desk):
    reply = filed(at_desk)
    assert reply.status_code == 201, reply.text
    told = reply.json()
    assert (told["state"], told["provider"], told["element"]) == ("routed", "RS", "DW")
    (entry,) = at_desk.record("action = 'correction_file' AND seq = (SELECT max(seq) FROM service.record)")
    assert (entry["outcome"], entry["elements"]) == ("allowed", ["DW"])
    waiting = at_desk.get("/v1/corrections", campus.HR).json()
    assert [one["correction_id"] for one in waiting] == [told["correction_id"]]
    kept = at_desk.owner.execute("SELECT string_agg(c::text, ' ') FROM service.correction c").fetchone()[0]
    assert CANARY not in kept and "T001" not in kept
    assert CANARY not in json.dumps(waiting, ensure_ascii=False)


def test_what_was_stated_is_shown_to_the_provider_alone_and_on_record(at_desk: Desk):
    number = filed(at_desk).json()["correction_id"]
    before = at_desk.last()["seq"]
    own = at_desk.get(f"/v1/corrections/{number}").json()
    assert "stated" not in own and own["state"] == "routed"
    assert at_desk.get(f"/v1/corrections/{number}", campus.PORTAL).status_code == 404
    assert at_desk.record("seq > %s", before + 1) == []  # a token of another client may be on record
    provided = at_desk.get(f"/v1/corrections/{number}", campus.HR).json()
    assert provided["stated"] == {
        "id_type": "staff_no",
        "id": "T001",
        "stated": STATED,
        "reason": f"本人{CANARY}已调动",
    }
    (entry,) = at_desk.record("action = 'correction_read' AND seq > %s", before)
    assert (entry["client_id"], entry["rule"]) == (campus.HR, "correction:stated_to_provider")


def test_a_fact_in_dispute_is_shown_and_spares_no_paper(at_desk: Desk):
    before = {one["material"]: one["outcome"] for one in at_desk.prefill()["materials"]}
    assert before["M-STATUS"] == "satisfied"
    filed(at_desk, "ZT")
    fact = at_desk.fact("ZT")
    assert (fact["status"], fact["value"], fact["reason"]) == ("in_dispute", "在职", "in_dispute")
    assert (fact["verification"]["level"], fact["verification"]["unmet"]) == ("system_verified", "in_dispute")
    after = {one["material"]: (one["outcome"], one["reasons"]) for one in at_desk.prefill()["materials"]}
    assert after["M-STATUS"] == ("still_required", ["ZT:in_dispute"])
    assert at_desk.fact("XM")["status"] == "available"
    assert at_desk.fact("ZT", T002)["status"] == "available"


def test_a_rejected_correction_ends_the_dispute_with_a_reason(at_desk: Desk):
    number = filed(at_desk).json()["correction_id"]
    assert decided(at_desk, number, "reject").json()["state"] == "rejected"
    assert at_desk.fact("DW")["status"] == "available"
    own = at_desk.get(f"/v1/corrections/{number}").json()
    assert (own["state"], own["decision_reason"]) == ("rejected", "已核对档案")
    assert own["closed_at"]
    assert decided(at_desk, number, "reject").status_code == 200
    again = decided(at_desk, number, "accept")
    assert (again.status_code, again.json()["code"]) == (409, "CORRECTION_DECIDED")
    assert filed(at_desk).status_code == 201


def test_a_correction_is_a_ticket_of_its_provider_until_the_person_can_read_its_end(at_desk: Desk):
    con, catalog = at_desk.owner, at_desk.catalog
    before = {one.id for one in quality.listed(con, everything=True)}
    numbers = [filed(at_desk, element).json()["correction_id"] for element in ("DW", "ZT")]
    assert corrections.follow(con, catalog, terms(catalog)) == (2, 0)
    assert corrections.follow(con, catalog, terms(catalog)) == (0, 0)
    own = [one for one in quality.listed(con) if one.id not in before]
    assert {one.reference for one in own} == set(numbers)
    assert {(one.kind, one.channel, one.unit) for one in own} == {("person", "correction", "RS")}
    assert all(CANARY not in one.about and "T001" not in one.about for one in own)
    promised = {
        one["correction_id"]: one["due_on"] for one in at_desk.get("/v1/corrections", campus.HR).json()
    }
    assert {one.reference: one.due_on.isoformat() for one in own} == promised
    decided(at_desk, numbers[0], "accept")
    assert corrections.follow(con, catalog, terms(catalog)) == (0, 0)
    decided(at_desk, numbers[1], "reject")
    assert corrections.follow(con, catalog, terms(catalog)) == (0, 1)
    (closed,) = (one for one in quality.listed(con, everything=True) if one.reference == numbers[1])
    assert closed.state == "closed"
    assert [one.event for one in quality.one(con, closed.id)[1]] == ["opened", "answered", "closed"]


def test_only_the_providers_system_decides(at_desk: Desk):
    number = filed(at_desk).json()["correction_id"]
    for client_id in (campus.HALL, campus.PORTAL):
        reply = decided(at_desk, number, "accept", client_id)
        assert (reply.status_code, reply.json()["code"]) == (403, "NOT_PERMITTED")
        assert (at_desk.last()["action"], at_desk.last()["outcome"]) == ("correction_decide", "refused")
    assert at_desk.get("/v1/corrections").status_code == 403
    assert at_desk.get(f"/v1/corrections/{number}").json()["state"] == "routed"


def test_one_fact_has_one_open_correction_and_a_repeated_request_the_same_answer(at_desk: Desk):
    case_id = at_desk.case()
    first = filed(at_desk, key="same", case_id=case_id)
    assert filed(at_desk, key="same", case_id=case_id).json() == first.json()
    other = filed(at_desk)
    assert (other.status_code, other.json()["code"]) == (409, "CORRECTION_OPEN")


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"element": "DH"}, 403, "ELEMENT_NOT_GRANTED"),
        ({"service_item": campus.TRANSFER}, 403, "CASE_NOT_VALID"),
        ({"element": "XH"}, 403, "ELEMENT_NOT_GRANTED"),
        ({"reason": ""}, 422, "INVALID_PARAMETER"),
        ({"stated": "x" * 501}, 422, "INVALID_PARAMETER"),
    ],
)
def test_nothing_is_filed_about_what_may_not_be_asked(at_desk: Desk, changes, status, code):
    element = changes.pop("element", "XM")
    reply = filed(at_desk, element, **changes)
    assert (reply.status_code, reply.json()["code"]) == (status, code)
    assert at_desk.owner.execute("SELECT count(*) FROM service.correction").fetchone()[0] == 0


def test_when_the_source_is_mended_exactly_those_who_were_told_the_old_value_hear_of_it(
    at_desk: Desk, as_owner, pg_module_database
):
    told = [at_desk.facts(["DW", "XM"]).json(), at_desk.facts(["DW"]).json()]
    at_desk.facts(["XM"])  # another element
    at_desk.facts(["DW"], T002)  # another person
    at_desk.facts(["GH"], client_id=campus.PORTAL)  # another client, another element
    number = filed(at_desk).json()["correction_id"]
    assert decided(at_desk, number, "accept").json()["state"] == "accepted"
    assert followed(at_desk, pg_module_database) == 0
    mended(at_desk, phone="13900000009")  # the row changed, the value not
    assert followed(at_desk, pg_module_database) == 0
    assert at_desk.fact("DW")["status"] == "in_dispute"
    in_dispute = at_desk.last()
    mended(at_desk, unit="图书馆")
    assert at_desk.fact("DW")["status"] == "in_dispute"
    assert followed(at_desk, pg_module_database) == 1
    assert followed(at_desk, pg_module_database) == 0
    fact = at_desk.fact("DW")
    assert (fact["status"], fact["value"]) == ("available", "图书馆")
    found = changes(at_desk, campus.HALL)
    wanted = {one["transaction_id"] for one in told} | {str(in_dispute["transaction_id"])}
    assert wanted <= {one["transaction_id"] for one in found}
    about = at_desk.record("transaction_id = ANY (%s)", [uuid.UUID(one["transaction_id"]) for one in found])
    assert all("DW" in entry["elements"] and entry["client_id"] == campus.HALL for entry in about)
    keys = {at_desk.details(entry)["subject_key"] for entry in about}
    assert keys == {at_desk.app.state.around.keys.subject_key("staff_no", "T001")}
    assert {one["element"] for one in found} == {"DW"}
    assert changes(at_desk, campus.PORTAL) == []
    assert changes(at_desk, campus.HALL, after=found[-1]["change_id"]) == []
    assert at_desk.get(f"/v1/corrections/{number}").json()["state"] == "propagated"


def test_who_was_told_before_the_row_changed_in_another_item_hears_of_it_too(
    at_desk: Desk, as_owner, pg_module_database
):
    mended(at_desk, unit="数学系")
    older = at_desk.facts(["DW"]).json()["transaction_id"]
    mended(at_desk)
    first = at_desk.facts(["DW"]).json()["transaction_id"]
    mended(at_desk, phone="13900000008")
    second = at_desk.facts(["DW"]).json()["transaction_id"]
    decided(at_desk, filed(at_desk).json()["correction_id"], "accept")
    mended(at_desk, unit="图书馆")
    right = at_desk.facts(["DW"]).json()["transaction_id"]  # told the new value before anybody had compared
    mended(at_desk, unit="图书馆", phone="13900000008")
    assert followed(at_desk, pg_module_database) == 1
    told = {one["transaction_id"] for one in changes(at_desk, campus.HALL)}
    assert {first, second} <= told
    assert not {older, right} & told


def test_who_asked_by_a_number_that_the_mend_has_ended_hears_of_it(
    at_desk: Desk, as_owner, pg_module_database
):
    mended(at_desk)
    wrong = {"id_type": "doc:1", "country": "CHN", "id": desk.STAFF[0]["id_no"]}
    told = at_desk.facts(["DW"], wrong).json()["transaction_id"]
    decided(at_desk, filed(at_desk).json()["correction_id"], "accept")
    mended(at_desk, unit="图书馆", id_no="110101198001010031")
    assert at_desk.facts(["DW"], wrong, case_id=at_desk.case()).status_code in (403, 404)
    assert followed(at_desk, pg_module_database) == 1
    assert told in {one["transaction_id"] for one in changes(at_desk, campus.HALL)}
    mended(at_desk)


def test_two_people_who_both_said_that_a_fact_is_wrong_and_turn_out_to_be_one_are_both_followed(
    at_desk: Desk, as_owner, pg_module_database
):
    mended(at_desk)
    first, second = (filed(at_desk, subject=one).json()["correction_id"] for one in (T001, T002))
    mended(at_desk, phone="13900000007")
    whose = "SELECT subject_id FROM yici.link WHERE key = %s AND _to IS NULL"
    (one,), (other,) = (at_desk.owner.execute(whose, [number]).fetchone() for number in ("T001", "T002"))
    merged = at_desk.owner.execute(
        "UPDATE yici.link SET subject_id = %s WHERE subject_id = %s RETURNING id", [one, other]
    ).fetchall()
    try:
        assert followed(at_desk, pg_module_database) == 0
        about = "SELECT count(*), count(DISTINCT subject_id), min(checked_release) = yici.current()"
        assert at_desk.owner.execute(f"{about} FROM service.correction").fetchone() == (2, 2, True)
        for number in (first, second):
            assert decided(at_desk, number, "accept").status_code == 200
        at_desk.owner.execute("UPDATE service.correction SET checked_release = checked_release - 1")
        at_desk.owner.execute("UPDATE store.hr__staff SET unit = '图书馆' WHERE _to IS NULL")
        assert followed(at_desk, pg_module_database) == 2
    finally:
        split = "UPDATE yici.link SET subject_id = %s WHERE id = ANY (%s)"
        at_desk.owner.execute(split, [other, [id_ for (id_,) in merged]])
        mended(at_desk)


def test_the_running_service_follows_by_itself(at_desk: Desk, as_owner):
    number = filed(at_desk, "ZT").json()["correction_id"]
    decided(at_desk, number, "accept")
    mended(at_desk, status="21")
    for _ in range(2 * following.EVERY_S * 10):
        if at_desk.get(f"/v1/corrections/{number}").json()["state"] == "propagated":
            break
        time.sleep(0.1)
    assert at_desk.get(f"/v1/corrections/{number}").json()["state"] == "propagated"
