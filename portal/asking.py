"""Asking the service over HTTP, as the person who has logged in, or as the portal for somebody at work.

The portal has no rights on anybody's data. At a login it hands the proof that the campus's login gave to the service
and keeps the bearer that comes back with the session. Only the service can read it, and it counts only together with a
secret that is made of the browser's cookie, which the portal does not keep: with the portal's tables alone nobody is
anybody. What the service answers is shown and forgotten: no value of it is logged, kept or put on record here.
"""

import hashlib
import json
import secrets
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
import structlog
from fastapi import Request
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key

from catalogs.model_posts import Numbered
from catalogs.settings import ConfigurationError, now
from portal import sessions
from portal.configuration import ServiceSettings
from portal.entry import House
from portal.problems import Refused
from portal.rendering import language_of
from portal.sessions import Session

ID_TOKEN, TICKET, ACCOUNT = "id_token", "ticket", "account"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTED_S, _EARLY_S, _TIMEOUT_S = 60, 30, 15
_ENTRY = "urn:uuid:"
# What is handed on as it is: the paper of a certificate.
_FILE = "application/pdf"
_ALGORITHMS = {"EC": "ES256", "OKP": "Ed25519", "RSA": "PS256"}
_log = structlog.get_logger("yici.portal")


class Said(Exception):
    """The service refused what was asked, in words for the person who asked.

    Attributes:
        status: of HTTP.
        code: as `service.problems` names it.
        title: in the reader's language.
        number: of the entry on the service's record; empty where it was no decision.
        errors: pointer and code of what is wrong, where the service says so.
    """

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        number: str,
        errors: Sequence[Mapping[str, str]] = (),
    ) -> None:
        super().__init__(code)
        self.errors = errors
        self.status = status
        self.code = code
        self.title = title
        self.number = number


@dataclass(frozen=True)
class Begun:
    """What a proven login came to: the number that the login gave, and the bearer with its end."""

    person: Numbered
    bearer: str
    until: datetime


class Asking:
    """The portal as a client of the service; one per worker."""

    def __init__(self, settings: ServiceSettings) -> None:
        """Read the portal's private key.

        Raises:
            ConfigurationError: it cannot be read or is none.
        """
        self._settings = settings
        self._key = _private_key(settings)
        self._http = httpx.Client(
            base_url=settings.url, timeout=_TIMEOUT_S, trust_env=False, follow_redirects=False
        )
        self._lock = threading.Lock()
        self._token, self._ends_at = "", 0.0

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def begin(self, proof_type: str, proof: str, value: str, state: str = "", id_type: str = "") -> Begun:
        """Trade the proof of a login for a bearer.

        Args:
            proof_type: ID_TOKEN, TICKET or ACCOUNT.
            proof: what the campus's login gave, or the number of a local account.
            value: of the session's cookie.
            state: with a ticket: what this browser was sent to the CAS server with.
            id_type: with an account: the kind of its number.

        Raises:
            Said: the service takes it for no proof, or knows nobody by it.
            Refused: the service gives no answer.
        """
        session = hashlib.sha256(_secret(value).encode()).hexdigest()
        sent = {"proof_type": proof_type, "proof": proof, "session": session}
        if state:
            sent["state"] = state
        if id_type:
            sent["id_type"] = id_type
        return _begun(self.as_portal("POST", "/v1/sessions", sent))

    def renew(self, bearer: str, value: str) -> Begun:
        """Trade a bearer that ends for another; raises what `begin` does."""
        sent = {"access_token": bearer, "secret": _secret(value)}
        return _begun(self.as_portal("POST", "/v1/sessions:renew", sent))

    def as_portal(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, language: str = "zh"
    ) -> Any:
        """Ask as the portal itself, and return the answer.

        Raises:
            Said: the service refuses.
            Refused: it gives no answer.
        """
        return self._asked(method, path, body, {}, {"Authorization": f"Bearer {self._own_token()}"}, language)

    def as_person(
        self,
        session: Session,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        asked: Mapping[str, Any],
        language: str,
    ) -> Any:
        """Ask as the person whose session this is; raises what `as_portal` does."""
        headers = {"Authorization": f"Bearer {session.bearer}", "Yici-Session": _secret(session.value)}
        return self._asked(method, path, body, asked, headers, language)

    def _own_token(self) -> str:
        with self._lock:
            if time.time() > self._ends_at - _EARLY_S:
                told = self._sent("POST", "/oauth2/token", data=self._proof())
                self._token = str(told["access_token"])
                self._ends_at = time.time() + float(told["expires_in"])
            return self._token

    def _proof(self) -> dict[str, str]:
        moment, client = int(time.time()), self._settings.client
        claims = {
            "iss": client,
            "sub": client,
            "aud": f"{self._settings.url}/oauth2/token",
            "iat": moment,
            "exp": moment + _ASSERTED_S,
            "jti": secrets.token_urlsafe(16),
        }
        algorithm = _ALGORITHMS[self._key.key_type]
        header = {"alg": algorithm, "kid": self._key.kid}
        assertion = jwt.encode(header, claims, self._key, algorithms=[algorithm])
        return {
            "grant_type": "client_credentials",
            "client_assertion_type": _ASSERTION,
            "client_assertion": assertion,
        }

    def _asked(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        asked: Mapping[str, Any],
        headers: Mapping[str, str],
        language: str,
    ) -> Any:
        sent = {**headers, "Accept-Language": "zh-CN" if language == "zh" else "en"}
        if method == "POST":
            sent["Idempotency-Key"] = uuid.uuid4().hex
        options: dict[str, Any] = {"params": dict(asked), "headers": sent}
        if body is not None:
            options["json"] = dict(body)
        return self._sent(method, path, **options)

    def _sent(self, method: str, path: str, **options: Any) -> Any:
        try:
            reply = self._http.request(method, path, **options)
            if reply.is_success and reply.headers.get("content-type") == _FILE:
                return reply.content
            told = json.loads(reply.content) if reply.content else {}
            if reply.status_code >= 500 or (not reply.is_success and not isinstance(told, dict)):
                raise ValueError(f"status {reply.status_code}")
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as error:
            _log.error("the service gave no usable answer", error=type(error).__name__)
            raise Refused(503, "service_unavailable", "service:answers") from None
        if reply.is_success:
            return told
        instance = str(told.get("instance") or "")
        number = instance.removeprefix(_ENTRY) if instance.startswith(_ENTRY) else ""
        code = str(told.get("code") or told.get("error") or "")
        title, errors = str(told.get("title") or code), told.get("errors") or ()
        raise Said(reply.status_code, code, title, number, errors)


def asking(request: Request) -> Asking:
    """Return the client of the service.

    Raises:
        Refused: none is set up.
    """
    house: House = request.app.state.house
    if house.asking is None:
        raise Refused(503, "service_not_set_up", "service:set_up")
    return house.asking


def as_person(
    request: Request, method: str, path: str, body: Mapping[str, Any] | None = None, **asked: Any
) -> Any:
    """Ask the service as the person who has logged in, and return its answer.

    Args:
        request: of the page.
        method: of HTTP.
        path: below `/v1/me`.
        body: what is sent as JSON.
        asked: parameters of the query.

    Raises:
        Said: the service refuses; the page tells it.
        Refused: no service is set up, it gives no answer, or this session's login proved nothing to it.
    """
    client, session = asking(request), request.state.session
    house: House = request.app.state.house
    if session.bearer is None:
        raise Refused(403, "own_login", "service:proven_login")
    try:
        if session.bearer_until - now() < timedelta(seconds=_EARLY_S):
            begun = client.renew(session.bearer, session.value)
            with house.database.connection() as con:
                session = request.state.session = sessions.hold(con, session, begun.bearer, begun.until)
        return client.as_person(session, method, f"/v1/me/{path}", body, asked, language_of(request))
    except Said as said:
        if said.status == 401:
            raise Refused(403, "own_login", "service:proven_login") from None
        raise


def _begun(told: Mapping[str, Any]) -> Begun:
    until = now() + timedelta(seconds=float(told["expires_in"]))
    return Begun(Numbered(str(told["id_type"]), str(told["person"])), str(told["access_token"]), until)


def _secret(value: str) -> str:
    """Return what proves a session to the service; the cookie's value itself never leaves the portal."""
    return hashlib.sha256(f"yici service {value}".encode()).hexdigest()


def _private_key(settings: ServiceSettings) -> Key:
    where = f"YICI_PORTAL_KEY: {settings.key}"
    try:
        key = JWKRegistry.import_key(json.loads(settings.key.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError, JoseError):
        raise ConfigurationError(f"{where}: expected a file with one private key as JWK (RFC 7517)") from None
    if key.key_type not in _ALGORITHMS or not key.is_private or not key.kid:
        raise ConfigurationError(f"{where}: expected a private EC, Ed25519 or RSA key with a kid")
    return key
