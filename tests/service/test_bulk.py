"""A set says byte for byte what its questions are told one by one, and is recorded alike: for grown people and
children, with and without consent, in dispute, as any party, by whoever asks, for every purpose."""

import asyncio
import json
import uuid
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import catalogs
from catalogs.settings import now
from service import bulk, queries, subjects, tokens
from service.app import create_app
from service.configuration import Configuration
from service.decisions import Surroundings
from service.problems import Problem
from service.queries import FactsQuery
from service.record import Answer, canonical
from service.state import Current
from service.tokens import Client
from tests.service import campus, rights
from tests.service.conftest import opened, service_url
from tests.service.desk import Desk
from tests.service.rights import PAPER

ITEMS = (campus.EMPLOYED, campus.TRANSFER, rights.PLACE, rights.BADGE)
MONTHS = "YF"
ELEMENTS = ("XM", "ZT", "DW", "GH", "GZ", "SFZJH", "DH", "BJ", "CSRQ", "XH", "HY", MONTHS)
PEOPLE = {
    **dict.fromkeys(("T001", "T002", "T003", "T004", "T999"), "staff_no"),
    **dict.fromkeys(("X003", "X010", "X011"), "student_no"),
    **dict.fromkeys(("P08", "P15", "P19", "P00", "P09"), "pupil_no"),
    "G001": "guest_no",
}
DISPUTED = (("T001", "ZT"), ("T002", "DW"), ("X011", "XM"))
CONSENTED = ("T001", "T003")


@dataclass
class House:
    """A worker of the service without HTTP, on a loop of its own, with the cases that were asked for so far."""

    desk: Desk
    runner: asyncio.Runner
    around: Surroundings
    current: Current
    client: Client
    cases: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def case(self, item: str, number: str, role: str) -> str:
        known = self.cases.get((item, number, role))
        if known is None:
            guardian = [rights.party("guardian", "staff_no", "T001", authorisation=PAPER)]
            agent = [rights.party("agent", "staff_no", "T003", authorisation=PAPER)]
            own = [
                rights.party(
                    role, PEOPLE[number], number, **({"authorisation": PAPER} if role == "related" else {})
                )
            ]
            applicant = [] if role == "applicant" else [rights.party("applicant", "staff_no", "T003")]
            parties = [*own, *applicant, *(guardian if number in ("P08", "P09") else []), *agent]
            known = self.cases[item, number, role] = self.desk.case(item, parties)
            if item == campus.TRANSFER and number in CONSENTED:
                self._consent(known, number)
        return known

    def _consent(self, case_id: str, number: str) -> None:
        body = {
            "subject": {"id_type": PEOPLE[number], "id": number}, "case_id": case_id,
            "actor": {"user_id": number, "role": "applicant"}, "service_item": campus.TRANSFER, "notice": rights.BANK,
            "version": "1", "evidence_digest": "ab" * 32,
        }  # fmt: skip
        self.desk.post("/v1/consents", body, campus.HALL, **{"Idempotency-Key": uuid.uuid4().hex})


def _files() -> dict[str, bytes]:
    """Return the campus's catalog with an element that has several values: the months of which somebody was paid."""
    found = rights.files()
    found["elements.csv"] += f"{MONTHS},发薪月份,Months paid,C,,person,,2,personal,,,\n".encode()
    path = "resources/finance/payroll.odcs.yaml"
    contract = json.loads(found[path])
    month = contract["schema"][0]["properties"][1]
    month |= campus.item("month", "月份", key=2, element=MONTHS, many=True, authoritative=True)
    found[path] = json.dumps(contract, ensure_ascii=False).encode()
    demands = json.loads(found["demands/all.yaml"])
    demands.append(rights._demand("D-17", campus.EMPLOYED, [MONTHS]))
    return found | {"demands/all.yaml": json.dumps(demands, ensure_ascii=False).encode()}


@pytest.fixture(scope="module")
def house(pg_module_database, tmp_path_factory) -> Iterator[House]:
    home = tmp_path_factory.mktemp("home")
    with (
        opened(pg_module_database, home, None, catalogs.load(_files()), rights.ROWS) as at_desk,
        pytest.MonkeyPatch.context() as patch,
        asyncio.Runner() as runner,
    ):
        for name in ("YICI_SERVICE_DATABASE_URL", "YICI_DATABASE_URL"):
            patch.setenv(name, service_url(pg_module_database))
        patch.setenv("YICI_HOME", str(home))
        stack = AsyncExitStack()

        async def begin() -> House:
            app = create_app(Configuration(pool_size=4))
            await stack.enter_async_context(app.router.lifespan_context(app))
            around: Surroundings = app.state.around
            client = await tokens.find_client(around.pool, campus.HALL)
            assert client is not None
            return House(at_desk, runner, around, await around.state.current(around.pool), client)

        found = runner.run(begin())
        _dispute(at_desk)
        yield found
        runner.run(stack.aclose())


def _dispute(at_desk: Desk) -> None:
    for number, element in DISPUTED:
        at_desk.owner.execute(
            """INSERT INTO service.correction (id, client_id, case_id, service_item, subject_id, element, provider,
                   sealed, value_digest, state, filed_at, due_on, checked_release)
               SELECT gen_random_uuid(), %s, gen_random_uuid(), %s, l.subject_id, %s, 'RS', '', '', 'routed',
                   now() - interval '1 hour', current_date, yici.current()
               FROM yici.link l WHERE l.key = %s AND l.id_type = %s AND l._to IS NULL""",
            [campus.HALL, campus.EMPLOYED, element, number, PEOPLE[number]],
        )


@st.composite
def sets(draw: st.DrawFn) -> tuple[str, list[str], list[tuple]]:
    item = draw(st.sampled_from(ITEMS))
    elements = draw(st.lists(st.sampled_from(ELEMENTS), min_size=1, max_size=5, unique=True))
    one = st.tuples(
        st.sampled_from(sorted(PEOPLE)),
        st.sampled_from(sorted(PEOPLE)),
        st.sampled_from(["applicant", "applicant", "related", "co_applicant", "officer"]),
        st.sampled_from([None, None, "staff", "undergrad", "pupil", "nobody"]),
        st.sampled_from(["officer", "applicant", "agent", "guardian"]),
        st.booleans(),
    )
    return item, elements, draw(st.lists(one, min_size=1, max_size=10))


def _questions(house: House, item: str, elements: list[str], people: list[tuple]) -> list[FactsQuery]:
    found = []
    for number, other, party, capacity, actor, is_own in people:
        found.append(
            FactsQuery(
                subject={"id_type": PEOPLE[number], "id": number, "capacity": capacity},
                case_id=house.case(item, number if is_own else other, party),
                actor={"user_id": "T001", "role": actor},
                service_item=item,
                elements=elements,
            )
        )
    return found


def _told(told: Answer | Problem) -> Any:
    """Return an answer's bytes, but for the number that each transaction has, or a refusal as it is told."""
    if isinstance(told, Problem):
        return told.code, told.detail, told.errors, told.rule, told.noted
    number = told["transaction_id"].encode()
    assert told.written.count(number) == 1
    return told.written.replace(number, b"")


_OWN = ("seq", "transaction_id", "request_digest", "response_digest", "detail_hash", "leaf_hash")


def _entries(house: House, after: int) -> dict[str, dict[str, Any]]:
    """Return what stands on record since: transaction → entry with its details, but for numbers and salted digests."""
    found = {}
    for entry in house.desk.record("seq > %s", after):
        details = {
            name: value for name, value in house.desk.details(entry).items() if name not in ("seq", "salt")
        }
        plain = {name: value for name, value in entry.items() if name not in _OWN}
        found[str(entry["transaction_id"])] = plain | details
    return found


@given(asked=sets())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_set_says_byte_for_byte_what_its_questions_are_told_alone(house: House, asked):
    item, elements, people = asked
    questions = _questions(house, item, elements, people)
    asking = bulk._Asking(questions[0], item)
    assert [asking.write(one) for one in questions] == [
        canonical(queries.asked_for(one, item)) for one in questions
    ]
    at, before = now(), house.desk.last()["seq"]

    async def both() -> tuple[list[Any], list[Any]]:
        told = await bulk.query_set(house.around, house.client, house.current, questions, at)
        alone: list[Any] = []
        for one in questions:
            try:
                alone.append(await queries.query_facts(house.around, house.client, house.current, one, at))
            except Problem as problem:
                alone.append(problem)
        return told, alone

    told, alone = house.runner.run(both())
    assert [_told(one) for one in told] == [_told(one) for one in alone]
    entries = _entries(house, before)
    assert len(entries) == 2 * len(questions)
    for one, other in zip(told, alone, strict=True):
        assert entries[_number(one)] == entries[_number(other)]


def _number(told: Answer | Problem) -> str:
    number = told.transaction_id if isinstance(told, Problem) else told["transaction_id"]
    assert number is not None
    return number


def test_plain_questions_are_answered_together_and_only_they(house: House, monkeypatch):
    asked_alone: list[str] = []
    original = queries.query_facts

    async def noted(around, client, current, query, at):
        asked_alone.append(query.subject.id)
        return await original(around, client, current, query, at)

    monkeypatch.setattr(queries, "query_facts", noted)
    people = [
        (number, number, "applicant", None, "applicant", True) for number in ("T001", "T002", "T999", "X003")
    ]
    told = house.runner.run(
        bulk.query_set(
            house.around, house.client, house.current,
            _questions(house, campus.EMPLOYED, ["XM", "ZT"], people), now(),
        )
    )  # fmt: skip
    assert [isinstance(one, Answer) for one in told] == [True, True, False, True]
    assert asked_alone == ["T999"]
    child = [
        ("P08", "P08", "applicant", None, "guardian", True),
        ("T001", "T001", "applicant", None, "applicant", True),
    ]
    asked_alone.clear()
    told = house.runner.run(
        bulk.query_set(
            house.around, house.client, house.current, _questions(house, rights.PLACE, ["XM"], child), now()
        )
    )
    assert all(isinstance(one, Answer) for one in told) and asked_alone == ["P08"]


def test_a_receipt_of_a_set_proves_its_answer(house: House):
    people = [("T001", "T001", "applicant", None, "applicant", True)]
    questions = _questions(house, campus.EMPLOYED, ["XM"], people)
    (told,) = house.runner.run(bulk.query_set(house.around, house.client, house.current, questions, now()))
    body = {
        "action": "facts",
        "request": json.loads(questions[0].model_dump_json()),
        "receipt": told["receipt"],
    }
    reply = house.desk.post(f"/v1/transactions/{told['transaction_id']}:replay", body)
    assert reply.status_code == 200 and reply.json()["matches"] is True, reply.text


def test_many_values_of_one_element_come_in_one_list(house: House):
    people = [(number, number, "applicant", None, "applicant", True) for number in ("T001", "T003")]
    asked = _questions(house, campus.EMPLOYED, [MONTHS, "GH"], people)
    told = house.runner.run(bulk.query_set(house.around, house.client, house.current, asked, now()))
    paid = {row["staff_no"]: [] for row in rights.ROWS["finance.payroll"]}
    for row in rights.ROWS["finance.payroll"]:
        paid[row["staff_no"]].append(row["month"])
    assert [one["facts"][MONTHS]["value"] for one in told] == [paid["T001"], paid["T003"]]


def test_the_numbers_of_a_set_are_looked_up_one_by_one_however_many_links_there_are(house: House):
    statement = subjects._RESOLVE
    for number in range(1, 5):
        statement = statement.replace(f"${number}", f"%({'abcd'[number - 1]})s")
    count = 500
    asked = {
        "a": ["person"] * count, "b": ["staff_no"] * count, "c": [f"N{n}" for n in range(count)], "d": [now()] * count,
    }  # fmt: skip
    with house.desk.owner.transaction():
        house.desk.owner.execute("SELECT set_config('yici.release', yici.current()::text, true)")
        house.desk.owner.execute(
            """WITH minted AS (INSERT INTO yici.subject (id, type, minted_release)
                   SELECT -n, 'person', yici.current() FROM generate_series(1, 20000) n RETURNING id)
               INSERT INTO yici.link (subject_id, type, id_type, key, source, _from)
               SELECT id, 'person', 'staff_no', 'N' || -id, 'hr.staff', yici.current() FROM minted"""
        )
        house.desk.owner.execute("ANALYZE yici.link")
        plan = house.desk.owner.execute(f"EXPLAIN {statement}", asked).fetchall()
        raise psycopg.Rollback
    text = "\n".join(line for (line,) in plan)
    assert "Seq Scan on link" not in text and text.count("Index Scan using link_") == 2, text
