"""What is in a source: its tables with rows, columns, keys and comments; and the rows of one, to be looked at.

Looking reads the source's own catalog and counts; a count stops at a limit, because a view over millions of rows is
not worth minutes of a busy system. Reading out goes the way that landing goes, so that what is found of the values
holds for what will land.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb

from catalogs.faults import did_you_mean
from catalogs.found import AT_LEAST, COUNTED, ESTIMATED, FoundTable
from catalogs.model import Resource
from catalogs.settings import ConfigurationError
from connectors.base import ReadSpec, Source, SourceError, source_error
from connectors.duck import literal
from connectors.sql import SqlSource

COUNT_LIMIT = 100_000
# Rows per row group: what DuckDB buffers per thread while writing, hence part of the memory bound.
_ROW_GROUP = 100_000


def probe(source: Source, only: Sequence[str] = (), limit: int = COUNT_LIMIT) -> list[FoundTable]:
    """List what the reading user can see, with row counts.

    Args:
        source: an open system.
        only: physical names to look at; empty means all that the source lists.
        limit: rows up to which they are counted; beyond, the source's own estimate counts, where it has one.

    Raises:
        ConfigurationError: the kind cannot list what it holds and nothing is named, or a name is not among it.
        SourceUnavailable, SourceRefused: the source does not answer, or refuses.
    """
    listed = {table.physical_name: table for table in source.tables(only)}
    for name in only:
        if name not in listed:
            code = source.system.code
            hint = (
                did_you_mean(name, listed) or f"`yici source probe {code}` lists what the reading user sees"
            )
            raise ConfigurationError(f"{name}: not in {code}, or hidden from the reading user; {hint}")
    return [counted(source, listed[name], limit) for name in only or listed]


def counted(source: Source, table: FoundTable, limit: int) -> FoundTable:
    """Return the table with its rows counted up to the limit; unchanged where only reading could tell."""
    if not isinstance(source, SqlSource) or not table.sql_name:
        return table
    if table.rows is not None and table.rows > 2 * limit:
        return replace(table, certainty=ESTIMATED)
    inner = f"SELECT 1 AS one FROM {table.sql_name} LIMIT {limit + 1}"
    try:
        ((text,),) = source.ask(f"SELECT {source.text('count(*)')} AS n FROM ({inner}) AS found")
    except SourceError as error:
        # A view that cannot be read, or takes too long, must not hide the other tables.
        return replace(table, rows=None, notes=(*table.notes, f"cannot be counted: {error}"))
    rows = int(text)
    if rows <= limit:
        return replace(table, rows=rows, certainty=COUNTED)
    if table.rows is not None and table.rows > limit:
        return replace(table, certainty=ESTIMATED)
    return replace(table, rows=limit, certainty=AT_LEAST)


def read_out(source: Source, resource: Resource, path: Path, most: int) -> int:
    """Copy the first rows of a table, or of its newest file, to a private Parquet file; return how many.

    Args:
        source: an open system.
        resource: what to read, every column as it lands.
        path: file to write.
        most: rows to read at most.

    Raises:
        SourceError: the source cannot be read; the file is not there then.
    """
    reading = source.read(ReadSpec(resource))
    try:
        (rows,) = reading.con.execute(
            f"COPY (SELECT * FROM ({reading.query}) LIMIT {most:d}) TO {literal(str(path))} "
            f"(FORMAT parquet, ROW_GROUP_SIZE {_ROW_GROUP})"
        ).fetchone()
    except duckdb.Error as error:
        path.unlink(missing_ok=True)
        raise reading.failure() or source_error(error, resource.system, resource.name) from None
    return int(rows)


def fields_of(record: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Yield the fields of a JSON object; those of objects within it as `outer.inner`."""
    for name, value in record.items():
        if isinstance(value, dict) and value:
            yield from fields_of(value, f"{above}{name}.")
        else:
            yield f"{above}{name}"
