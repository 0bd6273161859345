"""The register of certificates: numbered without a gap, kept encrypted, revoked at once, destroyed in time.

A certificate is issued in one transaction: its number, its place in a status list, its token and what it says. Its
paper is printed and sealed afterwards by `service.certificate_sealing`. What it says, its paper and its codes are
kept encrypted until `KEPT_AFTER` its validity, because the person fetches the paper again and shares show values; then
they are destroyed. Number, dates, revocation and keyed digests stay as long as the record's details, so that a paper
that somebody brings later is still known as expired or revoked (decision 0060).
"""

import json
import re
import secrets
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import asyncpg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import AwareDatetime, BaseModel, Field

from catalogs.model import Catalog
from catalogs.model_certificates import CertificateKind
from catalogs.settings import now
from certificates import codes, tokens
from certificates.tokens import StatusReference
from service import certificate_content as contents
from service import record
from service.certificate_keys import Seals
from service.keys import Keys
from service.problems import Problem
from service.record import canonical
from service.subjects import Closed, Text

Language = Literal["zh", "en", "both"]
State = Literal["waiting", "ready", "failed", "destroyed"]
# Entries of one status list, of which half are given away: a free one is found at the second try.
LIST_SIZE = 1 << 17
KEPT_AFTER = timedelta(days=30)
REMEMBERED = record.RETENTION
_NUMBER = re.compile(r"([\w-]+)-(\d{4})-(\d{6,9})", re.ASCII)
# How many papers a second were made in the last minute; where there were few, a usual pace is assumed.
USUAL_PER_S = 10.0
PACE = (
    "SELECT (count(*) - 1) / nullif(extract(epoch FROM max(made_at) - min(made_at))::float8, 0)"
    " FROM service.certificate WHERE made_at > clock_timestamp() - interval '1 minute' HAVING count(*) >= 20"
)
_NONCE = 12
_SHOWN = (
    "c.id, c.kind, c.year, c.seq, c.unit, c.purpose, c.language, c.elements, c.release, c.issued_at, c.valid_until,"
    " c.expires_at, c.state, c.revoked_at, c.revoked_by, c.revoke_reason, c.content, c.status_list, c.status_index,"
    " c.subject_key,"
    " (SELECT t.elements FROM service.certificate_ticket t WHERE t.certificate = c.id AND t.closed_at IS NULL)"
    " AS changed,"
    " CASE WHEN c.state = 'waiting' THEN (SELECT count(*) FROM service.certificate o WHERE o.state = 'waiting'"
    " AND (o.attempts, o.issued_at) < (c.attempts, c.issued_at)) END AS ahead,"
    f" CASE WHEN c.state = 'waiting' THEN ({PACE}) END AS per_s"
)
_INSERT = """
INSERT INTO service.certificate (id, kind, year, seq, unit, purpose, language, elements, release, client_id, case_id,
    subject_key, issued_at, valid_until, expires_at, status_list, status_index, content, state, checked_release)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, 'waiting', $9)
ON CONFLICT (status_list, status_index) DO NOTHING RETURNING id
"""


class Order(Closed):
    """What is asked for: which kind, in which language, for what, for how long."""

    kind: Text
    language: Language = "zh"
    purpose: Text = Field(description="One of the kind's purposes")
    validity_days: int = Field(ge=1, le=366, description="One of the kind's choices")
    shown: list[Text] = Field(
        default_factory=list, max_length=50, description="Elements that whoever checks the printed code sees"
    )


class CertificateOut(BaseModel):
    """A certificate as whoever it was issued to sees it."""

    certificate_id: UUID
    number: str
    kind: str
    unit: str
    purpose: str
    language: Language
    elements: list[str]
    release: int
    issued_at: AwareDatetime
    valid_until: date
    state: State = Field(
        description="waiting: its paper is being printed; destroyed: only its number is kept"
    )
    ahead: int | None = Field(description="How many papers are printed before this one")
    expected_at: AwareDatetime | None = Field(description="The minute in which its paper is expected")
    revoked_at: AwareDatetime | None
    revoke_reason: str | None
    changed: list[str] = Field(description="Elements that are no longer as it states them")


@dataclass(frozen=True)
class Ordered:
    """An order that the catalog allows, and whom it is about.

    Attributes:
        subject: kind and number by which the person was named.
        capacity: the population in which the person gets it.
        values: what it states.
        client_id, case_id: who asked, and for which case; the login and None for the person.
    """

    kind: CertificateKind
    order: Order
    subject: tuple[str, str] = field(repr=False)
    capacity: str
    values: Sequence[contents.Value] = field(repr=False)
    client_id: str
    case_id: str | None = None


@dataclass(frozen=True)
class Certified:
    """A certificate as this module's neighbours work with it: its row, and what it says if that is still kept."""

    row: Mapping[str, Any] = field(repr=False)
    kept: Mapping[str, Any] | None = field(repr=False)

    @property
    def id(self) -> UUID:
        found: UUID = self.row["id"]
        return found

    @property
    def number(self) -> str:
        return number(self.row["kind"], self.row["year"], self.row["seq"])

    def standing(self, at: datetime) -> str:
        """Return what it is worth at a moment: valid, revoked or expired."""
        if self.row["revoked_at"] is not None:
            return "revoked"
        return "valid" if at < self.row["expires_at"] else "expired"

    def content(self) -> Mapping[str, Any]:
        """Return what it says.

        Raises:
            Problem: GONE.
        """
        if self.kept is None:
            raise Problem("GONE", "what it said was destroyed in time", rule="certificate:kept")
        return self.kept


def check_order(catalog: Catalog, order: Order, asked_by: str) -> CertificateKind:
    """Return the kind of certificate that is ordered.

    Raises:
        Problem: INVALID_PARAMETER where there is none, or it may not be asked for so.
    """
    kind = catalog.certificates.get(order.kind)
    if kind is None:
        raise _wrong("/kind", "unknown", "certificate:kind")
    if asked_by not in kind.asked_by:
        raise Problem("NOT_PERMITTED", "this kind is asked for otherwise", rule="certificate:asked_by")
    if order.purpose not in {one.code for one in kind.purposes}:
        raise _wrong("/purpose", "none_of_the_kind", "certificate:purpose")
    if order.validity_days not in kind.validity_days:
        raise _wrong("/validity_days", "none_of_the_kind", "certificate:validity")
    check_shown(kind.elements, order.shown)
    return kind


def check_shown(known: Sequence[str], shown: Sequence[str]) -> None:
    """Refuse to show what a certificate does not state.

    Raises:
        Problem: INVALID_PARAMETER.
    """
    for place, element in enumerate(shown):
        if element not in known:
            raise _wrong(f"/shown/{place}", "not_stated", "certificate:shown")


def check_capacity(kind: CertificateKind, capacity: str | None, pointer: str) -> str:
    """Return the population in which somebody gets a certificate.

    Raises:
        Problem: INVALID_PARAMETER where it has to be named, or is none of the kind's.
    """
    if capacity is None and len(kind.populations) == 1:
        return kind.populations[0]
    if capacity not in kind.populations or capacity is None:
        raise _wrong(pointer, "missing" if capacity is None else "none_of_the_kind", "certificate:population")
    return capacity


def _wrong(pointer: str, code: str, rule: str) -> Problem:
    return Problem("INVALID_PARAMETER", errors=[{"pointer": pointer, "code": code}], rule=rule)


def number(kind: str, year: int, seq: int) -> str:
    """Return the number of a certificate as it is printed."""
    return f"{kind}-{year}-{seq:06d}"


async def issue(
    con: asyncpg.Connection,
    keys: Keys,
    seals: Seals,
    catalog: Catalog,
    release: int,
    ordered: Ordered,
    at: datetime,
) -> UUID:
    """Issue a certificate.

    Args:
        con: in a transaction, which keeps the numbers without a gap: whoever rolls it back gives the number back.
        keys: that encrypt.
        seals: that sign.
        catalog: of the release.
        release: that its values are of.
        ordered: what is certified, checked.
        at: the moment of the request.

    Raises:
        Problem: SEAL_UNAVAILABLE.
    """
    signer, issuer = seals.token(at), seals.issuer(at)
    seals.seal(at)  # or nobody could print it
    kind, order, id_ = ordered.kind, ordered.order, uuid4()
    zone = ZoneInfo(catalog.campus.time_zone)
    today = at.astimezone(zone).date()
    valid_until = today + timedelta(days=order.validity_days)
    expires_at = datetime.combine(valid_until + timedelta(days=1), time(), zone)
    code = codes.new_code()
    seq = await con.fetchval(
        "INSERT INTO service.certificate_number AS n (kind, year, last) VALUES ($1, $2, 1)"
        " ON CONFLICT (kind, year) DO UPDATE SET last = n.last + 1 RETURNING last",
        kind.code,
        today.year,
    )
    own_number = number(kind.code, today.year, seq)
    purpose = next(one for one in kind.purposes if one.code == order.purpose)
    statement = contents.sentence(kind, ordered.values, purpose)
    claims = contents.claims_of(ordered.values) | {
        "number": own_number,
        "purpose": purpose.name_zh,
        "unit": kind.unit,
        "release": release,
    }
    unit = contents.unit_name(catalog, kind.unit)
    kept = {
        "subject": list(ordered.subject),
        "capacity": ordered.capacity,
        "code": code,
        "number": own_number,
        "title": [kind.name_zh, kind.name_en],
        "statement": [statement.zh, statement.en],
        "values": contents.plain(ordered.values),
        "issued_on": today.isoformat(),
        "valid_until": valid_until.isoformat(),
        "verify_address": f"{issuer}/verify/{codes.shown(code)}",
        "university": [catalog.campus.name_zh, catalog.campus.name_en or catalog.campus.name_zh],
        "unit": [unit.zh, unit.en],
        "layout": {
            "accent": kind.layout.accent,
            "statement_first": kind.layout.statement_first,
            "closing": [kind.layout.closing_zh, kind.layout.closing_en],
            "notes": [list(one) for one in kind.layout.notes],
        },
    }
    disclosable = [one.element for one in kind.stated if one.disclosable and one.element in claims]
    subject_key = keys.subject_key(*ordered.subject)
    inserted = None
    while inserted is None:
        place = await con.fetchval("SELECT nextval('service.certificate_place')")
        list_, index = place // (LIST_SIZE // 2), secrets.randbelow(LIST_SIZE)
        token = tokens.issue(
            signer,
            issuer=issuer,
            kind=f"urn:yici:certificate:{kind.code}",
            token_id=f"urn:uuid:{id_}",
            claims=claims,
            disclosable=disclosable,
            issued_at=at,
            expires_at=expires_at,
            status=StatusReference(list_address(issuer, list_), index),
        )
        inserted = await con.fetchval(
            _INSERT, id_, kind.code, today.year, seq, kind.unit, order.purpose, order.language,
            [one.element for one in ordered.values], release, ordered.client_id, ordered.case_id, subject_key, at,
            valid_until, expires_at, list_, index, seal(keys, id_, "content", canonical(kept | {"token": token.text})),
        )  # fmt: skip
    await con.execute(
        "INSERT INTO service.certificate_share"
        " (id, certificate, code_digest, code, elements, is_printed, made_at, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, true, $6, $7)",
        uuid4(),
        id_,
        code_digest(keys, code),
        seal(keys, id_, "code", code.encode()),
        [element for element in order.shown if element in claims],
        at,
        expires_at,
    )
    return id_


def list_address(issuer: str, list_: int) -> str:
    """Return where a status list is published."""
    return f"{issuer}/statuslists/{list_}"


def code_digest(keys: Keys, code: str) -> str:
    """Return the keyed digest under which the code of a share is found."""
    return keys.digest("certificate codes", code)


async def find_own(
    con: asyncpg.Connection | asyncpg.Pool, keys: Keys, id_: UUID, whose: Sequence[str]
) -> Certified:
    """Return a person's own certificate.

    Raises:
        Problem: NOT_FOUND, also for somebody else's.
    """
    row = await con.fetchrow(
        f"SELECT {_SHOWN} FROM service.certificate c WHERE c.id = $1 AND c.subject_key = ANY ($2::text[])",
        id_,
        list(whose),
    )
    return opened(keys, row)


async def find_for_client(pool: asyncpg.Pool, keys: Keys, id_: UUID, client_id: str) -> Certified:
    """Return a certificate that a service system asked for.

    Raises:
        Problem: NOT_FOUND, also for another's.
    """
    row = await pool.fetchrow(
        f"SELECT {_SHOWN} FROM service.certificate c WHERE c.id = $1 AND c.client_id = $2", id_, client_id
    )
    return opened(keys, row)


async def find(con: asyncpg.Connection | asyncpg.Pool, keys: Keys, id_: UUID) -> Certified:
    """Return a certificate, whoever may ask: for those who have found out otherwise that they may.

    Raises:
        Problem: NOT_FOUND.
    """
    row = await con.fetchrow(f"SELECT {_SHOWN} FROM service.certificate c WHERE c.id = $1", id_)
    return opened(keys, row)


async def find_by_number(con: asyncpg.Connection | asyncpg.Pool, keys: Keys, typed: str) -> Certified:
    """Return the certificate of a printed number, whoever may ask.

    Raises:
        Problem: NOT_FOUND, also for what is no number.
    """
    told = _NUMBER.fullmatch(typed.strip())
    found = f"SELECT {_SHOWN} FROM service.certificate c WHERE c.kind = $1 AND c.year = $2 AND c.seq = $3"
    row = await con.fetchrow(found, told[1], int(told[2]), int(told[3])) if told else None
    return opened(keys, row)


async def own(pool: asyncpg.Pool, keys: Keys, whose: Sequence[str]) -> list[Certified]:
    """Return a person's certificates, the newest first."""
    rows = await pool.fetch(
        f"SELECT {_SHOWN} FROM service.certificate c WHERE c.subject_key = ANY ($1::text[])"
        " ORDER BY c.issued_at DESC LIMIT 500",
        list(whose),
    )
    return [opened(keys, row) for row in rows]


def opened(keys: Keys, row: Mapping[str, Any] | None) -> Certified:
    """Return a row with what it says.

    Raises:
        Problem: NOT_FOUND for None.
    """
    if row is None:
        raise Problem("NOT_FOUND", rule="certificate:own")
    kept = row["content"] and json.loads(unseal(keys, row["id"], "content", row["content"]))
    return Certified(row, kept)


def expected_at(ahead: int, per_s: float | None, at: datetime) -> datetime:
    """Return the minute in which a waiting paper is expected.

    Args:
        ahead: how many are printed before it.
        per_s: `PACE`; None where it cannot be told.
        at: now.
    """
    ready = at + timedelta(seconds=(ahead + 1) / (per_s or USUAL_PER_S))
    return (ready + timedelta(minutes=1)).replace(second=0, microsecond=0)


def shown(one: Certified) -> dict[str, Any]:
    """Return a certificate as whoever it was issued to sees it; no value."""
    row = one.row
    is_waiting = row["ahead"] is not None
    named = {
        name: row[name]
        for name in ("kind", "unit", "purpose", "language", "elements", "release", "issued_at", "valid_until")
    }
    later = {name: row[name] for name in ("state", "ahead", "revoked_at", "revoke_reason")}
    return {
        "certificate_id": one.id,
        "number": one.number,
        **named,
        **later,
        "expected_at": expected_at(row["ahead"], row["per_s"], now()) if is_waiting else None,
        "changed": list(row["changed"] or ()),
    }


async def pdf(pool: asyncpg.Pool, keys: Keys, one: Certified) -> bytes:
    """Return the sealed paper of a certificate.

    Raises:
        Problem: NOT_DONE while it is printed, GONE.
    """
    one.content()
    found = await pool.fetchval("SELECT pdf FROM service.certificate WHERE id = $1", one.id)
    if found is None:
        failed = one.row["state"] == "failed"
        raise Problem(
            "INTERNAL" if failed else "NOT_DONE",
            "the paper could not be printed" if failed else "",
            rule="certificate:printed",
            headers={} if failed else {"Retry-After": "2"},
        )
    return unseal(keys, one.id, "pdf", found)


async def revoke(con: asyncpg.Connection, one: Certified, by: str, reason: str, at: datetime) -> None:
    """Revoke a certificate; again, it changes nothing. Its open ticket is closed.

    Args:
        con: in a transaction.
        one: the certificate.
        by: the client that decides for its unit, or `self` for its holder.
        reason: for whoever holds it; without personal data.
        at: the moment from which it counts no longer.
    """
    await con.execute(
        "UPDATE service.certificate SET revoked_at = $2, revoked_by = $3, revoke_reason = $4"
        " WHERE id = $1 AND revoked_at IS NULL",
        one.id,
        at,
        by,
        reason,
    )
    await con.execute(
        "UPDATE service.certificate_ticket SET closed_at = $2, closed_by = $3, outcome = 'revoked', reason = $4"
        " WHERE certificate = $1 AND closed_at IS NULL",
        one.id,
        at,
        by,
        reason,
    )


async def revoked_in(pool: asyncpg.Pool, list_: int) -> list[int] | None:
    """Return the places of revoked certificates in a status list; None if there is no such list yet."""
    row = await pool.fetchrow(
        "SELECT count(*) > 0 AS known, array_agg(status_index) FILTER (WHERE revoked_at IS NOT NULL) AS revoked"
        " FROM service.certificate WHERE status_list = $1",
        list_,
    )
    return list(row["revoked"] or ()) if row["known"] else None


async def is_revoked(pool: asyncpg.Pool, list_: int, index: int) -> bool | None:
    """Return whether the certificate at a place of a status list was revoked; None if there is none."""
    found: bool | None = await pool.fetchval(
        "SELECT revoked_at IS NOT NULL FROM service.certificate WHERE status_list = $1 AND status_index = $2",
        list_,
        index,
    )
    return found


async def forget(pool: asyncpg.Pool, at: datetime) -> None:
    """Destroy what the time of is over: what certificates said, later also that there were any."""
    await pool.execute(
        "WITH ended AS (UPDATE service.certificate SET content = NULL, pdf = NULL, state = 'destroyed'"
        " WHERE expires_at <= $1 AND state <> 'destroyed' RETURNING id)"
        " UPDATE service.certificate_share s SET code = NULL FROM ended WHERE s.certificate = ended.id",
        at - KEPT_AFTER,
    )
    await pool.execute("DELETE FROM service.certificate WHERE expires_at <= $1", at - REMEMBERED)


def seal(keys: Keys, id_: UUID, what: str, content: bytes) -> bytes:
    """Encrypt something of a certificate, bound to its place, so that nothing can be put where another was."""
    nonce = secrets.token_bytes(_NONCE)
    packed = zlib.compress(content, 1)
    return nonce + AESGCM(keys.derived("certificates")).encrypt(nonce, packed, f"{id_} {what}".encode())


def unseal(keys: Keys, id_: UUID, what: str, sealed: bytes) -> bytes:
    """Return what was sealed."""
    key = AESGCM(keys.derived("certificates"))
    return zlib.decompress(key.decrypt(sealed[:_NONCE], sealed[_NONCE:], f"{id_} {what}".encode()))
