"""Whom the hall asks about when nobody is named: ordinary people of the campus, and one with two capacities."""

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

from demo.target import FIRST_DAY

if TYPE_CHECKING:
    from demo.world import World
    from demo.world_staff import Staff
    from demo.world_students import Graduate, Undergraduate

APPLICANTS = "applicants.json"
_SINCE = date(2023, 12, 31)


def applicants(world: "World") -> list[dict]:
    """Return the hall's applicants: words for the screen, number, capacity, service items to ask for.

    They are in service or enrolled and will stay, have a resident card and a telephone, and stand in no row
    that was written wrongly on purpose; so whatever is missing in their answer is the pipeline's fault.
    """
    stories = _stories(world)
    faulty = " ".join(fault.key for fault in world.faults)

    def plain(role: "Staff | Undergraduate | Graduate", number: str) -> bool:
        person = role.person
        return (
            role.left_on is None
            and person.key not in stories
            and person.document.kind == "1"
            and bool(person.phone)
            and number not in faulty
        )

    member = next(
        m
        for m in world.staff
        if plain(m, m.staff_no) and m.status == "01" and m.establishment == "1" and m.joined_on < _SINCE
        if m.is_teacher and not m.is_secret
    )
    student = next(
        s
        for s in world.undergraduates
        if plain(s, s.student_no) and s.status == "01" and s.present(FIRST_DAY)
    )
    doctor, doctoral = world.special["employed_doctoral_student"]
    return [
        _one("教职工", "staff_no", member.staff_no, "staff_established", "RS-012"),
        _one("在职攻读博士的教师, 以教职工身份", "staff_no", doctor.staff_no, "staff_established", "RS-012"),
        _one(
            "在职攻读博士的教师, 以博士生身份", "grad_student_no", doctoral.student_no, "doctoral", "YJS-001"
        ),
        _one("本科生", "student_no", student.student_no, "undergrad", "JW-001", "XG-001"),
    ]


def _one(who: str, id_type: str, number: str, capacity: str, *service_items: str) -> dict:
    return {
        "who": who,
        "id_type": id_type,
        "id": number,
        "capacity": capacity,
        "service_items": list(service_items),
    }


def _stories(world: "World") -> set[int]:
    """Return the keys of people with a story."""
    return {role.person.key for story in world.special.values() for role in _flat(story)}


def _flat(story: object) -> Iterator["Staff | Undergraduate | Graduate"]:
    if isinstance(story, (tuple, list)):
        for part in story:
            yield from _flat(part)
    elif hasattr(story, "person"):
        yield story
