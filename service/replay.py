"""What was answered then, composed again: from the release, the catalog and the moment that the record names.

The client brings what it kept, its request and its receipt. Whether the answer would be the same is said by the digest
that the record holds; the values are not given again, for the right to them may have ended since. What was given for a
task and has to be destroyed by now, or is declared destroyed, is not composed again either.

What a source was asked for live is kept by nobody but the client. There the client brings the whole answer: its digest
proves it, evidence number and all, and what rests on stored sources is composed again and compared with it.
"""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from joserfc import jws
from joserfc.errors import JoseError
from pydantic import Field, field_validator

from catalogs.model import Catalog, Demand
from catalogs.settings import now
from service import (
    cases,
    claims,
    decisions,
    queries,
    task_counting,
    task_rows,
    task_tables,
    tasks,
    tokens,
    usages,
    windows,
)
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


class _Recorded(Closed):
    """What may be brought of any recorded answer about a person."""

    receipt: str = Field(max_length=4096)
    answer: dict[str, Any] | None = Field(
        None,
        repr=False,
        description="The answer as it was kept; needed where a source was asked live: nobody else keeps what it said",
    )

    @field_validator("answer")
    @classmethod
    def _is_writable(cls, answer: dict[str, Any] | None) -> dict[str, Any] | None:
        try:
            canonical(answer)
        except (ValueError, TypeError, RecursionError):
            raise ValueError("no plain data") from None
        return answer


class FactsReplay(_Recorded):
    """A recorded `facts:query`."""

    action: Literal["facts"]
    request: FactsQuery


class ClaimsReplay(_Recorded):
    """A recorded `claims:verify`."""

    action: Literal["claims"]
    request: ClaimsQuery


class PrefillReplay(_Recorded):
    """A recorded prefill."""

    action: Literal["prefill"]
    service_item: Text
    request: PrefillQuery


class WindowReplay(_Recorded):
    """A recorded `window:prefill`."""

    action: Literal["window"]
    request: WindowQuery


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
        yes or no, and of tables only that they were `answered`. `heard` are the elements for which a source was asked
        live: of them the answer that is brought is proven to be the one that was given, and all else composed again.

    Raises:
        Problem: NOT_FOUND for what is not the client's own, INVALID_PARAMETER where request, receipt or answer are
            others, GONE or NOT_REPLAYABLE where it cannot be composed any more.
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
        answer, live = await _composed(around, client, told, asked, entry, composed, one, at)
        heard = _elements_of(then.catalog, client, live)
        kept = _kept(asked, live, salt, entry) if live else answer
        if live:
            matches = _beside(answer, heard) == _beside(kept, heard)
        else:
            matches = _digest(salt, answer) == entry["response_digest"]
        if matches:
            break
    return {
        "transaction_id": str(id_),
        "release": then.release,
        "at": at.isoformat(),
        "catalog": then.catalog.version,
        "matches": matches,
        "statuses": _statuses(kept),
        "heard": sorted(heard),
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
) -> tuple[dict[str, Any], Collection[str]]:
    """Return the answer that a recorded question has at the release and moment of then, and who was asked live for it.

    Nobody is asked again: what these said is missing in the answer.
    """
    if isinstance(asked, WindowReplay):
        return await _at_window(around, then, asked, entry, composed, one, at)
    if isinstance(asked, TaskRowReplay):
        return await _row(around, client, then, asked, composed, one, at), ()
    if isinstance(asked, TaskAggregateReplay):
        return await _aggregate(around, client, then, asked, composed, one, at), ()
    request, item = asked.request, _item(asked)
    if not isinstance(request, ClaimsQuery):
        elements = request.elements if isinstance(request, FactsQuery) else None
        return await queries.compose(
            around, client, then, request, item, elements, composed, at, is_replayed=True
        )
    catalog, words = then.catalog, words_of(then.catalog, client.client_id)
    elements = words.ours(claim.element for claim in request.claims)
    terms = terms_of(catalog, client.client_id, item, elements, at)
    _, known, live = await queries.found(around, client, then, request, terms, composed, at, is_replayed=True)
    judged = claims.answer(catalog, words.claims(request.claims), known, campus_day(catalog, at))
    return queries.headed(composed.begun, then) | {"claims": words.told(judged)}, live


async def _at_window(
    around: Surroundings,
    then: Current,
    asked: WindowReplay,
    entry: Mapping[str, Any],
    composed: Deciding,
    one: Deciding,
    at: datetime,
) -> tuple[dict[str, Any], Collection[str]]:
    """Return what a clerk was told of the case that the record names, and who was asked live for it.

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
    return await queries.compose(
        around_case, system, then, query, row["service_item"], None, composed, at, is_replayed=True
    )


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
        sums = await task_counting.reckon(con, source, reckoned, moment)
    found = await asyncio.to_thread(task_tables.compose, source.catalog, release, reckoned, sums)
    return {"transaction_id": str(composed.begun.transaction_id)} | task_tables.answer_of(
        then.catalog, found, demand, period, table
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


def _elements_of(catalog: Catalog, client: Client, live: Collection[str]) -> frozenset[str]:
    """Return the elements, in the client's words, of which one of some sources may say something."""
    words = words_of(catalog, client.client_id)
    return frozenset(
        words.theirs(code)
        for code in catalog.elements
        if any(source.resource in live for source in catalog.sources_of(code))
    )


def _kept(asked: Replay, live: Collection[str], salt: bytes, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer that a client kept, proven to be the one that was given.

    Raises:
        Problem: NOT_REPLAYABLE where none is brought, INVALID_PARAMETER where it is another.
    """
    if not isinstance(asked, _Recorded) or asked.answer is None:
        detail = f"answered live then: {', '.join(sorted(live))}; bring the answer that was kept"
        raise Problem("NOT_REPLAYABLE", detail, rule="replay:live_answer_is_brought")
    kept = {name: value for name, value in asked.answer.items() if name != "receipt"}
    if _digest(salt, kept) != entry["response_digest"]:
        raise Problem("INVALID_PARAMETER", errors=[{"pointer": "/answer", "code": "not_recorded"}])
    return kept


def _beside(answer: Mapping[str, Any], heard: Collection[str]) -> dict[str, Any]:
    """Return an answer without what rests on some elements."""
    rest = {name: value for name, value in answer.items() if name != "complete"}
    if "facts" in rest:
        rest["facts"] = {element: fact for element, fact in rest["facts"].items() if element not in heard}
    for name in ("claims", "fields"):
        if name in rest:
            rest[name] = [one for one in rest[name] if one["element"] not in heard]
    if "materials" in rest:
        rest["materials"] = [one for one in rest["materials"] if not _named(one) & set(heard)]
    return rest


def _named(material: Mapping[str, Any]) -> set[str]:
    """Return the elements on which the verdict on a material rests."""
    proven = {one["element"] for one in material["facts"]}
    return proven | {reason.partition(":")[0] for reason in material["reasons"]}


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
