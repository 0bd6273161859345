"""`/v1/tasks`: sums and rows for a task of a decided demand, and the word that what was given is destroyed."""

import asyncio
from dataclasses import replace
from datetime import date
from typing import Annotated, Any

import asyncpg
from fastapi import APIRouter, Header, Path, Response
from pydantic import AwareDatetime, BaseModel

from catalogs.settings import now
from service import decisions, idempotency, jobs, task_counting, task_rows, task_tables, tasks
from service.access import campus_day
from service.api import Around, Asked, Caller, refusals, required_key
from service.jobs import JobOut, RowsRequest
from service.problems import Problem
from service.record import Decision
from service.subjects import Closed
from service.tasks import AggregateQuery, Destroyed
from service.transactions import pinned

router = APIRouter(tags=["tasks"])
Code = Annotated[str, Path(min_length=1, max_length=64)]


class ValueOut(BaseModel):
    """What the people of a row have in common; without a code they have no value there."""

    element: str
    code: str | None
    name: str | None


class RowOut(BaseModel):
    """One cell; without `people` it is hidden, and without a measure that number is."""

    values: list[ValueOut]
    people: int | None
    measures: dict[str, dict[str, str]]


class AggregateOut(BaseModel):
    """One table of a task. It stays the same for the whole `period`."""

    transaction_id: str
    release: int
    task: str
    period: str
    by: list[str]
    threshold: int
    rows: list[RowOut]
    destroy_by: date | None
    receipt: str


class DestroyedOut(BaseModel):
    """Since when the record has it that what was given for a task is destroyed."""

    transaction_id: str
    task: str
    destroyed_on: date
    at: AwareDatetime
    receipt: str


def _decision(caller: Asked, action: str, code: str) -> Decision:
    known = any(one.purpose_kind == "task" and one.purpose == code for one in caller.catalog.demands.values())
    decision = decisions.decision_of(caller.client, action, caller.current.release)
    return replace(decision, purpose=code if known else None)


@router.post("/v1/tasks/{code:part}:aggregate", responses=refusals(403, 404, 413, 415, 422))
async def aggregate(code: Code, query: AggregateQuery, around: Around, caller: Caller) -> AggregateOut:
    """Give one table that the task's demand lists, over its populations, without the cells of few people."""
    at, client_id, catalog = now(), caller.client.client_id, caller.catalog
    decision = _decision(caller, "task_aggregate", code)
    async with decisions.deciding(
        around, decision, query.model_dump(mode="json") | {"task": code}, at
    ) as one:
        demand = tasks.demand_of(catalog, client_id, code, at)
        table = tasks.table_of(demand, query.by)
        await tasks.check_kept(around.pool, client_id, demand)
        measures = demand.aggregates.measures if demand.aggregates else ()
        one.learn(elements=[*table, *measures], ground=demand.ground)
        period = tasks.period_of(catalog, demand, at)
        found = await tasks.kept(around.pool, around.keys, client_id, demand, period)
        if found is None:
            async with pinned(around.pool, caller.current.release) as con:
                others = tasks.others_of(catalog, demand, at)
                await task_counting.check_alone(con, catalog, demand, others)
                sums = await task_counting.reckon(con, caller.current, demand, at)
            made = await asyncio.to_thread(task_tables.compose, catalog, caller.current.release, demand, sums)
            found = await tasks.keep(around.pool, around.keys, client_id, demand, period, made, at)
        answer: dict[str, Any] = {"transaction_id": str(decision.transaction_id)}
        answer |= task_tables.answer_of(catalog, found, demand, period, table)
        answer["receipt"] = await decisions.allow(around, one, answer, at, f"granted by {demand.demand_id}")
    return AggregateOut(**answer)


class RowsQuery(Closed):
    """`POST /v1/tasks/{code}:rows`: an empty object: whom and what the rows are about, the demand says."""


@router.post("/v1/tasks/{code:part}:rows", status_code=202, responses=refusals(403, 404, 409, 413, 415, 422))
async def rows(
    code: Code,
    _nothing: RowsQuery,
    response: Response,
    around: Around,
    caller: Caller,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
) -> JobOut:
    """Have the rows that a task's demand grants prepared as a job; `Location` says where they are answered."""
    at, client_id, catalog = now(), caller.client.client_id, caller.catalog
    decision, asked = _decision(caller, "task_rows", code), {"task": code}
    async with decisions.deciding(around, decision, asked, at) as one:
        key = required_key(idempotency_key)
        demand = await task_rows.check(around.pool, catalog, client_id, code, (), at)
        one.learn(elements=demand.rows, ground=demand.ground)
        period = tasks.period_of(catalog, demand, at)
        await task_rows.check_due(around.pool, client_id, demand, period)
        lines = await task_rows.members(around.pool, caller.current, demand)
        wanted = RowsRequest(task=code, demand_id=demand.demand_id, period=period, elements=list(demand.rows))

        async def create(con: asyncpg.Connection) -> dict[str, Any]:
            return await jobs.file(con, around.keys, client_id, wanted, lines, at, caller.current.release)

        answer = await idempotency.once(around.pool, around.keys, client_id, key, asked, at, create)
        await decisions.allow(around, one, answer, at, f"granted by {demand.demand_id}: job of {len(lines)}")
    response.headers["Location"] = f"/v1/jobs/{answer['job_id']}"
    return JobOut(**answer)


@router.post("/v1/tasks/{code:part}:destroyed", responses=refusals(403, 404, 413, 415, 422))
async def destroyed(code: Code, told: Destroyed, around: Around, caller: Caller) -> DestroyedOut:
    """Declare that what was given for a task is destroyed; from then on nothing more is given for it."""
    at, client_id = now(), caller.client.client_id
    decision = _decision(caller, "task_destroyed", code)
    async with decisions.deciding(around, decision, told.model_dump(mode="json") | {"task": code}, at) as one:
        demand = tasks.demand_ever(caller.catalog, client_id, code)
        if told.destroyed_on > campus_day(caller.catalog, at):
            errors = [{"pointer": "/destroyed_on", "code": "in_the_future"}]
            raise Problem("INVALID_PARAMETER", errors=errors, rule="task:destroyed")
        answer: dict[str, Any] = {"transaction_id": str(decision.transaction_id), "task": code}
        answer |= await tasks.destroy(around.pool, client_id, demand, told, at)
        answer["receipt"] = await decisions.allow(
            around, one, answer, at, f"destroyed for {demand.demand_id}"
        )
    return DestroyedOut(**answer)
