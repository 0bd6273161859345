"""Who sleeps where: every stay of a student in a bed, day by day.

Beds are given by site, sex and level of study. Two students never have one bed at one time: those who have swapped
rooms had each other's bed before, and those who left in summer had the bed of a freshman.
"""

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from demo.roll import dice
from demo.tables import batches
from demo.target import FIRST_DAY, campus_day
from demo.world_places import Room

if TYPE_CHECKING:
    from demo.world import World
    from demo.world_days import Change
    from demo.world_students import Graduate, Undergraduate

_KEPT_SINCE = date(2026, 3, 1)
_ON_LEAVE_SINCE = date(2026, 9, 11)
_SWAPPED_SHARE = 0.08
_MOVES_PER_DAY = 1 / 1500
_VOID_EACH = 400
_LEAVES = ("suspend", "graduate", "withdraw")

Place = tuple[Room, int]
Group = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Stay:
    """A student's stay in one bed.

    Attributes:
        number: of the allocation.
        bed: number within the room.
        moved_out_on: None while it lasts.
        is_void: entered by mistake and struck out; the record stays in the table, marked as deleted.
    """

    number: str
    student_no: str
    room: Room
    bed: int
    moved_in_on: date
    moved_out_on: date | None = None
    is_void: bool = False


class _Register:
    """The stays so far, the one that lasts of each student, and the free beds of each group."""

    def __init__(self) -> None:
        self.stays: list[Stay] = []
        self.open: dict[str, int] = {}
        self.free: dict[Group, list[Place]] = defaultdict(list)

    def add(
        self, student_no: str, place: Place, since: date, until: date | None = None, is_void: bool = False
    ) -> None:
        number = f"{since:%Y%m%d}{len(self.stays) + 1:06d}"
        if until is None and not is_void:
            self.open[student_no] = len(self.stays)
        self.stays.append(Stay(number, student_no, *place, since, until, is_void))

    def end(self, student_no: str, on: date) -> None:
        at = self.open.pop(student_no, None)
        if at is not None:
            stay = self.stays[at] = replace(self.stays[at], moved_out_on=on)
            self.free[stay.room.site, stay.room.sex].append((stay.room, stay.bed))

    def give(self, student_no: str, group: Group, on: date, draw: int) -> bool:
        """Give a free bed of the group; False if there is none."""
        places = self.free[group]
        if not places:
            return False
        self.add(student_no, places.pop(draw % len(places)), on)
        return True


def stays(world: "World", day: int, of_graduates: bool) -> list[Stay]:
    """Return the stays that the dormitory office has on the morning of a campus day, oldest allocation first.

    Args:
        world: the campus.
        day: campus day; what happened on the days before is in it.
        of_graduates: whose beds: graduates' or undergraduates'.
    """
    students = world.graduates if of_graduates else world.undergraduates
    role = "graduate" if of_graduates else "undergraduate"
    register = _Register()
    for group, beds in _beds(world, of_graduates).items():
        members = [one for one in students if (one.site, one.person.sex) == group and _boards(one)]
        _settle(register, group, beds, members, world.seed)
    groups = {one.student_no: (one.site, one.person.sex) for one in students if _boards(one)}
    for passed in range(1, day + 1):
        changes = [change for change in world.changes(passed) if change.role == role]
        _live(register, groups, changes, campus_day(passed - 1), world.seed)
    return register.stays


def _boards(student: "Undergraduate | Graduate") -> bool:
    return not getattr(student, "is_part_time", False)


def _beds(world: "World", of_graduates: bool) -> dict[Group, list[Place]]:
    found: dict[Group, list[Place]] = defaultdict(list)
    for room in world.rooms:
        if room.use == "4" and room.is_graduate is of_graduates:
            found[room.site, room.sex] += [(room, bed) for bed in range(1, room.capacity + 1)]
    return found


def _settle(
    register: _Register,
    group: Group,
    beds: list[Place],
    members: "list[Undergraduate | Graduate]",
    seed: int,
) -> None:
    """Enter the stays of one group up to the first campus day."""
    random = dice(seed, "logistics", "beds", *group, members[0].student_no if members else "")
    present = [one for one in members if one.present(FIRST_DAY)]
    place = {one.student_no: bed for one, bed in zip(present, beds, strict=False)}
    since = {one.student_no: one.entered_on for one in present}
    seniors = [one.student_no for one in present if one.year < FIRST_DAY.year]
    swapping = random.sample(seniors, int(len(seniors) * _SWAPPED_SHARE) // 2 * 2)
    for first, second in batches(swapping, 2):
        moved_on = max(since[first], since[second]) + timedelta(days=random.randrange(20, 300))
        moved_on = min(moved_on, FIRST_DAY - timedelta(days=random.randrange(5, 30)))
        register.add(first, place[second], since[first], moved_on)
        register.add(second, place[first], since[second], moved_on)
        since[first] = since[second] = moved_on
    freshmen = (place[one.student_no] for one in present if one.year == FIRST_DAY.year)
    for one in members:
        if one.left_on and _KEPT_SINCE <= one.left_on < FIRST_DAY:
            bed = next(freshmen, None)
            if bed:
                register.add(one.student_no, bed, one.entered_on, one.left_on)
    for number, one in enumerate(present, start=1):
        if one.student_no not in place:
            continue
        if number % _VOID_EACH == 0:
            register.add(one.student_no, beds[-1], since[one.student_no], is_void=True)
        register.add(one.student_no, place[one.student_no], since[one.student_no])
        if one.status == "02":
            register.end(one.student_no, max(_ON_LEAVE_SINCE, since[one.student_no]))
    register.free[group] += beds[len(present) :]


def _live(
    register: _Register, groups: dict[str, Group], changes: "list[Change]", on: date, seed: int
) -> None:
    """Let one day pass: those who leave free their bed, those who come back get one, a few move."""
    if on.weekday() > 4:
        return
    random = dice(seed, "logistics", "moves", on)
    for change in changes:
        if change.kind in _LEAVES:
            register.end(change.number, on)
        elif change.kind == "resume" and change.number in groups and change.number not in register.open:
            register.give(change.number, groups[change.number], on, random.getrandbits(20))
    boarders = sorted(register.open)
    for student_no in random.sample(
        boarders, min(len(boarders), max(1, int(len(boarders) * _MOVES_PER_DAY)))
    ):
        # The new bed first, so that nobody moves into the bed just left.
        left = register.open[student_no]
        if register.give(student_no, groups[student_no], on, random.getrandbits(20)):
            stay = register.stays[left] = replace(register.stays[left], moved_out_on=on)
            register.free[groups[student_no]].append((stay.room, stay.bed))
