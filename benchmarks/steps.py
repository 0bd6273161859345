"""What `make bench` measures, one step per process, so that each has a peak memory of its own.

`python -m benchmarks.steps NAME [ARGUMENT …]` runs one step in the installation that YICI_HOME and YICI_CAMPUS name and
prints one line of JSON.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

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


def judge_alone(name: str) -> Figures:
    """Judge what landed and compare it with the store, and leave everything as it is."""
    from catalogs.versions import pack
    from connectors.landing import Landing
    from expectations.admission import judge
    from expectations.admit import engine
    from warehouse import ledger, releases, versions
    from warehouse.store import ensure_table

    catalog = _catalog()
    contract = catalog.resources[name]
    landing = Landing(str(Path(os.environ["YICI_HOME"]) / "landing"))
    with releases.open_candidate(catalog, pack(catalog.files)) as candidate, engine() as con:
        files = [(e, landing.open(landing.read(e.path))) for e in ledger.unjudged(candidate.con, name)]
        judged_s, (judged, _) = timed(lambda: judge(con, catalog, contract, files))
        table = ensure_table(candidate.con, contract)
        query = f"SELECT EXISTS (SELECT FROM store.{versions.q(table.name)})"
        (is_filled,) = candidate.con.execute(query).fetchone()
        versions.show_sealed(con, table)
        compared_s, _ = timed(lambda: is_filled and versions.compare(con, candidate.con, table, judged))
    return {"judged_s": judged_s, "compared_s": compared_s}


def release(name: str) -> Figures:
    """Judge what landed, apply the difference and publish."""
    from catalogs.versions import pack
    from connectors.landing import Landing
    from expectations.admit import admit, engine
    from warehouse import releases

    catalog = _catalog()
    landing = Landing(str(Path(os.environ["YICI_HOME"]) / "landing"))
    with releases.open_candidate(catalog, pack(catalog.files)) as candidate:
        before = _wal(candidate.con)
        with engine() as con:
            seconds, done = timed(lambda: admit(con, candidate, catalog, catalog.resources[name], landing))
        if done.outcome != "applied":
            raise SystemExit(f"bench: {name}: {done.outcome}: {done.reason}")
        releases.publish(candidate, list(catalog.resources.values()), {})
        wal_mb = (_wal(candidate.con) - before) / 1e6
    return {
        "seconds": seconds, "wal_mb": wal_mb, "rows": done.rows_in, "inserted": done.inserted, "ended": done.ended,
    }  # fmt: skip


def _catalog():
    import catalogs

    return catalogs.load(Path(os.environ["YICI_CAMPUS"]))


def _wal(con: psycopg.Connection) -> int:
    return int(con.execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").fetchone()[0])


STEPS = {step.__name__: step for step in (copy_out, copy_in, client_stream, extract, judge_alone, release)}


def main() -> None:
    """Run the named step."""
    figures = STEPS[sys.argv[1]](*sys.argv[2:])
    figures["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
