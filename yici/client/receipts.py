"""Receipts, checked offline: the service signed that it gave this client this answer, under this entry of its record.

Who keeps receipts need not trust the service later: its record cannot be rewritten without contradicting them
(docs/service.md, "The record").
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from yici.client.problems import ReceiptError

_TYPE, _ALGORITHM = "yici-receipt+jws", "Ed25519"


@dataclass(frozen=True)
class Receipt:
    """A receipt that holds.

    Attributes:
        transaction_id: of the decision.
        seq: number of its entry in the record.
        purpose: the service item, if it was about one.
        case_id: the case, if it was about one.
        issued_at: seconds since 1970.
        jws: the receipt itself, to be kept; with the salt in it, request and answer can be proven.
    """

    transaction_id: str
    seq: int
    purpose: str | None
    case_id: str | None
    issued_at: int
    jws: str = field(repr=False)


class ReceiptFolder:
    """Keeps every receipt as a file of its own, `<transaction_id>.jws`, readable by its owner only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def __call__(self, receipt: Receipt) -> None:
        """Keep one."""
        path = self._folder / f"{receipt.transaction_id}.jws"
        path.touch(mode=0o600)
        path.write_text(receipt.jws, encoding="ascii")


def key_id(answer: Mapping[str, Any]) -> str:
    """Return which key an answer's receipt says signed it.

    Raises:
        ReceiptError: there is none, or it cannot be read.
    """
    try:
        return str(jws.extract_compact(answer["receipt"].encode()).headers().get("kid", ""))
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        raise ReceiptError("there is none that can be read") from None


def checked(answer: Mapping[str, Any], keys: KeySet, client_id: str) -> Receipt:
    """Return the receipt of an answer once it is seen to prove it.

    Args:
        answer: as received, with its `receipt`.
        keys: the service's public keys.
        client_id: to whom it must have been given.

    Raises:
        ReceiptError: another key signed it, or it is about another client or answer.
    """
    text = str(answer["receipt"])
    try:
        opened = jws.deserialize_compact(text.encode(), keys, algorithms=[_ALGORITHM])
        claims = json.loads(opened.payload)
    except (JoseError, ValueError, TypeError):
        raise ReceiptError("it is not signed by the service") from None
    if opened.headers().get("typ") != _TYPE:
        raise ReceiptError("it is no receipt")
    if claims["client"] != client_id:
        raise ReceiptError("it was given to another client")
    if "transaction_id" in answer and claims["txn"] != answer["transaction_id"]:
        raise ReceiptError("it is about another transaction")
    content = {name: value for name, value in answer.items() if name != "receipt"}
    digest = hmac.new(bytes.fromhex(claims["salt"]), _canonical(content), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(digest, claims["response_digest"]):
        raise ReceiptError("it is about another answer")
    return Receipt(claims["txn"], claims["seq"], claims["purpose"], claims["case"], claims["iat"], text)


def _canonical(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
