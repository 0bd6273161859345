"""Default deny, by every combination: client × service item × element × case × person, compared with an oracle.

The oracle reads the campus's files as they are written, before any code of ours has understood them: the decided
demands, the contracts, the register of cases as this test wrote it. What it allows must be answered, and everything
else refused with its own code, whichever way is asked: single, in a batch, as a claim, as a prefill, beforehand.
"""

import asyncio
import csv
import io
import itertools
import json
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

import catalogs
from catalogs.settings import now
from service import bulk, queries, tokens
from service.access import campus_day
from service.app import create_app
from service.configuration import Configuration
from service.decisions import Surroundings
from service.problems import Problem
from service.queries import AccessQuery, BatchQuery, ClaimsQuery, FactsQuery, PrefillQuery
from service.state import Current
from service.tokens import Client
from tests.service import campus, desk
from tests.service.conftest import opened, service_url
from tests.service.desk import CANARY, Desk

OFFICE = {"user_id": "U1", "role": "officer"}
CLIENTS = (campus.HALL, campus.PORTAL, campus.STRANGER, campus.HR)
ITEMS = (campus.EMPLOYED, campus.TRANSFER, "S-NOWHERE")
CASES = (
    "draft",
    "submitted",
    "accepted",
    "closed",
    "expired",
    "of_another_client",
    "of_another_item",
    "none",
)
GUEST, PARTY, STRANGER_TO_IT, UNKNOWN_PARTY, UNKNOWN, OFFICER = "G001", "T001", "T002", "T999", "T998", "T004"
PEOPLE = {
    PARTY: {"id_type": "staff_no", "id": PARTY},
    GUEST: {"id_type": "guest_no", "id": GUEST},
    STRANGER_TO_IT: {"id_type": "staff_no", "id": STRANGER_TO_IT},
    UNKNOWN_PARTY: {"id_type": "staff_no", "id": UNKNOWN_PARTY},
    UNKNOWN: {"id_type": "staff_no", "id": UNKNOWN},
    OFFICER: {"id_type": "staff_no", "id": OFFICER},
}
PARTIES = [
    *({"role": "applicant", **PEOPLE[one], "country": None} for one in (PARTY, GUEST, UNKNOWN_PARTY)),
    {"role": "officer", **PEOPLE[OFFICER], "country": None},
]


def demands() -> list[dict[str, Any]]:
    """Return demands in every state and at every edge of their validity, beside those of the small campus."""
    today = campus_day(campus.catalog(), now())
    on = {name: str(today + timedelta(days=days)) for name, days in
          {"yesterday": -1, "today": 0, "tomorrow": 1}.items()}  # fmt: skip
    granted = {"state": "granted", "by": ["post:b"], "on": "2026-01-01"}
    edges = [
        ("DH", {"validFrom": on["tomorrow"]}),
        ("RZRQ", {"validTo": on["yesterday"]}),
        ("XH", {"validFrom": on["today"], "validTo": on["today"]}),
    ]
    states = [("DW", "filed"), ("ZT", "refused"), ("GZ", "withdrawn"), ("SFZJH", "draft"), ("HY", "expired")]
    own = [
        campus._demand(f"D-E{place}", campus.HR, campus.TRANSFER, [element], granted, **dates)
        for place, (element, dates) in enumerate(edges)
    ]
    for place, (element, state) in enumerate(states):
        decision = {"state": state} | ({"by": ["post:b"], "on": "2026-01-01"} if state == "refused" else {})
        own.append(campus._demand(f"D-S{place}", campus.HR, campus.TRANSFER, [element], decision))
    return json.loads(campus.files()["demands/all.yaml"]) + own


class Oracle:
    """What is allowed, by the files alone."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.today = str(campus_day(campus.catalog(), now()))
        self.demands = json.loads(files["demands/all.yaml"])
        self.elements = [
            row["code"] for row in csv.DictReader(io.StringIO(files["elements.csv"].decode()))
        ] + ["NOTHING"]
        self.services = {one["code"]: one for one in json.loads(files["services/all.yaml"])}
        self.shared = set()
        for name, content in files.items():
            if name.startswith("resources/"):
                self.shared |= self._shared(json.loads(content))

    @staticmethod
    def _shared(contract: Mapping[str, Any]) -> set[str]:
        own = {one["property"]: one["value"] for one in contract["customProperties"]}
        if own["shareType"] == "none":
            return set()
        found = set()
        for item in contract["schema"][0]["properties"]:
            told = {one["property"]: one["value"] for one in item.get("customProperties", ())}
            if told.get("authoritative"):
                found.add(told["element"])
        return found

    def granted(self, client: str, item: str) -> set[str]:
        return {
            element
            for demand in self.demands
            for element in demand["elements"]
            if demand["client"] == client
            and demand["purpose"] == {"serviceItem": item}
            and demand["decision"]["state"] == "granted"
            and demand["validFrom"] <= self.today <= demand["validTo"]
            and element in self.shared
        }

    def says(self, client: str, item: str, element: str | None, case: str, person: str | None) -> str:
        """Return OK or the code of the refusal; no element: a prefill, no person: asked beforehand."""
        granted = self.granted(client, item)
        if not granted:
            return "PURPOSE_NOT_GRANTED"
        if element is not None and element not in granted:
            return "ELEMENT_NOT_GRANTED"
        if case not in ("draft", "submitted", "accepted"):
            return "CASE_NOT_VALID"
        if person in (STRANGER_TO_IT, UNKNOWN, OFFICER):
            return "CASE_NOT_VALID"
        return "SUBJECT_NOT_FOUND" if person == UNKNOWN_PARTY else "OK"


@dataclass
class House:
    """The desk with the campus of every demand, its oracle, and the registered cases."""

    desk: Desk
    oracle: Oracle
    service_url: str
    cases: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def case(self, client: str, item: str, state: str) -> str:
        return self.cases.get((client, item, state)) or str(uuid.uuid4())


@pytest.fixture(scope="module")
def house(pg_module_database, tmp_path_factory) -> Iterator[House]:
    files = campus.files() | {"demands/all.yaml": json.dumps(demands(), ensure_ascii=False).encode()}
    with opened(pg_module_database, tmp_path_factory.mktemp("home")) as at_desk:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("YICI_DATABASE_URL", pg_module_database.url)
            campus.publish(at_desk.owner, catalogs.load(files), {})
        found = House(at_desk, Oracle(files), service_url(pg_module_database))
        for client, item in itertools.product(CLIENTS, ITEMS):
            for state in CASES[:-1]:
                found.cases[client, item, state] = _register(found, client, item, state)
        yield found


def _register(house: House, client: str, item: str, state: str) -> str:
    number = str(uuid.uuid4())
    if state == "of_another_client":
        client = next(one for one in CLIENTS if one != client)
    if state == "of_another_item":
        item = next(one for one in ITEMS if one != item)
    expires = now() + timedelta(days=-1 if state == "expired" else 30)
    status = state if state in ("draft", "submitted", "accepted", "closed") else "submitted"
    house.desk.owner.execute(
        'INSERT INTO service."case" (id, client_id, service_item, status, parties, registered_at, expires_at)'
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [number, client, item, status, json.dumps(PARTIES), now() - timedelta(days=5), expires],
    )
    return number


@dataclass(frozen=True)
class Asking:
    """A worker of the service without HTTP."""

    around: Surroundings
    current: Current
    clients: Mapping[str, Client]

    async def told(self, asked: Awaitable[Any]) -> tuple[str, Any]:
        try:
            return "OK", await asked
        except Problem as problem:
            assert CANARY not in str(problem.detail)
            return problem.code, problem

    async def facts(self, client: str, query: FactsQuery) -> tuple[str, Any]:
        return await self.told(
            queries.query_facts(self.around, self.clients[client], self.current, query, now())
        )


@asynccontextmanager
async def asking(house: House, chosen: Configuration | None = None) -> AsyncIterator[Asking]:
    app = create_app(chosen)
    async with app.router.lifespan_context(app):
        around: Surroundings = app.state.around
        current = await around.state.current(around.pool)
        found = {one: await tokens.find_client(around.pool, one) for one in CLIENTS}
        yield Asking(around, current, found)


@pytest.fixture
def in_service(house: House, own_surroundings: None, monkeypatch) -> Callable[..., Any]:
    """Run a coroutine function with a worker of the service over the house's warehouse."""
    monkeypatch.setenv("YICI_HOME", str(house.desk.home))
    monkeypatch.setenv("YICI_SERVICE_DATABASE_URL", house.service_url)
    monkeypatch.setenv("YICI_DATABASE_URL", house.service_url)

    def run(
        what: Callable[[Asking], Awaitable[Any]], chosen: Configuration = Configuration(pool_size=4)
    ) -> Any:
        async def within() -> Any:
            async with asking(house, chosen) as found:
                return await what(found)

        return asyncio.run(within())

    return run


def facts_query(house: House, client: str, item: str, element: str, case: str, person: str) -> FactsQuery:
    return FactsQuery(
        subject=PEOPLE[person],
        case_id=house.case(client, item, case),
        actor=OFFICE,
        service_item=item,
        elements=[element],
    )


async def at_once(asked: list[Awaitable[Any]]) -> list[Any]:
    """Await them side by side, as many at a time as a busy machine answers within the time-outs."""
    told = []
    for begin in range(0, len(asked), 64):
        told += await asyncio.gather(*asked[begin : begin + 64])
    return told


def differing(house: House, combinations: list[tuple], told: list[tuple[str, Any]]) -> list[tuple]:
    """Return where an answer is not what the oracle says: combination, expected, told."""
    return [
        (*one, expected, code)
        for one, (code, _) in zip(combinations, told, strict=True)
        if (expected := house.oracle.says(*one)) != code
    ]


def test_exactly_what_the_demands_allow_is_answered_and_each_decision_is_on_record(house: House, in_service):
    combinations = list(itertools.product(CLIENTS, ITEMS, house.oracle.elements, CASES, PEOPLE))
    (before,) = house.desk.owner.execute("SELECT coalesce(max(seq), 0) FROM service.record").fetchone()

    async def all_of_them(asking: Asking) -> list[tuple[str, Any]]:
        return await at_once([asking.facts(one[0], facts_query(house, *one)) for one in combinations])

    told = in_service(all_of_them)
    assert differing(house, combinations, told) == []
    codes = Counter(code for code, _ in told)
    assert len(combinations) > 4000 and codes["OK"] > 50
    assert set(codes) == {
        "OK", "PURPOSE_NOT_GRANTED", "ELEMENT_NOT_GRANTED", "CASE_NOT_VALID", "SUBJECT_NOT_FOUND",
    }  # fmt: skip
    for (_, _, element, _, person), (code, answer) in zip(combinations, told, strict=True):
        if code == "OK":
            _check_answer(element, person, answer)
    entries = house.desk.owner.execute(
        "SELECT code, outcome, count(*) FROM service.record WHERE seq > %s AND action = 'facts' GROUP BY 1, 2",
        [before],
    )
    recorded = {(code, outcome): count for code, outcome, count in entries}
    assert recorded == {
        (code, "allowed" if code == "OK" else "refused"): count for code, count in codes.items()
    }


def _check_answer(element: str, person: str, answer: Mapping[str, Any]) -> None:
    """An answer holds what was asked, of whom it was asked, and nothing of an item that nobody shares."""
    assert list(answer["facts"]) == [element]
    fact = answer["facts"][element]
    if person == GUEST:  # known only to a resource that is not shared
        assert "value" not in fact and fact["status"] != "available", (element, fact)
        return
    own = {"XM": f"{CANARY}甲", "GH": PARTY, "SFZJH": "110101********0015", "DW": "物理系"}
    if element in own:
        assert fact["value"] == own[element]


def test_a_batch_is_as_closed_as_a_single_question(house: House, in_service):
    asked = list(itertools.product(CLIENTS, ITEMS, house.oracle.elements))
    inner = list(itertools.product(CASES, PEOPLE))

    async def in_batches(asking: Asking) -> list[list[Any]]:
        async def one(client: str, item: str, element: str) -> list[Any]:
            items = [
                {
                    "subject": PEOPLE[person],
                    "case_id": house.case(client, item, case),
                    "actor": OFFICE,
                }
                for case, person in inner
            ]
            batch = BatchQuery(service_item=item, elements=[element], items=items)
            who = asking.clients[client]
            return await bulk.query_batch(asking.around, who, asking.current, batch, now())

        return [await one(*each) for each in asked]

    told = [
        (one.code if isinstance(one, Problem) else "OK", one)
        for batch in in_service(in_batches)
        for one in batch
    ]
    combinations = [(*outer, *own) for outer in asked for own in inner]
    assert differing(house, combinations, told) == []
    assert sum(code == "OK" for code, _ in told) > 50


def test_claims_are_as_closed_as_facts(house: House, in_service):
    combinations = list(itertools.product(CLIENTS, ITEMS, house.oracle.elements, CASES, (PARTY, UNKNOWN)))

    async def stated(asking: Asking) -> list[tuple[str, Any]]:
        def one(client: str, item: str, element: str, case: str, person: str) -> Awaitable[tuple[str, Any]]:
            query = ClaimsQuery(
                subject=PEOPLE[person],
                case_id=house.case(client, item, case),
                actor=OFFICE,
                service_item=item,
                claims=[{"element": element, "op": "is_known"}],
            )
            return asking.told(
                queries.query_claims(asking.around, asking.clients[client], asking.current, query, now())
            )

        return await at_once([one(*each) for each in combinations])

    assert differing(house, combinations, in_service(stated)) == []


def test_a_prefill_fills_only_what_is_granted(house: House, in_service):
    combinations = list(itertools.product(CLIENTS, ITEMS, [None], CASES, PEOPLE))

    async def filled(asking: Asking) -> list[tuple[str, Any]]:
        def one(client: str, item: str, _: None, case: str, person: str) -> Awaitable[tuple[str, Any]]:
            query = PrefillQuery(subject=PEOPLE[person], case_id=house.case(client, item, case), actor=OFFICE)
            who = asking.clients[client]
            return asking.told(queries.query_prefill(asking.around, who, asking.current, item, query, now()))

        return await at_once([one(*each) for each in combinations])

    told = in_service(filled)
    assert differing(house, combinations, told) == []
    seen = 0
    for (client, item, *_), (code, answer) in zip(combinations, told, strict=True):
        if code != "OK":
            continue
        granted = house.oracle.granted(client, item)
        form = {one["field"]: one["element"] for one in house.oracle.services[item]["form"]}
        for one in answer["fields"]:
            element = form[one["field"]]
            assert (one["status"] == "not_permitted") == bool(element and element not in granted), one
            assert element in granted or "value" not in one
            seen += one["status"] == "not_permitted"
    assert seen


def test_what_is_said_beforehand_is_what_is_done(house: House, in_service):
    combinations = list(itertools.product(CLIENTS, ITEMS, house.oracle.elements, CASES, [None]))

    async def evaluated(asking: Asking) -> list[tuple[str, Any]]:
        async def one(client: str, item: str, element: str, case: str, _: None) -> tuple[str, Any]:
            query = AccessQuery(service_item=item, elements=[element], case_id=house.case(client, item, case))
            who = asking.clients[client]
            answer = await queries.evaluate(asking.around, who, asking.current, query, now())
            assert answer["allowed"] == (answer["code"] == "OK")
            assert answer["elements"][0]["granted"] == (element in house.oracle.granted(client, item))
            return answer["code"], answer

        return await at_once([one(*each) for each in combinations])

    assert differing(house, combinations, in_service(evaluated)) == []


def test_over_http_it_is_the_same(house: House):
    """A combination of each kind of outcome, with a real token."""
    sampled: dict[tuple, tuple] = {}
    for one in itertools.product(CLIENTS[:2] + CLIENTS[3:], ITEMS, house.oracle.elements, CASES, PEOPLE):
        expected = house.oracle.says(*one)
        sampled.setdefault((expected, one[0], one[3] if expected == "CASE_NOT_VALID" else one[4]), one)
    assert len(sampled) > 20
    for (expected, *_), (client, item, element, case, person) in sampled.items():
        reply = house.desk.facts(
            [element], PEOPLE[person], house.case(client, item, case), item, client, actor=OFFICE
        )
        told = "OK" if reply.status_code == 200 else reply.json()["code"]
        assert told == expected, (client, item, element, case, person)
        assert expected == "OK" or CANARY not in reply.text


def test_refusing_one_who_exists_costs_the_same_statements_as_one_who_does_not(house: House, in_service):
    """Not to be told apart by body, nor by what the warehouse is asked: known to be no party, and known to nobody."""

    async def counted(asking: Asking) -> dict[str, tuple[list[str], dict[str, Any]]]:
        found = {}
        seen: list[str] = []
        async with asking.around.pool.acquire() as con:  # the pool has no other
            con.add_query_logger(lambda query: seen.append(query.query))
        for person in (STRANGER_TO_IT, UNKNOWN, STRANGER_TO_IT, UNKNOWN):
            query = facts_query(house, campus.HALL, campus.EMPLOYED, "XM", "draft", person)
            seen.clear()
            code, problem = await asking.facts(campus.HALL, query)
            told = {"code": code, "detail": problem.detail, "rule": problem.rule, "errors": problem.errors}
            found[person] = ([" ".join(one.split()) for one in seen], told)
        return found

    found = in_service(counted, Configuration(pool_size=1))
    (statements, told), (others, also_told) = found[STRANGER_TO_IT], found[UNKNOWN]
    assert statements == others
    assert [one.split()[0] for one in statements] == ["SELECT", "SELECT"]  # the case, and the entry
    assert "append_record" in statements[-1]
    assert told == also_told and told["code"] == "CASE_NOT_VALID"
    assert desk.STAFF[1]["staff_no"] == STRANGER_TO_IT
