"""Which resource is the campus's log of cases, and which of its items plays which part (`caseLog` in campus.yaml).

Volumes, limits and visits are counted from it. It is declared by roles, so that a hall with other tables needs other
words in campus.yaml and no Python. A campus without the declaration has the same lists, with 未测 for the figures.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from catalogs.faults import Faults, did_you_mean
from catalogs.fields import Fields
from catalogs.lined_yaml import read_yaml
from catalogs.model import Catalog, Resource

FILE, KEY, RULE = "campus.yaml", "caseLog", "L01"
PERIODS = {"month": 1, "quarter": 3, "half": 6, "year": 12, "schoolyear": 12}
MATERIAL_KEYS = ("resource", "case", "material", "way", "spared")
KEYS = (
    "resource",
    "period",
    "item",
    "acceptedAt",
    "closedAt",
    "visits",
    "channel",
    "onlineChannels",
    "materials",
    "note",
)
_TIMES = ("date", "timestamp")
# What each part must be: name of the key → logical types of the item.
_PARTS: Mapping[str, tuple[str, ...]] = {
    "item": ("string",),
    "acceptedAt": _TIMES,
    "closedAt": _TIMES,
    "visits": ("integer",),
    "channel": ("string",),
}


@dataclass(frozen=True)
class MaterialLog:
    """Which resource notes what each case handed in: one row per case and material.

    Attributes:
        spared: values of `way` that say the material was not asked for.
    """

    resource: str
    case: str
    material: str
    way: str
    spared: tuple[str, ...]


@dataclass(frozen=True)
class CaseLog:
    """The log of cases: the resource and its items' names; an item that is empty is not logged.

    Attributes:
        period: by what volumes are counted: month, quarter, half, year, schoolyear.
        online: values of `channel` that are online channels.
        year_starts: month in which a school year begins.
    """

    resource: str
    period: str
    item: str
    accepted_at: str
    closed_at: str = ""
    visits: str = ""
    channel: str = ""
    online: tuple[str, ...] = ()
    materials: MaterialLog | None = None
    year_starts: int = 9


def case_log(catalog: Catalog) -> CaseLog | None:
    """Return the declared case log of a checked catalog, or None where the campus declares none."""
    said = catalog.campus.raw.get(KEY)
    if not said:
        return None
    materials = said.get("materials")
    academic = catalog.campus.raw.get("academicYear") or {}
    return CaseLog(
        resource=said["resource"],
        period=said.get("period", "year"),
        item=said["item"],
        accepted_at=said["acceptedAt"],
        closed_at=said.get("closedAt", ""),
        visits=said.get("visits", ""),
        channel=said.get("channel", ""),
        online=tuple(said.get("onlineChannels", ())),
        materials=MaterialLog(
            materials["resource"],
            materials["case"],
            materials["material"],
            materials.get("way", ""),
            tuple(materials.get("spared", ())),
        )
        if materials
        else None,
        year_starts=int(str(academic.get("startsOn") or "09-01")[:2]),
    )


def tell_case_log_faults(catalog: Catalog, faults: Faults) -> None:
    """Check that the declared case log names a resource and items that can play their parts."""
    if not catalog.campus.raw.get(KEY):
        return
    data = read_yaml(catalog.files[FILE], FILE, Faults())
    own = Fields(data, FILE, "campus", faults).inner(KEY, KEY)
    if own is None:
        return
    own.only(KEYS)
    own.text("period", default="year", among=tuple(PERIODS))
    own.words("onlineChannels")
    resource = _resource(catalog, own)
    for key, types in _PARTS.items():
        _tell_part(own, key, resource, types, required=key in ("item", "acceptedAt"))
    inner = own.inner("materials", f"{KEY} materials")
    if inner is not None:
        inner.only(MATERIAL_KEYS)
        inner.words("spared")
        materials = _resource(catalog, inner)
        for key in ("case", "material", "way"):
            _tell_part(inner, key, materials, ("string",), required=key != "way")
        if resource is not None and len(resource.key) != 1:
            inner.fault(RULE, "case", f"{resource.name} has no single key that a case could be named by")


def _resource(catalog: Catalog, own: Fields) -> Resource | None:
    name = own.text("resource", required=True)
    found = catalog.resources.get(name)
    if name and found is None:
        own.fault(
            RULE, "resource", f'there is no resource "{name}"', mend=did_you_mean(name, catalog.resources)
        )
    return found


def _tell_part(
    own: Fields, key: str, resource: Resource | None, types: tuple[str, ...], required: bool
) -> None:
    name = own.text(key, required=required)
    if not name or resource is None:
        return
    if not resource.has_item(name):
        names = [item.name for item in resource.items]
        own.fault(RULE, key, f'{resource.name} has no item "{name}"', mend=did_you_mean(name, names))
    elif resource.item(name).logical_type not in types:
        told = resource.item(name).logical_type
        own.fault(
            RULE, key, f"{resource.name}.{name} is of type {told}", expected=f"type {' or '.join(types)}"
        )


def periods_between(
    first: date, last: date, period: str, year_starts: int = 9
) -> tuple[tuple[str, date, date], ...]:
    """Return the periods that cover two days and all between: name, first day, last day, in their order.

    Args:
        first: a day in the first period.
        last: a day in the last one.
        period: month, quarter, half, year or schoolyear.
        year_starts: month in which a school year begins.
    """
    months = PERIODS[period]
    offset = year_starts - 1 if period == "schoolyear" else 0
    index = (first.year * 12 + first.month - 1 - offset) // months
    found = []
    while (begin := _month(index * months + offset)) <= last:
        end = _month((index + 1) * months + offset) - timedelta(days=1)
        found.append((_name(begin, period), begin, end))
        index += 1
    return tuple(found)


def _month(number: int) -> date:
    return date(number // 12, number % 12 + 1, 1)


def _name(begin: date, period: str) -> str:
    if period == "month":
        return f"{begin.year}-{begin.month:02d}"
    if period == "quarter":
        return f"{begin.year} 年第 {(begin.month + 2) // 3} 季度"
    if period == "half":
        return f"{begin.year} 年{'上' if begin.month == 1 else '下'}半年"
    return f"{begin.year} 年" if period == "year" else f"{begin.year}–{begin.year + 1} 学年"
