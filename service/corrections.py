"""Corrections: whoever a fact is about says that it is wrong, its provider decides, and who was told hears of it.

routed (to the unit that answers for the source, with a deadline) → rejected, or accepted → propagated, once the source
itself was mended and a release shows another value. Until then the fact is `in_dispute`: nothing here ever changes a
value. When it has come through, exactly the clients that were told the old one find their transactions in
`GET /v1/changes`: numbers and names of elements, no values.

What the person states is kept encrypted; only the provider's own system reads it, on record.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID, uuid4

import asyncpg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import AwareDatetime, BaseModel, Field

from catalogs.model import Catalog
from service.keys import Keys
from service.problems import Problem
from service.queries import PrefillQuery
from service.subjects import WITHOUT_NUL, Closed, Resolved, Text
from service.telling import Fact
from service.values import digest

State = Literal["routed", "accepted", "rejected", "propagated"]
DISPUTABLE = ("available", "stale", "conflict", "not_found", "in_dispute")
DEFAULT_WORKDAYS = 5
_NONCE = 12
_SEALED = (
    "SELECT id, client_id, case_id, service_item, element, provider, state, filed_at, due_on, decided_at,"
)
_OWN = f"{_SEALED} decision_reason, closed_at, sealed FROM service.correction"


@dataclass(frozen=True)
class Statement:
    """What somebody states about a fact; without client, case and service item by the person at their own login."""

    subject: tuple[str, str] = field(repr=False)
    element: str
    stated: str | None = field(repr=False)
    reason: str = field(repr=False)
    capacity: str | None = None
    client_id: str | None = None
    case_id: UUID | None = None
    service_item: str | None = None


class NewCorrection(PrefillQuery):
    """`POST /v1/corrections`."""

    service_item: Text
    element: Text
    stated: str | None = Field(
        None,
        min_length=1,
        max_length=500,
        pattern=WITHOUT_NUL,
        repr=False,
        description="The right value, as stated",
    )
    reason: str = Field(min_length=1, max_length=1000, pattern=WITHOUT_NUL, repr=False)

    def statement(self, client_id: str) -> Statement:
        """Return it as what the case's client states."""
        return Statement(
            subject=self.subject.key(),
            element=self.element,
            stated=self.stated,
            reason=self.reason,
            capacity=self.subject.capacity,
            client_id=client_id,
            case_id=self.case_id,
            service_item=self.service_item,
        )


class CorrectionDecision(Closed):
    """`POST /v1/corrections/{id}:decide`."""

    decision: Literal["accept", "reject"]
    reason: str = Field(
        min_length=1,
        max_length=1000,
        pattern=WITHOUT_NUL,
        description="For the applicant; without personal data",
    )


class CorrectionOut(BaseModel):
    """A correction as its applicant's service system sees it; filed at the person's own login it has no case."""

    correction_id: UUID
    case_id: UUID | None
    service_item: str | None
    element: str
    provider: str
    state: State
    filed_at: AwareDatetime
    due_on: date
    decided_at: AwareDatetime | None
    decision_reason: str | None
    closed_at: AwareDatetime | None


class StatedOut(BaseModel):
    """What was stated, for the provider alone."""

    id_type: str
    id: str
    stated: str | None
    reason: str


class CorrectionDetails(CorrectionOut):
    """A correction as its provider sees it."""

    stated: StatedOut | None = None


class ChangeOut(BaseModel):
    """A transaction whose answer held a value that has been corrected since."""

    change_id: int
    transaction_id: UUID
    case_id: str | None
    element: str
    at: AwareDatetime


def value_digest(keys: Keys, fact: Fact) -> str:
    """Return a keyed digest of a fact's value, to see later whether it is another."""
    return digest(keys.derived("corrected values"), fact.element, fact.raw)


def seal(keys: Keys, content: Mapping[str, Any]) -> bytes:
    """Encrypt what a person stated."""
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(keys.derived("corrections")).encrypt(nonce, json.dumps(content).encode(), None)


def unseal(keys: Keys, sealed: bytes) -> dict[str, Any]:
    """Return what a person stated."""
    content = AESGCM(keys.derived("corrections")).decrypt(sealed[:_NONCE], sealed[_NONCE:], None)
    found: dict[str, Any] = json.loads(content)
    return found


def provider_of(catalog: Catalog, fact: Fact, subject: Resolved) -> str:
    """Return the unit that answers for a fact of a subject.

    Raises:
        Problem: INVALID_PARAMETER where nobody does, or the fact is none that could be wrong.
    """
    if fact.status in DISPUTABLE:
        told = (fact.public.get("verification") or {}).get("verifier")
        sources = [s for s in catalog.sources_of(fact.element) if s.id_type in subject.keys]
        if told or sources:
            return told or catalog.resources[sources[0].resource].provider
    errors = [{"pointer": "/element", "code": "nothing_to_correct"}]
    raise Problem("INVALID_PARAMETER", errors=errors, rule="correction:of_a_fact")


def due_on(catalog: Catalog, today: date) -> date:
    """Return the day by which a provider has to decide (campus.yaml: corrections.workdays, else five)."""
    days = (catalog.campus.raw.get("corrections") or {}).get("workdays", DEFAULT_WORKDAYS)
    return catalog.calendar.add_working_days(today, int(days))


async def file(
    con: asyncpg.Connection,
    keys: Keys,
    catalog: Catalog,
    asked: Statement,
    about: tuple[Resolved, Fact],
    release: int,
    today: date,
    at: datetime,
) -> dict[str, Any]:
    """File a correction with the provider of the fact.

    Raises:
        Problem: CORRECTION_OPEN while there is one about the same fact, INVALID_PARAMETER.
    """
    subject, fact = about
    sealed = seal(
        keys,
        {
            "id_type": asked.subject[0],
            "id": asked.subject[1],
            "capacity": asked.capacity,
            "stated": asked.stated,
            "reason": asked.reason,
        },
    )
    since = fact.public.get("lastupdated")
    row = await con.fetchrow(
        f"""WITH filed AS (
               INSERT INTO service.correction (id, client_id, case_id, service_item, subject_id, element, provider,
                   sealed, value_digest, value_since, state, filed_at, due_on, checked_release)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'routed', $11, $12, $13)
               ON CONFLICT (subject_id, element) WHERE closed_at IS NULL DO NOTHING RETURNING *)
           {_OWN.replace("service.correction", "filed")}""",
        uuid4(),
        asked.client_id,
        asked.case_id,
        asked.service_item,
        subject.subject_id,
        asked.element,
        provider_of(catalog, fact, subject),
        sealed,
        value_digest(keys, fact),
        datetime.fromisoformat(since) if since else None,
        at,
        due_on(catalog, today),
        release,
    )
    if row is None:
        raise Problem("CORRECTION_OPEN", rule="correction:one_at_a_time")
    return shown(row)


async def find(pool: asyncpg.Pool, keys: Keys, id_: UUID, client_id: str, decides_for: str) -> dict[str, Any]:
    """Return a correction to who filed it, and with what was stated to the provider's system.

    Args:
        pool: the warehouse.
        keys: that sealed it.
        id_: its number.
        client_id: who asks.
        decides_for: the unit for which this client decides; empty for none.

    Raises:
        Problem: NOT_FOUND, also where it is somebody else's.
    """
    row = await pool.fetchrow(
        f"{_OWN} WHERE id = $1 AND (client_id = $2 OR provider = $3)", id_, client_id, decides_for
    )
    if row is None:
        raise Problem("NOT_FOUND", rule="correction:own_or_provided")
    found = shown(row)
    if decides_for and row["provider"] == decides_for:
        told = unseal(keys, row["sealed"])
        found["stated"] = {name: told[name] for name in ("id_type", "id", "stated", "reason")}
    return found


async def waiting(pool: asyncpg.Pool, provider: str) -> list[dict[str, Any]]:
    """Return the corrections that a provider has to decide or to mend, the most urgent first; nothing stated."""
    rows = await pool.fetch(
        f"{_OWN} WHERE provider = $1 AND closed_at IS NULL ORDER BY due_on, filed_at LIMIT 1000", provider
    )
    return [shown(row) for row in rows]


async def decide(
    pool: asyncpg.Pool, id_: UUID, provider: str, client_id: str, decision: CorrectionDecision, at: datetime
) -> dict[str, Any]:
    """Decide a correction for its provider; the same decision again changes nothing.

    Raises:
        Problem: NOT_FOUND for another provider's, CORRECTION_DECIDED where it was decided otherwise.
    """
    state = "accepted" if decision.decision == "accept" else "rejected"
    await pool.execute(
        """UPDATE service.correction SET state = $3, decided_at = $4, decided_by = $5, decision_reason = $6,
               closed_at = CASE WHEN $3 = 'rejected' THEN $4::timestamptz END
           WHERE id = $1 AND provider = $2 AND state = 'routed'""",
        id_,
        provider,
        state,
        at,
        client_id,
        decision.reason,
    )
    row = await pool.fetchrow(f"{_OWN} WHERE id = $1 AND provider = $2", id_, provider)
    if row is None or not provider:
        raise Problem("NOT_FOUND", rule="correction:provided")
    if row["state"] != state and not (state == "accepted" and row["state"] == "propagated"):
        raise Problem("CORRECTION_DECIDED", rule="correction:decided_once")
    return shown(row)


async def of_person(pool: asyncpg.Pool, subject: Resolved) -> list[dict[str, Any]]:
    """Return the corrections of facts about a person, whoever filed them, the newest first; nothing stated."""
    rows = await pool.fetch(
        f"{_OWN} WHERE subject_id = $1 ORDER BY filed_at DESC LIMIT 1000", subject.subject_id
    )
    return [shown(row) for row in rows]


async def changes(pool: asyncpg.Pool, client_id: str, after: int, limit: int) -> list[dict[str, Any]]:
    """Return which of a client's transactions held values that were corrected since, in order."""
    rows = await pool.fetch(
        """SELECT id AS change_id, transaction_id, case_id, element, at FROM service.change
           WHERE client_id = $1 AND id > $2 ORDER BY id LIMIT $3""",
        client_id,
        after,
        limit,
    )
    return [dict(row) for row in rows]


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as its client sees it."""
    names = CorrectionOut.model_fields
    return {name: row["id" if name == "correction_id" else name] for name in names}
