"""The live register of cases: which service system handles which application for whom (SERVICE, Rights).

Prefill happens while a form is still a draft, so a case is registered before anything is asked about its parties.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

import asyncpg
import orjson
from pydantic import AwareDatetime, BaseModel, Field

from service.idempotency import once
from service.keys import Keys
from service.problems import Problem
from service.subjects import Closed, Identified, Text
from warehouse.identity import DOCUMENT
from warehouse.key_ring import ring
from warehouse.sealing import PARTY, SEALED_MARK

OPEN = ("draft", "submitted", "accepted")
DEFAULT_LIFE = timedelta(days=90)
MAX_LIFE = timedelta(days=365)
CASE_RULES = (
    "the case must be this client's, open, unexpired, of this service item, and the subject its party:"
    " a minor with a guardian, a related person by an authorisation of their own, a project, unit or room by a relation"
    " to the applicant that the service item admits"
)
_NEXT = {
    "draft": ("submitted", "closed"),
    "submitted": ("accepted", "closed"),
    "accepted": ("closed",),
    "closed": (),
}
_COLUMNS = (
    'SELECT id, external_no, service_item, status, parties, registered_at, expires_at FROM service."case"'
)
_CASE = f"{_COLUMNS} WHERE id = $1 AND client_id = $2"
_CASES = f"{_COLUMNS} WHERE id = ANY ($1) AND client_id = $2"


class Authorisation(Closed):
    """What lets one act or be asked about: whatever paper the service system has seen, and from when until when."""

    reference: Text = Field(description="The service system's own number of the paper; nothing personal")
    valid_from: date
    valid_to: date

    def holds(self, day: date) -> bool:
        """Whether it is valid on a day of the campus."""
        return self.valid_from <= day <= self.valid_to


class Party(Identified):
    """A person of a case: 申请人, 代办人, 共同申请人, 相关人, 监护人, 经办人; or what it is about: 标的.

    An agent needs an authorisation, a guardian where no source knows of the guardianship, and a related person who is
    of age where they are to be asked about: being kin opens nothing.
    """

    role: Literal["applicant", "agent", "co_applicant", "related", "guardian", "officer", "object"]
    authorisation: Authorisation | None = None

    def is_authorised(self, day: date) -> bool:
        """Whether the party has an authorisation that holds on a day."""
        return self.authorisation is not None and self.authorisation.holds(day)


class NewCase(Closed):
    """`POST /v1/cases`."""

    service_item: Text
    external_no: Text | None = Field(None, description="The service system's own number of the case")
    parties: list[Party] = Field(min_length=1, max_length=20)
    expires_at: AwareDatetime | None = None


class CaseChange(Closed):
    """`PATCH /v1/cases/{id}`."""

    status: Literal["submitted", "accepted", "closed"]


class CaseOut(BaseModel):
    """A case as its client sees it: without the parties' numbers."""

    case_id: UUID
    external_no: str | None
    service_item: str
    status: Literal["draft", "submitted", "accepted", "closed"]
    registered_at: AwareDatetime
    expires_at: AwareDatetime


@dataclass(frozen=True)
class Case:
    """A case that allows asking about its parties."""

    id: UUID
    parties: tuple[Party, ...] = field(repr=False)

    def subjects(self) -> list[tuple[str, str]]:
        """Return who may be asked about at all: every party but the officer and the guardian."""
        return [party.key() for party in self.parties if party.role not in ("officer", "guardian")]


async def register(
    pool: asyncpg.Pool, keys: Keys, client_id: str, case: NewCase, key: str, at: datetime
) -> dict[str, Any]:
    """Register a case; under one idempotency key the same request gives the same answer.

    Raises:
        Problem: IDEMPOTENCY_KEY_REUSED for another body under the same key, REQUEST_IN_PROGRESS while the first is
            not finished, INVALID_PARAMETER for an expiry that has passed, an agent without authorisation, or an
            authorisation that ends before it begins.
    """
    expires = min(case.expires_at or at + DEFAULT_LIFE, at + MAX_LIFE)
    if expires <= at:
        raise Problem("INVALID_PARAMETER", errors=[{"pointer": "/expires_at", "code": "in_the_past"}])
    if errors := _party_faults(case.parties):
        raise Problem("INVALID_PARAMETER", errors=errors, rule="case:authorised_parties")

    async def create(con: asyncpg.Connection) -> dict[str, Any]:
        case_id = uuid4()
        await con.execute(
            'INSERT INTO service."case" (id, client_id, external_no, service_item, status, parties, registered_at,'
            " expires_at) VALUES ($1, $2, $3, $4, 'draft', $5, $6, $7)",
            case_id,
            client_id,
            case.external_no,
            case.service_item,
            json.dumps([kept(party) for party in case.parties], ensure_ascii=False),
            at,
            expires,
        )
        return {
            "case_id": str(case_id),
            "external_no": case.external_no,
            "service_item": case.service_item,
            "status": "draft",
            "registered_at": at.isoformat(),
            "expires_at": expires.isoformat(),
        }

    return await once(pool, keys, client_id, key, case.model_dump(mode="json"), at, create)


def _party_faults(parties: list[Party]) -> list[dict[str, str]]:
    errors = []
    for place, party in enumerate(parties):
        given = party.authorisation
        if party.role == "agent" and given is None:
            errors.append({"pointer": f"/parties/{place}/authorisation", "code": "missing"})
        if given is not None and given.valid_to < given.valid_from:
            pointer = f"/parties/{place}/authorisation/valid_to"
            errors.append({"pointer": pointer, "code": "before_valid_from"})
    return errors


async def show(pool: asyncpg.Pool, client_id: str, case_id: UUID) -> dict[str, Any]:
    """Return one of the client's own cases.

    Raises:
        Problem: NOT_FOUND, also for another client's case.
    """
    return _shown(await pool.fetchrow(_CASE, case_id, client_id))


async def change(pool: asyncpg.Pool, client_id: str, case_id: UUID, wanted: CaseChange) -> dict[str, Any]:
    """Move a case on: draft → submitted → accepted → closed, or to closed from anywhere.

    The same status again changes nothing and is no fault, so that a call may be repeated.

    Raises:
        Problem: NOT_FOUND, or CASE_NOT_VALID for a step back.
    """
    async with pool.acquire() as con, con.transaction():
        row = await con.fetchrow(f"{_CASE} FOR UPDATE", case_id, client_id)
        if row is None:
            raise Problem("NOT_FOUND", rule="case:registered_by_this_client")
        status = row["status"]
        if wanted.status != status:
            if wanted.status not in _NEXT[status]:
                detail = f"a case that is {status} cannot become {wanted.status}"
                raise Problem("CASE_NOT_VALID", detail, rule="case:steps_forward")
            await con.execute('UPDATE service."case" SET status = $2 WHERE id = $1', case_id, wanted.status)
        return _shown(row) | {"status": wanted.status}


async def check(pool: asyncpg.Pool, client_id: str, case_id: UUID, service_item: str, at: datetime) -> Case:
    """Return a case under which the client may ask for this service item.

    Raises:
        Problem: CASE_NOT_VALID, in the same words whatever is wrong with it.
    """
    return judged((await rows(pool, client_id, [case_id])).get(case_id), service_item, at)


async def rows(pool: asyncpg.Pool, client_id: str, case_ids: Sequence[UUID]) -> dict[UUID, Mapping[str, Any]]:
    """Return those of the cases that are the client's, by their numbers, to be `judged`."""
    return {row["id"]: row for row in await pool.fetch(_CASES, case_ids, client_id)}


def judged(row: Mapping[str, Any] | None, service_item: str, at: datetime) -> Case:
    """Return a case under which its client may ask for this service item; None is one that is not the client's.

    Raises:
        Problem: CASE_NOT_VALID, in the same words whatever is wrong with it.
    """
    wrong = ""
    if row is None:
        wrong = "case:registered_by_this_client"
    elif row["status"] not in OPEN:
        wrong = "case:open"
    elif row["expires_at"] <= at:
        wrong = "case:unexpired"
    elif row["service_item"] != service_item:
        wrong = "case:of_this_service_item"
    if row is None or wrong:
        raise Problem("CASE_NOT_VALID", CASE_RULES, rule="case:valid", noted=wrong)
    return _case(row)


def recorded(row: Mapping[str, Any] | None, service_item: str) -> Case:
    """Return a case under which its client has asked before, over or not.

    Raises:
        Problem: CASE_NOT_VALID.
    """
    if row is None or row["service_item"] != service_item:
        raise Problem("CASE_NOT_VALID", CASE_RULES, rule="case:valid")
    return _case(row)


def _case(row: Mapping[str, Any]) -> Case:
    return Case(row["id"], tuple(party(kept) for kept in orjson.loads(row["parties"])))


def kept(party: Party) -> dict[str, Any]:
    """Return a party as its case keeps it: the number of a document sealed, like all of them."""
    told = party.model_dump(mode="json")
    if party.id_type.startswith(DOCUMENT):
        told["id"] = SEALED_MARK + ring().armour(party.id, PARTY)
    return told


def party(told: dict[str, Any]) -> Party:
    """Return a party as `kept` left it."""
    number = str(told.get("id", ""))
    if number.startswith(SEALED_MARK):
        told["id"] = ring().disarm(number.removeprefix(SEALED_MARK), PARTY)
    return Party(**told)


def _shown(row: asyncpg.Record | None) -> dict[str, Any]:
    if row is None:
        raise Problem("NOT_FOUND", rule="case:registered_by_this_client")
    return {
        "case_id": str(row["id"]),
        "external_no": row["external_no"],
        "service_item": row["service_item"],
        "status": row["status"],
        "registered_at": row["registered_at"].isoformat(),
        "expires_at": row["expires_at"].isoformat(),
    }
