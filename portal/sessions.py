"""Sessions: kept in a table, known to the browser by a cookie that says nothing else.

The table holds a digest of the cookie's value, so that who reads the table cannot be anybody. A session gets a new
value when somebody logs in; it ends when it is idle, when it is old, and when the person logs out.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import psycopg

from catalogs.model_posts import Numbered
from catalogs.settings import now

# How long somebody may take to log in, and how often a session that is used is noted as used.
LOGIN_MIN = 15
_NOTE_S = 30
# A session that has ended opens nothing any more; for so long it still tells whose form it was that came too late.
_LATE_FORM_H = 12


@dataclass(frozen=True)
class Session:
    """A browser's session.

    Attributes:
        value: of its cookie.
        person: number and kind of who logged in; None before.
        csrf: what every form of it sends back.
        asked: what the campus's login was asked, until it answers.
        bearer, bearer_until: what the service takes for this person and session, and until when; None without one.
    """

    value: str = field(repr=False)
    person: Numbered | None
    csrf: str = field(repr=False)
    asked: Mapping[str, Any] = field(default_factory=dict, repr=False)
    bearer: str | None = field(default=None, repr=False)
    bearer_until: datetime | None = None


@dataclass(frozen=True)
class Limits:
    """How long sessions last, in minutes and hours."""

    idle_min: int
    session_h: int


def find(con: psycopg.Connection, value: str, limits: Limits) -> Session | None:
    """Return the session of a cookie, noted as used; None if there is none, or it has ended.

    One that has ended by itself opens nothing any more; for some hours it still tells whose form it was that came late.
    """
    if not value:
        return None
    at = now()
    row = con.execute(
        """SELECT id_type, person, csrf, asked, began_at, seen_at, bearer, bearer_until FROM portal.session
           WHERE digest = %s""",
        [_digest(value)],
    ).fetchone()
    if row is None:
        return None
    id_type, number, csrf, asked, began_at, seen_at, bearer, bearer_until = row
    person = _numbered(id_type, number)
    idle = limits.idle_min if person else LOGIN_MIN
    if at - seen_at > timedelta(minutes=idle) or at - began_at > timedelta(hours=limits.session_h):
        if bearer is not None:
            con.execute("UPDATE portal.session SET bearer = NULL WHERE digest = %s", [_digest(value)])
        return None
    if person and at - seen_at > timedelta(seconds=_NOTE_S):
        con.execute("UPDATE portal.session SET seen_at = %s WHERE digest = %s", [at, _digest(value)])
    return Session(value, person, csrf, asked or {}, bearer, bearer_until)


def is_known(con: psycopg.Connection, value: str) -> bool:
    """Whether a cookie is one of ours, of a session that goes on or has ended."""
    row = con.execute("SELECT person FROM portal.session WHERE digest = %s", [_digest(value)]).fetchone()
    return row is not None and row[0] is not None


def author_of(con: psycopg.Connection, csrf: str) -> Numbered | None:
    """Return in whose session a form was made, going on or ended: its token is told to nobody else; None: nobody's."""
    row = con.execute(
        "SELECT id_type, person FROM portal.session WHERE csrf = %s", [csrf.replace("\x00", "")]
    ).fetchone()
    return _numbered(*row) if row else None


def new_value() -> str:
    """Return the value of a cookie that nobody has yet."""
    return secrets.token_urlsafe(32)


def begin(
    con: psycopg.Connection, person: Numbered | None, before: Session | None = None, value: str = ""
) -> Session:
    """Begin a session under a new value, or the one given; the one before it ends."""
    if before is not None:
        end(con, before.value)
    session = Session(value or new_value(), person, secrets.token_urlsafe(32))
    at = now()
    con.execute(
        """INSERT INTO portal.session (digest, id_type, person, csrf, began_at, seen_at)
           VALUES (%s, %s, %s, %s, %s, %s)""",
        [
            _digest(session.value),
            person and person.id_type,
            person and person.number,
            session.csrf,
            at,
            at,
        ],
    )
    return session


def hold(con: psycopg.Connection, session: Session, bearer: str, until: datetime) -> Session:
    """Keep what the service takes for this person and session, and return the session with it."""
    con.execute(
        "UPDATE portal.session SET bearer = %s, bearer_until = %s WHERE digest = %s",
        [bearer, until, _digest(session.value)],
    )
    return replace(session, bearer=bearer, bearer_until=until)


def ask(con: psycopg.Connection, session: Session, asked: Mapping[str, Any]) -> None:
    """Keep what the campus's login is asked."""
    con.execute(
        "UPDATE portal.session SET asked = %s WHERE digest = %s", [json.dumps(asked), _digest(session.value)]
    )


def take_asked(con: psycopg.Connection, session: Session) -> Mapping[str, Any] | None:
    """Return what the campus's login was asked, once: an answer counts for one question."""
    row = con.execute(
        """UPDATE portal.session s SET asked = NULL FROM portal.session before
           WHERE s.digest = %s AND before.digest = s.digest AND before.asked IS NOT NULL RETURNING before.asked""",
        [_digest(session.value)],
    ).fetchone()
    return row[0] if row else None


def end(con: psycopg.Connection, value: str) -> None:
    """End a session."""
    con.execute("DELETE FROM portal.session WHERE digest = %s", [_digest(value)])


def forget(con: psycopg.Connection, limits: Limits) -> None:
    """Remove sessions that ended by themselves some hours ago."""
    at = now() - timedelta(hours=_LATE_FORM_H)
    con.execute(
        "DELETE FROM portal.session WHERE began_at < %s OR seen_at < %s",
        [at - timedelta(hours=limits.session_h), at - timedelta(minutes=max(limits.idle_min, LOGIN_MIN))],
    )


def _numbered(id_type: str | None, number: str | None) -> Numbered | None:
    return None if id_type is None or number is None else Numbered(id_type, number)


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
