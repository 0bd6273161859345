"""What was found in a source: plain data between looking (connectors, expectations) and drafting (`catalogs.draft`).

Nothing here is a value of a row, but for the codes of columns that hold few, short and often repeated ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

COUNTED = "counted"
ESTIMATED = "estimated"
AT_LEAST = "at least"


@dataclass(frozen=True)
class FoundColumn:
    """One column as the source's own catalog tells it.

    Attributes:
        name: as the source spells it.
        type: in the source's own words; empty where the kind has no types (files, REST).
        family: see `connectors.base.Column`.
        comment: the source's own; empty if it has none.
        is_required: declared NOT NULL.
        is_indexed: first column of an index.
    """

    name: str
    type: str = ""
    family: str = "unknown"
    comment: str = ""
    is_required: bool = False
    is_indexed: bool = False


@dataclass(frozen=True)
class FoundReference:
    """A declared foreign key: columns of this table → columns of another, physical names all."""

    columns: tuple[str, ...]
    to_table: str
    to_columns: tuple[str, ...]


@dataclass(frozen=True)
class FoundTable:
    """A table, view, file pattern or REST path that the reading user can see.

    Attributes:
        physical_name: as a contract writes it: table, `schema.table`, file pattern, `book.xlsx#sheet`, path.
        kind: table | view | file | path.
        comment: the source's own; empty if it has none.
        rows: how many; None where nobody can say.
        certainty: of `rows`: counted | estimated (by the source itself) | at least (counting stopped there).
        columns: in the source's order; empty until the thing has been read (REST).
        keys: declared keys, the primary one first, then unique ones over columns that are all NOT NULL.
        references: declared foreign keys.
        read: the contract's `read` block, as it was found out (files).
        notes: what the reader should know.
        sql_name: quoted name in the source's own SQL; empty where there is none.
    """

    physical_name: str
    kind: str = "table"
    comment: str = ""
    rows: int | None = None
    certainty: str = COUNTED
    columns: tuple[FoundColumn, ...] = ()
    keys: tuple[tuple[str, ...], ...] = ()
    references: tuple[FoundReference, ...] = ()
    read: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    sql_name: str = ""


@dataclass(frozen=True)
class ColumnProfile:
    """What a column's values are like; counts and codes only.

    Attributes:
        filled: rows that have a value (neither NULL nor blank).
        distinct: different values among them.
        longest: characters of the longest one.
        readable: logical type → values that admission reads as that type; of texts only types that most are
            read as, and dates and times only within 1900–2100.
        scale: most digits after the point among its numbers.
        is_zero_filled: a number among them begins with a zero that a number would lose.
        formats: format of a contract → values that satisfy it; only formats that most satisfy.
        codes: value → rows that hold it, if the values are few, short and repeated; else empty.
    """

    filled: int
    distinct: int
    longest: int = 0
    readable: Mapping[str, int] = field(default_factory=dict)
    scale: int = 0
    is_zero_filled: bool = False
    formats: Mapping[str, int] = field(default_factory=dict)
    codes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Profile:
    """What the rows of a table are like.

    Attributes:
        rows: rows looked at.
        is_sample: the table may have more rows than those.
        columns: physical name → profile.
        keys: combinations of up to three columns that tell the rows apart, best first; looked for only
            where no key is declared.
    """

    rows: int
    is_sample: bool
    columns: Mapping[str, ColumnProfile]
    keys: tuple[tuple[str, ...], ...] = ()
