"""Questions about an access: the person whom it was about asks why, and whoever answers for it has to say.

A question goes to the unit of the system that asked and to the data office, with a deadline in working days
(campus.yaml: `questions.workdays`, else five). Their own systems answer, where clients.yaml says `questions: true`; the
person sees the answer. What is confidential for now cannot be questioned: it is as unknown as what never was.

Both texts are kept encrypted. Who answers is told which access it is, never by whom the question is: the unit knows its
own case, and finds the applicant there.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID, uuid4

import asyncpg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import AwareDatetime, BaseModel, Field

from catalogs.model import Catalog
from service import usages
from service.keys import Keys
from service.problems import Problem
from service.subjects import WITHOUT_NUL, Closed

DEFAULT_WORKDAYS = 5
_NONCE = 12
_MOST = 1000
_PURPOSE = "questions"
_SHOWN = (
    "id AS question_id, transaction_id, client_id, unit, action, service_item, accessed_at, state, asked_at, due_on,"
    " answered_at, answering_unit, sealed, answer"
)


class NewQuestion(Closed):
    """`POST /v1/me/usages/{transaction_id}:question`."""

    reason: str = Field(min_length=1, max_length=1000, pattern=WITHOUT_NUL, repr=False)


class Answer(Closed):
    """`POST /v1/questions/{question_id}:answer`."""

    answer: str = Field(
        min_length=1, max_length=2000, pattern=WITHOUT_NUL, repr=False, description="For the person who asked"
    )


class QuestionOut(BaseModel):
    """A question as the person and those who answer see it; `receiver_unit` is whose system had access."""

    question_id: UUID
    transaction_id: UUID
    receiver_unit: str
    receiver_system: str
    action: str
    service_item: str | None
    accessed_at: AwareDatetime
    reason: str
    state: Literal["asked", "answered"]
    asked_at: AwareDatetime
    due_on: date
    answered_at: AwareDatetime | None
    answered_by: str | None
    answer: str | None


def data_office(catalog: Catalog) -> str:
    """Return the unit that keeps the catalog (campus.yaml: dataOffice); empty where none is named."""
    return str(catalog.campus.raw.get("dataOffice") or "")


def due_on(catalog: Catalog, today: date) -> date:
    """Return the day by which a question has to be answered."""
    days = (catalog.campus.raw.get("questions") or {}).get("workdays", DEFAULT_WORKDAYS)
    return catalog.calendar.add_working_days(today, int(days))


async def ask(
    pool: asyncpg.Pool,
    keys: Keys,
    over: usages.Over,
    transaction_id: UUID,
    whose: Sequence[str],
    reason: str,
    due: date,
    at: datetime,
) -> dict[str, Any]:
    """Question an access to one's own data; the same question again is the one that was asked.

    Args:
        pool: the warehouse.
        keys: that seal what is said.
        over: whose last day of confidentiality is over.
        transaction_id: of the access.
        whose: everything by which the person may stand in the record.
        reason: what the person wants to know.
        due: by when it has to be answered.
        at: now.

    Raises:
        Problem: NOT_FOUND for an access that was not to this person's data, or is confidential.
    """
    entry = await pool.fetchrow(
        f"""SELECT r.client_id, r.receiver_unit, r.action, r.purpose, r.logtime, d.subject_key
           FROM service.record r JOIN service.record_detail d ON d.seq = r.seq
           WHERE r.transaction_id = $3 AND d.subject_key = ANY ($4::text[]) AND {usages.IS_SHOWN}""",
        *over,
        transaction_id,
        whose,
    )
    if entry is None:
        raise Problem("NOT_FOUND", "no such access to your data", rule="question:own_access")
    await pool.execute(
        """INSERT INTO service.question (id, transaction_id, subject_key, client_id, unit, action, service_item,
               accessed_at, sealed, state, asked_at, due_on)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'asked', $10, $11)
           ON CONFLICT (transaction_id, subject_key) DO NOTHING""",
        uuid4(),
        transaction_id,
        entry["subject_key"],
        entry["client_id"],
        entry["receiver_unit"],
        entry["action"],
        entry["purpose"],
        entry["logtime"],
        seal(keys, reason),
        at,
        due,
    )
    row = await pool.fetchrow(
        f"SELECT {_SHOWN} FROM service.question WHERE transaction_id = $1 AND subject_key = $2",
        transaction_id,
        entry["subject_key"],
    )
    return shown(keys, row)


async def own(pool: asyncpg.Pool, keys: Keys, whose: Sequence[str]) -> list[dict[str, Any]]:
    """Return a person's questions, the newest first."""
    rows = await pool.fetch(
        f"SELECT {_SHOWN} FROM service.question WHERE subject_key = ANY ($1) ORDER BY asked_at DESC LIMIT {_MOST}",
        whose,
    )
    return [shown(keys, row) for row in rows]


async def waiting(pool: asyncpg.Pool, keys: Keys, unit: str, sees_all: bool) -> list[dict[str, Any]]:
    """Return the questions that a unit has to answer, the most urgent first; the data office sees all."""
    rows = await pool.fetch(
        f"""SELECT {_SHOWN} FROM service.question WHERE state = 'asked' AND (unit = $1 OR $2)
            ORDER BY due_on, asked_at LIMIT {_MOST}""",
        unit,
        sees_all,
    )
    return [shown(keys, row) for row in rows]


async def answer(
    pool: asyncpg.Pool,
    keys: Keys,
    id_: UUID,
    client_id: str,
    unit: str,
    sees_all: bool,
    said: str,
    at: datetime,
) -> dict[str, Any]:
    """Answer a question for the unit that had access, or for the data office.

    Raises:
        Problem: NOT_FOUND for another unit's, QUESTION_ANSWERED where it was answered before.
    """
    row = await pool.fetchrow(
        f"""UPDATE service.question SET state = 'answered', answered_at = $4, answered_by = $5, answering_unit = $2,
                answer = $6 WHERE id = $1 AND (unit = $2 OR $3) AND state = 'asked' RETURNING {_SHOWN}""",
        id_,
        unit,
        sees_all,
        at,
        client_id,
        seal(keys, said),
    )
    if row is None:
        known = await pool.fetchval(
            "SELECT true FROM service.question WHERE id = $1 AND (unit = $2 OR $3)", id_, unit, sees_all
        )
        if known:
            raise Problem("QUESTION_ANSWERED", rule="question:answered_once")
        raise Problem("NOT_FOUND", rule="question:of_own_unit")
    return shown(keys, row)


def seal(keys: Keys, text: str) -> bytes:
    """Encrypt what somebody said."""
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(keys.derived(_PURPOSE)).encrypt(nonce, text.encode(), None)


def unseal(keys: Keys, sealed: bytes) -> str:
    """Return what somebody said."""
    return AESGCM(keys.derived(_PURPOSE)).decrypt(sealed[:_NONCE], sealed[_NONCE:], None).decode()


def shown(keys: Keys, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with what was said."""
    return {
        **{
            name: row[name]
            for name in ("question_id", "transaction_id", "action", "service_item", "accessed_at")
        },
        **{name: row[name] for name in ("state", "asked_at", "due_on", "answered_at")},
        "receiver_unit": row["unit"],
        "receiver_system": row["client_id"],
        "reason": unseal(keys, row["sealed"]),
        "answered_by": row["answering_unit"],
        "answer": unseal(keys, row["answer"]) if row["answer"] else None,
    }
