"""How the service reaches the warehouse, and learns of another store key without being started again.

Sessions are given the store keys as they connect. While keys are exchanged the ring has a new one: the pool is told,
and replaces its connections as they are next asked for.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import structlog

from catalogs.settings import ConfigurationError
from connectors.duck import PgParams
from warehouse.key_ring import file_of, ring
from warehouse.rotation import LOOK_EVERY_S
from warehouse.sealing import lost

JOBS_TIMEOUT_S = 60.0
# Whichever keys are looked up, it is done alike, and to plan it anew takes several times as long as to do it.
_PLANNED_ONCE = {"plan_cache_mode": "force_generic_plan"}
_log = structlog.get_logger("yici.service")


def arguments(params: PgParams) -> dict[str, Any]:
    """Return how asyncpg connects as the service's role."""
    return {
        "host": params.host,
        "port": params.port,
        "database": params.dbname,
        "user": params.user,
        "password": params.password,
        "command_timeout": 10,
        "timeout": 5,
        "server_settings": {
            "application_name": "yici-service",
            "timezone": "UTC",
            "datestyle": "ISO, YMD",
            "synchronous_commit": "on",
            "default_transaction_isolation": "read committed",
            **dict(params.options),
        },
    }


def readers(params: PgParams) -> dict[str, Any]:
    """Return how those connect that cannot write."""
    made = arguments(params)
    return made | {
        "server_settings": made["server_settings"] | _PLANNED_ONCE | {"default_transaction_read_only": "on"}
    }


def jobs(params: PgParams) -> dict[str, Any]:
    """Return how the process connects that answers jobs, whose statements may take longer."""
    made = arguments(params)
    return made | {
        "command_timeout": JOBS_TIMEOUT_S,
        "server_settings": made["server_settings"] | _PLANNED_ONCE | {"application_name": "yici-jobs"},
    }


async def check(pool: asyncpg.Pool, home: Path) -> None:
    """Refuse to start without a key that values are sealed with: half of the answers would fail.

    Raises:
        ConfigurationError: names the key and the file.
    """
    with contextlib.suppress(asyncpg.UndefinedTableError):  # nothing was run yet
        known = await pool.fetch("SELECT id, proof FROM yici.store_key WHERE destroyed_at IS NULL")
        if missing := lost(ring(home), [(row["id"], row["proof"]) for row in known]):
            raise ConfigurationError(
                f"store key {', '.join(missing)} is not in {file_of(home)}: sensitive items could not be answered. "
                "Nothing was started; restore the file from the backup of keys"
            )


async def following(
    pools: Sequence[tuple[asyncpg.Pool, Callable[[PgParams], dict[str, Any]]]], params: PgParams, home: Path
) -> None:
    """Give pools the keys of the ring whenever they change; what they had stays where the ring cannot be read.

    Args:
        pools: each with what says how its connections are made.
        params: where they go.
        home: the state folder.
    """
    given = params.options
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        try:
            held = ring(home).session()
        except (ConfigurationError, OSError) as error:
            _log.error("the key ring cannot be read", error=type(error).__name__)
            continue
        if held != given:
            given = held
            for pool, arguments_of in pools:
                pool.set_connect_args(**arguments_of(replace(params, options=held)))
                await pool.expire_connections()
            _log.info("the store keys changed", sealing=held[0][1])
