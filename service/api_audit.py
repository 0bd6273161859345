"""The record as its users see it: checkpoints, proofs that it only grew, and the evidence of one's own decisions."""

from typing import Annotated, Any
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Body, Query, Response
from pydantic import BaseModel

from catalogs.settings import now
from service import checkpoints, decisions, evidence, replay, tree
from service.api import Around, Caller, decides, refusals
from service.guard import ZIP
from service.problems import Problem
from service.record import written
from service.replay import Replay
from service.transactions import opened

router = APIRouter(tags=["audit"])
_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
Number = Annotated[int, Query(ge=1, lt=2**63)]


class CheckpointOut(BaseModel):
    """A checkpoint: `note` is the signed note (C2SP tlog-checkpoint), the rest says what stands in it."""

    size: int
    root: str
    at: str
    note: str
    verifier_key: str


class InclusionOut(BaseModel):
    """A proof that entry `seq` is in the tree of `size` entries (RFC 6962); hashes in hex."""

    seq: int
    size: int
    leaf_hash: str
    path: list[str]


class ConsistencyOut(BaseModel):
    """A proof that the tree of `older` entries is the beginning of that of `newer` ones; hashes in hex."""

    older: int
    newer: int
    path: list[str]


@router.get("/v1/audit/checkpoint", responses=refusals(404, 422))
async def checkpoint(
    _caller: Caller, around: Around, reaching: Annotated[int, Query(ge=0, lt=2**63)] = 0
) -> CheckpointOut:
    """The newest checkpoint of the record; `reaching` asks for one that covers an entry, 404 until there is one."""
    found = await checkpoints.newest(around.pool, reaching)
    if found is None:
        raise Problem("NOT_FOUND", "no checkpoint reaches so far yet", rule="audit:sealed")
    return CheckpointOut(
        size=found.size,
        root=found.root.hex(),
        at=found.at.isoformat(),
        note=found.note,
        verifier_key=around.keys.verifier_of(found.note),
    )


@router.get("/v1/audit/proofs/inclusion", responses=refusals(404, 422))
async def inclusion(_caller: Caller, around: Around, seq: Number, size: Number) -> InclusionOut:
    """Prove that an entry, known by the number in its receipt, is in the tree of a checkpoint."""
    async with opened(around.pool, _READ) as con:
        await _check_reach(con, seq, size)
        path = await checkpoints.path(con, tree.inclusion(seq - 1, size))
        leaf_hash = await con.fetchval("SELECT leaf_hash FROM service.record WHERE seq = $1", seq)
    return InclusionOut(seq=seq, size=size, leaf_hash=leaf_hash, path=[one.hex() for one in path])


@router.get("/v1/audit/proofs/consistency", responses=refusals(404, 422))
async def consistency(_caller: Caller, around: Around, older: Number, newer: Number) -> ConsistencyOut:
    """Prove that nothing under an older checkpoint changed until a newer one."""
    async with opened(around.pool, _READ) as con:
        await _check_reach(con, older, newer)
        path = await checkpoints.path(con, tree.consistency(older, newer))
    return ConsistencyOut(older=older, newer=newer, path=[one.hex() for one in path])


@router.get(
    "/v1/transactions/{transaction_id:part}/evidence",
    response_class=Response,
    responses={200: {"description": "The evidence", "content": {ZIP: {}}}} | refusals(404, 409, 422),
)
@decides
async def evidence_of(transaction_id: UUID, caller: Caller, around: Around) -> Response:
    """The evidence of one of the caller's own decisions, to be checked offline. Reading it is itself recorded."""
    at = now()
    decision = decisions.decision_of(caller.client, "evidence", caller.current.release)
    asked: dict[str, Any] = {"transaction_id": str(transaction_id)}
    async with decisions.deciding(around, decision, asked, at) as one:
        async with opened(around.pool, _READ) as con:
            row = await con.fetchrow(
                "SELECT * FROM service.record WHERE transaction_id = $1 AND client_id = $2",
                transaction_id,
                caller.client.client_id,
            )
            if row is None:
                raise Problem("NOT_FOUND", rule="audit:own_transaction")
            sealed = await checkpoints.newest(con, row["seq"])
            if sealed is None:
                wait = {"Retry-After": str(around.configuration.checkpoint_s)}
                raise Problem("NOT_SEALED", rule="audit:sealed", headers=wait)
            details = await con.fetchrow("SELECT * FROM service.record_detail WHERE seq = $1", row["seq"])
            path = await checkpoints.path(con, tree.inclusion(row["seq"] - 1, sealed.size))
        content = evidence.packed(written(row), dict(details) if details else None, path, sealed, around.keys)
        one.learn(purpose=row["purpose"])
        await decisions.allow(around, one, asked, at, f"evidence of entry {row['seq']}")
    named = {"Content-Disposition": f'attachment; filename="evidence-{transaction_id}.zip"'}
    return Response(content, media_type=ZIP, headers=named)


class ReplayOut(BaseModel):
    """A recorded answer, composed again: `matches` says whether it is the one that was given.

    `heard` names the elements for which a source was asked live: of them the answer that was brought is proven to be
    the one that was given, and nothing is composed again.
    """

    transaction_id: UUID
    release: int
    at: str
    catalog: str
    matches: bool
    statuses: dict[str, str]
    heard: list[str]


@router.post(
    "/v1/transactions/{transaction_id:part}:replay", responses=refusals(403, 404, 409, 410, 413, 415, 422)
)
async def replay_of(
    transaction_id: UUID,
    asked: Annotated[Replay, Body(discriminator="action")],
    caller: Caller,
    around: Around,
) -> ReplayOut:
    """Compose one of the caller's own answers again, from the release and the moment of then; gives no value."""
    at = now()
    decision = replay.decision_of(caller.client, caller.current.release, asked)
    async with decisions.deciding(around, decision, asked.model_dump(mode="json"), at) as one:
        answer = await replay.replay(around, caller.client, transaction_id, asked, one)
        told = "matches" if answer["matches"] else "differs"
        await decisions.allow(around, one, answer, at, f"replay {told}")
    return ReplayOut(**answer)


async def _check_reach(con: asyncpg.Connection, first: int, size: int) -> None:
    if first > size or size > await checkpoints.size(con):
        raise Problem("NOT_FOUND", "the record has no such tree, or it ends before", rule="audit:reach")
