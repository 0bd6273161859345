"""People with a story: the awkward cases that every campus has and every system must bear.

Each story takes somebody from the lists, changes them there, and keeps them under its name.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from itertools import islice
from random import Random

from demo import ids, names
from demo.target import FIRST_DAY
from demo.world_people import Document, PeopleMaker, Person
from demo.world_staff import Staff
from demo.world_students import Graduate, Numbers, Undergraduate, renamed

_PLANNED_DAYS = 60
Role = Undergraduate | Graduate | Staff


class _Cast:
    """The lists, and who already has a part."""

    def __init__(self, pupils: list[Undergraduate], scholars: list[Graduate], members: list[Staff]) -> None:
        self.lists: dict[type, list] = {Undergraduate: pupils, Graduate: scholars, Staff: members}
        self.taken: set[tuple[type, int]] = set()
        self.special: dict[str, object] = {}

    def find(self, kind: type, fits: Callable[[Role], bool], from_end: bool = False) -> int:
        """Return the place of the first (or last) who fits and has no part yet, and give them one."""
        people = self.lists[kind]
        places = range(len(people) - 1, -1, -1) if from_end else range(len(people))
        place = next(at for at in places if (kind, at) not in self.taken and fits(people[at]))
        self.taken.add((kind, place))
        return place

    def cast(
        self, kind: type, fits: Callable[[Role], bool], from_end: bool = False, **changes: object
    ) -> Role:
        """Find somebody, change them in their list, and return them."""
        place = self.find(kind, fits, from_end)
        self.lists[kind][place] = replace(self.lists[kind][place], **changes)
        return self.lists[kind][place]

    def cast_first(
        self, kind: type, fits: Callable[[Role], bool], count: int, **changes: object
    ) -> list[Role]:
        """Change the first `count` who fit and have no part yet, and return them; one pass over their list."""
        people = self.lists[kind]
        free = (at for at in range(len(people)) if (kind, at) not in self.taken and fits(people[at]))
        places = list(islice(free, count))
        self.taken.update((kind, at) for at in places)
        for at in places:
            people[at] = replace(people[at], **changes)
        return [people[at] for at in places]

    def recast(self, kind: type, fits: Callable[[Role], bool], change: Callable[[Person], Person]) -> Role:
        """Find somebody and change the person behind the role."""
        place = self.find(kind, fits)
        role = self.lists[kind][place]
        self.lists[kind][place] = replace(role, person=change(role.person))
        return self.lists[kind][place]


def give_parts(
    maker: PeopleMaker,
    random: Random,
    numbers: Numbers,
    pupils: list[Undergraduate],
    scholars: list[Graduate],
    members: list[Staff],
) -> dict[str, object]:
    """Give the stories to people of the lists, in place, and return who has which."""
    cast = _Cast(pupils, scholars, members)
    _two_roles(cast)
    _names(cast, maker, random)
    _documents(cast, maker)
    _enrolments(cast, maker)
    _gone(cast)
    _departures(cast, random)
    return cast.special


def _plain(person: Person) -> bool:
    return person.compatriot == "00" and "·" not in person.name and not person.former_name


def _stays(student: Undergraduate | Graduate) -> bool:
    return student.left_on is None and student.status == "01" and _plain(student.person)


def _serves(member: Staff) -> bool:
    return (
        member.left_on is None
        and _plain(member.person)
        and member.establishment == "1"
        and not member.is_secret
    )


def _two_roles(cast: _Cast) -> None:
    teacher = cast.find(Staff, lambda m: _serves(m) and m.title == "013" and m.person.born_on.year > 1984)
    member = cast.lists[Staff][teacher]
    student = cast.cast(
        Graduate, lambda g: _stays(g) and g.level == "1", person=member.person, staff_no=member.staff_no
    )
    member = cast.lists[Staff][teacher] = replace(member, student_no=student.student_no)
    cast.special["employed_doctoral_student"] = (member, student)
    own = {student.person.key: student for student in cast.lists[Undergraduate] if student.leave == "41"}
    place = cast.find(Graduate, lambda g: g.person.key in own)
    graduate = cast.lists[Graduate][place]
    cast.special["graduate_and_alumnus"] = (own[graduate.person.key], graduate)


def _names(cast: _Cast, maker: PeopleMaker, random: Random) -> None:
    special = cast.special
    first = cast.lists[Undergraduate][cast.find(Undergraduate, lambda u: _stays(u) and u.year == 2024)]
    born = first.person.born_on
    twin = maker.citizen((born, born), first.person.sex, (first.name, first.person.pinyin), born)
    second = cast.cast(
        Undergraduate, lambda u: _stays(u) and u.year == 2024 and u.unit != first.unit, person=twin
    )
    special["same_name_and_birthday"] = (first, second)
    special["renamed_student"] = cast.recast(
        Undergraduate,
        lambda u: _stays(u) and u.year == 2024 and u.person.politics == "02",
        lambda p: renamed(p, *names.chinese_name(random, p.sex)),
    )
    for story, kind in (("rare_name_student", Undergraduate), ("rare_name_staff", Staff)):
        special[story] = cast.recast(
            kind, _serves if kind is Staff else _stays, lambda p: _named(p, names.rare_name(random, p.sex))
        )
    teacher = cast.find(Staff, lambda m: _serves(m) and m.person.born_on.year > 1985)
    member = cast.lists[Staff][teacher]
    person = replace(_named(member.person, names.dotted_name(random, member.person.sex)), ethnic="05")
    student = cast.cast(
        Graduate,
        lambda g: _stays(g) and g.level == "2",
        person=person,
        is_part_time=True,
        staff_no=member.staff_no,
    )
    member = cast.lists[Staff][teacher] = replace(member, person=person, student_no=student.student_no)
    special["dotted_name_staff_and_student"] = (member, student)


def _named(person: Person, name: tuple[str, str]) -> Person:
    return replace(person, name=name[0], pinyin=name[1])


def _documents(cast: _Cast, maker: PeopleMaker) -> None:
    special = cast.special
    young, grown = (date(2004, 1, 1), date(2007, 6, 30)), (date(1978, 1, 1), date(1990, 12, 31))
    for story, region, by_permit in (
        ("hong_kong_student", "HKG", True),
        ("hong_kong_student_by_residence_permit", "HKG", False),
        ("macao_student", "MAC", True),
        ("taiwan_student", "TWN", True),
        ("taiwan_student_by_residence_permit", "TWN", False),
    ):
        person = maker.compatriot(region, young, by_permit)
        special[story] = cast.cast(Undergraduate, lambda u: _stays(u) and u.year == 2025, person=person)
    special["passport_student"] = cast.cast(
        Undergraduate,
        lambda u: _stays(u) and u.year == 2025,
        person=maker.foreigner(young),
        category="41",
    )
    person = maker.foreigner((date(1996, 1, 1), date(2000, 12, 31)))
    renewed = Document("A", person.nationality, ids.passport(maker.count * 31, "R"), date(2035, 5, 5))
    person = replace(person, documents=(renewed, replace(person.document, valid_until=date(2026, 5, 4))))
    special["renewed_passport_student"] = cast.cast(Graduate, _stays, person=person)
    special["permanent_residence_staff"] = cast.cast(Staff, _serves, person=maker.foreigner(grown, True))
    person = maker.foreigner(grown)
    number = ids.permanent_residence_2023("33", "398", person.born_on, 12)
    card = Document("9", person.nationality, number, date(2034, 1, 1))
    special["new_permanent_residence_staff"] = cast.cast(
        Staff, _serves, person=replace(person, documents=(card, *person.documents))
    )
    for story in ("old_number_retired", "second_old_number_retired"):
        special[story] = cast.recast(
            Staff,
            lambda m: m.leave == "退休" and m.person.born_on.year < 1958 and m.person.document.kind == "1",
            lambda p: replace(
                p, documents=(Document("1", "CHN", ids.old_resident_id(p.document.number)), p.document)
            ),
        )


def _enrolments(cast: _Cast, maker: PeopleMaker) -> None:
    special = cast.special
    place = cast.find(Undergraduate, lambda u: u.leave == "31" and u.year == 2023 and _plain(u.person))
    earlier = cast.lists[Undergraduate][place]
    again = cast.cast(
        Undergraduate,
        lambda u: _stays(u) and u.year == 2025,
        person=earlier.person,
        prior_no=earlier.student_no,
    )
    special["readmitted_student"] = (earlier, again)
    minor = maker.citizen((date(2010, 3, 1), date(2010, 9, 30)))
    special["minor_student"] = cast.cast(Undergraduate, lambda u: _stays(u) and u.year == 2026, person=minor)
    for story, kind in (("student_without_phone", Undergraduate), ("staff_without_phone", Staff)):
        special[story] = cast.recast(
            kind, _serves if kind is Staff else _stays, lambda p: replace(p, phone="", email="")
        )


def _gone(cast: _Cast) -> None:
    special = cast.special
    enrolled = {student.person.key for student in cast.lists[Graduate]}
    special["gone_graduate"] = cast.cast(
        Undergraduate, lambda u: u.leave == "41" and u.person.key not in enrolled and _plain(u.person)
    )
    special["gone_leaver"] = cast.cast(Staff, lambda m: m.leave == "离职")
    special["retired_staff"] = cast.cast(Staff, lambda m: m.leave == "退休" and m.status == "02")


def _departures(cast: _Cast, random: Random) -> None:
    """Plan who leaves on the workdays to come; on the first day somebody of every kind."""
    scale = max(1, len(cast.lists[Undergraduate]) // 3000)
    for day in range(_PLANNED_DAYS):
        on = FIRST_DAY + timedelta(days=day)
        if on.weekday() > 4:
            continue
        withdrawn = cast.cast_first(
            Undergraduate,
            lambda u, day=day: _stays(u) and u.year in (2023, 2024, 2025) and (u.person.key + day) % 7 == 0,
            scale,
            left_on=on,
            leave="31",
        )
        if day == 0:
            cast.special["withdrawn_on_first_day"] = withdrawn[0]
        if day % 3 == 0:
            doctor = _try(
                cast, Graduate, lambda g: g.left_on is None and g.status == "14", left_on=on, leave="41"
            )
            late = _try(
                cast, Undergraduate, lambda u: u.left_on is None and u.status == "14", left_on=on, leave="44"
            )
            leaver = _try(cast, Staff, lambda m: _serves(m) and not m.student_no, left_on=on, leave="离职")
            retiring = _try(
                cast, Staff, lambda m: _serves(m) and m.person.born_on.year < 1974, left_on=on, leave="退休"
            )
            if day == 0:
                cast.special["graduated_on_first_day"] = doctor
                cast.special["late_bachelor_on_first_day"] = late
                cast.special["left_on_first_day"] = leaver
                cast.special["retired_on_first_day"] = retiring


def _try(cast: _Cast, kind: type, fits: Callable[[Role], bool], **changes: object) -> Role | None:
    try:
        return cast.cast(kind, fits, from_end=True, **changes)
    except StopIteration:
        return None
