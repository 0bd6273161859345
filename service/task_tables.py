"""The tables of a task: what was counted, with small cells hidden, as it is kept for a period and told of it.

What is kept stands for the whole period. Where the demand is changed meanwhile, what was kept is told as far as the
demand still gives it, and what it gives newly comes with the next period: two states of a few people never stand side
by side, and nothing is told that is not granted today.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from catalogs.model import Catalog, Demand
from catalogs.small_cells import threshold_of
from service.problems import Problem
from service.suppression import Cell, Protected, TooFine, Values, protect
from service.task_counting import Sums, dimensions_of, grants_of

# Whose one person makes up more of a sum than that, has told it.
MOST_OF_A_SUM = 0.75
# What is asked for as a measure → the numbers that are told.
_TOLD = {"sum": ("sum",), "mean": ("mean",), "extremes": ("min", "max")}


def compose(
    catalog: Catalog, release: int, demand: Demand, sums: Sequence[tuple[Values, Sums]]
) -> dict[str, Any]:
    """Return all tables of a task with small cells hidden, as they are kept for the period.

    Raises:
        Problem: NOT_PERMITTED where the tables are too fine to be protected.
    """
    given, wanted = demand.aggregates, dimensions_of(demand)
    assert given is not None
    threshold = threshold_of(catalog)
    tables = list(given.tables)
    try:
        people = protect(wanted, {values: one.people for values, one in sums}, tables, threshold)
        measured = {name: _protected(wanted, sums, tables, threshold, name) for name in given.measures}
    except TooFine:
        detail = "the task's tables have more cells than can be protected; ask for fewer"
        raise Problem("NOT_PERMITTED", detail, rule="task:too_fine") from None
    cells = _cells(wanted, sums, [(), *tables])
    shown: dict[str, list[dict[str, Any]]] = {_name(table): [] for table in [(), *tables]}
    for (table, values), members in cells.items():
        is_hidden = (table, values) in people.hidden
        row: dict[str, Any] = {
            "values": [_shown(catalog, element, value) for element, value in zip(table, values, strict=True)],
            "people": None if is_hidden else people.counts[table, values],
            "measures": {
                name: _measures(given.measures[name], [sums[n][1] for n in members], name)
                for name, found in measured.items()
                if not is_hidden and (table, values) in found.counts and (table, values) not in found.hidden
            },
        }
        shown[_name(table)].append(row)
    return {
        "release": release,
        "threshold": threshold,
        "populations": sorted(demand.populations),
        "tables": shown,
    }


def _protected(
    wanted: Sequence[str],
    sums: Sequence[tuple[Values, Sums]],
    tables: Sequence[tuple[str, ...]],
    threshold: int,
    name: str,
) -> Protected:
    """Protect the cells of one measure: fewer people may have the number than there are, and one may outweigh all."""
    known = [(values, one) for values, one in sums if one.known[name]]
    telling: set[Cell] = set()
    for cell, members in _cells(wanted, known, [(), *tables]).items():
        of = [known[n][1] for n in members]
        total = sum((one.total[name] for one in of), Decimal())
        largest = max(abs(value) for one in of for value in (one.least[name], one.most[name]))
        if largest > abs(total) * Decimal(MOST_OF_A_SUM):
            telling.add(cell)
    return protect(wanted, {values: one.known[name] for values, one in known}, tables, threshold, telling)


def _cells(
    wanted: Sequence[str], sums: Sequence[tuple[Values, Sums]], tables: Sequence[tuple[str, ...]]
) -> dict[Cell, list[int]]:
    cells: dict[Cell, list[int]] = defaultdict(list)
    for number, (values, _) in enumerate(sums):
        named = dict(zip(wanted, values, strict=True))
        for table in tables:
            cells[table, tuple(named[element] for element in table)].append(number)
    return cells


def _measures(told: Sequence[str], of: Sequence[Sums], name: str) -> dict[str, str]:
    known = sum(one.known[name] for one in of)
    total = sum((one.total[name] for one in of), Decimal())
    found = {}
    if "sum" in told:
        found["sum"] = format(total.normalize(), "f")
    if "mean" in told:
        found["mean"] = format((total / known).quantize(Decimal("0.01")), "f")
    if "extremes" in told:
        with_number = [one for one in of if one.known[name]]
        found["min"] = format(min(one.least[name] for one in with_number).normalize(), "f")
        found["max"] = format(max(one.most[name] for one in with_number).normalize(), "f")
    return found


def _shown(catalog: Catalog, element: str, value: str | None) -> dict[str, str | None]:
    table = catalog.codes.get(catalog.elements[element].code_table)
    known = table.rows.get(value) if table and value is not None else None
    return {"element": element, "code": value, "name": known.name_zh if known else value}


def _name(table: Sequence[str]) -> str:
    return ",".join(table)


def _dimensions(name: str) -> list[str]:
    return name.split(",") if name else []


def answer_of(
    catalog: Catalog, found: Mapping[str, Any], demand: Demand, period: str, table: Sequence[str]
) -> dict[str, Any]:
    """Return what is answered of one table of what is kept, but for the transaction and the receipt.

    Args:
        catalog: in force when it is asked for.
        found: what is kept for the period (`compose`), by this demand or by an older wording of it.
        demand: as it is when it is asked for.
        period: of the answer.
        table: one of the demand's.

    Raises:
        Problem: ELEMENT_NOT_GRANTED where an element of the table is not given any more, NOT_PERMITTED where the demand
            was changed within the period so that nothing that is kept answers it.
    """
    given = {grant.element for grant in grants_of(catalog, demand)}
    if not given.issuperset(table):
        raise Problem("ELEMENT_NOT_GRANTED", "the task's table is not given any more", rule="grant:element")
    kept = next((one for one in found["tables"] if sorted(_dimensions(one)) == sorted(table)), None)
    if kept is None or found.get("populations") != sorted(demand.populations):
        detail = "what stands for this period was reckoned before the task's demand was changed; ask in the next one"
        raise Problem("NOT_PERMITTED", detail, rule="task:of_this_period")
    measures = demand.aggregates.measures if demand.aggregates else {}
    told = {name: _numbers(of) for name, of in measures.items() if name in given}
    places = [_dimensions(kept).index(element) for element in table]
    return {
        "release": found["release"],
        "task": demand.purpose,
        "period": period,
        "by": list(table),
        "threshold": found["threshold"],
        "rows": [
            {
                "values": [row["values"][place] for place in places],
                "people": row["people"],
                "measures": {
                    name: {number: value for number, value in one.items() if number in told[name]}
                    for name, one in row["measures"].items()
                    if name in told
                },
            }
            for row in found["tables"][kept]
        ],
        "destroy_by": demand.destroy_by and demand.destroy_by.isoformat(),
    }


def _numbers(of: Sequence[str]) -> set[str]:
    return {number for one in of for number in _TOLD[one]}
