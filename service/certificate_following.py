"""Certificates followed through the releases: whoever issued one is told when what it states is no longer so.

One worker at a time compares each valid certificate once per release, by keyed digests of its values. Nothing is
revoked by itself: a fact that has changed since was right on its day, and what that means is for the issuing unit to
say. It gets a ticket with a deadline; the holder sees which elements have changed.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID, uuid4

import asyncpg
import structlog
from pydantic import AwareDatetime, BaseModel

from catalogs.model import Grant
from catalogs.settings import now
from service import access, certificates, corrections, facts
from service.certificate_content import value_digest
from service.certificates import Certified
from service.keys import Keys
from service.problems import Problem
from service.reads import Reading
from service.record import canonical
from service.state import Current, State
from service.subjects import resolve
from service.transactions import DATABASE_ERRORS, opened, pinned
from service.wanted import Question

EVERY_S = 20
_AT_ONCE = 100
_ALONE = "SELECT pg_try_advisory_xact_lock(hashtext('yici certificates'))"
_UNCHECKED = """
SELECT id, content, kind, year, seq, unit FROM service.certificate
WHERE checked_release < $1 AND revoked_at IS NULL AND expires_at > $2 AND content IS NOT NULL
ORDER BY issued_at LIMIT $3 FOR UPDATE SKIP LOCKED
"""
_OPEN = """
INSERT INTO service.certificate_ticket AS t (id, certificate, unit, elements, release, opened_at, due_on)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (certificate) WHERE closed_at IS NULL
DO UPDATE SET elements = ARRAY(SELECT DISTINCT unnest(t.elements || excluded.elements))
"""
_SHOWN = """
SELECT t.id AS ticket_id, t.certificate AS certificate_id, c.kind, c.year, c.seq, t.elements, t.release, t.opened_at,
    t.due_on, t.outcome, t.reason
FROM service.certificate_ticket t JOIN service.certificate c ON c.id = t.certificate
"""
# Parameters 1 to 3: `Issuer.told`.
_OF_ISSUER = "(c.unit = $1 OR c.kind = ANY ($2::text[])) AND c.subject_key <> ALL ($3::text[])"
# What cannot be read now says nothing about what was certified.
_SILENT = ("source_unavailable", "withheld", "not_permitted")
_NOBODY = ""
_log = structlog.get_logger("yici.service")


@dataclass(frozen=True)
class Issuer:
    """Who answers for certificates: a unit by its system, or whoever holds the post that some kinds name.

    Attributes:
        by: as the register names them; never a person.
        unit: whose certificates; None: by kind alone.
        kinds: codes of the kinds.
        themselves: under which keys certificates about themselves stand in the register.
    """

    by: str
    unit: str | None = None
    kinds: tuple[str, ...] = ()
    themselves: Sequence[str] = field(default=(), repr=False)

    def checked(self, found: Certified) -> Certified:
        """Return a certificate that they answer for.

        Raises:
            Problem: NOT_FOUND, SELF_ACCESS_FORBIDDEN.
        """
        if found.row["unit"] != self.unit and found.row["kind"] not in self.kinds:
            raise Problem("NOT_FOUND", rule="certificate:of_own_unit")
        if found.row["subject_key"] in self.themselves:
            raise Problem("SELF_ACCESS_FORBIDDEN", rule="certificate:not_about_oneself")
        return found

    @property
    def told(self) -> tuple[str | None, list[str], list[str]]:
        """What `_OF_ISSUER` asks for."""
        return self.unit, list(self.kinds), list(self.themselves)


class TicketOut(BaseModel):
    """A valid certificate that states what is no longer so; no values."""

    ticket_id: UUID
    certificate_id: UUID
    number: str
    elements: list[str]
    release: int
    opened_at: AwareDatetime
    due_on: date
    outcome: Literal["revoked", "kept"] | None
    reason: str | None


async def following(pool: asyncpg.Pool, keys: Keys, state: State) -> None:
    """Follow valid certificates until cancelled."""
    while True:
        try:
            current = await state.current(pool)
            while await follow(pool, keys, current):
                pass
        except (Problem, *DATABASE_ERRORS) as error:
            if not isinstance(error, Problem) or error.code != "NO_RELEASE":
                _log.error("certificates could not be followed", error=type(error).__name__)
        await asyncio.sleep(EVERY_S)


async def follow(pool: asyncpg.Pool, keys: Keys, current: Current) -> int:
    """Compare some certificates that nobody has compared with this release; returns how many there were.

    It holds a connection and borrows another one: a pool of one would wait for itself.
    """
    at = now()
    due_on = corrections.due_on(current.catalog, access.campus_day(current.catalog, at))
    async with opened(pool, "BEGIN") as con:
        if not await con.fetchval(_ALONE):
            return 0  # another worker is at it
        rows = await con.fetch(_UNCHECKED, current.release, at, _AT_ONCE)
        for row in rows:
            id_, content = row["id"], row["content"]
            try:
                one = certificates.opened(keys, row)
                changed = await _changed(pool, keys, current, one)
                content = _seen(keys, one, changed) if changed else content
            except (Problem, *DATABASE_ERRORS):
                raise
            except Exception as error:  # noqa: BLE001  # whatever is wrong with one, the others are followed
                _log.error("a certificate could not be followed", error=type(error).__name__, id=str(id_))
                changed = {}
            if changed:
                unit, named = row["unit"], list(changed)
                await con.execute(_OPEN, uuid4(), id_, unit, named, current.release, at, due_on)
            await con.execute(
                "UPDATE service.certificate SET checked_release = $2, content = $3 WHERE id = $1",
                id_,
                current.release,
                content,
            )
    return len(rows)


def _seen(keys: Keys, one: Certified, changed: Mapping[str, str]) -> bytes:
    """Return what a certificate says, with the digests by which only a further change is told again."""
    kept = dict(one.content())
    kept["values"] = [
        value | {"digest": changed.get(value["element"], value["digest"])} for value in kept["values"]
    ]
    return certificates.seal(keys, one.id, "content", canonical(kept))


async def _changed(pool: asyncpg.Pool, keys: Keys, current: Current, one: Certified) -> dict[str, str]:
    """Return the elements of a certificate whose value is another in a release, each with the digest of that one."""
    kept = one.content()
    digests = {value["element"]: value["digest"] for value in kept["values"]}
    elements = [element for element in digests if element in current.catalog.elements]
    kind, person = kept["subject"]
    async with pinned(pool, current.release) as con:
        (subject,) = await resolve(con, current.catalog, [(kind, person)], now())
        if subject.subject_id is None:
            return {element: _NOBODY for element, digest in digests.items() if digest != _NOBODY}
        question = Question(
            keys=subject.keys,
            in_doubt=False,
            capacity=kept["capacity"] if kept["capacity"] in current.catalog.populations else None,
            grants=_everything(current, elements),
            elements=elements,
            at=now(),
        )
        gathered = await facts.gather(Reading(con), current, question)
    found = facts.settle(current, gathered, {})
    now_so = {
        element: value_digest(keys, found[element])
        for element in elements
        if found[element].status not in _SILENT
    }
    return {element: digest for element, digest in now_so.items() if digest != digests[element]}


def _everything(current: Current, elements: list[str]) -> list[Grant]:
    """Return grants for every stored source: what is compared here leaves the process as a digest only."""
    return [
        Grant("", "", "", element, source.resource, source.item, "", "", "", None, None, "")
        for element in elements
        for source in current.catalog.sources_of(element)
        if not current.catalog.is_asked(source.resource)
    ]


async def waiting(pool: asyncpg.Pool, issuer: Issuer) -> list[dict[str, Any]]:
    """Return the open tickets of whoever answers for the certificates, the most urgent first."""
    rows = await pool.fetch(
        f"{_SHOWN} WHERE {_OF_ISSUER} AND t.closed_at IS NULL ORDER BY t.due_on, t.opened_at LIMIT 1000",
        *issuer.told,
    )
    return [_shown(row) for row in rows]


async def keep(
    pool: asyncpg.Pool, ticket_id: UUID, issuer: Issuer, reason: str, at: datetime
) -> dict[str, Any]:
    """Close a ticket and leave its certificate valid; the same again changes nothing.

    Raises:
        Problem: NOT_FOUND for another's, TICKET_CLOSED where the certificate was revoked.
    """
    await pool.execute(
        "UPDATE service.certificate_ticket t SET closed_at = $5, closed_by = $6, outcome = 'kept', reason = $7"
        f" FROM service.certificate c WHERE c.id = t.certificate AND {_OF_ISSUER} AND t.id = $4"
        " AND t.closed_at IS NULL",
        *issuer.told,
        ticket_id,
        at,
        issuer.by,
        reason,
    )
    row = await pool.fetchrow(f"{_SHOWN} WHERE {_OF_ISSUER} AND t.id = $4", *issuer.told, ticket_id)
    if row is None:
        raise Problem("NOT_FOUND", rule="certificate:of_own_unit")
    if row["outcome"] != "kept":
        raise Problem("TICKET_CLOSED", "the certificate was revoked", rule="certificate:decided_once")
    return _shown(row)


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    own = {name: row[name] for name in TicketOut.model_fields if name != "number"}
    return own | {"number": certificates.number(row["kind"], row["year"], row["seq"])}
