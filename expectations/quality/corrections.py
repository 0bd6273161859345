"""A correction that a person filed at the service is a ticket of the unit that answers for the fact.

The service keeps the correction, with what was stated sealed; the ticket carries its number and names the element. Its
day is the day that the person was promised. It is closed by what the person can then read there: a rejection with its
reason, or the value as the source has it now.
"""

import psycopg
from psycopg.rows import namedtuple_row

from catalogs.model import Catalog
from expectations.quality import desk
from expectations.quality.terms import Terms
from expectations.quality.tickets import CORRECTION

_TOLD = {
    "rejected": "提供方不予更正，理由已在该更正的处理结果中告知本人",
    "propagated": "数据源已更正，新值已发布，本人可查",
}


def follow(con: psycopg.Connection, catalog: Catalog, terms: Terms) -> tuple[int, int]:
    """Open tickets for corrections that have none yet, and close those of corrections that have ended.

    Args:
        con: the owner's connection, in autocommit.
        catalog: the campus.
        terms: of quality; say to whom notices go.

    Returns:
        How many were opened, and how many closed.
    """
    with con.transaction(), con.cursor(row_factory=namedtuple_row) as cursor:
        con.execute("SELECT pg_advisory_xact_lock(hashtext('yici quality corrections'))")
        new = cursor.execute(
            """SELECT id, element, provider, due_on FROM service.correction c WHERE closed_at IS NULL
                   AND NOT EXISTS (SELECT FROM yici.ticket WHERE channel = %s AND reference = c.id::text)
               ORDER BY filed_at, id""",
            [CORRECTION],
        ).fetchall()
        for one in new:
            element = catalog.elements.get(one.element)
            about = f"本人申请更正“{element.name_zh if element else one.element}”"
            desk.take_over(con, catalog, terms, CORRECTION, about, str(one.id), one.provider, one.due_on)
        ended = cursor.execute(
            """SELECT t.id, t.post, c.state FROM yici.ticket t JOIN service.correction c ON t.reference = c.id::text
               WHERE t.channel = %s AND t.state = 'open' AND c.closed_at IS NOT NULL ORDER BY t.id""",
            [CORRECTION],
        ).fetchall()
        for one in ended:
            desk.keep(con, one.id, one.post, _TOLD[one.state])
    return len(new), len(ended)
