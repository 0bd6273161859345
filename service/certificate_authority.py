"""What an operator does with the root: make it, certify the keys of a year, revoke one, publish the list.

The root's file is made once, wherever the operator says, and taken away; it comes back only for these acts. A key
goes into the installation's folder under the installation's passphrase, and the one before it stays: papers that it
sealed hold on. For made-up campuses `reference_keys` does all of it without a hand, root included.
"""

import os
import secrets
from datetime import datetime
from pathlib import Path

from cryptography import x509

from certificates import keys, pki
from certificates.keys import KeyFault
from certificates.pki import Root, Trust
from service.certificate_keys import (
    PASSPHRASE,
    SEAL,
    TOKEN,
    TRUST,
    addresses,
    folder,
    issuer_of,
    passphrase,
    read_trust,
)

_REFERENCE_ROOT = "root.p12"


def make_root(home: Path, organisation: str, file: Path, secret: str, at: datetime) -> Root:
    """Make a root, write it to a file that the operator takes away, and trust it from now on.

    Args:
        home: the state folder.
        organisation: the university's name.
        file: where the root goes; never overwritten.
        secret: its own passphrase, at least 12 characters.
        at: from when on.

    Raises:
        KeyFault: the file is there, or the passphrase is too short.
    """
    root = Root.make(organisation, file, secret, at)
    known = read_trust(home) or Trust(())
    first = root.revocation_list((), 1, at)
    _publish(home, Trust((*known.roots, root.certificate), (*known.lists, first)))
    return root


def certify(home: Path, root: Root, use: str, name: str, at: datetime, crl_address: str = "") -> Path:
    """Certify a new key for a year and put it beside those before it; returns its file.

    Args:
        home: the state folder.
        root: brought by the operator.
        use: `seal` or `token`.
        name: who seals, or the public address of the service.
        at: from when on.
        crl_address: where the revocation list is published.

    Raises:
        KeyFault: no passphrase is set up, or it is too short.
    """
    made = root.certify_seal if use == SEAL else root.certify_token_key
    certified = made(name, at, crl_address)
    file = _folder(home) / f"{use}-{at:%Y%m%dT%H%M%S}.p12"
    keys.save_key(file, certified.key, certified.chain, passphrase(home))
    return file


def revoke(home: Path, root: Root, serial: int, at: datetime) -> None:
    """Revoke a key's certificate: nothing that it ever signed counts any more.

    Raises:
        KeyFault: the root is none that this installation trusts.
    """
    _new_list(home, root, [serial], at)


def renew_list(home: Path, root: Root, at: datetime) -> None:
    """Publish the revocation list anew, as it was, before it runs out.

    Raises:
        KeyFault: the root is none that this installation trusts.
    """
    _new_list(home, root, [], at)


def _new_list(home: Path, root: Root, serials: list[int], at: datetime) -> None:
    known = read_trust(home)
    if known is None or root.certificate not in known.roots:
        raise KeyFault("this root is none that the installation trusts; nothing was changed")
    own = [one for one in known.lists if one.issuer == root.certificate.subject]
    revoked = {one.serial_number: one.revocation_date_utc for each in own for one in each}
    for serial in serials:
        revoked.setdefault(serial, at)
    numbers = [one.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number for one in own]
    new = root.revocation_list(sorted(revoked.items()), max(numbers, default=0) + 1, at)
    others = tuple(one for one in known.lists if one.issuer != root.certificate.subject)
    _publish(home, Trust(known.roots, (*others, new)))


def reference_keys(home: Path, organisation: str, issuer: str, at: datetime) -> None:
    """Give a made-up campus what it lacks to certify under an address.

    Args:
        home: the state folder.
        organisation: the university's name.
        issuer: the public address of its service.
        at: from when on.
    """
    place = _folder(home)
    if not passphrase(home):
        _write(place / PASSPHRASE, secrets.token_hex(16).encode())
    file = place / _REFERENCE_ROOT
    secret = passphrase(home)
    root = Root.open(file, secret) if file.is_file() else make_root(home, organisation, file, secret, at)
    if not addresses(home, SEAL):
        certify(home, root, SEAL, "证明专用章", at, f"{issuer}/pki/crl")
    known = [keys.open_signer(one, secret).chain[0] for one in addresses(home, TOKEN)[-1:]]
    if issuer not in map(issuer_of, known):
        certify(home, root, TOKEN, issuer, at, f"{issuer}/pki/crl")


def _publish(home: Path, trust: Trust) -> None:
    """Write root and list whole: a reader sees the old or the new ones."""
    file = _folder(home) / TRUST
    partial = file.with_name(f"{TRUST}.{os.getpid()}")
    partial.unlink(missing_ok=True)
    _write(partial, trust.to_pem())
    partial.replace(file)


def _write(file: Path, content: bytes) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(content)


def _folder(home: Path) -> Path:
    place = folder(home)
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    return place


def renewal(home: Path, at: datetime) -> list[str]:
    """Return which keys have to be certified anew soon, in words; empty while all is well.

    Raises:
        KeyFault: a key cannot be opened.
    """
    found = []
    for use in (SEAL, TOKEN):
        opened = [keys.open_signer(one, passphrase(home)) for one in addresses(home, use)]
        due = pki.renewal_due(opened, at)
        if due is not None:
            found.append(f"a new {use} key is needed by {due.isoformat()}: yici certificate rotate")
    return found
