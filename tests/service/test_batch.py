"""Many questions at once: each answered, refused, counted and recorded as if it were asked alone."""

from tests.service import campus
from tests.service.desk import CANARY, T001, Desk

ELEMENTS = ["XM", "ZT"]
OFFICER = {"user_id": "U1", "role": "officer"}


def question(at_desk: Desk, number: str) -> dict:
    subject = T001 | {"id": number}
    case_id = at_desk.case(campus.EMPLOYED, [{"role": "applicant", **subject}])
    return {"subject": subject, "case_id": case_id, "actor": OFFICER}


def batch(at_desk: Desk, items: list[dict], client_id: str = campus.HALL, **more):
    body = {"service_item": campus.EMPLOYED, "elements": ELEMENTS, "items": items} | more
    return at_desk.post("/v1/facts:batch_query", body, client_id)


def test_each_question_has_its_own_answer_in_the_order_asked(at_desk: Desk):
    items = [question(at_desk, number) for number in ("T001", "T999", "T002")]
    before = at_desk.last()["seq"]
    reply = batch(at_desk, items)
    assert reply.status_code == 200, reply.text
    first, unknown, last = reply.json()["results"]
    assert first["answer"]["facts"]["XM"]["value"] == f"{CANARY}甲"
    assert last["answer"]["facts"]["XM"]["value"] == f"{CANARY}乙"
    assert (unknown["problem"]["status"], unknown["problem"]["code"]) == (404, "SUBJECT_NOT_FOUND")
    assert reply.json()["complete"] is False
    entries = at_desk.record("seq > %s", before)
    assert sorted(entry["outcome"] for entry in entries) == ["allowed", "allowed", "refused"]
    assert {str(entry["transaction_id"]) for entry in entries} == {
        first["answer"]["transaction_id"],
        last["answer"]["transaction_id"],
        unknown["problem"]["instance"].removeprefix("urn:uuid:"),
    }
    alone = at_desk.facts(ELEMENTS, T001, items[0]["case_id"]).json()
    assert alone["facts"].keys() == first["answer"]["facts"].keys()
    assert (
        alone["facts"]["XM"]["verification"]["evidence"]
        == first["answer"]["facts"]["XM"]["verification"]["evidence"]
    )


def test_a_case_opens_nothing_about_the_subject_of_another(at_desk: Desk):
    one, other = question(at_desk, "T001"), question(at_desk, "T002")
    swapped = [one | {"case_id": other["case_id"]}, other]
    first, second = batch(at_desk, swapped).json()["results"]
    assert first["problem"]["code"] == "CASE_NOT_VALID"
    assert second["answer"]["complete"]


def test_a_hundred_are_answered_and_more_are_refused(at_desk: Desk):
    item = question(at_desk, "T001")
    reply = batch(at_desk, [item] * 100)
    assert reply.json()["complete"] is True
    assert len({one["answer"]["transaction_id"] for one in reply.json()["results"]}) == 100
    assert batch(at_desk, [item] * 101).status_code == 422


def test_every_question_counts_against_the_quota(at_desk: Desk):
    item = question(at_desk, "T001")
    told = [batch(at_desk, [item] * 15, campus.STRANGER).status_code for _ in range(2)]
    assert told == [200, 429]
