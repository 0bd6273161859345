"""What was answered then, composed again: from the release, the catalog and the moment that the record names.

The client brings what it kept, its request and its receipt. Whether the answer would be the same is said by the digest
that the record holds; the values are not given again, for the right to them may have ended since.
"""

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from joserfc import jws
from joserfc.errors import JoseError
from pydantic import Field

from service import decisions, queries
from service.decisions import Deciding, Surroundings
from service.problems import Problem
from service.queries import FactsQuery, PrefillQuery
from service.record import canonical
from service.subjects import Closed, Text
from service.tokens import Client

_ENTRY = """
SELECT seq, action, release, logtime, purpose, request_digest, response_digest FROM service.record
WHERE transaction_id = $1 AND client_id = $2 AND action = $3 AND outcome = 'allowed'
"""


class FactsReplay(Closed):
    """A recorded `facts:query`."""

    action: Literal["facts"]
    request: FactsQuery
    receipt: str = Field(max_length=4096)


class PrefillReplay(Closed):
    """A recorded prefill."""

    action: Literal["prefill"]
    service_item: Text
    request: PrefillQuery
    receipt: str = Field(max_length=4096)


async def replay(
    around: Surroundings, client: Client, id_: UUID, asked: FactsReplay | PrefillReplay, one: Deciding
) -> dict[str, Any]:
    """Compose a recorded answer again and compare it with the record.

    Returns:
        `matches`, with release, moment, and the status of each element or field.

    Raises:
        Problem: NOT_FOUND for what is not the client's own, INVALID_PARAMETER where request or receipt are others,
            GONE or NOT_REPLAYABLE where it cannot be composed any more.
    """
    entry = await around.pool.fetchrow(_ENTRY, id_, client.client_id, asked.action)
    if entry is None:
        raise Problem("NOT_FOUND", rule="audit:own_transaction")
    salt = _salt(around, asked.receipt, id_)
    item = asked.service_item if isinstance(asked, PrefillReplay) else asked.request.service_item
    request = asked.request
    if _digest(salt, queries.asked_for(request, item)) != entry["request_digest"]:
        raise Problem("INVALID_PARAMETER", errors=[{"pointer": "/request", "code": "not_recorded"}])
    then = await around.state.at(around.pool, entry["release"])
    at: datetime = entry["logtime"]
    elements = request.elements if isinstance(request, FactsQuery) else None
    composed = Deciding(replace(one.decision, transaction_id=id_), None)
    answer, _ = await queries.compose(
        around, client, then, request, item, elements, composed, at, is_replayed=True
    )
    return {
        "transaction_id": str(id_),
        "release": then.release,
        "at": at.isoformat(),
        "catalog": then.catalog.version,
        "matches": _digest(salt, answer) == entry["response_digest"],
        "statuses": _statuses(answer),
    }


def decision_of(client: Client, release: int, asked: FactsReplay | PrefillReplay) -> Any:
    """Return what is known of the decision to replay something."""
    return replace(
        decisions.decision_of(client, "replay", release),
        subject=asked.request.subject.key(),
        case_id=str(asked.request.case_id),
    )


def _statuses(answer: dict[str, Any]) -> dict[str, str]:
    if "facts" in answer:
        return {element: fact["status"] for element, fact in answer["facts"].items()}
    return {one["field"]: one["status"] for one in answer["fields"]}


def _salt(around: Surroundings, receipt: str, id_: UUID) -> bytes:
    try:
        claims = json.loads(
            jws.deserialize_compact(receipt, around.keys.for_receipts, algorithms=["Ed25519"]).payload
        )
        if claims["txn"] == str(id_):
            return bytes.fromhex(claims["salt"])
    except (JoseError, ValueError, TypeError, KeyError, RecursionError):
        pass
    raise Problem("INVALID_PARAMETER", errors=[{"pointer": "/receipt", "code": "not_this_transactions"}])


def _digest(salt: bytes, content: Any) -> str:
    return hmac.new(salt, canonical(content), hashlib.sha256).hexdigest()
