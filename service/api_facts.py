"""`facts:query` and `prefill`: verified facts for a granted purpose and a registered case."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel

from catalogs.settings import now
from service import queries
from service.api import Around, Caller, refusals
from service.queries import FactsQuery, PrefillQuery

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


class FieldOut(FactOut):
    """A form field; status `applicant` means that only the applicant can know it."""

    field: str
    name_zh: str
    element: str | None
    editable: bool
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


@router.post(
    "/v1/facts:query",
    response_model=FactsOut,
    response_model_exclude_unset=True,
    responses=_REFUSED,
)
async def facts_query(query: FactsQuery, around: Around, caller: Caller) -> dict[str, Any]:
    """Answer elements for a party of a case; all of them must be granted for the service item."""
    return await queries.query_facts(around, caller.client, caller.current, query, now())


@router.post(
    "/v1/service-items/{code}:prefill",
    response_model=PrefillOut,
    response_model_exclude_unset=True,
    responses=_REFUSED,
)
async def prefill(
    code: Annotated[str, Path(max_length=64)], query: PrefillQuery, around: Around, caller: Caller
) -> dict[str, Any]:
    """Fill a service item's form and say of each material whether it is still needed."""
    return await queries.query_prefill(around, caller.client, caller.current, code, query, now())
