"""Who a person is, as the campus's own login says it: a token of its OpenID provider, checked by the provider's keys,
or a bearer that was given for a ticket of its CAS server (`service.cas`).

The service keeps no passwords and stores no sessions. Which claims of the token are numbers that systems know a person
by is set up (YICI_LOGIN_NUMBERS); whoever has none of them is nobody here.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from service.cas import MARK, Cas
from service.problems import Problem

ALGORITHMS = ["EdDSA", "Ed25519", "ES256", "PS256", "RS256"]
_LEEWAY_S = 60
_KEYS_KEPT_S = 3600
_ASK_AGAIN_S = 30
_TIMEOUT_S = 5
# What reading a token that somebody made up may end in.
_UNREADABLE = (JoseError, ValueError, TypeError, KeyError, RecursionError)
_log = structlog.get_logger("yici.service")


@dataclass(frozen=True)
class LoginSettings:
    """The campus's OpenID provider.

    Attributes:
        issuer: as its tokens name it.
        audience: our name there.
        jwks: address or file of its keys.
        numbers: claim → kind of number, as identity links it.
    """

    issuer: str
    audience: str
    jwks: str
    numbers: Mapping[str, str]


@dataclass
class Login:
    """Checks tokens of the campus's login; one per worker."""

    settings: LoginSettings | None
    cas: Cas | None = None
    _keys: KeySet | None = field(default=None, repr=False)
    _read_at: float = field(default=-_KEYS_KEPT_S, repr=False)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def person(self, authorization: str) -> list[tuple[str, str]]:
        """Return kind and number of everything that the login says of a person.

        Raises:
            Problem: INVALID_TOKEN, SUBJECT_NOT_FOUND where the token names no number that we know of, LOGIN_UNAVAILABLE
                where no login is set up or its keys cannot be had.
        """
        if self.settings is None and self.cas is None:
            raise Problem("LOGIN_UNAVAILABLE", "no campus login is set up")
        kind, _, token = authorization.partition(" ")
        if kind.lower() != "bearer" or not token.strip():
            raise Problem("INVALID_TOKEN", "no bearer token")
        if self.cas is not None and token.strip().startswith(MARK):
            return self.cas.person(token.strip())
        if self.settings is None:
            raise Problem("INVALID_TOKEN", rule="login:token")
        claims = await self._claims(self.settings, token.strip())
        found = [
            (id_type, str(claims[claim]))
            for claim, id_type in self.settings.numbers.items()
            if isinstance(claims.get(claim), str | int) and str(claims[claim])
        ]
        if not found:
            raise Problem(
                "SUBJECT_NOT_FOUND", "the login names no number that systems know", rule="login:number"
            )
        return found

    async def _claims(self, settings: LoginSettings, token: str) -> dict[str, Any]:
        for is_last in (False, True):
            keys = await self._known_keys(settings, is_last)
            try:
                claims: dict[str, Any] = jwt.decode(token, keys, algorithms=ALGORITHMS).claims
                break
            except _UNREADABLE:
                # the provider may have rotated its keys
                if is_last or not self._may_ask():
                    raise Problem("INVALID_TOKEN", rule="login:token") from None
        if not _is_for_us(settings, claims):
            raise Problem("INVALID_TOKEN", rule="login:token")
        return claims

    def _may_ask(self) -> bool:
        return time.monotonic() - self._read_at > _ASK_AGAIN_S

    async def _known_keys(self, settings: LoginSettings, is_asked_again: bool) -> KeySet:
        async with self._lock:
            age_s = time.monotonic() - self._read_at
            if self._keys is None or age_s > _KEYS_KEPT_S or (is_asked_again and age_s > _ASK_AGAIN_S):
                try:
                    self._keys = KeySet.import_key_set(json.loads(await _text(settings.jwks)))
                    self._read_at = time.monotonic()
                except (httpx.HTTPError, OSError, *_UNREADABLE) as error:
                    _log.error("the login's keys could not be read", error=type(error).__name__)
                    if self._keys is None:
                        raise Problem("LOGIN_UNAVAILABLE", "the login's keys cannot be read") from None
            return self._keys


def _is_for_us(settings: LoginSettings, claims: Mapping[str, Any]) -> bool:
    audience, moment = claims.get("aud"), time.time()
    audiences = audience if isinstance(audience, list) else [audience]
    times = [claims.get(name, default) for name, default in (("exp", None), ("nbf", 0), ("iat", 0))]
    if claims.get("iss") != settings.issuer or settings.audience not in audiences:
        return False
    if not all(isinstance(one, int | float) and not isinstance(one, bool) for one in times):
        return False
    expires, begins, issued = times
    return bool(moment < expires + _LEEWAY_S and max(begins, issued) <= moment + _LEEWAY_S)


async def _text(address: str) -> str:
    if not address.startswith(("https://", "http://")):
        return await asyncio.to_thread(Path(address).read_text, encoding="utf-8")
    async with httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False, follow_redirects=False) as http:
        reply = await http.get(address)
        reply.raise_for_status()
        return reply.text
