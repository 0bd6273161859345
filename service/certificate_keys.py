"""The keys by which this installation certifies: where they are, which are in force, whom a judge trusts.

They live in `<home>/keys/certificates`: `trust.pem` (the root's certificate and its revocation list, both public),
`seal-*.p12` for papers and `token-*.p12` for tokens and status lists, each under a passphrase. The root's own file is
never here: an operator makes it, takes it away, and brings it to certify the next key. A key in a device is named by
its address instead (YICI_CERTIFICATE_SEALS, YICI_CERTIFICATE_TOKENS: several are separated by spaces). The passphrase
comes from YICI_CERTIFICATE_PASSPHRASE; made-up campuses keep it in a file beside the keys.

Keys are opened at their first use, and the folder is looked at again every few seconds, so that a rotation or a new
revocation list needs no restart. Without keys nothing is issued, and everything else goes on.
"""

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog
from cryptography import x509

from certificates import pki
from certificates.keys import KeyFault, Signer, open_signer
from certificates.pki import Trust
from service.problems import Problem

LOOK_AGAIN_S = 5
TRUST, PASSPHRASE = "trust.pem", "passphrase"
SEAL, TOKEN = "seal", "token"
_SETTINGS = {SEAL: "YICI_CERTIFICATE_SEALS", TOKEN: "YICI_CERTIFICATE_TOKENS"}
_log = structlog.get_logger("yici.service")


def folder(home: Path) -> Path:
    """Return where the keys of an installation are."""
    return home / "keys" / "certificates"


def passphrase(home: Path) -> str:
    """Return the passphrase of the keys, empty if nobody set one."""
    if given := os.environ.get("YICI_CERTIFICATE_PASSPHRASE"):
        return given
    kept = folder(home) / PASSPHRASE
    return kept.read_text(encoding="utf-8").strip() if kept.is_file() else ""


def addresses(home: Path, use: str) -> list[str]:
    """Return the addresses of the keys for papers (`seal`) or tokens (`token`), the oldest first."""
    if named := os.environ.get(_SETTINGS[use]):
        return named.split()
    return [f"file:{path}" for path in sorted(folder(home).glob(f"{use}-*.p12"))]


@dataclass(frozen=True)
class _Open:
    seals: Sequence[Signer]
    tokens: Sequence[Signer]
    trust: Trust | None


class Seals:
    """The keys of one process; see the module. Safe between threads."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._open = _Open((), (), None)
        self._stamp: object = None
        self._looked_at = -float(LOOK_AGAIN_S)

    def seal(self, at: datetime) -> Signer:
        """Return the key that seals papers at a moment.

        Raises:
            Problem: SEAL_UNAVAILABLE.
        """
        return self._current(self._opened().seals, at)

    def token(self, at: datetime) -> Signer:
        """Return the key that signs tokens and status lists at a moment.

        Raises:
            Problem: SEAL_UNAVAILABLE.
        """
        return self._current(self._opened().tokens, at)

    def issuer(self, at: datetime) -> str:
        """Return the public address of this service, as the certificate of its token key states it.

        Raises:
            Problem: SEAL_UNAVAILABLE.
        """
        return issuer_of(self.token(at).chain[0])

    @property
    def trust(self) -> Trust:
        """Whom a judge trusts: our root and what it has revoked; only our own tokens.

        Raises:
            Problem: SEAL_UNAVAILABLE.
        """
        found = self._opened().trust
        if found is None:
            raise Problem("SEAL_UNAVAILABLE", "no root is set up")
        return found

    @property
    def token_signers(self) -> Sequence[Signer]:
        """Every key for tokens, also those whose turn is over."""
        return self._opened().tokens

    @property
    def seal_signers(self) -> Sequence[Signer]:
        """Every key for papers, also those whose turn is over."""
        return self._opened().seals

    @staticmethod
    def _current(signers: Sequence[Signer], at: datetime) -> Signer:
        found = pki.current(signers, at)
        if found is None:
            raise Problem("SEAL_UNAVAILABLE", "no key is in force: see yici certificate keys")
        return found

    def _opened(self) -> _Open:
        with self._lock:
            if time.monotonic() - self._looked_at >= LOOK_AGAIN_S:
                self._looked_at = time.monotonic()
                stamp = self._stamped()
                if stamp != self._stamp:
                    self._read(stamp)
            return self._open

    def _stamped(self) -> object:
        place = folder(self._home)
        files = sorted(place.iterdir()) if place.is_dir() else []
        return tuple((file.name, file.stat().st_mtime_ns) for file in files)

    def _read(self, stamp: object) -> None:
        """Open everything anew; what cannot be opened leaves the known keys in force."""
        try:
            seals, tokens = (
                [open_signer(address, passphrase(self._home)) for address in addresses(self._home, use)]
                for use in (SEAL, TOKEN)
            )
            trust = read_trust(self._home)
        except (KeyFault, OSError, ValueError) as error:
            _log.error("the keys of certificates could not be opened", error=type(error).__name__)
            return
        if trust is not None:
            issuers = dict.fromkeys(issuer_of(one.chain[0]) for one in tokens)
            trust = Trust(trust.roots, trust.lists, tuple(issuers))
        self._open, self._stamp = _Open(seals, tokens, trust), stamp


def read_trust(home: Path) -> Trust | None:
    """Return root and revocation list of an installation, None where there are none yet.

    Raises:
        ValueError: the file is unreadable.
    """
    kept = folder(home) / TRUST
    return Trust.from_pem(kept.read_bytes()) if kept.is_file() else None


def issuer_of(certificate: x509.Certificate) -> str:
    """Return the address that the certificate of a token key states for its tokens.

    Raises:
        ValueError: it states none.
    """
    found = next(pki.issuers_of(certificate), None)
    if found is None:
        raise ValueError("a token key's certificate states no issuer")
    return found.rstrip("/")
