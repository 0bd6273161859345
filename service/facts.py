"""Facts: element → its authoritative item → the resource's rows at the release, by the subject's linked keys.

Nothing is stored here and nothing guessed: a fact that several lawful sources answer differently is a `conflict`, one
whose source is late or no longer reports it is `stale` and says since when, and absence has a name of its own.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

import asyncpg

from catalogs.derive import NOT_SHARED
from catalogs.model import LOOKUP_SYSTEM_KIND, Catalog, CodeTable, FactSource, Grant, Item, Resource
from service import masks, metrics
from service.membership import Membership, memberships
from service.reading import Row, Wish, plan, read
from service.state import Current, SourceState
from service.values import canonical, digest, shown

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
        record_key: keys the digests of evidence, one per client.
    """

    keys: Mapping[str, Sequence[str]] = field(repr=False)
    in_doubt: bool
    capacity: str | None
    grants: Sequence[Grant]
    elements: Sequence[str]
    at: datetime
    max_age: timedelta | None = None
    record_key: bytes = field(default=b"", repr=False)


async def answer(con: asyncpg.Connection, current: Current, question: Question) -> dict[str, Fact]:
    """Answer elements for one subject at one release, in one statement.

    Args:
        con: in a transaction pinned to the release.
        current: the release.
        question: what is asked.

    Returns:
        One fact per element, whatever its status.
    """
    catalog = current.catalog
    wanted = tuple(dict.fromkeys(question.elements))
    # Of two grants for the same thing the one without a mask counts: it gives the right to the whole value.
    by_right = sorted(question.grants, key=lambda grant: not grant.mask)
    granted = {(grant.element, grant.resource, grant.item): grant for grant in by_right}
    sources = {
        element: tuple(s for s in catalog.sources_of(element) if (element, s.resource, s.item) in granted)
        for element in wanted
    }
    readable = [
        source
        for found in sources.values()
        for source in found
        if _is_stored(current, source.resource) and source.id_type in question.keys
    ]
    chosen = plan(catalog, tuple(Wish(s.resource, s.key_item, s.id_type, s.item, s.pick) for s in readable))
    rows, registered = await read(con, chosen, question.keys)
    held = memberships(catalog, registered)
    facts = {}
    for element in wanted:
        answers: list[_Answer] = []
        applies = False
        for source in sources[element]:
            capacities = held.for_source(catalog, source, question.capacity)
            if capacities is None:
                continue
            applies = True
            if source in readable:
                grant = granted[element, source.resource, source.item]
                answers += _read(current, source, grant, rows[source.resource], held, question)
        facts[element] = _settle(current, element, sources[element], answers, applies, question)
        if facts[element].status == "not_applicable" and _is_withheld(catalog, element, held, question):
            facts[element] = Fact(element, "withheld", public={"reason": "not_shared"})
        metrics.FACTS.labels(facts[element].status).inc()
    return facts


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
    kind = current.catalog.systems[current.catalog.resources[resource].system].kind
    return state is not None and state.extract_id is not None and kind != LOOKUP_SYSTEM_KIND


@dataclass(frozen=True)
class _Answer:
    source: FactSource
    rank: tuple[int, int]
    capacities: tuple[str, ...]
    fact: Fact


def _read(
    current: Current,
    source: FactSource,
    grant: Grant,
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
        return [_one(current, source, grant, oldest, held, question, values or None)]
    return [_one(current, source, grant, row, held, question, row.items[source.item]) for row in mine]


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
    if row.state == "reported" and state.confirmed_at is not None:
        return max(state.confirmed_at, row.updated_at)
    return row.last_reported_at or row.updated_at


def _one(
    current: Current,
    source: FactSource,
    grant: Grant,
    row: Row,
    held: Membership,
    question: Question,
    raw: Any,
) -> _Answer:
    catalog = current.catalog
    resource, state = catalog.resources[source.resource], current.sources[source.resource]
    item = resource.item(source.item)
    confirmed = _confirmed(row, state)
    age = question.at - confirmed
    promise = min(resource.promise, question.max_age) if question.max_age is not None else resource.promise
    unmet = _GONE.get(row.state) or ("older_than_promised" if age > promise else "")
    status = "not_found" if raw is None else ("stale" if unmet else "available")
    unmet = (
        unmet
        or ("check_failed" if state.failed_checks else "")
        or ("subject_in_doubt" if question.in_doubt else "")
    )
    value, code = shown(raw, item, _table(catalog, item, source.element))
    public: dict[str, Any] = {
        "value": masks.mask(grant.mask, value),
        "code": None if grant.mask else code,
        "code_system": (item.code_table or catalog.elements[source.element].code_table) or None,
        "classification": item.data_level or None,
        "lastupdated": row.updated_at.isoformat(),
        "confirmed_at": confirmed.isoformat(),
        "valid_from": None,
        "valid_until": None,
        "age_seconds": max(0, int(age / timedelta(seconds=1))),
        "stale_after": (confirmed + promise).isoformat(),
        "masked": bool(grant.mask),
        "verification": {
            "level": "system_verified" if unmet else "authoritative",
            "time": confirmed.isoformat(),
            "verifier": resource.provider,
            "unmet": unmet or None,
            "evidence": [_evidence(resource, item, row, state, raw, question.record_key)],
        },
    }
    if unmet:
        public["reason"] = unmet
    if raw is None:
        public = {"reason": "no_value"}
    return _Answer(
        source,
        held.rank(catalog, source, row.key, question.capacity),
        held.of(catalog, source, row.key),
        Fact(source.element, status, raw, code, public),
    )


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
    sources: Sequence[FactSource],
    answers: Sequence[_Answer],
    applies: bool,
    question: Question,
) -> Fact:
    """Make one fact of what the lawful sources say."""
    known = [answer for answer in answers if answer.fact.raw is not None]
    if known:
        return _agreed(element, known)
    if not applies:
        return Fact(element, "not_applicable")
    missing = [source.resource for source in sources if not _is_stored(current, source.resource)]
    if missing:
        return Fact(
            element, "source_unavailable", public={"reason": "never_received", "sources": _unique(missing)}
        )
    late = any(_is_late(current, source.resource, question.at) for source in sources)
    return Fact(element, "not_found", public={"reason": "source_late" if late else "no_value"})


def _is_late(current: Current, resource: str, at: datetime) -> bool:
    confirmed = current.sources[resource].confirmed_at
    return confirmed is None or at - confirmed > current.catalog.resources[resource].promise


def _agreed(element: str, known: Sequence[_Answer]) -> Fact:
    """Return the answer of the first rank, or `conflict` where equals differ: never a guess."""
    first = min(answer.rank for answer in known)
    leading = [answer for answer in known if answer.rank == first]
    if len({canonical(answer.fact.raw) for answer in leading}) == 1:
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
