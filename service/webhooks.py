"""Notices to service systems that a value which they were told has been corrected: numbers of changes, nothing else.

A notice is written with the change itself, in one transaction, and sent later; whoever is dead is tried again, later
each time, and given up after some days (`yici client list` shows it). It is sent at least once, under one number. What
has changed is asked for by the client itself, at `GET /v1/changes`: whoever reads a notice on its way learns nothing.

Its form is that of a security event (RFC 8417), pushed as RFC 8935 says: a JWT signed by the key that signs receipts.
"""

import asyncio
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import structlog
from joserfc import jwt

from catalogs.settings import ConfigurationError, now, resolve_env
from service.keys import Keys
from service.outward import NotReached, Outward
from service.problems import Problem
from service.state import State
from service.transactions import DATABASE_ERRORS

EVERY_S = 10
EVENT = "urn:yici:event:changed"
KIND = "application/secevent+jwt"
_MOST_AT_ONCE = 20
# Minutes until the next try; after the last, the notice is given up.
_WAITS_MIN = (1, 5, 15, 60, 240, 720, 1440, 1440)
_WRITE = """
INSERT INTO service.webhook_notice (id, client_id, changes, at, state, tries, next_at)
SELECT gen_random_uuid(), client_id, array_agg(id ORDER BY id), $2, 'waiting', 0, $2 FROM service.change
WHERE correction = $1 AND client_id = ANY ($3::text[]) GROUP BY client_id
"""
# Taken by one worker for a while: should it stop in between, another one sends it again.
_TAKE = """
UPDATE service.webhook_notice SET tries = tries + 1, next_at = $2 WHERE id = (
    SELECT id FROM service.webhook_notice WHERE state = 'waiting' AND next_at <= $1
    ORDER BY next_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, client_id, changes, tries
"""
_log = structlog.get_logger("yici.service")


def listeners(clients: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the clients that want to be told (clients.yaml: webhook)."""
    return [client_id for client_id, told in clients.items() if told.get("webhook")]


async def write(
    con: asyncpg.Connection, correction: UUID, clients: Mapping[str, Mapping[str, Any]], at: datetime
) -> None:
    """Put a notice to each listening client into the outbox, about what it was told of a corrected fact.

    Args:
        con: in the transaction that wrote the changes.
        correction: that has come through.
        clients: the campus's register of clients.
        at: now.
    """
    await con.execute(_WRITE, correction, at, listeners(clients))


async def sending(pool: asyncpg.Pool, keys: Keys, state: State, outward: Outward, issuer: str) -> None:
    """Send what is due until cancelled; several workers send side by side, each notice is one worker's."""
    while True:
        try:
            current = await state.current(pool)
            await send(pool, keys, current.catalog.campus.clients, outward, issuer, now())
        except (Problem, *DATABASE_ERRORS) as error:
            if not isinstance(error, Problem) or error.code != "NO_RELEASE":
                _log.error("notices could not be sent", error=type(error).__name__)
        await asyncio.sleep(EVERY_S)


async def send(
    pool: asyncpg.Pool,
    keys: Keys,
    clients: Mapping[str, Mapping[str, Any]],
    outward: Outward,
    issuer: str,
    at: datetime,
) -> int:
    """Send the notices that are due, and return how many arrived."""
    arrived = 0
    for _ in range(_MOST_AT_ONCE):
        row = await pool.fetchrow(_TAKE, at, at + timedelta(minutes=1))
        if row is None:
            break
        error = await _sent(keys, clients.get(row["client_id"], {}), outward, issuer, row)
        arrived += not error
        await _note(pool, row, error, at)
    return arrived


async def _sent(
    keys: Keys, told: Mapping[str, Any], outward: Outward, issuer: str, row: Mapping[str, Any]
) -> str:
    """Send one notice; returns why it did not arrive, without the address or anything of the answer."""
    client_id = row["client_id"]
    try:
        if not told.get("webhook"):
            raise NotReached("the client has no address any more")
        url = resolve_env(str(told["webhook"]), f"clients.yaml: {client_id}.webhook")
        status = await outward.post(url, signed(keys, issuer, row).encode(), KIND)
    except (NotReached, ConfigurationError) as error:
        return str(error)
    return "" if 200 <= status < 300 else f"answered {status}"


def signed(keys: Keys, issuer: str, row: Mapping[str, Any]) -> str:
    """Return a notice as it is sent."""
    key = keys.signing
    claims = {
        "iss": issuer,
        "aud": row["client_id"],
        "iat": int(time.time()),
        "jti": str(row["id"]),
        "events": {EVENT: {"change_ids": list(row["changes"])}},
    }
    return jwt.encode(
        {"alg": "Ed25519", "typ": "secevent+jwt", "kid": key.kid}, claims, key, algorithms=["Ed25519"]
    )


async def _note(pool: asyncpg.Pool, row: Mapping[str, Any], error: str, at: datetime) -> None:
    tries = row["tries"]
    state = "sent" if not error else "waiting" if tries <= len(_WAITS_MIN) else "dead"
    wait = timedelta(minutes=_WAITS_MIN[min(tries, len(_WAITS_MIN)) - 1])
    await pool.execute(
        "UPDATE service.webhook_notice SET state = $2, next_at = $3, error = $4 WHERE id = $1",
        row["id"],
        state,
        at + wait,
        error or None,
    )
    if state != "sent":
        _log.warning("a notice did not arrive", client_id=row["client_id"], state=state, reason=error)
