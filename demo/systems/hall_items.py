"""What people come to the hall for: the codes that the hall itself keeps (hall_items.csv).

A test compares codes, units, materials and steps with the catalog: a drifting copy would count visits and
materials of items that nobody offers.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

OWN_UNIT = "OWN"
_FILE = Path(__file__).with_suffix(".csv")


@dataclass(frozen=True, slots=True)
class ServiceItem:
    """A service item as the hall runs it.

    Attributes:
        code: the catalog's code.
        unit: unit that leads.
        audience: student, graduate, staff.
        days: promised working days, 0 for at once.
        visits: how often people must come in person.
        weight: share of the hall's cases, relative.
        materials: codes of the papers that are always asked for.
        nodes: (name, unit) of the steps; `OWN_UNIT` is the applicant's.
    """

    code: str
    unit: str
    audience: tuple[str, ...]
    days: int
    visits: int
    weight: int
    materials: tuple[str, ...]
    nodes: tuple[tuple[str, str], ...]

    def nodes_for(self, unit: str) -> tuple[tuple[str, str], ...]:
        """Return the steps with the applicant's unit put in."""
        return tuple((name, unit if by == OWN_UNIT else by) for name, by in self.nodes)


def _read() -> tuple[ServiceItem, ...]:
    with _FILE.open(encoding="utf-8", newline="") as file:
        return tuple(
            ServiceItem(
                code=row["code"],
                unit=row["unit"],
                audience=tuple(row["audience"].split("|")),
                days=int(row["days"]),
                visits=int(row["visits"]),
                weight=int(row["weight"]),
                materials=tuple(filter(None, row["materials"].split("|"))),
                nodes=tuple(tuple(step.rsplit(":", 1)) for step in row["steps"].split("|")),
            )
            for row in csv.DictReader(file)
        )


ITEMS = _read()
