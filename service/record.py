"""The record: one entry per decision, durable before the answer leaves (SERVICE §6).

No values: element names, keyed digests, and people as HMAC. A batch of entries is one transaction that holds an
advisory lock, so that numbers have no gap under any number of workers: the tree over them covers every receipt.

An entry is proven for ever; its details (who asked about whom in which case) are a row of their own, of which the entry
holds a salted hash, so that they can be deleted when their time is over without breaking a proof.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Protocol
from uuid import UUID

import asyncpg
import orjson
import structlog

from service import metrics, tree
from service.keys import Keys
from service.problems import Problem
from service.transactions import opened

RETENTION = timedelta(days=3 * 365)
MAX_BATCH = 500
WAIT_S = 5.0
LOCKED = "BEGIN; SELECT pg_advisory_xact_lock(hashtext('yici record'))"
_LAST = "SELECT coalesce(max(seq), 0) FROM service.record"
# From so many entries on they are copied: the server takes less time, for four more ways there and back.
_COPIED = 50
_INSERT = (
    "WITH entry AS (INSERT INTO service.record SELECT * FROM jsonb_populate_recordset(NULL::service.record, $1::jsonb))"
    " INSERT INTO service.record_detail SELECT * FROM jsonb_populate_recordset(NULL::service.record_detail, $2::jsonb)"
)
_APPEND = "SELECT service.append_record($1, $2, $3)"
_TRIES = 3
_WRITER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
_SORTED = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
_TIMES = ("logtime", "retention_until")
_log = structlog.get_logger("yici.service")

_Entry = tuple[dict[str, Any], dict[str, Any]]  # an entry and its details, before they have a number


@dataclass(frozen=True)
class Decision:
    """What was decided about one request.

    Attributes:
        action: token, case_register, case_change, facts or prefill.
        subject: kind and number of whom it is about; only a keyed digest of it is written.
        rule: by which rule, in the record's words, which may say more than the caller was told.
        is_confidential: whether the person whom it is about is not shown it for now.
    """

    transaction_id: UUID
    action: str
    client_id: str
    receiver_unit: str = ""
    receiver_name: str = ""
    actor_id: str | None = None
    actor_role: str | None = None
    subject: tuple[str, str] | None = None
    purpose: str | None = None
    case_id: str | None = None
    ground: str | None = None
    elements: Sequence[str] = ()
    outcome: str = "failed"
    code: str = "INTERNAL"
    rule: str = "internal"
    release: int | None = None
    is_confidential: bool = False


class Answer(dict[str, Any]):
    """An answer that leaves just as it was put on record, and once written is not written again.

    What is not held as data is read from its bytes when it is asked for.

    Attributes:
        written: its canonical bytes without the receipt, whose digest the record holds.
    """

    written: bytes = b""

    def __missing__(self, name: str) -> Any:
        return orjson.loads(self.written)[name]

    @classmethod
    def sealed(cls, answer: Mapping[str, Any], written: bytes, receipt: str) -> "Answer":
        """Return an answer with its receipt.

        Args:
            answer: without its receipt.
            written: its canonical bytes.
            receipt: of its entry.
        """
        found = cls(answer, receipt=receipt)
        found.written = written
        return found

    @property
    def content(self) -> bytes:
        """Its JSON: the bytes on record, and the receipt."""
        return b'%s,"receipt":"%s"}' % (self.written[:-1], self["receipt"].encode())


def canonical(value: Any) -> bytes:
    """Write plain data so that equal data has equal bytes; what is bytes was written before.

    The bytes are those of Python's own `json`, sorted and without blanks, by which anybody can check a receipt; orjson
    writes the same ten times as fast and refuses what it would write otherwise. Numbers with a fraction are text here:
    of those the two write very large and very small ones differently.
    """
    if isinstance(value, bytes):
        return value
    try:
        return orjson.dumps(value, str, _SORTED)
    except TypeError:
        return _WRITER.encode(value).encode()


def leaf_content(entry: Mapping[str, Any]) -> bytes:
    """Return the bytes of an entry as `written` that its leaf is the hash of."""
    return canonical({name: value for name, value in entry.items() if name != "leaf_hash"})


def leaf_hash(entry: Mapping[str, Any]) -> str:
    """Return the RFC 6962 leaf hash of an entry as `written`, hex."""
    return tree.leaf(leaf_content(entry)).hex()


def detail_hash(details: Mapping[str, Any]) -> str:
    """Return the hash of an entry's details that the entry holds, hex; their salt keeps it from being guessed."""
    return hashlib.sha256(canonical(details)).hexdigest()


def written(row: asyncpg.Record | Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored row as the entry that was hashed, to be checked again."""
    entry = dict(row)
    for name in _TIMES:
        entry[name] = _time(entry[name])
    entry["transaction_id"] = str(entry["transaction_id"])
    return entry


class Recording(Protocol):
    """Takes decisions down."""

    async def append(self, decision: Decision, request: Any, answer: Any, at: datetime) -> str:
        """Append one decision and return its receipt."""

    async def append_all(self, decided: Sequence[tuple[Decision, Any, Any]], at: datetime) -> list[str]:
        """Append decisions, each with its request and answer, and return their receipts."""


class Recorder:
    """Appends decisions in batches; one per worker."""

    def __init__(self, pool: asyncpg.Pool, keys: Keys) -> None:
        self._pool = pool
        self._keys = keys
        self._waiting: list[tuple[_Entry, asyncio.Future[int]]] = []
        self._wake = asyncio.Event()
        self._stopping = False
        self._last = 0  # number of the last entry that this worker knows of
        self._task = asyncio.create_task(self._run(), name="record")

    async def stop(self) -> None:
        """Write what waits, then end."""
        self._stopping = True
        self._wake.set()
        await self._task

    async def append(self, decision: Decision, request: Any, answer: Any, at: datetime) -> str:
        """Append one decision and return its receipt, a JWS that the client keeps.

        Args:
            decision: what was decided.
            request: the request as plain data; only a salted digest is written.
            answer: the answer without its receipt; likewise.
            at: the moment of the decision.

        Raises:
            Problem: AUDIT_UNAVAILABLE; the caller must then give no other answer.
        """
        return (await self.append_all([(decision, request, answer)], at))[0]

    async def append_all(self, decided: Sequence[tuple[Decision, Any, Any]], at: datetime) -> list[str]:
        """Append decisions as `append` does one.

        Args:
            decided: decision, request and answer of each.
            at: the moment of all of them.

        Raises:
            Problem: AUDIT_UNAVAILABLE, even if some of them are on record: no answer may leave then.
        """
        made = [prepared(self._keys, *one, at) for one in decided]
        if self._stopping or self._task.done():
            raise Problem("AUDIT_UNAVAILABLE")
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[int]] = [loop.create_future() for _ in made]
        self._waiting += [(entry, future) for (entry, _), future in zip(made, futures, strict=True)]
        self._wake.set()
        try:
            numbers = await asyncio.wait_for(asyncio.gather(*futures), WAIT_S)
        except TimeoutError:
            raise Problem("AUDIT_UNAVAILABLE") from None
        for decision, *_ in decided:
            metrics.DECISIONS.labels(decision.action, decision.outcome, decision.code).inc()
        return [
            receipt(self._keys, claims | {"seq": seq}) for (_, claims), seq in zip(made, numbers, strict=True)
        ]

    async def _run(self) -> None:
        while self._waiting or not self._stopping:
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
            batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
            batch = [(entry, future) for entry, future in batch if not future.done()]
            if not batch:
                continue
            try:
                last = await self._write([entry for entry, _ in batch])
            except Exception as error:  # noqa: BLE001  # whatever it is, this worker must go on recording
                metrics.RECORD_FAILURES.inc()
                _log.error("the record could not be written", error=type(error).__name__, entries=len(batch))
                for _, future in batch:
                    if not future.done():
                        future.set_exception(Problem("AUDIT_UNAVAILABLE"))
                continue
            metrics.RECORD_BATCH.observe(len(batch))
            for place, (_, future) in enumerate(batch, start=1):
                if not future.done():
                    future.set_result(last + place)

    async def _write(self, batch: list[_Entry]) -> int:
        """Append entries in one transaction and return the number before the first.

        They are numbered behind the last entry that is known here. If another worker has appended since, the database
        writes nothing and tells the number of its last; whoever meets that again and again takes the lock beforehand.
        """
        for _ in range(_TRIES):
            expected = self._last
            async with self._pool.acquire(timeout=WAIT_S) as con:
                self._last = await con.fetchval(_APPEND, expected, *numbered(batch, expected))
            if self._last == expected:
                break
        else:
            async with opened(self._pool, LOCKED, WAIT_S) as con:
                self._last = await add(con, batch)
        before, self._last = self._last, self._last + len(batch)
        return before


def prepared(
    keys: Keys, decision: Decision, request: Any, answer: Any, at: datetime
) -> tuple[_Entry, dict[str, Any]]:
    """Return the entry of a decision, and what its receipt will say once the entry has a number.

    Args:
        keys: of the installation.
        decision: what was decided.
        request: the request as plain data; only a salted digest is written.
        answer: the answer without its receipt; likewise.
        at: the moment of the decision.
    """
    salt, number = secrets.token_bytes(16), str(decision.transaction_id)
    request_digest, response_digest = (
        hmac.digest(salt, canonical(part), "sha256").hex() for part in (request, answer)
    )
    claims = {
        "txn": number,
        "client": decision.client_id,
        "purpose": decision.purpose,
        "case": decision.case_id,
        "request_digest": request_digest,
        "response_digest": response_digest,
        "salt": salt.hex(),
        "iat": int(at.timestamp()),
    }
    return _entry(keys, decision, number, request_digest, response_digest, at), claims


def receipt(keys: Keys, claims: Mapping[str, Any]) -> str:
    """Sign what a receipt says."""
    key = keys.signing  # asked for once: it may be another a moment later
    header = {"alg": "Ed25519", "kid": key.kid, "typ": "yici-receipt+jws"}
    # RFC 7515 §5.1 and RFC 8037 §3.1 by hand: for one fixed algorithm a library's checks cost as much as the signature.
    signed = b".".join(base64.urlsafe_b64encode(canonical(part)).rstrip(b"=") for part in (header, claims))
    signature = base64.urlsafe_b64encode(key.private_key.sign(signed)).rstrip(b"=")
    return f"{signed.decode()}.{signature.decode()}"


async def add(con: asyncpg.Connection, batch: Sequence[_Entry]) -> int:
    """Append entries and return the number before the first.

    Args:
        con: in a transaction opened by `LOCKED`, which is committed before anything leaves.
        batch: as `prepared`.
    """
    # A statement of its own, so that it sees what the lock waited for.
    last: int = await con.fetchval(_LAST)
    if len(batch) < _COPIED:
        await con.execute(_INSERT, *numbered(batch, last))
        return last
    rows, rows_of_details = _rows(batch, last)
    for row in rows:
        row |= {name: _moment(row[name]) for name in _TIMES}
    await _copy(con, "record", rows)
    await _copy(con, "record_detail", rows_of_details)
    return last


async def _copy(con: asyncpg.Connection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append rows that all have the same columns, in the same order."""
    records = [tuple(row.values()) for row in rows]
    await con.copy_records_to_table(table, schema_name="service", columns=list(rows[0]), records=records)


def numbered(batch: Sequence[_Entry], last: int) -> tuple[str, str]:
    """Return entries, and their details, as JSON of rows that are numbered behind an entry's number."""
    rows, rows_of_details = _rows(batch, last)
    return canonical(rows).decode(), canonical(rows_of_details).decode()


def _rows(batch: Sequence[_Entry], last: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    rows, rows_of_details = [], []
    for seq, (entry, details) in enumerate(batch, start=last + 1):
        details = {"seq": seq, **details}
        row = {"seq": seq, **entry, "detail_hash": detail_hash(details)}
        row["leaf_hash"] = tree.leaf(canonical(row)).hex()
        rows.append(row)
        rows_of_details.append(details)
    return rows, rows_of_details


def _entry(
    keys: Keys, decision: Decision, number: str, request_digest: str, response_digest: str, at: datetime
) -> _Entry:
    key_id, subject = keys.subject_entry(*decision.subject) if decision.subject else (None, None)
    actor = decision.actor_id
    if actor is not None and decision.actor_role != "officer":
        # an applicant's user id is a number of the person, mostly the subject's own
        actor = keys.subject_key("actor", actor)
    details = {
        "salt": secrets.token_hex(16),
        "actor_id": actor,
        "actor_role": decision.actor_role,
        "subject_key": subject,
        "subject_key_id": key_id,
        "case_id": decision.case_id,
    }
    entry = {
        "transaction_id": number,
        "logtime": _time(at),
        "action": decision.action,
        "client_id": decision.client_id,
        "receiver_unit": decision.receiver_unit,
        "receiver_name": decision.receiver_name,
        "purpose": decision.purpose,
        "ground": decision.ground,
        "elements": list(decision.elements),
        "outcome": decision.outcome,
        "code": decision.code,
        "rule": decision.rule,
        "request_digest": request_digest,
        "response_digest": response_digest,
        "release": decision.release,
        "confidentiality": "confidential" if decision.is_confidential else "normal",
        "retention_until": _time(at + RETENTION),
    }
    return entry, details


@lru_cache(maxsize=64)  # all decisions of a set have one moment
def _time(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="microseconds")


_moment = lru_cache(maxsize=64)(datetime.fromisoformat)
