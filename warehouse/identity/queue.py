"""Reading the queue and a subject's path: numbers, kinds, releases, evidence; values only for whoever is on record."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql

from catalogs.model import Catalog, Resource
from warehouse.identity import keys
from warehouse.identity.claims import registers
from warehouse.identity.decisions import By, IdentityError, current, look
from warehouse.key_ring import ring
from warehouse.store import newest_table

_NAMES = {
    "name": "name", "former_name": "former name", "type": "document type", "country": "country", "number": "number",
    "former_number": "former number", "birthday": "birthday", "sex": "sex", "phone": "telephone",
}  # fmt: skip


@dataclass(frozen=True)
class Review:
    """A pair in doubt.

    Attributes:
        release: that it is part of; from it on, answers about both subjects are not verified.
        resource: the register whose row brought it.
        state: open, or by what it was closed.
        weight: of the evidence in bits; None where only the certain rule spoke.
        evidence: comparison → how it came out; empty where nothing was compared.
        waiting: a decision about it that the next release carries out.
    """

    id: int
    release: int
    type: str
    subject_a: int
    subject_b: int
    resource: str
    reason: str
    state: str
    weight: float | None
    evidence: dict[str, str]
    closed_release: int | None
    waiting: int | None

    @property
    def subjects(self) -> tuple[int, int]:
        """Both, the older one first."""
        return self.subject_a, self.subject_b


@dataclass(frozen=True)
class Link:
    """A key of a subject, with the releases in which it was so."""

    id: int
    id_type: str
    key: str
    source: str
    begins: int
    ends: int | None


@dataclass(frozen=True)
class Event:
    """What happened to a subject, who decided it and why; `post` is empty where the certain rule did it."""

    id: int
    release: int
    event: str
    kept: int
    gone: int
    reason: str
    post: str
    at: datetime


@dataclass(frozen=True)
class Path:
    """How a subject came to hold the keys that it holds."""

    subject: int
    now: int
    links: tuple[Link, ...]
    events: tuple[Event, ...]


@dataclass(frozen=True)
class Said:
    """What one row of a register says of a subject: item in words → value."""

    subject: int
    resource: str
    values: dict[str, str]


def reviews(con: psycopg.Connection, everything: bool = False, limit: int = 50) -> list[Review]:
    """Return open reviews, or all, those first for which most speaks."""
    return _reviews(con, "true" if everything else "state = 'open'", limit)


def review(con: psycopg.Connection, number: int) -> Review:
    """Return one review.

    Raises:
        IdentityError: there is none.
    """
    found = _reviews(con, "r.id = %(id)s", 1, number)
    if not found:
        raise IdentityError(f"review {number}: there is none; see `yici identity reviews`")
    return found[0]


def counts(con: psycopg.Connection) -> dict[str, int]:
    """Return how many reviews are in which state."""
    return dict(con.execute("SELECT state, count(*) FROM yici.identity_review GROUP BY state ORDER BY state"))


def path(con: psycopg.Connection, subject: int) -> Path:
    """Return a subject's links of all times and what happened to it, oldest first.

    Raises:
        IdentityError: nothing is known of it.
    """
    links = con.execute(
        """SELECT id, id_type, key, source, _from, _to FROM yici.link WHERE subject_id = %s
           ORDER BY _from, id_type, key""",
        [subject],
    ).fetchall()
    events = con.execute(
        """SELECT e.id, e.release, e.event, e.kept, e.gone, e.reason, coalesce(d.post, ''), e.at
           FROM yici.identity_event e LEFT JOIN yici.identity_decision d ON d.id = e.decision
           WHERE %s IN (e.kept, e.gone) ORDER BY e.id""",
        [subject],
    ).fetchall()
    if not links and not events:
        raise IdentityError(f"subject {subject}: nothing is known of it; see `yici identity reviews`")
    return Path(
        subject,
        current(con, subject),
        tuple(Link(number, *keys.said((kind, key), ring()), *rest) for number, kind, key, *rest in links),
        tuple(Event(*row) for row in events),
    )


def said(
    con: psycopg.Connection, catalog: Catalog, subjects: Sequence[int], by: By, review: int | None = None
) -> list[Said]:
    """Return what registers say of subjects now, and record who looked before anything is read.

    Args:
        con: the owner's connection, in autocommit mode.
        catalog: whose contracts say which items tell persons apart.
        subjects: whose rows.
        by: who looks.
        review: the review that it is about.
    """
    look(con, by, subjects, review)
    return [
        one
        for subject in subjects
        for resource in registers(catalog)
        if resource.subject and resource.subject.identity
        for one in _said(con, resource, subject)
    ]


def _said(con: psycopg.Connection, resource: Resource, subject: int) -> list[Said]:
    about = resource.subject
    assert about is not None
    assert about.identity is not None
    parts = {word: getattr(about.identity, name) for name, word in _NAMES.items()}
    items = {about.id_type: about.key} | {
        word: item for word, item in parts.items() if item and not item.startswith("=")
    }
    statement = sql.SQL(
        """SELECT {items} FROM clear.{table} r JOIN yici.link l ON l.type = {type} AND l.id_type = {id_type}
             AND l.key = r.{key}::text AND l._to IS NULL WHERE r._to IS NULL AND l.subject_id = {subject}"""
    ).format(
        items=sql.SQL(", ").join(
            sql.SQL("r.{}::text").format(sql.Identifier(item)) for item in items.values()
        ),
        table=sql.Identifier(newest_table(con, resource) or resource.table),
        type=sql.Literal(about.type),
        id_type=sql.Literal(about.id_type),
        key=sql.Identifier(about.key),
        subject=sql.Literal(subject),
    )
    return [
        Said(subject, resource.name, {word: value for word, value in zip(items, row, strict=True) if value})
        for row in con.execute(statement)
    ]


def _reviews(con: psycopg.Connection, where: str, limit: int, number: int | None = None) -> list[Review]:
    rows = con.execute(
        f"""SELECT r.id, r.release, r.type, r.subject_a, r.subject_b, r.resource, r.reason, r.state, r.weight,
                coalesce(r.evidence, '{{}}'), r.closed_release,
                (SELECT d.id FROM yici.identity_decision d WHERE d.review = r.id AND r.state = 'open'
                   AND NOT EXISTS (SELECT FROM yici.identity_event e WHERE e.decision = d.id))
            FROM yici.identity_review r WHERE {where} ORDER BY r.weight DESC NULLS LAST, r.id LIMIT %(limit)s""",
        {"id": number, "limit": limit},
    )
    return [Review(*row) for row in rows]
