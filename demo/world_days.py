"""What happens on a campus from one morning to the next: telephones, leaves, graduations, promotions."""

from dataclasses import dataclass
from datetime import date
from random import Random
from typing import TYPE_CHECKING

from demo import ids
from demo.target import campus_day

if TYPE_CHECKING:
    from demo.world import World

_PHONES_PER_THOUSAND = 2
_NEXT_TITLE = {
    "014": "013",
    "013": "012",
    "012": "011",
    "074": "073",
    "073": "072",
    "084": "083",
    "083": "082",
}
_REASONS = ("01", "02", "03", "04", "07")


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happened to one person in one role.

    Attributes:
        kind: phone, suspend, resume, withdraw, graduate, prolong (students); title, leave, retire (staff).
        role: undergraduate, graduate or staff.
        number: student or staff number.
        on: the day it happened.
        value: the new phone or title, or the reason (status_change_reasons).
    """

    kind: str
    role: str
    number: str
    on: date
    value: str


def changes_of(world: "World", day: int) -> tuple[Change, ...]:
    """Return what happens between the mornings of campus days `day - 1` and `day`.

    Offices rest at the weekend; who leaves on a Saturday was entered on none, as `give_parts` plans only workdays.
    """
    on = campus_day(day - 1)
    if on.weekday() > 4:
        return ()
    random = Random(f"{world.seed}:changes:{day}")
    found = [*_endings(world, on)]
    ended = {change.number for change in found}
    pupils, scholars = world.present_students(on)
    members = world.present_staff(on)
    for role, people in (("undergraduate", pupils), ("graduate", scholars), ("staff", members)):
        for person in random.sample(people, max(1, len(people) * _PHONES_PER_THOUSAND // 1000)):
            number = person.staff_no if role == "staff" else person.student_no
            if number not in ended:
                found.append(Change("phone", role, number, on, ids.phone(random.randrange(70_000_000))))
    for role, students in (("undergraduate", pupils), ("graduate", scholars)):
        for student in random.sample(students, max(1, len(students) // 1500)):
            if student.student_no not in ended and student.status in ("01", "02"):
                kind = "suspend" if student.status == "01" else "resume"
                found.append(Change(kind, role, student.student_no, on, random.choice(_REASONS)))
    candidates = [
        member for member in members if member.title in _NEXT_TITLE and member.staff_no not in ended
    ]
    for member in random.sample(candidates, max(1, len(members) // 800)):
        found.append(Change("title", "staff", member.staff_no, on, _NEXT_TITLE[member.title]))
    return tuple(found)


def _endings(world: "World", on: date) -> list[Change]:
    found = []
    for role, students in (("undergraduate", world.undergraduates), ("graduate", world.graduates)):
        for student in students:
            if student.left_on == on:
                kind, reason = (
                    ("graduate", "10") if student.leave in ("41", "42", "44") else ("withdraw", "06")
                )
                found.append(Change(kind, role, student.student_no, on, reason))
    for member in world.staff:
        if member.left_on == on:
            found.append(
                Change("retire" if member.leave == "退休" else "leave", "staff", member.staff_no, on, "")
            )
    return found
