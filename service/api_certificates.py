"""`/v1/certificates` for service systems: asked for in a case; and revoked, or left, by the unit that issues them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import BaseModel, Field

from catalogs.settings import now
from certificates import tokens
from service import certificate_following as following
from service import certificate_orders as orders
from service import certificates, decisions, idempotency, queries
from service.api import Around, Asked, Caller, refusals, required_key
from service.certificate_following import TicketOut
from service.certificate_keys import Seals
from service.certificate_orders import CaseOrder
from service.certificates import CertificateOut, Certified
from service.decisions import Deciding, Surroundings
from service.guard import PDF
from service.problems import Problem
from service.subjects import WITHOUT_NUL, Closed

router = APIRouter(tags=["certificates"])
PAPER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The sealed paper",
        "content": {PDF: {"schema": {"type": "string", "format": "binary"}}},
    }
}
_JUDGED_AT_ONCE, MOST_IN_LINE = 2, 8


@dataclass
class Certifying:
    """What certificates need of the running service, one per worker.

    Attributes:
        judging: how many papers from outside are judged at once.
        in_line: how many are judged or wait for it; more than `MOST_IN_LINE` are sent away, not kept waiting.
        lists: number of a status list → when it was signed (monotonic), and the signed list.
    """

    seals: Seals
    judging: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_JUDGED_AT_ONCE))
    in_line: int = 0
    lists: dict[int, tuple[float, str]] = field(default_factory=dict)


async def certifying_of(request: Request) -> Certifying:
    """Return what this worker certifies by."""
    found: Certifying = request.app.state.certifying
    return found


WithSeals = Annotated[Certifying, Depends(certifying_of)]


class TokenOut(BaseModel):
    """The token of a certificate."""

    token: str = Field(description="SD-JWT VC (RFC 9901)")


class Revocation(Closed):
    """`:revoke` and `:keep`."""

    reason: str = Field(
        min_length=1, max_length=500, pattern=WITHOUT_NUL, description="For the holder; without personal data"
    )


@router.post("/v1/certificates", status_code=201, responses=refusals(400, 403, 404, 409, 413, 415, 422))
async def issue(
    order: CaseOrder,
    around: Around,
    caller: Caller,
    certifying: WithSeals,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
) -> CertificateOut:
    """Issue a certificate about a party of a case, from facts that are granted and verified now."""
    at, client, current = now(), caller.client, caller.current
    asked = order.model_dump(mode="json")
    kind = caller.catalog.certificates.get(order.kind)
    elements = kind.elements if kind else ()
    decision = queries.about(client, current, "certificate_issue", order, order.service_item, elements)
    async with decisions.deciding(around, decision, asked, at) as one:
        key = required_key(idempotency_key)

        async def create(con: asyncpg.Connection) -> dict[str, Any]:
            ordered = await orders.of_case(around, client, current, order, one, at)
            id_ = await certificates.issue(
                con, around.keys, certifying.seals, caller.catalog, current.release, ordered, at
            )
            return {"certificate_id": str(id_)}

        kept = await idempotency.once(around.pool, client.client_id, key, asked, at, create)
        found = await certificates.find(around.pool, around.keys, UUID(kept["certificate_id"]))
        await decisions.allow(around, one, kept | {"number": found.number}, at, "granted")
    return CertificateOut(**certificates.shown(found))


@router.get("/v1/certificates/{certificate_id:part}", responses=refusals(404, 422))
async def show(certificate_id: UUID, around: Around, caller: Caller) -> CertificateOut:
    """Show one that the caller asked for: how far its paper is, whether it was revoked."""
    found = await certificates.find_for_client(
        around.pool, around.keys, certificate_id, caller.client.client_id
    )
    return CertificateOut(**certificates.shown(found))


@router.get(
    "/v1/certificates/{certificate_id:part}/pdf",
    response_class=Response,
    responses=PAPER | refusals(404, 409, 410, 422),
)
async def paper(certificate_id: UUID, around: Around, caller: Caller) -> Response:
    """The sealed paper of one that the caller asked for."""
    async with _reading(around, caller, certificate_id, "certificate_read") as (one, found):
        content = await certificates.pdf(around.pool, around.keys, found)
        await decisions.allow(around, one, {"number": found.number}, now(), "certificate:asked_for")
    return pdf_response(found, content)


@router.get("/v1/certificates/{certificate_id:part}/token", responses=refusals(404, 410, 422))
async def token(
    certificate_id: UUID,
    around: Around,
    caller: Caller,
    shown: Annotated[list[str] | None, Query(max_length=50)] = None,
) -> TokenOut:
    """The token of one that the caller asked for; with `shown`, only those of the elements that may be left out."""
    async with _reading(around, caller, certificate_id, "certificate_read") as (one, found):
        told = token_of(found, shown)
        await decisions.allow(around, one, {"number": found.number}, now(), "certificate:asked_for")
    return told


@router.post("/v1/certificates/{certificate_id:part}:revoke", responses=refusals(403, 404, 413, 415, 422))
async def revoke(
    certificate_id: UUID, revocation: Revocation, around: Around, caller: Caller
) -> CertificateOut:
    """Revoke a certificate of the caller's unit; the status list follows within a minute."""
    at = now()
    decision = decisions.decision_of(caller.client, "certificate_revoke", caller.current.release)
    asked = {"certificate_id": str(certificate_id)} | revocation.model_dump()
    async with decisions.deciding(around, decision, asked, at) as one:
        unit = _issues_for(caller)
        async with around.pool.acquire() as con, con.transaction():
            found = await certificates.find(con, around.keys, certificate_id)
            if found.row["unit"] != unit:
                raise Problem("NOT_FOUND", rule="certificate:of_own_unit")
            about(one, found)
            await certificates.revoke(con, found, caller.client.client_id, revocation.reason, at)
            found = await certificates.find(con, around.keys, certificate_id)
        await decisions.allow(around, one, {"number": found.number}, at, "certificate:of_own_unit")
    return CertificateOut(**certificates.shown(found))


@router.get("/v1/certificate-tickets", responses=refusals(403))
async def tickets(around: Around, caller: Caller) -> list[TicketOut]:
    """Valid certificates of the caller's unit that state what is no longer so, the most urgent first; no values."""
    return [TicketOut(**one) for one in await following.waiting(around.pool, _issues_for(caller))]


@router.post(
    "/v1/certificate-tickets/{ticket_id:part}:keep", responses=refusals(403, 404, 409, 413, 415, 422)
)
async def keep(ticket_id: UUID, decision: Revocation, around: Around, caller: Caller) -> TicketOut:
    """Leave a certificate valid although what it states has changed, with a reason."""
    at = now()
    noted = decisions.decision_of(caller.client, "certificate_keep", caller.current.release)
    asked = {"ticket_id": str(ticket_id)} | decision.model_dump()
    async with decisions.deciding(around, noted, asked, at) as one:
        found = await following.keep(
            around.pool, ticket_id, _issues_for(caller), caller.client.client_id, decision.reason, at
        )
        one.learn(elements=found["elements"])
        await decisions.allow(around, one, {"ticket_id": str(ticket_id)}, at, "certificate:of_own_unit")
    return TicketOut(**found)


@contextlib.asynccontextmanager
async def _reading(
    around: Surroundings, caller: Asked, id_: UUID, action: str
) -> AsyncIterator[tuple[Deciding, Certified]]:
    """Lend a certificate that the caller asked for, and the decision to give it."""
    decision = decisions.decision_of(caller.client, action, caller.current.release)
    async with decisions.deciding(around, decision, {"certificate_id": str(id_)}, now()) as one:
        found = await certificates.find_for_client(around.pool, around.keys, id_, caller.client.client_id)
        about(one, found)
        yield one, found


def about(one: Deciding, found: Certified) -> None:
    """Say in a decision which person and elements a certificate is about."""
    one.learn(elements=list(found.row["elements"]))
    if found.kept is not None:
        kind, person = found.kept["subject"]
        one.learn(subject=(kind, person))


def token_of(found: Certified, shown: Sequence[str] | None) -> TokenOut:
    """Return the token of a certificate, whole or with only some of what may be left out.

    Raises:
        Problem: INVALID_PARAMETER for what it does not state, GONE.
    """
    whole = found.content()["token"]
    if shown is None:
        return TokenOut(token=whole)
    certificates.check_shown(found.row["elements"], shown)
    return TokenOut(token=tokens.select(whole, shown))


def pdf_response(found: Certified, content: bytes) -> Response:
    """Return a paper as a file of its number's name."""
    named = {"Content-Disposition": f'attachment; filename="{found.number}.pdf"'}
    return Response(content, media_type=PDF, headers=named)


def _issues_for(caller: Asked) -> str:
    """Return the unit whose certificates the caller revokes or leaves (clients.yaml: certificates).

    Raises:
        Problem: NOT_PERMITTED.
    """
    known = caller.catalog.campus.clients.get(caller.client.client_id, {})
    if known.get("certificates") is not True or known.get("unit") != caller.client.unit:
        raise Problem("NOT_PERMITTED", rule="certificate:issuing_unit")
    return caller.client.unit
