"""A query from its arrival to its receipt: rights, case, subject, facts, record; refused by default.

The order is fixed: token → client → purpose → elements → case → subject → facts → record → answer. A source that is
asked live hears of nobody before all of these checks hold. Whatever is decided is on record before it leaves; if it
cannot be recorded, the caller learns only that.
"""

import contextlib
from collections.abc import AsyncIterator, Container, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import structlog
from pydantic import Field

from service import access, cases, facts, prefill
from service.access import Actor
from service.configuration import Configuration
from service.facts import Gathered, Question
from service.keys import Keys
from service.lists import Lists
from service.lookups import Lookups, Told
from service.problems import Problem
from service.quotas import Quotas
from service.record import Decision, Recorder
from service.state import Current, State
from service.subjects import Closed, Identified, Text, resolve
from service.tokens import Client
from service.transactions import DATABASE_ERRORS, pinned

_log = structlog.get_logger("yici.service")
# What a reader meets when a release run replaces a view under it; the second try finds the new one.
_REPLACED = (
    asyncpg.InvalidCachedStatementError,
    asyncpg.UndefinedTableError,
    asyncpg.InternalServerError,
)
# What is refused before anything is decided: to record it would let a flood of requests fill the record.
_NO_DECISION = ("AUDIT_UNAVAILABLE", "QUOTA_EXCEEDED")


class SubjectIn(Identified):
    """Whom a query is about, and in which capacity the person acts."""

    capacity: Text | None = Field(None, description="Code of a population")


class PrefillQuery(Closed):
    """`POST /v1/service-items/{code}:prefill`."""

    subject: SubjectIn
    case_id: UUID
    actor: Actor
    max_age: timedelta | None = Field(None, ge=timedelta(0), description="ISO 8601 duration")


class FactsQuery(PrefillQuery):
    """`POST /v1/facts:query`."""

    service_item: Text
    elements: list[Text] = Field(min_length=1, max_length=200)


@dataclass(frozen=True)
class Surroundings:
    """What answering needs of the running service."""

    pool: asyncpg.Pool
    keys: Keys
    state: State
    recorder: Recorder
    quotas: Quotas
    configuration: Configuration
    lookups: Lookups
    lists: Lists


@dataclass
class Deciding:
    """A decision under way: what will stand on record about it, and whether it does already."""

    decision: Decision
    asked: Any
    is_recorded: bool = False

    def learn(self, **fields: Any) -> None:
        """Add what has become known."""
        self.decision = replace(self.decision, **fields)


@contextlib.asynccontextmanager
async def deciding(
    around: Surroundings, decision: Decision, asked: Any, at: datetime
) -> AsyncIterator[Deciding]:
    """Record what the block refuses or fails at before that leaves; the block records what it allows.

    Raises:
        Problem: what the block raised, or AUDIT_UNAVAILABLE if that could not be recorded.
    """
    open_one = Deciding(decision, asked)
    try:
        yield open_one
    except Problem as problem:
        if problem.code in _NO_DECISION:
            open_one.is_recorded = True
        if not open_one.is_recorded:
            outcome = "failed" if problem.kind.fault == "us" else "refused"
            await _note(around, open_one, outcome, problem.code, problem.noted, at)
            problem.transaction_id = str(decision.transaction_id)
        raise
    except DATABASE_ERRORS as error:
        _log.error("the warehouse did not answer", error=type(error).__name__)
        if not open_one.is_recorded:
            await _note(around, open_one, "failed", "SOURCE_UNAVAILABLE", "warehouse", at)
        raise Problem("SOURCE_UNAVAILABLE") from None
    finally:
        if not open_one.is_recorded:
            with contextlib.suppress(Problem):
                await _note(around, open_one, "failed", "INTERNAL", "internal", at)


async def _note(
    around: Surroundings, one: Deciding, outcome: str, code: str, rule: str, at: datetime
) -> None:
    one.is_recorded = True
    one.learn(outcome=outcome, code=code, rule=rule)
    await around.recorder.append(one.decision, one.asked, {"code": code}, at)


async def allow(around: Surroundings, one: Deciding, answer: Any, at: datetime, rule: str = "granted") -> str:
    """Record an answer and return its receipt.

    Args:
        around: the running service.
        one: the decision under way.
        answer: the answer without its receipt.
        at: the moment of the decision.
        rule: by which rule, in the record's words.

    Raises:
        Problem: AUDIT_UNAVAILABLE.
    """
    one.is_recorded = True
    one.learn(outcome="allowed", code="OK", rule=rule)
    return await around.recorder.append(one.decision, one.asked, answer, at)


def decision_of(client: Client, action: str, release: int | None = None) -> Decision:
    """Return what is known of a decision when a client is known."""
    return Decision(uuid4(), action, client.client_id, client.unit, client.name, release=release)


async def query_facts(
    around: Surroundings, client: Client, current: Current, query: FactsQuery, at: datetime
) -> dict[str, Any]:
    """Answer `facts:query`: exactly the elements asked for, all of which must be granted."""
    return await _answer(around, client, current, query, query.service_item, query.elements, at)


async def query_prefill(
    around: Surroundings, client: Client, current: Current, code: str, query: PrefillQuery, at: datetime
) -> dict[str, Any]:
    """Answer `service-items/{code}:prefill`: whatever of form and materials is granted."""
    return await _answer(around, client, current, query, code, None, at)


async def _answer(
    around: Surroundings,
    client: Client,
    current: Current,
    query: PrefillQuery,
    service_item: str,
    elements: list[str] | None,
    at: datetime,
) -> dict[str, Any]:
    catalog = current.catalog
    subject_key = query.subject.key()
    decision = replace(
        decision_of(client, "prefill" if elements is None else "facts", current.release),
        actor_id=query.actor.user_id,
        actor_role=query.actor.role,
        subject=subject_key,
        purpose=service_item if service_item in catalog.services else None,
        case_id=str(query.case_id),
        elements=_known(catalog.elements, elements or ()),
    )
    asked = {**query.model_dump(mode="json"), "service_item": service_item}
    async with deciding(around, decision, asked, at) as one:
        grants = access.check_purpose(catalog, client.client_id, service_item, at)
        item = catalog.services[service_item]
        wanted = prefill.elements_of(catalog, item, grants) if elements is None else elements
        access.check_elements(catalog, wanted, grants)
        access.check_capacity(catalog, query.subject.capacity)
        grounds = sorted({grant.ground for grant in grants if grant.element in wanted})
        one.learn(elements=wanted, ground=",".join(grounds))
        case = await cases.check(around.pool, client.client_id, query.case_id, service_item, at)
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
        gathered = await _gather(around, current, case, query.actor, subject_key, question)
        told = await around.lookups.ask(
            catalog, gathered.calls, f"{service_item} {query.case_id}", query.max_age
        )
        found = facts.settle(current, gathered, told)
        answer: dict[str, Any] = {"transaction_id": str(decision.transaction_id), "release": current.release}
        if elements is None:
            today = access.campus_day(catalog, at)
            answer |= prefill.answer(catalog, item, client.client_id, found, today)
        else:
            answer["complete"] = all(fact.status == "available" for fact in found.values())
            answer["facts"] = {element: fact.as_dict() for element, fact in found.items()}
        answer["receipt"] = await allow(around, one, answer, at, _rule(told))
    return answer


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
) -> Gathered:
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
) -> Gathered:
    parties = case.subjects()
    async with pinned(around.pool, current.release) as con:
        found = await resolve(con, current.catalog, [subject_key, *parties])
        subject = access.check_party(found, subject_key, parties)
        access.check_actor(actor, case, subject)
        asked = replace(question, keys=subject.keys, in_doubt=subject.in_doubt)
        return await facts.gather(con, current, asked)
