"""What every topic of the reform stands on: who reads, in which language, which marts and lists there are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import psycopg

from catalogs.lists import DerivedList
from catalogs.lists.base import percent
from catalogs.model import Catalog
from catalogs.small_cells import threshold_of
from catalogs.views import unit_name
from portal import marts
from portal.blocks import Block, Column, hidden_last
from portal.english import english_of
from portal.texts import LANGUAGES, text

# The last twelve months that a mart tells of.
YEAR = "month_on > (SELECT max(month_on) FROM {mart}) - interval '12 months'"
CHARTED = 15


@dataclass(frozen=True)
class Reading:
    """One page being made.

    Attributes:
        lists: derived lists as the reader may see them.
        pages: addresses of the catalog that the reader may open.
        english: Chinese → English of the catalog's names and words.
    """

    con: psycopg.Connection
    catalog: Catalog
    lists: Mapping[str, DerivedList]
    pages: Mapping[str, Any]
    language: str
    english: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def threshold(self) -> int:
        """Fewer cases than that are not shown."""
        return threshold_of(self.catalog)

    def rows(self, query: str, **values: Any) -> list[marts.Row]:
        """Return what a query over the marts gives; nothing where a mart is not there."""
        return marts.read(self.con, query, values)

    def t(self, key: str, **values: object) -> str:
        """Return a text of the reform."""
        return text(f"reform.{key}", self.language, **values)

    def both(self, zh: str, en: str) -> str:
        """Return the one of the reader's language."""
        return zh if self.language == LANGUAGES[0] else en

    def word(self, chinese: str) -> str:
        """Return a word of the catalog in the reader's language, as far as it is known there."""
        return self.both(chinese, english_of(chinese, self.english))

    def listed(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row of a derived list with its words in the reader's language."""
        return {key: self.word(value) if isinstance(value, str) else value for key, value in row.items()}

    def item(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row with its service item's name in the reader's language, and where to read of it."""
        code = row["service_item"]
        known = self.catalog.services.get(code)
        name = (
            self.both(known.name_zh, known.name_en or known.name_zh) if known else row.get("name_zh") or code
        )
        page = f"services/{code}.html"
        return {**row, "name": name, "page": f"/{page}" if page in self.pages else ""}

    def unit(self, code: str | None) -> str:
        """Return a unit's name."""
        if not code:
            return self.t("no_unit")
        known = self.catalog.units.get(code)
        return (
            self.both(known.name_zh, known.name_en or known.name_zh)
            if known
            else unit_name(self.catalog, code)
        )

    def block(
        self,
        name: str,
        title: str,
        *,
        columns: Sequence[Column],
        rows: Sequence[Mapping[str, Any]],
        **parts: Any,
    ) -> Block:
        """Return a finding whose definition is the text of its name; `parts`: what else a block has."""
        caption, told = self.t(f"{name}.caption"), hidden_last(columns, rows)
        return Block(name, title, caption, columns, told, threshold=self.threshold, **parts)


def share(part: float, whole: float) -> str:
    """Return a share as the documents of the reform print it."""
    return percent(int(part), int(whole))


def points(part: float | None, whole: float | None) -> float | None:
    """Return a share in per cent for a chart, cut off as its text is; None of nothing."""
    if not whole:
        return None
    return int(part or 0) * 1000 // int(whole) / 10
