"""A query from its arrival to its receipt: rights, case, subject, facts, record; refused by default."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import asyncpg
from pydantic import BaseModel, Field

from catalogs.derive import is_valid
from catalogs.model import Catalog, Grant
from service import cases, facts, prefill, record
from service.facts import Fact, Subject
from service.keys import Keys
from service.problems import Problem
from service.state import Current, State
from service.tokens import Client


class SubjectIn(BaseModel, extra="forbid"):
    """Whom a query is about."""

    id_type: str = Field(max_length=40)
    id: str = Field(min_length=1, max_length=64)
    country: str | None = Field(None, max_length=3)
    capacity: str | None = Field(None, max_length=64)


class Actor(BaseModel, extra="forbid"):
    """Who is in front of the screen."""

    user_id: str = Field(min_length=1, max_length=64)
    role: Literal["applicant", "agent", "officer"]


class PrefillQuery(BaseModel, extra="forbid"):
    """`POST /v1/service-items/{code}:prefill`."""

    subject: SubjectIn
    case_id: UUID
    actor: Actor


class FactsQuery(PrefillQuery):
    """`POST /v1/facts:query`."""

    service_item: str = Field(max_length=64)
    elements: list[str] = Field(min_length=1, max_length=200)


@dataclass(frozen=True)
class Surroundings:
    """What answering needs of the running service."""

    pool: asyncpg.Pool
    keys: Keys
    state: State


async def query_facts(around: Surroundings, client: Client, query: FactsQuery, at: datetime) -> dict[str, Any]:
    """Answer `facts:query`: exactly the elements asked for, all of which must be granted."""
    return await _decide(around, client, query, query.service_item, query.elements, at)


async def query_prefill(
    around: Surroundings, client: Client, code: str, query: PrefillQuery, at: datetime
) -> dict[str, Any]:
    """Answer `service-items/{code}:prefill`."""
    return await _decide(around, client, query, code, None, at)


async def _decide(
    around: Surroundings,
    client: Client,
    query: PrefillQuery,
    service_item: str,
    elements: list[str] | None,
    at: datetime,
) -> dict[str, Any]:
    """Decide, answer and record; a refusal is recorded like an answer before it leaves."""
    current = await around.state.current(around.pool)
    asked = {"service_item": service_item, **query.model_dump(mode="json")}
    subject = Subject(**query.subject.model_dump())
    transaction = uuid4()
    action = "prefill" if elements is None else "facts"
    ground, wanted = None, list(elements or ())

    async def note(outcome: str, code: str, answer: Any) -> str:
        decision = record.Decision(
            transaction,
            action,
            client.client_id,
            client.unit,
            query.actor.user_id,
            query.actor.role,
            (subject.link_type, subject.id),
            service_item,
            str(query.case_id),
            ground,
            wanted,
            outcome,
            code,
            current.release,
        )
        return await record.append(around.pool, around.keys, decision, asked, answer, at)

    try:
        grants = check_purpose(current.catalog, client, service_item, at)
        item = current.catalog.services[service_item]
        if elements is None:
            wanted = prefill.elements_of(current.catalog, item, grants)
        _check_elements(wanted, grants)
        ground = grants[0].ground
        parties = await cases.check(around.pool, client.client_id, query.case_id, service_item, subject, at)
        _check_actor(query.actor, subject, parties)
        found = await _facts(around, client, current, subject, grants, wanted, at)
    except Problem as problem:
        await note("refused", problem.code, {"code": problem.code})
        raise
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        await note("failed", "INTERNAL", {"code": "INTERNAL"})
        raise Problem("INTERNAL") from None
    answer: dict[str, Any] = {"transaction_id": str(transaction), "release": current.release}
    if elements is None:
        today = at.astimezone(ZoneInfo(current.catalog.campus.time_zone)).date()
        answer |= prefill.answer(current.catalog, item, client.client_id, found, today)
    else:
        answer["facts"] = {element: fact.as_dict() for element, fact in found.items()}
        answer["complete"] = all(fact.status == "available" for fact in found.values())
    answer["receipt"] = await note("allowed", "OK", answer)
    return answer


def check_purpose(catalog: Catalog, client: Client, service_item: str, at: datetime) -> list[Grant]:
    """Return the client's grants for a service item that are valid today.

    Raises:
        Problem: PURPOSE_NOT_GRANTED.
    """
    today = at.astimezone(ZoneInfo(catalog.campus.time_zone)).date()
    found = [
        grant
        for grant in catalog.grants()
        if grant.client == client.client_id
        and grant.purpose_kind == "service_item"
        and grant.purpose == service_item
        and is_valid(grant.valid_from, grant.valid_to, today)
    ]
    if not found or service_item not in catalog.services:
        raise Problem("PURPOSE_NOT_GRANTED", "no decided demand covers this service item for this client today")
    return found


def _check_elements(wanted: list[str], grants: list[Grant]) -> None:
    missing = sorted(set(wanted) - {grant.element for grant in grants})
    if missing:
        errors = [{"pointer": "/elements", "code": element} for element in missing]
        raise Problem("ELEMENT_NOT_GRANTED", f"not granted for this purpose: {', '.join(missing)}", errors)


def _check_actor(actor: Actor, subject: Subject, parties) -> None:
    """An officer may not handle their own case; everybody else may ask about themselves."""
    own = {party["id"] for party in parties if party["role"] == "officer"} | {actor.user_id}
    if actor.role == "officer" and subject.id in own:
        raise Problem("SELF_ACCESS_FORBIDDEN")


async def _facts(
    around: Surroundings,
    client: Client,
    current: Current,
    subject: Subject,
    grants: list[Grant],
    wanted: list[str],
    at: datetime,
) -> dict[str, Fact]:
    async with around.pool.acquire() as con, con.transaction(readonly=True, isolation="repeatable_read"):
        await con.execute("SELECT set_config('yici.release', $1, true)", str(current.release))
        subject_id = await facts.find_subject(con, subject)
        if subject_id is None:
            raise Problem("SUBJECT_NOT_FOUND")
        evidence = around.keys.derived(f"evidence {client.client_id}")
        return await facts.answer(
            con, current.catalog, current.release, subject_id, subject.capacity, grants, wanted, at, evidence
        )
