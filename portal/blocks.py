"""A finding on a page: its title says it, its caption defines it, a table proves it, a chart shows it, Excel keeps it.

The table on the page and its workbook are made of the same cells, so that neither can say another thing than the
other. A row about fewer cases than the campus's threshold (`thresholds.smallCell`) shows no figure: few cases are few
people. Where one row alone would be hidden, the next smallest is hidden with it, or the total would tell it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from catalogs.exports.xlsx import Cell, Sheet, workbook
from catalogs.lists.base import percent
from catalogs.model import Catalog
from portal.charts import Figure
from portal.texts import LANGUAGES
from service.tasks import DEFAULT_THRESHOLD

NOTHING = "–"
# Kinds of columns: how a value stands in its cell.
TEXT, WHEN, COUNT, SHARE, MEAN, MONEY = "text", "when", "count", "share", "mean", "money"
_NUMBERS = frozenset((COUNT, SHARE, MEAN, MONEY))
HIDDEN = "hidden"
_NOT_IN_NAMES = frozenset('\\/:*?"<>|[]')
_SHEET_TITLE = 28


@dataclass(frozen=True)
class Column:
    """A column: the key of its value in the rows, its headings, and its kind; a share is a pair (part, whole)."""

    key: str
    zh: str
    en: str
    kind: str = TEXT

    @property
    def is_number(self) -> bool:
        """Whether it stands at the right."""
        return self.kind in _NUMBERS


@dataclass(frozen=True)
class Block:
    """A finding; see the module.

    Attributes:
        name: ASCII, part of the address of its workbook.
        title: the finding.
        caption: what is counted, and how.
        columns: of the table.
        rows: key → value; `page` leads to more about the row, `hidden` says that its figures are not shown.
        figure: the chart; None: a table only.
        threshold: fewer cases than that are not shown.
    """

    name: str
    title: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Mapping[str, Any]]
    figure: Figure | None = None
    threshold: int = 0

    def heads(self, language: str) -> list[str]:
        """Return the headings."""
        return [column.zh if language == LANGUAGES[0] else column.en for column in self.columns]

    def cells(self, language: str) -> list[list[Cell]]:
        """Return what stands in each cell, on the page as in the workbook."""
        few = f"不足 {self.threshold}" if language == LANGUAGES[0] else f"under {self.threshold}"
        return [
            [
                few if row.get(HIDDEN) and column.is_number else cell(row.get(column.key), column.kind)
                for column in self.columns
            ]
            for row in self.rows
        ]

    def workbook(self, language: str) -> bytes:
        """Return the table as an Excel workbook."""
        return workbook(
            [Sheet(_plain(self.title)[:_SHEET_TITLE], self.heads(language), self.cells(language))]
        )


def cell(value: Any, kind: str) -> Cell:
    """Return how a value stands in a cell; a count stays a number, for Excel."""
    if value is None:
        return NOTHING
    if kind == SHARE:
        part, whole = value
        return percent(int(part), int(whole)) if whole else NOTHING
    if kind == MEAN:
        return f"{Decimal(value):.1f}"
    if kind == MONEY:
        return f"{Decimal(value):,.2f}"
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else f"{value:.2f}"
    if isinstance(value, bool):
        return "✓" if value else NOTHING
    if isinstance(value, int):
        return value
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, date):
        return value.isoformat()
    return "、".join(value) if isinstance(value, tuple) else str(value)


def small_cell(catalog: Catalog) -> int:
    """Return below how many cases a figure is not shown; the campus's, as tasks have it."""
    return int((catalog.campus.raw.get("thresholds") or {}).get("smallCell", DEFAULT_THRESHOLD))


def without_few(rows: Iterable[Mapping[str, Any]], base: str, threshold: int) -> list[dict[str, Any]]:
    """Return rows, those of too few cases marked as hidden, and never one alone.

    Args:
        rows: key → value.
        base: the key of how many cases a row is about; of none there is nothing to hide.
        threshold: fewer are hidden.
    """
    found = [{**row, HIDDEN: 0 < (row[base] or 0) < threshold} for row in rows]
    shown = [row for row in found if not row[HIDDEN] and row[base]]
    if sum(row[HIDDEN] for row in found) == 1 and shown:
        min(shown, key=lambda row: row[base])[HIDDEN] = True
    return found


def seen(rows: Iterable[Mapping[str, Any]], most: int) -> list[Mapping[str, Any]]:
    """Return the first rows that a chart may draw: none that is hidden."""
    return [row for row in rows if not row.get(HIDDEN)][:most]


def dated(title: str, day: date, release: int | None) -> str:
    """Return the name of a workbook: by content and date."""
    return f"{_plain(title)}-{day}-{release or 0}.xlsx"


def _plain(title: str) -> str:
    """Return a title without what neither a file's name nor a sheet's may have."""
    return "".join(letter for letter in title if letter not in _NOT_IN_NAMES).strip(" '")
