"""`/v1/me/issued-certificates`: who holds the post that issues a kind finds, revokes or leaves its certificates.

For units without a system of their own, through the portal. The right is the post that the kind's file names, held
today (posts.csv, deputies too) by a number of the kind by which posts.csv names holders: equal numbers of another kind
are somebody else's. Nobody acts on a certificate about themselves, and nothing that one says is
shown: its number stands on the paper that somebody brings.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from catalogs.model_certificates import CertificateKind
from catalogs.model_posts import Numbered
from catalogs.posts import holdings_of, named
from catalogs.settings import now
from service import access, certificates, decisions, usages
from service import certificate_acts as acts
from service import certificate_following as following
from service.api import Around, refusals
from service.api_me import myself, oneself
from service.certificate_acts import Asker, Revocation
from service.certificate_following import Issuer, TicketOut
from service.certificates import CertificateOut, Certified
from service.decisions import Surroundings
from service.problems import Problem
from service.record import Decision
from service.state import Current

router = APIRouter(tags=["certificates"])
_RULE = "certificate:issuing_post"


@dataclass(frozen=True)
class _Officer:
    """Somebody who has logged in, and what is known of what they are about to do.

    Attributes:
        kinds: the kinds of certificates that a post of theirs issues today.
    """

    around: Surroundings
    current: Current
    whom: list[tuple[str, str]]
    kinds: tuple[CertificateKind, ...]
    decision: Decision
    at: datetime

    @property
    def posts(self) -> str:
        """The issuing posts that they hold, as the register names them."""
        return " ".join(sorted({one.post for one in self.kinds}))

    @property
    def asker(self) -> Asker:
        """They, as somebody who does something with one certificate."""
        return Asker(self.decision, self.find, _RULE, self.posts)

    async def issuer(self) -> Issuer:
        """Return which certificates they answer for.

        Raises:
            Problem: NOT_PERMITTED for who holds no issuing post today.
        """
        if not self.kinds:
            raise Problem("NOT_PERMITTED", rule=_RULE)
        codes = tuple(one.code for one in self.kinds)
        return Issuer(self.posts, kinds=codes, themselves=await self._themselves())

    async def find(self, id_: UUID) -> Certified:
        """Return a certificate that they answer for.

        Raises:
            Problem: NOT_PERMITTED, NOT_FOUND, SELF_ACCESS_FORBIDDEN.
        """
        issuer = await self.issuer()
        return issuer.checked(await certificates.find(self.around.pool, self.around.keys, id_))

    async def _themselves(self) -> list[str]:
        """Return everything by which they may stand in the register of certificates themselves."""
        own: dict[str, list[str]] = {}
        for kind, number in self.whom:
            own.setdefault(kind, []).append(number)
        try:
            linked = (await oneself(self.around, self.current, self.whom, self.at)).keys
        except Problem as problem:
            if problem.rule != "subject:known":
                raise
            linked = {}  # the warehouse does not know them: nothing was certified about them
        return usages.subject_keys(self.around.keys, own) + usages.subject_keys(self.around.keys, linked)


@router.get("/v1/me/issued-certificates", responses=refusals(403, 404, 422))
async def find(
    request: Request, around: Around, number: Annotated[str, Query(min_length=1, max_length=100)]
) -> CertificateOut:
    """Find one of the kinds that the caller's post issues by the number on its paper; no values."""
    officer = await _officer(request, around, "certificate_find")
    async with decisions.deciding(around, officer.decision, {"number": number}, officer.at) as one:
        issuer = await officer.issuer()
        found = issuer.checked(await certificates.find_by_number(around.pool, around.keys, number))
        acts.about(one, found)
        await decisions.allow(around, one, {"number": found.number}, officer.at, _RULE)
    return CertificateOut(**certificates.shown(found))


@router.get("/v1/me/issued-certificates/{certificate_id:part}", responses=refusals(403, 404, 422))
async def show(certificate_id: UUID, request: Request, around: Around) -> CertificateOut:
    """Show one of the kinds that the caller's post issues; no values."""
    officer = await _officer(request, around, "certificate_find")
    return await acts.show(around, officer.asker, certificate_id)


@router.post(
    "/v1/me/issued-certificates/{certificate_id:part}:revoke", responses=refusals(403, 404, 413, 415, 422)
)
async def revoke(
    certificate_id: UUID, revocation: Revocation, request: Request, around: Around
) -> CertificateOut:
    """Revoke one of the kinds that the caller's post issues; the status list follows within a minute."""
    officer = await _officer(request, around, "certificate_revoke")
    return await acts.revoke(around, officer.asker, certificate_id, revocation.reason)


@router.get("/v1/me/certificate-tickets", responses=refusals(403, 404))
async def tickets(request: Request, around: Around) -> list[TicketOut]:
    """Valid certificates of these kinds that state what is no longer so, the most urgent first; no values."""
    officer = await _officer(request, around, "certificate_tickets")
    return [TicketOut(**one) for one in await following.waiting(around.pool, await officer.issuer())]


@router.post(
    "/v1/me/certificate-tickets/{ticket_id:part}:keep", responses=refusals(403, 404, 409, 413, 415, 422)
)
async def keep(ticket_id: UUID, decision: Revocation, request: Request, around: Around) -> TicketOut:
    """Leave one valid although what it states has changed, with a reason."""
    officer = await _officer(request, around, "certificate_keep")
    return await acts.keep(around, officer.decision, officer.issuer, ticket_id, decision.reason)


async def _officer(request: Request, around: Surroundings, action: str) -> _Officer:
    at, current = now(), await around.state.current(around.pool)
    whom, own = await myself(request, around, action, current.release)
    catalog = current.catalog
    today = access.campus_day(catalog, at)
    names = [named(catalog, Numbered(*one)) for one in whom]
    holding = {name: {one.post for one in holdings_of(catalog, name, today)} for name in names}
    held = frozenset().union(*holding.values())
    kinds = tuple(one for one in catalog.certificates.values() if one.post in held)
    unit = min((one.unit for one in kinds), default="")
    decision = replace(
        own,
        receiver_unit=unit,
        receiver_name=catalog.units[unit].name_zh if unit else "",
        actor_id=next((name for name in names if holding[name]), names[0]),
        actor_role="officer",
        subject=None,
        ground=None,
    )
    return _Officer(around, current, whom, kinds, decision, at)
