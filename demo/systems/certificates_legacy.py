"""Certificates issued before the campus had systems: JSON lines, one file per kind, as the archives typed them in.

Graduation certificates since 2002, degree certificates since 2008. Most of the people stand in no system's
tables; some are staff by now.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from demo import ids
from demo.roll import dice
from demo.target import Target
from demo.world_campus import MAJORS, Major
from demo.world_people import PeopleMaker, Person

if TYPE_CHECKING:
    from demo.world import World

GRADUATION, DEGREES = "毕业证书.jsonl", "学位证书.jsonl"
FIRST_YEAR, FIRST_DEGREE_YEAR, LAST_YEAR = 2002, 2008, 2021
_SCHOOL, _OWN_NAME = "10999", "云溪大学"
_FIELDS = {
    "01": "哲学", "02": "经济学", "03": "法学", "04": "教育学", "05": "文学", "06": "历史学", "07": "理学",
    "08": "工学", "09": "农学", "10": "医学", "12": "管理学", "13": "艺术学", "45": "工学",
}  # fmt: skip
_LEVELS = (("大学本科", "学士", "05"), ("硕士研究生", "硕士", "02"), ("博士研究生", "博士", "01"))
_LEVEL_WEIGHTS = (86, 11, 3)
_AGES = (22, 25, 29)
_TYPED_AT = "2024-06-30T10:00:00+08:00"


@dataclass(frozen=True, slots=True)
class EarlierGraduate:
    """One study that ended before the campus had systems; `level` is a place in `_LEVELS`."""

    person: Person
    student_no: str
    major: Major
    level: int
    year: int

    @property
    def graduated_on(self) -> date:
        return date(self.year, 7, 1)


def build(world: "World", target: Target) -> dict[str, int]:
    """Write both files into the drop folder; returns lines per kind."""
    folder = target.folder("certificates_legacy")
    target.env.set_system("certificates_legacy", drop=folder)
    graduates = list(earlier_graduates(world))
    return {
        "graduation": _write(folder / GRADUATION, _graduations(world, graduates)),
        "degrees": _write(folder / DEGREES, _degrees(graduates)),
    }


def advance(world: "World", target: Target, day: int) -> dict[str, int]:
    """Nothing is added from one day to the next."""
    return {}


def earlier_graduates(world: "World") -> Iterator[EarlierGraduate]:
    """Yield who graduated from 2002 to 2021, year by year: about a twentieth of today's students each year."""
    random = dice(world.seed, "legacy")
    maker = PeopleMaker(random)
    numbers: dict[tuple[str, date], int] = {}
    own = [
        member
        for member in world.staff
        if member.alma_mater == _OWN_NAME and member.person.document.kind == "1" and not member.is_secret
    ]
    majors = [major for major in MAJORS if major.degree]
    per_year = max(20, len(world.undergraduates) // 20)
    for year in range(FIRST_YEAR, LAST_YEAR + 1):
        colleagues = [m.person for m in own if m.person.born_on.year + _AGES[0] == year]
        for place in range(per_year):
            level = random.choices((0, 1, 2), _LEVEL_WEIGHTS)[0]
            major = random.choice(majors)
            if place < len(colleagues):
                person, level = colleagues[place], 0
            else:
                born = date(year - _AGES[level] - 1, 9, 1), date(year - _AGES[level], 8, 31)
                person = _renumbered(maker.citizen(born), numbers)
            yield EarlierGraduate(person, f"{year - 4 + level}{major.unit}{place:05d}", major, level, year)


def _renumbered(person: Person, numbers: dict[tuple[str, date], int]) -> Person:
    """Give an identity number from the half of a day's order numbers that the world does not draw from."""
    document = person.document
    place = (document.number[:6], person.born_on)
    numbers[place] = numbers.get(place, 0) + 1
    order = (250 + person.born_on.day * 7 + numbers[place]) % 500
    number = ids.resident_id(place[0], person.born_on, order, person.sex)
    return replace(person, documents=(replace(document, number=number),))


def _write(path: Path, lines: Iterable[dict]) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as out:
        for line in lines:
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
            count += 1
    return count


def _person(graduate: EarlierGraduate) -> dict:
    person = graduate.person
    return {
        "xh": graduate.student_no,
        "xm": person.name,
        "xb": {"1": "男", "2": "女"}[person.sex],
        "csrq": person.born_on.strftime("%Y%m%d"),
        "zjlx": "居民身份证",
        "gjdq": "中国",
        "zjhm": person.document.number,
    }


def _graduations(world: "World", graduates: list[EarlierGraduate]) -> Iterator[dict]:
    first = None
    for number, graduate in enumerate(graduates, start=1):
        random = dice(world.seed, "legacy", graduate.student_no)
        level, _, code = _LEVELS[graduate.level]
        line = {
            "zsbh": f"{_SCHOOL}1{graduate.year}{code}{number:06d}",
            **_person(graduate),
            "zymc": graduate.major.name,
            "xl": level,
            "jl": "毕业" if random.random() < 0.97 else "结业",
            "byrq": graduate.graduated_on.isoformat(),
            "zt": random.choices(("有效", "遗失", "已出具证明书"), (96, 2, 2))[0],
            "gxsj": _TYPED_AT,
        }
        first = first or line
        yield line
    world.fault("certificates_legacy.graduation", "X1", "graduated before certificates were registered")
    yield {**first, "zsbh": "X1", "byrq": "1999-07-01"}


def _degrees(graduates: list[EarlierGraduate]) -> Iterator[dict]:
    for number, graduate in enumerate(graduates, start=1):
        if graduate.year < FIRST_DEGREE_YEAR:
            continue
        _, degree, _ = _LEVELS[graduate.level]
        yield {
            "zsbh": f"{_SCHOOL}{4 - min(graduate.level, 2)}{graduate.year}{number:06d}",
            **_person(graduate),
            "xw": f"{_FIELDS[graduate.major.degree[1:]]}{degree}",
            "syrq": graduate.graduated_on.isoformat(),
            "zt": "有效",
            "gxsj": _TYPED_AT,
        }
