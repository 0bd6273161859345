"""Looking again: waiting rows are judged anew when their contract changed or a person decided about them.

Judging a row depends on its contract, its code tables and the campus's time zone. A digest of those stands beside each
waiting row; where it is another than today's, the next release judges the row again, as it was landed and without a
new extract. A row that now keeps its contract is admitted as a row of its own extract. One that still breaks it gets
the rules that it breaks now. One whose key was meanwhile admitted with newer content is superseded.

The same look takes up what people decided: a resubmitted row is judged in place of the one it corrects; a released
one is admitted although it breaks rules that may be waived, here and whenever the source sends the very same row.
Both are judged beside the other rows that wait, not beside those that were admitted: a key that a complete reading
holds already is told by what stands in the store.
"""

import hashlib
from dataclasses import asdict, dataclass, replace

import duckdb
import psycopg

from catalogs.model import Catalog, Resource
from connectors.duck import literal
from connectors.duck import quote as q
from expectations.admission import Finding, judge_rows, show_admitted
from expectations.quarantine.words import may_waive
from warehouse import reshaped, waiting
from warehouse.judged import Applied, Judged, key_text
from warehouse.releases import Candidate
from warehouse.store import StoreTable, ensure_table

LOOKED_AGAIN = "looked_again"
# Raise it where admission decides otherwise than before about the same row and contract.
_JUDGING = 1
# What says nothing about which value of an item is right.
_NOT_JUDGED = (
    "business_name", "description", "physical_name", "physical_type", "element", "share_type", "share_condition",
    "no_share_basis", "mask", "pi_class", "data_level", "tier", "subject_view", "subject_view_basis", "authoritative",
    "many", "pick", "guide_type", "derived_from", "note", "properties",
)  # fmt: skip
_JUDGED_PROPERTIES = ("retiredCodes",)


@dataclass(frozen=True)
class Looked:
    """What looking again at the waiting rows of a resource came to; rows, and versions of the store."""

    judged: int = 0
    admitted: int = 0
    resubmitted: int = 0
    released: int = 0
    superseded: int = 0
    inserted: int = 0
    ended: int = 0

    @property
    def waiting(self) -> int:
        """How many of them still wait."""
        return self.judged - self.admitted - self.resubmitted - self.released - self.superseded

    def finding(self, resource: str) -> Finding:
        """Say it in counts."""
        told = (
            f"{self.admitted} admitted, {self.resubmitted} admitted as resubmitted, {self.released} released, "
            f"{self.superseded} superseded by newer content, {self.waiting} still wait"
        )
        return Finding(
            resource, LOOKED_AGAIN, "conformity", "info", "admission", True, 0, self.judged, f"judged again: {told}"
        )  # fmt: skip


def basis(catalog: Catalog, resource: Resource) -> str:
    """Return a digest of everything that judging a row of the resource depends on."""
    items = [
        {name: value for name, value in asdict(item).items() if name not in _NOT_JUDGED}
        | {name: item.properties.get(name) for name in _JUDGED_PROPERTIES}
        for item in resource.items
    ]
    tables = sorted({item.code_table for item in resource.items if item.code_table})
    told = (
        _JUDGING,
        catalog.campus.time_zone,
        resource.key,
        (resource.ingest.pick_order_by, resource.ingest.watermark, resource.ingest.partition),
        (resource.subject, resource.relationships),
        items,
        [item.properties.get("retiredCodes") for item in resource.items],
        [rule for rule in resource.rules if rule.on_failure == "refuse_row"],
        [(name, sorted(catalog.codes[name].rows.items())) for name in tables if name in catalog.codes],
    )
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def waive(
    con: duckdb.DuckDBPyConnection, pg: psycopg.Connection, candidate: int | None, resource: Resource
) -> int:
    """Move from `refused` to `admitted` the rows for which people waived all that they break; returns how many.

    Args:
        con: the session in which they were judged.
        pg: the owner's connection.
        candidate: the release whose waivers count; None: all do.
        resource: the contract, which says what may be waived.
    """
    told = waiting.waivers(pg, candidate, resource.name)
    if not told or not con.execute("SELECT 1 FROM refused LIMIT 1").fetchone():
        return 0
    con.execute("CREATE OR REPLACE TEMP TABLE waiver (digest VARCHAR, rules VARCHAR[])")
    con.executemany(
        "INSERT INTO waiver VALUES (?, ?)",
        [[digest, [r for r in sorted(rules) if may_waive(resource, r)]] for digest, rules in told.items()],
    )
    key = ", ".join(map(q, resource.key))
    # Where the contract picks one of several rows, the picked one stays.
    picked = f" ANTI JOIN admitted USING ({key})" if resource.ingest.pick_order_by else ""
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE waived AS
            SELECT {key}, _extract, _row_no, _row_digest
            FROM refused JOIN waiver ON digest = _row_digest{picked}
            WHERE list_has_all(waiver.rules, string_split(_rules, ','))
            QUALIFY count(*) OVER (PARTITION BY {key}) = 1"""
    )
    places = "WHERE (_extract, _row_no) IN (SELECT (_extract, _row_no) FROM waived)"
    for table in ("left_out", "refused"):
        con.execute(f"DELETE FROM {table} {places}")
    show_admitted(con, resource)
    return con.execute("SELECT count(*) FROM waived").fetchone()[0]


def look_again(
    con: duckdb.DuckDBPyConnection, candidate: Candidate, catalog: Catalog, resource: Resource
) -> Looked | None:
    """Judge again the waiting rows of a resource that are due; None if none is and nobody decided anything.

    Args:
        con: an `expectations.admit.engine`.
        candidate: the open candidate; the resource's new extracts are already applied, and decisions taken up.
        catalog: the candidate's.
        resource: the contract.

    Raises:
        ExtractRefused: a rule cannot be run.
        duckdb.Error, psycopg.Error: the candidate has to be abandoned.
    """
    pg, number, judged_by = candidate.con, candidate.id, basis(catalog, resource)
    if not waiting.is_due(pg, number, resource.name, judged_by):
        return None
    table = ensure_table(pg, resource)
    done = Looked()
    with pg.transaction():
        old = reshaped.left_in(pg, table) if reshaped.is_untouched(pg, table) else None
        moved = reshaped.carry_over(pg, number, table, old) if old else 0
        if moved is None:
            # Under the new key nothing can be said beside the old rows: the next reading comes first.
            waiting.put_back(pg, number, resource.name)
            return None
        waiting.enter(pg, number, resource.name, Applied(moved, moved, 0, 0))
    done = replace(done, inserted=moved, ended=moved)
    for partition in waiting.fetch(con, pg, number, resource.name, judged_by):
        judge_waiting(con, pg, number, catalog, resource, table, partition)
        done = _settle(con, candidate, resource, table, partition, judged_by, done)
    waiting.close_decisions(pg, number, resource.name)
    for name in ("waiting", "verdict", "standing", "settling", "chosen", "waived"):
        con.execute(f"DROP TABLE IF EXISTS {name}")
    return done


def judge_waiting(
    con: duckdb.DuckDBPyConnection,
    pg: psycopg.Connection,
    candidate: int | None,
    catalog: Catalog,
    resource: Resource,
    table: StoreTable,
    partition: str | None,
) -> None:
    """Judge the rows of table `waiting` of one partition; nothing is written.

    It leaves `admitted`, and in table `verdict` for each row that is due: `_row_no`, `digest`, `was` (its rules until
    now), `corrected`, `fate` (admitted, refused or superseded), `state` (reported or released), `rules` that it
    breaks and its `key`.
    """
    names = [item.name for item in resource.items]
    here = f"partition IS NOT DISTINCT FROM {'NULL' if partition is None else literal(partition)}"
    con.execute(
        f"CREATE OR REPLACE TEMP VIEW landed AS SELECT {waiting.items_of('row', names)}, partition AS _partition,"
        f" extract AS _extract, taken_at AS _taken_at, _row_no FROM waiting WHERE {here}"
    )
    judge_rows(con, catalog, resource, dict.fromkeys(names, "VARCHAR"))
    con.execute(
        "UPDATE refused SET _row_digest = digest FROM waiting WHERE waiting._row_no = refused._row_no"
    )
    waive(con, pg, candidate, resource)
    waiting.fetch_standing(con, pg, table)
    key = ", ".join(map(q, resource.key))
    cut = resource.ingest.partition
    newer = "held._extract > w.extract"
    if cut is not None and cut.source == "filename":
        newer += " OR held._partition > w.partition"
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE verdict AS
            WITH passed AS (SELECT *, {key_text(resource)} AS _key FROM admitted),
            held AS (SELECT _row_no, s._extract, s._partition FROM passed JOIN standing s USING ({key})
                     WHERE s._state IN ('reported', 'released')),
            told AS (
                SELECT w._row_no, w.digest, w.rules AS was, w.corrected, coalesce(p._state, 'reported') AS state,
                    coalesce(p._key, r._key_text) AS key,
                    CASE WHEN r._row_no IS NOT NULL THEN r._rules
                        WHEN w.rules = 'key.not_picked' AND NOT w.corrected THEN w.rules
                        WHEN held._row_no IS NOT NULL AND NOT ({newer})
                            AND held._partition IS NOT DISTINCT FROM w.partition
                            AND (w.kind IN ('full', 'partition') OR held._extract = w.extract) THEN 'key.unique'
                    END AS rules,
                    coalesce({newer}, false) AS is_older
                FROM waiting w LEFT JOIN passed p USING (_row_no) LEFT JOIN refused r USING (_row_no)
                LEFT JOIN held USING (_row_no)
                WHERE w.due AND w.{here})
            SELECT * EXCLUDE (is_older), CASE WHEN rules IS NOT NULL THEN 'refused' WHEN is_older THEN 'superseded'
                ELSE 'admitted' END AS fate FROM told"""
    )


def _settle(
    con: duckdb.DuckDBPyConnection,
    candidate: Candidate,
    resource: Resource,
    table: StoreTable,
    partition: str | None,
    judged_by: str,
    done: Looked,
) -> Looked:
    """Write what `judge_waiting` found; a correction that breaks the contract leaves the row that it was for."""
    con.execute(
        """CREATE OR REPLACE TEMP TABLE settling AS SELECT digest, rules, key,
               CASE WHEN fate = 'superseded' THEN fate
                   WHEN fate = 'refused' THEN if(rules = was, 'same', 'judged_again')
                   WHEN corrected THEN 'resubmitted' WHEN state = 'released' THEN state ELSE 'admitted' END AS settled
           FROM verdict WHERE NOT (corrected AND fate = 'refused')"""
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE chosen AS"
        " FROM admitted SEMI JOIN (FROM verdict WHERE fate = 'admitted') USING (_row_no)"
    )
    con.execute("CREATE OR REPLACE TEMP VIEW admitted AS FROM chosen")
    con.execute("DELETE FROM refused")
    counts = dict(con.execute("SELECT settled, count(*) FROM settling GROUP BY ALL").fetchall())
    judged, rows, released = con.execute(
        "SELECT (SELECT count(*) FROM verdict), (SELECT count(*) FROM chosen),"
        " (SELECT count(*) FROM chosen WHERE _state = 'released')"
    ).fetchone()
    kind, partitions = waiting.scope_of(partition)
    word = Judged(resource, (), kind, False, partitions, rows, rows, 0, released, judged_by)
    applied = waiting.settle(con, candidate.con, candidate.id, table, word)
    return replace(
        done,
        judged=done.judged + judged,
        admitted=done.admitted + counts.get("admitted", 0),
        resubmitted=done.resubmitted + counts.get("resubmitted", 0),
        released=done.released + counts.get("released", 0),
        superseded=done.superseded + counts.get("superseded", 0),
        inserted=done.inserted + applied.inserted,
        ended=done.ended + applied.ended,
    )
