"""What somebody typed into a form that could not be taken: sealed for that browser, offered again when it is opened.

Some forms hold what is a person's alone: why a value is wrong, what a clerk typed. So the table holds what was typed
only sealed, and its key is a cookie of the browser in which it was typed: whoever reads the table reads nothing, and
another person who logs in there is offered nothing. Texts only, for one page once, and not longer than a week; a file
has to be chosen again.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta

import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from fastapi import Request
from starlette.datastructures import FormData

from catalogs.settings import now

KEPT_DAYS = 7
# Characters of a field where its page says nothing else.
LONGEST = 1000
COOKIE = "yici-draft"
_KEY = re.compile(r"[A-Za-z0-9_-]{43}")
_NONCE = 12
_NOT_TYPED = frozenset(("csrf", "back"))


@dataclass(frozen=True)
class Draft:
    """A form that was filled in.

    Attributes:
        action: where it is sent to.
        fields: name → what was typed or chosen, in order.
    """

    action: str
    fields: Mapping[str, Sequence[str]] = field(repr=False)

    @property
    def texts(self) -> dict[str, str]:
        """Return field → text, of fields that have one."""
        return {name: values[-1] for name, values in self.fields.items()}


def draft_of(action: str, form: FormData) -> Draft:
    """Return what was typed into a form, without its tokens and files."""
    fields: dict[str, list[str]] = {}
    for name, value in form.multi_items():
        if isinstance(value, str) and name not in _NOT_TYPED:
            fields.setdefault(name, []).append(value.replace("\x00", ""))
    return Draft(action, fields)


def key_of(cookie: str | None) -> str:
    """Return the key that a browser has, or a new one for it."""
    return cookie if cookie and _KEY.fullmatch(cookie) else secrets.token_urlsafe(32)


def keep(con: psycopg.Connection, person: str, page: str, draft: Draft, key: str) -> None:
    """Keep a form for a person and the browser that has the key; one of the same page before it is replaced."""
    at = now()
    con.execute("DELETE FROM portal.draft WHERE at < %s", [at - timedelta(days=KEPT_DAYS)])
    nonce = secrets.token_bytes(_NONCE)
    content = json.dumps(asdict(draft), ensure_ascii=False).encode()
    con.execute(
        """INSERT INTO portal.draft (person, page, sealed, at) VALUES (%s, %s, %s, %s)
           ON CONFLICT (person, page) DO UPDATE SET sealed = excluded.sealed, at = excluded.at""",
        [person, page, nonce + _cipher(key).encrypt(nonce, content, _about(person, page)), at],
    )


def kept(con: psycopg.Connection, person: str, page: str, key: str | None) -> Draft | None:
    """Return what a person typed on a page in the browser that has the key and could not send; None if nothing."""
    if not key:
        return None
    row = con.execute(
        "SELECT sealed FROM portal.draft WHERE person = %s AND page = %s AND at > %s",
        [person, page, now() - timedelta(days=KEPT_DAYS)],
    ).fetchone()
    if row is None:
        return None
    try:
        content = _cipher(key).decrypt(row[0][:_NONCE], row[0][_NONCE:], _about(person, page))
    except (InvalidTag, ValueError):
        return None
    return Draft(**json.loads(content))


def texts_of(request: Request) -> dict[str, str]:
    """Return what is offered again on the page that is asked for: field → text; empty if nothing."""
    found: Draft | None = getattr(request.state, "draft", None)
    return found.texts if found is not None else {}


def typed(request: Request, name: str, longest: int = LONGEST) -> str:
    """Return what was typed into a field of the form, without blanks around it and the sign that no text holds."""
    value = request.state.form.get(name)
    return value.strip().replace("\x00", "")[:longest] if isinstance(value, str) else ""


def forget(con: psycopg.Connection, person: str, page: str) -> None:
    """Forget what was kept for a page: it is sent again, or is not wanted."""
    con.execute("DELETE FROM portal.draft WHERE person = %s AND page = %s", [person, page])


def _cipher(key: str) -> AESGCM:
    return AESGCM(hashlib.sha256(f"yici draft {key}".encode()).digest())


def _about(person: str, page: str) -> bytes:
    return json.dumps([person, page]).encode()
