"""Staff: teachers, administrators, workers, postdocs; those who retired, and those who left and are gone."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from demo.world_campus import OFFICES, SCHOOLS
from demo.world_people import PeopleMaker, Person
from demo.world_students import Numbers

_SCHOOLS, _OFFICES = tuple(SCHOOLS), tuple(OFFICES)
# category (JY/T 1006), share, unit kind, titles from high to low (GB/T 8561)
_KINDS = (
    ("10", 55, "school", ("011", "012", "013", "014")),
    ("20", 20, "office", ("", "", "", "")),
    ("30", 8, "school", ("081", "082", "083", "084")),
    ("70", 6, "school", ("", "", "013", "014")),
    ("50", 4, "school", ("071", "072", "073", "074")),
    ("40", 4, "office", ("", "", "", "")),
    ("80", 3, "school", ("", "", "", "")),
)
RETIRED_SHARE, GONE_SHARE = 0.16, 0.08


@dataclass(frozen=True, slots=True)
class Staff:
    """One employment.

    Attributes:
        person: who it is.
        staff_no: year of joining and running number.
        category: code of staff_category.
        establishment: code of establishment_kinds: 1 established, 2 and 3 contract, 4 dispatched, 5 postdoc,
            6 re-employed.
        status: code of staff_status on the first campus day.
        title: code of titles, empty for none.
        office: administrative office with its rank, empty for none.
        left_on: last day in service, None while it lasts; the retired stay in the register, others do not.
        leave: 退休, 离职 or 调出; empty while it lasts.
        is_secret: works on classified matters: stands in the system and must never be read from it.
    """

    person: Person
    staff_no: str
    unit: str
    category: str
    establishment: str
    status: str
    title: str
    titled_on: date | None
    office: str
    office_rank: str
    joined_on: date
    first_job_on: date
    contract_until: date | None
    education: str
    degree: str
    alma_mater: str
    left_on: date | None = None
    leave: str = ""
    student_no: str = ""
    is_secret: bool = False

    @property
    def name(self) -> str:
        return self.person.name

    @property
    def is_teacher(self) -> bool:
        return self.category in ("10", "50")

    def listed(self, day: date) -> bool:
        """Say whether the personnel workbook lists the person on the morning of a day."""
        return self.left_on is None or day <= self.left_on or self.leave == "退休"


_SCHOOLS_OF_ORIGIN = (
    "云溪大学",
    "南屿大学",
    "北原理工大学",
    "东岭师范大学",
    "西津大学",
    "海宁湾农业大学",
    "江左医科大学",
)
_OFFICE_POSTS = (("处长", "3"), ("副处长", "4"), ("科长", "5"), ("副科长", "6"))


def staff(maker: PeopleMaker, random: Random, present: int, numbers: Numbers) -> Iterator[Staff]:
    """Yield all staff: about `present` in service, then the retired, then those who have left.

    Every school has at least two professors, so that everybody finds a supervisor.
    """
    kinds = [kind for kind in _KINDS for _ in range(kind[1])]
    chiefs = 0
    for place in range(present):
        category, _, where, titles = kinds[place * 37 % len(kinds)] if place >= 28 else _KINDS[0]
        unit = _SCHOOLS[place % 14] if where == "school" else _OFFICES[place % len(_OFFICES)]
        rank = 0 if place < 28 else min(3, int(random.random() * 4.6))
        office = ("", "")
        if category == "20" and random.random() < 0.3:
            chiefs += 1
            office = _OFFICE_POSTS[chiefs % 4]
        yield _member(maker, random, numbers, category, unit, titles[rank], rank, office)
    for place in range(round(present * RETIRED_SHARE)):
        yield _gone(maker, random, numbers, _SCHOOLS[place % 14], "退休")
    for place in range(round(present * GONE_SHARE)):
        yield _gone(maker, random, numbers, _SCHOOLS[place % 14], random.choice(("离职", "调出", "离职")))


def _member(maker, random: Random, numbers: Numbers, category, unit, title, rank, office) -> Staff:
    roll = random.random
    oldest = (1968, 1972, 1980, 1988)[rank]
    person = maker.citizen((date(oldest, 1, 1), date(min(oldest + 18, 1999), 12, 31)))
    establishment = "1"
    if category == "80":
        establishment = "5"
    elif category == "40":
        establishment = "4" if roll() < 0.6 else "1"
    elif roll() < 0.22:
        establishment = "3" if roll() < 0.6 else "2"
    first = person.born_on.year + random.randint(23, 29)
    joined = max(min(first + int(roll() * 6), 2026), person.born_on.year + 23)
    if category == "80":
        joined = 2024 + int(roll() * 2.6)
    joined_on = date(joined, 1 + int(roll() * 8), 1 + int(roll() * 27))
    doctor = category in ("10", "50", "80") or roll() < 0.1
    contract_until = (
        None if establishment == "1" else date(2027 + int(roll() * 4), joined_on.month, joined_on.day)
    )
    titled = min(2026, joined + 2 + int(roll() * 8))
    return Staff(
        person=person,
        staff_no=numbers.next(f"{joined}"),
        unit=unit,
        category=category,
        establishment=establishment,
        status="01" if roll() > 0.015 else "11",
        title=title,
        titled_on=date(titled, 7, 1) if title else None,
        office=office[0],
        office_rank=office[1],
        joined_on=joined_on,
        first_job_on=min(joined_on, date(first, 7, 1)),
        contract_until=contract_until,
        education="11" if doctor else random.choice(("14", "21", "21")),
        degree=f"2{random.choice(('07', '08', '12', '05'))}"
        if doctor
        else random.choice(("308", "412", "407")),
        alma_mater=_SCHOOLS_OF_ORIGIN[int(roll() * len(_SCHOOLS_OF_ORIGIN))],
        is_secret=roll() < 0.008,
    )


def _gone(maker: PeopleMaker, random: Random, numbers: Numbers, unit: str, leave: str) -> Staff:
    roll = random.random
    retired = leave == "退休"
    born = (date(1942, 1, 1), date(1966, 6, 30)) if retired else (date(1970, 1, 1), date(1992, 12, 31))
    person = maker.citizen(born)
    joined_on = date(person.born_on.year + 25 + int(roll() * 5), 7, 1)
    if retired:
        left_on = date(person.born_on.year + 60, person.born_on.month, 28)
    else:
        left_on = date(2026, 8, 31) - timedelta(days=int(roll() * 900))
        joined_on = min(joined_on, left_on - timedelta(days=800))
    rehired = retired and person.born_on.year > 1958 and roll() < 0.15
    title = random.choice(("011", "012", "013", ""))
    return Staff(
        person=person,
        staff_no=numbers.next(f"{joined_on.year}"),
        unit=unit,
        category="10" if title else "20",
        establishment="6" if rehired else "1",
        status="05" if rehired else "02" if retired else "08" if leave == "离职" else "06",
        title=title,
        titled_on=min(date(joined_on.year + 9, 7, 1), left_on) if title else None,
        office="",
        office_rank="",
        joined_on=joined_on,
        first_job_on=joined_on,
        contract_until=None,
        education=random.choice(("14", "21")),
        degree=random.choice(("308", "407", "412")),
        alma_mater=_SCHOOLS_OF_ORIGIN[int(roll() * len(_SCHOOLS_OF_ORIGIN))],
        left_on=left_on,
        leave=leave,
    )
