"""`/v1/notices`, `/v1/consents` and `/v1/me/consents`: what people are told, what they consented to, and back again.

Only the person consents, or the guardian of a child; the service system keeps the proof (a signed form, a log of the
click) and hands in its digest. Whoever consented may take it back in the hall, and everybody at their own login.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Annotated, Any
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Header, Path, Query, Request
from pydantic import BaseModel, Field

from catalogs.model import Notice
from catalogs.notices import in_force
from catalogs.settings import now
from service import access, consents, decisions, declared, guardians, idempotency, queries
from service.access import Actor
from service.api import Around, Caller, refusals, required_key
from service.api_me import myself, own_keys
from service.consents import GUARDIAN, SUBJECT, ConsentOut
from service.decisions import Deciding
from service.problems import Problem
from service.queries import CaseQuery
from service.subjects import Closed, Text

router = APIRouter()
_REFUSED = refusals(400, 403, 404, 409, 413, 415, 422)


class NoticeOut(BaseModel):
    """What is shown before somebody consents; `digest` names this text and no other."""

    notice: str
    version: str
    title_zh: str
    title_en: str
    purpose_zh: str
    purpose_en: str
    text_zh: str
    text_en: str
    service_items: list[str]
    elements: list[str]
    retention: str
    valid_from: date | None
    valid_to: date | None
    digest: str


class NewConsent(CaseQuery):
    """`POST /v1/consents`."""

    service_item: Text
    notice: Text
    version: Text = Field(description="The version that was shown; only the one in force can be consented to")
    elements: list[Text] | None = Field(
        None, min_length=1, max_length=200, description="Of the notice; by default all that are granted"
    )
    evidence_digest: str = Field(
        pattern="^[0-9a-f]{64}$", description="SHA-256 of the proof that the service system keeps"
    )


class ConsentWithdrawal(Closed):
    """`POST /v1/consents/{id}:withdraw`."""

    actor: Actor


class OwnWithdrawal(Closed):
    """`POST /v1/me/consents/{id}:withdraw`: whose it is says the login."""


class OwnConsents(BaseModel):
    """Everything that the person who is logged in has consented to, the newest first."""

    consents: list[ConsentOut]


@router.get("/v1/notices/{name:part}", tags=["consents"], responses=refusals(404, 422))
async def notice(
    name: Annotated[str, Path(min_length=1, max_length=64)],
    caller: Caller,
    version: Annotated[str | None, Query(min_length=1, max_length=64)] = None,
) -> NoticeOut:
    """Return the version of a notice that is in force today, or the one that is asked for."""
    versions = caller.catalog.notices.get(name, ())
    if version is None:
        found = in_force(versions, access.campus_day(caller.catalog, now()))
    else:
        found = next((one for one in versions if one.version == version), None)
    if found is None:
        raise Problem("NOT_FOUND")
    return _notice(found)


@router.post("/v1/consents", tags=["consents"], status_code=201, responses=_REFUSED)
async def give(
    asked: NewConsent,
    around: Around,
    caller: Caller,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
) -> ConsentOut:
    """Register that a party of a case has consented to a notice, or a guardian for a child."""
    at, client, current, catalog = now(), caller.client, caller.current, caller.catalog
    decision = queries.about(client, current, "consent_give", asked, asked.service_item, asked.elements or ())
    content = asked.model_dump(mode="json")
    async with decisions.deciding(around, decision, content, at) as one:
        key = required_key(idempotency_key)
        today = access.campus_day(catalog, at)
        grants = access.check_purpose(catalog, client.client_id, asked.service_item, at)
        item = catalog.services[asked.service_item]
        grants = [*grants, *declared.rights(catalog, client.client_id, item, today)]
        subject, _, standing = await queries.standing_of(
            around, client, current, asked, asked.service_item, at
        )
        guardian = guardians.check_decides(asked.actor, subject, standing)
        by = GUARDIAN if guardian else SUBJECT
        told = consents.notice_for(catalog, asked.service_item, asked.notice, asked.version, today)
        needed = consents.needed(catalog, grants, told.elements, today)
        elements = consents.elements_for(told, asked.elements, needed)
        one.learn(elements=elements)
        row = {
            "client_id": client.client_id,
            "case_id": asked.case_id,
            "service_item": asked.service_item,
            "subject_key": around.keys.subject_key(*asked.subject.key()),
            "notice": told.notice,
            "version": told.version,
            "notice_digest": told.digest,
            "elements": elements,
            "given_by": by,
            "actor_key": around.keys.subject_key(*(guardian or asked.subject).key()),
            "evidence_digest": asked.evidence_digest,
            "given_at": at,
        }

        async def create(con: asyncpg.Connection) -> dict[str, Any]:
            return await consents.give(con, row)

        answer = await idempotency.once(around.pool, around.keys, client.client_id, key, content, at, create)
        one.also += [standing.noted] if standing.noted else []
        await decisions.allow(around, one, answer, at, f"consent:by_{by} {told.notice}/{told.version}")
    return ConsentOut(**answer)


@router.get("/v1/consents/{consent_id:part}", tags=["consents"], responses=refusals(404, 422))
async def show(consent_id: UUID, around: Around, caller: Caller) -> ConsentOut:
    """Show one of the caller's own consents."""
    return ConsentOut(**await consents.find(around.pool, consent_id, caller.client.client_id))


@router.post(
    "/v1/consents/{consent_id:part}:withdraw", tags=["consents"], responses=refusals(403, 404, 413, 415, 422)
)
async def withdraw(
    consent_id: UUID, withdrawal: ConsentWithdrawal, around: Around, caller: Caller
) -> ConsentOut:
    """Take a consent back at the person's wish, whoever hands it in; it counts no longer from the next request on."""
    at, actor = now(), withdrawal.actor
    decision = replace(
        decisions.decision_of(caller.client, "consent_withdraw", caller.current.release),
        actor_id=actor.user_id,
        actor_role=actor.role,
    )
    asked = {"consent_id": str(consent_id)} | withdrawal.model_dump(mode="json")
    async with decisions.deciding(around, decision, asked, at) as one:
        client_id = caller.client.client_id
        answer = await consents.withdraw(around.pool, consent_id, client_id, actor.role, at)
        _learn(one, answer)
        await decisions.allow(around, one, answer, at, "consent:withdrawn")
    return ConsentOut(**answer)


@router.get("/v1/me/consents", tags=["subject"], responses=refusals(404, 422))
async def own_consents(request: Request, around: Around) -> OwnConsents:
    """What the person who is logged in has consented to, also for a child, and what of it was taken back."""
    at, current = now(), await around.state.current(around.pool)
    whom, decision = await myself(request, around, "me_consents", current.release)
    async with decisions.deciding(around, decision, {}, at) as one:
        own = await own_keys(around, current, whom, at)
        found = await consents.of_person(around.pool, own)
        await decisions.allow(around, one, {"consents": found}, at, "subject:own")
    return OwnConsents(consents=[ConsentOut(**row) for row in found])


@router.post(
    "/v1/me/consents/{consent_id:part}:withdraw", tags=["subject"], responses=refusals(404, 413, 415, 422)
)
async def withdraw_own(
    consent_id: UUID, _withdrawal: OwnWithdrawal, request: Request, around: Around
) -> ConsentOut:
    """Take back a consent of one's own, or that one gave for a child; it counts no longer from the next request on."""
    at, current = now(), await around.state.current(around.pool)
    whom, decision = await myself(request, around, "me_consent_withdraw", current.release)
    async with decisions.deciding(around, decision, {"consent_id": str(consent_id)}, at) as one:
        own = await own_keys(around, current, whom, at)
        answer = await consents.withdraw_own(around.pool, consent_id, at, own)
        _learn(one, answer)
        await decisions.allow(around, one, answer, at, "subject:own")
    return ConsentOut(**answer)


def _learn(one: Deciding, consent: Mapping[str, Any]) -> None:
    one.learn(purpose=consent["service_item"], case_id=str(consent["case_id"]), elements=consent["elements"])


def _notice(found: Notice) -> NoticeOut:
    return NoticeOut(**{name: getattr(found, name) for name in NoticeOut.model_fields})
