"""The service's own secrets, made once in `<home>/keys` (mode 0600): signing key, subject key, evidence keys."""

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from joserfc.jwk import OKPKey

from catalogs.settings import kept_secret


@dataclass(frozen=True)
class Keys:
    """Signing key for tokens and receipts, and the secret from which keyed digests are derived."""

    signing: OKPKey = field(repr=False)
    secret: bytes = field(repr=False)

    def derived(self, purpose: str) -> bytes:
        """Return the key for one purpose, for example one client's evidence."""
        return hmac.new(self.secret, purpose.encode(), hashlib.sha256).digest()

    @property
    def subject_key_id(self) -> str:
        """Names the key under which people stand in the record; a rotated one will be another."""
        return hashlib.sha256(self.derived("record subject")).hexdigest()[:8]

    def subject_key(self, id_type: str, number: str) -> str:
        """Return a person's keyed digest for the record: the same for the same number, and no way back."""
        text = f"{id_type}\0{number}"
        return hmac.new(self.derived("record subject"), text.encode(), hashlib.sha256).hexdigest()


def load(home: Path) -> Keys:
    """Return the installation's keys, making them at the first start."""
    signing = kept_secret(home, "service_signing.jwk", lambda: json.dumps(_new_key().as_dict(private=True)))
    secret = kept_secret(home, "service_secret", lambda: secrets.token_hex(32))
    return Keys(OKPKey.import_key(json.loads(signing)), bytes.fromhex(secret))


def _new_key() -> OKPKey:
    return OKPKey.generate_key("Ed25519", {"use": "sig", "alg": "Ed25519", "kid": secrets.token_hex(8)})
