"""Values between the warehouse and the answer: typed, shown, compared, digested."""

import hmac
import json
from datetime import date, datetime
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any

from catalogs.model import CodeTable, Item


def from_json(item: Item, value: Any) -> Any:
    """Return an item's value, read as JSON from the warehouse, in Python's type for it."""
    if value is None:
        return None
    if item.logical_type == "date":
        return date.fromisoformat(value)
    if item.logical_type == "timestamp":
        return datetime.fromisoformat(value)
    if item.logical_type == "number":
        return Decimal(value)
    return value


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
    if isinstance(value, list):
        return json.dumps(sorted(canonical(one) for one in value))
    if isinstance(value, Decimal):
        value = format(value.normalize(), "f")
    return json.dumps(value, default=str, ensure_ascii=False)


def digest(key: bytes, *parts: Any) -> str:
    """Return a keyed digest that says nothing to who lacks the key, hex, 128 bits."""
    text = "\0".join(canonical(part) for part in parts)
    return hmac.digest(key, text.encode(), "sha256").hex()[:32]
