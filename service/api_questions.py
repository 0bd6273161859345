"""People question an access to their data; the unit that had it, or the data office, answers. All on record."""

from uuid import UUID

from fastapi import APIRouter, Request

from catalogs.settings import now
from service import access, decisions, questions, usages
from service.api import Around, Asked, Caller, decides, refusals
from service.api_me import myself, own_keys
from service.problems import Problem
from service.questions import Answer, NewQuestion, QuestionOut

router = APIRouter()


@router.post(
    "/v1/me/usages/{transaction_id:part}:question",
    status_code=201,
    tags=["subject"],
    responses=refusals(404, 413, 415, 422),
)
async def question(transaction_id: UUID, asked: NewQuestion, request: Request, around: Around) -> QuestionOut:
    """Ask why an access to one's own data was made; asked again, it is the same question."""
    at, current = now(), await around.state.current(around.pool)
    whom, decision = await myself(request, around, "me_question", current.release)
    told = {"transaction_id": str(transaction_id)} | asked.model_dump(mode="json")
    async with decisions.deciding(around, decision, told, at) as one:
        whose = await own_keys(around, current, whom, at)
        today = access.campus_day(current.catalog, at)
        over, due = usages.over(current.catalog, today), questions.due_on(current.catalog, today)
        found = await questions.ask(
            around.pool, around.keys, over, transaction_id, whose, asked.reason, due, at
        )
        one.learn(purpose=found["service_item"])
        await decisions.allow(
            around, one, {"question_id": str(found["question_id"])}, at, "question:own_access"
        )
    return QuestionOut(**found)


@router.get("/v1/me/questions", tags=["subject"], responses=refusals(404))
async def own_questions(request: Request, around: Around) -> list[QuestionOut]:
    """The questions of the person who is logged in, and what was answered."""
    at, current = now(), await around.state.current(around.pool)
    whom, decision = await myself(request, around, "me_questions", current.release)
    async with decisions.deciding(around, decision, {}, at) as one:
        whose = await own_keys(around, current, whom, at)
        found = await questions.own(around.pool, around.keys, whose)
        await decisions.allow(around, one, {"count": len(found)}, at, "subject:own")
    return [QuestionOut(**each) for each in found]


@router.get("/v1/questions", tags=["questions"], responses=refusals(403))
@decides
async def waiting(around: Around, caller: Caller) -> list[QuestionOut]:
    """What waits for the caller's unit to answer, the most urgent first; for the data office, everything. Recorded."""
    at = now()
    noted = decisions.decision_of(caller.client, "question_read", caller.current.release)
    async with decisions.deciding(around, noted, {}, at) as one:
        unit, sees_all = _answers_for(caller)
        found = await questions.waiting(around.pool, around.keys, unit, sees_all)
        await decisions.allow(around, one, {"count": len(found)}, at, "question:of_own_unit")
    return [QuestionOut(**each) for each in found]


@router.post(
    "/v1/questions/{question_id:part}:answer",
    tags=["questions"],
    responses=refusals(403, 404, 409, 413, 415, 422),
)
async def answer(question_id: UUID, said: Answer, around: Around, caller: Caller) -> QuestionOut:
    """Answer a question, for the system of the unit that had access or of the data office."""
    at = now()
    noted = decisions.decision_of(caller.client, "question_answer", caller.current.release)
    asked = {"question_id": str(question_id)} | said.model_dump(mode="json")
    async with decisions.deciding(around, noted, asked, at) as one:
        unit, sees_all = _answers_for(caller)
        found = await questions.answer(
            around.pool, around.keys, question_id, caller.client.client_id, unit, sees_all, said.answer, at
        )
        one.learn(purpose=found["service_item"])
        await decisions.allow(around, one, {"state": found["state"]}, at, "question:of_own_unit")
    return QuestionOut(**found)


def _answers_for(caller: Asked) -> tuple[str, bool]:
    """Return the unit that a client answers for, and whether it is the data office (clients.yaml: questions).

    Raises:
        Problem: NOT_PERMITTED.
    """
    known = caller.catalog.campus.clients.get(caller.client.client_id, {})
    unit = caller.client.unit
    if known.get("questions") is not True or known.get("unit") != unit:
        raise Problem("NOT_PERMITTED", rule="question:answered_by_this_client")
    return unit, bool(unit) and unit == questions.data_office(caller.catalog)
