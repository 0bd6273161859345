"""Derived lists tell of no few people: neither in a count, nor by what stands beside it or sums it up."""

import json
from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from catalogs.lists.all import derived_list, derived_lists
from catalogs.lists.measured import CaseCount, HandedIn, Measured, Span
from catalogs.lists.restraint import restrained
from catalogs.small_cells import NOT_TOLD, hidden, hidden_parts
from tests.catalogs import small
from tests.catalogs.lists.made import ON, catalog_of

LEAST = 5
CAMPUS = {
    "code": "DEMO",
    "nameZh": "示例大学",
    "timeZone": "Asia/Shanghai",
    "thresholds": {"smallCell": LEAST},
}
SPAN = Span("2025", date(2025, 1, 1), date(2025, 12, 31))


def catalog():
    return catalog_of(small.campus({"campus.yaml": CAMPUS}))


def measured(cases: int, handed: int = 0, is_spared: int = 0, **counted) -> Measured:
    count = CaseCount("RS-001", SPAN.name, cases, **counted)
    return Measured(
        1,
        datetime(2026, 11, 26, tzinfo=UTC),
        (SPAN,),
        (count,),
        {"RS-001": cases},
        (HandedIn("RS-001", "M-ID", handed, is_spared),),
    )


def told(name: str, figures: Measured):
    return derived_list(name, catalog(), (), figures, ON)


def row_of(name: str, figures: Measured):
    return next(row for row in told(name, figures).rows if row.get("material") == "M-ID")


def test_no_list_differs_by_how_few_the_cases_of_a_service_item_are():
    def lists_of(cases: int):
        few = measured(
            cases, handed=cases, closed=cases, late=1, days=cases, visits_over=1, most_visits=cases
        )
        return derived_lists(catalog(), (), few, ON)

    assert lists_of(LEAST - 1) == lists_of(LEAST - 3)
    row = row_of("spared_materials", measured(LEAST - 1))
    assert (row["cases"], row["handed"]) == (NOT_TOLD, 0)
    assert row_of("spared_materials", measured(LEAST))["cases"] == LEAST
    rows = [
        row for row in told("promises", measured(LEAST - 1, visits_over=1)).rows if row["code"] == "RS-001"
    ]
    assert {row["observed"] for row in rows} == {NOT_TOLD}


@pytest.mark.parametrize(
    ("handed", "is_spared", "shown"),
    [
        (100, 100, (100, 100)),
        (199, 1, (NOT_TOLD, NOT_TOLD)),
        (3, 197, (NOT_TOLD, NOT_TOLD)),
        (0, 200, (0, 200)),
    ],
)
def test_materials_beside_the_number_of_cases_tell_of_no_few(handed, is_spared, shown):
    row = row_of("spared_materials", measured(200, handed, is_spared))
    assert (row["cases"], row["handed"], row["spared"]) == (200, *shown)


@pytest.mark.parametrize(
    ("late", "kept", "verdict"),
    [(0, "100%", "守诺"), (50, "75%", "失诺"), (1, NOT_TOLD, "失诺"), (199, NOT_TOLD, "失诺")],
)
def test_a_promise_that_few_cases_broke_is_broken_and_not_counted(late, kept, verdict):
    figures = measured(200, closed=200, late=late, days=3.0, visits_over=late, most_visits=7)
    rows = [row for row in told("promises", figures).rows if row["code"] == "RS-001"]
    assert [(row["kept"], row["verdict"]) for row in rows] == [(kept, verdict)] * 2
    if kept == NOT_TOLD:
        assert not any(f"{number} 件" in row["why"] for row in rows for number in (late, 200 - late))
        assert not any("7 次" in str(row.values()) for row in rows), "the most visits are those of one case"


def test_one_period_of_few_cases_is_not_the_rest_of_the_year():
    spans = tuple(
        Span(f"2025-{month:02}", date(2025, month, 1), date(2025, month, 28)) for month in (1, 2, 3)
    )
    counts = tuple(
        CaseCount("RS-001", span.name, cases) for span, cases in zip(spans, (60, 3, 40), strict=True)
    )
    found = restrained(Measured(1, datetime(2026, 1, 1, tzinfo=UTC), spans, counts, {"RS-001": 103}), LEAST)
    assert [one.cases for one in found.cases] == [60]
    assert found.year == {"RS-001": 103}


@drawn(st.dictionaries(st.integers(), st.integers(0, 60), max_size=12), st.integers(1, 20))
def test_what_is_hidden_is_never_one_alone_nor_too_few_unless_all_is(counts, least):
    found = hidden(counts, least)
    gone = [counts[one] for one in found]
    assert all(one in found for one, count in counts.items() if 0 < count < least)
    if gone and any(count for one, count in counts.items() if one not in found):
        assert len(gone) > 1 and sum(gone) >= least


@drawn(
    st.integers(1, 5).flatmap(
        lambda width: st.lists(
            st.lists(st.sampled_from((0, 1, 2, 4, 8, 9, 30)), min_size=width, max_size=width),
            min_size=1,
            max_size=6,
        )
    )
)
def test_no_sum_of_rows_and_columns_gives_a_hidden_part_back(table):
    rows = [{f"p{place}": count for place, count in enumerate(row)} for row in table]
    already = {place for place, row in enumerate(table) if 0 < sum(row) < LEAST}
    gone = [
        (place, part) for place, own in enumerate(hidden_parts(rows, LEAST, already)) for part in sorted(own)
    ]
    for place, row in enumerate(rows):
        assert all(
            (place, part) in gone for part, count in row.items() if 0 < count < LEAST or place in already
        )
    known = [
        *([cell[0] == place for cell in gone] for place in range(len(rows)) if place not in already),
        # a column of which only one row has any is told by its own sum
        *([cell[1] == part for cell in gone] for part in rows[0] if sum(bool(row[part]) for row in rows) > 1),
    ]
    sums = np.array(known, dtype=float).reshape(len(known), len(gone))
    for number, (place, part) in enumerate(gone):
        unit = np.eye(len(gone))[number]
        is_told = np.linalg.matrix_rank(np.vstack([sums, unit])) == np.linalg.matrix_rank(sums)
        beside = [
            count
            for other, row in enumerate(rows)
            for one, count in row.items()
            if (other, one) not in gone and (one == part or (other == place and place not in already))
        ]
        assert not (is_told and rows[place][part] and any(beside)), (table, place, part)


def test_what_the_lists_hold_can_be_written_as_json():
    for one in derived_lists(catalog(), (), measured(200, 199, 1), ON):
        json.dumps([dict(row) for row in one.rows])
