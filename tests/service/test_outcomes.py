"""What applicants change in prefilled fields is told without values, and becomes a finding for who provides them."""

import uuid

import pytest

from catalogs.settings import now
from service.outcomes import AT_LEAST, findings
from tests.service import campus
from tests.service.desk import Desk


def told(at_desk: Desk, number: str, *fields: tuple[str, str, str], client_id: str = campus.HALL):
    body = {
        "fields": [{"field": name, "source": source, "outcome": outcome} for name, source, outcome in fields]
    }
    return at_desk.post(f"/v1/prefills/{number}:reconcile", body, client_id)


def test_outcomes_are_noted_once_for_ones_own_prefill(at_desk: Desk):
    number = at_desk.prefill()["transaction_id"]
    reply = told(at_desk, number, ("xm", "hr.staff", "kept"), ("gh", "hr.staff", "changed"))
    assert (reply.status_code, reply.json()) == (200, {"transaction_id": number, "noted": 2})
    assert (at_desk.last()["action"], at_desk.last()["outcome"]) == ("prefill_reconcile", "allowed")
    again = told(at_desk, number, ("gh", "hr.staff", "kept"), ("zjh", "hr.staff", "kept"))
    assert again.json()["noted"] == 3
    kept = at_desk.owner.execute(
        "SELECT outcome FROM service.prefill_outcome WHERE transaction_id = %s AND field = 'gh'", [number]
    ).fetchone()
    assert kept == ("changed",)
    assert told(at_desk, number, ("xm", "hr.staff", "kept"), client_id=campus.PORTAL).status_code == 404
    assert told(at_desk, str(uuid.uuid4()), ("xm", "hr.staff", "kept")).status_code == 404
    facts = at_desk.facts(["XM"]).json()["transaction_id"]
    assert told(at_desk, facts, ("xm", "hr.staff", "kept")).status_code == 404


@pytest.mark.parametrize(
    ("field", "pointer", "code"),
    [
        (("nothing", "hr.staff", "kept"), "/fields/0/field", "not_in_form"),
        (("yt", "hr.staff", "kept"), "/fields/0/field", "not_in_form"),  # only the applicant can know it
        (("gh", "academic.students", "kept"), "/fields/0/source", "not_its_source"),
        (("gh", "hr.staff", "made_up"), "/fields/0/outcome", "literal_error"),
    ],
)
def test_a_field_that_was_not_prefilled_from_there_is_refused(at_desk: Desk, field, pointer, code):
    reply = told(at_desk, at_desk.prefill()["transaction_id"], field)
    assert (reply.status_code, reply.json()["errors"]) == (422, [{"pointer": pointer, "code": code}])


def test_what_is_changed_often_is_a_finding_and_what_is_seldom_changed_is_a_passed_one(at_desk: Desk):
    at_desk.owner.execute("DELETE FROM service.prefill_outcome")
    at_desk.owner.execute(
        """INSERT INTO service.prefill_outcome
           SELECT gen_random_uuid(), f.field, f.element, 'hr.staff',
               CASE WHEN n <= f.changed THEN 'changed' ELSE 'kept' END, now()
           FROM generate_series(1, %s) n, (VALUES ('xm', 'XM', 1), ('gh', 'GH', 5)) f (field, element, changed)""",
        [AT_LEAST * 2],
    )
    at_desk.owner.execute(
        "INSERT INTO service.prefill_outcome VALUES (gen_random_uuid(), 'zjh', 'SFZJH', 'hr.staff', 'changed', now())"
    )
    found = {one.rule: one for one in findings(at_desk.owner, at_desk.catalog, now())}
    assert {rule: (one.passed, one.rows_failed, one.rows_total) for rule, one in found.items()} == {
        "name.edited": (True, 1, 40),
        "staff_no.edited": (False, 5, 40),
    }
    one = found["staff_no.edited"]
    assert (one.resource, one.dimension, one.severity) == ("hr.staff", "accuracy", "warning")
