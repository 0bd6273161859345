"""Folders beside landing that a rebuild has to trust: files and a signed manifest, written last.

A baseline and the exported ledger say what the warehouse was; whoever could alter them could alter what the next
warehouse answers. So their manifest carries the SHA-256 of every file and an Ed25519 signature made with a key of the
installation, `<home>/keys/baseline_signing` (mode 0600). The public half beside it, `baseline_signing.pub`, is what a
rebuild elsewhere is given.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from catalogs.settings import ConfigurationError, kept_secret
from connectors.landing import MANIFEST, Landing, LandingError

_KEY = "baseline_signing"


@dataclass(frozen=True)
class Sealed:
    """A sealed folder whose signature was found right.

    Attributes:
        path: relative to the landing zone.
        about: what its maker said of it.
        files: name → SHA-256, hex.
    """

    path: str
    about: Mapping[str, Any]
    files: Mapping[str, str]


def signing_key(home: Path) -> Ed25519PrivateKey:
    """Return the installation's signing key, made at first use with its public half beside it."""
    text = kept_secret(home, _KEY, lambda: Ed25519PrivateKey.generate().private_bytes_raw().hex())
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(text))
    kept_secret(home, f"{_KEY}.pub", lambda: key.public_key().public_bytes_raw().hex() + "\n")
    return key


def public_key(file: Path) -> Ed25519PublicKey:
    """Read a public key as `signing_key` leaves it.

    Raises:
        ConfigurationError: no such file, or not a key.
    """
    try:
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(file.read_text().strip()))
    except FileNotFoundError:
        raise ConfigurationError(
            f"{file}: no public key of baselines there; copy keys/{_KEY}.pub of the installation that wrote the "
            "landing zone, and name it with --public-key. Nothing was changed"
        ) from None
    except ValueError:
        raise ConfigurationError(f"{file}: not a public key (64 hexadecimal digits)") from None


def trusted_key(home: Path) -> Ed25519PublicKey:
    """Return the public half of the installation's own key."""
    return signing_key(home).public_key()


def fingerprint(key: Ed25519PublicKey) -> str:
    """Name a public key in messages."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:12]


def seal(
    landing: Landing, path: str, files: Mapping[str, Path], about: Mapping[str, Any], key: Ed25519PrivateKey
) -> None:
    """Copy files into a folder of the zone and sign for them; the manifest appears last.

    Args:
        landing: the zone.
        path: the folder, relative to the zone; one that is there already is replaced.
        files: name in the folder → local file.
        about: plain data, signed with the rest.
        key: the installation's.
    """
    landing.remove_beside(path)
    digests = {}
    for name, file in files.items():
        landing.put_file(f"{path}/{name}", file)
        with file.open("rb") as stream:
            digests[name] = hashlib.file_digest(stream, "sha256").hexdigest()
    signed = {"about": dict(about), "files": digests, "path": path}
    manifest = {
        "signed": signed,
        "key": fingerprint(key.public_key()),
        "signature": base64.b64encode(key.sign(_canonical(signed))).decode(),
    }
    landing.put(f"{path}/{MANIFEST}", _canonical(manifest))


def unseal(landing: Landing, path: str, key: Ed25519PublicKey) -> Sealed:
    """Read a sealed folder's manifest and check its signature; `fetch` checks the files.

    Raises:
        LandingError: no manifest, or one that this key did not sign for this folder.
    """
    try:
        manifest = json.loads(landing.fs.cat_file(f"{landing.root}/{path}/{MANIFEST}"))
        signed, signature = manifest["signed"], base64.b64decode(manifest["signature"])
        named = str(manifest["key"])
    except FileNotFoundError:
        raise LandingError(f"landing {path}: no manifest; never finished, or gone") from None
    except (ValueError, KeyError, TypeError):
        raise LandingError(f"landing {path}: unreadable manifest; restore it from backup") from None
    try:
        key.verify(signature, _canonical(signed))
    except InvalidSignature:
        raise LandingError(
            f"landing {path}: its signature (key {named}) is not of the trusted key {fingerprint(key)}, or it was "
            "altered; restore it from backup, or name the right key with --public-key. Nothing was changed"
        ) from None
    if signed["path"] != path:
        raise LandingError(
            f"landing {path}: was signed as {signed['path']}; it was moved. Nothing was changed"
        )
    return Sealed(path, signed["about"], signed["files"])


def fetch(landing: Landing, sealed: Sealed, name: str, folder: Path) -> Path:
    """Copy one file of a sealed folder into a local folder and check it.

    Raises:
        LandingError: it is missing or altered.
    """
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        landing.fs.get_file(f"{landing.root}/{sealed.path}/{name}", str(target))
    except FileNotFoundError:
        raise LandingError(f"landing {sealed.path}/{name}: missing; restore it from backup") from None
    with target.open("rb") as stream:
        if hashlib.file_digest(stream, "sha256").hexdigest() != sealed.files[name]:
            raise LandingError(
                f"landing {sealed.path}/{name}: content differs from its manifest; restore it from backup"
            )
    return target


def folders(landing: Landing, kind: str) -> list[str]:
    """Return the finished folders of a kind (`BASELINES` or `LEDGER`), oldest first."""
    found = landing.fs.glob(f"{landing.root}/{kind}/*/{MANIFEST}")
    return sorted(str(file).removeprefix(f"{landing.root}/").rpartition("/")[0] for file in found)


def release_of(path: str) -> int:
    """Return the release that a sealed folder is about; its name begins with it."""
    return int(path.rpartition("/")[2].partition("-")[0])


def _canonical(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1).encode()
