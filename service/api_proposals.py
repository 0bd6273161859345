"""`/v1/catalog/proposals`: a service system that the data office trusts proposes changes of the catalog, on record.

It never decides one. The right is the registered client's (`yici client proposals`), and nobody has it by default.
"""

import hashlib
from datetime import date
from typing import Annotated, Any

import asyncpg
from fastapi import APIRouter, Depends, Header, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from catalogs.settings import now
from service import decisions, idempotency, proposals
from service.api import Around, Caller, refusals, required_key
from service.guard import XLSX, sent_kind
from service.problems import Problem
from service.proposals import EditIn, NewProposal, Proposing, Reason, Title, Withdrawal
from warehouse.proposals import Wish


async def _desk(request: Request) -> Proposing:
    found: Proposing = request.app.state.proposing
    return found


Desk = Annotated[Proposing, Depends(_desk)]
router = APIRouter(tags=["catalog"])
Number = Annotated[int, Path(ge=1, lt=2**31)]
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": NewProposal.model_json_schema()},
            XLSX: {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


@router.post(
    "/v1/catalog/proposals",
    status_code=201,
    openapi_extra=_BODY,
    responses=refusals(400, 403, 409, 413, 415, 422),
)
async def propose(
    request: Request,
    around: Around,
    caller: Caller,
    desk: Desk,
    title: Annotated[Title | None, Query(description="Of a workbook; JSON has its own")] = None,
    reason: Annotated[Reason, Query(description="Of a workbook")] = "",
    effective_on: Annotated[date | None, Query(description="Of a workbook")] = None,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
) -> dict[str, Any]:
    """Propose a change: edits as JSON, or a filled-in form as a workbook. Nothing is recorded if it has a fault.

    The answer says what it would mean: what becomes allowed, what breaks, whom it concerns, and whom it waits for.
    """
    at, client, content = now(), caller.client, await request.body()
    source: list[EditIn] | tuple[str, bytes]
    if sent_kind(request) == XLSX:
        came, source = "api: a workbook", ("workbook.xlsx", content)
    else:
        told = _proposal(content)
        came, source = "api", told.edits
        title, reason, effective_on = told.title, told.reason, told.effective_on
    noted = decisions.decision_of(client, "proposal_make", caller.current.release)
    async with decisions.deciding(around, noted, {"sha256": _digest(content)}, at) as one:
        if title is None:
            raise Problem("INVALID_PARAMETER", errors=[{"pointer": "#/query/title", "code": "missing"}])
        wish = Wish(title, proposals.author_of(client), client.name, reason, came, effective_on)
        key = required_key(idempotency_key)
        await desk.check_right(client)

        async def create(_con: asyncpg.Connection) -> dict[str, Any]:
            # Recorded by itself: if the key cannot be kept after it, a second proposal may be made, which a
            # human sees and which changes nothing twice.
            return await desk.propose(client, wish, source)

        asked = {"sha256": _digest(content), "title": title, "reason": reason, "on": str(effective_on)}
        answer = await idempotency.once(around.pool, around.keys, client.client_id, key, asked, at, create)
        await decisions.allow(around, one, answer, at, "proposal:client_is_trusted")
    return answer


@router.get("/v1/catalog/proposals", responses=refusals(403))
async def own(caller: Caller, desk: Desk) -> list[dict[str, Any]]:
    """The caller's own proposals, newest first: their state, and whom they wait for until when."""
    return await desk.own(caller.client)


@router.get("/v1/catalog/proposals/{number:part}", responses=refusals(403, 404, 422))
async def one(number: Number, caller: Caller, desk: Desk) -> dict[str, Any]:
    """One of the caller's proposals: its edits, what they meant when it was made, and what happened since."""
    return await desk.one(caller.client, number)


@router.post(
    "/v1/catalog/proposals/{number:part}:withdraw", responses=refusals(400, 403, 404, 409, 413, 415, 422)
)
async def withdraw(
    number: Number, asked: Withdrawal, around: Around, caller: Caller, desk: Desk
) -> dict[str, Any]:
    """Withdraw one of the caller's proposals that has not taken effect."""
    at = now()
    noted = decisions.decision_of(caller.client, "proposal_withdraw", caller.current.release)
    told = {"proposal": number} | asked.model_dump(mode="json")
    async with decisions.deciding(around, noted, told, at) as one:
        answer = await desk.withdraw(caller.client, number, asked.reason)
        await decisions.allow(around, one, answer, at, "proposal:own")
    return answer


def _proposal(content: bytes) -> NewProposal:
    """Return what the JSON says.

    Raises:
        Problem: MALFORMED or INVALID_PARAMETER, with the place of each fault.
    """
    try:
        return NewProposal.model_validate_json(content)
    except ValidationError as error:
        faults = [one | {"loc": ("body", *one["loc"])} for one in error.errors(include_context=False)]
        raise RequestValidationError(faults) from None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
