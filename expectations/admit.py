"""One resource through a release: judge its new extracts, apply the difference, or refuse and keep what is there."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb

from catalogs.model import Catalog, Resource
from catalogs.settings import scratch
from connectors.duck import attach_postgres, describe, session
from connectors.landing import Landing
from expectations.admission import ExtractRefused, Finding, judge
from warehouse import ledger, releases, versions
from warehouse.connect import pg_params
from warehouse.releases import Candidate
from warehouse.store import ensure_table

MEMORY_LIMIT = "450MB"


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
            attach_postgres(con, "wh", pg_params(), read_only=False)
            yield con
        finally:
            con.close()


def admit(
    con: duckdb.DuckDBPyConnection,
    candidate: Candidate,
    catalog: Catalog,
    resource: Resource,
    landing: Landing,
) -> Admitted:
    """Judge the newest unjudged extracts of a resource and apply them to the candidate.

    Nothing here raises for what a source sent: a refused extract is an outcome, and the last good state stays.

    Args:
        con: an `engine`, which may have admitted other resources before.
        candidate: the open candidate.
        catalog: its catalog.
        resource: the contract.
        landing: where the extracts are.

    Raises:
        LandingError: an extract that the ledger names is missing or cut short.
        psycopg.Error: the warehouse failed; the candidate has to be abandoned.
    """
    extracts = ledger.unjudged(candidate.con, resource.name)
    if not extracts:
        return Admitted(resource.name, "nothing")
    started = time.monotonic()
    table = ensure_table(candidate.con, resource)
    files = [(extract, landing.open(landing.read(extract.path))) for extract in extracts]
    ids = [extract.id for extract in extracts]
    _clear(con)
    try:
        judged, findings = judge(con, catalog, resource, files)
        applied = versions.apply(con, candidate.id, table, judged, time.monotonic() - started)
    except ExtractRefused as refused:
        releases.refuse(candidate.con, candidate.id, resource.name, ids, str(refused))
        found = Finding(
            resource.name,
            refused.rule,
            "completeness",
            "critical",
            "admission",
            False,
            0,
            None,
            str(refused),
        )
        findings = (*refused.findings, found)
        releases.add_findings(candidate.con, candidate.id, findings)
        seconds = time.monotonic() - started
        return Admitted(resource.name, "refused", str(refused), seconds=seconds, findings=findings)
    except duckdb.Error as error:
        # DuckDB's own words may quote a row.
        raise RuntimeError(
            f"{resource.name}: admission failed: {describe(error)}; the candidate is abandoned, the current"
            " release stays"
        ) from (error if _debugging() else None)
    releases.add_findings(candidate.con, candidate.id, findings)
    return Admitted(
        resource.name,
        "applied",
        None,
        judged.rows_in,
        judged.admitted,
        judged.refused,
        applied.inserted,
        applied.ended,
        time.monotonic() - started,
        findings,
    )


def _clear(con: duckdb.DuckDBPyConnection) -> None:
    """Drop the rows of the last resource, so that the session is as small for the next."""
    for table in ("admitted", "refused"):
        con.execute(f"DROP TABLE IF EXISTS {table}")


def _debugging() -> bool:
    """Whether a developer asked for raw engine errors; they may hold values, so never on real data."""
    import os

    return os.environ.get("YICI_DEBUG_ENGINE") == "1"
