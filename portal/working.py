"""Work that a process of its own does for a page: how it is begun, and how one that died is told from one that works.

A row of a table says what is to be done; `python -m MODULE NUMBER` does it. Whoever leaves the page stops nothing.
While a process works it holds a lock of the warehouse, which goes with it however it ends.
"""

import subprocess
import sys
import threading
from datetime import datetime, timedelta

import psycopg

from catalogs.settings import now

_BEGINS_WITHIN = timedelta(seconds=90)


def start(module: str, number: int) -> None:
    """Start the process; it goes on whatever becomes of this one, and says into its log what fails."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, str(number)], stdin=subprocess.DEVNULL, start_new_session=True
    )
    threading.Thread(target=process.wait, daemon=True).start()


def begin(con: psycopg.Connection, kind: int, number: int) -> None:
    """Hold the lock of a piece of work until the connection ends; `kind` is the number of its table."""
    con.execute("SELECT pg_advisory_lock(%s, %s)", [kind, number])


def is_alive(con: psycopg.Connection, kind: int, number: int, asked_at: datetime, has_begun: bool) -> bool:
    """Whether a piece of work that has not ended may still end by itself."""
    if not has_begun and now() - asked_at < _BEGINS_WITHIN:
        return True
    (is_free,) = con.execute("SELECT pg_try_advisory_lock(%s, %s)", [kind, number]).fetchone()
    if is_free:
        con.execute("SELECT pg_advisory_unlock(%s, %s)", [kind, number])
    return not is_free
