"""How far the distribution of an item may move, as its contract says it."""

import pytest

import catalogs
from catalogs.model import Shift
from tests.catalogs.small import STAFF, campus, item, staff


def staff_with(shift: object) -> dict[str, bytes]:
    """Return the small campus whose staff have an item with this `shift`."""
    doc = staff()
    doc["schema"][0]["properties"].append(item("unit", custom={"shift": shift}))
    return campus({STAFF: doc})


def test_an_item_says_how_far_it_may_move_and_the_others_move_as_usual():
    resource = catalogs.load(staff_with({"most": 0.3, "severity": "critical"})).resources["hr.staff"]
    assert resource.item("unit").shift == Shift(0.3, "critical")
    assert resource.item("sex").shift is None
    severe_only = catalogs.load(staff_with({"most": 0.5})).resources["hr.staff"]
    assert severe_only.item("unit").shift == Shift(0.5, "warning")


@pytest.mark.parametrize(
    ("shift", "rule"),
    [({"most": 3}, "V03"), ({"most": 0.1, "severity": "error"}, "V03"), ({"least": 0.1}, "V02")],
)
def test_a_shift_that_means_nothing_is_an_error_at_its_line(shift, rule):
    files = staff_with(shift)
    (fault,) = catalogs.check(files)
    assert (fault.rule, fault.severity, fault.file) == (rule, "error", STAFF)
    lines = files[STAFF].decode().splitlines()
    (begins,) = (number for number, line in enumerate(lines, start=1) if '"shift"' in line)
    assert begins < fault.line <= begins + 3
