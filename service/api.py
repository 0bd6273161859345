"""What the routes share: the running service, the caller behind a token, and how refusals are documented."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar
from uuid import uuid4

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer
from pydantic import BaseModel
from starlette.convertors import Convertor, register_url_convertor

from catalogs.model import Catalog
from catalogs.settings import now
from service import decisions, quotas, tokens
from service.decisions import Surroundings
from service.problems import MEDIA_TYPE, Problem
from service.record import Decision
from service.state import Current
from service.subjects import Identified
from service.tokens import Client
from service.transactions import DATABASE_ERRORS


class _Part(Convertor[str]):
    """A part of a path without `/` and `:`, so that `/things/{id}` is another path than `/things/{id}:decide`."""

    regex = "[^/:]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("part", _Part())
# Where large bodies come from callers whom we do not know.
_FROM_ANYBODY = ("/v1/verifications",)
F = TypeVar("F", bound=Callable[..., Any])
_DECIDES = "yici_decides"


@dataclass(frozen=True)
class Asked:
    """Who asks, and the release that answers: both read once per request."""

    client: Client
    current: Current

    @property
    def catalog(self) -> Catalog:
        return self.current.catalog


class ProblemOut(BaseModel):
    """A refusal or failure (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    instance: str
    fault: str
    rule: str | None
    retryable: bool
    errors: list[dict[str, str]]
    trace_id: str


def decides(read: F) -> F:
    """Mark a read whose answers stand on record: then so do its requests that nobody can read, and refused tokens."""
    setattr(read, _DECIDES, True)
    return read


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the documentation of refusals for a route."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemOut"}}}
    with_body = {400} if 415 in statuses else set()
    return {
        status: {"description": "Problem", "content": content}
        for status in sorted({*statuses, *with_body, 401, 406, 429, 503, 504})
    }


async def surroundings(request: Request) -> Surroundings:
    """Return the running service of this worker; a coroutine, or every request would change threads for it."""
    return _around(request)


def _around(request: Request) -> Surroundings:
    found: Surroundings = request.app.state.around
    return found


Around = Annotated[Surroundings, Depends(surroundings)]


async def asked(request: Request) -> Asked:
    """Return the caller of a request; a refused token is on record where the request would have been."""
    known: Asked | None = request.scope.get("yici.asked")
    if known is not None:
        return known
    around = _around(request)
    authorization = request.headers.get("authorization", "")
    if not _is_decided(request):
        client, release = await _known_caller(request, around, authorization)
        current = await around.state.published(around.pool, release)
    else:
        decision = Decision(uuid4(), "access", "?")
        async with decisions.deciding(around, decision, {"path": request.scope["path"]}, now()) as one:
            try:
                client, release = await _known_caller(request, around, authorization)
            except (Problem, *DATABASE_ERRORS):
                one.learn(client_id=tokens.claimed_caller(authorization) or "?")
                raise
            one.learn(client_id=client.client_id, receiver_unit=client.unit, receiver_name=client.name)
            current = await around.state.published(around.pool, release)
            one.is_recorded = True
    request.scope.setdefault("yici.log", {})["client_id"] = client.client_id
    found = Asked(client, current)
    take_quota(request, around, found)
    request.scope["yici.asked"] = found
    return found


async def admit(request: Request) -> None:
    """Let a caller whom we know send a large body; what is learnt of them is kept for the route.

    Where anybody may send one, the address has to have some of its quota left.

    Raises:
        Problem: as for any request.
    """
    if request.scope["path"] in _FROM_ANYBODY:
        around = _around(request)
        around.quotas.take("verify", address_of(request), around.configuration.verify_rate)
        return
    await asked(request)


def take_quota(request: Request, around: Surroundings, asked: Asked, count: int = 1) -> None:
    """Count questions against the caller's quota and say in the answer's headers what is left.

    Raises:
        Problem: QUOTA_EXCEEDED.
    """
    limit = quotas.per_minute(asked.current.catalog.campus.clients, asked.client.client_id)
    taken = around.quotas.take("client", asked.client.client_id, limit, count)
    request.scope["yici.headers"] |= taken


def take_subject_quota(around: Surroundings, asked: Asked, subjects: Iterable[Identified]) -> None:
    """Count questions against how often a day the caller may ask about each subject (quota.perSubjectPerDay).

    Raises:
        Problem: QUOTA_EXCEEDED.
    """
    client_id = asked.client.client_id
    most = quotas.per_subject(asked.current.catalog.campus.clients, client_id)
    if most is not None:
        for subject in subjects:
            key = "\0".join((client_id, *subject.key()))
            around.quotas.take("subject", key, most, window_s=quotas.DAY_S)


class _Bearer(HTTPBearer):
    """The scheme as it is documented, and the caller in the same step: each further dependency costs every request."""

    async def __call__(self, request: Request) -> Asked:  # type: ignore[override]
        return await asked(request)


_bearer = _Bearer(
    scheme_name="HTTPBearer", description="Access token of `POST /oauth2/token` (RFC 9068)", auto_error=False
)
Caller = Annotated[Asked, Security(_bearer)]


async def _known_caller(
    request: Request, around: Surroundings, authorization: str
) -> tuple[Client, int | None]:
    """Return who a token speaks for, and the current release.

    Who keeps coming without a good token is soon not even put on record.
    """
    try:
        client, release = await around.reads.caller(
            tokens.subject_of(around.proven, around.keys, authorization)
        )
        return tokens.active(client), release
    except Problem:
        around.quotas.take("refused", address_of(request), around.configuration.token_rate)
        raise


def address_of(request: Request) -> str:
    """Return the address that a request came from, to count by; it is never kept."""
    return request.client.host if request.client else "?"


def _is_decided(request: Request) -> bool:
    """Whether a request of this kind, if it is one at all, comes to a decision that stands on record."""
    return request.method != "GET" or hasattr(request.scope.get("endpoint"), _DECIDES)


async def on_record(request: Request, refused: Problem) -> Problem:
    """Put the refusal of a known caller's request that no route could read on record.

    Returns:
        What to answer: the refusal, or AUDIT_UNAVAILABLE.
    """
    found: Asked | None = request.scope.get("yici.asked")
    if found is None or not _is_decided(request):
        return refused
    decision = decisions.decision_of(found.client, "access", found.current.release)
    try:
        async with decisions.deciding(_around(request), decision, {"path": request.scope["path"]}, now()):
            raise refused
    except Problem as problem:
        return problem


def required_key(key: str | None) -> str:
    """Return the idempotency key that every creating POST carries.

    Raises:
        Problem: MALFORMED without one.
    """
    if key is None:
        raise Problem("MALFORMED", errors=[{"pointer": "#/headers/Idempotency-Key", "code": "missing"}])
    return key
