"""By how much a contract's version rises."""

import copy

import pytest

from catalogs.changes.contract_versions import MAJOR, MINOR, PATCH, is_lower, raised, version_class
from catalogs.changes.edits import Edit, edits_between
from tests.catalogs import small
from tests.catalogs.small import item, props


def changed(change) -> tuple[Edit, ...]:
    """Return the edits of the staff's contract that a function makes in place."""
    old = small.staff()
    new = copy.deepcopy(old)
    change(new)
    return edits_between({small.STAFF: small.as_bytes(old)}, {small.STAFF: small.as_bytes(new)})


def items(contract):
    return contract["schema"][0]["properties"]


def of_contract(name, value):
    def change(contract):
        kept = [one for one in contract["customProperties"] if one["property"] != name]
        contract["customProperties"] = kept + props(**{name: value})

    return change


CASES = {
    "a text": (PATCH, lambda one: one["description"].update(purpose="别的话")),
    "a name": (PATCH, lambda one: items(one)[1].update(businessName="姓名")),
    "a date of publication": (PATCH, of_contract("publishedOn", "2027-01-01")),
    "a contact": (PATCH, lambda one: one.update(team={"name": "人事处"})),
    "the order of items": (PATCH, lambda one: items(one).reverse()),
    "a new item": (MINOR, lambda one: items(one).append(item("email"))),
    "another rule": (
        MINOR,
        lambda one: one["schema"][0]["quality"].append(small.row_rule("r2", "name = ''")),
    ),
    "another cycle": (MINOR, of_contract("updateCycle", "weekly")),
    "now always there": (MINOR, lambda one: items(one)[3].update(required=True)),
    "an item gone": (MAJOR, lambda one: items(one).pop(3)),
    "an item renamed": (MAJOR, lambda one: items(one)[3].update(name="birth_date")),
    "another type": (MAJOR, lambda one: items(one)[3].update(logicalType="string")),
    "no longer always there": (MAJOR, lambda one: items(one)[1].update(required=False)),
    "other codes": (MAJOR, lambda one: items(one)[2]["customProperties"][1]["value"].update(男="2")),
    "another mask": (MAJOR, lambda one: items(one)[4]["customProperties"][1].update(value="keep:1,1")),
    "sharing taken back": (MAJOR, of_contract("shareType", "none")),
    "retired": (MAJOR, lambda one: one.update(status="retired")),
    "another meaning of absence": (
        MAJOR,
        of_contract("ingest", {"mode": "full", "onAbsence": "end", "exclude": "涉密 = '1'"}),
    ),
    "several": (MAJOR, lambda one: (items(one).pop(3), one["description"].update(purpose="别的话"))),
}


@pytest.mark.parametrize("case", CASES)
def test_the_class_of_a_change(case):
    expected, change = CASES[case]
    assert version_class(changed(change)) == expected


def test_sharing_more_widely_is_minor():
    old = Edit(small.STAFF, "", "customProperties[shareType].value", "conditional", "unconditional")
    assert version_class([old]) == MINOR


def test_the_version_itself_counts_nothing():
    assert version_class([Edit(small.STAFF, "", "version", "1.0.0", "9.0.0")]) == PATCH


@pytest.mark.parametrize(
    ("version", "by", "expected"),
    [
        ("1.2.3", PATCH, "1.2.4"),
        ("1.2.3", MINOR, "1.3.0"),
        ("1.2.3", MAJOR, "2.0.0"),
        ("spring", MAJOR, "spring"),
    ],
)
def test_versions_rise(version, by, expected):
    assert raised(version, by) == expected


def test_versions_compare_as_numbers():
    assert is_lower("1.9.0", "1.10.0") and not is_lower("2.0.0", "1.10.0") and not is_lower("x", "1.0.0")
