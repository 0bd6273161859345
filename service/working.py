"""`python -m service.working`: answers jobs, one at a time, and ends when there are none.

Exactly one process leads, whoever holds the advisory lock; each service worker starts one when a job waits and nobody
leads. With large jobs a process per further processor helps: each takes parts that nobody else is at. The answers of a
part and their entries in the record are one transaction: whenever a process is killed, a part is either answered and
recorded or neither, and the next process goes on with it.

Rights are those of the moment of working: before each part the client must not be suspended, and the newest catalog
must still grant what is asked, or the job is stopped. Everything else is judged question by question, as ever.
"""

import asyncio
import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import asyncpg
import structlog

from catalogs.settings import now, settings
from service import access, bulk, jobs, logs, record, store_keys, task_rows
from service.configuration import configuration
from service.decisions import Surroundings
from service.jobs import Job, Part, RowsRequest
from service.keys import Keys
from service.keys import load as load_keys
from service.lists import Lists
from service.login import Login
from service.lookups import Lookups
from service.mapping import words_of
from service.problems import Problem
from service.queries import BatchItem, SubjectIn
from service.quotas import Quotas
from service.reads import Reads
from service.record import Answer, Decision, canonical
from service.state import Current, State, keep_loaded
from service.tokens import Client, find_client
from service.transactions import DATABASE_ERRORS, opened
from warehouse.connect import pg_params

POLL_S = 2.0
_ATTEMPTS, _PAUSE_S = 3, 1.0
# How often whoever has nothing to do looks again.
_LOOK_S = 0.1
# So many parts have to be left that the others help: to begin costs them some seconds.
_WORTH_HELP = 20
_LOCK = "SELECT pg_try_advisory_lock(hashtext('yici jobs'))"
_IDLE = """
SELECT EXISTS (SELECT FROM service.job WHERE state IN ('waiting', 'running'))
    AND pg_try_advisory_xact_lock(hashtext('yici jobs'))
"""
_log = structlog.get_logger("yici.service")


class _Held:
    """Takes the decisions of a part down, until they are written together with its answers."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self.entries: list[Any] = []
        self.claims: list[dict[str, Any]] = []

    async def append(self, decision: Decision, request: Any, answer: Any, at: datetime) -> str:
        """Hold a decision; what stands for its receipt is its place."""
        return self._hold(decision, request, answer, at)

    async def append_all(self, decided: Sequence[tuple[Decision, Any, Any]], at: datetime) -> list[str]:
        """Hold decisions."""
        return [self._hold(*one, at) for one in decided]

    def _hold(self, decision: Decision, request: Any, answer: Any, at: datetime) -> str:
        entry, claims = record.prepared(self._keys, decision, request, answer, at)
        self.entries.append(entry)
        self.claims.append(claims)
        return str(len(self.entries) - 1)


class _Unwanted(Exception):
    """The job was cancelled, or another process has answered the part."""


async def work(around: Surroundings) -> None:
    """Answer jobs until there are none, if nobody else does.

    Args:
        around: what answering needs; its recorder is not used.
    """
    async with around.pool.acquire() as con:
        if not await con.fetchval(_LOCK):
            return
        try:
            while (job := await jobs.next_one(around.pool)) is not None:
                await _answer(around, con, job)
        finally:
            await con.execute("SELECT pg_advisory_unlock(hashtext('yici jobs'))")


async def help_out(around: Surroundings, leader: int) -> None:
    """Answer parts of large jobs beside the process that leads, as long as it lives.

    Args:
        around: as for `work`.
        leader: the process that begins and ends jobs, which started this one.
    """
    is_loaded = False
    async with around.pool.acquire() as con:
        while os.getppid() == leader:
            job = await jobs.next_one(around.pool)
            if job is None or job.release is None or await jobs.left(around.pool, job) < _WORTH_HELP:
                await asyncio.sleep(_LOOK_S)
                continue
            try:
                if not is_loaded:
                    await around.state.at(around.pool, job.release)
                    keep_loaded()
                    is_loaded = True
                while os.getppid() == leader and await _answer_next(around, con, job):
                    pass
            except (_Unwanted, Problem):  # the leader meets the same, and says so
                await asyncio.sleep(_LOOK_S)


async def _answer(around: Surroundings, con: asyncpg.Connection, job: Job) -> None:
    """Answer a job to its end, or stop it."""
    state, code = "done", None
    try:
        if job.release is None:
            current = await around.state.current(around.pool)
            await jobs.begin(around.pool, job, current.release, now())
            job = replace(job, state="running", release=current.release)
        while await _answer_next(around, con, job) or await jobs.left(around.pool, job):
            pass
    except _Unwanted:
        return
    except Problem as problem:
        state, code = "stopped", problem.code
    await jobs.end(around.pool, job.id, state, code, now())
    _log.info("a job ended", state=state, code=code)


async def _answer_next(around: Surroundings, con: asyncpg.Connection, job: Job) -> bool:
    """Answer a part that nobody else is at; if there is none, wait a little and return False."""
    async with jobs.next_part(con, around.keys, job) as part:
        if part is not None:
            await _answer_part(around, job, await _allowed(around, job), part)
            return True
    await asyncio.sleep(_LOOK_S)
    return False


async def _allowed(around: Surroundings, job: Job) -> Client:
    """Return the job's client, who must still have the right to it.

    Raises:
        Problem: CLIENT_SUSPENDED, NOT_PERMITTED, PURPOSE_NOT_GRANTED or ELEMENT_NOT_GRANTED.
    """
    client = await find_client(around.pool, job.client_id)
    if client is None or client.status != "active":
        raise Problem("CLIENT_SUSPENDED")
    newest = await around.state.current(around.pool)
    if isinstance(job.request, RowsRequest):
        await task_rows.check(
            around.pool, newest.catalog, client.client_id, job.request.task, job.request.elements, now()
        )
        return client
    jobs.check_allowed(newest.catalog, client.client_id)
    grants = access.check_purpose(newest.catalog, client.client_id, job.request.service_item, now())
    ours = words_of(newest.catalog, client.client_id).ours(job.request.elements)
    access.check_elements(newest.catalog, ours, grants)
    return client


async def _answer_part(around: Surroundings, job: Job, client: Client, part: Part) -> None:
    assert job.release is not None
    current = await around.state.at(around.pool, job.release)
    for attempt in range(1, _ATTEMPTS + 1):
        held = _Held(around.keys)
        told = await _told(replace(around, recorder=held), client, current, job, part)
        if attempt == _ATTEMPTS or not any(_is_ours(one) for one in told):
            break
        # Nothing of this attempt is kept: a failure of ours is no answer as long as it may pass.
        await asyncio.sleep(_PAUSE_S * attempt)
    await _write(around, job, part, held, told)


async def _told(
    around: Surroundings, client: Client, current: Current, job: Job, part: Part
) -> list[Answer | Problem]:
    """Answer the questions of a part, in their order."""
    if isinstance(job.request, RowsRequest):
        whom = [one for one in part.items if isinstance(one, SubjectIn)]
        return await task_rows.answer(around, client, current, job.request, whom, now())
    questions = job.questions([one for one in part.items if isinstance(one, BatchItem)])
    return await bulk.query_set(around, client, current, questions, now())


def _is_ours(told: Answer | Problem) -> bool:
    return isinstance(told, Problem) and told.kind.fault == "us" and told.kind.retryable


async def _write(
    around: Surroundings, job: Job, part: Part, held: _Held, told: Sequence[Answer | Problem]
) -> None:
    """Record the decisions of a part and keep its answers, in one transaction."""
    async with opened(around.pool, record.LOCKED, store_keys.JOBS_TIMEOUT_S) as con:
        last = await record.add(con, held.entries)
        answers = [_kept(one, held, last) for one in told]
        if not await jobs.answer(con, around.keys, job, part, answers):
            raise _Unwanted


def _kept(told: Answer | Problem, held: _Held, last: int) -> bytes:
    """Return an answer or problem as it is kept; its receipt is signed when it is fetched."""
    if isinstance(told, Problem):
        problem = {"code": told.code, "detail": told.detail, "errors": told.errors, "rule": told.rule}
        return canonical({"problem": problem | {"transaction_id": told.transaction_id}})
    place = int(told["receipt"])
    receipt = canonical(held.claims[place] | {"seq": last + place + 1})
    return b'{"answer":%s,"receipt":%s}' % (told.written, receipt)


async def starting(pool: asyncpg.Pool) -> None:
    """Keep a process at work as long as there are jobs; it ends with the service worker that started it."""
    child: subprocess.Popen[bytes] | None = None
    try:
        while True:
            try:
                is_needed = (child is None or child.poll() is not None) and await pool.fetchval(_IDLE)
            except DATABASE_ERRORS as error:
                _log.warning("jobs could not be looked for", error=type(error).__name__)
                is_needed = False
            if is_needed:
                child = subprocess.Popen([sys.executable, "-m", "service.working"])
            await asyncio.sleep(POLL_S)
    finally:
        if child is not None and child.poll() is None:
            child.terminate()
            await asyncio.to_thread(child.wait)


async def main(leader: int | None = None, is_alone: bool = False) -> None:
    """Connect as the service does, and work.

    Args:
        leader: the process to help; None for the one that leads.
        is_alone: whether this process does nothing else.
    """
    params, home, chosen = pg_params("service"), settings().home, configuration()
    pool = await asyncpg.create_pool(**store_keys.jobs(params), min_size=2, max_size=5)
    told = asyncio.create_task(store_keys.following(((pool, store_keys.jobs),), params, home))
    keys = load_keys(home)
    lookups = Lookups(home, pool)
    around = Surroundings(
        pool=pool,
        keys=keys,
        state=State(),
        recorder=_Held(keys),
        quotas=Quotas(),
        configuration=chosen,
        lookups=lookups,
        lists=Lists(),
        login=Login(chosen.login),
        reads=Reads(pool),
    )
    try:
        if is_alone:
            with contextlib.suppress(Problem):  # whatever it is, the job is told
                await around.state.current(pool)
            keep_loaded()
        await (work(around) if leader is None else help_out(around, leader))
    finally:
        told.cancel()
        lookups.close()
        await pool.close()


def run() -> None:
    """Lead, with a process to help for each further processor; they share what is loaded, and end with this one."""
    logs.configure()
    if sys.platform == "linux":
        forking = multiprocessing.get_context("fork")
        for _ in range(configuration().job_processes - 1):
            forking.Process(target=_help, args=(os.getpid(),), daemon=True).start()
    asyncio.run(main(is_alone=True))


def _help(leader: int) -> None:
    signal.signal(
        signal.SIGTERM, signal.SIG_DFL
    )  # who leads waits for its end, and may have been started without it
    asyncio.run(main(leader))


if __name__ == "__main__":
    run()
