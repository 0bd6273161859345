"""What somebody uploaded or filled in, read and not yet proposed: its edits, or its faults; the person's alone.

A person has one at a time: the next one takes its place. A workbook is kept with it, so that it can be given back with
its faults marked.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg

from catalogs.changes.edits import Edit
from catalogs.forms.sheets import SheetFault
from catalogs.settings import now

KEPT_DAYS = 7


@dataclass(frozen=True)
class KeptWish:
    """What was read.

    Attributes:
        source: the file's name, or the form's.
        base: the published version that it was read against.
        edits: none if there are faults.
        left_alone: sheets of the workbook that are no form.
        has_workbook: whether it came as one.
    """

    id: int
    source: str
    base: int
    edits: tuple[Edit, ...]
    faults: tuple[SheetFault, ...]
    left_alone: tuple[str, ...]
    has_workbook: bool
    at: datetime


def keep(
    con: psycopg.Connection,
    person: str,
    source: str,
    base: int,
    edits: Sequence[Edit],
    faults: Sequence[SheetFault] = (),
    left_alone: Sequence[str] = (),
    content: bytes | None = None,
) -> int:
    """Keep what somebody handed in and return its number; what the person handed in before goes."""
    at = now()
    with con.transaction():
        con.execute(
            "DELETE FROM portal.wish WHERE person = %s OR at < %s", [person, at - timedelta(days=KEPT_DAYS)]
        )
        (number,) = con.execute(
            """INSERT INTO portal.wish (person, source, base, edits, faults, left_alone, content, at)
               VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING id""",
            [
                person,
                source,
                base,
                _json([asdict(edit) for edit in edits]),
                _json([asdict(fault) for fault in faults]),
                _json(list(left_alone)),
                content,
                at,
            ],
        ).fetchone()
    return number


def find(con: psycopg.Connection, person: str, number: int) -> KeptWish | None:
    """Return what somebody handed in; None if there is none of this number, or it is another's."""
    row = con.execute(
        """SELECT id, source, base, edits, faults, left_alone, content IS NOT NULL, at FROM portal.wish
           WHERE id = %s AND person = %s""",
        [number, person],
    ).fetchone()
    if row is None:
        return None
    own, source, base, edits, faults, left_alone, has_workbook, at = row
    return KeptWish(
        own,
        source,
        base,
        tuple(Edit(**one) for one in edits),
        tuple(SheetFault(**one) for one in faults),
        tuple(left_alone),
        has_workbook,
        at,
    )


def last(con: psycopg.Connection, person: str) -> KeptWish | None:
    """Return what a person handed in last and did not propose yet."""
    row = con.execute("SELECT id FROM portal.wish WHERE person = %s ORDER BY id DESC", [person]).fetchone()
    return find(con, person, row[0]) if row else None


def workbook(con: psycopg.Connection, number: int) -> bytes:
    """Return the workbook of a wish as it was uploaded."""
    (content,) = con.execute("SELECT content FROM portal.wish WHERE id = %s", [number]).fetchone()
    return bytes(content)


def forget(con: psycopg.Connection, person: str, number: int) -> None:
    """Forget a wish: it was proposed, or is not wanted."""
    con.execute("DELETE FROM portal.wish WHERE id = %s AND person = %s", [number, person])


def _json(data: Sequence[Mapping[str, Any]] | list[str]) -> str:
    return json.dumps(data, ensure_ascii=False)
