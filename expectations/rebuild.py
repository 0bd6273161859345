"""Rebuild the warehouse from a baseline, the exported ledger and landing: what was published, judged again.

The baseline gives the state at one release. Every later release is played again: the extracts that it applied are
judged by the same admission, under the catalog of that release, into versions of the same number; what it refused or
held stays out, and links and a human's decisions are taken from its ledger. If admission now decides otherwise than
the ledger says, that is reported by resource and release.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import duckdb
import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from psycopg import sql

from catalogs.loading import read as read_catalog
from catalogs.model import Catalog
from catalogs.settings import now, scratch
from catalogs.versions import unpack
from connectors.landing import BASELINES, LEDGER, MANIFEST, Landing, LandingError
from expectations.admit import admit, engine
from expectations.quarantine.again import LOOKED_AGAIN
from warehouse import baseline, history, ledger, ledger_rows, releases, sealed
from warehouse.releases import Candidate
from warehouse.sealed import Sealed
from warehouse.store import shape_hash
from warehouse.views import create_views

_COMPARED = ("rows_in", "admitted", "quarantined", "inserted", "ended")


class CannotRebuild(Exception):
    """The warehouse is not empty, or landing does not hold what a rebuild needs; nothing was changed."""


@dataclass(frozen=True)
class Plan:
    """What a rebuild will do.

    Attributes:
        start: the baseline, or None if the ledger reaches back to the first release.
        ledgers: of the releases after it, oldest first.
        extracts: folders of the extracts that these releases judged and applied.
        rows: rows in them.
    """

    start: Sealed | None
    ledgers: tuple[Sealed, ...]
    extracts: tuple[str, ...]
    rows: int

    @property
    def begins(self) -> int:
        """The release of the baseline; 0 without one."""
        return self.start.about["release"] if self.start else 0

    @property
    def ends(self) -> int:
        """The release that will be current."""
        return self.ledgers[-1].about["release"] if self.ledgers else self.begins


@dataclass
class Rebuilt:
    """What a rebuild came to.

    Attributes:
        release: the current one.
        judged: extracts judged again.
        entered: extracts of landing that no release had judged; the next one will.
        differences: where admission decides otherwise than the ledger says.
    """

    release: int = 0
    judged: int = 0
    entered: int = 0
    differences: list[str] = field(default_factory=list)


Tell = Callable[[str, str], None]


def plan(landing: Landing, key: Ed25519PublicKey) -> Plan:
    """Find what a rebuild needs and check all of it: signatures, the chain of releases, every byte of the extracts.

    Raises:
        LandingError: a wrong signature; a file, an extract or the ledger of a release is missing or altered.
        CannotRebuild: landing holds neither a baseline nor a ledger.
    """
    start = next(
        (sealed.unseal(landing, path, key) for path in reversed(sealed.folders(landing, BASELINES))), None
    )
    last = start.about["release"] if start else 0
    ledgers, extracts, rows = [], {}, 0
    for path in sealed.folders(landing, LEDGER):
        if sealed.release_of(path) <= last:
            continue
        found = sealed.unseal(landing, path, key)
        if found.about["previous"] != last:
            raise LandingError(
                f"landing {history.path_of(found.about['previous'])}: the ledger of release {found.about['previous']}"
                f" is missing, and release {found.about['release']} follows it; restore it from backup."
                " Nothing was changed"
            )
        last = found.about["release"]
        ledgers.append(found)
        history.catalog_files(landing, found.about["catalog"])
        for extract in _applied(landing, found):
            extracts[extract["path"]] = extract["digest"]
            rows += extract["rows"]
    if start is None and not ledgers:
        raise CannotRebuild(
            f"{landing.root}: no baseline and no ledger there; nothing can be rebuilt from it"
        )
    for path, digest in extracts.items():
        landing.verify(path)
        if landing.sha256(f"{path}/{MANIFEST}") != digest:
            raise LandingError(
                f"landing {path}: the signed ledger was told another manifest; restore it from backup."
                " Nothing was changed"
            )
    return Plan(start, tuple(ledgers), tuple(extracts), rows)


def rebuild(con: psycopg.Connection, landing: Landing, planned: Plan, replace: bool, tell: Tell) -> Rebuilt:
    """Carry out a plan.

    Args:
        con: the owner's connection to a migrated warehouse, in autocommit mode.
        landing: the zone.
        planned: what `plan` found.
        replace: clear a warehouse that is not empty; the service's schema stays.
        tell: called with what is being done and its result.

    Raises:
        CannotRebuild: the warehouse is not empty.
        ReleaseRunning: a release is under way, or a system is being read.
        LandingError: a file became unreadable meanwhile; run it again with `--replace`.
    """
    releases.hold(con)
    for system in sorted({path.split("/")[0] for path in landing.extracts()}):
        releases.hold_landing(con, system)
    if not _is_empty(con):
        if not replace:
            raise CannotRebuild(
                "the warehouse is not empty; with --replace it is cleared first, the service's record, cases and"
                " clients excepted. Nothing was changed"
            )
        _clear(con)
    done = Rebuilt()
    if planned.start:
        baseline.restore(con, landing, planned.start, lambda table: tell(table, "restored"))
        con.execute("DELETE FROM yici.current_release")
    catalogs: dict[str, Catalog] = {}
    with engine() as duck:
        for one in planned.ledgers:
            version = one.about["catalog"]
            if version not in catalogs:
                catalogs = {version: _catalog(landing, version)}
            _replay(con, duck, landing, one, catalogs[version], done)
            tell(f"release {one.about['release']}", "played again")
    # Nobody reads before all is there; a rebuild that was interrupted leaves no current release.
    done.release = planned.ends
    newest = con.execute(
        "SELECT hash FROM yici.catalog_version v JOIN yici.release r ON r.catalog_version = v.id WHERE r.id = %s",
        [done.release],
    ).fetchone()[0]
    catalog = catalogs.get(newest) or _catalog(landing, newest)
    with con.transaction():
        create_views(con, catalog)
        # Its marts are built by the next release; those of older ones are gone, and roll-back says so.
        con.execute("DELETE FROM yici.mart WHERE release = %s", [done.release])
        releases.point(con, done.release)
    done.entered = _enter_unjudged(con, landing, catalog)
    return done


def _applied(landing: Landing, one: Sealed) -> Iterator[dict]:
    """Yield the ledger's entries of the extracts that a release judged and applied."""
    rows = _ledger(landing, one)
    wanted = {
        number for row in rows["release_resource"] if row["outcome"] == "applied" for number in row["judged"]
    }
    yield from (row for row in rows["extract"] if row["id"] in wanted)


def _ledger(landing: Landing, one: Sealed) -> dict[str, list[dict]]:
    rows = defaultdict(list)
    with scratch("ledger") as folder:
        file = sealed.fetch(landing, one, history.LEDGER_FILE, folder)
        for table, row in ledger_rows.read_rows(file):
            rows[table].append(row)
    return rows


def _catalog(landing: Landing, version: str) -> Catalog:
    """Load a catalog that was checked when it was released: today's rules may ask for more."""
    catalog = read_catalog(unpack(history.catalog_files(landing, version)))[0].catalog
    if catalog.version != version:
        raise LandingError(f"landing {history.CATALOGS}/{version}.zip: altered; restore it from backup")
    return catalog


def _replay(
    con: psycopg.Connection,
    duck: duckdb.DuckDBPyConnection,
    landing: Landing,
    one: Sealed,
    catalog: Catalog,
    done: Rebuilt,
) -> None:
    rows = _ledger(landing, one)
    (release,) = rows["release"]
    number = release["id"]
    with con.transaction():
        ledger_rows.put_rows(
            con, (history.with_files(landing, "catalog_version", row) for row in rows["catalog_version"])
        )
        for table in ("proposal", "catalog_publication", "proposal_event"):
            ledger_rows.put_rows(con, ((table, row) for row in rows[table]))
        ledger_rows.put_rows(con, [("release", release | {"state": "candidate", "published_at": None})])
        for table in ("extract", "quarantine_decision", "quarantine_look"):
            ledger_rows.put_rows(con, ((table, row) for row in rows[table]))
        create_views(con, catalog)
    candidate = Candidate(number, release["catalog_version"], con)
    said = {row["resource"]: row for row in rows["release_resource"]}
    looked = {row["resource"] for row in rows["finding"] if row["rule"] == LOOKED_AGAIN}
    for name in catalog.release_order():
        if said.get(name, {}).get("outcome") == "applied":
            extracts = ledger.named(con, said[name]["judged"])
            resource = catalog.resources[name]
            now_ = admit(duck, candidate, catalog, resource, landing, extracts, again=name in looked)
            done.judged += len(extracts)
            done.differences += _difference(number, said[name], now_, release["code_version"])
    with scratch("ledger") as folder, con.transaction():
        con.execute("DELETE FROM yici.finding WHERE release = %s", [number])
        con.execute("DELETE FROM yici.release_resource WHERE release = %s", [number])
        for table in (
            "release_resource", "mart", "finding", "identity_review", "identity_decision", "identity_sight",
            "identity_event",
        ):  # fmt: skip
            ledger_rows.put_rows(con, ((table, row) for row in rows[table]))
        links = sealed.fetch(landing, one, history.LINKS_FILE, folder)
        ledger_rows.put_rows(con, ledger_rows.read_rows(links))
        ledger.settle(con, number)
        ledger_rows.put_rows(con, [("release", release)])
        ledger_rows.set_sequences(con)
    con.execute("ANALYZE yici.link")


def _difference(number: int, said: dict, found, code: str) -> Iterator[str]:
    if found.outcome != "applied":
        yield f"release {number}, {found.resource}: was applied (by {code}) and is now refused: {found.reason}"
        return
    counts = [(name, said[name], getattr(found, name)) for name in _COMPARED]
    changed = [f"{name} {then:,} then, {now:,} now" for name, then, now in counts if then != now]
    if changed:
        yield f"release {number}, {found.resource}: {'; '.join(changed)} (it was judged by {code})"


def _is_empty(con: psycopg.Connection) -> bool:
    return not con.execute(
        "SELECT EXISTS (SELECT FROM yici.release) OR EXISTS (SELECT FROM yici.extract)"
        " OR EXISTS (SELECT FROM pg_tables WHERE schemaname = 'store')"
    ).fetchone()[0]


def _clear(con: psycopg.Connection) -> None:
    """Empty the warehouse; schema `service` and the record of deletions stay."""
    with con.transaction():
        for (schema,) in con.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname ~ '^build(_[0-9]+)?$'"
        ).fetchall():
            con.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
        found = con.execute(
            """SELECT relkind, nspname, relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
               WHERE nspname IN ('store', 'stage', 'marts', 'raw') AND relkind IN ('r', 'v')
                 AND (nspname, relname) <> ('raw', 'links')"""
        ).fetchall()
        for kind, schema, name in found:
            what = sql.SQL("VIEW" if kind == "v" else "TABLE")
            con.execute(
                sql.SQL("DROP {} IF EXISTS {}.{} CASCADE").format(
                    what, sql.Identifier(schema), sql.Identifier(name)
                )
            )
        tables = [sql.Identifier("yici", table) for table in ledger_rows.TABLES if table != "deletion"]
        con.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(tables)))


def _enter_unjudged(con: psycopg.Connection, landing: Landing, catalog: Catalog) -> int:
    """Enter the extracts that came after the last exported ledger; the next release judges them."""
    known = dict(con.execute("SELECT resource, max(id) FROM yici.extract GROUP BY resource").fetchall())
    entered = 0
    for path in landing.extracts():
        system, table, number = path.split("/")
        name = f"{system}.{table}"
        resource = catalog.resources.get(name)
        if resource is None or int(number) <= known.get(name, 0):
            continue
        try:
            manifest = landing.verify(path)
        except LandingError:
            continue  # a reading that died before it was whole
        if manifest.contract_version == resource.version:
            with con.transaction():
                digest = landing.sha256(f"{path}/{MANIFEST}")
                ledger.register(con, manifest, path, digest, shape_hash(resource), now())
            entered += 1
    ledger_rows.set_sequences(con)
    return entered
