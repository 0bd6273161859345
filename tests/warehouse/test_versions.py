"""However a table is compared and written, the same comes of it.

Large ones are compared by digest and loaded before they are indexed; a small extract is compared in PostgreSQL, and its
rows take the place of the old.
"""

from collections.abc import Callable

import pytest

from catalogs.model import Catalog
from connectors.base import Scope
from tests.support import campus
from tests.warehouse.test_kill import day
from warehouse import versions

PLACES = (
    "SELECT string_agg(staff_no || ' ' || (ctid::text::point)[0], ',' ORDER BY staff_no)"
    " FROM store.hr__staff WHERE _to IS NULL"
)
INDEXES = "SELECT string_agg(indexdef, ';' ORDER BY indexname) FROM pg_indexes WHERE tablename = 'hr__staff'"


def days() -> list[tuple[list[dict], Scope]]:
    """Full readings with rows that change, come, go and break the contract; then windows that say less."""
    full = [(day(n), Scope.full()) for n in range(3)]
    window = [campus.row(n, salary="9.00") for n in range(100, 130)] + [
        campus.row(9_000),
        campus.row(131, sex="?"),
    ]
    wide = [campus.row(n, salary="8.00") for n in range(200, 480)] + [campus.row(481, sex="?")]
    return [
        *full,
        (window, Scope.since("1", "2")),
        (window[:10], Scope.since("2", "3")),
        (wide, Scope.since("3", "4")),
        (day(3), Scope.full()),
    ]


# From how many rows on a table is large, up to which share a window is compared where the rows are stored, up to which
# new content takes the place of the old, and from which version on PostgreSQL is told to return what it replaced.
WAYS = (
    (1_000_000, 0.0, 0.0, 180_000),
    (0, 0.0, 0.05, 180_000),
    (0, 0.2, 0.05, 180_000),
    (0, 1.0, 1.0, 180_000),
    (0, 0.2, 0.05, 1_000_000),
)
HISTORY = """
SELECT md5(string_agg(concat_ws('|', staff_no, sex, salary, _state, _extract - extract, _last_extract - extract,
    _from - release, _to - release), ';' ORDER BY staff_no, _from))
FROM store.hr__staff, (SELECT min(_from) AS release, min(_extract) AS extract FROM store.hr__staff) begun
"""


@pytest.mark.parametrize("absence", ["end", "keep_as_former"])
def test_a_large_table_comes_to_what_a_small_one_comes_to(
    warehouse: Callable[[Catalog], campus.Warehouse], monkeypatch: pytest.MonkeyPatch, absence: str
):
    found = []
    house = warehouse(campus.catalog(absence=absence))
    for many, offered, room, returns_old in WAYS:
        monkeypatch.setattr(versions, "_MANY", many)
        monkeypatch.setattr(versions, "_OFFERED", offered)
        monkeypatch.setattr(versions, "_ROOM", room)
        monkeypatch.setattr(versions, "_RETURNS_OLD", returns_old)
        for rows, scope in days():
            house.land(rows, scope)
            house.release()
        found.append((house.digest(), house.scalar(HISTORY), house.scalar(INDEXES)))
        house.empty()
    assert all(one == found[0] for one in found)


def test_new_content_stands_where_the_old_stood_and_what_is_over_is_written_elsewhere(
    warehouse: Callable[[Catalog], campus.Warehouse],
):
    house = warehouse(campus.catalog())
    rows = [campus.row(n) for n in range(1, 1_000)]
    house.land(rows)
    house.release()
    before = house.scalar(PLACES)
    house.land([campus.row(n, salary="7.00") if n % 100 == 0 else row for n, row in enumerate(rows, 1)])
    house.release()
    assert house.scalar(PLACES) == before
    assert house.scalar("SELECT count(*) FROM store.hr__staff WHERE _to IS NOT NULL AND salary <> 7") == 9
    assert house.scalar("SELECT count(*) FROM store.hr__staff WHERE _to IS NULL AND salary = 7") == 9


def test_of_a_window_only_those_rows_are_written_that_differ(
    warehouse: Callable[[Catalog], campus.Warehouse],
):
    house = warehouse(campus.catalog())
    house.land([campus.row(n) for n in range(1, 1_000)])
    house.release()
    before = house.scalar(PLACES)
    window = [campus.row(n, salary="7.00") for n in range(100, 105)] + [
        campus.row(n) for n in range(105, 130)
    ]
    house.land(window, Scope.since("1", "2"))
    done = house.release()
    assert (done.inserted, done.ended) == (5, 5)
    assert house.scalar(PLACES) == before
    assert house.scalar("SELECT count(DISTINCT _extract) FROM store.hr__staff WHERE _to IS NULL") == 2
