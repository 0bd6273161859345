"""Tokens that a source lends for a while: fetched when needed, renewed before they end, and once when refused.

The way is that of RFC 6749 §4.4 unless the entry says otherwise: vendors have their own names for id and secret,
their own place for the token in an answer and in a request, and some tell an expired one with status 200.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from threading import Lock
from time import monotonic, time
from typing import Any
from urllib.parse import quote_plus, urljoin

import httpx

from catalogs.model import System
from catalogs.settings import ConfigurationError, resolve_env
from catalogs.source_auth import CLIENT_CREDENTIALS, SEND_AS, is_plain_address
from connectors.base import SourceRefused, check_settings
from connectors.tabular import at_path, json_text

# A token is renewed so long before its end, or at half of its life if that is later.
_EARLY_S = 60.0
# Greater numbers are the moment of the end since 1970, in seconds or milliseconds, and not a span.
_MOMENT_S, _MOMENT_MS = 1e9, 1e12
# A refused id and secret are not shown again for so long: a system has many resources, and accounts get locked.
_REFUSED_S = 60.0
_TOKEN = re.compile(r"[!-~]+\Z")
_REFUSING = frozenset({400, 401, 403})
# RFC 6749 §5.2; other words of a source are not repeated.
_ERRORS = (
    "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type",
    "invalid_scope",
)  # fmt: skip


@dataclass(frozen=True)
class Request:
    """A request before it is sent.

    Attributes:
        secret_params: parameters that no log of addresses may show.
        auth: who asks, if that differs from request to request.
        about: what is being done, for messages; empty for reading.
    """

    method: str
    url: str
    params: Mapping[str, Any] = field(default_factory=dict, repr=False)
    secret_params: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    json: Any = field(default=None, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)
    auth: httpx.Auth | None = field(default=None, repr=False)
    about: str = ""


class HttpRefused(SourceRefused):
    """An answer with a status that another attempt would not change.

    Attributes:
        status: of HTTP.
        error: the error that OAuth 2.0 has a word for; empty for any other.
    """

    def __init__(self, message: str, status: int = 0, body: Any = None):
        super().__init__(message)
        self.status = status
        told = body.get("error") if isinstance(body, dict) else None
        self.error = told if told in _ERRORS else ""


class Tokens:
    """The token of one system, shared by the threads that ask it.

    Args:
        system: its entry; `auth` is of type client_credentials.
        base: address that a path in `token_url` stands below.
        ask: sends a request until it is answered and returns the body.

    Raises:
        ConfigurationError: a setting is missing or malformed.
    """

    def __init__(self, system: System, base: str, ask: Callable[[Request], Any]):
        self._system = system
        self._auth = system.settings["auth"]
        self._ask = ask
        self._request = self._question(base)
        self._lock = Lock()
        self._token = ""
        self._renew_at = 0.0
        self._refusal = ""
        self._refused_until = 0.0

    def current(self) -> str:
        """Return the token, fetched if there is none or it ends soon.

        Raises:
            SourceUnavailable: the token endpoint does not answer now.
            SourceRefused: it refuses us, or its answer has no token.
        """
        with self._lock:
            if not self._token or monotonic() >= self._renew_at:
                self._fetch()
            return self._token

    def renewed(self, refused: str) -> str:
        """Return another token than the one that the source refused; fails as `current`.

        Whoever finds that another thread has renewed it already is given that one.
        """
        with self._lock:
            if self._token == refused:
                self._fetch()
            return self._token

    def carried(self, request: Request, token: str) -> Request:
        """Return the request with the token where the source wants it."""
        if name := self._text("query_param"):
            # The address of a next page may repeat the token it was asked with.
            url = str(httpx.URL(request.url).copy_remove_param(name)) if name in request.url else request.url
            return replace(request, url=url, secret_params={name: token})
        header = self._text("header", "Authorization")
        scheme = self._text("scheme", "Bearer" if header.casefold() == "authorization" else "")
        return replace(request, headers={**request.headers, header: f"{scheme} {token}".strip()})

    def are_refused(self, body: Any) -> bool:
        """Whether an answer of status 200 says that the token has expired (`auth.expired`)."""
        for path, words in (self._auth.get("expired") or {}).items():
            known = words if isinstance(words, list) else [words]
            if json_text(at_path(body, path)) in known:
                return True
        return False

    def _fetch(self) -> None:
        if monotonic() < self._refused_until:
            raise SourceRefused(self._refusal)
        try:
            body = self._ask(self._request)
        except HttpRefused as error:
            if error.status not in _REFUSING:
                raise
            reason = f"{error.error}, " if error.error else ""
            raise self._refused(
                f"the token endpoint refuses id or secret ({reason}HTTP {error.status})"
            ) from None
        place = self._text("access_token", "$.access_token")
        token = at_path(body, place)
        if not isinstance(token, str) or not _TOKEN.match(token):
            raise self._refused(f"the answer of the token endpoint has no token at {place}")
        left_s = _left_s(at_path(body, self._text("expires_in", "$.expires_in")))
        self._token = token
        self._renew_at = monotonic() + max(left_s / 2, left_s - _EARLY_S)

    def _question(self, base: str) -> Request:
        """Return the request for a token."""
        where = f"systems.yaml: {self._system.code}.auth"
        address = self._required("token_url")
        if not is_plain_address(address):
            raise ConfigurationError(
                f"{where}.token_url: not an address (or a path below base_url) without account and parameters; "
                f"what follows the ? goes under auth.params"
            )
        send_as = self._text("send_as", "basic")
        if send_as not in SEND_AS:
            raise ConfigurationError(f"{where}.send_as: not one of {', '.join(SEND_AS)}")
        url = address if "://" in address else urljoin(base, address.lstrip("/"))
        request = Request("GET" if send_as == "query" else "POST", url, about="asking for a token: ")
        given = {
            name: resolve_env(str(value), f"{where}.params.{name}")
            for name, value in (self._auth.get("params") or {}).items()
        }
        identity, secret = self._required("id"), self._required("secret")
        named = {
            self._text("id_param", "client_id"): identity,
            self._text("secret_param", "client_secret"): secret,
        }
        granted = {"grant_type": CLIENT_CREDENTIALS}
        if send_as == "basic":
            # §2.3.1: both are encoded as in a form first.
            account = httpx.BasicAuth(quote_plus(identity), quote_plus(secret))
            return replace(request, form=granted | given, auth=account)
        if send_as == "form":
            return replace(request, form=granted | named | given)
        if send_as == "json":
            return replace(request, json=named | given)
        return replace(request, secret_params=named | given)

    def _text(self, key: str, default: str = "") -> str:
        value = self._auth.get(key)
        return default if value is None else str(value)

    def _required(self, key: str) -> str:
        where = f"systems.yaml: {self._system.code}.auth.{key}"
        if not self._text(key):
            raise ConfigurationError(
                f"{where}: setting is missing; auth of type {CLIENT_CREDENTIALS} needs it"
            )
        return resolve_env(self._text(key), where)

    def _refused(self, words: str) -> SourceRefused:
        self._refusal = told(self._system, words)
        self._refused_until = monotonic() + _REFUSED_S
        return SourceRefused(self._refusal)


def told(system: System, words: str, about: str = "") -> str:
    """Return the message of a failure: which system, what failed, what stays, which settings to look at."""
    return f"{system.code}: {about}{words}; what was published stays{check_settings(system, words)}"


def _left_s(value: Any) -> float:
    """Return for how many seconds a token holds; infinite if nobody can tell: then it holds until it is refused."""
    try:
        number = float(json_text(value) or "")
    except ValueError:
        return math.inf
    if number >= _MOMENT_MS:
        number = number / 1000 - time()
    elif number >= _MOMENT_S:
        number -= time()
    # A source whose clock is slow tells of ends that have passed.
    return number if number > 0 else math.inf
