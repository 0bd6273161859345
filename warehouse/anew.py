"""A table is written anew, so that its file keeps nothing of what was deleted from it or sealed in it.

PostgreSQL leaves what a transaction replaced in the table's file, for whoever still sees the state before. So readers
are waited for.
"""

import time

import psycopg
from psycopg import sql

LONGEST_READER_S = 60.0
# Sessions for which `VACUUM FULL` keeps what was deleted after a transaction: those of this database that see the state
# before it, and those of any database that were writing then, since our own snapshot looks back to them.
_READERS = """
SELECT pid, application_name FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND (age(backend_xid) > age(%(horizon)s::xid)
    OR (datname = current_database() AND age(backend_xmin) > age(%(horizon)s::xid)))
"""


def write_anew(con: psycopg.Connection, table: str, wait_s: float = LONGEST_READER_S) -> list[str]:
    """Write a table's file anew, once no session can see any more what was there; readers of the table wait.

    Args:
        con: the owner's, in autocommit mode.
        table: with its schema.
        wait_s: how long sessions are waited for.

    Returns:
        The sessions that still could, for whom the file keeps it.
    """
    (horizon,) = con.execute("SELECT pg_current_xact_id()::xid::text").fetchone() or ("",)
    ends = time.monotonic() + wait_s
    while readers := con.execute(_READERS, {"horizon": horizon}).fetchall():
        if time.monotonic() > ends:
            break
        time.sleep(0.2)
    con.execute(sql.SQL("VACUUM (FULL, ANALYZE) {}").format(sql.Identifier(*table.split("."))))
    return [f"{program or 'unnamed'} (pid {pid})" for pid, program in readers]
