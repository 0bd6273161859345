"""The catalog that checks, lists and exports are measured on is a right one, whatever its size."""

import time
from datetime import date

import pytest

import catalogs
from benchmarks.catalog import made_up

ON = date(2026, 10, 20)


@pytest.mark.parametrize(("resources", "items", "services"), [(1, 24, 3), (7, 30, 40), (25, 40, 60)])
def test_it_passes_the_check_without_a_fault_or_a_warning(resources, items, services):
    files = made_up(resources, items, services)
    assert catalogs.check(files, ON) == []
    loaded = catalogs.load(files)
    assert len(loaded.resources) == resources and len(loaded.services) == services
    assert {len(one.items) for one in loaded.resources.values()} == {items}
    assert files == made_up(resources, items, services)


def test_a_tenth_of_the_size_that_is_promised_is_checked_in_a_fraction_of_its_time():
    files = made_up(100, 40, 200)
    started = time.process_time()
    assert catalogs.check(files, ON) == []
    assert time.process_time() - started < 4
