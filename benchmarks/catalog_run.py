"""How long check, lists and publication of a large catalog take: `make bench-catalog`.

Goals of the catalog at 1,000 resources of 40 items and 2,000 service items on two cores: check within 10 s, all lists
within 5 s, publication of two tiers, every guide printed anew, within 60 s.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import catalogs
from benchmarks.catalog import made_up
from catalogs.lists import derived_lists
from catalogs.publish import publish

DEFAULT_SIZE = (1000, 40, 2000)
T = TypeVar("T")


def _timed(name: str, goal_s: float, work: Callable[[], T]) -> T:
    started, worked = time.perf_counter(), time.process_time()
    result = work()
    took, cpu = time.perf_counter() - started, time.process_time() - worked
    print(f"{name:<22} {took:6.1f} s  (processor {cpu:6.1f} s)  goal {goal_s:.0f} s", flush=True)
    return result


def main(resources: int, items: int, services: int) -> None:
    """Measure one size and print a line per step.

    Args:
        resources: number of contracts.
        items: items of each.
        services: number of service items.
    """
    files = made_up(resources, items, services)
    print(f"{resources:,} resources × {items} items, {services:,} service items, {len(files):,} files")
    faults = _timed("check", 10, lambda: catalogs.check(files, processes=os.cpu_count() or 1))
    catalog = catalogs.load(files)
    _timed("lists", 5, lambda: derived_lists(catalog, faults))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "site"
        _timed("publish", 60, lambda: publish(catalog, out, faults=faults))
        written = [path for path in out.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in written)
        print(f"{len(written):,} files, {size / 1e6:,.0f} MB")
        _timed("publish, no change", 60, lambda: publish(catalog, out, faults=faults))


if __name__ == "__main__":
    given = tuple(map(int, sys.argv[1:]))
    main(*(given if len(given) == len(DEFAULT_SIZE) else DEFAULT_SIZE))
