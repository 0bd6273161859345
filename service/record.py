"""The record: one entry per decision, durable before the answer leaves (SERVICE §6).

No values: element names, keyed digests, and the subject as HMAC. Entries are numbered without gaps under an advisory
lock that the appending transaction holds, so that the tree over them covers every receipt handed out.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from joserfc import jws

from service.keys import Keys
from service.problems import Problem

RETENTION = timedelta(days=3 * 365)
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('yici record'))"


@dataclass(frozen=True)
class Decision:
    """What was decided about one request."""

    transaction_id: UUID
    action: str
    client_id: str
    receiver_unit: str
    actor_id: str | None
    actor_role: str | None
    subject: tuple[str, str] | None
    purpose: str | None
    case_id: str | None
    ground: str | None
    elements: Sequence[str]
    outcome: str
    code: str
    release: int | None


def canonical(value: Any) -> bytes:
    """Write plain data so that equal data has equal bytes."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str).encode()


def leaf_hash(entry: bytes) -> str:
    """Return the RFC 6962 leaf hash (SHA-256 over 0x00 and the entry), hex."""
    return hashlib.sha256(b"\x00" + entry).hexdigest()


async def append(
    pool: asyncpg.Pool, keys: Keys, decision: Decision, request: Any, answer: Any, at: datetime
) -> str:
    """Append one decision and return its receipt, a JWS that the client keeps.

    Raises:
        Problem: AUDIT_UNAVAILABLE; the caller must then give no answer.
    """
    salt = secrets.token_bytes(16)
    request_digest, response_digest = (
        hmac.new(salt, canonical(part), hashlib.sha256).hexdigest() for part in (request, answer)
    )
    subject_key = None
    if decision.subject:
        text = "\0".join(decision.subject)
        subject_key = hmac.new(keys.derived("record subject 1"), text.encode(), hashlib.sha256).hexdigest()
    try:
        async with pool.acquire() as con, con.transaction():
            await con.execute("SET LOCAL synchronous_commit = on")
            await con.execute(_LOCK)
            seq = await con.fetchval("SELECT coalesce(max(seq), 0) + 1 FROM service.record")
            entry = asdict(decision) | {
                "seq": seq,
                "logtime": at.isoformat(),
                "subject": subject_key,
                "request_digest": request_digest,
                "response_digest": response_digest,
            }
            await con.execute(
                """INSERT INTO service.record (seq, transaction_id, logtime, action, client_id, receiver_unit, actor_id,
                       actor_role, subject_key, purpose, case_id, ground, elements, outcome, code, request_digest,
                       response_digest, release, retention_until, leaf_hash)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)""",
                seq,
                decision.transaction_id,
                at,
                decision.action,
                decision.client_id,
                decision.receiver_unit,
                decision.actor_id,
                decision.actor_role,
                subject_key,
                decision.purpose,
                decision.case_id,
                decision.ground,
                list(decision.elements),
                decision.outcome,
                decision.code,
                request_digest,
                response_digest,
                decision.release,
                at + RETENTION,
                leaf_hash(canonical(entry)),
            )
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        raise Problem("AUDIT_UNAVAILABLE") from None
    claims = {
        "txn": str(decision.transaction_id),
        "seq": seq,
        "client": decision.client_id,
        "purpose": decision.purpose,
        "case": decision.case_id,
        "request_digest": request_digest,
        "response_digest": response_digest,
        "salt": salt.hex(),
        "iat": int(at.timestamp()),
    }
    header = {"alg": "EdDSA", "kid": keys.signing.kid}
    return jws.serialize_compact(header, canonical(claims), keys.signing, algorithms=["EdDSA"])
