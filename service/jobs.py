"""Jobs: many questions handed in at once, answered in the background, fetched when all are answered.

A job is a batch without its limit of a hundred: each question is about a party of a registered case, is judged by the
same rules as if it were asked alone, and has its own entry in the record and its own receipt. Only clients that the
catalog lets (`jobs: true` in clients.yaml) hand jobs in.

Questions and answers are kept in parts, encrypted, until a day after they were fetched, and for a week at most; of a
job that is cancelled or stopped nothing is kept. This module keeps them, `service.working` answers them.
"""

import contextlib
import json
import secrets
import zlib
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

import asyncpg
import orjson
import pyarrow as pa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from catalogs.model import Catalog
from service import record
from service.keys import Keys
from service.problems import Problem
from service.queries import BatchItem, Duration, FactsQuery, SubjectIn
from service.subjects import Closed, Text

MAX_ITEMS = 100_000
MAX_OPEN = 5
# As many as the record takes in one transaction: an answer and its entry are written together.
PART = record.MAX_BATCH
KEPT_FOR, KEPT_AFTER_FETCH = timedelta(days=7), timedelta(hours=24)
_NONCE = 12
# The first bytes of what it makes are always these.
_PACKER, _PACKED = pa.Codec("zstd", 1), b"\x28\xb5\x2f\xfd"
_MOST_FAULTS = 20
# More than there are processes at work on a job.
_LOOKED_AT = 256
_SHOWN = "id, request, items, done, state, code, release, filed_at, began_at, ended_at, fetched_at, delete_at"
_NEXT = f"""
SELECT {_SHOWN}, client_id FROM service.job WHERE state IN ('waiting', 'running')
ORDER BY state, filed_at LIMIT 1
"""


class JobRequest(Closed):
    """The first line of a job: what is asked of every item, as in `facts:batch_query`."""

    service_item: Text
    elements: list[Text] = Field(min_length=1, max_length=200)
    max_age: Duration | None = Field(None, ge=timedelta(0), description="ISO 8601 duration")


class RowsRequest(Closed):
    """What is asked about every member of the populations of a task's demand (`service.task_rows`)."""

    task: Text
    demand_id: Text
    period: str
    elements: list[Text]


class JobOut(BaseModel):
    """A job as its client sees it."""

    job_id: UUID
    service_item: str | None = Field(description="Of a job that was handed in")
    task: str | None = Field(description="Of rows for a task")
    elements: list[str]
    state: Literal["waiting", "running", "done", "cancelled", "stopped"]
    code: str | None = Field(description="Why it was stopped, as a refusal would say")
    release: int | None = Field(description="The release that it is answered from, once it has begun")
    items: int
    answered: int
    filed_at: AwareDatetime
    began_at: AwareDatetime | None
    ended_at: AwareDatetime | None
    fetched_at: AwareDatetime | None
    delete_at: AwareDatetime = Field(description="When questions and answers are deleted at the latest")


@dataclass(frozen=True)
class Job:
    """A job as it is worked on."""

    id: UUID
    client_id: str
    request: JobRequest | RowsRequest
    state: str
    release: int | None

    def questions(self, items: Sequence[BatchItem]) -> list[FactsQuery]:
        """Return items as the questions that they stand for."""
        asked = FactsQuery.model_construct(**dict(self.request))
        return [
            asked.model_copy(update={"subject": one.subject, "case_id": one.case_id, "actor": one.actor})
            for one in items
        ]


@dataclass(frozen=True)
class Part:
    """Some questions of a job, which are answered together.

    Attributes:
        first: number of the first question in the job, from 0.
    """

    number: int
    first: int
    items: Sequence[BatchItem | SubjectIn] = field(repr=False)


def check_allowed(catalog: Catalog, client_id: str) -> None:
    """Refuse a client that may not hand jobs in.

    Raises:
        Problem: NOT_PERMITTED.
    """
    if catalog.campus.clients.get(client_id, {}).get("jobs") is not True:
        raise Problem(
            "NOT_PERMITTED", "the catalog does not let this client hand jobs in", rule="job:allowed"
        )


def read(content: bytes) -> tuple[JobRequest, list[bytes]]:
    """Return the request and the items of a job, as lines that each are one `BatchItem`.

    Raises:
        Problem: INVALID_PARAMETER, naming the lines that are none; or there are none, or too many.
    """
    head, *lines = [line for line in content.split(b"\n") if line.strip()] or [b""]
    errors = [*_faults(JobRequest, head, "/1")]
    if not 0 < len(lines) <= MAX_ITEMS:
        errors.append({"pointer": "/", "code": "no_items" if not lines else "too_many_items"})
        lines = []
    for place, line in enumerate(lines, start=2):
        if len(errors) >= _MOST_FAULTS:
            break
        errors += _faults(BatchItem, line, f"/{place}")
    if errors:
        raise Problem("INVALID_PARAMETER", "pointers begin with the line", errors, rule="job:lines")
    return JobRequest.model_validate_json(head), lines


def _faults(kind: type[Closed], line: bytes, pointer: str) -> list[dict[str, str]]:
    try:
        kind.model_validate_json(line)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        return [{"pointer": pointer, "code": one["type"]} for one in found][:_MOST_FAULTS]
    return []


async def file(
    con: asyncpg.Connection,
    keys: Keys,
    client_id: str,
    asked: JobRequest | RowsRequest,
    lines: Sequence[bytes],
    at: datetime,
    release: int | None = None,
) -> dict[str, Any]:
    """Take a job in.

    Args:
        con: in a transaction.
        keys: under which the questions are kept.
        client_id: whose job it is.
        asked: what is asked of every item.
        lines: the items, as `read`.
        at: the moment of the request.
        release: that it is answered from; None: the one that is current when it begins.

    Raises:
        Problem: QUOTA_EXCEEDED while so many of the client's jobs are not done.
    """
    # Two requests at once would both count the jobs that were there before them.
    await con.execute("SELECT pg_advisory_xact_lock(hashtextextended('yici jobs of ' || $1, 0))", client_id)
    waiting = await con.fetchval(
        "SELECT count(*) FROM service.job WHERE client_id = $1 AND state IN ('waiting', 'running')", client_id
    )
    if waiting >= MAX_OPEN:
        headers = {"Retry-After": "60"}
        raise Problem("QUOTA_EXCEEDED", f"{waiting} jobs are not done", rule="quota:jobs", headers=headers)
    row = await con.fetchrow(
        "INSERT INTO service.job (id, client_id, request, items, state, filed_at, delete_at, release, began_at)"
        f" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING {_SHOWN}",
        uuid4(),
        client_id,
        asked.model_dump_json(),
        len(lines),
        "waiting" if release is None else "running",
        at,
        at + KEPT_FOR,
        release,
        None if release is None else at,
    )
    parts = range(0, len(lines), PART)
    await con.executemany(
        "INSERT INTO service.job_part (job, part, first, asked) VALUES ($1, $2, $3, $4)",
        [
            (row["id"], part, first, _seal(keys, row["id"], part, "asked", lines[first : first + PART]))
            for part, first in enumerate(parts)
        ],
    )
    return shown(row)


async def find(pool: asyncpg.Pool, client_id: str, id_: UUID) -> dict[str, Any]:
    """Return one of the client's own jobs.

    Raises:
        Problem: NOT_FOUND, also for another client's.
    """
    row = await pool.fetchrow(
        f"SELECT {_SHOWN} FROM service.job WHERE id = $1 AND client_id = $2", id_, client_id
    )
    return shown(row)


async def cancel(pool: asyncpg.Pool, client_id: str, id_: UUID, at: datetime) -> dict[str, Any]:
    """Cancel one of the client's jobs; what was answered is deleted. One that has ended stays as it is.

    Raises:
        Problem: NOT_FOUND, also for another client's.
    """
    found = await find(pool, client_id, id_)
    if found["state"] in ("waiting", "running"):
        await end(pool, id_, "cancelled", None, at)
    return await find(pool, client_id, id_)


async def end(pool: asyncpg.Pool, id_: UUID, state: str, code: str | None, at: datetime) -> None:
    """End a job; only of one that is done the answers are kept."""
    async with pool.acquire() as con, con.transaction():
        ended = await con.fetchval(
            "UPDATE service.job SET state = $2, code = $3, ended_at = $4"
            " WHERE id = $1 AND state IN ('waiting', 'running') RETURNING id",
            id_,
            state,
            code,
            at,
        )
        if ended and state != "done":
            await con.execute("DELETE FROM service.job_part WHERE job = $1", id_)


async def forget(pool: asyncpg.Pool, at: datetime) -> None:
    """Delete the jobs whose time is over."""
    await pool.execute("DELETE FROM service.job WHERE delete_at <= $1", at)


async def next_one(pool: asyncpg.Pool) -> Job | None:
    """Return the job that is to be worked on: the one that has begun, else the oldest."""
    row = await pool.fetchrow(_NEXT)
    if row is None:
        return None
    request = _request(row["request"])
    return Job(row["id"], row["client_id"], request, row["state"], row["release"])


def _request(kept: str) -> JobRequest | RowsRequest:
    told = json.loads(kept)
    return RowsRequest(**told) if "task" in told else JobRequest(**told)


async def begin(pool: asyncpg.Pool, job: Job, release: int, at: datetime) -> None:
    """Note that a job has begun, and from which release it is answered to its end."""
    await pool.execute(
        "UPDATE service.job SET state = 'running', release = $2, began_at = $3"
        " WHERE id = $1 AND state = 'waiting'",
        job.id,
        release,
        at,
    )


@contextlib.asynccontextmanager
async def next_part(con: asyncpg.Connection, keys: Keys, job: Job) -> AsyncIterator[Part | None]:
    """Lend the next part of a job that has no answers and that nobody else is at; None if there is none.

    Args:
        con: keeps the part from others until the block, or the connection, ends.
        keys: under which the questions are kept.
        job: which is under way.
    """
    open_ones = await con.fetch(
        "SELECT part FROM service.job_part WHERE job = $1 AND answered IS NULL ORDER BY part LIMIT $2",
        job.id,
        _LOOKED_AT,
    )
    for (number,) in open_ones:
        lock = f"yici job {job.id}", number
        if not await con.fetchval("SELECT pg_try_advisory_lock(hashtext($1), $2)", *lock):
            continue
        try:
            row = await con.fetchrow(
                "SELECT first, asked FROM service.job_part WHERE job = $1 AND part = $2 AND answered IS NULL",
                job.id,
                number,
            )
            if row is not None:
                lines = _unseal(keys, job.id, number, "asked", row["asked"])
                kind = SubjectIn if isinstance(job.request, RowsRequest) else BatchItem
                items = [kind.model_validate_json(line) for line in lines]
                yield Part(number, row["first"], items)
                return
        finally:
            await con.execute("SELECT pg_advisory_unlock(hashtext($1), $2)", *lock)
    yield None


async def left(pool: asyncpg.Pool, job: Job) -> int:
    """Return how many parts of a job have no answers yet."""
    count: int = await pool.fetchval(
        "SELECT count(*) FROM service.job_part WHERE job = $1 AND answered IS NULL", job.id
    )
    return count


async def answer(con: asyncpg.Connection, keys: Keys, job: Job, part: Part, answers: Sequence[bytes]) -> bool:
    """Keep the answers of a part; returns whether the job still wanted them.

    Args:
        con: in the transaction that records the decisions; without a True it must be rolled back.
        keys: under which they are kept.
        job: which is under way.
        part: whose questions were answered.
        answers: one line per question, in order: an answer with what its receipt says, or a problem.
    """
    kept = await con.fetchval(
        "UPDATE service.job_part SET answered = $3 WHERE job = $1 AND part = $2 AND answered IS NULL RETURNING 1",
        job.id,
        part.number,
        _seal(keys, job.id, part.number, "answered", answers),
    )
    counted = await con.fetchval(
        "UPDATE service.job SET done = done + $2 WHERE id = $1 AND state = 'running' RETURNING 1",
        job.id,
        len(answers),
    )
    return bool(kept and counted)


async def answers(
    pool: asyncpg.Pool, keys: Keys, id_: UUID, after: int, at: datetime, withheld: Collection[UUID] = ()
) -> AsyncIterator[tuple[int, dict[str, Any]]]:
    """Yield the number and the kept answer of each question of a job that is done, and note when all were given.

    Args:
        pool: the warehouse.
        keys: under which they are kept.
        id_: the job.
        after: the number of the last question whose answer is not wanted again; -1 for all.
        at: the moment of the request.
        withheld: cases in which the consent to what was answered has been taken back since.
    """
    part = await pool.fetchval(
        "SELECT max(part) FROM service.job_part WHERE job = $1 AND first <= $2", id_, max(after + 1, 0)
    )
    while part is not None:
        row = await pool.fetchrow(
            "SELECT first, asked, answered FROM service.job_part WHERE job = $1 AND part = $2", id_, part
        )
        if row is None:
            break
        lines = _unseal(keys, id_, part, "answered", row["answered"])
        asked = _unseal(keys, id_, part, "asked", row["asked"]) if withheld else ()
        for place, line in enumerate(lines):
            if row["first"] + place <= after:
                continue
            told = orjson.loads(line)
            if withheld and "answer" in told and UUID(orjson.loads(asked[place])["case_id"]) in withheld:
                told = {"problem": _taken_back(told["answer"]["transaction_id"])}
            yield row["first"] + place, told
        part += 1
    await pool.execute(
        "UPDATE service.job SET fetched_at = $2, delete_at = least(delete_at, $3)"
        " WHERE id = $1 AND fetched_at IS NULL",
        id_,
        at,
        at + KEPT_AFTER_FETCH,
    )


def _taken_back(transaction_id: str) -> dict[str, Any]:
    return {
        "code": "CONSENT_REQUIRED",
        "detail": "the consent was taken back since the answer was prepared",
        "errors": [],
        "rule": "consent:given",
        "transaction_id": transaction_id,
    }


def shown(row: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a row as its client sees it.

    Raises:
        Problem: NOT_FOUND for None.
    """
    if row is None:
        raise Problem("NOT_FOUND", rule="job:own")
    request = json.loads(row["request"])
    plain = {name: row[name] for name in ("items", "state", "code", "release")}
    times = {
        name: row[name] and row[name].isoformat()
        for name in ("filed_at", "began_at", "ended_at", "fetched_at", "delete_at")
    }
    named = {
        "service_item": request.get("service_item"),
        "task": request.get("task"),
        "elements": request["elements"],
    }
    return {"job_id": str(row["id"]), **named, **plain, "answered": row["done"], **times}


def named(keys: Keys, job: UUID, part: int, asked: bytes) -> set[tuple[str, str]]:
    """Return kind and number of everybody whom a part of a job asks about.

    Args:
        keys: under which the questions are kept.
        job: whose part it is.
        part: its number.
        asked: its questions as they are kept.
    """
    lines = [orjson.loads(line) for line in _unseal(keys, job, part, "asked", asked)]
    return {SubjectIn.model_validate(line.get("subject", line)).key() for line in lines}


def _seal(keys: Keys, job: UUID, part: int, what: str, lines: Sequence[bytes]) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    packed = _PACKER.compress(b"\n".join(lines), asbytes=True)
    return nonce + AESGCM(keys.derived("jobs")).encrypt(nonce, packed, _place(job, part, what))


def _unseal(keys: Keys, job: UUID, part: int, what: str, sealed: bytes) -> list[bytes]:
    opened = AESGCM(keys.derived("jobs")).decrypt(sealed[:_NONCE], sealed[_NONCE:], _place(job, part, what))
    if not opened.startswith(_PACKED):  # handed in before an upgrade
        return zlib.decompress(opened).split(b"\n")
    with pa.input_stream(pa.py_buffer(opened), compression="zstd") as packed:
        return bytes(packed.read()).split(b"\n")


def _place(job: UUID, part: int, what: str) -> bytes:
    """Bind what is sealed to its place, so that no part can be put where another was."""
    return f"{job} {part} {what}".encode()
