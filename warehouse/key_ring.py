"""The installation's store keys: where they lie, and whether they are those that the warehouse was sealed with.

The ring is one file, `<home>/keys/store_keys.json` (mode 0600), or the file that YICI_STORE_KEYS names, where a
university keeps secrets elsewhere. It is made with its first key when it is first needed, and never silently again: the
warehouse knows the ids of its keys (`yici.store_key`), so that a lost ring is told and not replaced.
"""

import contextlib
import json
import os
import secrets
from functools import lru_cache
from pathlib import Path

import psycopg

from catalogs.settings import ConfigurationError, kept_secret, settings
from warehouse.sealing import Key, Ring, lost

_FILE = "store_keys.json"
ENVIRONMENT = "YICI_STORE_KEYS"


def file_of(home: Path) -> Path:
    """Return the file that the ring lies in."""
    named = os.environ.get(ENVIRONMENT)
    return Path(named) if named else home / "keys" / _FILE


def ring(home: Path | None = None) -> Ring:
    """Return the ring of an installation, making it with its first key where there is none.

    Args:
        home: the state folder; None: that of the settings.

    Raises:
        ConfigurationError: YICI_STORE_KEYS names no file, or the file is no key ring.
    """
    home = home or settings().home
    file = file_of(home)
    if ENVIRONMENT in os.environ:
        if not file.is_file():
            raise ConfigurationError(
                f"{ENVIRONMENT}: no file {file}; without the store keys no sensitive item can be read or written. "
                "Nothing was changed"
            )
        text = file.read_text()
    else:
        text = kept_secret(home, _FILE, lambda: _written(Ring((new_key(),))))
    try:
        return _read(text)
    except (ValueError, KeyError, TypeError, IndexError):
        raise ConfigurationError(
            f"{file}: not a ring of store keys; restore it from the backup of keys. Nothing was changed"
        ) from None


def new_key() -> Key:
    """Return a fresh key."""
    return Key(secrets.token_hex(4), secrets.token_bytes(32))


def put(home: Path, changed: Ring) -> None:
    """Replace the ring; a reader finds the old one or the new one, whole.

    Raises:
        ConfigurationError: the file cannot be replaced; the ring is as before.
    """
    file = file_of(home)
    partial = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write(_written(changed))
            out.flush()
            os.fsync(out.fileno())
        partial.replace(file)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise ConfigurationError(
            f"{file}: the store keys cannot be written there ({error.strerror}). The file has the keys that it had, "
            "which open everything that is sealed. Let this account write the file and its folder, and run again"
        ) from None


def agree(con: psycopg.Connection, held: Ring) -> None:
    """Check that the ring has every key that the warehouse is sealed with, and enter its keys there.

    Args:
        con: the owner's connection.
        held: the ring.

    Raises:
        ConfigurationError: a key is lost; says what cannot be read without it and what stays.
    """
    known = con.execute("SELECT id, proof FROM yici.store_key WHERE destroyed_at IS NULL").fetchall()
    if missing := lost(held, known):
        raise ConfigurationError(
            f"store key {', '.join(missing)} is not in {file_of(settings().home)}: without it no sensitive item, no "
            "document number and no quarantined row of this warehouse can be read. Everything else stays, and nothing "
            "was changed. Restore the file from the backup of keys; where there is none, a rebuild from the landing "
            "zone into an empty warehouse brings back what is landed (docs/running.md)"
        )
    con.cursor().executemany(
        "INSERT INTO yici.store_key (id, proof) VALUES (%s, %s) ON CONFLICT DO NOTHING",
        [(key.id, key.check) for key in held.keys],
    )


def enter_first(con: psycopg.Connection) -> None:
    """Let a warehouse that knows no key yet know those of the ring, before anything can be lost.

    Args:
        con: the owner's connection; what it enters counts with its transaction.
    """
    is_there, *_ = con.execute("SELECT to_regclass('yici.store_key') IS NOT NULL").fetchone()
    if is_there and not con.execute("SELECT 1 FROM yici.store_key LIMIT 1").fetchone():
        agree(con, ring())


@lru_cache(maxsize=8)
def _read(text: str) -> Ring:
    keys = tuple(
        Key(str(one["id"]), bytes.fromhex(one["secret"]), one.get("retires") is True)
        for one in json.loads(text)["keys"]
    )
    for key in keys:
        if len(bytes.fromhex(key.id)) != 4 or len(key.secret) != 32:
            raise ValueError("a key of another size")
    return Ring((keys[0], *keys[1:]))


def _written(held: Ring) -> str:
    keys = [
        {"id": key.id, "secret": key.secret.hex()} | ({"retires": True} if key.retires else {})
        for key in held.keys
    ]
    return json.dumps({"keys": keys}, indent=1) + "\n"
