"""What the catalog says will end, in the answer's headers: `Deprecation` (RFC 9745) and `Sunset` (RFC 8594).

A service item ends as its file says, an element when every contract that it is read from does: a client must hear of it
before its form stays empty. Only what the catalog calls deprecated is told; that a right runs out stands in the demand.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo

from catalogs.model import Catalog, Resource, ServiceItem
from service.reading import Versioned


@dataclass(frozen=True)
class Ending:
    """Since when something is deprecated, and its last day."""

    since: date
    until: date


def headers(catalog: Catalog, service_item: str, elements: Iterable[str]) -> dict[str, str]:
    """Return the headers of an answer; none where nothing of it ends.

    Args:
        catalog: of the release.
        service_item: for which it was asked; empty: for none.
        elements: which were asked for, in the catalog's words.
    """
    items, ending = _endings(Versioned(catalog))
    if not items and not ending:
        return {}
    found = [items[service_item]] if service_item in items else []
    found += [ending[element] for element in elements if element in ending]
    if not found:
        return {}
    zone = ZoneInfo(catalog.campus.time_zone)
    since = datetime.combine(min(one.since for one in found), time(), zone)
    until = datetime.combine(min(one.until for one in found), time(23, 59, 59), zone)
    return {
        "Deprecation": f"@{int(since.timestamp())}",
        "Sunset": until.astimezone(ZoneInfo("GMT")).strftime("%a, %d %b %Y %H:%M:%S GMT"),
    }


def of_element(catalog: Catalog, element: str) -> Ending | None:
    """Return when an element ends; None: no end is known."""
    return _endings(Versioned(catalog))[1].get(element)


@lru_cache(maxsize=4)
def _endings(versioned: Versioned) -> tuple[Mapping[str, Ending], Mapping[str, Ending]]:
    """Return service item → its ending, and element → the ending of the last of its sources."""
    catalog = versioned.catalog
    items = {code: found for code, item in catalog.services.items() if (found := _ending(item))}
    elements = {}
    for element in catalog.elements:
        sources = [_ending(catalog.resources[one.resource]) for one in catalog.sources_of(element)]
        known = [one for one in sources if one is not None]
        if known and len(known) == len(sources):
            elements[element] = max(known, key=lambda one: one.until)
    return items, elements


def _ending(one: Resource | ServiceItem) -> Ending | None:
    if one.deprecated_on is None or one.valid_to is None:
        return None
    return Ending(one.deprecated_on, one.valid_to)
