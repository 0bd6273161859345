"""The register of service systems: who they are and the public keys by which they are known."""

import json
from pathlib import Path

from argon2 import PasswordHasher
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from catalogs.settings import ConfigurationError, now
from service.tokens import CLIENT_ID
from warehouse.connect import connect
from warehouse.migrate import upgrade

RSA_BITS = 2048
_UPSERT = """
INSERT INTO service.client (client_id, unit, name, jwks, secret_hash, registered_at) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (client_id) DO UPDATE SET unit = excluded.unit, name = excluded.name, jwks = excluded.jwks,
    secret_hash = excluded.secret_hash
"""


def register(client_id: str, unit: str, name: str, jwks: Path) -> None:
    """Register a service system or replace its keys; tokens already given live on for minutes.

    Args:
        client_id: as the demands of the catalog name it.
        unit: code of the unit that answers for it.
        name: for people.
        jwks: file with its public keys (RFC 7517).

    Raises:
        ConfigurationError: the name cannot be one, the file is no JWK set, or it holds a private, shared or short
            key, or two of one `kid`: assertions are matched to keys by it.
    """
    try:
        text = jwks.read_text(encoding="utf-8")
        found = KeySet.import_key_set(json.loads(text))
    except (OSError, ValueError, JoseError, KeyError, TypeError):
        raise ConfigurationError(f"{jwks}: expected a JWK set (RFC 7517); nothing was registered") from None
    if not found.keys or any(key.key_type == "oct" or key.is_private for key in found.keys):
        raise ConfigurationError(
            f"{jwks}: holds no key, a shared or a private one; register the public ones. Nothing was registered"
        )
    names = [key.kid for key in found.keys]
    if len(set(names)) < len(names):
        raise ConfigurationError(f"{jwks}: two keys have one `kid`; nothing was registered")
    if any(key.key_type == "RSA" and key.public_key.key_size < RSA_BITS for key in found.keys):
        raise ConfigurationError(f"{jwks}: an RSA key has fewer than {RSA_BITS} bits; nothing was registered")
    _write(client_id, unit, name, text, None)


def register_secret(client_id: str, unit: str, name: str, secret: str) -> None:
    """Register a service system of the reference campus that proves itself by a secret.

    Only a service started with YICI_REFERENCE_CAMPUS=1 accepts it.

    Raises:
        ConfigurationError: the name cannot be one, or the secret is short.
    """
    if len(secret) < 16:
        raise ConfigurationError("the secret has fewer than 16 characters; nothing was registered")
    _write(client_id, unit, name, None, PasswordHasher().hash(secret))


def _write(client_id: str, unit: str, name: str, jwks: str | None, secret_hash: str | None) -> None:
    if not CLIENT_ID.fullmatch(client_id):
        raise ConfigurationError(
            "a client's name is up to 64 letters, digits, '.', '_' and '-'; nothing was registered"
        )
    upgrade()
    with connect(autocommit=True) as con:
        con.execute(_UPSERT, [client_id, unit, name, jwks, secret_hash, now()])


def let_propose(client_id: str, allowed: bool = True) -> None:
    """Let a client propose changes of the catalog, or no longer; effective with its next request.

    Raises:
        LookupError: no such client.
    """
    upgrade()
    with connect(autocommit=True) as con:
        done = con.execute(
            "UPDATE service.client SET may_propose = %s WHERE client_id = %s", [allowed, client_id]
        )
        if not done.rowcount:
            raise LookupError(f"no client {client_id!r} is registered")


def suspend(client_id: str, suspended: bool = True) -> None:
    """Suspend a client, or let it in again; effective with its next request.

    Raises:
        LookupError: no such client.
    """
    with connect(autocommit=True) as con:
        status = "suspended" if suspended else "active"
        done = con.execute("UPDATE service.client SET status = %s WHERE client_id = %s", [status, client_id])
        if not done.rowcount:
            raise LookupError(f"no client {client_id!r} is registered")
