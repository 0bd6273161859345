"""`python -m service.certificate_sealing`: prints and seals the papers that wait, and ends when there are none.

The certificates themselves are the queue: whoever prints one holds its row, and gives it back by ending, however it
ends. So several processes share the work, none prints what another does, and after `kill -9` the next one goes on with
nothing lost and nothing printed twice. A paper that cannot be printed lets the others pass, is tried again by later
processes and then marked `failed` (`yici certificate queue --again`); its token counts all the same.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

import asyncpg
import structlog

from catalogs.exports.printing import Press
from catalogs.settings import now, settings
from certificates import paper
from service import certificates, logs
from service.certificate_content import printable
from service.certificate_keys import Seals
from service.keys import Keys
from service.keys import load as load_keys
from service.problems import Problem
from service.transactions import DATABASE_ERRORS
from warehouse.connect import pg_params

POLL_S = 1.0
MOST_ATTEMPTS = 3
_TIMEOUT_S = 60.0
_AT_ONCE = 8
_NICE = 5  # answers go before papers
_WAITING = "SELECT EXISTS (SELECT FROM service.certificate WHERE state = 'waiting')"
_TAKE = """
SELECT id, language, content, attempts FROM service.certificate WHERE state = 'waiting'
ORDER BY attempts, issued_at LIMIT $1 FOR UPDATE SKIP LOCKED
"""
_KEEP = "UPDATE service.certificate SET pdf = $2, state = 'ready', made_at = clock_timestamp() WHERE id = $1"
_FAIL = """
UPDATE service.certificate SET attempts = attempts + 1,
    state = CASE WHEN attempts + 1 >= $2 THEN 'failed' ELSE 'waiting' END
WHERE id = $1
"""
_log = structlog.get_logger("yici.service")


class Printer:
    """Prints and seals; one per process."""

    def __init__(self, keys: Keys, seals: Seals) -> None:
        self._keys = keys
        self._seals = seals
        self._press = Press()

    def paper(self, row: Mapping[str, Any]) -> bytes:
        """Return the sealed paper of a row of the register, encrypted.

        Raises:
            Problem: SEAL_UNAVAILABLE.
        """
        kept = certificates.opened(self._keys, row).content()
        template, content = printable(kept)
        printed = paper.print_paper(self._press, template, content, row["language"], kept["token"])
        at = now()
        sealed = paper.seal(printed, self._seals.seal(at), at, content.university.zh)
        return certificates.seal(self._keys, row["id"], "pdf", sealed)


async def work(pool: asyncpg.Pool, printer: Printer) -> int:
    """Print what waits, until nothing does or nothing can be printed; returns how many papers were made."""
    made = 0
    while True:
        before = made
        async with pool.acquire() as con, con.transaction():
            rows = await con.fetch(_TAKE, _AT_ONCE)
            for row in rows:
                try:
                    sealed = await asyncio.to_thread(printer.paper, row)
                except Problem:
                    raise  # no key: nothing else can be printed either
                except Exception as error:  # noqa: BLE001  # whatever is wrong with one paper, the others wait for us
                    _log.error("a paper could not be printed", error=type(error).__name__, id=str(row["id"]))
                    await con.execute(_FAIL, row["id"], MOST_ATTEMPTS)
                else:
                    await con.execute(_KEEP, row["id"], sealed)
                    made += 1
        # What could not be printed is tried again by the next process, a moment later.
        if made == before:
            return made


async def starting(pool: asyncpg.Pool) -> None:
    """Keep a process at work as long as papers wait; it ends with the service worker that started it."""
    child: subprocess.Popen[bytes] | None = None
    try:
        while True:
            try:
                is_needed = (child is None or child.poll() is not None) and await pool.fetchval(_WAITING)
            except DATABASE_ERRORS as error:
                _log.warning("papers could not be looked for", error=type(error).__name__)
                is_needed = False
            if is_needed:
                child = subprocess.Popen([sys.executable, "-m", "service.certificate_sealing"])
            await asyncio.sleep(POLL_S)
    finally:
        if child is not None and child.poll() is None:
            child.terminate()
            await asyncio.to_thread(child.wait)


async def main() -> int:
    """Connect as the service does, and work; returns the exit code."""
    if hasattr(os, "nice"):
        os.nice(_NICE)
    params, home = pg_params("service"), settings().home
    pool = await asyncpg.create_pool(
        host=params.host,
        port=params.port,
        database=params.dbname,
        user=params.user,
        password=params.password,
        min_size=1,
        max_size=1,
        command_timeout=_TIMEOUT_S,
        server_settings={"application_name": "yici-seal", "timezone": "UTC", "synchronous_commit": "on"},
    )
    try:
        made = await work(pool, Printer(load_keys(home), Seals(home)))
        _log.info("papers were sealed", count=made, processor_s=round(time.process_time(), 2))
    except Problem as problem:
        _log.error("no paper can be sealed", code=problem.code)
        return 1
    finally:
        await pool.close()
    return 0


if __name__ == "__main__":
    logs.configure()
    sys.exit(asyncio.run(main()))
