"""Sessions: kept in a table, known to the browser by a cookie that says nothing else.

The table holds a digest of the cookie's value, so that who reads the table cannot be anybody. A session gets a new
value when somebody logs in; it ends when it is idle, when it is old, and when the person logs out.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import psycopg

from catalogs.settings import now

# How long somebody may take to log in, and how often a session that is used is noted as used.
LOGIN_MIN = 15
_NOTE_S = 30


@dataclass(frozen=True)
class Session:
    """A browser's session.

    Attributes:
        value: of its cookie.
        person: who logged in; None before.
        csrf: what every form of it sends back.
        asked: what the campus's login was asked, until it answers.
    """

    value: str = field(repr=False)
    person: str | None
    csrf: str = field(repr=False)
    asked: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Limits:
    """How long sessions last, in minutes and hours."""

    idle_min: int
    session_h: int


def find(con: psycopg.Connection, value: str, limits: Limits) -> Session | None:
    """Return the session of a cookie, noted as used; None if there is none, or it has ended."""
    if not value:
        return None
    at = now()
    row = con.execute(
        "SELECT person, csrf, asked, began_at, seen_at FROM portal.session WHERE digest = %s",
        [_digest(value)],
    ).fetchone()
    if row is None:
        return None
    person, csrf, asked, began_at, seen_at = row
    idle = limits.idle_min if person else LOGIN_MIN
    if at - seen_at > timedelta(minutes=idle) or at - began_at > timedelta(hours=limits.session_h):
        end(con, value)
        return None
    if person and at - seen_at > timedelta(seconds=_NOTE_S):
        con.execute("UPDATE portal.session SET seen_at = %s WHERE digest = %s", [at, _digest(value)])
    return Session(value, person, csrf, asked or {})


def begin(con: psycopg.Connection, person: str | None, before: Session | None = None) -> Session:
    """Begin a session under a new value; the one before it ends."""
    if before is not None:
        end(con, before.value)
    session = Session(secrets.token_urlsafe(32), person, secrets.token_urlsafe(32))
    at = now()
    con.execute(
        "INSERT INTO portal.session (digest, person, csrf, began_at, seen_at) VALUES (%s, %s, %s, %s, %s)",
        [_digest(session.value), person, session.csrf, at, at],
    )
    return session


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
    """Remove sessions that have ended by themselves."""
    at = now()
    con.execute(
        "DELETE FROM portal.session WHERE began_at < %s OR seen_at < %s",
        [at - timedelta(hours=limits.session_h), at - timedelta(minutes=max(limits.idle_min, LOGIN_MIN))],
    )


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
