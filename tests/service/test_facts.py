"""What is answered: values with provenance, and absence by its name."""

import concurrent.futures
import time
from datetime import timedelta

import psycopg
import pytest

from catalogs.settings import now
from tests.service import campus, desk
from tests.service.desk import CANARY, T001
from warehouse.identity import decisions, queue


def test_a_fact_says_its_value_source_age_and_level(at_desk):
    fact = at_desk.fact("ZT")
    assert (fact["status"], fact["value"], fact["code"], fact["code_system"]) == (
        "available",
        "在职",
        "11",
        "staff_status",
    )
    assert 0 < fact["age_seconds"] < 3600
    assert fact["lastupdated"] <= fact["confirmed_at"] < fact["stale_after"]
    verification = fact["verification"]
    assert (verification["level"], verification["verifier"], verification["unmet"]) == (
        "authoritative",
        "RS",
        None,
    )
    assert verification["evidence"][0]["source"] == "hr.staff"
    assert verification["evidence"][0]["extract_id"] > 0


def test_dates_numbers_and_masked_values_are_plain_json(at_desk):
    facts = at_desk.facts(["RZRQ", "GZ", "SFZJH", "XM"]).json()["facts"]
    assert facts["RZRQ"]["value"] == "2005-09-01"
    assert facts["GZ"]["value"] == "9000.5"  # the latest month, as the contract picks
    assert (facts["SFZJH"]["value"], facts["SFZJH"]["masked"]) == ("110101********0015", True)
    assert facts["XM"]["value"] == f"{CANARY}甲"


def test_a_person_is_found_by_document_as_by_number(at_desk):
    document = {"id_type": "doc:1", "id": "110101198001010015", "country": "CHN"}
    assert at_desk.fact("GH", document)["value"] == "T001"


def test_who_is_a_party_by_one_number_may_be_asked_about_by_another(at_desk):
    document = {"id_type": "doc:1", "id": "110101198001010015", "country": "CHN"}
    assert at_desk.facts(["GH"], document, case_id=at_desk.case()).status_code == 200


def test_two_capacities_that_differ_are_a_conflict_until_one_is_chosen(at_desk):
    subject = {"id_type": "staff_no", "id": "T003"}
    assert at_desk.fact("XM", subject)["status"] == "available"  # both say the same
    conflict = at_desk.fact("DW", subject)
    assert (conflict["status"], conflict["capacities"]) == ("conflict", ["staff", "undergrad"])
    assert "value" not in conflict
    assert at_desk.fact("DW", subject | {"capacity": "undergrad"})["value"] == "外语学院"
    assert at_desk.fact("DW", subject | {"capacity": "staff"})["value"] == "图书馆"


def test_of_a_re_admitted_student_the_present_number_speaks(at_desk):
    assert at_desk.fact("DW", {"id_type": "student_no", "id": "X010"})["value"] == "商学院"


def test_a_former_member_stays_answerable(at_desk):
    fact = at_desk.fact("ZT", {"id_type": "staff_no", "id": "T002"})
    assert (fact["status"], fact["value"]) == ("available", "离职")


def test_whom_the_source_no_longer_reports_is_stale_with_the_reason(at_desk):
    fact = at_desk.fact("XM", {"id_type": "staff_no", "id": "T004"})
    assert (fact["status"], fact["reason"], fact["value"]) == ("stale", "no_longer_reported", f"{CANARY}丁")
    assert fact["verification"]["level"] == "system_verified"


@pytest.mark.parametrize(
    ("element", "subject", "status"),
    [
        ("GZ", {"id_type": "staff_no", "id": "T002"}, "not_found"),
        ("GH", {"id_type": "student_no", "id": "X011"}, "not_applicable"),
        ("HJ", T001, "source_unavailable"),
        ("DW", {"id_type": "guest_no", "id": "G001"}, "withheld"),
    ],
)
def test_absence_has_a_name(at_desk, element, subject, status):
    fact = at_desk.fact(element, subject)
    assert fact["status"] == status
    assert "value" not in fact


def test_a_partial_answer_says_so(at_desk):
    assert at_desk.facts(["XM", "GH"]).json()["complete"] is True
    assert at_desk.facts(["XM", "HJ"]).json()["complete"] is False


def test_a_caller_may_ask_for_fresher_than_promised(at_desk):
    case_id = at_desk.case()
    assert at_desk.facts(["XM"], case_id=case_id, max_age="PT1M").json()["facts"]["XM"]["status"] == "stale"
    assert (
        at_desk.facts(["XM"], case_id=case_id, max_age="PT1H").json()["facts"]["XM"]["status"] == "available"
    )


def test_evidence_cannot_be_compared_between_clients(at_desk):
    case_id = at_desk.case(client_id=campus.PORTAL)
    theirs = at_desk.facts(["GH"], case_id=case_id, client_id=campus.PORTAL).json()["facts"]["GH"]
    ours, again = at_desk.fact("GH"), at_desk.fact("GH")

    def digest(fact):
        return fact["verification"]["evidence"][0]["record_hash"]

    assert digest(ours) == digest(again)
    assert digest(ours) != digest(theirs)


def test_a_prefill_fills_the_form_and_names_what_is_still_needed(at_desk):
    answer = at_desk.prefill()
    fields = {field["field"]: field for field in answer["fields"]}
    assert (fields["xm"]["value"], fields["xm"]["editable"]) == (f"{CANARY}甲", False)
    assert fields["zjh"]["masked"] is True
    assert (fields["dh"]["status"], fields["dh"]["editable"]) == ("not_permitted", True)
    assert (fields["yt"]["status"], fields["yt"]["editable"]) == ("applicant", True)
    assert answer["complete"] is False
    outcome = {one["material"]: (one["outcome"], one["reasons"]) for one in answer["materials"]}
    assert outcome["M-ID"] == ("satisfied", [])
    assert outcome["M-STATUS"] == ("satisfied", [])
    assert outcome["M-PAY"] == ("satisfied", [])
    assert outcome["M-HOUSEHOLD"] == ("still_required", ["HJ:source_unavailable"])
    assert outcome["M-PHONE"] == ("still_required", ["DH:not_granted"])
    assert outcome["M-GAP"] == ("still_required", ["gap:无源"])
    assert outcome["M-SEAL"] == ("certificate", [])  # the original is required, and our own unit issues it
    proven = next(one for one in answer["materials"] if one["material"] == "M-STATUS")["facts"]
    assert [(fact["element"], fact["verifier"]) for fact in proven] == [("ZT", "RS")]


def test_a_fact_that_is_not_so_or_not_fresh_spares_no_paper(at_desk):
    left = {
        one["material"]: one for one in at_desk.prefill({"id_type": "staff_no", "id": "T002"})["materials"]
    }
    assert left["M-STATUS"]["reasons"] == ["ZT:not_so"]
    assert (left["M-SEAL"]["outcome"], left["M-SEAL"]["reasons"]) == ("still_required", ["ZT:not_so"])
    gone = {
        one["material"]: one for one in at_desk.prefill({"id_type": "staff_no", "id": "T004"})["materials"]
    }
    assert gone["M-STATUS"]["reasons"] == ["ZT:stale"]
    poor = {
        one["material"]: one for one in at_desk.prefill({"id_type": "staff_no", "id": "T003"})["materials"]
    }
    assert poor["M-PAY"]["reasons"] == ["GZ:not_so"]


def test_a_request_answers_from_the_release_that_is_current_when_it_comes(at_desk, as_owner):
    before = at_desk.facts(["DW"]).json()
    moved = desk.STAFF[0] | {"unit": "力学系"}
    number = campus.publish(at_desk.owner, at_desk.catalog, {"hr.staff": [moved, *desk.STAFF[1:3]]})
    after = at_desk.facts(["DW"]).json()
    assert (before["release"], before["facts"]["DW"]["value"]) == (number - 1, "物理系")
    assert (after["release"], after["facts"]["DW"]["value"]) == (number, "力学系")


def test_a_request_answers_from_one_release_even_if_another_comes_meanwhile(
    at_desk, as_owner, pg_module_database
):
    case_id = at_desk.case()
    before = at_desk.facts(["DW"], case_id=case_id).json()
    with concurrent.futures.ThreadPoolExecutor(1) as pool, psycopg.connect(pg_module_database.url) as other:
        other.execute('LOCK TABLE service."case"')  # the request has read its release and waits for its case
        asked = pool.submit(at_desk.facts, ["DW"], case_id=case_id)
        time.sleep(0.5)
        assert not asked.done()
        moved = desk.STAFF[0] | {"unit": "天文系"}
        number = campus.publish(at_desk.owner, at_desk.catalog, {"hr.staff": [moved]})
        other.rollback()
        during = asked.result(timeout=10).json()
    after = at_desk.facts(["DW"], case_id=case_id).json()
    assert (during["release"], during["facts"]["DW"]["value"]) == (
        before["release"],
        before["facts"]["DW"]["value"],
    )
    assert (after["release"], after["facts"]["DW"]["value"]) == (number, "天文系")


def test_a_fact_older_than_its_source_promised_is_stale(at_desk, as_owner):
    rows = [row | {"unit": "艺术学院"} for row in desk.STUDENTS[1:]]
    campus.publish(
        at_desk.owner, at_desk.catalog, {"academic.students": rows}, taken_at=now() - timedelta(days=3)
    )
    fact = at_desk.fact("DW", {"id_type": "student_no", "id": "X011"})
    assert (fact["status"], fact["reason"], fact["value"]) == ("stale", "older_than_promised", "艺术学院")
    assert fact["stale_after"] < now().isoformat()
    campus.publish(at_desk.owner, at_desk.catalog, {"academic.students": rows})
    assert at_desk.fact("DW", {"id_type": "student_no", "id": "X011"})["status"] == "available"


def test_a_failed_critical_check_lowers_the_level_and_spares_no_paper(at_desk, as_owner):
    number = campus.publish(at_desk.owner, at_desk.catalog, {"hr.staff": [desk.STAFF[1]]})
    at_desk.owner.execute(
        "INSERT INTO yici.finding (release, resource, rule, dimension, severity, stage, passed, rows_failed,"
        " extract_id, at) SELECT release, resource, 'plausible_units', 'validity', 'critical', 'store', false, 1,"
        " extract_id, now()"
        " FROM yici.release_resource WHERE release = %s AND resource = 'hr.staff'",
        [number],
    )
    subject = {"id_type": "staff_no", "id": "T002"}
    fact = at_desk.fact("ZT", subject)
    assert (fact["status"], fact["verification"]["level"]) == ("available", "system_verified")
    assert fact["verification"]["unmet"] == fact["reason"] == "check_failed"
    materials = {one["material"]: one for one in at_desk.prefill(subject)["materials"]}
    assert materials["M-ID"]["reasons"] == ["SFZJH:check_failed"]
    campus.publish(at_desk.owner, at_desk.catalog, {"hr.staff": [desk.STAFF[1]]})
    assert at_desk.fact("ZT", subject)["verification"]["level"] == "authoritative"


def test_whose_identity_a_human_must_still_decide_is_not_verified(at_desk, as_owner):
    other = {"student_no": "X020", "name": "另一人", "id_no": desk.STAFF[1]["id_no"], "unit": "文学院",
             "is_enrolled": True}  # fmt: skip
    campus.publish(at_desk.owner, at_desk.catalog, {"academic.students": [other]})
    for subject in ({"id_type": "staff_no", "id": "T002"}, {"id_type": "student_no", "id": "X020"}):
        fact = at_desk.fact("XM", subject)
        assert (fact["status"], fact["verification"]["unmet"]) == ("available", "subject_in_doubt")
        assert fact["verification"]["level"] == "system_verified"
    (doubt,) = queue.reviews(at_desk.owner)
    decisions.decide_review(
        at_desk.owner, doubt.id, decisions.DIFFERENT, decisions.By("post:hr", "clerk", "twins")
    )
    assert at_desk.fact("XM", subject)["verification"]["unmet"] == "subject_in_doubt"
    campus.publish(at_desk.owner, at_desk.catalog, {})
    assert at_desk.fact("XM", subject)["verification"]["level"] == "authoritative"
