"""`/v1/corrections` and `/v1/changes`: a fact is said to be wrong, its provider decides, who was told hears of it."""

from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Header, Query

from catalogs.settings import now
from service import access, corrections, decisions, idempotency, queries
from service.api import Around, Asked, Caller, refusals, required_key
from service.corrections import (
    ChangeOut,
    CorrectionDecision,
    CorrectionDetails,
    CorrectionOut,
    NewCorrection,
)
from service.problems import Problem
from service.terms import terms_of

router = APIRouter(tags=["corrections"])


@router.post("/v1/corrections", status_code=201, responses=refusals(400, 403, 404, 409, 413, 415, 422))
async def file(
    asked: NewCorrection,
    around: Around,
    caller: Caller,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
) -> CorrectionOut:
    """Say that a fact which is granted for a case is wrong; it goes to the unit that answers for it."""
    at, client, current = now(), caller.client, caller.current
    decision = queries.about(client, current, "correction_file", asked, asked.service_item, [asked.element])
    async with decisions.deciding(around, decision, asked.model_dump(mode="json"), at) as one:
        key = required_key(idempotency_key)
        terms = terms_of(caller.catalog, client.client_id, asked.service_item, [asked.element], at)
        subject, found, _ = await queries.found(around, client, current, asked, terms, one, at)
        today = access.campus_day(caller.catalog, at)

        async def create(con: asyncpg.Connection) -> dict[str, Any]:
            return await corrections.file(
                con,
                around.keys,
                caller.catalog,
                asked.statement(client.client_id),
                (subject, found[asked.element]),
                current.release,
                today,
                at,
            )

        answer = await idempotency.once(
            around.pool, around.keys, client.client_id, key, asked.model_dump(mode="json"), at, create
        )
        await decisions.allow(around, one, answer, at)
    return CorrectionOut(**answer)


@router.get("/v1/corrections", responses=refusals(403))
async def waiting(around: Around, caller: Caller) -> list[CorrectionOut]:
    """What waits for the caller's unit, for the system by which it decides; the most urgent first."""
    provider = _provider(caller)
    return [CorrectionOut(**one) for one in await corrections.waiting(around.pool, provider)]


@router.get(
    "/v1/corrections/{correction_id:part}", response_model_exclude_unset=True, responses=refusals(404, 422)
)
async def show(correction_id: UUID, around: Around, caller: Caller) -> CorrectionDetails:
    """Show a correction to who filed it; to the provider's system with what was stated, which is recorded."""
    at = now()
    unit = caller.client.unit if _decides(caller) else ""
    found = await corrections.find(around.pool, around.keys, correction_id, caller.client.client_id, unit)
    if stated := found.get("stated"):
        decision = replace(
            decisions.decision_of(caller.client, "correction_read", caller.current.release),
            subject=(stated["id_type"], stated["id"]),
            purpose=found["service_item"],
            case_id=str(found["case_id"]) if found["case_id"] else None,
            elements=[found["element"]],
        )
        asked = {"correction_id": str(correction_id)}
        async with decisions.deciding(around, decision, asked, at) as one:
            await decisions.allow(around, one, {"state": found["state"]}, at, "correction:stated_to_provider")
    return CorrectionDetails(**found)


@router.post("/v1/corrections/{correction_id:part}:decide", responses=refusals(403, 404, 409, 413, 415, 422))
async def decide(
    correction_id: UUID, decision: CorrectionDecision, around: Around, caller: Caller
) -> CorrectionOut:
    """Accept a correction, and mend the value at its source, or reject it with a reason; for the provider's system."""
    at = now()
    noted = decisions.decision_of(caller.client, "correction_decide", caller.current.release)
    async with decisions.deciding(around, noted, decision.model_dump(mode="json"), at) as one:
        answer = await corrections.decide(
            around.pool, correction_id, _provider(caller), caller.client.client_id, decision, at
        )
        one.learn(
            case_id=str(answer["case_id"]) if answer["case_id"] else None,
            elements=[answer["element"]],
            purpose=answer["service_item"],
        )
        await decisions.allow(around, one, {"state": answer["state"]}, at, f"correction:{answer['state']}")
    return CorrectionOut(**answer)


@router.get("/v1/changes", responses=refusals(422))
async def changes(
    around: Around,
    caller: Caller,
    after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[ChangeOut]:
    """Which of the caller's transactions held values that were corrected since, in order; ask on from the last."""
    found = await corrections.changes(around.pool, caller.client.client_id, after, limit)
    return [ChangeOut(**one) for one in found]


def _decides(caller: Asked) -> bool:
    """Whether the campus's register of clients lets this one decide for its unit (clients.yaml: corrections)."""
    known = caller.catalog.campus.clients.get(caller.client.client_id, {})
    return known.get("corrections") is True and known.get("unit") == caller.client.unit


def _provider(caller: Asked) -> str:
    if not _decides(caller):
        raise Problem("NOT_PERMITTED", rule="correction:provider_decides")
    return caller.client.unit
