"""A finding on a page: its title says it, its caption defines it, a table proves it, a chart shows it, Excel keeps it.

The table on the page and its workbook are made of the same cells, so that neither can say another thing than the
other. A row about fewer cases than the campus's threshold (`thresholds.smallCell`) shows no figure: few cases are few
people. Where one row alone would be hidden, or several that have too few cases together, the next smallest is hidden
with them, or the total would tell them. The same holds for figures of a row that are about too few of something else,
and for the parts of a row: of 200 cases none tells that one was online (`catalogs.small_cells`).
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from catalogs.exports.xlsx import Cell, Sheet, workbook
from catalogs.lists.base import percent
from catalogs.small_cells import NOT_TOLD, hidden, hidden_parts
from portal.charts import Figure
from portal.texts import LANGUAGES

NOTHING = "–"
# Kinds of columns: how a value stands in its cell.
TEXT, WHEN, COUNT, SHARE, MEAN, MONEY = "text", "when", "count", "share", "mean", "money"
_NUMBERS = frozenset((COUNT, SHARE, MEAN, MONEY))
# Of a row: whether its figures are hidden; which of them are by themselves.
HIDDEN, FEW = "hidden", "few"
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
        of_list: whether its cells are those of a derived list, whose texts are long, and Chinese where not known else.
    """

    name: str
    title: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Mapping[str, Any]]
    figure: Figure | None = None
    threshold: int = 0
    of_list: bool = False

    @property
    def hides(self) -> bool:
        """Whether some figure is hidden."""
        return any(row.get(HIDDEN) or row.get(FEW) for row in self.rows)

    def heads(self, language: str) -> list[str]:
        """Return the headings."""
        return [column.zh if language == LANGUAGES[0] else column.en for column in self.columns]

    def cells(self, language: str) -> list[list[Cell]]:
        """Return what stands in each cell, on the page as in the workbook."""
        few = NOT_TOLD if language == LANGUAGES[0] else "not shown"
        return [
            [
                few
                if column.is_number and (row.get(HIDDEN) or column.key in row.get(FEW, ()))
                else cell(row.get(column.key), column.kind, "、" if language == LANGUAGES[0] else ", ")
                for column in self.columns
            ]
            for row in self.rows
        ]

    def workbook(self, language: str) -> bytes:
        """Return the table as an Excel workbook."""
        return workbook(
            [Sheet(_plain(self.title)[:_SHEET_TITLE], self.heads(language), self.cells(language))]
        )


def cell(value: Any, kind: str, listed: str = "、") -> Cell:
    """Return how a value stands in a cell, several parted by `listed`; a count stays a number, for Excel."""
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
    return listed.join(value) if isinstance(value, tuple) else str(value)


def without_few(rows: Iterable[Mapping[str, Any]], base: str, threshold: int) -> list[dict[str, Any]]:
    """Return rows, those of too few cases marked as hidden, and never one alone, nor several of too few together.

    Args:
        rows: key → value; what is marked as hidden stays so.
        base: the key of how many cases a row is about; of none there is nothing to hide.
        threshold: fewer are hidden.
    """
    found = list(rows)
    already = [place for place, row in enumerate(found) if row.get(HIDDEN)]
    gone = hidden({place: row[base] or 0 for place, row in enumerate(found)}, threshold, already)
    return [{**row, HIDDEN: place in gone} for place, row in enumerate(found)]


def without_few_by(
    rows: Iterable[Mapping[str, Any]], keys: Sequence[str], base: str, threshold: int
) -> list[dict[str, Any]]:
    """Return rows as `without_few` does where another table has their sums: none of these tells of too few either.

    Args:
        rows: key → value, in any order.
        keys: by each of which some table has the sums.
        base, threshold: as of `without_few`.
    """
    found, gone = without_few(rows, base, threshold), -1
    while gone != (gone := sum(row[HIDDEN] for row in found)):
        for key in keys:
            groups: dict[Any, list[dict[str, Any]]] = {}
            for row in found:
                groups.setdefault(row[key], []).append(row)
            found = [row for group in groups.values() for row in without_few(group, base, threshold)]
    return found


def few_within(
    rows: Sequence[Mapping[str, Any]], base: str, keys: Iterable[str], threshold: int
) -> list[dict[str, Any]]:
    """Return rows in which figures about too few of something else are hidden by themselves.

    Args:
        rows: as `without_few` left them.
        base: the key of how many of it a row is about.
        keys: of the figures about it.
        threshold: fewer are hidden.
    """
    own = frozenset(keys)
    marked = without_few(rows, base, threshold)
    return [_with_few(row, own if one[HIDDEN] else ()) for row, one in zip(rows, marked, strict=True)]


def few_parts(
    rows: Sequence[Mapping[str, Any]],
    parts_of: Callable[[Mapping[str, Any]], Mapping[str, int]],
    threshold: int,
    also: Mapping[str, Collection[str]] | None = None,
) -> list[dict[str, Any]]:
    """Return rows in which the parts that tell of too few are hidden by themselves, with all that would give them back.

    Args:
        rows: as `without_few` left them.
        parts_of: row → part → how many; they add up to what the row is about, of which nothing is left out.
        threshold: fewer are hidden.
        also: key of another figure → the parts with any of which it is hidden, as it would tell them.
    """
    found = list(rows)
    already = {place for place, row in enumerate(found) if row.get(HIDDEN)}
    gone = hidden_parts([parts_of(row) for row in found], threshold, already)
    return [
        _with_few(row, own | {key for key, parts in (also or {}).items() if own & set(parts)})
        for row, own in zip(found, gone, strict=True)
    ]


def rest_of(whole: str, part: str) -> Callable[[Mapping[str, Any]], dict[str, int]]:
    """Return what parts a row into a part and its rest, of which neither may be too few."""
    return lambda row: {part: int(row[part] or 0), f"not {part}": int(row[whole] or 0) - int(row[part] or 0)}


def tells(row: Mapping[str, Any], *keys: str) -> bool:
    """Whether none of these figures of a row is hidden, so that a chart or a title may tell them."""
    return not row.get(HIDDEN) and not any(key in row.get(FEW, ()) for key in keys)


def _with_few(row: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    return {**row, FEW: frozenset(row.get(FEW, ())) | frozenset(keys)}


def hidden_last(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return rows as a table has them: those that are hidden at its end, by name, as their place would tell figures.

    In the order of time, which tells none, they stay.
    """
    if columns[0].kind == WHEN:
        return list(rows)
    last = sorted((row for row in rows if row.get(HIDDEN)), key=lambda row: str(row[columns[0].key]))
    return [*seen(rows, len(rows)), *last]


def seen(rows: Iterable[Mapping[str, Any]], most: int) -> list[Mapping[str, Any]]:
    """Return the first rows that a chart may draw: none that is hidden."""
    return [row for row in rows if not row.get(HIDDEN)][:most]


def dated(title: str, day: date, release: int | None) -> str:
    """Return the name of a workbook: by content and date."""
    return f"{_plain(title)}-{day}-{release or 0}.xlsx"


def _plain(title: str) -> str:
    """Return a title without what neither a file's name nor a sheet's may have."""
    return "".join(letter for letter in title if letter not in _NOT_IN_NAMES).strip(" '")
