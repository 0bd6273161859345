"""What was answered then, composed again: from the release, the catalog and the moment that the record names.

The client brings what it kept, its request and its receipt. Whether the answer would be the same is said by the digest
that the record holds; the values are not given again, for the right to them may have ended since. What was given for a
task and has to be destroyed by now, or is declared destroyed, is not composed again either.
"""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from joserfc import jws
from joserfc.errors import JoseError
from pydantic import Field

from catalogs.model import Demand
from catalogs.settings import now
from service import cases, claims, decisions, queries, task_rows, tasks, tokens, usages, windows
from service.access import campus_day
from service.decisions import Deciding, Surroundings
from service.jobs import RowsRequest
from service.mapping import words_of
from service.problems import Problem
from service.queries import ClaimsQuery, FactsQuery, PrefillQuery, SubjectIn
from service.record import canonical
from service.state import Current
from service.subjects import Closed, Text
from service.tasks import AggregateQuery
from service.terms import terms_of
from service.tokens import Client
from service.transactions import pinned
from service.windows import WindowQuery

_ENTRY = """
SELECT seq, action, release, logtime, purpose, request_digest, response_digest FROM service.record
WHERE transaction_id = $1 AND client_id = $2 AND action = $3 AND outcome = 'allowed'
"""
_CASE_OF = "SELECT case_id FROM service.record_detail WHERE seq = $1"


class FactsReplay(Closed):
    """A recorded `facts:query`."""

    action: Literal["facts"]
    request: FactsQuery
    receipt: str = Field(max_length=4096)


class ClaimsReplay(Closed):
    """A recorded `claims:verify`."""

    action: Literal["claims"]
    request: ClaimsQuery
    receipt: str = Field(max_length=4096)


class PrefillReplay(Closed):
    """A recorded prefill."""

    action: Literal["prefill"]
    service_item: Text
    request: PrefillQuery
    receipt: str = Field(max_length=4096)


class WindowReplay(Closed):
    """A recorded `window:prefill`."""

    action: Literal["window"]
    request: WindowQuery
    receipt: str = Field(max_length=4096)


class RowQuery(Closed):
    """Whom a row for a task was about; as what, and what was told, its demand says."""

    subject: SubjectIn


class TaskRowReplay(Closed):
    """A recorded row for a task."""

    action: Literal["task_row"]
    task: Text
    request: RowQuery
    receipt: str = Field(max_length=4096)


class TaskAggregateReplay(Closed):
    """A recorded table of a task."""

    action: Literal["task_aggregate"]
    task: Text
    request: AggregateQuery
    receipt: str = Field(max_length=4096)


_OfCase = FactsReplay | ClaimsReplay | PrefillReplay
Replay = _OfCase | WindowReplay | TaskRowReplay | TaskAggregateReplay


async def replay(
    around: Surroundings, client: Client, id_: UUID, asked: Replay, one: Deciding
) -> dict[str, Any]:
    """Compose a recorded answer again and compare it with the record.

    Returns:
        `matches`, with release, moment, and the status of each element or field; of statements, which are answered by
        yes or no, and of tables only that they were `answered`.

    Raises:
        Problem: NOT_FOUND for what is not the client's own, INVALID_PARAMETER where request or receipt are others,
            GONE or NOT_REPLAYABLE where it cannot be composed any more.
    """
    entry = await around.pool.fetchrow(_ENTRY, id_, client.client_id, asked.action)
    if entry is None:
        raise Problem("NOT_FOUND", rule="audit:own_transaction")
    salt = _salt(around, asked.receipt, id_)
    then = await around.state.at(around.pool, entry["release"])
    at: datetime = entry["logtime"]
    for candidate in _candidates(asked, then, client, at):
        if _digest(salt, _question(candidate, then, client, at)) == entry["request_digest"]:
            asked = candidate
            break
    else:
        raise Problem("INVALID_PARAMETER", errors=[{"pointer": "/request", "code": "not_recorded"}])
    composed = Deciding(replace(one.decision, transaction_id=id_), None)
    for told in (then, replace(then, has_middle_levels=False)):
        answer = await _composed(around, client, told, asked, entry, composed, one, at)
        matches = _digest(salt, answer) == entry["response_digest"]
        if matches:
            break
    return {
        "transaction_id": str(id_),
        "release": then.release,
        "at": at.isoformat(),
        "catalog": then.catalog.version,
        "matches": matches,
        "statuses": _statuses(answer),
    }


def _candidates(asked: Replay, then: Current, client: Client, at: datetime) -> Iterable[Replay]:
    """Return what may have been asked: of a row, about the person in each of the demand's populations."""
    if not isinstance(asked, TaskRowReplay) or asked.request.subject.capacity:
        return [asked]
    demand, subject = tasks.demand_of(then.catalog, client.client_id, asked.task, at), asked.request.subject
    return [
        asked.model_copy(
            update={"request": RowQuery(subject=subject.model_copy(update={"capacity": population}))}
        )
        for population in demand.populations
    ]


def _question(asked: Replay, then: Current, client: Client, at: datetime) -> Any:
    """Return what was asked, as the record digested it."""
    if isinstance(asked, TaskRowReplay):
        demand = tasks.demand_of(then.catalog, client.client_id, asked.task, at)
        return task_rows.question_of(asked.task, demand.rows, asked.request.subject)
    sent = asked.request.model_dump(mode="json")
    if isinstance(asked, TaskAggregateReplay):
        return sent | {"task": asked.task}
    if isinstance(asked, WindowReplay):
        return sent
    return queries.asked_for(asked.request, _item(asked))


def _item(asked: _OfCase) -> str:
    return asked.service_item if isinstance(asked, PrefillReplay) else asked.request.service_item


async def _composed(
    around: Surroundings,
    client: Client,
    then: Current,
    asked: Replay,
    entry: Mapping[str, Any],
    composed: Deciding,
    one: Deciding,
    at: datetime,
) -> dict[str, Any]:
    """Return the answer that a recorded question has at the release and moment of then."""
    if isinstance(asked, WindowReplay):
        return await _at_window(around, then, asked, entry, composed, one, at)
    if isinstance(asked, TaskRowReplay):
        return await _row(around, client, then, asked, composed, one, at)
    if isinstance(asked, TaskAggregateReplay):
        return await _aggregate(around, client, then, asked, composed, one, at)
    request, item = asked.request, _item(asked)
    if not isinstance(request, ClaimsQuery):
        elements = request.elements if isinstance(request, FactsQuery) else None
        answer, _ = await queries.compose(
            around, client, then, request, item, elements, composed, at, is_replayed=True
        )
        return answer
    catalog, words = then.catalog, words_of(then.catalog, client.client_id)
    elements = words.ours(claim.element for claim in request.claims)
    terms = terms_of(catalog, client.client_id, item, elements, at)
    _, known, _ = await queries.found(around, client, then, request, terms, composed, at, is_replayed=True)
    judged = claims.answer(catalog, words.claims(request.claims), known, campus_day(catalog, at))
    return queries.headed(composed.begun, then) | {"claims": words.told(judged)}


async def _at_window(
    around: Surroundings,
    then: Current,
    asked: WindowReplay,
    entry: Mapping[str, Any],
    composed: Deciding,
    one: Deciding,
    at: datetime,
) -> dict[str, Any]:
    """Return what a clerk was told of the case that the record names.

    Raises:
        Problem: GONE where case, system or details of the entry were deleted in time.
    """
    case_id = await around.pool.fetchval(_CASE_OF, entry["seq"])
    row = await around.pool.fetchrow('SELECT * FROM service."case" WHERE id::text = $1', case_id)
    system = row and await tokens.find_client(around.pool, row["client_id"])
    party = row and windows.applicant(cases.recorded(row, row["service_item"]))
    if row is None or system is None or party is None:
        raise Problem("GONE", "the case of that answer was deleted in time", rule="replay:retained_case")
    one.learn(subject=party.key(), case_id=case_id, purpose=row["service_item"])
    query = windows.query_of(row, party, asked.request.clerk, asked.request.capacity)
    around_case = replace(around, reads=windows.OfCase(around.pool, row))
    answer, _ = await queries.compose(
        around_case, system, then, query, row["service_item"], None, composed, at, is_replayed=True
    )
    return answer


async def _row(
    around: Surroundings,
    client: Client,
    then: Current,
    asked: TaskRowReplay,
    composed: Deciding,
    one: Deciding,
    at: datetime,
) -> dict[str, Any]:
    """Return what a task was told of one person; nothing where nobody would be told of them.

    Raises:
        Problem: GONE where what was given is to be destroyed by now.
    """
    catalog = then.catalog
    demand = tasks.demand_of(catalog, client.client_id, asked.task, at)
    today = campus_day(catalog, now())
    one.learn(purpose=asked.task, elements=demand.rows, is_confidential=usages.is_kept_from(demand, today))
    if demand.destroy_by is None or today > demand.destroy_by:
        detail = "what was given for this task is to be destroyed by now, and is not composed again"
        raise Problem("GONE", detail, rule="task:destroy_by")
    await _check_not_destroyed(around, client, demand)
    rows = RowsRequest(
        task=asked.task,
        demand_id=demand.demand_id,
        period=tasks.period_of(catalog, demand, at),
        elements=list(demand.rows),
    )
    (found,) = await task_rows.facts_of(around, client, then, rows, [asked.request.subject], at)
    if isinstance(found, Problem):
        return {}
    words = words_of(catalog, client.client_id)
    return queries.headed(composed.begun, then) | queries.told_of(words, found)


async def _aggregate(
    around: Surroundings,
    client: Client,
    then: Current,
    asked: TaskAggregateReplay,
    composed: Deciding,
    one: Deciding,
    at: datetime,
) -> dict[str, Any]:
    """Return a table of a task, reckoned again from the release that its period was reckoned from.

    Raises:
        Problem: GONE where what was given is declared destroyed, or that release's rows were deleted in time.
    """
    demand = tasks.demand_of(then.catalog, client.client_id, asked.task, at)
    table = tasks.table_of(demand, asked.request.by)
    measures = demand.aggregates.measures if demand.aggregates else ()
    one.learn(purpose=asked.task, elements=[*table, *measures])
    await _check_not_destroyed(around, client, demand)
    period = tasks.period_of(then.catalog, demand, at)
    kept = await tasks.reckoned_from(around.pool, client.client_id, demand, period)
    if kept is None:
        raise Problem("GONE", "nothing is kept of that period of the task", rule="task:kept")
    release, moment = kept
    source = await around.state.at(around.pool, release)
    reckoned = tasks.demand_of(source.catalog, client.client_id, asked.task, moment)
    async with pinned(around.pool, release) as con:
        sums = await tasks.reckon(con, source, reckoned, moment)
    found = await asyncio.to_thread(tasks.compose, source.catalog, release, reckoned, sums)
    return {"transaction_id": str(composed.begun.transaction_id)} | tasks.answer_of(
        found, demand, period, table
    )


async def _check_not_destroyed(around: Surroundings, client: Client, demand: Demand) -> None:
    if await tasks.destroyed(around.pool, client.client_id, demand):
        detail = "what was given for this task is declared destroyed, and is not composed again"
        raise Problem("GONE", detail, rule="task:not_destroyed")


def decision_of(client: Client, release: int, asked: Replay) -> Any:
    """Return what is known of the decision to replay something."""
    begun = decisions.decision_of(client, "replay", release)
    if isinstance(asked, WindowReplay | TaskAggregateReplay):
        return begun
    begun = replace(begun, subject=asked.request.subject.key())
    return begun if isinstance(asked, TaskRowReplay) else replace(begun, case_id=str(asked.request.case_id))


def _statuses(answer: dict[str, Any]) -> dict[str, str]:
    if "claims" in answer:
        return {one["element"]: "answered" for one in answer["claims"]}
    if "facts" in answer:
        return {element: fact["status"] for element, fact in answer["facts"].items()}
    if "by" in answer:
        return dict.fromkeys(answer["by"], "answered")
    return {one["field"]: one["status"] for one in answer.get("fields", ())}


def _salt(around: Surroundings, receipt: str, id_: UUID) -> bytes:
    try:
        told = json.loads(
            jws.deserialize_compact(receipt, around.keys.for_receipts, algorithms=["Ed25519"]).payload
        )
        if told["txn"] == str(id_):
            return bytes.fromhex(told["salt"])
    except (JoseError, ValueError, TypeError, KeyError, RecursionError):
        pass
    raise Problem("INVALID_PARAMETER", errors=[{"pointer": "/receipt", "code": "not_this_transactions"}])


def _digest(salt: bytes, content: Any) -> str:
    return hmac.new(salt, canonical(content), hashlib.sha256).hexdigest()
