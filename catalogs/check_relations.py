"""Relations: they lead from a thing to persons, and service items admit only those that there are."""

from collections.abc import Mapping

from catalogs.faults import Faults, did_you_mean
from catalogs.model import Catalog, Relation
from catalogs.sources import Sources

_PERSON = "person"
_LONGEST = 4


def tell_relation_faults(sources: Sources, faults: Faults) -> None:
    """Check relations (R09) and the service items that admit them (S27)."""
    catalog = sources.catalog
    known = {one.code: one for one in catalog.campus.relations}
    if len(known) < len(catalog.campus.relations):
        faults.add("R09", "campus.yaml", _line(catalog), "two relations have one name")
    for one in known.values():
        for what in _faults(catalog, one, known):
            faults.add("R09", "campus.yaml", _line(catalog), f'relation "{one.code}": {what}')
    for item, own in sources.services:
        for code in item.relations:
            if code not in known:
                mend = did_you_mean(code, known)
                own.fault("S27", "relations", f'unknown relation "{code}"', mend=mend)
            elif catalog.types_of_numbers().get(known[code].from_id_type) == _PERSON:
                own.fault("S27", "relations", f'relation "{code}" does not begin at a thing')


def _faults(catalog: Catalog, one: Relation, known: Mapping[str, Relation]) -> list[str]:
    types = catalog.types_of_numbers()
    resource = catalog.resources.get(one.resource)
    if resource is None or catalog.is_asked(one.resource):
        return [f'resource "{one.resource}" is unknown, or not stored']
    found = [
        f'{one.resource} has no item "{name}"'
        for name in (one.from_item, one.to_item)
        if not resource.has_item(name)
    ]
    found += [
        f'no resource has a subject with numbers of the kind "{kind}"'
        for kind in (one.from_id_type, one.to_id_type)
        if kind not in types
    ]
    if found:
        return found
    seen = one
    for _ in range(_LONGEST):
        if not seen.then:
            break
        if seen.then not in known:
            return [f'then: unknown relation "{seen.then}"']
        if known[seen.then].from_id_type != seen.to_id_type:
            return [f'then: "{seen.then}" does not begin where "{seen.code}" ends']
        seen = known[seen.then]
    if seen.then or types.get(seen.to_id_type) != _PERSON:
        return ["does not end at a person"]
    return [
        f'ownFacts: no source has "{code}" by {one.from_id_type}'
        for code in one.own_facts
        if not any(source.id_type == one.from_id_type for source in catalog.sources_of(code))
    ]


def _line(catalog: Catalog) -> int:
    lines = catalog.files.get("campus.yaml", b"").decode("utf-8", "replace").splitlines()
    return next((number for number, line in enumerate(lines, 1) if line.startswith("relations")), 1)
