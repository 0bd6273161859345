"""Checkpoints of the record: now and then one worker signs the root of the tree over all entries, never a request.

Hashes over whole blocks of 256 leaves, of 256 such blocks, and so on, are kept (`service.record_node`): every root and
every proof is folded from a few of them and a few hundred leaves, however long the record is. Before a checkpoint is
signed, the tree must still have the last one's root where that ends: a record that was changed is never signed again.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg
import structlog

from catalogs.settings import now
from service import metrics, notes, tree
from service.keys import Keys
from service.notes import Checkpoint
from service.transactions import DATABASE_ERRORS, opened
from service.tree import Node, Stretch

BLOCK_LEVELS = 8
_BLOCK = 1 << BLOCK_LEVELS
# How long entries may wait for a signature before it is an alarm.
ALARM_S = 180
_ALONE = "BEGIN; SELECT pg_advisory_xact_lock(hashtext('yici checkpoint'))"
_log = structlog.get_logger("yici.service")


class RecordChanged(Exception):
    """The record is no longer what its last checkpoint says. Nothing was signed; `yici record verify` says where."""


@dataclass(frozen=True)
class Sealed:
    """A checkpoint as it is kept."""

    size: int
    root: bytes
    note: str
    at: datetime


async def newest(con: asyncpg.Connection | asyncpg.Pool, reaching: int = 0) -> Sealed | None:
    """Return the newest checkpoint, or None if it does not reach that many entries."""
    row = await con.fetchrow(
        "SELECT size, root, note, at FROM service.record_checkpoint WHERE size >= $1 ORDER BY size DESC LIMIT 1",
        reaching,
    )
    return Sealed(**row) if row else None


async def size(con: asyncpg.Connection | asyncpg.Pool) -> int:
    """Return how many entries the record holds."""
    found: int = await con.fetchval("SELECT coalesce(max(seq), 0) FROM service.record")
    return found


async def seal(pool: asyncpg.Pool, keys: Keys, at: datetime) -> Sealed | None:
    """Sign a checkpoint over all entries there are; None if the newest covers them already.

    Raises:
        RecordChanged: the tree has no longer the root that was signed last.
    """
    async with opened(pool, _ALONE) as con:
        count, last = await size(con), await newest(con)
        if count == (last.size if last else 0):
            return None
        if last and (count < last.size or await root(con, (0, last.size)) != last.root):
            raise RecordChanged
        await _keep_blocks(con, count)
        name, key = keys.sealer
        origin = notes.opened(last.note, keys.sealers).origin if last else name
        checkpoint = Checkpoint(origin, count, await root(con, (0, count)))
        sealed = Sealed(count, checkpoint.root, notes.sign(checkpoint, name, key), at)
        await con.execute(
            "INSERT INTO service.record_checkpoint (size, root, note, at) VALUES ($1, $2, $3, $4)",
            sealed.size,
            sealed.root,
            sealed.note,
            sealed.at,
        )
        return sealed


async def root(con: asyncpg.Connection, stretch: Stretch) -> bytes:
    """Return the root over a stretch of leaves that begins where a subtree does."""
    return tree.fold([await _node(con, node) for node in tree.nodes(stretch)])


async def path(con: asyncpg.Connection, stretches: Sequence[Stretch]) -> list[bytes]:
    """Return the hashes of a proof."""
    return [await root(con, stretch) for stretch in stretches]


async def sealing(pool: asyncpg.Pool, keys: Keys, every_s: float) -> None:
    """Seal again and again until cancelled; each worker tries, one at a time, so that none of them is missed."""
    while True:
        try:
            await seal(pool, keys, now())
            await _watch(pool)
        except RecordChanged:
            metrics.RECORD_CHANGED.set(1)
            _log.error(
                "the record is not what its last checkpoint says: nothing is signed; run yici record verify"
            )
        except DATABASE_ERRORS as error:
            _log.error("no checkpoint could be made", error=type(error).__name__)
        except notes.NoteError:
            _log.error("the last checkpoint was signed with another key; nothing is signed")
        await asyncio.sleep(every_s)


async def _watch(pool: asyncpg.Pool) -> None:
    if last := await newest(pool):
        metrics.RECORD_SEALED.set(last.size)
        metrics.RECORD_SEALED_AT.set(last.at.timestamp())
    oldest = await pool.fetchval(
        "SELECT min(logtime) FROM service.record"
        " WHERE seq = (SELECT coalesce(max(size), 0) + 1 FROM service.record_checkpoint)"
    )
    waited_s = max(0.0, (now() - oldest).total_seconds()) if oldest else 0.0
    metrics.RECORD_UNSIGNED_S.set(waited_s)
    if waited_s > ALARM_S:
        _log.error("entries of the record wait for a checkpoint", seconds=round(waited_s))


async def _node(con: asyncpg.Connection, node: Node) -> bytes:
    level, index = node
    kept = level // BLOCK_LEVELS * BLOCK_LEVELS
    count = 1 << (level - kept)
    return tree.complete(await _hashes(con, kept, index * count, count))


async def _hashes(con: asyncpg.Connection, level: int, first: int, count: int) -> list[bytes]:
    """Return neighbouring hashes of a level that is kept: leaves, blocks of them, and so on.

    Raises:
        RecordChanged: one of them is missing.
    """
    if level == 0:
        rows = await con.fetch(
            "SELECT decode(leaf_hash, 'hex') AS hash FROM service.record WHERE seq > $1 AND seq <= $2 ORDER BY seq",
            first,
            first + count,
        )
    else:
        rows = await con.fetch(
            "SELECT hash FROM service.record_node WHERE level = $1 AND index >= $2 AND index < $3 ORDER BY index",
            level,
            first,
            first + count,
        )
    if len(rows) != count:
        raise RecordChanged
    return [row["hash"] for row in rows]


async def _keep_blocks(con: asyncpg.Connection, count: int) -> None:
    """Keep the hashes of the blocks that are whole now and were not before."""
    level = BLOCK_LEVELS
    while (whole := count >> level) > 0:
        known: int = await con.fetchval(
            "SELECT coalesce(max(index) + 1, 0) FROM service.record_node WHERE level = $1", level
        )
        for index in range(known, whole):
            hashes = await _hashes(con, level - BLOCK_LEVELS, index * _BLOCK, _BLOCK)
            await con.execute(
                "INSERT INTO service.record_node (level, index, hash) VALUES ($1, $2, $3)",
                level,
                index,
                tree.complete(hashes),
            )
        level += BLOCK_LEVELS
