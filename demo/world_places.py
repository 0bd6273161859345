"""Buildings and rooms: student dormitories by site and sex, staff flats, class rooms, laboratories, offices."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import cycle

from demo.world_campus import OFFICES, SCHOOLS, SITE_OF_SCHOOL, SITES
from demo.world_students import Graduate, Undergraduate

_ROOMS_PER_FLOOR, _FLOORS = 24, 6
_SLACK = 1.06


@dataclass(frozen=True, slots=True)
class Room:
    """A room.

    Attributes:
        number: campus-wide, building and door.
        use: code of room_uses: 1 class room, 2 laboratory, 3 office, 4 dormitory, 9 staff flat.
        capacity: beds or seats; 0 where it has no meaning.
        area_dm2: floor area in square decimetres.
        sex: 1 or 2 in dormitories, empty elsewhere.
        unit: that uses it.
    """

    number: str
    building: str
    door: str
    site: str
    use: str
    capacity: int
    area_dm2: int
    unit: str
    structure: str
    sex: str = ""
    is_graduate: bool = False


def rooms_of(undergraduates: Iterable[Undergraduate], graduates: Iterable[Graduate], staff: int, day: date):
    """Return all rooms by number: beds for everybody present on a day and a few more, and what else a campus has."""
    needs: Counter[tuple[str, str, bool]] = Counter()
    for student in undergraduates:
        if student.present(day):
            needs[student.site, student.person.sex, False] += 1
    for student in graduates:
        if student.present(day):
            needs[student.site, student.person.sex, True] += 1
    found = [*_dormitories(needs), *_others(staff)]
    return tuple(sorted(found, key=lambda room: room.number))


def _dormitories(needs: Counter[tuple[str, str, bool]]) -> Iterator[Room]:
    building = 0
    for (site, sex, is_graduate), people in sorted(needs.items()):
        beds = 2 if is_graduate else 4
        left = int(people * _SLACK / beds) + 2
        while left > 0:
            building += 1
            for place in range(min(left, _ROOMS_PER_FLOOR * _FLOORS)):
                door = f"{place // _ROOMS_PER_FLOOR + 1}{place % _ROOMS_PER_FLOOR + 1:02d}"
                yield Room(
                    number=f"S{building:03d}-{door}",
                    building=f"{SITES[site][:2]}{building}号学生公寓",
                    door=door,
                    site=site,
                    use="4",
                    capacity=beds,
                    area_dm2=2_200 if beds == 4 else 1_800,
                    unit="HQ",
                    structure="2",
                    sex=sex,
                    is_graduate=is_graduate,
                )
            left -= _ROOMS_PER_FLOOR * _FLOORS


def _others(staff: int) -> Iterator[Room]:
    units = cycle((*SCHOOLS, *SCHOOLS, *OFFICES))
    kinds = (("3", staff * 5 // 8, "B", "办公楼", 2_400), ("2", staff // 4, "L", "实验楼", 6_400),
             ("1", staff // 4, "J", "教学楼", 9_000), ("9", staff // 5, "G", "教工公寓", 6_800))  # fmt: skip
    for use, count, letter, word, area in kinds:
        for place in range(count):
            building, door = place // 60 + 1, f"{place % 60 // 12 + 1}{place % 12 + 1:02d}"
            unit = {"1": "JW", "9": "GZ"}.get(use) or next(units)
            site = SITE_OF_SCHOOL.get(unit, "1")
            yield Room(
                number=f"{letter}{building:03d}-{door}",
                building=f"{SITES['1'][:2]}{word}{building}",
                door=door,
                site=site if use in "23" else "1",
                use=use,
                capacity={"1": 60, "9": 3}.get(use, 0),
                area_dm2=area + place * 37 % 900,
                unit=unit,
                structure="3" if place % 9 == 0 else "2",
            )
