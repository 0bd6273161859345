"""Consent (单独同意): what a person was told, what they consented to for one case, and that they took it back.

The ground of a grant is usually a legal duty; where the decided demand names a notice, the elements of that notice are
given only while the person has consented to the text that is in force, for this case. A consent is bound to the text by
its digest: who consented to one version has not to the next. It is given by the person, or by the guardian of a child,
never by an agent or an officer, and what was taken back counts no longer from the next request on, in every worker.

A consent is found by the keyed digests of the numbers that identity links to the person, so it follows a merge, and
after a split it stays with the number that it was given under.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from pydantic import AwareDatetime, BaseModel

from catalogs.model import Catalog, Grant, Notice
from catalogs.notices import in_force, on_consent
from service import usages
from service.access import campus_day
from service.keys import Keys
from service.problems import Problem
from service.reads import Reading
from service.subjects import Resolved

# Element → the notice that has to be consented to; None where none is in force, so that nobody can.
Needed = dict[str, Notice | None]
SUBJECT, GUARDIAN = "subject", "guardian"
_OWN = "subject_key = ANY ($1) OR (given_by = 'guardian' AND actor_key = ANY ($1))"
_STANDING = """
SELECT notice_digest, elements FROM service.consent
WHERE case_id = $1 AND ($2::text[] IS NULL OR subject_key = ANY ($2))
    AND given_at <= $3 AND (withdrawn_at IS NULL OR withdrawn_at > $3)
"""
# Cases in which somebody took a consent back and has given none since that covers as much.
_TAKEN_BACK = """
SELECT DISTINCT c.case_id FROM service.consent c
WHERE c.client_id = $1 AND c.elements && $2::text[] AND c.withdrawn_at > $3 AND c.withdrawn_at <= $4
    AND NOT EXISTS (SELECT FROM service.consent s
        WHERE s.case_id = c.case_id AND s.subject_key = c.subject_key AND s.elements @> c.elements
            AND s.given_at > c.withdrawn_at AND s.withdrawn_at IS NULL)
"""
_COLUMNS = (
    "id AS consent_id, case_id, service_item, notice, version, elements, given_by, given_at, withdrawn_at"
)


class ConsentOut(BaseModel):
    """A consent as the service system that registered it, and the person, see it."""

    consent_id: UUID
    case_id: UUID
    service_item: str
    notice: str
    version: str
    elements: list[str]
    given_by: str
    given_at: AwareDatetime
    withdrawn_at: AwareDatetime | None


def needed(catalog: Catalog, grants: Sequence[Grant], elements: Sequence[str], today: date) -> Needed:
    """Return which of the elements are given only on consent; one demand that asks for it is enough."""
    wanted, found = set(elements), Needed()
    for grant in grants:
        demand = catalog.demands.get(grant.demand_id)
        if demand is not None and grant.element in wanted and grant.element in on_consent(catalog, demand):
            notice = in_force(catalog.notices.get(demand.notice, ()), today)
            found[grant.element] = notice if notice and grant.element in notice.elements else None
    return found


async def lacking(
    con: asyncpg.Connection | asyncpg.Pool | Reading,
    keys: Keys,
    case_id: UUID,
    subject: Resolved | None,
    needed: Needed,
    at: datetime,
) -> Needed:
    """Return what of the needed consents does not stand.

    Args:
        con: any connection.
        keys: by which people stand in the register.
        case_id: for which case.
        subject: whose; None: anybody's of the case.
        needed: what is given only on consent.
        at: the moment of the question.
    """
    if not needed:
        return {}
    whose = usages.subject_keys(keys, subject.keys) if subject else None
    standing = await con.fetch(_STANDING, case_id, whose, at)
    given = {(row["notice_digest"], element) for row in standing for element in row["elements"]}
    return {
        element: notice
        for element, notice in needed.items()
        if notice is None or (notice.digest, element) not in given
    }


async def taken_back(
    pool: asyncpg.Pool, client_id: str, needed: Needed, since: datetime, at: datetime
) -> frozenset[UUID]:
    """Return a client's cases in which a needed consent was taken back since a moment and not given again.

    Args:
        pool: the warehouse.
        client_id: whose cases.
        needed: what is given only on consent.
        since: when the answers began to be prepared: what was taken back before was refused then.
        at: the moment of the question.
    """
    if not needed:
        return frozenset()
    rows = await pool.fetch(_TAKEN_BACK, client_id, list(needed), since, at)
    return frozenset(row["case_id"] for row in rows)


async def check_given(
    pool: asyncpg.Pool,
    keys: Keys,
    catalog: Catalog,
    case_id: UUID | None,
    grants: Sequence[Grant],
    elements: Sequence[str],
    at: datetime,
) -> None:
    """Refuse elements for which nobody of a case has consented; without a case, all that need it.

    Raises:
        Problem: CONSENT_REQUIRED.
    """
    wanted = needed(catalog, grants, elements, campus_day(catalog, at))
    missing = await lacking(pool, keys, case_id, None, wanted, at) if case_id else wanted
    if missing:
        raise required(missing, elements)


def required(
    lacking: Mapping[str, Notice | None], elements: Sequence[str], pointer: str = "/elements/{}"
) -> Problem:
    """Return the refusal of elements that lack a consent, each with the notice to consent to."""
    errors = []
    for place, element in enumerate(elements):
        if element in lacking:
            notice = lacking[element]
            told = {"notice": notice.notice, "version": notice.version} if notice else {}
            errors.append({"pointer": pointer.format(place), "code": "consent_required", **told})
    names = sorted({one.notice for one in lacking.values() if one})
    detail = (
        f"the applicant has not consented to notice {', '.join(names)}" if names else "no notice is in force"
    )
    return Problem("CONSENT_REQUIRED", detail, errors, rule="consent:given")


def notice_for(catalog: Catalog, service_item: str, name: str, version: str, today: date) -> Notice:
    """Return the version of a notice that is in force and is for this service item.

    Raises:
        Problem: INVALID_PARAMETER.
    """
    found = in_force(catalog.notices.get(name, ()), today)
    if found is None or service_item not in found.service_items:
        errors = [{"pointer": "/notice", "code": "unknown"}]
        raise Problem("INVALID_PARAMETER", errors=errors, rule="consent:notice_in_force")
    if version != found.version:
        errors = [{"pointer": "/version", "code": "not_in_force"}]
        raise Problem("INVALID_PARAMETER", errors=errors, rule="consent:notice_in_force")
    return found


def elements_for(notice: Notice, asked: Sequence[str] | None, needed: Needed) -> list[str]:
    """Return what is consented to: what was asked, else all of the notice that is granted for the purpose.

    Raises:
        Problem: INVALID_PARAMETER for elements that are not of the notice or need no consent here, and where none is.
    """
    possible = [element for element in notice.elements if needed.get(element) == notice]
    errors = [
        {"pointer": f"/elements/{place}", "code": "not_asked_for"}
        for place, element in enumerate(asked or ())
        if element not in possible
    ]
    if errors or not possible:
        errors = errors or [{"pointer": "/notice", "code": "not_asked_for"}]
        raise Problem("INVALID_PARAMETER", errors=errors, rule="consent:needed")
    return list(dict.fromkeys(asked)) if asked else possible


async def give(con: asyncpg.Connection, row: Mapping[str, Any]) -> dict[str, Any]:
    """Write a consent down.

    Args:
        con: in a transaction.
        row: the columns of `service.consent` but its number.

    Returns:
        The consent as `ConsentOut` has it.
    """
    names = list(row)
    places = ", ".join(f"${place}" for place in range(2, len(names) + 2))
    found = await con.fetchrow(
        f"INSERT INTO service.consent (id, {', '.join(names)}) VALUES ($1, {places}) RETURNING {_COLUMNS}",
        uuid4(),
        *row.values(),
    )
    return dict(found)


async def find(pool: asyncpg.Pool, id_: UUID, client_id: str) -> dict[str, Any]:
    """Return one of the client's own consents.

    Raises:
        Problem: NOT_FOUND, also for another client's.
    """
    row = await pool.fetchrow(
        f"SELECT {_COLUMNS} FROM service.consent WHERE id = $1 AND client_id = $2", id_, client_id
    )
    if row is None:
        raise Problem("NOT_FOUND", rule="consent:own")
    return dict(row)


async def of_person(pool: asyncpg.Pool, own: Sequence[str]) -> list[dict[str, Any]]:
    """Return all consents about a person, and those that they gave for a child, the newest first.

    Args:
        pool: the warehouse.
        own: by what the person stands there (`usages.subject_keys`): digests of numbers with their kinds.
    """
    rows = await pool.fetch(
        f"SELECT {_COLUMNS} FROM service.consent WHERE {_OWN} ORDER BY given_at DESC LIMIT 1000",
        own,
    )
    return [dict(row) for row in rows]


async def withdraw(pool: asyncpg.Pool, id_: UUID, client_id: str, by: str, at: datetime) -> dict[str, Any]:
    """Take back a consent that a client registered; what is taken back already stays as it is.

    Args:
        pool: the warehouse.
        id_: its number.
        client_id: whose system asks.
        by: the role of who hands it in.
        at: the moment from which it does not count.

    Raises:
        Problem: NOT_FOUND for another client's.
    """
    return await _withdraw(pool, id_, by, at, "client_id = $1", client_id)


async def withdraw_own(pool: asyncpg.Pool, id_: UUID, at: datetime, own: Sequence[str]) -> dict[str, Any]:
    """Take back a consent of a person's own, or that they gave for a child.

    Raises:
        Problem: NOT_FOUND for somebody else's.
    """
    return await _withdraw(pool, id_, "applicant", at, _OWN, own)


async def _withdraw(
    pool: asyncpg.Pool, id_: UUID, by: str, at: datetime, own: str, *of_own: Any
) -> dict[str, Any]:
    number = len(of_own)
    row = await pool.fetchrow(
        f"UPDATE service.consent SET withdrawn_at = coalesce(withdrawn_at, ${number + 1}),"
        f" withdrawn_by = coalesce(withdrawn_by, ${number + 2})"
        f" WHERE id = ${number + 3} AND ({own}) RETURNING {_COLUMNS}",
        *of_own,
        at,
        by,
        id_,
    )
    if row is None:
        raise Problem("NOT_FOUND", rule="consent:own")
    return dict(row)
