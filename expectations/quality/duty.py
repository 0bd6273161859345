"""Who answers for what is wrong: the unit, and the posts that a ticket goes to, one after the other (pure).

A resource is its provider's, or its heir's where the provider has ended; a system its provider's; a model, and whatever
nobody declares, the data office's. The steward's post comes first, then the accountable one, then the data office's;
a vacant post is passed over. Posts answer, never persons: a name that stands in a post's place is not used.
"""

from dataclasses import dataclass
from datetime import date

from catalogs import derive
from catalogs.model import Catalog, Unit


@dataclass(frozen=True)
class Duty:
    """Who answers for a resource.

    Attributes:
        unit: code of the unit; empty where the campus names no data office either.
        posts: whom a ticket goes to, in the order in which it climbs; at least one, perhaps an empty text.
    """

    unit: str
    posts: tuple[str, ...]

    def post(self, level: int) -> str:
        """The post at a level; the last one stays."""
        return self.posts[min(level, len(self.posts) - 1)]

    @property
    def highest(self) -> int:
        """The level above which nothing climbs."""
        return len(self.posts) - 1


def duty(catalog: Catalog, name: str, on: date) -> Duty:
    """Return who answers for a resource, a system or a model on a day."""
    resource, system = catalog.resources.get(name), catalog.systems.get(name)
    office, _ = derive.answering_unit(catalog.units, str(catalog.campus.raw.get("dataOffice") or ""), on)
    provider = resource.provider if resource else system.provider if system else ""
    unit, _ = derive.answering_unit(catalog.units, provider, on) if provider else (None, "")
    if unit is None and not provider:
        unit = office
    return Duty(
        unit.code if unit else provider,
        _posts(
            derive.post_of(resource.steward if resource else "", unit.steward if unit else ""),
            derive.post_of(resource.accountable if resource else "", unit.accountable if unit else ""),
            _head(office),
        ),
    )


def duty_of_unit(catalog: Catalog, code: str, on: date) -> Duty:
    """Return who answers for what concerns a unit and no resource."""
    office, _ = derive.answering_unit(catalog.units, str(catalog.campus.raw.get("dataOffice") or ""), on)
    unit, _ = derive.answering_unit(catalog.units, code, on)
    posts = (derive.post_of(unit.steward), derive.post_of(unit.accountable)) if unit else ()
    return Duty(unit.code if unit else code, _posts(*posts, _head(office)))


def unit_of_post(catalog: Catalog, post: str) -> str:
    """Return the unit whose steward or accountable post it is; empty if no register says so."""
    for unit in catalog.units.values():
        if post in (unit.steward, unit.accountable):
            return unit.code
    for resource in catalog.resources.values():
        if post in (resource.steward, resource.accountable):
            return resource.provider
    return ""


def _head(office: Unit | None) -> str:
    return derive.post_of(office.accountable, office.steward) if office else ""


def _posts(*posts: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(post for post in posts if post)) or ("",)
