"""Reading and changing a contract's plain data: its one schema object, its items, its custom properties."""

from collections.abc import Mapping
from typing import Any


def schema_of(doc: Mapping[str, Any]) -> dict[str, Any]:
    """Return a contract's one schema object, which may be changed in place."""
    return doc["schema"][0]


def property_of(doc: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return an item, which may be changed in place."""
    return next(one for one in schema_of(doc)["properties"] if one["name"] == name)


def custom_of(holder: Mapping[str, Any]) -> dict[str, Any]:
    """Return the custom properties of a contract or an item, property → value."""
    return {one["property"]: one["value"] for one in holder.get("customProperties") or ()}


def put_custom(holder: dict[str, Any], key: str, value: Any) -> None:
    """Set a custom property of a contract or an item; None removes it."""
    entries = holder.setdefault("customProperties", [])
    found = next((one for one in entries if one["property"] == key), None)
    if value is None:
        entries[:] = [one for one in entries if one is not found]
    elif found is not None:
        found["value"] = value
    else:
        entries.append({"property": key, "value": value})
    if not entries:
        del holder["customProperties"]
