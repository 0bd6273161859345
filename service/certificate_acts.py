"""What is done with a certificate over HTTP, whoever does it: a service system, the person, the issuing post.

They differ in which certificates they may have and in the rule by which; everything else (the decision on record, the
answer, the file) is the same for all of them and is here.
"""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from fastapi import Response
from pydantic import BaseModel, Field

from catalogs.settings import now
from certificates import tokens
from service import certificate_following as following
from service import certificates, decisions, idempotency
from service.api import required_key
from service.certificate_following import Issuer, TicketOut
from service.certificate_keys import Seals
from service.certificates import CertificateOut, Certified, Ordered
from service.decisions import Deciding, Surroundings
from service.guard import PDF
from service.record import Decision
from service.state import Current
from service.subjects import WITHOUT_NUL, Closed

PAPER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The sealed paper",
        "content": {PDF: {"schema": {"type": "string", "format": "binary"}}},
    }
}


class TokenOut(BaseModel):
    """The token of a certificate."""

    token: str = Field(description="SD-JWT VC (RFC 9901)")


class Revocation(Closed):
    """`:revoke` and `:keep`."""

    reason: str = Field(
        min_length=1, max_length=500, pattern=WITHOUT_NUL, description="For the holder; without personal data"
    )


@dataclass(frozen=True)
class Asker:
    """Somebody who does something with certificates.

    Attributes:
        decision: what is known of the decision.
        find: returns one that they may do it with; raises a problem for every other.
        rule: by which rule they may, in the record's words.
        by: who revokes: `self` for the holder.
    """

    decision: Decision
    find: Callable[[UUID], Awaitable[Certified]]
    rule: str
    by: str = ""


async def issue(
    around: Surroundings,
    seals: Seals,
    current: Current,
    one: Deciding,
    order: Callable[[], Awaitable[Ordered]],
    whose: str,
    key: str | None,
    at: datetime,
    rule: str,
) -> CertificateOut:
    """Issue a certificate, once under an idempotency key, on record.

    Args:
        around: the running service.
        seals: that sign.
        current: the release.
        one: the decision under way.
        order: reads and checks what is certified; called only for a new one.
        whose: whose keys they are.
        key: the request's idempotency key.
        at: the moment of the request.
        rule: by which it is allowed.

    Raises:
        Problem: what `order` raises, MALFORMED without a key, SEAL_UNAVAILABLE.
    """
    key = required_key(key)
    kept = await idempotency.known(around.pool, around.keys, whose, key, one.asked, at)
    if kept is None:
        # Read before a connection is held: of many who ask at once, all would hold one and wait for another.
        ordered = await order()

        async def create(con: asyncpg.Connection) -> dict[str, Any]:
            id_ = await certificates.issue(
                con, around.keys, seals, current.catalog, current.release, ordered, at
            )
            return {"certificate_id": str(id_)}

        kept = await idempotency.once(around.pool, around.keys, whose, key, one.asked, at, create)
    found = await certificates.find(around.pool, around.keys, UUID(kept["certificate_id"]))
    await decisions.allow(around, one, kept | {"number": found.number}, at, rule)
    return CertificateOut(**certificates.shown(found))


async def show(around: Surroundings, asker: Asker, id_: UUID) -> CertificateOut:
    """Return how a certificate stands; no value.

    Raises:
        Problem: NOT_FOUND, NOT_PERMITTED.
    """
    async with lent(around, asker, id_) as (one, found):
        await _allow(around, asker, one, found)
    return CertificateOut(**certificates.shown(found))


async def paper(around: Surroundings, asker: Asker, id_: UUID) -> Response:
    """Return the sealed paper as a file of its number's name.

    Raises:
        Problem: NOT_FOUND, NOT_DONE while it is printed, GONE.
    """
    async with lent(around, asker, id_) as (one, found):
        content = await certificates.pdf(around.pool, around.keys, found)
        await _allow(around, asker, one, found)
    named = {"Content-Disposition": f'attachment; filename="{found.number}.pdf"'}
    return Response(content, media_type=PDF, headers=named)


async def token(around: Surroundings, asker: Asker, id_: UUID, shown: Sequence[str] | None) -> TokenOut:
    """Return the token, whole or with only some of what may be left out.

    Raises:
        Problem: NOT_FOUND, INVALID_PARAMETER for what it does not state, GONE.
    """
    async with lent(around, asker, id_) as (one, found):
        told = found.content()["token"]
        if shown is not None:
            certificates.check_shown(found.row["elements"], shown)
            told = tokens.select(told, shown)
        await _allow(around, asker, one, found)
    return TokenOut(token=told)


async def revoke(around: Surroundings, asker: Asker, id_: UUID, reason: str) -> CertificateOut:
    """Revoke a certificate for good; again, it changes nothing.

    Raises:
        Problem: NOT_FOUND, NOT_PERMITTED.
    """
    async with lent(around, asker, id_, reason=reason) as (one, found):
        async with around.pool.acquire() as con, con.transaction():
            await certificates.revoke(con, found, asker.by, reason, now())
            found = await certificates.find(con, around.keys, id_)
        await _allow(around, asker, one, found)
    return CertificateOut(**certificates.shown(found))


async def keep(
    around: Surroundings,
    decision: Decision,
    issuer: Callable[[], Awaitable[Issuer]],
    ticket_id: UUID,
    reason: str,
) -> TicketOut:
    """Leave a certificate valid although what it states has changed.

    Args:
        around: the running service.
        decision: what is known of it.
        issuer: returns whose certificates the caller answers for.
        ticket_id: of the ticket that says so.
        reason: for the holder.

    Raises:
        Problem: what `issuer` raises, NOT_FOUND, TICKET_CLOSED.
    """
    at, asked = now(), {"ticket_id": str(ticket_id), "reason": reason}
    async with decisions.deciding(around, decision, asked, at) as one:
        found = await following.keep(around.pool, ticket_id, await issuer(), reason, at)
        one.learn(elements=found["elements"])
        about(one, await certificates.find(around.pool, around.keys, found["certificate_id"]))
        await decisions.allow(around, one, {"ticket_id": str(ticket_id)}, at, "certificate:of_own_unit")
    return TicketOut(**found)


@contextlib.asynccontextmanager
async def lent(
    around: Surroundings, asker: Asker, id_: UUID, **asked: str
) -> AsyncIterator[tuple[Deciding, Certified]]:
    """Lend a certificate that somebody may have, and the decision to give or change it; the block records it."""
    told = {"certificate_id": str(id_)} | asked
    async with decisions.deciding(around, asker.decision, told, now()) as one:
        found = await asker.find(id_)
        about(one, found)
        yield one, found


def about(one: Deciding, found: Certified) -> None:
    """Say in a decision which person and elements a certificate is about."""
    one.learn(elements=list(found.row["elements"]))
    if found.kept is not None:
        kind, person = found.kept["subject"]
        one.learn(subject=(kind, person))


async def _allow(around: Surroundings, asker: Asker, one: Deciding, found: Certified) -> None:
    await decisions.allow(around, one, {"number": found.number}, now(), asker.rule)
