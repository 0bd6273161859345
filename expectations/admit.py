"""One resource through a release: judge its new extracts, apply the difference, or refuse and keep what is there.

Extracts of one kind are judged together, one kind after the other as they came. A partition that breaks its contract
is refused alone, so that one bad file does not keep out the good ones behind it; everything else of a resource is
applied or refused whole.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from zoneinfo import ZoneInfo

import duckdb
import psycopg

from catalogs.model import Catalog, Resource
from catalogs.settings import now, scratch
from connectors.duck import attach_postgres, describe, session
from connectors.landing import Landing
from expectations.admission import ExtractRefused, Finding, judge, judge_keys
from warehouse import ledger, releases, versions, volume
from warehouse.connect import pg_params
from warehouse.releases import Candidate
from warehouse.store import ensure_table

# With what the process holds beside it, half a gigabyte whatever the size of a table (docs/performance.md).
MEMORY_LIMIT = "200MB"


@dataclass(frozen=True)
class Admitted:
    """What became of a resource in a candidate.

    Attributes:
        resource: its name.
        outcome: `applied`, `refused`, or `nothing` if there was no new extract.
        reason: why it was refused, without values.
        rows_in, admitted, quarantined: rows judged, kept and refused.
        inserted, ended: versions written and closed in the store.
        seconds: judging and applying.
        findings: results of the rules.
    """

    resource: str
    outcome: str
    reason: str | None = None
    rows_in: int = 0
    admitted: int = 0
    quarantined: int = 0
    inserted: int = 0
    ended: int = 0
    seconds: float = 0.0
    findings: tuple[Finding, ...] = ()


@contextmanager
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the DuckDB session that admits resources one after the other, the warehouse attached as `wh`."""
    with scratch("admit") as folder:
        con = session(memory_limit=MEMORY_LIMIT, temp_dir=folder)
        try:
            attach_postgres(con, "wh", pg_params())
            yield con
        finally:
            con.close()


def admit(
    con: duckdb.DuckDBPyConnection,
    candidate: Candidate,
    catalog: Catalog,
    resource: Resource,
    landing: Landing,
    extracts: Sequence[ledger.Extract] | None = None,
) -> Admitted:
    """Judge the newest unjudged extracts of a resource and apply them to the candidate.

    Nothing here raises for what a source sent: a refused extract is an outcome, and the last good state stays.

    Args:
        con: an `engine`, which may have admitted other resources before.
        candidate: the open candidate.
        catalog: its catalog.
        resource: the contract.
        landing: where the extracts are.
        extracts: judge these instead: a rebuild judges again what a release once judged.

    Raises:
        LandingError: an extract that the ledger names is missing or cut short.
        psycopg.Error: the warehouse failed; the candidate has to be abandoned.
    """
    if extracts is None:
        extracts = ledger.unjudged(candidate.con, resource.name)
    if not extracts:
        return Admitted(resource.name, "nothing")
    started = time.monotonic()
    table = ensure_table(candidate.con, resource)
    landing.attach(con)
    done = Admitted(resource.name, "nothing")
    findings = list(_told_of_source(candidate.con, catalog, resource, extracts))
    for (kind, _), group in groupby(extracts, key=_together):
        waiting = list(group)
        while waiting:
            begun = time.monotonic()
            found: Sequence[Finding]
            files = [(extract, landing.open(landing.read(extract.path))) for extract in waiting]
            _clear(con)
            try:
                if kind == "keys":
                    judged, found = judge_keys(con, catalog, resource, files), ()
                else:
                    judged, found = judge(con, catalog, resource, files)
                applied = versions.apply(
                    con, candidate.con, candidate.id, table, judged, time.monotonic() - begun
                )
            except ExtractRefused as refused:
                others = [extract for extract in waiting if extract.id not in refused.extract_ids]
                if kind == "partition" and refused.extract_ids and others:
                    ledger.refuse(candidate.con, refused.extract_ids)
                    findings.append(_whole(resource, refused))
                    waiting = others
                    continue
                findings += [*refused.findings, _whole(resource, refused)]
                ids = [extract.id for extract in extracts]
                releases.refuse(candidate.con, candidate.id, resource.name, ids, str(refused))
                releases.add_findings(candidate.con, candidate.id, findings)
                seconds = time.monotonic() - started
                return Admitted(
                    resource.name, "refused", str(refused), seconds=seconds, findings=tuple(findings)
                )
            except (duckdb.Error, psycopg.Error) as error:
                # Their own words may quote a row.
                raise RuntimeError(
                    f"{resource.name}: admission failed: {describe(error)}; the candidate is abandoned, the current"
                    " release stays"
                ) from (error if _debugging() else None)
            findings += found
            done = _added(done, judged, applied)
            waiting = []
    releases.add_findings(candidate.con, candidate.id, findings)
    return replace(done, seconds=time.monotonic() - started, findings=tuple(findings))


def _together(extract: ledger.Extract) -> tuple[str, int]:
    """Extracts of which this is equal are judged together; ranges may overlap, so that each stands alone."""
    kind = extract.scope["kind"]
    return kind, extract.id if kind == "range" else 0


def _added(done: Admitted, judged: versions.Judged, applied: versions.Applied) -> Admitted:
    return replace(
        done,
        outcome="applied",
        rows_in=done.rows_in + judged.rows_in,
        admitted=done.admitted + judged.admitted,
        quarantined=done.quarantined + judged.refused,
        inserted=done.inserted + applied.inserted,
        ended=done.ended + applied.ended,
    )


def _whole(resource: Resource, refused: ExtractRefused) -> Finding:
    """The finding that says why an extract is refused."""
    return Finding(
        resource.name, refused.rule, "completeness", "critical", "admission", False, 0, None, str(refused)
    )


def _told_of_source(
    con: psycopg.Connection, catalog: Catalog, resource: Resource, extracts: Sequence[ledger.Extract]
) -> Iterator[Finding]:
    """Findings on what was read rather than on its rows: new columns, and days with fewer rows than usual."""
    new = ledger.new_columns(con, resource)
    if new:
        yield Finding(
            resource.name, "new_columns", "conformity", "warning", "admission", False, 0, None,
            f"the source has columns that it had not when this contract was agreed: {', '.join(new)}. None of them is "
            "stored; a new contract version names them or leaves them out",
        )  # fmt: skip
    today = now().astimezone(ZoneInfo(catalog.campus.time_zone)).date()
    for extract in extracts:
        partition = extract.scope.get("partition")
        if partition is None or extract.scope["kind"] != "partition":
            continue
        expected = volume.expected_partition(con, catalog, resource, partition, today)
        if expected and extract.rows < resource.ingest.minimum_share * expected.rows:
            yield Finding(
                resource.name, "partition_volume", "completeness", "warning", "admission", False, 0, extract.rows,
                f"{partition}: {extract.rows} rows, against {expected.because} {expected.rows}",
                extract.id,
            )  # fmt: skip


def _clear(con: duckdb.DuckDBPyConnection) -> None:
    """Drop the rows of the last resource, so that the session is as small for the next."""
    con.execute("DROP VIEW IF EXISTS admitted")
    for table in ("swept", "left_out", "refused"):
        con.execute(f"DROP TABLE IF EXISTS {table}")


def _debugging() -> bool:
    """Whether a developer asked for raw engine errors; they may hold values, so never on real data."""
    import os

    return os.environ.get("YICI_DEBUG_ENGINE") == "1"
