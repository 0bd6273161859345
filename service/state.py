"""What the service answers from: the current release and the catalog version it was published with."""

import asyncio
from dataclasses import dataclass

import asyncpg

import catalogs
from catalogs.model import Catalog
from catalogs.versions import unpack
from service.problems import Problem


@dataclass(frozen=True)
class Current:
    """One release as a request sees it: read once, used throughout."""

    release: int
    catalog: Catalog


class State:
    """Finds the current release and keeps the catalogs of the last few versions parsed."""

    def __init__(self) -> None:
        self._catalogs: dict[str, Catalog] = {}
        self._lock = asyncio.Lock()

    async def current(self, con: asyncpg.Connection | asyncpg.Pool) -> Current:
        """Return the release that is current now, with its catalog.

        Raises:
            Problem: NO_RELEASE.
        """
        row = await con.fetchrow(
            "SELECT r.id, v.hash, v.id AS version FROM yici.release r"
            " JOIN yici.catalog_version v ON v.id = r.catalog_version WHERE r.id = yici.current()"
        )
        if row is None:
            raise Problem("NO_RELEASE")
        return Current(row["id"], await self._catalog(con, row["hash"], row["version"]))

    async def _catalog(self, con: asyncpg.Connection | asyncpg.Pool, digest: str, version: int) -> Catalog:
        if digest not in self._catalogs:
            async with self._lock:
                if digest not in self._catalogs:
                    blob = await con.fetchval("SELECT files FROM yici.catalog_version WHERE id = $1", version)
                    loaded = await asyncio.to_thread(lambda: catalogs.load(unpack(blob)))
                    self._catalogs = dict(list(self._catalogs.items())[-3:]) | {digest: loaded}
        return self._catalogs[digest]
