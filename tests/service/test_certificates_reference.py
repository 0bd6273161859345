"""The kinds of certificates of the reference campus: each is issued there to whom it is for, with its own elements."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

import catalogs
from catalogs.model_certificates import SELF
from catalogs.settings import DEFAULT_CAMPUS
from service import certificate_sealing
from service.certificate_keys import Seals
from tests.service.certifying import certifying
from tests.service.desk import Desk
from tests.service.test_certificates import judge, with_pool
from tests.service.test_me import Provider
from tests.support.http import scripted_server

NUMBERS = {
    "employee_number": "staff_no",
    "student_number": "student_no",
    "graduate_number": "grad_student_no",
}
_PERSON = {"name": "欧阳㐂", "sex": "2", "born_on": "2006-03-01", "id_no": "110101200603010023"}
_STUDENT = _PERSON | {
    "student_no": "20249001", "student_kind": "11", "status": "01", "level": "3", "college": "WL",
    "major_name": "物理学", "study_form": "1", "length_years": "4", "entry_year": 2024, "enrolled_on": "2024-09-01",
    "expected_graduation_on": "2028-06-30",
}  # fmt: skip
ROWS: dict[str, list[dict[str, Any]]] = {
    "academic.students": [
        _STUDENT,
        _STUDENT | {"student_no": "20249002", "name": "陈三", "id_type": "6", "id_no": "H1234567"},
    ],
    "logistics.student_beds": [
        {
            "allocation_no": "B1", "student_no": "20249001", "building": "7号楼", "room": "312",
            "moved_in_on": "2024-09-01",
        }
    ],
    "derived.grade_summary": [
        {
            "student_no": "20249001",
            "credits_earned": "58.5",
            "grade_point_average": "3.42",
            "average_score": "86.1",
        }
    ],
    "graduate.students": [
        _STUDENT | {"student_no": "M2024901", "level": "2", "id_no": "110101200003010027", "name": "钱一"}
    ],
    "hr.staff": [
        _PERSON
        | {
            "staff_no": "20109001", "name": "赵二", "id_no": "110101197003010029", "establishment": "1", "status": "01",
            "unit": "WL", "joined_on": "2010-09-01",
        }
    ],
    # Read, and without a word about this person: what is optional is left out.
    "hr.titles": [],
    "hr.appointments": [],
    "finance.annual_income": [
        {"staff_no": "20109001", "income_year": 2025, "income_before_tax": "180000"}
    ],
}  # fmt: skip
# Kind → whom it is for, and what stands on the paper.
WHOM = {
    "enrolment-undergraduate": ({"student_number": "20249001"}, "物理学"),
    "enrolment-graduate": ({"graduate_number": "M2024901"}, "钱一"),
    "student-status": ({"student_number": "20249001"}, "在读"),
    "grades-undergraduate": ({"student_number": "20249001"}, "3.42"),
    "dormitory-undergraduate": ({"student_number": "20249001"}, "312"),
    "employment": ({"employee_number": "20109001"}, "2010年9月1日"),
    "income": ({"employee_number": "20109001"}, "180000"),
}
OTHERS = {"employee_number": None, "student_number": None, "graduate_number": None}


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with scripted_server() as server:
        yield Provider(server)


@pytest.fixture(scope="module")
def at_desk(pg_module_database, tmp_path_factory, provider: Provider) -> Iterator[Desk]:
    home, content = tmp_path_factory.mktemp("home"), catalogs.load(DEFAULT_CAMPUS)
    with certifying(pg_module_database, home, provider, content, ROWS, NUMBERS) as found:
        yield found


def ask(at_desk: Desk, provider: Provider, kind: str, whom: dict[str, str]) -> Any:
    known = at_desk.catalog.certificates[kind]
    order = {
        "kind": kind,
        "purpose": known.purposes[0].code,
        "validity_days": known.validity_days[0],
        "language": "both",
    }
    headers = {
        "Authorization": f"Bearer {provider.token(**OTHERS | whom)}",
        "Idempotency-Key": uuid.uuid4().hex,
    }
    return at_desk.http.post("/v1/me/certificates", json=order, headers=headers)


def test_every_kind_that_people_ask_for_is_tried_here():
    content = catalogs.load(DEFAULT_CAMPUS)
    assert WHOM.keys() == {one.code for one in content.certificates.values() if SELF in one.asked_by}


def test_every_kind_is_issued_and_its_paper_says_what_the_systems_hold(
    at_desk: Desk, provider: Provider, pg_module_database
):
    issued = {}
    for kind, (whom, _) in WHOM.items():
        told = ask(at_desk, provider, kind, whom)
        assert told.status_code == 201, (kind, told.text)
        issued[kind] = told.json()
    printer = certificate_sealing.Printer(at_desk.app.state.around.keys, Seals(at_desk.home))
    made = with_pool(pg_module_database, lambda pool: certificate_sealing.work(pool, printer))
    assert made == len(WHOM)
    for kind, (whom, wanted) in WHOM.items():
        headers = {"Authorization": f"Bearer {provider.token(**OTHERS | whom)}"}
        path = f"/v1/me/certificates/{issued[kind]['certificate_id']}/pdf"
        paper = at_desk.http.get(path, headers=headers)
        assert paper.status_code == 200, (kind, paper.text)
        verdict = judge(at_desk, paper.content)
        assert verdict["standing"] == "valid", kind
        stated = {name: told for name, told in verdict["stated"].items() if isinstance(told, dict)}
        assert stated.keys() == set(issued[kind]["elements"]), kind
        assert wanted in [told["value"] for told in stated.values()], (kind, stated)
        masked = [told["value"] for name, told in stated.items() if name == "SFZJH"]
        assert all("*" in value for value in masked), kind


def test_whoever_one_row_makes_a_member_of_two_populations_need_not_choose(at_desk: Desk, provider: Provider):
    """An undergraduate from Hong Kong is one of both, and what is certified is the same."""
    told = ask(at_desk, provider, "student-status", {"student_number": "20249002"})
    assert told.status_code == 201, told.text


def test_what_somebody_s_systems_do_not_hold_is_named_and_not_certified(at_desk: Desk, provider: Provider):
    told = ask(at_desk, provider, "grades-undergraduate", {"graduate_number": "M2024901"})
    assert (told.status_code, told.json()["errors"]) == (
        409,
        [{"pointer": "/capacity", "code": "not_a_member"}],
    )
    at_desk.owner.execute("UPDATE store.derived__grade_summary SET _to = _from WHERE student_no = '20249001'")
    told = ask(at_desk, provider, "grades-undergraduate", {"student_number": "20249001"})
    assert told.status_code == 409
    assert {one["pointer"] for one in told.json()["errors"]} == {
        "/elements/YHXF",
        "/elements/PJXFJD",
        "/elements/PJCJ",
    }
