"""`/v1/declared` and `/v1/me/declared`: what an applicant typed is kept to be offered again, until they delete it."""

import asyncio
from datetime import date
from typing import Annotated, Any
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Header, Request
from pydantic import AwareDatetime, BaseModel, Field

from catalogs.model import Catalog, ServiceItem
from catalogs.settings import now
from service import access, decisions, declared, guardians, idempotency, queries, usages
from service.api import Around, Caller, refusals, required_key
from service.api_me import myself, own_keys
from service.problems import Problem
from service.queries import CaseQuery
from service.subjects import WITHOUT_NUL, Closed, Text

router = APIRouter()


class NewValue(Closed):
    """One value as it was typed: numbers, dates (RFC 3339) and flags as text, a coded one by code or name."""

    element: Text
    value: str = Field(min_length=1, max_length=500, pattern=WITHOUT_NUL, repr=False)


class NewDeclaration(CaseQuery):
    """`POST /v1/declared`."""

    service_item: Text
    values: list[NewValue] = Field(min_length=1, max_length=50)


class KeptOut(BaseModel):
    """A value that is kept."""

    declared_id: UUID
    element: str


class DeclarationOut(BaseModel):
    """What is kept now; the values themselves are not repeated."""

    case_id: UUID
    declared_at: AwareDatetime
    declared: list[KeptOut]


class DeletedOut(BaseModel):
    """What the person deleted."""

    declared_id: UUID
    element: str
    deleted_at: AwareDatetime


@router.post(
    "/v1/declared", tags=["declared"], status_code=201, responses=refusals(400, 403, 404, 409, 413, 415, 422)
)
async def keep(
    asked: NewDeclaration,
    around: Around,
    caller: Caller,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
) -> DeclarationOut:
    """Keep what an applicant, or the guardian of a child, typed in fields of the form that they declare themselves."""
    at, client, current, catalog = now(), caller.client, caller.current, caller.catalog
    names = [one.element for one in asked.values]
    decision = queries.about(client, current, "declared_keep", asked, asked.service_item, names)
    content = asked.model_dump(mode="json")
    async with decisions.deciding(around, decision, content, at) as one:
        key = required_key(idempotency_key)
        access.check_purpose(catalog, client.client_id, asked.service_item, at)
        subject, _, standing = await queries.standing_of(
            around, client, current, asked, asked.service_item, at
        )
        guardians.check_decides(asked.actor, subject, standing)
        item, today = catalog.services[asked.service_item], access.campus_day(catalog, at)
        values = await asyncio.to_thread(_checked, catalog, item, asked.values, today)
        whose = usages.subject_keys(around.keys, subject.keys)
        row = {
            "subject_key": around.keys.subject_key(*asked.subject.key()),
            "client_id": client.client_id,
            "case_id": asked.case_id,
            "service_item": asked.service_item,
        }

        async def create(con: asyncpg.Connection) -> dict[str, Any]:
            numbers = await declared.keep(con, around.keys, whose, row, values, at)
            kept = [{"declared_id": str(id_), "element": element} for element, id_ in numbers.items()]
            return {"case_id": str(asked.case_id), "declared_at": at.isoformat(), "declared": kept}

        answer = await idempotency.once(around.pool, around.keys, client.client_id, key, content, at, create)
        one.also += [standing.noted] if standing.noted else []
        await decisions.allow(around, one, answer, at, "declared:by_the_person")
    return DeclarationOut(**answer)


@router.delete("/v1/me/declared/{declared_id:part}", tags=["subject"], responses=refusals(404, 422))
async def delete(declared_id: UUID, request: Request, around: Around) -> DeletedOut:
    """Delete a value of one's own, with all its earlier dates; nobody is offered it from now on."""
    at, current = now(), await around.state.current(around.pool)
    whom, decision = await myself(request, around, "me_declared_delete", current.release)
    asked = {"declared_id": str(declared_id)}
    async with decisions.deciding(around, decision, asked, at) as one:
        whose = await own_keys(around, current, whom, at)
        element = await declared.delete(around.pool, whose, declared_id, at)
        one.learn(elements=[element])
        answer = asked | {"element": element, "deleted_at": at.isoformat()}
        await decisions.allow(around, one, answer, at, "subject:own")
    return DeletedOut(**answer)


def _checked(catalog: Catalog, item: ServiceItem, given: list[NewValue], today: date) -> dict[str, str]:
    """Return the values as they are kept.

    Raises:
        Problem: INVALID_PARAMETER, pointing at each that the form does not let declare or that is none of its element.
    """
    possible = {field.element for field in item.form if field.is_declared}
    values: dict[str, str] = {}
    errors = []
    for place, one in enumerate(given):
        pointer = f"/values/{place}"
        if one.element not in possible or one.element not in catalog.elements:
            errors.append({"pointer": f"{pointer}/element", "code": "not_declared_in_form"})
        elif one.element in values:
            errors.append({"pointer": f"{pointer}/element", "code": "element_twice"})
        else:
            try:
                values[one.element] = declared.checked(
                    catalog, catalog.elements[one.element], one.value, today
                )
            except ValueError as error:
                errors.append({"pointer": f"{pointer}/value", "code": str(error)})
    if errors:
        raise Problem("INVALID_PARAMETER", errors=errors, rule="declared:of_this_form")
    return values
