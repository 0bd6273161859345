"""Access tokens: OAuth2 client credentials with private_key_jwt (RFC 7523), answered with a JWT (RFC 9068).

Times are the real clock's, whatever day the campus has.
"""

import asyncio
import base64
import json
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import asyncpg
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import Token

from service.keys import Keys
from service.problems import Problem

LIFETIME_S = 600
MAX_ASSERTION_S = 300
LEEWAY_S = 5
AUDIENCE = "urn:yici:service"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
CLIENT_ALGORITHMS = ["EdDSA", "Ed25519", "ES256", "PS256", "RS256"]
CLIENT_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_MOST_PROVEN = 1000
_JTI = re.compile(r"[\x21-\x7e]{1,200}")
# What reading a token that somebody made up may end in; the last one by brackets nested without end.
_UNREADABLE = (JoseError, ValueError, TypeError, KeyError, RecursionError)


@dataclass(frozen=True)
class Client:
    """A registered service system; its keys are `jwks` as it was registered, or published at `jwks_url`."""

    client_id: str
    unit: str
    name: str
    status: str
    jwks: str | None = field(repr=False)
    secret_hash: str | None = field(repr=False)
    jwks_url: str | None = None
    retired_kids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Credentials:
    """What came with a token request; exactly one way of authentication is accepted."""

    grant_type: str
    assertion_type: str = ""
    assertion: str = field(default="", repr=False)
    client_id: str = ""
    client_secret: str = field(default="", repr=False)


async def find_client(pool: asyncpg.Pool, client_id: str) -> Client | None:
    """Return a registered client, or None."""
    if not CLIENT_ID.fullmatch(client_id):
        return None
    return (await known(pool, [client_id]))[0].get(client_id)


async def known(pool: asyncpg.Pool, client_ids: Sequence[str]) -> tuple[dict[str, Client], int | None]:
    """Return those of the clients that are registered, and the number of the current release, in one statement."""
    rows = await pool.fetch(
        "SELECT yici.current() AS release, client_id, unit, name, status, jwks, secret_hash, jwks_url, retired_kids"
        " FROM (VALUES (1)) AS one LEFT JOIN service.client ON client_id = ANY ($1)",
        client_ids,
    )
    found = {
        row["client_id"]: Client(
            client_id=row["client_id"],
            unit=row["unit"],
            name=row["name"],
            status=row["status"],
            jwks=row["jwks"],
            secret_hash=row["secret_hash"],
            jwks_url=row["jwks_url"],
            retired_kids=tuple(row["retired_kids"]),
        )
        for row in rows
        if row["client_id"] is not None
    }
    return found, rows[0]["release"]


def claimed_client(credentials: Credentials) -> str:
    """Return which client a token request says it is from; unproven, and empty if it says nothing usable."""
    found: Any = credentials.client_id
    if credentials.assertion:
        try:
            found = json.loads(_segment(credentials.assertion)).get("sub")
        except (*_UNREADABLE, AttributeError, IndexError):
            found = ""
    return found if isinstance(found, str) and CLIENT_ID.fullmatch(found) else ""


async def authenticate(
    pool: asyncpg.Pool,
    credentials: Credentials,
    audiences: set[str],
    secrets_allowed: bool,
    keys_of: Callable[[Client], Awaitable[KeySet]],
) -> Client:
    """Check who asks for a token.

    Args:
        pool: the warehouse.
        credentials: what the request holds.
        audiences: names under which we are addressed: the issuer and its token endpoint.
        secrets_allowed: whether a client secret may stand in for a key; only on the reference campus.
        keys_of: which keys a client may sign with now.

    Raises:
        Problem: INVALID_CLIENT, the same whatever was wrong, or CLIENT_SUSPENDED.
    """
    client = await find_client(pool, claimed_client(credentials))
    if client is None:
        raise Problem("INVALID_CLIENT", noted="unknown_client")
    if credentials.assertion:
        await _check_assertion(pool, client, await keys_of(client), credentials.assertion, audiences)
    else:
        await _check_secret(client, credentials.client_secret, secrets_allowed)
    if client.status != "active":
        raise Problem("CLIENT_SUSPENDED")
    return client


async def _check_assertion(
    pool: asyncpg.Pool, client: Client, keys: KeySet, assertion: str, audiences: set[str]
) -> None:
    """Known key, our audience, short life, used once (RFC 7523 §3)."""
    try:
        if not keys.keys:
            raise ValueError("no key")
        claims = jwt.decode(assertion, keys, algorithms=CLIENT_ALGORITHMS).claims
    except _UNREADABLE:
        raise Problem("INVALID_CLIENT", noted="signature") from None
    audience = claims.get("aud")
    named = {one for one in (audience if isinstance(audience, list) else [audience]) if isinstance(one, str)}
    moment = time.time()
    expires, jti, not_before = claims.get("exp"), claims.get("jti"), claims.get("nbf", 0)
    if not claims.get("iss") == claims.get("sub") == client.client_id:
        raise Problem("INVALID_CLIENT", noted="issuer")
    if not named & audiences:
        raise Problem("INVALID_CLIENT", noted="audience")
    timely = (
        isinstance(expires, (int, float))
        and isinstance(not_before, (int, float))
        and moment - LEEWAY_S < expires <= moment + MAX_ASSERTION_S
        and not_before <= moment + LEEWAY_S
    )
    if not timely:
        raise Problem("INVALID_CLIENT", noted="lifetime")
    if not isinstance(jti, str) or not _JTI.fullmatch(jti):
        raise Problem("INVALID_CLIENT", noted="jti")
    used = await pool.execute(
        "INSERT INTO service.jti (client_id, jti, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        client.client_id,
        jti,
        datetime.fromtimestamp(expires + 2 * LEEWAY_S, UTC),
    )
    if used.endswith(" 0"):
        raise Problem("INVALID_CLIENT", noted="replayed")


async def _check_secret(client: Client, secret: str, allowed: bool) -> None:
    if not allowed or not secret or client.secret_hash is None:
        raise Problem("INVALID_CLIENT", noted="no_assertion")
    try:
        await asyncio.to_thread(PasswordHasher().verify, client.secret_hash, secret)
    except (Argon2Error, InvalidHashError):
        raise Problem("INVALID_CLIENT", noted="secret") from None


def issue(keys: Keys, client: Client, issuer: str) -> dict[str, Any]:
    """Return the token endpoint's answer."""
    moment = int(time.time())
    claims = {
        "iss": issuer,
        "sub": client.client_id,
        "client_id": client.client_id,
        "aud": AUDIENCE,
        "iat": moment,
        "exp": moment + LIFETIME_S,
        "jti": secrets.token_urlsafe(16),
    }
    key = keys.signing
    header = {"alg": "Ed25519", "typ": "at+jwt", "kid": key.kid}
    token = jwt.encode(header, claims, key, algorithms=["Ed25519"])
    return {"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME_S}


class Proven:
    """Access tokens whose signature was verified before: the same bytes under a key that still counts need it once.

    Whether a token has expired, and what became of its client, is asked for every request.
    """

    def __init__(self) -> None:
        self._tokens: dict[str, Token] = {}

    def read(self, keys: Keys, token: str) -> Token:
        """Return a token's header and claims.

        Raises:
            JoseError: none of our keys that count signed it; ValueError and others for what is no token.
        """
        live, found = keys.for_tokens, self._tokens.get(token)
        if found is None or all(found.header.get("kid") != key.kid for key in live.keys):
            found = jwt.decode(token, live, algorithms=["Ed25519"])
            if len(self._tokens) >= _MOST_PROVEN:
                self._tokens.clear()
            self._tokens[token] = found
        return found


def subject_of(proven: Proven, keys: Keys, authorization: str) -> str:
    """Return which client a bearer token speaks for; what became of that client since is another question.

    Raises:
        Problem: INVALID_TOKEN.
    """
    kind, _, token = authorization.partition(" ")
    if kind.lower() != "bearer" or not token:
        raise Problem("INVALID_TOKEN", noted="no_token")
    try:
        found = proven.read(keys, token.strip())
    except _UNREADABLE:
        raise Problem("INVALID_TOKEN", noted="signature") from None
    claims = found.claims
    expires = claims.get("exp")
    if found.header.get("typ") != "at+jwt" or claims.get("aud") != AUDIENCE:
        raise Problem("INVALID_TOKEN", noted="audience")
    if not isinstance(expires, int) or expires <= time.time():
        raise Problem("INVALID_TOKEN", noted="expired")
    return str(claims.get("sub"))


def active(client: Client | None) -> Client:
    """Return a client that may ask.

    Raises:
        Problem: INVALID_TOKEN or CLIENT_SUSPENDED.
    """
    if client is None:
        raise Problem("INVALID_TOKEN", noted="unknown_client")
    if client.status != "active":
        raise Problem("CLIENT_SUSPENDED")
    return client


def claimed_caller(authorization: str) -> str:
    """Return which client a bearer token says it is from, unproven; empty if it says nothing usable."""
    return claimed_client(Credentials("", assertion=authorization.partition(" ")[2].strip()))


async def forget_used(pool: asyncpg.Pool) -> None:
    """Remove what has expired: an assertion that is too old is refused for its age anyway."""
    await pool.execute("DELETE FROM service.jti WHERE expires_at < now() - interval '1 minute'")


def _segment(token: str) -> bytes:
    part = token.split(".")[1]
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
