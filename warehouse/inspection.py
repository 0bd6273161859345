"""Look through the landing zone and the ledger: does everything that one names stand in the other, unaltered?

Reads only. A fault is plain words with what to do; nothing here opens a Parquet file, so no value can be shown.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from connectors.landing import BASELINES, LEDGER, MANIFEST, Landing, LandingError
from warehouse import landing_lock, sealed
from warehouse.history import CATALOGS

_RESTORE = "restore it from backup, or read the resource again; what was published stays"


@dataclass
class Inspection:
    """What was found.

    Attributes:
        extracts: checked, of which `purged` carry a tombstone.
        removed: extracts of the ledger whose files retention removed.
        under_way: folders that a reading is writing just now; not checked.
        sealed: baselines and exported ledgers checked.
        bytes: of all files looked at.
        faults: what is wrong and what to do, in the order found.
    """

    extracts: int = 0
    purged: int = 0
    removed: int = 0
    under_way: int = 0
    sealed: int = 0
    bytes: int = 0
    faults: list[str] = field(default_factory=list)


def inspect(
    con: psycopg.Connection,
    landing: Landing,
    home: Path,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> Inspection:
    """Check every file of the landing zone, and every extract of the ledger.

    Args:
        con: the warehouse, in autocommit mode.
        landing: the zone.
        home: the state folder, whose key signed baselines and ledger.
        tell: called with the bytes looked at so far and the bytes in all.
    """
    there = landing.files()
    found, total = Inspection(), sum(there.values())
    rows = con.execute("SELECT path, removed_at IS NULL FROM yici.extract").fetchall()
    found.removed = sum(not kept for _, kept in rows)
    paths = {path for path, kept in rows if kept} | set(landing.extracts())
    key = sealed.trusted_key(home)
    own = [*sealed.folders(landing, BASELINES), *sealed.folders(landing, LEDGER)]
    for path in (*sorted(paths), *own):
        faults = _sealed(landing, path, key, found) if path in own else _extract(con, landing, path, found)
        found.faults += [f"landing {fault}" for fault in faults]
        found.bytes += sum(there.pop(file) for file in list(there) if file.startswith(f"{path}/"))
        tell(found.bytes, total)
    for file in sorted(there):
        if not file.startswith(f"{CATALOGS}/"):
            found.faults.append(
                f"landing {file}: nothing names this file; find out whose it is and remove it"
            )
    return found


def _extract(con: psycopg.Connection, landing: Landing, path: str, found: Inspection) -> Iterator[str]:
    entry = _entry(con, path)
    if entry is None:
        with landing_lock.taken(con, path.split("/")[0]) as is_free:
            if not is_free:
                found.under_way += 1
                return
        entry = _entry(con, path)
    if entry is None:
        yield f"{path}: the ledger does not name it: a reading that died; `yici retention` removes it"
        return
    digest, is_removed = entry
    if is_removed:
        yield f"{path}: retention removed it in part only; run `yici retention` again"
        return
    found.extracts += 1
    try:
        manifest = landing.verify(path)
        found.purged += bool(manifest.tombstones)
        if landing.sha256(f"{path}/{MANIFEST}") != digest:
            yield f"{path}: the ledger was told another manifest; {_RESTORE}"
    except LandingError as error:
        yield f"{str(error).removeprefix('landing ')}; {_RESTORE}"


def _entry(con: psycopg.Connection, path: str) -> tuple[str, bool] | None:
    return con.execute(
        "SELECT digest, removed_at IS NOT NULL FROM yici.extract WHERE path = %s", [path]
    ).fetchone()


def _sealed(landing: Landing, path: str, key: Ed25519PublicKey, found: Inspection) -> Iterator[str]:
    found.sealed += 1
    try:
        folder = sealed.unseal(landing, path, key)
    except LandingError as error:
        yield str(error).removeprefix("landing ")
        return
    for name, digest in folder.files.items():
        if (
            not landing.fs.exists(f"{landing.root}/{path}/{name}")
            or landing.sha256(f"{path}/{name}") != digest
        ):
            yield f"{path}/{name}: missing or altered; restore it from backup, or make a new baseline"
