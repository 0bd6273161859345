"""What follows from a catalog: sources of facts, grants, responsibilities, release order, spared materials.

Pure functions of a `Catalog`; nothing here is ever written by hand (CATALOG §1).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from graphlib import CycleError, TopologicalSorter

from catalogs.model import (
    Catalog,
    Demand,
    FactSource,
    Grant,
    Item,
    MaterialUse,
    Proof,
    Resource,
    ServiceItem,
    Unit,
)

GRANTED = "granted"
NOT_SHARED = "none"
NEED_COLLECT = "NEED_COLLECT"
SELF_DECLARED = "本人填报"
ANY_CLIENT = "*"
POST = "post:"
_LAST = 10**9

SATISFIED = "satisfied"
CERTIFICATE = "certificate"
STILL_REQUIRED = "still_required"
CERTIFICATE_KIND = "证明"
LATE, BELOW_GATE = "late", "below_gate"

# Statuses of a contract under which its items answer; a draft is read and judged, and nobody is told of it.
ANSWERING = ("active", "deprecated")


def authoritative_items(resource: Resource) -> tuple[Item, ...]:
    """The items of a resource that are the source of their element."""
    return tuple(item for item in resource.items if item.authoritative and item.element)


def covered_populations(resource: Resource) -> tuple[str, ...]:
    """The populations a resource is authoritative for; empty means everybody it lists."""
    if resource.authoritative_for:
        return resource.authoritative_for
    return resource.subject.populations if resource.subject else ()


def fact_sources(catalog: Catalog) -> Mapping[str, tuple[FactSource, ...]]:
    """Return element code → where its facts are read, by precedence of population, then resource name."""
    found: dict[str, list[FactSource]] = {}
    for resource in catalog.resources.values():
        subject = resource.subject
        if subject is None or resource.status not in ANSWERING:
            continue
        for item in authoritative_items(resource):
            source = FactSource(
                element=item.element,
                resource=resource.name,
                item=item.name,
                populations=covered_populations(resource),
                subject_type=subject.type,
                key_item=subject.key,
                id_type=subject.id_type,
                many=item.many,
                pick=item.pick,
            )
            found.setdefault(item.element, []).append(source)

    def rank(source: FactSource) -> tuple[int, str, str]:
        known = [
            catalog.populations[code].precedence for code in source.populations if code in catalog.populations
        ]
        return min(known, default=_LAST), source.resource, source.item

    return {element: tuple(sorted(sources, key=rank)) for element, sources in found.items()}


def grants(catalog: Catalog) -> tuple[Grant, ...]:
    """Return the rights that decided demands give: one per client, purpose, element and source.

    An item of share type none is never granted. The mask is the item's, unless the demand was granted the
    element unmasked. Validity is the demand's; whoever answers compares it with the day of the request.
    """
    found: dict[tuple[str, str, str], Grant] = {}
    for demand in sorted(catalog.demands.values(), key=lambda one: one.demand_id):
        if demand.state != GRANTED or not demand.client:
            continue
        for element in demand.elements:
            for source in catalog.sources_of(element):
                item = catalog.resources[source.resource].item(source.item)
                if item.share_type == NOT_SHARED:
                    continue
                found[demand.demand_id, element, source.resource + "." + source.item] = Grant(
                    client=demand.client,
                    purpose_kind=demand.purpose_kind,
                    purpose=demand.purpose,
                    element=element,
                    resource=source.resource,
                    item=source.item,
                    share_type=item.share_type,
                    mask="" if element in demand.unmasked else item.mask,
                    ground=demand.ground,
                    valid_from=demand.valid_from,
                    valid_to=demand.valid_to,
                    demand_id=demand.demand_id,
                )
    return tuple(found.values())


@dataclass(frozen=True)
class Responsibility:
    """A row of 数据提供责任清单: one authoritative item and who answers for it.

    Attributes:
        unit: the unit that answers now: the provider, or where it has ended its successor, else its parent.
        provider: the unit as declared.
        gap: why the row needs a decision (撤并, 责任岗位空缺, 单位不存在); empty if it does not.
        demands: ids of the granted demands that rest on it.
    """

    unit: str
    provider: str
    resource: str
    resource_code: str
    resource_name: str
    item: str
    item_name: str
    element: str
    populations: tuple[str, ...]
    update_cycle: str
    delivers: str
    share_type: str
    share_condition: str
    accountable: str
    steward: str
    contact: str
    demands: tuple[str, ...]
    gap: str


def post_of(*named: str) -> str:
    """Return the first that names a post, empty if none does: a person who was written in its place is never told."""
    return next((one for one in named if one.startswith(POST)), "")


def responsibilities(catalog: Catalog, on: date | None = None) -> tuple[Responsibility, ...]:
    """Return the responsibility list, by unit, resource and position of the item.

    Args:
        catalog: the catalog.
        on: day on which units must exist; None takes every registered unit as existing.
    """
    dependents = _dependents(catalog)
    rows = []
    for resource in catalog.resources.values():
        if resource.status not in ANSWERING:
            continue
        unit, gap = answering_unit(catalog.units, resource.provider, on)
        accountable = post_of(resource.accountable, unit.accountable if unit else "")
        steward = post_of(resource.steward, unit.steward if unit else "")
        if not gap and not (accountable and steward):
            gap = "责任岗位空缺"
        for item in authoritative_items(resource):
            rows.append(
                Responsibility(
                    unit=unit.code if unit else resource.provider,
                    provider=resource.provider,
                    resource=resource.name,
                    resource_code=str(resource.properties.get("resourceCode") or ""),
                    resource_name=resource.business_name,
                    item=item.name,
                    item_name=item.business_name,
                    element=item.element,
                    populations=covered_populations(resource),
                    update_cycle=resource.update_cycle,
                    delivers=resource.delivers.strftime("%H:%M") if resource.delivers else "",
                    share_type=item.share_type,
                    share_condition=item.share_condition or item.no_share_basis,
                    accountable=accountable,
                    steward=steward,
                    contact=unit.contact if unit else "",
                    demands=dependents.get((resource.name, item.name), ()),
                    gap=gap,
                )
            )
    return tuple(sorted(rows, key=lambda row: (row.unit, row.resource)))


def _dependents(catalog: Catalog) -> dict[tuple[str, str], tuple[str, ...]]:
    found: dict[tuple[str, str], dict[str, None]] = {}
    for grant in catalog.grants():
        found.setdefault((grant.resource, grant.item), {})[grant.demand_id] = None
    return {place: tuple(ids) for place, ids in found.items()}


def answering_unit(units: Mapping[str, Unit], code: str, on: date | None) -> tuple[Unit | None, str]:
    """Return the unit that answers in place of `code` on a day, and the gap if it is another.

    An ended unit's duties go to its successor, else to its parent (CATALOG §3.3).
    """
    unit, gap = units.get(code), ""
    seen = {code}
    while unit is not None and on is not None and unit.valid_to is not None and unit.valid_to < on:
        gap = "单位已撤并"
        heir = unit.successor or unit.parent
        if heir in seen:
            break
        seen.add(heir)
        unit = units.get(heir)
    return (unit, gap) if unit is not None else (None, "单位不存在")


@dataclass(frozen=True)
class DemandLine:
    """A row of 数据共享需求清单: one element of one demand, and what it resolves to.

    Attributes:
        resources: `resource.item` of each source that may be shared.
        gap: 本人填报 where applicants declare it themselves, 无源, 待归集 or 不予共享 if there is none, or the demand's
            own 争议; empty otherwise.
    """

    demand_id: str
    requester_unit: str
    purpose_kind: str
    purpose: str
    element: str
    resources: tuple[str, ...]
    providers: tuple[str, ...]
    basis: str
    ground: str
    client: str
    frequency: str
    retention: str
    state: str
    gap: str


def demand_lines(catalog: Catalog) -> tuple[DemandLine, ...]:
    """Reconcile the demand list: every element of every demand finds its source or a named gap.

    Source: CATALOG §2 A.
    """
    return tuple(
        _demand_line(catalog, demand, element)
        for demand in sorted(catalog.demands.values(), key=lambda one: one.demand_id)
        for element in demand.elements
    )


def _demand_line(catalog: Catalog, demand: Demand, element: str) -> DemandLine:
    sources = catalog.sources_of(element)
    shared = [one for one in sources if _item_of(catalog, one).share_type != NOT_SHARED]
    gap = "" if shared else "不予共享" if sources else _missing(catalog, demand, element)
    if demand.state == "disputed":
        gap = gap or "争议"
    return DemandLine(
        demand_id=demand.demand_id,
        requester_unit=demand.requester_unit,
        purpose_kind=demand.purpose_kind,
        purpose=demand.purpose,
        element=element,
        resources=tuple(f"{s.resource}.{s.item}" for s in shared),
        providers=tuple(dict.fromkeys(catalog.resources[s.resource].provider for s in shared)),
        basis=demand.basis,
        ground=demand.ground,
        client=demand.client,
        frequency=demand.frequency,
        retention=demand.retention,
        state=demand.state,
        gap=gap,
    )


def _missing(catalog: Catalog, demand: Demand, element: str) -> str:
    """The gap of an element that nobody provides: 待归集 once a decision has said that it is to be collected."""
    decision = demand.raw.get("decision") or {}
    if NEED_COLLECT in (decision.get("path"), demand.raw.get("fulfil")):
        return "待归集"
    return SELF_DECLARED if element in catalog.declared_elements else "无源"


def _item_of(catalog: Catalog, source: FactSource) -> Item:
    return catalog.resources[source.resource].item(source.item)


def release_order(catalog: Catalog) -> tuple[str, ...]:
    """Return the resources' names so that each follows those it refers to, derived ones after all others.

    Equal ranks go by name. Resources that refer to each other in a circle go by name too.
    """
    ordered: list[str] = []
    for derived in (False, True):
        names = sorted(name for name, resource in catalog.resources.items() if resource.is_derived is derived)
        ordered += _topological(names, {name: _targets(catalog.resources[name]) for name in names})
    return tuple(ordered)


def _targets(resource: Resource) -> set[str]:
    return {link.to_resource for link in resource.relationships} - {resource.name}


def _topological(names: list[str], targets: Mapping[str, set[str]]) -> list[str]:
    known = set(names)
    edges = {name: targets[name] & known for name in names}
    while True:
        sorter = TopologicalSorter(edges)
        try:
            sorter.prepare()
        except CycleError as error:
            circle = error.args[1]
            first = min(circle)
            edges[first] = edges[first] - set(circle)
            continue
        ordered: list[str] = []
        while sorter.is_active():
            ready = sorted(sorter.get_ready())
            ordered += ready
            sorter.done(*ready)
        return ordered


def groups(catalog: Catalog) -> tuple[tuple[str, ...], ...]:
    """Return the resources that are published all or none: those of one snapshot group of one system.

    A group is what its system declared to be read in one snapshot (`ingest.snapshotGroup`); every other
    resource is a group of its own. Ordered by the first member's name.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for name in sorted(catalog.resources):
        resource = catalog.resources[name]
        found.setdefault((resource.system, resource.ingest.snapshot_group or f"={name}"), []).append(name)
    return tuple(tuple(members) for members in found.values())


@dataclass(frozen=True)
class FactVerdict:
    """Whether one fact of a material can be read instead of asked for; `blocked` says why not."""

    element: str
    predicate: str
    sources: tuple[FactSource, ...]
    blocked: str


@dataclass(frozen=True)
class MaterialVerdict:
    """What a service item's material comes to by the catalog alone.

    Whoever answers a case adds what only a release knows: whether the facts are there, fresh and true.

    Attributes:
        outcome: satisfied (every fact can be read), certificate (the original is required, but one of our own
            units issues it and every fact can be read) or still_required.
        blocked: every reason for asking, empty if satisfied: original_required, gap:<名>, states_no_facts,
            <element>:no_source, <element>:not_shared, <element>:not_granted, and of a source that was measured
            <element>:late or <element>:below_gate.
    """

    service_item: str
    material: str
    name_zh: str
    necessity: str
    outcome: str
    facts: tuple[FactVerdict, ...]
    blocked: tuple[str, ...]


def material_verdicts(
    catalog: Catalog,
    service_item: str,
    client: str | None = None,
    on: date | None = None,
    unkept: Mapping[str, str] | None = None,
) -> tuple[MaterialVerdict, ...]:
    """Return what each material of a service item comes to.

    Args:
        catalog: the catalog.
        service_item: its code.
        client: the client whose grants count, ANY_CLIENT for those of whichever client serves the item; None asks
            only whether the facts may be shared at all.
        on: day on which the grants must be valid; None takes them whatever their period.
        unkept: resources that were measured and cannot be relied on now, each with LATE or BELOW_GATE.

    Raises:
        KeyError: there is no such service item.
    """
    item = catalog.services[service_item]
    granted = None if client is None else _granted(catalog, client, service_item, on)
    return tuple(_material_verdict(catalog, item, use, granted, unkept or {}) for use in item.materials)


def _granted(catalog: Catalog, client: str, service_item: str, on: date | None) -> set[tuple[str, str, str]]:
    return {
        (grant.element, grant.resource, grant.item)
        for grant in catalog.grants_for("service_item", service_item)
        if client in (ANY_CLIENT, grant.client) and is_valid(grant.valid_from, grant.valid_to, on)
    }


def is_valid(valid_from: date | None, valid_to: date | None, on: date | None) -> bool:
    """Whether a day lies in a period, both ends included; an open end has no limit."""
    if on is None:
        return True
    return (valid_from is None or valid_from <= on) and (valid_to is None or on <= valid_to)


def _material_verdict(
    catalog: Catalog,
    item: ServiceItem,
    use: MaterialUse,
    granted: set[tuple[str, str, str]] | None,
    unkept: Mapping[str, str],
) -> MaterialVerdict:
    material = catalog.materials.get(use.material)
    facts = tuple(_fact_verdict(catalog, proof, granted, unkept) for proof in proofs_of(catalog, use))
    blocked = [f"{fact.element}:{fact.blocked}" for fact in facts if fact.blocked]
    if material is not None and material.gap:
        blocked.insert(0, f"gap:{material.gap}")
    elif not facts:
        blocked.insert(0, "states_no_facts")
    readable = not blocked
    if material is not None and material.original_required:
        blocked.insert(0, "original_required")
    ours = material is not None and material.kind == CERTIFICATE_KIND and material.issuer in catalog.units
    outcome = STILL_REQUIRED if blocked else SATISFIED
    if blocked and readable and ours:
        outcome = CERTIFICATE
    return MaterialVerdict(
        service_item=item.code,
        material=use.material,
        name_zh=material.name_zh if material else use.material,
        necessity=use.necessity,
        outcome=outcome,
        facts=facts,
        blocked=tuple(blocked),
    )


def proofs_of(catalog: Catalog, use: MaterialUse) -> Iterable[Proof]:
    """What a material proves for a service item: what the item says, else what the register says."""
    if use.proves:
        return use.proves
    material = catalog.materials.get(use.material)
    return material.facts if material else ()


def _fact_verdict(
    catalog: Catalog, proof: Proof, granted: set[tuple[str, str, str]] | None, unkept: Mapping[str, str]
) -> FactVerdict:
    sources = catalog.sources_of(proof.element)
    shared = [source for source in sources if _item_of(catalog, source).share_type != NOT_SHARED]
    open_to_us = shared
    if granted is not None:
        open_to_us = [one for one in shared if (one.element, one.resource, one.item) in granted]
    usable = [source for source in open_to_us if source.resource not in unkept]
    blocked = ""
    if not sources:
        blocked = "no_source"
    elif not shared:
        blocked = "not_shared"
    elif not open_to_us:
        blocked = "not_granted"
    elif not usable:
        blocked = unkept[open_to_us[0].resource]
    return FactVerdict(proof.element, proof.predicate, tuple(usable), blocked)
