"""Minors act with a guardian, agents by an authorisation, and being kin opens nothing."""

import uuid
from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from catalogs.settings import now
from service.guardians import age_on
from service.signals import signals
from tests.service import campus, rights
from tests.service.conftest import opened
from tests.service.desk import T001, Desk
from tests.service.rights import PAPER, party
from tests.service.test_access import refused, told

GUARDIAN = party("guardian", "staff_no", "T001")
OFFICER = {"user_id": "U1", "role": "officer"}
YESTERDAY = PAPER | {"valid_to": "2026-01-02"}


@pytest.fixture(scope="module")
def at_desk(pg_module_database, tmp_path_factory) -> Iterator[Desk]:
    home = tmp_path_factory.mktemp("home")
    with opened(pg_module_database, home, content=rights.catalog(), rows=rights.ROWS) as found:
        yield found


def asked(
    at_desk: Desk, pupil: str, *others: dict, item: str = rights.PLACE, role: str = "applicant", **more
):
    """Ask for the class of a pupil in a case with these other parties."""
    subject = {"id_type": "pupil_no", "id": pupil}
    case_id = at_desk.case(item, [party(role, **_named(subject)), *others])
    elements = more.pop("elements", ["XM", "BJ"])
    return at_desk.facts(elements, subject, case_id, item, **more)


def _named(subject: dict) -> dict:
    return {"id_type": subject["id_type"], "number": subject["id"]}


def test_a_child_is_answered_with_the_guardian_that_a_source_has(at_desk: Desk):
    reply = asked(at_desk, "P08", GUARDIAN)
    assert reply.status_code == 200, reply.text
    assert reply.json()["facts"]["BJ"]["value"] == "二班"
    assert "birth" not in reply.text and "CSRQ" not in reply.json()["facts"]
    assert at_desk.last()["rule"] == "granted; guardian on file"


@pytest.mark.parametrize(
    ("pupil", "others", "rule"),
    [
        ("P08", [], "minor:guardian_is_a_party"),
        ("P08", [party("related", "staff_no", "T001")], "minor:guardian_is_a_party"),
        ("P08", [party("guardian", "staff_no", "T002")], "minor:guardianship"),
        # a source has the guardians of this child: a paper does not make another one
        ("P08", [party("guardian", "staff_no", "T002", authorisation=PAPER)], "minor:guardianship"),
        ("P08", [party("guardian", "pupil_no", "P08", authorisation=PAPER)], "minor:guardian_is_a_party"),
        # no source has those of this one: the paper counts while it is valid, and a minor is nobody's guardian
        ("P09", [GUARDIAN], "minor:guardianship"),
        ("P09", [GUARDIAN | {"authorisation": YESTERDAY}], "minor:guardianship"),
        ("P09", [party("guardian", "pupil_no", "P15", authorisation=PAPER)], "minor:guardianship"),
        ("P00", [GUARDIAN | {"authorisation": PAPER}], "minor:birth_date_known"),
    ],
)
def test_without_a_guardian_a_child_is_refused_like_one_who_is_no_party(at_desk: Desk, pupil, others, rule):
    reply = asked(at_desk, pupil, *others)
    assert refused(at_desk, reply, 403, "CASE_NOT_VALID")["rule"] == rule
    stranger = at_desk.facts(
        ["XM"], {"id_type": "pupil_no", "id": "P404"}, at_desk.case(rights.PLACE), rights.PLACE
    )
    assert told(reply) == told(stranger)


def test_where_no_source_has_the_guardian_the_hall_answers_for_the_paper_and_the_record_says_so(
    at_desk: Desk,
):
    reply = asked(at_desk, "P09", GUARDIAN | {"authorisation": PAPER})
    assert reply.status_code == 200, reply.text
    assert at_desk.last()["rule"] == "granted; guardian attested by the client"
    from_outside = party("guardian", "passport", "E1234567", authorisation=PAPER)
    assert asked(at_desk, "P09", from_outside).status_code == 200


def test_of_a_child_only_assessed_demands_give_anything(at_desk: Desk):
    reply = asked(at_desk, "P08", GUARDIAN, elements=["XM", "CSRQ"])
    assert refused(at_desk, reply, 403, "CASE_NOT_VALID")["rule"] == "minor:assessed_demand"
    assert asked(at_desk, "P19", elements=["XM", "CSRQ"]).status_code == 200


def test_from_fourteen_on_the_service_item_says_who_needs_a_guardian(at_desk: Desk):
    alone = asked(at_desk, "P15")
    assert refused(at_desk, alone, 403, "CASE_NOT_VALID")["rule"] == "minor:guardian_is_a_party"
    assert asked(at_desk, "P15", GUARDIAN).status_code == 200
    assert asked(at_desk, "P15", item=rights.BADGE).status_code == 200
    child = asked(at_desk, "P08", item=rights.BADGE)
    assert refused(at_desk, child, 403, "CASE_NOT_VALID")["rule"] == "minor:guardian_is_a_party"


def test_the_form_of_a_child_and_yes_or_no_about_one_need_the_guardian_too(at_desk: Desk):
    subject = {"id_type": "pupil_no", "id": "P08"}
    alone = at_desk.case(rights.BADGE, [party("applicant", "pupil_no", "P08")])
    body = {"subject": subject, "case_id": alone, "actor": OFFICER}
    refused(at_desk, at_desk.post(f"/v1/service-items/{rights.BADGE}:prefill", body), 403, "CASE_NOT_VALID")
    claim = body | {"service_item": rights.BADGE, "claims": [{"element": "BJ", "op": "eq", "value": "二班"}]}
    refused(at_desk, at_desk.post("/v1/claims:verify", claim), 403, "CASE_NOT_VALID")
    with_one = at_desk.case(rights.BADGE, [party("applicant", "pupil_no", "P08"), GUARDIAN])
    filled = at_desk.post(f"/v1/service-items/{rights.BADGE}:prefill", body | {"case_id": with_one})
    assert filled.json()["fields"][1]["value"] == "二班"
    said = at_desk.post("/v1/claims:verify", claim | {"case_id": with_one})
    assert said.json()["claims"][0]["outcome"] == "match"


def test_a_batch_and_a_correction_pass_the_same_gate(at_desk: Desk):
    subject = {"id_type": "pupil_no", "id": "P08"}
    case_id = at_desk.case(rights.PLACE, [party("applicant", "pupil_no", "P08")])
    one = {"subject": subject, "case_id": case_id, "actor": OFFICER}
    batch = {"service_item": rights.PLACE, "elements": ["XM"], "items": [one]}
    (result,) = at_desk.post("/v1/facts:batch_query", batch).json()["results"]
    assert result["problem"]["code"] == "CASE_NOT_VALID"
    correction = one | {"service_item": rights.PLACE, "element": "XM", "reason": "写错了"}
    reply = at_desk.post("/v1/corrections", correction, **{"Idempotency-Key": uuid.uuid4().hex})
    refused(at_desk, reply, 403, "CASE_NOT_VALID")


def test_being_kin_never_opens_the_data_of_an_adult(at_desk: Desk):
    """T001 is still on file as the guardian of one who is of age."""
    parent = party("applicant", "staff_no", "T001")
    subject = {"id_type": "pupil_no", "id": "P19"}
    not_named = at_desk.facts(["XM"], subject, at_desk.case(rights.PLACE, [parent, GUARDIAN]), rights.PLACE)
    assert refused(at_desk, not_named, 403, "CASE_NOT_VALID")["rule"] == "case:subject_is_a_party"
    for others in ([parent], [parent, GUARDIAN], [parent, GUARDIAN | {"authorisation": PAPER}]):
        reply = asked(at_desk, "P19", *others, role="related")
        assert refused(at_desk, reply, 403, "CASE_NOT_VALID")["rule"] == "related:authorised"
    found = signals(at_desk.owner, at_desk.catalog, now() - timedelta(hours=1), now())
    assert [(one.who, one.count) for one in found if one.kind == "kin"] == [("hall U1", 3)]
    as_guardian = asked(at_desk, "P19", GUARDIAN, actor={"user_id": "T001", "role": "guardian"})
    assert refused(at_desk, as_guardian, 403, "CASE_NOT_VALID")["rule"] == "guardian:of_a_minor"
    # the guardian is no one to ask about either
    of_guardian = at_desk.facts(
        ["XM"],
        T001,
        at_desk.case(rights.PLACE, [party("applicant", "pupil_no", "P08"), GUARDIAN]),
        rights.PLACE,
    )
    assert refused(at_desk, of_guardian, 403, "CASE_NOT_VALID")["rule"] == "case:subject_is_a_party"


def test_a_related_adult_is_asked_about_by_an_authorisation_of_their_own(at_desk: Desk):
    subject = {"id_type": "pupil_no", "id": "P19"}
    for paper, status in ((PAPER, 200), (YESTERDAY, 403)):
        related = party("related", "pupil_no", "P19", authorisation=paper)
        case_id = at_desk.case(rights.PLACE, [party("applicant", "staff_no", "T001"), related])
        assert at_desk.facts(["XM"], subject, case_id, rights.PLACE).status_code == status


def test_a_related_child_is_asked_about_with_the_guardian_who_applies(at_desk: Desk):
    parties = [party("applicant", "staff_no", "T001"), GUARDIAN, party("related", "pupil_no", "P08")]
    subject, case_id = {"id_type": "pupil_no", "id": "P08"}, at_desk.case(rights.PLACE, parties)
    actor = {"user_id": "T001", "role": "guardian"}
    assert at_desk.facts(["XM"], subject, case_id, rights.PLACE, actor=actor).status_code == 200


@pytest.mark.parametrize(
    ("paper", "pointer"),
    [
        (None, "/parties/1/authorisation"),
        (PAPER | {"valid_to": "2025-12-31"}, "/parties/1/authorisation/valid_to"),
    ],
)
def test_a_case_names_no_agent_without_an_authorisation_and_its_dates(at_desk: Desk, paper, pointer):
    agent = party("agent", "staff_no", "T002", **({"authorisation": paper} if paper else {}))
    reply = at_desk.new_case(campus.EMPLOYED, [party("applicant", "staff_no", "T001"), agent])
    assert (reply.status_code, reply.json()["errors"][0]["pointer"]) == (422, pointer)


def test_an_agent_acts_only_while_the_authorisation_holds(at_desk: Desk):
    actor = {"user_id": "T002", "role": "agent"}
    for paper, status in ((PAPER, 200), (YESTERDAY, 403)):
        agent = party("agent", "staff_no", "T002", authorisation=paper)
        case_id = at_desk.case(campus.EMPLOYED, [party("applicant", "staff_no", "T001"), agent])
        reply = at_desk.facts(["XM"], case_id=case_id, actor=actor)
        assert reply.status_code == status, reply.text
    assert at_desk.last()["rule"] == "case:agent_is_authorised"


def test_what_was_answered_with_a_guardian_is_replayed(at_desk: Desk):
    subject = {"id_type": "pupil_no", "id": "P08"}
    body = {
        "subject": subject,
        "service_item": rights.PLACE,
        "case_id": at_desk.case(rights.PLACE, [party("applicant", "pupil_no", "P08"), GUARDIAN]),
        "actor": OFFICER,
        "elements": ["XM", "SFZJH"],
    }
    answer = at_desk.post("/v1/facts:query", body).json()
    replay = {"action": "facts", "request": body, "receipt": answer["receipt"]}
    found = at_desk.post(f"/v1/transactions/{answer['transaction_id']}:replay", replay).json()
    assert found["matches"], found


@pytest.mark.parametrize(
    ("day", "age"),
    [("2026-03-01", 13), ("2026-03-02", 14), ("2026-02-28", 13), ("2027-03-01", 14)],
)
def test_a_year_of_life_is_full_on_the_day_after_the_birthday(day, age):
    assert age_on(date(2012, 3, 1), date.fromisoformat(day)) == age
