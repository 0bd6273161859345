"""Lifting a confidentiality by hand: people see from then on what was told of them for a task until then.

The entries stay as they are, and so does every proof; what is told for the task afterwards is confidential again unless
the catalog says otherwise. A lift cannot be taken back: who has seen something has seen it.
"""

from collections.abc import Iterator
from datetime import datetime

import psycopg

_HIDDEN = """
SELECT r.client_id, r.purpose, count(*) FROM service.record r
WHERE r.confidentiality = 'confidential' AND NOT EXISTS (SELECT FROM service.confidentiality_lift l
    WHERE (l.client_id, l.purpose) = (r.client_id, r.purpose) AND r.logtime <= l.at)
GROUP BY 1, 2 ORDER BY 1, 2
"""


class NothingHidden(Exception):
    """Nothing of this client and task is kept from anybody."""


def hidden(con: psycopg.Connection) -> Iterator[tuple[str, str, int]]:
    """Yield client, purpose and number of entries that were confidential and were not lifted by hand.

    Args:
        con: a connection that may read schema `service`.
    """
    yield from con.execute(_HIDDEN).fetchall()


def lift(con: psycopg.Connection, client_id: str, purpose: str, by: str, reason: str, at: datetime) -> int:
    """Open what was told a client for a task until now to whom it is about.

    Args:
        con: the owner's connection.
        client_id: whom it was told.
        purpose: the task's code.
        by: the post that answers for it.
        reason: why it may be known now.
        at: the moment.

    Returns:
        How many entries people see from now on.

    Raises:
        NothingHidden: there is none.
    """
    entries = {(client, task): count for client, task, count in hidden(con)}.get((client_id, purpose), 0)
    if not entries:
        raise NothingHidden(f"Nothing that {client_id} was told for {purpose} is kept from anybody.")
    con.execute(
        "INSERT INTO service.confidentiality_lift (client_id, purpose, at, by, reason) VALUES (%s, %s, %s, %s, %s)",
        [client_id, purpose, at, by, reason],
    )
    return entries
