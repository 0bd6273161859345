"""How often a login may fail: per account and per address, counted in a table that all workers share.

What stays for these minutes of a name and an address is a digest under a secret of the portal: without it, few likely
names could be tried until one fits.
"""

import secrets
from datetime import timedelta

import psycopg

from catalogs.settings import kept_secret, now, settings
from service.values import keyed

PER_ACCOUNT, PER_ADDRESS = 5, 30
WINDOW = timedelta(minutes=15)
_SECRET = "portal_secret"


def is_allowed(con: psycopg.Connection, account: str, address: str) -> bool:
    """Whether another try of this account, from this address, is allowed now. Counts it as failed until `forgive`.

    Counting first, under a lock, means that many tries at once count as many.
    """
    at = now()
    with con.transaction():
        con.execute("SELECT pg_advisory_xact_lock(hashtext('yici portal attempts'))")
        con.execute("DELETE FROM portal.attempt WHERE at < %s", [at - WINDOW])
        counts = [
            con.execute("SELECT count(*) FROM portal.attempt WHERE digest = %s", [digest]).fetchone()[0]
            for digest in _digests(account, address)
        ]
        if counts[0] >= PER_ACCOUNT or counts[1] >= PER_ADDRESS:
            return False
        for digest in _digests(account, address):
            con.execute("INSERT INTO portal.attempt (digest, at) VALUES (%s, %s)", [digest, at])
        return True


def forgive(con: psycopg.Connection, account: str, address: str) -> None:
    """Forget the failed tries of an account, and the last one of the address: somebody has logged in."""
    by_account, by_address = _digests(account, address)
    con.execute("DELETE FROM portal.attempt WHERE digest = %s", [by_account])
    con.execute(
        """DELETE FROM portal.attempt WHERE ctid IN
           (SELECT ctid FROM portal.attempt WHERE digest = %s ORDER BY at DESC LIMIT 1)""",
        [by_address],
    )


def _digests(account: str, address: str) -> tuple[str, str]:
    """Names are not kept: somebody may have typed a password in their place."""
    key = bytes.fromhex(kept_secret(settings().home, _SECRET, lambda: secrets.token_hex(32)))
    return keyed(key, f"account {account}".encode()).hex(), keyed(key, f"address {address}".encode()).hex()
