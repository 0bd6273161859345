"""Yes or no: what may be asked, what is told, and that nobody guesses a value."""

import concurrent.futures
import json

import pytest

from service.claims import MISSES_PER_DAY
from tests.service import campus
from tests.service.desk import CANARY, T001, Desk

T002 = {"id_type": "staff_no", "id": "T002"}
NAME = f"{CANARY}甲"


@pytest.fixture(autouse=True)
def no_misses_before(at_desk: Desk) -> None:
    at_desk.owner.execute("DELETE FROM service.claim_miss")


def outcomes(reply) -> list[str]:
    assert reply.status_code == 200, reply.text
    return [one["outcome"] for one in reply.json()["claims"]]


@pytest.mark.parametrize(
    ("element", "op", "value", "outcome"),
    [
        ("XM", "eq", NAME, "match"),
        ("XM", "eq", f" {NAME} ", "match"),
        ("XM", "eq", "某某", "no_match"),
        ("GH", "eq", "ｔ００１", "match"),
        ("SFZJH", "eq", "110101198001010015", "match"),
        ("SFZJH", "eq", "110101198001010016", "no_match"),
        ("SFZJH", "is_known", None, "match"),
        ("ZT", "eq", "在职", "match"),
        ("ZT", "eq", "11", "match"),
        ("ZT", "eq", "离职", "no_match"),
        ("ZT", "in", "在职", "match"),
        ("RZRQ", "eq", "2005-09-01", "match"),
        ("RZRQ", "eq", "2005-09-02", "no_match"),
        ("RZRQ", "not_expired", None, "no_match"),
        ("GZ", "ge", "5000", "match"),
        ("DW", "in", "物理系, 化学系", "match"),
    ],
)
def test_a_statement_is_so_or_not(at_desk: Desk, element, op, value, outcome):
    reply = at_desk.claims([(element, op, value)])
    assert outcomes(reply) == [outcome]
    (one,) = reply.json()["claims"]
    assert one.keys() == {"element", "op", "outcome", "verification"}
    assert one["verification"].keys() == {"level", "time", "verifier"}
    assert one["verification"]["level"] == "authoritative"


def test_an_answer_holds_neither_a_value_nor_why_there_is_none(at_desk: Desk):
    gone = {"id_type": "staff_no", "id": "T004"}
    reply = at_desk.claims([("XM", "eq", f"{CANARY}丁"), ("ZT", "eq", "在职")], gone)
    assert outcomes(reply) == ["indeterminate", "indeterminate"]
    assert all(one.keys() == {"element", "op", "outcome"} for one in reply.json()["claims"])
    wrong = at_desk.claims([("XM", "eq", "某某"), ("SFZJH", "eq", "110101198001010099")])
    text = json.dumps(wrong.json(), ensure_ascii=False)
    assert outcomes(wrong) == ["no_match", "no_match"]
    assert [
        value for value in (CANARY, "110101198001010015", "evidence", "record_hash") if value in text
    ] == []


@pytest.mark.parametrize(
    ("stated", "place", "code"),
    [
        ([("GZ", "ge", "9000")], 0, "not_registered"),
        ([("GZ", "le", "5000")], 0, "not_registered"),
        ([("GZ", "eq", "9000.5")], 0, "not_registered"),
        ([("RZRQ", "ge", "2005-01-01")], 0, "not_registered"),
        ([("DW", "in", "物理系")], 0, "not_registered"),
        ([("ZT", "eq", "在职"), ("ZT", "eq", "离职")], 1, "element_twice"),
        ([("XM", "eq", None)], 0, "value"),
        ([("XM", "is_known", "x")], 0, "value"),
    ],
)
def test_what_could_be_narrowed_down_to_a_value_may_not_be_asked(at_desk: Desk, stated, place, code):
    reply = at_desk.claims(stated)
    assert (reply.status_code, reply.json()["code"]) == (422, "INVALID_PARAMETER")
    assert reply.json()["errors"] == [{"pointer": f"/claims/{place}", "code": code}]
    assert (at_desk.last()["action"], at_desk.last()["outcome"]) == ("claims", "refused")


def test_an_element_without_a_grant_is_refused_where_it_stands(at_desk: Desk):
    reply = at_desk.claims([("XM", "eq", NAME), ("DH", "eq", "13900000001")])
    assert (reply.status_code, reply.json()["code"]) == (403, "ELEMENT_NOT_GRANTED")
    assert reply.json()["errors"] == [{"pointer": "/claims/1/element", "code": "not_granted"}]


def test_after_five_wrong_statements_there_is_no_answer_until_tomorrow(at_desk: Desk):
    for number in range(MISSES_PER_DAY):
        assert outcomes(at_desk.claims([("XM", "eq", f"猜{number}"), ("GH", "eq", "T001")])) == [
            "no_match",
            "match",
        ]
    reply = at_desk.claims([("XM", "eq", NAME)])
    assert (reply.status_code, reply.json()["code"], reply.json()["rule"]) == (
        429,
        "QUOTA_EXCEEDED",
        "quota:mismatches",
    )
    assert 0 < int(reply.headers["retry-after"]) <= 86_400
    assert (at_desk.last()["outcome"], at_desk.last()["code"]) == ("refused", "QUOTA_EXCEEDED")
    assert outcomes(at_desk.claims([("GH", "eq", "T001")])) == ["match"]
    assert outcomes(at_desk.claims([("XM", "eq", f"{CANARY}乙")], T002)) == ["match"]
    at_desk.owner.execute("UPDATE service.claim_miss SET day = day - 1")
    assert outcomes(at_desk.claims([("XM", "eq", NAME)])) == ["match"]


def test_right_statements_never_use_up_the_allowance(at_desk: Desk):
    for _ in range(3 * MISSES_PER_DAY):
        assert outcomes(at_desk.claims([("XM", "eq", NAME)])) == ["match"]


def test_the_count_is_of_the_person_not_of_the_number(at_desk: Desk):
    by_staff_no = {"id_type": "staff_no", "id": "T003"}
    by_document = {"id_type": "doc:1", "id": "110101199501010036", "country": "CHN"}
    for number in range(MISSES_PER_DAY):
        outcomes(at_desk.claims([("XM", "eq", f"猜{number}")], by_staff_no))
    assert at_desk.claims([("XM", "eq", f"{CANARY}丙")], by_document).status_code == 429


def test_asking_in_parallel_guesses_no_more_often(at_desk: Desk):
    case_id = at_desk.case()

    def guess(number: int) -> int:
        return at_desk.claims([("XM", "eq", f"猜{number}")], case_id=case_id).status_code

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        told = list(pool.map(guess, range(30)))
    assert sorted(told) == [200] * MISSES_PER_DAY + [429] * (30 - MISSES_PER_DAY)


def test_what_was_stated_is_not_on_record(at_desk: Desk):
    at_desk.claims([("XM", "eq", NAME), ("SFZJH", "eq", "110101198001010015")], T001)
    entry = at_desk.last()
    assert (entry["action"], entry["elements"], entry["purpose"]) == (
        "claims",
        ["XM", "SFZJH"],
        campus.EMPLOYED,
    )
    told = json.dumps([entry, at_desk.details(entry)], default=str, ensure_ascii=False)
    assert [value for value in (CANARY, "110101198001010015", "match") if value in told] == []
    (kept,) = at_desk.owner.execute("SELECT string_agg(m::text, ' ') FROM service.claim_miss m").fetchone()
    assert CANARY not in (kept or "") and "T001" not in (kept or "")


def test_right_statements_are_all_answered_however_many_come_at_once(at_desk: Desk):
    cases = [at_desk.case() for _ in range(3 * MISSES_PER_DAY)]
    with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
        told = list(pool.map(lambda case_id: at_desk.claims([("XM", "eq", NAME)], case_id=case_id), cases))
    assert [outcomes(reply) for reply in told] == [["match"]] * len(cases)
    assert outcomes(at_desk.claims([("XM", "eq", "某某")])) == ["no_match"]
