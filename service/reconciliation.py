"""Registered cases against the hall's own log: one that nobody handled may have been made up to ask about somebody.

Prefill happens before the hall's batch is read, so cases are registered first and compared afterwards, with each
release that took the case log in. A case beyond its draft that the log does not know a day later is a signal; a client
with many of them is suspended until the data office has looked.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
from psycopg import sql

from catalogs.case_log import case_log
from catalogs.model import Catalog

GRACE = timedelta(days=1)
# Of a client's cases of the last days that could be compared: so many, and such a share of them, suspend it.
WINDOW = timedelta(days=30)
MANY, SHARE = 10, 0.2


@dataclass(frozen=True)
class Reconciled:
    """How many cases were found or missed in the log this time, and which clients were suspended for it."""

    known: int = 0
    unknown: int = 0
    suspended: tuple[str, ...] = ()


def reconcile(con: psycopg.Connection, catalog: Catalog, release: int, at: datetime) -> Reconciled | None:
    """Compare registered cases with the case log as the release has it; None where it has none.

    Args:
        con: the owner's connection.
        catalog: of the release.
        release: a published one.
        at: now.
    """
    log = case_log(catalog)
    if log is None or len(catalog.resources[log.resource].key) != 1:
        return None
    resource = catalog.resources[log.resource]
    taken = con.execute(
        """SELECT e.taken_at FROM yici.release_resource x JOIN yici.extract e ON e.id = x.extract_id
           WHERE x.release = %s AND x.resource = %s AND x.outcome = 'applied'""",
        [release, log.resource],
    ).fetchone()
    if taken is None:
        return None
    with con.transaction():
        con.execute("SELECT set_config('yici.release', %s, true)", [str(release)])
        in_log = sql.SQL("EXISTS (SELECT FROM raw.{} l WHERE l.{}::text = c.external_no)").format(
            sql.Identifier(resource.table), sql.Identifier(resource.key[0])
        )
        known = con.execute(
            sql.SQL(
                """UPDATE service."case" c SET hall = 'known', hall_release = %s
                   WHERE hall IS DISTINCT FROM 'known' AND {}"""
            ).format(in_log),
            [release],
        ).rowcount
        unknown = con.execute(
            """UPDATE service."case" SET hall = 'unknown', hall_release = %s
               WHERE hall IS NULL AND status <> 'draft' AND registered_at < %s""",
            [release, taken[0] - GRACE],
        ).rowcount
        suspended = con.execute(
            """WITH judged AS (
                   SELECT client_id, count(*) FILTER (WHERE hall = 'unknown') AS unknown, count(*) AS cases
                   FROM service."case" WHERE hall IS NOT NULL AND registered_at > %s GROUP BY client_id)
               UPDATE service.client c SET status = 'suspended' FROM judged j
               WHERE c.client_id = j.client_id AND c.status = 'active' AND j.unknown >= %s
                 AND j.unknown > %s * j.cases AND %s > 0
               RETURNING c.client_id""",
            [at - WINDOW, MANY, SHARE, unknown],
        ).fetchall()
    return Reconciled(known, unknown, tuple(sorted(client for (client,) in suspended)))
