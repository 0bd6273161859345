"""The circuit breaker of a system: one that does not answer is left alone for a growing time.

Trying a dead system again and again helps nobody and hinders its coming back. What counts is failing to reach the
system at all, several times in a row; a resource that fails alone does not. The state is in the warehouse, so that
every process and the status page know it. Whoever asks for a system by name tries it all the same.
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
from psycopg.rows import class_row

from catalogs.settings import now
from connectors.base import SourceUnavailable

FAILURES = 3
_FIRST_S, _LONGEST_S = 300.0, 6 * 3600.0
# So that systems that failed together are not all tried again at the same moment.
_JITTER = (0.8, 1.2)


class SystemPaused(SourceUnavailable):
    """The system failed so often that it is not tried now; says since when, why, and until when."""


@dataclass(frozen=True)
class Failing:
    """A system that could not be reached when it was last tried.

    Attributes:
        system: its code.
        failures: attempts in a row.
        failed_at: the last one.
        paused_until: when it is tried again; None while there were too few failures for a pause.
        reason: why, without values.
    """

    system: str
    failures: int
    failed_at: datetime
    paused_until: datetime | None
    reason: str


def check(con: psycopg.Connection, system: str) -> None:
    """Raise `SystemPaused` if the system is not to be tried now."""
    failing = next((found for found in failing_systems(con) if found.system == system), None)
    # A pause that is longer than any was begun while the clock was ahead.
    latest = now() + timedelta(seconds=_LONGEST_S * max(_JITTER))
    if failing and failing.paused_until and now() < failing.paused_until <= latest:
        raise SystemPaused(
            f"{system}: not tried before {failing.paused_until:%Y-%m-%d %H:%M} UTC, after {failing.failures} failures "
            f"in a row; the last: {failing.reason}. What was published stays; `yici run --system {system}` tries now"
        )


def failed(con: psycopg.Connection, system: str, reason: str) -> None:
    """Note that the system could not be reached; from the third time in a row on it gets a pause that doubles."""
    con.execute(
        """INSERT INTO yici.system_failure (system, failures, failed_at, reason) VALUES (%s, 1, %s, %s)
           ON CONFLICT (system) DO UPDATE SET failures = yici.system_failure.failures + 1,
               failed_at = excluded.failed_at, reason = excluded.reason""",
        [system, now(), reason],
    )
    (failures,) = con.execute(
        "SELECT failures FROM yici.system_failure WHERE system = %s", [system]
    ).fetchone()
    if failures >= FAILURES:
        con.execute(
            "UPDATE yici.system_failure SET paused_until = %s WHERE system = %s",
            [now() + timedelta(seconds=pause_s(failures)), system],
        )


def answered(con: psycopg.Connection, system: str) -> None:
    """Note that the system answers."""
    con.execute("DELETE FROM yici.system_failure WHERE system = %s", [system])


def failing_systems(con: psycopg.Connection) -> list[Failing]:
    """Return the systems that could not be reached when they were last tried."""
    with con.cursor(row_factory=class_row(Failing)) as cursor:
        return cursor.execute(
            "SELECT system, failures, failed_at, paused_until, reason FROM yici.system_failure ORDER BY system"
        ).fetchall()


def pause_s(failures: int) -> float:
    """Return for how many seconds a system is left alone after so many failures in a row, with jitter."""
    growing = _FIRST_S * 2 ** min(failures - FAILURES, 20)
    return min(growing, _LONGEST_S) * random.uniform(*_JITTER)
