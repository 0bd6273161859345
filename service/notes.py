"""Checkpoints as signed notes (C2SP tlog-checkpoint and signed-note): three lines and an Ed25519 signature.

A checkpoint says: the record of this name holds so many entries, and this is the root of their tree. Whoever keeps one
can prove later that what it covers was neither changed nor removed.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_ED25519 = b"\x01"


class NoteError(ValueError):
    """A note that is malformed, or that nobody we know signed."""


@dataclass(frozen=True)
class Checkpoint:
    """What a note says.

    Attributes:
        origin: the record's name.
        size: how many entries it covers.
        root: of the tree over them, 32 bytes.
    """

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def verifier_key(name: str, key: Ed25519PublicKey) -> str:
    """Return a public key as verifiers of signed notes write it: name+key id+key."""
    return f"{name}+{_key_id(name, key).hex()}+{base64.b64encode(_ED25519 + _raw(key)).decode()}"


def sign(checkpoint: Checkpoint, name: str, key: Ed25519PrivateKey) -> str:
    """Return the checkpoint as a note that `key`, known as `name`, signed."""
    signature = _key_id(name, key.public_key()) + key.sign(checkpoint.text.encode())
    return f"{checkpoint.text}\n— {name} {base64.b64encode(signature).decode()}\n"


def opened(note: str, signers: Mapping[str, Ed25519PublicKey]) -> Checkpoint:
    """Return what a note says, if one of the keys, each known by its name, signed it.

    Raises:
        NoteError: none did, or the note is malformed.
    """
    signer(note, signers)
    return _read(note.partition("\n\n")[0])


def signer(note: str, signers: Mapping[str, Ed25519PublicKey]) -> str:
    """Return which of the keys signed a note.

    Raises:
        NoteError: none did.
    """
    text, separator, signatures = note.partition("\n\n")
    if not separator:
        raise NoteError("the note has no signature")
    for line in signatures.splitlines():
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        if dash == "—" and name in signers and _is_signed(f"{text}\n", name, signers[name], encoded):
            return name
    raise NoteError("the note is not signed by a key that we know")


def _is_signed(text: str, name: str, key: Ed25519PublicKey, encoded: str) -> bool:
    try:
        signature = base64.b64decode(encoded, validate=True)
        if signature[:4] != _key_id(name, key):
            return False
        key.verify(signature[4:], text.encode())
    except (ValueError, InvalidSignature):
        return False
    return True


def _read(text: str) -> Checkpoint:
    try:
        origin, size, root, *_ = text.split("\n")
        if str(int(size)) != size:
            raise ValueError
        return Checkpoint(origin, int(size), base64.b64decode(root, validate=True))
    except ValueError:
        raise NoteError("the note is no checkpoint") from None


def _key_id(name: str, key: Ed25519PublicKey) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + _raw(key)).digest()[:4]


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)
