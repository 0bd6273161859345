"""The shipped campus keeps every rule."""

import catalogs
from catalogs.settings import DEFAULT_CAMPUS


def test_the_shipped_campus_has_no_fault():
    errors = [fault for fault in catalogs.check(DEFAULT_CAMPUS) if fault.severity == "error"]
    assert errors == [], "\n".join(map(str, errors))
