"""The service's own secrets, made once in `<home>/keys` (mode 0600): signing key, subject key, evidence keys."""

import hashlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from joserfc.jwk import OKPKey


@dataclass(frozen=True)
class Keys:
    """Signing key for tokens and receipts, and the secret from which keyed digests are derived."""

    signing: OKPKey
    secret: bytes

    def derived(self, purpose: str) -> bytes:
        """Return the key for one purpose, for example one client's evidence."""
        return hmac.new(self.secret, purpose.encode(), hashlib.sha256).digest()


def load(home: Path) -> Keys:
    """Return the installation's keys, making them at the first start."""
    folder = home / "keys"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    signing = _once(folder / "service_signing.jwk", lambda: json.dumps(_new_key().as_dict(private=True)))
    secret = _once(folder / "service_secret", lambda: secrets.token_hex(32))
    return Keys(OKPKey.import_key(json.loads(signing)), bytes.fromhex(secret))


def _new_key() -> OKPKey:
    return OKPKey.generate_key("Ed25519", {"use": "sig", "alg": "EdDSA", "kid": secrets.token_hex(8)})


def _once(file: Path, make) -> str:
    """Return the file's text, writing it first if it is not there; two starters agree on one."""
    partial = file.with_name(f"{file.name}.{os.getpid()}")
    if not file.is_file():
        with partial.open("w", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
            out.write(make())
        try:
            os.link(partial, file)
        except FileExistsError:
            pass
        finally:
            partial.unlink()
    return file.read_text()
