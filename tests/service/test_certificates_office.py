"""Certificates in the hands of the post that issues them: found by number, revoked, left; by nobody else, no values."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

import catalogs
from tests.service import campus, desk
from tests.service.certifying import certifying
from tests.service.desk import CANARY, Desk
from tests.service.test_certificates import Person, check, content
from tests.service.test_me import Provider
from tests.support.http import scripted_server

# T003 heads the unit that issues certificates of employment; T001 stands in, and is certified by it, too.
POSTS = """id,person,post,role,validFrom,validTo,deputyOf,note
P-1,T003,post:a,head,2020-01-01,,,
P-2,T001,post:a,head,2021-01-01,,P-1,
P-3,T002,post:a,head,2020-01-01,2020-12-31,,
"""


def files() -> dict[str, bytes]:
    """Return the small campus with posts; certificates with a telephone number are another post's."""
    kinds = json.loads(content()["certificates/staff.yaml"])
    kinds[1]["post"] = "post:b"
    return content() | {
        "posts.csv": POSTS.encode(),
        "certificates/staff.yaml": json.dumps(kinds, ensure_ascii=False).encode(),
    }


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with scripted_server() as server:
        yield Provider(server)


@pytest.fixture(scope="module")
def at_desk(pg_module_database, tmp_path_factory, provider: Provider) -> Iterator[Desk]:
    home = tmp_path_factory.mktemp("home")
    with certifying(pg_module_database, home, provider, catalogs.load(files())) as found:
        yield found


@pytest.fixture
def people(at_desk: Desk, provider: Provider) -> dict[str, Person]:
    return {number: Person(at_desk, provider, number) for number in ("T001", "T002", "T003")}


def find(person: Person, number: str, status_code: int = 200) -> dict[str, Any]:
    reply = person.at.http.get(
        "/v1/me/issued-certificates", params={"number": number}, headers=person.headers
    )
    assert reply.status_code == status_code, reply.text
    return reply.json()


def test_a_number_of_another_kind_that_is_the_same_holds_no_post(at_desk: Desk, provider: Provider, people):
    number = people["T001"].issue()["number"]
    student = Person(at_desk, provider, "")
    student.headers["Authorization"] = f"Bearer {provider.token(employee_number=None, student_number='T003')}"
    assert find(student, number, 403)["code"] == "NOT_PERMITTED"


def test_the_issuing_post_finds_one_by_its_number_and_learns_no_value(at_desk: Desk, people):
    told = people["T001"].issue()
    found = find(people["T003"], f" {told['number']} ")
    assert (found["certificate_id"], found["purpose"]) == (told["certificate_id"], "visa")
    assert found == people["T003"].get(f"issued-certificates/{told['certificate_id']}").json()
    for value in (CANARY, "T001", "物理系"):
        assert value not in json.dumps(found, ensure_ascii=False)
    entry = at_desk.record("action = 'certificate_find'")[-1]
    assert (entry["outcome"], entry["rule"], entry["receiver_unit"]) == (
        "allowed",
        "certificate:issuing_post",
        "RS",
    )
    # whom it is about sees that the unit looked
    seen = people["T001"].get("usages").json()["usages"][0]
    assert (seen["action"].partition(":")[0], seen["receiver_unit"]) == ("出具单位查看证明", "人事处")


@pytest.mark.parametrize(
    "number", ["employment-2020-000001", "employment", "-2026-000001", "a\x00-2026-000001", "鸑"]
)
def test_a_number_that_nobody_was_given_finds_nothing(people, number):
    assert find(people["T003"], number, 404)["code"] == "NOT_FOUND"


def test_the_issuing_post_revokes_with_a_reason_that_the_holder_reads(at_desk: Desk, people):
    told = people["T001"].issue(shown=["DW"])
    path, code = (
        f"issued-certificates/{told['certificate_id']}:revoke",
        people["T001"].code(told["certificate_id"]),
    )
    people["T003"].post(path, {}, 422)
    revoked = people["T003"].post(path, {"reason": "已离职"})
    assert revoked["revoked_at"] and revoked["revoke_reason"] == "已离职"
    own = people["T001"].get(f"certificates/{told['certificate_id']}").json()
    assert (own["revoke_reason"], own["revoked_at"]) == ("已离职", revoked["revoked_at"])
    assert check(at_desk, code)["standing"] == "revoked"
    entry = at_desk.record("action = 'certificate_revoke'")[-1]
    assert (entry["outcome"], entry["rule"]) == ("allowed", "certificate:issuing_post")
    # the register names the post, never the person who holds it
    by = "SELECT revoked_by FROM service.certificate WHERE id = %s"
    assert at_desk.owner.execute(by, [told["certificate_id"]]).fetchone() == ("post:a",)
    acts = [one["action"] for one in people["T001"].get("usages").json()["usages"]]
    assert any(act.startswith("撤销证明") and "经办人" in act for act in acts)


def test_nobody_else_does_and_nobody_about_oneself(at_desk: Desk, people):
    told = people["T001"].issue()
    path = f"issued-certificates/{told['certificate_id']}"
    # a post that has ended gives nothing
    assert find(people["T002"], told["number"], 403)["code"] == "NOT_PERMITTED"
    people["T002"].get(path, 403)
    people["T002"].get("certificate-tickets", 403)
    people["T002"].post(f"{path}:revoke", {"reason": "x"}, 403)
    assert at_desk.last()["code"] == "NOT_PERMITTED"
    # the deputy is whom it is about
    assert find(people["T001"], told["number"], 403)["code"] == "SELF_ACCESS_FORBIDDEN"
    assert people["T001"].post(f"{path}:revoke", {"reason": "x"}, 403)["code"] == "SELF_ACCESS_FORBIDDEN"
    # and another post's kind is none of theirs
    other = people["T001"].issue(kind="telephone")
    find(people["T003"], other["number"], 404)
    people["T003"].post(f"issued-certificates/{other['certificate_id']}:revoke", {"reason": "x"}, 404)
    assert people["T001"].get(f"certificates/{told['certificate_id']}").json()["revoked_at"] is None


def test_a_changed_fact_is_decided_on_by_the_issuing_post(at_desk: Desk, people, as_owner: None):
    told = people["T001"].issue()
    moved = [dict(row) for row in desk.STAFF[:3]]
    moved[0]["unit"] = "天文系"
    campus.publish(at_desk.owner, at_desk.catalog, {"hr.staff": moved + desk.GONE})

    def waiting() -> list[dict[str, Any]]:
        found = people["T003"].get("certificate-tickets").json()
        return [one for one in found if one["certificate_id"] == told["certificate_id"]]

    deadline = time.monotonic() + 60
    while not (found := waiting()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    (ticket,) = found
    assert ticket["elements"] == ["DW"] and "天文系" not in json.dumps(ticket, ensure_ascii=False)
    assert people["T001"].get("certificate-tickets").json() == []  # none about oneself
    path = f"certificate-tickets/{ticket['ticket_id']}:keep"
    people["T001"].post(path, {"reason": "当日属实"}, 404)
    people["T002"].post(path, {"reason": "当日属实"}, 403)
    kept = people["T003"].post(path, {"reason": "当日属实"})
    assert (kept["outcome"], kept["reason"]) == ("kept", "当日属实")
    assert waiting() == []
