"""What registers say of persons, set out side by side for comparing: one record per subject and way of saying it."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
from psycopg import sql

from catalogs.model import Catalog, Resource
from warehouse.identity.claims import document_parts, registers
from warehouse.identity.keys import document
from warehouse.identity.names import fold_name, is_han, sound
from warehouse.identity.staging import fill, stream
from warehouse.store import newest_table

# A telephone that more subjects share is a household's, a school's or a placeholder.
_SHARED_BY = 4
_UNREADABLE = re.compile(r"[?*□■○〇\ufffd]")
_RECORD = pa.schema(
    [("subject", pa.int64()), ("is_new", pa.bool_()), ("resource", pa.string()), ("kind", pa.string()),
     ("number", pa.string()), ("name", pa.string()), ("sound", pa.string()), ("family", pa.string()),
     ("masked", pa.list_(pa.string())), ("former", pa.string()), ("former_sound", pa.string()),
     ("birthday", pa.string()), ("sex", pa.string()), ("phone", pa.string())]
)  # fmt: skip


def comparable(catalog: Catalog, subject_type: str) -> list[Resource]:
    """Return the registers that say more of such subjects than their number."""
    return [
        resource
        for resource in registers(catalog)
        if resource.subject
        and resource.subject.type == subject_type
        and resource.subject.identity
        and resource.subject.identity.name
    ]


def set_out(
    con: psycopg.Connection,
    duck: duckdb.DuckDBPyConnection,
    release: int,
    since: int,
    subject_type: str,
    resources: list[Resource],
) -> tuple[int, int]:
    """Fill the table `record` with what a release says of its subjects.

    Args:
        con: the owner's connection, in a transaction.
        duck: a session of its own.
        release: whose rows and links are read.
        since: an earlier release; subjects are new whose rows or links began after it.
        subject_type: person, …
        resources: registers about such subjects, each with a name among its identity items.

    Returns:
        How many records there are, and how many of new subjects.
    """

    def rows() -> Iterator[tuple]:
        for resource in resources:
            statement = _statement(newest_table(con, resource), resource, release, since, subject_type)
            for row in stream(con, statement):
                yield _record(resource.name, *row)

    fill(duck, "said", _RECORD, rows())
    duck.execute(f"""
        CREATE TABLE record AS
        WITH
        new AS (SELECT DISTINCT subject FROM said WHERE is_new),
        shared AS (SELECT phone FROM said GROUP BY phone HAVING count(DISTINCT subject) > {_SHARED_BY})
        SELECT row_number() OVER (ORDER BY subject, name, number) AS unique_id, * FROM (SELECT subject,
            subject IN (FROM new) AS is_new, min(resource) AS resource, kind, number, name, sound, family, masked,
            former, former_sound, birthday, sex, CASE WHEN phone IN (FROM shared) THEN NULL ELSE phone END AS phone
        FROM said GROUP BY ALL)
    """)
    return duck.execute("SELECT count(*), count(*) FILTER (is_new) FROM record").fetchone() or (0, 0)


def _statement(
    table: str | None, resource: Resource, release: int, since: int, subject_type: str
) -> sql.Composable:
    subject = resource.subject
    assert subject is not None
    identity = subject.identity
    assert identity is not None
    names = (identity.name, identity.former_name, identity.birthday, identity.sex, identity.phone)
    shown = [*document_parts(identity), *(sql.Identifier(name) if name else sql.NULL for name in names)]
    # Read apart from the links, whose columns may be named like items.
    return sql.SQL(
        """SELECT DISTINCT l.subject_id, r.begins > {since} OR l._from > {since}, {said}
           FROM (SELECT {key}::text AS natural_key, _from AS begins, {shown} FROM clear.{table}
                 WHERE _from <= {n} AND (_to IS NULL OR _to > {n})) r
           JOIN yici.link l ON l.type = {type} AND l.id_type = {id_type} AND l.key = r.natural_key
           WHERE l._from <= {n} AND (l._to IS NULL OR l._to > {n})"""
    ).format(
        since=sql.Literal(since),
        n=sql.Literal(release),
        said=sql.SQL(", ").join(sql.SQL(f"said{place}") for place in range(len(shown))),
        shown=sql.SQL(", ").join(
            sql.SQL("{}::text AS {}").format(part, sql.SQL(f"said{place}"))
            for place, part in enumerate(shown)
        ),
        table=sql.Identifier(table or resource.table),
        type=sql.Literal(subject_type),
        id_type=sql.Literal(subject.id_type),
        key=sql.Identifier(subject.key),
    )


def _record(
    resource: str,
    subject: int,
    is_new: bool,
    number: str | None,
    kind: str | None,
    country: str | None,
    name: str | None,
    former: str | None,
    birthday: str | None,
    sex: str | None,
    phone: str | None,
) -> tuple[Any, ...]:
    kind_of, number_of = document(number, kind, country) if number and kind else (None, None)
    folded = _comparable_name(name)
    digits = re.sub(r"\D", "", unicodedata.normalize("NFKC", phone or ""))[-11:]
    return (
        subject, is_new, resource, kind_of, number_of, folded, sound(name) or None if name else None,
        _family(name), _masked(folded), _comparable_name(former), sound(former) or None if former else None,
        birthday, sex, digits if len(digits) >= 7 else None,
    )  # fmt: skip


def _comparable_name(name: str | None) -> str | None:
    """Return a name folded, an unreadable character as `?`; of a Latin one its words in order."""
    if not name:
        return None
    return _UNREADABLE.sub("?", fold_name(name)) if is_han(name) else sound(name) or fold_name(name)


def _family(name: str | None) -> str | None:
    """Return how the first character is read, to look for namesakes by; Latin names tell no first."""
    if not name:
        return None
    return sound(name.strip()[:1]) if is_han(name) else "latin"


def _masked(name: str | None) -> list[str]:
    """Return a Chinese name with each of its characters in turn left out: two that share one differ in one."""
    if not name or len(name) > 8 or not is_han(name):
        return []
    return [f"{name[:place]}_{name[place + 1 :]}" for place in range(len(name))]
