"""How far the decision of a proposal is: a pure function of its route, what was decided, and the day.

Silence never grants: a step whose time is over stays open and may then be decided by the post it climbs to as well.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from catalogs.changes.approvals import DueStep, Route
from catalogs.model import Calendar

OPEN, DECIDED, REFUSED = "open", "decided", "refused"


@dataclass(frozen=True)
class Decision:
    """What one post said.

    Attributes:
        steps: places in the route's steps that it decides.
        person: who sat on the post, as the system knows them.
        on: the campus's day.
    """

    steps: tuple[int, ...]
    post: str
    person: str
    is_approval: bool
    on: date


@dataclass(frozen=True)
class Waiting:
    """A step that can be decided now.

    Attributes:
        place: in the route's steps.
        opened_on, due_on: days; due after the step's working days.
        posts: who may decide it today.
    """

    place: int
    step: DueStep
    opened_on: date
    due_on: date
    posts: tuple[str, ...]


@dataclass(frozen=True)
class Standing:
    """Where a proposal stands: open, decided or refused; what waits, and who is informed."""

    state: str
    waiting: tuple[Waiting, ...]
    informed: tuple[DueStep, ...]
    approved_by: tuple[str, ...]


class MayNotDecide(Exception):
    """A post, or a person, may not decide this now; nothing was recorded."""


def standing(
    route: Route, proposed_on: date, decisions: Sequence[Decision], today: date, calendar: Calendar
) -> Standing:
    """Return where a proposal stands.

    Args:
        route: what it needs.
        proposed_on: the day on which its first steps opened.
        decisions: in the order in which they were made.
        today: the campus's day.
        calendar: whose working days count.
    """
    informed = tuple(step for step in route.steps if step.limit_days == 0)
    approved_by = tuple(dict.fromkeys(one.post for one in decisions if one.is_approval))
    if route.refused or any(not one.is_approval for one in decisions):
        return Standing(REFUSED, (), informed, approved_by)
    done = {place: one.on for one in decisions for place in one.steps}
    waiting = []
    for place, step in enumerate(route.steps):
        if place in done or step.limit_days == 0:
            continue
        before = [
            other
            for other, one in enumerate(route.steps)
            if one.track == step.track and one.seq < step.seq and one.limit_days
        ]
        if all(other in done for other in before):
            opened = max([done[other] for other in before], default=proposed_on)
            due = calendar.add_working_days(opened, step.limit_days)
            climbs = step.escalate and today > due
            posts = (step.post, step.escalate) if climbs else (step.post,)
            waiting.append(Waiting(place, step, opened, due, posts))
    return Standing(OPEN if waiting else DECIDED, tuple(waiting), informed, approved_by)


def steps_of(
    route: Route, found: Standing, decisions: Iterable[Decision], post: str, person: str, author: str
) -> tuple[int, ...]:
    """Return the steps that a post decides now.

    Args:
        route: what the proposal needs.
        found: where it stands.
        decisions: made so far.
        post: who decides.
        person: who sits on the post.
        author: the person who proposed it.

    Raises:
        MayNotDecide: it is not this post's turn, or where two persons are needed, not this person's.
    """
    if found.state != OPEN:
        raise MayNotDecide(f"it is {found.state} already; nothing was recorded")
    places = tuple(one.place for one in found.waiting if post in one.posts)
    if not places:
        turn = ", ".join(dict.fromkeys(name for one in found.waiting for name in one.posts))
        raise MayNotDecide(f"it is not the turn of {post}; it waits for {turn}. Nothing was recorded")
    decided = {(route.steps[place].track, one.person) for one in decisions for place in one.steps}
    for place in places:
        step = route.steps[place]
        if step.two_persons and person == author:
            raise MayNotDecide(
                f"{step.track}: sensitive personal data is concerned, so nobody decides what they proposed; another"
                " person must. Nothing was recorded"
            )
        if step.two_persons and (step.track, person) in decided:
            raise MayNotDecide(
                f"{step.track}: sensitive personal data is concerned, so two persons decide, and this person has"
                " decided a step before. Nothing was recorded"
            )
    return places


def own_steps(route: Route, author_post: str) -> tuple[int, ...]:
    """Return the steps that proposing has taken: the author's own first one of a track that others decide after it."""
    last = {step.track: step.seq for step in sorted(route.steps, key=lambda one: one.seq) if step.limit_days}
    first = {
        step.track: step.seq for step in sorted(route.steps, key=lambda one: -one.seq) if step.limit_days
    }
    return tuple(
        place
        for place, step in enumerate(route.steps)
        if step.post == author_post
        and step.limit_days
        and not step.two_persons
        and first[step.track] == step.seq < last[step.track]
    )
