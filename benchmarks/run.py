"""`make bench`: read, judge and store one wide table, beside the bare COPY of the same rows.

Seconds depend on the machine; ratios less so. Every floor is measured in the same run, on the same server,
just before what it is compared with. The warehouse is the embedded server with its usual, durable settings;
source and store share it and the machine's cores. Dagster, GX, dbt and the service take no part.
"""

import argparse
import os
import resource as usage
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
from rich.console import Console
from rich.table import Table

CAMPUS = Path(__file__).resolve().parent / "campus"
SOURCE = """
CREATE TABLE wide (id bigint PRIMARY KEY, xh text NOT NULL, xm text NOT NULL, xb text NOT NULL,
                   rq date NOT NULL, je numeric(12, 2) NOT NULL, dd text, gxsj timestamp NOT NULL);
INSERT INTO wide
SELECT n, lpad((n % 50000)::text, 10, '2'), '测' || (n % 7919), CASE n % 2 WHEN 0 THEN '男' ELSE '女' END,
       date '2026-01-01' + (n % 300)::int, (n % 9999) / 100.0, '第' || (n % 97) || '食堂',
       timestamp '2026-01-01' + n * interval '1 second'
FROM generate_series(1, {rows}) AS n;
CREATE INDEX ON wide (gxsj);
ANALYZE wide;
"""
CHANGE = """
UPDATE wide SET je = je + 1, gxsj = timestamp '2027-01-01' + id * interval '1 second' WHERE id % 100 = 0;
"""


@dataclass(frozen=True)
class Measured:
    what: str
    seconds: float
    note: str = ""


def timed(work: Callable[[], object]) -> tuple[float, object]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def copied_out(url: str, to: Path | None = None) -> None:
    """One raw binary COPY stream of the source table, kept or thrown away."""
    statement = "COPY wide TO STDOUT (FORMAT binary)"
    with psycopg.connect(url) as con, con.cursor().copy(statement) as stream:
        if to is None:
            for _ in stream:
                pass
            return
        with to.open("wb") as file:
            for block in stream:
                file.write(block)


def copied_in(url: str, ready: Path) -> None:
    """Raw binary COPY of a ready file into an empty table without keys."""
    with psycopg.connect(url, autocommit=True) as con:
        con.execute("DROP TABLE IF EXISTS floor; CREATE TABLE floor (LIKE wide)")
        with con.cursor().copy("COPY floor FROM STDIN (FORMAT binary)") as stream, ready.open("rb") as file:
            while block := file.read(1 << 20):
                stream.write(block)
        con.execute("DROP TABLE floor")


def wal_bytes(url: str) -> int:
    with psycopg.connect(url) as con:
        (position,) = con.execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").fetchone() or (0,)
    return int(position)


def measure(rows: int, folder: Path) -> list[Measured]:
    """Run everything once in a fresh state folder; floors are the best of three."""
    os.environ |= {"YICI_HOME": str(folder), "YICI_CAMPUS": str(CAMPUS)}
    os.environ.pop("YICI_DATABASE_URL", None)

    import catalogs
    from catalogs.versions import pack
    from connectors.landing import Landing
    from expectations.admit import admit, engine
    from warehouse import releases
    from warehouse.embedded import EmbeddedServer
    from warehouse.extraction import land_system
    from warehouse.migrate import upgrade

    address = EmbeddedServer(folder).ensure()
    with psycopg.connect(address.url(), autocommit=True) as con:
        con.execute("CREATE DATABASE bench_source")
    source = address.url("bench_source")
    with psycopg.connect(source, autocommit=True) as con:
        con.execute(SOURCE.format(rows=rows))
    os.environ |= {
        "YICI_BENCH_HOST": str(address.socket_dir),
        "YICI_BENCH_PORT": str(address.port),
        "YICI_BENCH_USER": address.user,
        "YICI_BENCH_PASSWORD": address.password,
    }
    upgrade()
    catalog, landing = catalogs.load(CAMPUS), Landing(str(folder / "landing"))
    names = [f"bench.{mode}" for mode in ("full", "watermark")]

    def land(name: str) -> float:
        seconds, (landed,) = timed(lambda: land_system(catalog, "bench", landing, [name]))
        if landed.error:
            raise SystemExit(f"bench: {landed.error}")
        return seconds

    def release(name: str) -> tuple[float, str]:
        with releases.open_candidate(catalog, pack(catalog.files)) as candidate, engine() as con:
            seconds, done = timed(lambda: admit(con, candidate, catalog, catalog.resources[name], landing))
            if done.outcome != "applied":
                raise SystemExit(f"bench: {name}: {done.outcome}: {done.reason}")
            releases.publish(candidate, list(catalog.resources.values()), {})
        return seconds, f"{done.rows_in:,} judged, +{done.inserted:,} −{done.ended:,} versions"

    found = []
    ready = folder / "floor.bin"
    copied_out(source, ready)
    found.append(
        Measured("floor out: COPY to nowhere", min(timed(lambda: copied_out(source))[0] for _ in range(3)))
    )
    found.append(
        Measured(
            "floor in: COPY from a file", min(timed(lambda: copied_in(source, ready))[0] for _ in range(3))
        )
    )
    ready.unlink()
    for day in ("first day", "1 % changed"):
        if day != "first day":
            with psycopg.connect(source) as con:
                con.execute(CHANGE)
        for name in names:
            found.append(Measured(f"{day}: extract {name}", land(name)))
            before = wal_bytes(source)
            seconds, note = release(name)
            wal_mb = (wal_bytes(source) - before) / 1e6
            found.append(Measured(f"{day}: admit and store {name}", seconds, f"{note}, WAL {wal_mb:,.0f} MB"))
    return found


def show(rows: int, found: list[Measured]) -> Table:
    """The figures with their ratio to the floor that bounds them."""
    seconds = {measured.what: measured.seconds for measured in found}
    table = Table(title=f"{rows:,} rows of 8 columns, {os.cpu_count()} cores")
    for heading in ("what", "s", "rows/s", "floor ÷ it", ""):
        table.add_column(heading, justify="left" if heading in ("what", "") else "right")
    for measured in found:
        floor = seconds[
            f"floor {'out: COPY to nowhere' if 'extract' in measured.what else 'in: COPY from a file'}"
        ]
        ratio = "" if measured.what.startswith("floor") else f"{floor / measured.seconds:.2f}"
        table.add_row(
            measured.what, f"{measured.seconds:.2f}", f"{rows / measured.seconds:,.0f}", ratio, measured.note
        )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the source table")
    rows = parser.parse_args().rows
    folder = Path(tempfile.mkdtemp(prefix="yici-bench-"))
    folder.chmod(0o711)
    try:
        found = measure(rows, folder)
    finally:
        from warehouse.embedded import EmbeddedServer

        EmbeddedServer(folder).remove()
        shutil.rmtree(folder, ignore_errors=True)
    console = Console(width=max(Console().width, 120))
    console.print(show(rows, found))
    peak_mb = usage.getrusage(usage.RUSAGE_SELF).ru_maxrss / 1024
    console.print(f"peak memory of the pipeline's process: {peak_mb:,.0f} MB")


if __name__ == "__main__":
    main()
