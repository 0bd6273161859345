"""Corrections followed through the releases: did the source mend the value, and who had been told the old one.

One worker at a time looks at each accepted correction once per release. Nobody is told before the value is another in
the release that the service answers from. Who had been told the old one is read from the releases that answered: when
a row was last written says little, as it may have changed in another item.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

import asyncpg
import structlog

from catalogs.model import Grant
from catalogs.settings import now
from service import facts, webhooks
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
SELECT id, subject_id, element, sealed, value_digest, value_since, state, checked_release FROM service.correction
WHERE closed_at IS NULL AND checked_release < $1 ORDER BY filed_at
"""
# A merge may bring two open corrections of one fact together: the later one waits under the number that it had.
_CHECKED = """
UPDATE service.correction c SET checked_release = $3, subject_id = CASE WHEN EXISTS (
        SELECT FROM service.correction o WHERE o.id <> c.id AND o.closed_at IS NULL AND o.element = c.element
            AND o.subject_id = $2)
    THEN c.subject_id ELSE $2 END
WHERE id = $1
"""
# Whoever was told of a fact under one of some digests, before the release that shows another value.
_ASKED = """
FROM service.record_detail d JOIN service.record r ON r.seq = d.seq
WHERE d.subject_key = ANY ($1::text[]) AND r.outcome = 'allowed'
    AND r.action IN ('facts', 'prefill', 'claims', 'window', 'task_row')
    AND $2 = ANY (r.elements) AND r.release < $3
"""
_ANSWERS = f"SELECT DISTINCT r.release, d.subject_key {_ASKED} ORDER BY 1"
_TOLD = f"""
INSERT INTO service.change (id, client_id, transaction_id, case_id, element, correction, at)
SELECT (SELECT coalesce(max(id), 0) FROM service.change) + row_number() OVER (ORDER BY r.seq),
    r.client_id, r.transaction_id, d.case_id, $2::text, $4, $5 {_ASKED}
    AND ((r.release, d.subject_key) IN (SELECT * FROM unnest($6::integer[], $7::text[]))
        OR (r.release, d.subject_key) IN (SELECT * FROM unnest($8::integer[], $9::text[]))
            AND r.logtime >= coalesce($10::timestamptz, '-infinity'))
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
            await con.execute(_CHECKED, row["id"], subject.subject_id, current.release)
            if row["state"] == "accepted" and value_digest(keys, fact) != row["value_digest"]:
                await _tell(con, pool, keys, current, row, subject)
                await webhooks.write(con, row["id"], current.catalog.campus.clients, now())
                await con.execute(
                    "UPDATE service.correction SET state = 'propagated', closed_at = $2 WHERE id = $1",
                    row["id"],
                    now(),
                )
                done += 1
    return done


async def _tell(
    con: asyncpg.Connection, pool: asyncpg.Pool, keys: Keys, current: Current, row: Any, subject: Resolved
) -> None:
    """Write down who was told the value that has been corrected.

    An answer from a release that cannot be read any more counts as told if it was given since the row had its last
    writing when the correction was filed.

    Args:
        con: in the transaction that closes the correction.
        pool: the warehouse.
        keys: of the installation.
        current: the release that shows another value.
        row: the correction.
        subject: whom it is about, now: what is mended may be a number of theirs.
    """
    history, numbers = State(), set(_numbers(subject))
    with contextlib.suppress(Problem):
        before = await history.at(pool, row["checked_release"])
        if read := await _read(pool, keys, before, row):
            numbers |= _numbers(read[0])
    digests = {digest: number for number in numbers for digest in keys.subject_keys(*number)}
    told: list[tuple[int, str]] = []
    unknown: list[tuple[int, str]] = []
    for release, digest in await con.fetch(_ANSWERS, list(digests), row["element"], current.release):
        try:
            then = await history.at(pool, release)
            read = await _read(pool, keys, then, row, digests[digest])
        except Problem:
            unknown.append((release, digest))
            continue
        if read is not None and value_digest(keys, read[1]) == row["value_digest"]:
            told.append((release, digest))
    await con.execute(
        _TOLD,
        list(digests),
        row["element"],
        current.release,
        row["id"],
        now(),
        *_columns(told),
        *_columns(unknown),
        row["value_since"],
    )


def _numbers(subject: Resolved) -> set[tuple[str, str]]:
    return {(kind, number) for kind, own in subject.keys.items() for number in own}


def _columns(pairs: Sequence[tuple[int, str]]) -> tuple[list[int], list[str]]:
    return [release for release, _ in pairs], [digest for _, digest in pairs]


async def _read(
    pool: asyncpg.Pool, keys: Keys, current: Current, row: Any, number: tuple[str, str] | None = None
) -> tuple[Resolved, Fact] | None:
    """Return the subject of a correction and the fact at a release, whoever may ask for it; None if nobody knows.

    Args:
        pool: the warehouse.
        keys: of the installation.
        current: the release.
        row: the correction.
        number: by which the subject is looked up; by default that which the correction was filed under.
    """
    told = unseal(keys, row["sealed"])
    element = row["element"]
    async with pinned(pool, current.release) as con:
        (subject,) = await resolve(con, current.catalog, [number or (told["id_type"], told["id"])], now())
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
