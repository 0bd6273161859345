"""What a wish becomes: nothing in it decides, versions rise, and who decides follows from what it allows."""

import pytest

import catalogs
from catalogs.changes.edits import edits_between
from catalogs.changes.proposing import Decided, finish, prepare, without_decisions
from tests.catalogs import small
from tests.catalogs.changes.governed import (
    APPROVALS,
    DAY,
    HEAD,
    HR,
    HR_HEAD,
    OFFICE,
    campus,
    demand,
    filed,
    prepared,
    ways,
)

NEW = "demands/d-002.yaml"


def test_the_governed_campus_has_no_errors():
    assert [str(fault) for fault in catalogs.check(campus(), DAY) if fault.severity == "error"] == []


def test_what_is_shared_without_condition_waits_for_the_data_office_alone():
    found = prepared({NEW: filed()})
    assert found.hindrances == ()
    assert ways(found) == [(OFFICE, "授权", 3), (HR, "知悉", 0), ("post:jw-data", "知悉", 0)]


def test_what_is_shared_on_condition_is_the_providers_to_decide():
    base = campus({small.STAFF: small.staff(shareType="conditional", shareCondition="逐项申请")})
    found = prepared({NEW: filed() | {"elements": ["CSRQ"]}}, base)
    assert ways(found) == [(OFFICE, "形式审查", 2), (HR, "决定", 5)]
    assert found.route is not None and {step.escalate for step in found.route.steps} == {HEAD, HR_HEAD}


def test_what_is_not_shared_is_refused_with_its_basis():
    found = prepared({NEW: filed() | {"elements": ["YHKH"]}})
    assert found.route is not None
    assert "校财〔2024〕12号" in found.route.refused


def test_sensitive_data_needs_two_persons_and_papers():
    found = prepared({NEW: {**filed(), "elements": ["SFZH"], "undertaking": "", "assessment": ""}})
    assert found.route is not None
    assert [step.two_persons for step in found.route.steps] == [True, True]
    assert [line.split(":")[0] for line in found.hindrances] == ["D-002", "D-002"]


def test_a_demand_that_only_takes_back_is_checked_by_the_data_office():
    found = prepared({small.DEMAND: demand(elements=["XM"])})
    assert (OFFICE, "授权", 3) in ways(found)
    assert all(days == 0 for post, _, days in ways(found) if post != OFFICE)


def test_a_contract_that_lets_more_be_handed_out_goes_the_way_of_a_demand_too():
    contract = small.staff()
    id_no = contract["schema"][0]["properties"][4]
    id_no["customProperties"] = [one for one in id_no["customProperties"] if one["property"] != "mask"]
    id_no["customProperties"].append({"property": "mask", "value": "keep:6,6"})
    found = prepared({small.STAFF: contract})
    assert found.told is not None and [one.mask_loosened for one in found.told.grants] == [True]
    tracks = {step.track.split()[0] for step in found.route.steps} if found.route else set()
    assert tracks == {"demand", "contract"}


def test_who_decides_is_decided_by_the_lead_office_and_by_the_rules_of_today():
    found = prepared(
        {"approvals.yaml": APPROVALS.replace('post: "steward", act: "授权"', 'post: "clerk", act: "授权"')}
    )
    assert [post for post, _, _ in ways(found)] == [OFFICE, "post:head"]


def test_on_a_campus_without_approvals_nobody_has_to_decide():
    found = prepared({NEW: filed()}, campus({"approvals.yaml": None}))
    assert ways(found) == []


@pytest.mark.parametrize(
    "claim",
    [
        {"decision": {"state": "granted", "by": ["post:nobody"], "on": "2026-01-01"}},
        {"state": "granted"},
    ],
)
def test_an_import_cannot_say_that_it_is_approved(claim):
    found = prepared({NEW: filed() | claim})
    assert "a decision is made here, never imported" in found.notes[0]
    assert [edit.new for edit in found.edits] == [filed()]
    written = catalogs.load(found.files).demands["D-002"]
    assert written.decided_by == (HR,)  # the preview's; what takes effect names who decided


def test_no_edit_of_a_decision_gets_through_whatever_its_address():
    base = campus({"demands/all.yaml": {"demands": [filed("D-010")]}})
    wishes = [
        {
            "demands/all.yaml": {
                "demands": [filed("D-010") | {"decision": {"state": "granted", "by": [], "on": "2026-01-01"}}]
            }
        },
        {small.DEMAND: demand(decision={"state": "granted", "by": ["post:x"], "on": "2026-01-01"})},
        {small.DEMAND: demand() | {"decision": {"state": "granted", "by": [OFFICE, HR], "on": "2020-01-01"}}},
    ]
    for wish in wishes:
        edits, notes = without_decisions(edits_between(base, small.with_files(dict(base), wish)))
        assert edits == () and len(notes) == 1


def test_an_import_may_take_a_grant_back():
    found = prepared(
        {small.DEMAND: demand(decision={"state": "withdrawn", "by": [OFFICE, HR], "on": "2026-01-01"})}
    )
    assert found.told is not None and {one.grant.element for one in found.told.grants if one.new is None} == {
        "XM",
        "SFZH",
    }


def test_the_decision_that_is_written_names_those_who_decided_before_and_now():
    files = finish(campus(), edits_between(campus(), campus({small.DEMAND: demand(elements=["XM", "SFZH", "CSRQ"])})),
                   Decided(("post:new",), DAY)).files  # fmt: skip
    decided = catalogs.load(files).demands["D-001"]
    assert (decided.decided_by, decided.decided_on) == ((OFFICE, HR, "post:new"), DAY)


def test_the_version_of_a_contract_rises_by_the_class_of_its_change():
    changed = small.staff()
    changed["description"] = {"purpose": "在职教职工"}
    told = prepared({small.STAFF: changed}).told
    assert told is not None and [(one.by, one.old, one.new) for one in told.contracts] == [
        ("patch", "1.0.0", "1.0.1")
    ]


def test_a_version_that_is_wished_lower_than_the_change_asks_is_raised_and_a_higher_one_stays():
    for wish, expected in (("1.0.1", "1.1.0"), ("3.0.0", "3.0.0")):
        changed = small.staff() | {"version": wish}
        changed["schema"][0]["properties"].append(small.item("email"))
        assert catalogs.load(prepared({small.STAFF: changed}).files).resources["hr.staff"].version == expected


def test_errors_of_the_catalog_as_it_would_be_hinder_it_with_their_place():
    found = prepared({NEW: filed() | {"elements": ["NOSUCH"]}})
    assert found.told is None
    assert all(line.startswith("demands/d-002.yaml:") for line in found.hindrances) and found.hindrances


def test_an_edit_on_what_somebody_changed_meanwhile_is_a_conflict():
    wish = edits_between(campus(), campus({small.DEMAND: demand(basis="a")}))
    base = campus({small.DEMAND: demand(basis="b")})
    found = prepare(catalogs.load(base), wish, DAY, HR)
    assert [one.found for one in found.conflicts] == ["b"]
