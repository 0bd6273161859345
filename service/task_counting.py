"""The people of a task, counted: one statement over a release, by all dimensions of the task's tables together.

People are counted once, in the first by precedence of the task's populations that they belong to now. The value of an
element is that of the source that is granted, is stored, has one row per person and is found by the number of that
population's register; who has none there is counted without a value.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import asyncpg

from catalogs.model import Catalog, Demand, FactSource, Grant, Resource, Subject
from service import validity
from service.problems import Problem
from service.reading import literal, quoted
from service.state import Current
from service.subjects import LINKED_AS
from service.suppression import Values


@dataclass(frozen=True)
class Sums:
    """What is known of the people with one combination of values.

    Attributes:
        people: how many.
        known: measure → how many of them have a number.
        total, least, most: of these numbers.
    """

    people: int
    known: Mapping[str, int]
    total: Mapping[str, Decimal]
    least: Mapping[str, Decimal]
    most: Mapping[str, Decimal]


async def reckon(
    con: asyncpg.Connection, current: Current, demand: Demand, at: datetime
) -> list[tuple[Values, Sums]]:
    """Count the task's people by all its dimensions together.

    Args:
        con: in a transaction pinned to the release.
        current: the release.
        demand: of the task, with its populations and aggregates.
        at: the moment at which a value has to hold.
    """
    given = demand.aggregates
    assert given is not None
    wanted, measures = dimensions_of(demand), list(given.measures)
    rows = await con.fetch(_statement(current, demand, wanted, measures, at))
    found = []
    for row in rows:
        values = tuple(row[f"d{place}"] for place in range(len(wanted)))
        named = list(enumerate(measures))
        found.append(
            (
                values,
                Sums(
                    row["people"],
                    {name: row[f"known{n}"] for n, name in named},
                    {name: row[f"total{n}"] or Decimal() for n, name in named},
                    {name: row[f"least{n}"] for n, name in named},
                    {name: row[f"most{n}"] for n, name in named},
                ),
            )
        )
    return found


async def check_alone(
    con: asyncpg.Connection, catalog: Catalog, demand: Demand, others: Sequence[Demand]
) -> None:
    """Refuse to count people whom another task of the client counts, too: tables would tell by their difference.

    That no two tasks name one population the catalog's check sees (D12). Two populations of one register may hold the
    same people all the same, which only the rows tell.

    Args:
        con: in a transaction pinned to the release.
        catalog: of the release.
        demand: that is to be counted.
        others: the client's other tasks with sums.

    Raises:
        Problem: NOT_PERMITTED, naming the other task.
    """
    for other in others:
        for mine in demand.populations:
            for theirs in other.populations:
                register, _ = _register(catalog, mine)
                if catalog.populations[theirs].register != register.name:
                    continue
                both = f"{_rule(catalog, mine)} AND {_rule(catalog, theirs)}"
                if await con.fetchval(
                    f"SELECT EXISTS (SELECT FROM raw.{quoted(register.table)} WHERE {both})"
                ):
                    detail = f"task {other.purpose} counts some of the same people; have its tables put into that one"
                    raise Problem("NOT_PERMITTED", detail, rule="task:same_people")


def dimensions_of(demand: Demand) -> tuple[str, ...]:
    """Return the elements by which any table of the task counts."""
    assert demand.aggregates is not None
    return tuple(dict.fromkeys(element for table in demand.aggregates.tables for element in table))


def grants_of(catalog: Catalog, demand: Demand) -> list[Grant]:
    """Return the rights by which a task is counted: those of its demand to values as they are, without a mask."""
    return [
        grant
        for grant in catalog.grants_for("task", demand.purpose)
        if grant.demand_id == demand.demand_id and not grant.mask
    ]


def _statement(
    current: Current, demand: Demand, wanted: Sequence[str], measures: Sequence[str], at: datetime
) -> str:
    """Write the statement that counts; names and rules are those of the checked catalog."""
    catalog = current.catalog
    granted = {(grant.element, grant.resource, grant.item) for grant in grants_of(catalog, demand)}
    joins, values = [], {element: [] for element in (*wanted, *measures)}  # type: ignore[var-annotated]
    for code in demand.populations:
        for element, found in values.items():
            source = _source(current, granted, element, code, _register(catalog, code)[1].id_type)
            if source is None:
                continue
            name = f"j{len(joins)}"
            joins.append(
                f"LEFT JOIN raw.{quoted(catalog.resources[source.resource].table)} {name}"
                f" ON m.population = {literal(code)} AND {name}.{quoted(source.key_item)}::text = m.key"
            )
            found.append(_value(catalog, source, name, at))
    places = [
        f"coalesce({', '.join(f'{one}::text' for one in values[element])})"
        if values[element]
        else "NULL::text"
        for element in wanted
    ]
    picked = [f"{one} AS d{n}" for n, one in enumerate(places)]
    for n, element in enumerate(measures):
        number = f"coalesce({', '.join(values[element])})" if values[element] else "NULL::numeric"
        picked.append(f"{number}::numeric AS m{n}")
    counted = ["count(*) AS people"]
    for n in range(len(measures)):
        counted += [
            f"count(m{n}) AS known{n}", f"sum(m{n}) AS total{n}", f"min(m{n}) AS least{n}", f"max(m{n}) AS most{n}",
        ]  # fmt: skip
    grouped = [f"d{n}" for n in range(len(wanted))]
    return (
        f"WITH member AS ({members(catalog, demand)})"
        f" SELECT {', '.join([*grouped, *counted])}"
        f" FROM (SELECT {', '.join(picked) or '1'} FROM member m {' '.join(joins)}) x"
        + (f" GROUP BY {', '.join(grouped)} ORDER BY {', '.join(grouped)}" if grouped else "")
    )


def members(catalog: Catalog, demand: Demand) -> str:
    """Write the statement that names everybody of a demand's populations once.

    Its columns are subject_id, population, type, id_type and key. Who belongs to several is named in the first of them
    by precedence.

    Raises:
        Problem: NOT_PERMITTED where a population has no register.
    """
    listed = []
    for code in demand.populations:
        population = catalog.populations[code]
        register, subject = _register(catalog, code)
        listed.append(
            f"SELECT {literal(code)} AS population, {population.precedence:d} AS precedence,"
            f" {literal(subject.type)} AS type, {literal(subject.id_type)} AS id_type,"
            f" {quoted(subject.key)}::text AS key FROM raw.{quoted(register.table)}"
            f" WHERE {_rule(catalog, code)}"
        )
    return (
        "SELECT DISTINCT ON (l.subject_id) l.subject_id, m.population, m.type, m.id_type, m.key FROM ("
        + " UNION ALL ".join(listed)
        + ") m JOIN "
        + LINKED_AS.format(type="m.type", id_type="m.id_type", key="m.key")
        + " l ON true ORDER BY l.subject_id, m.precedence, m.population, m.key"
    )


def _rule(catalog: Catalog, population: str) -> str:
    """Write who of a register belongs to a population now."""
    rule = catalog.populations[population].rule or "true"
    return f"({rule}) AND _state NOT IN ('absent', 'former')"


def _register(catalog: Catalog, population: str) -> tuple[Resource, Subject]:
    """Return the register of a population, and whom it is about.

    Raises:
        Problem: NOT_PERMITTED where there is none.
    """
    register = catalog.resources.get(catalog.populations[population].register)
    if register is None or register.subject is None:
        raise Problem("NOT_PERMITTED", f"population {population} has no register", rule="task:register")
    return register, register.subject


def _value(catalog: Catalog, source: FactSource, row: str, at: datetime) -> str:
    """Write the value that is counted: none where it does not hold at that moment."""
    resource = catalog.resources[source.resource]
    value, bounded = f"{row}.{quoted(source.item)}", resource.item(source.item).validity
    if bounded is None:
        return value
    holds = validity.condition(bounded, resource, row, catalog.campus.time_zone, at)
    return f"CASE WHEN {holds} THEN {value} END"


def _source(
    current: Current,
    granted: Collection[tuple[str, str, str]],
    element: str,
    population: str,
    id_type: str,
) -> FactSource | None:
    """Return where a population's value of an element is counted from; None where it cannot be."""
    for source in current.catalog.sources_of(element):
        resource = current.catalog.resources[source.resource]
        state = current.sources.get(source.resource)
        if (
            (element, source.resource, source.item) in granted
            and source.id_type == id_type
            and (not source.populations or population in source.populations)
            and resource.key == (source.key_item,)
            and not source.many
            and state is not None
            and state.extract_id is not None
        ):
            return source
    return None
