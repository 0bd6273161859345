"""A query from its arrival to its receipt: rights, case, subject, facts, record; refused by default.

The order is fixed: token → client → purpose → elements → case → subject → facts → record → answer. Case and subject are
looked up at the same time and judged in this order. A source that is asked live hears of nobody before all of these
checks hold.
"""

import asyncio
import contextlib
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from functools import partial
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
from pydantic import BeforeValidator, Field

from catalogs.model import Catalog
from service import access, cases, claims, consents, declared, facts, guardians, prefill, things, usages
from service.access import Actor
from service.claims import Claim
from service.consents import Needed
from service.decisions import Deciding, Surroundings, allow, deciding, decision_of, note
from service.facts import Gathered
from service.guardians import People, Standing
from service.lookups import NOT_AGAIN, Told
from service.mapping import Words, words_of
from service.problems import Problem
from service.record import Answer, Decision, canonical
from service.state import Current
from service.subjects import Closed, Identified, Resolved, Text
from service.telling import Fact
from service.terms import ELEMENTS, Terms, terms_of
from service.tokens import Client
from service.wanted import Question

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
        terms = terms_of(catalog, client.client_id, query.service_item, elements, at, _CLAIMED)
        stated = words.claims(query.claims)
        claims.check(catalog, terms.item, stated)
        subject, known, told = await found(around, client, current, query, terms, one, at)
        today = access.campus_day(catalog, at)
        whose = around.keys.digest("claims", str(subject.subject_id))
        counted = claims.Counted(client.client_id, whose, terms.elements, today)
        async with around.turns.of(client.client_id, whose):
            if exhausted := await _exhausted(around, counted):
                await note(around, one, "refused", "QUOTA_EXCEEDED", "quota:mismatches", at)
                detail = f"too many wrong statements about {', '.join(exhausted)} today"
                headers = _until_tomorrow(catalog, at)
                raise Problem("QUOTA_EXCEEDED", detail, rule="quota:mismatches", headers=headers)
            judged = claims.answer(catalog, stated, known, today)
            right = tuple(out["element"] for out in judged if out["outcome"] != claims.NO_MATCH)
            back = replace(counted, elements=right)
            await around.reads.load("give back", partial(claims.give_back, around.pool), back)
        answer: dict[str, Any] = {
            "transaction_id": str(decision.transaction_id),
            "release": current.release,
            "claims": words.told(judged),
        }
        answer["receipt"] = await allow(around, one, answer, at, rule_of(told))
    return answer


async def _exhausted(around: Surroundings, counted: claims.Counted) -> list[str]:
    """Count statements as wrong; returns the elements that have had their five, and then counts none of them.

    Some may be counted that another worker is judging: they get a moment to turn out right.
    """
    for is_last in (False, True):
        exhausted: list[str] = await around.reads.load("count", partial(claims.count, around.pool), counted)
        if not exhausted:
            break
        fine = tuple(one for one in counted.elements if one not in exhausted)
        back = replace(counted, elements=fine)
        await around.reads.load("give back", partial(claims.give_back, around.pool), back)
        if not is_last:
            await asyncio.sleep(claims.OTHERS_S)
    return exhausted


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
        return Answer.sealed(answer, written, await allow(around, one, written, at, rule_of(told)))


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
    words = words_of(catalog, client.client_id)
    ours = None if elements is None else words.ours(elements)
    terms = terms_of(catalog, client.client_id, service_item, ours, at)
    unconsented: Needed = {}
    subject, known, told = await found(
        around, client, current, query, terms, one, at, is_replayed, unconsented if elements is None else None
    )
    if elements is None:
        offered = [right for right in terms.offers if _is_absent(known, right.element)]
        whose = usages.subject_keys(around.keys, subject.keys) if offered else ()
        own = await declared.read(
            around.pool, around.keys, catalog, whose, offered, at, record_key(around, client)
        )
        said = {element: one.fact for element, one in own.items()}
        today = access.campus_day(catalog, at)
        filled = prefill.answer(catalog, terms.item, client.client_id, known, today, unconsented, said)
        return headed(one.begun, current) | words.form(filled), told
    return headed(one.begun, current) | told_of(words, known), told


def headed(decision: Decision, current: Current) -> dict[str, Any]:
    """Return what every answer begins with."""
    return {"transaction_id": str(decision.transaction_id), "release": current.release}


def told_of(words: Words, known: Mapping[str, Fact]) -> dict[str, Any]:
    """Return what `facts:query` answers of known facts, in the client's words."""
    return {
        "complete": all(fact.status == "available" for fact in known.values()),
        "facts": words.facts({element: fact.as_dict() for element, fact in known.items()}),
    }


def record_key(around: Surroundings, client: Client) -> bytes:
    """Return what keys the digests of evidence for a client."""
    return around.keys.derived(f"evidence {client.client_id}")


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
    terms: Terms,
    one: Deciding,
    at: datetime,
    is_replayed: bool = False,
    unconsented: Needed | None = None,
) -> tuple[Resolved, Mapping[str, Fact], Mapping[str, Told]]:
    """Return who the subject is, the facts that are wanted, and what was asked live for them; checks every right.

    Where `unconsented` is given, elements that lack a consent are put there and left out; else one refuses all.
    """
    catalog, service_item = current.catalog, terms.item.code
    access.check_capacity(catalog, query.subject.capacity)
    one.learn(elements=terms.elements, ground=terms.ground)
    row, ahead = await asyncio.gather(
        around.reads.case(client.client_id, query.case_id), _subject_ahead(around, current, query, at)
    )
    case = cases.recorded(row, service_item) if is_replayed else cases.judged(row, service_item, at)
    subject, gathered, standing, lacking = await _gather(
        around, client, current, case, query, terms, at, ahead
    )
    if lacking:
        if unconsented is None:
            of_claims = isinstance(query, ClaimsQuery)
            raise consents.required(lacking, terms.elements, _CLAIMED if of_claims else ELEMENTS)
        unconsented.update(lacking)
        one.learn(elements=[element for element in terms.elements if element not in lacking])
    one.also += [standing.noted] if standing.noted else []
    told: Mapping[str, Told] = {}
    if is_replayed:
        told = {call.resource.name: Told(at, silent=NOT_AGAIN) for call in gathered.calls}
    elif gathered.calls:
        reason = f"{service_item} {query.case_id}"
        told = await around.lookups.ask(catalog, gathered.calls, reason, query.max_age)
    return subject, facts.settle(current, gathered, told), told


async def _subject_ahead(
    around: Surroundings, current: Current, query: CaseQuery, at: datetime
) -> Resolved | None:
    """Look up the subject while the case is looked up, too; None if it is to be looked up again."""
    with contextlib.suppress(*_REPLACED):
        async with around.reads.at(current.release) as reading:
            return (await reading.resolve(current.catalog, [query.subject.key()], at))[0]
    return None


def rule_of(told: Mapping[str, Told]) -> str:
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
    item = current.catalog.services[service_item]
    terms = Terms(item, (), (), (), "", {}, guardians.read_for_us(current.catalog))
    subject, _, standing, _ = await _gather(around, client, current, case, query, terms, at)
    return subject, case, standing


async def _gather(
    around: Surroundings,
    client: Client,
    current: Current,
    case: cases.Case,
    query: CaseQuery,
    terms: Terms,
    at: datetime,
    ahead: Resolved | None = None,
) -> tuple[Resolved, Gathered, Standing, Needed]:
    with contextlib.suppress(*_REPLACED):
        return await _gather_once(around, client, current, case, query, terms, at, ahead)
    return await _gather_once(around, client, current, case, query, terms, at)


async def _gather_once(
    around: Surroundings,
    client: Client,
    current: Current,
    case: cases.Case,
    query: CaseQuery,
    terms: Terms,
    at: datetime,
    ahead: Resolved | None = None,
) -> tuple[Resolved, Gathered, Standing, Needed]:
    catalog, service_item = current.catalog, terms.item.code
    whom = named(query, case)
    known = {whom[0]: ahead} if ahead else {}
    async with around.reads.at(current.release) as reading:
        if others := [one for one in dict.fromkeys(whom) if one not in known]:
            known |= zip(others, await reading.resolve(catalog, others, at), strict=True)
        found = [known[one] for one in whom]
        subject, people = judged_party(catalog, query, case, found, at)
        is_thing = things.check_role(catalog, query.subject.key()[0], people, subject)
        if is_thing:
            noted = await things.check_related(reading, catalog, service_item, people, query.actor, subject)
        lacking = await consents.lacking(reading, around.keys, case.id, subject, terms.needed, at)
        question = question_of(query, terms, subject, lacking, record_key(around, client), at)
        gathered = await facts.gather(reading, current, question)
        if is_thing:
            return subject, gathered, Standing(noted=noted), lacking
        standing = await guardians.check(
            reading, current, people, query.actor, subject, gathered, service_item
        )
        if standing.is_child:
            assessed = guardians.check_assessed(catalog, question)
            if len(assessed.grants) < len(question.grants):
                gathered = await facts.gather(reading, current, assessed)
        return subject, gathered, standing, lacking


def named(query: CaseQuery, case: cases.Case) -> list[tuple[str, str]]:
    """Return kind and number of the subject of a question, then of each party of its case."""
    return [query.subject.key(), *(party.key() for party in case.parties)]


def judged_party(
    catalog: Catalog, query: CaseQuery, case: cases.Case, found: Sequence[Resolved], at: datetime
) -> tuple[Resolved, People]:
    """Return who the subject of a question is, and who the parties of its case are.

    Args:
        catalog: of the release.
        query: the question.
        case: its case.
        found: what the release knows of those who are `named`.
        at: the moment of the question.

    Raises:
        Problem: CASE_NOT_VALID, SUBJECT_NOT_FOUND or SELF_ACCESS_FORBIDDEN.
    """
    people = list(zip(case.parties, found[1:], strict=True))
    subjects = case.subjects()
    parties = [who for party, who in people if party.key() in subjects]
    subject = access.check_party([found[0], *parties], query.subject.key(), subjects)
    access.check_actor(query.actor, case, subject, access.campus_day(catalog, at))
    return subject, people


def question_of(
    query: CaseQuery, terms: Terms, subject: Resolved, lacking: Needed, record_key: bytes, at: datetime
) -> Question:
    """Return what is asked of the release about a subject, without what lacks a consent."""
    return Question(
        keys=subject.keys,
        in_doubt=subject.in_doubt,
        capacity=query.subject.capacity if isinstance(query, PrefillQuery) else None,
        grants=terms.grants,
        elements=[one for one in terms.elements if one not in lacking] if lacking else terms.elements,
        at=at,
        max_age=query.max_age if isinstance(query, PrefillQuery) else None,
        disputed=subject.disputed,
        record_key=record_key,
        for_us=terms.for_us,
    )
