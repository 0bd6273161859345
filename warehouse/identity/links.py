"""Links: the certain rule and the humans' decisions, carried out on what a candidate brought.

A merge or a split changes links, never rows, and carries the candidate's number, so that it is taken back with it and
an earlier release answers as it did.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import psycopg
from psycopg import sql

from catalogs.model import Catalog, Resource
from catalogs.settings import now, scratch
from connectors.duck import session
from warehouse.identity import decisions
from warehouse.identity.claims import batches, document_parts, gather, has_claims, operand, registers
from warehouse.identity.keys import Key, document, kept
from warehouse.identity.moves import move, stage
from warehouse.identity.probable import PERSON, enter
from warehouse.identity.resolve import Resolution, resolve
from warehouse.key_ring import ring
from warehouse.store import newest_table

COUNTS = ("claims", "minted", "links", "ended", "merges", "reviews", "decisions")


def update(con: psycopg.Connection, candidate: int, catalog: Catalog) -> dict[str, int]:
    """Carry out what humans decided, then link the keys that the candidate's versions brought.

    Args:
        con: the owner's connection, in autocommit mode.
        candidate: number of the open candidate; only rows of its own versions are read.
        catalog: whose resources say which items are keys and documents.

    Returns:
        Counts: claims, minted, links, ended, merges, reviews, decisions.
    """
    counts = dict.fromkeys(COUNTS, 0)
    counts["decisions"] = decisions.carry_out(con, candidate)
    for subject_type in sorted({r.subject.type for r in catalog.resources.values() if r.subject}):
        resources = [r for r in registers(catalog) if r.subject and r.subject.type == subject_type]
        with con.transaction():
            for name, value in _link(con, candidate, subject_type, resources).items():
                counts[name] += value
    with con.transaction():
        counts["reviews"] += enter(con, candidate, decisions.apart(con, PERSON))
    return counts


def _link(
    con: psycopg.Connection, candidate: int, subject_type: str, resources: list[Resource]
) -> dict[str, int]:
    counts = dict.fromkeys(COUNTS, 0)
    if has_claims(con, candidate, resources):
        counts |= _resolve(con, candidate, subject_type, resources)
        decisions.settle_reviews(con, candidate)
    counts["ended"] = _end_unclaimed(con, candidate, subject_type, resources)
    return counts


def _resolve(
    con: psycopg.Connection, candidate: int, subject_type: str, resources: list[Resource]
) -> dict[str, int]:
    counts = dict.fromkeys(("claims", "minted", "links", "merges", "reviews"), 0)
    ids = _fresh_ids(con)
    with scratch("identity") as folder:
        duck = session(temp_dir=folder, extensions=())
        try:
            counts["claims"] = gather(con, duck, candidate, subject_type, resources)
            apart = decisions.apart(con, subject_type)
            stage(con)
            for batch in batches(duck):
                found = resolve(batch.claims, batch.known, lambda: next(ids), apart)
                _write(con, candidate, subject_type, found)
                for name in ("minted", "links", "merges", "reviews"):
                    counts[name] += len(getattr(found, name))
            move(con, candidate, subject_type)
            con.execute("ANALYZE yici.link")
        finally:
            duck.close()
    return counts


def _fresh_ids(con: psycopg.Connection, block: int = 500) -> Iterator[int]:
    """Yield subject ids from the table's sequence, fetched in blocks; those left over are simply skipped."""
    while True:
        rows = con.execute(
            "SELECT nextval(pg_get_serial_sequence('yici.subject', 'id')) FROM generate_series(1, %s)",
            [block],
        ).fetchall()
        yield from (row[0] for row in rows)


def _write(con: psycopg.Connection, candidate: int, subject_type: str, found: Resolution) -> None:
    with con.cursor() as cursor:
        _copy(
            cursor,
            "COPY yici.subject (id, type, minted_release) FROM STDIN",
            ((subject, subject_type, candidate) for subject in found.minted),
        )
        _copy(
            cursor,
            "COPY found_link (subject_id, id_type, key, name_digest, source) FROM STDIN",
            (
                (subject, kind, key, digest or None, source)
                for (kind, key), (subject, digest, source) in found.links.items()
            ),
        )
        _copy(
            cursor,
            "COPY yici.identity_event (release, event, kept, gone, reason, at) FROM STDIN",
            ((candidate, "merge", kept, gone, reason, now()) for kept, gone, reason in found.merges),
        )
        cursor.executemany(
            "INSERT INTO yici.identity_review (release, type, subject_a, subject_b, resource, reason, state, at)"
            " VALUES (%s, %s, %s, %s, %s, %s, 'open', %s) ON CONFLICT DO NOTHING",
            [
                (candidate, subject_type, a, b, resource, reason, now())
                for a, b, resource, reason in sorted(found.reviews)
            ],
        )


def _copy(cursor: psycopg.Cursor, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
    with cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _end_unclaimed(
    con: psycopg.Connection, candidate: int, subject_type: str, resources: list[Resource]
) -> int:
    """End the document links that the candidate's ended versions claimed and no open version claims any more.

    Natural keys stay: somebody who left is still known by their number.
    """
    ended = 0
    for resource in resources:
        gone = set(_documents(con, resource, sql.SQL("_to = {}").format(sql.Literal(candidate))))
        if gone:
            ended += _end(con, candidate, subject_type, gone, resources)
    return ended


def _documents(con: psycopg.Connection, resource: Resource, where: sql.Composable) -> Iterator[Key]:
    """Yield the documents that some rows of a resource name, old numbers included."""
    identity = resource.subject.identity if resource.subject else None
    if identity is None:
        return
    number, kind, country = document_parts(identity)
    for part in [number, *([operand(identity.former_number)] if identity.former_number else [])]:
        statement = sql.SQL("SELECT DISTINCT {}, {}, {} FROM clear.{} WHERE {}").format(
            part, kind, country, sql.Identifier(newest_table(con, resource)), where
        )
        yield from (document(*row) for row in con.execute(statement) if row[0] and row[1])


def _end(
    con: psycopg.Connection, candidate: int, subject_type: str, gone: set[Key], resources: list[Resource]
) -> int:
    numbers = [key for _, key in gone]
    forms = numbers + [number[:6] + number[8:17] for number in numbers if len(number) == 18]
    still: set[Key] = set()
    for resource in resources:
        if resource.subject and (identity := resource.subject.identity):
            named = [operand(part) for part in (identity.number, identity.former_number) if part]
            where = sql.SQL("_to IS NULL AND ({})").format(
                sql.SQL(" OR ").join(
                    sql.SQL("upper({}) = ANY ({})").format(part, sql.Literal(forms)) for part in named
                )
            )
            still |= set(_documents(con, resource, where))
    count, held = 0, ring()
    for kind, key in sorted(gone - still):
        count += con.execute(
            "UPDATE yici.link SET _to = %s WHERE type = %s AND id_type = %s AND key = %s AND _to IS NULL"
            " AND _from < %s",
            [candidate, subject_type, *kept((kind, key), held), candidate],
        ).rowcount
    return count
