"""A query from its arrival to its receipt: rights, case, subject, facts, record; refused by default.

The order is fixed: token → client → purpose → elements → case → subject → facts → record → answer. A source that is
asked live hears of nobody before all of these checks hold.
"""

import asyncio
import contextlib
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
from pydantic import BeforeValidator, Field

from catalogs.model import Catalog, Grant
from service import access, cases, claims, consents, declared, facts, guardians, prefill, things, usages
from service.access import Actor
from service.claims import Claim
from service.consents import Needed
from service.decisions import Deciding, Surroundings, allow, deciding, decision_of, note
from service.facts import Fact, Gathered, Question
from service.guardians import Standing
from service.lookups import Told
from service.mapping import words_of
from service.problems import Problem
from service.reads import Together
from service.record import Answer, Decision, canonical
from service.state import Current
from service.subjects import Closed, Identified, Resolved, Text
from service.tokens import Client

# What a reader meets when a release run replaces a view under it; the second try finds the new one.
_REPLACED = (
    asyncpg.InvalidCachedStatementError,
    asyncpg.UndefinedTableError,
    asyncpg.InternalServerError,
)
_CLAIMED = "/claims/{}/element"


def _as_text(value: Any) -> Any:
    if not isinstance(value, str | timedelta):
        raise ValueError("an ISO 8601 duration is text")
    return value


Duration = Annotated[timedelta, BeforeValidator(_as_text)]


class SubjectIn(Identified):
    """Whom a query is about, and in which capacity the person acts."""

    capacity: Text | None = Field(None, description="Code of a population")


class CaseQuery(Closed):
    """Whom something is about, in which case, and who is in front of the screen."""

    subject: SubjectIn
    case_id: UUID
    actor: Actor


class PrefillQuery(CaseQuery):
    """`POST /v1/service-items/{code}:prefill`."""

    max_age: Duration | None = Field(None, ge=timedelta(0), description="ISO 8601 duration")


class FactsQuery(PrefillQuery):
    """`POST /v1/facts:query`."""

    service_item: Text
    elements: list[Text] = Field(min_length=1, max_length=200)


class BatchItem(Closed):
    """One question of a batch."""

    subject: SubjectIn
    case_id: UUID
    actor: Actor


class BatchQuery(Closed):
    """`POST /v1/facts:batch_query`."""

    service_item: Text
    elements: list[Text] = Field(min_length=1, max_length=200)
    max_age: Duration | None = Field(None, ge=timedelta(0), description="ISO 8601 duration")
    items: list[BatchItem] = Field(min_length=1, max_length=100)

    def one_by_one(self) -> list[FactsQuery]:
        """Return the batch as the questions that it stands for."""
        shared = {"service_item": self.service_item, "elements": self.elements, "max_age": self.max_age}
        return [
            FactsQuery.model_construct(subject=one.subject, case_id=one.case_id, actor=one.actor, **shared)
            for one in self.items
        ]


class ClaimsQuery(PrefillQuery):
    """`POST /v1/claims:verify`."""

    service_item: Text
    claims: list[Claim] = Field(min_length=1, max_length=20)


class AccessQuery(Closed):
    """`POST /v1/access:evaluate`."""

    service_item: Text
    elements: list[Text] = Field(min_length=1, max_length=200)
    capacity: Text | None = Field(None, description="Code of a population")
    case_id: UUID | None = Field(None, description="A case that is to be judged too")


async def query_facts(
    around: Surroundings, client: Client, current: Current, query: FactsQuery, at: datetime
) -> Answer:
    """Answer `facts:query`: exactly the elements asked for, all of which must be granted."""
    return await _answer(around, client, current, query, query.service_item, query.elements, at)


async def query_batch(
    around: Surroundings, client: Client, current: Current, batch: BatchQuery, at: datetime
) -> list[dict[str, Any] | Problem]:
    """Answer each question of a batch as if it were asked alone, with a decision and a receipt of its own."""
    return await query_set(around, client, current, batch.one_by_one(), at)


async def query_set(
    around: Surroundings, client: Client, current: Current, queries: Iterable[FactsQuery], at: datetime
) -> list[dict[str, Any] | Problem]:
    """Answer questions side by side, each as if it were asked alone; what they read is read together."""
    together = replace(around, reads=Together(around.pool))

    async def one(query: FactsQuery) -> dict[str, Any] | Problem:
        try:
            return await query_facts(together, client, current, query, at)
        except Problem as problem:
            return problem

    return await asyncio.gather(*map(one, queries))


async def query_prefill(
    around: Surroundings, client: Client, current: Current, code: str, query: PrefillQuery, at: datetime
) -> Answer:
    """Answer `service-items/{code}:prefill`: whatever of form and materials is granted."""
    return await _answer(around, client, current, query, code, None, at)


async def query_claims(
    around: Surroundings, client: Client, current: Current, query: ClaimsQuery, at: datetime
) -> dict[str, Any]:
    """Answer `claims:verify`: for each statement whether it is so, never a value."""
    catalog, words = current.catalog, words_of(current.catalog, client.client_id)
    elements = words.ours(claim.element for claim in query.claims)
    decision = about(client, current, "claims", query, query.service_item, elements)
    async with deciding(around, decision, query.model_dump(mode="json"), at) as one:
        grants = access.check_purpose(catalog, client.client_id, query.service_item, at)
        access.check_elements(catalog, elements, grants, _CLAIMED)
        stated = words.claims(query.claims)
        claims.check(catalog, catalog.services[query.service_item], stated)
        subject, known, told = await found(
            around, client, current, query, query.service_item, elements, grants, one, at
        )
        today = access.campus_day(catalog, at)
        whose = around.keys.digest("claims", str(subject.subject_id))
        counted = (client.client_id, whose, elements, today)
        if exhausted := await claims.count(around.pool, *counted):
            await note(around, one, "refused", "QUOTA_EXCEEDED", "quota:mismatches", at)
            detail = f"too many wrong statements about {', '.join(exhausted)} today"
            raise Problem(
                "QUOTA_EXCEEDED", detail, rule="quota:mismatches", headers=_until_tomorrow(catalog, at)
            )
        judged = claims.answer(catalog, stated, known, today)
        right = [out["element"] for out in judged if out["outcome"] != claims.NO_MATCH]
        await claims.give_back(around.pool, client.client_id, whose, right, today)
        answer: dict[str, Any] = {
            "transaction_id": str(decision.transaction_id),
            "release": current.release,
            "claims": words.told(judged),
        }
        answer["receipt"] = await allow(around, one, answer, at, _rule(told))
    return answer


def _until_tomorrow(catalog: Catalog, at: datetime) -> dict[str, str]:
    zone = ZoneInfo(catalog.campus.time_zone)
    tomorrow = datetime.combine(access.campus_day(catalog, at) + timedelta(days=1), time(), zone)
    return {"Retry-After": str(int((tomorrow - at).total_seconds()) + 1)}


async def evaluate(
    around: Surroundings, client: Client, current: Current, query: AccessQuery, at: datetime
) -> dict[str, Any]:
    """Answer `access:evaluate`: would this be allowed now, and if not, by which rule. Nobody is looked up for it.

    Each rule is asked in the order of a real query; the first that does not hold is told for the whole, and for each
    element whether a grant covers it.
    """
    catalog = current.catalog
    elements = words_of(catalog, client.client_id).ours(query.elements)
    decision = replace(
        decision_of(client, "evaluate", current.release),
        purpose=query.service_item if query.service_item in catalog.services else None,
        case_id=str(query.case_id) if query.case_id else None,
        elements=_known(catalog.elements, elements),
    )
    async with deciding(around, decision, query.model_dump(mode="json"), at) as one:
        granted: set[str] = set()
        refused: Problem | None = None
        try:
            grants = access.check_purpose(catalog, client.client_id, query.service_item, at)
            granted = {grant.element for grant in grants}
            access.check_elements(catalog, elements, grants)
            access.check_capacity(catalog, query.capacity)
            if query.case_id:
                await cases.check(around.pool, client.client_id, query.case_id, query.service_item, at)
            await consents.check_given(around.pool, around.keys, catalog, query.case_id, grants, elements, at)
        except Problem as problem:
            refused = problem
        answer: dict[str, Any] = {
            "transaction_id": str(decision.transaction_id),
            "release": current.release,
            "allowed": refused is None,
            "code": refused.code if refused else "OK",
            "rule": refused.rule if refused else None,
            "elements": [
                {"element": name, "granted": element in granted}
                for name, element in zip(query.elements, elements, strict=True)
            ],
        }
        told = f"would be refused: {refused.noted}" if refused else "would be allowed"
        answer["receipt"] = await allow(around, one, answer, at, told)
    return answer


async def _answer(
    around: Surroundings,
    client: Client,
    current: Current,
    query: PrefillQuery,
    service_item: str,
    elements: list[str] | None,
    at: datetime,
) -> Answer:
    action = "prefill" if elements is None else "facts"
    ours = words_of(current.catalog, client.client_id).ours(elements or ())
    decision = about(client, current, action, query, service_item, ours)
    async with deciding(around, decision, asked_for(query, service_item), at) as one:
        answer, told = await compose(around, client, current, query, service_item, elements, one, at)
        written = canonical(answer)
        return Answer.sealed(answer, written, await allow(around, one, written, at, _rule(told)))


def asked_for(query: PrefillQuery, service_item: str) -> dict[str, Any]:
    """Return a query as the record's digest covers it."""
    return {**query.model_dump(mode="json"), "service_item": service_item}


async def compose(
    around: Surroundings,
    client: Client,
    current: Current,
    query: PrefillQuery,
    service_item: str,
    elements: list[str] | None,
    one: Deciding,
    at: datetime,
    is_replayed: bool = False,
) -> tuple[dict[str, Any], Mapping[str, Told]]:
    """Return the answer to a query without its receipt, and what was asked live for it.

    Args:
        around: the running service.
        client: who asks.
        current: the release to answer from.
        query: what is asked.
        service_item: for which service item.
        elements: which elements, in the client's words; None for all that its form and materials need.
        one: the decision under way.
        at: the moment of the question.
        is_replayed: whether it was answered before: then its case may be over by now, and no source is asked again.

    Raises:
        Problem: why there is no answer.
    """
    catalog = current.catalog
    grants = access.check_purpose(catalog, client.client_id, service_item, at)
    item = catalog.services[service_item]
    words = words_of(catalog, client.client_id)
    today = access.campus_day(catalog, at)
    own_rights = declared.rights(catalog, client.client_id, item, today) if elements is None else []
    grants = [*grants, *own_rights]
    wanted = prefill.elements_of(catalog, item, grants) if elements is None else words.ours(elements)
    unconsented: Needed = {}
    subject, known, told = await found(
        around, client, current, query, service_item, wanted, grants, one, at, is_replayed,
        unconsented if elements is None else None,
    )  # fmt: skip
    answer: dict[str, Any] = {
        "transaction_id": str(one.decision.transaction_id),
        "release": current.release,
    }
    if elements is None:
        offered = [right for right in own_rights if _is_absent(known, right.element)]
        whose = usages.subject_keys(around.keys, subject.keys)
        record_key = around.keys.derived(f"evidence {client.client_id}")
        own = await declared.read(around.pool, around.keys, catalog, whose, offered, at, record_key)
        said = {element: one.fact for element, one in own.items()}
        filled = prefill.answer(catalog, item, client.client_id, known, today, unconsented, said)
        answer |= words.form(filled)
    else:
        answer["complete"] = all(fact.status == "available" for fact in known.values())
        answer["facts"] = words.facts({element: fact.as_dict() for element, fact in known.items()})
    return answer, told


def _is_absent(known: Mapping[str, Fact], element: str) -> bool:
    return element in known and known[element].status in declared.ABSENT


def about(
    client: Client,
    current: Current,
    action: str,
    query: CaseQuery,
    service_item: str,
    elements: Sequence[str],
) -> Decision:
    """Return what is known of a decision about a subject; elements and purposes that do not exist are left out."""
    return replace(
        decision_of(client, action, current.release),
        actor_id=query.actor.user_id,
        actor_role=query.actor.role,
        subject=query.subject.key(),
        purpose=service_item if service_item in current.catalog.services else None,
        case_id=str(query.case_id),
        elements=_known(current.catalog.elements, elements),
    )


async def found(
    around: Surroundings,
    client: Client,
    current: Current,
    query: PrefillQuery,
    service_item: str,
    wanted: Sequence[str],
    grants: Sequence[Grant],
    one: Deciding,
    at: datetime,
    is_replayed: bool = False,
    unconsented: Needed | None = None,
) -> tuple[Resolved, Mapping[str, Fact], Mapping[str, Told]]:
    """Return who the subject is, the facts that are wanted, and what was asked live for them; checks every right.

    Where `unconsented` is given, elements that lack a consent are put there and left out; else one refuses all.
    """
    catalog = current.catalog
    access.check_elements(catalog, wanted, grants)
    access.check_capacity(catalog, query.subject.capacity)
    grounds = sorted({grant.ground for grant in grants if grant.element in wanted})
    one.learn(elements=wanted, ground=",".join(grounds))
    row = await around.reads.case(client.client_id, query.case_id)
    case = cases.recorded(row, service_item) if is_replayed else cases.judged(row, service_item, at)
    question = Question(
        keys={},
        in_doubt=False,
        capacity=query.subject.capacity,
        grants=grants,
        elements=wanted,
        at=at,
        max_age=query.max_age,
        record_key=around.keys.derived(f"evidence {client.client_id}"),
        for_us=guardians.read_for_us(catalog),
    )
    subject, gathered, standing, lacking = await _gather(around, current, case, query, service_item, question)
    if lacking:
        if unconsented is None:
            of_claims = isinstance(query, ClaimsQuery)
            raise consents.required(lacking, wanted, _CLAIMED if of_claims else "/elements/{}")
        unconsented.update(lacking)
        one.learn(elements=[element for element in wanted if element not in lacking])
    one.also += [standing.noted] if standing.noted else []
    if is_replayed and gathered.calls:
        names = ", ".join(call.resource.name for call in gathered.calls)
        raise Problem("NOT_REPLAYABLE", f"answered live then: {names}", rule="replay:stored_sources_only")
    told = await around.lookups.ask(catalog, gathered.calls, f"{service_item} {query.case_id}", query.max_age)
    return subject, facts.settle(current, gathered, told), told


def _rule(told: Mapping[str, Told]) -> str:
    """Return the record's words for an allowed query: who else was asked about the person, and what came of it."""
    asked = [
        f"{'heard before from' if one.is_kept else 'asked'} {name}: {one.outcome}"
        f"{', with evidence' if one.evidence else ''}"
        for name, one in sorted(told.items())
    ]
    return "; ".join(["granted", *asked])


def _known(known: Container[str], named: Iterable[str]) -> list[str]:
    """Return those of the named codes that exist: what else a caller wrote there is not for the record."""
    return [name for name in named if name in known]


async def standing_of(
    around: Surroundings, client: Client, current: Current, query: CaseQuery, service_item: str, at: datetime
) -> tuple[Resolved, cases.Case, Standing]:
    """Return who the subject of a case is and how they act, without reading what anybody else may ask for.

    Raises:
        Problem: CASE_NOT_VALID, SUBJECT_NOT_FOUND, SELF_ACCESS_FORBIDDEN.
    """
    case = await cases.check(around.pool, client.client_id, query.case_id, service_item, at)
    question = Question({}, False, None, (), (), at, for_us=guardians.read_for_us(current.catalog))
    subject, _, standing, _ = await _gather(around, current, case, query, service_item, question)
    return subject, case, standing


async def _gather(
    around: Surroundings,
    current: Current,
    case: cases.Case,
    query: CaseQuery,
    service_item: str,
    question: Question,
) -> tuple[Resolved, Gathered, Standing, Needed]:
    with contextlib.suppress(*_REPLACED):
        return await _gather_once(around, current, case, query, service_item, question)
    return await _gather_once(around, current, case, query, service_item, question)


async def _gather_once(
    around: Surroundings,
    current: Current,
    case: cases.Case,
    query: CaseQuery,
    service_item: str,
    question: Question,
) -> tuple[Resolved, Gathered, Standing, Needed]:
    catalog, at = current.catalog, question.at
    subject_key, askable = query.subject.key(), set(case.subjects())
    async with around.reads.at(current.release) as reading:
        keys = [party.key() for party in case.parties]
        asked_about, *found = await reading.resolve(catalog, [subject_key, *keys], at)
        parties = [who for key, who in zip(keys, found, strict=True) if key in askable]
        subject = access.check_party([asked_about, *parties], subject_key, case.subjects())
        access.check_actor(query.actor, case, subject, access.campus_day(catalog, at))
        people = list(zip(case.parties, found, strict=True))
        is_thing = things.check_role(catalog, subject_key[0], people, subject)
        if is_thing:
            noted = await things.check_related(reading, catalog, service_item, people, query.actor, subject)
        needed = consents.needed(catalog, question.grants, question.elements, access.campus_day(catalog, at))
        lacking = await consents.lacking(reading, around.keys, case.id, subject, needed, at)
        asked = replace(
            question,
            keys=subject.keys,
            in_doubt=subject.in_doubt,
            disputed=subject.disputed,
            elements=[element for element in question.elements if element not in lacking],
        )
        gathered = await facts.gather(reading, current, asked)
        if is_thing:
            return subject, gathered, Standing(noted=noted), lacking
        standing = await guardians.check(
            reading, current, people, query.actor, subject, gathered, service_item
        )
        if standing.is_child:
            assessed = guardians.check_assessed(catalog, asked)
            if len(assessed.grants) < len(asked.grants):
                gathered = await facts.gather(reading, current, assessed)
        return subject, gathered, standing, lacking
