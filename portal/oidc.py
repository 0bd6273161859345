"""Logging in by the campus's OpenID provider: authorization code with PKCE (RFC 7636), state and nonce.

Written over httpx and joserfc: what the portal needs of OpenID Connect is two requests and one signed token, and it
keeps its own sessions. The provider describes itself under its issuer; its keys are asked for at each login.
"""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import httpx
import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from catalogs.model_posts import Numbered
from portal.configuration import OidcSettings
from portal.problems import Refused
from service.login import ALGORITHMS

_TIMEOUT_S = 5
_LEEWAY_S = 60
_MOST_BYTES = 256 * 1024
# What reading an answer that somebody made up may end in.
_UNREADABLE = (JoseError, ValueError, TypeError, KeyError, RecursionError)
_log = structlog.get_logger("yici.portal")


def question(settings: OidcSettings, back: str) -> tuple[str, dict[str, str]]:
    """Return where a person is sent to log in, and what has to be kept until the answer.

    Args:
        settings: the provider.
        back: address that the provider sends the person back to.

    Raises:
        Refused: the provider gives no usable answer.
    """
    kept = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
    challenge = (
        base64.urlsafe_b64encode(hashlib.sha256(kept["verifier"].encode()).digest()).rstrip(b"=").decode()
    )
    told = {
        "response_type": "code",
        "client_id": settings.client,
        "redirect_uri": back,
        "scope": "openid",
        "state": kept["state"],
        "nonce": kept["nonce"],
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    address = _described(settings)["authorization_endpoint"]
    return f"{address}{'&' if '?' in address else '?'}{urlencode(told)}", kept | {"back": back}


def person(
    settings: OidcSettings, asked: Mapping[str, Any] | None, state: str, code: str
) -> tuple[Numbered, str]:
    """Return the first number of the person that the provider's answer names, and the ID token that says so.

    Args:
        settings: the provider.
        asked: what `question` said to keep, of this very browser; None if nothing was asked.
        state, code: as the answer has them.

    Raises:
        Refused: it answers another question, is not the provider's, or names nobody.
    """
    if not asked or not code or not secrets.compare_digest(str(asked["state"]).encode(), state.encode()):
        raise Refused(400, "login_stale", "login:state")
    described = _described(settings)
    told = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": asked["back"],
        "code_verifier": asked["verifier"],
        "client_id": settings.client,
    }
    basic = (settings.client, settings.secret) if settings.secret else None
    answer = _asked("POST", described["token_endpoint"], data=told, auth=basic)
    keys = _asked("GET", described["jwks_uri"])
    try:
        token = str(answer["id_token"])
        claims = jwt.decode(token, KeySet.import_key_set(keys), algorithms=ALGORITHMS).claims
    except _UNREADABLE:
        raise Refused(400, "login_unusable", "login:token") from None
    if not _is_answer(settings, claims, str(asked["nonce"])):
        raise Refused(400, "login_unusable", "login:token")
    told_of = ((id_type, claims.get(claim)) for claim, id_type in settings.numbers.items())
    found = [
        Numbered(id_type, str(number).strip())
        for id_type, number in told_of
        if isinstance(number, str | int) and str(number).strip()
    ]
    if not found:
        raise Refused(403, "login_nobody", "login:number")
    return found[0], token


def _is_answer(settings: OidcSettings, claims: Mapping[str, Any], nonce: str) -> bool:
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    expires, issued, moment = claims.get("exp"), claims.get("iat"), time.time()
    if claims.get("iss") != settings.issuer or settings.client not in audiences:
        return False
    if len(audiences) > 1 and claims.get("azp") != settings.client:
        return False
    if not isinstance(expires, int | float) or not isinstance(issued, int | float):
        return False
    is_timely = moment < expires + _LEEWAY_S and issued <= moment + _LEEWAY_S
    return is_timely and secrets.compare_digest(str(claims.get("nonce") or "").encode(), nonce.encode())


def _described(settings: OidcSettings) -> Mapping[str, str]:
    told = _asked("GET", f"{settings.issuer}/.well-known/openid-configuration")
    places = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    is_whole = all(isinstance(told.get(one), str) for one in places)
    if told.get("issuer") != settings.issuer or not is_whole or not _all_as_safe(settings, told, places):
        _log.error("the login provider describes itself in an unusable way")
        raise Refused(503, "login_unavailable", "login:provider")
    return told


def _all_as_safe(settings: OidcSettings, told: Mapping[str, str], places: tuple[str, ...]) -> bool:
    return all(
        told[one].startswith("https://") or not settings.issuer.startswith("https://") for one in places
    )


def _asked(method: str, address: str, **options: Any) -> dict[str, Any]:
    try:
        with (
            httpx.Client(timeout=_TIMEOUT_S, trust_env=False, follow_redirects=False) as http,
            http.stream(method, address, headers={"Accept": "application/json"}, **options) as reply,
        ):
            content = b""
            for part in reply.iter_bytes():
                content += part
                if len(content) > _MOST_BYTES:
                    raise ValueError("too large")
            if reply.status_code == 400 and method == "POST":
                raise Refused(400, "login_stale", "login:code")
            if reply.status_code != 200:
                raise ValueError(f"status {reply.status_code}")
        told = json.loads(content)
        if not isinstance(told, dict):
            raise ValueError("no object")
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as error:
        _log.error("the login provider gave no usable answer", error=type(error).__name__)
        raise Refused(503, "login_unavailable", "login:provider") from None
    return told
