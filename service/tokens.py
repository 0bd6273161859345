"""Access tokens: OAuth2 client credentials with private_key_jwt (RFC 7523), answered with a JWT (RFC 9068).

Times are the real clock's, whatever day the campus has.
"""

import asyncio
import base64
import json
import re
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import asyncpg
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from service.keys import Keys
from service.problems import Problem

LIFETIME_S = 600
MAX_ASSERTION_S = 300
LEEWAY_S = 5
AUDIENCE = "urn:yici:service"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
CLIENT_ALGORITHMS = ["EdDSA", "Ed25519", "ES256", "PS256", "RS256"]
CLIENT_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_JTI = re.compile(r"[\x21-\x7e]{1,200}")
# What reading a token that somebody made up may end in; the last one by brackets nested without end.
_UNREADABLE = (JoseError, ValueError, TypeError, KeyError, RecursionError)


@dataclass(frozen=True)
class Client:
    """A registered service system."""

    client_id: str
    unit: str
    name: str
    status: str
    jwks: dict[str, Any] | None = field(repr=False)
    secret_hash: str | None = field(repr=False)


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
    row = await pool.fetchrow(
        "SELECT client_id, unit, name, status, jwks, secret_hash FROM service.client WHERE client_id = $1",
        client_id,
    )
    if row is None:
        return None
    jwks = json.loads(row["jwks"]) if row["jwks"] else None
    return Client(row["client_id"], row["unit"], row["name"], row["status"], jwks, row["secret_hash"])


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
    pool: asyncpg.Pool, credentials: Credentials, audiences: set[str], secrets_allowed: bool
) -> Client:
    """Check who asks for a token.

    Args:
        pool: the warehouse.
        credentials: what the request holds.
        audiences: names under which we are addressed: the issuer and its token endpoint.
        secrets_allowed: whether a client secret may stand in for a key; only on the reference campus.

    Raises:
        Problem: INVALID_CLIENT, the same whatever was wrong, or CLIENT_SUSPENDED.
    """
    client = await find_client(pool, claimed_client(credentials))
    if client is None:
        raise Problem("INVALID_CLIENT", noted="unknown_client")
    if credentials.assertion:
        await _check_assertion(pool, client, credentials.assertion, audiences)
    else:
        await _check_secret(client, credentials.client_secret, secrets_allowed)
    if client.status != "active":
        raise Problem("CLIENT_SUSPENDED")
    return client


async def _check_assertion(pool: asyncpg.Pool, client: Client, assertion: str, audiences: set[str]) -> None:
    """Known key, our audience, short life, used once (RFC 7523 §3)."""
    try:
        if client.jwks is None:
            raise ValueError("no key")
        claims = jwt.decode(
            assertion, KeySet.import_key_set(client.jwks), algorithms=CLIENT_ALGORITHMS
        ).claims
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
    header = {"alg": "Ed25519", "typ": "at+jwt", "kid": keys.signing.kid}
    token = jwt.encode(header, claims, keys.signing, algorithms=["Ed25519"])
    return {"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME_S}


async def caller(pool: asyncpg.Pool, keys: Keys, authorization: str) -> Client:
    """Return the active client that a bearer token speaks for.

    Raises:
        Problem: INVALID_TOKEN or CLIENT_SUSPENDED.
    """
    kind, _, token = authorization.partition(" ")
    if kind.lower() != "bearer" or not token:
        raise Problem("INVALID_TOKEN", noted="no_token")
    try:
        found = jwt.decode(token.strip(), keys.signing, algorithms=["Ed25519"])
    except _UNREADABLE:
        raise Problem("INVALID_TOKEN", noted="signature") from None
    claims = found.claims
    expires = claims.get("exp")
    if found.header.get("typ") != "at+jwt" or claims.get("aud") != AUDIENCE:
        raise Problem("INVALID_TOKEN", noted="audience")
    if not isinstance(expires, int) or expires <= time.time():
        raise Problem("INVALID_TOKEN", noted="expired")
    client = await find_client(pool, str(claims.get("sub")))
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
