"""The ledger of extracts: what was read, how far reading got, what waits to be judged.

Registering an extract is the commit point of landing: a folder in the landing zone without a ledger row was
never finished. How far reading got is known only from extracts that a release *published*; a refused extract
moves nothing, so reading starts again from the last published watermark. It only ever moves forward: what is read
again because somebody asked has no watermark, and of those that have one the greatest counts, not the newest.

An extract that saw the source before another one of its partition did, but comes in after it, is not judged: it
would put back what has changed since. One that claims to have seen the source in the future was entered while the
clock was ahead: its time says nothing, and what is read after the clock was put right counts.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

from catalogs.model import Resource
from catalogs.settings import now


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
    taken_at: datetime | None = None


def next_extract_id(con: psycopg.Connection) -> int:
    """Mint the id of an extract about to be read; a number that is never registered is simply skipped."""
    return con.execute("SELECT nextval('yici.extract_id')").fetchone()[0]


def register(
    con: psycopg.Connection, manifest, path: str, digest: str, contract_hash: str, finished_at
) -> int:
    """Enter a landed extract and return its ordinal within the resource.

    One that is older than what is already there (`older_than`) is entered as superseded: it is never judged.

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
    older = older_than(con, manifest.resource, manifest.scope.get("partition"), manifest.taken_at)
    con.execute(
        """INSERT INTO yici.extract (id, resource, ordinal, mode, scope, taken_at, finished_at, rows,
               excluded_rows, path, digest, contract_version, contract_hash, watermark_from, watermark_to,
               source_digest, seconds, extra_columns, state)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
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
            list(manifest.extra_columns),
            "landed" if older is None else "superseded",
        ],
    )
    return ordinal


def older_than(
    con: psycopg.Connection, resource: str, partition: str | None, taken_at: datetime
) -> int | None:
    """Return the id of an extract of the same partition that saw the source later than `taken_at`, or None."""
    row = con.execute(
        """SELECT id FROM yici.extract
           WHERE resource = %s AND scope ->> 'partition' IS NOT DISTINCT FROM %s AND taken_at > %s
             AND taken_at <= %s AND state IN ('landed', 'published') LIMIT 1""",
        [resource, partition, taken_at, now()],
    ).fetchone()
    return row and row[0]


def newly_excluded(con: psycopg.Connection, extract: int) -> int:
    """Return how many rows more the exclusion kept back than in the last published extract of its kind, at least 0."""
    (more,) = con.execute(
        """SELECT e.excluded_rows - coalesce(
               (SELECT excluded_rows FROM yici.extract p WHERE p.resource = e.resource AND p.state = 'published'
                AND p.scope ->> 'kind' = e.scope ->> 'kind' AND p.ordinal < e.ordinal
                ORDER BY p.ordinal DESC LIMIT 1), e.excluded_rows)
           FROM yici.extract e WHERE e.id = %s""",
        [extract],
    ).fetchone()
    return max(0, more)


def unjudged(con: psycopg.Connection, resource: str) -> tuple[Extract, ...]:
    """Return the extracts that the next release has to judge, oldest first.

    A full reading stands for everything before it. The newest of the others stands for those before it that speak
    about the same: each watermark window begins at the last published watermark, and a partition, a sweep of keys or a
    range is complete in itself.
    """
    with con.cursor(row_factory=class_row(Extract)) as cursor:
        return tuple(
            cursor.execute(
                """WITH waiting AS (
                       SELECT * FROM yici.extract WHERE resource = %(resource)s AND state = 'landed'
                   )
                   SELECT id, resource, ordinal, scope, path, rows, watermark_to, taken_at FROM (
                       SELECT DISTINCT ON (scope ->> 'kind', scope ->> 'partition', part_of_range) *
                       FROM waiting CROSS JOIN LATERAL (
                           SELECT CASE scope ->> 'kind' WHEN 'range' THEN scope END AS part_of_range) r
                       WHERE ordinal >= ALL (SELECT ordinal FROM waiting WHERE scope ->> 'kind' = 'full')
                       ORDER BY scope ->> 'kind', scope ->> 'partition', part_of_range, ordinal DESC) newest
                   ORDER BY ordinal""",
                {"resource": resource},
            ).fetchall()
        )


def named(con: psycopg.Connection, ids: Sequence[int]) -> tuple[Extract, ...]:
    """Return extracts by their ids, oldest first, whatever became of them."""
    with con.cursor(row_factory=class_row(Extract)) as cursor:
        return tuple(
            cursor.execute(
                """SELECT id, resource, ordinal, scope, path, rows, watermark_to, taken_at FROM yici.extract
                   WHERE id = ANY (%s) ORDER BY ordinal""",
                [list(ids)],
            ).fetchall()
        )


def published_watermark(con: psycopg.Connection, resource: Resource, contract_hash: str) -> str | None:
    """Return how far reading this resource got in a published release, or None to read from the start.

    Watermarks are numbers, or times as the source's session writes them: all in one zone and one form, so that the
    order of their bytes is that of time.
    """
    row = con.execute(
        r"""WITH published AS (
               SELECT watermark_to AS mark, watermark_to ~ '^-?\d+(\.\d+)?$' AS is_number FROM yici.extract
               WHERE resource = %s AND state = 'published' AND contract_hash = %s AND watermark_to IS NOT NULL
           )
           SELECT mark FROM published
           ORDER BY CASE WHEN is_number THEN mark::numeric END DESC NULLS LAST, mark COLLATE "C" DESC LIMIT 1""",
        [resource.name, contract_hash],
    ).fetchone()
    return row and row[0]


def swept_at(con: psycopg.Connection, resource: Resource, contract_hash: str) -> datetime | None:
    """Return when all keys of a resource were last read, by themselves or with their rows, and published."""
    (taken_at,) = con.execute(
        """SELECT max(taken_at) FROM yici.extract WHERE resource = %s AND state = 'published'
           AND contract_hash = %s AND scope ->> 'kind' IN ('full', 'keys')""",
        [resource.name, contract_hash],
    ).fetchone()
    return taken_at


def agreed_columns(con: psycopg.Connection, resource: Resource) -> tuple[str, ...] | None:
    """Return the columns beyond the contract that the source had when this version of it was first published.

    Whatever else the source has is new, until a new contract version names it or leaves it out. None: nobody knows.
    """
    row = con.execute(
        """SELECT extra_columns FROM yici.extract WHERE resource = %s AND state = 'published'
           AND contract_version = %s AND scope ->> 'kind' <> 'keys' AND extra_columns IS NOT NULL
           ORDER BY ordinal LIMIT 1""",
        [resource.name, resource.version],
    ).fetchone()
    return row and tuple(row[0])


def newest_window(con: psycopg.Connection, resource: Resource) -> tuple[str, datetime] | None:
    """Return path and time of the newest extract that counts, if it is the window of a watermark."""
    row = con.execute(
        """SELECT path, taken_at, scope ->> 'kind' FROM yici.extract
           WHERE resource = %s AND state IN ('landed', 'published') ORDER BY ordinal DESC LIMIT 1""",
        [resource.name],
    ).fetchone()
    return (row[0], row[1]) if row and row[2] == "upsert" else None


def new_columns(con: psycopg.Connection, resource: Resource) -> tuple[str, ...]:
    """Return the columns of the newest reading that the source had not when this contract version was agreed."""
    agreed = agreed_columns(con, resource)
    row = con.execute(
        """SELECT extra_columns FROM yici.extract WHERE resource = %s AND state IN ('landed', 'published')
           AND contract_version = %s AND scope ->> 'kind' <> 'keys' ORDER BY ordinal DESC LIMIT 1""",
        [resource.name, resource.version],
    ).fetchone()
    if agreed is None or row is None or row[0] is None:
        return ()
    return tuple(name for name in row[0] if name not in agreed)


def newest_path(con: psycopg.Connection, resource: Resource) -> str | None:
    """Return where the newest published extract of this contract version lies that holds whole rows."""
    row = con.execute(
        """SELECT path FROM yici.extract WHERE resource = %s AND state = 'published' AND contract_version = %s
           AND scope ->> 'kind' <> 'keys' ORDER BY ordinal DESC LIMIT 1""",
        [resource.name, resource.version],
    ).fetchone()
    return row and row[0]


def seen_digests(con: psycopg.Connection, resource: str, contract_hash: str) -> dict[str, str]:
    """Return partition → digest of the source it was last read from ('' for a resource without partitions).

    Refused and superseded extracts do not count: the same file may be taken again once its contract was mended. Nor do
    those that were read for another shape of it.
    """
    rows = con.execute(
        """SELECT DISTINCT ON (scope ->> 'partition') coalesce(scope ->> 'partition', ''), source_digest
           FROM yici.extract WHERE resource = %s AND contract_hash = %s AND state IN ('landed', 'published')
             AND source_digest IS NOT NULL
           ORDER BY scope ->> 'partition', ordinal DESC""",
        [resource, contract_hash],
    ).fetchall()
    return dict(rows)


def refuse(con: psycopg.Connection, extract_ids: Sequence[int]) -> None:
    """Say of single partitions that they are refused, while others of their resource are applied.

    The verdict is that of the extract and its contract alone, so it holds whatever becomes of the candidate.
    """
    con.execute(
        "UPDATE yici.extract SET state = 'refused' WHERE id = ANY (%s) AND state = 'landed'",
        [list(extract_ids)],
    )


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


def newest_waiting(con: psycopg.Connection, resources: Sequence[str]) -> int | None:
    """Return the newest extract of any of these resources that waits to be judged."""
    (newest,) = con.execute(
        "SELECT max(id) FROM yici.extract WHERE state = 'landed' AND resource = ANY (%s)", [list(resources)]
    ).fetchone()
    return newest
