"""What somebody typed into a form that came too late: kept for the person, offered again when the page is opened.

Texts only, for one page once, and not longer than a week; a file has to be chosen again.
"""

import json
from collections.abc import Mapping
from datetime import timedelta

import psycopg
from starlette.datastructures import FormData

from catalogs.settings import now

KEPT_DAYS = 7
_NOT_TYPED = frozenset(("csrf", "back"))


def keep(con: psycopg.Connection, person: str, page: str, form: FormData) -> None:
    """Keep the texts of a form; those of the same page before it are replaced."""
    typed = {
        name: value.replace("\x00", "")
        for name, value in form.multi_items()
        if isinstance(value, str) and value and name not in _NOT_TYPED
    }
    at = now()
    con.execute("DELETE FROM portal.draft WHERE at < %s", [at - timedelta(days=KEPT_DAYS)])
    if not typed:
        return
    con.execute(
        """INSERT INTO portal.draft (person, page, fields, at) VALUES (%s, %s, %s, %s)
           ON CONFLICT (person, page) DO UPDATE SET fields = excluded.fields, at = excluded.at""",
        [person, page, json.dumps(typed, ensure_ascii=False), at],
    )


def kept(con: psycopg.Connection, person: str, page: str) -> Mapping[str, str]:
    """Return what a person typed on a page and could not send: field → text; empty if nothing."""
    row = con.execute(
        "SELECT fields FROM portal.draft WHERE person = %s AND page = %s AND at > %s",
        [person, page, now() - timedelta(days=KEPT_DAYS)],
    ).fetchone()
    return row[0] if row else {}


def forget(con: psycopg.Connection, person: str, page: str) -> None:
    """Forget what was kept for a page: it was sent, or is not wanted."""
    con.execute("DELETE FROM portal.draft WHERE person = %s AND page = %s", [person, page])
