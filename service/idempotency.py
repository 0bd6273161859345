"""What is created once: under one idempotency key the same request gives the same answer, for a day.

What stays of the request is a digest under a key of the service: without one, few likely values could be tried until
one fits. The answer is kept encrypted: a number that it names is told to nobody but its caller.
"""

import json
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import asyncpg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from service.keys import Keys
from service.problems import Problem
from service.record import canonical
from service.values import keyed

KEPT_FOR = timedelta(hours=24)
_NONCE = 12


async def once(
    pool: asyncpg.Pool,
    keys: Keys,
    client_id: str,
    key: str,
    asked: Any,
    at: datetime,
    create: Callable[[asyncpg.Connection], Awaitable[dict[str, Any]]],
) -> dict[str, Any]:
    """Create something, or return what the same request created before.

    Args:
        pool: the warehouse.
        keys: of which one is for the digest, one for the answer.
        client_id: whose key it is.
        key: the request's `Idempotency-Key`.
        asked: the request as plain data; only a digest is kept.
        at: the moment of the request.
        create: creates it in the transaction that it is given; its answer is kept and holds nothing personal.

    Raises:
        Problem: IDEMPOTENCY_KEY_REUSED for another body under the same key, REQUEST_IN_PROGRESS while the first is
            not finished, and what `create` raises.
    """
    digest = _digest(keys, asked)
    async with pool.acquire() as con, con.transaction():
        lock = "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))"
        if not await con.fetchval(lock, f"{client_id} {key}"):
            raise Problem("REQUEST_IN_PROGRESS", headers={"Retry-After": "1"})
        kept = await _kept(con, keys, client_id, key, digest, at)
        if kept is not None:
            return kept
        answer = await create(con)
        await con.execute(
            "DELETE FROM service.idempotency WHERE client_id = $1 AND expires_at <= $2", client_id, at
        )
        await con.execute(
            "INSERT INTO service.idempotency (client_id, key, request_digest, answer, expires_at)"
            " VALUES ($1, $2, $3, $4, $5)",
            client_id,
            key,
            digest,
            _sealed(keys, client_id, key, json.dumps(answer, default=str)),
            at + KEPT_FOR,
        )
        return answer


async def known(
    pool: asyncpg.Pool, keys: Keys, client_id: str, key: str, asked: Any, at: datetime
) -> dict[str, Any] | None:
    """Return what the same request created before; None if nothing did.

    For those who have to read much before they create something, and should hold no connection meanwhile.

    Raises:
        Problem: IDEMPOTENCY_KEY_REUSED.
    """
    return await _kept(pool, keys, client_id, key, _digest(keys, asked), at)


async def _kept(
    con: asyncpg.Connection | asyncpg.Pool, keys: Keys, client_id: str, key: str, digest: str, at: datetime
) -> dict[str, Any] | None:
    kept = await con.fetchrow(
        "SELECT request_digest, answer FROM service.idempotency"
        " WHERE client_id = $1 AND key = $2 AND expires_at > $3",
        client_id,
        key,
        at,
    )
    if kept is None:
        return None
    if kept["request_digest"] != digest:
        raise Problem("IDEMPOTENCY_KEY_REUSED")
    found: dict[str, Any] = json.loads(_opened(keys, client_id, key, kept["answer"]))
    return found


def _sealed(keys: Keys, client_id: str, key: str, answer: str) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    return nonce + _cipher(keys).encrypt(nonce, answer.encode(), canonical([client_id, key]))


def _opened(keys: Keys, client_id: str, key: str, sealed: bytes) -> bytes:
    return _cipher(keys).decrypt(sealed[:_NONCE], sealed[_NONCE:], canonical([client_id, key]))


def _cipher(keys: Keys) -> AESGCM:
    return AESGCM(keys.derived("idempotency answer"))


def _digest(keys: Keys, asked: Any) -> str:
    return keyed(keys.derived("idempotency"), canonical(asked)).hex()
