"""Corrected workbooks that stewards hand in: kept sealed until they are judged, and judged in a process of its own.

`python -m portal.correcting NUMBER` does with a workbook what `yici quarantine resubmit` does. It signs in as the
owner, because judging needs the store, which no role of the pages may read; and it judges anew whether the one who
asked may.

A workbook holds whole rows of people. It lies encrypted by the store keys, and goes as soon as its rows are filed. One
with faults is kept for a day, so that it can be given back with its faults marked. What stays is counts, places and
rules in words.
"""

import hmac
import json
import secrets
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from catalogs.forms.sheets import SheetFault
from catalogs.model import Catalog
from catalogs.model_posts import HEAD, STEWARD
from catalogs.posts import holdings_of
from catalogs.settings import now
from expectations.quarantine import desk
from expectations.quarantine.handing_in import HandedIn, hand_in
from portal import working
from warehouse.catalog_changes import look, today
from warehouse.connect import connect
from warehouse.key_ring import ring
from warehouse.sealing import KEY_ID, Key

ASKED, RUNNING, TAKEN, FAULTY, FAILED, DIED = "asked", "running", "taken", "faulty", "failed", "died"
KEPT = timedelta(days=1)
_LOCK = 726_002
_NONCE = 12
# Of a workbook in which nearly all is wrong, so many faults are told.
_MOST_FAULTS = 2000


@dataclass(frozen=True)
class Handed:
    """A workbook that somebody handed in.

    Attributes:
        state: asked, running, taken, faulty, failed, or died: the process is gone without a word.
        rows, unchanged: corrected rows that were filed, and rows as they were.
        faults: the first of them.
        count: of all faults.
        why: of a failure: no_right, gone, not_judged.
        has_workbook: whether it is still there, to be marked.
    """

    id: int
    resource: str
    state: str
    rows: int
    unchanged: int
    faults: tuple[SheetFault, ...]
    count: int
    why: str
    has_workbook: bool
    asked_at: datetime

    @property
    def is_under_way(self) -> bool:
        """Whether it may still come to an end by itself."""
        return self.state in (ASKED, RUNNING)


def keep(con: psycopg.Connection, person: str, post: str, resource: str, content: bytes) -> int:
    """Keep a workbook and return its number; an earlier one of the person goes once it has ended.

    Args:
        con: the desk's connection.
        person, post: who hands it in; the post answers for the resource.
        resource: its name.
        content: the workbook.
    """
    with con.transaction():
        forget_old(con)
        con.execute(
            "DELETE FROM portal.handed_in WHERE person = %s AND state NOT IN ('asked', 'running')", [person]
        )
        (number,) = con.execute(
            """INSERT INTO portal.handed_in (person, post, resource, content, state, asked_at)
               VALUES (%s, %s, %s, %s, 'asked', %s) RETURNING id""",
            [person, post, resource, _sealed(content, person, resource), now()],
        ).fetchone()
    return number


def start(number: int) -> None:
    """Start the process that judges a workbook."""
    working.start("portal.correcting", number)


def find(con: psycopg.Connection, person: str, number: int) -> Handed | None:
    """Return what became of a workbook; None if there is none of this number, or it is another's."""
    row = con.execute(
        """SELECT resource, state, told, content IS NOT NULL, asked_at FROM portal.handed_in
           WHERE id = %s AND person = %s AND asked_at > %s""",
        [number, person, now() - KEPT],
    ).fetchone()
    if row is None:
        return None
    resource, state, told, has_workbook, asked_at = row
    if state in (ASKED, RUNNING) and not working.is_alive(con, _LOCK, number, asked_at, state == RUNNING):
        state = DIED
    return Handed(
        number,
        resource,
        state,
        told.get("rows", 0),
        told.get("unchanged", 0),
        tuple(SheetFault(**one) for one in told.get("faults", ())),
        told.get("count", 0),
        told.get("why", ""),
        has_workbook,
        asked_at,
    )


def last(con: psycopg.Connection, person: str, resource: str) -> int | None:
    """Return the number of the workbook that a person handed in last about a resource; None if none is kept."""
    (number,) = con.execute(
        "SELECT max(id) FROM portal.handed_in WHERE person = %s AND resource = %s AND asked_at > %s",
        [person, resource, now() - KEPT],
    ).fetchone()
    return number


def workbook(con: psycopg.Connection, person: str, number: int) -> bytes | None:
    """Return a workbook as it was handed in; None if it is not kept any more."""
    row = con.execute(
        "SELECT content, resource FROM portal.handed_in WHERE id = %s AND person = %s AND asked_at > %s",
        [number, person, now() - KEPT],
    ).fetchone()
    return _opened(row[0], person, row[1]) if row and row[0] else None


def forget(con: psycopg.Connection, person: str, number: int) -> None:
    """Forget a workbook and what was told of it."""
    con.execute("DELETE FROM portal.handed_in WHERE id = %s AND person = %s", [number, person])


def forget_old(con: psycopg.Connection) -> None:
    """Forget what was handed in longer ago than it is kept."""
    con.execute("DELETE FROM portal.handed_in WHERE asked_at <= %s", [now() - KEPT])


def judge(con: psycopg.Connection, number: int) -> None:
    """Judge a workbook, once, and file its rows if it has no fault.

    Args:
        con: the owner's connection, in autocommit mode.
        number: of the workbook.
    """
    working.begin(con, _LOCK, number)
    row = con.execute(
        """UPDATE portal.handed_in SET state = 'running' WHERE id = %s AND state = 'asked'
           RETURNING person, post, resource, content""",
        [number],
    ).fetchone()
    if row is None:
        return
    try:
        state, told = _judged(con, *row)
    except Exception as error:  # noqa: BLE001  # whatever it is, its words may quote a row, and the page waits
        print(f"yici: workbook {number} was not judged: {type(error).__name__}", file=sys.stderr)
        state, told = FAILED, {"why": "not_judged"}
    con.execute(
        """UPDATE portal.handed_in SET state = %s, told = %s, ended_at = %s,
               content = CASE WHEN %s THEN content END WHERE id = %s""",
        [state, json.dumps(told, ensure_ascii=False), now(), state == FAULTY, number],
    )


def _judged(
    con: psycopg.Connection, person: str, post: str, resource: str, content: bytes
) -> tuple[str, Mapping[str, Any]]:
    found = look(con, strict=False)
    if found is None or not _may(found.catalog, person, post, resource):
        return FAILED, {"why": "no_right"}
    opened = _opened(content, person, resource)
    if opened is None:
        return FAILED, {"why": "gone"}
    contract = found.catalog.resources[resource]
    done = hand_in(con, found.catalog, contract, opened, "workbook.xlsx", post, person)
    return (FAULTY, _faults_told(done)) if done.faults else (TAKEN, _rows_told(done))


def _faults_told(done: HandedIn) -> Mapping[str, Any]:
    return {"count": len(done.faults), "faults": [asdict(one) for one in done.faults[:_MOST_FAULTS]]}


def _rows_told(done: HandedIn) -> Mapping[str, Any]:
    return {"rows": done.rows, "unchanged": done.unchanged}


def _may(catalog: Catalog, person: str, post: str, resource: str) -> bool:
    """Whether somebody holds a post today that decides about whole rows of a resource."""
    day = today(catalog)
    contract = catalog.resources.get(resource)
    if contract is None or post not in desk.posts_of(catalog, contract, day):
        return False
    held = holdings_of(catalog, person, day)
    return any(one.post == post and one.role in (STEWARD, HEAD) for one in held)


def _sealed(content: bytes, person: str, resource: str) -> bytes:
    key, nonce = ring().keys[0], secrets.token_bytes(_NONCE)
    sealed = _cipher(key).encrypt(nonce, content, _about(person, resource))
    return bytes.fromhex(key.id) + nonce + sealed


def _opened(sealed: bytes, person: str, resource: str) -> bytes | None:
    """Return the workbook; None where its key is not there any more."""
    name, nonce, rest = sealed[:KEY_ID].hex(), sealed[KEY_ID : KEY_ID + _NONCE], sealed[KEY_ID + _NONCE :]
    key = next((one for one in ring().keys if one.id == name), None)
    if key is None:
        return None
    try:
        return _cipher(key).decrypt(nonce, rest, _about(person, resource))
    except InvalidTag:
        return None


def _cipher(key: Key) -> AESGCM:
    return AESGCM(hmac.digest(key.secret, b"yici handed-in workbook", "sha256"))


def _about(person: str, resource: str) -> bytes:
    return f"{person} {resource}".encode()


def main() -> None:
    """Judge the workbook of the given number."""
    with connect(autocommit=True) as con:
        judge(con, int(sys.argv[1]))


if __name__ == "__main__":
    main()
