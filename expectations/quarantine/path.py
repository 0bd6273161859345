"""The path of a row: every step from the extracts that held it to what reads it now, without one of its values.

Extracts are asked for the key as they lie in landing; verdicts, versions and decisions are the warehouse's record. What
reads the row follows from the catalog.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import duckdb
import psycopg
from psycopg import sql

from catalogs.model import Catalog, Resource
from connectors.duck import literal
from connectors.landing import Landing
from expectations.kept import show_landed
from expectations.quarantine.words import in_words
from warehouse.store import columns_of

EXTRACT, VERDICT, VERSION, DECISION = "extract", "verdict", "version", "decision"
_ORDER = (EXTRACT, VERDICT, DECISION, VERSION)
_LATEST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Step:
    """One step: when, at which release (None: none), of which kind, and what happened."""

    at: datetime | None
    release: int | None
    kind: str
    told: str


@dataclass
class Path:
    """The path of one row.

    Attributes:
        steps: in the order of time.
        not_looked_at: extracts older than those that were asked.
        links: natural keys of the row that identity links to a subject.
        facts: elements that are read from it.
        derived: resources that are made of it.
        demands: granted demands that rest on it.
    """

    steps: list[Step] = field(default_factory=list)
    not_looked_at: int = 0
    links: int = 0
    facts: tuple[str, ...] = ()
    derived: tuple[str, ...] = ()
    demands: tuple[str, ...] = ()


def trace(
    con: psycopg.Connection,
    duck: duckdb.DuckDBPyConnection,
    catalog: Catalog,
    resource: Resource,
    landing: Landing,
    key: str,
    newest: int,
) -> Path:
    """Follow a row.

    Args:
        con: the owner's connection.
        duck: an `expectations.admit.engine`.
        catalog: in force.
        resource: the contract.
        landing: the zone.
        key: of the row, several items joined by `|`.
        newest: how many extracts are asked, beginning with the newest.

    Raises:
        LandingError: an extract that the ledger names is missing or cut short.
    """
    found = Path()
    landing.attach(duck)
    steps = [
        *_extracts(con, duck, catalog, resource, landing, key, newest, found),
        *_verdicts(con, resource, key),
        *_decisions(con, resource, key),
        *_versions(con, resource, key),
    ]
    # At one moment: what came, what was said of it, what was decided, what stands.
    found.steps = sorted(
        steps, key=lambda step: (step.at is None, step.at or _LATEST, _ORDER.index(step.kind))
    )
    found.links = _links(con, resource, key)
    found.facts = tuple(item.element for item in resource.items if item.authoritative and item.element)
    found.derived = tuple(
        one.name
        for one in catalog.resources.values()
        if one.name != resource.name
        and any(item.derived_from.rpartition(".")[0] == resource.name for item in one.items)
    )
    found.demands = tuple(
        dict.fromkeys(grant.demand_id for grant in catalog.grants() if grant.resource == resource.name)
    )
    return found


def _extracts(
    con: psycopg.Connection,
    duck: duckdb.DuckDBPyConnection,
    catalog: Catalog,
    resource: Resource,
    landing: Landing,
    key: str,
    newest: int,
    found: Path,
) -> Iterator[Step]:
    kept = con.execute(
        """SELECT e.id, e.path, e.taken_at, e.scope, e.state, r.release FROM yici.extract e
           LEFT JOIN LATERAL (SELECT min(release) AS release FROM yici.release_resource
               WHERE resource = e.resource AND e.id = ANY (judged)) r ON true
           WHERE e.resource = %s AND e.removed_at IS NULL ORDER BY e.ordinal DESC""",
        [resource.name],
    ).fetchall()
    found.not_looked_at = max(0, len(kept) - newest)
    for number, path, taken_at, scope, state, release in kept[:newest]:
        opened = landing.open(landing.read(path))
        source = f"read_parquet([{', '.join(map(literal, opened))}]{opened.options})"
        show_landed(duck, catalog, resource, source, "1 AS _here")
        (rows,) = duck.execute(
            "SELECT count(*) FROM shown WHERE _key = $key OR _raw_key = $key", {"key": key}
        ).fetchone()
        part = f" {scope['partition']}" if scope.get("partition") else ""
        if rows:
            waits = "" if state != "landed" else "; not judged yet"
            told = f"extract {number} ({scope['kind']}{part}) holds it{f' {rows} times' if rows > 1 else ''}{waits}"
            yield Step(taken_at, release, EXTRACT, told)
        elif scope["kind"] in ("full", "keys"):
            yield Step(
                taken_at, release, EXTRACT, f"extract {number} ({scope['kind']}{part}) does not hold it"
            )


def _verdicts(con: psycopg.Connection, resource: Resource, key: str) -> Iterator[Step]:
    rows = con.execute(
        """SELECT q.rules, q.extract_id, q.settled, q._from, f.published_at, q._to, t.published_at
           FROM clear.quarantine q LEFT JOIN yici.release f ON f.id = q._from LEFT JOIN yici.release t ON t.id = q._to
           WHERE q.resource = %s AND q.key_text = %s ORDER BY q._from, q.id""",
        [resource.name, key],
    ).fetchall()
    for rules, extract, settled, opened, opened_at, closed, closed_at in rows:
        words = "; ".join(f"{rule} ({in_words(resource, rule)})" for rule in rules)
        yield Step(opened_at, opened, VERDICT, f"the row of extract {extract} is refused: {words}")
        if closed is not None:
            yield Step(
                closed_at, closed, VERDICT, f"it waits no more: {_SETTLED.get(settled or '', 'settled')}"
            )


_SETTLED = {
    "source": "the source sent it otherwise, right, or no more",
    "admitted": "judged again, it keeps its contract and is admitted",
    "judged_again": "judged again, it breaks other rules",
    "released": "released by a person's word",
    "resubmitted": "admitted as its provider corrected it",
    "superseded": "newer content was admitted under its key",
}


def _decisions(con: psycopg.Connection, resource: Resource, key: str) -> Iterator[Step]:
    rows = con.execute(
        """SELECT DISTINCT d.id, d.at, d.kind, d.post, d.person, d.reason, d.outcome, d._from
           FROM yici.quarantine_decision d JOIN clear.quarantine q
               ON q.resource = d.resource AND q.row_digest = d.row_digest
           WHERE d.resource = %s AND q.key_text = %s ORDER BY d.id""",
        [resource.name, key],
    ).fetchall()
    for _, at, kind, post, person, reason, outcome, release in rows:
        what = f"released: {reason}" if kind == "release" else "resubmitted, corrected"
        came = outcome or "waits for the next release"
        yield Step(at, release, DECISION, f"{post} ({person}) {what}; {came}")


def _versions(con: psycopg.Connection, resource: Resource, key: str) -> Iterator[Step]:
    tables = con.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'store' AND (tablename = %s OR tablename ~ %s) ORDER BY 1",
        [resource.table, f"^{resource.table}__v[0-9]+$"],
    ).fetchall()
    parts = [key] if len(resource.key) == 1 else key.split("|")
    for (table,) in tables:
        if len(parts) != len(resource.key) or not set(resource.key) <= columns_of(con, table).keys():
            continue
        where = sql.SQL(" AND ").join(
            sql.SQL("v.{}::text = %s").format(sql.Identifier(name)) for name in resource.key
        )
        query = sql.SQL(
            """SELECT v._extract, v._state, v._last_extract, v._from, f.published_at, v._to, t.published_at
               FROM clear.{} v LEFT JOIN yici.release f ON f.id = v._from LEFT JOIN yici.release t ON t.id = v._to
               WHERE {} ORDER BY v._from"""
        ).format(sql.Identifier(table), where)
        for extract, state, last, opened, opened_at, closed, closed_at in con.execute(
            query, parts
        ).fetchall():
            confirmed = f", last confirmed by extract {last}" if last else ""
            told = f"a version with the values of extract {extract} stands in {table}, {state}{confirmed}"
            yield Step(opened_at, opened, VERSION, told)
            if closed is not None:
                yield Step(closed_at, closed, VERSION, f"the version of release {opened} ends")


def _links(con: psycopg.Connection, resource: Resource, key: str) -> int:
    """Return how many natural keys of the row are linked now; only those that are in its key are known here."""
    subject = resource.subject
    if subject is None:
        return 0
    parts: Sequence[str] = [key] if len(resource.key) == 1 else key.split("|")
    by_item = dict(zip(resource.key, parts, strict=False))
    named = [(subject.id_type, subject.key), *((link.id_type, link.item) for link in subject.links)]
    return sum(
        con.execute(
            "SELECT count(*) FROM yici.link WHERE type = %s AND id_type = %s AND key = %s AND _to IS NULL",
            [subject.type, id_type, by_item[item]],
        ).fetchone()[0]
        for id_type, item in named
        if item in by_item
    )
