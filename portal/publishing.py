"""Publishing in a process of its own: `python -m portal.publishing NUMBER` does what a row of portal.publication asks.

A page asks and looks how far it is; whoever leaves it stops nothing. The process signs in as the owner, as
`yici catalog apply-due` does, and judges anew whether the one who asked may: the portal's role can ask for anything,
and publish nothing. While it works it holds a lock, so that a process that died is told from one that works.
"""

import json
import sys
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from catalogs.faults import CatalogError
from catalogs.model import Catalog
from catalogs.model_posts import DATA_OFFICE
from catalogs.posts import holdings_of
from catalogs.settings import now, settings
from portal import working
from warehouse.catalog_changes import Desk, Hindered, today
from warehouse.catalog_versions import NoSuchVersion
from warehouse.connect import connect
from warehouse.proposals import ProposalError, Wish

ASKED, RUNNING, DONE, FAILED, DIED = "asked", "running", "done", "failed", "died"
_LOCK = 726_001


@dataclass(frozen=True)
class Publication:
    """Something that is to be published.

    Attributes:
        proposals: those that were due when it was asked for.
        rolls_back_to: the version whose content is to come back; None: what is due takes effect.
        state: asked, running, done, failed, or died: the process is gone without a word.
        told: what came of it: versions, notes, blocked, proposal, why.
    """

    id: int
    post: str
    proposals: tuple[int, ...]
    rolls_back_to: int | None
    reason: str
    state: str
    told: dict[str, Any]
    asked_at: datetime
    ended_at: datetime | None

    @property
    def is_under_way(self) -> bool:
        """Whether it may still come to an end by itself."""
        return self.state in (ASKED, RUNNING)


def ask(
    con: psycopg.Connection,
    person: str,
    post: str,
    base: int,
    proposals: list[int],
    rolls_back_to: int | None = None,
    reason: str = "",
) -> int:
    """Put on record that something is to be published, and return its number.

    Args:
        con: the portal's connection.
        person, post: who asks.
        base: the version in use, as the one who asks saw it.
        proposals: those that are due.
        rolls_back_to: the version whose content is to come back.
        reason: why it is rolled back.
    """
    (number,) = con.execute(
        """INSERT INTO portal.publication (person, post, base, proposals, rolls_back_to, reason, state, asked_at)
           VALUES (%s, %s, %s, %s, %s, %s, 'asked', %s) RETURNING id""",
        [person, post, base, proposals, rolls_back_to, reason, now()],
    ).fetchone()
    return number


def start(number: int) -> None:
    """Start the process that publishes."""
    working.start("portal.publishing", number)


def find(con: psycopg.Connection, number: int) -> Publication | None:
    """Return a publication as it stands now; None if there is none of this number."""
    row = con.execute(
        """SELECT id, post, proposals, rolls_back_to, reason, state, told, asked_at, ended_at FROM portal.publication
           WHERE id = %s""",
        [number],
    ).fetchone()
    if row is None:
        return None
    number, post, proposals, rolls_back_to, reason, state, told, asked_at, ended_at = row
    if state in (ASKED, RUNNING) and not working.is_alive(con, _LOCK, number, asked_at, state == RUNNING):
        state = DIED
    return Publication(number, post, tuple(proposals), rolls_back_to, reason, state, told, asked_at, ended_at)


def under_way(con: psycopg.Connection) -> Publication | None:
    """Return the publication that is asked for or running, if one is."""
    row = con.execute(
        "SELECT id FROM portal.publication WHERE state IN ('asked', 'running') ORDER BY id DESC LIMIT 1"
    ).fetchone()
    found = find(con, row[0]) if row else None
    return found if found is not None and found.is_under_way else None


def publish(con: psycopg.Connection, number: int) -> None:
    """Do what a publication asks, once.

    Args:
        con: the owner's connection, in autocommit mode.
        number: the publication.
    """
    working.begin(con, _LOCK, number)
    row = con.execute(
        """UPDATE portal.publication SET state = 'running' WHERE id = %s AND state = 'asked'
           RETURNING person, post, base, rolls_back_to, reason""",
        [number],
    ).fetchone()
    if row is None:
        return
    try:
        state, told = _published(con, *row)
    except (Hindered, ProposalError, NoSuchVersion, CatalogError) as error:
        state, told = FAILED, {"why": str(error).splitlines()}
    con.execute(
        "UPDATE portal.publication SET state = %s, told = %s, ended_at = %s WHERE id = %s",
        [state, json.dumps(told, ensure_ascii=False), now(), number],
    )


def _published(
    con: psycopg.Connection, person: str, post: str, base: int, rolls_back_to: int | None, reason: str
) -> tuple[str, dict[str, Any]]:
    desk = Desk(con, settings())
    found = desk.in_use()
    if not _may(found.catalog, person, post):
        return FAILED, {"why": [f"{post}: not a post of the data office that this person holds today"]}
    told: dict[str, Any] = {}
    if rolls_back_to is not None:
        if found.published.number != base:
            return FAILED, {
                "why": [f"version {found.published.number} was published meanwhile: look at it first"]
            }
        wish = Wish(
            f"回退到版本 {rolls_back_to}", post, person, reason, "rollback", rolls_back_to=rolls_back_to
        )
        proposal, _ = desk.roll_back(rolls_back_to, wish)
        told["proposal"] = proposal.number
    applied = desk.apply_due()
    told["versions"] = [one.version for one in applied if one.version is not None]
    told["blocked"] = [one.proposal for one in applied if one.is_blocked]
    told["notes"] = [note for one in applied for note in one.notes]
    return DONE, told


def _may(catalog: Catalog, person: str, post: str) -> bool:
    held = holdings_of(catalog, person, today(catalog))
    return any(one.post == post and one.role == DATA_OFFICE for one in held)


def main() -> None:
    """Publish what the row of the given number asks for."""
    with connect(autocommit=True) as con:
        publish(con, int(sys.argv[1]))


if __name__ == "__main__":
    main()
