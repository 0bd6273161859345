"""Sessions of a portal: what proves a person's login there becomes a short bearer for `/v1/me/…`.

A portal that shows people their own page asks as that person, never for itself. At the login it hands over the proof
that the campus's login gave (an ID token, a ticket of the CAS server), and gets a bearer that only we can read or make.
The bearer is of this person, this portal and this one session: it counts only together with a secret that the portal
makes of the browser's cookie and does not keep. So nobody gets at anybody's data by reading the portal's tables, and
the portal cannot name a person of its own choice. Only on the reference campus, of made-up people, its word for a
local account is a proof.

Nothing of it is stored. A bearer ends after ten minutes; its portal renews it until the session is as old as it may be.
"""

import base64
import hashlib
import json
import secrets
import time
from dataclasses import asdict, dataclass, field, replace

import asyncpg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from catalogs.model import Catalog
from service import tokens
from service.keys import Keys
from service.problems import Problem

LIFETIME_S = 600
LONGEST_S = 12 * 3600
MARK = "yici-ps."
HEADER = "yici-session"
_PURPOSE = "portal session"
_NONCE = 12


@dataclass(frozen=True)
class Held:
    """What a bearer says.

    Attributes:
        numbers: kind and number of everything that the login said of the person.
        client: the portal.
        session: SHA-256 of the session's secret, hex.
        ends_at, until: when the bearer ends, and after when it is renewed no more; seconds of the epoch.
    """

    numbers: list[tuple[str, str]] = field(repr=False)
    client: str
    session: str = field(repr=False)
    ends_at: float
    until: float


def begun(numbers: list[tuple[str, str]], client: str, session: str) -> Held:
    """Return a session that begins now."""
    moment = time.time()
    return Held(numbers, client, session, moment + LIFETIME_S, moment + LONGEST_S)


def renewed(held: Held, client: str) -> Held:
    """Return a session for another while.

    Raises:
        Problem: INVALID_TOKEN for another portal's, or one that is too old.
    """
    moment = time.time()
    if held.client != client or moment >= held.until:
        raise Problem("INVALID_TOKEN", rule="login:session")
    return replace(held, ends_at=min(moment + LIFETIME_S, held.until))


def bearer(keys: Keys, held: Held) -> str:
    """Seal what a bearer says."""
    nonce = secrets.token_bytes(_NONCE)
    sealed = nonce + _cipher(keys).encrypt(nonce, json.dumps(asdict(held)).encode(), MARK.encode())
    return MARK + base64.urlsafe_b64encode(sealed).decode()


def opened(keys: Keys, token: str, secret: str) -> Held:
    """Return what a bearer says, ended or not, to who has its session's secret.

    Raises:
        Problem: INVALID_TOKEN.
    """
    try:
        sealed = base64.b64decode(token.removeprefix(MARK), altchars=b"-_", validate=True)
        content = _cipher(keys).decrypt(sealed[:_NONCE], sealed[_NONCE:], MARK.encode())
    except (ValueError, InvalidTag):
        raise Problem("INVALID_TOKEN", rule="login:token") from None
    told = json.loads(content)
    held = Held(**told | {"numbers": [(kind, number) for kind, number in told["numbers"]]})
    if not secrets.compare_digest(hashlib.sha256(secret.encode()).hexdigest(), held.session):
        raise Problem("INVALID_TOKEN", rule="login:session")
    return held


async def person(
    pool: asyncpg.Pool, keys: Keys, catalog: Catalog, token: str, secret: str
) -> list[tuple[str, str]]:
    """Return kind and number of whom a bearer is for, while it lasts and its portal may have sessions.

    Raises:
        Problem: INVALID_TOKEN, CLIENT_SUSPENDED, NOT_PERMITTED.
    """
    held = opened(keys, token, secret)
    if held.ends_at <= time.time():
        raise Problem("INVALID_TOKEN", rule="login:token", noted="login:token_expired")
    client = tokens.active(await tokens.find_client(pool, held.client))
    check_has_sessions(catalog, client)
    return held.numbers


def check_has_sessions(catalog: Catalog, client: tokens.Client) -> None:
    """Let only a portal through that clients.yaml names as one (`sessions: true`).

    Raises:
        Problem: NOT_PERMITTED.
    """
    known = catalog.campus.clients.get(client.client_id, {})
    if known.get("sessions") is not True or known.get("unit") != client.unit:
        raise Problem("NOT_PERMITTED", rule="session:of_this_client")


def _cipher(keys: Keys) -> AESGCM:
    return AESGCM(keys.derived(_PURPOSE))
