"""HTTP with a source that may misbehave: patient with what passes, quick to give up on what will not.

Too busy, too many requests, broken connections are tried again, at the pace the source asks for and only so
often; a refused token, a wrong address, a redirect are not. The token goes to the system's own host only.
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
from connectors.base import SourceRefused, SourceUnavailable, check_settings, setting, unavailable
from connectors.tabular import load_json

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


@dataclass(frozen=True)
class Answer:
    """A JSON body (numbers in their own digits) and the address of the next page in its Link header."""

    body: Any
    next_url: str | None


class HttpClient:
    """A system's HTTP interface: settings base_url, auth {type, token | user, password}, ca.

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
        self._client = httpx.Client(
            timeout=timeout_s, trust_env=False, follow_redirects=False, verify=ca or True, auth=_auth(system)
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
        url = self.url(path)
        reason, retry_after_s = "no answer", None
        attempts = 1 if self._gave_up else self._attempts
        for attempt in range(attempts):
            if attempt:
                time.sleep(_FIRST_WAIT_S * 2 ** (attempt - 1) * random.uniform(0.8, 1.2))
            self._keep_pace()
            try:
                response, content = self._exchange(url, params, json, headers)
            except (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError) as error:
                reason = _BROKEN.get(type(error), "the connection broke")
                continue
            except httpx.HTTPError as error:
                raise SourceRefused(self._said(f"the request failed ({type(error).__name__})")) from None
            if response.status_code in _TRANSIENT:
                reason = _WORDS.get(response.status_code, f"HTTP {response.status_code}")
                retry_after_s = retry_after(response.headers.get("Retry-After"))
                if attempt + 1 < attempts:
                    self._wait_as_asked(retry_after_s, reason)
                continue
            if response.status_code != 200:
                words = _WORDS.get(response.status_code, "the answer is not one we can use")
                raise SourceRefused(self._said(f"{words} (HTTP {response.status_code})"))
            try:
                body = load_json(content)
            except ValueError:
                reason = "the answer is not whole JSON"
                continue
            self._gave_up = False
            return Answer(body, response.links.get("next", {}).get("url"))
        self._gave_up = True
        words = f"{reason}, {attempts} times in a row" if attempts > 1 else reason
        raise unavailable(words)(self._said(words), retry_after_s)

    def _exchange(
        self, url: str, params: Mapping[str, Any] | None, json: Any, headers: Mapping[str, str] | None
    ) -> tuple[httpx.Response, bytes]:
        """Send one request and read its answer whole; one that trickles in for too long is a time-out."""
        ends = time.monotonic() + self._answer_s
        method = "GET" if json is None else "POST"
        content = bytearray()
        with self._client.stream(method, url, params=params or None, json=json, headers=headers) as response:
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

    def _wait_as_asked(self, wait_s: float | None, reason: str) -> None:
        if wait_s is None:
            return
        if wait_s > _LONGEST_WAIT_S:
            raise SourceUnavailable(self._said(f"{reason}, and to come back later"), retry_after_s=wait_s)
        time.sleep(wait_s)

    def _said(self, words: str) -> str:
        return f"{self.system.code}: {words}; what was published stays{check_settings(self.system, words)}"


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
    raise ConfigurationError(f"{where}.type: {kind!r} is not one of bearer, basic, none")


class _Bearer(httpx.Auth):
    """The token travels in the header and nowhere else."""

    def __init__(self, token: str):
        self._header = f"Bearer {token}"

    def auth_flow(self, request: httpx.Request):
        request.headers["Authorization"] = self._header
        yield request


def at_path(body: Any, path: str) -> Any:
    """Follow a JSONPath of names (`$.data.items`, `$`, `$.list[*]`); None if there is nothing there."""
    for name in path.removeprefix("$").replace("[*]", "").split("."):
        if not name:
            continue
        if not isinstance(body, dict):
            return None
        body = body.get(name)
    return body
