"""Tasks (上报, 统计): sums over a population, as the decided demand lists them, with small cells hidden.

A task is asked about by its code alone. Which tables it may be told, over which populations, until when, and until when
everything is destroyed stands in its demand; no other question can be put. All its tables are reckoned together, once
in each period of its frequency (a yearly task: once a year), from the release that was current then, and are given word
for word for the rest of the period: nobody can compare two states of a few people.

People are counted once, in the first by precedence of the task's populations that they belong to now. The value of an
element is that of the source that is granted, is stored, has one row per person and is found by the number of that
population's register; who has none there is counted without a value.
"""

import json
import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import asyncpg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import Field

from catalogs.derive import GRANTED, is_valid
from catalogs.model import Catalog, Demand, FactSource, Grant, Resource, Subject
from catalogs.small_cells import threshold_of
from service import validity
from service.access import campus_day
from service.keys import Keys
from service.problems import Problem
from service.reading import literal, quoted
from service.state import Current
from service.subjects import LINKED_AS, Closed, Text
from service.suppression import Cell, Protected, TooFine, Values, protect

EXPIRED = "expired"
# Whose one person makes up more of a sum than that, has told it.
MOST_OF_A_SUM = 0.75
_NONCE = 12
# How often the same task is reckoned anew; what is not here, once a year.
_PERIODS = {"once": "", "monthly": "%Y-%m", "weekly": "%G-W%V", "daily": "%Y-%m-%d"}
_YEARLY = "%Y"


class AggregateQuery(Closed):
    """`POST /v1/tasks/{code}:aggregate`."""

    by: list[Text] = Field(max_length=3, description="One of the task's tables; none for the total")


class Destroyed(Closed):
    """`POST /v1/tasks/{code}:destroyed`."""

    destroyed_on: date
    how: str = Field(
        min_length=1, max_length=500, description="How, and who answers for it: a post, no person"
    )


@dataclass(frozen=True)
class _Sums:
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


def demand_of(catalog: Catalog, client_id: str, code: str, at: datetime) -> Demand:
    """Return the decided demand by which a client works on a task today.

    Raises:
        Problem: PURPOSE_NOT_GRANTED, the same for a task that does not exist.
    """
    today = campus_day(catalog, at)
    for demand in sorted(catalog.demands.values(), key=lambda one: one.demand_id):
        if (
            (demand.purpose_kind, demand.purpose) == ("task", code)
            and (demand.client, demand.state) == (client_id, GRANTED)
            and is_valid(demand.valid_from, demand.valid_to, today)
        ):
            return demand
    detail = "no decided demand covers this task for this client today"
    raise Problem("PURPOSE_NOT_GRANTED", detail, rule="grant:purpose")


def demand_ever(catalog: Catalog, client_id: str, code: str) -> Demand:
    """Return the newest demand by which a client works or worked on a task, over or not: data must still be destroyed.

    Raises:
        Problem: PURPOSE_NOT_GRANTED, the same for a task that does not exist.
    """
    own = [
        demand
        for demand in catalog.demands.values()
        if (demand.purpose_kind, demand.purpose, demand.client) == ("task", code, client_id)
        and demand.state in (GRANTED, EXPIRED)
    ]
    if not own:
        detail = "no decided demand covers this task for this client"
        raise Problem("PURPOSE_NOT_GRANTED", detail, rule="grant:purpose")
    return max(own, key=lambda one: (one.valid_from or date.min, one.demand_id))


def table_of(demand: Demand, by: Sequence[str]) -> tuple[str, ...]:
    """Return the table of a task that is asked for; the order of its elements does not matter.

    Raises:
        Problem: ELEMENT_NOT_GRANTED where the demand lists no such table.
    """
    given = demand.aggregates
    if given is not None and demand.populations:
        if not by:
            return ()
        for table in given.tables:
            if sorted(table) == sorted(by):
                return table
    raise Problem("ELEMENT_NOT_GRANTED", "the task's demand lists no such table", rule="task:table")


def period_of(catalog: Catalog, demand: Demand, at: datetime) -> str:
    """Return the period in which the task's answer stays the same."""
    return campus_day(catalog, at).strftime(_PERIODS.get(demand.frequency, _YEARLY))


async def check_kept(pool: asyncpg.Pool, client_id: str, demand: Demand) -> None:
    """Refuse a task that its client has declared done with.

    Raises:
        Problem: PURPOSE_NOT_GRANTED.
    """
    if await destroyed(pool, client_id, demand):
        detail = "what was given for this task is declared destroyed"
        raise Problem("PURPOSE_NOT_GRANTED", detail, rule="task:not_destroyed")


async def kept(
    pool: asyncpg.Pool, keys: Keys, client_id: str, demand: Demand, period: str
) -> dict[str, Any] | None:
    """Return what the task is answered in this period, if it was reckoned already."""
    row = await pool.fetchrow(
        "SELECT sealed FROM service.task_answer WHERE client_id = $1 AND demand_id = $2 AND period = $3",
        client_id,
        demand.demand_id,
        period,
    )
    return None if row is None else _unseal(keys, demand, period, row["sealed"])


async def reckoned_from(
    pool: asyncpg.Pool, client_id: str, demand: Demand, period: str
) -> tuple[int, datetime] | None:
    """Return the release and the moment from which a period's answer was reckoned; None if none is kept."""
    row = await pool.fetchrow(
        "SELECT release, at FROM service.task_answer WHERE client_id = $1 AND demand_id = $2 AND period = $3",
        client_id,
        demand.demand_id,
        period,
    )
    return None if row is None else (row["release"], row["at"])


async def keep(
    pool: asyncpg.Pool,
    keys: Keys,
    client_id: str,
    demand: Demand,
    period: str,
    answer: Mapping[str, Any],
    at: datetime,
) -> dict[str, Any]:
    """Keep what the task is answered in this period; returns what stands, which another request may have kept first."""
    await pool.execute(
        "INSERT INTO service.task_answer (client_id, demand_id, period, release, at, sealed)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        client_id,
        demand.demand_id,
        period,
        answer["release"],
        at,
        _seal(keys, demand, period, answer),
    )
    found = await kept(pool, keys, client_id, demand, period)
    assert found is not None
    return found


async def reckon(
    con: asyncpg.Connection, current: Current, demand: Demand, at: datetime
) -> list[tuple[Values, _Sums]]:
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
                _Sums(
                    row["people"],
                    {name: row[f"known{n}"] for n, name in named},
                    {name: row[f"total{n}"] or Decimal() for n, name in named},
                    {name: row[f"least{n}"] for n, name in named},
                    {name: row[f"most{n}"] for n, name in named},
                ),
            )
        )
    return found


def dimensions_of(demand: Demand) -> tuple[str, ...]:
    """Return the elements by which any table of the task counts."""
    assert demand.aggregates is not None
    return tuple(dict.fromkeys(element for table in demand.aggregates.tables for element in table))


def compose(
    catalog: Catalog, release: int, demand: Demand, sums: Sequence[tuple[Values, _Sums]]
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
    return {"release": release, "threshold": threshold, "tables": shown}


def _protected(
    wanted: Sequence[str],
    sums: Sequence[tuple[Values, _Sums]],
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
    wanted: Sequence[str], sums: Sequence[tuple[Values, _Sums]], tables: Sequence[tuple[str, ...]]
) -> dict[Cell, list[int]]:
    cells: dict[Cell, list[int]] = defaultdict(list)
    for number, (values, _) in enumerate(sums):
        named = dict(zip(wanted, values, strict=True))
        for table in tables:
            cells[table, tuple(named[element] for element in table)].append(number)
    return cells


def _measures(told: Sequence[str], of: Sequence[_Sums], name: str) -> dict[str, str]:
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


def answer_of(found: Mapping[str, Any], demand: Demand, period: str, table: Sequence[str]) -> dict[str, Any]:
    """Return what is answered of one table of what is kept, but for the transaction and the receipt."""
    return {
        "release": found["release"],
        "task": demand.purpose,
        "period": period,
        "by": list(table),
        "threshold": found["threshold"],
        "rows": found["tables"][_name(table)],
        "destroy_by": demand.destroy_by and demand.destroy_by.isoformat(),
    }


def _statement(
    current: Current, demand: Demand, wanted: Sequence[str], measures: Sequence[str], at: datetime
) -> str:
    """Write the statement that counts; names and rules are those of the checked catalog."""
    catalog = current.catalog
    granted = {
        (grant.element, grant.resource, grant.item): grant
        for grant in catalog.grants_for("task", demand.purpose)
        if grant.demand_id == demand.demand_id
    }
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
        rule = f"({population.rule})" if population.rule else "true"
        listed.append(
            f"SELECT {literal(code)} AS population, {population.precedence:d} AS precedence,"
            f" {literal(subject.type)} AS type, {literal(subject.id_type)} AS id_type,"
            f" {quoted(subject.key)}::text AS key FROM raw.{quoted(register.table)}"
            f" WHERE {rule} AND _state NOT IN ('absent', 'former')"
        )
    return (
        "SELECT DISTINCT ON (l.subject_id) l.subject_id, m.population, m.type, m.id_type, m.key FROM ("
        + " UNION ALL ".join(listed)
        + ") m JOIN "
        + LINKED_AS.format(type="m.type", id_type="m.id_type", key="m.key")
        + " l ON true ORDER BY l.subject_id, m.precedence, m.population, m.key"
    )


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
    granted: Mapping[tuple[str, str, str], Grant],
    element: str,
    population: str,
    id_type: str,
) -> FactSource | None:
    """Return where a population's value of an element is counted from; None where it cannot be."""
    for source in current.catalog.sources_of(element):
        resource = current.catalog.resources[source.resource]
        state = current.sources.get(source.resource)
        if (
            (grant := granted.get((element, source.resource, source.item))) is not None
            and not grant.mask
            and source.id_type == id_type
            and (not source.populations or population in source.populations)
            and resource.key == (source.key_item,)
            and not source.many
            and state is not None
            and state.extract_id is not None
        ):
            return source
    return None


async def destroy(
    pool: asyncpg.Pool, client_id: str, demand: Demand, told: Destroyed, at: datetime
) -> dict[str, Any]:
    """Take down that a client has destroyed what it was given for a task; the first word stands."""
    await pool.execute(
        "INSERT INTO service.task_destroyed (client_id, demand_id, destroyed_on, how, at)"
        " VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        client_id,
        demand.demand_id,
        told.destroyed_on,
        told.how,
        at,
    )
    await pool.execute(
        "DELETE FROM service.task_answer WHERE client_id = $1 AND demand_id = $2", client_id, demand.demand_id
    )
    await pool.execute(
        "DELETE FROM service.job WHERE client_id = $1 AND request ->> 'demand_id' = $2",
        client_id,
        demand.demand_id,
    )
    found = await destroyed(pool, client_id, demand)
    assert found is not None
    return {"destroyed_on": found["destroyed_on"].isoformat(), "at": found["at"].isoformat()}


async def destroyed(pool: asyncpg.Pool, client_id: str, demand: Demand) -> asyncpg.Record | None:
    """Return the word that what was given for a task is destroyed, if its client has given it."""
    return await pool.fetchrow(
        "SELECT destroyed_on, at FROM service.task_destroyed WHERE client_id = $1 AND demand_id = $2",
        client_id,
        demand.demand_id,
    )


def _seal(keys: Keys, demand: Demand, period: str, answer: Mapping[str, Any]) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    place = f"{demand.demand_id} {period}".encode()
    return nonce + AESGCM(keys.derived("tasks")).encrypt(nonce, json.dumps(answer).encode(), place)


def _unseal(keys: Keys, demand: Demand, period: str, sealed: bytes) -> dict[str, Any]:
    place = f"{demand.demand_id} {period}".encode()
    content = AESGCM(keys.derived("tasks")).decrypt(sealed[:_NONCE], sealed[_NONCE:], place)
    found: dict[str, Any] = json.loads(content)
    return found
