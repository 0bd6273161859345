"""Who answers for a project or a room sees at the own login what is held of it, and nothing of anybody else's."""

import json
from collections.abc import Callable, Iterator

import pytest

import catalogs
from service.configuration import Configuration
from service.login import LoginSettings
from tests.service import campus
from tests.service.conftest import opened
from tests.service.desk import Desk
from tests.service.test_me import AUDIENCE, NUMBERS, Provider, me
from tests.service.test_subjects_of_things import REFUSED, ROOMS, TOPICS, made_up
from tests.support.http import scripted_server


def shown(*relations: str, base: Callable[[], dict[str, bytes]] = campus.files) -> dict[str, bytes]:
    """Return the small campus with topics and rooms, whose relations named show what is held of them."""
    files = made_up(base=base)
    content = json.loads(files["campus.yaml"])
    seen = {"leads": ["KTJF", "KTMC", "KTSJ"], "works_in": ["FJYT"]}
    content["relations"] = [
        one | ({"ownFacts": seen[one["relation"]]} if one["relation"] in relations else {})
        for one in content["relations"]
    ]
    files["campus.yaml"] = json.dumps(content, ensure_ascii=False).encode()
    return files


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with scripted_server() as server:
        yield Provider(server)


@pytest.fixture(scope="module")
def at_desk(pg_module_database, tmp_path_factory, provider: Provider) -> Iterator[Desk]:
    chosen = Configuration(login=LoginSettings(provider.issuer, AUDIENCE, f"{provider.issuer}/keys", NUMBERS))
    with opened(pg_module_database, tmp_path_factory.mktemp("home"), chosen) as found:
        content = catalogs.load(shown("leads", "works_in"))
        campus.publish(found.owner, content, {"academic.topics": TOPICS, "academic.rooms": ROOMS})
        campus.publish(found.owner, content, {"academic.topics": REFUSED})
        yield found


def told_of(told: dict) -> dict[str, dict[str, tuple]]:
    return {
        one["id"]: {fact["element"]: (fact["status"], fact.get("value")) for fact in one["facts"]}
        for one in told["things"]
    }


def test_a_leader_sees_the_funds_of_the_own_projects_and_where_they_are_from(at_desk, provider):
    told = me(at_desk, "things", provider.token())
    found = told_of(told)
    # P3's source says of it what is against the contract: it no longer binds, and P2 is another's.
    assert found == {
        "P1": {
            "KTMC": ("available", "甲题"),
            "KTJF": ("available", "100.5"),
            "KTSJ": ("available", "2026-09-30T16:30:00+00:00"),
        },
        "R1": {"FJYT": ("available", "实验室")},
    }
    assert told["total"] == 2
    topic = told["things"][0]
    assert (topic["relation"], topic["relation_zh"], topic["id_type"]) == ("leads", "主持", "topic_no")
    assert [one["element"] for one in topic["facts"]] == ["KTJF", "KTMC", "KTSJ"], "in the catalog's order"
    evidence = topic["facts"][0]["verification"]["evidence"][0]
    assert evidence["source"] == "academic.topics"
    assert set(told_of(me(at_desk, "things", provider.token(employee_number="T003")))) == {"P2", "R2"}


def test_who_answers_for_nothing_sees_nothing(at_desk, provider):
    told = me(at_desk, "things", provider.token(employee_number=None, student_number="X003"))
    assert {one["id"] for one in told["things"]} == {"P2", "R2"}, "X003 is T003"
    assert me(at_desk, "things", provider.token(employee_number="T002"))["things"] == []
    assert at_desk.http.get("/v1/me/things").status_code == 401


def test_that_somebody_looked_is_on_record_without_what_was_seen(at_desk, provider):
    me(at_desk, "things", provider.token())
    entry = at_desk.last()
    assert (entry["action"], entry["outcome"], entry["ground"], entry["rule"]) == (
        "me_things", "allowed", "own_data", "subject:own",
    )  # fmt: skip
    assert set(entry["elements"]) == {"KTMC", "KTJF", "KTSJ", "FJYT"}
    assert "100.5" not in json.dumps([entry, at_desk.details(entry)], default=str, ensure_ascii=False)
    told = me(at_desk, "usages", provider.token())["usages"]
    assert any("本人查看所负责" in one["action"] for one in told)


def test_a_relation_shows_nothing_unless_the_catalog_says_so(at_desk, provider, as_owner):
    campus.publish(at_desk.owner, catalogs.load(shown("works_in")), {})
    try:
        assert set(told_of(me(at_desk, "things", provider.token()))) == {"R1"}
    finally:
        campus.publish(at_desk.owner, catalogs.load(shown("leads", "works_in")), {})
