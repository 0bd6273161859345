"""Keys of the landing zone: extracts of resources with sensitive items lie there as encrypted Parquet.

Each such extract is encrypted whole (Parquet modular encryption, AES-GCM, as DuckDB writes and reads it) and names its
key in its manifest. An extract never changes, so neither does its key: a new key takes the extracts to come, and an old
one goes when the last extract that names it is gone. The first of the ring encrypts, all open.
"""

import base64
import json
import os
import secrets
from pathlib import Path

import duckdb

from catalogs.settings import ConfigurationError, kept_secret, settings
from connectors.duck import literal, load_extension, run

_FILE = "landing_keys.json"
ENVIRONMENT = "YICI_LANDING_KEYS"
# DuckDB without OpenSSL, which this extension brings, opens encrypted files and refuses to write any.
_CRYPTO = "httpfs"


def file_of(home: Path) -> Path:
    """Return the file that the ring lies in."""
    named = os.environ.get(ENVIRONMENT)
    return Path(named) if named else home / "keys" / _FILE


def ring(make: bool = False) -> dict[str, bytes]:
    """Return key id → key, the one that encrypts first; empty where there is none yet.

    Args:
        make: make the first key.

    Raises:
        ConfigurationError: the file is no key ring, or the environment names none.
    """
    home = settings().home
    file = file_of(home)
    if make and ENVIRONMENT not in os.environ:
        kept_secret(home, _FILE, lambda: _written(_fresh()))
    if not file.is_file():
        if ENVIRONMENT in os.environ or make:
            raise ConfigurationError(
                f"{ENVIRONMENT}: no file {file}; without the keys of the landing zone no extract with sensitive items "
                "can be written or read. Nothing was changed"
            )
        return {}
    try:
        found = {str(one["id"]): bytes.fromhex(one["secret"]) for one in json.loads(file.read_text())["keys"]}
    except (ValueError, KeyError, TypeError):
        raise ConfigurationError(
            f"{file}: not a ring of landing keys; restore it from the backup of keys. Nothing was changed"
        ) from None
    return found


def add(home: Path) -> str:
    """Put a fresh key before the others and return its id."""
    fresh = _fresh()
    _replace(home, fresh | ring())
    return next(iter(fresh))


def forget(home: Path, still: set[str]) -> list[str]:
    """Destroy the keys behind the first that no extract names any more; returns their ids."""
    held = ring()
    gone = [name for name in list(held)[1:] if name not in still]
    if gone:
        _replace(home, {name: key for name, key in held.items() if name not in gone})
    return gone


def teach(con: duckdb.DuckDBPyConnection, held: dict[str, bytes], writes: bool = False) -> None:
    """Let a DuckDB session read what the keys encrypt.

    Args:
        con: the session.
        held: the ring.
        writes: let it write, too; that costs it a quarter of a second.

    Raises:
        DuckError: the extension that encrypts is not installed.
    """
    if writes:
        load_extension(con, _CRYPTO)
    for name, key in held.items():
        run(con, f"PRAGMA add_parquet_key({literal(name)}, {literal(base64.b64encode(key).decode())})")


def _fresh() -> dict[str, bytes]:
    return {secrets.token_hex(4): secrets.token_bytes(32)}


def _replace(home: Path, held: dict[str, bytes]) -> None:
    file = file_of(home)
    partial = file.with_name(f"{file.name}.{os.getpid()}")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(_written(held))
        out.flush()
        os.fsync(out.fileno())
    partial.replace(file)


def _written(held: dict[str, bytes]) -> str:
    return (
        json.dumps({"keys": [{"id": name, "secret": key.hex()} for name, key in held.items()]}, indent=1)
        + "\n"
    )
