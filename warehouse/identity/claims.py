"""What the rows of a candidate say about whose keys are whose, set out in DuckDB, where memory is bounded.

Claims that share a key, or name keys of one known subject, have to be decided together and in order; all others are
independent of each other. So claims are put into groups that share nothing, and the groups are decided some thousands
of claims at a time: a campus of any size needs the same memory, and the result is that of deciding all at once.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter

import duckdb
import psycopg
import pyarrow as pa
from psycopg import sql

from catalogs.model import Catalog, IdentityItems, Resource
from warehouse.bulk import copy_rows
from warehouse.identity.keys import Key, document, kept
from warehouse.identity.names import name_digest
from warehouse.identity.resolve import Claim
from warehouse.identity.staging import ROWS, fetched, fill, stream
from warehouse.key_ring import ring
from warehouse.store import newest_table

CLAIM_KEYS = pa.schema(
    [("n", pa.int64()), ("place", pa.int32()), ("resource", pa.string()), ("id_type", pa.string()),
     ("key", pa.string()), ("digest", pa.string())]
)  # fmt: skip
KNOWN = pa.schema(
    [("id_type", pa.string()), ("key", pa.string()), ("subject", pa.int64()), ("digest", pa.string())]
)


@dataclass(frozen=True)
class Batch:
    """Claims that share nothing with those of other batches, and all that is known of the subjects they name."""

    claims: list[Claim]
    known: dict[Key, tuple[int, str]]


def registers(catalog: Catalog) -> list[Resource]:
    """Return the resources that may mint subjects: their key is the subject's, or they name documents.

    Those that name documents come first, so that later ones find the links there.
    """
    found = []
    for resource in catalog.resources.values():
        subject = resource.subject
        if subject is None or catalog.is_asked(resource.name):
            continue
        is_of_subjects = resource.key == (subject.key,)
        if subject.identity or is_of_subjects:
            found.append((subject.identity is None, not is_of_subjects, resource.name, resource))
    return [resource for *_, resource in sorted(found, key=itemgetter(0, 1, 2))]


def operand(part: str) -> sql.Composable:
    """Return an item's column, or the literal that `=…` stands for."""
    return sql.Literal(part[1:]) if part.startswith("=") else sql.Identifier(part)


def document_parts(identity: IdentityItems) -> list[sql.Composable]:
    """Return number, kind and country of a row's document as columns or literals."""
    return [operand(part) for part in (identity.number, identity.type, identity.country or "=")]


def has_claims(con: psycopg.Connection, candidate: int, resources: list[Resource]) -> bool:
    """Whether a candidate brought any version of these registers."""
    return any(
        con.execute(
            sql.SQL("SELECT EXISTS (SELECT FROM clear.{} WHERE _from = %s)").format(
                sql.Identifier(newest_table(con, resource))
            ),
            [candidate],
        ).fetchone()[0]
        for resource in resources
    )


def gather(
    con: psycopg.Connection,
    duck: duckdb.DuckDBPyConnection,
    candidate: int,
    subject_type: str,
    resources: list[Resource],
) -> int:
    """Put the claims of a candidate's versions, and the links that they touch, into DuckDB; returns how many claims.

    Args:
        con: the owner's connection, in a transaction.
        duck: an empty session of its own.
        candidate: number of the open candidate; only rows of its own versions are read.
        subject_type: person, project, …
        resources: registers about such subjects, in order.
    """
    count = 0

    def rows() -> Iterator[tuple]:
        nonlocal count
        for resource in resources:
            for keys, digest in _claims(con, candidate, resource):
                yield from (
                    (count, place, resource.name, *key, digest if place == 0 else "")
                    for place, key in enumerate(keys)
                )
                count += 1

    fill(duck, "claim_key", CLAIM_KEYS, rows())
    con.execute("CREATE TEMP TABLE claimed (id_type text, key text) ON COMMIT DROP")
    copy_rows(
        duck,
        "SELECT DISTINCT id_type, key FROM claim_key",
        con,
        sql.Identifier("claimed"),
        ("id_type", "key"),
    )
    con.execute("ANALYZE claimed")
    known = stream(
        con,
        sql.SQL(
            """SELECT id_type, key, subject_id, coalesce(name_digest, '') FROM yici.link
               WHERE type = {type} AND _to IS NULL AND subject_id IN
                   (SELECT subject_id FROM claimed JOIN yici.link USING (id_type, key)
                    WHERE type = {type} AND _to IS NULL)"""
        ).format(type=sql.Literal(subject_type)),
    )
    fill(duck, "known", KNOWN, known)
    con.execute("DROP TABLE claimed")
    return count


def batches(duck: duckdb.DuckDBPyConnection, size: int = ROWS) -> Iterator[Batch]:
    """Yield the gathered claims, in their order within each group, some groups at a time.

    Args:
        duck: the session that `gather` filled.
        size: claims from which on a batch is full.
    """
    _group(duck)
    # Two readers of one session's tables: each cursor has a result of its own.
    claims = itertools.groupby(
        fetched(
            duck,
            "SELECT label, n, resource, id_type, key, digest FROM claim_key JOIN label USING (n)"
            " ORDER BY label, n, place",
        ),
        key=lambda row: row[0],
    )
    known = itertools.groupby(
        fetched(
            duck,
            """SELECT label, k.id_type, k.key, k.subject, k.digest FROM known k JOIN
                   (SELECT -node - 1 AS subject, min(label) AS label FROM node JOIN label USING (n) WHERE node < 0
                    GROUP BY ALL) g USING (subject)
               ORDER BY label, k.id_type, k.key""",
        ),
        key=lambda row: row[0],
    )
    ahead = next(known, None)
    batch = Batch([], {})
    for label, rows in claims:
        for _, found in itertools.groupby(rows, key=lambda row: row[1]):
            parts = list(found)
            keys = tuple((id_type, key) for _, _, _, id_type, key, _ in parts)
            batch.claims.append(Claim(parts[0][2], keys, parts[0][5]))
        if ahead is not None and ahead[0] == label:
            batch.known.update(
                {(id_type, key): (subject, said) for _, id_type, key, subject, said in ahead[1]}
            )
            ahead = next(known, None)
        if len(batch.claims) >= size:
            yield batch
            batch = Batch([], {})
    if batch.claims:
        yield batch


def _claims(con: psycopg.Connection, candidate: int, resource: Resource) -> Iterator[tuple[list[Key], str]]:
    """Yield keys and name digest of each row of the candidate, in the order of the rows' keys."""
    subject = resource.subject
    assert subject is not None
    identity = subject.identity
    held = ring()
    kinds = [subject.id_type, *(link.id_type for link in subject.links)]
    shown = [sql.Identifier(name) for name in (subject.key, *(link.item for link in subject.links))]
    if identity:
        names = (identity.former_number, identity.name, identity.former_name)
        shown += [*document_parts(identity), *(operand(name or "=") for name in names)]
    statement = sql.SQL(
        "SELECT DISTINCT {} FROM clear.{} WHERE _from = {} AND _state IN ('reported', 'released') ORDER BY {}"
    ).format(
        sql.SQL(", ").join(shown),
        sql.Identifier(newest_table(con, resource)),
        sql.Literal(candidate),
        sql.SQL(", ").join(sql.SQL(str(place + 1)) for place in range(len(shown))),
    )
    for row in stream(con, statement):
        keys = [
            (kind, str(value)) for kind, value in zip(kinds, row, strict=False) if value not in (None, "")
        ]
        digest = ""
        if identity:
            number, kind, country, former_number, name, former_name = row[len(kinds) :]
            numbers = [one for one in (number, former_number) if one and kind]
            keys += [kept(document(one, kind, country), held) for one in numbers]
            digest = name_digest(name, former_name)
        if keys:
            yield list(dict.fromkeys(keys)), digest


def _group(duck: duckdb.DuckDBPyConnection) -> None:
    """Give every claim the lowest number among those that it is tied to, directly or through others.

    A node is a known subject (negative numbers) or a key that nobody holds yet. Labels run along shared nodes until
    none moves: a few rounds, since what one person's rows share is close together.
    """
    duck.execute("""
        CREATE OR REPLACE TABLE new_key AS
        SELECT id_type, key, row_number() OVER () AS node FROM
            (SELECT DISTINCT id_type, key FROM claim_key ANTI JOIN known USING (id_type, key));
        CREATE OR REPLACE TABLE node AS
        SELECT DISTINCT c.n, coalesce(-k.subject - 1, w.node) AS node FROM claim_key c
        LEFT JOIN known k USING (id_type, key) LEFT JOIN new_key w USING (id_type, key);
        CREATE OR REPLACE TABLE label AS SELECT DISTINCT n, n AS label FROM node;
    """)
    while True:
        duck.execute("""
            CREATE OR REPLACE TABLE moved AS
            SELECT n, min(lowest) AS label FROM node JOIN
                (SELECT node, min(label) AS lowest FROM node JOIN label USING (n) GROUP BY node) USING (node)
            GROUP BY n
        """)
        changed = duck.execute(
            "SELECT count(*) FROM moved JOIN label USING (n) WHERE moved.label < label.label"
        ).fetchone()
        duck.execute("CREATE OR REPLACE TABLE label AS FROM moved")
        if changed is None or not changed[0]:
            return
