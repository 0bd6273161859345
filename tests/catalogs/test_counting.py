"""How many of something: the word fits the number, thousands are apart, and what only names something is as it is."""

import pytest

from catalogs.counting import counted, filled


@pytest.mark.parametrize(
    ("told", "number"), [("0 rows", 0), ("1 row", 1), ("2 rows", 2), ("1,000 rows", 1000), ("-1 rows", -1)]
)
def test_a_number_has_its_word(told, number):
    assert counted(number, "row") == told
    assert filled("{n} {n:row|rows}", n=number) == told


def test_a_word_may_have_a_plural_of_its_own_and_a_verb():
    assert counted(2, "duty", "duties") == "2 duties"
    assert [filled("{0} {0:duty is|duties are}", n) for n in (1, 7)] == ["1 duty is", "7 duties are"]


def test_a_count_that_was_read_from_a_text_has_its_word_too():
    assert [filled("{0} {0:day|days}", n) for n in ("1", "10")] == ["1 day", "10 days"]


def test_what_only_names_something_has_no_thousands():
    assert (
        filled("version {n!s} of {year!s}: {rows}", n=1200, year=2026, rows=1200)
        == "version 1200 of 2026: 1,200"
    )


def test_other_values_and_their_formats_stay_as_python_has_them():
    assert filled("{a} {b:.1f} {c:>3}", a="x{y}", b=2.25, c="z") == "x{y} 2.2   z"


def test_what_is_not_given_is_missed():
    with pytest.raises(KeyError):
        filled("{n}")
