"""What the service answers from: the current release, the catalog version it was published with, its sources' age."""

import asyncio
import gc
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from catalogs.faults import CatalogError, Fault
from catalogs.loading import read
from catalogs.model import Catalog
from catalogs.versions import unpack
from service import metrics
from service.problems import Problem

_KEPT = 4
# So many new objects until the garbage collector looks at them; some hundred are made for each question.
_YOUNG = 50_000


@dataclass(frozen=True)
class SourceState:
    """How a resource stands in one release.

    Attributes:
        extract_id: the extract that its state rests on; None if none was ever admitted.
        confirmed_at: when that extract was taken.
        outcome: what this release did with it: applied, refused, held or carried.
        reason: why, if it was refused or held; for the provider, without values.
        failed_checks: critical rules that its extract broke, beyond single rows.
    """

    extract_id: int | None
    confirmed_at: datetime | None
    outcome: str
    reason: str | None
    failed_checks: tuple[str, ...]


@dataclass(frozen=True)
class Current:
    """One release as a request sees it: read once, used throughout.

    Attributes:
        faults: what the check told of the catalog when it was read: warnings only.
        sources: resource → how it stands in the release.
        has_middle_levels: whether its facts may be `officer_verified` or `cross_checked`. What was answered before
            there were these levels is composed again without them (`service.replay`).
    """

    release: int
    published_at: datetime
    catalog: Catalog
    faults: tuple[Fault, ...]
    sources: Mapping[str, SourceState]
    has_middle_levels: bool = True


class State:
    """Finds the current release; what a release says never changes, so it is read once per worker."""

    def __init__(self) -> None:
        self._releases: dict[int, Current] = {}
        self._catalogs: dict[str, tuple[Catalog, tuple[Fault, ...]]] = {}
        self._lock = asyncio.Lock()
        self._told: int | None = None

    async def current(self, pool: asyncpg.Pool) -> Current:
        """Return the release that is current now.

        Raises:
            Problem: NO_RELEASE.
        """
        return await self.published(pool, await pool.fetchval("SELECT yici.current()"))

    async def published(self, pool: asyncpg.Pool, release: int | None) -> Current:
        """Return the release that was just read to be the current one.

        Raises:
            Problem: NO_RELEASE.
        """
        if release is None:
            raise Problem("NO_RELEASE")
        found = self._releases.get(release)
        if found is None:
            async with self._lock:
                found = self._releases.get(release) or await self._read(pool, release)
        if release != self._told:
            self._told = release
            metrics.RELEASE.set(release)
            metrics.RELEASE_AT.set(found.published_at.timestamp())
        return found

    async def at(self, pool: asyncpg.Pool, release: int) -> Current:
        """Return an earlier release as it was.

        Raises:
            Problem: GONE where its rows were deleted in time, NOT_REPLAYABLE where its catalog is faulty by the rules
                of this version.
        """
        kept = await pool.fetchval(
            "SELECT state = 'published' AND pruned_at IS NULL FROM yici.release WHERE id = $1", release
        )
        if not kept:
            raise Problem("GONE", rule="replay:retained_release")
        try:
            async with self._lock:
                return self._releases.get(release) or await self._read(pool, release)
        except CatalogError as error:
            detail = f"the catalog of release {release} is faulty by the rules of this version"
            raise Problem("NOT_REPLAYABLE", detail, rule="replay:catalog_of_then") from error

    async def _read(self, pool: asyncpg.Pool, release: int) -> Current:
        row = await pool.fetchrow(
            "SELECT r.published_at, v.hash, v.id AS version FROM yici.release r"
            " JOIN yici.catalog_version v ON v.id = r.catalog_version WHERE r.id = $1",
            release,
        )
        sources = await pool.fetch(
            """SELECT r.resource, r.extract_id, e.taken_at, r.outcome, r.reason,
                   ARRAY(SELECT DISTINCT f.rule FROM yici.finding f
                         WHERE f.resource = r.resource AND f.release <= r.release AND f.severity = 'critical'
                           AND NOT f.passed AND f.stage NOT IN ('landing', 'admission')
                           AND (f.extract_id = r.extract_id OR (f.extract_id IS NULL AND f.release = r.release
                                AND r.outcome NOT IN ('refused', 'held'))) ORDER BY 1) AS failed
               FROM yici.release_resource r LEFT JOIN yici.extract e ON e.id = r.extract_id
               WHERE r.release = $1""",
            release,
        )
        catalog, faults = await self._catalog(pool, row["hash"], row["version"])
        found = Current(
            release,
            row["published_at"],
            catalog,
            faults,
            {
                one["resource"]: SourceState(
                    one["extract_id"], one["taken_at"], one["outcome"], one["reason"], tuple(one["failed"])
                )
                for one in sources
            },
        )
        self._releases = dict(list(self._releases.items())[-_KEPT:]) | {release: found}
        return found

    async def _catalog(
        self, pool: asyncpg.Pool, digest: str, version: int
    ) -> tuple[Catalog, tuple[Fault, ...]]:
        if digest not in self._catalogs:
            blob = await pool.fetchval("SELECT files FROM yici.catalog_version WHERE id = $1", version)
            loaded = await asyncio.to_thread(_loaded, blob)
            self._catalogs = dict(list(self._catalogs.items())[-_KEPT:]) | {digest: loaded}
        return self._catalogs[digest]


def keep_loaded() -> None:
    """Spare the garbage collector what a process keeps to its end: modules, the catalog.

    It would look through all of them again and again while many questions are answered.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 20, 20)


def _loaded(blob: bytes) -> tuple[Catalog, tuple[Fault, ...]]:
    """Return a packed catalog, and the warnings that its check told: to check it again would cost as much.

    Raises:
        CatalogError: it has errors.
    """
    sources, faults = read(unpack(blob))
    if errors := faults.errors():
        raise CatalogError(errors)
    return sources.catalog, tuple(faults.all())
