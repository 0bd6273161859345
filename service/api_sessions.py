"""`/v1/sessions`: a portal hands over the proof of a person's login and gets a bearer for that person and session."""

from dataclasses import replace
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from catalogs.settings import now
from service import decisions, sessions
from service.api import Around, Asked, Caller, refusals
from service.cas import STATE_PATTERN
from service.decisions import Deciding, Surroundings
from service.problems import Problem
from service.sessions import LIFETIME_S, Held
from service.subjects import Closed, resolve
from service.transactions import pinned

router = APIRouter(tags=["subject"])
_REFUSED = refusals(403, 404, 413, 415, 422)
_SESSION = Field(pattern="^[0-9a-f]{64}$", repr=False, description="SHA-256 of the session's secret, hex")


class NewSession(Closed):
    """`POST /v1/sessions`."""

    proof_type: Literal["id_token", "ticket", "account"] = Field(
        description="ID token of the OpenID provider, service ticket of the CAS server, or a local account's number"
        " (reference campus only)"
    )
    proof: str = Field(min_length=1, max_length=16384, repr=False)
    state: str | None = Field(
        None,
        pattern=STATE_PATTERN,
        repr=False,
        description="With a ticket: the `state` that stood behind the portal's address (`?state=…`) when it sent this"
        " browser to the CAS server",
    )
    id_type: str | None = Field(
        None,
        min_length=1,
        max_length=40,
        pattern=r"^[A-Za-z0-9_:.-]+$",
        description="With an account, and then needed: of which kind its number is",
    )
    session: str = _SESSION


class Renewal(Closed):
    """`POST /v1/sessions:renew`."""

    access_token: str = Field(min_length=1, max_length=16384, repr=False)
    secret: str = Field(min_length=16, max_length=200, repr=False, description="The session's secret itself")


class SessionBearer(BaseModel):
    """A bearer for `/v1/me/…`, sent with its secret in `Yici-Session`; `person` is the first number, of `id_type`."""

    access_token: str
    token_type: str
    expires_in: int
    id_type: str
    person: str


@router.post("/v1/sessions", responses=_REFUSED)
async def begin(asked: NewSession, around: Around, caller: Caller) -> SessionBearer:
    """Give a bearer for the person whose login is proven, for one session of the portal that asks."""
    at = now()
    decision = decisions.decision_of(caller.client, "session", caller.current.release)
    decision = replace(decision, actor_role="applicant", ground="own_data")
    async with decisions.deciding(around, decision, {"proof_type": asked.proof_type}, at) as one:
        sessions.check_has_sessions(caller.catalog, caller.client)
        numbers = await _proven(asked, around, caller)
        one.learn(actor_id=numbers[0][1], subject=numbers[0])
        held = sessions.begun(numbers, caller.client.client_id, asked.session)
        return await _given(around, one, held, f"login:{asked.proof_type}")


@router.post("/v1/sessions:renew", responses=_REFUSED)
async def renew(asked: Renewal, around: Around, caller: Caller) -> SessionBearer:
    """Give a bearer in place of one that ends, as long as the session may last."""
    decision = decisions.decision_of(caller.client, "session", caller.current.release)
    decision = replace(decision, actor_role="applicant", ground="own_data")
    async with decisions.deciding(around, decision, {"proof_type": "renewal"}, now()) as one:
        sessions.check_has_sessions(caller.catalog, caller.client)
        held = sessions.opened(around.keys, asked.access_token, asked.secret)
        one.learn(actor_id=held.numbers[0][1], subject=held.numbers[0])
        return await _given(around, one, sessions.renewed(held, caller.client.client_id), "login:renewed")


async def _given(around: Surroundings, one: Deciding, held: Held, rule: str) -> SessionBearer:
    await decisions.allow(around, one, {"expires_in": LIFETIME_S}, now(), rule)
    return SessionBearer(
        access_token=sessions.bearer(around.keys, held),
        token_type="Bearer",
        expires_in=LIFETIME_S,
        id_type=held.numbers[0][0],
        person=held.numbers[0][1],
    )


async def _proven(asked: NewSession, around: Surroundings, caller: Asked) -> list[tuple[str, str]]:
    """Return kind and number of everything that a proof says of a person.

    Raises:
        Problem: what the login's own check raises; NOT_PERMITTED for an account of a campus of real people,
            SUBJECT_NOT_FOUND where nobody is known by its number.
    """
    if asked.proof_type == "id_token":
        return await around.login.person(f"Bearer {asked.proof}")
    if asked.proof_type == "ticket":
        if around.login.cas is None:
            raise Problem("NOT_FOUND", "no CAS server is set up", rule="login:cas")
        return await around.login.cas.person_of_ticket(around.pool, asked.proof, asked.state)
    if not around.configuration.is_reference_campus:
        raise Problem("NOT_PERMITTED", "accounts are for the reference campus", rule="login:account")
    offered = [(asked.id_type or "", asked.proof[:64])]
    async with pinned(around.pool, caller.current.release) as con:
        (found,) = await resolve(con, caller.catalog, offered, now())
    if found.subject_id is None:
        raise Problem("SUBJECT_NOT_FOUND", "no one is known by this number", rule="login:number")
    return offered
