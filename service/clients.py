"""The register of service systems: who they are and the public keys by which they are known."""

import json
from pathlib import Path

from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from catalogs.settings import ConfigurationError, now
from warehouse.connect import connect
from warehouse.migrate import upgrade


def register(client_id: str, unit: str, name: str, jwks: Path) -> None:
    """Register a service system or replace its keys.

    Raises:
        ConfigurationError: the file is no JWK set, or holds a private key.
    """
    try:
        text = jwks.read_text(encoding="utf-8")
        found = KeySet.import_key_set(json.loads(text))
    except (OSError, ValueError, JoseError, KeyError):
        raise ConfigurationError(f"{jwks}: expected a JWK set (RFC 7517); nothing was registered") from None
    if any(key.is_private for key in found.keys):
        raise ConfigurationError(f"{jwks}: holds a private key; register the public ones. Nothing was registered")
    upgrade()
    with connect(autocommit=True) as con:
        con.execute(
            "INSERT INTO service.client (client_id, unit, name, jwks, registered_at) VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT (client_id) DO UPDATE SET unit = excluded.unit, name = excluded.name, jwks = excluded.jwks",
            [client_id, unit, name, text, now()],
        )


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
