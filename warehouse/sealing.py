"""Sensitive items are kept sealed: how a value becomes ciphertext and back, and which keys do it.

What is decided here (docs/decisions/0050-sealed-items.md): a value of an item whose class is sensitive lies in the
warehouse only as ciphertext that is the same for the same value, so that keys stay unique and changes are seen without
opening anything. The mode is SIV (Rogaway and Shrimpton 2006, the mode of RFC 5297) over HMAC-SHA-256: PostgreSQL has
SHA-256 built in and no AES, and `yici.unseal` of migration 0025 opens the very same bytes inside views.

    tag    = HMAC(mac key, length of context, context, text)[:16]
    stream = HMAC(cipher key, tag, 0), HMAC(cipher key, tag, 1), …
    sealed = key id (4 bytes), tag, text filled with zero bytes to a multiple of 16 XOR stream

The context says what the value is: equal values of one element are equal everywhere, of two elements nowhere. Keys
never lie in the database; a session of a role that may read values is given them as it connects.
"""

import hashlib
import hmac
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from catalogs.model import Item, Resource

if TYPE_CHECKING:
    import pyarrow as pa

# Begins a sealed text in a column that others share: admission lets no such character into a key.
SEALED_MARK = "\x02"
# The name under which a case seals the document numbers of its parties.
PARTY = "service.case#party"
_BLOCK = 16
_TAG = 16
KEY_ID = 4
_STREAM = hashlib.sha256().digest_size
_FIRST = struct.pack(">i", 0)
_PAD = hashlib.sha256().block_size


class SealError(Exception):
    """A sealed value cannot be opened: its key is not there, or it is not what was sealed. Names no value."""


@dataclass(frozen=True)
class Key:
    """One key of the store.

    Attributes:
        id: eight hexadecimal digits that every value sealed with it begins with.
        secret: 32 bytes.
        retires: whether another one takes over from it, or has begun to.
    """

    id: str
    secret: bytes = field(repr=False)
    retires: bool = False

    @property
    def mac(self) -> bytes:
        """The part that tags are made with."""
        return hmac.digest(self.secret, b"yici store tag", "sha256")

    @property
    def cipher(self) -> bytes:
        """The part that streams are made with."""
        return hmac.digest(self.secret, b"yici store stream", "sha256")

    @property
    def check(self) -> str:
        """Says of a key with this id whether it is this one; tells nothing of the secret."""
        return hmac.digest(self.secret, b"yici store check", "sha256").hex()

    def pads(self) -> str:
        """Return the four pads of both HMAC keys, hexadecimal: all that `yici.seal` and `yici.unseal` need."""
        return "".join(pad.hex() for key in (self.mac, self.cipher) for pad in _pads(key))


@dataclass(frozen=True)
class Ring:
    """The keys of an installation; the first seals, all open."""

    keys: tuple[Key, ...]

    def seal(self, text: str, context: str) -> bytes:
        """Return a text sealed with the first key."""
        return _sealer(self.keys[0]).seal(text, context)

    def unseal(self, sealed: bytes, context: str) -> str:
        """Return the text again.

        Raises:
            SealError: no such key, or the value was sealed as something else or altered.
        """
        name = sealed[:KEY_ID].hex()
        key = next((key for key in self.keys if key.id == name), None)
        if key is None:
            raise SealError(f"no key {name} in the key ring: see `yici key list`")
        return _sealer(key).unseal(sealed, context)

    def armour(self, text: str, context: str) -> str:
        """Return a text sealed and written in hexadecimal digits, for columns of text."""
        return self.seal(text, context).hex()

    def disarm(self, armoured: str, context: str) -> str:
        """Return the text that `armour` sealed.

        Raises:
            SealError: it cannot be opened.
        """
        return self.unseal(bytes.fromhex(armoured), context)

    def session(self) -> tuple[tuple[str, str], ...]:
        """Return the settings by which a session of the database can seal and unseal."""
        held = ((f"yici.key_{key.id}", key.pads()) for key in self.keys)
        return (
            ("yici.sealing_key", self.keys[0].id),
            ("yici.store_keys", "/".join(key.id for key in self.keys)),
            *held,
        )

    def column(self, texts: "pa.Array | pa.ChunkedArray", context: str) -> "pa.Array":
        """Return a column of texts as a column of sealed ones; what is null stays null, each value is sealed once."""
        import pyarrow as pa

        if isinstance(texts, pa.ChunkedArray):
            texts = texts.combine_chunks()
        coded = texts.dictionary_encode()
        sealed = _sealer(self.keys[0]).seal_all(coded.dictionary.to_pylist(), context)
        values = pa.array(list(sealed), pa.binary())
        return values.take(coded.indices)


class _Hmac:
    """HMAC-SHA-256 of one key, its pads digested once."""

    def __init__(self, key: bytes) -> None:
        self.inner, self.outer = (hashlib.sha256(pad) for pad in _pads(key))

    def __call__(self, data: bytes) -> bytes:
        inner, outer = self.inner.copy(), self.outer.copy()
        inner.update(data)
        outer.update(inner.digest())
        return outer.digest()


class _Sealer:
    """One key at work on many values."""

    def __init__(self, key: Key) -> None:
        self._id = bytes.fromhex(key.id)
        self._mac, self._cipher = _Hmac(key.mac), _Hmac(key.cipher)

    def seal(self, text: str, context: str) -> bytes:
        data = text.encode()
        tag = self._mac(_prefix(context) + data)[:_TAG]
        filled = data.ljust(max(_BLOCK, -(-len(data) // _BLOCK) * _BLOCK), b"\0")
        return self._id + tag + self._crossed(filled, tag)

    def seal_all(self, texts: Iterable[str], context: str) -> Iterator[bytes]:
        """Yield what `seal` returns for each text, in nearly half the time: nothing is done twice that all share.

        A load seals a million values, nearly all of at most 32 bytes.
        """
        named = self._mac.inner.copy()
        named.update(_prefix(context))
        mac_outer, cipher_inner, cipher_outer = self._mac.outer, self._cipher.inner, self._cipher.outer
        for text in texts:
            data = text.encode()
            if len(data) > _STREAM:
                yield self.seal(text, context)
                continue
            inner, outer = named.copy(), mac_outer.copy()
            inner.update(data)
            outer.update(inner.digest())
            tag = outer.digest()[:_TAG]
            inner, outer = cipher_inner.copy(), cipher_outer.copy()
            inner.update(tag + _FIRST)
            outer.update(inner.digest())
            size = _BLOCK if len(data) <= _BLOCK else _STREAM
            filled = int.from_bytes(data.ljust(size, b"\0"), "big")
            crossed = filled ^ int.from_bytes(outer.digest()[:size], "big")
            yield self._id + tag + crossed.to_bytes(size, "big")

    def unseal(self, sealed: bytes, context: str) -> str:
        tag, body = sealed[KEY_ID : KEY_ID + _TAG], sealed[KEY_ID + _TAG :]
        data = self._crossed(body, tag).rstrip(b"\0")
        if not hmac.compare_digest(tag, self._mac(_prefix(context) + data)[:_TAG]):
            raise SealError("a sealed value is not what was sealed under this name, or was altered")
        return data.decode()

    def _crossed(self, data: bytes, tag: bytes) -> bytes:
        size = len(data)
        stream = self._cipher(tag + _FIRST)
        for number in range(1, -(-size // _STREAM)):
            stream += self._cipher(tag + struct.pack(">i", number))
        crossed = int.from_bytes(data, "big") ^ int.from_bytes(stream[:size], "big")
        return crossed.to_bytes(size, "big")


@lru_cache(maxsize=8)
def _sealer(key: Key) -> _Sealer:
    return _Sealer(key)


def _pads(key: bytes) -> tuple[bytes, bytes]:
    filled = key.ljust(_PAD, b"\0")
    return bytes(byte ^ 0x36 for byte in filled), bytes(byte ^ 0x5C for byte in filled)


@lru_cache(maxsize=1024)
def _prefix(context: str) -> bytes:
    named = context.encode()
    return struct.pack(">i", len(named)) + named


def context_of(resource: Resource, item: Item, suffix: str = "") -> str:
    """Return the name under which an item's values are sealed: its element's, so that equal ones can be matched."""
    return (item.element or f"{resource.name}.{item.name}") + suffix


def sealed_columns(resource: Resource, source_suffix: str) -> Mapping[str, str]:
    """Return the columns of a resource's table that are sealed, each with its context."""
    found = {}
    for item in resource.items:
        if item.is_sensitive:
            found[item.name] = context_of(resource, item)
            if item.is_coded:
                found[item.name + source_suffix] = context_of(resource, item, source_suffix)
    return found


def lost(ring: Ring, known: Iterable[tuple[str, str]]) -> list[str]:
    """Return the ids of keys that values are sealed with and that the ring does not have."""
    held = {key.id: key.check for key in ring.keys}
    return [name for name, check in known if held.get(name) != check]
