"""By what a search of resources may be narrowed: what their contracts say, and how they stand today."""

from collections.abc import Mapping
from datetime import date

import psycopg

from catalogs.changes.code_words import code_word
from catalogs.exports.site import resource_page
from catalogs.model import Catalog
from catalogs.views import visible_items, visible_resources
from catalogs.words import PI_CLASSES
from expectations.quality.terms import terms
from portal import facts
from portal.search import FACETS, LONGEST
from portal.texts import text

FRESH, LATE = "fresh", "late"
_STANDING = {"✓": "good", "!": "watch", "✕": "bad", "–": "nothing"}
_FRESH_TEXTS = {FRESH: "state.in_time", LATE: "state.late_now"}
_KEYS = {"share": "shareType", "personal": "piClass", "cycle": "updateCycle"}


def traits(catalog: Catalog, tier: str) -> dict[str, dict[str, str]]:
    """Return page of a resource → facet → value, as readers of a tier may know it.

    A resource has the class of its most sensitive item that they see.
    """
    found = {}
    for one in visible_resources(catalog, tier):
        classes = [item.pi_class for item in visible_items(one, tier) if item.pi_class in PI_CLASSES]
        found[resource_page(one.name)] = {
            "system": one.system,
            "share": one.share_type,
            "personal": max(classes, key=PI_CLASSES.index, default=PI_CLASSES[0]),
            "cycle": one.update_cycle,
        }
    return found


def standing(con: psycopg.Connection, catalog: Catalog, day: date) -> dict[str, dict[str, str]]:
    """Return page of a resource → whether it is in time, where somebody promised so, and how good it is."""
    last, totals, own = facts.last_published(con), facts.totals(con, day), terms(catalog)
    found = {}
    for one in catalog.resources.values():
        told = {"quality": _STANDING[own.sign(totals.get(one.name))]}
        if facts.is_promised(catalog, one):
            told["fresh"] = LATE if facts.is_late(one, last.get(one.name)) else FRESH
        found[resource_page(one.name)] = told
    return found


def chosen_of(query: Mapping[str, str]) -> dict[str, str]:
    """Return facet → value of an address, those that narrow."""
    return {facet: query[facet].strip()[:LONGEST] for facet in FACETS if query.get(facet, "").strip()}


def word(catalog: Catalog, facet: str, value: str, language: str) -> str:
    """Return what people call a value of a facet; a value that there is not stays as it is."""
    if facet == "system":
        system = catalog.systems.get(value)
        return system.name_zh if system else value
    if facet == "quality" and value in _STANDING.values():
        return text(value, language)
    if facet == "fresh" and value in _FRESH_TEXTS:
        return text(_FRESH_TEXTS[value], language)
    return code_word(_KEYS.get(facet, ""), value, language != "zh")
