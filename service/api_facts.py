"""`facts:query`, `prefill` and `claims:verify`: verified facts for a granted purpose and a registered case."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from catalogs.settings import now
from service import bulk, decisions, ending, outcomes, problems, queries
from service.api import Around, Asked, Caller, ProblemOut, refusals, take_quota, take_subject_quota
from service.claims import Outcome
from service.mapping import words_of
from service.outcomes import Outcomes
from service.queries import AccessQuery, BatchQuery, ClaimsQuery, FactsQuery, PrefillQuery
from service.record import Answer, canonical

router = APIRouter(tags=["facts"])
Status = Literal[
    "available",
    "stale",
    "conflict",
    "in_dispute",
    "not_found",
    "not_applicable",
    "source_unavailable",
    "withheld",
    "not_permitted",
]


class Evidence(BaseModel):
    """Where a value was read: resource, extract, and a digest keyed for this client over the granted item.

    What was asked live has no extract, but the `serial` number of the source's own answer, if it gives one.
    """

    source: str
    extract_id: int | None
    serial: str | None = None
    record_hash: str


class Verification(BaseModel):
    """How far a value is verified; `unmet` is the first condition that does not hold."""

    level: Literal["authoritative", "officer_verified", "cross_checked", "system_verified", "self_declared"]
    time: str
    verifier: str
    unmet: str | None
    evidence: list[Evidence]


class FactOut(BaseModel):
    """One fact. Without a value, `reason` says why, for a conflict `capacities` and `sources` which ones differ."""

    status: Status
    value: Any = None
    code: Any = None
    code_system: str | None = None
    classification: str | None = None
    lastupdated: str | None = None
    confirmed_at: str | None = None
    valid_from: str | None = None
    valid_until: str | None = None
    age_seconds: int | None = None
    stale_after: str | None = None
    masked: bool | None = None
    verification: Verification | None = None
    reason: str | None = None
    capacities: list[str] | None = None
    sources: list[str] | None = None


class FactsOut(BaseModel):
    """The answer of `facts:query`."""

    transaction_id: str
    release: int
    complete: bool
    facts: dict[str, FactOut]
    receipt: str


class Verified(BaseModel):
    """By whom and when what was judged is verified; without evidence, which would tell when a value changed."""

    level: Literal["authoritative", "officer_verified", "cross_checked", "system_verified", "self_declared"]
    time: str
    verifier: str


class ClaimOut(BaseModel):
    """Whether a statement is so. `indeterminate`: nothing verified says yes or no."""

    element: str
    op: str
    outcome: Outcome
    verification: Verified | None = None


class ClaimsOut(BaseModel):
    """The answer of `claims:verify`."""

    transaction_id: str
    release: int
    claims: list[ClaimOut]
    receipt: str


class BatchOut(BaseModel):
    """One question's answer or problem, in the order of the questions."""

    answer: FactsOut | None = None
    problem: ProblemOut | None = None


class BatchesOut(BaseModel):
    """The answer of `facts:batch_query`; `complete` only if every answer is."""

    complete: bool
    results: list[BatchOut]


class Granted(BaseModel):
    """Whether a grant covers an element for this purpose today."""

    element: str
    granted: bool


class AccessOut(BaseModel):
    """Whether a query would be allowed; `code` and `rule` are those of the refusal that it would get."""

    transaction_id: str
    release: int
    allowed: bool
    code: str
    rule: str | None
    elements: list[Granted]
    receipt: str


class FieldOut(FactOut):
    """A form field; status `applicant` means that only the applicant can know it.

    Where the reason is `consent_required`, `notice` says which one the applicant has not consented to.
    """

    field: str
    name_zh: str
    element: str | None
    editable: bool
    notice: str | None = None
    status: Status | Literal["applicant"]  # type: ignore[assignment]


class ProvenOut(BaseModel):
    """A fact that stands in for a material."""

    element: str
    name_zh: str
    predicate: str
    verifier: str
    time: str


class MaterialOut(BaseModel):
    """A material: no longer needed, a certificate of ours, or still required and why."""

    material: str
    name_zh: str
    necessity: str
    outcome: Literal["satisfied", "certificate", "still_required"]
    facts: list[ProvenOut]
    reasons: list[str]
    certificates: list[str] = Field(
        default_factory=list, description="Kinds of certificates that the person may ask for in its place"
    )


class PrefillOut(BaseModel):
    """The answer of a prefill."""

    transaction_id: str
    release: int
    service_item: str
    name_zh: str
    complete: bool
    fields: list[FieldOut]
    materials: list[MaterialOut]
    receipt: str


_REFUSED = refusals(400, 403, 404, 413, 415, 422)


def _tell_ending(request: Request, caller: Asked, service_item: str, elements: Iterable[str]) -> None:
    """Say in the answer's headers that some of what was asked for will end; `elements` are in the client's words."""
    ours = words_of(caller.catalog, caller.client.client_id).ours(elements)
    request.scope["yici.headers"] |= ending.headers(caller.catalog, service_item, ours)


def _as_recorded(answer: Answer) -> Response:
    """Send the very bytes that the record has a digest of."""
    return Response(answer.content, media_type="application/json")


@router.post(
    "/v1/facts:query",
    response_model=FactsOut,
    response_model_exclude_unset=True,
    responses=_REFUSED,
)
async def facts_query(query: FactsQuery, request: Request, around: Around, caller: Caller) -> Response:
    """Answer elements for a party of a case; all of them must be granted for the service item."""
    take_subject_quota(around, caller, [query.subject])
    answer = await queries.query_facts(around, caller.client, caller.current, query, now())
    _tell_ending(request, caller, query.service_item, query.elements)
    return _as_recorded(answer)


@router.post(
    "/v1/facts:batch_query",
    response_model=BatchesOut,
    response_model_exclude_unset=True,
    responses=_REFUSED,
)
async def facts_batch_query(batch: BatchQuery, request: Request, around: Around, caller: Caller) -> Response:
    """Answer up to 100 questions at once, each about a party of its own case; each counts against the quota."""
    take_quota(request, around, caller, len(batch.items) - 1)
    take_subject_quota(around, caller, [one.subject for one in batch.items])
    told = await bulk.query_batch(around, caller.client, caller.current, batch, now())
    if any(isinstance(one, Answer) for one in told):
        _tell_ending(request, caller, batch.service_item, batch.elements)
    results = [
        b'{"answer":%s}' % one.content
        if isinstance(one, Answer)
        else canonical({"problem": problems.body(one, request)})
        for one in told
    ]
    is_complete = all(isinstance(one, Answer) and one["complete"] for one in told)
    content = b'{"complete":%s,"results":[%s]}' % (canonical(is_complete), b",".join(results))
    return Response(content, media_type="application/json")


@router.post(
    "/v1/service-items/{code:part}:prefill",
    response_model=PrefillOut,
    response_model_exclude_unset=True,
    responses=_REFUSED,
)
async def prefill(
    code: Annotated[str, Path(max_length=64)],
    query: PrefillQuery,
    request: Request,
    around: Around,
    caller: Caller,
) -> Response:
    """Fill a service item's form and say of each material whether it is still needed."""
    take_subject_quota(around, caller, [query.subject])
    answer = await queries.query_prefill(around, caller.client, caller.current, code, query, now())
    _tell_ending(request, caller, code, (one["element"] for one in answer["fields"] if one["element"]))
    return _as_recorded(answer)


@router.post(
    "/v1/claims:verify",
    response_model=ClaimsOut,
    response_model_exclude_unset=True,
    responses=_REFUSED,
)
async def verify_claims(
    query: ClaimsQuery, request: Request, around: Around, caller: Caller
) -> dict[str, Any]:
    """Say of statements about a party of a case whether they are so; five wrong ones a day about one thing, no more."""
    take_subject_quota(around, caller, [query.subject])
    answer = await queries.query_claims(around, caller.client, caller.current, query, now())
    _tell_ending(request, caller, query.service_item, (claim.element for claim in query.claims))
    return answer


@router.post("/v1/access:evaluate", responses=_REFUSED)
async def evaluate_access(query: AccessQuery, around: Around, caller: Caller) -> AccessOut:
    """Say whether a query would be allowed now, and if not, by which rule; nobody is looked up for it."""
    return AccessOut(**await queries.evaluate(around, caller.client, caller.current, query, now()))


class NotedOut(BaseModel):
    """How many fields of a prefill are noted."""

    transaction_id: str
    noted: int


@router.post("/v1/prefills/{transaction_id:part}:reconcile", responses=refusals(403, 404, 413, 415, 422))
async def reconcile_prefill(transaction_id: UUID, told: Outcomes, around: Around, caller: Caller) -> NotedOut:
    """Say which prefilled fields the applicant kept, changed or cleared, never to what; providers hear of it."""
    at = now()
    decision = decisions.decision_of(caller.client, "prefill_reconcile", caller.current.release)
    asked = {"transaction_id": str(transaction_id)} | told.model_dump(mode="json")
    async with decisions.deciding(around, decision, asked, at) as one:
        client_id = caller.client.client_id
        answer = await outcomes.note(
            around.pool, around.keys, caller.catalog, client_id, transaction_id, told, at
        )
        await decisions.allow(around, one, answer, at, "prefill:own")
    return NotedOut(**answer)
