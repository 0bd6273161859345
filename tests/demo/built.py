"""Systems of the reference campus, built for tests; what they hold is landed and judged by their contracts."""

import dataclasses
import importlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from catalogs.model import Catalog, Resource
from connectors import open_source
from connectors.base import ReadSpec
from connectors.duck import session
from connectors.landing import Landing
from demo.target import Target, new_target
from demo.world import World, build_world
from expectations.admission import judge
from tests.support.postgres import PgServer
from warehouse.ledger import Extract

AT = datetime(2026, 10, 19, 23, tzinfo=UTC)
# After all the days that tests let pass.
READ_AT = AT + timedelta(days=30)
NO_SERVER = "host=/nowhere"


@dataclass
class Campus:
    """Some built systems of a campus.

    Attributes:
        rows: rows written, by "<system>.<table>".
        variables: by which the readers find the systems.
    """

    world: World
    target: Target
    catalog: Catalog
    rows: dict[str, int]
    landing: Path
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Judgement:
    """What an extract of one resource came to.

    Attributes:
        rows: rows that landed.
        refused: keys of the refused rows, as admission writes them, sorted.
        rules: what the refused rows break.
        excluded: rows that the contract keeps from landing.
    """

    rows: int
    refused: tuple[str, ...]
    rules: frozenset[str]
    excluded: int


def build_systems(
    world: World, content: Catalog, target: Target, systems: Sequence[str], landing: Path
) -> Campus:
    """Build some systems of a world at a place."""
    rows: dict[str, int] = {}
    for name in systems:
        counts = importlib.import_module(f"demo.systems.{name}").build(world, target)
        rows |= {f"{name}.{table}": count for table, count in counts.items()}
    target.save(world.seed, world.size, 0)
    return Campus(world, target, content, rows, landing, dict(target.env.values))


@contextmanager
def built(
    server: PgServer, content: Catalog, folder: Path, systems: Sequence[str], letter: str
) -> Iterator[Campus]:
    """Build some systems of the small campus; their databases go when the test does.

    Args:
        server: where PostgreSQL systems get their databases.
        content: the catalog they are judged by.
        folder: an empty one.
        systems: names of modules of `demo.systems`.
        letter: stands before the names of databases and roles, so that modules of tests do not meet.
    """
    prefix = f"{letter}{os.getpid()}_"
    target = new_target(folder / "out", server.address.url(over_tcp=True), None, folder / "env", prefix)
    yield build_systems(build_world(1, "small"), content, target, systems, folder / "landing")
    with psycopg.connect(server.address.url(), autocommit=True) as admin:
        for name in target.private["databases"].split():
            admin.execute(f"DROP DATABASE {prefix}{name} WITH (FORCE)")


def file_target(folder: Path) -> Target:
    """Return a place for systems that need no database server."""
    return new_target(folder / "out", NO_SERVER, None, folder / "env")


def live(campus: Campus, systems: Sequence[str], days: Sequence[int] = (1, 2)) -> dict[str, dict[str, int]]:
    """Let days pass in some systems; returns the rows changed per system and table."""
    changed: dict[str, dict[str, int]] = {}
    for name in systems:
        module = importlib.import_module(f"demo.systems.{name}")
        counts = changed.setdefault(name, {})
        for day in days:
            for table, count in module.advance(campus.world, campus.target, day).items():
                counts[table] = counts.get(table, 0) + count
    return changed


def resources_of(content: Catalog, system: str) -> list[Resource]:
    """Return the resources of a system, in the catalog's order."""
    return [resource for resource in content.resources.values() if resource.system == system]


def judgements(campus: Campus, system: str, first_id: int) -> dict[str, Judgement]:
    """Land and judge all resources of a system; extracts are numbered from `first_id`."""
    landing = Landing(str(campus.landing))
    nothing = dict.fromkeys(one.name for one in dataclasses.fields(Extract))
    found = {}
    con = session()
    landing.attach(con)
    try:
        with open_source(campus.catalog.systems[system]) as source:
            for number, resource in enumerate(resources_of(campus.catalog, system), start=first_id):
                extracts = []
                # Systems that drop files by the day give a reading for each; ids stay apart between resources.
                for part, reading in enumerate(source.readings(ReadSpec(resource))):
                    manifest = landing.write(reading, number * 1000 + part, AT)
                    told = {"id": number * 1000 + part, "scope": manifest.scope, "taken_at": READ_AT}
                    extract = Extract(**nothing | told)
                    extracts.append((extract, landing.open(manifest), reading.excluded_rows or 0))
                judged, _ = judge(con, campus.catalog, resource, [one[:2] for one in extracts])
                refused = con.execute("SELECT _key_text, _rules FROM refused ORDER BY ALL").fetchall()
                found[resource.name] = Judgement(
                    judged.rows_in,
                    tuple(key for key, _ in refused),
                    frozenset(rule for _, rules in refused for rule in rules.split(",")),
                    sum(one[2] for one in extracts),
                )
    finally:
        con.close()
    return found


def told(campus: Campus, name: str) -> tuple[str, ...]:
    """Return the keys of the faults told of a resource, sorted."""
    return tuple(sorted(fault.key for fault in campus.world.faults if fault.resource == name))
