"""The step after a release: rule states, scores, tickets and notices of it, in one transaction.

Nothing here can undo or stop a release: it is called once the release stands, and what it could not do is done with
the next one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import psycopg

from catalogs.model import Catalog
from catalogs.settings import now
from expectations.quality import corrections, desk, draws, kept, outbox, standing
from expectations.quality.lineage import lineage, with_inheritance
from expectations.quality.scores import CAMPUS, with_points
from expectations.quality.terms import terms
from expectations.quality.tickets import CLOSED, OPENED, REOPENED
from expectations.quality.words import TOTAL


@dataclass(frozen=True)
class Settled:
    """What a release came to.

    Attributes:
        score: the campus's total; None without data.
        opened, closed: tickets; `opened` counts those that came back.
        notices: messages that wait to be sent.
    """

    score: float | None
    opened: int
    closed: int
    notices: int


def after_release(
    con: psycopg.Connection, catalog: Catalog, release: int, read_by_model: Mapping[str, Iterable[str]]
) -> Settled:
    """Settle what follows from a release for those who answer for data.

    Args:
        con: the owner's connection, in autocommit.
        catalog: the release's.
        release: its number; published.
        read_by_model: dbt model → resources that it reads.

    Raises:
        ConfigurationError: the campus's terms of quality are malformed.
    """
    wanted = terms(catalog)
    at = now()
    day = kept.campus_day(catalog, at)
    with con.transaction():
        con.execute("SELECT pg_advisory_xact_lock(hashtext('yici quality'))")
        before = states = kept.read_states(con)
        for number, published_at in kept.untreated(con, release):
            states = standing.carry_on(states, kept.findings_of(con, number), number, published_at)
            kept.treated(con, number)
        states = standing.of_campus(states, catalog)
        rows = kept.held(states)
        states = standing.with_waiting(states, kept.waiting(con, release), rows, before, at)
        systems = {name: one.system for name, one in catalog.resources.items()}
        states = standing.with_readings(
            states, kept.readings(con, kept.window_start(wanted, at)), systems, at
        )
        states = draws.with_verdicts(con, catalog, states, wanted, at)
        promised = kept.promises(con, catalog, wanted, rows, at)
        late = [name for name, one in promised.items() if one.is_late]
        states = with_inheritance(with_points(states, wanted), lineage(catalog, read_by_model), late)
        scores = kept.score_all(catalog, states, promised, day)
        kept.keep_states(con, states.values())
        kept.keep_scores(con, day, release, scores)
        done = desk.settle(con, catalog, wanted, list(states.values()), release)
        notices = outbox.tell_of_tickets(con, catalog, wanted, done)
        corrections.follow(con, catalog, wanted)
    total = next((one.score for one in scores if one.scope == CAMPUS and one.dimension == TOTAL), None)
    return Settled(
        total,
        sum(change.event in (OPENED, REOPENED) for change, _ in done),
        sum(change.event == CLOSED for change, _ in done),
        notices,
    )
