"""Personnel: a workbook and two GB 18030 files dropped every night, Chinese headings, words instead of codes.

People on secret duty stand in every list, under a mark of their own: whoever reads must leave them out.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from demo.drops import rewrite_csv, write_csv
from demo.systems import hr_posts, hr_workbook
from demo.systems.hr_morning import Morning, morning
from demo.target import Target

if TYPE_CHECKING:
    from demo.world import World

WORKBOOK, POSTS, APPRAISALS = "教职工信息.xlsx", "岗位聘任.csv", "年度考核.csv"
_ENCODING = "gb18030"


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
