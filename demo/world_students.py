"""Undergraduates and graduates: cohort by cohort, with those who left but stand in degrees and grades."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random

from demo.world_campus import DISCIPLINES, MAJORS, SITE_OF_SCHOOL, Discipline, Major
from demo.world_people import PeopleMaker, Person

THIS_YEAR = 2026
_CLASS_SIZE = 30


@dataclass(frozen=True, slots=True)
class Undergraduate:
    """One enrolment in undergraduate or junior college study.

    Attributes:
        person: who it is.
        student_no: year, school, running number.
        status: code of student_status on the first campus day: 01 present, 02 on leave, 14 prolonged.
        left_on: last day as a student, None while it lasts.
        leave: code of status_change_kinds by which it ended, empty while it lasts.
        prior_no: student number of an earlier enrolment of the same person.
    """

    person: Person
    student_no: str
    major: Major
    class_name: str
    year: int
    category: str
    status: str
    entered_on: date
    expected_on: date
    candidate_no: str
    left_on: date | None = None
    leave: str = ""
    prior_no: str = ""

    @property
    def name(self) -> str:
        return self.person.name

    @property
    def unit(self) -> str:
        return self.major.unit

    @property
    def site(self) -> str:
        return SITE_OF_SCHOOL.get(self.major.unit, "1")

    def present(self, day: date) -> bool:
        """Say whether the register lists the student on the morning of a day."""
        return self.entered_on <= day and (self.left_on is None or day <= self.left_on)


@dataclass(frozen=True, slots=True)
class Graduate:
    """One enrolment in graduate study; `level` is 1 doctoral, 2 master's."""

    person: Person
    student_no: str
    discipline: Discipline
    level: str
    is_professional: bool
    year: int
    status: str
    entered_on: date
    expected_on: date
    supervisor_no: str
    is_part_time: bool = False
    staff_no: str = ""
    left_on: date | None = None
    leave: str = ""

    @property
    def name(self) -> str:
        return self.person.name

    @property
    def unit(self) -> str:
        return self.discipline.unit

    @property
    def site(self) -> str:
        return SITE_OF_SCHOOL.get(self.discipline.unit, "1")

    @property
    def category(self) -> str:
        """Code of student_category."""
        if self.person.compatriot == "51":
            return "42"
        return {"1": ("31", "32"), "2": ("21", "22")}[self.level][self.is_professional]

    def present(self, day: date) -> bool:
        """Say whether the register lists the student on the morning of a day."""
        return self.entered_on <= day and (self.left_on is None or day <= self.left_on)


class Numbers:
    """Running numbers, one series per prefix."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def next(self, prefix: str, width: int = 4) -> str:
        """Return the prefix with the next number of its series."""
        self._last[prefix] = self._last.get(prefix, 0) + 1
        return f"{prefix}{self._last[prefix]:0{width}d}"


def shares(total: int, weights: list[int]) -> list[int]:
    """Divide a total by weights into whole numbers that add up to it."""
    whole = sum(weights)
    parts, given, seen = [], 0, 0
    for weight in weights:
        seen += weight
        parts.append(total * seen // whole - given)
        given += parts[-1]
    return parts


def undergraduates(
    maker: PeopleMaker, random: Random, present: int, numbers: Numbers
) -> Iterator[Undergraduate]:
    """Yield all undergraduates since the intake of 2022, in order of intake, major and class.

    About `present` of them are there on the first campus day. The four-year classes of 2022 graduated in June.
    """
    cohort = round(present / 4.13)
    for year in range(THIS_YEAR - 4, THIS_YEAR + 1):
        for major, size in zip(MAJORS, shares(cohort, [m.weight for m in MAJORS]), strict=True):
            for place in range(size):
                yield _undergraduate(maker, random, numbers, major, year, place)


def _undergraduate(
    maker, random: Random, numbers: Numbers, major: Major, year: int, place: int
) -> Undergraduate:
    roll = random.random
    person = _freshman(maker, random, major, year)
    foreign = person.compatriot == "51"
    entered_on = date(year, 9, 5)
    expected_on = date(year + major.years, 6, 30)
    category = "12" if major.level == "4" else "41" if foreign else "61" if roll() < 0.004 else "11"
    status, left_on, leave = "01", None, ""
    draw = roll()
    if expected_on < date(THIS_YEAR, 9, 1):
        if draw < 0.03:
            status, expected_on = "14", date(THIS_YEAR + 1, 6, 30)
        else:
            left_on, leave = date(THIS_YEAR, 6, 30), "42" if draw < 0.05 else "41"
    elif year < THIS_YEAR and draw < 0.012:
        left_on, leave = date(year + 1, 3, 1) + timedelta(days=int(roll() * 120)), "31"
    elif year < THIS_YEAR and draw < 0.022:
        status = "02"
    return Undergraduate(
        person=person,
        student_no=numbers.next(f"{year}{major.unit}"),
        major=major,
        class_name=f"{major.name}{year % 100}{place // _CLASS_SIZE + 1:02d}",
        year=year,
        category=category,
        status=status,
        entered_on=entered_on,
        expected_on=expected_on,
        candidate_no=f"{year % 100}{person.area[:4]}{int(roll() * 10**8):08d}",
        left_on=left_on,
        leave=leave,
    )


def _freshman(maker: PeopleMaker, random: Random, major: Major, year: int) -> Person:
    born = (date(year - 19, 3, 1), date(year - 17, 8, 31))
    draw = random.random()
    if major.code == "050103" and draw < 0.35:
        return maker.foreigner(born)
    if draw < 0.006:
        return maker.foreigner(born)
    if draw < 0.014:
        return maker.compatriot(random.choice(("HKG", "MAC", "TWN")), born, random.random() < 0.6)
    return maker.citizen(born)


def graduates(
    maker: PeopleMaker,
    random: Random,
    present: int,
    numbers: Numbers,
    supervisors: dict[str, list[str]],
    former: list[Undergraduate],
) -> Iterator[Graduate]:
    """Yield all graduates since the intake of 2022; about `present` are there on the first campus day.

    Args:
        maker: makes people.
        random: the dice.
        present: how many are there, three quarters of them for a master's degree.
        numbers: series of student numbers.
        supervisors: staff numbers per school.
        former: undergraduates who graduated here this June; every sixth master's student of this year is one.
    """
    own = iter(former)
    for level, cohort in (("2", round(present * 0.75 / 3.03)), ("1", round(present * 0.25 / 4.03))):
        years = 3 if level == "2" else 4
        for year in range(THIS_YEAR - years, THIS_YEAR + 1):
            for discipline, size in zip(
                DISCIPLINES, shares(cohort, [d.weight for d in DISCIPLINES]), strict=True
            ):
                for place in range(size):
                    alumnus = (
                        next(own, None) if (level, year) == ("2", THIS_YEAR) and place % 6 == 0 else None
                    )
                    person = alumnus.person if alumnus else None
                    yield _graduate(maker, random, numbers, discipline, level, year, supervisors, person)


def _graduate(
    maker: PeopleMaker,
    random: Random,
    numbers: Numbers,
    discipline: Discipline,
    level: str,
    year: int,
    supervisors: dict[str, list[str]],
    person: Person | None,
) -> Graduate:
    roll = random.random
    years, age = (3, 22) if level == "2" else (4, 25)
    born = (date(year - age - 3, 1, 1), date(year - age, 8, 31))
    if person is None:
        draw = roll()
        if draw < 0.025:
            person = maker.foreigner(born)
        elif draw < 0.035:
            person = maker.compatriot(random.choice(("HKG", "MAC", "TWN")), born, roll() < 0.5)
        else:
            person = maker.citizen(born)
    expected_on = date(year + years, 6, 30)
    status, left_on, leave = "01", None, ""
    if expected_on < date(THIS_YEAR, 9, 1):
        if roll() < (0.04 if level == "2" else 0.35):
            status, expected_on = "14", date(THIS_YEAR + 1, 6, 30)
        else:
            left_on, leave = date(THIS_YEAR, 6, 30), "41"
    elif year < THIS_YEAR and roll() < 0.01:
        status = "02"
    tutors = supervisors[discipline.unit]
    return Graduate(
        person=person,
        student_no=numbers.next(f"{'B' if level == '1' else 'S'}{year}{discipline.unit}"),
        discipline=discipline,
        level=level,
        is_professional=level == "2" and roll() < 0.4,
        year=year,
        status=status,
        entered_on=date(year, 9, 3),
        expected_on=expected_on,
        supervisor_no=tutors[int(roll() * len(tutors))],
        is_part_time=level == "2" and roll() < 0.08,
        left_on=left_on,
        leave=leave,
    )


def renamed(person: Person, name: str, pinyin: str) -> Person:
    """Return the person under a new name, the old one kept as former name."""
    return replace(person, former_name=person.name, name=name, pinyin=pinyin)
