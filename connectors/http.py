"""HTTP with a source that may misbehave: patient with what passes, quick to give up on what will not.

Too busy, too many requests, broken connections are tried again, at the pace the source asks for and only so
often; a refused token (but for one that has ended: `connectors.tokens`), a wrong address, a redirect are not. The
token goes to the system's own host only.
"""

import email.utils
import math
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from catalogs.model import System
from catalogs.settings import ConfigurationError, resolve_env
from catalogs.source_auth import AUTH_KEYS, CLIENT_CREDENTIALS
from connectors.base import SourceRefused, SourceUnavailable, setting, unavailable
from connectors.tabular import load_json
from connectors.tokens import HttpRefused, Request, Tokens, told

_TIMEOUT_S = 30.0
_ATTEMPTS = 5
_LONGEST_WAIT_S = 60.0
_FIRST_WAIT_S = 0.5
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
_WORDS = {
    400: "the source does not understand the request",
    401: "the token was refused",
    403: "the token may not read this",
    404: "there is nothing at this address",
    408: "the source timed out",
    429: "the source asks us to slow down",
    503: "the source is busy",
}
_GOOD = frozenset({200, 201})
_TOKEN_REFUSED = 401
_SECRET_PARAMS = "yici_secret_params"
_NO_JSON = object()


@dataclass(frozen=True)
class Answer:
    """A JSON body (numbers in their own digits) and the address of the next page in its Link header."""

    body: Any
    next_url: str | None


class HttpClient:
    """A system's HTTP interface: settings base_url, auth (`catalogs.source_auth`), ca.

    Limits: timeout_s (30, for each step of an exchange), answer_s (for one whole exchange; without it as long as it
    goes on arriving), attempts (5 per request), per_minute.
    """

    def __init__(self, system: System):
        self.system = system
        limits = system.limits
        self.base = setting(system, "base_url").rstrip("/") + "/"
        self._attempts = int(limits.get("attempts", _ATTEMPTS))
        self._gap_s = 60.0 / float(limits["per_minute"]) if "per_minute" in limits else 0.0
        self._next_at = 0.0
        self._gave_up = False
        self._answer_s = float(limits.get("answer_s", math.inf))
        timeout_s = float(limits.get("timeout_s", _TIMEOUT_S))
        ca = setting(system, "ca", "")
        is_lent = (system.settings.get("auth") or {}).get("type") == CLIENT_CREDENTIALS
        self._tokens = Tokens(system, self.base, lambda one: self._insist(one).body) if is_lent else None
        self._client = httpx.Client(
            timeout=timeout_s,
            trust_env=False,
            follow_redirects=False,
            transport=_Discreet(verify=ca or True, trust_env=False),
            auth=None if is_lent else _auth(system),
        )

    def __enter__(self) -> "HttpClient":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request (POST if there is a body) until it is answered.

        Once a request was given up, the next ones get a single attempt until one is answered: what is down is
        down for every resource.

        Raises:
            SourceUnavailable: still failing after the allowed attempts, or asked to wait for longer than a minute.
            SourceRefused: an answer that another attempt would not change.
        """
        headers = headers or {}
        request = Request("GET" if json is None else "POST", self.url(path), params or {}, {}, headers, json)
        if self._tokens is None:
            return self._insist(request)
        token = self._tokens.current()
        answer = self._with(self._tokens, token, request)
        if answer is None:
            answer = self._with(self._tokens, self._tokens.renewed(token), request)
        if answer is None:
            raise SourceRefused(self._said("the token was refused, and a new one as well"))
        return answer

    def _with(self, tokens: Tokens, token: str, request: Request) -> Answer | None:
        """Send a request with a token; None if the source does not take the token any more."""
        try:
            answer = self._insist(tokens.carried(request, token))
        except HttpRefused as error:
            if error.status == _TOKEN_REFUSED:
                return None
            raise
        return None if tokens.are_refused(answer.body) else answer

    def _insist(self, request: Request) -> Answer:
        """Send one request until it is answered; see `ask`."""
        reason, retry_after_s = "no answer", None
        attempts = 1 if self._gave_up else self._attempts
        for attempt in range(attempts):
            if attempt:
                time.sleep(_FIRST_WAIT_S * 2 ** (attempt - 1) * random.uniform(0.8, 1.2))
            self._keep_pace()
            try:
                response, content = self._exchange(request)
            except (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError) as error:
                reason = _BROKEN.get(type(error), "the connection broke")
                continue
            except httpx.HTTPError as error:
                words = f"the request failed ({type(error).__name__})"
                raise SourceRefused(self._said(words, request)) from None
            status = response.status_code
            if status in _TRANSIENT:
                reason = _WORDS.get(status, f"HTTP {status}")
                retry_after_s = retry_after(response.headers.get("Retry-After"))
                if attempt + 1 < attempts:
                    self._wait_as_asked(retry_after_s, reason, request)
                continue
            body = _json(content)
            if status not in _GOOD:
                words = _WORDS.get(status, "the answer is not one we can use")
                raise HttpRefused(self._said(f"{words} (HTTP {status})", request), status, body)
            if body is _NO_JSON:
                reason = "the answer is not whole JSON"
                continue
            self._gave_up = False
            return Answer(body, response.links.get("next", {}).get("url"))
        self._gave_up = True
        words = f"{reason}, {attempts} times in a row" if attempts > 1 else reason
        raise unavailable(words)(self._said(words, request), retry_after_s)

    def _exchange(self, request: Request) -> tuple[httpx.Response, bytes]:
        """Send one request and read its answer whole; one that trickles in for too long is a time-out."""
        ends = time.monotonic() + self._answer_s
        content = bytearray()
        with self._client.stream(
            request.method,
            request.url,
            params=request.params or None,
            json=request.json,
            data=request.form,
            headers=request.headers or None,
            auth=request.auth or httpx.USE_CLIENT_DEFAULT,
            extensions={_SECRET_PARAMS: request.secret_params},
        ) as response:
            for part in response.iter_bytes():
                content += part
                if time.monotonic() > ends:
                    raise httpx.ReadTimeout("the answer takes too long")
        return response, bytes(content)

    def url(self, path: str) -> str:
        """Return the address of a path, or check that an address stays with the system's own host.

        Raises:
            SourceRefused: the source points elsewhere; the token is not sent there.
        """
        url = urljoin(self.base, path.lstrip("/") if "://" not in path else path)
        here, there = urlsplit(self.base), urlsplit(url)
        if (here.scheme, here.netloc) != (there.scheme, there.netloc):
            raise SourceRefused(self._said("it points to another host for its next page"))
        return url

    def _keep_pace(self) -> None:
        wait_s = self._next_at - time.monotonic()
        if wait_s > 0:
            time.sleep(wait_s)
        self._next_at = time.monotonic() + self._gap_s

    def _wait_as_asked(self, wait_s: float | None, reason: str, request: Request) -> None:
        if wait_s is None:
            return
        if wait_s > _LONGEST_WAIT_S:
            words = f"{reason}, and to come back later"
            raise SourceUnavailable(self._said(words, request), retry_after_s=wait_s)
        time.sleep(wait_s)

    def _said(self, words: str, request: Request | None = None) -> str:
        return told(self.system, words, request.about if request else "")


class _Discreet(httpx.HTTPTransport):
    """Adds the parameters that are secret below the place where httpx writes addresses to its log."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        secret = request.extensions.get(_SECRET_PARAMS)
        if secret:
            request = httpx.Request(
                request.method,
                request.url.copy_merge_params(secret),
                headers=request.headers,
                stream=request.stream,
                extensions=request.extensions,
            )
        return super().handle_request(request)


_BROKEN = {
    httpx.ConnectError: "no connection",
    httpx.ConnectTimeout: "no connection in time",
    httpx.ReadTimeout: "no answer in time",
}


def retry_after(value: str | None) -> float | None:
    """Return the seconds of a Retry-After header, given as seconds or as an HTTP date; None if there is none."""
    if not value:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        at = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, at.timestamp() - time.time())


def _json(content: bytes) -> Any:
    try:
        return load_json(content)
    except ValueError:
        return _NO_JSON


def _auth(system: System) -> httpx.Auth | None:
    auth = system.settings.get("auth") or {}
    kind = str(auth.get("type", "none"))
    where = f"systems.yaml: {system.code}.auth"
    if kind == "bearer":
        return _Bearer(resolve_env(str(auth.get("token", "")), f"{where}.token"))
    if kind == "basic":
        return httpx.BasicAuth(
            resolve_env(str(auth.get("user", "")), f"{where}.user"),
            resolve_env(str(auth.get("password", "")), f"{where}.password"),
        )
    if kind == "none":
        return None
    raise ConfigurationError(f"{where}.type: {kind!r} is not one of {', '.join(AUTH_KEYS)}")


class _Bearer(httpx.Auth):
    """The token travels in the header and nowhere else."""

    def __init__(self, token: str):
        self._header = f"Bearer {token}"

    def auth_flow(self, request: httpx.Request):
        request.headers["Authorization"] = self._header
        yield request
