"""What a change means: what becomes allowed or forbidden, what breaks or works again, whom it concerns.

Compared are two whole catalogs, not texts: a code moved from one file to another is no change here, and one word in a
contract may take a fact from forty service items.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from catalogs import derive
from catalogs.changes.contract_versions import is_contract, version_class
from catalogs.changes.edits import Edit
from catalogs.model import Catalog, FactSource, Grant, Item, Resource

_OPEN = ("public", "campus", "office")
GrantKey = tuple[str, str, str, str, str, str]


@dataclass(frozen=True)
class GrantChange:
    """A right that begins, ends or changes; `old` or `new` is None where there is none."""

    old: Grant | None
    new: Grant | None

    @property
    def grant(self) -> Grant:
        """The right as it is, or was."""
        found = self.new or self.old
        assert found is not None
        return found

    @property
    def widens(self) -> bool:
        """Whether more is handed out than before: a new right, a mask taken off, a longer time."""
        if self.new is None or self.old is None:
            return self.old is None
        return bool(self.mask_loosened) or _longer(self.old, self.new)

    @property
    def mask_loosened(self) -> bool:
        """Whether the value is shown with less of it hidden."""
        return bool(self.old and self.new and _shows_more(self.old.mask, self.new.mask))

    @property
    def mask_tightened(self) -> bool:
        """Whether the value is shown with more of it hidden."""
        return bool(self.old and self.new and self.old.mask != self.new.mask and not self.mask_loosened)


@dataclass(frozen=True)
class SourceChange:
    """An element whose facts lose or gain a source."""

    element: str
    lost: tuple[str, ...]
    gained: tuple[str, ...]
    left: int

    @property
    def is_without(self) -> bool:
        """Whether nobody is the source of the element any more."""
        return bool(self.lost) and not self.left


@dataclass(frozen=True)
class ItemChange:
    """An item of a resource that is lost, renamed or new."""

    resource: str
    old: str
    new: str

    @property
    def kind(self) -> str:
        """lost, renamed or new."""
        return "renamed" if self.old and self.new else "lost" if self.old else "new"


@dataclass(frozen=True)
class ContractChange:
    """A contract that changes, by how much, and the versions before and after."""

    resource: str
    by: str
    old: str
    new: str


@dataclass(frozen=True)
class Consequences:
    """What a change means.

    Attributes:
        grants: rights that begin, end or change.
        opened, closed: `resource.item` (or resource) shown to a wider, or narrower, public: with the tiers.
        sources: elements that lose or gain a source.
        demands: granted demand → its elements that nobody provides any more.
        materials_back, materials_spared: (service item, material) that applicants must bring again, or no longer.
        fields_lost: (service item, form field) that is no longer filled.
        items: items of resources lost, renamed, new.
        contracts: contracts with the class of their change.
        duties_gained, duties_lost: rows of the responsibility list: (unit, resource, item).
        entries: kind → codes of service items, materials, demands … added and removed: (added, removed).
        units, posts, clients, service_items: whom it concerns.
    """

    grants: tuple[GrantChange, ...]
    opened: tuple[tuple[str, str, str], ...]
    closed: tuple[tuple[str, str, str], ...]
    sources: tuple[SourceChange, ...]
    demands: Mapping[str, tuple[str, ...]]
    materials_back: tuple[tuple[str, str], ...]
    materials_spared: tuple[tuple[str, str], ...]
    fields_lost: tuple[tuple[str, str], ...]
    items: tuple[ItemChange, ...]
    contracts: tuple[ContractChange, ...]
    duties_gained: tuple[tuple[str, str, str], ...]
    duties_lost: tuple[tuple[str, str, str], ...]
    entries: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]
    units: tuple[str, ...]
    posts: tuple[str, ...]
    clients: tuple[str, ...]
    service_items: tuple[str, ...]

    @property
    def allows_more(self) -> bool:
        """Whether anybody gets, or is shown, more than before."""
        return bool(self.opened) or any(change.widens for change in self.grants)

    @property
    def breaks(self) -> bool:
        """Whether something that worked does not any more."""
        lost = any(change.is_without for change in self.sources)
        gone = any(change.kind != "new" for change in self.items)
        return bool(lost or gone or self.demands or self.materials_back or self.fields_lost)


def consequences(old: Catalog, new: Catalog, edits: Iterable[Edit]) -> Consequences:
    """Compare two catalogs.

    Args:
        old: as it is.
        new: as it would be, decided.
        edits: what makes the one of the other; they tell the class of each contract's change.
    """
    edits = tuple(edits)
    grants = _grants(old, new)
    opened, closed = _tiers(old, new)
    sources = tuple(_sources(old, new))
    back, spared = _materials(old, new)
    fields = tuple(_fields_lost(old, new))
    before, after = _duties(old), _duties(new)
    touched = [
        resource
        for resource in (*old.resources.values(), *new.resources.values())
        if any(edit.file == resource.file for edit in edits)
    ]
    concerned = _service_items(old, new, edits, grants, sources)
    return Consequences(
        grants=grants,
        opened=opened,
        closed=closed,
        sources=sources,
        demands=_demands_lost(old, new),
        materials_back=back,
        materials_spared=spared,
        fields_lost=fields,
        items=tuple(_items(old, new)),
        contracts=tuple(_contracts(old, new, edits)),
        duties_gained=tuple(sorted(after - before)),
        duties_lost=tuple(sorted(before - after)),
        entries=_entries(old, new),
        units=_units(old, new, touched, grants, concerned),
        posts=tuple(sorted({post for one in touched for post in (one.accountable, one.steward) if post})),
        clients=tuple(sorted({change.grant.client for change in grants})),
        service_items=concerned,
    )


def _grants(old: Catalog, new: Catalog) -> tuple[GrantChange, ...]:
    before, after = _by_key(old), _by_key(new)
    changes = (GrantChange(before.get(key), after.get(key)) for key in sorted(before.keys() | after.keys()))
    return tuple(change for change in changes if not _is_same(change))


def _by_key(catalog: Catalog) -> dict[GrantKey, Grant]:
    """Rights by what they allow, whichever demand gives them; of several the one that shows more."""
    found: dict[GrantKey, Grant] = {}
    for grant in catalog.grants():
        key = (grant.client, grant.purpose_kind, grant.purpose, grant.element, grant.resource, grant.item)
        if key not in found or _shows_more(found[key].mask, grant.mask) or _longer(found[key], grant):
            found[key] = grant
    return found


def _is_same(change: GrantChange) -> bool:
    one, other = change.old, change.new
    if one is None or other is None:
        return False
    return (one.mask, one.valid_from, one.valid_to, one.share_type) == (
        other.mask,
        other.valid_from,
        other.valid_to,
        other.share_type,
    )


def _longer(old: Grant, new: Grant) -> bool:
    begins = (new.valid_from or date.min) < (old.valid_from or date.min)
    return begins or (new.valid_to or date.max) > (old.valid_to or date.max)


def _shows_more(old: str, new: str) -> bool:
    """Whether a mask shows characters that another hides."""
    return any(now > was for was, now in zip(_shown(old), _shown(new), strict=True))


def _shown(mask: str) -> tuple[float, float]:
    """How many characters a mask shows, of the beginning and of the end (`service.masks`)."""
    if not mask:
        return float("inf"), float("inf")
    kind, _, argument = mask.partition(":")
    counts = [int(part) for part in argument.split(",") if part.strip().isdigit()]
    if kind == "keep" and len(counts) == 2:
        return counts[0], counts[1]
    if kind == "last" and len(counts) == 1:
        return 0, counts[0]
    return (4, 0) if kind == "year" else (0, 0)


def _tiers(
    old: Catalog, new: Catalog
) -> tuple[tuple[tuple[str, str, str], ...], tuple[tuple[str, str, str], ...]]:
    before, after = _shown_to(old), _shown_to(new)
    opened, closed = [], []
    for name in sorted(before.keys() & after.keys()):
        was, now = before[name], after[name]
        if _OPEN.index(now) < _OPEN.index(was):
            opened.append((name, was, now))
        elif now != was:
            closed.append((name, was, now))
    opened += [
        (name, "", tier) for name, tier in sorted(after.items()) if name not in before and tier == "public"
    ]
    return tuple(opened), tuple(closed)


def _shown_to(catalog: Catalog) -> dict[str, str]:
    """Who may see that an item is there: the narrower of its own tier and its resource's."""
    found = {}
    for resource in catalog.resources.values():
        if resource.status in derive.ANSWERING:
            for item in resource.items:
                tiers = [tier for tier in (resource.tier, item.tier) if tier in _OPEN]
                found[f"{resource.name}.{item.name}"] = max(tiers, key=_OPEN.index, default="office")
    return found


def _places(sources: Iterable[FactSource]) -> dict[str, None]:
    return dict.fromkeys(
        f"{source.resource}.{source.item}"
        + (f" ({', '.join(source.populations)})" if source.populations else "")
        for source in sources
    )


def _sources(old: Catalog, new: Catalog) -> Iterable[SourceChange]:
    for element in sorted({*derive.fact_sources(old), *derive.fact_sources(new)}):
        before, after = _places(old.sources_of(element)), _places(new.sources_of(element))
        lost = tuple(place for place in before if place not in after)
        gained = tuple(place for place in after if place not in before)
        if lost or gained:
            yield SourceChange(element, lost, gained, len(after))


def _demands_lost(old: Catalog, new: Catalog) -> dict[str, tuple[str, ...]]:
    """Demands that are granted before and after, and the elements that only before were provided."""
    lost: dict[str, tuple[str, ...]] = {}
    for code, demand in old.demands.items():
        still = new.demands.get(code)
        if demand.state != derive.GRANTED or still is None or still.state != derive.GRANTED:
            continue
        gone = tuple(
            element
            for element in still.elements
            if element in demand.elements and old.sources_of(element) and not new.sources_of(element)
        )
        if gone:
            lost[code] = gone
    return lost


def _materials(old: Catalog, new: Catalog) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
    back, spared = [], []
    for code in sorted(old.services.keys() & new.services.keys()):
        before = {one.material: one.outcome for one in derive.material_verdicts(old, code, derive.ANY_CLIENT)}
        after = {one.material: one.outcome for one in derive.material_verdicts(new, code, derive.ANY_CLIENT)}
        for material, outcome in after.items():
            was_spared = before.get(material, derive.SATISFIED) != derive.STILL_REQUIRED
            if outcome == derive.STILL_REQUIRED and was_spared:
                back.append((code, material))
            elif outcome != derive.STILL_REQUIRED and before.get(material) == derive.STILL_REQUIRED:
                spared.append((code, material))
    return tuple(back), tuple(spared)


def _fields_lost(old: Catalog, new: Catalog) -> Iterable[tuple[str, str]]:
    for code in sorted(old.services.keys() & new.services.keys()):
        filled = {
            field.field
            for field in new.services[code].form
            if field.element and _is_given(new, code, field.element)
        }
        for field in old.services[code].form:
            still = any(one.field == field.field for one in new.services[code].form)
            if field.element and still and field.field not in filled and _is_given(old, code, field.element):
                yield code, field.field


def _is_given(catalog: Catalog, service_item: str, element: str) -> bool:
    return any(grant.element == element for grant in catalog.grants_for("service_item", service_item))


def _items(old: Catalog, new: Catalog) -> Iterable[ItemChange]:
    for name in sorted(old.resources.keys() | new.resources.keys()):
        before = _items_of(old.resources.get(name))
        after = _items_of(new.resources.get(name))
        lost = {key: item for key, item in before.items() if key not in after}
        added = {key: item for key, item in after.items() if key not in before}
        for key, item in lost.items():
            successor = next((one for one, other in added.items() if _is_successor(item, other)), "")
            added.pop(successor, None)
            yield ItemChange(name, key, successor)
        if name in old.resources:
            yield from (ItemChange(name, "", key) for key in added)


def _items_of(resource: Resource | None) -> dict[str, Item]:
    return {item.name: item for item in resource.items} if resource else {}


def _is_successor(old: Item, new: Item) -> bool:
    same_column = old.physical_name == new.physical_name and bool(old.physical_name)
    return same_column or (bool(old.element) and old.element == new.element)


def _contracts(old: Catalog, new: Catalog, edits: tuple[Edit, ...]) -> Iterable[ContractChange]:
    by_file: dict[str, list[Edit]] = {}
    for edit in edits:
        if is_contract(edit.file):
            by_file.setdefault(edit.file, []).append(edit)
    before = {resource.file: resource for resource in old.resources.values()}
    after = {resource.file: resource for resource in new.resources.values()}
    for file, own in sorted(by_file.items()):
        was, now = before.get(file), after.get(file)
        resource = now or was
        if resource is not None:
            yield ContractChange(
                resource.name, version_class(own), was.version if was else "", now.version if now else ""
            )


def _duties(catalog: Catalog) -> set[tuple[str, str, str]]:
    return {(row.unit, row.resource, row.item) for row in derive.responsibilities(catalog)}


def _entries(old: Catalog, new: Catalog) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    kinds: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
        "resources": (old.resources, new.resources),
        "services": (old.services, new.services),
        "materials": (old.materials, new.materials),
        "demands": (old.demands, new.demands),
        "elements": (old.elements, new.elements),
        "units": (old.units, new.units),
        "systems": (old.systems, new.systems),
        "populations": (old.populations, new.populations),
        "codes": (old.codes, new.codes),
        "powers": (old.powers, new.powers),
        "certificates": (old.certificates, new.certificates),
        "clients": (old.campus.clients, new.campus.clients),
    }
    found = {}
    for kind, (before, after) in kinds.items():
        added = tuple(sorted(after.keys() - before.keys()))
        removed = tuple(sorted(before.keys() - after.keys()))
        if added or removed:
            found[kind] = (added, removed)
    return found


def _service_items(
    old: Catalog,
    new: Catalog,
    edits: tuple[Edit, ...],
    grants: tuple[GrantChange, ...],
    sources: tuple[SourceChange, ...],
) -> tuple[str, ...]:
    files = {edit.file for edit in edits}
    found = {change.grant.purpose for change in grants if change.grant.purpose_kind == "service_item"}
    moved = {change.element for change in sources}
    for catalog in (old, new):
        for code, item in catalog.services.items():
            asked = {field.element for field in item.form if field.element}
            own = old.services.get(code) != new.services.get(code) and item.file in files
            if own or asked & moved:
                found.add(code)
    return tuple(sorted(found))


def _units(
    old: Catalog,
    new: Catalog,
    touched: Iterable[Resource],
    grants: Iterable[GrantChange],
    service_items: Iterable[str],
) -> tuple[str, ...]:
    units = {resource.provider for resource in touched}
    for change in grants:
        catalog = new if change.new else old
        units.add(catalog.resources[change.grant.resource].provider)
        units.add(catalog.demands[change.grant.demand_id].requester_unit)
    for code in service_items:
        item = new.services.get(code) or old.services.get(code)
        if item is not None:
            units |= {item.lead_unit, *item.joint_units}
    for code in old.powers.keys() | new.powers.keys():
        before, after = old.powers.get(code), new.powers.get(code)
        if before != after:
            units |= {power.unit for power in (before, after) if power}
    return tuple(sorted(unit for unit in units if unit))
