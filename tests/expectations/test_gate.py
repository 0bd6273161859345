"""What a provider promised of its rows, kept dimension by dimension."""

import dataclasses

import pytest

from expectations.gate import verdicts
from tests.support import campus


def resource(**gate: float):
    return dataclasses.replace(campus.catalog().resources["hr.staff"], quality_gate=gate)


@pytest.mark.parametrize(("failed", "passed"), [(0, True), (2, True), (3, False), (100, False)])
def test_the_promised_share_is_the_least_that_passes(failed, passed):
    (check,) = verdicts(resource(完整性=0.98), [("completeness", failed, 100)])
    assert (check.rule, check.dimension, check.severity) == ("gate-completeness", "completeness", "critical")
    assert (check.passed, check.rows_failed, check.rows_total) == (passed, failed, 100)


def test_the_worst_rule_of_the_dimension_decides_and_others_do_not():
    counted = [("completeness", 1, 100), ("completeness", 4, 40), ("accuracy", 90, 100)]
    (check,) = verdicts(resource(完整性=0.95), counted)
    assert (check.passed, check.rows_failed, check.rows_total) == (False, 4, 40)
    assert check.detail == "90.00% of the rows keep the worst rule, promised 95.00%"


def test_each_dimension_of_the_gate_is_a_check_of_its_own():
    checks = verdicts(resource(规范性=0.9, 准确性=0.99), [("conformity", 5, 100), ("accuracy", 5, 100)])
    assert [(check.rule, check.passed) for check in checks] == [
        ("gate-conformity", True), ("gate-accuracy", False)
    ]  # fmt: skip


def test_a_dimension_that_no_rule_counts_is_kept():
    (check,) = verdicts(resource(一致性=1.0), [("consistency", 0, None), ("consistency", 7, 0)])
    assert (check.passed, check.rows_total) == (True, 0)


def test_a_resource_without_a_gate_promised_nothing():
    assert verdicts(resource(), [("completeness", 100, 100)]) == []
