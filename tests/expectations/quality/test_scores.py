"""Scores: what the formula promises, held against arbitrary findings and promises."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalogs.settings import ConfigurationError
from expectations.quality.scores import (
    CAMPUS,
    UNIT,
    Promise,
    score_campus,
    score_resource,
    share_on_time,
    with_points,
)
from expectations.quality.standing import ADMISSION, EXPECTATIONS, SUMMARY
from expectations.quality.terms import Terms, terms
from expectations.quality.words import DIMENSIONS, TOTAL, shown
from tests.expectations.quality.conftest import AT, catalog, state

TERMS = Terms()
JUDGED = frozenset({"conformity", "completeness", "accuracy"})


@st.composite
def rules(draw, resource: str = "hr.staff"):
    """Some rules of a resource, as they might stand."""
    found = []
    for number in range(draw(st.integers(0, 6))):
        total = draw(st.none() | st.integers(1, 10_000))
        failed = draw(st.integers(0, total or 5))
        found.append(
            state(
                resource=resource, stage=EXPECTATIONS, rule=f"rule-{number}",
                dimension=draw(st.sampled_from(DIMENSIONS)),
                severity=draw(st.sampled_from(("critical", "warning", "info"))),
                passed=draw(st.booleans()), rows_failed=failed, rows_total=total,
                inherited_from=draw(st.sampled_from(((), ("academic.students",)))),
            )
        )  # fmt: skip
    return found


# Of the seconds of some months, or of readings: no share is nearer to 1 than one part in ten million.
shares = st.builds(lambda kept, of: min(kept, of) / of, st.integers(0, 10**7), st.integers(1, 10**7))
promises = st.builds(Promise, on_time=st.none() | shares, read=st.none() | shares, rows=st.integers(0, 10**6))


def scored(states, promise=Promise(), judged=JUDGED):
    own = with_points({one.place: one for one in states}, TERMS)
    return {one.dimension: one for one in score_resource("hr.staff", own.values(), promise, judged)}


@settings(deadline=None)
@given(rules(), promises)
def test_every_score_lies_between_0_and_100_and_never_above_the_own_one(states, promise):
    for one in scored(states, promise).values():
        assert 0 <= one.score <= one.own <= 100


@settings(deadline=None)
@given(rules(), promises, st.integers(0, 5), st.integers(1, 1000))
def test_more_failing_rows_never_raise_a_score(states, promise, place, more):
    # A failed rule without a failing row is one over the whole and takes fixed points.
    failing = [one for one in states if not one.passed and one.rows_total and one.rows_failed]
    if not failing:
        return
    worse = failing[place % len(failing)]
    worsened = [replace(one, rows_failed=one.rows_failed + more) if one is worse else one for one in states]
    before, after = scored(states, promise), scored(worsened, promise)
    assert all(after[name].score <= before[name].score + 1e-9 for name in before)
    assert all(after[name].own <= before[name].own + 1e-9 for name in before)


@settings(deadline=None)
@given(rules(), promises)
def test_a_rule_that_begins_to_fail_never_raises_a_score(states, promise):
    passing = [one for one in states if one.passed]
    if not passing:
        return
    broken = [replace(one, passed=False) if one is passing[0] else one for one in states]
    before, after = scored(states, promise), scored(broken, promise)
    assert all(after[name].score <= before[name].score + 1e-9 for name in before)


@settings(deadline=None)
@given(rules(), promises)
def test_100_means_that_nothing_failed_and_every_promise_was_kept(states, promise):
    found = scored(states, promise)
    if found and found[TOTAL].score == 100:
        assert promise.on_time in (None, 1) and promise.read in (None, 1)
        assert not any(
            not one.passed and (one.rows_failed or not one.rows_total) and one.rule != "freshness"
            for one in states
        )


@settings(deadline=None)
@given(st.lists(rules(), min_size=1, max_size=4), promises)
def test_a_clean_resource_added_to_a_unit_never_lowers_its_score(groups, promise):
    names = [f"hr.r{number}" for number in range(len(groups))]
    each = [replace(one, resource=name) for name, own in zip(names, groups, strict=True) for one in own]
    states = with_points({one.place: one for one in each}, TERMS)

    def of_unit(kept: dict[str, Promise]) -> dict[str, float]:
        judged = dict.fromkeys(kept, JUDGED)
        told = score_campus("T", dict.fromkeys(kept, ("hr", "RS")), states, kept, judged)
        return {one.dimension: one.score for one in told if one.scope == UNIT}

    before = of_unit(dict.fromkeys(names, promise))
    after = of_unit(dict.fromkeys(names, promise) | {"hr.clean": Promise(1.0, 1.0, rows=100)})
    assert all(after[name] >= before[name] - 1e-9 for name in before)


def test_a_dimension_that_nothing_judged_has_no_score_rather_than_100():
    found = scored([state(dimension="conformity")], judged=frozenset())
    assert set(found) == {"conformity", TOTAL}
    assert scored([], judged=frozenset()) == {}


def test_admission_that_found_nothing_wrong_counts_as_judged():
    summary = state(rule=SUMMARY, stage=ADMISSION, passed=True, rows_failed=0)
    assert {name: one.score for name, one in scored([summary]).items()} == {
        "conformity": 100, "completeness": 100, "accuracy": 100, TOTAL: 100,
    }  # fmt: skip


def test_the_formula_is_what_it_says():
    found = scored(
        [
            state(rows_failed=10, rows_total=100),
            state(
                rule="volume", stage=EXPECTATIONS, dimension="completeness", rows_failed=1, rows_total=None
            ),
            state(
                rule="pending", stage=EXPECTATIONS, dimension="consistency", severity="info", rows_failed=50
            ),
        ],
        Promise(on_time=0.75, read=0.5),
    )
    assert {name: round(one.score, 6) for name, one in found.items() if name != TOTAL} == {
        "conformity": 90, "completeness": 80, "consistency": 90, "timeliness": 75, "accessibility": 50,
    }  # fmt: skip
    assert round(found[TOTAL].score, 6) == 77


def test_what_is_inherited_is_not_held_against_who_passes_it_on():
    inherited = state(rule="copied", inherited_from=("academic.students",), rows_failed=30)
    found = scored([state(rows_failed=10), inherited])
    assert (round(found["conformity"].score, 6), round(found["conformity"].own, 6)) == (60, 90)


def test_each_resource_counts_once_whatever_its_size():
    states = {one.place: one for one in [state(resource="a", rows_total=10, rows_failed=5)]}
    told = score_campus(
        "T", {"a": ("s", "U"), "b": ("s", "U")}, with_points(states, TERMS),
        {"a": Promise(rows=10), "b": Promise(rows=10**6)}, dict.fromkeys("b", frozenset({"conformity"})),
    )  # fmt: skip
    assert [one.score for one in told if one.scope == UNIT] == [50.0, 50.0]
    states = states | {s.place: s for s in [state(resource="b", rule=SUMMARY, passed=True)]}
    told = score_campus(
        "T", {"a": ("s", "U"), "b": ("s", "U")}, with_points(states, TERMS),
        {"a": Promise(rows=10), "b": Promise(rows=10**6)}, {"b": frozenset({"conformity"})},
    )  # fmt: skip
    assert [
        (one.score, one.rows) for one in told if one.scope == CAMPUS and one.dimension == "conformity"
    ] == [(75.0, 1_000_010)]


def test_what_is_not_wholly_clean_is_never_shown_as_100():
    assert shown(99.99999) == "99.9"
    assert shown(100.0) == "100.0"
    assert shown(None) == "–"


def test_promptness_is_the_share_of_time_inside_the_promise():
    start, promise = AT - timedelta(days=10), timedelta(hours=30)
    daily = [start + timedelta(days=n) for n in range(10)]
    assert share_on_time(daily, promise, start, AT) == 1.0
    missed = [one for n, one in enumerate(daily) if n not in (4, 5)]
    assert share_on_time(missed, promise, start, AT) == pytest.approx(1 - 42 / 240)
    assert share_on_time([], promise, start, AT) is None
    assert share_on_time([start - timedelta(days=40)], promise, start, AT) == 0.0


@pytest.mark.parametrize(
    ("quality", "named"),
    [
        ("{mendDay: 3}", "quality.mendDay"),
        ("{mendDays: {severe: 3}}", "quality.mendDays"),
        ("{mendDays: {critical: soon}}", "quality.mendDays.critical"),
        ("{goodFrom: -1}", "quality.goodFrom"),
        ('{reviewers: ["张三"]}', "quality.reviewers"),
        ("[1]", "campus.yaml: quality"),
    ],
)
def test_terms_that_cannot_be_read_name_the_key(quality, named):
    with pytest.raises(ConfigurationError) as caught:
        terms(catalog(quality))
    assert named in str(caught.value)


def test_terms_of_the_campus_replace_the_defaults():
    found = terms(
        catalog('{mendDays: {warning: 3}, mailDomain: "t.example", addresses: {"post:a": "b@c.example"}}')
    )
    assert (found.mend_days["warning"], found.mend_days["critical"]) == (3, 1)
    assert (found.address("post:hr-steward"), found.address("post:a")) == (
        "hr-steward@t.example",
        "b@c.example",
    )
