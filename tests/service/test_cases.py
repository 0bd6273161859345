"""The live register of cases: registered once whatever the network does, and moved on, never back."""

import hashlib
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from service.cases import NewCase
from service.record import canonical
from tests.service import campus
from tests.service.desk import T001, Desk


def cases_of(at_desk: Desk) -> int:
    return at_desk.owner.execute('SELECT count(*) FROM service."case"').fetchone()[0]


def test_a_repeated_request_gives_the_same_answer_and_makes_one_case(at_desk: Desk):
    before = cases_of(at_desk)
    first, again = (at_desk.new_case(key="repeat") for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert cases_of(at_desk) == before + 1
    assert [entry["code"] for entry in at_desk.record()[-2:]] == ["OK", "OK"]


def test_another_request_under_a_used_key_is_refused(at_desk: Desk):
    at_desk.new_case(key="used")
    reply = at_desk.new_case(key="used", external_no="2026-2")
    assert (reply.status_code, reply.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert at_desk.last()["code"] == "IDEMPOTENCY_KEY_REUSED"


def test_what_is_kept_of_a_request_cannot_be_guessed_from_likely_ones(at_desk: Desk):
    body = {"service_item": campus.EMPLOYED, "parties": [{"role": "applicant", **T001}]}
    at_desk.post("/v1/cases", body, **{"Idempotency-Key": "guess"})
    (kept,) = at_desk.owner.execute(
        "SELECT request_digest FROM service.idempotency WHERE key = 'guess'"
    ).fetchone()
    told = NewCase(**body).model_dump(mode="json")
    assert kept != hashlib.sha256(canonical(told)).hexdigest()
    assert kept == at_desk.app.state.around.keys.digest("idempotency", canonical(told).decode())


def test_what_was_answered_is_kept_unreadable(at_desk: Desk):
    case_id = at_desk.new_case(key="sealed").json()["case_id"]
    (kept,) = at_desk.owner.execute("SELECT answer FROM service.idempotency WHERE key = 'sealed'").fetchone()
    assert case_id.encode() not in kept and b"case_id" not in kept
    assert at_desk.new_case(key="sealed").json()["case_id"] == case_id


def test_a_key_is_a_clients_own(at_desk: Desk):
    ours, theirs = (at_desk.new_case(key="shared", client_id=one) for one in (campus.HALL, campus.PORTAL))
    assert (ours.status_code, theirs.status_code) == (201, 201)
    assert ours.json()["case_id"] != theirs.json()["case_id"]


def test_while_the_first_request_is_under_way_its_repetition_waits(at_desk: Desk):
    lock = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
    with at_desk.owner.transaction():
        at_desk.owner.execute(lock, [f"{campus.HALL} busy"])
        reply = at_desk.new_case(key="busy")
    assert (reply.status_code, reply.json()["code"]) == (409, "REQUEST_IN_PROGRESS")
    assert reply.headers["retry-after"] == "1"
    assert at_desk.new_case(key="busy").status_code == 201


def test_a_key_is_forgotten_after_a_day(at_desk: Desk):
    first = at_desk.new_case(key="old").json()
    at_desk.owner.execute(
        "UPDATE service.idempotency SET expires_at = now() - interval '1 s' WHERE key = 'old'"
    )
    assert at_desk.new_case(key="old").json()["case_id"] != first["case_id"]


def test_a_partys_document_is_kept_sealed_and_the_party_known_by_it(at_desk: Desk):
    number = "110101198001010015"
    document = {"id_type": "doc:1", "id": number, "country": "CHN"}
    case_id = at_desk.case(parties=[{"role": "applicant", **document}, {"role": "officer", **T001}])
    (parties,) = at_desk.owner.execute(
        'SELECT parties FROM service."case" WHERE id = %s', [case_id]
    ).fetchone()
    assert number not in str(parties) and parties[1]["id"] == T001["id"]
    assert at_desk.facts(["XM"], document, case_id).status_code == 200
    assert at_desk.facts(["XM"], T001, case_id).status_code == 200, "the same person by another number"


def test_without_a_key_nothing_is_made(at_desk: Desk):
    body = {"service_item": campus.EMPLOYED, "parties": [{"role": "applicant", **T001}]}
    before = cases_of(at_desk)
    reply = at_desk.post("/v1/cases", body)
    assert (reply.status_code, reply.json()["errors"][0]["pointer"]) == (400, "#/headers/Idempotency-Key")
    assert cases_of(at_desk) == before
    assert at_desk.last()["code"] == "MALFORMED"


def test_a_case_is_shown_to_its_client_only_and_without_its_parties(at_desk: Desk):
    case_id = at_desk.case(external_no="XX-2026-1")
    reply = at_desk.get(f"/v1/cases/{case_id}")
    assert (reply.status_code, reply.json()["external_no"]) == (200, "XX-2026-1")
    assert T001["id"] not in reply.text
    for missing in (
        at_desk.get(f"/v1/cases/{case_id}", campus.PORTAL),
        at_desk.get(f"/v1/cases/{uuid.uuid4()}"),
    ):
        assert (missing.status_code, missing.json()["code"]) == (404, "NOT_FOUND")


def test_a_case_moves_on_and_never_back(at_desk: Desk):
    case_id = at_desk.case()

    def move(status: str, client_id: str = campus.HALL):
        return at_desk.http.patch(
            f"/v1/cases/{case_id}", json={"status": status}, headers=at_desk.headers(client_id)
        )

    assert move("accepted").json()["code"] == "CASE_NOT_VALID"
    assert move("closed", campus.PORTAL).json()["code"] == "NOT_FOUND"
    assert [move(status).json()["status"] for status in ("submitted", "submitted", "accepted", "closed")] == [
        "submitted",
        "submitted",
        "accepted",
        "closed",
    ]
    assert move("accepted").json()["code"] == "CASE_NOT_VALID"
    entry = at_desk.last()
    assert (entry["action"], at_desk.details(entry)["case_id"], entry["rule"]) == (
        "case_change",
        case_id,
        "case:steps_forward",
    )


@pytest.mark.parametrize("expires_at", ["2020-01-01T00:00:00+08:00", "0001-01-01T00:00:00+14:00"])
def test_a_case_cannot_end_before_it_begins(at_desk: Desk, expires_at):
    reply = at_desk.new_case(expires_at=expires_at)
    assert (reply.status_code, reply.json()["errors"]) == (
        422,
        [{"pointer": "/expires_at", "code": "in_the_past"}],
    )


def test_no_case_lives_longer_than_a_year(at_desk: Desk):
    found = datetime.fromisoformat(at_desk.new_case(expires_at="9999-12-31T23:59:59Z").json()["expires_at"])
    assert found - datetime.now(UTC) < timedelta(days=366)


@pytest.mark.parametrize(
    "changes",
    [
        {"parties": []},
        {"parties": [{"role": "emperor", **T001}]},
        {"parties": [{"role": "applicant", "id_type": "staff_no", "id": "T\x00"}]},
        {"external_no": "a\x00b"},
        {"external_no": "x" * 65},
        {"expires_at": "2099-01-01T00:00:00"},
        {"status": "closed"},
    ],
)
def test_a_case_that_cannot_be_read_is_not_registered(at_desk: Desk, changes):
    body = {"service_item": campus.EMPLOYED, "parties": [{"role": "applicant", **T001}]} | changes
    before = cases_of(at_desk)
    reply = at_desk.post("/v1/cases", body, **{"Idempotency-Key": uuid.uuid4().hex})
    assert (reply.status_code, reply.json()["code"]) == (422, "INVALID_PARAMETER")
    assert cases_of(at_desk) == before
