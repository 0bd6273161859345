"""Who lands a system holds its lock until its extracts are entered; who must not meet a reading takes it too.

A system has two lanes: what is read intraday does not wait for the rest, so whoever keeps a system from being landed
takes both.
"""

import contextlib
from collections.abc import Iterator

import psycopg

INTRADAY = " intraday"
_LANES = ("", INTRADAY)
_NAME = "hashtext('land ' || %s)"


def wait_for(con: psycopg.Connection, system: str, lane: str = "") -> None:
    """Take one lane of a system for the life of a connection, when nobody else lands it any more."""
    con.execute(f"SELECT pg_advisory_lock({_NAME})", [system + lane])


def take(con: psycopg.Connection, system: str) -> bool:
    """Take all of a system for the life of a connection if nobody lands it; False if somebody does."""
    held: list[str] = []
    for lane in _LANES:
        if not con.execute(f"SELECT pg_try_advisory_lock({_NAME})", [system + lane]).fetchone()[0]:
            _give_back(con, held)
            return False
        held.append(system + lane)
    return True


@contextlib.contextmanager
def taken(con: psycopg.Connection, system: str) -> Iterator[bool]:
    """Take all of a system for a block; gives False if somebody lands it."""
    is_free = take(con, system)
    try:
        yield is_free
    finally:
        if is_free:
            _give_back(con, [system + lane for lane in _LANES])


def _give_back(con: psycopg.Connection, names: list[str]) -> None:
    for name in names:
        con.execute(f"SELECT pg_advisory_unlock({_NAME})", [name])
