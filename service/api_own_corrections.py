"""`/v1/me/corrections`: the person who is logged in says that a fact is wrong, and sees what became of it."""

from typing import Annotated, Any

import asyncpg
from fastapi import APIRouter, Header, Request
from pydantic import Field

from catalogs.settings import now
from service import access, corrections, decisions, idempotency
from service.api import Around, refusals, required_key
from service.api_me import keys_of, known_number, myself, oneself, own_known
from service.corrections import CorrectionOut, Statement
from service.problems import Problem
from service.subjects import WITHOUT_NUL, Closed, Text

router = APIRouter(tags=["subject"])


class OwnCorrection(Closed):
    """`POST /v1/me/corrections`."""

    element: Text
    stated: str | None = Field(
        None, min_length=1, max_length=500, pattern=WITHOUT_NUL, repr=False, description="The right value"
    )
    reason: str = Field(min_length=1, max_length=1000, pattern=WITHOUT_NUL, repr=False)


@router.post("/v1/me/corrections", status_code=201, responses=refusals(404, 409, 413, 415, 422))
async def file_own(
    asked: OwnCorrection,
    request: Request,
    around: Around,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
) -> CorrectionOut:
    """Say that a fact about oneself is wrong; it goes to the unit that answers for it. One at a time for each fact."""
    at, current = now(), await around.state.current(around.pool)
    whom, decision = await myself(request, around, "me_correction_file", current.release)
    content = asked.model_dump(mode="json")
    async with decisions.deciding(around, decision, content, at) as one:
        key = required_key(idempotency_key)
        subject, known, _ = await own_known(around, current, whom, at)
        if asked.element not in known:
            errors = [{"pointer": "/element", "code": "not_shown_to_you"}]
            raise Problem("INVALID_PARAMETER", errors=errors, rule="correction:of_an_own_fact")
        one.learn(elements=[asked.element])
        stated = Statement(known_number(whom, subject), asked.element, asked.stated, asked.reason)
        today = access.campus_day(current.catalog, at)

        async def create(con: asyncpg.Connection) -> dict[str, Any]:
            about = subject, known[asked.element]
            return await corrections.file(
                con, around.keys, current.catalog, stated, about, current.release, today, at
            )

        whose = keys_of(around, whom)
        answer = await idempotency.once(around.pool, around.keys, whose, key, content, at, create)
        await decisions.allow(around, one, {"state": answer["state"]}, at, "subject:own")
    return CorrectionOut(**answer)


@router.get("/v1/me/corrections", responses=refusals(404))
async def own_corrections(request: Request, around: Around) -> list[CorrectionOut]:
    """The corrections of facts about the person who is logged in: with whom, until when, what was decided and why."""
    at, current = now(), await around.state.current(around.pool)
    whom, decision = await myself(request, around, "me_corrections", current.release)
    async with decisions.deciding(around, decision, {}, at) as one:
        found = await corrections.of_person(around.pool, await oneself(around, current, whom, at))
        await decisions.allow(around, one, {"count": len(found)}, at, "subject:own")
    return [CorrectionOut(**each) for each in found]
