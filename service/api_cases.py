"""`/v1/cases`: the live register of cases."""

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header

from catalogs.settings import now
from service import access, cases, decisions
from service.api import Around, Caller, refusals, required_key
from service.cases import CaseChange, CaseOut, NewCase

router = APIRouter(tags=["cases"])


@router.post("/v1/cases", status_code=201, responses=refusals(400, 403, 409, 413, 415, 422))
async def register(
    case: NewCase,
    around: Around,
    caller: Caller,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
) -> CaseOut:
    """Register a case of a granted service item, as a draft."""
    at = now()
    applicant = next((party for party in case.parties if party.role == "applicant"), case.parties[0])
    decision = replace(
        decisions.decision_of(caller.client, "case_register", caller.current.release),
        subject=applicant.key(),
        purpose=case.service_item if case.service_item in caller.catalog.services else None,
    )
    async with decisions.deciding(around, decision, case.model_dump(mode="json"), at) as one:
        key = required_key(idempotency_key)
        access.check_purpose(caller.catalog, caller.client.client_id, case.service_item, at)
        answer = await cases.register(around.pool, around.keys, caller.client.client_id, case, key, at)
        one.learn(case_id=answer["case_id"])
        await decisions.allow(around, one, answer, at)
    return CaseOut(**answer)


@router.get("/v1/cases/{case_id:part}", responses=refusals(404, 422))
async def show(case_id: UUID, around: Around, caller: Caller) -> CaseOut:
    """Show one of the caller's own cases."""
    return CaseOut(**await cases.show(around.pool, caller.client.client_id, case_id))


@router.patch("/v1/cases/{case_id:part}", responses=refusals(400, 403, 404, 413, 415, 422))
async def change(case_id: UUID, wanted: CaseChange, around: Around, caller: Caller) -> CaseOut:
    """Move a case on."""
    at = now()
    decision = replace(
        decisions.decision_of(caller.client, "case_change", caller.current.release), case_id=str(case_id)
    )
    async with decisions.deciding(around, decision, wanted.model_dump(mode="json"), at) as one:
        answer = await cases.change(around.pool, caller.client.client_id, case_id, wanted)
        one.learn(purpose=answer["service_item"])
        await decisions.allow(around, one, answer, at)
    return CaseOut(**answer)
