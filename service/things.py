"""Projects, units and rooms as subjects of somebody's case: only by a relation that the service item admits.

A party in the role `object` is a thing that the case is about. It may be asked about where the catalog's relations lead
from it to an applicant or co-applicant of the same case, at the release that answers; where the service item admits no
relation, or none holds, the case is not valid for it, in the same words as ever.
"""

from collections.abc import Mapping, Sequence

from catalogs.model import Catalog, Relation
from service.access import Actor
from service.cases import CASE_RULES, Party
from service.problems import Problem
from service.reading import quoted
from service.reads import Reading
from service.subjects import PERSON, Resolved, type_of

OBJECT = "object"
_FOR_THEMSELVES = ("applicant", "co_applicant")
# The last value that its source confirmed still binds; what has gone, or was refused, does not.
_STATES = ("reported", "released")
People = Sequence[tuple[Party, Resolved]]


def check_role(catalog: Catalog, id_type: str, people: People, subject: Resolved) -> bool:
    """Return whether a subject is a thing; a thing is a party as `object`, and nobody else is.

    Args:
        catalog: of the release.
        id_type: by which kind of number the subject was asked about.
        people: the case's parties and whom they are.
        subject: a known party.

    Raises:
        Problem: CASE_NOT_VALID.
    """
    is_thing = type_of(catalog, id_type) != PERSON
    roles = {party.role for party, who in people if who.subject_id == subject.subject_id}
    if is_thing != (roles == {OBJECT}) or (not is_thing and OBJECT in roles):
        raise _refused("object:role")
    return is_thing


async def check_related(
    reading: Reading,
    catalog: Catalog,
    service_item: str,
    people: People,
    actor: Actor,
    thing: Resolved,
) -> str:
    """Return what binds a thing to the applicant of a case, in the record's words.

    Raises:
        Problem: CASE_NOT_VALID where nothing does that the service item admits, SELF_ACCESS_FORBIDDEN where an officer
            is among those whom it is bound to.
    """
    known = {one.code: one for one in catalog.campus.relations}
    own = [numbers(party, who) for party, who in people if party.role in _FOR_THEMSELVES]
    found = ""
    for code in catalog.services[service_item].relations:
        bound = await _bound(
            reading, catalog, known, known[code], set(thing.keys.get(known[code].from_id_type, ()))
        )
        if actor.role == "officer" and actor.user_id in {number for _, number in bound}:
            raise Problem("SELF_ACCESS_FORBIDDEN", rule="actor:not_the_subject")
        if not found and any(bound & one for one in own):
            found = f"object by {code}"
    if not found:
        raise _refused("object:related")
    return found


async def led_by(
    reading: Reading, catalog: Catalog, keys: Mapping[str, Sequence[str]]
) -> list[tuple[Relation, str]]:
    """Return the things of which a person sees what is held: the relation that shows them, and each one's number."""
    known = {one.code: one for one in catalog.campus.relations}
    found = []
    for relation in catalog.campus.relations:
        if relation.own_facts:
            starts = await _starts(reading, catalog, known, relation, keys)
            found += [(relation, number) for number in sorted(starts)]
    return found


def numbers(party: Party, who: Resolved) -> set[tuple[str, str]]:
    """Return all numbers of a party, with their kinds."""
    return {party.key(), *((kind, number) for kind, known in who.keys.items() for number in known)}


async def _bound(
    reading: Reading, catalog: Catalog, known: dict[str, Relation], relation: Relation, starts: set[str]
) -> set[tuple[str, str]]:
    """Return the persons to whom a relation leads, by kind and number."""
    if not starts:
        return set()
    resource = catalog.resources[relation.resource]
    rows = await reading.fetch(
        f"SELECT DISTINCT {quoted(relation.to_item)}::text AS number FROM raw.{quoted(resource.table)}"
        f" WHERE {quoted(relation.from_item)}::text = ANY ($1::text[]) AND {quoted(relation.to_item)} IS NOT NULL"
        " AND _state = ANY ($2::text[])",
        sorted(starts),
        list(_STATES),
    )
    ends = {row["number"] for row in rows}
    if relation.then:
        return await _bound(reading, catalog, known, known[relation.then], ends)
    return {(relation.to_id_type, number) for number in ends}


async def _starts(
    reading: Reading,
    catalog: Catalog,
    known: dict[str, Relation],
    relation: Relation,
    keys: Mapping[str, Sequence[str]],
) -> set[str]:
    """Return the numbers of the things from which a relation leads to a person."""
    if relation.then:
        ends = await _starts(reading, catalog, known, known[relation.then], keys)
    else:
        ends = set(keys.get(relation.to_id_type, ()))
    if not ends:
        return set()
    resource = catalog.resources[relation.resource]
    rows = await reading.fetch(
        f"SELECT DISTINCT {quoted(relation.from_item)}::text AS number FROM raw.{quoted(resource.table)}"
        f" WHERE {quoted(relation.to_item)}::text = ANY ($1::text[]) AND {quoted(relation.from_item)} IS NOT NULL"
        " AND _state = ANY ($2::text[])",
        sorted(ends),
        list(_STATES),
    )
    return {row["number"] for row in rows}


def _refused(noted: str) -> Problem:
    return Problem("CASE_NOT_VALID", CASE_RULES, rule="case:valid", noted=noted)
