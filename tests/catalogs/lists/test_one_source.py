"""一数一源: which copies are compared with which source, and what the list says of them."""

from datetime import UTC, datetime

from catalogs.faults import Fault
from catalogs.lists.given import Given
from catalogs.lists.measured import Compared, Measured
from catalogs.lists.one_source import copies, one_source
from catalogs.model import Catalog
from tests.catalogs.lists import made
from tests.catalogs.lists.made import catalog_of
from tests.catalogs.small import campus, contract, demand, item, key_item

STAFF_SUBJECT = {"type": "person", "key": "staff_no", "idType": "staff_no"}


def payroll(**custom: object) -> dict:
    """Return a resource that copies the staff number and the name of hr.staff."""
    items = [
        key_item("line_no"),
        item("staff_no", "GH", custom={"derivedFrom": "hr.staff.staff_no", "authoritative": False}),
        item("name", "XM", custom={"derivedFrom": "hr.staff.name", "authoritative": False}),
        item("sex", "XB", custom={"authoritative": False}),
    ]
    return contract("hr.payroll", items, subject=STAFF_SUBJECT, **custom)


def catalog(**changes: object) -> Catalog:
    return catalog_of(campus({"resources/hr/payroll.odcs.yaml": payroll()} | changes))


def test_a_copied_key_is_a_reference_and_other_copies_are_joined_by_it():
    found = {one.item: one for one in copies(catalog()) if one.resource == "hr.payroll"}
    assert (found["staff_no"].how, found["staff_no"].is_declared) == ("reference", True)
    assert (found["name"].how, found["name"].key, found["name"].source_key) == ("key", "staff_no", "staff_no")
    assert found["name"].source_resource == "hr.staff"


def test_a_copy_that_names_no_source_is_found_by_its_element_for_each_source():
    found = [one for one in copies(catalog()) if (one.resource, one.item) == ("hr.payroll", "sex")]
    assert {(one.source_resource, one.how, one.is_declared) for one in found} == {
        ("hr.staff", "key", False),
        ("academic.students", "links", False),
    }


def test_what_is_asked_live_is_compared_with_nothing():
    systems = [
        {
            "system": "hr",
            "nameZh": "人事系统",
            "provider": "RS",
            "kind": "lookup",
            "base_url": "env:YICI_HR_URL",
        },
        {
            "system": "academic",
            "nameZh": "教务系统",
            "provider": "JW",
            "kind": "sqlite",
            "file": "env:YICI_A_FILE",
        },
    ]
    assert [one for one in copies(catalog(**{"systems.yaml": systems})) if "hr." in one.source_resource] == []


def measured(*compared: Compared) -> Measured:
    return Measured(release=1, at=datetime(2026, 11, 26, tzinfo=UTC), compared=compared)


def test_measured_differences_come_first_with_share_lag_and_orphans():
    figures = measured(
        Compared("hr.payroll", "name", "hr.staff", "name", 49, 18, behind=4, lag_days=12.5, orphans=2),
        Compared("hr.payroll", "staff_no", "hr.staff", "staff_no", 51, 0, orphans=2),
    )
    found = one_source(made.given(catalog(), figures))
    first, second, *rest = found.rows
    assert (first["state"], first["mismatch"], first["behind"], first["lagDays"], first["orphans"]) == (
        "与源不一致",
        "36.7%",
        4,
        "12.5",
        2,
    )
    assert (second["state"], second["orphans"]) == ("有孤儿行", 2)
    assert all(row["rows"] == "未测" for row in rest if row["copy"])
    assert found.summary["与源不一致"] == 1


def test_an_element_that_is_used_and_has_no_source_is_told_with_its_users():
    elements = (
        "code,nameZh,type,subjectType\nGH,工号,string,person\nXM,姓名,string,person\nNO,无主,string,person\n"
    )
    files = campus({"demands/d-001.yaml": demand(elements=["NO"]), "elements.csv": elements})
    (row,) = [row for row in one_source(made.given(catalog_of(files))).rows if row["element"] == "NO"]
    assert row["state"] == "无源而在用" and "需求 D-001" in row["why"]


def test_a_second_authoritative_claim_of_the_check_is_on_the_list():
    fault = Fault("resources/hr/a.odcs.yaml", 3, "C09", "element has a second item", "one only", "mend")
    found = one_source(Given(catalog(), made.ON, (fault,)))
    assert found.rows[0]["state"] == "声明冲突"
    assert found.summary["声明冲突"] == 1
