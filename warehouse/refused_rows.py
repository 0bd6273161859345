"""Quarantine by difference: which refused rows begin to wait and which are settled by what came, and both undone."""

import duckdb
import psycopg
from psycopg import sql

from connectors.duck import literal
from connectors.duck import quote as q
from warehouse.bulk import copy_rows
from warehouse.judged import Judged, answered, key_text
from warehouse.sealed_rows import kept_text
from warehouse.store import is_sealed

# Of a key that cannot be read, or of which a part cannot, that part is empty.
_HAS_KEY = "NOT list_contains(string_split(o.key_text, '|'), '')"


def compare(con: duckdb.DuckDBPyConnection, judged: Judged) -> None:
    """Leave in `quarantine_new` the refused rows that are not waiting yet, in `quarantine_gone` the settled ones."""
    name = literal(judged.resource.name)
    waiting = (
        "SELECT row_digest, coalesce(partition, '') AS partition, coalesce(key_text, '') AS key_text"
        f" FROM clear.quarantine WHERE resource = {name} AND _to IS NULL"
    )
    con.execute(f"CREATE OR REPLACE TEMP TABLE quarantine_open AS FROM {answered(waiting)}")
    con.execute(
        "CREATE OR REPLACE TEMP TABLE quarantine_new AS SELECT r._row_digest, r._extract, r._partition, r._key_text,"
        " r._rules, r._row FROM refused r ANTI JOIN quarantine_open o ON o.row_digest = r._row_digest"
    )
    covered, is_newer = _covered(judged), _is_newer(con, judged)
    by_word = "o.row_digest IN (SELECT _row_digest FROM waived)" if judged.released else "false"
    how = f"CASE WHEN {by_word} THEN 'released' WHEN {covered} THEN 'source' ELSE 'superseded' END"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE quarantine_gone AS SELECT o.row_digest, {how} AS settled"
        f" FROM quarantine_open o ANTI JOIN refused r ON o.row_digest = r._row_digest WHERE {covered} OR {is_newer}"
    )


def _covered(judged: Judged) -> str:
    """Return the condition that a waiting row is one of those that the extracts speak about.

    A sweep or a window tells rows by their keys, so it says nothing of one whose key cannot be read.
    """
    key = key_text(judged.resource)
    if judged.scope_kind == "full":
        return "true"
    if judged.scope_kind == "partition":
        return f"o.partition IN ({', '.join(map(literal, judged.partitions))})"
    if judged.scope_kind == "keys":
        told = f"o.key_text NOT IN (SELECT {key} FROM admitted)"
    else:
        told = f"o.key_text IN (SELECT {key} FROM admitted UNION SELECT _key_text FROM refused)"
    return f"({told} AND {_HAS_KEY})"


def _is_newer(con: duckdb.DuckDBPyConnection, judged: Judged) -> str:
    """Return the condition that a file which came now holds right what waits of a file of an earlier day."""
    cut = judged.resource.ingest.partition
    others = f"NOT {_covered(judged)} AND {_HAS_KEY}"
    if (
        judged.scope_kind != "partition"
        or cut is None
        or cut.source != "filename"
        or not con.execute(f"SELECT 1 FROM quarantine_open o WHERE {others} LIMIT 1").fetchone()
    ):
        return "false"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE right_now AS SELECT {key_text(judged.resource)} AS key_text,"
        " max(_partition) AS _partition FROM admitted GROUP BY ALL"
    )
    later = "SELECT 1 FROM right_now a WHERE a.key_text = o.key_text AND a._partition > o.partition"
    return f"({others} AND EXISTS ({later}))"


def write(
    con: duckdb.DuckDBPyConnection, pg: psycopg.Connection, candidate: int, judged: Judged
) -> tuple[int, int]:
    """Write what `compare` left, within the caller's transaction; returns how many began to wait and were settled."""
    new, gone = con.execute(
        "SELECT (SELECT count(*) FROM quarantine_new), (SELECT count(*) FROM quarantine_gone)"
    ).fetchone()
    if not new and not gone:
        return 0, 0
    staged = f"stage.{q(judged.resource.table + '__quarantine')}"
    pg.execute(f"DROP TABLE IF EXISTS {staged}")
    pg.execute(
        f"CREATE UNLOGGED TABLE {staged} (digest text, extract bigint, part text, key text, rules text, row text,"
        " settled text)"
    )
    copy_rows(
        con,
        f"SELECT _row_digest, _extract, _partition, {kept_text(con, judged.resource, '_key_text', 'key')}, _rules,"
        f" {kept_text(con, judged.resource, '_row', 'row')}, NULL AS settled FROM quarantine_new"
        " UNION ALL SELECT row_digest, NULL, NULL, NULL, NULL, NULL, settled FROM quarantine_gone",
        pg,
        sql.SQL(staged),
        ("digest", "extract", "part", "key", "rules", "row", "settled"),
    )
    pg.execute(
        f"UPDATE yici.quarantine t SET _to = %s, settled = s.settled FROM {staged} s"
        " WHERE t.resource = %s AND t.row_digest = s.digest AND t._to IS NULL AND s.extract IS NULL",
        [candidate, judged.resource.name],
    )
    pg.execute(
        "INSERT INTO yici.quarantine"
        " (resource, row_digest, extract_id, partition, key_text, rules, row, sealed, judged_by, _from)"
        f" SELECT %s, digest, extract, part, key, string_to_array(rules, ','), row, %s, %s, %s"
        f" FROM {staged} WHERE extract IS NOT NULL",
        [judged.resource.name, is_sealed(judged.resource), judged.judged_by, candidate],
    )
    pg.execute(f"DROP TABLE {staged}")
    return new, gone


def take_back(con: psycopg.Connection, candidate: int, resource: str) -> None:
    """Undo what `candidate` put into or took out of the resource's quarantine, and what it decided by people's word."""
    con.execute("DELETE FROM yici.quarantine WHERE resource = %s AND _from = %s", [resource, candidate])
    for change in (
        "UPDATE yici.quarantine SET _to = NULL, settled = NULL WHERE resource = %s AND _to = %s",
        "UPDATE yici.quarantine_decision SET _from = NULL, outcome = NULL WHERE resource = %s AND _from = %s",
    ):
        con.execute(change, [resource, candidate])
