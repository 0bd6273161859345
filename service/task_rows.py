"""Rows for a task (上报, 名单): what a decided demand lets a client be told person by person, as a job.

Sums are what tasks are told (`service.tasks`). Rows are the exception: only the elements that the demand lists under
`rows`, about everybody who belongs to its populations now, and about nobody else. A client can neither name people nor
narrow the populations, so that no question about a few leads past the sums to somebody. Whoever is told of is judged,
answered and recorded alone, like any other question; a child, or who may be one, only where the demand was assessed.

The demand must hold when the job is handed in, before each part of it, and when its answers are fetched: valid today,
not past the day of destruction, and not declared destroyed. Answers are given once in each period of its frequency.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import structlog

from catalogs.model import Catalog, Demand, Grant
from service import facts, guardians, queries, subjects, task_counting, tasks, usages
from service.access import campus_day
from service.decisions import Surroundings, decision_of
from service.jobs import RowsRequest
from service.mapping import words_of
from service.membership import CURRENT
from service.problems import Problem
from service.queries import SubjectIn
from service.reading import read
from service.record import Answer, Decision, canonical
from service.state import Current
from service.subjects import PERSON, Resolved
from service.telling import Fact
from service.tokens import Client
from service.transactions import DATABASE_ERRORS, failed, pinned
from service.wanted import Question, by_plan

ACTION = "task_row"
_log = structlog.get_logger("yici.service")


async def check(
    pool: asyncpg.Pool, catalog: Catalog, client_id: str, code: str, elements: Sequence[str], at: datetime
) -> Demand:
    """Return the demand by which a client is told rows for a task today.

    Args:
        pool: the warehouse.
        catalog: in force.
        client_id: who asks.
        code: of the task.
        elements: what the demand has to give; none: whatever it gives.
        at: the moment.

    Raises:
        Problem: PURPOSE_NOT_GRANTED, ELEMENT_NOT_GRANTED, or NOT_PERMITTED where its populations may hold children and
            nobody assessed it.
    """
    demand = tasks.demand_of(catalog, client_id, code, at)
    if not demand.rows or not demand.populations or not set(elements) <= set(demand.rows):
        raise Problem("ELEMENT_NOT_GRANTED", "the task's demand gives no such rows", rule="task:rows")
    if demand.destroy_by is None or campus_day(catalog, at) > demand.destroy_by:
        detail = "what is given for this task is to be destroyed by now"
        raise Problem("PURPOSE_NOT_GRANTED", detail, rule="task:destroy_by")
    if not demand.is_assessed and any(catalog.populations[one].may_be_minors for one in demand.populations):
        detail = "its populations may hold children, and the demand names no assessment"
        raise Problem("NOT_PERMITTED", detail, rule="minor:assessed_demand")
    await tasks.check_kept(pool, client_id, demand)
    return demand


async def check_due(pool: asyncpg.Pool, client_id: str, demand: Demand, period: str) -> None:
    """Refuse to prepare rows that were given in this period already.

    Raises:
        Problem: NOT_PERMITTED.
    """
    if await _given(pool, client_id, demand.demand_id, period) is not None:
        raise _given_already()


async def give(pool: asyncpg.Pool, catalog: Catalog, client_id: str, job: UUID, at: datetime) -> None:
    """Let a client fetch the rows of a job of its own: the demand still holds, and no other job's were given.

    Raises:
        Problem: what `check` raises, or NOT_PERMITTED where another job's rows were given in the same period.
    """
    kept = await pool.fetchval("SELECT request FROM service.job WHERE id = $1", job)
    asked = RowsRequest.model_validate_json(kept)
    await check(pool, catalog, client_id, asked.task, asked.elements, at)
    await pool.execute(
        "INSERT INTO service.task_rows (client_id, demand_id, period, job, given_at) VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT DO NOTHING",
        client_id,
        asked.demand_id,
        asked.period,
        job,
        at,
    )
    if await _given(pool, client_id, asked.demand_id, asked.period) != job:
        raise _given_already()


async def _given(pool: asyncpg.Pool, client_id: str, demand_id: str, period: str) -> UUID | None:
    found: UUID | None = await pool.fetchval(
        "SELECT job FROM service.task_rows WHERE client_id = $1 AND demand_id = $2 AND period = $3",
        client_id,
        demand_id,
        period,
    )
    return found


def _given_already() -> Problem:
    return Problem(
        "NOT_PERMITTED", "the rows of this task were given in this period", rule="task:once_a_period"
    )


async def members(pool: asyncpg.Pool, current: Current, demand: Demand) -> list[bytes]:
    """Return everybody who belongs to a demand's populations at a release: lines that each are one `SubjectIn`.

    Raises:
        Problem: NOT_PERMITTED where a population has no register.
    """
    async with pinned(pool, current.release) as con:
        rows = await con.fetch(
            f"WITH member AS ({task_counting.members(current.catalog, demand)})"
            " SELECT population, id_type, key FROM member WHERE type = $1 ORDER BY population, key",
            PERSON,
        )
    return [
        canonical({"id_type": row["id_type"], "id": row["key"], "capacity": row["population"]})
        for row in rows
    ]


async def answer(
    around: Surroundings,
    client: Client,
    current: Current,
    asked: RowsRequest,
    whom: Sequence[SubjectIn],
    at: datetime,
) -> list[Answer | Problem]:
    """Answer about each of some people, with a decision and a receipt for each.

    Args:
        around: the running service.
        client: who asks.
        current: the release to answer from.
        asked: for which task, and what.
        whom: members of its populations.
        at: the moment of all answers.

    Returns:
        The answer or refusal of each, in their order. All refusals are alike: none tells why.
    """
    demand = current.catalog.demands.get(asked.demand_id)
    ground = demand.ground if demand else None
    begun = replace(
        decision_of(client, ACTION, current.release),
        purpose=asked.task,
        ground=ground,
        elements=asked.elements,
        is_confidential=demand is not None and usages.is_kept_from(demand, campus_day(current.catalog, at)),
    )
    decisions = [replace(begun, transaction_id=uuid4(), subject=one.key()) for one in whom]
    try:
        known = await facts_of(around, client, current, asked, whom, at)
    except DATABASE_ERRORS as error:
        _log.error("the warehouse did not answer", error=type(error).__name__)
        known = [failed(error) for _ in whom]
    words = words_of(current.catalog, client.client_id)
    told: list[dict[str, Any] | Problem] = []
    decided: list[tuple[Decision, Any, Any]] = []
    for one, decision, found in zip(whom, decisions, known, strict=True):
        question = question_of(asked.task, asked.elements, one)
        if isinstance(found, Problem):
            found.transaction_id = str(decision.transaction_id)
            outcome = "failed" if found.kind.fault == "us" else "refused"
            ended = replace(decision, outcome=outcome, code=found.code, rule=found.noted)
            decided.append((ended, question, {"code": found.code}))
            told.append(found)
            continue
        row = queries.headed(decision, current) | queries.told_of(words, found)
        allowed = replace(decision, outcome="allowed", code="OK", rule=f"granted by {asked.demand_id}")
        decided.append((allowed, question, canonical(row)))
        told.append(row)
    receipts = await around.recorder.append_all(decided, at)
    return [
        one if isinstance(one, Problem) else Answer.sealed(one, written, receipt)
        for one, (_, _, written), receipt in zip(told, decided, receipts, strict=True)
    ]


def question_of(task: str, elements: Sequence[str], whom: SubjectIn) -> dict[str, Any]:
    """Return what a row answers, as the record digests it."""
    return {"task": task, "elements": list(elements), "subject": whom.model_dump(mode="json")}


async def facts_of(
    around: Surroundings,
    client: Client,
    current: Current,
    asked: RowsRequest,
    whom: Sequence[SubjectIn],
    at: datetime,
) -> list[Mapping[str, Fact] | Problem]:
    """Return the facts about each of some people, or why nobody is told of one; see `answer`."""
    catalog = current.catalog
    grants = rights(catalog, client.client_id, asked)
    record_key = queries.record_key(around, client)
    found: list[Mapping[str, Fact] | Problem] = [_left_out("task:member") for _ in whom]
    async with pinned(around.pool, current.release) as con:
        people = await subjects.resolve(con, catalog, [one.key() for one in whom], at)
        questions = [
            Question(
                keys=who.keys,
                in_doubt=who.in_doubt,
                capacity=one.capacity,
                grants=grants,
                elements=asked.elements,
                at=at,
                disputed=who.disputed,
                record_key=record_key,
                for_us=guardians.read_for_us(catalog),
            )
            for one, who in zip(whom, people, strict=True)
        ]
        for wanted, places in by_plan(current, questions):
            rows = await read(con, wanted.plan, [questions[place].keys for place in places])
            for place, (resources, registered) in zip(places, rows, strict=True):
                gathered = facts.said(current, questions[place], wanted, resources, registered)
                found[place] = _judged(current, asked, people[place], gathered)
    return found


def _judged(
    current: Current, asked: RowsRequest, who: Resolved, gathered: facts.Gathered
) -> Mapping[str, Fact] | Problem:
    """Return the facts about one person who is a member now, and no child unless the demand was assessed."""
    capacity = gathered.question.capacity
    if who.subject_id is None or gathered.held.all.get(capacity or "") != CURRENT:
        return _left_out("task:member")
    demand = current.catalog.demands.get(asked.demand_id)
    is_assessed = demand is not None and demand.is_assessed
    if not is_assessed and guardians.may_be_child(current, who, gathered):
        return _left_out("minor:assessed_demand")
    return facts.settle(current, gathered, {})


def _left_out(noted: str) -> Problem:
    return Problem("NOT_PERMITTED", "nobody is told of this person here", rule="task:person", noted=noted)


def rights(catalog: Catalog, client_id: str, asked: RowsRequest) -> tuple[Grant, ...]:
    """Return the rights by which rows are read: those of the demand alone, and of no source that is asked live."""
    return tuple(
        grant
        for grant in catalog.grants_for("task", asked.task)
        if (grant.client, grant.demand_id) == (client_id, asked.demand_id)
        and grant.element in asked.elements
        and not catalog.is_asked(grant.resource)
    )
