"""What a material proves of a fact, decided without showing the value (CATALOG §3.5, the language of `proves`)."""

from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from catalogs.model import CodeTable


def holds(predicate: str, value: Any, code: Any, table: CodeTable | None, today: date) -> bool:
    """Whether a known value satisfies a predicate; of several values one is enough.

    Args:
        predicate: is_known, is_true, not_expired, in:a,b, eq:x, ge:n or le:n. Coded values are compared by code and
            by the Chinese name of the code table.
        value: the value itself, unmasked.
        code: its standard code, if it is coded.
        table: the code table, for names.
        today: the day against which `not_expired` is judged.
    """
    if isinstance(value, list):
        codes = code if isinstance(code, list) else [None] * len(value)
        return any(
            holds(predicate, one, its_code, table, today) for one, its_code in zip(value, codes, strict=True)
        )
    if value is None:
        return False
    kind, _, argument = predicate.partition(":")
    names = {str(value), str(code if code is not None else value)}
    if table and code in table.rows:
        names.add(table.rows[code].name_zh)
    if kind == "is_known":
        return True
    if kind == "is_true":
        return value is True
    if kind == "in":
        return bool(names & {part.strip() for part in argument.split(",")})
    if kind == "eq":
        return argument.strip() in names
    if kind == "not_expired":
        day = value.date() if isinstance(value, datetime) else value
        return isinstance(day, date) and day >= today
    if kind in ("ge", "le"):
        return _compare(kind, value, argument)
    return False


def _compare(kind: str, value: Any, argument: str) -> bool:
    if isinstance(value, bool):
        return False
    try:
        number, bound = Decimal(str(value)), Decimal(argument.strip())
    except InvalidOperation:
        return False
    return number >= bound if kind == "ge" else number <= bound
