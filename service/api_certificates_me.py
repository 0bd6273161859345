"""`/v1/me/certificates`: people ask for certificates about themselves, fetch, share and revoke them, see who looked."""

from typing import Annotated, Any
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel

from catalogs.model import Catalog
from catalogs.model_certificates import SELF as BY_SELF
from catalogs.model_certificates import CertificateKind
from catalogs.settings import now
from service import certificate_acts as acts
from service import certificate_orders as orders
from service import certificate_shares as shares
from service import certificates, decisions, idempotency
from service.api import Around, refusals, required_key
from service.api_certificates import WithSeals
from service.api_me import SELF, keys_of, myself, own_keys
from service.certificate_acts import PAPER, Asker, Revocation, TokenOut
from service.certificate_orders import OwnOrder
from service.certificate_shares import NewShare, ShareOut, ViewOut
from service.certificates import CertificateOut, Certified, Ordered
from service.decisions import Surroundings
from service.subjects import Closed

router = APIRouter(tags=["subject"])
_RULE = "subject:own"


class NamedOut(BaseModel):
    """A code with its names."""

    code: str
    name_zh: str
    name_en: str


class HindranceOut(BaseModel):
    """What stands in the way of a certificate, as `errors` of CERTIFICATE_REFUSED name it; never a value."""

    pointer: str
    code: str


class KindOut(NamedOut):
    """A kind of certificate that people ask for themselves; `refused`: why it would be refused now, nothing if not."""

    unit: str
    unit_name_zh: str
    populations: list[NamedOut]
    purposes: list[NamedOut]
    validity_days: list[int]
    elements: list[NamedOut]
    refused: list[HindranceOut]


class OwnCertificateOut(CertificateOut):
    """A certificate of one's own with its shares and who looked."""

    shares: list[ShareOut]
    views: list[ViewOut]


class ShareWithdrawal(Closed):
    """`:withdraw`: an empty object."""


@router.get("/v1/me/certificate-kinds", responses=refusals(404, 409))
async def kinds(request: Request, around: Around) -> list[KindOut]:
    """The kinds of certificates that people ask for themselves, and why some are not to be had now."""
    at, current = now(), await around.state.current(around.pool)
    whom, decision = await myself(request, around, "me_certificate_kinds", current.release)
    catalog = current.catalog
    offered = [kind for kind in catalog.certificates.values() if BY_SELF in kind.asked_by]
    async with decisions.deciding(around, decision, {}, at) as one:
        one.learn(elements=list(dict.fromkeys(code for kind in offered for code in kind.elements)))
        refused = await orders.refused_now(around, current, offered, whom, at)
        await decisions.allow(around, one, {"refused": refused}, at, _RULE)
    return [_kind(catalog, kind, refused[kind.code]) for kind in offered]


@router.post("/v1/me/certificates", status_code=201, responses=refusals(400, 403, 404, 409, 413, 415, 422))
async def issue(
    order: OwnOrder,
    request: Request,
    around: Around,
    certifying: WithSeals,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
) -> CertificateOut:
    """Issue a certificate about the person who is logged in, from what is verified now; its paper follows."""
    at, current = now(), await around.state.current(around.pool)
    whom, decision = await myself(request, around, "me_certificate_issue", current.release)
    async with decisions.deciding(around, decision, order.model_dump(mode="json"), at) as one:
        kind = certificates.check_order(current.catalog, order, BY_SELF)
        one.learn(elements=kind.elements)

        async def ordered() -> Ordered:
            return await orders.of_person(around, current, order, whom, at)

        return await acts.issue(
            around,
            certifying.seals,
            current,
            one,
            ordered,
            keys_of(around, whom),
            idempotency_key,
            at,
            "certificate:own_data",
        )


@router.get("/v1/me/certificates", responses=refusals(404))
async def own(request: Request, around: Around) -> list[CertificateOut]:
    """The certificates of the person who is logged in, the newest first."""
    at, current = now(), await around.state.current(around.pool)
    whom, decision = await myself(request, around, "me_certificates", current.release)
    async with decisions.deciding(around, decision, {}, at) as one:
        found = await certificates.own(around.pool, around.keys, await own_keys(around, current, whom, at))
        await decisions.allow(around, one, {"count": len(found)}, at, _RULE)
    return [CertificateOut(**certificates.shown(each)) for each in found]


@router.get("/v1/me/certificates/{certificate_id:part}", responses=refusals(404, 422))
async def show(certificate_id: UUID, request: Request, around: Around) -> OwnCertificateOut:
    """One of one's own certificates, its shares with their codes, and who looked at it."""
    holder = await _holder(request, around, "me_certificates")
    async with acts.lent(around, holder, certificate_id) as (one, found):
        shared = await shares.of(around.pool, around.keys, found)
        looked = await shares.views(around.pool, found)
        await decisions.allow(around, one, {"number": found.number}, now(), _RULE)
    return OwnCertificateOut(**certificates.shown(found), shares=shared, views=looked)


@router.get(
    "/v1/me/certificates/{certificate_id:part}/pdf",
    response_class=Response,
    responses=PAPER | refusals(404, 409, 410, 422),
)
async def paper(certificate_id: UUID, request: Request, around: Around) -> Response:
    """The sealed paper of one's own certificate."""
    return await acts.paper(around, await _holder(request, around, "me_certificate_read"), certificate_id)


@router.get("/v1/me/certificates/{certificate_id:part}/token", responses=refusals(404, 410, 422))
async def token(
    certificate_id: UUID,
    request: Request,
    around: Around,
    shown: Annotated[list[str] | None, Query(max_length=50)] = None,
) -> TokenOut:
    """The token of one's own certificate; with `shown`, only those of the elements that may be left out."""
    holder = await _holder(request, around, "me_certificate_read")
    return await acts.token(around, holder, certificate_id, shown)


@router.post("/v1/me/certificates/{certificate_id:part}:revoke", responses=refusals(404, 413, 415, 422))
async def revoke(
    certificate_id: UUID, revocation: Revocation, request: Request, around: Around
) -> CertificateOut:
    """Revoke one's own certificate for good; the status list follows within a minute."""
    holder = await _holder(request, around, "me_certificate_revoke")
    return await acts.revoke(around, holder, certificate_id, revocation.reason)


@router.post(
    "/v1/me/certificates/{certificate_id:part}/shares",
    status_code=201,
    responses=refusals(400, 403, 404, 409, 413, 415, 422),
)
async def share(
    certificate_id: UUID,
    asked: NewShare,
    request: Request,
    around: Around,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
) -> ShareOut:
    """Make a code by which others see what is chosen, for a time and as often as is said."""
    at, holder = now(), await _holder(request, around, "me_certificate_share")
    async with acts.lent(around, holder, certificate_id) as (one, found):
        key = required_key(idempotency_key)
        one.learn(elements=asked.shown)

        async def create(con: asyncpg.Connection) -> dict[str, Any]:
            made = await shares.make(con, around.keys, found, asked, at)
            return {"share_id": str(made["share_id"])}

        wanted = asked.model_dump(mode="json")
        kept = await idempotency.once(
            around.pool, around.keys, f"{SELF} {certificate_id}", key, wanted, at, create
        )
        made = await shares.find(around.pool, around.keys, found, UUID(kept["share_id"]))
        await decisions.allow(around, one, kept, at, _RULE)
    return ShareOut(**made)


@router.post(
    "/v1/me/certificates/{certificate_id:part}/shares/{share_id:part}:withdraw",
    responses=refusals(404, 413, 415, 422),
)
async def withdraw(
    certificate_id: UUID, share_id: UUID, _nothing: ShareWithdrawal, request: Request, around: Around
) -> ShareOut:
    """Take a code back at once, also that on the paper: the paper itself can still be judged."""
    holder = await _holder(request, around, "me_certificate_withdraw")
    async with acts.lent(around, holder, certificate_id) as (one, found):
        taken = await shares.withdraw(around.pool, around.keys, found, share_id, now())
        await decisions.allow(around, one, {"share_id": str(share_id)}, now(), _RULE)
    return ShareOut(**taken)


def _kind(catalog: Catalog, kind: CertificateKind, refused: list[dict[str, str]]) -> KindOut:
    populations = [catalog.populations[code] for code in kind.populations]
    return KindOut(
        code=kind.code,
        name_zh=kind.name_zh,
        name_en=kind.name_en,
        unit=kind.unit,
        unit_name_zh=catalog.units[kind.unit].name_zh,
        populations=[
            NamedOut(code=one.code, name_zh=one.name_zh, name_en=one.name_en or one.name_zh)
            for one in populations
        ],
        purposes=[NamedOut(code=one.code, name_zh=one.name_zh, name_en=one.name_en) for one in kind.purposes],
        validity_days=list(kind.validity_days),
        elements=[
            NamedOut(code=one.element, name_zh=one.label_zh, name_en=one.label_en) for one in kind.stated
        ],
        refused=[HindranceOut(**one) for one in refused],
    )


async def _holder(request: Request, around: Surroundings, action: str) -> Asker:
    """Return the person who is logged in as the holder of certificates."""
    at, current = now(), await around.state.current(around.pool)
    whom, decision = await myself(request, around, action, current.release)

    async def find(id_: UUID) -> Certified:
        whose = await own_keys(around, current, whom, at)
        return await certificates.find_own(around.pool, around.keys, id_, whose)

    return Asker(decision, find, _RULE, BY_SELF)
