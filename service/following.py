"""Corrections followed through the releases: did the source mend the value, and who had been told the old one.

One worker at a time looks at each accepted correction once per release. Nobody is told before the value is another in
the release that the service answers from.
"""

import asyncio
from typing import Any

import asyncpg
import structlog

from catalogs.model import Grant
from catalogs.settings import now
from service import facts, usages, webhooks
from service.corrections import unseal, value_digest
from service.keys import Keys
from service.problems import Problem
from service.reads import Reading
from service.state import Current, State
from service.subjects import Resolved, resolve
from service.telling import Fact
from service.transactions import DATABASE_ERRORS, opened, pinned
from service.wanted import Question

EVERY_S = 20
_ALONE = "BEGIN; SELECT pg_advisory_xact_lock(hashtext('yici corrections'))"
_OPEN = """
SELECT id, subject_id, element, sealed, value_digest, state FROM service.correction
WHERE closed_at IS NULL AND checked_release < $1 ORDER BY filed_at
"""
# Whoever was told of this fact since it had the old value, and not from the release that shows another.
_TOLD = """
INSERT INTO service.change (id, client_id, transaction_id, case_id, element, correction, at)
SELECT (SELECT coalesce(max(id), 0) FROM service.change) + row_number() OVER (ORDER BY r.seq),
    r.client_id, r.transaction_id, d.case_id, c.element, c.id, $3
FROM service.correction c
JOIN service.record_detail d ON d.subject_key = ANY ($2::text[])
JOIN service.record r ON r.seq = d.seq
WHERE c.id = $1 AND r.outcome = 'allowed' AND r.action IN ('facts', 'prefill', 'claims', 'window', 'task_row')
    AND c.element = ANY (r.elements)
    AND r.release < $4 AND r.logtime >= coalesce(c.value_since, '-infinity')
"""
_log = structlog.get_logger("yici.service")


async def following(pool: asyncpg.Pool, keys: Keys, state: State) -> None:
    """Follow open corrections until cancelled."""
    while True:
        try:
            await follow(pool, keys, await state.current(pool))
        except (Problem, *DATABASE_ERRORS) as error:
            if not isinstance(error, Problem) or error.code != "NO_RELEASE":
                _log.error("corrections could not be followed", error=type(error).__name__)
        await asyncio.sleep(EVERY_S)


async def follow(pool: asyncpg.Pool, keys: Keys, current: Current) -> int:
    """Look at the open corrections that no one has compared with this release; returns how many have come through."""
    done = 0
    async with opened(pool, _ALONE) as con:
        for row in await con.fetch(_OPEN, current.release):
            read = await _read(pool, keys, current, row)
            if read is None:
                continue
            subject, fact = read
            await con.execute(
                "UPDATE service.correction SET subject_id = $2, checked_release = $3 WHERE id = $1",
                row["id"],
                subject.subject_id,
                current.release,
            )
            if row["state"] == "accepted" and value_digest(keys, fact) != row["value_digest"]:
                whose = usages.subject_keys(keys, subject.keys)
                await con.execute(_TOLD, row["id"], whose, now(), current.release)
                await webhooks.write(con, row["id"], current.catalog.campus.clients, now())
                await con.execute(
                    "UPDATE service.correction SET state = 'propagated', closed_at = $2 WHERE id = $1",
                    row["id"],
                    now(),
                )
                done += 1
    return done


async def _read(pool: asyncpg.Pool, keys: Keys, current: Current, row: Any) -> tuple[Resolved, Fact] | None:
    """Return the subject of a correction and the fact as it is now, whoever may ask for it; None if nobody knows."""
    told = unseal(keys, row["sealed"])
    element = row["element"]
    async with pinned(pool, current.release) as con:
        (subject,) = await resolve(con, current.catalog, [(told["id_type"], told["id"])], now())
        if subject.subject_id is None or element not in current.catalog.elements:
            return None
        question = Question(
            keys=subject.keys,
            in_doubt=False,
            capacity=told["capacity"],
            grants=_everything(current, element),
            elements=[element],
            at=now(),
        )
        gathered = await facts.gather(Reading(con), current, question)
    return subject, facts.settle(current, gathered, {})[element]


def _everything(current: Current, element: str) -> list[Grant]:
    """Return grants for every source of an element: what is compared here leaves the process as a digest only."""
    return [
        Grant("", "", "", element, source.resource, source.item, "", "", "", None, None, "")
        for source in current.catalog.sources_of(element)
        if not current.catalog.is_asked(source.resource)
    ]
