"""Many questions at once: each answered, refused, counted and recorded as if it were asked alone."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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


_SUBJECTS = st.sampled_from(["T001", "T002", "T003", "T004", "T999"])
_CAPACITIES = st.sampled_from([None, "staff", "undergrad", "guest", "nobody"])


@given(
    asked=st.lists(st.tuples(_SUBJECTS, _SUBJECTS, _CAPACITIES), min_size=1, max_size=12),
    elements=st.lists(
        st.sampled_from(["XM", "ZT", "DW", "GH", "GZ", "SFZJH", "DH"]), min_size=1, unique=True
    ),
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_set_is_answered_exactly_as_its_questions_one_by_one(at_desk: Desk, cases: dict, asked, elements):
    items = []
    for number, case_of, capacity in asked:
        if case_of not in cases:
            cases[case_of] = at_desk.case(campus.EMPLOYED, [{"role": "applicant", **T001, "id": case_of}])
        subject = T001 | {"id": number} | ({"capacity": capacity} if capacity else {})
        items.append({"subject": subject, "case_id": cases[case_of], "actor": OFFICER})
    before = at_desk.last()["seq"]
    told = batch(at_desk, items, elements=elements).json()["results"]
    assert len(at_desk.record("seq > %s", before)) == len(items)
    for one, item in zip(told, items, strict=True):
        alone = at_desk.facts(elements, item["subject"], item["case_id"])
        if alone.status_code == 200:
            assert unaged(one["answer"]["facts"]) == unaged(alone.json()["facts"])
        else:
            own = ("instance", "trace_id")
            assert {name: value for name, value in one["problem"].items() if name not in own} == {
                name: value for name, value in alone.json().items() if name not in own
            }


@pytest.fixture(scope="module")
def cases() -> dict[str, str]:
    """Cases by the number of their applicant."""
    return {}


def unaged(facts: dict) -> dict:
    return {
        element: {name: value for name, value in fact.items() if name != "age_seconds"}
        for element, fact in facts.items()
    }
