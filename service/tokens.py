"""Access tokens: OAuth2 client credentials with private_key_jwt (RFC 7523), answered with a JWT (RFC 9068).

Times are the real clock's, whatever day the campus has.
"""

import json
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from service.keys import Keys
from service.problems import Problem

LIFETIME_S = 600
MAX_ASSERTION_S = 300
AUDIENCE = "yici"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_CLIENT_ALGORITHMS = ["EdDSA", "Ed25519", "ES256", "PS256", "RS256"]


@dataclass(frozen=True)
class Client:
    """A registered service system."""

    client_id: str
    unit: str
    name: str
    status: str
    jwks: dict


async def find_client(pool: asyncpg.Pool, client_id: str) -> Client | None:
    """Return a registered client, or None."""
    row = await pool.fetchrow(
        "SELECT client_id, unit, name, status, jwks FROM service.client WHERE client_id = $1", client_id
    )
    return Client(row["client_id"], row["unit"], row["name"], row["status"], json.loads(row["jwks"])) if row else None


async def authenticate(pool: asyncpg.Pool, assertion: str, audiences: set[str]) -> Client:
    """Check a client assertion: known key, our audience, short life, used once.

    Raises:
        Problem: INVALID_CLIENT or CLIENT_SUSPENDED.
    """
    refused = Problem("INVALID_CLIENT")
    try:
        claims = json.loads(_segment(assertion))
        client = await find_client(pool, str(claims.get("sub", "")))
        if client is None:
            raise refused
        checked = jwt.decode(assertion, KeySet.import_key_set(client.jwks), algorithms=_CLIENT_ALGORITHMS).claims
    except (JoseError, ValueError, AttributeError, TypeError):
        raise refused from None
    named = checked.get("aud")
    named = set(named) if isinstance(named, list) else {named}
    now = time.time()
    expires, jti = checked.get("exp"), checked.get("jti")
    fine = (
        checked.get("iss") == checked.get("sub") == client.client_id
        and bool(named & audiences)
        and isinstance(expires, (int, float))
        and now - 5 < expires <= now + MAX_ASSERTION_S
        and isinstance(jti, str)
        and 0 < len(jti) <= 200
    )
    if not fine:
        raise refused
    if client.status != "active":
        raise Problem("CLIENT_SUSPENDED")
    used = await pool.execute(
        "INSERT INTO service.jti (client_id, jti, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        client.client_id,
        jti,
        datetime.fromtimestamp(expires, UTC),
    )
    if used.endswith(" 0"):
        raise refused
    return client


def issue(keys: Keys, client: Client, issuer: str) -> dict:
    """Return the token endpoint's answer."""
    now = int(time.time())
    claims = {
        "iss": issuer,
        "sub": client.client_id,
        "client_id": client.client_id,
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + LIFETIME_S,
        "jti": secrets.token_urlsafe(16),
    }
    header = {"alg": "EdDSA", "typ": "at+jwt", "kid": keys.signing.kid}
    token = jwt.encode(header, claims, keys.signing, algorithms=["EdDSA"])
    return {"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME_S}


async def caller(pool: asyncpg.Pool, keys: Keys, authorization: str | None) -> Client:
    """Return the active client that a bearer token speaks for.

    Raises:
        Problem: INVALID_TOKEN or CLIENT_SUSPENDED.
    """
    kind, _, token = (authorization or "").partition(" ")
    refused = Problem("INVALID_TOKEN")
    if kind.lower() != "bearer" or not token:
        raise refused
    try:
        found = jwt.decode(token, keys.signing, algorithms=["EdDSA"])
    except (JoseError, ValueError):
        raise refused from None
    claims = found.claims
    if found.header.get("typ") != "at+jwt" or claims.get("aud") != AUDIENCE or claims.get("exp", 0) < time.time():
        raise refused
    client = await find_client(pool, str(claims.get("sub")))
    if client is None:
        raise refused
    if client.status != "active":
        raise Problem("CLIENT_SUSPENDED")
    return client


def _segment(token: str) -> bytes:
    import base64

    part = token.split(".")[1]
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
