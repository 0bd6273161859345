"""The register of service systems: who they are and the public keys by which they are known.

A key may have a beginning and an end, so that an old and a new one overlap while a client changes over. What is retired
stays listed, so that nobody registers it again by mistake.
"""

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from argon2 import PasswordHasher
from psycopg.rows import dict_row

from catalogs.settings import ConfigurationError, now
from service.client_keys import UnusableKeys, public_keys
from service.tokens import CLIENT_ID
from warehouse.connect import connect
from warehouse.migrate import upgrade

_UPSERT = """
INSERT INTO service.client (client_id, unit, name, jwks, secret_hash, registered_at) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (client_id) DO UPDATE SET unit = excluded.unit, name = excluded.name, jwks = excluded.jwks,
    secret_hash = excluded.secret_hash, jwks_url = NULL, retired_kids = '{}'
"""
_LISTED = """
SELECT client_id, unit, name, status, jwks, jwks_url,
    (SELECT count(*) FROM service.webhook_notice n WHERE n.client_id = c.client_id AND n.state = 'dead') AS dead_notices
FROM service.client c ORDER BY client_id
"""


@dataclass(frozen=True)
class ClientKey:
    """A registered key: its name, kind and times, and whether it counts now."""

    kid: str
    kind: str
    since: datetime | None
    until: datetime | None
    counts: bool


@dataclass(frozen=True)
class Registered:
    """A client as the operator sees it.

    Attributes:
        keys: how many registered keys count now.
        dead_notices: how many notices to its webhook were given up.
    """

    client_id: str
    unit: str
    name: str
    status: str
    keys: int
    jwks_url: str | None
    dead_notices: int


def register(client_id: str, unit: str, name: str, jwks: Path) -> None:
    """Register a service system or replace its keys; tokens already given live on for minutes.

    Args:
        client_id: as the demands of the catalog name it.
        unit: code of the unit that answers for it.
        name: for people.
        jwks: file with its public keys (RFC 7517).

    Raises:
        ConfigurationError: the name cannot be one, or the file is no set of usable keys.
    """
    keys = _read(jwks, "nothing was registered")
    _write(client_id, unit, name, json.dumps({"keys": keys}), None)


def register_secret(client_id: str, unit: str, name: str, secret: str) -> None:
    """Register a service system of the reference campus that proves itself by a secret.

    Only a service started with YICI_REFERENCE_CAMPUS=1 accepts it.

    Raises:
        ConfigurationError: the name cannot be one, or the secret is short.
    """
    if len(secret) < 16:
        raise ConfigurationError("the secret has fewer than 16 characters; nothing was registered")
    _write(client_id, unit, name, None, PasswordHasher().hash(secret))


def _read(jwks: Path, consequence: str) -> list[dict[str, Any]]:
    try:
        return public_keys(jwks.read_bytes())
    except (OSError, UnusableKeys) as error:
        why = str(error) if isinstance(error, UnusableKeys) else "cannot be read"
        raise ConfigurationError(f"{jwks}: {why}; {consequence}") from None


def _write(client_id: str, unit: str, name: str, jwks: str | None, secret_hash: str | None) -> None:
    if not CLIENT_ID.fullmatch(client_id):
        raise ConfigurationError(
            "a client's name is up to 64 letters, digits, '.', '_' and '-'; nothing was registered"
        )
    upgrade()
    with connect(autocommit=True) as con:
        con.execute(_UPSERT, [client_id, unit, name, jwks, secret_hash, now()])


def add_keys(
    client_id: str, jwks: Path, since: datetime | None = None, until: datetime | None = None
) -> list[str]:
    """Register further keys of a client beside those it has, and return their names.

    Args:
        client_id: whose.
        jwks: file with public keys.
        since: from when on they count; default: now.
        until: when they end; default: when they are retired.

    Raises:
        ConfigurationError: the file holds no usable keys, or one whose name is known or was retired.
        LookupError: no such client.
    """
    keys = _read(jwks, "no key was added")
    times = {"nbf": since, "exp": until}
    with _changing(client_id) as (con, known):
        taken = {one["kid"] for one in known["keys"]} | set(known["retired"])
        if again := sorted(taken & {one["kid"] for one in keys}):
            raise ConfigurationError(
                f"{jwks}: this client has or had keys named {', '.join(again)}; give the new ones other names. "
                "No key was added"
            )
        dated = {name: int(at.timestamp()) for name, at in times.items() if at is not None}
        _store(con, client_id, [*known["keys"], *(key | dated for key in keys)])
    return [key["kid"] for key in keys]


def publish_at(client_id: str, url: str) -> None:
    """Let a client publish its keys at an address of its own, beside those that are registered.

    Raises:
        ConfigurationError: the address is none that the service would ask.
        LookupError: no such client.
    """
    if not url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
        raise ConfigurationError("expected an address that begins with https://; nothing was changed")
    with _changing(client_id) as (con, _):
        con.execute("UPDATE service.client SET jwks_url = %s WHERE client_id = %s", [url, client_id])


def retire_key(client_id: str, kid: str) -> None:
    """Take a client's key no longer, wherever it stands; tokens that were given for it end within minutes.

    Raises:
        LookupError: no such client, or none of its registered keys has this name and it publishes none.
    """
    with _changing(client_id) as (con, known):
        if kid not in {one["kid"] for one in known["keys"]} and not known["jwks_url"]:
            raise LookupError(
                f"client {client_id!r} has no key {kid!r}; `yici client key list` shows its keys"
            )
        _store(con, client_id, [one for one in known["keys"] if one["kid"] != kid])
        con.execute(
            "UPDATE service.client SET retired_kids = array_append(array_remove(retired_kids, %s), %s)"
            " WHERE client_id = %s",
            [kid, kid, client_id],
        )


def keys_of(client_id: str) -> tuple[list[ClientKey], str | None]:
    """Return a client's registered keys, retired ones too, and where it publishes others.

    Raises:
        LookupError: no such client.
    """
    with _changing(client_id) as (_, known):
        found = [_listed(one) for one in known["keys"]]
        found += [ClientKey(kid, "retired", None, None, False) for kid in known["retired"]]
        return found, known["jwks_url"]


def _listed(key: dict[str, Any]) -> ClientKey:
    moment = time.time()
    since, until = (
        datetime.fromtimestamp(key[name], UTC) if name in key else None for name in ("nbf", "exp")
    )
    counts = key.get("nbf", 0) <= moment < key.get("exp", float("inf"))
    return ClientKey(key["kid"], f"{key['kty']} {key.get('crv', '')}".strip(), since, until, counts)


@contextlib.contextmanager
def _changing(client_id: str) -> Iterator[tuple[psycopg.Connection, dict[str, Any]]]:
    """Lend a connection in a transaction in which nobody else changes the client, and its keys as they stand.

    Raises:
        LookupError: no such client.
    """
    upgrade()
    with connect() as con:
        row = con.execute(
            "SELECT jwks, jwks_url, retired_kids FROM service.client WHERE client_id = %s FOR UPDATE",
            [client_id],
        ).fetchone()
        if row is None:
            raise LookupError(f"no client {client_id!r} is registered")
        jwks, url, retired = row
        yield con, {"keys": jwks["keys"] if jwks else [], "jwks_url": url, "retired": retired}


def _store(con: psycopg.Connection, client_id: str, keys: list[dict[str, Any]]) -> None:
    con.execute(
        "UPDATE service.client SET jwks = %s WHERE client_id = %s", [json.dumps({"keys": keys}), client_id]
    )


def listed() -> list[Registered]:
    """Return the registered clients by name."""
    upgrade()
    with connect(autocommit=True) as con, con.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_LISTED).fetchall()
    found = []
    for row in rows:
        jwks = row.pop("jwks")
        keys = sum(_listed(one).counts for one in (jwks or {"keys": []})["keys"])
        found.append(Registered(keys=keys, **row))
    return found


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
