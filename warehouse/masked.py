"""What engineers see: one view per resource in schema `masked`, at the current release, nothing sensitive in it.

An engineer finds out why a row is missing or late, and needs no person for it. Keys stay as they are, or no row could
be followed; any other item is shown under its mask, or under one by its class. A sensitive item says only whether it
has a value: the role has no key to open it, and a mask of its own would not do here. The first six and last four
characters of a resident's number and the birthday beside them are the number.
"""

from collections.abc import Mapping

from psycopg import sql

from catalogs.model import Item, Resource

HIDDEN = "***"


def mask_of(item: Item) -> str:
    """Return the mask under which anybody may see an item of a row: its own, else by its classification."""
    if item.mask:
        return item.mask
    if item.is_sensitive or item.data_level in ("4", "important", "core"):
        return "hide"
    return "" if item.pi_class == "none" else "keep:1,0"


def masked(resource: Resource, columns: Mapping[str, Item]) -> sql.Composable:
    """Return the select list of a resource's masked view.

    Args:
        resource: the contract.
        columns: the table's columns, each with the item that it belongs to.
    """
    shown = []
    for name, item in columns.items():
        column = sql.Identifier(name)
        if item.is_sensitive:
            value = sql.SQL("CASE WHEN {} IS NOT NULL THEN {} END").format(column, sql.Literal(HIDDEN))
        elif name in resource.key:
            value = column
        else:
            value = _under(mask_of(item), column)
        shown.append(sql.SQL("{} AS {}").format(value, column))
    return sql.SQL(", ").join(shown)


def _under(mask: str, column: sql.Composable) -> sql.Composable:
    """Return a column under a mask of the catalog, as `service.masks` applies it; what is no mask hides everything."""
    kind, _, argument = mask.partition(":")
    counts = [int(part) for part in argument.split(",") if part.strip().isdigit()]
    text = sql.SQL("{}::text").format(column)
    hidden = sql.SQL("repeat('*', length({}))").format(text)
    if not mask:
        return column
    if kind == "year":
        return sql.SQL("CASE WHEN left({0}, 4) ~ '^[0-9]{{4}}$' THEN left({0}, 4) ELSE {1} END").format(
            text, hidden
        )
    first, last = {("keep", 2): [*counts, 0][:2], ("last", 1): [0, *counts]}.get((kind, len(counts)), (0, 0))
    return sql.SQL(
        "CASE WHEN length({0}) > {1} THEN left({0}, {2}) || repeat('*', length({0}) - {1}) || right({0}, {3})"
        " ELSE {4} END"
    ).format(text, sql.Literal(first + last), sql.Literal(first), sql.Literal(last), hidden)
