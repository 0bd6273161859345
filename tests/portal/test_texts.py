"""Every text of the portal, in both languages: the same things are filled in, and words fit the numbers beside them."""

import re
from string import Formatter

import pytest

from catalogs.counting import filled
from portal.texts import TEXTS, text
from portal.texts_catalog import PATTERNS
from portal.texts_lists import REASONS

# What a text fills in as words: a unit's name, a share or a mean as it is printed.
_WORDS = frozenset(("unit", "item", "share", "hours", "promised", "real", "never", "posts", "first", "last"))
_MEANS = frozenset((("reform.payments", "days"), ("reform.before_after", "after"), ("reform.lead", "once")))
# What may stand between a number and what it counts.
_BETWEEN = "code|corrected|form|granted|more|poor|service|working"
_COUNTED = re.compile(rf"\b1 (?:(?:{_BETWEEN}) )*([a-z]+)(?: ([a-z]+))?")
_SINGULAR = frozenset(("is", "was", "has", "waits", "needs", "visits", "access", "times"))
_SEVERAL = frozenset(("are", "were", "have", "wait"))


def _parts(told):
    return [(name, spec, kind) for _, name, spec, kind in Formatter().parse(told) if name]


def _counts(told):
    """Return what a text counts: what it puts in as a number, not by its name only."""
    return {name for name, spec, kind in _parts(told) if kind != "s" and not spec}


def _mismatched(told):
    """Return the words of several things that stand behind a 1, in a text of which every number is 1."""
    return [
        f"1 {word} {following}"
        for word, following in _COUNTED.findall(told)
        if word in _SEVERAL or following in _SEVERAL or (word.endswith("s") and word not in _SINGULAR)
    ]


@pytest.mark.parametrize("key", TEXTS)
def test_both_languages_fill_in_the_same(key):
    assert all(TEXTS[key])
    zh, en = ({name for name, _, _ in _parts(told)} for told in TEXTS[key])
    assert zh == en


@pytest.mark.parametrize("key", [key for key, told in TEXTS.items() if _counts(told[1])])
def test_one_thing_is_told_as_one(key):
    names = {name for name, _, _ in _parts(TEXTS[key][1])}
    told = {name: "X" if name in _WORDS or (key, name) in _MEANS else 1 for name in names}
    assert _mismatched(text(key, "en", **told)) == []


@pytest.mark.parametrize(
    "english", [english for pattern, english in (*PATTERNS, *REASONS) if r"(\d+)" in pattern.pattern]
)
def test_one_thing_of_the_catalog_is_told_as_one(english):
    assert _mismatched(filled(english, *["1"] * 5)) == []


@pytest.mark.parametrize("told", ["1 rows wait", "1 service items", "1 more are open", "in 1 working days"])
def test_the_judge_of_the_texts_hears_what_is_wrong(told):
    assert _mismatched(told)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_thousands_are_apart_in_figures_and_not_in_numbers_of_things(language):
    assert "12,345" in text("tickets.lead", language, n=12345, overdue=1)
    assert "12345" in text("ticket.title", language, n=12345)
