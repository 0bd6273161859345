"""Yes or no without a value: is what somebody states so (SERVICE §4).

What may be asked is decided beforehand, so that answers cannot be put together to the value: equality of what can be
stated at all (texts, dates, codes), and whatever else the service item registered (`claims`, or what its materials
prove), word for word. A wrong statement counts against client, subject, element and day; after five of them there is no
answer, not even to a right one. Statements are counted before they are judged: who asks in parallel guesses no more.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

import asyncpg
from pydantic import Field

from catalogs.derive import proofs_of
from catalogs.model import Catalog, ServiceItem
from service.facts import Fact
from service.predicates import holds
from service.problems import Problem
from service.subjects import Closed, Text

MISSES_PER_DAY = 5
Outcome = Literal["match", "no_match", "indeterminate"]
MATCH: Outcome = "match"
NO_MATCH: Outcome = "no_match"
INDETERMINATE: Outcome = "indeterminate"
_WITHOUT_VALUE = ("is_true", "is_known", "not_expired")
_RESERVE = """
INSERT INTO service.claim_miss AS known (client_id, subject_key, element, day, times)
SELECT $1, $2, element, $4, 1 FROM unnest($3::text[]) AS element ORDER BY element
ON CONFLICT (client_id, subject_key, element, day) DO UPDATE SET times = known.times + 1 WHERE known.times < $5
RETURNING element
"""
_RETURN = """
UPDATE service.claim_miss SET times = times - 1
WHERE client_id = $1 AND subject_key = $2 AND element = ANY ($3::text[]) AND day = $4
"""


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


async def count(
    con: asyncpg.Connection | asyncpg.Pool,
    client_id: str,
    subject_key: str,
    elements: Sequence[str],
    today: date,
) -> list[str]:
    """Count one wrong statement about each element beforehand; returns those that have had their five today."""
    asked = sorted(set(elements))
    rows = await con.fetch(_RESERVE, client_id, subject_key, asked, today, MISSES_PER_DAY)
    return sorted(set(asked) - {row["element"] for row in rows})


async def give_back(
    con: asyncpg.Connection | asyncpg.Pool,
    client_id: str,
    subject_key: str,
    elements: Sequence[str],
    today: date,
) -> None:
    """Take back what was counted of statements that were not wrong."""
    await con.execute(_RETURN, client_id, subject_key, list(elements), today)


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
