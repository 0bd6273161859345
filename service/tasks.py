"""Tasks (上报, 统计): sums over a population, as the decided demand lists them, with small cells hidden.

A task is asked about by its code alone. Which tables it may be told, over which populations, until when, and until when
everything is destroyed stands in its demand; no other question can be put. All its tables are reckoned together, once
in each period of its frequency (a yearly task: once a year), from the release that was current then, and are given word
for word for the rest of the period: nobody can compare two states of a few people.
How people are counted says `service.task_counting`, what of it is told `service.task_tables`.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import asyncpg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import Field

from catalogs.derive import GRANTED, is_valid
from catalogs.model import Catalog, Demand
from service.access import campus_day
from service.keys import Keys
from service.problems import Problem
from service.subjects import Closed, Text

EXPIRED = "expired"
_NONCE = 12
# How often the same task is reckoned anew; what is not here, once a year.
_PERIODS = {"once": "", "monthly": "%Y-%m", "weekly": "%G-W%V", "daily": "%Y-%m-%d"}
_YEARLY = "%Y"


class AggregateQuery(Closed):
    """`POST /v1/tasks/{code}:aggregate`."""

    by: list[Text] = Field(max_length=3, description="One of the task's tables; none for the total")


class Destroyed(Closed):
    """`POST /v1/tasks/{code}:destroyed`."""

    destroyed_on: date
    how: str = Field(
        min_length=1, max_length=500, description="How, and who answers for it: a post, no person"
    )


def demand_of(catalog: Catalog, client_id: str, code: str, at: datetime) -> Demand:
    """Return the decided demand by which a client works on a task today.

    Raises:
        Problem: PURPOSE_NOT_GRANTED, the same for a task that does not exist.
    """
    today = campus_day(catalog, at)
    for demand in sorted(catalog.demands.values(), key=lambda one: one.demand_id):
        if (
            (demand.purpose_kind, demand.purpose) == ("task", code)
            and (demand.client, demand.state) == (client_id, GRANTED)
            and is_valid(demand.valid_from, demand.valid_to, today)
        ):
            return demand
    detail = "no decided demand covers this task for this client today"
    raise Problem("PURPOSE_NOT_GRANTED", detail, rule="grant:purpose")


def others_of(catalog: Catalog, demand: Demand, at: datetime) -> list[Demand]:
    """Return the other tasks that the client of a demand may be told sums for today."""
    today = campus_day(catalog, at)
    return [
        other
        for other in catalog.demands.values()
        if other.aggregates is not None
        and other.demand_id != demand.demand_id
        and (other.purpose_kind, other.client, other.state) == ("task", demand.client, GRANTED)
        and is_valid(other.valid_from, other.valid_to, today)
    ]


def demand_ever(catalog: Catalog, client_id: str, code: str) -> Demand:
    """Return the newest demand by which a client works or worked on a task, over or not: data must still be destroyed.

    Raises:
        Problem: PURPOSE_NOT_GRANTED, the same for a task that does not exist.
    """
    own = [
        demand
        for demand in catalog.demands.values()
        if (demand.purpose_kind, demand.purpose, demand.client) == ("task", code, client_id)
        and demand.state in (GRANTED, EXPIRED)
    ]
    if not own:
        detail = "no decided demand covers this task for this client"
        raise Problem("PURPOSE_NOT_GRANTED", detail, rule="grant:purpose")
    return max(own, key=lambda one: (one.valid_from or date.min, one.demand_id))


def table_of(demand: Demand, by: Sequence[str]) -> tuple[str, ...]:
    """Return the table of a task that is asked for; the order of its elements does not matter.

    Raises:
        Problem: ELEMENT_NOT_GRANTED where the demand lists no such table.
    """
    given = demand.aggregates
    if given is not None and demand.populations:
        if not by:
            return ()
        for table in given.tables:
            if sorted(table) == sorted(by):
                return table
    raise Problem("ELEMENT_NOT_GRANTED", "the task's demand lists no such table", rule="task:table")


def period_of(catalog: Catalog, demand: Demand, at: datetime) -> str:
    """Return the period in which the task's answer stays the same."""
    return campus_day(catalog, at).strftime(_PERIODS.get(demand.frequency, _YEARLY))


async def check_kept(pool: asyncpg.Pool, client_id: str, demand: Demand) -> None:
    """Refuse a task that its client has declared done with.

    Raises:
        Problem: PURPOSE_NOT_GRANTED.
    """
    if await destroyed(pool, client_id, demand):
        detail = "what was given for this task is declared destroyed"
        raise Problem("PURPOSE_NOT_GRANTED", detail, rule="task:not_destroyed")


async def kept(
    pool: asyncpg.Pool, keys: Keys, client_id: str, demand: Demand, period: str
) -> dict[str, Any] | None:
    """Return what the task is answered in this period, if it was reckoned already."""
    row = await pool.fetchrow(
        "SELECT sealed FROM service.task_answer WHERE client_id = $1 AND demand_id = $2 AND period = $3",
        client_id,
        demand.demand_id,
        period,
    )
    return None if row is None else _unseal(keys, demand, period, row["sealed"])


async def reckoned_from(
    pool: asyncpg.Pool, client_id: str, demand: Demand, period: str
) -> tuple[int, datetime] | None:
    """Return the release and the moment from which a period's answer was reckoned; None if none is kept."""
    row = await pool.fetchrow(
        "SELECT release, at FROM service.task_answer WHERE client_id = $1 AND demand_id = $2 AND period = $3",
        client_id,
        demand.demand_id,
        period,
    )
    return None if row is None else (row["release"], row["at"])


async def keep(
    pool: asyncpg.Pool,
    keys: Keys,
    client_id: str,
    demand: Demand,
    period: str,
    answer: Mapping[str, Any],
    at: datetime,
) -> dict[str, Any]:
    """Keep what the task is answered in this period; returns what stands, which another request may have kept first."""
    await pool.execute(
        "INSERT INTO service.task_answer (client_id, demand_id, period, release, at, sealed)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        client_id,
        demand.demand_id,
        period,
        answer["release"],
        at,
        _seal(keys, demand, period, answer),
    )
    found = await kept(pool, keys, client_id, demand, period)
    assert found is not None
    return found


async def destroy(
    pool: asyncpg.Pool, client_id: str, demand: Demand, told: Destroyed, at: datetime
) -> dict[str, Any]:
    """Take down that a client has destroyed what it was given for a task; the first word stands."""
    await pool.execute(
        "INSERT INTO service.task_destroyed (client_id, demand_id, destroyed_on, how, at)"
        " VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        client_id,
        demand.demand_id,
        told.destroyed_on,
        told.how,
        at,
    )
    await pool.execute(
        "DELETE FROM service.task_answer WHERE client_id = $1 AND demand_id = $2", client_id, demand.demand_id
    )
    await pool.execute(
        "DELETE FROM service.job WHERE client_id = $1 AND request ->> 'demand_id' = $2",
        client_id,
        demand.demand_id,
    )
    found = await destroyed(pool, client_id, demand)
    assert found is not None
    return {"destroyed_on": found["destroyed_on"].isoformat(), "at": found["at"].isoformat()}


async def destroyed(pool: asyncpg.Pool, client_id: str, demand: Demand) -> asyncpg.Record | None:
    """Return the word that what was given for a task is destroyed, if its client has given it."""
    return await pool.fetchrow(
        "SELECT destroyed_on, at FROM service.task_destroyed WHERE client_id = $1 AND demand_id = $2",
        client_id,
        demand.demand_id,
    )


def _seal(keys: Keys, demand: Demand, period: str, answer: Mapping[str, Any]) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    place = f"{demand.demand_id} {period}".encode()
    return nonce + AESGCM(keys.derived("tasks")).encrypt(nonce, json.dumps(answer).encode(), place)


def _unseal(keys: Keys, demand: Demand, period: str, sealed: bytes) -> dict[str, Any]:
    place = f"{demand.demand_id} {period}".encode()
    content = AESGCM(keys.derived("tasks")).decrypt(sealed[:_NONCE], sealed[_NONCE:], place)
    found: dict[str, Any] = json.loads(content)
    return found
