"""Extraction: read one system's resources into the landing zone and enter them in the ledger.

A resource that fails leaves the others alone; a system that does not answer leaves everything alone. What is read
is new by watermark, by content or by being a full reading; whether it changes anything is for a release to judge.
"""

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import psycopg

from catalogs.model import Catalog, Resource
from catalogs.settings import ConfigurationError, now, scratch
from connectors import open_source
from connectors.base import ReadSpec, Source, SourceError, SourceUnavailable, WarehousePin, guard
from connectors.landing import Landing, Manifest
from warehouse import ledger
from warehouse.connect import connect
from warehouse.store import shape_hash


@dataclass(frozen=True)
class Landed:
    """What reading one resource came to.

    Attributes:
        resource: its name.
        extracts: ids of the registered extracts; empty if nothing was new or reading failed.
        rows: rows landed.
        excluded_rows: rows the exclusion predicate kept back at the source.
        seconds: reading and writing.
        error: why nothing was landed, without values; None if all went well.
        transient: whether trying again later may help.
        skipped: what was there and was not read, and why.
    """

    resource: str
    extracts: tuple[int, ...] = ()
    rows: int = 0
    excluded_rows: int = 0
    seconds: float = 0.0
    error: str | None = None
    transient: bool = False
    skipped: tuple[str, ...] = ()


def land_system(
    catalog: Catalog,
    system: str,
    landing: Landing,
    resources: Iterable[str] | None = None,
    warehouse: WarehousePin | None = None,
    report: Callable[[Landed], None] = lambda landed: None,
    believed: Collection[str] = (),
) -> list[Landed]:
    """Land what is new in one system.

    Args:
        catalog: whose contracts say what and how.
        system: code of the system.
        landing: the landing zone.
        resources: names to read; None reads all of the system's.
        warehouse: the pin of derived resources.
        report: called as each resource is done.
        believed: resources that land however few rows they have, because their providers confirmed the count.

    Raises:
        SourceUnavailable, SourceRefused, ConfigurationError: the system as a whole cannot be read.
    """
    wanted = set(resources) if resources is not None else None
    listed = [catalog.resources[name] for name in catalog.release_order()]
    listed = [r for r in listed if r.system == system and (wanted is None or r.name in wanted)]
    if not listed:
        return []
    done = []
    with (
        connect(autocommit=True) as con,
        scratch("extract") as folder,
    ):
        con.execute("SELECT pg_advisory_lock(hashtext('land ' || %s))", [system])
        try:
            with open_source(catalog.systems[system], warehouse=warehouse, temp_dir=folder) as source:
                for resource in listed:
                    landed = _land(con, source, landing, resource, resource.name in believed)
                    _note(con, landed)
                    report(landed)
                    done.append(landed)
        except (SourceError, ConfigurationError) as error:
            for resource in listed[len(done) :]:
                _note(con, Landed(resource.name, error=str(error)))
            raise
    return done


def _land(
    con: psycopg.Connection, source: Source, landing: Landing, resource: Resource, is_believed: bool
) -> Landed:
    started = time.monotonic()
    shape = shape_hash(resource)
    manifests: list[Manifest] = []
    skipped_before = len(source.skipped)
    try:
        readings = source.readings(
            ReadSpec(resource, last_types=_last_types(con, landing, resource)),
            seen=ledger.seen_digests(con, resource.name),
            watermark=ledger.published_watermark(con, resource, shape),
        )
        taken_at = now()
        for reading in readings:
            manifest = landing.write(
                reading,
                ledger.next_extract_id(con),
                taken_at,
                before_finish=_guard(con, resource, is_believed),
            )
            with con.transaction():
                ledger.register(con, manifest, manifest.path, manifest.digest, shape, now())
            manifests.append(manifest)
            taken_at = now()
    except SourceError as error:
        return Landed(
            resource.name,
            seconds=time.monotonic() - started,
            error=str(error),
            transient=isinstance(error, SourceUnavailable),
        )
    return Landed(
        resource.name,
        tuple(manifest.extract_id for manifest in manifests),
        sum(manifest.rows for manifest in manifests),
        sum(manifest.excluded_rows for manifest in manifests),
        time.monotonic() - started,
        skipped=tuple(skip.reason for skip in source.skipped[skipped_before:]),
    )


def _guard(con: psycopg.Connection, resource: Resource, is_believed: bool) -> Callable[[Manifest], None]:
    def check(manifest: Manifest) -> None:
        if manifest.scope["kind"] == "full" and not is_believed:
            guard(resource.name, manifest.rows, ledger.last_good_rows(con, resource.name))

    return check


def _last_types(con: psycopg.Connection, landing: Landing, resource: Resource) -> dict[str, str] | None:
    """Return the source types of the newest published extract, to notice a retyped column."""
    row = con.execute(
        "SELECT path FROM yici.extract WHERE resource = %s AND state = 'published' AND contract_version = %s"
        " ORDER BY ordinal DESC LIMIT 1",
        [resource.name, resource.version],
    ).fetchone()
    return landing.read(row[0]).columns if row else None


def _note(con: psycopg.Connection, landed: Landed) -> None:
    """Keep the result of reading as a finding, so that status and release can name what failed."""
    con.execute(
        """INSERT INTO yici.finding (resource, rule, dimension, severity, stage, passed, rows_failed, rows_total,
               detail, at) VALUES (%s, 'extract', 'timeliness', %s, 'landing', %s, 0, %s, %s, %s)""",
        [
            landed.resource,
            "critical" if landed.error else "info",
            landed.error is None,
            landed.rows,
            landed.error,
            now(),
        ],
    )
