"""Cells of a sheet, whichever program wrote it: a text, or the reason why there is none to be taken.

The quick readers of workbooks hand an error cell, a formula that was never calculated and an empty cell over
as the same nothing, and a date that Excel itself cannot show as some other date. Here each of them is a
`Fault`, and whoever needs such a cell refuses the file and names it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

from openpyxl.styles.numbers import is_date_format, is_timedelta_format
from openpyxl.utils import get_column_letter

from connectors.base import SourceChanged, SourceRefused

NEVER_CALCULATED = "a formula that was never calculated; open and save the file in the office program"
# Excel keeps 15 digits: of a longer number it has already forgotten the rest.
_MOST_DIGITS = 10**15
_DAY_MS = 86_400_000
# What a format code only shows: quoted and escaped texts, colours, languages.
_QUOTED = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')


class Fault(str):
    """Why a cell has no value that could be taken."""


Cell = str | Fault


@dataclass(frozen=True)
class Merge:
    """A merged cell: rows counted from 1, columns from 0, all inclusive."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass
class Sheet:
    """One sheet: its rows as (number counted from 1, column counted from 0 → value), and its merged cells."""

    rows: Iterator[tuple[int, dict[int, Cell]]]
    merges: list[Merge] = field(default_factory=list)


def cell_name(row: int, column: int) -> str:
    """`B3` for row 3 and the second column."""
    return f"{get_column_letter(column + 1)}{row}"


def number_text(value: float, number_format: str, is_1904: bool, is_result: bool = False) -> Cell:
    """Return a number as its cell's format means it: number, date, time or duration.

    Args:
        value: as the file holds it.
        number_format: Excel's format code.
        is_1904: whether the workbook counts days from 1904.
        is_result: of a formula: taken to the 15 digits that Excel calculates by, so that 0.1 + 0.2 is 0.3.
    """
    if is_result:
        value = float(f"{value:.15g}")
    kind = _kind(number_format)
    if kind == "number":
        if value.is_integer() and abs(value) >= _MOST_DIGITS:
            return Fault("a number of more than 15 digits, of which Excel keeps 15; the column must be text")
        return format(Decimal(repr(value)), "f").removesuffix(".0")
    days, ms = divmod(round(value * _DAY_MS), _DAY_MS)
    clock = _clock(ms)
    if kind == "duration":
        return _clock(days * _DAY_MS + ms) if value >= 0 else Fault("a negative time")
    if kind == "time" and days == 0:
        return clock
    day = _day(days, is_1904)
    if day is None:
        return Fault("a date that Excel's calendar does not have; dates before it must be text")
    return day.isoformat() if ms == 0 and kind != "time" else f"{day.isoformat()} {clock}"


@lru_cache(maxsize=256)
def _kind(number_format: str) -> str:
    code = number_format.lower()
    if is_timedelta_format(code):
        return "duration"
    if not is_date_format(code):
        return "number"
    parts = _QUOTED.sub("", code.partition(";")[0])
    return "date" if "d" in parts or "y" in parts or ("h" not in parts and "s" not in parts) else "time"


def _day(days: int, is_1904: bool) -> date | None:
    """Day number → date; None for day 60 of the 1900 calendar (29 February 1900 never was) and what lies outside."""
    if is_1904:
        start, least = date(1904, 1, 1), 0
    else:
        start, least = (date(1899, 12, 30), 61) if days > 60 else (date(1899, 12, 31), 1)
    if days < least or (not is_1904 and days == 60) or days > (date.max - start).days:
        return None
    return start + timedelta(days=days)


def _clock(ms: int) -> str:
    seconds, rest = divmod(ms, 1000)
    text = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{text}.{rest:03d}".rstrip("0") if rest else text


def choose_sheet(path: Path, names: list[str], wanted: str | None) -> int:
    """Return the position of the sheet that is wanted; None means the only one.

    Raises:
        SourceRefused: several sheets and none named.
        SourceChanged: the sheet is gone.
    """
    if wanted is None and len(names) != 1:
        raise SourceRefused(f"{path.name}: has {len(names)} sheets; the contract names one: file#sheet")
    if wanted is not None and wanted not in names:
        raise SourceChanged(f"{path.name}: has no sheet {wanted!r} any more; it has {', '.join(names)}")
    return names.index(wanted) if wanted is not None else 0


def damaged(path: Path) -> SourceRefused:
    """Say that a file cannot be read as a workbook."""
    return SourceRefused(
        f"{path.name}: cannot be opened as a workbook (damaged, or protected by a password); nothing of it "
        f"was taken"
    )
