"""Transactions on the warehouse that open in one way there and back: BEGIN together with what comes first."""

import contextlib
from collections.abc import AsyncIterator

import asyncpg

from service.problems import Problem

DATABASE_ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
# A statement took longer than it may, or nobody could be reached in time (`service.store_keys.arguments`).
_TOO_LATE = (TimeoutError, asyncpg.QueryCanceledError)


def failed(error: Exception) -> Problem:
    """Return what a caller is told of one of `DATABASE_ERRORS`."""
    return Problem(
        "SOURCE_TIMEOUT" if isinstance(error, _TOO_LATE) else "SOURCE_UNAVAILABLE", rule="warehouse"
    )


@contextlib.asynccontextmanager
async def opened(
    pool: asyncpg.Pool, opening: str, timeout_s: float | None = None
) -> AsyncIterator[asyncpg.Connection]:
    """Lend a connection in a transaction that is committed at the end of the block, or rolled back if it fails.

    Args:
        pool: the warehouse.
        opening: statements without parameters, beginning with BEGIN.
        timeout_s: how long to wait for a free connection.
    """
    async with pool.acquire(timeout=timeout_s) as con:
        try:
            await con.execute(opening)
            yield con
            await con.execute("COMMIT")
        except BaseException:
            # a connection that cannot do even this is reset or replaced by the pool
            with contextlib.suppress(*DATABASE_ERRORS):
                await con.execute("ROLLBACK")
            raise


@contextlib.asynccontextmanager
async def pinned(pool: asyncpg.Pool, release: int) -> AsyncIterator[asyncpg.Connection]:
    """Lend a connection whose reads all see one release and one moment, and that cannot write."""
    opening = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL yici.release = {release:d}"
    async with opened(pool, opening) as con:
        yield con
