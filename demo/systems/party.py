"""Party affairs: registers of whoever has applied, is on the way, or belongs; three files in UTF-8 with a mark.

A person stands in the register of one branch: staff who also study here stand among staff. People on secret
duty stand there too, under a mark of their own.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import TYPE_CHECKING

from demo.drops import day_text, rewrite_csv, steady, write_csv
from demo.roll import dice
from demo.target import FIRST_DAY, Target, campus_day
from demo.world_campus import UNITS

if TYPE_CHECKING:
    from demo.world import World
    from demo.world_people import Person

STUDENTS, GRADUATES, STAFF = "本科生党员发展.csv", "研究生党员发展.csv", "教职工党员.csv"
HEADINGS = (
    "编号", "姓名", "党支部", "发展阶段", "申请入党日期", "确定积极分子日期", "确定发展对象日期", "入党日期",
    "转正日期", "党课结业", "党费缴清", "涉密人员标志",
)  # fmt: skip
RESOURCES = {STUDENTS: "student_stages", GRADUATES: "graduate_stages", STAFF: "staff_stages"}
_STAGES = {"1": "入党申请人", "2": "积极分子", "3": "发展对象", "4": "预备党员", "5": "正式党员"}
_BRANCHES = 3
# Days at least between the steps: an activist is watched for a year, a probationer for another.
_HEARD, _WATCHED, _EXAMINED, _PROBATION = 60, 365, 60, 365


@dataclass(frozen=True)
class Entry:
    """Somebody whom the register may list: number, person, and which branch they would belong to."""

    number: str
    person: "Person"
    branch: str
    is_secret: bool = False


@dataclass(frozen=True)
class Way:
    """How far somebody has come, and the days of the steps taken: applied, activist, candidate, admitted, full."""

    stage: str
    days: tuple[date, ...]
    dues_paid: bool | None
    took_course: bool


def build(world: "World", target: Target) -> dict[str, int]:
    """Write the files of the first morning; returns rows per file."""
    target.env.set_system("party", drop=target.folder("party"))
    for name, (unknown, hasty) in _wrong(world).items():
        world.fault(f"party.{RESOURCES[name]}", unknown, "a stage there is no code for")
        world.fault(f"party.{RESOURCES[name]}", hasty, "full member before having applied")
    return _write(world, target, 0, write_csv)


def advance(world: "World", target: Target, day: int) -> dict[str, int]:
    """Write the files of another morning over the earlier ones; returns the lines that were not there before."""
    return _write(world, target, day, rewrite_csv)


def _write(world: "World", target: Target, day: int, write: Callable[..., int]) -> dict[str, int]:
    folder = target.folder("party")
    return {
        name: write(folder / name, HEADINGS, _lines(world, name, wrong, day), "utf-8-sig")
        for name, wrong in _wrong(world).items()
    }


def _lines(world: "World", name: str, wrong: tuple[str, str], day: int) -> Iterator[tuple[str, ...]]:
    for entry in _entries(world, name, campus_day(day)):
        way = way_of(entry.person, world.seed, day)
        if way is None:
            continue
        line = _line(entry, way)
        if entry.number == wrong[0]:
            line = (*line[:3], "考察对象", *line[4:])
        elif entry.number == wrong[1]:
            line = (*line[:8], "2001-07-01", *line[9:])
        yield line


def _wrong(world: "World") -> dict[str, tuple[str, str]]:
    """Return, per file, the numbers of two full members who stay and whose lines are wrong."""
    pupils, scholars, members = (
        steady(world, [one for one in people if _is_full(one.person, world.seed)], 2)
        for people in (world.undergraduates, world.graduates, world.staff)
    )
    return {
        STUDENTS: (pupils[0].student_no, pupils[1].student_no),
        GRADUATES: (scholars[0].student_no, scholars[1].student_no),
        STAFF: (members[0].staff_no, members[1].staff_no),
    }


def _is_full(person: "Person", seed: int) -> bool:
    way = way_of(person, seed, 0) if person.politics == "01" else None
    return way is not None and way.stage == "5"


def _entries(world: "World", name: str, today: date) -> Iterator[Entry]:
    pupils, scholars = world.present_students(today)
    if name == STAFF:
        for member in world.staff:
            if not member.listed(today):
                continue
            unit = UNITS[member.unit]
            has_retired = member.left_on is not None and member.left_on < today
            where = f"{unit}离退休" if has_retired else f"{unit}教工第{_place(member.person)}"
            yield Entry(member.staff_no, member.person, f"{where}党支部", member.is_secret)
        return
    for student in pupils if name == STUDENTS else scholars:
        if not getattr(student, "staff_no", ""):
            kind = "本科生" if name == STUDENTS else "研究生"
            branch = f"{UNITS[student.unit]}{kind}第{_place(student.person)}党支部"
            yield Entry(student.student_no, student.person, branch)


def _place(person: "Person") -> str:
    return "一二三"[person.key % _BRANCHES]


def _line(entry: Entry, way: Way) -> tuple[str, ...]:
    days = [day_text(day) for day in way.days] + [""] * (5 - len(way.days))
    dues = "" if way.dues_paid is None else "是" if way.dues_paid else "否"
    course = "是" if way.took_course else "否"
    mark = "1" if entry.is_secret else "0"
    return entry.number, entry.person.name, entry.branch, _STAGES[way.stage], *days, course, dues, mark


def way_of(person: "Person", seed: int, day: int) -> Way | None:
    """Return how far a person has come on the morning of a campus day; None for those who never applied.

    Nobody applies before the eighteenth birthday, and the steps keep their distances.
    """
    of_age = date(person.born_on.year + 18, person.born_on.month, min(person.born_on.day, 28))
    if person.compatriot != "00" or person.politics not in ("01", "02", "03", "13"):
        return None
    random = dice(seed, "party", person.key)
    if person.politics in ("01", "02"):
        return _member(person.politics == "01", of_age, random)
    willing = 0.26 if person.politics == "03" else 0.03
    if random.random() > willing:
        return None
    return _on_the_way(of_age, random, day)


def _member(is_full: bool, of_age: date, random: Random) -> Way | None:
    soonest = of_age + timedelta(days=_HEARD + _WATCHED + _EXAMINED)
    latest = FIRST_DAY - timedelta(days=_PROBATION + 10 if is_full else 15)
    if not is_full:
        soonest = max(soonest, FIRST_DAY - timedelta(days=_PROBATION - 10))
    if soonest > latest:
        return None
    span = min((latest - soonest).days, 365 * 12)
    admitted = soonest + timedelta(days=random.randint(0, span))
    candidate = admitted - timedelta(days=_EXAMINED)
    activist = candidate - timedelta(days=_WATCHED)
    slack = (activist - of_age).days - _HEARD
    applied = activist - timedelta(days=_HEARD + random.randint(0, max(0, min(slack, 300))))
    full = (admitted + timedelta(days=_PROBATION),) if is_full else ()
    days = (applied, activist, candidate, admitted, *full)
    return Way("5" if is_full else "4", days, random.random() < 0.97, True)


def _on_the_way(of_age: date, random: Random, day: int) -> Way | None:
    applied = max(of_age, FIRST_DAY - timedelta(days=random.randint(20, 700)))
    if applied > FIRST_DAY - timedelta(days=10):
        return None
    took_course = random.random() < 0.5
    activist = applied + timedelta(days=_HEARD + random.randint(0, 200))
    # Those not yet named when the first day came are named on a workday of the time to come, if at all.
    if activist >= FIRST_DAY:
        named = random.randint(1, 400)
        if named > day or campus_day(named - 1).weekday() > 4:
            return Way("1", (applied,), None, False)
        return Way("2", (applied, campus_day(named - 1)), None, took_course)
    candidate = activist + timedelta(days=_WATCHED)
    if candidate < FIRST_DAY and random.random() < 0.6:
        return Way("3", (applied, activist, candidate), None, True)
    return Way("2", (applied, activist), None, took_course)
