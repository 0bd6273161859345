"""Until when a value holds, by its source's own dates (the contract's `validity`), and whether it holds at a moment.

When a value was written down says nothing of when it is so: a post is entered before it begins, and stays in the table
after it ended. Only what the source itself says counts, never when the warehouse first saw a row. A date is a whole day
of the campus, the last one too; a bound that is empty does not bound.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from catalogs.model import Resource, Validity
from service.reading import literal, quoted

NOT_YET, NO_LONGER = "not_yet_valid", "no_longer_valid"
Bound = date | datetime | None


def bounds(validity: Validity, items: Mapping[str, Any]) -> tuple[Bound, Bound]:
    """Return from when until when the values of a row hold.

    Args:
        validity: which items say so.
        items: the row's.
    """
    since = items[validity.from_item] if validity.from_item else None
    until = items[validity.until_item] if validity.until_item else None
    return since, until


def unmet(since: Bound, until: Bound, at: datetime, zone: ZoneInfo) -> str:
    """Return why a value does not hold at a moment; empty if it does.

    Args:
        since: its first day or moment.
        until: its last day, or the moment at which it ends.
        at: the moment.
        zone: of the campus, which says what day it is.
    """
    if since is not None and _reached(since, at, zone) < since:
        return NOT_YET
    if until is not None and _reached(until, at, zone) > until:
        return NO_LONGER
    return ""


def _reached(bound: date | datetime, at: datetime, zone: ZoneInfo) -> Any:
    """Return the moment as what it is compared with: a moment, or the day that it lies in."""
    return at if isinstance(bound, datetime) else at.astimezone(zone).date()


def condition(validity: Validity, resource: Resource, row: str, time_zone: str, at: datetime) -> str:
    """Write in SQL that a row's values hold at a moment.

    Args:
        validity: which items bound them.
        resource: whose.
        row: the row's name in the statement.
        time_zone: of the campus.
        at: the moment.
    """
    moment, parts = f"{literal(at.isoformat())}::timestamptz", []
    for name, compare in ((validity.from_item, "<="), (validity.until_item, ">=")):
        if name:
            is_day = resource.item(name).logical_type == "date"
            reached = f"({moment} AT TIME ZONE {literal(time_zone)})::date" if is_day else moment
            parts.append(f"coalesce({row}.{quoted(name)} {compare} {reached}, true)")
    return " AND ".join(parts) or "true"
