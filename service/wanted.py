"""What a question wants read: element → the granted ones of its authoritative items, and one plan that reads them.

All that does not depend on who is asked about is worked out once per release, grants and kinds of number, and kept.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from catalogs.derive import NOT_SHARED
from catalogs.model import Catalog, CodeTable, FactSource, Grant, Item, Resource
from service import masks
from service.membership import Membership, Scope
from service.reading import Plan, Wish, plan
from service.state import Current, SourceState
from service.subjects import type_of
from service.values import canonical


@dataclass(frozen=True)
class Question:
    """What is asked of one subject.

    Attributes:
        keys: kind → natural keys that identity links to the subject at the release.
        in_doubt: whether a human still has to decide who the subject is.
        capacity: code of a population, or None for every capacity that the subject has.
        grants: the client's grants for the purpose; only their items are read.
        elements: codes, all of them granted.
        at: the moment against which age is measured.
        max_age: how old a fact may be at most for this caller, if that is less than the source's promise.
        disputed: elements of which a correction is under way.
        record_key: keys the digests of evidence, one per client.
        for_us: elements that are read whatever is granted, in every capacity, and never answered.
    """

    keys: Mapping[str, Sequence[str]] = field(repr=False)
    in_doubt: bool
    capacity: str | None
    grants: Sequence[Grant]
    elements: Sequence[str]
    at: datetime
    max_age: timedelta | None = None
    disputed: frozenset[str] = frozenset()
    record_key: bytes = field(default=b"", repr=False)
    for_us: Sequence[str] = ()


class _Same:
    """Things that are compared by identity, as a cache key that keeps them: no other can take their place."""

    def __init__(self, *things: Any) -> None:
        self.things = things
        self._ids = tuple(map(id, things))
        self._hash = hash(self._ids)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self._ids == other._ids


@dataclass(frozen=True)
class Spoken:
    """A source of an element, and what is the same whoever it is asked about.

    Attributes:
        state: how its resource stands in the release; None for what nothing is stored of.
        table: the code table of its values.
        mask: how much of a value is shown.
        is_readable: whether rows of it can be read by the kinds of number that the question has.
        is_asked: whether it is asked live.
        promise: how old it may be.
        voice: the same for sources of which the same rows speak.
        head, tail: what stands before and after the row's key where a value is digested.
        has_middle_levels: as the release says.
    """

    source: FactSource
    resource: Resource
    item: Item
    scope: Scope
    state: SourceState | None
    table: CodeTable | None
    mask: str
    is_readable: bool
    is_asked: bool
    promise: timedelta
    voice: int
    zone: ZoneInfo
    code_system: str | None
    head: str
    tail: str
    has_middle_levels: bool

    def masked(self, value: Any, code: Any) -> tuple[Any, Any]:
        """Return value and code as the grant shows them: under a mask there is no code."""
        return (masks.mask(self.mask, value), None) if self.mask else (value, code)

    def is_late(self, at: datetime) -> bool:
        """Whether the last admitted extract of the resource is older than promised."""
        confirmed = self.state.confirmed_at if self.state else None
        return confirmed is None or at - confirmed > self.promise


@dataclass(frozen=True)
class Wanted:
    """What questions of one release, purpose and kinds of number have in common.

    Attributes:
        sources: element → the granted ones of its sources.
        inputs: what lookup resources are asked with, by element.
        for_us: sources of what is read for ourselves, by element.
        unshared: element → for whom sources speak that are not shared (不予共享).
        asks: whether one of the sources is asked live.
        plan: reads them.
        known: `lawful` of the populations that were met so far.
    """

    sources: Mapping[str, tuple[Spoken, ...]]
    inputs: Mapping[str, tuple[Spoken, ...]]
    for_us: Mapping[str, tuple[Spoken, ...]]
    unshared: Mapping[str, tuple[Scope, ...]]
    asks: bool
    plan: Plan
    known: dict[Any, Mapping[str, tuple[Spoken, ...]]] = field(default_factory=dict, repr=False)

    def lawful(self, held: Membership, question: Question) -> Mapping[str, tuple[Spoken, ...]]:
        """Return the sources that speak for a subject, the same for all of the same populations.

        Args:
            held: the subject's populations.
            question: one of those that this is wanted for.
        """
        key = frozenset(held.all), question.capacity
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = {
                element: tuple(one for one in sources if _applies(one, held, question))
                for element, sources in self.sources.items()
            }
        return found


def wanted(current: Current, question: Question) -> Wanted:
    """Return what is to be read for a question, the same for all that differ only in their subject."""
    given = _Same(current, *question.grants)
    return _wanted(given, tuple(question.elements), tuple(question.for_us), tuple(sorted(question.keys)))


def by_plan(current: Current, questions: Sequence[Question]) -> Iterable[tuple[Wanted, list[int]]]:
    """Group the places of questions by what they read: who is known by the same kinds of number reads the same."""
    alike: dict[Any, list[int]] = {}
    for place, question in enumerate(questions):
        # Those of a set are mostly asked by the very same rights: then one tells for all.
        shared = id(question.grants), id(question.elements), id(question.for_us)
        alike.setdefault((shared, *sorted(question.keys)), []).append(place)
    groups: dict[int, tuple[Wanted, list[int]]] = {}
    for places in alike.values():
        found = wanted(current, questions[places[0]])
        groups.setdefault(id(found), (found, []))[1].extend(places)
    return groups.values()


@lru_cache(maxsize=512)
def _wanted(
    given: _Same, elements: tuple[str, ...], own: tuple[str, ...], id_types: tuple[str, ...]
) -> Wanted:
    current: Current = given.things[0]
    catalog, grants = current.catalog, given.things[1:]
    # Of two grants for the same thing the one without a mask counts: it gives the right to the whole value.
    by_right = sorted(grants, key=lambda grant: not grant.mask)
    granted = {(grant.element, grant.resource, grant.item): grant for grant in by_right}
    kinds = {type_of(catalog, id_type) for id_type in id_types}
    voices: dict[Any, int] = {}

    def spoken(found: Iterable[FactSource], is_told: bool = False) -> tuple[Spoken, ...]:
        made = []
        for one in found:
            scope = Scope.of(catalog, one)
            bounded = catalog.resources[one.resource].item(one.item).validity
            voice = voices.setdefault((one.resource, scope, one.pick, one.many, bounded), len(voices))
            mask = granted[one.element, one.resource, one.item].mask if is_told else ""
            made.append(_spoken(current, one, scope, voice, mask, id_types))
        return tuple(made)

    lawful = {
        element: [
            source
            for source in catalog.sources_of(element)
            if (element, source.resource, source.item) in granted and source.subject_type in kinds
        ]
        for element in dict.fromkeys(elements)
    }
    sources = {element: spoken(found, is_told=True) for element, found in lawful.items()}
    inputs = {element: spoken(found) for element, found in _inputs(catalog, lawful).items()}
    for_us = {element: spoken(catalog.sources_of(element)) for element in own}
    unshared = {
        element: tuple(
            Scope.of(catalog, source)
            for source in catalog.sources_of(element)
            if catalog.resources[source.resource].item(source.item).share_type == NOT_SHARED
        )
        for element in lawful
    }
    readable = [
        one
        for found in (*sources.values(), *inputs.values(), *for_us.values())
        for one in found
        if one.is_readable
    ]
    wishes = dict.fromkeys(_wish(one) for one in readable)
    asks = any(one.is_asked for found in sources.values() for one in found)
    return Wanted(sources, inputs, for_us, unshared, asks, plan(catalog, tuple(wishes)))


def _wish(one: Spoken) -> Wish:
    source, bounded = one.source, one.item.validity
    beside = bounded.items if bounded else ()
    return Wish(source.resource, source.item, source.pick, beside, source.many)


def _spoken(
    current: Current, source: FactSource, scope: Scope, voice: int, mask: str, id_types: Sequence[str]
) -> Spoken:
    catalog = current.catalog
    resource = catalog.resources[source.resource]
    item = resource.item(source.item)
    has_rows = is_stored(current, source.resource)
    code_table = item.code_table or catalog.elements[source.element].code_table
    return Spoken(
        source=source,
        resource=resource,
        item=item,
        scope=scope,
        state=current.sources[source.resource] if has_rows else None,
        table=catalog.codes.get(code_table),
        mask=mask,
        is_readable=has_rows and source.id_type in id_types,
        is_asked=catalog.is_asked(source.resource),
        promise=resource.promise,
        voice=voice,
        zone=ZoneInfo(catalog.campus.time_zone),
        code_system=code_table or None,
        head=f"{canonical(resource.name)}\0",
        tail=f"\0{canonical(item.name)}\0",
        has_middle_levels=current.has_middle_levels,
    )


def _applies(one: Spoken, held: Membership, question: Question) -> bool:
    """Whether a source speaks for the subject in this capacity; one that is asked needs the number it asks by."""
    is_askable = not one.is_asked or one.source.id_type in question.keys
    return is_askable and held.is_spoken_for(one.scope, question.capacity)


def is_stored(current: Current, resource: str) -> bool:
    """Whether rows of this resource exist at the release; those of lookup systems never do."""
    state = current.sources.get(resource)
    return state is not None and state.extract_id is not None and not current.catalog.is_asked(resource)


def _inputs(catalog: Catalog, sources: Mapping[str, Sequence[FactSource]]) -> dict[str, list[FactSource]]:
    """Return the sources of what lookup resources are asked with beside the subject's number, by element.

    It goes to the source, not to the client, so the client's grants do not matter; what is not shared stays.
    """
    elements = {
        item.element
        for found in sources.values()
        for source in found
        if catalog.is_asked(source.resource)
        for item in sent_items(catalog.resources[source.resource]).values()
        if item.name != source.key_item
    }
    return {
        element: [
            source
            for source in catalog.sources_of(element)
            if catalog.resources[source.resource].item(source.item).share_type != NOT_SHARED
        ]
        for element in sorted(elements)
    }


def sent_items(resource: Resource) -> dict[str, Item]:
    """Return the source's parameters and the items whose values they take."""
    return {name: resource.item(item) for name, item in (resource.read.get("params") or {}).items()}
