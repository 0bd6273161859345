"""What the service would answer about the people and things that faults befell, read by the service's own code.

The truth is what it answered before the faults: nothing happened on the campus in between, so an answer that stands as
verified and is another one has leaked.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import asyncpg
import psycopg
from psycopg import sql

from benchmarks.faults_caught import Label
from catalogs.model import Catalog, Grant, Resource
from catalogs.settings import now
from service import facts
from service.reads import Reading
from service.state import Current, State
from service.subjects import resolve
from service.telling import Fact
from service.transactions import pinned
from service.wanted import Question
from warehouse.connect import connect, pg_params

Number = tuple[str, str]
Answers = Mapping[Number, Mapping[str, Fact]]
# Kinds that leave every value as it was: what is answered has changed because days have passed.
HARMLESS = ("new-column",)
# Of a resource that is spoiled as a whole, so many subjects are asked about.
SAMPLE = 12
_PAGE = 50


def subjects_of(labels: Iterable[Label], catalog: Catalog, release: int) -> dict[Number, set[Label]]:
    """Return the kinds of number and numbers whom faults may have changed: whom a spoiled row was, or is now, about."""
    found: dict[Number, set[Label]] = defaultdict(set)
    with connect(release=release, autocommit=True) as con:
        for label in labels:
            resource = catalog.resources[label.resource]
            if resource.subject is None or catalog.is_asked(label.resource):
                continue
            if not label.is_row:
                for number in _sample(con, resource):
                    found[resource.subject.id_type, number].add(label)
                continue
            for key in (label.key, *label.also):
                number = _number(resource, key)
                if number and number.isprintable() and len(number) <= 64:
                    found[resource.subject.id_type, number].add(label)
            for number in _owners(con, resource, label.key):
                found[resource.subject.id_type, number].add(label)
    return found


def _number(resource: Resource, key: Sequence[str]) -> str:
    """Return whom a row is about, if its key says so."""
    assert resource.subject is not None
    own = resource.subject.key
    return key[resource.key.index(own)] if own in resource.key else ""


def _sample(con: psycopg.Connection, resource: Resource) -> list[str]:
    query = sql.SQL(
        "SELECT {key}::text FROM raw.{table} WHERE {key} IS NOT NULL GROUP BY 1 ORDER BY md5({key}::text) LIMIT %s"
    )
    return [row[0] for row in con.execute(_named(query, resource), [SAMPLE])]


def _owners(con: psycopg.Connection, resource: Resource, key: Sequence[str]) -> list[str]:
    where = sql.SQL(" AND ").join(
        sql.SQL("{}::text = %s").format(sql.Identifier(name)) for name in resource.key
    )
    query = sql.SQL("SELECT DISTINCT {key}::text FROM raw.{table} WHERE {key} IS NOT NULL AND ")
    return [
        row[0] for row in con.execute(_named(query, resource) + where, list(key)) if "\0" not in "".join(key)
    ]


def _named(query: sql.SQL, resource: Resource) -> sql.Composed:
    return query.format(key=sql.Identifier(resource.subject.key), table=sql.Identifier(resource.table))


def answers(catalog: Catalog, numbers: Sequence[Number]) -> Answers:
    """Return every element's fact about each number, as the current release has it, with every right to see it."""
    return asyncio.run(_answers(catalog, numbers))


async def _answers(catalog: Catalog, numbers: Sequence[Number]) -> Answers:
    params = pg_params()
    pool = await asyncpg.create_pool(
        host=params.host, port=params.port, database=params.dbname, user=params.user, password=params.password,
        min_size=1, max_size=1, server_settings={"timezone": "UTC"} | dict(params.options),
    )  # fmt: skip
    elements = [code for code in catalog.elements if catalog.sources_of(code)]
    grants = [
        Grant("", "", "", source.element, source.resource, source.item, "", "", "", None, None, "")
        for code in elements
        for source in catalog.sources_of(code)
        if not catalog.is_asked(source.resource)
    ]
    found: dict[Number, Mapping[str, Fact]] = {}
    try:
        current = await State().current(pool)
        async with pinned(pool, current.release) as con:
            for start in range(0, len(numbers), _PAGE):
                page = numbers[start : start + _PAGE]
                for number, who in zip(page, await resolve(con, catalog, page, now()), strict=True):
                    if who.subject_id is None:
                        found[number] = {}
                        continue
                    asked = Question(who.keys, who.in_doubt, None, grants, elements, now())
                    found[number] = await _settled(con, current, asked)
    finally:
        await pool.close()
    return found


async def _settled(con: asyncpg.Connection, current: Current, asked: Question) -> Mapping[str, Fact]:
    gathered = await facts.gather(Reading(con), current, asked)
    return facts.settle(current, gathered, {})


def leaked(
    befallen: Mapping[Number, set[Label]],
    before: Answers,
    after: Answers,
    only_own: bool,
    catalog: Catalog,
) -> list[tuple[Label, str]]:
    """Return the faults that came through, each with the element whose answer is false.

    Of a number that was not there before, the truth is that of the row which was copied, if one was.

    Args:
        befallen: number → the faults that may have changed what is answered about it.
        before: the truth.
        after: what is answered now.
        only_own: look only at answers from the resource that is spoiled: elsewhere the campus may have changed.
        catalog: of both.
    """
    found = []
    for number, labels in befallen.items():
        for element, fact in after.get(number, {}).items():
            if not fact.is_verified or fact.raw is None:
                continue
            sources = {one["source"] for one in fact.public["verification"]["evidence"]}
            for label in labels:
                if label.kind in HARMLESS or str(_true(label, number, before, catalog, element)) == str(
                    fact.raw
                ):
                    continue
                is_derived = any(source.startswith("derived.") for source in sources)
                if label.resource in sources or (is_derived and not only_own):
                    found.append((label, element))
    return found


def _true(label: Label, number: Number, before: Answers, catalog: Catalog, element: str) -> object:
    """Return what was answered before; None where nothing was."""
    told = before.get(number) or {}
    if not told and label.also:
        told = before.get((number[0], _number(catalog.resources[label.resource], label.also[0]))) or {}
    fact = told.get(element)
    return None if fact is None else fact.raw
