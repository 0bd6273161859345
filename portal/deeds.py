"""What people did in the portal: who, as which post and role, what, about what, when; nothing of it is ever altered.

A page is answered only when its visit is on record. `about` is a name from the catalog, a unit or a number of a ticket:
never what somebody typed.
"""

import psycopg

from catalogs.settings import now
from portal.access import Decision

LOGGED_IN, LOGIN_FAILED = "login", "login_failed"


def note(con: psycopg.Connection, person: str, deed: str, about: str, decision: Decision) -> int:
    """Put a deed on record, and return its number."""
    outcome = "allowed" if decision.is_allowed else "refused"
    (number,) = con.execute(
        """INSERT INTO portal.deed (at, person, post, role, deed, about, outcome, rule)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING id""",
        [now(), person, decision.post, decision.role, deed, about, outcome, decision.rule],
    ).fetchone()
    return number
