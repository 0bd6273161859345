"""What people come to the hall for: the codes the hall itself keeps; a test compares them with the catalog."""

from dataclasses import dataclass


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
        materials: codes of the papers handed in.
        nodes: (name, unit) of the steps.
    """

    code: str
    unit: str
    audience: tuple[str, ...]
    days: int
    visits: int
    weight: int
    materials: tuple[str, ...]
    nodes: tuple[tuple[str, str], ...]


ITEMS = (
    ServiceItem(
        "RS-012", "RS", ("staff",), 0, 0, 30, ("M-ID-COPY", "M-HR-STATUS"), (("受理", "RS"), ("办结", "RS"))
    ),
)
