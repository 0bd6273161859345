"""Random samples in the warehouse: committed to, drawn, judged by reviewers, published as counts.

A row's key is personal data: only its reviewer is shown it, and it is deleted with the verdict, or, of a row found
wrong, when the provider's ticket closes, or when nobody judged it in time. Its hash with the draw's seed stays, by
which anybody who has the release can check the draw.
"""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import class_row, dict_row

from catalogs.derive import post_of
from catalogs.model import Catalog, Resource
from catalogs.settings import now
from expectations.checks import ACCURACY
from expectations.quality import sampling
from expectations.quality.desk import tell_sample
from expectations.quality.duty import duty, unit_of_post
from expectations.quality.kept import campus_day, scores_on
from expectations.quality.sampling import Share
from expectations.quality.scores import RESOURCE, UNIT
from expectations.quality.standing import SAMPLE, Place, RuleState, States
from expectations.quality.terms import Terms
from expectations.quality.week import week_of
from expectations.quality.words import TOTAL
from warehouse.key_ring import ring
from warehouse.sealing import SEALED_MARK

RIGHT, WRONG, UNCLEAR, LAPSED = "right", "wrong", "unclear", "lapsed"
_RULE = "sampled"


class SampleError(Exception):
    """A sample cannot be drawn or judged as asked; nothing was changed."""


@dataclass(frozen=True)
class SampleRow:
    """A drawn row. `key_text` is None once nobody needs to find it any more."""

    id: int
    draw: int
    unit: str
    resource: str
    key_text: str | None
    rank: str
    reviewer: str
    due_on: date
    verdict: str | None
    item: str | None


@dataclass(frozen=True)
class Drawn:
    """What a draw came to.

    Attributes:
        number: of the draw.
        rows: how many were drawn.
        why: why nothing was drawn; empty if something was.
        next_commitment: SHA-256 of the seed of the draw to come.
    """

    number: int | None
    rows: int
    why: str
    next_commitment: str


def draw(con: psycopg.Connection, catalog: Catalog, terms: Terms) -> Drawn:
    """Draw with the seed that was committed to, and commit to the next one.

    The release that is drawn from must be younger than the commitment: who knows the seed could otherwise have chosen
    it to suit the rows. So the first call only commits.
    """
    at = now()
    with con.transaction():
        con.execute("SELECT pg_advisory_xact_lock(hashtext('yici sample'))")
        waiting = con.execute(
            "SELECT d.number, d.committed_at, s.seed FROM yici.sample_draw d JOIN yici.sample_seed s USING (number)"
            " WHERE d.drawn_at IS NULL"
        ).fetchone()
        if waiting is None:
            return Drawn(
                None, 0, "a seed was committed to; rows are drawn after the next release", _commit(con, at)
            )
        number, committed_at, seed = waiting
        newest = con.execute(
            """SELECT c.release, r.published_at FROM yici.current_release c JOIN yici.release r ON r.id = c.release"""
        ).fetchone()
        if newest is None or newest[1] <= committed_at:
            why = "no release is younger than the commitment; rows are drawn after the next one"
            return Drawn(None, 0, why, sampling.commitment(seed))
        release = newest[0]
        frame = _frame(con, catalog, terms, campus_day(catalog, at))
        posts = _reviewers(catalog, terms)
        due = catalog.calendar.add_working_days(campus_day(catalog, at), terms.review_days)
        rows = 0
        for unit, share in frame.items():
            for name, drawn in sampling.allot(seed, unit, share).items():
                for key, found in _least(con, catalog.resources[name], release, seed, drawn):
                    reviewer = sampling.reviewer(seed, found, unit, posts)
                    if reviewer:
                        rows += 1
                        con.execute(
                            """INSERT INTO yici.sample_row (draw, unit, resource, key_text, rank, reviewer, due_on)
                               VALUES (%s, %s, %s, %s, %s, %s, %s)""",
                            [number, unit, name, _kept(catalog.resources[name], key), found, reviewer, due],
                        )
        told = {"units": {unit: asdict(share) for unit, share in frame.items()}, "reviewers": posts}
        con.execute(
            """UPDATE yici.sample_draw SET seed = %s, drawn_at = %s, release = %s, week = %s, frame = %s
               WHERE number = %s""",
            [seed, at, release, week_of(catalog, campus_day(catalog, at)).code, json.dumps(told), number],
        )
        con.execute("DELETE FROM yici.sample_seed WHERE number = %s", [number])
        return Drawn(number, rows, "", _commit(con, at))


def _commit(con: psycopg.Connection, at: datetime) -> str:
    seed = sampling.new_seed()
    (number,) = con.execute(
        """INSERT INTO yici.sample_draw (number, commitment, committed_at)
           VALUES ((SELECT coalesce(max(number), 0) + 1 FROM yici.sample_draw), %s, %s) RETURNING number""",
        [sampling.commitment(seed), at],
    ).fetchone()
    con.execute("INSERT INTO yici.sample_seed (number, seed) VALUES (%s, %s)", [number, seed])
    return sampling.commitment(seed)


def _frame(con: psycopg.Connection, catalog: Catalog, terms: Terms, today: date) -> dict[str, Share]:
    """Return unit → what is drawn of it, of the resources that it provides itself."""
    kept = scores_on(con, today)
    rows: dict[str, dict[str, int]] = defaultdict(dict)
    for name, resource in sorted(catalog.resources.items()):
        score = kept.get(RESOURCE, name, TOTAL)
        if not resource.is_derived and score is not None and score.rows:
            rows[duty(catalog, name, today).unit][name] = score.rows
    found = {}
    for unit, own in sorted(rows.items()):
        total = kept.get(UNIT, unit, TOTAL)
        record = total.own if total else None
        found[unit] = Share(record, sampling.count(record, terms), own)
    return found


def _reviewers(catalog: Catalog, terms: Terms) -> dict[str, str]:
    """Return post → its unit, of those who review."""
    if terms.reviewers:
        return {post: unit_of_post(catalog, post) for post in terms.reviewers}
    found = {}
    for resource in catalog.resources.values():
        unit = catalog.units.get(resource.provider)
        post = post_of(unit.steward, unit.accountable) if unit else ""
        if unit and post:
            found[post] = unit.code
    return dict(sorted(found.items()))


def _least(
    con: psycopg.Connection, resource: Resource, release: int, seed: str, count: int
) -> list[tuple[str, str]]:
    """Return (key, rank) of the rows with the least rank, of those that the source still reports."""
    con.execute("SELECT set_config('yici.release', %s, true)", [str(release)])
    if con.execute("SELECT to_regclass(%s)", [f'raw."{resource.table}"']).fetchone()[0] is None:
        return []
    key = sql.SQL(", ").join(
        sql.SQL("coalesce({}::text, '')").format(sql.Identifier(name)) for name in resource.key
    )
    query = sql.SQL(
        """SELECT key, encode(sha256(convert_to({seed} || '|' || {name} || '|' || key, 'UTF8')), 'hex') AS rank
           FROM (SELECT concat_ws('|', {key}) AS key FROM raw.{table} WHERE _state = 'reported') rows
           ORDER BY rank LIMIT {count}"""
    ).format(
        seed=sql.Literal(seed),
        name=sql.Literal(resource.name),
        key=key,
        table=sql.Identifier(resource.table),
        count=sql.Literal(count),
    )
    return con.execute(query).fetchall()


def verify(con: psycopg.Connection, catalog: Catalog, number: int) -> list[str]:
    """Draw again from what was published and return every difference; an empty list says that the draw was fair.

    Raises:
        SampleError: there is no such draw, or its rows were not drawn yet.
    """
    row = con.execute(
        "SELECT commitment, seed, release, frame FROM yici.sample_draw WHERE number = %s", [number]
    ).fetchone()
    if row is None or row[1] is None:
        raise SampleError(f"draw {number}: it was not drawn yet, or there is none")
    promised, seed, release, frame = row
    found = [] if sampling.commitment(seed) == promised else ["the seed is not the one that was committed to"]
    posts = frame["reviewers"]
    again = set()
    with con.transaction():
        for unit, told in frame["units"].items():
            for name, drawn in sampling.allot(seed, unit, Share(**told)).items():
                if name not in catalog.resources:
                    found.append(f"{name} is no longer in the catalog")
                    continue
                for _, rank in _least(con, catalog.resources[name], release, seed, drawn):
                    reviewer = sampling.reviewer(seed, rank, unit, posts)
                    if reviewer:
                        again.add((unit, name, rank, reviewer))
    kept = set(
        con.execute(
            "SELECT unit, resource, rank, reviewer FROM yici.sample_row WHERE draw = %s", [number]
        ).fetchall()
    )
    if missing := again - kept:
        found.append(f"{len(missing)} rows or reviewers follow from the seed and were not drawn")
    if added := kept - again:
        found.append(f"{len(added)} rows or reviewers were drawn and do not follow from the seed")
    return found


def to_review(con: psycopg.Connection, post: str = "") -> list[SampleRow]:
    """Return the rows that wait for a verdict, of one reviewer or of all."""
    return _rows(con, "verdict IS NULL AND %(post)s IN ('', reviewer) ORDER BY due_on, id", post=post)


def _rows(con: psycopg.Connection, condition: str, **values: Any) -> list[SampleRow]:
    with con.cursor(row_factory=class_row(SampleRow)) as cursor:
        rows = cursor.execute(
            "SELECT id, draw, unit, resource, key_text, rank, reviewer, due_on, verdict, item"
            f" FROM yici.sample_row WHERE {condition}",
            values,
        ).fetchall()
    return [replace(row, key_text=_said(row.resource, row.key_text)) for row in rows]


def _kept(resource: Resource, key: str) -> str:
    """Return a drawn row's key as it waits to be looked at: sealed where a part of it is sensitive."""
    if not any(resource.item(name).is_sensitive for name in resource.key):
        return key
    return SEALED_MARK + ring().armour(key, f"{resource.name}#key")


def _said(resource: str, key: str | None) -> str | None:
    if key is None or not key.startswith(SEALED_MARK):
        return key
    return ring().disarm(key.removeprefix(SEALED_MARK), f"{resource}#key")


def judge(
    con: psycopg.Connection,
    catalog: Catalog,
    terms: Terms,
    number: int,
    post: str,
    verdict: str,
    item: str = "",
) -> SampleRow:
    """Record a reviewer's verdict: right, wrong (naming the item) or unclear.

    A wrong one opens a ticket to the provider. The verdict is final.

    Raises:
        SampleError: no such row, another reviewer's, judged already, or an unknown verdict or item.
    """
    with con.transaction():
        found = _rows(con, "id = %(number)s FOR UPDATE", number=number)
        if not found or found[0].verdict is not None:
            raise SampleError(
                f"sample {number}: no row of this number waits for a verdict. Nothing was changed"
            )
        row = found[0]
        if post != row.reviewer:
            raise SampleError(
                f"sample {number} is reviewed by {row.reviewer}, not by {post}. Nothing was changed"
            )
        if verdict not in (RIGHT, WRONG, UNCLEAR):
            raise SampleError(f"{verdict}: a verdict is right, wrong or unclear. Nothing was changed")
        resource = catalog.resources.get(row.resource)
        if verdict == WRONG and (resource is None or not resource.has_item(item)):
            raise SampleError(f"sample {number}: which item of {row.resource} is wrong? Nothing was changed")
        ticket = tell_sample(con, catalog, terms, row.resource, item, number) if verdict == WRONG else None
        con.execute(
            """UPDATE yici.sample_row SET verdict = %s, item = %s, verdict_at = %s, ticket = %s,
                   key_text = CASE WHEN %s THEN key_text END WHERE id = %s""",
            [verdict, item or None, now(), ticket.id if ticket else None, ticket is not None, number],
        )
    return _rows(con, "id = %(number)s", number=number)[0]


def lapse(con: psycopg.Connection, today: date) -> int:
    """Let go of the rows that nobody judged in time, and return how many they are."""
    return con.execute(
        """UPDATE yici.sample_row SET verdict = 'lapsed', verdict_at = %s, key_text = NULL
           WHERE verdict IS NULL AND due_on < %s""",
        [now(), today],
    ).rowcount


def with_verdicts(
    con: psycopg.Connection, catalog: Catalog, states: States, terms: Terms, at: datetime
) -> dict[Place, RuleState]:
    """Return the states with what reviewers found, where a unit has enough verdicts to follow anything from them.

    Rows are drawn per unit, so the share of wrong ones is the unit's, and counts for its resources that were drawn.
    """
    verdicts: dict[str, list[str]] = defaultdict(list)
    sampled: dict[str, set[str]] = defaultdict(set)
    for unit, resource, verdict in con.execute(
        "SELECT unit, resource, verdict FROM yici.sample_row WHERE verdict_at >= %s",
        [at - timedelta(days=terms.verdict_days)],
    ):
        verdicts[unit].append(verdict)
        sampled[unit].add(resource)
    found = {place: one for place, one in states.items() if place.stage != SAMPLE}
    for unit, own in verdicts.items():
        told = sampling.wrong_share(own, terms.minimum_verdicts)
        for resource in sampled[unit] & catalog.resources.keys() if told else ():
            wrong, judged = told or (0, 0)
            place = Place(resource, SAMPLE, _RULE)
            old = states.get(place)
            since = old.since if old and old.passed == (wrong == 0) else at
            # What was wrong has tickets of its own: the share is a figure, not one more fault to mend.
            found[place] = RuleState(
                *place,
                ACCURACY,
                "info",
                wrong == 0,
                wrong,
                judged,
                since,
                None,
                f"{wrong} of {judged} verdicts",
            )
    return found


def published(con: psycopg.Connection) -> list[Mapping[str, Any]]:
    """Return what is published of every draw, newest first: commitment, seed, and counts per unit; never a key."""
    with con.cursor(row_factory=dict_row) as cursor:
        draws = cursor.execute(
            "SELECT number, commitment, committed_at, seed, drawn_at, release, week FROM yici.sample_draw"
            " ORDER BY number DESC"
        ).fetchall()
        counts = cursor.execute(
            """SELECT draw, unit, count(*) AS drawn,
                   count(*) FILTER (WHERE verdict = 'right') AS "right",
                   count(*) FILTER (WHERE verdict = 'wrong') AS wrong,
                   count(*) FILTER (WHERE verdict = 'unclear') AS unclear,
                   count(*) FILTER (WHERE verdict = 'lapsed') AS lapsed
               FROM yici.sample_row GROUP BY draw, unit ORDER BY draw, unit"""
        ).fetchall()
    by_draw: dict[int, list] = defaultdict(list)
    for one in counts:
        by_draw[one.pop("draw")].append(one)
    return [{**one, "units": by_draw[one["number"]]} for one in draws]
