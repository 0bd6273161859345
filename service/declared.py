"""Asked once: what applicants typed in a form themselves, kept as facts of their own saying and offered in the next.

Only elements that the form of the service item marks as declared by the applicant are kept, typed and checked as the
element says, encrypted, and dated. They are offered where a decided demand lists the element for the purpose, always to
be edited, and only where no source has a value: they never take the place of a verified fact and spare no paper. A
clerk at a window who has seen the proof of one raises it to `officer_verified`, until the applicant types another.

A version begins when a value is typed or confirmed at its reuse, so that an answer can be composed again as it was.
When a value is replaced, changed, deleted by the person, or not confirmed for as long as the catalog lets it be kept,
it is destroyed; what is left is that there was one.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import duckdb
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from catalogs.derive import GRANTED, is_valid
from catalogs.model import Catalog, Element, Grant, ServiceItem
from expectations.formats import FORMATS
from service import masks
from service.keys import Keys
from service.problems import Problem
from service.reads import Reading
from service.telling import OFFICER_VERIFIED, Fact
from service.values import digest

SOURCE = LEVEL = "self_declared"
DEFAULT_DAYS = 365
# Where no source has a value for the person, so that their own word takes nobody's place.
ABSENT = ("not_found", "not_applicable")
_NONCE = 12
_TEXT, _NUMBER, _WHOLE, _DAY, _TIME, _FLAG = "text", "number", "whole", "day", "time", "flag"
_KINDS = {
    "N": _NUMBER, "Y": _NUMBER, "B": _NUMBER, "F": _NUMBER, "number": _NUMBER, "I": _WHOLE, "integer": _WHOLE,
    "D": _DAY, "date": _DAY, "T": _TIME, "timestamp": _TIME, "L": _FLAG, "boolean": _FLAG,
}  # fmt: skip
_OPEN = """
SELECT id, element, sealed, declared_at, confirmed_at, verified_by, verified_at FROM service.declared
WHERE subject_key = ANY ($1) AND ($2::text[] IS NULL OR element = ANY ($2)) AND confirmed_at > $4
    AND confirmed_at <= $3 AND (ended_at IS NULL OR ended_at > $3)
ORDER BY confirmed_at
"""
# Every version of a value goes, not only the open one.
_DESTROY = """
UPDATE service.declared SET sealed = NULL, ended_at = coalesce(ended_at, $3), ended_by = coalesce(ended_by, $4)
WHERE subject_key = ANY ($1) AND element = ANY ($2) AND sealed IS NOT NULL
"""
_INSERT = """
INSERT INTO service.declared (id, subject_key, element, client_id, case_id, service_item, sealed, declared_at,
    confirmed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
"""


@dataclass(frozen=True)
class Declared:
    """An open value: its number, and the fact that it is."""

    id: UUID
    fact: Fact


def rights(catalog: Catalog, client_id: str, item: ServiceItem, today: date) -> list[Grant]:
    """Return what a client may be offered of an item's declared fields: as grants without a source."""
    declared = {field.element for field in item.form if field.is_declared}
    if not declared:
        return []
    return [
        Grant(
            client_id, "service_item", item.code, code, "", "", "",
            "" if code in demand.unmasked else catalog.elements[code].mask,
            demand.ground, demand.valid_from, demand.valid_to, demand.demand_id,
        )
        for demand in catalog.demands.values()
        if demand.state == GRANTED
        and (demand.client, demand.purpose_kind, demand.purpose) == (client_id, "service_item", item.code)
        and is_valid(demand.valid_from, demand.valid_to, today)
        for code in demand.elements
        if code in declared and code in catalog.elements
    ]  # fmt: skip


def checked(catalog: Catalog, element: Element, text: str, today: date) -> str:
    """Return a value as it is kept: a code that is valid today, or a text of the element's type and format.

    Raises:
        ValueError: `unknown_code`, `type` or `format`.
    """
    text = text.strip()
    table = catalog.codes.get(element.code_table)
    if table is not None:
        code = text if text in table.rows else table.codes_by_name.get(text)
        if code is None or not is_valid(table.rows[code].valid_from, table.rows[code].valid_to, today):
            raise ValueError("unknown_code")
        return code
    try:
        value = _typed(element, text)
    except (ValueError, InvalidOperation):
        raise ValueError("type") from None
    if isinstance(value, Decimal) and not value.is_finite():
        raise ValueError("type")
    if element.format in FORMATS and not _is_formed(element.format, text):
        raise ValueError("format")
    return _as_text(value)


def _typed(element: Element, text: str) -> Any:
    kind = _KINDS.get(element.type, _TEXT)
    if kind == _NUMBER:
        return Decimal(text)
    if kind == _WHOLE:
        return int(text)
    if kind == _DAY:
        return date.fromisoformat(text)
    if kind == _TIME:
        return datetime.fromisoformat(text)
    if (kind == _FLAG and text not in ("true", "false")) or not text:
        raise ValueError
    return text == "true" if kind == _FLAG else text


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return value.isoformat() if isinstance(value, date) else str(value)


def _is_formed(name: str, text: str) -> bool:
    with duckdb.connect() as con:
        (found,) = con.execute(f"SELECT {FORMATS[name]('v')} FROM (SELECT ? AS v)", [text]).fetchone() or (
            None,
        )
    return found is True


async def keep(
    con: asyncpg.Connection,
    keys: Keys,
    whose: Sequence[str],
    row: Mapping[str, Any],
    values: Mapping[str, str],
    at: datetime,
) -> dict[str, UUID]:
    """Keep what a person declared in place of what they had declared before; of two at once the later one stays.

    Args:
        con: in a transaction.
        keys: that encrypt.
        whose: keyed digests of all numbers of the person.
        row: subject_key, client_id, case_id and service_item.
        values: element → value as `checked` returns it.
        at: the moment.

    Returns:
        Element → number of the value.
    """
    await con.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"declared {min(whose)}")
    await con.execute(_DESTROY, list(whose), list(values), at, "replaced")
    numbers = {element: uuid4() for element in values}
    for element, value in values.items():
        sealed = _seal(keys, numbers[element], element, value)
        await con.execute(
            _INSERT,
            numbers[element],
            row["subject_key"],
            element,
            row["client_id"],
            row["case_id"],
            row["service_item"],
            sealed,
            at,
        )
    return numbers


async def read(
    con: Reading | asyncpg.Pool,
    keys: Keys,
    catalog: Catalog,
    whose: Sequence[str],
    rights: Sequence[Grant] | None,
    at: datetime,
    record_key: bytes,
) -> dict[str, Declared]:
    """Return a person's open values by element.

    Args:
        con: any connection.
        keys: that decrypt.
        catalog: of the release that is answered from.
        whose: keyed digests of the person's numbers.
        rights: what may be offered; None: everything, unmasked, to the person.
        at: the moment of the question.
        record_key: keys the digest of the evidence.

    Raises:
        Problem: NOT_REPLAYABLE where a value that was open then has been destroyed since.
    """
    wanted = None if rights is None else sorted({right.element for right in rights})
    if wanted == [] or not whose:
        return {}
    kept = _kept(catalog)
    found: dict[str, Declared] = {}
    for row in await con.fetch(_OPEN, list(whose), wanted, at, at - kept):
        element = catalog.elements.get(row["element"])
        if element is None:
            continue
        if row["sealed"] is None:
            raise Problem(
                "NOT_REPLAYABLE", "a value of the applicant's own is not kept any more", rule="replay:kept"
            )
        value = _unseal(keys, row["id"], element.code, row["sealed"])
        if value is not None:
            own = [right.mask for right in rights or () if right.element == element.code]
            mask = "" if rights is None or "" in own else own[0]
            found[element.code] = Declared(
                row["id"], _fact(catalog, element, value, mask, row, at, kept, record_key)
            )
    return found


def _fact(
    catalog: Catalog,
    element: Element,
    value: str,
    mask: str,
    row: Mapping[str, Any],
    at: datetime,
    kept: timedelta,
    record_key: bytes,
) -> Fact:
    table = catalog.codes.get(element.code_table)
    known = table.rows.get(value) if table else None
    raw = value if table else _typed(element, value)
    shown = known.name_zh if known else raw if isinstance(raw, bool | int) else value
    confirmed: datetime = row["confirmed_at"]
    evidence = {
        "source": SOURCE,
        "extract_id": None,
        "serial": str(row["id"]),
        "record_hash": digest(record_key, SOURCE, str(row["id"]), value),
    }
    public = {
        "value": masks.mask(mask, shown),
        "code": value if table and not mask else None,
        "code_system": element.code_table or None,
        "classification": element.data_level or None,
        "masked": bool(mask),
        "lastupdated": row["declared_at"].isoformat(),
        "confirmed_at": confirmed.isoformat(),
        "valid_from": None,
        "valid_until": None,
        "age_seconds": max(0, int((at - confirmed) / timedelta(seconds=1))),
        "stale_after": (confirmed + kept).isoformat(),
        "verification": {
            "level": OFFICER_VERIFIED if row["verified_by"] else LEVEL,
            "time": (row["verified_at"] or confirmed).isoformat(),
            "verifier": row["verified_by"] or "applicant",
            "unmet": LEVEL,
            "evidence": [evidence],
        },
    }
    return Fact(element.code, "available", raw, value if table else None, public)


async def reuse(
    pool: asyncpg.Pool, keys: Keys, id_: UUID, element: str, was_kept: bool, at: datetime
) -> bool:
    """Note that a value was offered and kept, which dates it anew, or was not, which destroys it.

    Args:
        pool: the warehouse.
        keys: that encrypt.
        id_: the value's number, as the answer's evidence had it.
        element: of which element.
        was_kept: whether the applicant left it as it was.
        at: the moment.

    Returns:
        Whether there is such a value, open or ended.
    """
    async with pool.acquire() as con, con.transaction():
        row = await con.fetchrow(
            "SELECT * FROM service.declared WHERE id = $1 AND element = $2 FOR UPDATE", id_, element
        )
        if row is None or row["ended_at"] is not None:
            return row is not None
        if not was_kept:
            await con.execute(_DESTROY, [row["subject_key"]], [element], at, "changed")
            return True
        await _confirm(con, keys, row, at)
        return True


async def verify(
    pool: asyncpg.Pool,
    keys: Keys,
    whose: Sequence[str],
    id_: UUID,
    unit: str,
    evidence_digest: str,
    at: datetime,
) -> tuple[UUID, str]:
    """Note that a clerk has seen the proof of a value, which dates it anew.

    Args:
        pool: the warehouse.
        keys: that encrypt.
        whose: keyed digests of the person's numbers.
        id_: the value's number, as the answer's evidence had it.
        unit: the clerk's.
        evidence_digest: SHA-256 of the proof, which the unit keeps; hex.
        at: the moment.

    Returns:
        The value's number from now on, and its element.

    Raises:
        Problem: NOT_FOUND for what is not theirs, or not open any more.
    """
    async with pool.acquire() as con, con.transaction():
        row = await con.fetchrow(
            "SELECT * FROM service.declared WHERE id = $1 AND subject_key = ANY ($2) AND ended_at IS NULL FOR UPDATE",
            id_,
            list(whose),
        )
        number = await _confirm(con, keys, row, at, (unit, at, evidence_digest)) if row else None
    if row is None or number is None:
        raise Problem("NOT_FOUND", rule="declared:own")
    return number, row["element"]


async def _confirm(
    con: asyncpg.Connection,
    keys: Keys,
    row: Mapping[str, Any],
    at: datetime,
    verified: tuple[str, datetime, str] | None = None,
) -> UUID | None:
    """Begin a new version of an open value; None where it cannot be read any more.

    Args:
        con: in a transaction that holds the row.
        keys: that encrypt.
        row: the version that ends.
        at: the moment.
        verified: by which unit and when its proof was seen, and the digest of it; None: as before.
    """
    value, number = _unseal(keys, row["id"], row["element"], row["sealed"]), uuid4()
    if value is None:
        return None
    unit, seen_at, evidence = verified or (row["verified_by"], row["verified_at"], row["evidence_digest"])
    await con.execute(
        "UPDATE service.declared SET ended_at = $2, ended_by = 'confirmed' WHERE id = $1", row["id"], at
    )
    await con.execute(
        """INSERT INTO service.declared (id, subject_key, element, client_id, case_id, service_item, sealed,
               declared_at, confirmed_at, verified_by, verified_at, evidence_digest)
           SELECT $2, subject_key, element, client_id, case_id, service_item, $3, declared_at, $4, $5, $6, $7
           FROM service.declared WHERE id = $1""",
        row["id"],
        number,
        _seal(keys, number, row["element"], value),
        at,
        unit,
        seen_at,
        evidence,
    )
    return number


async def delete(pool: asyncpg.Pool, whose: Sequence[str], id_: UUID, at: datetime) -> str:
    """Destroy a person's own value and every version of it; returns the element.

    Raises:
        Problem: NOT_FOUND for what is not theirs.
    """
    element: str | None = await pool.fetchval(
        "SELECT element FROM service.declared WHERE id = $1 AND subject_key = ANY ($2)", id_, list(whose)
    )
    if element is None:
        raise Problem("NOT_FOUND", rule="declared:own")
    await pool.execute(_DESTROY, list(whose), [element], at, "deleted")
    return element


async def forget(pool: asyncpg.Pool, catalog: Catalog, at: datetime) -> None:
    """Destroy what was not confirmed for as long as the catalog lets it be kept (retention.declared_days)."""
    await pool.execute(
        """UPDATE service.declared SET sealed = NULL, ended_at = coalesce(ended_at, $1),
               ended_by = coalesce(ended_by, 'expired') WHERE sealed IS NOT NULL AND confirmed_at <= $2""",
        at,
        at - _kept(catalog),
    )


def _kept(catalog: Catalog) -> timedelta:
    days = (catalog.campus.raw.get("retention") or {}).get("declared_days")
    return timedelta(days=days if isinstance(days, int) and days > 0 else DEFAULT_DAYS)


def _seal(keys: Keys, id_: UUID, element: str, value: str) -> bytes:
    """Encrypt a value; bound to its row, so that none can be put in another's place."""
    nonce = secrets.token_bytes(_NONCE)
    cipher = AESGCM(keys.derived("declared"))
    return nonce + cipher.encrypt(nonce, json.dumps(value).encode(), f"{id_} {element}".encode())


def _unseal(keys: Keys, id_: UUID, element: str, sealed: bytes) -> str | None:
    """Return a value; None where it was encrypted by a key that is not here any more."""
    try:
        content = AESGCM(keys.derived("declared")).decrypt(
            sealed[:_NONCE], sealed[_NONCE:], f"{id_} {element}".encode()
        )
    except InvalidTag:
        return None
    value: str = json.loads(content)
    return value
