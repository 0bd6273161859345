"""Masks: how much of a value a grant shows.

`keep:a,b` keeps a first and b last characters, `last:n` the last n, `year` the year of a date; `hide` nothing.
"""

from typing import Any


def mask(name: str, value: Any) -> Any:
    """Return a shown value under a grant's mask; an empty name shows it whole, lists are masked one by one."""
    if not name or value is None:
        return value
    if isinstance(value, list):
        return [mask(name, one) for one in value]
    return apply(name, str(value))


def apply(name: str, value: str) -> str:
    """Return the masked text; what is no mask hides everything.

    A value too short to hide anything of is hidden whole.
    """
    kind, _, argument = name.partition(":")
    counts = [int(part) for part in argument.split(",") if part.strip().isdigit()]
    if kind == "keep" and len(counts) == 2:
        return _middle(value, *counts)
    if kind == "last" and len(counts) == 1:
        return _middle(value, 0, counts[0])
    if kind == "year" and value[:4].isdigit():
        return value[:4]
    return "*" * len(value)


def _middle(value: str, first: int, last: int) -> str:
    hidden = len(value) - first - last
    if hidden <= 0:
        return "*" * len(value)
    return value[:first] + "*" * hidden + value[len(value) - last :]
