"""What the ledger says about the warehouse, for status, run reports and pages: plain rows, never a value."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
from psycopg.rows import class_row, dict_row

from catalogs.model import LOOKUP_SYSTEM_KIND, Catalog
from catalogs.settings import now
from warehouse import ledger, releases


@dataclass(frozen=True)
class ResourceState:
    """A resource at a release: what its last judged extract came to, and how old it is against its promise.

    Attributes:
        quarantined: refused rows of that extract.
        waiting: rows that wait in quarantine at the release, whichever extract brought them.
    """

    resource: str
    system: str
    outcome: str
    reason: str | None
    taken_at: datetime | None
    rows_in: int
    admitted: int
    quarantined: int
    waiting: int
    inserted: int
    ended: int
    seconds: float
    promise: timedelta

    @property
    def age(self) -> timedelta | None:
        """How long ago the source last confirmed it; None if it never did."""
        return now() - self.taken_at if self.taken_at else None

    @property
    def is_late(self) -> bool:
        """Whether it is older than the catalog promises, or was never read."""
        return self.age is None or self.age > self.promise


def resource_states(
    con: psycopg.Connection, catalog: Catalog, release: int | None = None
) -> list[ResourceState]:
    """Return the state of every stored resource at `release` (None: the current one), in the catalog's order."""
    number = release if release is not None else releases.current(con)
    with con.cursor(row_factory=dict_row) as cursor:
        rows = {
            row["resource"]: row
            for row in cursor.execute(
                """SELECT r.resource, r.outcome, r.reason, e.taken_at, r.rows_in, r.admitted, r.quarantined,
                       coalesce(q.waiting, 0) AS waiting, r.inserted, r.ended, r.seconds
                   FROM yici.release_resource r LEFT JOIN yici.extract e ON e.id = r.extract_id
                   LEFT JOIN (SELECT resource, count(*) AS waiting FROM yici.quarantine
                       WHERE _from <= %(release)s AND (_to IS NULL OR _to > %(release)s) GROUP BY resource) q
                       ON q.resource = r.resource
                   WHERE r.release = %(release)s""",
                {"release": number},
            )
        }
    nothing = {"outcome": "never", "reason": None, "taken_at": None, "seconds": 0.0} | dict.fromkeys(
        ("rows_in", "admitted", "quarantined", "waiting", "inserted", "ended"), 0
    )
    return [
        ResourceState(
            system=resource.system,
            promise=resource.promise,
            **{"resource": name, **nothing, **rows.get(name, {})},
        )
        for name, resource in sorted(catalog.resources.items())
        if catalog.systems[resource.system].kind != LOOKUP_SYSTEM_KIND
    ]


@dataclass(frozen=True)
class CheckCount:
    """Checks of one severity at a release."""

    severity: str
    passed: int
    failed: int


def check_counts(con: psycopg.Connection, release: int) -> list[CheckCount]:
    """Return how many checks passed and failed at a release, by severity, worst first."""
    with con.cursor(row_factory=class_row(CheckCount)) as cursor:
        return cursor.execute(
            """SELECT severity, count(*) FILTER (WHERE passed) AS passed, count(*) FILTER (WHERE NOT passed) AS failed
               FROM yici.finding WHERE release = %s GROUP BY severity
               ORDER BY array_position(ARRAY['critical', 'warning', 'info'], severity)""",
            [release],
        ).fetchall()


def failed_findings(con: psycopg.Connection, release: int) -> list[dict]:
    """Return the failed checks of a release: resource, rule, severity, stage, rows_failed, detail."""
    with con.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """SELECT resource, rule, severity, stage, rows_failed, detail FROM yici.finding
               WHERE release = %s AND NOT passed
               ORDER BY array_position(ARRAY['critical', 'warning', 'info'], severity), resource, rule""",
            [release],
        ).fetchall()


def refused_by_rule(con: psycopg.Connection) -> list[tuple[str, str, int]]:
    """Return (resource, rule, rows) for resources of which the current release refused the newest extract whole."""
    return con.execute(
        """SELECT f.resource, f.rule, f.rows_failed
           FROM yici.finding f JOIN yici.release_resource r USING (release, resource)
           WHERE f.release = yici.current() AND r.outcome = 'refused' AND f.stage = 'admission'
             AND NOT f.passed AND f.rows_failed > 0 AND f.rule <> 'contract'
           ORDER BY f.resource, f.rule"""
    ).fetchall()


def failed_models(con: psycopg.Connection, release: int) -> dict[str, str]:
    """Return dbt model → why it is not this release's; readers see what an earlier one built."""
    rows = con.execute(
        """SELECT substr(resource, 5), detail FROM yici.finding
           WHERE release = %s AND stage = 'dbt' AND rule = 'build' AND NOT passed ORDER BY resource""",
        [release],
    )
    return dict(rows.fetchall())


def rows_held(con: psycopg.Connection) -> dict[str, int]:
    """Return resource → rows that the current release shows, as its own mart counted them; {} without the mart."""
    if con.execute("SELECT to_regclass('marts.mart_quality__row_counts')").fetchone()[0] is None:
        return {}
    return dict(con.execute("SELECT resource, rows_shown FROM marts.mart_quality__row_counts").fetchall())


def new_columns(con: psycopg.Connection, catalog: Catalog) -> dict[str, tuple[str, ...]]:
    """Return resource → columns that its source had not when its contract was agreed."""
    found = {name: ledger.new_columns(con, resource) for name, resource in sorted(catalog.resources.items())}
    return {name: columns for name, columns in found.items() if columns}


def refused_partitions(con: psycopg.Connection, release: int) -> list[tuple[str, str]]:
    """Return (resource, why) of the partitions that a release refused while it applied others of their resource."""
    return con.execute(
        """SELECT f.resource, f.detail FROM yici.finding f JOIN yici.release_resource r USING (release, resource)
           WHERE f.release = %s AND r.outcome = 'applied' AND f.stage = 'admission' AND f.severity = 'critical'
             AND NOT f.passed ORDER BY f.id""",
        [release],
    ).fetchall()


def failing_sources(con: psycopg.Connection) -> dict[str, str]:
    """Return resource → message where the newest attempt to read it failed."""
    rows = con.execute(
        """SELECT resource, detail FROM (SELECT DISTINCT ON (resource) resource, passed, detail FROM yici.finding
               WHERE stage = 'landing' AND rule = 'extract' ORDER BY resource, id DESC) newest
           WHERE NOT passed ORDER BY resource"""
    )
    return dict(rows.fetchall())
