"""The derived lists at the current release, as the campus may read them; no request measures anything.

Their figures were measured when the release was published. Deriving all lists and writing one take up to a few seconds
on a large campus: both are done in a thread, one at a time, and kept for the release and the day.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import asyncpg

from catalogs.lists import DerivedList, derived_lists
from catalogs.lists.all import today
from catalogs.lists.base import CAMPUS, TIER
from service.problems import Problem
from service.state import Current
from warehouse.figures import as_measured

_HUMP = re.compile(r"(?=[A-Z])")


@dataclass(frozen=True)
class Edition:
    """The lists at one release on one day.

    Attributes:
        has_figures: whether the release has been measured; else figures say 未测.
        lists: name → the list, without the rows that are for the data office alone.
        written: (name, whether as a workbook) → the content, as far as it was asked for.
    """

    release: int
    catalog_version: str
    on: date
    has_figures: bool
    lists: Mapping[str, DerivedList]
    written: dict[tuple[str, bool], bytes] = field(default_factory=dict)

    def as_data(self) -> dict[str, Any]:
        """Return what is true of every list, as plain data."""
        return {
            "release": self.release,
            "catalog_version": self.catalog_version,
            "on": self.on.isoformat(),
            "has_figures": self.has_figures,
        }


class Lists:
    """Keeps the newest edition."""

    def __init__(self) -> None:
        self._edition: Edition | None = None
        self._lock = asyncio.Lock()

    async def edition(self, pool: asyncpg.Pool, current: Current) -> Edition:
        """Return the lists at a release, as of the campus's present day."""
        async with self._lock:
            day, kept = today(current.catalog), self._edition
            if kept is not None and (kept.release, kept.on) != (current.release, day):
                kept = None
            if kept is None or not kept.has_figures:
                # The figures of a release come a moment after it.
                figures = await pool.fetchval(
                    "SELECT figures FROM yici.measured WHERE release = $1", current.release
                )
                if kept is None or figures is not None:
                    kept = self._edition = await asyncio.to_thread(_derived, current, figures, day)
            return kept

    async def written(self, edition: Edition, name: str, as_workbook: bool) -> bytes:
        """Return one list as JSON or as a workbook.

        Raises:
            Problem: NOT_FOUND.
        """
        if name not in edition.lists:
            raise Problem("NOT_FOUND")
        async with self._lock:
            if (name, as_workbook) not in edition.written:
                write = _workbook if as_workbook else _json
                edition.written[name, as_workbook] = await asyncio.to_thread(write, edition, name)
            return edition.written[name, as_workbook]


def about(one: DerivedList) -> dict[str, Any]:
    """Return what a list is, without its rows."""
    return {
        "name": one.name,
        "title_zh": one.title_zh,
        "title_en": one.title_en,
        "row_count": len(one.rows),
        "columns": [
            {"key": _snake(column.key), "name_zh": column.zh, "name_en": column.en} for column in one.columns
        ],
    }


def _derived(current: Current, figures: str | None, day: date) -> Edition:
    measured = as_measured(figures) if figures is not None else None
    told = derived_lists(current.catalog, current.faults, measured, day)
    return Edition(
        current.release,
        current.catalog.version,
        day,
        measured is not None,
        {one.name: one.for_readers(CAMPUS) for one in told},
    )


def _json(edition: Edition, name: str) -> bytes:
    one = edition.lists[name]
    keys = {key: _snake(key) for key in (*one.keys, TIER)}
    rows = [{keys[key]: row[key] for key in keys} for row in one.rows]
    told = edition.as_data() | about(one) | {"summary": dict(one.summary), "rows": rows}
    return json.dumps(told, ensure_ascii=False).encode()


def _workbook(edition: Edition, name: str) -> bytes:
    # A sixth of a worker's start, for what is seldom asked for.
    from catalogs.exports.workbook import lists_workbook

    return lists_workbook([edition.lists[name]])


def _snake(key: str) -> str:
    """Return a key as this API spells keys: `lagDays` → `lag_days`."""
    return _HUMP.sub("_", key).lower()
