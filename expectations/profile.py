"""What the rows of a table are like: filled, distinct, readable as which type, and what tells them apart.

The questions are admission's own (`typing`, `formats`), asked of rows that were read as landing reads them: a type
that every value answers to here refuses none of them there. Counts come out, and codes where a column holds few,
short and repeated ones; no other value does.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import duckdb

from catalogs.draft import scale_of
from catalogs.found import ColumnProfile, FoundColumn, FoundTable, Profile
from catalogs.guesses import Hints
from catalogs.model import Item, Resource
from connectors.duck import literal
from connectors.duck import quote as q
from expectations.formats import FORMATS
from expectations.typing import source_text, typed

_SAMPLE_ROWS = 10_000
_FORMATS = ("resident_id", "phone_cn", "email", "uscc", "bank_card")
POSTCODE = "postcode"
_PLAUSIBLE = "BETWEEN DATE '1900-01-01' AND DATE '2100-12-31'"
# Few, short and repeated: what is rarer may be somebody's own words.
_MOST_CODES, _LONGEST_CODE, _ROWS_PER_CODE = 60, 20, 5
_DECIMAL = 38
_KEY_COLUMNS = 3
_LONGEST_KEY = 64
_MOST_CANDIDATES = 12
# Types that a family may be read as; text may turn out to be anything.
_ASKED = {
    "integer": ("integer", "number"),
    "number": ("integer", "number"),
    "boolean": ("boolean",),
    "date": ("date",),
    "timestamp": ("timestamp",),
    "text": ("date", "timestamp", "integer", "number", "boolean"),
    "unknown": ("date", "timestamp", "integer", "number", "boolean"),
}
_TEXTS = ("text", "unknown")


def profile(
    con: duckdb.DuckDBPyConnection,
    file: str,
    resource: Resource,
    table: FoundTable,
    hints: Mapping[str, Hints],
    most: int,
    timezone: str,
) -> Profile:
    """Look at the rows of one table.

    Args:
        con: a DuckDB session of our own.
        file: Parquet file with the rows, one column per item of `resource`.
        resource: the table with every column as text.
        table: what its source declares.
        hints: physical name → what the column's name suggests; decides which keys are looked for first.
        most: rows that were read out at most: where there are so many, the table may have more.
        timezone: IANA name in which times without a zone are meant.
    """
    con.execute(f"CREATE OR REPLACE TEMP VIEW found AS SELECT * FROM read_parquet({literal(file)})")
    (rows,) = con.execute("SELECT count(*) FROM found").fetchone()
    landed = dict(con.execute("SELECT column_name, column_type FROM (DESCRIBE found)").fetchall())
    con.execute(
        "CREATE OR REPLACE TEMP TABLE sample AS SELECT * FROM found "
        f"USING SAMPLE reservoir({_SAMPLE_ROWS} ROWS) REPEATABLE (1)"
    )
    columns = {column.name: column for column in table.columns}
    profiles = {
        item.physical_name: _column(con, item, columns[item.physical_name], landed[item.name], timezone)
        for item in resource.items
    }
    items = {item.physical_name: item.name for item in resource.items}
    keys = () if table.keys else tuple(_keys(con, table, items, profiles, hints, rows))
    return Profile(rows, rows >= most, profiles, keys)


def _column(
    con: duckdb.DuckDBPyConnection, item: Item, column: FoundColumn, landed: str, timezone: str
) -> ColumnProfile:
    name = q(item.name)
    text = f"trim({source_text(name, landed)})"
    is_filled = f"({name} IS NOT NULL AND {text} <> '')"
    number = f"regexp_full_match({text}, '[+-]?[0-9]+\\.[0-9]+')"
    filled, distinct, longest, scale, zeros = con.execute(
        f"""SELECT coalesce(count_if({is_filled}), 0), approx_count_distinct({name}),
            coalesce(max(length({text})), 0),
            coalesce(max(length(rtrim(split_part({text}, '.', 2), '0'))) FILTER ({number}), 0),
            coalesce(count_if(regexp_matches({text}, '^[+-]?0[0-9]')), 0)
        FROM found"""
    ).fetchone()
    asked = _ASKED.get(column.family, ())
    allowed = scale_of(column, scale)
    if allowed > _DECIMAL:
        asked = tuple(kind for kind in asked if kind != "number")
    tests = {kind: _reads(item, kind, name, landed, allowed, timezone, column.family) for kind in asked}
    is_text = column.family in _TEXTS
    return ColumnProfile(
        filled=filled,
        distinct=distinct,
        longest=longest,
        readable=_counts(con, text, tests, is_text) if filled else {},
        scale=scale,
        is_zero_filled=zeros > 0,
        formats=_counts(con, text, _formats(text), True) if is_text and filled else {},
        codes=_codes(con, name, text, is_filled, filled) if is_text and longest <= _LONGEST_CODE else {},
    )


def _reads(item: Item, kind: str, name: str, landed: str, scale: int, timezone: str, family: str) -> str:
    """True where admission reads the value as a type; a date guessed from text has to be a likely one."""
    expression = typed(replace(item, logical_type=kind, scale=scale), name, landed, {}, timezone)
    if family in _TEXTS and kind in ("date", "timestamp"):
        return f"CAST(({expression}) AS DATE) {_PLAUSIBLE}"
    return f"({expression}) IS NOT NULL"


def _formats(text: str) -> dict[str, str]:
    tests = {name: FORMATS[name](text) for name in _FORMATS}
    return {**tests, POSTCODE: f"regexp_full_match({text}, '[0-9]{{6}}')"}


def _counts(
    con: duckdb.DuckDBPyConnection, text: str, tests: Mapping[str, str], only_likely: bool
) -> dict[str, int]:
    """Count the values that pass each test; if asked so, only of tests that half of a sample passes."""
    likely = dict(tests)
    if only_likely and tests:
        counts = ", ".join(f"coalesce(count_if({test}), 0)" for test in tests.values())
        *found, filled = con.execute(f"SELECT {counts}, count_if({text} <> '') FROM sample").fetchone()
        likely = {
            name: test for (name, test), count in zip(tests.items(), found, strict=True) if 2 * count > filled
        }
    if not likely:
        return {}
    counts = ", ".join(f"count_if({test})" for test in likely.values())
    return dict(zip(likely, con.execute(f"SELECT {counts} FROM found").fetchone(), strict=True))


def _codes(
    con: duckdb.DuckDBPyConnection, name: str, text: str, is_filled: str, filled: int
) -> dict[str, int]:
    rows = con.execute(
        f"SELECT {text}, count(*) FROM found WHERE {is_filled} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {_MOST_CODES + 1}"
    ).fetchall()
    is_few = len(rows) <= _MOST_CODES and len(rows) * _ROWS_PER_CODE <= filled
    return dict(rows) if is_few else {}


def _keys(
    con: duckdb.DuckDBPyConnection,
    table: FoundTable,
    items: Mapping[str, str],
    profiles: Mapping[str, ColumnProfile],
    hints: Mapping[str, Hints],
    rows: int,
) -> Iterator[tuple[str, ...]]:
    """Find the smallest combinations of always filled columns without a repetition.

    First among columns that are named like keys or could be ones; only if those tell nothing apart, among all.
    Of one row everything is a key, so nothing is looked for.
    """
    if rows < 2:
        return
    full = [
        column
        for column in table.columns
        if column.name in items
        and profiles[column.name].filled == rows
        and profiles[column.name].longest <= _LONGEST_KEY
        and profiles[column.name].distinct > 1
    ]
    likely = [column for column in full if _could_be_key(column, profiles[column.name], hints[column.name])]
    # Stable: within a rank the source's own order, in which keys usually stand first.
    likely.sort(key=lambda column: not hints[column.name].is_key)
    for candidates in (likely, full):
        names = [column.name for column in candidates[:_MOST_CANDIDATES]]
        for size in range(1, _KEY_COLUMNS + 1):
            found = [
                parts
                for parts in combinations(names, size)
                if _tells_apart(con, [items[part] for part in parts])
            ]
            if found:
                yield from found
                return


def _could_be_key(column: FoundColumn, profile: ColumnProfile, hints: Hints) -> bool:
    """Whether a column may name a row: no measure, no time of change, nobody's name."""
    is_measure = profile.scale > 0 or column.family == "number" or hints.is_quantity
    return not (
        is_measure or column.family == "boolean" or hints.is_changed_at or hints.is_name or hints.is_flag
    )


def _tells_apart(con: duckdb.DuckDBPyConnection, names: Sequence[str]) -> bool:
    """Whether no two rows are equal in these columns; the sample answers first, because it mostly says no."""
    listed = ", ".join(map(q, names))
    return not any(
        con.execute(f"SELECT 1 FROM {where} GROUP BY {listed} HAVING count(*) > 1 LIMIT 1").fetchone()
        for where in ("sample", "found")
    )
