"""The live register of cases: which service system handles which application for whom (SERVICE, Rights).

Prefill happens while a form is still a draft, so a case is registered before anything is asked about its parties.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID, uuid4

import asyncpg
from pydantic import BaseModel, Field

from service.facts import Subject
from service.problems import Problem
from service.record import canonical

OPEN = ("draft", "submitted", "accepted")
MAX_LIFE = timedelta(days=365)
_NEXT = {"draft": ("submitted", "closed"), "submitted": ("accepted", "closed"), "accepted": ("closed",), "closed": ()}


class Party(BaseModel, extra="forbid"):
    """A person of a case, by natural key or document."""

    role: Literal["applicant", "agent", "co_applicant", "related", "officer"]
    id_type: str = Field(max_length=40)
    id: str = Field(min_length=1, max_length=64)
    country: str | None = Field(None, max_length=3)


class NewCase(BaseModel, extra="forbid"):
    """`POST /v1/cases`."""

    service_item: str = Field(max_length=64)
    external_no: str | None = Field(None, max_length=64)
    parties: list[Party] = Field(min_length=1, max_length=20)
    expires_at: datetime | None = None


class CaseChange(BaseModel, extra="forbid"):
    """`PATCH /v1/cases/{id}`."""

    status: Literal["submitted", "accepted", "closed"]


async def register(
    pool: asyncpg.Pool, client_id: str, case: NewCase, key: str | None, at: datetime
) -> tuple[dict, bool]:
    """Register a case; with an idempotency key the same request gives the same case.

    Returns:
        The case as the client sees it, and whether it is new.

    Raises:
        Problem: IDEMPOTENCY_KEY_REUSED for another body under the same key.
    """
    digest = hashlib.sha256(canonical(case.model_dump(mode="json"))).hexdigest()
    expires = min(case.expires_at or at + timedelta(days=90), at + MAX_LIFE)
    async with pool.acquire() as con, con.transaction():
        if key:
            await con.execute("SELECT pg_advisory_xact_lock(hashtext($1))", f"{client_id} {key}")
            row = await con.fetchrow(
                "SELECT request_digest, case_id FROM service.idempotency WHERE client_id = $1 AND key = $2",
                client_id,
                key,
            )
            if row and row["request_digest"] != digest:
                raise Problem("IDEMPOTENCY_KEY_REUSED")
            if row:
                return await _shown(con, client_id, row["case_id"]), False
        number = uuid4()
        await con.execute(
            'INSERT INTO service."case" (id, client_id, external_no, service_item, status, parties, registered_at,'
            " expires_at) VALUES ($1, $2, $3, $4, 'draft', $5, $6, $7)",
            number,
            client_id,
            case.external_no,
            case.service_item,
            json.dumps([party.model_dump() for party in case.parties]),
            at,
            expires,
        )
        if key:
            await con.execute(
                "INSERT INTO service.idempotency (client_id, key, request_digest, case_id, at)"
                " VALUES ($1, $2, $3, $4, $5)",
                client_id,
                key,
                digest,
                number,
                at,
            )
        return await _shown(con, client_id, number), True


async def show(pool: asyncpg.Pool, client_id: str, case_id: UUID) -> dict:
    """Return one of the client's own cases, without its parties' numbers.

    Raises:
        Problem: NOT_FOUND, also for another client's case.
    """
    return await _shown(pool, client_id, case_id)


async def change(pool: asyncpg.Pool, client_id: str, case_id: UUID, wanted: CaseChange) -> dict:
    """Move a case on: draft → submitted → accepted → closed, or to closed from anywhere.

    Raises:
        Problem: NOT_FOUND, or CASE_NOT_VALID for a step back.
    """
    async with pool.acquire() as con, con.transaction():
        status = await con.fetchval(
            'SELECT status FROM service."case" WHERE id = $1 AND client_id = $2 FOR UPDATE', case_id, client_id
        )
        if status is None:
            raise Problem("NOT_FOUND")
        if wanted.status not in _NEXT[status]:
            raise Problem("CASE_NOT_VALID", f"a case that is {status} cannot become {wanted.status}")
        await con.execute('UPDATE service."case" SET status = $2 WHERE id = $1', case_id, wanted.status)
        return await _shown(con, client_id, case_id)


async def check(
    pool: asyncpg.Pool, client_id: str, case_id: UUID, service_item: str, subject: Subject, at: datetime
) -> Sequence[dict]:
    """Return the parties of a case that allows asking about this subject for this service item.

    Raises:
        Problem: CASE_NOT_VALID, with the same words whatever is wrong with it.
    """
    row = await pool.fetchrow(
        'SELECT status, service_item, parties, expires_at FROM service."case" WHERE id = $1 AND client_id = $2',
        case_id,
        client_id,
    )
    refused = Problem("CASE_NOT_VALID", "the case must be registered, open, of this service item and this subject's")
    if row is None or row["status"] not in OPEN or row["expires_at"] <= at or row["service_item"] != service_item:
        raise refused
    parties = json.loads(row["parties"])
    same = (subject.id_type, subject.id, subject.country)
    about = [p for p in parties if p["role"] != "officer" and (p["id_type"], p["id"], p["country"]) == same]
    if not about:
        raise refused
    return parties


async def _shown(con: asyncpg.Connection | asyncpg.Pool, client_id: str, case_id: UUID) -> dict:
    row = await con.fetchrow(
        "SELECT id, external_no, service_item, status, registered_at, expires_at FROM"
        ' service."case" WHERE id = $1 AND client_id = $2',
        case_id,
        client_id,
    )
    if row is None:
        raise Problem("NOT_FOUND")
    return {
        "case_id": str(row["id"]),
        "external_no": row["external_no"],
        "service_item": row["service_item"],
        "status": row["status"],
        "registered_at": row["registered_at"].isoformat(),
        "expires_at": row["expires_at"].isoformat(),
    }
