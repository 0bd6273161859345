"""Facts: element → its authoritative item → the resource's rows at the release, by the subject's linked keys.

Nothing is stored here and nothing guessed: a fact that several lawful sources answer differently is a `conflict`, one
whose source is late or no longer reports it is `stale` and says since when, and absence has a name of its own.

In two steps, because some sources are never stored but asked live: `gather` reads the release and says which of them
would have to be asked with what, `settle` makes facts of what was read and told. Between the two nobody holds a
connection to the warehouse.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from catalogs.derive import NOT_SHARED
from catalogs.model import Catalog, CodeTable, FactSource, Grant, Item, Resource
from service import masks, metrics, validity
from service.lookups import Call, Told
from service.membership import Membership, Registered, Scope, memberships
from service.reading import Plan, Row, Wish, plan
from service.reads import Reading
from service.state import Current, SourceState
from service.subjects import type_of
from service.values import canonical, digest_of, shown

# How far a value is verified, the strongest first; `self_declared` is `service.declared`'s.
AUTHORITATIVE, OFFICER_VERIFIED = "authoritative", "officer_verified"
CROSS_CHECKED, SYSTEM_VERIFIED = "cross_checked", "system_verified"
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
        return self.status == "available" and self.public["verification"]["level"] == AUTHORITATIVE


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
        unshared: element → for whom sources speak that nobody is told.
        answers: element → what the stored ones of its sources say.
        calls: one per lookup resource that is to be asked.
        unasked: lookup resource → why it cannot be asked.
        ours: element read for us → every value that a stored source has.
    """

    question: Question
    held: Membership
    lawful: Mapping[str, Sequence["Spoken"]]
    unshared: Mapping[str, Sequence[Scope]]
    answers: Mapping[str, Sequence["Said"]] = field(repr=False)
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
    of = wanted(current, question)
    rows, registered = await reading.rows(of.plan, question.keys)
    return said(current, question, of, rows, registered)


def said(
    current: Current,
    question: Question,
    of: "Wanted",
    rows: Mapping[str, Sequence[Row]],
    registered: Sequence[Registered],
) -> Gathered:
    """Return what the rows of one subject say.

    Args:
        current: the release.
        question: what is asked.
        of: what is wanted for it.
        rows: resource → the subject's rows, as `of.plan` reads them.
        registered: its rows in the registers of populations.
    """
    catalog, capacity = current.catalog, question.capacity
    held = memberships(catalog, registered)
    # Which rows may speak is the same for all items of a resource.
    speaking: dict[tuple[int, str | None], Sequence[Row]] = {}

    def values(found: Sequence[Spoken], capacity: str | None) -> list[Said]:
        told: list[Said] = []
        for one in found:
            if not one.is_readable:
                continue
            voice = one.voice, capacity
            mine = speaking.get(voice)
            if mine is None:
                own = rows[one.source.resource]
                mine = speaking[voice] = _speaking(one, own, held, capacity, question.at)
            name = one.source.item
            if one.source.many and mine:
                told.append(_listed(one, mine))
            else:
                told += [Said(one, row.key, row.items[name], row) for row in mine]
        return told

    lawful = of.lawful(held, question)
    answers = {element: values(found, capacity) for element, found in lawful.items()}
    calls: list[Call] = []
    unasked: dict[str, str] = {}
    if of.asks:
        telling = Telling(question)
        sent = {
            element: _value(catalog, held, telling, values(found, capacity))
            for element, found in of.inputs.items()
        }
        calls, unasked = _calls(catalog, question, held, lawful, answers, sent)
    ours = {
        element: [one.raw for one in values(found, None) if one.raw is not None]
        for element, found in of.for_us.items()
    }
    return Gathered(question, held, lawful, of.unshared, answers, calls, unasked, ours)


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
    return Wish(source.resource, source.key_item, source.id_type, source.item, source.pick, beside)


def _spoken(
    current: Current, source: FactSource, scope: Scope, voice: int, mask: str, id_types: Sequence[str]
) -> Spoken:
    catalog = current.catalog
    resource = catalog.resources[source.resource]
    item = resource.item(source.item)
    is_stored = _is_stored(current, source.resource)
    code_table = item.code_table or catalog.elements[source.element].code_table
    return Spoken(
        source=source,
        resource=resource,
        item=item,
        scope=scope,
        state=current.sources[source.resource] if is_stored else None,
        table=catalog.codes.get(code_table),
        mask=mask,
        is_readable=is_stored and source.id_type in id_types,
        is_asked=catalog.is_asked(source.resource),
        promise=resource.promise,
        voice=voice,
        zone=ZoneInfo(catalog.campus.time_zone),
        code_system=code_table or None,
        head=f"{canonical(resource.name)}\0",
        tail=f"\0{canonical(item.name)}\0",
        has_middle_levels=current.has_middle_levels,
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
    telling = Telling(gathered.question)
    judged = judge(current, gathered, told, telling)
    facts = {element: telling.fact(one) for element, one in judged.items()}
    count(fact.status for fact in facts.values())
    return facts


def count(statuses: Iterable[str]) -> None:
    """Count facts that are told."""
    for status, times in Counter(statuses).items():
        metrics.FACTS.labels(status).inc(times)


def judge(
    current: Current, gathered: Gathered, told: Mapping[str, Told], telling: "Telling"
) -> dict[str, "Said | Fact"]:
    """Decide what answers each element: what one source says, or a fact without a value, which says why.

    Args:
        current, gathered, told: as for `settle`.
        telling: makes facts for the same question.
    """
    question, held = gathered.question, gathered.held
    silent = dict(gathered.unasked) | {name: one.silent for name, one in told.items() if one.silent}
    judged: dict[str, Said | Fact] = {}
    for element, lawful in gathered.lawful.items():
        answers = gathered.answers[element]
        if told:
            answers = [*answers, *_heard(lawful, told, question)]
        if len(answers) == 1 and answers[0].raw is not None:
            judged[element] = answers[0]
            continue
        one = _settle(current, element, lawful, answers, silent, held, telling)
        is_inapplicable = isinstance(one, Fact) and one.status == "not_applicable"
        if is_inapplicable and _is_withheld(gathered.unshared[element], held, question):
            one = Fact(element, "withheld", public={"reason": "not_shared"})
        judged[element] = one
    return judged


def _disputed(fact: Fact) -> Fact:
    """Return a known fact as one whose correction is under way: it is shown, and stands in for nothing."""
    verification = {**fact.public["verification"], "level": SYSTEM_VERIFIED, "unmet": "in_dispute"}
    public = {**fact.public, "verification": verification, "reason": "in_dispute"}
    return replace(fact, status="in_dispute", public=public)


def _applies(one: Spoken, held: Membership, question: Question) -> bool:
    """Whether a source speaks for the subject in this capacity; one that is asked needs the number it asks by."""
    is_askable = not one.is_asked or one.source.id_type in question.keys
    return is_askable and held.is_spoken_for(one.scope, question.capacity)


def _is_withheld(unshared: Sequence[Scope], held: Membership, question: Question) -> bool:
    """Whether an element does apply to the subject, but only by items that are not shared (不予共享)."""
    return any(
        scope.id_type in question.keys and held.is_spoken_for(scope, question.capacity) for scope in unshared
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


def _value(catalog: Catalog, held: Membership, telling: "Telling", answers: Sequence["Said"]) -> str | None:
    """Return the one value that lawful sources give, as text; None if there is none or they differ."""
    known = _contending(answers, telling.question.at)
    agreed = _agreed(catalog, "", known, held, telling) if known else None
    return str(agreed.raw) if isinstance(agreed, Said) else None


def _calls(
    catalog: Catalog,
    question: Question,
    held: Membership,
    lawful: Mapping[str, Sequence[Spoken]],
    answers: Mapping[str, Sequence["Said"]],
    sent: Mapping[str, str | None],
) -> tuple[list[Call], dict[str, str]]:
    """Decide whom to ask, each resource once: nobody whose answer could not count, nobody without all it needs."""
    calls: dict[str, Call] = {}
    unasked: dict[str, str] = {}
    for element, found in lawful.items():
        holding = [one for one in answers[element] if one.raw is not None and not one.unheld(question.at)]
        ranks = [answer.rank(catalog, held, question) for answer in holding]
        for one in found:
            source, resource = one.source, one.resource
            if not one.is_asked or source.resource in calls:
                continue
            keys = question.keys[source.id_type]
            if ranks and min(ranks) < held.rank(catalog, one.scope, keys[0], question.capacity):
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


class Said(NamedTuple):
    """What one source says of one element, not yet made a fact.

    Attributes:
        key: the natural key that it says it under.
        raw: the value; None where it has none.
        row: where it stands; None for what was asked live.
        heard: what came of asking.
        witness: what another system says, where that bears out a value that something else speaks against.
    """

    spoken: Spoken
    key: str
    raw: Any
    row: Row | None
    heard: Told | None = None
    witness: "Said | None" = None

    def __repr__(self) -> str:
        return f"Said({self.spoken.source.element})"

    def rank(self, catalog: Catalog, held: Membership, question: Question) -> tuple[int, int]:
        """Return how early it answers."""
        return held.rank(catalog, self.spoken.scope, self.key, question.capacity)

    @property
    def bounds(self) -> tuple[validity.Bound, validity.Bound]:
        """From when until when it holds by its source's own dates; several values in one list have no such dates."""
        bounded = self.spoken.item.validity
        items = self.row.items if self.row else self.heard.values if self.heard else None
        if bounded is None or items is None or self.spoken.source.many:
            return None, None
        return validity.bounds(bounded, items)

    @property
    def is_plain(self) -> bool:
        """Whether what is told beside its value is the same for every row of the same extracts."""
        return self.row is not None and self.spoken.item.validity is None and self.witness is None

    def unheld(self, at: datetime) -> str:
        """Return why it does not hold at a moment; empty if it does."""
        return validity.unmet(*self.bounds, at, self.spoken.zone) if self.spoken.item.validity else ""

    def shown(self) -> tuple[Any, Any]:
        """Return value and standard code, unmasked."""
        return shown(self.raw, self.spoken.item, self.spoken.table)

    def digest(self, record_key: bytes) -> str:
        """Return the digest of evidence, over resource, key, item and value."""
        spoken = self.spoken
        return digest_of(record_key, f"{spoken.head}{canonical(self.key)}{spoken.tail}{canonical(self.raw)}")


def _speaking(
    one: Spoken, rows: Sequence[Row], held: Membership, capacity: str | None, at: datetime
) -> Sequence[Row]:
    """Return the rows of a source that may speak in a capacity; those that hold at the moment come before others."""
    source, bounded = one.source, one.item.validity
    mine = [row for row in rows if held.admits(one.scope, row.key, capacity)]
    if source.pick:
        mine = [row for row in mine if row.passes(source.pick)]
    if bounded is not None:
        holding = [
            row for row in mine if not validity.unmet(*validity.bounds(bounded, row.items), at, one.zone)
        ]
        mine = holding if holding or source.many else mine
    if source.pick and len(mine) > 1 and not source.many:
        mine = row_order(mine, source.pick.order_by)[:1]
    return mine


def _listed(one: Spoken, mine: Sequence[Row]) -> Said:
    """Return all values of a source in one list (`many`), which is as old as the oldest of its rows."""
    assert one.state is not None
    state, name = one.state, one.source.item
    oldest = min(mine, key=lambda row: _confirmed(row, state))
    return Said(
        one, oldest.key, [row.items[name] for row in mine if row.items[name] is not None] or None, oldest
    )


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


class Telling:
    """Makes facts of what sources say to one question; what all values of a row have in common is worked out once."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self._rows: dict[int, tuple[bool, int, Mapping[str, Any], Mapping[str, Any]]] = {}

    def fact(self, one: Said | Fact) -> Fact:
        """Return what one source says as a fact; what is one already stays as it is."""
        if isinstance(one, Fact):
            return one
        fact = self._heard(one) if one.row is None else self._read(one, one.row)
        is_disputed = fact.element in self.question.disputed and fact.status in ("available", "stale")
        return _disputed(fact) if is_disputed else fact

    def is_late(self, one: Said) -> bool:
        """Whether the source no longer vouches for it."""
        row = one.row
        return row is not None and (self._rows.get(id(row)) or self._row(one.spoken, row))[0]

    def unmet(self, one: Said) -> str:
        """Return the first condition of a verified fact that does not hold; empty if all do."""
        row = one.row
        if row is None:
            return "subject_in_doubt" if self.question.in_doubt else ""
        return (self._rows.get(id(row)) or self._row(one.spoken, row))[3]["unmet"] or ""

    def _read(self, one: Said, row: Row) -> Fact:
        is_late, extract, provenance, verification = self._rows.get(id(row)) or self._row(one.spoken, row)
        evidence = [self._evidence(one, extract)]
        if one.witness is not None:
            verification = {**verification, "level": CROSS_CHECKED}
            evidence.append(self._evidence_of(one.witness))
        if one.spoken.item.validity is not None:
            is_late, provenance, verification = self._bounded(one, is_late, provenance, verification)
        proven = {**provenance, "verification": {**verification, "evidence": evidence}}
        return _fact(one, is_late, proven)

    def _evidence(self, one: Said, extract: int | None) -> dict[str, Any]:
        digest = one.digest(self.question.record_key)
        return {"source": one.spoken.resource.name, "extract_id": extract, "record_hash": digest}

    def _evidence_of(self, one: Said) -> dict[str, Any]:
        """Return where a value stands, or what number the source gave its answer."""
        if one.heard is not None:
            return {**self._evidence(one, None), "serial": one.heard.evidence}
        assert one.row is not None
        return self._evidence(one, (self._rows.get(id(one.row)) or self._row(one.spoken, one.row))[1])

    def _heard(self, one: Said) -> Fact:
        spoken, question, heard = one.spoken, self.question, one.heard
        assert heard is not None
        provenance, verification = _verified(
            None, spoken.resource.provider, heard.at, question.at, spoken.promise, self.unmet(one)
        )
        is_late, provenance, verification = self._bounded(one, False, provenance, verification)
        proven = {**provenance, "verification": {**verification, "evidence": [self._evidence_of(one)]}}
        return _fact(one, is_late, proven)

    def _bounded(
        self, one: Said, is_late: bool, provenance: Mapping[str, Any], verification: Mapping[str, Any]
    ) -> tuple[bool, Mapping[str, Any], Mapping[str, Any]]:
        """Add from when until when a value holds; one that does not hold now is told as late, and as why."""
        since, until = one.bounds
        provenance = {
            **provenance,
            "valid_from": since and since.isoformat(),
            "valid_until": until and until.isoformat(),
        }
        if unheld := one.unheld(self.question.at):
            provenance["reason"] = unheld
            verification = {**verification, "level": SYSTEM_VERIFIED, "unmet": unheld}
        return is_late or bool(unheld), provenance, verification

    def _row(self, one: Spoken, row: Row) -> tuple[bool, int, Mapping[str, Any], Mapping[str, Any]]:
        question, state = self.question, one.state
        assert state is not None
        confirmed = _confirmed(row, state)
        promise = one.promise if question.max_age is None else min(one.promise, question.max_age)
        is_old = question.at - confirmed > promise
        late = _GONE.get(row.state) or ("older_than_promised" if is_old else "")
        unmet = (
            late
            or ("rule_waived" if row.state == _WAIVED else "")
            or ("check_failed" if state.failed_checks else "")
            or ("subject_in_doubt" if question.in_doubt else "")
        )
        # A person of the provider looked at this very row, and only the rule that they waived speaks against it.
        is_confirmed = unmet == "rule_waived" and not (state.failed_checks or question.in_doubt)
        is_confirmed = is_confirmed and one.has_middle_levels
        provider = one.resource.provider
        provenance, verification = _verified(
            row.updated_at, provider, confirmed, question.at, promise, unmet, is_confirmed
        )
        extract = state.extract_id if row.state == "reported" else row.last_extract
        # Every row belongs to one resource, and lives as long as this object.
        found = self._rows[id(row)] = (bool(late), extract or row.extract, provenance, verification)
        return found


def _heard(lawful: Sequence[Spoken], told: Mapping[str, Told], question: Question) -> Iterable[Said]:
    """Yield what sources that were asked say; nothing of it was here before this case."""
    for one in lawful:
        heard = told.get(one.source.resource)
        if heard is not None and heard.values is not None:
            key = question.keys[one.source.id_type][0]
            yield Said(one, key, heard.values[one.source.item], None, heard)


def _fact(one: Said, is_late: bool, provenance: Mapping[str, Any]) -> Fact:
    spoken = one.spoken
    value, code = one.shown()
    told_value, told_code = spoken.masked(value, code)
    public = {
        "value": told_value,
        "code": told_code,
        "code_system": spoken.code_system,
        "classification": spoken.item.data_level or None,
        "masked": bool(spoken.mask),
        **provenance,
    }
    status = "not_found" if one.raw is None else "stale" if is_late else "available"
    return Fact(spoken.source.element, status, one.raw, code, public)


# The rows of most subjects say the same here, because they come from the same extract.
@lru_cache(maxsize=1024)
def _verified(
    updated: datetime | None,
    provider: str,
    confirmed: datetime,
    at: datetime,
    promise: timedelta,
    unmet: str,
    is_confirmed: bool = False,
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return what a fact says of its age, and its verification but for the evidence."""
    time = confirmed.isoformat()
    aged = {
        "lastupdated": updated and updated.isoformat(),
        "confirmed_at": time,
        "valid_from": None,
        "valid_until": None,
        "age_seconds": max(0, int((at - confirmed) / timedelta(seconds=1))),
        "stale_after": (confirmed + promise).isoformat(),
        **({"reason": unmet} if unmet else {}),
    }
    level = AUTHORITATIVE if not unmet else OFFICER_VERIFIED if is_confirmed else SYSTEM_VERIFIED
    return aged, {"level": level, "time": time, "verifier": provider, "unmet": unmet or None}


def _settle(
    current: Current,
    element: str,
    lawful: Sequence[Spoken],
    answers: Sequence[Said],
    silent: Mapping[str, str],
    held: Membership,
    telling: Telling,
) -> Said | Fact:
    """Decide which lawful source answers, or why none does; `silent` are those that were asked and said nothing."""
    known = _contending(answers, telling.question.at)
    if known:
        return _agreed(current.catalog, element, known, held, telling)
    if not lawful:
        return Fact(element, "not_applicable")
    asked = {one.source.resource for one in lawful if one.is_asked}
    stored = {one.source.resource for one in lawful} - asked
    missing = {name: silent[name] for name in asked & silent.keys()}
    missing |= {name: "never_received" for name in stored if not _is_stored(current, name)}
    if missing:
        first, *_ = sources = sorted(missing)
        return Fact(element, "source_unavailable", public={"reason": missing[first], "sources": sources})
    late = any(one.is_late(telling.question.at) for one in lawful if not one.is_asked)
    return Fact(element, "not_found", public={"reason": "source_late" if late else "no_value"})


def _witness(one: Said, known: Sequence[Said], telling: Telling) -> Said | None:
    """Return the verified value of another system that is the same as one that is not verified by itself.

    Where it is in doubt who the person is, two systems may speak of two people; what a person of the provider looked at
    needs nobody else; and what the warehouse computes from a system is no second source.
    """
    unmet = telling.unmet(one)
    if unmet in ("", "rule_waived", "subject_in_doubt") or one.row is None or telling.question.in_doubt:
        return None
    mine, value = one.spoken.resource, canonical(one.raw)
    for other in known:
        theirs = other.spoken.resource
        is_another = theirs.system != mine.system and not (theirs.is_derived or mine.is_derived)
        if is_another and canonical(other.raw) == value and not telling.unmet(other):
            return other
    return None


def _contending(answers: Sequence[Said], at: datetime) -> Sequence[Said]:
    """Return the values among which one answers: what does not hold now has no say beside what does."""
    known = [answer for answer in answers if answer.raw is not None]
    return [answer for answer in known if not answer.unheld(at)] or known


def _agreed(
    catalog: Catalog, element: str, known: Sequence[Said], held: Membership, telling: Telling
) -> Said | Fact:
    """Return the answer of the first rank, or `conflict` where equals differ: never a guess."""
    if len(known) == 1:
        return known[0]
    ranks = [answer.rank(catalog, held, telling.question) for answer in known]
    first = min(ranks)
    leading = [answer for answer, rank in zip(known, ranks, strict=True) if rank == first]
    if len(leading) == 1 or len({canonical(answer.raw) for answer in leading}) == 1:
        if not leading[0].spoken.has_middle_levels:
            return min(leading, key=telling.is_late)
        best = min(leading, key=lambda one: (telling.is_late(one), telling.unmet(one) != ""))
        return best._replace(witness=_witness(best, known, telling))
    return Fact(
        element,
        "conflict",
        public={
            "capacities": _unique(code for one in leading for code in held.of(one.spoken.scope, one.key)),
            "sources": _unique(one.spoken.source.resource for one in leading),
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
