"""Each rule between systems of the reference campus finds its case and leaves the others alone."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import create_engine

from catalogs.model import Catalog
from expectations import between
from tests.dbt.shapes import show
from tests.support.postgres import PgDatabase, PgServer
from tests.support.reference import reference_campus

DAY = date(2026, 10, 20)
PAID = {"pay_month": "202610", "kind": "01", "paid_on": date(2026, 10, 15)}
JOINED = {"status": "01", "establishment": "1", "joined_on": date(2020, 9, 1)}
CONDUCT = [
    {"student_no": "1", "is_clear": True},
    {"student_no": "2", "is_clear": True},
    {"student_no": "3", "is_clear": False},
    {"student_no": "4", "is_clear": True},
    {"student_no": "5", "is_clear": True, "_state": "former"},
]
MEASURES = [
    {"measure_no": "1", "student_no": "2", "status": "2"},
    {"measure_no": "2", "student_no": "2", "status": "3"},
    {"measure_no": "3", "student_no": "3", "status": "2"},
    {"measure_no": "4", "student_no": "4", "status": "4"},
    {"measure_no": "5", "student_no": "4", "status": "2", "_state": "refused"},
    {"measure_no": "6", "student_no": "5", "status": "2"},
]
STAY = {"moved_in_on": date(2026, 9, 7)}
STAYS = [
    STAY | {"allocation_no": "1", "student_no": "1"},
    STAY | {"allocation_no": "2", "student_no": "2"},
    STAY | {"allocation_no": "3", "student_no": "3"},
    STAY | {"allocation_no": "4", "student_no": "9"},
    STAY | {"allocation_no": "5", "student_no": "9", "moved_out_on": date(2026, 10, 20)},
    STAY | {"allocation_no": "6", "student_no": "9", "moved_in_on": date(2026, 10, 21)},
    STAY | {"allocation_no": "7", "student_no": "9", "_state": "refused"},
]
RESIDENTS = [
    {"student_no": "1", "status": "01"},
    {"student_no": "2", "status": "02"},
    {"student_no": "3", "status": "01", "_state": "former"},
]
AWARD = {"degree": "408", "degree_awarded_on": date(2026, 6, 30)}
AWARDED = [AWARD | {"student_no": f"{n}"} for n in range(1, 6)] + [{"student_no": "6", "degree": None}]
PROBATION = {"measure_kind": "4", "status": "2", "imposed_on": date(2026, 1, 8)}
BARRING = [
    PROBATION | {"measure_no": "1", "student_no": "1"},
    PROBATION | {"measure_no": "2", "student_no": "2", "status": "4"},
    PROBATION | {"measure_no": "3", "student_no": "3", "measure_kind": "2"},
    PROBATION | {"measure_no": "4", "student_no": "4", "imposed_on": date(2026, 7, 1)},
    PROBATION | {"measure_no": "5", "student_no": "6"},
]
SWIPE = {"spent_at": datetime(2026, 10, 19, 4, tzinfo=UTC)}
# Rule → the rows it sees (resource → rows), and how many of how many break it.
EXAMPLES: dict[str, tuple[Mapping, int, int]] = {
    "valid-card-has-staff": (
        {
            "hr.staff": [JOINED | {"staff_no": "1"}, JOINED | {"staff_no": "2", "_state": "former"}],
            "logistics.staff_cards": [
                {"card_no": "A1", "staff_no": "1", "status": "1"},
                {"card_no": "A2", "staff_no": "2", "status": "1"},
                {"card_no": "A3", "staff_no": "9", "status": "1"},
                {"card_no": "A4", "staff_no": "9", "status": "3"},
                {"card_no": "A5", "staff_no": "9", "status": "1", "_state": "former"},
            ],
        },
        2,
        3,
    ),
    "claimed-payment-has-project": (
        {
            "research.projects": [{"project_no": "P1"}],
            "finance.incoming_payments": [
                {"payment_no": "1", "project_no": "P1", "claim_status": "1"},
                {"payment_no": "2", "project_no": "P9", "claim_status": "2"},
                {"payment_no": "3", "project_no": None, "claim_status": "0"},
            ],
        },
        1,
        2,
    ),
    "received-within-contract": (
        {
            "research.contracts": [
                {"contract_no": "1", "project_no": "P1", "amount": 60},
                {"contract_no": "2", "project_no": "P1", "amount": 40},
                {"contract_no": "3", "project_no": "P2", "amount": 100},
                {"contract_no": "4", "project_no": "P3", "amount": 100},
            ],
            "finance.incoming_payments": [
                {"payment_no": "1", "project_no": "P1", "claim_status": "1", "amount": 105},
                {"payment_no": "2", "project_no": "P2", "claim_status": "1", "amount": 90},
                {"payment_no": "3", "project_no": "P2", "claim_status": "2", "amount": 90},
                {"payment_no": "4", "project_no": "P3", "claim_status": "0", "amount": 900},
            ],
        },
        1,
        3,
    ),
    "account-has-project": (
        {
            "research.projects": [{"project_no": "P1"}],
            "finance.accounts": [{"project_no": "P1"}, {"project_no": "P9"}],
        },
        1,
        2,
    ),
    "paid-are-staff": (
        {
            "finance.payroll": [
                PAID | {"staff_no": "1"},
                PAID | {"staff_no": "2"},
                PAID | {"staff_no": "9"},
                PAID | {"staff_no": "2", "kind": "02"},
                PAID | {"staff_no": "8", "pay_month": "202609"},
            ],
            "hr.staff": [JOINED | {"staff_no": "1"}, JOINED | {"staff_no": "2", "status": "08"}],
        },
        2,
        3,
    ),
    "staff-are-paid": (
        {
            "finance.payroll": [PAID | {"staff_no": "1"}, PAID | {"staff_no": "2", "pay_month": "202609"}],
            "hr.staff": [
                JOINED | {"staff_no": "1"},
                JOINED | {"staff_no": "2"},
                JOINED | {"staff_no": "3", "establishment": "4"},
                JOINED | {"staff_no": "4", "joined_on": date(2026, 10, 1)},
                JOINED | {"staff_no": "5", "status": "02"},
                JOINED | {"staff_no": "6", "_state": "former"},
            ],
        },
        1,
        2,
    ),
    "enrolled-are-billed": (
        {
            "academic.students": [
                {"student_no": "1", "status": "01"},
                {"student_no": "2", "status": "01"},
                {"student_no": "3", "status": "03"},
                {"student_no": "4", "status": "01", "_state": "former"},
            ],
            "finance.fee_payments": [
                {"student_no": "1", "school_year": "2026-2027"},
                {"student_no": "2", "school_year": "2025-2026"},
            ],
        },
        1,
        2,
    ),
    "degree-has-credits": (
        {
            "academic.degrees": [
                {"student_no": "1", "degree": "408"},
                {"student_no": "2", "degree": "408"},
                {"student_no": "3", "degree": None},
                {"student_no": "4", "degree": "408"},
            ],
            "academic.grades": [
                {"student_no": "1", "course_no": "C1", "term": "1", "grade_kind": "0", "score": 55},
                {"student_no": "1", "course_no": "C1", "term": "2", "grade_kind": "1", "score": 70},
                {"student_no": "2", "course_no": "C1", "term": "1", "grade_kind": "0", "score": 55},
                {"student_no": "3", "course_no": "C1", "term": "1", "grade_kind": "0", "score": 55},
                {"student_no": "4", "course_no": "C1", "term": "1", "grade_kind": "5", "score": None},
            ],
        },
        1,
        3,
    ),
    "graduated-not-enrolled": (
        {
            "academic.degrees": [
                {"student_no": "1", "outcome": "1", "graduated_on": date(2026, 6, 20)},
                {"student_no": "2", "outcome": "2", "graduated_on": date(2026, 6, 20)},
                {"student_no": "3", "outcome": "1", "graduated_on": date(2026, 6, 20)},
                {"student_no": "4", "outcome": "1", "graduated_on": date(2027, 6, 20)},
                {"student_no": "5", "outcome": "8", "graduated_on": date(2026, 6, 20)},
            ],
            "academic.students": [
                {"student_no": "1", "status": "01"},
                {"student_no": "2", "status": "08"},
                {"student_no": "3", "status": "01", "_state": "former"},
                {"student_no": "4", "status": "01"},
            ],
        },
        1,
        3,
    ),
    "clear-has-no-discipline": (
        {"student_affairs.conduct": CONDUCT, "student_affairs.discipline": MEASURES},
        1,
        3,
    ),
    "graduate-clear-has-no-discipline": (
        {"student_affairs.graduate_conduct": CONDUCT, "student_affairs.graduate_discipline": MEASURES},
        1,
        3,
    ),
    "bed-has-student": (
        {"logistics.student_beds": STAYS, "academic.students": RESIDENTS},
        3,
        4,
    ),
    "graduate-bed-has-student": (
        {"logistics.graduate_beds": STAYS, "graduate.students": RESIDENTS},
        3,
        4,
    ),
    "room-within-capacity": (
        {
            "logistics.rooms": [{"room_no": "R1", "capacity": 2}, {"room_no": "R2", "capacity": 2}],
            "logistics.student_beds": [
                STAY | {"allocation_no": "1", "room_no": "R1"},
                STAY | {"allocation_no": "2", "room_no": "R1"},
                STAY | {"allocation_no": "3", "room_no": "R1", "moved_out_on": date(2026, 10, 20)},
                STAY | {"allocation_no": "4", "room_no": "R2"},
                STAY | {"allocation_no": "5", "room_no": "R2"},
                STAY | {"allocation_no": "6", "room_no": "R2", "_state": "refused"},
            ],
            "logistics.graduate_beds": [STAY | {"allocation_no": "7", "room_no": "R2"}],
        },
        1,
        2,
    ),
    "paid-hold-a-post": (
        {
            "finance.payroll": [
                PAID | {"staff_no": "1"},
                PAID | {"staff_no": "2"},
                PAID | {"staff_no": "3"},
                PAID | {"staff_no": "4", "kind": "02"},
                PAID | {"staff_no": "5", "pay_month": "202609"},
            ],
            "hr.appointments": [
                {"appointment_no": "1", "staff_no": "1", "starts_on": date(2020, 9, 1)},
                {
                    "appointment_no": "2",
                    "staff_no": "2",
                    "starts_on": date(2020, 9, 1),
                    "ends_on": date(2026, 9, 30),
                },
                {"appointment_no": "3", "staff_no": "3", "starts_on": date(2026, 10, 16)},
            ],
        },
        2,
        3,
    ),
    "degree-without-probation": (
        {"academic.degrees": AWARDED, "student_affairs.discipline": BARRING},
        1,
        5,
    ),
    "graduate-degree-without-probation": (
        {"graduate.degrees": AWARDED, "student_affairs.graduate_discipline": BARRING},
        1,
        5,
    ),
    "graduate-degree-has-credits": (
        {
            "graduate.degrees": [
                {"student_no": "1", "degree": "1"},
                {"student_no": "2", "degree": "1"},
                {"student_no": "3", "degree": None},
                {"student_no": "4", "degree": "1"},
            ],
            "graduate.grades": [
                {"student_no": "1", "course_no": "C1", "term": "1", "grade_kind": "1", "score": 55},
                {"student_no": "1", "course_no": "C1", "term": "2", "grade_kind": "3", "score": 70},
                {"student_no": "2", "course_no": "C1", "term": "1", "grade_kind": "1", "score": 55},
                {"student_no": "3", "course_no": "C1", "term": "1", "grade_kind": "1", "score": 55},
                {"student_no": "4", "course_no": "C1", "term": "1", "grade_kind": "5", "score": None},
            ],
        },
        1,
        3,
    ),
    "enrolled-graduates-are-billed": (
        {
            "graduate.students": [
                {"student_no": "1", "status": "01"},
                {"student_no": "2", "status": "01"},
                {"student_no": "3", "status": "02"},
                {"student_no": "4", "status": "01", "_state": "former"},
            ],
            "finance.graduate_fee_payments": [
                {"student_no": "1", "school_year": "2026-2027"},
                {"student_no": "2", "school_year": "2025-2026"},
            ],
        },
        1,
        2,
    ),
    "leavers-do-not-swipe": (
        {
            "logistics.card_transactions": [
                SWIPE | {"serial_no": "1", "card_no": "A1"},
                SWIPE | {"serial_no": "2", "card_no": "A1"},
                SWIPE | {"serial_no": "3", "card_no": "A2"},
                SWIPE | {"serial_no": "4", "card_no": "A3"},
                SWIPE | {"serial_no": "5", "card_no": "B1"},
                SWIPE | {"serial_no": "6", "card_no": "C1"},
                SWIPE | {"serial_no": "7", "card_no": "C2"},
                SWIPE | {"serial_no": "8", "card_no": "X9"},
                SWIPE | {"serial_no": "9", "card_no": "A4", "spent_at": datetime(2026, 10, 1, 4, tzinfo=UTC)},
            ],
            "logistics.student_cards": [{"card_no": f"A{n}", "student_no": f"{n}"} for n in range(1, 5)],
            "logistics.graduate_cards": [{"card_no": "B1", "student_no": "B1"}],
            "logistics.staff_cards": [{"card_no": f"C{n}", "staff_no": f"C{n}"} for n in (1, 2)],
            "academic.students": [
                {"student_no": "1", "status": "02"},
                {"student_no": "2", "status": "01", "_state": "former"},
            ],
            "graduate.students": [{"student_no": "B1", "status": "01"}],
            "hr.staff": [{"staff_no": "C1", "status": "02"}, {"staff_no": "C2", "status": "08"}],
        },
        3,
        6,
    ),
    "post-holder-is-in-service": (
        {
            "hr.staff": [
                {"staff_no": "20149001", "status": "01"},
                {"staff_no": "20059001", "status": "08"},
                {"staff_no": "20169001", "status": "01", "_state": "former"},
                {"staff_no": "20039001", "status": "11"},
            ],
        },
        15,
        17,
    ),
    "case-has-service-item": (
        {"hall.cases": [{"case_no": "1", "service_item": "RS-012"}, {"case_no": "2", "service_item": "??"}]},
        1,
        2,
    ),
    "case-applicant-is-known": (
        {
            "academic.students": [{"student_no": "1"}],
            "graduate.students": [{"student_no": "2"}],
            "hr.staff": [{"staff_no": "3"}],
            "hall.cases": [
                {"case_no": "1", "applicant_kind": "student", "applicant_no": "1"},
                {"case_no": "2", "applicant_kind": "graduate", "applicant_no": "2"},
                {"case_no": "3", "applicant_kind": "staff", "applicant_no": "3"},
                {"case_no": "4", "applicant_kind": "student", "applicant_no": "3"},
                {"case_no": "5", "applicant_kind": "visitor", "applicant_no": "x"},
            ],
        },
        1,
        4,
    ),
}


@pytest.fixture(scope="module")
def campus() -> Catalog:
    return reference_campus()


@pytest.fixture(scope="module")
def template(pg_server: PgServer, campus: Catalog) -> Iterator[str]:
    """A database with the campus's resources, all empty, to copy for each rule."""
    database = pg_server.create_database()
    with database.connect() as con:
        show(con, campus)
    yield database.name
    pg_server.drop_database(database)


@pytest.fixture
def database(pg_server: PgServer, template: str) -> Iterator[PgDatabase]:
    copied = pg_server.create_database(template)
    yield copied
    pg_server.drop_database(copied)


@pytest.mark.parametrize("rule_id", EXAMPLES)
def test_the_rule_counts_what_breaks_it_and_nothing_else(rule_id, campus, database):
    rule = campus.between[rule_id]
    rows, failed, total = EXAMPLES[rule_id]
    engine = create_engine(database.sqlalchemy_url)
    (check,) = between.judge(campus, [rule.resource], engine, DAY, [rule])
    assert (check.passed, check.rows_failed, check.rows_total) == (True, 0, 0), "nothing there, nothing wrong"
    with database.connect() as con:
        show(con, campus, rows)
    (check,) = between.judge(campus, [rule.resource], engine, DAY, [rule])
    assert (check.rows_failed, check.rows_total) == (failed, total), check
    assert not check.passed
    assert (check.resource, check.severity) == (rule.resource, rule.severity)
    engine.dispose()


def test_every_rule_of_the_campus_has_its_example(campus):
    assert set(EXAMPLES) == set(campus.between)
