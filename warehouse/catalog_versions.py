"""The published versions of the catalog: numbered from 1, each content kept once under its digest, none altered.

A publication is a number, so that the same content may be published again (a roll-back); what it says is stored once
in `yici.catalog_version`, which releases refer to as well.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg

from catalogs.faults import CatalogError, Fault
from catalogs.loading import read, version_of
from catalogs.model import Catalog
from catalogs.settings import now
from catalogs.versions import pack, unpack

FIRST, FOLDER, PROPOSAL, ROLLBACK = "first", "folder", "proposal", "rollback"
_KEPT = 2
_SELECT = """SELECT p.number, v.hash, p.at, p.origin, p.proposal, p.by, p.note, p.catalog_version
             FROM yici.catalog_publication p JOIN yici.catalog_version v ON v.id = p.catalog_version"""
_loaded: dict[str, tuple[Catalog, tuple[Fault, ...]]] = {}


class NoSuchVersion(Exception):
    """There is no published version of this number; nothing was changed."""


@dataclass(frozen=True)
class Published:
    """One published version.

    Attributes:
        number: 1, 2, 3, …
        digest: of its content (`catalogs.loading.version_of`).
        origin: first, folder (nobody has to decide on this campus), proposal or rollback.
        proposal: that brought it, if one did.
        by: the posts that decided, or who published it.
        content: id of its content in `yici.catalog_version`.
    """

    number: int
    digest: str
    at: datetime
    origin: str
    proposal: int | None
    by: str
    note: str
    content: int


@contextlib.contextmanager
def lock(con: psycopg.Connection) -> Iterator[None]:
    """Keep other processes from publishing, and from writing the folder, until the block ends."""
    con.execute("SELECT pg_advisory_lock(hashtext('yici catalog'))")
    try:
        yield
    finally:
        if not con.closed:
            con.execute("SELECT pg_advisory_unlock(hashtext('yici catalog'))")


def newest(con: psycopg.Connection) -> Published | None:
    """Return the version in use, None before the first."""
    row = con.execute(f"{_SELECT} ORDER BY p.number DESC LIMIT 1").fetchone()
    return Published(*row) if row else None


def every(con: psycopg.Connection) -> list[Published]:
    """Return all versions, newest first."""
    return [Published(*row) for row in con.execute(f"{_SELECT} ORDER BY p.number DESC").fetchall()]


def one(con: psycopg.Connection, number: int) -> Published:
    """Return the version of a number.

    Raises:
        NoSuchVersion: it was never published.
    """
    row = con.execute(f"{_SELECT} WHERE p.number = %s", [number]).fetchone()
    if not row:
        raise NoSuchVersion(f"there is no version {number}; `yici catalog versions` lists them")
    return Published(*row)


def files_of(con: psycopg.Connection, published: Published) -> dict[str, bytes]:
    """Return the content of a version: relative POSIX path → bytes."""
    return unpack(
        con.execute("SELECT files FROM yici.catalog_version WHERE id = %s", [published.content]).fetchone()[0]
    )


def catalog_of(con: psycopg.Connection, published: Published, strict: bool = True) -> Catalog:
    """Return a version as a catalog; a process reads each content once.

    Args:
        con: the owner's connection.
        published: the version.
        strict: refuse a content that breaks rules of this code, which may ask for more than those that it was
            published by; without it, what can be read is returned, so that what mends it can be proposed.

    Raises:
        CatalogError: it has errors.
    """
    if published.digest not in _loaded:
        sources, faults = read(files_of(con, published))
        for digest in list(_loaded)[: 1 - _KEPT]:
            del _loaded[digest]
        _loaded[published.digest] = sources.catalog, tuple(faults.errors())
    catalog, errors = _loaded[published.digest]
    if strict and errors:
        raise CatalogError(errors)
    return catalog


def keep(con: psycopg.Connection, digest: str, blob: bytes) -> int:
    """Keep a packed content, once, and return its id."""
    query = "SELECT id FROM yici.catalog_version WHERE hash = %s"
    if con.execute(query, [digest]).fetchone() is None:
        con.execute(
            "INSERT INTO yici.catalog_version (hash, at, files) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            [digest, now(), blob],
        )
    return con.execute(query, [digest]).fetchone()[0]


def publish(
    con: psycopg.Connection,
    files: Mapping[str, bytes],
    origin: str,
    by: str,
    note: str,
    proposal: int | None = None,
) -> Published:
    """Publish a content as the next version; the caller holds `lock` and has checked the content."""
    content = keep(con, version_of(files), pack(files))
    (number,) = con.execute(
        """INSERT INTO yici.catalog_publication (number, catalog_version, at, origin, proposal, by, note)
           SELECT coalesce(max(number), 0) + 1, %s, %s, %s, %s, %s, %s FROM yici.catalog_publication
           RETURNING number""",
        [content, now(), origin, proposal, by, note],
    ).fetchone()
    return one(con, number)


def published_with(con: psycopg.Connection, number: int, digest: str) -> bool:
    """Whether a version of this number and content was published."""
    row = con.execute(f"{_SELECT} WHERE p.number = %s AND v.hash = %s", [number, digest]).fetchone()
    return row is not None
