"""A private file between a source that can be read once and landing: filtered on the way in.

Rows that the exclusion predicate names are dropped before anything is written, so they never touch
the disk; what remains is counted, and can be looked at before it is landed.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import sqlglot
from sqlglot import exp

from catalogs.model import Resource
from catalogs.settings import ConfigurationError
from connectors.base import SourceRefused, source_error
from connectors.batches import Stream
from connectors.duck import literal


@dataclass(frozen=True)
class Spooled:
    """Rows kept in a private Parquet file, all columns text."""

    path: Path
    rows: int
    excluded_rows: int

    @property
    def relation(self) -> str:
        """What to select from."""
        return f"read_parquet({literal(str(self.path))})"


def physical_columns(resource: Resource) -> tuple[str, ...]:
    """Columns a read needs: those of the items, and those the exclusion predicate looks at.

    Raises:
        ConfigurationError: the predicate cannot be parsed.
    """
    names = [item.physical_name for item in resource.items]
    return tuple(dict.fromkeys([*names, *predicate_columns(resource)]))


def declared_columns(resource: Resource) -> tuple[str, ...]:
    """Columns of a file that does not name them: `read.columns`, else those of the items, in their order."""
    named = resource.read.get("columns") or [item.physical_name for item in resource.items]
    return tuple(map(str, named))


def predicate_columns(resource: Resource) -> list[str]:
    """Columns that the exclusion predicate of a file or REST resource looks at (DuckDB's dialect)."""
    if not resource.ingest.exclude:
        return []
    try:
        tree = sqlglot.parse_one(resource.ingest.exclude, dialect="duckdb")
    except sqlglot.errors.ParseError:
        raise ConfigurationError(
            f"{resource.name}: ingest.exclude is not a predicate DuckDB can read"
        ) from None
    return [column.name for column in tree.find_all(exp.Column)]


def refuse_without_marks(resource: Resource, present: Collection[str]) -> None:
    """Refuse rows none of which has what the exclusion predicate looks at: without it, it would name nobody.

    Raises:
        SourceRefused: with the columns.
    """
    if gone := [name for name in predicate_columns(resource) if name not in present]:
        raise SourceRefused(
            f"{resource.name}: no row has {', '.join(gone)}, which decides what must not land; nothing was "
            f"landed. Provider {resource.provider} restores it, or the contract's exclusion is mended"
        )


def where_kept(resource: Resource) -> str:
    """The condition that drops what must not land; a row of which the predicate says nothing stays."""
    return f" WHERE ({resource.ingest.exclude}) IS NOT TRUE" if resource.ingest.exclude else ""


def spool(
    con: duckdb.DuckDBPyConnection,
    path: Path,
    resource: Resource,
    columns: Sequence[str],
    batches: Iterator[pa.RecordBatch],
) -> Spooled:
    """Write what is to be kept of a stream.

    Args:
        con: session to filter with.
        path: file to write.
        resource: for its predicate, and for messages.
        columns: names of the stream's columns.
        batches: the stream; may raise SourceError.

    Raises:
        SourceError: what the stream raised, or the predicate does not run over these columns.
    """
    stream = Stream(con, f"spool_{path.stem}", columns, batches)
    try:
        kept = f"SELECT * FROM {stream.name}{where_kept(resource)}"
        (written,) = con.execute(f"COPY ({kept}) TO {literal(str(path))} (FORMAT parquet)").fetchone()
    except duckdb.Error as error:
        raise stream.failure or source_error(error, resource.system, f"{resource.name}: reading") from None
    finally:
        con.unregister(stream.name)
    return Spooled(path, written, stream.rows - written)
