"""Own faults and inherited ones: what is wrong because a source was wrong is not held against who passes it on (pure).

A fault is inherited where its resource takes the rows, or the item that the rule names, from another that is itself
at fault: a derived resource from all that its model reads, an item with `derivedFrom` from that one, a reference from
what it refers to. A fault for information only explains nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from catalogs.model import Catalog, Resource
from expectations.quality.standing import DBT, LANDING, States

_REFERENCE = "reference-"


@dataclass(frozen=True)
class Lineage:
    """Where resources take what they hold from.

    Attributes:
        whole: resource, or `dbt.<model>` → resources that all of it is made of.
        items: (resource, item) → resources that this item is copied from.
        references: (resource, rule) → the resource that a reference refers to.
        systems: resource → its system.
    """

    whole: Mapping[str, frozenset[str]] = field(default_factory=dict)
    items: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    references: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    systems: Mapping[str, str] = field(default_factory=dict)

    def upstream(self, resource: str, rule: str) -> frozenset[str]:
        """The resources whose faults would explain a fault of this rule."""
        item = rule.partition(".")[0]
        return (
            self.whole.get(resource, frozenset())
            | self.items.get((resource, item), frozenset())
            | self.references.get((resource, rule), frozenset())
        ) - {resource}


def lineage(catalog: Catalog, read_by_model: Mapping[str, Iterable[str]]) -> Lineage:
    """Return the lineage of a campus.

    Args:
        catalog: its `derivedFrom` and relationships.
        read_by_model: dbt model → resources that it reads, directly or through other models.
    """
    whole = {f"{DBT}.{model}": frozenset(read) for model, read in read_by_model.items()}
    items: dict[tuple[str, str], frozenset[str]] = {}
    references: dict[tuple[str, str], frozenset[str]] = {}
    for resource in catalog.resources.values():
        if resource.is_derived:
            read = frozenset(read_by_model.get(resource.physical_name, ())) | _copied(resource)
            whole[resource.name] = read
        for item in resource.items:
            source = item.derived_from.rpartition(".")[0]
            if source and source != resource.name:
                items[resource.name, item.name] = frozenset({source})
        for link in resource.relationships:
            rule = f"{_REFERENCE}{'-'.join(link.items)}"
            references[resource.name, rule] = frozenset({link.to_resource}) - {resource.name}
    systems = {name: resource.system for name, resource in catalog.resources.items()}
    return Lineage(whole, items, references, systems)


def _copied(resource: Resource) -> frozenset[str]:
    found = {item.derived_from.rpartition(".")[0] for item in resource.items if item.derived_from}
    return frozenset(found) - {"", resource.name}


def with_inheritance(states: States, ways: Lineage, late: Iterable[str] = ()):
    """Return the states, each fault with the resources whose own faults explain it.

    Args:
        states: all of a campus.
        ways: its lineage.
        late: resources that are older than promised: what is made of them is late with them.
    """
    troubled = {one.resource for one in states.values() if one.is_fault} | set(late)
    down = {place.resource for place, one in states.items() if place.stage == LANDING and one.is_fault}
    troubled |= {resource for resource, system in ways.systems.items() if system in down}
    return {
        place: one
        if one.passed
        else replace(one, inherited_from=tuple(sorted(ways.upstream(one.resource, one.rule) & troubled)))
        for place, one in states.items()
    }
