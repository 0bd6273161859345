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

from service import claims, decisions, queries
from service.access import campus_day
from service.decisions import Deciding, Surroundings
from service.mapping import words_of
from service.problems import Problem
from service.queries import ClaimsQuery, FactsQuery, PrefillQuery
from service.record import canonical
from service.state import Current
from service.subjects import Closed, Text
from service.terms import terms_of
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


class ClaimsReplay(Closed):
    """A recorded `claims:verify`."""

    action: Literal["claims"]
    request: ClaimsQuery
    receipt: str = Field(max_length=4096)


class PrefillReplay(Closed):
    """A recorded prefill."""

    action: Literal["prefill"]
    service_item: Text
    request: PrefillQuery
    receipt: str = Field(max_length=4096)


Replay = FactsReplay | ClaimsReplay | PrefillReplay


async def replay(
    around: Surroundings, client: Client, id_: UUID, asked: Replay, one: Deciding
) -> dict[str, Any]:
    """Compose a recorded answer again and compare it with the record.

    Returns:
        `matches`, with release, moment, and the status of each element or field; of statements, which are answered by
        yes or no, only that they were `answered`.

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
    composed = Deciding(replace(one.decision, transaction_id=id_), None)
    for told in (then, replace(then, has_middle_levels=False)):
        answer = await _composed(around, client, told, request, item, composed, at)
        matches = _digest(salt, answer) == entry["response_digest"]
        if matches:
            break
    return {
        "transaction_id": str(id_),
        "release": then.release,
        "at": at.isoformat(),
        "catalog": then.catalog.version,
        "matches": matches,
        "statuses": _statuses(answer),
    }


async def _composed(
    around: Surroundings,
    client: Client,
    then: Current,
    request: PrefillQuery,
    item: str,
    composed: Deciding,
    at: datetime,
) -> dict[str, Any]:
    if not isinstance(request, ClaimsQuery):
        elements = request.elements if isinstance(request, FactsQuery) else None
        answer, _ = await queries.compose(
            around, client, then, request, item, elements, composed, at, is_replayed=True
        )
        return answer
    catalog, words = then.catalog, words_of(then.catalog, client.client_id)
    elements = words.ours(claim.element for claim in request.claims)
    terms = terms_of(catalog, client.client_id, item, elements, at)
    _, known, _ = await queries.found(around, client, then, request, terms, composed, at, is_replayed=True)
    judged = claims.answer(catalog, words.claims(request.claims), known, campus_day(catalog, at))
    return queries.headed(composed.begun, then) | {"claims": words.told(judged)}


def decision_of(client: Client, release: int, asked: Replay) -> Any:
    """Return what is known of the decision to replay something."""
    return replace(
        decisions.decision_of(client, "replay", release),
        subject=asked.request.subject.key(),
        case_id=str(asked.request.case_id),
    )


def _statuses(answer: dict[str, Any]) -> dict[str, str]:
    if "claims" in answer:
        return {one["element"]: "answered" for one in answer["claims"]}
    if "facts" in answer:
        return {element: fact["status"] for element, fact in answer["facts"].items()}
    return {one["field"]: one["status"] for one in answer["fields"]}


def _salt(around: Surroundings, receipt: str, id_: UUID) -> bytes:
    try:
        told = json.loads(
            jws.deserialize_compact(receipt, around.keys.for_receipts, algorithms=["Ed25519"]).payload
        )
        if told["txn"] == str(id_):
            return bytes.fromhex(told["salt"])
    except (JoseError, ValueError, TypeError, KeyError, RecursionError):
        pass
    raise Problem("INVALID_PARAMETER", errors=[{"pointer": "/receipt", "code": "not_this_transactions"}])


def _digest(salt: bytes, content: Any) -> str:
    return hmac.new(salt, canonical(content), hashlib.sha256).hexdigest()
