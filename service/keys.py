"""The service's own secrets, made once in `<home>/keys` (mode 0600): signing keys, subject key, evidence keys."""

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from joserfc.jwk import OKPKey

from catalogs.settings import kept_secret


@dataclass(frozen=True)
class Keys:
    """Keys that sign tokens and receipts, and checkpoints of the record; the secret of the keyed digests."""

    signing: OKPKey = field(repr=False)
    record: OKPKey = field(repr=False)
    secret: bytes = field(repr=False)

    @property
    def record_private(self) -> Ed25519PrivateKey:
        key: Ed25519PrivateKey = self.record.private_key
        return key

    @property
    def record_public(self) -> Ed25519PublicKey:
        key: Ed25519PublicKey = self.record.public_key
        return key

    @property
    def record_name(self) -> str:
        """Names the key that signs checkpoints, and the record whose first one it signed."""
        return f"yici-record-{self.record.kid}"

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
    signing, record = (
        OKPKey.import_key(
            json.loads(kept_secret(home, name, lambda: json.dumps(_new_key().as_dict(private=True))))
        )
        for name in ("service_signing.jwk", "record_signing.jwk")
    )
    secret = kept_secret(home, "service_secret", lambda: secrets.token_hex(32))
    return Keys(signing, record, bytes.fromhex(secret))


def _new_key() -> OKPKey:
    return OKPKey.generate_key("Ed25519", {"use": "sig", "alg": "Ed25519", "kid": secrets.token_hex(8)})
