"""Made-up rows: of the form that the contract asks for, and the same whatever the warehouse holds."""

import pytest

from portal.specimens import ROWS, specimen_rows
from tests.support.reference import reference_campus


@pytest.fixture(scope="module")
def catalog():
    return reference_campus()


def test_every_item_of_every_resource_has_a_specimen_of_its_form(catalog):
    for resource in catalog.resources.values():
        rows = specimen_rows(catalog, resource.items)
        assert len(rows) == ROWS
        for row in rows:
            for item, value in zip(resource.items, row, strict=True):
                assert value, (resource.name, item.name)
                if item.code_table:
                    assert value.split(" ")[0] in catalog.codes[item.code_table].rows
                elif item.logical_type == "string" and not item.enum:
                    assert len(value) <= (item.max_length or len(value))
                    assert len(value) >= (item.min_length or 0) or item.business_name in value


def test_numbers_stay_within_their_bounds_and_days_are_days(catalog):
    for resource in catalog.resources.values():
        for row in specimen_rows(catalog, resource.items):
            for item, value in zip(resource.items, row, strict=True):
                if item.code_table or item.enum:
                    continue
                if item.logical_type in ("integer", "number"):
                    figure = float(value)
                    assert item.minimum is None or figure >= item.minimum, (resource.name, item.name)
                    assert item.maximum is None or figure <= item.maximum, (resource.name, item.name)
                elif item.logical_type == "date":
                    assert len(value) == len("2026-09-01")
