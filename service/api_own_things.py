"""`/v1/me/things`: what is held of the projects, units or rooms that somebody answers for, at their own login.

Which these are, and what of them, says the catalog: `ownFacts` of a relation (campus.yaml) that leads from thing to
person. A value is shown as its item's `subjectView` says.
"""

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from catalogs.model import Relation
from catalogs.settings import now
from service import decisions, facts, things
from service.api import Around, refusals
from service.api_me import SELF, OwnFact, myself, one_person, own_rights
from service.reads import Reading
from service.subjects import Resolved, resolve
from service.transactions import pinned
from service.wanted import Question

router = APIRouter(tags=["subject"])
# Nobody answers for more; whoever does has to ask the unit that keeps them.
_MOST = 300


class OwnThing(BaseModel):
    """A thing that one answers for, and what is held of it."""

    relation: str
    relation_zh: str
    id_type: str
    id: str
    facts: list[OwnFact]


class OwnThings(BaseModel):
    """What the university holds of the things that one answers for; `total` also counts those beyond the most shown."""

    transaction_id: str
    release: int
    total: int
    things: list[OwnThing]
    receipt: str


@router.get("/v1/me/things", response_model_exclude_unset=True, responses=refusals(404, 409))
async def own_things(request: Request, around: Around) -> OwnThings:
    """What is held of the projects, units or rooms that the person who is logged in answers for."""
    at, current = now(), await around.state.current(around.pool)
    catalog = current.catalog
    whom, decision = await myself(request, around, "me_things", current.release)
    record_key = around.keys.derived(f"evidence {SELF}")

    def question(of: Relation, thing: Resolved) -> Question:
        rights, _ = own_rights(catalog, thing)
        grants = [grant for grant in rights if grant.element in of.own_facts]
        elements = [code for code in of.own_facts if any(grant.element == code for grant in grants)]
        return Question(
            thing.keys, thing.in_doubt, None, grants, elements, at, None, thing.disputed, record_key
        )  # fmt: skip

    async with decisions.deciding(around, decision, {}, at) as one:
        async with pinned(around.pool, current.release) as con:
            person = one_person(await resolve(con, catalog, whom, at))
            reading = Reading(con)
            bound = await things.led_by(reading, catalog, person.keys)
            asked = bound[:_MOST]
            resolved = await resolve(con, catalog, [(of.from_id_type, number) for of, number in asked], at)
            gathered = [
                (of, number, await facts.gather(reading, current, question(of, thing)))
                for (of, number), thing in zip(asked, resolved, strict=True)
            ]
        shown: list[dict[str, Any]] = []
        read: dict[str, None] = {}
        for of, number, said in gathered:
            told = facts.settle(current, said, {})
            read |= dict.fromkeys(told)
            shown.append(
                {
                    "relation": of.code,
                    "relation_zh": of.name_zh,
                    "id_type": of.from_id_type,
                    "id": number,
                    "facts": [
                        {"element": code, "name_zh": catalog.elements[code].name_zh, **fact.as_dict()}
                        for code, fact in told.items()
                        if fact.status != "not_applicable"
                    ],
                }
            )
        one.learn(elements=list(read))
        answer: dict[str, Any] = {
            "transaction_id": str(decision.transaction_id),
            "release": current.release,
            "total": len(bound),
            "things": shown,
        }
        answer["receipt"] = await decisions.allow(around, one, answer, at, "subject:own")
    return OwnThings(**answer)
