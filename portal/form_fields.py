"""A form of the catalog as fields on a page, and what was typed read back: the same columns and rules as in Excel.

Nothing here knows a single field: columns, their kinds and their words come from `catalogs.forms`, so that a column
that a form gains is on the page by itself. What follows from the catalog, and what identifies an entry, is shown only.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from catalogs.changes.edits import Edit
from catalogs.forms.cells import CellValue, Code, Day, Flag, Ref, Refs, Register, Words, as_text, folded
from catalogs.forms.form import NUMBER, Chosen, Column, Draft, Form, Grid, Page, Row, Told
from catalogs.forms.known import form_of
from catalogs.forms.sheets import Record, SheetFault, Table
from catalogs.model import Catalog

# The forms that are offered on pages; service items, flows and notices are edited in Excel, where tables have room.
OFFERED = ("guide", "responsibilities", "demands", "powers")
NEW = "new"
_LONG = 24
_MORE_ROWS = 4


@dataclass(frozen=True)
class Field:
    """A field on the page.

    Attributes:
        name: under which it is sent.
        kind: text, long, choice, day.
        value: as the catalog says, or as it was typed.
        words: what may be chosen.
        listed: id of the list of suggestions; empty: none.
        is_fixed: it is shown, not typed.
        faults: what of it cannot be taken.
    """

    name: str
    label: str
    kind: str
    value: str
    words: tuple[str, ...] = ()
    listed: str = ""
    is_fixed: bool = False
    faults: tuple[SheetFault, ...] = ()


@dataclass(frozen=True)
class Block:
    """A table of the form: fields of the entry as a whole, and rows of fields."""

    over: tuple[Field, ...]
    heads: tuple[str, ...]
    rows: tuple[tuple[Field, ...], ...]


@dataclass(frozen=True)
class Shown:
    """A form on a page.

    Attributes:
        lists: id → code and name of the entries that fields suggest.
        faults: those that no field has.
    """

    title: str
    blocks: tuple[Block, ...]
    lists: Mapping[str, tuple[tuple[str, str], ...]]
    faults: tuple[SheetFault, ...] = ()


@dataclass
class EntryForm:
    """A form for one entry of the catalog.

    Attributes:
        code: of the entry; `new` for a demand that is to be filed.
        given: column → value that a new entry begins with.
    """

    catalog: Catalog
    name: str
    code: str
    given: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._form: Form = form_of(self.name, self.catalog)
        self._pages = tuple(self._made())

    @property
    def is_there(self) -> bool:
        """Whether the form has the entry."""
        return bool(self._pages)

    def shown(self, typed: Mapping[str, str], faults: tuple[SheetFault, ...] = ()) -> Shown:
        """Return the form with what was typed, and what of it cannot be taken in its place."""
        lists: dict[str, tuple[tuple[str, str], ...]] = {}
        blocks, placed = [], set()
        for place, (_, grid) in enumerate(self._grids()):
            over = tuple(
                self._field(place, None, column, grid, typed, faults, lists) for column in _over(grid)
            )
            rows = tuple(
                tuple(self._field(place, row, column, grid, typed, faults, lists) for column in _own(grid))
                for row in range(len(grid.rows))
            )
            placed |= {
                fault for one in (*over, *(one for row in rows for one in row)) for fault in one.faults
            }
            blocks.append(Block(over, tuple(column.zh for column in _own(grid)), rows))
        rest = tuple(fault for fault in faults if fault not in placed)
        return Shown(self._form.title, tuple(blocks), lists, rest)

    def read(self, typed: Mapping[str, str]) -> tuple[tuple[Edit, ...], tuple[SheetFault, ...]]:
        """Return what was typed as edits of the catalog, or its faults; `column` of a fault is its column's key."""
        draft, told = Draft(self.catalog), Told()
        tables = [self._table(place, page, grid, typed) for place, (page, grid) in enumerate(self._grids())]
        self._form.read(tables, draft, told)
        return (() if told else draft.edits()), tuple(dict.fromkeys(told))

    # --- how ---

    def _made(self) -> Iterator[Page]:
        if self.code == NEW and self.name == "demands":
            columns = self._form.tables[self.name]
            yield Page(
                self.name, self._form.title, (Grid(columns, (Row(self.given), *[Row({})] * _MORE_ROWS)),)
            )
            return
        for page in self._form.pages(Draft(self.catalog), Chosen(codes=frozenset((self.code,)))):
            grids = tuple(
                Grid(grid.columns, (*grid.rows, *self._more()), grid.above, grid.below)
                for grid in page.grids
                if grid.rows
            )
            if grids:
                yield Page(page.name, page.title, grids)

    def _more(self) -> tuple[Row, ...]:
        return (Row({}, self.code),) * _MORE_ROWS if self.name == "demands" else ()

    def _grids(self) -> Iterator[tuple[Page, Grid]]:
        for page in self._pages:
            for grid in page.grids:
                yield page, grid

    def _table(self, place: int, page: Page, grid: Grid, typed: Mapping[str, str]) -> Table:
        name = next(name for name, columns in self._form.tables.items() if columns == grid.columns)
        records = []
        for number in range(len(grid.rows)):
            own = {column.key: self._cell(place, number, column, grid, typed) for column in _own(grid)}
            if number and not any(own.values()):
                continue
            if number == 0:
                own |= {column.key: self._cell(place, None, column, grid, typed) for column in _over(grid)}
            records.append(
                Record(page.name, number + 1, own, {column.key: column.key for column in grid.columns})
            )
        return Table(name, page.name, 0, grid.above, tuple(records), {})

    def _cell(
        self, place: int, row: int | None, column: Column, grid: Grid, typed: Mapping[str, str]
    ) -> CellValue:
        written = _written(column, grid.rows[row or 0])
        if self._is_fixed(column, written):
            return written or None
        return typed.get(_name(place, row, column), as_text(written)) or None

    def _is_fixed(self, column: Column, written: CellValue) -> bool:
        return column.derived or column.key == "demandId" or as_text(written) == self.code

    def _field(
        self,
        place: int,
        row: int | None,
        column: Column,
        grid: Grid,
        typed: Mapping[str, str],
        faults: tuple[SheetFault, ...],
        lists: dict[str, tuple[tuple[str, str], ...]],
    ) -> Field:
        written = _written(column, grid.rows[row or 0])
        text = as_text(written)
        is_fixed = self._is_fixed(column, written)
        name = _name(place, row, column)
        value = text if is_fixed else typed.get(name, text)
        kind, listed = "text", ""
        words: tuple[str, ...] = ()
        if isinstance(column.kind, Words) and not column.kind.is_open:
            kind, words = "choice", _words(column.kind, value)
        elif isinstance(column.kind, Words):
            listed = _listed(lists, f"words-{column.key}", column.kind.labels)
        elif isinstance(column.kind, Day):
            kind = "day"
        elif isinstance(column.kind, Ref | Code) and column.kind.register is not None:
            listed = _listed(lists, f"list-{column.key}", _entries(column.kind))
        elif isinstance(column.kind, Refs) or column.width >= _LONG or len(value) > _LONG or "\n" in value:
            kind = "long"
        own = tuple(fault for fault in faults if fault.column == column.key and fault.row == (row or 0) + 1)
        return Field(name, column.zh, kind, value, words, listed, is_fixed, own)


def _over(grid: Grid) -> Iterator[Column]:
    return (column for column in grid.columns if column.over and column.key != NUMBER)


def _own(grid: Grid) -> Iterator[Column]:
    return (column for column in grid.columns if not column.over and column.key != NUMBER)


def _name(place: int, row: int | None, column: Column) -> str:
    return f"f-{place}-{'all' if row is None else row}-{column.key}"


def _written(column: Column, row: Row) -> CellValue:
    value = row.values.get(column.key)
    return value if row.is_printed else column.kind.write(value)


def _words(kind: Words, value: str) -> tuple[str, ...]:
    """The words to choose from, the empty one first; a value that is none of them is among them, too."""
    known = tuple(as_text(kind.write(code)) for code, _ in kind.labels)
    is_known = isinstance(kind, Flag) or any(folded(one) == folded(value) for one in known)
    return ("", *known) if is_known or not value else ("", value, *known)


def _listed(
    lists: dict[str, tuple[tuple[str, str], ...]], name: str, entries: tuple[tuple[str, str], ...]
) -> str:
    lists.setdefault(name, entries)
    return name


def _entries(kind: Ref | Code) -> tuple[tuple[str, str], ...]:
    register = kind.register
    assert isinstance(register, Register)
    if isinstance(kind, Code):
        return tuple(sorted(register.names.items()))
    return tuple((register.name(code), code) for code in register.names)
