"""A client asks and is answered in its own names and codes; the record and everybody else keep the campus's."""

import json
from collections.abc import Iterator

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

import catalogs
from service.claims import Claim
from service.mapping import words_of
from service.problems import Problem
from tests.service import campus
from tests.service.conftest import opened, service_url
from tests.service.desk import CANARY, T001, Desk
from tests.service.test_jobs import finish, hand_in

# The other way round than the campus's codes, so that a word read as a code would show.
WORDS = {
    "elements": {"XM": "userName", "ZT": "empStatus", "GZ": "pay"},
    "codes": {"staff_status": {"11": "21", "21": "L"}},
}


def mapped() -> dict[str, bytes]:
    """Return the small campus with a mapping for the hall."""
    found = campus.files()
    clients = json.loads(found["clients.yaml"])
    clients[0]["mapping"] = WORDS
    found["clients.yaml"] = json.dumps(clients, ensure_ascii=False).encode()
    return found


CATALOG = catalogs.load(mapped())


@pytest.fixture(scope="module")
def at_desk(pg_module_database, tmp_path_factory) -> Iterator[Desk]:
    with opened(pg_module_database, tmp_path_factory.mktemp("home"), content=CATALOG) as found:
        yield found


def test_facts_are_asked_for_and_answered_in_the_clients_words(at_desk: Desk):
    reply = at_desk.facts(["userName", "empStatus", "GH"])
    assert reply.status_code == 200, reply.text
    facts = reply.json()["facts"]
    assert set(facts) == {"userName", "empStatus", "GH"}
    assert facts["userName"]["value"] == f"{CANARY}甲"
    status = facts["empStatus"]
    assert (status["value"], status["code"], status["code_system"]) == ("在职", "21", "hall:staff_status")
    assert at_desk.last()["elements"] == ["XM", "ZT", "GH"]


def test_a_set_is_answered_in_the_clients_words_as_its_questions_are_one_by_one(at_desk: Desk):
    elements = ["userName", "empStatus", "GH", "SFZJH"]
    people = [T001 | {"id": number} for number in ("T001", "T002", "T003")]
    items = [
        {
            "subject": who,
            "case_id": at_desk.case(campus.EMPLOYED, [{"role": "applicant", **who}]),
            "actor": {"user_id": "U1", "role": "officer"},
        }
        for who in people
    ]
    body = {"service_item": campus.EMPLOYED, "elements": elements, "items": items}
    told = at_desk.post("/v1/facts:batch_query", body).json()["results"]
    for one, item in zip(told, items, strict=True):
        alone = at_desk.facts(elements, item["subject"], item["case_id"]).json()
        for name in elements:
            in_set, by_itself = one["answer"]["facts"][name], alone["facts"][name]
            assert in_set | {"age_seconds": 0} == by_itself | {"age_seconds": 0}
    assert told[0]["answer"]["facts"]["empStatus"]["code"] == "21"


def test_a_job_is_handed_in_and_answered_in_the_clients_words(
    at_desk: Desk, as_owner, pg_module_database, monkeypatch
):
    monkeypatch.setenv("YICI_SERVICE_DATABASE_URL", service_url(pg_module_database))
    monkeypatch.setenv("YICI_HOME", str(at_desk.home))
    item = {"subject": T001, "case_id": at_desk.case(), "actor": {"user_id": "U1", "role": "officer"}}
    handed_in = hand_in(at_desk, [item], elements=["userName", "empStatus"])
    assert handed_in.status_code == 202, handed_in.text
    assert at_desk.record("action = 'job_file'")[-1]["elements"] == ["XM", "ZT"]
    job_id = handed_in.json()["job_id"]
    finish(at_desk, job_id)
    answer = json.loads(at_desk.get(f"/v1/jobs/{job_id}/results").text)["answer"]
    assert answer["facts"]["userName"]["value"] == f"{CANARY}甲"
    assert answer["facts"]["empStatus"]["code"] == "21"
    assert at_desk.last()["elements"] == ["XM", "ZT"]


def test_another_client_is_answered_in_the_campuss_words(at_desk: Desk):
    case_id = at_desk.case(client_id=campus.PORTAL)
    reply = at_desk.facts(["GH"], case_id=case_id, client_id=campus.PORTAL)
    assert list(reply.json()["facts"]) == ["GH"]
    theirs = at_desk.facts(["userName"], case_id=case_id, client_id=campus.PORTAL)
    assert theirs.json()["code"] == "ELEMENT_NOT_GRANTED"


def test_a_form_and_its_materials_are_in_the_clients_words(at_desk: Desk):
    answer = at_desk.prefill()
    fields = {one["field"]: one for one in answer["fields"]}
    assert (fields["xm"]["element"], fields["gh"]["element"], fields["yt"]["element"]) == (
        "userName",
        "GH",
        None,
    )
    materials = {one["material"]: one for one in answer["materials"]}
    assert materials["M-STATUS"]["facts"][0]["element"] == "empStatus"
    assert materials["M-PHONE"]["reasons"] == ["DH:not_granted"]
    less_paid = at_desk.prefill({"id_type": "staff_no", "id": "T003"})
    reasons = {one["material"]: one["reasons"] for one in less_paid["materials"]}
    assert reasons["M-PAY"] == ["pay:not_so"]


@pytest.mark.parametrize(
    ("value", "outcome"), [("21", "match"), ("L", "no_match"), ("在职", "match"), ("离职", "no_match")]
)
def test_statements_are_made_with_the_clients_codes(at_desk: Desk, value, outcome):
    reply = at_desk.claims([("empStatus", "eq", value), ("userName", "eq", f"{CANARY}甲")])
    assert reply.status_code == 200, reply.text
    told = reply.json()["claims"]
    assert [(one["element"], one["outcome"]) for one in told] == [
        ("empStatus", outcome),
        ("userName", "match"),
    ]


@pytest.mark.parametrize("value", ["11", "X", "21 "])
def test_a_code_that_is_none_of_the_clients_is_pointed_at_and_counts_as_no_guess(at_desk: Desk, value):
    reply = at_desk.claims([("userName", "eq", f"{CANARY}甲"), ("empStatus", "eq", value)])
    if value == "21 ":
        assert reply.json()["claims"][1]["outcome"] == "match"
        return
    assert (reply.status_code, reply.json()["code"]) == (422, "INVALID_PARAMETER")
    assert reply.json()["errors"] == [{"pointer": "/claims/1/value", "code": "unknown_code"}]
    assert at_desk.last()["rule"] == "mapping:own_codes"


def test_a_batch_and_a_dry_run_speak_the_clients_words(at_desk: Desk):
    one = {"subject": T001, "case_id": at_desk.case(), "actor": {"user_id": "U1", "role": "officer"}}
    batch = {"service_item": campus.EMPLOYED, "elements": ["empStatus"], "items": [one]}
    (result,) = at_desk.post("/v1/facts:batch_query", batch).json()["results"]
    assert result["answer"]["facts"]["empStatus"]["code"] == "21"
    dry = {"service_item": campus.EMPLOYED, "elements": ["userName", "DH"]}
    told = at_desk.post("/v1/access:evaluate", dry).json()["elements"]
    assert told == [{"element": "userName", "granted": True}, {"element": "DH", "granted": False}]


def test_what_was_answered_in_the_clients_words_is_replayed_in_them(at_desk: Desk):
    body = {
        "subject": T001,
        "service_item": campus.EMPLOYED,
        "case_id": at_desk.case(),
        "actor": {"user_id": "U1", "role": "officer"},
        "elements": ["userName", "empStatus"],
    }
    answer = at_desk.post("/v1/facts:query", body).json()
    replay = {"action": "facts", "request": body, "receipt": answer["receipt"]}
    found = at_desk.post(f"/v1/transactions/{answer['transaction_id']}:replay", replay).json()
    assert found["matches"] and found["statuses"] == {"userName": "available", "empStatus": "available"}
    renamed = replay | {"request": body | {"elements": ["XM", "ZT"]}}
    reply = at_desk.post(f"/v1/transactions/{answer['transaction_id']}:replay", renamed)
    assert reply.json()["errors"] == [{"pointer": "/request", "code": "not_recorded"}]


@given(
    names=st.lists(st.sampled_from(sorted(CATALOG.elements)), unique=True),
    codes=st.lists(st.sampled_from(sorted(CATALOG.codes["staff_status"].rows)), max_size=3),
)
@settings(max_examples=100, deadline=None)
def test_there_and_back_is_where_it_was(names, codes):
    words = words_of(CATALOG, campus.HALL)
    said = {code: {"status": "available", "code": codes, "code_system": "staff_status"} for code in names}
    told = words.facts(said)
    assert len(told) == len(said) and words.ours(told) == names
    for fact in told.values():
        for code, own in zip(codes, fact["code"], strict=True):
            (claim,) = words.claims([Claim(element="empStatus", op="eq", value=own)])
            assert (claim.element, claim.value) == ("ZT", code)
    with pytest.raises(Problem):
        words.claims([Claim(element="empStatus", op="in", value="L,11")])
