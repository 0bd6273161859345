"""The declaration of the case log: read by roles, checked, cut into periods."""

from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

import catalogs
from catalogs.case_log import PERIODS, case_log, periods_between
from tests.catalogs.small import campus, contract, item, key_item

LOG = {"resource": "hr.log", "item": "what", "acceptedAt": "came_on"}


def with_log(log: dict, **keys: object) -> dict[str, bytes]:
    """Return a campus with a log of cases and its declaration."""
    doc = contract(
        "hr.log",
        [key_item("case_no"), item("what"), item("came_on", kind="date"), item("visits", kind="integer")],
    )
    told = {"code": "DEMO", "nameZh": "示例大学", "timeZone": "Asia/Shanghai", "caseLog": log, **keys}
    return campus({"campus.yaml": told, "resources/hr/log.odcs.yaml": doc})


def faults_of(log: dict) -> list[str]:
    """Return what the check says about the declaration."""
    return [str(fault) for fault in catalogs.check(with_log(log)) if fault.file == "campus.yaml"]


def test_a_campus_without_a_declaration_has_no_case_log():
    assert case_log(catalogs.load(campus())) is None


def test_the_case_log_is_found_by_its_declared_parts():
    log = case_log(catalogs.load(with_log(LOG | {"visits": "visits", "period": "schoolyear"})))
    assert log is not None
    assert (log.resource, log.item, log.accepted_at, log.visits) == ("hr.log", "what", "came_on", "visits")
    assert (log.closed_at, log.materials, log.year_starts) == ("", None, 9)


def test_a_part_that_is_no_item_or_of_another_type_is_told_with_its_line():
    (told,) = faults_of(LOG | {"acceptedAt": "come_on"})
    assert told.startswith("campus.yaml:7 [L01]") and 'did you mean "came_on"?' in told
    (told,) = faults_of(LOG | {"visits": "what"})
    assert (
        "[L01] hr.log.what is of type string" in told.replace("case log", "") or "is of type string" in told
    )
    (told,) = faults_of(LOG | {"resource": "hr.logs"})
    assert "[L01]" in told and 'did you mean "hr.log"?' in told


def test_an_unknown_key_or_period_of_the_case_log_is_told():
    assert "[V02]" in faults_of(LOG | {"aceptedAt": "came_on"})[0]
    assert "[V03]" in faults_of(LOG | {"period": "decade"})[0]


def test_the_materials_of_the_case_log_are_checked_too():
    (told,) = faults_of(LOG | {"materials": {"resource": "hr.log", "case": "case_no", "material": "thing"}})
    assert "[L01]" in told and '"thing"' in told


DAYS = st.dates(date(2015, 1, 1), date(2030, 12, 31))


@given(DAYS, DAYS, st.sampled_from(sorted(PERIODS)), st.integers(1, 12))
def test_periods_follow_each_other_without_gap_and_cover_both_days(one, other, period, starts):
    first, last = min(one, other), max(one, other)
    found = periods_between(first, last, period, starts)
    assert found[0][1] <= first <= found[0][2]
    assert found[-1][1] <= last <= found[-1][2]
    assert all(after[1] - before[2] == timedelta(days=1) for before, after in pairwise(found))
    assert len({name for name, _, _ in found}) == len(found)


def test_a_school_year_begins_in_its_month():
    (found,) = periods_between(date(2026, 8, 31), date(2026, 8, 31), "schoolyear")
    assert found == ("2025–2026 学年", date(2025, 9, 1), date(2026, 8, 31))
