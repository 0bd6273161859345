"""The client's key and what it signs: the assertion that a token is asked for with (RFC 7523)."""

import contextlib
import json
import time
import uuid
from pathlib import Path
from typing import Any, TypeAlias

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, KeyParameters, OKPKey, RSAKey

Key: TypeAlias = ECKey | OKPKey | RSAKey
LIFE_S = 60
_ALGORITHMS = {"P-256": "ES256", "Ed25519": "Ed25519"}


def new_key(kid: str) -> ECKey:
    """Return a new key pair (P-256); `kid` names it among the client's keys."""
    parameters: KeyParameters = {"kid": kid, "use": "sig"}
    return ECKey.generate_key("P-256", parameters)


def public_keys(*keys: Key) -> dict[str, Any]:
    """Return the public halves as the JWK set that the data office registers."""
    return {"keys": [key.as_dict(private=False) for key in keys]}


def read_key(file: Path, kid: str | None = None) -> Key:
    """Read a private key.

    Args:
        file: a JWK as JSON, or PEM.
        kid: by which of the registered keys it is known; a JWK says so itself.

    Raises:
        ValueError: the file is no private key that clients may sign with, or nothing names it. Says which file, never
            what stands in it.
    """
    text = file.read_text(encoding="utf-8")
    try:
        if text.lstrip().startswith("{"):
            content = json.loads(text)
            key: Any = JWKRegistry.import_key(content | ({"kid": kid} if kid else {}))
        else:
            key = _from_pem(text, kid)
    except (JoseError, ValueError, KeyError, TypeError):
        raise ValueError(f"{file}: expected a private key as JWK or PEM (EC P-256, Ed25519 or RSA)") from None
    if not isinstance(key, ECKey | OKPKey | RSAKey) or not key.is_private or not _algorithm(key):
        raise ValueError(f"{file}: expected a private key: EC P-256, Ed25519 or RSA")
    if not key.kid:
        raise ValueError(f"{file}: nothing says which registered key this is; give `kid`")
    return key


def assertion(client_id: str, key: Key, audience: str) -> str:
    """Return a signed assertion for one token request; it is never used twice.

    Args:
        client_id: as registered.
        key: private.
        audience: the token endpoint.
    """
    now = int(time.time())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "iat": now,
        "exp": now + LIFE_S,
        "jti": uuid.uuid4().hex,
    }
    algorithm = _algorithm(key)
    return str(jwt.encode({"alg": algorithm, "kid": key.kid or ""}, claims, key, algorithms=[algorithm]))


def _algorithm(key: Key) -> str:
    """Return what a key signs with; empty for a curve that the service does not take."""
    return "PS256" if isinstance(key, RSAKey) else _ALGORITHMS.get(str(key.curve_name), "")


def _from_pem(text: str, kid: str | None) -> Any:
    for kind in (ECKey, OKPKey, RSAKey):
        with contextlib.suppress(JoseError, ValueError, TypeError, AttributeError):
            return kind.import_key(text, {"kid": kid} if kid else {})
    raise ValueError("no such key")
