"""八统一: what must read the same at every site and in every unit, and where it does not.

Two things differ silently: one service item that a site handles otherwise (its `variants`), and one name under which
units keep different rules. Which fields count is the campus's to say (`unified` in campus.yaml).
"""

from dataclasses import dataclass

from catalogs.check_between import folded
from catalogs.model import Catalog, ServiceItem


@dataclass(frozen=True)
class Difference:
    """One field of one service item that reads otherwise.

    Attributes:
        site: where it does; empty where `other` is meant.
        other: code of the service item of the same name whose field differs; empty where a site is meant.
    """

    service_item: str
    field: str
    site: str = ""
    other: str = ""


def differences(catalog: Catalog) -> tuple[Difference, ...]:
    """Return every difference, by service item, then in the order of the unified fields."""
    found = []
    fields = catalog.campus.unified
    for item in catalog.services.values():
        for variant in item.variants:
            differing = [
                name
                for name in fields
                if name in variant.fields and variant.fields[name] != item.raw.get(name)
            ]
            found += [Difference(item.code, name, site=variant.site) for name in differing]
    for first, second in _namesakes(catalog):
        # Two entries have two codes by nature; whether they should be one is what the rest of the fields tell.
        differing = [
            name for name in fields if name != "code" and first.raw.get(name) != second.raw.get(name)
        ]
        found += [Difference(second.code, name, other=first.code) for name in differing]
    return tuple(found)


def _namesakes(catalog: Catalog) -> list[tuple[ServiceItem, ServiceItem]]:
    """Each service item whose name another has already, with the first of that name."""
    by_name: dict[str, list[ServiceItem]] = {}
    for item in catalog.services.values():
        by_name.setdefault(folded(item.name_zh), []).append(item)
    return [(items[0], other) for items in by_name.values() for other in items[1:]]
