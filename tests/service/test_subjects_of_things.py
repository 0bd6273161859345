"""Projects, units and rooms as subjects: what binds them to the applicant is catalog data; nothing else opens them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import catalogs
from catalogs.faults import CatalogError
from catalogs.model import Catalog
from tests.service import campus, desk
from tests.service.conftest import opened
from tests.service.desk import Desk

BUDGET = "S-BUDGET"
REFERENCE = Path(__file__).resolve().parents[2] / "catalogs" / "campus"
_ELEMENTS = """KTMC,课题名称,Topic,C,,project,,1,none,,,
KTJF,课题经费,Funds of the topic,Y,,project,,3,none,,,
KTSJ,经费截至时间,Funds as of,T,,project,,2,none,,,
FJYT,房间用途,Use of the room,C,,room,,1,none,,,
"""
_RELATIONS = [
    {
        "relation": "leads", "nameZh": "主持", "resource": "academic.topics",
        "from": {"item": "topic_no", "idType": "topic_no"}, "to": {"item": "leader", "idType": "staff_no"},
    },
    {
        "relation": "works_in", "nameZh": "课题组用房", "resource": "academic.rooms",
        "from": {"item": "room", "idType": "room_code"}, "to": {"item": "topic_no", "idType": "topic_no"},
        "then": "leads",
    },
]  # fmt: skip
TOPICS = [
    {"topic_no": "P1", "title": "甲题", "leader": "T001", "funds": "100.50", "as_of": "2026-09-30 16:30+00"},
    {"topic_no": "P2", "title": "乙题", "leader": "T003", "funds": "7.00"},
    {"topic_no": "P3", "title": "丙题", "leader": "T001", "funds": "8.00"},
]
# What its source says of it now is against the contract.
REFUSED = [TOPICS[2] | {"_state": "refused"}]
ROOMS = [{"room": "R1", "use": "实验室", "topic_no": "P1"}, {"room": "R2", "use": "办公", "topic_no": "P2"}]


def made_up(
    relations: tuple[str, ...] = ("leads", "works_in"), base: Callable[[], dict[str, bytes]] = campus.files
) -> dict[str, bytes]:
    """Return the small campus with topics and rooms, and a service item about them."""
    found = base()
    found["elements.csv"] += _ELEMENTS.encode()
    for name, subject, items in (
        (
            "academic.topics",
            {"type": "project", "key": "topic_no", "idType": "topic_no"},
            [
                campus.item("topic_no", "课题号", key=1),
                campus.item("title", "名称", element="KTMC", authoritative=True),
                campus.item("leader", "主持人"),
                campus.item("funds", "经费", "number", element="KTJF", authoritative=True),
                campus.item("as_of", "截至时间", "timestamp", element="KTSJ", authoritative=True),
            ],
        ),
        (
            "academic.rooms",
            {"type": "room", "key": "room", "idType": "room_code"},
            [
                campus.item("room", "房间号", key=1),
                campus.item("use", "用途", element="FJYT", authoritative=True),
                campus.item("topic_no", "课题号"),
            ],
        ),
    ):
        content = campus.contract(name, name, "JW", subject, items)
        found[f"resources/{name.replace('.', '/')}.odcs.yaml"] = content

    def changed(name: str, change: Any) -> None:
        content = json.loads(found[name])
        change(content)
        found[name] = json.dumps(content, ensure_ascii=False).encode()

    form = [{"field": "t", "nameZh": "课题", "element": "KTMC", "editable": False}]
    changed("campus.yaml", lambda content: content.update(relations=_RELATIONS))
    changed(
        "services/all.yaml",
        lambda content: content.append(
            content[0]
            | {
                "code": BUDGET,
                "nameZh": "预算调整",
                "form": form,
                "materials": [],
                "relations": list(relations),
            }
            | {"claims": [{"element": "KTJF", "predicate": "ge:50"}]}
        ),
    )
    changed(
        "demands/all.yaml",
        lambda content: content.append(
            content[0]
            | {
                "demandId": "D-9",
                "purpose": {"serviceItem": BUDGET},
                "elements": ["KTMC", "KTJF", "FJYT", "XM"],
            }
        ),
    )
    return found


@pytest.fixture(scope="module")
def at_desk(pg_module_database, tmp_path_factory):
    with opened(pg_module_database, tmp_path_factory.mktemp("home")) as found:
        rows = {"academic.topics": TOPICS, "academic.rooms": ROOMS}
        content = catalogs.load(made_up())
        campus.publish(found.owner, content, rows)
        campus.publish(found.owner, content, {"academic.topics": REFUSED})
        yield found


P1, P2, R1 = (
    {"id_type": "topic_no", "id": "P1"},
    {"id_type": "topic_no", "id": "P2"},
    {"id_type": "room_code", "id": "R1"},
)
T001 = desk.T001


def asked(at_desk: Desk, subject: dict, parties: list[dict], elements: list[str] = ["KTMC"], **more: Any):  # noqa: B006
    case_id = at_desk.case(BUDGET, parties)
    return at_desk.facts(elements, subject, case_id, BUDGET, **more)


def of(applicant: dict, thing: dict, role: str = "object") -> list[dict]:
    return [{"role": "applicant", **applicant}, {"role": role, **thing}]


def test_a_project_of_the_applicants_is_answered_with_provenance(at_desk: Desk):
    reply = asked(at_desk, P1, of(T001, P1), ["KTMC", "KTJF", "XM"])
    assert reply.status_code == 200, reply.text
    facts = reply.json()["facts"]
    assert (facts["KTMC"]["value"], facts["KTJF"]["value"]) == ("甲题", "100.5")
    assert facts["KTMC"]["verification"]["level"] == "authoritative"
    assert facts["KTMC"]["verification"]["evidence"][0]["source"] == "academic.topics"
    assert facts["XM"]["status"] == "not_applicable"
    entry = at_desk.last()
    assert (entry["outcome"], entry["rule"]) == ("allowed", "granted; object by leads")
    assert at_desk.details(entry)["subject_key"]


def test_a_room_is_reached_over_what_it_belongs_to(at_desk: Desk):
    assert asked(at_desk, R1, of(T001, R1), ["FJYT"]).json()["facts"]["FJYT"]["value"] == "实验室"
    assert at_desk.last()["rule"] == "granted; object by works_in"


def test_a_person_of_the_same_case_is_asked_about_as_ever(at_desk: Desk):
    reply = asked(at_desk, T001, of(T001, P1), ["XM", "KTMC"])
    assert reply.json()["facts"]["XM"]["status"] == "available"
    assert reply.json()["facts"]["KTMC"]["status"] == "not_applicable"


@pytest.mark.parametrize(
    ("subject", "parties", "noted"),
    [
        (P2, of(T001, P2), "object:related"),
        (R1, of({"id_type": "staff_no", "id": "T003"}, R1), "object:related"),
        (P1, [{"role": "object", **P1}], "object:related"),
        (P1, [{"role": "related", **T001}, {"role": "object", **P1}], "object:related"),
        (P1, [{"role": "applicant", **P1}], "object:role"),
        (P1, of(T001, P1, "co_applicant"), "object:role"),
        (T001, of({"id_type": "staff_no", "id": "T003"}, T001), "object:role"),
        (P1, [{"role": "applicant", **T001}], "case:subject_is_a_party"),
        (
            {"id_type": "topic_no", "id": "P3"},
            of(T001, {"id_type": "topic_no", "id": "P3"}),
            "object:related",
        ),
    ],
)
def test_nothing_else_opens_a_thing_and_all_is_refused_in_the_same_words(at_desk, subject, parties, noted):
    reply = asked(at_desk, subject, parties, ["XM"])
    usual = asked(at_desk, {"id_type": "topic_no", "id": "P999"}, of(T001, P1), ["XM"])
    assert (reply.status_code, reply.json()["code"]) == (403, "CASE_NOT_VALID")
    own = ("instance", "trace_id")
    assert {name: value for name, value in reply.json().items() if name not in own} == {
        name: value for name, value in usual.json().items() if name not in own
    }
    assert [entry["rule"] for entry in at_desk.record("outcome = 'refused'")][-2] == noted


def test_an_officer_does_not_handle_a_project_of_their_own(at_desk: Desk):
    reply = asked(at_desk, P1, of(T001, P1), actor={"user_id": "T001", "role": "officer"})
    assert reply.json()["code"] == "SELF_ACCESS_FORBIDDEN"


def test_claims_prefill_and_batches_know_things_too(at_desk: Desk):
    case_id = at_desk.case(BUDGET, of(T001, P1))
    reply = at_desk.claims([("KTJF", "ge", "50")], P1, BUDGET, case_id=case_id)
    assert reply.json()["claims"][0]["outcome"] == "match"
    actor = {"user_id": "U1", "role": "applicant"}
    question = {"subject": P1, "case_id": case_id, "actor": actor}
    form = at_desk.post(f"/v1/service-items/{BUDGET}:prefill", question).json()
    assert form["fields"][0]["value"] == "甲题"
    batch = {"service_item": BUDGET, "elements": ["KTMC"], "items": [question, question | {"subject": P2}]}
    first, second = at_desk.post("/v1/facts:batch_query", batch).json()["results"]
    assert first["answer"]["facts"]["KTMC"]["value"] == "甲题"
    assert second["problem"]["code"] == "CASE_NOT_VALID"


def test_a_service_item_that_admits_no_relation_is_about_persons_alone(at_desk: Desk, as_owner):
    campus.publish(at_desk.owner, catalogs.load(made_up(())), {})
    try:
        assert asked(at_desk, P1, of(T001, P1)).json()["code"] == "CASE_NOT_VALID"
    finally:
        campus.publish(at_desk.owner, catalogs.load(made_up()), {})


@pytest.mark.parametrize(
    ("change", "rule", "said"),
    [
        ({"resource": "academic.nothing"}, "R09", "unknown, or not stored"),
        ({"to": {"item": "boss", "idType": "staff_no"}}, "R09", 'no item "boss"'),
        ({"to": {"item": "leader", "idType": "badge"}}, "R09", '"badge"'),
        ({"to": {"item": "topic_no", "idType": "topic_no"}}, "R09", "does not end at a person"),
        ({"then": "works_in"}, "R09", "does not begin where"),
        ({"ownFacts": ["KTMC", "FJYT"]}, "R09", 'ownFacts: no source has "FJYT" by topic_no'),
        ({"relation": "other"}, "S27", 'unknown relation "leads"'),
        (
            {
                "from": {"item": "leader", "idType": "staff_no"},
                "to": {"item": "leader", "idType": "staff_no"},
            },
            "S27",
            "does not begin at a thing",
        ),
    ],
)
def test_a_relation_that_cannot_hold_is_told(change, rule, said):
    files = made_up(("leads",))
    content = json.loads(files["campus.yaml"])
    content["relations"] = [_RELATIONS[0] | change, _RELATIONS[1] | {"then": change.get("relation", "leads")}]
    files["campus.yaml"] = json.dumps(content, ensure_ascii=False).encode()
    with pytest.raises(CatalogError) as error:
        catalogs.load(files)
    assert any(fault.rule == rule and said in fault.what for fault in error.value.faults), str(error.value)


@dataclass(frozen=True)
class Thing:
    """A thing of the reference campus and who it is bound to."""

    service_item: str
    client: str
    subject: dict[str, str]
    element: str
    value: Any


REFERENCE_ROWS = {
    "research.projects": [
        {"project_no": "K1", "project_name": "甲", "leader_staff_no": "S1", "approved_amount": "100.00"}
    ],
    "logistics.rooms": [{"room_no": "F1", "use": "3", "unit": "WL"}],
    "hr.staff": [
        {"staff_no": "S1", "name": "甲", "unit": "WL"},
        {"staff_no": "S2", "name": "乙", "unit": "HX"},
    ],
}


def test_the_reference_campus_answers_projects_and_rooms_of_the_applicant(pg_database, tmp_path):
    content: Catalog = catalogs.load(REFERENCE)
    with opened(pg_database, tmp_path, content=content, rows=REFERENCE_ROWS) as at_desk:
        for client in ("service-hall", "finance-portal"):
            at_desk.register(client, tmp_path)
        for thing in (
            Thing("KY-003", "service-hall", {"id_type": "project_no", "id": "K1"}, "YSZE", "100"),
            Thing("GZ-001", "service-hall", {"id_type": "room_no", "id": "F1"}, "FJDW", None),
        ):
            statuses = {}
            for number in ("S1", "S2"):
                parties = of({"id_type": "staff_no", "id": number}, thing.subject)
                case_id = at_desk.case(thing.service_item, parties, thing.client)
                statuses[number] = at_desk.facts(
                    [thing.element], thing.subject, case_id, thing.service_item, thing.client
                )
            assert statuses["S1"].status_code == 200, statuses["S1"].text
            fact = statuses["S1"].json()["facts"][thing.element]
            assert fact["status"] == "available"
            assert thing.value is None or fact["value"] == thing.value
            assert statuses["S2"].json()["code"] == "CASE_NOT_VALID"


def test_whatever_the_reference_campus_grants_about_a_thing_is_reached_by_a_relation():
    content = catalogs.load(REFERENCE)
    begins = {one.code: content.types_of_numbers()[one.from_id_type] for one in content.campus.relations}
    granted = {
        (grant.purpose, content.resources[grant.resource].subject.type)
        for grant in content.grants()
        if grant.purpose_kind == "service_item"
    }
    things = {(purpose, kind) for purpose, kind in granted if kind != "person"}
    reached = {
        (purpose, begins[code]) for purpose, _ in things for code in content.services[purpose].relations
    }
    assert things <= reached
