"""`/v1/certificates` for service systems: asked for in a case; and revoked, or left, by the unit that issues them."""

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from catalogs.settings import now
from service import certificate_acts as acts
from service import certificate_following as following
from service import certificate_orders as orders
from service import certificates, decisions, queries
from service.api import Around, Asked, Caller, refusals
from service.certificate_acts import PAPER, Asker, Revocation, TokenOut
from service.certificate_following import Issuer, TicketOut
from service.certificate_keys import Seals
from service.certificate_orders import CaseOrder
from service.certificates import CertificateOut, Certified, Ordered
from service.decisions import Surroundings
from service.problems import Problem

router = APIRouter(tags=["certificates"])
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
    kind = caller.catalog.certificates.get(order.kind)
    elements = kind.elements if kind else ()
    decision = queries.about(client, current, "certificate_issue", order, order.service_item, elements)
    async with decisions.deciding(around, decision, order.model_dump(mode="json"), at) as one:

        async def ordered() -> Ordered:
            return await orders.of_case(around, client, current, order, one, at)

        return await acts.issue(
            around, certifying.seals, current, one, ordered, client.client_id, idempotency_key, at, "granted"
        )


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
    return await acts.paper(around, _who_asked(around, caller), certificate_id)


@router.get("/v1/certificates/{certificate_id:part}/token", responses=refusals(404, 410, 422))
async def token(
    certificate_id: UUID,
    around: Around,
    caller: Caller,
    shown: Annotated[list[str] | None, Query(max_length=50)] = None,
) -> TokenOut:
    """The token of one that the caller asked for; with `shown`, only those of the elements that may be left out."""
    return await acts.token(around, _who_asked(around, caller), certificate_id, shown)


@router.post("/v1/certificates/{certificate_id:part}:revoke", responses=refusals(403, 404, 413, 415, 422))
async def revoke(
    certificate_id: UUID, revocation: Revocation, around: Around, caller: Caller
) -> CertificateOut:
    """Revoke a certificate of the caller's unit; the status list follows within a minute."""
    decision = decisions.decision_of(caller.client, "certificate_revoke", caller.current.release)

    async def find(id_: UUID) -> Certified:
        issuer = await _issuer(caller)
        return issuer.checked(await certificates.find(around.pool, around.keys, id_))

    asker = Asker(decision, find, "certificate:of_own_unit", caller.client.client_id)
    return await acts.revoke(around, asker, certificate_id, revocation.reason)


@router.get("/v1/certificate-tickets", responses=refusals(403))
async def tickets(around: Around, caller: Caller) -> list[TicketOut]:
    """Valid certificates of the caller's unit that state what is no longer so, the most urgent first; no values."""
    return [TicketOut(**one) for one in await following.waiting(around.pool, await _issuer(caller))]


@router.post(
    "/v1/certificate-tickets/{ticket_id:part}:keep", responses=refusals(403, 404, 409, 413, 415, 422)
)
async def keep(ticket_id: UUID, decision: Revocation, around: Around, caller: Caller) -> TicketOut:
    """Leave a certificate valid although what it states has changed, with a reason."""
    noted = decisions.decision_of(caller.client, "certificate_keep", caller.current.release)
    return await acts.keep(around, noted, partial(_issuer, caller), ticket_id, decision.reason)


def _who_asked(around: Surroundings, caller: Asked) -> Asker:
    """Return the caller as whoever a certificate was issued to."""
    client = caller.client

    async def find(id_: UUID) -> Certified:
        return await certificates.find_for_client(around.pool, around.keys, id_, client.client_id)

    decision = decisions.decision_of(client, "certificate_read", caller.current.release)
    return Asker(decision, find, "certificate:asked_for")


async def _issuer(caller: Asked) -> Issuer:
    """Return the unit whose certificates the caller revokes or leaves (clients.yaml: certificates).

    Raises:
        Problem: NOT_PERMITTED.
    """
    known = caller.catalog.campus.clients.get(caller.client.client_id, {})
    if known.get("certificates") is not True or known.get("unit") != caller.client.unit:
        raise Problem("NOT_PERMITTED", rule="certificate:issuing_unit")
    return Issuer(caller.client.client_id, unit=caller.client.unit)
