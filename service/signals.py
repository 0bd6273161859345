"""What the record shows that somebody should look at: who asks without a case, guesses, or never uses what was granted.

Signals are counts over the record with a reason; whether something is wrong is for a human to say. Subjects are counted
by their keyed digests, so that nobody is named but the officers and systems that asked.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg

from catalogs.derive import is_valid
from catalogs.model import Catalog
from service import lifting
from service.access import campus_day

UNUSED_AFTER = timedelta(days=90)
# Subjects that one officer asked about within an hour: beyond it, and beyond five times the usual, it is a burst.
BURST, TIMES_USUAL = 30, 5


@dataclass(frozen=True)
class Signal:
    """One thing to look at.

    Attributes:
        kind: burst, self_access, no_party, kin, guessing, unknown_case, unused_grant, not_destroyed, not_lifted.
        who: client, and officer where it is one.
        count: how often.
        detail: in what, without a subject.
    """

    kind: str
    who: str
    count: int
    detail: str


def signals(con: psycopg.Connection, catalog: Catalog, since: datetime, at: datetime) -> list[Signal]:
    """Return what the record shows from a moment on, what is most frequent first within each kind.

    Args:
        con: a connection that may read schema `service`.
        catalog: in force; says what is granted.
        since: from when on.
        at: now.
    """
    return [
        *_bursts(con, since),
        *_refused(con, since, "self_access", "actor:not_the_subject", "an officer asked about themselves"),
        *_refused(
            con, since, "no_party", "case:subject_is_a_party", "asked about one who is no party of the case"
        ),
        *_refused(con, since, "kin", "related:authorised", "asked about an adult who is only related"),
        *_refused(
            con, since, "guessing", "quota:mismatches", "stated wrong values until there was no answer"
        ),
        *_unknown_cases(con, since),
        *_unused(con, catalog, at),
        *_undestroyed(con, catalog, at),
        *_unlifted(con, catalog, at),
    ]


def _bursts(con: psycopg.Connection, since: datetime) -> Iterator[Signal]:
    """Yield who asked about many people: in whatever role, as the role is what the system says of them."""
    rows = con.execute(
        """WITH hourly AS (
               SELECT r.client_id, d.actor_id, d.actor_role, date_trunc('hour', r.logtime) AS hour,
                   count(DISTINCT d.subject_key) AS subjects
               FROM service.record r JOIN service.record_detail d USING (seq)
               WHERE d.actor_id IS NOT NULL AND r.action IN ('facts', 'prefill', 'claims', 'window')
               GROUP BY 1, 2, 3, 4),
           usual AS (SELECT client_id, actor_role, percentile_cont(0.5) WITHIN GROUP (ORDER BY subjects) AS median
               FROM hourly GROUP BY 1, 2)
           SELECT client_id, actor_id, actor_role, max(subjects), count(*)
           FROM hourly JOIN usual USING (client_id, actor_role)
           WHERE hour >= %s AND subjects > greatest(%s, %s * median) GROUP BY 1, 2, 3 ORDER BY 4 DESC""",
        [since, BURST, TIMES_USUAL],
    )
    for client, actor, role, most, hours in rows:
        asked = f"up to {most} people within an hour, in {hours} hours"
        if role == "officer":
            yield Signal("burst", f"{client} {actor}", most, asked)
        else:
            yield Signal("burst", client, most, f"one {role} asked about {asked}")


def _refused(con: psycopg.Connection, since: datetime, kind: str, rule: str, detail: str) -> Iterator[Signal]:
    rows = con.execute(
        """SELECT r.client_id, CASE WHEN d.actor_role = 'officer' THEN d.actor_id END, count(*)
           FROM service.record r LEFT JOIN service.record_detail d USING (seq)
           WHERE r.rule = %s AND r.logtime >= %s GROUP BY 1, 2 ORDER BY 3 DESC""",
        [rule, since],
    )
    for client, actor, count in rows:
        yield Signal(kind, f"{client} {actor}" if actor else client, count, detail)


def _unknown_cases(con: psycopg.Connection, since: datetime) -> Iterator[Signal]:
    rows = con.execute(
        """SELECT client_id, count(*) FILTER (WHERE hall = 'unknown') AS unknown, count(*) FROM service."case"
           WHERE hall IS NOT NULL AND registered_at >= %s GROUP BY 1 HAVING count(*) FILTER (WHERE hall = 'unknown') > 0
           ORDER BY 2 DESC""",
        [since],
    )
    for client, unknown, cases in rows:
        yield Signal("unknown_case", client, unknown, f"of {cases} cases, the hall's log does not know them")


def _unused(con: psycopg.Connection, catalog: Catalog, at: datetime) -> Iterator[Signal]:
    """Yield grants in force that nobody used for a long time: a right without use is to be given back.

    At a window the portal asks, by the rights of the system whose case it is, which the entry's rule names.
    """
    used = set(
        con.execute(
            """SELECT DISTINCT CASE action WHEN 'window' THEN split_part(split_part(rule, ';', 1), 'window of ', 2)
                   ELSE client_id END, purpose, unnest(elements)
               FROM service.record WHERE outcome = 'allowed' AND logtime >= %s AND action IN ('facts', 'prefill',
                   'claims', 'window', 'certificate_issue', 'task_aggregate', 'task_row')""",
            [at - UNUSED_AFTER],
        ).fetchall()
    )
    idle: dict[tuple[str, str, str], set[str]] = {}
    today = campus_day(catalog, at)
    for grant in catalog.grants():
        begins = grant.valid_from
        is_old = begins is None or begins <= today - UNUSED_AFTER
        in_force = is_old and is_valid(grant.valid_from, grant.valid_to, today)
        if in_force and (grant.client, grant.purpose, grant.element) not in used:
            idle.setdefault((grant.client, grant.purpose, grant.demand_id), set()).add(grant.element)
    for (client, purpose, demand), elements in sorted(idle.items()):
        detail = f"demand {demand} for {purpose}: unused for {UNUSED_AFTER.days} days: {', '.join(sorted(elements))}"
        yield Signal("unused_grant", client, len(elements), detail)


def _unlifted(con: psycopg.Connection, catalog: Catalog, at: datetime) -> Iterator[Signal]:
    """Yield what is kept from people although no demand of the catalog says any longer until when."""
    today = campus_day(catalog, at)
    known = {
        (demand.client, demand.purpose)
        for demand in catalog.demands.values()
        if demand.confidential is not None
    }
    for client, purpose, entries in lifting.hidden(con):
        if (client, purpose) not in known:
            detail = f"for {purpose}: kept from people on {today}, and no demand says until when"
            yield Signal("not_lifted", client, entries, detail)


def _undestroyed(con: psycopg.Connection, catalog: Catalog, at: datetime) -> Iterator[Signal]:
    """Yield tasks whose data should be destroyed by now and whose client, once answered, has not said that they are."""
    told = set(con.execute("SELECT client_id, demand_id FROM service.task_destroyed").fetchall())
    answered = {
        (client, purpose): times
        for client, purpose, times in con.execute(
            "SELECT client_id, purpose, count(*) FROM service.record"
            " WHERE action IN ('task_aggregate', 'task_row') AND outcome = 'allowed' GROUP BY 1, 2"
        )
    }
    for demand in sorted(catalog.demands.values(), key=lambda one: one.demand_id):
        times = answered.get((demand.client, demand.purpose), 0)
        is_late = demand.destroy_by is not None and demand.destroy_by < campus_day(catalog, at)
        if (
            demand.purpose_kind == "task"
            and times
            and is_late
            and (demand.client, demand.demand_id) not in told
        ):
            detail = f"demand {demand.demand_id} for {demand.purpose}: to be destroyed by {demand.destroy_by}"
            yield Signal("not_destroyed", demand.client, times, detail)
