"""The reference campus's truth: who is there, since when, what happens on each day. Systems are copies of it.

`build_world(seed, size)` always gives the same people for the same seed. People who have left stand in the lists
too: which system still knows them is that system's affair.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from random import Random

from demo.target import FIRST_DAY
from demo.world_campus import DISCIPLINES, MAJORS, UNITS, Discipline, Major
from demo.world_days import Change, changes_of
from demo.world_holders import holders
from demo.world_people import PeopleMaker, Person
from demo.world_places import Room, rooms_of
from demo.world_special import give_parts
from demo.world_staff import Staff, staff
from demo.world_students import Graduate, Numbers, Undergraduate, graduates, undergraduates

# undergraduates, graduates, staff in service
SIZES = {"small": (2_600, 400, 400), "campus": (42_000, 8_000, 5_500), "province": (205_000, 39_000, 26_800)}


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that breaks its contract on purpose.

    Attributes:
        resource: name of the resource.
        key: of the row, as the source writes it.
        what: in words.
    """

    resource: str
    key: str
    what: str


@dataclass
class World:
    """The campus.

    Attributes:
        seed, size: what it was made from.
        undergraduates, graduates, staff: by number; with those who have left.
        special: people with a story: name of the story → student, staff member, or a tuple of them.
        faults: rows that the systems wrote wrongly on purpose, told by `fault` while they are built.
    """

    seed: int
    size: str
    undergraduates: tuple[Undergraduate, ...]
    graduates: tuple[Graduate, ...]
    staff: tuple[Staff, ...]
    special: dict[str, object]
    units: dict[str, str] = field(default_factory=lambda: dict(UNITS))
    majors: tuple[Major, ...] = MAJORS
    disciplines: tuple[Discipline, ...] = DISCIPLINES
    faults: list[Fault] = field(default_factory=list)

    def fault(self, resource: str, key: str, what: str) -> None:
        """Keep in the truth that a row was written wrongly on purpose."""
        self.faults.append(Fault(resource, key, what))

    @property
    def people(self) -> Iterable[Person]:
        """Everybody once, by key."""
        roles = (*self.undergraduates, *self.graduates, *self.staff)
        return (person for _, person in sorted({role.person.key: role.person for role in roles}.items()))

    @cached_property
    def rooms(self) -> tuple[Room, ...]:
        """All rooms, by number."""
        return rooms_of(self.undergraduates, self.graduates, len(self.staff), FIRST_DAY)

    @cached_property
    def staff_by_no(self) -> dict[str, Staff]:
        """Staff number → staff."""
        return {member.staff_no: member for member in self.staff}

    @cached_property
    def storied_numbers(self) -> frozenset[str]:
        """Student and staff numbers of the people with a story: systems write their rows as they are."""
        numbers: set[str] = set()
        for one in self.special.values():
            for role in one if isinstance(one, tuple) else (one,):
                numbers |= {getattr(role, "student_no", ""), getattr(role, "staff_no", "")}
        return frozenset(numbers - {""})

    def present_students(self, day: date) -> tuple[list[Undergraduate], list[Graduate]]:
        """Return the students whom the registers list on the morning of a day."""
        return (
            [student for student in self.undergraduates if student.present(day)],
            [student for student in self.graduates if student.present(day)],
        )

    def present_staff(self, day: date) -> list[Staff]:
        """Return the staff in service on the morning of a day, without the retired."""
        return [member for member in self.staff if member.left_on is None or day <= member.left_on]

    def changes(self, day: int) -> tuple[Change, ...]:
        """Return what happens between the mornings of campus days `day - 1` and `day`, in a fixed order."""
        return changes_of(self, day)


def build_world(seed: int, size: str) -> World:
    """Make the campus of a seed.

    Args:
        seed: same seed, same people.
        size: small, campus or province.
    """
    learners, researchers, employed = SIZES[size]
    random = Random(f"{seed}:world")
    maker, numbers = PeopleMaker(random), Numbers()
    members = list(staff(maker, random, employed, numbers))
    tutors: dict[str, list[str]] = {}
    for member in members:
        if member.title in ("011", "012", "071", "072") and member.left_on is None:
            tutors.setdefault(member.unit, []).append(member.staff_no)
    pupils = list(undergraduates(maker, random, learners, numbers))
    alumni = [student for student in pupils if student.leave == "41"]
    scholars = list(graduates(maker, random, researchers, numbers, tutors, alumni))
    special = give_parts(maker, random, numbers, pupils, scholars, members)
    in_posts = tuple(holders(maker))
    special["post_holders"] = in_posts
    members += in_posts
    return World(
        seed=seed,
        size=size,
        undergraduates=tuple(sorted(pupils, key=lambda student: student.student_no)),
        graduates=tuple(sorted(scholars, key=lambda student: student.student_no)),
        staff=tuple(sorted(members, key=lambda member: member.staff_no)),
        special=special,
    )
