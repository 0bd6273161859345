"""Who may ask what about whom: everything else is refused as a problem, without a hint, and on record."""

import uuid

import httpx
import pytest

from tests.service import campus, desk
from tests.service.desk import CANARY, T001, Desk

UNKNOWN = {"id_type": "staff_no", "id": "T999"}
OTHER = {"id_type": "staff_no", "id": "T002"}


def told(reply: httpx.Response) -> dict:
    """Return status and problem without what differs from one request to the next."""
    body = {name: value for name, value in reply.json().items() if name not in ("instance", "trace_id")}
    return {"http": reply.status_code, **body}


def refused(at_desk: Desk, reply: httpx.Response, status: int, code: str) -> dict:
    """Check that a reply is this problem and the record's newest entry; returns the entry."""
    assert (reply.status_code, reply.json()["code"]) == (status, code), reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    problem = reply.json()
    assert set(problem) == {
        "type", "title", "status", "code", "detail", "instance", "fault", "rule", "retryable", "errors", "trace_id",
    }  # fmt: skip
    assert CANARY not in reply.text
    entry = at_desk.last()
    assert problem["instance"] == f"urn:uuid:{entry['transaction_id']}"
    assert (entry["outcome"], entry["code"]) == ("refused", code)
    return entry


@pytest.mark.parametrize(
    ("changes", "status", "code", "rule"),
    [
        ({"service_item": "S-NOWHERE"}, 403, "PURPOSE_NOT_GRANTED", "grant:purpose"),
        ({"elements": ["DH"]}, 403, "ELEMENT_NOT_GRANTED", "grant:element"),
        ({"elements": ["XM", "WU"]}, 403, "ELEMENT_NOT_GRANTED", "grant:element"),
        ({"elements": ["XM", "NOTHING"]}, 403, "ELEMENT_NOT_GRANTED", "grant:element"),
        ({"case_id": str(uuid.uuid4())}, 403, "CASE_NOT_VALID", "case:registered_by_this_client"),
        (
            {"service_item": campus.TRANSFER, "elements": ["XM"]},
            403,
            "CASE_NOT_VALID",
            "case:of_this_service_item",
        ),
        ({"subject": OTHER}, 403, "CASE_NOT_VALID", "case:subject_is_a_party"),
        ({"subject": T001 | {"capacity": "emperor"}}, 422, "INVALID_PARAMETER", "capacity:known"),
        (
            {"actor": {"user_id": "T001", "role": "officer"}},
            403,
            "SELF_ACCESS_FORBIDDEN",
            "actor:not_the_subject",
        ),
        ({"actor": {"user_id": "U1", "role": "agent"}}, 403, "CASE_NOT_VALID", "case:agent_is_a_party"),
    ],
)
def test_what_is_not_granted_is_refused_and_recorded(at_desk: Desk, changes, status, code, rule):
    asked = {"elements": ["XM"], "subject": T001, "case_id": at_desk.case()} | changes
    entry = refused(at_desk, at_desk.facts(**asked), status, code)
    assert (entry["action"], entry["client_id"], entry["rule"]) == ("facts", campus.HALL, rule)
    assert at_desk.details(entry)["subject_key"] and entry["release"]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"case_id": "2026-0001"}, "/case_id"),
        ({"elements": []}, "/elements"),
        ({"elements": ["XM"] * 201}, "/elements"),
        ({"elements": ["XM\x00"]}, "/elements/0"),
        ({"elements": [{"XM": 1}]}, "/elements/0"),
        ({"actor": {"user_id": "U1", "role": "emperor"}}, "/actor/role"),
        ({"actor": {"user_id": "U\x00", "role": "officer"}}, "/actor/user_id"),
        ({"actor": {"user_id": "U" * 65, "role": "officer"}}, "/actor/user_id"),
        ({"max_age": "-PT1H"}, "/max_age"),
        ({"max_age": "soon"}, "/max_age"),
        ({CANARY: 1}, "/"),
        ({"ZhangSan": 1}, "/"),
    ],
)
def test_a_request_that_cannot_be_read_is_refused_by_its_place_and_recorded(at_desk: Desk, changes, pointer):
    reply = at_desk.facts(**({"elements": ["XM"], "case_id": at_desk.case()} | changes))
    entry = refused(at_desk, reply, 422, "INVALID_PARAMETER")
    assert [error["pointer"] for error in reply.json()["errors"]] == [pointer]
    assert (entry["action"], entry["client_id"]) == ("access", campus.HALL)


@pytest.mark.parametrize("number", ["T001\x00", "T001\n", "x" * 65, "\ud800", ""])
def test_a_number_that_no_register_can_hold_is_refused(at_desk: Desk, number):
    case_id, subject = at_desk.case(), {"id_type": "staff_no", "id": number}
    reply = at_desk.facts(["XM"], subject, case_id=case_id)
    assert (reply.status_code, reply.json()["errors"][0]["pointer"]) == (422, "/subject/id")


@pytest.mark.parametrize(
    "text",
    [
        "XM' OR '1'='1",
        'XM"; DROP TABLE service.record; --',
        "XM) UNION SELECT 1 --",
        f"{CANARY}甲",
        "%s",
        "$1",
    ],
)
def test_what_a_caller_writes_never_becomes_sql_nor_comes_back(at_desk: Desk, text):
    case_id = at_desk.case()
    reply = at_desk.facts([text], case_id=case_id)
    refused(at_desk, reply, 403, "ELEMENT_NOT_GRANTED")
    assert text not in reply.text
    assert at_desk.last()["elements"] == []
    capacity = at_desk.facts(["XM"], T001 | {"capacity": text}, case_id=case_id)
    refused(at_desk, capacity, 422, "INVALID_PARAMETER")
    number = at_desk.facts(["XM"], {"id_type": "staff_no", "id": text}, case_id=case_id)
    refused(at_desk, number, 403, "CASE_NOT_VALID")
    assert at_desk.facts(["XM"], case_id=case_id).status_code == 200


def test_a_kind_of_number_is_a_name_not_a_text(at_desk: Desk):
    reply = at_desk.facts(["XM"], {"id_type": "staff_no' --", "id": "T001"}, case_id=at_desk.case())
    assert (reply.status_code, reply.json()["errors"][0]["pointer"]) == (422, "/subject/id_type")


@pytest.mark.parametrize("status", ["closed", "expired"])
def test_a_case_that_is_over_opens_nothing(at_desk: Desk, status):
    case_id = at_desk.case()
    assert at_desk.facts(["XM"], case_id=case_id).status_code == 200
    if status == "closed":
        path = f"/v1/cases/{case_id}"
        assert (
            at_desk.http.patch(path, json={"status": "closed"}, headers=at_desk.headers()).status_code == 200
        )
    else:
        at_desk.owner.execute('UPDATE service."case" SET expires_at = registered_at WHERE id = %s', [case_id])
    entry = refused(at_desk, at_desk.facts(["XM"], case_id=case_id), 403, "CASE_NOT_VALID")
    assert entry["rule"] == ("case:open" if status == "closed" else "case:unexpired")


def test_another_clients_case_opens_nothing(at_desk: Desk):
    theirs = at_desk.case(client_id=campus.HALL)
    reply = at_desk.facts(["GH"], case_id=theirs, client_id=campus.PORTAL)
    assert refused(at_desk, reply, 403, "CASE_NOT_VALID")["rule"] == "case:registered_by_this_client"


def test_every_case_that_does_not_hold_is_refused_in_the_same_words(at_desk: Desk):
    closed = at_desk.case()
    at_desk.http.patch(f"/v1/cases/{closed}", json={"status": "closed"}, headers=at_desk.headers())
    replies = [
        at_desk.facts(["XM"], case_id=str(uuid.uuid4())),
        at_desk.facts(["XM"], case_id=closed),
        at_desk.facts(["XM"], case_id=at_desk.case(campus.TRANSFER)),
        at_desk.facts(["XM"], OTHER, case_id=at_desk.case()),
    ]
    assert all(told(reply) == told(replies[0]) for reply in replies)


def test_whether_a_stranger_to_the_case_is_known_cannot_be_told(at_desk: Desk):
    case_id = at_desk.case()
    known, unknown = (at_desk.facts(["XM"], subject, case_id=case_id) for subject in (OTHER, UNKNOWN))
    assert told(known) == told(unknown)
    assert told(known)["code"] == "CASE_NOT_VALID"
    rules = [entry["rule"] for entry in at_desk.record()[-2:]]
    assert rules == ["case:subject_is_a_party"] * 2


def test_a_party_whom_nobody_knows_is_not_found(at_desk: Desk):
    entry = refused(at_desk, at_desk.facts(["XM"], UNKNOWN), 404, "SUBJECT_NOT_FOUND")
    assert entry["rule"] == "subject:known"


def test_an_officer_of_the_case_is_no_one_to_ask_about(at_desk: Desk):
    parties = [{"role": "applicant", **T001}, {"role": "officer", **OTHER}]
    case_id = at_desk.case(parties=parties)
    assert at_desk.facts(["XM"], case_id=case_id).status_code == 200
    refused(at_desk, at_desk.facts(["XM"], OTHER, case_id=case_id), 403, "CASE_NOT_VALID")


def test_an_agent_may_act_where_the_case_names_one(at_desk: Desk):
    paper = {"reference": "委托书 1", "valid_from": "2020-01-01", "valid_to": "2099-12-31"}
    agent = {"role": "agent", **OTHER, "authorisation": paper}
    case_id = at_desk.case(parties=[{"role": "applicant", **T001}, agent])
    assert at_desk.facts(["XM"], case_id=case_id, actor={"user_id": "U1", "role": "agent"}).status_code == 200


@pytest.mark.parametrize(
    ("client_id", "service_item"),
    [
        (campus.STRANGER, campus.EMPLOYED),  # nothing granted at all
        (campus.PORTAL, campus.TRANSFER),  # one demand has run out, the other was refused
    ],
)
def test_a_demand_that_was_refused_or_has_run_out_grants_nothing(at_desk: Desk, client_id, service_item):
    entry = refused(at_desk, at_desk.new_case(service_item, client_id=client_id), 403, "PURPOSE_NOT_GRANTED")
    assert (entry["action"], entry["purpose"]) == ("case_register", service_item)
    body = {"subject": T001, "case_id": str(uuid.uuid4()), "actor": {"user_id": "U1", "role": "applicant"}}
    reply = at_desk.post(f"/v1/service-items/{service_item}:prefill", body, client_id)
    assert refused(at_desk, reply, 403, "PURPOSE_NOT_GRANTED")["action"] == "prefill"


def test_a_service_item_that_nobody_knows_is_refused_like_one_that_is_not_granted(at_desk: Desk):
    body = {"subject": T001, "case_id": str(uuid.uuid4()), "actor": {"user_id": "U1", "role": "applicant"}}
    unknown = at_desk.post("/v1/service-items/S-NOWHERE:prefill", body, campus.STRANGER)
    not_granted = at_desk.post(f"/v1/service-items/{campus.EMPLOYED}:prefill", body, campus.STRANGER)
    assert told(unknown) == told(not_granted)


def test_a_mask_is_the_grants(at_desk: Desk):
    """PORTAL was granted the staff number unmasked; HALL sees the identity number as its element is masked."""
    case_id = at_desk.case(client_id=campus.PORTAL)
    theirs = at_desk.facts(["GH"], case_id=case_id, client_id=campus.PORTAL).json()["facts"]["GH"]
    assert (theirs["value"], theirs["masked"]) == ("T001", False)
    ours = at_desk.fact("SFZJH")
    assert (ours["value"], ours["masked"], ours["code"]) == ("110101********0015", True, None)
    assert desk.STAFF[0]["id_no"] not in at_desk.facts(["SFZJH"]).text


def test_titles_are_chinese_or_english_as_the_caller_prefers(at_desk: Desk):
    body = {"service_item": "S-NOWHERE", "parties": [{"role": "applicant", **T001}]}
    titles = [
        at_desk.post("/v1/cases", body, **{"Idempotency-Key": "t", "Accept-Language": language}).json()[
            "title"
        ]
        for language in ("en-GB,en;q=0.9,zh;q=0.5", "zh-CN,en;q=0.5", "fr")
    ]
    assert titles == ["The purpose is not granted", "用途未获授权", "用途未获授权"]


@pytest.mark.parametrize(
    ("client_id", "service_item", "elements", "told"),
    [
        (campus.HALL, campus.EMPLOYED, ["XM", "GZ"], (True, "OK", None, [True, True])),
        (
            campus.HALL,
            campus.EMPLOYED,
            ["XM", "DH"],
            (False, "ELEMENT_NOT_GRANTED", "grant:element", [True, False]),
        ),
        (campus.HALL, "S-NONE", ["XM"], (False, "PURPOSE_NOT_GRANTED", "grant:purpose", [False])),
        (campus.PORTAL, campus.TRANSFER, ["XM"], (False, "PURPOSE_NOT_GRANTED", "grant:purpose", [False])),
        (campus.STRANGER, campus.EMPLOYED, ["XM"], (False, "PURPOSE_NOT_GRANTED", "grant:purpose", [False])),
    ],
)
def test_what_would_be_allowed_can_be_asked_beforehand(
    at_desk: Desk, client_id, service_item, elements, told
):
    reply = at_desk.post(
        "/v1/access:evaluate", {"service_item": service_item, "elements": elements}, client_id
    )
    assert reply.status_code == 200, reply.text
    answer = reply.json()
    granted = [one["granted"] for one in answer["elements"]]
    assert (answer["allowed"], answer["code"], answer["rule"], granted) == told
    entry = at_desk.last()
    assert (entry["action"], entry["outcome"]) == ("evaluate", "allowed")
    if client_id == campus.HALL and service_item == campus.EMPLOYED:
        asked = at_desk.facts(elements)
        assert asked.status_code == (200 if answer["allowed"] else 403)


def test_a_case_is_judged_with_the_rest(at_desk: Desk):
    body = {"service_item": campus.EMPLOYED, "elements": ["XM"], "case_id": at_desk.case()}
    assert at_desk.post("/v1/access:evaluate", body).json()["allowed"]
    body["service_item"] = campus.TRANSFER
    answer = at_desk.post("/v1/access:evaluate", body).json()
    assert (answer["allowed"], answer["code"], answer["rule"]) == (False, "CASE_NOT_VALID", "case:valid")
