"""The campus's other way to log in: a service ticket of its CAS server, handed over once for a short bearer of ours.

CAS sends a person back to the portal with a ticket. The portal hands it over here; we ask the CAS server itself whose
it is (CAS protocol 3.0, `/p3/serviceValidate`), for the portal's address that is set up and never for one that a caller
names. A portal may send people there with a `state` of its own behind that address, so that a ticket counts only in the
browser that it sent: the CAS server takes no ticket of one address for another. The bearer is the answer, sealed:
nobody but us can read or make one, nothing of it is stored, it ends after ten minutes. A ticket counts once, whatever
the CAS server thinks.
"""

import base64
import hashlib
import json
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import asyncpg
import httpx
import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from service.keys import Keys
from service.problems import Problem

LIFETIME_S = 600
MARK = "yici-me."
STATE_PATTERN = "^[A-Za-z0-9_-]{20,100}$"
# As the record names whoever logs in for themselves; tickets that were used are kept under it.
_SELF = "campus-login"
_TICKET_KEPT = timedelta(days=1)
_TICKET = re.compile(r"ST-[A-Za-z0-9._-]{1,256}")
_PURPOSE = "me session"
_NONCE = 12
_TIMEOUT_S = 5
_MOST_BYTES = 64 * 1024
_MOST_NUMBERS = 10
_CAS = "{http://www.yale.edu/tp/cas}"
_log = structlog.get_logger("yici.service")


@dataclass(frozen=True)
class CasSettings:
    """The campus's CAS server.

    Attributes:
        server: its address, for example https://cas.example.edu.cn/cas.
        service: the portal's address, as the server knows it.
        numbers: attribute, or `user`, → kind of number, as identity links it.
    """

    server: str
    service: str
    numbers: Mapping[str, str]


class Cas:
    """Turns tickets into bearers, and bearers into the numbers of a person; one per worker."""

    def __init__(self, settings: CasSettings, keys: Keys) -> None:
        self._settings = settings
        self._keys = keys

    async def person_of_ticket(
        self, pool: asyncpg.Pool, ticket: str, state: str | None = None
    ) -> list[tuple[str, str]]:
        """Return kind and number of everything that the CAS server says of whose ticket this is.

        Args:
            pool: where tickets that were used are known.
            ticket: as the person came back with it.
            state: what the portal put behind its address, of STATE_PATTERN; None: nothing.

        Raises:
            Problem: INVALID_TOKEN for a ticket that is used or not good, SUBJECT_NOT_FOUND where the server names no
                number that we know of, LOGIN_UNAVAILABLE where it gives no answer.
        """
        if not _TICKET.fullmatch(ticket):
            raise Problem("INVALID_TOKEN", "no service ticket", rule="login:ticket")
        used = await pool.execute(
            "INSERT INTO service.jti (client_id, jti, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            _SELF,
            hashlib.sha256(ticket.encode()).hexdigest(),
            datetime.now(UTC) + _TICKET_KEPT,
        )
        if used.endswith(" 0"):
            raise Problem("INVALID_TOKEN", rule="login:ticket", noted="login:ticket_used")
        told = await self._validated(ticket, state)
        numbers = [
            (kind, value)
            for name, kind in self._settings.numbers.items()
            for value in told.get(name, ())[:_MOST_NUMBERS]
        ]
        if not numbers:
            raise Problem(
                "SUBJECT_NOT_FOUND", "the login names no number that systems know", rule="login:number"
            )
        return numbers

    def bearer(self, numbers: list[tuple[str, str]]) -> str:
        """Return a bearer for the person with these numbers."""
        content = json.dumps({"numbers": numbers, "exp": time.time() + LIFETIME_S}).encode()
        nonce = secrets.token_bytes(_NONCE)
        sealed = nonce + self._cipher().encrypt(nonce, content, MARK.encode())
        return MARK + base64.urlsafe_b64encode(sealed).decode()

    def person(self, bearer: str) -> list[tuple[str, str]]:
        """Return kind and number of whom a bearer of ours is for.

        Raises:
            Problem: INVALID_TOKEN.
        """
        try:
            sealed = base64.b64decode(bearer.removeprefix(MARK), altchars=b"-_", validate=True)
            content = self._cipher().decrypt(sealed[:_NONCE], sealed[_NONCE:], MARK.encode())
        except (ValueError, InvalidTag):
            raise Problem("INVALID_TOKEN", rule="login:token") from None
        told = json.loads(content)
        if told["exp"] <= time.time():
            raise Problem("INVALID_TOKEN", rule="login:token", noted="login:token_expired")
        return [(kind, number) for kind, number in told["numbers"]]

    def _cipher(self) -> AESGCM:
        return AESGCM(self._keys.derived(_PURPOSE))

    async def _validated(self, ticket: str, state: str | None) -> Mapping[str, list[str]]:
        url = f"{self._settings.server}/p3/serviceValidate"
        service = self._settings.service + (f"?state={state}" if state else "")
        asked = {"service": service, "ticket": ticket, "format": "JSON"}
        try:
            async with (
                httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False, follow_redirects=False) as http,
                http.stream("GET", url, params=asked) as reply,
            ):
                content = b""
                async for part in reply.aiter_bytes():
                    content += part
                    if len(content) > _MOST_BYTES:
                        raise ValueError("too large")
                if reply.status_code != 200:
                    raise ValueError(f"status {reply.status_code}")
            return _read(content)
        except Problem:
            raise
        except (httpx.HTTPError, ValueError, LookupError, TypeError, AttributeError, RecursionError,
                ParseError, DefusedXmlException) as error:  # fmt: skip
            _log.error("the CAS server gave no usable answer", error=type(error).__name__)
            raise Problem("LOGIN_UNAVAILABLE", "the CAS server gave no usable answer") from None


def _read(content: bytes) -> Mapping[str, list[str]]:
    """Return what an answer, JSON or XML, says of a person: name of the attribute → values; `user` is one of them.

    Raises:
        Problem: INVALID_TOKEN where it says that the ticket is not good.
        ValueError, LookupError, ParseError, DefusedXmlException: it is no such answer.
    """
    told = _from_json(content) if content.lstrip()[:1] == b"{" else _from_xml(content)
    if told is None:
        raise Problem("INVALID_TOKEN", "the ticket is not good", rule="login:ticket")
    return told


def _from_json(content: bytes) -> Mapping[str, list[str]] | None:
    answer = json.loads(content)["serviceResponse"]
    if "authenticationFailure" in answer:
        return None
    success: Mapping[str, Any] = answer["authenticationSuccess"]
    found = {}
    for name, value in {**(success.get("attributes") or {}), "user": success["user"]}.items():
        values = value if isinstance(value, list) else [value]
        found[name] = [str(one) for one in values if isinstance(one, str | int) and str(one)]
    return found


def _from_xml(content: bytes) -> Mapping[str, list[str]] | None:
    answer: Element = fromstring(content, forbid_dtd=True)
    if answer.tag != f"{_CAS}serviceResponse":
        raise ValueError("another document")
    if answer.find(f"{_CAS}authenticationFailure") is not None:
        return None
    success = answer.find(f"{_CAS}authenticationSuccess")
    user = success.findtext(f"{_CAS}user") if success is not None else None
    if success is None or not user:
        raise ValueError("neither success nor failure")
    found: dict[str, list[str]] = {}
    attributes = success.find(f"{_CAS}attributes")
    for one in attributes if attributes is not None else ():
        if text := (one.text or "").strip():
            found.setdefault(one.tag.removeprefix(_CAS), []).append(text)
    return found | {"user": [user.strip()]}
