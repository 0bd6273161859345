"""The keys by which a client is known at this moment: registered ones with their times, or those at its own address.

What was registered is read at every token, so that a key that was retired is refused from the next one on. What a
client publishes is read again within a minute; if it cannot be had, the last known keys count for an hour at most.
"""

import asyncio
import json
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import structlog
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from service.outward import NotReached, Outward
from service.tokens import Client

KEPT_S = 45
_ASK_AGAIN_S = 15
_WITHOUT_ANSWER_S = 3600
_RSA_BITS = 2048
_log = structlog.get_logger("yici.service")


class UnusableKeys(ValueError):
    """A key set that cannot identify anybody; says why."""


def public_keys(text: str | bytes) -> list[dict[str, Any]]:
    """Return the keys of a JWK set (RFC 7517), each with a name.

    Raises:
        UnusableKeys: it is none, or holds a private, shared or short key, or two of one name.
    """
    try:
        found = KeySet.import_key_set(json.loads(text)).keys
    except (ValueError, JoseError, KeyError, TypeError, AttributeError, RecursionError):
        raise UnusableKeys("expected a JWK set (RFC 7517)") from None
    if not found or any(key.key_type == "oct" or key.is_private for key in found):
        raise UnusableKeys("holds no key, a shared or a private one; register the public ones")
    if any(key.key_type == "RSA" and key.public_key.key_size < _RSA_BITS for key in found):
        raise UnusableKeys(f"an RSA key has fewer than {_RSA_BITS} bits")
    for key in found:
        key.ensure_kid()
    if len({key.kid for key in found}) < len(found):
        raise UnusableKeys("two keys have one `kid`")
    return [key.as_dict(private=False) for key in found]


@dataclass
class _Published:
    keys: list[dict[str, Any]] = field(default_factory=list)
    read_at: float = -_WITHOUT_ANSWER_S
    asked_at: float = -_WITHOUT_ANSWER_S


class ClientKeys:
    """The keys of this worker's callers."""

    def __init__(self, outward: Outward | None = None) -> None:
        self._outward = outward or Outward()
        self._published: dict[str, _Published] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def of(self, client: Client) -> KeySet:
        """Return the keys that a client may sign with now; none if it has none."""
        moment = time.time()
        keys = json.loads(client.jwks)["keys"] if client.jwks else []
        if client.jwks_url:
            async with self._locks[client.client_id]:
                keys += await self._at(client.jwks_url)
        live = [
            {name: value for name, value in key.items() if name not in ("nbf", "exp")}
            for key in keys
            if key.get("kid") not in client.retired_kids
            and key.get("nbf", 0) <= moment < key.get("exp", float("inf"))
        ]
        return KeySet.import_key_set({"keys": live})

    async def _at(self, url: str) -> list[dict[str, Any]]:
        known = self._published.setdefault(url, _Published())
        moment = time.monotonic()
        if moment - known.read_at > KEPT_S and moment - known.asked_at > _ASK_AGAIN_S:
            known.asked_at = moment
            try:
                known.keys = public_keys(await self._outward.get(url))
                known.read_at = moment
            except (NotReached, UnusableKeys) as error:
                _log.warning("a client's published keys could not be read", reason=str(error))
        return known.keys if moment - known.read_at < _WITHOUT_ANSWER_S else []
