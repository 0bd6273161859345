"""`make bench`: read, judge and store one wide table, beside the bare COPY of the same rows and beside other readers.

Seconds depend on the machine; ratios less so. Everything is measured in the same number of rounds, turn by turn with
what it is compared with, and of each the quickest counts, with the largest memory of all its rounds. A first day is
undone and lived again; a day with changes is another day with other rows changed. Only the day on which every row
changes comes once: no ratio is taken from it. Before each measurement the server writes out what it still has to
write. The warehouse is the embedded server with its usual, durable settings; source and store share it and the
machine's cores. Dagster, GX, dbt and the service take no part. What was found: docs/performance.md.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg
from rich.console import Console
from rich.table import Table

from benchmarks import processes
from benchmarks.steps import Figures

HERE = Path(__file__).resolve().parent
SIZES = (300_000, 3_000_000, 12_000_000)
RIVALS = ("connectorx", "dlt", "dlt into DuckDB", "dlt into PostgreSQL")
_ROUNDS = 3
COPY_OUT = "COPY wide TO STDOUT (FORMAT binary)"
SOURCE = """
CREATE TABLE wide (id bigint PRIMARY KEY, xh text NOT NULL, xm text NOT NULL, xb text NOT NULL,
                   rq date NOT NULL, je numeric(12, 2) NOT NULL, dd text, gxsj timestamp NOT NULL);
INSERT INTO wide
SELECT n, lpad((n % 50000)::text, 10, '2'), '测' || (n % 7919), CASE n % 2 WHEN 0 THEN '男' ELSE '女' END,
       date '2026-01-01' + (n % 300)::int, (n % 9999) / 100.0, '第' || (n % 97) || '食堂',
       timestamp '2026-01-01' + n * interval '1 second'
FROM generate_series(1, {rows}) AS n;
CREATE INDEX ON wide (gxsj);
"""
# Share of the rows that a day changes, as the divisor of their numbers; the last day changes all of them.
DAYS = (("nothing changed", 0), ("1 % changed", 100), ("everything changed", 1))
CHANGE = """
UPDATE wide SET je = je + 1, gxsj = timestamp '2027-01-01' + {day} * interval '1 day' + id * interval '1 millisecond'
WHERE id % {divisor} = {rest};
"""
INDEX = "CREATE UNIQUE INDEX ON floor (id)"
MARIA = """
CREATE TABLE wide (id bigint PRIMARY KEY, xh varchar(20) NOT NULL, xm varchar(40) NOT NULL, xb varchar(4) NOT NULL,
                   rq date NOT NULL, je decimal(12, 2) NOT NULL, dd varchar(60), gxsj datetime NOT NULL);
INSERT INTO wide
SELECT seq, lpad(seq % 50000, 10, '2'), concat('测', seq % 7919), if(seq % 2, '女', '男'),
       date '2026-01-01' + INTERVAL seq % 300 DAY, (seq % 9999) / 100, concat('第', seq % 97, '食堂'),
       timestamp '2026-01-01 00:00:00' + INTERVAL seq SECOND
FROM seq_1_to_{rows};
ANALYZE TABLE wide;
"""


@dataclass
class Size:
    """Figures of one table size, by what was measured."""

    rows: int
    found: dict[str, Figures] = field(default_factory=dict)

    def keep(self, what: str, figures: Figures) -> None:
        """Keep the quickest of several rounds, with the largest memory of all."""
        rounds = [figures, *filter(None, [self.found.get(what)])]
        largest = {name: max(one[name] for one in rounds) for name in ("peak_mb", "server_mb")}
        self.found[what] = min(rounds, key=lambda one: one["seconds"]) | largest


@contextmanager
def installation(rows: int) -> Iterator[dict[str, str]]:
    """A state folder with an embedded server and the source table; yields the environment of the steps."""
    from warehouse.embedded import EmbeddedServer

    folder = Path(tempfile.mkdtemp(prefix="yici-bench-"))
    folder.chmod(0o711)
    server = EmbeddedServer(folder)
    try:
        address = server.ensure()
        with psycopg.connect(address.url(), autocommit=True) as con:
            con.execute("CREATE DATABASE bench_source")
        with psycopg.connect(address.url("bench_source"), autocommit=True) as con:
            con.execute(SOURCE.format(rows=rows))
            con.execute("VACUUM ANALYZE wide")
            con.execute("CHECKPOINT")
        url = (
            f"postgresql://{address.user}:{quote(address.password, safe='')}@localhost:{address.port}/bench_source"
            f"?host={quote(str(address.socket_dir), safe='')}"
        )
        inherited = {name: value for name, value in os.environ.items() if name != "YICI_DATABASE_URL"}
        yield inherited | {
            "YICI_HOME": str(folder),
            "YICI_CAMPUS": str(HERE / "campus"),
            "YICI_BENCH_HOST": str(address.socket_dir),
            "YICI_BENCH_PORT": str(address.port),
            "YICI_BENCH_USER": address.user,
            "YICI_BENCH_PASSWORD": address.password,
            "BENCH_URL": url,
            "BENCH_POSTMASTER": str(server.status().pid),
        }
    finally:
        server.remove()
        shutil.rmtree(folder, ignore_errors=True)


def step(environment: dict[str, str], name: str, *arguments: str) -> Figures:
    """Run one step of ours in a process of its own."""
    return _run([sys.executable, "-m", "benchmarks.steps", name, *arguments], environment)


def _run(command: list[str], environment: dict[str, str]) -> Figures:
    with psycopg.connect(environment["BENCH_URL"], autocommit=True) as con:
        con.execute("CHECKPOINT")
    done, cost = processes.run(
        command, int(environment["BENCH_POSTMASTER"]), env=environment, cwd=HERE.parent
    )
    if done.returncode:
        raise SystemExit(f"bench: {' '.join(command[1:])}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1]) | asdict(cost)


def rivals_python(home: Path) -> Path | None:
    """Return the interpreter of the rivals' environment, made at first use; None if they cannot be installed here."""
    python = home / "bin" / "python"
    wanted = (HERE / "rivals.txt").read_text()
    mark = home / "installed.txt"
    if not mark.is_file() or mark.read_text() != wanted:
        uv = str(Path(sys.executable).with_name("uv"))
        for command in (
            [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(home)],
            [uv, "pip", "install", "--quiet", "--python", str(python), "-r", str(HERE / "rivals.txt")],
        ):
            if subprocess.run(command, check=False).returncode:
                return None
        mark.write_text(wanted)
    return python


def measure(rows: int, rivals: Path | None) -> Size:
    """Run everything at one size, in a fresh state folder."""
    size = Size(rows)
    with installation(rows) as environment, tempfile.TemporaryDirectory(prefix="yici-bench-floor-") as folder:
        _prepare(environment)
        measure_first_days(size, environment, rivals, Path(folder))
        measure_days(size, environment)
        if shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin"):
            measure_mariadb(size, environment)
    return size


def measure_first_days(size: Size, environment: dict[str, str], rivals: Path | None, folder: Path) -> None:
    """Read everything, and store it into an empty table, beside the floors and the other readers."""
    ready = folder / "wide.bin"
    with (
        psycopg.connect(environment["BENCH_URL"]) as con,
        con.cursor().copy(COPY_OUT) as stream,
        ready.open("wb") as file,
    ):
        for block in stream:
            file.write(block)
    for last in [False] * (_ROUNDS - 1) + [True]:
        ends = "published" if last else "undone"
        size.keep("COPY out", step(environment, "copy_out", COPY_OUT))
        size.keep("extract", step(environment, "extract", "bench.full"))
        for name in RIVALS if rivals else ():
            size.keep(name, _run([str(rivals), str(HERE / "rivals.py"), name], environment))
        size.keep("COPY in", step(environment, "copy_in", str(ready), INDEX))
        size.keep("first day: release full", step(environment, "release", "bench.full", ends))
        size.keep("first day: extract watermark", step(environment, "extract", "bench.watermark"))
        size.keep("first day: release watermark", step(environment, "release", "bench.watermark", ends))
    ready.unlink()


def measure_days(size: Size, environment: dict[str, str]) -> None:
    """Live the days after: each reads and releases what it finds changed."""
    count = 0
    for day, divisor in DAYS:
        for rest in range(1 if divisor == 1 else _ROUNDS):
            count += 1
            if divisor:
                with psycopg.connect(environment["BENCH_URL"], autocommit=True) as con:
                    con.execute(CHANGE.format(day=count, divisor=divisor, rest=rest))
                    con.execute("VACUUM ANALYZE wide")
            for mode in ("full", "watermark") if divisor != 1 else ("full",):
                size.keep(f"{day}: extract {mode}", step(environment, "extract", f"bench.{mode}"))
                size.keep(
                    f"{day}: release {mode}", step(environment, "release", f"bench.{mode}", "published")
                )


@contextmanager
def mariadb(rows: int) -> Iterator[dict[str, str]]:
    """A MariaDB with the same table; yields what the steps need to know of it."""
    from tests.support import session
    from tests.support.mariadb import start_mariadb

    session.begin()
    try:
        database = start_mariadb().create_database()
        with database.connect() as con, con.cursor() as cursor:
            for statement in MARIA.format(rows=rows).split(";\n"):
                if statement.strip():
                    cursor.execute(statement)
        yield {
            "YICI_BENCH_MARIA_HOST": database.host,
            "YICI_BENCH_MARIA_PORT": str(database.port),
            "YICI_BENCH_MARIA_DATABASE": database.name,
            "YICI_BENCH_MARIA_USER": database.user,
            "YICI_BENCH_MARIA_PASSWORD": database.password,
        }
    finally:
        session.end()


def measure_mariadb(size: Size, environment: dict[str, str]) -> None:
    """Land the same table from MariaDB, beside its own client's stream."""
    with mariadb(size.rows) as address:
        for _ in range(_ROUNDS):
            size.keep("MariaDB: client", step(environment | address, "client_stream"))
            size.keep("MariaDB: extract", step(environment | address, "extract", "cards.wide"))


def _prepare(environment: dict[str, str]) -> None:
    code = "from warehouse.migrate import upgrade; upgrade()"
    subprocess.run([sys.executable, "-c", code], env=environment, cwd=HERE.parent, check=True)


def against_floors(sizes: list[Size]) -> Table:
    """Ratios: the floor's or the rival's seconds by ours, so that more is better."""
    table = Table(title="Ratios measured in one run")
    for heading in ("", "reached at", *(f"{size.rows:,} rows" for size in sizes)):
        table.add_column(heading, justify="right" if heading.endswith("rows") else "left")

    def row(what: str, target: str, ratio) -> None:
        shown = []
        for size in sizes:
            try:
                shown.append(ratio(size.found))
            except KeyError:
                shown.append("not measured")
        table.add_row(what, target, *shown)

    def by(other: str, ours: str):
        return lambda found: f"{found[other]['seconds'] / found[ours]['seconds']:.2f}"

    row("extract ÷ one raw COPY out", "≥ 1.0", by("COPY out", "extract"))
    row("extract ÷ connectorx", "", by("connectorx", "extract"))
    row("extract ÷ dlt, its fastest backend, to Parquet", "", by("dlt", "extract"))
    # What was wanted was set against what dlt then took into DuckDB.
    row("extract ÷ dlt, its fastest backend, into DuckDB", "≥ 4", by("dlt into DuckDB", "extract"))
    row(
        "extract, judge and store ÷ dlt into PostgreSQL",
        "",
        lambda found: (
            f"{found['dlt into PostgreSQL']['seconds'] / (found['extract']['seconds'] + _first(found)['seconds']):.2f}"
        ),
    )
    row("MariaDB: extract ÷ its client's stream", "≥ 0.5", by("MariaDB: client", "MariaDB: extract"))
    row(
        "load ÷ raw COPY in and its index",
        "≥ 0.8",
        lambda found: f"{found['COPY in']['seconds'] / _first(found)['stored_s']:.2f}",
    )
    row(
        "admission, million rows a second",
        "≥ 2",
        lambda found: f"{_first(found)['rows'] / _first(found)['judged_s'] / 1e6:.2f}",
    )
    for day, divisor in DAYS:
        row(
            f"{day}, full ÷ (extract + admission + comparison)",
            "≤ 1.3" if divisor != 1 else "",
            lambda found, day=day: f"{_day(found, day, 'full') / _read_and_compared(found, day):.2f}",
        )
        if divisor != 1:
            row(
                f"{day}, watermark ÷ its first day",
                "≤ 0.1",
                lambda found, day=day: (
                    f"{_day(found, day, 'watermark') / _day(found, 'first day', 'watermark'):.3f}"
                ),
            )
    row(
        "1 % changed, watermark ÷ its first day, beyond start-up",
        "≤ 0.1",
        lambda found: f"{_beyond_start_up(found):.3f}",
    )
    row(
        "peak memory of a step's processes, MB",
        "≤ 512",
        lambda found: f"{max(f['peak_mb'] for what, f in found.items() if what not in RIVALS):.0f}",
    )
    row("the server's meanwhile, MB", "", lambda found: f"{max(f['server_mb'] for f in found.values()):.0f}")
    row("peak memory of the rivals, MB", "", lambda found: f"{max(found[n]['peak_mb'] for n in RIVALS):.0f}")
    return table


def _first(found: dict[str, Figures]) -> Figures:
    return found["first day: release full"]


def _day(found: dict[str, Figures], day: str, mode: str) -> float:
    return found[f"{day}: extract {mode}"]["seconds"] + found[f"{day}: release {mode}"]["seconds"]


def _beyond_start_up(found: dict[str, Figures]) -> float:
    """A watermark day with 1 % changed by its first day, both without what a day costs that brings nothing."""
    empty = _day(found, "nothing changed", "watermark")
    return (_day(found, "1 % changed", "watermark") - empty) / (_day(found, "first day", "watermark") - empty)


def _read_and_compared(found: dict[str, Figures], day: str) -> float:
    day_ = found[f"{day}: release full"]
    return found[f"{day}: extract full"]["seconds"] + day_["judged_s"] + day_["compared_s"]


def in_seconds(size: Size) -> Table:
    """Everything that was measured at one size."""
    table = Table(title=f"{size.rows:,} rows of 8 columns")
    headings = (
        "", "s", "judged, compared, stored", "rows/s", "processor s", "server's", "peak MB", "server's",
        "versions written, ended", "WAL MB",
    )  # fmt: skip
    for heading in headings:
        table.add_column(heading, justify="left" if not heading else "right", no_wrap=not heading)
    for what, figures in size.found.items():
        parts = [f"{figures[name]:.2f}" for name in ("judged_s", "compared_s", "stored_s") if name in figures]
        moved = f"{figures['inserted']:,.0f}, {figures['ended']:,.0f}" if "inserted" in figures else ""
        table.add_row(
            what,
            f"{figures['seconds']:.2f}",
            ", ".join(parts),
            f"{size.rows / figures['seconds']:,.0f}",
            f"{figures['own_s']:.1f}",
            f"{figures['server_s']:.1f}",
            f"{figures['peak_mb']:.0f}",
            f"{figures['server_mb']:.0f}",
            moved,
            f"{figures['wal_mb']:.0f}" if "wal_mb" in figures else "",
        )
    return table


def machine() -> str:
    """Processor, cores, memory, versions and commit: what figures mean nothing without."""
    cpu = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    memory = next((int(line.split()[1]) >> 20 for line in _lines("/proc/meminfo") if "MemTotal" in line), 0)
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=HERE.parent,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("duckdb", "pyarrow", "psycopg")
    )
    return (
        f"{cpu}, {os.cpu_count()} cores, {memory} GiB, {platform.system()} {platform.machine()}; Python "
        f"{platform.python_version()}, {versions}; commit {commit or 'unknown'}; load before: {os.getloadavg()[0]:.1f}"
    )


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def main() -> None:
    """Measure the asked sizes and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--rows", type=int, nargs="*", default=SIZES, help="rows of the source table, per run"
    )
    parser.add_argument("--rivals", type=Path, default=Path(".yici/bench-rivals"), help="their environment")
    asked = parser.parse_args()
    console = Console(width=max(Console().width, 150))
    console.print(machine(), soft_wrap=True)
    rivals = rivals_python(asked.rivals.resolve())
    if rivals is None:
        console.print("connectorx and dlt cannot be installed here: they are left out.")
    sizes = []
    for rows in asked.rows or SIZES:
        sizes.append(measure(rows, rivals))
        console.print(in_seconds(sizes[-1]))
    console.print(against_floors(sizes))


if __name__ == "__main__":
    main()
