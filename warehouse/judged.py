"""What admission hands over to the store, and what the store says of it: plain data, and how both write a row's key."""

from dataclasses import dataclass

from catalogs.model import Resource
from connectors.duck import literal
from connectors.duck import quote as q


@dataclass(frozen=True)
class Judged:
    """What admission decided of extracts of one resource that have one scope kind; the rows are DuckDB tables.

    Tables: `admitted` (the store's columns and `_state`, of a sweep the key's alone; `_partition`, `_extract`),
    `refused` (the key's columns where they could be read, `_partition`, `_extract`, `_row_digest`, `_key_text`,
    `_rules`, `_row`) and, where any row was released, `waived` (the key's columns and `_row_digest` of those).

    Attributes:
        released: how many of the admitted rows are in state `released`.
        judged_by: digest of what judging depended on (`expectations.quarantine.basis`).
        label: the partition that a row belongs to by its own item, for DuckDB and PostgreSQL alike; None where no item
            says it. Rows that came before their resource was cut into partitions are told by nothing else.
    """

    resource: Resource
    extract_ids: tuple[int, ...]
    scope_kind: str
    lists_keys: bool
    partitions: tuple[str, ...]
    rows_in: int
    admitted: int
    refused: int
    released: int = 0
    judged_by: str | None = None
    label: str | None = None


@dataclass(frozen=True)
class Applied:
    """What one application changed in the store.

    Attributes:
        gone: rows that an extract which lists its keys has no longer, and the one before it had.
    """

    inserted: int
    ended: int
    quarantine_opened: int
    quarantine_closed: int
    gone: int = 0


def answered(query: str) -> str:
    """Return the relation of what the warehouse, attached as `wh`, answers to a query.

    Not by a parameter: for the first value that is bound, DuckDB imports pandas: 0.3 processor seconds and 40 MB.
    """
    return f"postgres_query('wh', {literal(query)})"


def key_text(resource: Resource) -> str:
    """Return the DuckDB expression that writes a row's key as one text, for quarantine and messages."""
    parts = ", ".join(f"coalesce(CAST({q(name)} AS VARCHAR), '')" for name in resource.key)
    return f"concat_ws('|', {parts})"
