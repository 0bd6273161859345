"""A person asks why somebody looked: the unit that did, or the data office, answers; nobody learns more than that."""

import json
import time
import uuid
from collections.abc import Iterator

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

import catalogs
from expectations.quality import desk as quality
from expectations.quality import owed
from expectations.quality.terms import terms
from service.configuration import Configuration
from service.login import LoginSettings
from tests.service import campus
from tests.service.conftest import opened
from tests.service.desk import CANARY, T001, Desk

KEY = ECKey.generate_key("P-256", {"kid": "login"})
WHY = f"我{CANARY}没有申请过"
ANSWER = f"窗口{CANARY}误录, 已更正"


@pytest.fixture(scope="module")
def at_desk(pg_module_database, tmp_path_factory) -> Iterator[Desk]:
    """The hall's unit (DT) answers by the hall itself, the data office (RS) by the system of human resources."""
    home = tmp_path_factory.mktemp("home")
    keys = home / "login.json"
    keys.write_text(json.dumps({"keys": [KEY.as_dict(private=False)]}))
    login = LoginSettings("https://login.example", "yici", str(keys), {"sub": "staff_no"})
    files = campus.files()
    about = json.loads(files["campus.yaml"]) | {"dataOffice": "RS", "questions": {"workdays": 3}}
    listed = [one | {"questions": one["client"] != campus.PORTAL} for one in campus._CLIENTS]
    files |= {name: json.dumps(content, ensure_ascii=False).encode()
              for name, content in (("campus.yaml", about), ("clients.yaml", listed))}  # fmt: skip
    with opened(pg_module_database, home, Configuration(login=login)) as found:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("YICI_DATABASE_URL", pg_module_database.url)
            campus.publish(found.owner, catalogs.load(files), {})
        yield found


def me(at_desk: Desk, method: str, path: str, number: str = "T001", body: object = None) -> httpx.Response:
    moment = int(time.time())
    claims = {"iss": "https://login.example", "aud": "yici", "iat": moment, "exp": moment + 60, "sub": number}
    token = jwt.encode({"alg": "ES256", "kid": "login"}, claims, KEY)
    return at_desk.http.request(
        method, f"/v1/me/{path}", json=body, headers={"Authorization": f"Bearer {token}"}
    )


def accessed(at_desk: Desk) -> str:
    """Have the hall ask about T001; returns the transaction."""
    reply = at_desk.facts(["XM"])
    assert reply.status_code == 200, reply.text
    return reply.json()["transaction_id"]


def questioned(at_desk: Desk, transaction: str, number: str = "T001") -> httpx.Response:
    return me(at_desk, "POST", f"usages/{transaction}:question", number, {"reason": WHY})


def answered(at_desk: Desk, number: str, client_id: str) -> httpx.Response:
    return at_desk.post(f"/v1/questions/{number}:answer", {"answer": ANSWER}, client_id)


def waiting(at_desk: Desk, client_id: str) -> list[str]:
    return [one["question_id"] for one in at_desk.get("/v1/questions", client_id).json()]


def test_a_question_goes_to_the_unit_that_had_access_and_to_the_data_office_and_is_answered(at_desk: Desk):
    reply = questioned(at_desk, accessed(at_desk))
    assert reply.status_code == 201, reply.text
    told = reply.json()
    assert (told["state"], told["receiver_unit"], told["receiver_system"], told["reason"]) == (
        "asked", "DT", campus.HALL, WHY,
    )  # fmt: skip
    entry = at_desk.last()
    assert (entry["action"], entry["outcome"], entry["purpose"]) == (
        "me_question",
        "allowed",
        campus.EMPLOYED,
    )
    number = told["question_id"]
    assert number in waiting(at_desk, campus.HALL) and number in waiting(at_desk, campus.HR)
    assert at_desk.last()["action"] == "question_read"
    done = answered(at_desk, number, campus.HALL)
    assert (done.status_code, done.json()["state"]) == (200, "answered")
    assert at_desk.last()["action"] == "question_answer"
    again = answered(at_desk, number, campus.HR)
    assert (again.status_code, again.json()["code"]) == (409, "QUESTION_ANSWERED")
    (own,) = [one for one in me(at_desk, "GET", "questions").json() if one["question_id"] == number]
    assert (own["answer"], own["answered_by"], own["state"]) == (ANSWER, "DT", "answered")
    assert number not in waiting(at_desk, campus.HALL)


def test_a_question_is_a_ticket_of_the_unit_until_the_person_can_read_the_answer(at_desk: Desk):
    con, catalog = at_desk.owner, at_desk.catalog
    owed.follow(con, catalog, terms(catalog))
    told = questioned(at_desk, accessed(at_desk)).json()
    assert owed.follow(con, catalog, terms(catalog)) == (1, 0)
    (ticket,) = (one for one in quality.listed(con) if one.reference == told["question_id"])
    assert (ticket.channel, ticket.unit, ticket.due_on.isoformat()) == ("question", "DT", told["due_on"])
    assert CANARY not in ticket.about and "T001" not in ticket.about
    answered(at_desk, told["question_id"], campus.HALL)
    assert owed.follow(con, catalog, terms(catalog)) == (0, 1)
    assert quality.one(con, ticket.id)[0].state == "closed"


def test_a_ticket_that_nobody_holds_is_closed_all_the_same_and_stops_no_other(at_desk: Desk):
    """The unit's posts are vacant, and the campus names no data office."""
    con, files = at_desk.owner, campus.files()
    vacant = "DT,大厅,Hall,,机关,,,", "DT,大厅,Hall,,机关,,post:a,post:b"
    files["units.csv"] = files["units.csv"].decode().replace(vacant[1], vacant[0]).encode()
    catalog = catalogs.load(files)
    owed.follow(con, catalog, terms(catalog))
    told = questioned(at_desk, accessed(at_desk)).json()
    assert owed.follow(con, catalog, terms(catalog)) == (1, 0)
    (ticket,) = (one for one in quality.listed(con) if one.reference == told["question_id"])
    assert (ticket.unit, ticket.post) == ("DT", "")
    answered(at_desk, told["question_id"], campus.HALL)
    assert owed.follow(con, catalog, terms(catalog)) == (0, 1)
    assert quality.one(con, ticket.id)[0].state == "closed"


def test_the_data_office_may_answer_for_another_unit(at_desk: Desk):
    number = questioned(at_desk, accessed(at_desk)).json()["question_id"]
    assert answered(at_desk, number, campus.HR).json()["answered_by"] == "RS"


def test_the_same_question_is_asked_once(at_desk: Desk):
    transaction = accessed(at_desk)
    first, second = questioned(at_desk, transaction).json(), questioned(at_desk, transaction).json()
    assert first == second


def test_nobody_answers_or_reads_whom_the_register_does_not_name(at_desk: Desk):
    number = questioned(at_desk, accessed(at_desk)).json()["question_id"]
    for reply in (answered(at_desk, number, campus.PORTAL), at_desk.get("/v1/questions", campus.PORTAL)):
        assert (reply.status_code, reply.json()["code"]) == (403, "NOT_PERMITTED")
    assert at_desk.owner.execute("SELECT state FROM service.question WHERE id = %s", [number]).fetchone() == (
        "asked",
    )
    # a client that says it is of another unit than the campus says
    assert answered(at_desk, number, campus.STRANGER).json()["code"] == "NOT_PERMITTED"


def test_other_peoples_accesses_and_confidential_ones_are_as_unknown_as_none(at_desk: Desk):
    confidential = accessed(at_desk)
    others = accessed(at_desk)
    at_desk.owner.execute(
        "UPDATE service.record SET confidentiality = 'confidential' WHERE transaction_id = %s", [confidential]
    )
    replies = [
        questioned(at_desk, confidential),
        questioned(at_desk, others, "T002"),
        questioned(at_desk, str(uuid.uuid4())),
    ]
    bodies = []
    for reply in replies:
        assert (reply.status_code, reply.json()["code"]) == (404, "NOT_FOUND")
        bodies.append({k: v for k, v in reply.json().items() if k not in ("instance", "trace_id")})
    assert bodies[0] == bodies[1] == bodies[2]
    (count,) = at_desk.owner.execute(
        "SELECT count(*) FROM service.question WHERE transaction_id = ANY (%s)", [[confidential, others]]
    ).fetchone()
    assert count == 0


def test_what_is_said_is_kept_encrypted_and_names_nobody_to_those_who_answer(at_desk: Desk):
    number = questioned(at_desk, accessed(at_desk)).json()["question_id"]
    answered(at_desk, number, campus.HALL)
    kept = at_desk.owner.execute("SELECT string_agg(q::text, ' ') FROM service.question q").fetchone()[0]
    assert CANARY not in kept and CANARY.encode().hex() not in kept and "T001" not in kept
    shown = at_desk.get("/v1/questions", campus.HR).text
    assert T001["id"] not in shown
    record = at_desk.owner.execute("SELECT string_agg(r::text, ' ') FROM service.record r").fetchone()[0]
    assert WHY not in record and ANSWER not in record


def test_who_is_not_logged_in_asks_nothing(at_desk: Desk):
    path = f"/v1/me/usages/{accessed(at_desk)}:question"
    assert at_desk.http.post(path, json={"reason": WHY}).json()["code"] == "INVALID_TOKEN"
    assert at_desk.post(path, {"reason": WHY}).json()["code"] == "INVALID_TOKEN"
