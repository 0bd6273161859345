"""What is owed to people and has a day: an answer to whoever asked about an access, and the end of a task's data.

Both are promised at the service and kept outside it, so each is a ticket of the unit that owes it, which climbs like
any other when its day has passed. It is closed by the answer that the person can read, or by the word that all of it is
destroyed (`POST /v1/tasks/{code}:destroyed`). A ticket names numbers, tasks and days, nobody and no value.
"""

from datetime import date

import psycopg
from psycopg.rows import namedtuple_row

from catalogs.derive import GRANTED
from catalogs.model import Catalog, Demand
from expectations.quality import desk
from expectations.quality.kept import campus_day
from expectations.quality.terms import Terms

QUESTION, DESTRUCTION = "question", "destruction"
_EXPIRED = "expired"
_ANSWERED = "已答复本人, 本人可查"
_DESTROYED = "已收到销毁确认"
# Questions of somebody whose data was erased meanwhile (`yici purge`).
_ERASED = (
    "SELECT reference FROM yici.ticket t WHERE channel = 'question'"
    " AND NOT EXISTS (SELECT FROM service.question q WHERE q.id::text = t.reference)"
)
_FORGOTTEN = "本人数据已依令清除, 无须答复"
_UNTOLD = "NOT EXISTS (SELECT FROM yici.ticket WHERE channel = %s AND reference = {})"


def follow(con: psycopg.Connection, catalog: Catalog, terms: Terms) -> tuple[int, int]:
    """Open tickets for what is owed and has none yet, and close those of what was kept.

    Args:
        con: the owner's connection, in autocommit.
        catalog: the campus.
        terms: of quality; say to whom notices go.

    Returns:
        How many were opened, and how many closed.
    """
    with con.transaction():
        con.execute("SELECT pg_advisory_xact_lock(hashtext('yici quality owed'))")
        opened = _questions(con, catalog, terms) + _destructions(con, catalog, terms)
        closed = _close(
            con, QUESTION, "SELECT id::text FROM service.question WHERE state <> 'asked'", _ANSWERED
        )
        closed += _close(con, QUESTION, _ERASED, _FORGOTTEN)
        destroyed = "SELECT client_id || ' ' || demand_id FROM service.task_destroyed"
        return opened, closed + _close(con, DESTRUCTION, destroyed, _DESTROYED)


def _questions(con: psycopg.Connection, catalog: Catalog, terms: Terms) -> int:
    """Open a ticket for each question about an access, with the day that the person was promised."""
    with con.cursor(row_factory=namedtuple_row) as cursor:
        new = cursor.execute(
            "SELECT q.id, q.unit, q.due_on, q.service_item FROM service.question q WHERE q.state = 'asked' AND "
            f"{_UNTOLD.format('q.id::text')} ORDER BY q.asked_at, q.id",
            [QUESTION],
        ).fetchall()
    for one in new:
        item = catalog.services.get(one.service_item or "")
        about = f"本人询问一次数据使用的缘由 (事项: {item.name_zh if item else one.service_item or '无'})"
        desk.take_over(con, catalog, terms, QUESTION, about, str(one.id), one.unit, one.due_on)
    return len(new)


def _destructions(con: psycopg.Connection, catalog: Catalog, terms: Terms) -> int:
    """Open a ticket for each task whose data should be gone, of which some was given and no word has come."""
    today, opened = campus_day(catalog), 0
    for demand in sorted(catalog.demands.values(), key=lambda one: one.demand_id):
        if not _is_over(demand, today) or not _is_owed(con, demand):
            continue
        client = catalog.campus.clients.get(demand.client) or {}
        about = f"任务 {demand.purpose} ({demand.demand_id}) 所得数据应于 {demand.destroy_by} 前销毁, 未收到销毁确认"
        unit = str(client.get("unit") or demand.client)
        desk.take_over(con, catalog, terms, DESTRUCTION, about, _reference(demand), unit, today)
        opened += 1
    return opened


def _is_over(demand: Demand, today: date) -> bool:
    is_task = demand.purpose_kind == "task" and demand.state in (GRANTED, _EXPIRED)
    return is_task and demand.destroy_by is not None and demand.destroy_by < today


def _is_owed(con: psycopg.Connection, demand: Demand) -> bool:
    """Whether the client was given something for a task and has not said that it is destroyed, nor was reminded yet."""
    (owed,) = con.execute(
        "SELECT EXISTS (SELECT FROM service.record WHERE client_id = %s AND purpose = %s"
        " AND action IN ('task_aggregate', 'task_row') AND outcome = 'allowed')"
        " AND NOT EXISTS (SELECT FROM service.task_destroyed WHERE client_id = %s AND demand_id = %s)"
        f" AND {_UNTOLD.format('%s')}",
        [demand.client, demand.purpose, demand.client, demand.demand_id, DESTRUCTION, _reference(demand)],
    ).fetchone() or (False,)
    return bool(owed)


def _reference(demand: Demand) -> str:
    return f"{demand.client} {demand.demand_id}"


def _close(con: psycopg.Connection, channel: str, kept: str, told: str) -> int:
    """Close the open tickets of a channel whose references are among those that were kept."""
    done = con.execute(
        f"SELECT id, post FROM yici.ticket WHERE channel = %s AND state = 'open' AND reference IN ({kept}) ORDER BY id",
        [channel],
    ).fetchall()
    for number, post in done:
        desk.keep(con, number, post, told)
    return len(done)
