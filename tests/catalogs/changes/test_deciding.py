"""Deciding: in order, in time, by whom; silence climbs and never grants."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalogs.changes.approvals import DueStep, Route
from catalogs.changes.deciding import (
    DECIDED,
    OPEN,
    REFUSED,
    Decision,
    MayNotDecide,
    own_steps,
    standing,
    steps_of,
)
from catalogs.model import Calendar

MONDAY = date(2026, 3, 2)
FIRST = DueStep("contract a", 1, "RS", "post:a", "起草", 2, "post:boss")
SECOND = DueStep("contract a", 2, "XXB", "post:b", "审核", 3)
TOLD = DueStep("contract a", 3, "CW", "post:c", "知悉", 0)
OTHER = DueStep("register x", 1, "XXB", "post:b", "登记", 3)
ROUTE = Route((FIRST, SECOND, TOLD, OTHER))
CALENDAR = Calendar()


def said(*steps: int, post: str = "post:a", person: str = "甲", approve: bool = True) -> Decision:
    return Decision(steps, post, person, approve, MONDAY)


def at(decisions=(), today: date = MONDAY, route: Route = ROUTE):
    return standing(route, MONDAY, list(decisions), today, CALENDAR)


def test_steps_of_a_track_follow_each_other_and_tracks_do_not_wait():
    assert [one.step for one in at().waiting] == [FIRST, OTHER]
    assert [one.step for one in at([said(0)]).waiting] == [SECOND, OTHER]


def test_a_post_that_is_informed_is_waited_for_by_nobody():
    assert at([said(0), said(1, 3, post="post:b")]).state == DECIDED
    assert at().informed == (TOLD,)


def test_a_step_is_due_after_its_working_days():
    assert [one.due_on for one in at().waiting] == [date(2026, 3, 4), date(2026, 3, 5)]


def test_silence_climbs_to_the_post_above_and_the_step_stays_open():
    late = at(today=date(2026, 3, 5))
    assert late.state == OPEN
    assert [one.posts for one in late.waiting] == [("post:a", "post:boss"), ("post:b",)]
    assert steps_of(ROUTE, late, [], "post:boss", "乙", "甲") == (0,)


def test_one_refusal_refuses():
    assert at([said(0, approve=False)]).state == REFUSED


def test_a_post_decides_only_when_it_is_its_turn():
    with pytest.raises(MayNotDecide, match="post:a, post:b"):
        steps_of(ROUTE, at(), [], "post:c", "乙", "甲")
    assert steps_of(ROUTE, at([said(0)]), [said(0)], "post:b", "乙", "甲") == (1, 3)


def test_the_author_may_decide_their_own_change_where_one_person_is_enough():
    assert steps_of(ROUTE, at(), [], "post:a", "甲", "甲") == (0,)


def test_nobody_decides_their_own_change_or_twice_where_two_persons_are_needed():
    two = Route(tuple(replace(step, two_persons=True) for step in ROUTE.steps))
    with pytest.raises(MayNotDecide, match="what they proposed"):
        steps_of(two, at(route=two), [], "post:a", "甲", "甲")
    decisions = [said(0, person="乙")]
    with pytest.raises(MayNotDecide, match="two persons"):
        steps_of(two, at(decisions, route=two), decisions, "post:b", "乙", "甲")
    assert steps_of(two, at(decisions, route=two), decisions, "post:b", "丙", "甲") == (1, 3)


def test_proposing_is_the_authors_own_first_step_unless_it_is_the_only_one():
    assert own_steps(ROUTE, "post:a") == (0,)
    assert own_steps(ROUTE, "post:b") == ()
    assert own_steps(Route(tuple(replace(one, two_persons=True) for one in ROUTE.steps)), "post:a") == ()


@given(
    st.lists(st.builds(DueStep, st.sampled_from(["t", "u"]), st.integers(1, 3), st.just("U"),
                       st.sampled_from(["post:a", "post:b"]), st.just("决定"), st.integers(0, 5),
                       st.sampled_from(["", "post:boss"])), max_size=6, unique=True),
    st.lists(st.integers(0, 5), max_size=5, unique=True),
    st.integers(0, 400),
)  # fmt: skip
def test_however_long_nobody_speaks_nothing_is_granted(steps, done, days):
    route = Route(tuple(steps))
    done = [place for place in done if place < len(steps)]
    decisions = [said(place) for place in done]
    needed = {place for place, step in enumerate(steps) if step.limit_days}
    now = at(decisions, MONDAY, route)
    assert (now.state == DECIDED) == (needed <= set(done))
    assert at(decisions, MONDAY + timedelta(days=days), route).state == now.state
