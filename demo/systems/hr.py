"""Personnel: a workbook and two GB 18030 files dropped every night, Chinese headings, words instead of codes.

People on secret duty stand in every list, under a mark of their own: whoever reads must leave them out.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from demo.drops import rewrite_csv, write_csv
from demo.roll import dice
from demo.systems import hr_posts, hr_workbook
from demo.target import Target, campus_day

if TYPE_CHECKING:
    from demo.world import World
    from demo.world_staff import Staff

WORKBOOK, POSTS, APPRAISALS = "教职工信息.xlsx", "岗位聘任.csv", "年度考核.csv"
_ENCODING = "gb18030"


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


def build(world: "World", target: Target) -> dict[str, int]:
    """Write the files of the first morning; returns rows per sheet or file."""
    folder = target.folder("hr")
    target.env.set_system("hr", drop=folder)
    hr_workbook.tell_faults(world)
    hr_posts.tell_faults(world)
    now = morning(world, 0)
    return hr_workbook.write(folder / WORKBOOK, now) | _write_files(folder, now, write_csv)


def advance(world: "World", target: Target, day: int) -> dict[str, int]:
    """Write the files of another morning over the earlier ones; returns the rows that were not there before."""
    folder, before, now = target.folder("hr"), morning(world, day - 1), morning(world, day)
    hr_workbook.write(folder / WORKBOOK, now)
    changed = {
        "在册": sum(before.members.get(number) != member for number, member in now.members.items()),
        "专业技术职务": sum(map(len, now.promoted.values())) - sum(map(len, before.promoted.values())),
    }
    return changed | _write_files(folder, now, rewrite_csv)


def _write_files(folder: Path, now: Morning, write: Callable[..., int]) -> dict[str, int]:
    return {
        "岗位聘任": write(folder / POSTS, hr_posts.POST_HEADINGS, hr_posts.posts(now), _ENCODING),
        "年度考核": write(
            folder / APPRAISALS, hr_posts.APPRAISAL_HEADINGS, hr_posts.appraisals(now), _ENCODING
        ),
    }


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
