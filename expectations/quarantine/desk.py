"""What people see and decide of waiting rows: counts, rows, waivers, corrections; and who of them may, on record.

Counts are for everybody. Whole values are for the posts that answer for the resource, and each look at them is a row
of `yici.quarantine_look`, written before anything is shown. Those posts also decide: a release waives the rules that a
row breaks (with a reason), a correction replaces what the source sent. The next release takes decisions up; none is
ever altered.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import duckdb
import psycopg
from psycopg.rows import dict_row

from catalogs import derive
from catalogs.model import Catalog, Resource
from catalogs.settings import now
from expectations.quality.duty import duty
from expectations.quarantine.again import basis, judge_waiting
from expectations.quarantine.words import may_waive
from warehouse import waiting
from warehouse.store import ensure_table

SHOW, EXPORT = "show", "export"
_RELEASE, _RESUBMIT = "release", "resubmit"
_OPEN = "q.resource = %(resource)s AND q._to IS NULL"


class QuarantineError(Exception):
    """What was asked cannot be done; says why and what to do. Nothing was changed."""


@dataclass(frozen=True)
class Held:
    """The waiting rows of one resource that break one rule.

    Attributes:
        rows: how many; a row that breaks several rules counts for each.
        oldest_at: when the extract was taken that brought the oldest of them; None if it is not known any more.
        unit, post: who answers.
        due_on: until when, by the open ticket; None without one.
        decided: for how many of them a decision waits for the next release.
    """

    resource: str
    rule: str
    rows: int
    oldest_at: datetime | None
    unit: str
    post: str
    due_on: date | None
    decided: int


@dataclass(frozen=True)
class WaitingRow:
    """One waiting row. `row` is what the source sent: item → text."""

    digest: str
    key: str = field(repr=False)
    rules: tuple[str, ...]
    extract_id: int
    since: datetime | None
    is_decided: bool
    row: Mapping[str, str | None] = field(repr=False)


@dataclass(frozen=True)
class Filed:
    """What a decision came to: rows that the next release takes up, and rule → rows that it leaves waiting."""

    rows: int
    left: Mapping[str, int] = field(default_factory=dict)


def held(con: psycopg.Connection, catalog: Catalog, on: date, resource: str = "") -> list[Held]:
    """Return how many rows wait at the current release, by resource and broken rule.

    Args:
        con: the owner's connection.
        catalog: says who answers.
        on: the campus's day.
        resource: only this one.
    """
    rows = con.execute(
        """SELECT q.resource, rule, count(*), min(e.taken_at), count(*) FILTER (WHERE d.row_digest IS NOT NULL),
               (SELECT min(t.due_on) FROM yici.ticket t
                WHERE t.resource = q.resource AND t.rule = u.rule AND t.state = 'open')
           FROM yici.quarantine q CROSS JOIN unnest(q.rules) AS u (rule)
           LEFT JOIN yici.extract e ON e.id = q.extract_id
           LEFT JOIN (SELECT DISTINCT resource, row_digest FROM yici.quarantine_decision WHERE _from IS NULL) d
               ON d.resource = q.resource AND d.row_digest = q.row_digest
           WHERE q._from <= yici.current() AND (q._to IS NULL OR q._to > yici.current())
             AND (%(resource)s = '' OR q.resource = %(resource)s)
           GROUP BY q.resource, u.rule ORDER BY q.resource, u.rule""",
        {"resource": resource},
    ).fetchall()
    found = []
    for name, rule, count, oldest, decided, due_on in rows:
        who = duty(catalog, name, on)
        found.append(Held(name, rule, count, oldest, who.unit, who.post(0), due_on, decided))
    return found


def rows(
    con: psycopg.Connection, resource: str, rule: str = "", key: str = "", limit: int | None = None
) -> list[WaitingRow]:
    """Return waiting rows of a resource, oldest first; whoever shows them masks them or has put it on record.

    Args:
        con: the owner's connection.
        resource: its name.
        rule: only rows that break it.
        key: only rows of this key, several items joined by `|`.
        limit: at most so many.
    """
    with con.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(
            f"""SELECT q.row_digest AS digest, coalesce(q.key_text, '') AS key, q.rules, q.extract_id,
                   e.taken_at AS since, EXISTS (SELECT FROM yici.quarantine_decision d
                       WHERE d.resource = q.resource AND d.row_digest = q.row_digest AND d._from IS NULL) AS is_decided,
                   q.row
               FROM clear.quarantine q LEFT JOIN yici.extract e ON e.id = q.extract_id
               WHERE {_OPEN} AND (%(rule)s = '' OR %(rule)s = ANY (q.rules))
                 AND (%(key)s = '' OR q.key_text = %(key)s)
               ORDER BY q.extract_id, q.key_text, q.row_digest LIMIT %(limit)s""",
            {"resource": resource, "rule": rule, "key": key, "limit": limit},
        ).fetchall()
    return [WaitingRow(**one | {"rules": tuple(one["rules"]), "row": from_json(one["row"])}) for one in found]


def posts_of(catalog: Catalog, resource: Resource, on: date) -> tuple[str, ...]:
    """Return those who may see whole rows of a resource and decide about them, as contract and register name them."""
    unit, _ = derive.answering_unit(catalog.units, resource.provider, on)
    named = [resource.steward, resource.accountable]
    named += [unit.steward, unit.accountable] if unit else []
    return tuple(dict.fromkeys(one for one in named if one))


def check_post(catalog: Catalog, resource: Resource, post: str, on: date) -> None:
    """Let only those through who answer for a resource.

    Raises:
        QuarantineError: another post; names those that may.
    """
    allowed = posts_of(catalog, resource, on)
    if post not in allowed:
        raise QuarantineError(
            f"--as {post or '…'}: whole rows of {resource.name} are for those who answer for it:"
            f" {', '.join(allowed) or 'nobody is named; name a steward in its contract'}. Nothing was shown or changed"
        )


def record_look(
    con: psycopg.Connection, kind: str, resource: str, count: int, post: str, person: str
) -> None:
    """Put on record that a post sees so many whole rows; before they are shown."""
    con.execute(
        "INSERT INTO yici.quarantine_look (at, kind, resource, rows, post, person) VALUES (%s, %s, %s, %s, %s, %s)",
        [now(), kind, resource, count, post, person],
    )


def release(
    con: psycopg.Connection,
    resource: Resource,
    found: Sequence[WaitingRow],
    post: str,
    person: str,
    reason: str,
) -> Filed:
    """File that rows are right although they break rules; the next release admits them as `released`.

    Rows that break a rule which nobody may waive keep waiting, as do rows about which a decision is filed already.

    Raises:
        QuarantineError: no reason is given.
    """
    if not reason.strip():
        raise QuarantineError(
            "--reason: say why these rows are right; the record will tell it. Nothing was changed"
        )
    left: Counter[str] = Counter()
    filed = 0
    with con.transaction():
        for row in found:
            hard = [rule for rule in row.rules if not may_waive(resource, rule)]
            left.update(hard)
            if not hard and not row.is_decided:
                _file(con, _RELEASE, resource.name, row, None, post, person, reason)
                filed += 1
    return Filed(filed, dict(left))


@dataclass(frozen=True)
class Correction:
    """A waiting row as its provider says it should be: item → text."""

    row: WaitingRow
    corrected: Mapping[str, str | None] = field(repr=False)


def judge_corrections(
    con: psycopg.Connection,
    duck: duckdb.DuckDBPyConnection,
    catalog: Catalog,
    resource: Resource,
    corrections: Sequence[Correction],
) -> dict[str, tuple[str, ...]]:
    """Judge corrected rows as the next release will; returns digest → rules broken, of those that break any.

    Args:
        con: the owner's connection.
        duck: an `expectations.admit.engine`.
        catalog: in force.
        resource: the contract.
        corrections: at least one.
    """
    judged_by = basis(catalog, resource)
    waiting.fetch(duck, con, None, resource.name, judged_by)
    partitions = waiting.correct(duck, {one.row.digest: to_json(one.corrected) for one in corrections})
    table = ensure_table(con, resource)
    broken = {}
    for partition in partitions:
        judge_waiting(duck, con, None, catalog, resource, table, partition)
        found = duck.execute("SELECT digest, rules, fate FROM verdict WHERE corrected AND fate <> 'admitted'")
        for digest, rules, fate in found.fetchall():
            broken[digest] = ("key.newer",) if fate == "superseded" else tuple(rules.split(","))
    return broken


def resubmit(
    con: psycopg.Connection, resource: str, corrections: Sequence[Correction], post: str, person: str
) -> int:
    """File corrected rows, which were judged; the next release judges and admits them in place of what they correct."""
    with con.transaction():
        for one in corrections:
            _file(con, _RESUBMIT, resource, one.row, to_json(one.corrected), post, person, "")
    return len(corrections)


def from_json(text: str) -> dict[str, str | None]:
    """Read a row as quarantine keeps it: texts; of one kept by an early version also numbers, as they were written."""
    read = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    return {name: str(value).lower() if isinstance(value, bool) else value for name, value in read.items()}


def to_json(row: Mapping[str, str | None]) -> str:
    """Write a row as quarantine keeps it."""
    return json.dumps(row, ensure_ascii=False)


def _file(
    con: psycopg.Connection,
    kind: str,
    resource: str,
    row: WaitingRow,
    corrected: str | None,
    post: str,
    person: str,
    reason: str,
) -> None:
    con.execute(
        """INSERT INTO yici.quarantine_decision
               (at, kind, resource, extract_id, row_digest, rules, row, sealed, post, person, reason)
           SELECT %(at)s, %(kind)s, %(resource)s, %(extract)s, %(digest)s, %(rules)s,
               CASE WHEN q.sealed THEN encode(yici.seal(%(row)s, resource || '#row'), 'hex') ELSE %(row)s END,
               q.sealed, %(post)s, %(person)s, %(reason)s
           FROM yici.quarantine q WHERE q.resource = %(resource)s AND q.row_digest = %(digest)s AND q._to IS NULL""",
        {
            "at": now(),
            "kind": kind,
            "resource": resource,
            "extract": row.extract_id,
            "digest": row.digest,
            "rules": list(row.rules),
            "row": corrected,
            "post": post,
            "person": person,
            "reason": reason,
        },
    )
