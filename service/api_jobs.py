"""`/v1/jobs`: many questions in one go, as lines of JSON, and their answers when they are done."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from catalogs.settings import now
from service import access, consents, decisions, idempotency, jobs, problems, record, task_rows
from service.api import Around, Caller, decides, refusals, required_key
from service.decisions import Surroundings
from service.guard import NDJSON
from service.jobs import JobOut
from service.mapping import words_of
from service.problems import Problem
from service.record import canonical
from service.subjects import Closed

router = APIRouter(tags=["jobs"])
_SENT = {
    "requestBody": {
        "required": True,
        "description": "First `service_item`, `elements` and `max_age`, then one item of a batch per line",
        "content": {NDJSON: {"schema": {"type": "string"}}},
    }
}
_RESULTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "One line per item: its number `n` from 0, and its `answer` or `problem` as in a batch",
        "content": {NDJSON: {"schema": {"type": "string"}}},
    }
}


@router.post(
    "/v1/jobs", status_code=202, openapi_extra=_SENT, responses=refusals(400, 403, 409, 413, 415, 422)
)
async def file(
    request: Request,
    response: Response,
    around: Around,
    caller: Caller,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
) -> JobOut:
    """Hand up to 100,000 questions in, each about a party of its own case; `Location` says where they are answered."""
    at, client_id = now(), caller.client.client_id
    content = await request.body()
    asked = {"sha256": hashlib.sha256(content).hexdigest()}
    decision = decisions.decision_of(caller.client, "job_file", caller.current.release)
    async with decisions.deciding(around, decision, asked, at) as one:
        key = required_key(idempotency_key)
        jobs.check_allowed(caller.catalog, client_id)
        wanted, lines = await asyncio.to_thread(jobs.read, content)
        grants = access.check_purpose(caller.catalog, client_id, wanted.service_item, at)
        ours = words_of(caller.catalog, client_id).ours(wanted.elements)
        access.check_elements(caller.catalog, ours, grants)
        one.learn(purpose=wanted.service_item, elements=ours)

        async def create(con: asyncpg.Connection) -> dict[str, Any]:
            return await jobs.file(con, around.keys, client_id, wanted, lines, at)

        answer = await idempotency.once(around.pool, around.keys, client_id, key, asked, at, create)
        await decisions.allow(around, one, answer, at, f"job of {len(lines)}")
    response.headers["Location"] = f"/v1/jobs/{answer['job_id']}"
    return JobOut(**answer)


@router.get("/v1/jobs/{job_id:part}", responses=refusals(404, 422))
async def show(job_id: UUID, around: Around, caller: Caller) -> JobOut:
    """How far one of the caller's own jobs is."""
    return JobOut(**await jobs.find(around.pool, caller.client.client_id, job_id))


class Cancellation(Closed):
    """`POST /v1/jobs/{id}:cancel`: an empty object."""


@router.post("/v1/jobs/{job_id:part}:cancel", responses=refusals(404, 413, 415, 422))
async def cancel(job_id: UUID, _nothing: Cancellation, around: Around, caller: Caller) -> JobOut:
    """Cancel one of the caller's own jobs; questions and answers are deleted."""
    at, asked = now(), {"job_id": str(job_id)}
    decision = decisions.decision_of(caller.client, "job_cancel", caller.current.release)
    async with decisions.deciding(around, decision, asked, at) as one:
        answer = await jobs.cancel(around.pool, caller.client.client_id, job_id, at)
        await decisions.allow(around, one, answer, at, "job:own")
    return JobOut(**answer)


@router.get(
    "/v1/jobs/{job_id:part}/results",
    response_class=Response,
    responses=_RESULTS | refusals(403, 404, 409, 410, 422),
)
@decides
async def results(
    job_id: UUID,
    request: Request,
    around: Around,
    caller: Caller,
    after: Annotated[int, Query(ge=-1, description="Number of the last item that is not wanted again")] = -1,
) -> StreamingResponse:
    """The answers of a job that is done, in the order of its items; what broke off goes on with `after`."""
    at, asked = now(), {"job_id": str(job_id), "after": after}
    withheld: frozenset[UUID] = frozenset()
    decision = decisions.decision_of(caller.client, "job_results", caller.current.release)
    async with decisions.deciding(around, decision, asked, at) as one:
        found = await jobs.find(around.pool, caller.client.client_id, job_id)
        client_id = caller.client.client_id
        ours = words_of(caller.catalog, client_id).ours(found["elements"])
        one.learn(purpose=found["service_item"] or found["task"], elements=ours)
        if found["state"] in ("waiting", "running"):
            raise Problem("NOT_DONE", rule="job:done", headers={"Retry-After": "5"})
        if found["state"] != "done":
            raise Problem("GONE", "nothing is kept of a job that was stopped or cancelled", rule="job:done")
        if found["task"]:
            await task_rows.give(around.pool, caller.catalog, client_id, job_id, at)
        else:
            grants = access.check_purpose(caller.catalog, client_id, found["service_item"], at)
            access.check_elements(caller.catalog, ours, grants)
            today = access.campus_day(caller.catalog, at)
            needed = consents.needed(caller.catalog, grants, ours, today)
            began = datetime.fromisoformat(found["began_at"])
            withheld = await consents.taken_back(around.pool, client_id, needed, began, at)
        await decisions.allow(around, one, asked, at, "job:own")
    kept = jobs.answers(around.pool, around.keys, job_id, after, at, withheld)
    return StreamingResponse(_lines(around, request, kept), media_type=NDJSON)


async def _lines(
    around: Surroundings, request: Request, kept: AsyncIterator[tuple[int, dict[str, Any]]]
) -> AsyncIterator[bytes]:
    async for number, one in kept:
        if "problem" in one:
            yield _line(number, {"problem": problems.body(_problem(one["problem"]), request)})
            continue
        receipt = record.receipt(around.keys, one["receipt"])
        yield _line(number, {"answer": one["answer"] | {"receipt": receipt}})


def _problem(kept: dict[str, Any]) -> Problem:
    problem = Problem(kept["code"], kept["detail"], kept["errors"], rule=kept["rule"])
    problem.transaction_id = kept["transaction_id"]
    return problem


def _line(number: int, told: dict[str, Any]) -> bytes:
    return canonical({"n": number, **told}) + b"\n"
