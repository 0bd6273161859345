"""Shares of a certificate: what whoever has a code sees, until when, how often; and who has looked.

The code printed on the paper is a share like any other, valid as long as the certificate. A code has 80 random bits and
is found by a keyed digest; whatever is unknown, withdrawn, over or used up is answered in the same words. Who looked is
kept as time and kind of caller, never an address.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

import asyncpg
from pydantic import AwareDatetime, BaseModel, Field

from certificates import codes
from service import certificates
from service.certificates import Certified
from service.keys import Keys
from service.problems import Problem
from service.subjects import Closed, Text

How = Literal["page", "program", "paper", "token"]
MOST_SHARES = 50
# One look, in one statement: two at once never both take the last one.
_LOOK = """
UPDATE service.certificate_share SET views = views + 1
WHERE code_digest = $1 AND withdrawn_at IS NULL AND (is_printed OR expires_at > $2)
    AND (max_views IS NULL OR views < max_views)
RETURNING id, certificate, elements
"""


class NewShare(Closed):
    """`POST /v1/me/certificates/{id}/shares`."""

    shown: list[Text] = Field(default_factory=list, max_length=50, description="Elements that are shown")
    days: int = Field(30, ge=1, le=180, description="How long; never longer than the certificate is valid")
    max_views: int | None = Field(None, ge=1, le=1000, description="How often it may be looked at")


class ShareOut(BaseModel):
    """A share as the holder of the certificate sees it."""

    share_id: UUID
    code: str | None = Field(description="None once it is destroyed")
    verify_address: str | None
    shown: list[str]
    is_printed: bool = Field(description="Whether it is the code on the paper")
    made_at: AwareDatetime
    expires_at: AwareDatetime
    max_views: int | None
    views: int
    withdrawn_at: AwareDatetime | None


class ViewOut(BaseModel):
    """One look at a certificate."""

    at: AwareDatetime
    how: How = Field(description="page: by the code; program: likewise; paper, token: handed in to be judged")
    share_id: UUID | None


@dataclass(frozen=True)
class Look:
    """What somebody with a code may see."""

    certificate: UUID
    shown: Sequence[str]


async def make(
    con: asyncpg.Connection, keys: Keys, one: Certified, asked: NewShare, at: datetime
) -> dict[str, Any]:
    """Make a share of a certificate.

    Raises:
        Problem: NOT_PERMITTED of a certificate that is not valid, INVALID_PARAMETER, QUOTA_EXCEEDED.
    """
    if one.standing(at) != "valid":
        raise Problem("NOT_PERMITTED", "it is not valid any more", rule="certificate:valid")
    certificates.check_shown(one.row["elements"], asked.shown)
    # Two requests at once would both count the shares that were there before them.
    await con.execute("SELECT FROM service.certificate WHERE id = $1 FOR UPDATE", one.id)
    if await con.fetchval("SELECT count(*) FROM service.certificate_share WHERE certificate = $1", one.id) > (
        MOST_SHARES
    ):
        raise Problem("QUOTA_EXCEEDED", f"at most {MOST_SHARES} shares", rule="quota:shares")
    code = codes.new_code()
    row = await con.fetchrow(
        "INSERT INTO service.certificate_share"
        " (id, certificate, code_digest, code, elements, is_printed, made_at, expires_at, max_views)"
        " VALUES ($1, $2, $3, $4, $5, false, $6, $7, $8) RETURNING *",
        uuid4(),
        one.id,
        certificates.code_digest(keys, code),
        certificates.seal(keys, one.id, "code", code.encode()),
        asked.shown,
        at,
        min(at + timedelta(days=asked.days), one.row["expires_at"]),
        asked.max_views,
    )
    return shown(keys, one, row)


async def of(pool: asyncpg.Pool, keys: Keys, one: Certified) -> list[dict[str, Any]]:
    """Return the shares of a certificate, the oldest first: that of its paper."""
    rows = await pool.fetch(
        "SELECT * FROM service.certificate_share WHERE certificate = $1 ORDER BY made_at, id", one.id
    )
    return [shown(keys, one, row) for row in rows]


async def find(
    con: asyncpg.Connection | asyncpg.Pool, keys: Keys, one: Certified, id_: UUID
) -> dict[str, Any]:
    """Return one share of a certificate.

    Raises:
        Problem: NOT_FOUND.
    """
    row = await con.fetchrow(
        "SELECT * FROM service.certificate_share WHERE certificate = $1 AND id = $2", one.id, id_
    )
    if row is None:
        raise Problem("NOT_FOUND", rule="certificate:own_share")
    return shown(keys, one, row)


async def withdraw(con: asyncpg.Pool, keys: Keys, one: Certified, id_: UUID, at: datetime) -> dict[str, Any]:
    """Withdraw a share of a certificate at once; again, it changes nothing.

    Raises:
        Problem: NOT_FOUND.
    """
    await con.execute(
        "UPDATE service.certificate_share SET withdrawn_at = $3"
        " WHERE certificate = $1 AND id = $2 AND withdrawn_at IS NULL",
        one.id,
        id_,
        at,
    )
    return await find(con, keys, one, id_)


async def views(pool: asyncpg.Pool, one: Certified) -> list[dict[str, Any]]:
    """Return who looked at a certificate, the newest first."""
    rows = await pool.fetch(
        "SELECT at, how, share AS share_id FROM service.certificate_view WHERE certificate = $1"
        " ORDER BY at DESC LIMIT 1000",
        one.id,
    )
    return [dict(row) for row in rows]


async def look(con: asyncpg.Connection, keys: Keys, typed: str, how: How, at: datetime) -> Look | None:
    """Take one look by a code; None for whatever shows nothing.

    Args:
        con: in a transaction.
        keys: for the digest.
        typed: what somebody typed or scanned.
        how: who looks.
        at: the moment.
    """
    # What can be no code is looked up like one that is none: the answer takes as long.
    code = codes.read(typed) or "-"
    row = await con.fetchrow(_LOOK, certificates.code_digest(keys, code), at)
    if row is None:
        return None
    await note(con, row["certificate"], row["id"], how, at)
    return Look(row["certificate"], row["elements"])


async def note(
    con: asyncpg.Connection | asyncpg.Pool, certificate: UUID, share: UUID | None, how: How, at: datetime
) -> None:
    """Keep that somebody looked at a certificate."""
    await con.execute(
        "INSERT INTO service.certificate_view (certificate, share, at, how) VALUES ($1, $2, $3, $4)",
        certificate,
        share,
        at,
        how,
    )


def shown(keys: Keys, one: Certified, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a share as the holder of its certificate sees it."""
    code = row["code"] and certificates.unseal(keys, one.id, "code", row["code"]).decode()
    printed = codes.shown(code) if code else None
    base = one.kept["verify_address"].rpartition("/")[0] if one.kept else ""
    return {
        "share_id": row["id"],
        "code": printed,
        "verify_address": f"{base}/{printed}" if printed and base else None,
        "shown": list(row["elements"]),
        "is_printed": row["is_printed"],
        "made_at": row["made_at"],
        "expires_at": row["expires_at"],
        "max_views": row["max_views"],
        "views": row["views"],
        "withdrawn_at": row["withdrawn_at"],
    }
