"""Keys that seal and sign, behind one interface: what uses a key does not know where it is kept.

A key is named by an address, so that an operator changes where it is kept without touching anything else:

- `file:/path/seal.p12`: PKCS#12 with key and chain, under a passphrase;
- `file:/path/seal.pem`: certificate chain and encrypted PKCS#8 key in one PEM file, under a passphrase;
- `pkcs11:token=…;object=…?module-path=…` (RFC 7512): a key that never leaves its device; the PIN is the passphrase;
- `sm2:…`, `ofd:…`: slots for a licensed CA's SM2 seal and for OFD papers, named and unclaimed: asking is an error.

A file without a passphrase is refused: a key that anyone can copy seals nothing.
"""

import contextlib
import os
import threading
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias
from urllib.parse import unquote

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PublicFormat,
    load_pem_private_key,
    pkcs12,
)

RS256, ES256 = "RS256", "ES256"
UNCLAIMED = {
    "sm2": "an SM2 seal needs the module of a licensed CA, which is not part of Yici",
    "ofd": "OFD papers need the seal interface of a licensed CA, which is not part of Yici",
}
_SHORTEST_PASSPHRASE = 12
_SMALLEST_RSA = 2048

SigningKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class KeyFault(Exception):
    """A key cannot be used. Says which address, why and what to do; never a passphrase, never a key's bytes."""


class Signer(Hashable, Protocol):
    """A key that signs, and the certificates that say whose it is. Safe to share between threads.

    Attributes:
        chain: the key's own certificate first, then its issuers; the root last, or left out.
        algorithm: `RS256` (RSA PKCS#1 v1.5 with SHA-256) or `ES256` (ECDSA on P-256 with SHA-256).
    """

    @property
    def chain(self) -> tuple[x509.Certificate, ...]: ...

    @property
    def algorithm(self) -> str: ...

    def sign(self, data: bytes) -> bytes:
        """Return the signature over `data` (hashed with SHA-256 here); of ES256 in DER, as X.509 and CMS want it.

        Raises:
            KeyFault: the device does not sign.
        """
        ...


def open_signer(address: str, passphrase: str) -> Signer:
    """Open a key by its address.

    Args:
        address: see the module.
        passphrase: of the file, or the PIN of the device. Never empty.

    Raises:
        KeyFault: an unclaimed slot, an unknown scheme, no such file or device, a wrong or empty passphrase, a key that
            is not that of its certificate, or of an algorithm that is not offered.
    """
    scheme, _, rest = address.partition(":")
    if scheme in UNCLAIMED:
        raise KeyFault(f"{scheme}: {UNCLAIMED[scheme]}; nothing was signed. Use file: or pkcs11:")
    if scheme not in ("file", "pkcs11"):
        raise KeyFault(f"{scheme}: no such kind of key; nothing was signed. Use file: or pkcs11:")
    if not passphrase:
        raise KeyFault(f"{address}: no passphrase given; nothing was signed. A key without one is not used")
    if scheme == "pkcs11":
        return _DeviceSigner.opened(address, passphrase)
    key, chain = read_key(Path(rest), passphrase)
    return memory_signer(key, chain)


def memory_signer(key: SigningKey, chain: Sequence[x509.Certificate]) -> Signer:
    """Return a signer over a key in memory.

    Raises:
        KeyFault: the key is not that of the first certificate, or of an algorithm that is not offered.
    """
    if not chain or _public_bytes(key) != _public_bytes(chain[0]):
        raise KeyFault(
            "the key is not that of its certificate; nothing was signed. Bring key and chain together"
        )
    return _MemorySigner(key, tuple(chain), algorithm_of(chain[0]))


def algorithm_of(certificate: x509.Certificate) -> str:
    """Return what a certificate's key signs with, `RS256` or `ES256`.

    Raises:
        KeyFault: neither; such as RSA below 2048 bits, or another curve than P-256.
    """
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _SMALLEST_RSA:
        return RS256
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return ES256
    raise KeyFault(
        f"the key is neither RSA of at least {_SMALLEST_RSA} bits nor P-256; nothing was signed. Certify another"
    )


def save_key(path: Path, key: SigningKey, chain: Sequence[x509.Certificate], passphrase: str) -> None:
    """Write key and chain as PKCS#12 under a passphrase, readable by its owner alone (0600); never over a file.

    Raises:
        KeyFault: the passphrase is shorter than 12 characters, the file is there already, or cannot be written.
    """
    if len(passphrase) < _SHORTEST_PASSPHRASE:
        raise KeyFault(
            f"{path}: the passphrase is shorter than {_SHORTEST_PASSPHRASE} characters; nothing was written"
        )
    content = pkcs12.serialize_key_and_certificates(
        None, key, chain[0], chain[1:] or None, BestAvailableEncryption(passphrase.encode())
    )
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeyFault(f"{path}: is there already; nothing was written. Name another file") from None
    except OSError as error:
        raise KeyFault(f"{path}: cannot be written ({error.strerror}); nothing was written") from None
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def read_key(path: Path, passphrase: str) -> tuple[SigningKey, tuple[x509.Certificate, ...]]:
    """Read key and chain from PKCS#12, or from PEM with an encrypted key.

    Raises:
        KeyFault: no such file, no key or certificate in it, a key that is not encrypted, or a wrong passphrase.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise KeyFault(f"{path}: cannot be read ({error.strerror}); nothing was signed") from None
    try:
        if content.lstrip().startswith(b"-----BEGIN"):
            # A password given for a key without encryption is an error of load_pem_private_key: that key is refused.
            key: Any = load_pem_private_key(content, passphrase.encode())
            chain = x509.load_pem_x509_certificates(content)
        else:
            key, first, others = pkcs12.load_key_and_certificates(content, passphrase.encode())
            chain = [*([first] if first else []), *_in_order(first, others)]
    except (ValueError, TypeError):
        raise KeyFault(
            f"{path}: no encrypted key with its certificate, or another passphrase; nothing was signed"
        ) from None
    if not isinstance(key, SigningKey) or not chain:
        raise KeyFault(f"{path}: no RSA or P-256 key with its certificate; nothing was signed")
    return key, tuple(chain)


@dataclass(frozen=True)
class _MemorySigner:
    key: SigningKey
    chain: tuple[x509.Certificate, ...]
    algorithm: str

    def sign(self, data: bytes) -> bytes:
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        return self.key.sign(data, ec.ECDSA(hashes.SHA256()))


class _DeviceSigner:
    """A key on a PKCS#11 device. One session, one signature at a time: that is what devices promise."""

    def __init__(self, key: Any, chain: tuple[x509.Certificate, ...], address: str) -> None:
        self._key = key
        self._address = address
        self._lock = threading.Lock()
        self.chain = chain
        self.algorithm = algorithm_of(chain[0])

    @classmethod
    def opened(cls, address: str, pin: str) -> "_DeviceSigner":
        try:
            import pkcs11
        except ImportError:
            raise KeyFault(
                f"{address}: python-pkcs11 is not installed; nothing was signed. Install 'yici[pkcs11]'"
            ) from None
        if "pin-value" in address:
            raise KeyFault("pkcs11: the address holds a PIN; nothing was signed. Give it as the passphrase")
        path, _, query = address.removeprefix("pkcs11:").partition("?")
        named = _attributes(path, ";") | _attributes(query, "&")
        if missing := {"token", "object", "module-path"} - named.keys():
            raise KeyFault(f"{address}: does not name {', '.join(sorted(missing))}; nothing was signed")
        try:
            token = pkcs11.lib(named["module-path"]).get_token(token_label=named["token"])
            try:
                session = token.open(user_pin=pin)
            except pkcs11.UserAlreadyLoggedIn:  # by another of this device's keys: a login is the process's
                session = token.open()
            key = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=named["object"])
            found = [
                (one[pkcs11.Attribute.LABEL], x509.load_der_x509_certificate(one[pkcs11.Attribute.VALUE]))
                for one in session.get_objects({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.CERTIFICATE})
            ]
        except (pkcs11.PKCS11Error, RuntimeError, ValueError) as error:
            raise KeyFault(f"{address}: {type(error).__name__} of the device; nothing was signed") from None
        own = [certificate for label, certificate in found if label == named["object"]]
        if len(own) != 1:
            raise KeyFault(
                f"{address}: {len(own)} certificates of that name on the device; nothing was signed"
            )
        others = [certificate for label, certificate in found if label != named["object"]]
        return cls(key, (own[0], *_in_order(own[0], others)), address)

    def sign(self, data: bytes) -> bytes:
        from pkcs11 import Mechanism, PKCS11Error
        from pkcs11.util.ec import encode_ecdsa_signature

        try:
            with self._lock:
                if self.algorithm == RS256:
                    return self._key.sign(data, mechanism=Mechanism.SHA256_RSA_PKCS)
                hashed = hashes.Hash(hashes.SHA256())
                hashed.update(data)
                return encode_ecdsa_signature(self._key.sign(hashed.finalize(), mechanism=Mechanism.ECDSA))
        except PKCS11Error as error:
            raise KeyFault(
                f"{self._address}: {type(error).__name__} of the device; nothing was signed"
            ) from None


def _attributes(text: str, separator: str) -> dict[str, str]:
    pairs = (one.partition("=") for one in text.split(separator) if one)
    return {name: unquote(value) for name, _, value in pairs}


def _in_order(first: x509.Certificate | None, others: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Return the issuers of a certificate, each certified by the next, as far as they are among the others."""
    ordered: list[x509.Certificate] = []
    left = list(others)
    below = first
    while below is not None and below.issuer != below.subject:
        above = next((one for one in left if _issued(below, one)), None)
        if above is not None:
            ordered.append(above)
            left.remove(above)
        below = above
    return ordered


def _issued(below: x509.Certificate, above: x509.Certificate) -> bool:
    with contextlib.suppress(Exception):  # of whatever a foreign certificate is made: it is not the issuer
        below.verify_directly_issued_by(above)
        return True
    return False


def _public_bytes(of: SigningKey | x509.Certificate) -> bytes:
    return of.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
