"""What a row of a resource looks like, made up from its contract alone: no value of anybody was read for it.

People who think about asking for a resource want to see its form. A sample of real rows would be a disclosure before
anybody decided, so the rows are made of what the contract says: codes of the code table, days, figures within their
bounds, and for texts the item's own name with a number.
"""

from collections.abc import Sequence

from catalogs.model import Catalog, Item

ROWS = 3
_DAY, _MOMENT = "2026-09-{:02d}", "2026-09-{:02d} 08:00"


def specimen_rows(catalog: Catalog, items: Sequence[Item], count: int = ROWS) -> list[list[str]]:
    """Return made-up rows: a text per item.

    Args:
        catalog: for code tables.
        items: those that the reader may see, in their order.
        count: of rows.
    """
    return [[_value(catalog, item, place) for item in items] for place in range(1, count + 1)]


def _value(catalog: Catalog, item: Item, place: int) -> str:
    table = catalog.codes.get(item.code_table)
    if table is not None and table.rows:
        codes = list(table.rows)
        code = codes[(place - 1) % len(codes)]
        return f"{code} {table.rows[code].name_zh}".strip()
    if item.enum:
        return str(item.enum[(place - 1) % len(item.enum)])
    if item.logical_type == "boolean":
        return "是" if place % 2 else "否"
    if item.logical_type == "date":
        return _DAY.format(place)
    if item.logical_type == "timestamp":
        return _MOMENT.format(place)
    if item.logical_type in ("integer", "number"):
        least = item.minimum if isinstance(item.minimum, int | float) else 0
        most = item.maximum if isinstance(item.maximum, int | float) else least + place
        figure = min(least + place, most)
        return f"{figure:.{item.scale}f}" if item.logical_type == "number" else str(int(figure))
    return _text(item, place)


def _text(item: Item, place: int) -> str:
    """A text that nobody takes for a value: the item's own name, or noughts where it has a fixed length."""
    if item.min_length and item.min_length == item.max_length:
        return str(place).rjust(item.min_length, "0")
    return f"{item.business_name or item.name} {place}"[: item.max_length]
