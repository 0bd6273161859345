"""Local accounts, for the made-up people of the reference campus: a password (Argon2id) and a code of an authenticator.

A campus logs in by its own provider; there no account is looked at.
"""

import secrets
import time
from dataclasses import dataclass, field

import psycopg
import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from catalogs.model_posts import Numbered
from catalogs.settings import ConfigurationError, now

SHORTEST_PASSWORD = 12
_STEP_S = 30
_hasher = PasswordHasher()
# Checked where there is no such account, so that the time taken does not tell.
_NOBODY = _hasher.hash(secrets.token_urlsafe(16))


@dataclass(frozen=True)
class Account:
    """What a person needs to set up an authenticator; shown once."""

    name: str
    person: Numbered
    secret: str = field(repr=False)

    def address(self, campus: str) -> str:
        """Return the `otpauth:` address that authenticators read."""
        return pyotp.TOTP(self.secret).provisioning_uri(name=self.name, issuer_name=campus)


def make(con: psycopg.Connection, name: str, person: Numbered, password: str) -> Account:
    """Make an account, or replace it with all that was known of it.

    Raises:
        ConfigurationError: the password is too short, or something is empty.
    """
    person = Numbered(person.id_type.strip(), person.number.strip())
    if not name.strip() or not person.id_type or not person.number:
        raise ConfigurationError(
            "an account needs a name and a person's number with its kind; nothing was made"
        )
    if len(password) < SHORTEST_PASSWORD:
        raise ConfigurationError(f"a password has at least {SHORTEST_PASSWORD} characters; nothing was made")
    account = Account(name.strip(), person, pyotp.random_base32())
    con.execute(
        """INSERT INTO portal.account (name, id_type, person, password_hash, totp_secret, totp_step, made_at)
           VALUES (%s, %s, %s, %s, %s, 0, %s) ON CONFLICT (name) DO UPDATE SET id_type = excluded.id_type,
               person = excluded.person, password_hash = excluded.password_hash,
               totp_secret = excluded.totp_secret, totp_step = 0, made_at = excluded.made_at""",
        [account.name, person.id_type, person.number, _hasher.hash(password), account.secret, now()],
    )
    return account


def check(con: psycopg.Connection, name: str, password: str, code: str) -> Numbered | None:
    """Return the person whose account this is if password and code are right, else None. A code counts once."""
    row = con.execute(
        "SELECT id_type, person, password_hash, totp_secret FROM portal.account WHERE name = %s", [name]
    ).fetchone()
    id_type, number, known, secret = row or ("", "", _NOBODY, pyotp.random_base32())
    is_right = _is_right(known, password)
    step = _step_of(secret, code)
    if not (row and is_right and step):
        return None
    used = con.execute(
        "UPDATE portal.account SET totp_step = %s WHERE name = %s AND totp_step < %s RETURNING 1",
        [step, name, step],
    ).fetchone()
    return Numbered(id_type, number) if used else None


def _is_right(known: str, password: str) -> bool:
    try:
        return _hasher.verify(known, password)
    except (Argon2Error, InvalidHashError):
        return False


def _step_of(secret: str, code: str) -> int | None:
    """Return the step of time that a code is of: the present one or the one before or after; None if of none."""
    current = int(time.time()) // _STEP_S
    digits = "".join(code.split())
    totp = pyotp.TOTP(secret)
    found = [
        step
        for step in (current - 1, current, current + 1)
        if secrets.compare_digest(totp.at(step * _STEP_S).encode(), digits.encode())
    ]
    return found[0] if found else None
