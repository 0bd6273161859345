"""Facts: element → its authoritative item → the resource's rows at the release, by the subject's linked keys.

Nothing is stored here and nothing guessed: a fact that several lawful sources answer differently is a `conflict`, one
whose source is late or no longer reports it is `stale` and says since when, and absence has a name of its own.

In two steps, because some sources are never stored but asked live: `gather` reads the release and says which of them
would have to be asked with what, `settle` makes facts of what was read and told. Between the two nobody holds a
connection to the warehouse.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from operator import itemgetter
from typing import Any

from catalogs.derive import NOT_SHARED
from catalogs.model import Catalog, CodeTable, FactSource, Grant, Item, Resource
from service import masks, metrics
from service.lookups import Call, Told
from service.membership import Membership, memberships
from service.reading import Plan, Row, Wish, plan
from service.reads import Reading
from service.state import Current, SourceState
from service.subjects import type_of
from service.values import canonical, digest, shown

_WAIVED = "released"  # a person's word stands in for a rule that the row breaks
_GONE = {"absent": "no_longer_reported", "former": "no_longer_reported", "refused": "row_refused"}


@dataclass(frozen=True)
class Fact:
    """One answered element. `raw` is the unmasked value: it stays in the process and decides predicates."""

    element: str
    status: str
    raw: Any = field(default=None, repr=False)
    code: Any = field(default=None, repr=False)
    public: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def as_dict(self) -> dict[str, Any]:
        """What leaves the service."""
        return {"status": self.status, **self.public}

    @property
    def is_verified(self) -> bool:
        """Whether all of QUALITY's conditions hold, so that it may stand in for a document."""
        return self.status == "available" and self.public["verification"]["level"] == "authoritative"


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


@dataclass(frozen=True)
class Gathered:
    """What a release says to a question, and which sources would have to be asked live.

    Attributes:
        question: what was asked.
        held: the subject's populations.
        lawful: element → the sources that may answer it for this subject and client.
        grants: (element, resource, item) → the grant under which it is answered.
        answers: element → what the stored ones of its sources say.
        calls: one per lookup resource that is to be asked.
        unasked: lookup resource → why it cannot be asked.
        ours: element read for us → every value that a stored source has.
    """

    question: Question
    held: Membership
    lawful: Mapping[str, Sequence[FactSource]]
    grants: Mapping[tuple[str, str, str], Grant]
    answers: Mapping[str, Sequence["_Answer"]] = field(repr=False)
    calls: Sequence[Call]
    unasked: Mapping[str, str]
    ours: Mapping[str, Sequence[Any]] = field(default_factory=dict, repr=False)


async def gather(reading: Reading, current: Current, question: Question) -> Gathered:
    """Read what the release says for one subject, in one statement.

    Args:
        reading: of the release.
        current: the release.
        question: what is asked.
    """
    catalog = current.catalog
    id_types = tuple(sorted(question.keys))
    of = _wanted(_Same(current, *question.grants), tuple(question.elements), tuple(question.for_us), id_types)
    rows, registered = await reading.rows(of.plan, question.keys)
    held = memberships(catalog, registered)

    def stored(element: str, lawful: Sequence[FactSource], is_sent: bool = False) -> list[_Answer]:
        return [
            one
            for source in lawful
            if (source.resource, source.item) in of.readable
            for one in _read(
                current,
                source,
                "" if is_sent else of.granted[element, source.resource, source.item].mask,
                rows[source.resource],
                held,
                question,
            )
        ]

    lawful = {
        element: tuple(source for source in found if _applies(catalog, source, held, question))
        for element, found in of.sources.items()
    }
    answers = {element: stored(element, found) for element, found in lawful.items()}
    sent = {element: _value(stored(element, found, is_sent=True)) for element, found in of.inputs.items()}
    calls, unasked = _calls(catalog, question, held, lawful, answers, sent)
    anyhow = replace(question, capacity=None)
    ours = {
        element: [
            one.fact.raw
            for source in found
            if (source.resource, source.item) in of.readable
            for one in _read(current, source, "", rows[source.resource], held, anyhow)
            if one.fact.raw is not None
        ]
        for element, found in of.for_us.items()
    }
    return Gathered(question, held, lawful, of.granted, answers, calls, unasked, ours)


class _Same:
    """Things that are compared by identity, as a cache key that keeps them: no other can take their place."""

    def __init__(self, *things: Any) -> None:
        self.things = things
        self._hash = hash(tuple(map(id, things)))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Same) or len(other.things) != len(self.things):
            return False
        return all(one is another for one, another in zip(self.things, other.things, strict=True))


@dataclass(frozen=True)
class _Wanted:
    """What questions of one release, purpose and kinds of number have in common.

    Attributes:
        granted: (element, resource, item) → the grant under which it is answered.
        sources: element → the granted ones of its sources.
        inputs: what lookup resources are asked with, by element.
        for_us: sources of what is read for ourselves, by element.
        readable: resource and item of those of all these sources that can be read here.
        plan: reads them.
    """

    granted: Mapping[tuple[str, str, str], Grant]
    sources: Mapping[str, tuple[FactSource, ...]]
    inputs: Mapping[str, Sequence[FactSource]]
    for_us: Mapping[str, Sequence[FactSource]]
    readable: frozenset[tuple[str, str]]
    plan: Plan


@lru_cache(maxsize=512)
def _wanted(
    given: _Same, elements: tuple[str, ...], own: tuple[str, ...], id_types: tuple[str, ...]
) -> _Wanted:
    current: Current = given.things[0]
    catalog, grants = current.catalog, given.things[1:]
    # Of two grants for the same thing the one without a mask counts: it gives the right to the whole value.
    by_right = sorted(grants, key=lambda grant: not grant.mask)
    granted = {(grant.element, grant.resource, grant.item): grant for grant in by_right}
    kinds = {type_of(catalog, id_type) for id_type in id_types}
    sources = {
        element: tuple(
            source
            for source in catalog.sources_of(element)
            if (element, source.resource, source.item) in granted and source.subject_type in kinds
        )
        for element in dict.fromkeys(elements)
    }
    inputs = _inputs(catalog, sources)
    for_us = {element: catalog.sources_of(element) for element in own}
    readable = [
        source
        for found in (*sources.values(), *inputs.values(), *for_us.values())
        for source in found
        if _is_stored(current, source.resource) and source.id_type in id_types
    ]
    wishes = dict.fromkeys(Wish(s.resource, s.key_item, s.id_type, s.item, s.pick) for s in readable)
    return _Wanted(
        granted,
        sources,
        inputs,
        for_us,
        frozenset((source.resource, source.item) for source in readable),
        plan(catalog, tuple(wishes)),
    )


def settle(current: Current, gathered: Gathered, told: Mapping[str, Told]) -> dict[str, Fact]:
    """Make facts of what was read and told.

    Args:
        current: the release that was read.
        gathered: what it says.
        told: resource → what came of its call; none is missing.

    Returns:
        One fact per element, whatever its status.
    """
    catalog, question = current.catalog, gathered.question
    facts = {}
    for element, lawful in gathered.lawful.items():
        answers = [*gathered.answers[element]]
        for source in lawful:
            if source.resource in told and told[source.resource].values is not None:
                mask = gathered.grants[element, source.resource, source.item].mask
                answers.append(_told(catalog, source, mask, told[source.resource], gathered.held, question))
        silent = dict(gathered.unasked) | {name: one.silent for name, one in told.items() if one.silent}
        facts[element] = _settle(current, element, lawful, answers, silent, question)
        if facts[element].status == "not_applicable" and _is_withheld(
            catalog, element, gathered.held, question
        ):
            facts[element] = Fact(element, "withheld", public={"reason": "not_shared"})
        if element in question.disputed and facts[element].status in ("available", "stale"):
            facts[element] = _disputed(facts[element])
        metrics.FACTS.labels(facts[element].status).inc()
    return facts


def _disputed(fact: Fact) -> Fact:
    """Return a known fact as one whose correction is under way: it is shown, and stands in for nothing."""
    verification = {**fact.public["verification"], "level": "system_verified", "unmet": "in_dispute"}
    public = {**fact.public, "verification": verification, "reason": "in_dispute"}
    return replace(fact, status="in_dispute", public=public)


def _applies(catalog: Catalog, source: FactSource, held: Membership, question: Question) -> bool:
    """Whether a source speaks for the subject in this capacity; one that is asked needs the number it asks by."""
    is_askable = source.id_type in question.keys or not catalog.is_asked(source.resource)
    return is_askable and bool(held.for_source(catalog, source, question.capacity))


def _is_withheld(catalog: Catalog, element: str, held: Membership, question: Question) -> bool:
    """Whether an element does apply to the subject, but only by items that are not shared (不予共享)."""
    return any(
        catalog.resources[source.resource].item(source.item).share_type == NOT_SHARED
        and source.id_type in question.keys
        and held.for_source(catalog, source, question.capacity)
        for source in catalog.sources_of(element)
    )


def _is_stored(current: Current, resource: str) -> bool:
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
        for item in _sent_items(catalog.resources[source.resource]).values()
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


def _sent_items(resource: Resource) -> dict[str, Item]:
    """Return the source's parameters and the items whose values they take."""
    return {name: resource.item(item) for name, item in (resource.read.get("params") or {}).items()}


def _value(answers: Sequence["_Answer"]) -> str | None:
    """Return the one value that lawful sources give, as text; None if there is none or they differ."""
    known = [answer for answer in answers if answer.fact.raw is not None]
    fact = _agreed("", known) if known else None
    return None if fact is None or fact.raw is None else str(fact.raw)


def _calls(
    catalog: Catalog,
    question: Question,
    held: Membership,
    lawful: Mapping[str, Sequence[FactSource]],
    answers: Mapping[str, Sequence["_Answer"]],
    sent: Mapping[str, str | None],
) -> tuple[list[Call], dict[str, str]]:
    """Decide whom to ask, each resource once: nobody whose answer could not count, nobody without all it needs."""
    calls: dict[str, Call] = {}
    unasked: dict[str, str] = {}
    for element, sources in lawful.items():
        ranks = [answer.rank for answer in answers[element] if answer.fact.raw is not None]
        for source in sources:
            if not catalog.is_asked(source.resource) or source.resource in calls:
                continue
            keys, resource = question.keys[source.id_type], catalog.resources[source.resource]
            if ranks and min(ranks) < held.rank(catalog, source, keys[0], question.capacity):
                continue
            params = {
                name: keys[0] if item.name == source.key_item else sent[item.element]
                for name, item in _sent_items(resource).items()
            }
            given = {name: value for name, value in params.items() if value is not None}
            if len(keys) > 1:
                unasked[resource.name] = "several_numbers"
            elif len(given) < len(params):
                unasked[resource.name] = "input_not_known"
            else:
                calls[resource.name] = Call(resource, given)
    return list(calls.values()), unasked


@dataclass(frozen=True)
class _Answer:
    source: FactSource
    rank: tuple[int, int]
    capacities: tuple[str, ...]
    fact: Fact


def _read(
    current: Current,
    source: FactSource,
    mask: str,
    rows: Sequence[Row],
    held: Membership,
    question: Question,
) -> list[_Answer]:
    """Return what one source says: one answer per row that may speak, or one of all of them (`many`)."""
    mine = [row for row in rows if held.admits(current.catalog, source, row.key, question.capacity)]
    if source.pick:
        mine = [row for row in mine if row.passes(source.pick)]
        mine = mine if source.many else row_order(mine, source.pick.order_by)[:1]
    if source.many and mine:
        values = [row.items[source.item] for row in mine if row.items[source.item] is not None]
        oldest = min(mine, key=lambda row: _confirmed(row, current.sources[source.resource]))
        return [_one(current, source, mask, oldest, held, question, values or None)]
    return [_one(current, source, mask, row, held, question, row.items[source.item]) for row in mine]


def row_order(rows: Sequence[Row], order_by: str) -> list[Row]:
    """Return the rows in the order that a contract names (`item desc, item`); missing values come last."""
    ordered = list(rows)
    for part in reversed([part for part in order_by.split(",") if part.strip()]):
        name, _, direction = part.strip().partition(" ")
        known = [(row.items[name], row) for row in ordered if row.items[name] is not None]
        unknown = [row for row in ordered if row.items[name] is None]
        known.sort(key=itemgetter(0), reverse=direction.strip().lower() == "desc")
        ordered = [row for _, row in known] + unknown
    return ordered


def _confirmed(row: Row, state: SourceState) -> datetime:
    """When an admitted extract last covered the row (ARCHITECTURE §4a, Age)."""
    if row.state in ("reported", _WAIVED) and state.confirmed_at is not None:
        return max(state.confirmed_at, row.updated_at)
    return row.last_reported_at or row.updated_at


def _one(
    current: Current,
    source: FactSource,
    mask: str,
    row: Row,
    held: Membership,
    question: Question,
    raw: Any,
) -> _Answer:
    catalog = current.catalog
    resource, state = catalog.resources[source.resource], current.sources[source.resource]
    confirmed = _confirmed(row, state)
    age = question.at - confirmed
    promise = min(resource.promise, question.max_age) if question.max_age is not None else resource.promise
    late = _GONE.get(row.state) or ("older_than_promised" if age > promise else "")
    unmet = (
        late
        or ("rule_waived" if row.state == _WAIVED else "")
        or ("check_failed" if state.failed_checks else "")
        or ("subject_in_doubt" if question.in_doubt else "")
    )
    evidence = _evidence(resource, resource.item(source.item), row, state, raw, question.record_key)
    provenance = {
        "lastupdated": row.updated_at.isoformat(),
        **_verified(resource, confirmed, question.at, promise, unmet, evidence),
    }
    return _answer(catalog, source, mask, row.key, raw, bool(late), held, question, provenance)


def _told(
    catalog: Catalog, source: FactSource, mask: str, told: Told, held: Membership, question: Question
) -> _Answer:
    """Return what a source that was asked says; nothing of it was here before this case."""
    resource, key = catalog.resources[source.resource], question.keys[source.id_type][0]
    raw = (told.values or {})[source.item]
    evidence = {
        "source": resource.name,
        "extract_id": None,
        "serial": told.evidence,
        "record_hash": digest(question.record_key, resource.name, key, source.item, raw),
    }
    unmet = "subject_in_doubt" if question.in_doubt else ""
    provenance = {
        "lastupdated": None,
        **_verified(resource, told.at, question.at, resource.promise, unmet, evidence),
    }
    return _answer(catalog, source, mask, key, raw, False, held, question, provenance)


def _answer(
    catalog: Catalog,
    source: FactSource,
    mask: str,
    key: str,
    raw: Any,
    is_late: bool,
    held: Membership,
    question: Question,
    provenance: Mapping[str, Any],
) -> _Answer:
    item = catalog.resources[source.resource].item(source.item)
    value, code = shown(raw, item, _table(catalog, item, source.element))
    public = {
        "value": masks.mask(mask, value),
        "code": None if mask else code,
        "code_system": (item.code_table or catalog.elements[source.element].code_table) or None,
        "classification": item.data_level or None,
        "masked": bool(mask),
        **provenance,
    }
    status = "not_found" if raw is None else "stale" if is_late else "available"
    rank = held.rank(catalog, source, key, question.capacity)
    return _Answer(
        source, rank, held.of(catalog, source, key), Fact(source.element, status, raw, code, public)
    )


def _verified(
    resource: Resource,
    confirmed: datetime,
    at: datetime,
    promise: timedelta,
    unmet: str,
    evidence: Mapping[str, Any],
) -> dict[str, Any]:
    aged, verification = _verified_alike(resource.provider, confirmed, at, promise, unmet)
    return {
        **aged,
        "verification": {**verification, "evidence": [evidence]},
        **({"reason": unmet} if unmet else {}),
    }


# The facts of one row, and of most rows of one extract, say the same here.
@lru_cache(maxsize=1024)
def _verified_alike(
    provider: str, confirmed: datetime, at: datetime, promise: timedelta, unmet: str
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    time = confirmed.isoformat()
    aged = {
        "confirmed_at": time,
        "valid_from": None,
        "valid_until": None,
        "age_seconds": max(0, int((at - confirmed) / timedelta(seconds=1))),
        "stale_after": (confirmed + promise).isoformat(),
    }
    level = "system_verified" if unmet else "authoritative"
    return aged, {"level": level, "time": time, "verifier": provider, "unmet": unmet or None}


def _evidence(
    resource: Resource, item: Item, row: Row, state: SourceState, raw: Any, key: bytes
) -> dict[str, Any]:
    extract = state.extract_id if row.state == "reported" else row.last_extract
    return {
        "source": resource.name,
        "extract_id": extract or row.extract,
        "record_hash": digest(key, resource.name, row.key, item.name, raw),
    }


def _table(catalog: Catalog, item: Item, element: str) -> CodeTable | None:
    return catalog.codes.get(item.code_table or catalog.elements[element].code_table)


def _settle(
    current: Current,
    element: str,
    lawful: Sequence[FactSource],
    answers: Sequence[_Answer],
    silent: Mapping[str, str],
    question: Question,
) -> Fact:
    """Make one fact of what the lawful sources say; `silent` are those that were to be asked and said nothing."""
    known = [answer for answer in answers if answer.fact.raw is not None]
    if known:
        return _agreed(element, known)
    if not lawful:
        return Fact(element, "not_applicable")
    asked = {source.resource for source in lawful if current.catalog.is_asked(source.resource)}
    stored = {source.resource for source in lawful} - asked
    missing = {name: silent[name] for name in asked & silent.keys()}
    missing |= {name: "never_received" for name in stored if not _is_stored(current, name)}
    if missing:
        first, *_ = sources = sorted(missing)
        return Fact(element, "source_unavailable", public={"reason": missing[first], "sources": sources})
    late = any(_is_late(current, name, question.at) for name in stored)
    return Fact(element, "not_found", public={"reason": "source_late" if late else "no_value"})


def _is_late(current: Current, resource: str, at: datetime) -> bool:
    confirmed = current.sources[resource].confirmed_at
    return confirmed is None or at - confirmed > current.catalog.resources[resource].promise


def _agreed(element: str, known: Sequence[_Answer]) -> Fact:
    """Return the answer of the first rank, or `conflict` where equals differ: never a guess."""
    first = min(answer.rank for answer in known)
    leading = [answer for answer in known if answer.rank == first]
    if len(leading) == 1 or len({canonical(answer.fact.raw) for answer in leading}) == 1:
        order = {"available": 0, "stale": 1}
        return min(leading, key=lambda answer: order.get(answer.fact.status, 2)).fact
    return Fact(
        element,
        "conflict",
        public={
            "capacities": _unique(code for answer in leading for code in answer.capacities),
            "sources": _unique(answer.source.resource for answer in leading),
        },
    )


def _unique(values: Iterable[str]) -> list[str]:
    return sorted(set(values))


def by_kind(links: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return kind → keys of linked natural keys."""
    found: dict[str, list[str]] = defaultdict(list)
    for id_type, key in links:
        found[id_type].append(key)
    return dict(found)
