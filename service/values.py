"""Values between the warehouse and the answer: typed, shown, compared, digested."""

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from catalogs.model import CodeTable, Item

# What makes Python's value of a text of PostgreSQL's, whose dates are ISO; a string is one already.
FROM_TEXT: Mapping[str, Callable[[str], Any]] = {
    "boolean": "true".__eq__,
    "date": date.fromisoformat,
    "integer": int,
    "number": Decimal,
    "timestamp": datetime.fromisoformat,
}


def shown(raw: Any, item: Item, table: CodeTable | None) -> tuple[Any, Any]:
    """Return value and standard code as they leave the service: a coded value is its name in the code table.

    Numbers with a fraction are text, so that no reader rounds them; dates and times are RFC 3339.
    """
    if isinstance(raw, list):
        pairs = [shown(value, item, table) for value in raw]
        codes = [code for _, code in pairs]
        return [value for value, _ in pairs], codes if item.is_coded else None
    if raw is None:
        return None, None
    if item.is_coded or table is not None:
        known = table.rows.get(str(raw)) if table else None
        return (known.name_zh if known else raw), raw
    if isinstance(raw, Decimal):
        return format(raw.normalize(), "f"), None
    if isinstance(raw, (date, datetime)):
        return raw.isoformat(), None
    return raw, None


def canonical(value: Any) -> str:
    """Write a value so that equal values are equal texts (1.50 and 1.5 are equal)."""
    if isinstance(value, str):
        return encode_basestring(value)  # what json.dumps comes to, ten times for every fact
    if isinstance(value, Decimal):
        return encode_basestring(format(value.normalize(), "f"))
    if isinstance(value, date):
        return encode_basestring(str(value))
    if isinstance(value, list):
        return json.dumps(sorted(canonical(one) for one in value))
    return json.dumps(value, default=str, ensure_ascii=False)


def digest(key: bytes, *parts: Any) -> str:
    """Return a keyed digest that says nothing to who lacks the key, hex, 128 bits."""
    return digest_of(key, "\0".join(map(canonical, parts)))


def digest_of(key: bytes, text: str) -> str:
    """Return the digest of parts that are canonical already, with NUL between them."""
    return keyed(key, text.encode()).hex()[:32]


def keyed(key: bytes, content: bytes) -> bytes:
    """Return HMAC-SHA256 under a key that is used again and again: its share of the work is done once."""
    one = _begun(key).copy()
    one.update(content)
    return one.finalize()


@lru_cache(maxsize=64)
def _begun(key: bytes) -> HMAC:
    return HMAC(key, SHA256())
