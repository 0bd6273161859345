"""Yes or no without a value: is what somebody states so (SERVICE §4).

What may be asked is decided beforehand, so that answers cannot be put together to the value: equality of what can be
stated at all (texts, dates, codes), and whatever else the service item registered (`claims`, or what its materials
prove), word for word. A wrong statement counts against client, subject, element and day; after five of them there is no
answer, not even to a right one. Statements are counted before they are judged: who asks in parallel guesses no more.
"""

import asyncio
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from weakref import WeakValueDictionary

import asyncpg
from pydantic import Field

from catalogs.derive import proofs_of
from catalogs.model import Catalog, ServiceItem
from service.predicates import holds
from service.problems import Problem
from service.subjects import Closed, Text
from service.telling import Fact
from service.transactions import opened

MISSES_PER_DAY = 5
# Until another worker has judged what it counts just now.
OTHERS_S = 0.25
Outcome = Literal["match", "no_match", "indeterminate"]
MATCH: Outcome = "match"
NO_MATCH: Outcome = "no_match"
INDETERMINATE: Outcome = "indeterminate"
_WITHOUT_VALUE = ("is_true", "is_known", "not_expired")
# Nobody waits for the disk here: the entry in the record, without which no answer leaves, is written after it and takes
# with it whatever was written before.
_OPENED = "BEGIN; SET LOCAL synchronous_commit = off"
# In one order, so that of two workers neither waits for the other.
_RESERVE = """
INSERT INTO service.claim_miss AS known (client_id, subject_key, element, day, times)
SELECT *, 1 FROM unnest($1::text[], $2::text[], $3::text[], $4::date[]) AS asked ORDER BY 1, 2, 3, 4
ON CONFLICT (client_id, subject_key, element, day) DO UPDATE SET times = known.times + 1 WHERE known.times < $5
RETURNING client_id, subject_key, element, day
"""
_RETURN = """
WITH back AS (SELECT client_id, subject_key, element, day, count(*)::int AS times
    FROM unnest($1::text[], $2::text[], $3::text[], $4::date[]) AS b (client_id, subject_key, element, day)
    GROUP BY 1, 2, 3, 4),
held AS (SELECT client_id, subject_key, element, day, back.times FROM service.claim_miss known
    JOIN back USING (client_id, subject_key, element, day)
    ORDER BY client_id, subject_key, element, day FOR UPDATE OF known)
UPDATE service.claim_miss known SET times = known.times - held.times FROM held
WHERE (known.client_id, known.subject_key, known.element, known.day)
    = (held.client_id, held.subject_key, held.element, held.day)
"""


@dataclass(frozen=True)
class Counted:
    """What one question counts: one wrong statement about each element.

    Attributes:
        subject_key: a keyed digest of whom they are about.
        elements: each once.
    """

    client_id: str
    subject_key: str
    elements: tuple[str, ...]
    day: date

    def rows(self) -> set[tuple[str, str, str, date]]:
        """Return the keys of the counts."""
        return {(self.client_id, self.subject_key, element, self.day) for element in self.elements}


class Turns:
    """Lets one worker judge statements about one person one after the other.

    They are counted as wrong until they are judged: five at once would leave no answer to a sixth, right or not.
    """

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    def of(self, client_id: str, subject_key: str) -> asyncio.Lock:
        """Return what has to be held while a client's statements about a person are counted and judged."""
        lock = self._locks.get((client_id, subject_key))
        if lock is None:
            lock = self._locks[client_id, subject_key] = asyncio.Lock()
        return lock


class Claim(Closed):
    """One statement about the subject."""

    element: Text
    op: Literal["eq", "in", "ge", "le", "is_true", "is_known", "not_expired"]
    value: Text | None = Field(
        None, repr=False, description="What is stated; none for is_true, is_known, not_expired"
    )

    @property
    def predicate(self) -> str:
        """The statement in the language of `proves`."""
        return self.op if self.value is None else f"{self.op}:{self.value}"


def check(catalog: Catalog, item: ServiceItem, claims: Sequence[Claim]) -> None:
    """Refuse statements that may not be asked for this service item.

    Raises:
        Problem: INVALID_PARAMETER, pointing at each.
    """
    proven = [proof for use in item.materials for proof in proofs_of(catalog, use)]
    registered = {(proof.element, _plain(proof.predicate)) for proof in (*item.claims, *proven)}
    seen: set[str] = set()
    errors = []
    for place, claim in enumerate(claims):
        code = ""
        if claim.element in seen:
            code = "element_twice"
        elif (claim.value is None) != (claim.op in _WITHOUT_VALUE):
            code = "value"
        elif not _may_be_asked(catalog, claim) and (claim.element, _plain(claim.predicate)) not in registered:
            code = "not_registered"
        seen.add(claim.element)
        if code:
            errors.append({"pointer": f"/claims/{place}", "code": code})
    if errors:
        raise Problem("INVALID_PARAMETER", errors=errors, rule="claim:registered")


def _may_be_asked(catalog: Catalog, claim: Claim) -> bool:
    """Whether a statement says enough by itself that asking it gives nothing away but yes or no.

    A number may not: its few likely values are soon tried, and bounds close in on it.
    """
    type_ = catalog.elements[claim.element].type
    if claim.op == "eq":
        return not type_.startswith("N")
    return claim.op in _WITHOUT_VALUE


def judged(catalog: Catalog, claim: Claim, fact: Fact, today: date) -> Outcome:
    """Say whether a statement is so; indeterminate unless the fact is verified without reserve."""
    if claim.op == "is_known" and fact.status == "not_found":
        return NO_MATCH
    if not fact.is_verified:
        return INDETERMINATE
    table = catalog.codes.get(fact.public["code_system"] or "")
    if claim.op == "eq" and table is None and not isinstance(fact.raw, Decimal):
        values = fact.raw if isinstance(fact.raw, list) else [fact.raw]
        is_so = any(_folded(value) == _folded(claim.value) for value in values)
    else:
        is_so = holds(claim.predicate, fact.raw, fact.code, table, today)
    return MATCH if is_so else NO_MATCH


def answer(
    catalog: Catalog, claims: Sequence[Claim], facts: Mapping[str, Fact], today: date
) -> list[dict[str, Any]]:
    """Return the outcome of each statement and by whom it is verified; neither a value nor why there is none."""
    told = []
    for claim in claims:
        fact = facts[claim.element]
        outcome = judged(catalog, claim, fact, today)
        one: dict[str, Any] = {"element": claim.element, "op": claim.op, "outcome": outcome}
        if outcome != INDETERMINATE and fact.is_verified:
            verification = fact.public["verification"]
            one["verification"] = {name: verification[name] for name in ("level", "time", "verifier")}
        told.append(one)
    return told


async def count(pool: asyncpg.Pool, asked: Sequence[Counted]) -> list[list[str]]:
    """Count one wrong statement about each element beforehand.

    Args:
        pool: the warehouse.
        asked: what questions count that are answered at the same time; no two of them count the same (`Turns`).

    Returns:
        Of each question the elements that have had their five today.
    """
    async with opened(pool, _OPENED) as con:
        rows = [row for one in asked for row in one.rows()]
        counted = {tuple(row) for row in await con.fetch(_RESERVE, *_columns(rows), MISSES_PER_DAY)}
    return [sorted(element for *_, element, _ in one.rows() - counted) for one in asked]


async def give_back(pool: asyncpg.Pool, right: Sequence[Counted]) -> list[None]:
    """Take back what was counted of statements that were not wrong."""
    rows = [row for one in right for row in one.rows()]
    if rows:
        async with opened(pool, _OPENED) as con:
            await con.execute(_RETURN, *_columns(rows))
    return [None] * len(right)


def _columns(rows: Iterable[tuple[str, str, str, date]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


async def forget(pool: asyncpg.Pool, today: date) -> None:
    """Remove the counts of days that are over."""
    await pool.execute("DELETE FROM service.claim_miss WHERE day < $1", today)


def _plain(predicate: str) -> str:
    name, colon, argument = predicate.partition(":")
    return f"{name}{colon}{','.join(part.strip() for part in argument.split(','))}"


def _folded(value: Any) -> str:
    """Write a value as people may write it: width, case, outer blanks and the kind of middle dot do not count."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime | date):
        return value.isoformat()
    text = unicodedata.normalize("NFKC", str(value)).strip().casefold()
    return text.translate(_DOTS)


_DOTS = str.maketrans(dict.fromkeys("•・‧∙", "·"))
