"""The service's own secrets in `<home>/keys` (mode 0600), made once and rotated with overlap.

Three rings hold a key in force and those before it. `tokens` signs access tokens and receipts, `record` checkpoints; of
keys that sign no longer only the public half is kept, so that old receipts and checkpoints can be verified for ever.
`subjects` is the secret of the digests by which people stand in the record; all of its keys are kept, because look-ups
have to find what was written under any of them.

A new key is known to every worker before it is used: it is written at once, takes effect a minute later, and workers
read the files again every few seconds. A new record key is vouched for by the one before it, so that who trusts that
one can follow. One more secret, which is not rotated, is what all other keys for a single purpose are derived from.
"""

import asyncio
import base64
import contextlib
import fcntl
import hashlib
import hmac
import itertools
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

from catalogs.settings import kept_secret
from service import notes
from service.values import keyed

Ring = Literal["tokens", "record", "subjects"]
LEAD_S = 60
REREAD_S = 5
# How long a token of a key that signs no longer may still be on its way: its life and some more.
OVERLAP_S = 900
_FILES: Mapping[Ring, str] = {
    "tokens": "service_signing.jwk",
    "record": "record_signing.jwk",
    "subjects": "subject_keys.json",
}
RINGS: tuple[Ring, ...] = ("tokens", "record", "subjects")
_SECRET = "service_secret"
_PURPOSE = "record subject"
# What stands in a ring's file beside the members of a JWK.
_OURS = ("since", "vouched", "stolen")
_log = structlog.get_logger("yici.service")


@dataclass(frozen=True)
class Kept:
    """A key of a ring.

    Attributes:
        id: its name.
        since: from when on it is used, seconds of the real clock; 0 for the first.
        content: as it stands in the file: a JWK, or a `secret` in hex.
    """

    id: str
    since: float
    content: Mapping[str, Any] = field(repr=False)


class Keys:
    """The keys of an installation, as they are in force at the moment of the question.

    Attributes:
        for_receipts: every key that ever signed a receipt.
    """

    for_receipts: KeySet

    def __init__(self, home: Path) -> None:
        self._home = home
        # Before the secret is there, or an older installation could not be told from a new one.
        kept_secret(home, _FILES["subjects"], lambda: _first_subject_key(home))
        self._secret = bytes.fromhex(kept_secret(home, _SECRET, lambda: secrets.token_hex(32)))
        for ring in ("tokens", "record"):
            kept_secret(home, _FILES[ring], lambda: json.dumps(_new_key().as_dict(private=True)))
        self._seen: tuple[Any, ...] = ()
        self._read()

    @property
    def home(self) -> Path:
        """The state folder."""
        return self._home

    def refresh(self) -> bool:
        """Read the files again if they changed; returns whether they did."""
        return self._stamp() != self._seen and self._read()

    def _read(self) -> bool:
        self._seen = self._stamp()
        self._tokens, self._record, self._subjects = (ring_of(self._home, ring) for ring in _FILES)
        self._signing = {one.id: _jwk(one.content) for one in self._tokens}
        self._sealing = {one.id: _jwk(one.content) for one in self._record}
        self.for_receipts = KeySet(list(self._signing.values()))
        self._digesting = {one.id: bytes.fromhex(one.content["secret"]) for one in self._subjects}
        return True

    def _stamp(self) -> tuple[Any, ...]:
        found = ((self._home / "keys" / name).stat() for name in _FILES.values())
        return tuple((one.st_mtime_ns, one.st_ino) for one in found)

    @property
    def signing(self) -> OKPKey:
        """The key that signs tokens and receipts now."""
        return self._signing[in_force(self._tokens).id]

    @property
    def for_tokens(self) -> KeySet:
        """The keys by whose tokens callers are known: the one in force, the next, and what is only just over."""
        if len(self._tokens) == 1:
            return self.for_receipts
        moment = time.time()
        ends = [later.since + OVERLAP_S for later in self._tokens[1:]] + [float("inf")]
        live = [
            one.id
            for one, end in zip(self._tokens, ends, strict=True)
            if moment < end and not one.content.get("stolen")
        ]
        return KeySet([self._signing[id_] for id_ in live])

    @property
    def published(self) -> list[dict[str, Any]]:
        """The public halves of every key that signs or signed anything."""
        return [key.as_dict(private=False) for key in (*self._signing.values(), *self._sealing.values())]

    @property
    def sealer(self) -> tuple[str, Ed25519PrivateKey]:
        """Name and key that sign checkpoints now."""
        kept = in_force(self._record)
        key: Ed25519PrivateKey = self._sealing[kept.id].private_key
        return _name(kept.id), key

    @property
    def sealers(self) -> dict[str, Ed25519PublicKey]:
        """Name and public half of every key that ever signed checkpoints, the first one first."""
        return {_name(id_): key.public_key for id_, key in self._sealing.items()}

    @property
    def record_name(self) -> str:
        """Names the key that signs checkpoints; the first one's name is the record's, too."""
        return self.sealer[0]

    @property
    def record_public(self) -> Ed25519PublicKey:
        return self.sealers[self.record_name]

    def verifier_of(self, note: str) -> str:
        """Return the key that signed a checkpoint, as verifiers write it."""
        name = notes.signer(note, self.sealers)
        return notes.verifier_key(name, self.sealers[name])

    @property
    def succession(self) -> list[dict[str, str]]:
        """The record's keys as verifiers write them, each vouched for by the one before it."""
        return [
            {"verifier_key": notes.verifier_key(_name(one.id), self.sealers[_name(one.id)]),
             "vouched": str(one.content.get("vouched", ""))}
            for one in self._record
        ]  # fmt: skip

    def derived(self, purpose: str) -> bytes:
        """Return the key for one purpose, for example one client's evidence."""
        return hmac.digest(self._secret, purpose.encode(), "sha256")

    def digest(self, purpose: str, text: str) -> str:
        """Return a keyed digest that is of use for this purpose only, and never stands in the record."""
        return hmac.digest(self.derived(purpose), text.encode(), "sha256").hex()

    @property
    def subject_key_id(self) -> str:
        """Names the key under which people are put on record now."""
        return in_force(self._subjects).id

    def subject_key(self, id_type: str, number: str) -> str:
        """Return a person's keyed digest for the record: the same for the same number, and no way back."""
        return self.subject_entry(id_type, number)[1]

    def subject_entry(self, id_type: str, number: str) -> tuple[str, str]:
        """Return the name of the key in force and the digest under it."""
        id_ = self.subject_key_id
        return id_, self._under(id_, id_type, number)

    def subject_keys(self, id_type: str, number: str) -> list[str]:
        """Return a person's digests under every key, to find what was written at any time."""
        return [self._under(id_, id_type, number) for id_ in self._digesting]

    def _under(self, id_: str, id_type: str, number: str) -> str:
        return keyed(self._digesting[id_], f"{id_type}\0{number}".encode()).hex()


def load(home: Path) -> Keys:
    """Return the installation's keys, making them at the first start."""
    return Keys(home)


def in_force(ring: Sequence[Kept], moment: float | None = None) -> Kept:
    """Return the key of a ring that is used at a moment, by default now."""
    moment = time.time() if moment is None else moment
    if ring[-1].since <= moment:
        return ring[-1]
    return next((one for one in reversed(ring) if one.since <= moment), ring[0])


def ring_of(home: Path, ring: Ring) -> list[Kept]:
    """Return a ring as it stands in its file, the first key first."""
    told = json.loads((home / "keys" / _FILES[ring]).read_text())
    return [Kept(one["kid"], float(one.get("since", 0)), one) for one in told.get("keys", [told])]


def rotate(home: Path, ring: Ring, lead_s: float = LEAD_S, is_stolen: bool = False) -> Kept:
    """Add a key to a ring and return it; it is used once every worker has read it.

    Private halves of keys that have not signed for a while are destroyed.

    Args:
        home: the state folder.
        ring: which keys.
        lead_s: seconds until the new key is used.
        is_stolen: whether somebody else may have the old one: then no token of it counts any more.
    """
    load(home)
    with _changing(home, ring) as entries:
        since = time.time() + lead_s
        if ring == "subjects":
            new = _subject_key(secrets.token_bytes(32), since)
        else:
            new = _new_key().as_dict(private=True) | {"since": since}
            if ring == "record":
                new["vouched"] = _vouched(entries[-1], new)
            drop_spent(entries)
        if is_stolen:
            for one in entries:
                one["stolen"] = True
        entries.append(new)
        return Kept(new["kid"], since, new)


def drop_spent(entries: list[dict[str, Any]]) -> None:
    """Remove the private halves of keys whose successor has been in use for longer than workers need to notice."""
    for one, later in itertools.pairwise(entries):
        if float(later["since"]) + LEAD_S < time.time():
            one.pop("d", None)


async def watching(keys: Keys) -> None:
    """Read the keys again whenever they changed, and destroy what is spent, until cancelled."""
    while True:
        await asyncio.sleep(REREAD_S)
        try:
            if keys.refresh():
                _log.info("keys were read again")
            destroy_spent(keys.home)
        except (OSError, ValueError, KeyError, JoseError) as error:
            _log.error("the keys could not be read again; the known ones stay", error=type(error).__name__)


def destroy_spent(home: Path) -> None:
    """Destroy what `drop_spent` says in both signing rings; nothing happens where there is nothing to destroy."""
    for ring in ("tokens", "record"):
        entries = [dict(one.content) for one in ring_of(home, ring)]
        drop_spent(entries)
        if entries != [dict(one.content) for one in ring_of(home, ring)]:
            with _changing(home, ring) as changed:
                drop_spent(changed)


@contextlib.contextmanager
def _changing(home: Path, ring: Ring) -> Iterator[list[dict[str, Any]]]:
    """Lend the entries of a ring and write them back whole; one at a time."""
    file = home / "keys" / _FILES[ring]
    with (home / "keys" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        entries = [dict(one.content) for one in ring_of(home, ring)]
        yield entries
        partial = file.with_name(f"{file.name}.{os.getpid()}")
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            json.dump({"keys": entries}, out)
            out.flush()
            os.fsync(out.fileno())
        partial.replace(file)


def _first_subject_key(home: Path) -> str:
    """Return the ring's first content: an older installation's key was derived from its secret."""
    secret = home / "keys" / _SECRET
    if secret.is_file():
        key = hmac.new(bytes.fromhex(secret.read_text()), _PURPOSE.encode(), hashlib.sha256).digest()
    else:
        key = secrets.token_bytes(32)
    return json.dumps({"keys": [_subject_key(key, 0)]})


def _subject_key(key: bytes, since: float) -> dict[str, Any]:
    return {"kid": hashlib.sha256(key).hexdigest()[:8], "since": since, "secret": key.hex()}


def _new_key() -> OKPKey:
    return OKPKey.generate_key("Ed25519", {"use": "sig", "alg": "Ed25519", "kid": secrets.token_hex(8)})


def _jwk(content: Mapping[str, Any]) -> OKPKey:
    return OKPKey.import_key({name: one for name, one in content.items() if name not in _OURS})


def _name(id_: str) -> str:
    return f"yici-record-{id_}"


def vouched_text(verifier_key: str) -> bytes:
    """Return what a record key signs when it vouches for the next one."""
    return f"yici record key\n{verifier_key}\n".encode()


def _vouched(last: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    before, after = _jwk(last), _jwk(new)
    key: Ed25519PrivateKey = before.private_key
    told = vouched_text(notes.verifier_key(_name(new["kid"]), after.public_key))
    return base64.b64encode(key.sign(told)).decode()
