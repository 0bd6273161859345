"""What `make bench` measures, one step per process, so that each has a memory and a processor time of its own.

`python -m benchmarks.steps NAME [ARGUMENT …]` runs one step in the installation that YICI_HOME and YICI_CAMPUS name and
prints one line of JSON.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TypeVar
from unittest import mock

import psycopg

Figures = dict[str, float]
_T = TypeVar("_T")


def timed(work: Callable[[], _T]) -> tuple[float, _T]:
    """Run once; seconds on the wall clock, and what it returned."""
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def copy_out(statement: str) -> Figures:
    """One raw binary COPY stream out of the source, thrown away: the limit of one connection."""

    def read() -> None:
        with psycopg.connect(os.environ["BENCH_URL"]) as con, con.cursor().copy(statement) as stream:
            for _ in stream:
                pass

    return {"seconds": timed(read)[0]}


def copy_in(path: str, index: str) -> Figures:
    """Raw binary COPY of a ready file into an empty table, and the index that the store's table has as well."""

    def write() -> None:
        with psycopg.connect(os.environ["BENCH_URL"], autocommit=True) as con:
            con.execute("CREATE TABLE floor (LIKE wide)")
            with (
                con.cursor().copy("COPY floor FROM STDIN (FORMAT binary)") as stream,
                Path(path).open("rb") as file,
            ):
                while block := file.read(1 << 20):
                    stream.write(block)
            con.execute(index)

    seconds, _ = timed(write)
    with psycopg.connect(os.environ["BENCH_URL"], autocommit=True) as con:
        con.execute("DROP TABLE floor")
    return {"seconds": seconds}


def client_stream() -> Figures:
    """All rows as MariaDB's own client streams them, thrown away."""
    names = ("HOST", "PORT", "USER", "DATABASE")
    host, port, user, database = (os.environ[f"YICI_BENCH_MARIA_{name}"] for name in names)
    command = [
        "mariadb",
        "--no-defaults",
        "--quick",
        "--batch",
        f"--host={host}",
        f"--port={port}",
        f"--user={user}",
    ]
    password = {"MYSQL_PWD": os.environ["YICI_BENCH_MARIA_PASSWORD"]}
    read = [*command, database, "--execute=SELECT * FROM wide"]
    seconds, _ = timed(
        lambda: subprocess.run(read, env=os.environ | password, stdout=subprocess.DEVNULL, check=True)
    )
    return {"seconds": seconds}


def extract(name: str) -> Figures:
    """Land a resource as the pipeline does: query, zstd Parquet, SHA-256, manifest, entry in the ledger."""
    from connectors.landing import Landing
    from warehouse.extraction import land_system

    catalog = _catalog()
    landing = Landing(str(Path(os.environ["YICI_HOME"]) / "landing"))
    seconds, done = timed(lambda: land_system(catalog, catalog.resources[name].system, landing, [name]))
    (landed,) = done
    if landed.error:
        raise SystemExit(f"bench: {landed.error}")
    return {"seconds": seconds, "rows": landed.rows}


def release(name: str, ends: str) -> Figures:
    """Judge what landed, apply the difference and publish.

    What judging, comparing and storing took is told apart, all of one application.

    Args:
        name: the resource.
        ends: `published`; or `undone`, of a first day, which leaves the table empty for another one.
    """
    from catalogs.versions import pack
    from connectors.duck import quote
    from connectors.landing import Landing
    from expectations import admit
    from warehouse import releases, versions

    catalog = _catalog()
    landing = Landing(str(Path(os.environ["YICI_HOME"]) / "landing"))
    parts = {
        "judged_s": (admit, "judge"),
        "compared_s": (versions, "compare"),
        "stored_s": (versions, "apply"),
    }
    with releases.open_candidate(catalog, pack(catalog.files)) as candidate:
        before = _wal(candidate.con)
        with admit.engine() as con, stopwatch(parts) as took:
            work = partial(admit.admit, con, candidate, catalog, catalog.resources[name], landing)
            seconds, done = timed(work)
        if done.outcome != "applied":
            raise SystemExit(f"bench: {name}: {done.outcome}: {done.reason}")
        if ends == "undone":
            candidate.con.execute(f"TRUNCATE store.{quote(catalog.resources[name].table)}")
        else:
            releases.publish(candidate, list(catalog.resources.values()), {})
        wal_mb = (_wal(candidate.con) - before) / 1e6
    return took | {
        "seconds": seconds, "wal_mb": wal_mb, "rows": done.rows_in, "inserted": done.inserted, "ended": done.ended,
    }  # fmt: skip


@contextmanager
def stopwatch(functions: Mapping[str, tuple[ModuleType, str]]) -> Iterator[Figures]:
    """Time functions where their modules call them; yields their seconds under the given names."""
    took = dict.fromkeys(functions, 0.0)
    with ExitStack() as stack:
        for figure, (module, name) in functions.items():
            stack.enter_context(mock.patch.object(module, name, _timing(getattr(module, name), took, figure)))
        yield took


def _timing(function: Callable[..., _T], took: Figures, figure: str) -> Callable[..., _T]:
    def call(*arguments, **named) -> _T:
        seconds, result = timed(lambda: function(*arguments, **named))
        took[figure] += seconds
        return result

    return call


def _catalog():
    import catalogs

    return catalogs.load(Path(os.environ["YICI_CAMPUS"]))


def _wal(con: psycopg.Connection) -> int:
    return int(con.execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").fetchone()[0])


STEPS = {step.__name__: step for step in (copy_out, copy_in, client_stream, extract, release)}


def main() -> None:
    """Run the named step."""
    print(json.dumps(STEPS[sys.argv[1]](*sys.argv[2:])))


if __name__ == "__main__":
    main()
