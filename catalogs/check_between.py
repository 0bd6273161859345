"""Checks between contracts: names and codes are unique, and an element has one source per population."""

import unicodedata

from catalogs.contracts import Contract
from catalogs.derive import authoritative_items, covered_populations
from catalogs.faults import Faults
from catalogs.lined_yaml import line_of
from catalogs.model import Item, Resource
from catalogs.sources import Sources


def folded(name: str) -> str:
    """Return a name without what people type differently: width, case, spaces, punctuation."""
    return "".join(char for char in unicodedata.normalize("NFKC", name).casefold() if char.isalnum())


def tell_doubles(sources: Sources, faults: Faults) -> None:
    """Names, ids and codes of resources are unique; names after folding, and none is a system's (CATALOG §3.1)."""
    systems = {folded(system.name_zh): system.code for system in sources.catalog.systems.values()}
    seen: dict[tuple[str, str], str] = {}
    for name, contract in sources.contracts.items():
        resource = contract.resource
        table = contract.doc["schema"][0]
        told = (
            ("id", str(contract.doc["id"]), contract.line("id")),
            (
                "resourceCode",
                str(resource.properties.get("resourceCode") or ""),
                contract.line("resourceCode"),
            ),
            ("businessName", folded(resource.business_name), line_of(table, "businessName")),
        )
        for key, value, line in told:
            first = seen.setdefault((key, value), name) if value else name
            if first != name:
                text = resource.business_name if key == "businessName" else value
                faults.add(
                    "V04",
                    resource.file,
                    line,
                    f'{key} "{text}" is already that of {first}',
                    expected=f"each {key} once",
                )
        if folded(resource.business_name) in systems:
            system = systems[folded(resource.business_name)]
            faults.add(
                "V04",
                resource.file,
                line_of(table, "businessName"),
                f'businessName "{resource.business_name}" is the name of system {system}',
                expected="what the data are, not where they are kept",
            )


def tell_conflicts(sources: Sources, faults: Faults) -> None:
    """一数一源, declared: per element and subject type, a population has one authoritative item."""
    claims: dict[tuple[str, str], dict[str, list[tuple[Resource, Item]]]] = {}
    for contract in sources.contracts.values():
        resource = contract.resource
        if resource.subject is None:
            continue
        for item in authoritative_items(resource):
            by_population = claims.setdefault((item.element, resource.subject.type), {})
            for population in covered_populations(resource) or ("",):
                by_population.setdefault(population, []).append((resource, item))
    for (element, _), by_population in claims.items():
        everybody = by_population.pop("", [])
        groups = [(population, everybody + others) for population, others in by_population.items()]
        for population, claimants in groups or [("", everybody)]:
            first, *rest = sorted(claimants, key=lambda claim: (claim[0].name, claim[1].name))
            for resource, item in rest:
                _tell_conflict(sources.contracts[resource.name], item, element, population, first, faults)


def _tell_conflict(
    contract: Contract,
    item: Item,
    element: str,
    population: str,
    first: tuple[Resource, Item],
    faults: Faults,
) -> None:
    whom = f' for population "{population}"' if population else ""
    faults.add(
        "C09",
        contract.resource.file,
        contract.item_line(item.name, "element"),
        f'element "{element}" has a second authoritative item "{item.name}"{whom}: the first is '
        f"{first[0].name}.{first[1].name}",
    )
