"""Figures of the warehouse for the derived lists: the case log counted, copies compared, promises against the ledger.

Everything is read at the current release and comes back as counts, shares and days: no key, no value, no person. What
the catalog declares and this release does not hold yet is named in `gaps`, never an error: a list without a figure
says 未测.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import psycopg

from catalogs.lists.measured import Kept, Measured
from catalogs.model import Catalog
from catalogs.settings import now
from warehouse import releases
from warehouse.compared import compared
from warehouse.counted import cases
from warehouse.held import Held
from warehouse.report import ResourceState, resource_states

# How far back the ledger is looked at.
_LEDGER_DAYS = 400
# Dimensions of findings → those of GB/T 36344, by which contracts state their gates.
_GB = {
    "conformity": "规范性",
    "completeness": "完整性",
    "accuracy": "准确性",
    "uniqueness": "准确性",
    "consistency": "一致性",
    "timeliness": "时效性",
}


def measure(con: psycopg.Connection, catalog: Catalog) -> Measured | None:
    """Return the figures at the current release, or None before the first release; nothing is changed.

    Args:
        con: a connection that may read `raw`, `store` and `yici`; it is pinned to the release in one transaction.
        catalog: what is declared now; it may be newer than the release.
    """
    prepared = con.execute("SELECT to_regprocedure('yici.current()')").fetchone()
    number = releases.current(con) if prepared and prepared[0] else None
    if number is None:
        return None
    at = now()
    with con.transaction():
        con.execute("SELECT set_config('yici.release', %s, true)", [str(number)])
        held = Held(con, catalog, at)
        promises = kept(held, number)
        differences = compared(held)
        spans, counts, year, handed = cases(held)
    return Measured(
        release=number,
        at=at,
        spans=spans,
        cases=counts,
        year=year,
        handed=handed,
        kept=promises,
        compared=differences,
        gaps=tuple(dict.fromkeys(held.gaps)),
    )


def kept(held: Held, release: int) -> dict[str, Kept]:
    """Return resource → how well its promise was kept."""
    taken: dict[str, list[datetime]] = {}
    for resource, taken_at in held.con.execute(
        "SELECT resource, taken_at FROM yici.extract WHERE state = 'published' AND taken_at > %s ORDER BY taken_at",
        [held.at - timedelta(days=_LEDGER_DAYS)],
    ):
        taken.setdefault(resource, []).append(taken_at)
    failed = dict(
        held.con.execute(
            """SELECT resource, count(*) FROM yici.finding
               WHERE release = %s AND NOT passed AND severity = 'critical' GROUP BY resource""",
            [release],
        ).fetchall()
    )
    shares = _shares(held, release)
    return {
        state.resource: _kept(
            held, state, taken.get(state.resource, []), failed.get(state.resource, 0), shares
        )
        for state in resource_states(held.con, held.catalog, release)
    }


def _shares(held: Held, release: int) -> dict[str, dict[str, float]]:
    """Resource → quality dimension → least share of rows that kept a rule of it."""
    found: dict[str, dict[str, float]] = {}
    for resource, dimension, share in held.con.execute(
        """SELECT resource, dimension, min(1 - rows_failed::float8 / rows_total) FROM yici.finding
           WHERE release = %s AND rows_total > 0 AND rows_failed <= rows_total GROUP BY resource, dimension""",
        [release],
    ):
        name = _GB.get(dimension, dimension)
        own = found.setdefault(resource, {})
        own[name] = min(share, own.get(name, 1.0))
    return found


def _kept(
    held: Held,
    state: ResourceState,
    taken: Sequence[datetime],
    failed: int,
    shares: Mapping[str, Mapping[str, float]],
) -> Kept:
    age = held.at - state.taken_at if state.taken_at else None
    return Kept(
        loads=len(taken),
        on_time=share_on_time(taken, held.at, state.promise),
        age_h=age.total_seconds() / 3600 if age is not None else None,
        is_late=age is None or age > state.promise,
        rows=state.rows_in,
        admitted=state.admitted,
        waiting=state.waiting,
        failed=failed,
        is_refused=state.outcome == "refused",
        shares=dict(shares.get(state.resource, {})),
    )


def share_on_time(taken: Sequence[datetime], at: datetime, promise: timedelta) -> float | None:
    """Return the share of time since the first load during which the newest was inside its promise.

    Args:
        taken: when loads were confirmed by the source, oldest first.
        at: until when.
        promise: how old a load may be.
    """
    gaps = [after - before for before, after in pairwise([*taken, at]) if after > before]
    whole = sum(gaps, timedelta())
    if not whole:
        return None
    return sum((min(gap, promise) for gap in gaps), timedelta()) / whole
