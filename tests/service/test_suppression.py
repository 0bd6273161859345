"""Small cells, against somebody who solves for them with all that is shown."""

import itertools
import random
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.suppression import MAX_CELLS, TooFine, protect

DIMENSIONS = ("sex", "unit", "state")
ALL = [tuple(c) for size in (1, 2, 3) for c in itertools.combinations(DIMENSIONS, size)]


def attacked(dimensions, people, found) -> dict:
    """Return the hidden cells whose count follows from the shown ones, and what it is (exact elimination)."""
    combinations = list(people)

    def row(cell):
        table, values = cell
        named = dict(zip(table, values, strict=True))
        return [
            float(all(dict(zip(dimensions, one, strict=True))[name] == named[name] for name in table))
            for one in combinations
        ]

    shown = np.array([row(cell) for cell in found.counts if cell not in found.hidden])
    if not len(shown):
        return {}
    rank = np.linalg.matrix_rank(shown)
    told = np.array([found.counts[cell] for cell in found.counts if cell not in found.hidden], dtype=float)
    solved = {}
    for cell in found.hidden:
        wanted = np.array(row(cell))
        if np.linalg.matrix_rank(np.vstack([shown, wanted])) == rank:
            shares = np.linalg.lstsq(shown.T, wanted, rcond=None)[0]
            solved[cell] = round(float(shares @ told))
    return solved


def test_what_is_small_is_hidden_and_what_would_tell_it_too():
    people = {("f", "A", "x"): 40, ("f", "B", "x"): 3, ("m", "A", "x"): 50, ("m", "B", "x"): 60}
    found = protect(DIMENSIONS, people, [("sex",), ("unit",), ("sex", "unit")], 10)
    assert (("sex", "unit"), ("f", "B")) in found.hidden
    assert attacked(DIMENSIONS, people, found) == {}
    assert found.counts[(), ()] == 153
    assert ((), ()) not in found.hidden


def test_without_the_second_step_the_attacker_succeeds():
    people = {("f", "A", "x"): 40, ("f", "B", "x"): 3, ("m", "A", "x"): 50, ("m", "B", "x"): 60}
    found = protect(DIMENSIONS, people, [("sex",), ("unit",), ("sex", "unit")], 10)
    only_small = type(found)(found.counts, frozenset(c for c, n in found.counts.items() if n < 10))
    assert attacked(DIMENSIONS, people, only_small) == {(("sex", "unit"), ("f", "B")): 3}


def test_a_rest_of_few_people_is_not_left_over_either():
    people = {("f", "A", "x"): 3, ("f", "B", "x"): 4, ("f", "C", "x"): 50, ("f", "D", "x"): 60}
    found = protect(DIMENSIONS, people, [("unit",)], 10)
    rest = [found.counts[cell] for cell in found.hidden if cell[0] == ("unit",)]
    assert sum(rest) >= 10 and len(rest) == 3


def test_where_nothing_is_small_nothing_is_hidden():
    people = {(sex, unit, "x"): 10 for sex in "fm" for unit in "ABC"}
    assert protect(DIMENSIONS, people, ALL, 10).hidden == frozenset()


def test_fewer_people_than_the_threshold_are_not_even_counted():
    found = protect(DIMENSIONS, {("f", "A", "x"): 9}, ALL, 10)
    assert set(found.counts) == found.hidden


def test_more_cells_than_can_be_protected_are_refused():
    people = {("f", str(n), "x"): 20 for n in range(MAX_CELLS + 1)}
    with pytest.raises(TooFine):
        protect(DIMENSIONS, people, [("unit",)], 10)


_TABLES = st.lists(st.sampled_from(ALL), min_size=1, max_size=5, unique=True)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.tuples(st.sampled_from("fm"), st.sampled_from("ABCD"), st.sampled_from("xyz")),
        st.integers(1, 40),
        min_size=1,
        max_size=24,
    ),
    _TABLES,
    st.integers(2, 15),
)
def test_no_hidden_cell_follows_from_all_that_is_shown(people, tables, threshold):
    found = protect(DIMENSIONS, people, tables, threshold)
    assert {cell for cell, count in found.counts.items() if count < threshold} <= found.hidden
    assert attacked(DIMENSIONS, people, found) == {}


def test_a_campus_of_forty_thousand_is_protected_in_seconds():
    rng = random.Random(1)
    people: dict = {}
    for _ in range(40_000):
        key = (rng.choice("fm"), f"U{int(rng.paretovariate(1)) % 40}", rng.choice("abcdefg"))
        people[key] = people.get(key, 0) + 1
    started = time.process_time()
    found = protect(DIMENSIONS, people, [("sex", "unit"), ("unit", "state")], 10)
    assert time.process_time() - started < 30
    assert 0 < len(found.hidden) < len(found.counts) / 2
