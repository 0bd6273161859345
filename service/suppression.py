"""Small cells: which counts of a set of tables must not be shown, so that none of them can be worked out.

All tables that a task may ever show are protected together, over the same people: whatever is asked in whatever order,
nobody gets a number that this did not reckon with. First a cell of fewer people than the threshold is hidden. Then,
until nothing more is found: a cell that a table with fewer dimensions shows may not leave over a rest that is itself
small, or that stands for one hidden cell alone; and no hidden cell may be a sum and difference of shown ones, whatever
tables they are from. For that the smallest shown cell that takes part is hidden, too.

The reckoning is on the safe side: it takes for granted that whoever tries knows which combinations of all dimensions
occur at all. What they may know beside that, one of the people counted knows of oneself.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Values = tuple[str | None, ...]
# A table is named by its dimensions; the empty one is the total. A cell is a table and the values of its dimensions.
Table = tuple[str, ...]
Cell = tuple[Table, Values]
MAX_CELLS = 2000
_TOLERANCE = 1e-7


class TooFine(Exception):
    """The tables have more cells than can be protected together."""


@dataclass(frozen=True)
class Protected:
    """Tables over the same people.

    Attributes:
        counts: cell → how many people; cells without anybody are not there.
        hidden: cells that must not be shown, nor anything that was summed up over them.
    """

    counts: Mapping[Cell, int]
    hidden: frozenset[Cell]


def protect(
    dimensions: Sequence[str],
    people: Mapping[Values, int],
    tables: Sequence[Table],
    threshold: int,
    telling: Collection[Cell] = (),
) -> Protected:
    """Decide which cells of some tables to hide.

    Args:
        dimensions: of the people, in the order of their values.
        people: the values of all dimensions → how many people have them.
        tables: the dimensions of each table that may be shown; the total belongs to them in any case.
        threshold: fewer people than that are never shown.
        telling: further cells to hide, because one of the people makes up most of what was summed up over them.

    Raises:
        TooFine: there are too many cells.
    """
    shown = [(), *dict.fromkeys(table for table in tables if table)]
    members: dict[Cell, list[int]] = {}
    sizes = np.fromiter(people.values(), dtype=float, count=len(people))
    for number, values in enumerate(people):
        named = dict(zip(dimensions, values, strict=True))
        for table in shown:
            members.setdefault((table, tuple(named[one] for one in table)), []).append(number)
    if len(members) > MAX_CELLS:
        raise TooFine
    cells = list(members)
    rows = np.zeros((len(cells), len(people)))
    for place, cell in enumerate(cells):
        rows[place, members[cell]] = 1
    counts = rows @ sizes
    hidden = (counts < threshold) | np.array([cell in telling for cell in cells], dtype=bool)
    parts = _parts(cells)
    while more := _rest(parts, counts, hidden, threshold) or _solved(cells, rows, counts, hidden):
        hidden[list(more)] = True
    return Protected(
        {cell: int(count) for cell, count in zip(cells, counts, strict=True)},
        frozenset(cell for cell, is_hidden in zip(cells, hidden, strict=True) if is_hidden),
    )


def _parts(cells: Sequence[Cell]) -> list[tuple[int, list[int]]]:
    """Return each cell with the cells of a table with more dimensions that add up to it, one entry per such table.

    The total comes last: what is hidden for a smaller sum often does for it as well.
    """
    tables = {table for table, _ in cells}
    places = {cell: number for number, cell in enumerate(cells)}
    found: dict[tuple[int, Table], list[int]] = {}
    for number, (fine, values) in enumerate(cells):
        own = dict(zip(fine, values, strict=True))
        for coarse in tables:
            if set(coarse) < set(fine):
                whole = places[coarse, tuple(own[one] for one in coarse)]
                found.setdefault((whole, fine), []).append(number)
    ordered = sorted(found.items(), key=lambda one: -len(cells[one[0][0]][0]))
    return [(whole, parts) for (whole, _), parts in ordered]


def _rest(
    parts: Sequence[tuple[int, list[int]]], counts: np.ndarray, hidden: np.ndarray, threshold: int
) -> set[int]:
    """Return cells to hide because a shown one, less its shown parts, would tell of a hidden few."""
    found: set[int] = set()
    for whole, own in parts:
        within = [one for one in own if hidden[one] or one in found]
        is_safe = len(within) > 1 and counts[within].sum() >= threshold
        if hidden[whole] or whole in found or not within or is_safe:
            continue
        shown = [one for one in own if one not in within]
        found.add(min(shown, key=lambda one: counts[one]) if shown else whole)
    return found


def _solved(cells: Sequence[Cell], rows: np.ndarray, counts: np.ndarray, hidden: np.ndarray) -> set[int]:
    """Return cells to hide because hidden ones are sums and differences of shown ones."""
    shown, unknown = np.flatnonzero(~hidden), np.flatnonzero(hidden)
    if not len(shown) or not len(unknown):
        return set()
    known = rows[shown].T
    shares, *_ = np.linalg.lstsq(known, rows[unknown].T, rcond=None)
    wrong = np.abs(known @ shares - rows[unknown].T).max(axis=0)
    found = set()
    for place in np.flatnonzero(wrong < _TOLERANCE):
        takes_part = shown[np.abs(shares[:, place]) > _TOLERANCE]
        # The total goes last: without it a table says little.
        found.add(int(min(takes_part, key=lambda one: (cells[one][0] == (), counts[one]))))
    return found
