"""`POST /v1/window:prefill`: a clerk at a window has the form of an open case filled, by the clerk's own authority.

`POST /v1/window:confirm`: the clerk has seen the proof of what the applicant had typed, and says so.

A service system that serves windows too (`channels` of clients.yaml) registers the case; the university's portal
(`windows: true`) asks for the clerk. What the system may be told for the service item, and nothing else, is told; to a
clerk of the unit that leads the service item, as posts.csv has it today; about the case's applicant; on record with
the clerk as the officer. Whatever of this does not hold is refused in the same words, so that nobody learns from it
which cases there are.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, Field

from catalogs.model import Catalog
from catalogs.model_posts import CLERK
from catalogs.posts import holdings_of, units_of_post
from catalogs.settings import now
from service import access, cases, decisions, declared, queries, tokens, usages, windows
from service.api import Around, Asked, Caller, refusals
from service.api_facts import PrefillOut
from service.decisions import Deciding, Surroundings
from service.problems import Problem
from service.queries import PrefillQuery
from service.record import canonical
from service.tokens import Client
from service.windows import AtWindow, WindowQuery

router = APIRouter(tags=["facts"])
_WINDOW = "window"
_FOUND = """
SELECT id, client_id, external_no, service_item, status, parties, registered_at, expires_at FROM service."case"
WHERE id = $1 OR external_no = $2 LIMIT 10
"""


class Confirming(AtWindow):
    """`POST /v1/window:confirm`."""

    declared_id: UUID = Field(description="`serial` of the evidence of a self-declared field")
    evidence_digest: str = Field(
        pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the proof that the unit keeps, hex"
    )


class ConfirmedOut(BaseModel):
    """What is `officer_verified` from now on; the value is not repeated."""

    case_id: UUID
    declared_id: UUID
    element: str
    verifier: str
    verified_at: AwareDatetime


class WindowOut(BaseModel):
    """The filled form, with the case that it is of."""

    case_id: UUID
    external_no: str | None
    status: str
    prefill: PrefillOut


@router.post(
    "/v1/window:prefill", response_model_exclude_unset=True, responses=refusals(403, 404, 409, 413, 415, 422)
)
async def prefill(asked: WindowQuery, around: Around, caller: Caller) -> WindowOut:
    """Fill the form of an open case for a clerk of the unit that leads its service item."""
    at, current = now(), caller.current
    decision = decisions.decision_of(caller.client, "window", current.release)
    decision = replace(decision, actor_id=asked.clerk, actor_role="officer")
    async with decisions.deciding(around, decision, asked.model_dump(mode="json"), at) as one:
        row, client, query = await _opened(around, caller, asked, asked.capacity, one, at)
        item = row["service_item"]
        around_case = replace(around, reads=windows.OfCase(around.pool, row))
        answer, told = await queries.compose(around_case, client, current, query, item, None, one, at)
        rule = f"window of {client.client_id}; {queries.rule_of(told)}"
        answer["receipt"] = await decisions.allow(around, one, canonical(answer), at, rule)
    return WindowOut(
        case_id=row["id"],
        external_no=row["external_no"],
        status=row["status"],
        prefill=PrefillOut(**answer),
    )


@router.post("/v1/window:confirm", responses=refusals(403, 404, 409, 413, 415, 422))
async def confirm(asked: Confirming, around: Around, caller: Caller) -> ConfirmedOut:
    """Say that a clerk of the unit that leads the case's service item has seen the proof of a self-declared value."""
    at, current, catalog = now(), caller.current, caller.catalog
    decision = decisions.decision_of(caller.client, "window_confirm", current.release)
    decision = replace(decision, actor_id=asked.clerk, actor_role="officer")
    async with decisions.deciding(around, decision, asked.model_dump(mode="json"), at) as one:
        row, client, query = await _opened(around, caller, asked, None, one, at)
        item = catalog.services[row["service_item"]]
        access.check_purpose(catalog, client.client_id, item.code, at)
        subject, _, _ = await queries.standing_of(around, client, current, query, item.code, at)
        today = access.campus_day(catalog, at)
        offered = declared.rights(catalog, client.client_id, item, today)
        whose = usages.subject_keys(around.keys, subject.keys)
        own = await declared.read(around.pool, around.keys, catalog, whose, offered, at, b"")
        if asked.declared_id not in {said.id for said in own.values()}:
            raise Problem("NOT_FOUND", rule="declared:of_this_case")
        number, element = await declared.verify(
            around.pool, around.keys, whose, asked.declared_id, item.lead_unit, asked.evidence_digest, at
        )
        one.learn(elements=[element])
        answer = {
            "case_id": str(row["id"]),
            "declared_id": str(number),
            "element": element,
            "verifier": item.lead_unit,
            "verified_at": at.isoformat(),
        }
        await decisions.allow(around, one, answer, at, f"window of {client.client_id}; proof seen")
    return ConfirmedOut(**answer)


async def _opened(
    around: Surroundings, caller: Asked, asked: AtWindow, capacity: str | None, one: Deciding, at: datetime
) -> tuple[Mapping[str, Any], Client, PrefillQuery]:
    """Return the open case that a clerk may handle, the system whose it is, and what to ask about its applicant.

    Raises:
        Problem: NOT_PERMITTED or CASE_NOT_VALID.
    """
    catalog = caller.catalog
    _check_asks_for_windows(caller)
    units = _units_of_clerk(catalog, asked.clerk, at)
    one.learn(receiver_unit=min(units, default=caller.client.unit))
    row = await _case(around.pool, catalog, asked.case, units, at)
    item = row["service_item"]
    party = windows.applicant(cases.judged(row, item, at))
    if party is None:
        raise _refused("case:has_an_applicant")
    one.learn(
        receiver_unit=catalog.services[item].lead_unit,
        subject=party.key(),
        purpose=item,
        case_id=str(row["id"]),
    )
    client = tokens.active(await tokens.find_client(around.pool, row["client_id"]))
    query = windows.query_of(row, party, asked.clerk, capacity)
    return row, client, query


def _check_asks_for_windows(caller: Asked) -> None:
    known = caller.catalog.campus.clients.get(caller.client.client_id, {})
    if known.get("windows") is not True or known.get("unit") != caller.client.unit:
        raise Problem("NOT_PERMITTED", rule="window:of_this_client")


def _units_of_clerk(catalog: Catalog, person: str, at: datetime) -> frozenset[str]:
    """Return the units whose windows somebody sits at today.

    Raises:
        Problem: NOT_PERMITTED for who is no clerk.
    """
    held = holdings_of(catalog, person, access.campus_day(catalog, at))
    units = [units_of_post(catalog, one.post) for one in held if one.role == CLERK]
    if not units:
        raise Problem("NOT_PERMITTED", rule="window:clerk")
    return frozenset().union(*units)


async def _case(
    pool: asyncpg.Pool, catalog: Catalog, number: str, units: frozenset[str], at: datetime
) -> Mapping[str, Any]:
    """Return the one case of a number that a clerk of these units may open.

    Raises:
        Problem: CASE_NOT_VALID.
    """
    id_ = None
    with contextlib.suppress(ValueError):
        id_ = UUID(number)
    found = []
    for row in await pool.fetch(_FOUND, id_, number):
        item = catalog.services.get(row["service_item"])
        channels = catalog.campus.clients.get(row["client_id"], {}).get("channels") or ()
        is_open = row["status"] in cases.OPEN and row["expires_at"] > at
        if is_open and item is not None and item.lead_unit in units and _WINDOW in channels:
            found.append(row)
    if len(found) != 1:
        raise _refused("window:open_case_of_own_unit" if not found else "window:one_case")
    return found[0]


def _refused(why: str) -> Problem:
    detail = "no open case of this number is for a window of the clerk's unit"
    return Problem("CASE_NOT_VALID", detail, rule="window:case", noted=why)
