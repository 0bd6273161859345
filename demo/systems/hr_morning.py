"""What personnel knows on the morning of a campus day: the truth of the first day and what days since have done."""

from dataclasses import dataclass, field, replace
from datetime import date
from random import Random
from typing import TYPE_CHECKING

from demo.roll import dice
from demo.target import campus_day

if TYPE_CHECKING:
    from demo.world import World
    from demo.world_staff import Staff


@dataclass
class Morning:
    """Who is listed on the morning of a campus day, and what has happened to them since the first.

    Attributes:
        world: the truth of the first day.
        day: campus day.
        members: listed staff as they are now, by number.
        promoted: staff number → (title, day of promotion), in order.
        named: staff number → days on which the person was named to a further post.
    """

    world: "World"
    day: int
    members: dict[str, "Staff"]
    promoted: dict[str, list[tuple[str, date]]] = field(default_factory=dict)
    named: dict[str, list[date]] = field(default_factory=dict)


def morning(world: "World", day: int) -> Morning:
    """Return what personnel knows on the morning of a campus day, as the days since the first have left it."""
    found = Morning(world, day, {m.staff_no: m for m in world.staff if m.listed(campus_day(day))})
    for passed in range(1, day + 1):
        for change in world.changes(passed):
            member = found.members.get(change.number) if change.role == "staff" else None
            if member is None:
                continue
            if change.kind == "phone":
                member = replace(member, person=replace(member.person, phone=change.value))
            elif change.kind == "retire":
                member = replace(member, status="02")
            elif change.kind == "title" and member.title != change.value:
                member = replace(member, title=change.value, titled_on=change.on)
                found.promoted.setdefault(change.number, []).append((change.value, change.on))
            found.members[change.number] = member
        _name_to_posts(found, campus_day(passed - 1), dice(world.seed, "hr", "named", passed))
    return found


def _name_to_posts(found: Morning, on: date, random: Random) -> None:
    """On some workdays a few teachers are named to a further post."""
    if on.weekday() > 4 or random.random() < 0.4:
        return
    able = [m.staff_no for m in found.members.values() if m.category == "10" and m.status == "01"]
    for number in random.sample(able, max(1, len(able) // 1500)):
        found.named.setdefault(number, []).append(on)
