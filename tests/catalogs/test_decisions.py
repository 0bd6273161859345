"""Demands, powers and approvals: who decides what, and whether it is complete (CATALOG §3.4, 3.7)."""

from datetime import date
from typing import Any

import pytest

import catalogs
from catalogs.model import Approvals
from catalogs.model_decisions import CHANGES, DEMAND, REFUSED
from tests.catalogs.breaches import Breach, assert_told, cases
from tests.catalogs.small import DEMAND as DEMAND_FILE
from tests.catalogs.small import SERVICE, campus, demand, service_item

POWERS, APPROVALS = "powers.yaml", "approvals.yaml"
TASK = {"purpose": {"task": "T-1"}, "replaces": [], "population": "全体", "destroyBy": "2027-12-31"}


def power(**changes: Any) -> dict[str, Any]:
    """Return files with a power on which RS-001 stands."""
    row = {
        "code": "P-1", "nameZh": "在职证明审批", "kind": "审批", "lists": ["权责"], "basis": "校人〔2025〕7号",
        "subject": "示例大学", "unit": "RS", "duties": "核验", "dutyBasis": "校人〔2025〕7号",
        "accountablePersons": "岗位责任人", "accountableFor": "超时限", "phone": "6110", "batch": 1,
        "publishedOn": "2026-01-01", "status": "active", "serviceItems": ["RS-001"],
    } | changes  # fmt: skip
    return {POWERS: [{key: value for key, value in row.items() if value is not None}]} | stands("P-1")


def stands(code: str, kind: str = "审批") -> dict[str, Any]:
    """Return files whose RS-001 decides, and stands on a power."""
    return {SERVICE: service_item(kind=kind, **({"power": code} if code else {}))}


def way(*steps: tuple[str, str, int], **keys: Any) -> dict[str, Any]:
    """Return one way of deciding a demand."""
    rows = [
        {"seq": n, "who": who, "post": post, "limit_days": days}
        for n, (who, post, days) in enumerate(steps, start=1)
    ]
    return {"change": "demand", "steps": rows} | keys


def ways(*rows: dict[str, Any]) -> dict[str, Any]:
    return {APPROVALS: list(rows)}


OFFICE, PROVIDER, INFORMED = (
    ("data_office", "steward", 3),
    ("provider", "steward", 5),
    ("provider", "steward", 0),
)
FREE, SENSITIVE = {"when": {"shareType": "unconditional"}}, {"when": {"piClass": "sensitive"}}
BREACHES = [
    Breach("D06", {DEMAND_FILE: demand(contact="", frequency="")}, DEMAND_FILE, "no contact, frequency", "demandId"),
    Breach("D06", {DEMAND_FILE: demand(scope="")}, DEMAND_FILE, "no scope", "demandId"),
    Breach("D07", {DEMAND_FILE: demand(**TASK | {"destroyBy": ""})}, DEMAND_FILE, "without destroyBy", "purpose"),
    Breach("D08", {DEMAND_FILE: demand(validTo="2026-10-19")}, DEMAND_FILE, "until 2026-10-19", "validTo"),
    Breach("D09", {DEMAND_FILE: demand(decision={"state": "disputed"})}, DEMAND_FILE, "no meeting", "decision"),
    Breach("D09", {DEMAND_FILE: demand(decision={"state": "refused"})}, DEMAND_FILE, "without a ground", "decision"),
    Breach("D10", {DEMAND_FILE: demand(assessment="", undertaking="")}, DEMAND_FILE, "an undertaking, the number",
           "decision"),
    Breach("D10", {DEMAND_FILE: demand(decision={"state": "granted", "by": ["post:hr"], "on": "2026-01-01"})},
           DEMAND_FILE,
           "a second decider", "decision"),
    Breach("P01", power(unit="RX"), POWERS, 'unknown unit "RX"', "unit"),
    Breach("P02", power(basis=None, phone=None), POWERS, "no basis, phone", "code"),
    Breach("P03", {POWERS: power()[POWERS]} | stands("", "证明"), POWERS, 'stands on "no power"', "serviceItems"),
    Breach("P04", power(unit="JW"), POWERS, 'unit "JW" takes no part', "unit"),
    Breach("A01", ways(way(OFFICE) | {"steps": [{"seq": 2, "who": "provider", "post": "clerk"}] * 2}), APPROVALS,
           "numbered", "steps"),
    Breach("A02", ways(way(OFFICE, escalate="post:nobody")), APPROVALS, '"post:nobody"', "escalate"),
    Breach("A03", ways(way(OFFICE, PROVIDER, **FREE)), APPROVALS, "waits for another", "steps"),
    Breach("A04", ways(way(OFFICE, PROVIDER, fourEyes=True)), APPROVALS, "no sensitive", "fourEyes"),
    Breach("A04", ways(way(OFFICE, fourEyes=True, assessment="required", undertaking="required", **SENSITIVE)),
           APPROVALS, "one decides", "fourEyes"),
]  # fmt: skip


@cases(BREACHES)
def test_a_breach_is_told_where_a_person_looks(breach):
    assert_told(breach)


def test_nothing_is_decided_outside_the_power_list():
    faults = catalogs.check(campus(power() | stands("")))
    assert {(fault.rule, fault.file) for fault in faults} == {("P03", POWERS), ("P03", SERVICE)}


def test_without_a_power_list_nothing_is_asked_of_it():
    assert catalogs.check(campus(stands(""))) == []


def test_powers_are_data_with_every_column_of_the_list():
    loaded = catalogs.load(campus(power()))
    assert loaded.powers["P-1"].service_items == ("RS-001",)
    assert (loaded.powers["P-1"].batch, loaded.powers["P-1"].published_on) == (1, date(2026, 1, 1))
    assert loaded.services["RS-001"].power == "P-1"


@pytest.mark.parametrize("change", CHANGES)
def test_every_kind_of_change_has_a_way_even_without_approvals(change):
    found = Approvals().of(change)
    assert found.steps and not catalogs.load(campus()).approvals.is_declared
    with pytest.raises(KeyError):
        Approvals().of("anything else")


def test_by_default_what_is_free_waits_for_the_data_office_alone_and_two_persons_are_for_sensitive_data():
    default = Approvals()
    free = default.of(DEMAND, "unconditional")
    assert [(step.who, step.limit_days) for step in free.steps] == [("data_office", 3), ("provider", 0)]
    assert default.of(DEMAND, "none").outcome == REFUSED
    conditional, sensitive = (
        default.of(DEMAND, "conditional"),
        default.of(DEMAND, "unconditional", "sensitive"),
    )
    assert conditional.steps[-1].who == "provider" and not conditional.four_eyes
    assert sensitive.four_eyes and sensitive.assessment


def test_what_the_campus_says_goes_before_the_default_and_the_nearest_way_decides():
    any_demand, refusal = way(PROVIDER), way(OFFICE, when={"shareType": "none"}, outcome="refused")
    ours = catalogs.load(campus(ways(any_demand, way(OFFICE, INFORMED, **FREE), refusal))).approvals
    assert ours.of(DEMAND, "conditional", "sensitive").steps[0].who == "provider"
    assert ours.of(DEMAND, "unconditional").steps[0].who == "data_office"
    assert ours.of(DEMAND, "none", "sensitive").outcome == REFUSED
    assert ours.of("contract").steps[0].who == "provider"


@pytest.mark.parametrize(
    "row", [{"change": "weather"}, {"fourEye": True}, {"when": {"share": "none"}}, {"escalate": "chief"}, {"steps": []}]
)  # fmt: skip
def test_a_way_of_deciding_of_any_wrong_form_is_an_error(row):
    assert any(fault.severity == "error" for fault in catalogs.check(campus(ways(way(OFFICE) | row))))
