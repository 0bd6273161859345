"""Sources that are asked live: one person, one case, nothing kept, and no harm to anybody else when they fail."""

import asyncio
import concurrent.futures
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import structlog

import catalogs
from catalogs.model import Catalog
from catalogs.settings import now
from service.lookups import Call, Lookups, Told
from tests.service import campus, desk
from tests.service.campus import HOUSEHOLD, IDENTITY
from tests.service.conftest import service_url
from tests.service.desk import CANARY, T001, Desk
from tests.support.http import Reply, Request, ScriptedServer, free_port
from tests.support.postgres import PgDatabase

TOKEN = "a-token-of-this-test"
PLACE = "鸑鷟县城关镇"
T002, T003 = ({"id_type": "staff_no", "id": number} for number in ("T002", "T003"))
TIMEOUT_S = 1.5  # of the system, see campus.py
FOUND = {"code": 0, "serial": "ZW0000000042", "data": {"place": PLACE, "since": "2011-03-15"}}
SAME = {"code": 0, "serial": "ZW0000000043", "data": {"result": "一致"}}


def guarded(reply: Any) -> Callable[[Request], Reply]:
    """Answer only who brings the token, as the source would."""

    def answer(request: Request) -> Reply:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return Reply({"code": 401}, 401)
        return reply if isinstance(reply, Reply) else Reply(reply)

    return answer


@pytest.fixture
def source(http_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> ScriptedServer:
    """The source, which knows everybody."""
    monkeypatch.setenv("TEST_GOV_URL", http_server.url)
    monkeypatch.setenv("TEST_GOV_TOKEN", TOKEN)
    http_server.answers |= {HOUSEHOLD: guarded(FOUND), IDENTITY: guarded(SAME)}
    return http_server


@contextmanager
def forgetful(at_desk: Desk) -> Iterator[None]:
    """Let the service forget what it learnt of the source, before and after."""
    around = at_desk.app.state.around
    at_desk.app.state.around = replace(around, lookups=Lookups(at_desk.home, around.pool))
    try:
        yield
    finally:
        at_desk.app.state.around.lookups.close()
        at_desk.app.state.around = around


def with_homes() -> Catalog:
    """Return the campus with a register of its own that answers the same for students."""
    homes = campus.contract(
        "academic.homes", "学生户籍登记", "JW",
        {"type": "person", "key": "student_no", "idType": "student_no"},
        [campus.item("student_no", "学号", key=1), campus.item("home", "户籍地", element="HJ", authoritative=True)],
        authoritative_for=["undergrad"],
    )  # fmt: skip
    return catalogs.load(campus.files() | {"resources/academic/homes.odcs.yaml": homes})


def with_household(**read: Any) -> Catalog:
    """Return the campus whose register of households is read with these keys as well."""
    content = campus.files()
    path = "resources/gov/household.odcs.yaml"
    contract = json.loads(content[path])
    (said,) = (one for one in contract["customProperties"] if one["property"] == "read")
    said["value"] |= read
    return catalogs.load(content | {path: json.dumps(contract).encode()})


@pytest.fixture
def asking(at_desk: Desk, source: ScriptedServer) -> Iterator[Desk]:
    with forgetful(at_desk):
        yield at_desk


def test_what_the_source_tells_is_a_fact_with_its_number(asking: Desk, source: ScriptedServer):
    case_id = asking.case()
    answer = asking.facts(["XM", "HJ", "HJRQ", "HY"], case_id=case_id).json()
    facts = answer["facts"]
    assert answer["complete"] is True
    assert (facts["HJ"]["value"], facts["HJRQ"]["value"]) == (PLACE, "2011-03-15")
    assert (facts["HY"]["value"], facts["HY"]["code"], facts["HY"]["code_system"]) == (
        "一致",
        "1",
        "check_results",
    )
    for fact in (facts["HJ"], facts["HY"]):
        assert (fact["status"], fact["age_seconds"], fact["lastupdated"]) == ("available", 0, None)
        assert abs(now() - datetime.fromisoformat(fact["confirmed_at"])) < timedelta(seconds=30)
        assert fact["confirmed_at"] < fact["stale_after"]
        verification = fact["verification"]
        assert (verification["level"], verification["verifier"], verification["unmet"]) == (
            "authoritative",
            "GA",
            None,
        )
    (evidence,) = facts["HJ"]["verification"]["evidence"]
    assert (evidence["source"], evidence["extract_id"], evidence["serial"]) == (
        "gov.household",
        None,
        "ZW0000000042",
    )
    assert len(evidence["record_hash"]) == 32
    assert "serial" not in facts["XM"]["verification"]["evidence"][0]


def test_the_source_hears_once_per_resource_of_one_person_and_why(asking: Desk, source: ScriptedServer):
    case_id = asking.case()
    assert asking.facts(["HJ", "HJRQ", "HY"], case_id=case_id).status_code == 200
    told = {request.path: request for request in source.requests}
    assert len(source.requests) == len(told) == 2
    staff = desk.STAFF[0]
    assert json.loads(told[HOUSEHOLD].body) == {"id_no": staff["id_no"], "xm": staff["name"]}
    assert json.loads(told[IDENTITY].body) == {"id_no": staff["id_no"]}
    assert told[HOUSEHOLD].headers["x-reason"] == f"{campus.EMPLOYED} {case_id}"


def test_nothing_that_the_source_told_stays_on_record_or_in_a_log(
    asking: Desk, source: ScriptedServer, capfd
):
    case_id = asking.case()
    before = asking.last()["seq"]
    with structlog.testing.capture_logs() as logged:
        asking.facts(["XM", "HJ", "HJRQ", "HY"], case_id=case_id)
        asking.prefill()
        source.answers[HOUSEHOLD] = guarded({"code": 0, "data": {"place": PLACE, "since": f"{CANARY}日"}})
        asking.facts(["HJ"])
    (everything,) = asking.owner.execute(
        "SELECT string_agg(r::text, ' ') FROM service.record r WHERE seq > %s", [before]
    ).fetchone()
    printed = "".join(capfd.readouterr()) + json.dumps(logged, ensure_ascii=False, default=str) + everything
    for value in (CANARY, PLACE, "2011-03-15", "一致", "ZW00", desk.STAFF[0]["id_no"], TOKEN):
        assert value not in printed, value
    asked = [one for one in logged if one["event"] == "asked a source"]
    assert {(one["resource"], one["outcome"], one["has_evidence"]) for one in asked} == {
        ("gov.household", "found", True),
        ("gov.identity", "found", True),
        ("gov.household", "unreadable_answer", False),
    }
    first, *_ = asking.record("seq > %s AND action = 'facts'", before)
    assert first["elements"] == ["XM", "HJ", "HJRQ", "HY"]
    assert first["rule"] == (
        "granted; asked gov.household: found, with evidence; asked gov.identity: found, with evidence"
    )


def test_whom_the_source_does_not_know_is_not_found(asking: Desk, source: ScriptedServer):
    source.answers[HOUSEHOLD] = guarded({"code": 0, "serial": "ZW1", "data": None})
    answer = asking.facts(["XM", "HJ", "HY"]).json()
    assert answer["complete"] is False
    assert answer["facts"]["HJ"] == {"status": "not_found", "reason": "no_value"}
    assert {answer["facts"][one]["status"] for one in ("XM", "HY")} == {"available"}
    assert asking.last()["rule"].startswith("granted; asked gov.household: none, with evidence;")


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        pytest.param(Reply({"code": 503}, 503), "no_answer", id="busy"),
        pytest.param(Reply({"code": 429}, 429, {"Retry-After": "30"}), "no_answer", id="come back later"),
        pytest.param(Reply(b'{"code": 0, "data": {"pla'), "no_answer", id="cut off"),
        pytest.param(Reply({"code": 400, "message": CANARY}, 400), "refused", id="not understood"),
        pytest.param(Reply(b"", 302, {"Location": "http://127.0.0.1:9/"}), "refused", id="sent elsewhere"),
        pytest.param(
            Reply({"code": 500, "message": CANARY, "data": None}), "refused", id="fault told with 200"
        ),
        pytest.param(Reply({"code": 0, "result": FOUND["data"]}), "unreadable_answer", id="no object"),
        pytest.param(Reply([FOUND]), "refused", id="a list"),
        pytest.param(Reply({"code": 0, "data": [FOUND["data"]]}), "unreadable_answer", id="several people"),
        pytest.param(Reply({"code": 0, "data": {"since": CANARY}}), "unreadable_answer", id="no date"),
        pytest.param(Reply({"code": 0, "data": {"since": {"y": CANARY}}}), "unreadable_answer", id="no text"),
    ],
)
def test_a_source_that_fails_is_unavailable_and_the_other_facts_still_come(
    asking: Desk, source: ScriptedServer, reply: Reply, reason: str
):
    source.answers[HOUSEHOLD] = guarded(reply)
    answer = asking.facts(["XM", "GZ", "HJ", "HY"]).json()
    facts = answer["facts"]
    assert facts["HJ"] == {"status": "source_unavailable", "reason": reason, "sources": ["gov.household"]}
    assert [facts[one]["status"] for one in ("XM", "GZ", "HY")] == ["available"] * 3
    assert answer["complete"] is False
    assert f"asked gov.household: {reason};" in asking.last()["rule"]


def test_a_code_that_the_contract_does_not_know_is_no_fact(asking: Desk, source: ScriptedServer):
    source.answers[IDENTITY] = guarded({"code": 0, "data": {"result": "大概一致"}})
    assert asking.fact("HY")["reason"] == "unreadable_answer"


def test_a_wrong_token_is_a_refusal(asking: Desk, source: ScriptedServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TEST_GOV_TOKEN", "wrong")
    assert asking.fact("HJ")["reason"] == "refused"
    assert len(source.requests) == 1


def test_a_source_that_is_not_there_is_unavailable(asking: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TEST_GOV_URL", f"http://127.0.0.1:{free_port()}")
    assert asking.fact("HJ")["reason"] == "no_answer"


def test_a_busy_source_is_asked_again_when_it_says_so(asking: Desk, source: ScriptedServer):
    replies = [Reply({"code": 429}, 429, {"Retry-After": "1"}), Reply(FOUND)]
    source.answers[HOUSEHOLD] = lambda _: replies.pop(0)
    started = time.monotonic()
    assert asking.fact("HJ")["value"] == PLACE
    assert time.monotonic() - started > 1
    assert len(source.requests) == 2


def test_a_source_that_asks_for_rest_is_left_alone(asking: Desk, source: ScriptedServer):
    source.answers[HOUSEHOLD] = guarded(Reply({"code": 429}, 429, {"Retry-After": "30"}))
    assert [asking.fact("HJ")["reason"] for _ in range(3)] == ["no_answer", *["not_asked_after_failures"] * 2]
    assert len(source.requests) == 1


def test_a_slow_source_costs_its_time_out_and_holds_up_nobody_else(asking: Desk, source: ScriptedServer):
    over = threading.Event()

    def slow(_: Request) -> Reply:
        over.wait(10)
        return Reply(FOUND)

    source.answers[HOUSEHOLD] = slow
    case_id = asking.case()
    asked_of_nobody = asking.case(parties=[{"role": "applicant", **T002}])
    try:
        # more than the service has connections to the warehouse
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            started = time.monotonic()
            waiting = [pool.submit(asking.facts, ["XM", "HJ"], case_id=case_id) for _ in range(12)]
            time.sleep(0.4)
            quick = time.monotonic()
            assert asking.facts(["XM"], T002, case_id=asked_of_nobody).status_code == 200
            assert time.monotonic() - quick < 1
            answers = [one.result().json() for one in waiting]
            assert time.monotonic() - started < TIMEOUT_S + 1.5
    finally:
        over.set()
    for answer in answers:
        assert answer["facts"]["HJ"]["reason"] == "no_answer"
        assert answer["facts"]["XM"]["status"] == "available"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"service_item": "S-NOWHERE"}, "PURPOSE_NOT_GRANTED"),
        ({"elements": ["HJ", "DH"]}, "ELEMENT_NOT_GRANTED"),
        ({"client_id": campus.PORTAL}, "ELEMENT_NOT_GRANTED"),
        ({"case_id": "00000000-0000-4000-8000-000000000000"}, "CASE_NOT_VALID"),
        ({"subject": T002}, "CASE_NOT_VALID"),
        ({"subject": T001 | {"capacity": "emperor"}}, "INVALID_PARAMETER"),
        ({"actor": {"user_id": "T001", "role": "officer"}}, "SELF_ACCESS_FORBIDDEN"),
        ({"actor": {"user_id": "U1", "role": "agent"}}, "CASE_NOT_VALID"),
    ],
)
def test_of_a_refused_query_the_source_hears_nothing(asking: Desk, source: ScriptedServer, changes, code):
    reply = asking.facts(**({"elements": ["HJ", "HY"], "case_id": asking.case()} | changes))
    assert (reply.json()["code"], source.requests) == (code, [])


def test_of_a_closed_case_the_source_hears_nothing(asking: Desk, source: ScriptedServer):
    case_id = asking.case()
    assert asking.facts(["HJ"], case_id=case_id).status_code == 200
    asking.http.patch(f"/v1/cases/{case_id}", json={"status": "closed"}, headers=asking.headers())
    assert asking.facts(["HJ"], case_id=case_id).json()["code"] == "CASE_NOT_VALID"
    assert len(source.requests) == 1


def test_who_has_no_resident_number_is_not_asked_about(asking: Desk, source: ScriptedServer, as_owner):
    guest = {"staff_no": "T901", "name": f"{CANARY}辛", "status": "11", "unit": "物理系"}
    campus.publish(asking.owner, asking.catalog, {"hr.staff": [guest]})
    facts = asking.facts(["XM", "HJ", "HY"], {"id_type": "staff_no", "id": "T901"}).json()["facts"]
    assert {name: fact["status"] for name, fact in facts.items()} == {
        "XM": "available", "HJ": "not_applicable", "HY": "not_applicable",
    }  # fmt: skip
    assert source.requests == []


def test_without_the_name_only_the_resource_that_needs_none_is_asked(
    asking: Desk, source: ScriptedServer, as_owner
):
    nameless = {"staff_no": "T902", "id_no": "110101197701010073", "status": "11", "unit": "物理系"}
    campus.publish(asking.owner, asking.catalog, {"hr.staff": [nameless]})
    facts = asking.facts(["HJ", "HY"], {"id_type": "staff_no", "id": "T902"}).json()["facts"]
    assert (facts["HJ"]["status"], facts["HJ"]["reason"]) == ("source_unavailable", "input_not_known")
    assert facts["HY"]["status"] == "available"
    assert [request.path for request in source.requests] == [IDENTITY]


def test_a_source_whose_answer_could_not_count_is_not_asked(asking: Desk, source: ScriptedServer, as_owner):
    """A student who once was staff: the students' register answers, and the source for staff need not know."""
    number, name = "110101199901010080", f"{CANARY}壬"
    left = {"staff_no": "T903", "name": name, "id_no": number, "status": "21", "unit": "物理系"}
    here = {"student_no": "X903", "name": name, "id_no": number, "unit": "法学院", "is_enrolled": True}
    home = {"student_no": "X903", "home": "学籍登记地"}
    rows = {"hr.staff": [left], "academic.students": [here], "academic.homes": [home]}
    campus.publish(asking.owner, with_homes(), rows)
    subject = {"id_type": "student_no", "id": "X903"}
    assert asking.fact("HJ", subject)["value"] == "学籍登记地"
    assert source.requests == []
    assert asking.fact("HJ", subject | {"capacity": "staff"})["value"] == PLACE
    assert len(source.requests) == 1


def test_two_lawful_sources_that_differ_are_a_conflict_also_if_one_is_asked(
    asking: Desk, source: ScriptedServer, as_owner
):
    campus.publish(
        asking.owner, with_homes(), {"academic.homes": [{"student_no": "X003", "home": "学籍登记地"}]}
    )
    fact = asking.fact("HJ", T003)
    assert (fact["status"], fact["capacities"]) == ("conflict", ["staff", "undergrad"])
    assert "value" not in fact


def test_a_prefill_asks_and_spares_the_paper(asking: Desk, source: ScriptedServer):
    def household() -> dict[str, Any]:
        return next(one for one in asking.prefill()["materials"] if one["material"] == "M-HOUSEHOLD")

    told = household()
    assert (told["outcome"], [(fact["element"], fact["verifier"]) for fact in told["facts"]]) == (
        "satisfied",
        [("HJ", "GA")],
    )
    assert [request.path for request in source.requests] == [
        HOUSEHOLD
    ]  # no field or material needs the other
    source.answers[HOUSEHOLD] = guarded({"code": 0, "data": None})
    assert household()["reasons"] == ["HJ:not_found"]
    source.answers[HOUSEHOLD] = guarded(Reply(status=503))
    assert household()["reasons"] == ["HJ:source_unavailable"]


def test_the_settings_are_read_when_somebody_asks_also_from_the_state_folder(
    at_desk: Desk, http_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
):
    for name in ("TEST_GOV_URL", "TEST_GOV_TOKEN"):
        monkeypatch.setenv(name, "")  # what the file sets is taken back with this
        monkeypatch.delenv(name)
    http_server.answers[HOUSEHOLD] = guarded(FOUND)
    with forgetful(at_desk):
        assert at_desk.fact("HJ")["reason"] == "not_set_up"
        lines = [f"TEST_GOV_URL={http_server.url}", f"TEST_GOV_TOKEN={TOKEN}"]
        (at_desk.home / "sources.env").write_text("\n".join(lines))
        assert at_desk.fact("HJ")["value"] == PLACE


def test_the_same_case_is_told_the_same_again_for_as_long_as_the_contract_says(
    asking: Desk, source: ScriptedServer, as_owner
):
    campus.publish(asking.owner, with_household(ttl_s=3), {})
    try:
        case_id, before = asking.case(), asking.last()["seq"]
        first = asking.fact("HJ", case_id=case_id)
        time.sleep(1.1)
        again = asking.fact("HJ", case_id=case_id)
        assert (again["value"], again["confirmed_at"]) == (PLACE, first["confirmed_at"])
        assert (first["age_seconds"], again["age_seconds"], len(source.requests)) == (0, 1, 1)
        told = [one["rule"] for one in asking.record("seq > %s AND action = 'facts'", before)]
        words = "gov.household: found, with evidence"
        assert told == [f"granted; asked {words}", f"granted; heard before from {words}"]

        newer = asking.fact("HJ", case_id=case_id, max_age="PT1S")
        assert (newer["confirmed_at"] > first["confirmed_at"], len(source.requests)) == (True, 2)
        asking.fact("HJ")
        assert len(source.requests) == 3, "another case asks for itself"
        time.sleep(3.2)
        assert asking.app.state.around.lookups._kept == {}
        asking.fact("HJ", case_id=case_id)
        assert len(source.requests) == 4
    finally:
        campus.publish(asking.owner, asking.catalog, {})


# The same without a service around it: what only shows when many ask at once.


def ask(catalog: Catalog, home: Path, times: int, **limits: Any) -> list[Told]:
    """Ask about one person so many times at once."""
    system = catalog.systems["gov"]
    systems = dict(catalog.systems) | {"gov": replace(system, limits=dict(system.limits) | limits)}
    changed = replace(catalog, systems=systems)
    call = Call(changed.resources["gov.household"], {"id_no": "1", "xm": CANARY})

    async def all_at_once() -> list[Told]:
        lookups = Lookups(home, None)  # without perDay nothing is counted in the warehouse
        try:
            told = await asyncio.gather(*(lookups.ask(changed, [call], "why") for _ in range(times)))
        finally:
            lookups.close()
        return [one["gov.household"] for one in told]

    return asyncio.run(all_at_once())


@pytest.fixture(scope="module")
def content() -> Catalog:
    return campus.catalog()


def test_a_source_is_asked_by_a_few_at_a_time(content: Catalog, source: ScriptedServer, tmp_path: Path):
    at_once, most, lock = 0, 0, threading.Lock()

    def answer(_: Request) -> Reply:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.3)
        with lock:
            at_once -= 1
        return Reply(FOUND)

    source.answers[HOUSEHOLD] = answer
    told = ask(content, tmp_path, 12, timeout_s=10)
    assert [one.outcome for one in told] == ["found"] * 12
    assert (most, len(source.requests)) == (4, 12)


def test_a_question_whose_asker_gave_up_is_never_sent(
    content: Catalog, source: ScriptedServer, tmp_path: Path
):
    def answer(_: Request) -> Reply:
        time.sleep(1.2)
        return Reply(FOUND)

    source.answers[HOUSEHOLD] = answer
    told = ask(content, tmp_path, 12, timeout_s=2)
    assert sorted(one.outcome for one in told) == ["found"] * 4 + ["no_answer"] * 8
    time.sleep(1)
    assert len(source.requests) == 8


def test_a_source_is_asked_no_more_often_than_its_limit(
    content: Catalog, source: ScriptedServer, tmp_path: Path
):
    told = ask(content, tmp_path, 7, per_minute=5)
    assert sorted(one.outcome for one in told) == ["asked_too_often"] * 2 + ["found"] * 5
    assert len(source.requests) == 5


def test_after_failures_in_a_row_a_source_rests_until_it_is_tried_again(
    content: Catalog, source: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("service.lookups._REST_S", 0.5)
    source.answers[HOUSEHOLD] = guarded(Reply({"code": 401}, 401))
    call = Call(content.resources["gov.household"], {"id_no": "1", "xm": CANARY})

    async def in_turn() -> list[str]:
        lookups = Lookups(tmp_path, None)

        async def outcome() -> str:
            return (await lookups.ask(content, [call], ""))["gov.household"].outcome

        found = [await outcome() for _ in range(5)]
        await asyncio.sleep(0.6)
        source.answers[HOUSEHOLD] = guarded(FOUND)
        found += [await outcome() for _ in range(2)]
        lookups.close()
        return found

    assert asyncio.run(in_turn()) == [*["refused"] * 3, *["not_asked_after_failures"] * 2, "found", "found"]
    assert len(source.requests) == 5


def test_a_contract_limits_its_own_resource_and_leaves_the_minute_to_the_others(
    source: ScriptedServer, tmp_path: Path
):
    content = with_household(perMinute=2)
    calls = [Call(content.resources[name], {"id_no": "1"}) for name in ("gov.household", "gov.identity")]

    async def in_turn() -> list[tuple[str, str]]:
        lookups = Lookups(tmp_path, None)
        told = [await lookups.ask(content, calls, f"case {number}") for number in range(3)]
        lookups.close()
        return [(one["gov.household"].outcome, one["gov.identity"].outcome) for one in told]

    assert asyncio.run(in_turn()) == [("found", "found"), ("found", "found"), ("asked_too_often", "found")]
    assert len(source.requests) == 5


def ask_in_turn(home: Path, content: Catalog, *asked: tuple[str, str]) -> list[str]:
    """Ask one worker about a person (second) for a reason (first), one after the other."""

    async def in_turn() -> list[str]:
        lookups = Lookups(home, None)
        found = []
        for reason, number in asked:
            call = Call(content.resources["gov.household"], {"id_no": number})
            found.append((await lookups.ask(content, [call], reason))["gov.household"].outcome)
        lookups.close()
        return found

    return asyncio.run(in_turn())


@pytest.mark.parametrize(
    ("reply", "ttl_s", "outcome", "requests"),
    [
        pytest.param(FOUND, 60, "found", 1, id="found"),
        pytest.param({"code": 0, "data": None}, 60, "none", 1, id="not known"),
        pytest.param({"code": 7}, 60, "refused", 2, id="refused"),
        pytest.param(FOUND, 0, "found", 2, id="not allowed"),
    ],
)
def test_only_answers_are_told_again_and_only_where_the_contract_allows_it(
    source: ScriptedServer, tmp_path: Path, reply: Any, ttl_s: int, outcome: str, requests: int
):
    source.answers[HOUSEHOLD] = guarded(reply)
    assert ask_in_turn(tmp_path, with_household(ttl_s=ttl_s), ("a", "1"), ("a", "1")) == [outcome] * 2
    assert len(source.requests) == requests


def test_an_answer_is_of_one_case_and_person_and_no_more_are_kept_than_there_is_room_for(
    source: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("service.lookups._MOST_KEPT", 2)
    asked = [("a", "1"), ("a", "2"), ("b", "1"), ("a", "1"), ("a", "2"), ("b", "1")]
    assert ask_in_turn(tmp_path, with_household(ttl_s=60), *asked) == ["found"] * 6
    assert [json.loads(request.body)["id_no"] for request in source.requests] == ["1", "2", "1", "1"]


@pytest.fixture
def uncounted(at_desk: Desk, pg_module_database: PgDatabase) -> str:
    """The warehouse as the service's own role sees it, in which nothing was asked yet."""
    at_desk.owner.execute("DELETE FROM service.lookup_count")
    return service_url(pg_module_database)


def ask_by_two_workers(url: str, home: Path, content: Catalog, times: int) -> list[str]:
    """Ask so many times at once, by turns of two workers that were just started."""
    call = Call(content.resources["gov.household"], {"id_no": "1"})

    async def both() -> list[str]:
        async with asyncpg.create_pool(url, min_size=1) as one, asyncpg.create_pool(url, min_size=1) as other:
            workers = [Lookups(home, one), Lookups(home, other)]
            asked = (workers[turn % 2].ask(content, [call], f"case {turn}") for turn in range(times))
            told = [found["gov.household"].outcome for found in await asyncio.gather(*asked)]
            for worker in workers:
                worker.close()
            return sorted(told)

    return asyncio.run(both())


def test_the_quota_of_a_day_holds_over_workers_and_restarts_until_the_campus_has_another_day(
    at_desk: Desk, uncounted: str, source: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def at(moment: str) -> None:
        ahead = datetime.fromisoformat(moment) - datetime.now(UTC)
        monkeypatch.setenv("YICI_CLOCK_OFFSET_S", str(ahead.total_seconds()))

    content = with_household(perDay=5)
    at("2027-03-01T23:50:00+08:00")
    assert ask_by_two_workers(uncounted, tmp_path, content, 8) == ["asked_too_often"] * 3 + ["found"] * 5
    assert ask_by_two_workers(uncounted, tmp_path, content, 2) == ["asked_too_often"] * 2
    assert len(source.requests) == 5
    at("2027-03-02T00:00:01+08:00")
    assert ask_by_two_workers(uncounted, tmp_path, content, 2) == ["found"] * 2
    counted = at_desk.owner.execute("SELECT resource, day::text, times FROM service.lookup_count ORDER BY 2")
    assert counted.fetchall() == [("gov.household", "2027-03-01", 5), ("gov.household", "2027-03-02", 2)]


def test_a_request_that_is_made_again_counts_again(
    at_desk: Desk, uncounted: str, source: ScriptedServer, tmp_path: Path
):
    source.answers[HOUSEHOLD] = guarded(Reply({"code": 503}, 503))
    assert ask_by_two_workers(uncounted, tmp_path, with_household(perDay=2), 1) == ["no_answer"]
    assert len(source.requests) == 2
    assert at_desk.owner.execute("SELECT times FROM service.lookup_count").fetchall() == [(2,)]


def test_what_a_day_no_longer_allows_takes_nothing_of_the_minute(
    uncounted: str, source: ScriptedServer, tmp_path: Path
):
    content = with_household(perDay=1)
    hurried = replace(content.systems["gov"], limits={"timeout_s": 5, "per_minute": 2})
    content = replace(content, systems={"gov": hurried})
    household, identity = (
        Call(content.resources[name], {"id_no": "1"}) for name in ("gov.household", "gov.identity")
    )

    async def in_turn() -> list[str]:
        async with asyncpg.create_pool(uncounted, min_size=1) as pool:
            lookups = Lookups(tmp_path, pool)
            told = [await lookups.ask(content, [call], "") for call in (*[household] * 4, identity)]
            lookups.close()
        return [one.outcome for found in told for one in found.values()]

    assert asyncio.run(in_turn()) == ["found", *["asked_too_often"] * 3, "found"]


def test_what_cannot_be_counted_is_not_asked(uncounted: str, source: ScriptedServer, tmp_path: Path):
    content = with_household(perDay=5)
    call = Call(content.resources["gov.household"], {"id_no": CANARY})

    async def without_warehouse() -> str:
        pool = await asyncpg.create_pool(uncounted, min_size=1)
        await pool.close()
        lookups = Lookups(tmp_path, pool)
        told = await lookups.ask(content, [call], "")
        lookups.close()
        return told["gov.household"].outcome

    with structlog.testing.capture_logs() as logged:
        assert asyncio.run(without_warehouse()) == "asked_too_often"
    assert source.requests == []
    assert "questions could not be counted" in {one["event"] for one in logged}
    assert CANARY not in str(logged)
