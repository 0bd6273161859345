"""The archives' registers: where everybody's personal file lies, and who is in the school's collective household.

Six files with semicolons, written anew every night. Files of people who left stay in the register, with where they
were sent; the household register of the security office is kept in the same folder.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random
from typing import TYPE_CHECKING

from demo.drops import day_text, rewrite_csv, steady, write_csv
from demo.roll import dice
from demo.target import Target, campus_day
from demo.world_campus import AREAS, SITES

if TYPE_CHECKING:
    from demo.world import World
    from demo.world_people import Person
    from demo.world_staff import Staff
    from demo.world_students import Graduate, Undergraduate

Line = tuple[str, ...]
FILE_HEADINGS = ("编号", "姓名", "档案号", "档案状态", "档案所在地", "转递日期", "涉密人员标志")
HOUSEHOLD_HEADINGS = (
    "编号",
    "姓名",
    "是否集体户",
    "户口类别",
    "户籍地址",
    "迁入日期",
    "迁出日期",
    "涉密人员标志",
)
FILES = {"本科生": "student_files", "研究生": "graduate_files", "教职工": "staff_files"}
HOUSEHOLDS = {"本科生": "student_households", "研究生": "graduate_households", "教职工": "staff_households"}
_STUDENT_ROOM, _STAFF_ROOM = "云溪大学档案馆学生档案室", "云溪大学档案馆人事档案室"
_AGENCY = "云溪市人才服务中心"
_COLLECTIVE = "云溪市学府路1号云溪大学{site}集体户"
_SENT_AFTER, _MOVED_AFTER = 14, 30


@dataclass(frozen=True)
class Holder:
    """Somebody with a file: in one role, with where the file lies while they are here.

    Attributes:
        number: student or staff number.
        file_no: of the personal file; staff who also study have one file.
        room: where it lies while they are here.
        state: its state while they are here.
        site: name of the campus site.
        since, until: first and last day in the role.
        retires: whether leaving means retirement, which moves neither file nor household.
        is_collective: whether the household was moved to the school.
        address: of the household elsewhere, as registered at enrolment; staff are not asked for it.
    """

    number: str
    person: "Person"
    file_no: str
    room: str
    state: str
    site: str
    since: date
    until: date | None
    retires: bool
    is_collective: bool
    is_secret: bool = False
    address: str = ""


def build(world: "World", target: Target) -> dict[str, int]:
    """Write the files of the first morning; returns rows per file."""
    target.env.set_system("archives", drop=target.folder("archives"))
    for role, (first, second) in _wrong(world).items():
        world.fault(f"archives.{FILES[role]}", first, "a state of the file there is no code for")
        world.fault(f"archives.{FILES[role]}", second, "sent away without a day")
        world.fault(f"archives.{HOUSEHOLDS[role]}", first, "moved in on 1900-01-01")
        world.fault(f"archives.{HOUSEHOLDS[role]}", second, "a kind of household there is no code for")
    return _write(world, target, 0, write_csv)


def advance(world: "World", target: Target, day: int) -> dict[str, int]:
    """Write the files of another morning over the earlier ones; returns the lines that were not there before."""
    return _write(world, target, day, rewrite_csv)


def _write(world: "World", target: Target, day: int, write: Callable[..., int]) -> dict[str, int]:
    folder, today, counts = target.folder("archives"), campus_day(day), {}
    wrong = _wrong(world)
    for role in FILES:
        for name, headings, lines in (
            (f"{role}档案", FILE_HEADINGS, _files(world, role, wrong[role], today)),
            (f"{role}户籍", HOUSEHOLD_HEADINGS, _households(world, role, wrong[role], today)),
        ):
            counts[name] = write(folder / f"{name}.csv", headings, lines, "gb18030", ";")
    return counts


def _wrong(world: "World") -> dict[str, tuple[str, str]]:
    """Return, per role, the numbers of two people who stay and whose lines are wrong."""
    pupils, scholars, members = (
        steady(world, [one for one in people if one.person.compatriot == "00"], 2)
        for people in (world.undergraduates, world.graduates, world.staff)
    )
    return {
        "本科生": (pupils[0].student_no, pupils[1].student_no),
        "研究生": (scholars[0].student_no, scholars[1].student_no),
        "教职工": (members[0].staff_no, members[1].staff_no),
    }


def _files(world: "World", role: str, wrong: tuple[str, str], today: date) -> Iterator[Line]:
    for holder in _holders(world, role, today):
        line = _file(holder, world.seed, today)
        if holder.number in wrong:
            line = (*line[:3], "遗失" if holder.number == wrong[0] else "转出", *line[4:])
        yield line


def _households(world: "World", role: str, wrong: tuple[str, str], today: date) -> Iterator[Line]:
    for holder in _holders(world, role, today):
        line = _household(holder, today)
        if holder.number == wrong[0]:
            line = (*line[:5], "1900-01-01", *line[6:])
        elif holder.number == wrong[1]:
            line = (*line[:3], "寄住", *line[4:])
        yield line


def _holders(world: "World", role: str, today: date) -> Iterator[Holder]:
    """Yield the citizens of a role who have come, also those who have left."""
    if role == "教职工":
        for member in world.staff:
            if member.person.compatriot == "00" and member.joined_on <= today:
                yield _of_staff(member, dice(world.seed, "archives", member.staff_no))
        return
    for student in world.undergraduates if role == "本科生" else world.graduates:
        if student.person.compatriot != "00" or student.entered_on > today:
            continue
        number = getattr(student, "staff_no", "")
        if number:
            member = world.staff_by_no[number]
            held = _of_staff(member, dice(world.seed, "archives", number))
            yield replace(held, number=student.student_no, since=student.entered_on, until=None)
        else:
            yield _of_student(student, dice(world.seed, "archives", student.student_no))


def _of_student(student: "Undergraduate | Graduate", random: Random) -> Holder:
    room, state = _STUDENT_ROOM, "借出" if random.random() < 0.003 else "在馆"
    if getattr(student, "is_part_time", False):
        room, state = "原工作单位人事部门", "在外单位"
    elif student.entered_on.year == campus_day(0).year and random.random() < 0.04:
        room, state = "", "未到"
    return Holder(
        number=student.student_no,
        person=student.person,
        file_no=f"XS{student.student_no}",
        room=room,
        state=state,
        site=SITES[student.site],
        since=student.entered_on,
        until=student.left_on,
        retires=False,
        is_collective=random.random() < 0.18,
        address=student.person.address,
    )


def _of_staff(member: "Staff", random: Random) -> Holder:
    is_here = member.establishment in ("1", "5", "6")
    return Holder(
        number=member.staff_no,
        person=member.person,
        file_no=f"RS{member.staff_no}",
        room=_STAFF_ROOM if is_here else _AGENCY,
        state="在馆" if is_here else "在外单位",
        site=SITES["1"],
        since=member.joined_on,
        until=member.left_on,
        retires=member.leave == "退休",
        is_collective=member.person.born_on.year > 1985 and random.random() < 0.12,
        is_secret=member.is_secret,
    )


def _file(holder: Holder, seed: int, today: date) -> Line:
    state, room, sent = holder.state, holder.room, None
    if holder.until is not None and not holder.retires and state in ("在馆", "借出"):
        random = dice(seed, "archives", "sent", holder.number)
        on = holder.until + timedelta(days=_SENT_AFTER + random.randrange(30))
        if on < today:
            state, room, sent = "转出", f"{AREAS[holder.person.area]}人才服务中心", on
    mark = "1" if holder.is_secret else "0"
    return holder.number, holder.person.name, holder.file_no, state, room, day_text(sent), mark


def _household(holder: Holder, today: date) -> Line:
    person, is_in, moved_in, moved_out = holder.person, holder.is_collective, None, None
    if is_in:
        moved_in = holder.since + timedelta(days=20)
        leaves = holder.until is not None and not holder.retires
        moved_out = holder.until + timedelta(days=_MOVED_AFTER) if leaves and holder.until else None
        is_in = moved_in < today and (moved_out is None or moved_out >= today)
        moved_in = moved_in if moved_in < today else None
        moved_out = moved_out if moved_out and moved_out < today else None
    return (
        holder.number,
        person.name,
        "是" if is_in else "否",
        "学校集体户" if is_in else "家庭户",
        _COLLECTIVE.format(site=holder.site) if is_in else holder.address,
        day_text(moved_in),
        day_text(moved_out),
        "1" if holder.is_secret else "0",
    )
