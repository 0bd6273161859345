"""What a form is: pages of tables out of a catalog, and tables read back into a draft of its entries.

Decided here is how a row finds what it speaks of and when a cell says something new. A cell that still shows what
the catalog says changes nothing, so a workbook that comes back as it left is no change, whatever stands in it. What
a workbook does not list stays; 序号 says 删除 or 新增 where that alone would be a guess.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from catalogs.changes.content import entry_codes, read_content
from catalogs.changes.edits import Edit, entry_edits
from catalogs.changes.paths import same
from catalogs.forms.cells import CellError, CellValue, Kind, folded
from catalogs.forms.sheets import Headings, Place, Record, SheetFault, Table, heading
from catalogs.model import Catalog

NUMBER = "number"
REMOVE, ADD = "删除", "新增"


@dataclass(frozen=True)
class Column:
    """A column of a form.

    Attributes:
        zh: its heading, as the form prints it; `also`: other headings that it is known by.
        over: it speaks of all rows of an entry: one merged cell, or the same in each row.
        derived: it follows from other things: shown, and a fault where somebody changed it.
        span: how many of the sheet's columns it takes, where tables of other widths stand above each other.
    """

    key: str
    zh: str
    kind: Kind = field(default_factory=Kind)
    over: bool = False
    derived: bool = False
    also: tuple[str, ...] = ()
    width: int = 14
    span: int = 1


@dataclass(frozen=True)
class Row:
    """A row to write: values by column key, and the entry it belongs to; rows of one entry stand together.

    Attributes:
        is_printed: the values are texts that the form itself prints, not the catalog's.
    """

    values: Mapping[str, Any]
    entry: str = ""
    is_printed: bool = False


@dataclass(frozen=True)
class Grid:
    """A table on a page, with the lines above and under it."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    above: tuple[str, ...] = ()
    below: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    """A sheet to write: the first line is its title."""

    name: str
    title: str
    grids: tuple[Grid, ...]


@dataclass(frozen=True)
class Chosen:
    """Which part of a form is written; empty: all of it."""

    units: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()

    def has(self, unit: str, code: str) -> bool:
        """Whether an entry of a unit is chosen."""
        return (not self.units or unit in self.units) and (not self.codes or code in self.codes)


class Draft:
    """The catalog's entries as they come to be: read once per file, changed in place, compared at the end."""

    def __init__(self, catalog: Catalog):
        self._files = catalog.files
        self._before: dict[str, Mapping[str, Any]] = {}
        self._after: dict[str, dict[str, Any]] = {}

    def entries(self, file: str) -> dict[str, Any]:
        """Return a file's entries, code → plain data, to be changed in place; none if there is no such file."""
        if file not in self._after:
            self._before[file] = read_content(file, self._files.get(file)).entries
            self._after[file] = dict(deepcopy(self._before[file]))
        return self._after[file]

    def entry(self, file: str, key: str, code: str) -> dict[str, Any]:
        """Return an entry, to be changed in place: a member of the file's list, or the file as a whole.

        Args:
            file: its path.
            key: the key that the list stands under where the file is a mapping with a list.
            code: the entry's code.

        Raises:
            KeyError: there is none.
        """
        members = self.members(file, key)
        return members[code] if code in members else self.entries(file)[""]

    def members(self, file: str, key: str) -> dict[str, dict[str, Any]]:
        """Return the entries of a list file, code → plain data; the data may be changed in place, the mapping not."""
        listed = self._listed(file, key)
        return self.entries(file) if listed is None else dict(zip(entry_codes(listed), listed, strict=True))

    def add(self, file: str, key: str, code: str, data: dict[str, Any]) -> None:
        """Add an entry to the end of a list file."""
        listed = self._listed(file, key)
        if listed is None:
            self.entries(file)[code] = data
        else:
            listed.append(data)

    def remove(self, file: str, key: str, code: str) -> None:
        """Remove an entry of a list file."""
        listed = self._listed(file, key)
        if listed is None:
            del self.entries(file)[code]
        else:
            listed.remove(self.members(file, key)[code])

    def _listed(self, file: str, key: str) -> list[dict[str, Any]] | None:
        whole = self.entries(file).get("")
        listed = whole.get(key) if isinstance(whole, dict) else None
        return listed if isinstance(listed, list) else None

    def edits(self) -> tuple[Edit, ...]:
        """Return what has changed."""
        return tuple(
            edit
            for file in sorted(self._after)
            for edit in entry_edits(file, self._before[file], self._after[file])
        )


class Told(list[SheetFault]):
    """The faults of a workbook, collected."""

    def at(self, place: Place, what: str, expected: str, mend: str = "") -> None:
        """Tell a fault."""
        self.append(place.fault(what, expected, mend))

    def error(self, place: Place, error: CellError) -> None:
        """Tell that a cell could not be read."""
        self.at(place, error.what, error.expected, error.mend)


@dataclass(frozen=True)
class Group:
    """The rows of one entry; `head` holds what the columns over all of them say."""

    head: Record
    rows: tuple[Record, ...]


class Form(ABC):
    """A form of a campus.

    Attributes:
        name: ASCII, by which it is asked for.
        title: Chinese.
        tables: its tables, name → columns. A table's name begins with the form's.
        needed: table name → keys without which it is not recognised.
        ends: beginnings of rows under its tables.
    """

    name: str
    title: str
    needed: Mapping[str, tuple[str, ...]]
    ends: tuple[str, ...] = ()

    def __init__(self, catalog: Catalog):
        self.catalog = catalog
        self.tables = self.columns()

    @abstractmethod
    def columns(self) -> Mapping[str, tuple[Column, ...]]:
        """Return the tables of the form with their columns."""

    @abstractmethod
    def pages(self, draft: Draft, chosen: Chosen) -> Iterator[Page]:
        """Return the form filled in."""

    @abstractmethod
    def read(self, tables: Sequence[Table], draft: Draft, told: Told) -> None:
        """Change the draft as the tables of one sheet say; tell what they may not say."""

    def headings(self) -> Iterator[Headings]:
        """Return how its tables are recognised."""
        for name, columns in self.tables.items():
            keys = {heading(words): one.key for one in columns for words in (one.zh, *one.also)}
            yield Headings(name, keys, frozenset(self.needed[name]))


def said(record: Record, columns: Iterable[Column], values: Mapping[str, Any], told: Told) -> dict[str, Any]:
    """Return what a row says anew: column key → value, of the cells that no longer show the catalog's values.

    Args:
        record: the row.
        columns: those to look at; what the sheet does not have is as it was.
        values: what the catalog says, by column key.
        told: where cells that cannot be read are told, and derived ones that were changed.
    """
    found: dict[str, Any] = {}
    for column in columns:
        key = column.key
        if key == NUMBER or key not in record.cells:
            continue
        cell, value = record.cells[key], values.get(key)
        try:
            if column.kind.is_unchanged(cell, value):
                continue
            if column.derived:
                told.at(
                    record.place(key),
                    f"{column.zh} was changed, which follows from the catalog",
                    "what the form was written with",
                    "change what it follows from, or take the form anew",
                )
                continue
            new = column.kind.read(cell)
        except CellError as error:
            told.error(record.place(key), error)
            continue
        if not same(new, value):
            found[key] = new
    return found


def groups(
    table: Table,
    columns: Sequence[Column],
    identity: Sequence[str],
    told: Told,
    begins: Callable[[Record], bool] = lambda _: False,
) -> list[Group]:
    """Gather the rows of each entry: an empty identity means the entry of the row above.

    Args:
        table: the table.
        columns: its columns.
        identity: keys of the columns that tell entries apart.
        told: where a row before any entry is told, and one that says other than the entry's first.
        begins: whether a row begins an entry although nothing in its identity differs from the row above.
    """
    over = [column for column in columns if column.over]
    found: list[tuple[Record, list[Record]]] = []
    for record in table.records:
        names = [record.cells.get(key) for key in identity]
        if not found and not any(map(_is_said, names)):
            told.at(
                record.place(identity[0]), "a row that says of nothing what it is about", "a code or a name"
            )
            continue
        if (
            not found
            or begins(record)
            or any(
                _is_said(name) and _shown(name) != _shown(found[-1][0].cells.get(key))
                for key, name in zip(identity, names, strict=True)
            )
        ):
            found.append((record, []))
        head, rows = found[-1]
        rows.append(record)
        for column in over:
            cell = record.cells.get(column.key)
            if _is_said(cell) and not _agree(column, cell, head.cells.get(column.key)):
                told.at(
                    record.place(column.key),
                    f"{column.zh} differs from row {head.row} of the same entry",
                    "one value for all rows of an entry",
                    "write the same, or merge the cells",
                )
    return [Group(head, tuple(rows)) for head, rows in found]


def _is_said(cell: CellValue) -> bool:
    return cell is not None and (not isinstance(cell, str) or bool(folded(cell)))


def _shown(cell: CellValue) -> str:
    return folded("" if cell is None else cell)


def _agree(column: Column, cell: CellValue, head: CellValue) -> bool:
    try:
        return column.kind.shown(cell) == column.kind.shown(head)
    except CellError:
        return _shown(cell) == _shown(head)


def mark(record: Record) -> str:
    """Return what 序号 says beside a number: 删除, 新增 or nothing."""
    text = _shown(record.cells.get(NUMBER))
    return REMOVE if text in ("删除", "删") else ADD if text in ("新增", "增") else ""


def matched(wanted: Sequence[str], there: Sequence[str]) -> list[int | None]:
    """Find for each name of a sheet the entry it speaks of, None for a new one.

    The same name is the same entry, of equal names in their order. A name that is not there is a renamed entry if it
    stands where exactly that entry stood: between the same neighbours, as many as are missing there.

    Args:
        wanted: the names in the sheet's order.
        there: the names of the entries, in their order.
    """
    free: dict[str, list[int]] = {}
    for place, name in enumerate(there):
        free.setdefault(folded(name), []).append(place)
    found: list[int | None] = []
    for name in wanted:
        places = free.get(folded(name), [])
        found.append(places.pop(0) if places else None)
    used = {place for place in found if place is not None}
    start = 0
    while start < len(found):
        stop = start
        while stop < len(found) and found[stop] is None:
            stop += 1
        if stop > start:
            before = found[start - 1] if start else -1
            after = found[stop] if stop < len(found) else len(there)
            gap = range((before if before is not None else -1) + 1, after if after is not None else 0)
            if len(gap) == stop - start and not used & set(gap):
                found[start:stop] = list(gap)
        start = stop + 1
    return found


def look(data: Mapping[str, Any], path: str) -> Any:
    """Return what stands under keys separated by dots, None if nothing does."""
    here: Any = data
    for key in path.split("."):
        here = here.get(key) if isinstance(here, Mapping) else None
    return here


def put(data: dict[str, Any], path: str, value: Any) -> None:
    """Set what stands under keys separated by dots; None removes it, and mappings that it leaves empty."""
    key, _, rest = path.partition(".")
    if rest:
        inner = data.get(key)
        inner = inner if isinstance(inner, dict) else {}
        put(inner, rest, value)
        value = inner or None
    if value is None:
        data.pop(key, None)
    else:
        data[key] = value
