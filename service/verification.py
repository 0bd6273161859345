"""The whole record checked against itself and its checkpoints: is it what it was, and where is it not.

Every entry is read once, in order: its number follows, its leaf and the hash of its details can be computed again, and
where a checkpoint ends the tree has the root that was signed. The first entry that does not hold is named.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import psycopg
from psycopg.rows import dict_row

from service import notes, tree
from service.checkpoints import BLOCK_LEVELS
from service.keys import Keys
from service.record import detail_hash, leaf_hash, written

_ENTRIES = "SELECT * FROM service.record ORDER BY seq"
_DETAILS = "SELECT * FROM service.record_detail ORDER BY seq"
_MOST_FAULTS = 20


@dataclass
class Verdict:
    """What was found.

    Attributes:
        entries: how many entries there are.
        without_details: of how many the details are gone, as their retention allows.
        sealed: how many entries the newest checkpoint covers.
        checkpoints: how many checkpoints there are.
        faults: what does not hold, in the order of the record, each with the entry's number; at most 20.
    """

    entries: int = 0
    without_details: int = 0
    sealed: int = 0
    checkpoints: int = 0
    faults: list[str] = field(default_factory=list)

    def tell(self, fault: str) -> None:
        """Note a fault; beyond the most that are told, more of them say nothing new."""
        if len(self.faults) < _MOST_FAULTS:
            self.faults.append(fault)


class _Growing:
    """The tree over the leaves so far: at most one complete node per level, and the blocks that became whole."""

    def __init__(self) -> None:
        self._nodes: list[tuple[int, bytes]] = []  # level and hash, from left to right
        self.size = 0

    def add(self, leaf: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Add a leaf; yields level, index and hash of each node that became whole on a level that is kept."""
        level, found = 0, leaf
        while self._nodes and self._nodes[-1][0] == level:
            found = tree.inner(self._nodes.pop()[1], found)
            level += 1
            if level % BLOCK_LEVELS == 0:
                yield level, self.size >> level, found
        self._nodes.append((level, found))
        self.size += 1

    @property
    def root(self) -> bytes:
        return tree.fold([found for _, found in self._nodes])


def verify(con: psycopg.Connection, keys: Keys) -> Verdict:
    """Check the record as it stands at this moment.

    Args:
        con: a connection that may read schema `service`.
        keys: of the installation; checkpoints must be signed by its key.
    """
    found, growing = Verdict(), _Growing()
    with con.transaction():
        con.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        signed = _checkpoints(con, keys, found)
        kept = {
            (level, index): known
            for level, index, known in con.execute("SELECT level, index, hash FROM service.record_node")
        }
        details = _streamed(con, "details", _DETAILS)
        next_details = next(details, None)
        for row in _streamed(con, "entries", _ENTRIES):
            seq = row["seq"]
            expected = growing.size + 1
            if seq != expected:
                gone = f"entry {expected}" if seq == expected + 1 else f"entries {expected} to {seq - 1}"
                found.tell(f"{gone}: missing")
                break
            while next_details is not None and next_details["seq"] < seq:
                next_details = next(details, None)
            own = next_details if next_details is not None and next_details["seq"] == seq else None
            _check_entry(found, row, own)
            for level, index, node in growing.add(bytes.fromhex(row["leaf_hash"])):
                if kept.get((level, index), node) != node:
                    first = (index << level) + 1
                    found.tell(
                        f"entries {first} to {seq}: not those that were sealed: a hash over them differs"
                    )
            if seq in signed and signed[seq] != growing.root:
                found.tell(f"entries up to {seq}: not those of the checkpoint of size {seq}")
    found.entries = growing.size
    if found.sealed > growing.size and not found.faults:
        found.tell(f"entries {growing.size + 1} to {found.sealed}: missing; a checkpoint covers them")
    return found


def _check_entry(found: Verdict, row: dict, details: dict | None) -> None:
    if leaf_hash(written(row)) != row["leaf_hash"]:
        found.tell(f"entry {row['seq']}: changed: its content has another hash")
    if details is None:
        found.without_details += 1
    elif detail_hash(details) != row["detail_hash"]:
        found.tell(f"entry {row['seq']}: its details changed: they have another hash")


def _checkpoints(con: psycopg.Connection, keys: Keys, found: Verdict) -> dict[int, bytes]:
    """Return the size and root of each checkpoint whose signature holds."""
    signed = {}
    for size, root, note in con.execute(
        "SELECT size, root, note FROM service.record_checkpoint ORDER BY size"
    ):
        found.checkpoints += 1
        found.sealed = size
        try:
            told = notes.opened(note, keys.sealers)
        except notes.NoteError as error:
            found.tell(f"checkpoint of size {size}: {error}")
            continue
        if (told.size, told.root) != (size, root):
            found.tell(f"checkpoint of size {size}: its columns are not what its note says")
        signed[told.size] = told.root
    return signed


def _streamed(con: psycopg.Connection, name: str, query: str) -> Iterator[dict]:
    with con.cursor(name=name, row_factory=dict_row) as cursor:
        cursor.itersize = 2000
        yield from cursor.execute(query)
