"""The ledger of extracts: what was read, how far reading got, what waits to be judged.

Registering an extract is the commit point of landing: a folder in the landing zone without a ledger row was
never finished. How far reading got is known only from extracts that a release *published*; a refused extract
moves nothing, so reading starts again from the last published watermark.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg.rows import class_row

from catalogs.model import Resource


@dataclass(frozen=True)
class Extract:
    """One registered extract, as far as judging it needs to know."""

    id: int
    resource: str
    ordinal: int
    scope: dict
    path: str
    rows: int
    watermark_to: str | None


def next_extract_id(con: psycopg.Connection) -> int:
    """Mint the id of an extract about to be read; a number that is never registered is simply skipped."""
    return con.execute("SELECT nextval('yici.extract_id')").fetchone()[0]


def register(
    con: psycopg.Connection, manifest, path: str, digest: str, contract_hash: str, finished_at
) -> int:
    """Enter a landed extract and return its ordinal within the resource.

    Args:
        con: a connection of the owner; the entry is made in its transaction.
        manifest: `connectors.landing.Manifest`.
        path: where the extract lies, relative to the landing zone.
        digest: SHA-256 of the manifest file.
        contract_hash: hash of the contract's shape; a watermark counts only under the shape it was read for.
        finished_at: when landing ended, aware.
    """
    con.execute("SELECT pg_advisory_xact_lock(hashtext('extract ' || %s))", [manifest.resource])
    (ordinal,) = con.execute(
        "SELECT coalesce(max(ordinal), 0) + 1 FROM yici.extract WHERE resource = %s", [manifest.resource]
    ).fetchone()
    con.execute(
        """INSERT INTO yici.extract (id, resource, ordinal, mode, scope, taken_at, finished_at, rows,
               excluded_rows, path, digest, contract_version, contract_hash, watermark_from, watermark_to,
               source_digest, state, seconds)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'landed', %s)""",
        [
            manifest.extract_id,
            manifest.resource,
            ordinal,
            manifest.mode,
            json.dumps(manifest.scope),
            manifest.taken_at,
            finished_at,
            manifest.rows,
            manifest.excluded_rows,
            path,
            digest,
            manifest.contract_version,
            contract_hash,
            manifest.watermark_from,
            manifest.watermark_to,
            manifest.source_digest,
            manifest.seconds,
        ],
    )
    return ordinal


def unjudged(con: psycopg.Connection, resource: str) -> tuple[Extract, ...]:
    """Return the extracts that the next release has to judge, oldest first.

    The newest one of a resource stands for all before it, because each is read from the last published
    watermark; of a partitioned resource the newest of every partition does.
    """
    with con.cursor(row_factory=class_row(Extract)) as cursor:
        return tuple(
            cursor.execute(
                """SELECT id, resource, ordinal, scope, path, rows, watermark_to FROM (
                       SELECT DISTINCT ON (scope ->> 'partition') * FROM yici.extract
                       WHERE resource = %s AND state = 'landed'
                       ORDER BY scope ->> 'partition', ordinal DESC) newest
                   ORDER BY ordinal""",
                [resource],
            ).fetchall()
        )


def published_watermark(con: psycopg.Connection, resource: Resource, contract_hash: str) -> str | None:
    """Return how far reading this resource got in a published release, or None to read from the start."""
    row = con.execute(
        """SELECT watermark_to FROM yici.extract
           WHERE resource = %s AND state = 'published' AND contract_hash = %s AND watermark_to IS NOT NULL
           ORDER BY ordinal DESC LIMIT 1""",
        [resource.name, contract_hash],
    ).fetchone()
    return row and row[0]


def seen_digests(con: psycopg.Connection, resource: str) -> dict[str, str]:
    """Return partition → digest of the source it was last read from ('' for a resource without partitions).

    Refused extracts do not count: the same file may be taken again once its contract was mended.
    """
    rows = con.execute(
        """SELECT DISTINCT ON (scope ->> 'partition') coalesce(scope ->> 'partition', ''), source_digest
           FROM yici.extract WHERE resource = %s AND state <> 'refused' AND source_digest IS NOT NULL
           ORDER BY scope ->> 'partition', ordinal DESC""",
        [resource],
    ).fetchall()
    return dict(rows)


def last_good_rows(con: psycopg.Connection, resource: str) -> int | None:
    """Return the row count of the last published full extract, for the guard against shrunken sources."""
    row = con.execute(
        """SELECT rows FROM yici.extract
           WHERE resource = %s AND state = 'published' AND scope ->> 'kind' = 'full'
           ORDER BY ordinal DESC LIMIT 1""",
        [resource],
    ).fetchone()
    return row and row[0]


def settle(con: psycopg.Connection, release: int) -> None:
    """Say of every extract that release judged what became of it; part of the publish transaction."""
    con.execute(
        """UPDATE yici.extract e SET state = CASE r.outcome WHEN 'applied' THEN 'published' ELSE r.outcome END
           FROM yici.release_resource r
           WHERE r.release = %s AND r.outcome IN ('applied', 'refused') AND e.id = ANY (r.judged)""",
        [release],
    )
    con.execute(
        """UPDATE yici.extract e SET state = 'superseded'
           FROM yici.release_resource r
           WHERE r.release = %s AND r.outcome IN ('applied', 'refused') AND e.resource = r.resource
             AND e.state = 'landed' AND e.id < (SELECT max(j) FROM unnest(r.judged) j)
             AND NOT e.id = ANY (r.judged)""",
        [release],
    )


def resources_with_unjudged(con: psycopg.Connection) -> Sequence[str]:
    """Return the names of the resources that have extracts waiting to be judged."""
    rows = con.execute("SELECT DISTINCT resource FROM yici.extract WHERE state = 'landed' ORDER BY 1")
    return [row[0] for row in rows]
