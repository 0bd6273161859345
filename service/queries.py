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
from service import access, cases, claims, facts, prefill
from service.access import Actor
from service.claims import Claim
from service.decisions import Deciding, Surroundings, allow, deciding, decision_of, note
from service.facts import Fact, Gathered, Question
from service.lookups import Told
from service.problems import Problem
from service.record import Decision
from service.state import Current
from service.subjects import Closed, Identified, Resolved, Text, resolve
from service.tokens import Client
from service.transactions import pinned

# What a reader meets when a release run replaces a view under it; the second try finds the new one.
_REPLACED = (
    asyncpg.InvalidCachedStatementError,
    asyncpg.UndefinedTableError,
    asyncpg.InternalServerError,
)


def _as_text(value: Any) -> Any:
    if not isinstance(value, str | timedelta):
        raise ValueError("an ISO 8601 duration is text")
    return value


Duration = Annotated[timedelta, BeforeValidator(_as_text)]


class SubjectIn(Identified):
    """Whom a query is about, and in which capacity the person acts."""

    capacity: Text | None = Field(None, description="Code of a population")


class PrefillQuery(Closed):
    """`POST /v1/service-items/{code}:prefill`."""

    subject: SubjectIn
    case_id: UUID
    actor: Actor
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
) -> dict[str, Any]:
    """Answer `facts:query`: exactly the elements asked for, all of which must be granted."""
    return await _answer(around, client, current, query, query.service_item, query.elements, at)


async def query_batch(
    around: Surroundings, client: Client, current: Current, batch: BatchQuery, at: datetime
) -> list[dict[str, Any] | Problem]:
    """Answer each question of a batch as if it were asked alone, with a decision and a receipt of its own."""
    places = asyncio.Semaphore(max(1, around.configuration.pool_size // 2))  # others ask, too

    async def one(query: FactsQuery) -> dict[str, Any] | Problem:
        async with places:
            try:
                return await query_facts(around, client, current, query, at)
            except Problem as problem:
                return problem

    return await asyncio.gather(*map(one, batch.one_by_one()))


async def query_prefill(
    around: Surroundings, client: Client, current: Current, code: str, query: PrefillQuery, at: datetime
) -> dict[str, Any]:
    """Answer `service-items/{code}:prefill`: whatever of form and materials is granted."""
    return await _answer(around, client, current, query, code, None, at)


async def query_claims(
    around: Surroundings, client: Client, current: Current, query: ClaimsQuery, at: datetime
) -> dict[str, Any]:
    """Answer `claims:verify`: for each statement whether it is so, never a value."""
    catalog, elements = current.catalog, [claim.element for claim in query.claims]
    decision = about(client, current, "claims", query, query.service_item, elements)
    async with deciding(around, decision, query.model_dump(mode="json"), at) as one:
        grants = access.check_purpose(catalog, client.client_id, query.service_item, at)
        access.check_elements(catalog, elements, grants, "/claims/{}/element")
        claims.check(catalog, catalog.services[query.service_item], query.claims)
        subject, known, told = await found(
            around, client, current, query, query.service_item, elements, grants, one, at
        )
        today = access.campus_day(catalog, at)
        whose = around.keys.subject_key("claims", str(subject.subject_id))
        counted = (client.client_id, whose, elements, today)
        if exhausted := await claims.count(around.pool, *counted):
            await note(around, one, "refused", "QUOTA_EXCEEDED", "quota:mismatches", at)
            detail = f"too many wrong statements about {', '.join(exhausted)} today"
            raise Problem(
                "QUOTA_EXCEEDED", detail, rule="quota:mismatches", headers=_until_tomorrow(catalog, at)
            )
        judged = claims.answer(catalog, query.claims, known, today)
        right = [out["element"] for out in judged if out["outcome"] != claims.NO_MATCH]
        await claims.give_back(around.pool, client.client_id, whose, right, today)
        answer: dict[str, Any] = {
            "transaction_id": str(decision.transaction_id),
            "release": current.release,
            "claims": judged,
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
    decision = replace(
        decision_of(client, "evaluate", current.release),
        purpose=query.service_item if query.service_item in catalog.services else None,
        case_id=str(query.case_id) if query.case_id else None,
        elements=_known(catalog.elements, query.elements),
    )
    async with deciding(around, decision, query.model_dump(mode="json"), at) as one:
        granted: set[str] = set()
        refused: Problem | None = None
        try:
            grants = access.check_purpose(catalog, client.client_id, query.service_item, at)
            granted = {grant.element for grant in grants}
            access.check_elements(catalog, query.elements, grants)
            access.check_capacity(catalog, query.capacity)
            if query.case_id:
                await cases.check(around.pool, client.client_id, query.case_id, query.service_item, at)
        except Problem as problem:
            refused = problem
        answer: dict[str, Any] = {
            "transaction_id": str(decision.transaction_id),
            "release": current.release,
            "allowed": refused is None,
            "code": refused.code if refused else "OK",
            "rule": refused.rule if refused else None,
            "elements": [{"element": element, "granted": element in granted} for element in query.elements],
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
) -> dict[str, Any]:
    action = "prefill" if elements is None else "facts"
    decision = about(client, current, action, query, service_item, elements or ())
    async with deciding(around, decision, asked_for(query, service_item), at) as one:
        answer, told = await compose(around, client, current, query, service_item, elements, one, at)
        answer["receipt"] = await allow(around, one, answer, at, _rule(told))
    return answer


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
        elements: which elements; None for all that its form and materials need.
        one: the decision under way.
        at: the moment of the question.
        is_replayed: whether it was answered before: then its case may be over by now, and no source is asked again.

    Raises:
        Problem: why there is no answer.
    """
    catalog = current.catalog
    grants = access.check_purpose(catalog, client.client_id, service_item, at)
    item = catalog.services[service_item]
    wanted = prefill.elements_of(catalog, item, grants) if elements is None else elements
    _, known, told = await found(
        around, client, current, query, service_item, wanted, grants, one, at, is_replayed
    )
    answer: dict[str, Any] = {
        "transaction_id": str(one.decision.transaction_id),
        "release": current.release,
    }
    if elements is None:
        today = access.campus_day(catalog, at)
        answer |= prefill.answer(catalog, item, client.client_id, known, today)
    else:
        answer["complete"] = all(fact.status == "available" for fact in known.values())
        answer["facts"] = {element: fact.as_dict() for element, fact in known.items()}
    return answer, told


def about(
    client: Client,
    current: Current,
    action: str,
    query: PrefillQuery,
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
) -> tuple[Resolved, Mapping[str, Fact], Mapping[str, Told]]:
    """Return who the subject is, the facts that are wanted, and what was asked live for them; checks every right."""
    catalog = current.catalog
    access.check_elements(catalog, wanted, grants)
    access.check_capacity(catalog, query.subject.capacity)
    grounds = sorted({grant.ground for grant in grants if grant.element in wanted})
    one.learn(elements=wanted, ground=",".join(grounds))
    of_case = (client.client_id, query.case_id, service_item)
    case = await (
        cases.recorded(around.pool, *of_case) if is_replayed else cases.check(around.pool, *of_case, at)
    )
    question = Question(
        keys={},
        in_doubt=False,
        capacity=query.subject.capacity,
        grants=grants,
        elements=wanted,
        at=at,
        max_age=query.max_age,
        record_key=around.keys.derived(f"evidence {client.client_id}"),
    )
    subject, gathered = await _gather(around, current, case, query.actor, query.subject.key(), question)
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


async def _gather(
    around: Surroundings,
    current: Current,
    case: cases.Case,
    actor: Actor,
    subject_key: tuple[str, str],
    question: Question,
) -> tuple[Resolved, Gathered]:
    with contextlib.suppress(*_REPLACED):
        return await _gather_once(around, current, case, actor, subject_key, question)
    return await _gather_once(around, current, case, actor, subject_key, question)


async def _gather_once(
    around: Surroundings,
    current: Current,
    case: cases.Case,
    actor: Actor,
    subject_key: tuple[str, str],
    question: Question,
) -> tuple[Resolved, Gathered]:
    parties = case.subjects()
    async with pinned(around.pool, current.release) as con:
        found = await resolve(con, current.catalog, [subject_key, *parties], question.at)
        subject = access.check_party(found, subject_key, parties)
        access.check_actor(actor, case, subject)
        asked = replace(question, keys=subject.keys, in_doubt=subject.in_doubt, disputed=subject.disputed)
        return subject, await facts.gather(con, current, asked)
