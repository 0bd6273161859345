"""What every derived list is: columns, rows with a reason each, a summary, and who may read it.

A row holds a plain value per column: text, a whole number, or a tuple of texts; `why` explains it in Chinese, and
`tier` is the narrowest circle of readers that anything named in the row belongs to. A list for the public is the
same list without the rows that the public may not read: nothing is rewritten for anybody.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

from catalogs.model import Catalog

PUBLIC, CAMPUS, OFFICE = TIERS = ("public", "campus", "office")
NOT_MEASURED = "未测"
NUMBER, WHY, TIER = "number", "why", "tier"

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """A column of a list: its key in the rows, its headings, and how wide it is shown, in Latin characters."""

    key: str
    zh: str
    en: str
    width: int = 16


@dataclass(frozen=True)
class DerivedList:
    """A derived list, ready to be written as JSON, Excel or a page.

    Attributes:
        name: ASCII, the name of its file and sheet.
        rows: numbered from 1 under `number`; each has `why` and `tier` besides the columns.
        summary: Chinese heading → figure or text, in the order in which it is shown.
    """

    name: str
    title_zh: str
    title_en: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    summary: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The keys of the columns, in order."""
        return tuple(column.key for column in self.columns)

    def for_readers(self, reader: str) -> "DerivedList":
        """Return the list as readers of a tier (public, campus, office) may see it: their rows, numbered anew.

        The summary counts everything, so only the data office sees it where rows are left out.
        """
        seen = [row for row in self.rows if TIERS.index(row[TIER]) <= TIERS.index(reader)]
        if len(seen) == len(self.rows):
            return self
        return replace(self, rows=_numbered(seen), summary={"行数": len(seen)})


def make_list(
    name: str,
    titles: tuple[str, str],
    columns: Sequence[Column],
    rows: Iterable[Row],
    summary: Mapping[str, Any] | None = None,
) -> DerivedList:
    """Return a list with its rows numbered, each with all columns, `why` and `tier`.

    Args:
        name: of the list.
        titles: Chinese and English.
        columns: without number and reason, which every list has.
        rows: in their order; a row without `tier` is for the public.
        summary: figures over the rows; their count is added.

    Raises:
        ValueError: a row lacks a column or its reason, or has a key that no column shows.
    """
    shown = (Column(NUMBER, "序号", "No.", 6), *columns, Column(WHY, "说明", "Why", 60))
    wanted = {column.key for column in shown} | {TIER}
    numbered = _numbered({TIER: PUBLIC, **row} for row in rows)
    for row in numbered:
        if row.keys() != wanted or not row[WHY]:
            raise ValueError(f"list {name}: row with {sorted(row.keys() ^ wanted) or 'an empty why'}")
    return DerivedList(name, *titles, shown, numbered, {"行数": len(numbered), **(summary or {})})


def _numbered(rows: Iterable[Row]) -> tuple[Row, ...]:
    return tuple({**row, NUMBER: number} for number, row in enumerate(rows, start=1))


def narrowest(tiers: Iterable[str]) -> str:
    """Return the narrowest of some tiers; of none, public."""
    return max(tiers, key=TIERS.index, default=PUBLIC)


def item_tier(catalog: Catalog, resource: str, item: str = "") -> str:
    """Return who may read about a resource, or one of its items; of a resource that is not active, the office."""
    found = catalog.resources[resource]
    if found.status != "active":
        return OFFICE
    return narrowest((found.tier, found.item(item).tier) if item else (found.tier,))


def unit_name(catalog: Catalog, code: str) -> str:
    """Return a unit's Chinese name, or its code where it is not registered."""
    unit = catalog.units.get(code)
    return unit.name_zh if unit else code


def element_name(catalog: Catalog, code: str) -> str:
    """Return an element's Chinese name with its code, as people look for both."""
    element = catalog.elements.get(code)
    return f"{element.name_zh}({code})" if element else code


def service_name(catalog: Catalog, code: str) -> str:
    """Return a service item's Chinese name, or its code where there is none."""
    item = catalog.services.get(code)
    return item.name_zh if item else code


def material_name(catalog: Catalog, code: str) -> str:
    """Return a material's Chinese name, or its code where it is not registered."""
    material = catalog.materials.get(code)
    return material.name_zh if material else code


def population_names(catalog: Catalog, codes: Iterable[str]) -> tuple[str, ...]:
    """Return the Chinese names of populations."""
    known = catalog.populations
    return tuple(known[code].name_zh if code in known else code for code in codes)


def percent(part: int, whole: int) -> str:
    """Return a share in per cent as the documents of the reform print it: cut off after one decimal, not rounded.

    31 of 49 is 63.2 %, and a share just short of its goal never looks like the goal. Of nothing: 无.
    """
    if whole <= 0:
        return "无"
    tenths = part * 1000 // whole
    return f"{tenths // 10}%" if tenths % 10 == 0 and part * 1000 % whole == 0 else f"{tenths / 10:.1f}%"


def threshold(value: Any, default: str) -> Fraction:
    """Return a share of the settings as the number that was written: 0.8 is four fifths, not a float near it."""
    try:
        return Fraction(str(default if value is None else value))
    except ValueError:
        return Fraction(default)


def join(parts: Iterable[str]) -> str:
    """Return parts as one Chinese enumeration, without empty ones."""
    return "、".join(part for part in parts if part)
