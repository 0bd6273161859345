"""Rules between systems are content: what is wrong with one is told by file and line, before anything runs."""

from typing import Any

import pytest

import catalogs
from catalogs.between_rules import question
from tests.catalogs.breaches import ON, Breach, assert_told, cases
from tests.catalogs.small import campus

FILE = "expectations/students-are-known.yaml"
POPULATION = """SELECT students.student_no, staff.staff_no
FROM raw.academic__students students
LEFT JOIN raw.hr__staff staff ON staff.staff_no = students.student_no
"""


def rule(**changes: Any) -> dict[str, Any]:
    """Return a rule between the two resources of the small campus; None removes a key."""
    told: dict[str, Any] = {
        "id": "students-are-known",
        "name": "学号不与工号相同",
        "resource": "academic.students",
        "needs": {"academic.students": ["student_no"], "hr.staff": ["staff_no"]},
        "severity": "warning",
        "dimension": "consistency",
        "allowedShare": 0.01,
        "population": POPULATION,
        "broken": "staff_no IS NOT NULL",
    } | changes
    return {key: value for key, value in told.items() if value is not None}


def named_again(**changes: Any) -> dict[str, Any]:
    return {FILE: rule(**changes)}


BREACHES = [
    Breach("B01", {FILE: ["rule"]}, FILE, "not a mapping"),
    Breach("B01", named_again(id="other"), FILE, 'id is "other"', "id:"),
    Breach("B02", named_again(resource="hr.titles"), FILE, "none of those it needs", "resource:"),
    Breach("B02", named_again(needs={"academic.students": [], "hr.stuff": []},
                              population="SELECT 1 AS one FROM raw.hr__stuff"), FILE, "hr.stuff", "needs:"),
    Breach("B02", named_again(needs={"academic.students": ["student"], "hr.staff": []}), FILE,
           'no item "student"', "needs:"),
    Breach("B03", named_again(population="SELECT a b c FROM raw.hr__staff"), FILE, "population", "population:"),
    Breach("B03", named_again(broken="staff_no IS NOT ("), FILE, "broken", "broken:"),
    Breach("B03", named_again(population="DELETE FROM raw.hr__staff"), FILE, "not one SELECT", "population:"),
    Breach("B03", named_again(population="SELECT 1; SELECT 2"), FILE, "not one SELECT", "population:"),
    Breach("B03", named_again(population="SELECT key FROM yici.link"), FILE, "yici.link", "population:"),
    Breach("B03", named_again(broken="staff_no IN (SELECT staff_no FROM raw.hr__titles)"), FILE,
           "raw.hr__titles", "broken:"),
    Breach("B03", named_again(broken="staff_no > :yesterday"), FILE, ":yesterday", "broken:"),
    Breach("V01", named_again(broken=None), FILE, "broken"),
    Breach("V02", named_again(allowed_share=0.1), FILE, "allowed_share", "allowed_share:"),
    Breach("V03", named_again(severity="error"), FILE, "severity", "severity:"),
    Breach("V03", named_again(allowedShare=5), FILE, "allowedShare", "allowedShare:"),
]  # fmt: skip


@cases(BREACHES)
def test_what_is_wrong_with_a_rule_is_told_at_its_line(breach):
    assert_told(breach)


def test_a_syntax_error_in_a_block_of_sql_is_told_at_its_own_line():
    lines = (
        'id: "students-are-known"', 'name: "n"', 'resource: "hr.staff"', 'needs: {hr.staff: ["staff_no"]}',
        'severity: "critical"', 'dimension: "consistency"', "population: |", "  SELECT staff_no",
        "  FROM raw.hr__staff", "  WHERE staff_no = = '1'", 'broken: "true"', "",
    )  # fmt: skip
    (fault,) = catalogs.check(campus({FILE: "\n".join(lines)}), ON)
    assert (fault.rule, fault.file, fault.line) == ("B03", FILE, 10)


def test_a_rule_is_part_of_the_catalog_and_of_its_version():
    files = campus(
        {FILE: rule(population=f"WITH w AS ({POPULATION}) SELECT * FROM w WHERE student_no > :day::text")}
    )
    catalog = catalogs.load(files)
    (read,) = catalog.between.values()
    assert (read.id, read.allowed_share, read.needs["hr.staff"]) == (
        "students-are-known",
        0.01,
        ("staff_no",),
    )
    assert question(read).startswith(
        "SELECT count(*), count(*) FILTER (WHERE (staff_no IS NOT NULL) IS TRUE)"
    )
    assert catalogs.load(catalog.files).between == catalog.between
    assert catalogs.load(campus()).version != catalog.version


def test_a_campus_without_such_rules_has_none():
    assert catalogs.load(campus()).between == {}


@pytest.mark.parametrize("place", ["expectations/rule.txt.csv", "expectations/sub/rule.yaml"])
def test_a_rule_in_a_place_where_nobody_looks_is_told(place):
    assert "F07" in {fault.rule for fault in catalogs.check(campus({place: rule()}), ON)}
