"""Extraction: read one system's resources into the landing zone and enter them in the ledger.

A resource that fails leaves the others alone; a system that does not answer leaves everything alone. What is read
is new by watermark, by content or by being a full reading, or somebody asked for it again; whether it changes anything
is for a release to judge. A reading that lost too many rows is not landed, and a system that was not reached several
times in a row is left alone for a while.

What is read every few minutes and is unchanged is not landed again either, as long as the last reading is young: each
extract makes a release. Half the promised age is the bound, since only a release says that nothing changed.
"""

import contextlib
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import duckdb
import psycopg

from catalogs.model import Catalog, Resource
from catalogs.settings import ConfigurationError, now, scratch
from connectors import open_source
from connectors.arrivals import SAME, SUPERSEDED, UNTOUCHED
from connectors.base import (
    LandingUnreachable,
    ReadSpec,
    Scope,
    Source,
    SourceError,
    SourceShrunk,
    SourceUnavailable,
    SourceUnreachable,
    WarehousePin,
    guard,
)
from connectors.duck import literal, session
from connectors.landing import Landing, LandingError, Manifest
from connectors.sql import AS_BEFORE
from warehouse import breaker, deliveries, landing_lock, ledger, volume
from warehouse.connect import connect
from warehouse.store import reported_rows, shape_hash

UNCHANGED = "unchanged since it was last read"


@dataclass(frozen=True)
class Landed:
    """What reading one resource came to.

    Attributes:
        resource: its name.
        extracts: ids of the registered extracts; empty if nothing was new or reading failed.
        rows: rows landed.
        excluded_rows: rows the exclusion predicate kept back at the source.
        seconds: reading and writing.
        error: why nothing was landed, or which partitions were not, without values; None if all went well.
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
    scope: Scope | None = None,
    by_hand: bool = False,
) -> list[Landed]:
    """Land what is new in one system.

    Resources that are all intraday do not wait for the rest of their system, which may take long.

    Args:
        catalog: whose contracts say what and how.
        system: code of the system.
        landing: the landing zone.
        resources: names to read; None reads all of the system's.
        warehouse: the pin of derived resources.
        report: called as each resource is done.
        believed: resources that land however few rows they have, because their providers confirmed the count.
        scope: a partition, or a range, to be read again; None follows each contract's mode.
        by_hand: somebody asked for this system, so that it is tried even if it did not answer lately.

    Raises:
        SystemPaused: it did not answer several times in a row, and is not tried now.
        SourceUnavailable, SourceRefused, ConfigurationError: the system as a whole cannot be read.
    """
    wanted = set(resources) if resources is not None else None
    listed = [catalog.resources[name] for name in catalog.release_order()]
    listed = [r for r in listed if r.system == system and (wanted is None or r.name in wanted)]
    if not listed:
        return []
    if scope is not None:
        for resource in listed:
            check_scope(resource, scope)
    # Whoever reads only intraday resources does not wait until all the others are read.
    lane = landing_lock.INTRADAY if all(resource.ingest.mode == "intraday" for resource in listed) else ""
    done: list[Landed] = []
    with (
        connect(autocommit=True) as con,
        scratch("extract") as folder,
    ):
        landing_lock.wait_for(con, system, lane)
        try:
            if not by_hand:
                breaker.check(con, system)
            with open_source(catalog.systems[system], warehouse=warehouse, temp_dir=folder) as source:
                for resource in listed:
                    reader = _Reader(con, source, landing, catalog, resource, resource.name in believed)
                    landed = reader.land(scope)
                    _note(con, landed)
                    if landed.error is None:
                        deliveries.note(con, catalog, resource, _is_confirmed(landed), now())
                    report(landed)
                    done.append(landed)
            breaker.answered(con, system)
        except breaker.SystemPaused:
            raise
        except (SourceError, ConfigurationError) as error:
            note_failed(con, system, [resource.name for resource in listed[len(done) :]], error)
            raise
    return done


def note_failed(con: psycopg.Connection, system: str, resources: Iterable[str], error: Exception) -> None:
    """Keep why a system as a whole could not be read, for the status of its resources and for the breaker."""
    for name in resources:
        _note(con, Landed(name, error=str(error)))
    if isinstance(error, SourceUnavailable):
        breaker.failed(con, system, str(error))


def check_scope(resource: Resource, scope: Scope) -> None:
    """Say whether this part of a resource can be asked for.

    Raises:
        ConfigurationError: its mode has no partitions, or no watermark, to ask by.
    """
    ingest = resource.ingest
    is_cut = ingest.mode == "append" and ingest.partition is not None
    if scope.kind == "partition" and not is_cut:
        raise ConfigurationError(
            f"--partition: {resource.name} is read in mode {ingest.mode}, which has no partitions; "
            f"`yici run --resource {resource.name}` reads it as its contract says"
        )
    if scope.kind == "range" and not is_cut and not ingest.watermark:
        raise ConfigurationError(
            f"--from, --to: {resource.name} is read in mode {ingest.mode}, which has neither partitions nor a "
            f"watermark: every reading is whole; `yici run --resource {resource.name}` reads it"
        )
    bounds = [bound for bound in (scope.low, scope.high, scope.partition) if bound is not None]
    if is_cut and ingest.partition and ingest.partition.by == "day":
        for bound in bounds:
            try:
                date.fromisoformat(bound)
            except ValueError:
                raise ConfigurationError(f"{resource.name}: {bound} is no day, write 2026-09-01") from None
    if is_cut and scope.low is not None and scope.high is not None and scope.low > scope.high:
        raise ConfigurationError(f"--from {scope.low} is after --to {scope.high}")


class _Unchanged(Exception):
    """The window holds just the rows that the last one held."""


def _same_rows(landing: Landing, one: Manifest, other: Manifest) -> bool:
    opened = [landing.open(manifest) for manifest in (one, other)]
    files = [f"read_parquet([{', '.join(map(literal, each))}]{each.options})" for each in opened]
    with contextlib.closing(session(extensions=())) as con:
        landing.attach(con)
        differing = " UNION ALL ".join(
            f"(SELECT * FROM {a} EXCEPT ALL SELECT * FROM {b})" for a, b in (files, files[::-1])
        )
        return con.execute(f"SELECT 1 FROM ({differing}) LIMIT 1").fetchone() is None


@dataclass(frozen=True)
class _Reader:
    """One resource of an open system on its way into the landing zone."""

    con: psycopg.Connection
    source: Source
    landing: Landing
    catalog: Catalog
    resource: Resource
    is_believed: bool

    def land(self, scope: Scope | None) -> Landed:
        """Land what is new, or what `scope` asks for; what fails of this resource does not stop the others.

        Raises:
            SourceUnreachable, LandingUnreachable: the system, or the zone, is gone; the others need not be tried.
        """
        started = time.monotonic()
        manifests: list[Manifest] = []
        skipped_before = len(self.source.skipped)
        faults: list[str] = []
        is_transient = False
        try:
            for asked in (scope, *self._sweep(scope)):
                self._read_in_time(asked, manifests, faults)
        except (SourceUnreachable, LandingUnreachable):
            raise
        except SourceError as error:
            faults.append(str(error))
            is_transient = isinstance(error, SourceUnavailable)
        return Landed(
            self.resource.name,
            tuple(manifest.extract_id for manifest in manifests),
            sum(manifest.rows for manifest in manifests),
            sum(manifest.excluded_rows for manifest in manifests),
            time.monotonic() - started,
            error="; ".join(dict.fromkeys(faults)) or None,
            transient=is_transient,
            skipped=tuple(skip.reason for skip in self.source.skipped[skipped_before:]),
        )

    def _read_in_time(self, scope: Scope | None, manifests: list[Manifest], faults: list[str]) -> None:
        """Read; what the rest of a snapshot was too short for is read in one of its own.

        Partitions that landed before are not read again, so that many of them may need a snapshot after another.
        """
        landed = -1
        while True:
            try:
                return self._read(scope, manifests, faults)
            except SourceUnavailable:
                is_first = landed < 0
                if not self.source.ran_out() or not (is_first or (scope is None and len(manifests) > landed)):
                    raise
                landed = len(manifests)

    def _read(self, scope: Scope | None, manifests: list[Manifest], faults: list[str]) -> None:
        """Land and register each reading; one that lost too many rows is a fault, and the next one is read."""
        con, resource = self.con, self.resource
        shape = shape_hash(resource)
        seen = ledger.seen_digests(con, resource.name, shape)
        if scope is not None:
            seen = {partition: digest for partition, digest in seen.items() if not scope.holds(partition)}
        spec = ReadSpec(
            resource,
            scope,
            last_types=self._last_types(),
            known_extra=ledger.agreed_columns(con, resource),
            closed_before=self._closed_before(seen) if scope is None else None,
            zone=self.catalog.campus.time_zone,
        )
        taken_at = now()
        for reading in self.source.readings(spec, seen, ledger.published_watermark(con, resource, shape)):
            taken_at = self.source.seen_at or taken_at
            try:
                manifest = self.landing.write(
                    reading, ledger.next_extract_id(con), taken_at, before_finish=self._before_finish
                )
            except SourceShrunk as error:
                faults.append(str(error))
                continue
            except _Unchanged:
                self.source.skip(resource, "", UNCHANGED)
                continue
            partition = manifest.scope.get("partition")
            with con.transaction():
                if ledger.older_than(con, resource.name, partition, taken_at):
                    self.source.skip(
                        resource, partition or "", "a later reading is there already; not judged"
                    )
                ledger.register(con, manifest, manifest.path, manifest.digest, shape, now())
            manifests.append(manifest)
            taken_at = now()

    def _sweep(self, scope: Scope | None) -> tuple[Scope, ...]:
        """Return the scope of a sweep of all keys, if it is time for one."""
        every = timedelta(days=self.resource.ingest.key_sweep_days)
        if scope is not None or not every:
            return ()
        swept_at = ledger.swept_at(self.con, self.resource, shape_hash(self.resource))
        # A sweep in the future was made while the clock was ahead.
        is_due = swept_at is not None and not timedelta(0) <= now() - swept_at < every
        return (Scope.keys(),) if is_due else ()

    def _before_finish(self, manifest: Manifest) -> None:
        if not self.is_believed:
            self._guard(manifest)
        if self.resource.ingest.mode == "intraday" and manifest.scope["kind"] == "upsert":
            self._tell_unchanged(manifest)

    def _tell_unchanged(self, manifest: Manifest) -> None:
        last = ledger.newest_window(self.con, self.resource)
        if last is None or now() - last[1] > self.resource.promise / 2:
            return
        with contextlib.suppress(LandingError, duckdb.Error):
            if _same_rows(self.landing, self.landing.read(last[0]), manifest):
                raise _Unchanged

    def _guard(self, manifest: Manifest) -> None:
        """Refuse a reading that lost too many rows of what it would replace."""
        name, partition = self.resource.name, manifest.scope.get("partition")
        share = self.resource.ingest.minimum_share
        if manifest.scope["kind"] == "full":
            expected = volume.expected_full(self.con, self.catalog, self.resource, self._today())
            guard(
                name,
                manifest.rows,
                expected.rows if expected else None,
                share,
                because=expected.because if expected else "",
            )
        elif manifest.scope["kind"] == "partition" and partition is not None:
            expected = volume.expected_partition(
                self.con, self.catalog, self.resource, partition, self._today()
            )
            if expected and (expected.replaces or manifest.rows == 0):
                guard(name, manifest.rows, expected.rows, share, partition, expected.because)
        elif manifest.scope["kind"] == "keys":
            reported = reported_rows(self.con, self.resource)
            guard(name, manifest.rows, reported, share, "keys", "the stored")

    def _closed_before(self, seen: Mapping[str, str]) -> str | None:
        """Return the first partition that is not closed; what was never reached is not closed either."""
        cut = self.resource.ingest.partition
        if cut is None or cut.closed_after_days is None or not seen:
            return None
        oldest = self._today() - timedelta(days=cut.closed_after_days)
        if cut.by == "day":
            first = oldest.isoformat()
        else:
            days = self.catalog.calendar.days.items()
            first = min((listed.term for day, listed in days if listed.term and day >= oldest), default="")
        return min(first, max(seen)) or None

    def _today(self) -> date:
        return now().astimezone(ZoneInfo(self.catalog.campus.time_zone)).date()

    def _last_types(self) -> dict[str, str] | None:
        """Return the source types of the newest published extract, to notice a retyped column."""
        path = ledger.newest_path(self.con, self.resource)
        # Where it was lost, what the warehouse holds stays good, and reading must go on.
        with contextlib.suppress(LandingError):
            return self.landing.read(path).columns if path else None
        return None


def _is_confirmed(landed: Landed) -> bool:
    """Whether the source delivered the rows again that were read before."""
    return any(reason.endswith((SAME, UNCHANGED)) for reason in landed.skipped)


def _note(con: psycopg.Connection, landed: Landed) -> None:
    """Keep the result of reading as a finding, so that status and release can name what failed, or waits."""
    settled = (SAME, UNTOUCHED, SUPERSEDED, UNCHANGED, AS_BEFORE)
    waits = [one for one in landed.skipped if not one.endswith(settled)]
    con.execute(
        """INSERT INTO yici.finding (resource, rule, dimension, severity, stage, passed, rows_failed, rows_total,
               detail, at) VALUES (%s, 'extract', 'timeliness', %s, 'landing', %s, 0, %s, %s, %s)""",
        [
            landed.resource,
            "critical" if landed.error else "info",
            landed.error is None,
            landed.rows,
            landed.error or "; ".join(waits) or None,
            now(),
        ],
    )
