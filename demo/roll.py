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
    """

    number: str
    name: str
    unit: str
    role: str
    since: date
    until: date | None

    def present(self, day: date) -> bool:
        return self.since <= day and (self.until is None or day <= self.until)


@dataclass(frozen=True)
class Roll:
    """All members of the campus, each list sorted by number."""

    staff: tuple[Member, ...]
    undergraduates: tuple[Member, ...]
    graduates: tuple[Member, ...]
    units: tuple[str, ...]

    @property
    def students(self) -> tuple[Member, ...]:
        return self.undergraduates + self.graduates

    def on(self, day: date) -> "Roll":
        """Return the roll of those present on a day."""
        return Roll(
            tuple(m for m in self.staff if m.present(day)),
            tuple(m for m in self.undergraduates if m.present(day)),
            tuple(m for m in self.graduates if m.present(day)),
            self.units,
        )


def dice(seed: int, *names: object) -> Random:
    """Return random numbers of their own for one purpose, so that one system's draws never move another's."""
    return Random(":".join(map(str, (seed, *names))))


def roll_of(world: "World") -> Roll:
    """Return the world's people as business systems know them."""
    return Roll(
        staff=_members((p.staff_no, p.name, p.unit, "staff", p.joined_on, p.left_on) for p in world.staff),
        undergraduates=_members(
            (p.student_no, p.name, p.unit, "undergraduate", p.entered_on, p.left_on)
            for p in world.undergraduates
        ),
        graduates=_members(
            (p.student_no, p.name, p.unit, "graduate", p.entered_on, p.left_on) for p in world.graduates
        ),
        units=tuple(world.units),
    )


def _members(rows: Iterable[tuple[str, str, str, str, date, date | None]]) -> tuple[Member, ...]:
    return tuple(Member(*row) for row in sorted(rows, key=lambda row: row[0]))
