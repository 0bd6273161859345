"""Whom a query is about: a natural key or a document, and what identity links to it at the release."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

import asyncpg
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from catalogs.model import Catalog
from warehouse.identity import DOCUMENT, resident_id_18

PERSON = "person"
# What callers write: no control characters, which PostgreSQL's text and JSON refuse or readers of a log stumble over.
Text = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
# Longer text, of which only what PostgreSQL cannot hold is refused.
WITHOUT_NUL = r"^[^\x00]*$"
# Whose a number is, in SQL, to be joined `ON true`; numbers of documents are sealed in their links. OFFSET keeps it a
# look-up by index for each number: joined as tables, each of a set would be compared with every link of its kind.
LINKED_AS = (
    "LATERAL (SELECT o.subject_id FROM raw.links o WHERE o.type = {type} AND o.id_type = {id_type} AND o.key = ANY ("
    "CASE WHEN starts_with({id_type}, 'doc:') THEN yici.sealed_forms({key}, {id_type}) ELSE ARRAY[{key}] END) OFFSET 0)"
)
_RESOLVE = f"""
SELECT p.n, l.subject_id, o.kinds, o.numbers,
    EXISTS (SELECT FROM yici.identity_review v WHERE l.subject_id IN (v.subject_a, v.subject_b)
        AND v.release <= current_setting('yici.release')::int
        AND (v.closed_release IS NULL OR v.closed_release > current_setting('yici.release')::int)) AS in_doubt,
    (SELECT array_agg(c.element) FROM service.correction c
        WHERE c.subject_id = l.subject_id AND c.filed_at <= p.at
        AND (c.closed_at IS NULL OR c.closed_at > p.at)) AS disputed
FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) WITH ORDINALITY AS p(type, id_type, key, at, n)
LEFT JOIN {LINKED_AS.format(type="p.type", id_type="p.id_type", key="p.key")} l ON true
LEFT JOIN LATERAL (SELECT array_agg(o.id_type) AS kinds, array_agg(CASE WHEN starts_with(o.id_type, 'doc:')
        THEN yici.unseal(decode(o.key, 'hex'), o.id_type) ELSE o.key END) AS numbers
    FROM raw.links o WHERE o.subject_id = l.subject_id) o ON true
"""


class Closed(BaseModel):
    """A part of a request; members that we do not know are refused, not ignored."""

    model_config = ConfigDict(extra="forbid")


class Identified(Closed):
    """A subject by a kind of number (`staff_no`, …) or a document (`doc:<type>` with its issuing country)."""

    id_type: str = Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9_:.-]+$")
    id: Text = Field(repr=False)
    country: str | None = Field(None, pattern=r"^[A-Z]{3}$")

    def key(self) -> tuple[str, str]:
        """Return kind and number as identity links them."""
        if not self.id_type.startswith(DOCUMENT):
            return self.id_type, self.id
        kind = self.id_type if self.id_type.count(":") > 1 else f"{self.id_type}:{self.country or ''}"
        return kind, resident_id_18(self.id)


@dataclass(frozen=True)
class Resolved:
    """What the release knows about a number.

    Attributes:
        subject_id: whose it is; None if nobody is known by it.
        keys: kind → natural keys that identity links to the subject.
        in_doubt: whether a human still has to decide who the subject is.
        disputed: elements of which a correction is under way at the moment of the question.
    """

    subject_id: int | None
    keys: Mapping[str, Sequence[str]] = field(repr=False)
    in_doubt: bool
    disputed: frozenset[str] = frozenset()


async def resolve(
    con: asyncpg.Connection, catalog: Catalog, asked: Sequence[tuple[str, str]], at: datetime
) -> list[Resolved]:
    """Look up numbers, known or not, in one statement.

    Args:
        con: in a transaction pinned to the release.
        catalog: says which kind of number belongs to which type of subject.
        asked: kind and number of each.
        at: the moment of the question, which decides what is in dispute.
    """
    return await resolve_each(con, catalog, [(number, at) for number in asked])


async def resolve_each(
    con: asyncpg.Connection, catalog: Catalog, asked: Sequence[tuple[tuple[str, str], datetime]]
) -> list[Resolved]:
    """Look up numbers as `resolve` does, each at a moment of its own."""
    types = catalog.types_of_numbers()
    rows = await con.fetch(
        _RESOLVE,
        [types.get(kind, PERSON) for (kind, _), _ in asked],
        [kind for (kind, _), _ in asked],
        [number for (_, number), _ in asked],
        [at for _, at in asked],
    )
    found = []
    for row in sorted(rows, key=lambda row: row["n"]):
        keys: dict[str, list[str]] = {}
        for kind, number in zip(row["kinds"] or (), row["numbers"] or (), strict=True):
            keys.setdefault(kind, []).append(number)
        found.append(Resolved(row["subject_id"], keys, row["in_doubt"], frozenset(row["disputed"] or ())))
    return found


def type_of(catalog: Catalog, id_type: str) -> str:
    """Return which type of subject a kind of number belongs to; documents, and what nobody keeps, to persons."""
    return catalog.types_of_numbers().get(id_type, PERSON)
