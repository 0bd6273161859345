"""How rules stand from release to release, and whose fault it is."""

from dataclasses import replace
from datetime import timedelta

from expectations.admission import Finding
from expectations.quality.lineage import Lineage, lineage, with_inheritance
from expectations.quality.standing import (
    ADMISSION,
    EXPECTATIONS,
    LANDING,
    QUARANTINE,
    Place,
    Waiting,
    carry_on,
    with_readings,
    with_waiting,
)
from tests.expectations.quality.conftest import AT, catalog, state

LATER = AT + timedelta(days=1)


def finding(
    rule: str, passed: bool = False, stage: str = ADMISSION, resource: str = "hr.staff", **more
) -> Finding:
    told = {
        "dimension": "conformity",
        "severity": "warning",
        "rows_failed": 0 if passed else 3,
        "rows_total": 100,
    }
    told |= more
    return Finding(resource, rule, stage=stage, passed=passed, **told)


def failing(states) -> set[str]:
    return {one.rule for one in states.values() if not one.passed}


def test_a_rule_that_admission_no_longer_names_is_clean():
    first = carry_on({}, [finding("sex.code"), finding("contract")], 1, AT)
    assert failing(first) == {"sex.code"}
    second = carry_on(first, [finding("contract", passed=True)], 2, LATER)
    assert failing(second) == set()


def test_a_resource_that_a_release_did_not_judge_stands_as_it_did():
    first = carry_on({}, [finding("sex.code"), finding("contract")], 1, AT)
    second = carry_on(first, [finding("contract", resource="hr.units", passed=True)], 2, LATER)
    assert failing(second) == {"sex.code"}


def test_a_fault_keeps_the_day_since_which_it_lasts():
    first = carry_on({}, [finding("sex.code"), finding("contract")], 1, AT)
    second = carry_on(first, [finding("sex.code"), finding("contract")], 2, LATER)
    assert {one.since for one in second.values() if not one.passed} == {AT}
    third = carry_on(second, [finding("contract", passed=True)], 3, LATER)
    fourth = carry_on(third, [finding("sex.code"), finding("contract")], 4, LATER + timedelta(days=1))
    assert {one.since for one in fourth.values() if not one.passed} == {LATER + timedelta(days=1)}


def test_a_rule_between_systems_replaces_its_own_state_alone():
    suite = [finding("freshness", True, EXPECTATIONS), finding("volume", False, EXPECTATIONS)]
    first = carry_on({}, [*suite, finding("paid-are-staff", False, EXPECTATIONS)], 1, AT)
    second = carry_on(first, [finding("paid-are-staff", True, EXPECTATIONS)], 2, LATER)
    assert failing(second) == {"volume"}


def test_a_rule_that_was_withdrawn_leaves_no_state_when_its_suite_runs_again():
    first = carry_on(
        {}, [finding("freshness", True, EXPECTATIONS), finding("old", False, EXPECTATIONS)], 1, AT
    )
    second = carry_on(first, [finding("freshness", True, EXPECTATIONS)], 2, LATER)
    assert {place.rule for place in second} == {"freshness"}


def test_of_a_rule_that_speaks_twice_in_a_release_the_worse_stands():
    twice = [finding("sex.code", rows_failed=7), finding("sex.code", rows_failed=2), finding("contract")]
    assert carry_on({}, twice, 1, AT)[Place("hr.staff", ADMISSION, "sex.code")].rows_failed == 7


def test_a_row_that_still_waits_keeps_its_rule_failing():
    clean = carry_on({}, [finding("contract", passed=True)], 2, AT)
    found = with_waiting(clean, [Waiting("hr.staff", "sex.code", 2)], {"hr.staff": 998}, {}, AT)
    one = found[Place("hr.staff", QUARANTINE, "sex.code")]
    assert (one.passed, one.rows_failed, one.rows_total, one.dimension) == (False, 2, 1000, "conformity")


def test_a_fault_of_a_row_that_waits_since_an_earlier_window_lasts_since_then():
    first = carry_on({}, [finding("born_on.range", dimension="accuracy"), finding("contract")], 1, AT)
    second = carry_on(first, [finding("contract", passed=True)], 2, LATER)
    waits = [Waiting("hr.staff", "born_on.range", 3)]
    one = with_waiting(second, waits, {"hr.staff": 97}, first, LATER)[
        Place("hr.staff", QUARANTINE, "born_on.range")
    ]
    assert (one.passed, one.since, one.dimension, one.rows_total) == (False, AT, "accuracy", 100)


def test_a_row_that_was_released_between_two_extracts_leaves_its_rule_clean():
    first = carry_on({}, [finding("sex.code"), finding("contract")], 1, AT)
    first = with_waiting(first, [Waiting("hr.staff", "sex.code", 3)], {"hr.staff": 97}, {}, AT)
    assert failing(first) == {"sex.code"}
    second = carry_on(first, [], 2, LATER)
    assert failing(with_waiting(second, [], {"hr.staff": 100}, first, LATER)) == set()


def test_of_an_extract_that_was_refused_whole_the_larger_share_counts():
    whole = finding("refused_share", severity="critical", rows_failed=0, rows_total=None)
    refused = carry_on({}, [finding("sex.code", rows_failed=90), whole, finding("contract")], 1, AT)
    found = with_waiting(refused, [Waiting("hr.staff", "sex.code", 1)], {"hr.staff": 99}, {}, AT)
    assert found[Place("hr.staff", ADMISSION, "sex.code")].rows_failed == 90


def test_a_window_of_few_rows_is_judged_by_the_whole():
    window = carry_on({}, [finding("sex.code", rows_failed=1, rows_total=3), finding("contract")], 1, AT)
    found = with_waiting(window, [Waiting("hr.staff", "sex.code", 1)], {"hr.staff": 9_999}, {}, AT)
    assert found[Place("hr.staff", QUARANTINE, "sex.code")].share_failed == 1 / 10_000
    assert Place("hr.staff", ADMISSION, "sex.code") not in found


def test_a_row_that_was_not_picked_is_no_fault():
    found = carry_on({}, [finding("key.not_picked"), finding("contract")], 1, AT)
    assert failing(with_waiting(found, [Waiting("hr.staff", "key.not_picked", 5)], {}, {}, AT)) == set()


def test_a_system_that_is_down_fails_once():
    told = [finding("extract", False, LANDING, name) for name in ("hr.staff", "hr.units")]
    systems = {"hr.staff": "hr", "hr.units": "hr"}
    found = with_readings({}, told, systems, AT)
    assert [(one.resource, one.rows_failed, one.severity) for one in found.values()] == [
        ("hr", 2, "critical")
    ]
    again = with_readings(found, [replace(one, passed=True) for one in told], systems, LATER)
    assert [(one.passed, one.since) for one in again.values()] == [(True, LATER)]


def test_a_derived_resource_inherits_what_its_sources_did_wrong():
    ways = Lineage(whole={"derived.sum": frozenset({"hr.staff"})})
    source = state()
    derived = state(resource="derived.sum", stage=EXPECTATIONS, rule="volume")
    both = with_inheritance({one.place: one for one in (source, derived)}, ways)
    assert both[derived.place].inherited_from == ("hr.staff",)
    assert both[source.place].inherited_from == ()
    alone = with_inheritance({derived.place: derived}, ways)
    assert alone[derived.place].inherited_from == ()


def test_a_fault_for_information_only_explains_nothing():
    ways = Lineage(whole={"derived.sum": frozenset({"hr.staff"})})
    derived = state(resource="derived.sum", rule="volume")
    told = {one.place: one for one in (state(severity="info"), derived)}
    assert with_inheritance(told, ways)[derived.place].inherited_from == ()


def test_a_copied_item_inherits_only_by_its_own_rules():
    ways = Lineage(items={("library.loans", "staff_no"): frozenset({"hr.staff"})})
    copied = state(resource="library.loans", rule="staff_no.required")
    other = state(resource="library.loans", rule="due_on.range")
    found = with_inheritance({one.place: one for one in (state(), copied, other)}, ways)
    assert found[copied.place].inherited_from == ("hr.staff",)
    assert found[other.place].inherited_from == ()


def test_what_is_made_of_a_late_resource_is_late_with_it():
    ways = Lineage(whole={"derived.sum": frozenset({"hr.staff"})})
    derived = state(resource="derived.sum", rule="freshness", dimension="timeliness")
    found = with_inheritance({derived.place: derived}, ways, late=["hr.staff"])
    assert found[derived.place].inherited_from == ("hr.staff",)


def test_the_lineage_of_a_model_is_what_it_reads():
    ways = lineage(catalog(), {"mart_staff": ["hr.staff"]})
    assert ways.upstream("dbt.mart_staff", "build") == {"hr.staff"}
    assert ways.systems == {"hr.staff": "hr"}
