"""Small cells: counts of so few cases or people that they would tell of somebody, and what must be hidden with them.

The one rule for derived lists, their workbooks and pages, and for the figures of the reform. Counts of tasks, whose
tables are chosen freely, have their own reckoning over all of them together (`service.suppression`); how few is few is
the same for all: `thresholds.smallCell` of the campus.
"""

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from typing import TypeVar

from catalogs.model import Catalog

DEFAULT = 10
# What stands in place of a hidden count: not "under ten", as what is hidden with a small count may be large.
NOT_TOLD = "不列"
K = TypeVar("K", bound=Hashable)
# A place of a row, and a part.
Cell = tuple[int, str]
Node = int | str


def threshold_of(catalog: Catalog) -> int:
    """Return below how many cases or people a figure is not shown."""
    return int((catalog.campus.raw.get("thresholds") or {}).get("smallCell", DEFAULT))


def is_few(count: int, least: int) -> bool:
    """Whether a count tells of too few; none at all tells of nobody."""
    return 0 < count < least


def tells_of_few(part: int, whole: int, least: int) -> bool:
    """Whether a part beside its whole tells of too few: of those that belong to it, or of those that do not."""
    return is_few(part, least) or is_few(whole - part, least)


def hidden(counts: Mapping[K, int], least: int, already: Collection[K] = ()) -> set[K]:
    """Return which of some counts to hide where their sum is known: never one alone, nor too few together.

    Args:
        counts: what is counted → how many; of none there is nothing to hide.
        least: fewer are hidden.
        already: what is hidden for another reason.
    """
    found = {one for one, count in counts.items() if one in already or is_few(count, least)}
    shown = sorted((one for one in counts if one not in found and counts[one]), key=lambda one: counts[one])
    telling = [counts[one] for one in found if counts[one]]
    while shown and telling and (len(telling) == 1 or sum(telling) < least):
        one = shown.pop(0)
        found.add(one)
        telling.append(counts[one])
    return found


def hidden_parts(
    rows: Sequence[Mapping[str, int]], least: int, already: Collection[int] = ()
) -> list[set[str]]:
    """Return of each row of a table which of its parts to hide.

    The parts of a row add up to its whole, which is shown, and every column's sum may be known from elsewhere. What is
    hidden is such that no row, no column and no sum and difference of several gives one of the hidden back, nor that
    the hidden ones of a row or column are together too few.

    Args:
        rows: part → how many; every row has the same parts.
        least: fewer are hidden.
        already: places of rows that are not shown at all, of which not even the whole is known.
    """
    columns = list(rows[0]) if rows else []
    gone = {
        (place, part)
        for place, row in enumerate(rows)
        for part, count in row.items()
        if place in already or is_few(count, least)
    }
    lines = [[(place, part) for part in columns] for place in range(len(rows)) if place not in already]
    lines += [[(place, part) for place in range(len(rows))] for part in columns]
    # Where only one row has any, the sum of a column is that row's: no table can hide it by what stands beside it.
    single = {part for part in columns if sum(bool(row[part]) for row in rows) < 2}
    while True:
        before = len(gone)
        for line in lines:
            own = {cell for cell in line if cell in gone}
            gone |= hidden({cell: rows[cell[0]][cell[1]] for cell in line}, least, own)
        if len(gone) == before:
            further = _beside(rows, lines, gone, _determined(gone, already, single))
            if further is None:
                return [{part for part in columns if (place, part) in gone} for place in range(len(rows))]
            gone.add(further)


def _beside(
    rows: Sequence[Mapping[str, int]],
    lines: Sequence[Sequence[Cell]],
    gone: Collection[Cell],
    told: Collection[Cell],
) -> Cell | None:
    """Return the smallest shown cell that stands in a line with one that is told; None if there is none."""
    found = {
        cell
        for line in lines
        if any(one in told and rows[one[0]][one[1]] for one in line)
        for cell in line
        if cell not in gone and rows[cell[0]][cell[1]]
    }
    return min(found, key=lambda cell: (rows[cell[0]][cell[1]], cell), default=None)


def _determined(gone: Collection[Cell], already: Collection[int], single: Collection[str]) -> set[Cell]:
    """Return the hidden cells that all sums together give back.

    Rows and columns are the nodes of a graph and hidden cells its edges; the sums leave open what can run in a circle.
    A cell without a circle is told. Rows and columns without a known whole are one node: through them anything may run.
    """
    near: dict[Node, list[tuple[Cell, Node]]] = {}
    for cell in gone:
        start: Node = -1 if cell[0] in already else cell[0]
        end: Node = -1 if cell[1] in single else cell[1]
        if start == end:
            continue
        near.setdefault(start, []).append((cell, end))
        near.setdefault(end, []).append((cell, start))
    # Tarjan's search for bridges: how early a node is met, and the earliest that can be reached from below it.
    met: dict[Node, int] = {}
    earliest: dict[Node, int] = {}
    found: set[Cell] = set()
    for root in near:
        if root in met:
            continue
        met[root] = earliest[root] = len(met)
        path: list[tuple[Node, Cell | None, Node, Iterator[tuple[Cell, Node]]]] = [
            (root, None, root, iter(near[root]))
        ]
        while path:
            node, by, above, ahead = path[-1]
            for cell, other in ahead:
                if other not in met:
                    met[other] = earliest[other] = len(met)
                    path.append((other, cell, node, iter(near[other])))
                    break
                if cell != by:
                    earliest[node] = min(earliest[node], met[other])
            else:
                path.pop()
                if by is not None:
                    earliest[above] = min(earliest[above], earliest[node])
                    if earliest[node] > met[above]:
                        found.add(by)
    return found
