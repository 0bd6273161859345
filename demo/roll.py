"""Who may appear in a business system: the world's people, as flat lists in a fixed order.

Finance, research, hall and offices know people by number, name and unit only. They keep rows of people whom
academic affairs or personnel have already dropped, so leavers and earlier graduates stand here too.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demo.world import World
    from demo.world_students import Graduate, Undergraduate


@dataclass(frozen=True, slots=True)
class Member:
    """One person in one role.

    Attributes:
        number: staff or student number.
        name: as the register writes it today.
        unit: unit code.
        role: staff, undergraduate or graduate.
        since: first day in this role.
        until: last day, None while it lasts.
        is_secret: works on classified matters; never to be read from a system.
    """

    number: str
    name: str
    unit: str
    role: str
    since: date
    until: date | None
    is_secret: bool = False

    def present(self, day: date) -> bool:
        return self.since <= day and (self.until is None or day <= self.until)


@dataclass(frozen=True)
class Roll:
    """All members of the campus, each list sorted by number; `secret_staff` stand in no other list."""

    staff: tuple[Member, ...]
    undergraduates: tuple[Member, ...]
    graduates: tuple[Member, ...]
    secret_staff: tuple[Member, ...] = ()

    @property
    def students(self) -> tuple[Member, ...]:
        return self.undergraduates + self.graduates

    def on(self, day: date) -> "Roll":
        """Return the roll of those present on a day."""
        return Roll(
            tuple(m for m in self.staff if m.present(day)),
            tuple(m for m in self.undergraduates if m.present(day)),
            tuple(m for m in self.graduates if m.present(day)),
            tuple(m for m in self.secret_staff if m.present(day)),
        )


def dice(seed: int, *names: object) -> Random:
    """Return random numbers of their own for one purpose, so that one system's draws never move another's."""
    return Random(":".join(map(str, (seed, *names))))


def roll_of(world: "World") -> Roll:
    """Return the world's people as business systems know them."""
    staff = [
        Member(p.staff_no, p.name, p.unit, "staff", p.joined_on, p.left_on, p.is_secret)
        for p in sorted(world.staff, key=lambda one: one.staff_no)
    ]
    return Roll(
        staff=tuple(member for member in staff if not member.is_secret),
        undergraduates=_students(world.undergraduates, "undergraduate"),
        graduates=_students(world.graduates, "graduate"),
        secret_staff=tuple(member for member in staff if member.is_secret),
    )


def _students(students: "Iterable[Undergraduate | Graduate]", role: str) -> tuple[Member, ...]:
    return tuple(
        Member(p.student_no, p.name, p.unit, role, p.entered_on, p.left_on)
        for p in sorted(students, key=lambda one: one.student_no)
    )
