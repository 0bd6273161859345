"""`make bench-suites`: what judging a whole resource costs, beside one aggregate query that a person would write.

Both ask the same of the same rows of one table on the embedded server, turn by turn, so that a busy machine slows both;
the ratio of the best of several turns is printed. Two ratios: the generated suite as Great Expectations runs it against
one query over its rules, goal 1.5 beyond GX's import; and everything that a release asks of the resource, distribution
included, against that query with shares of codes and quantiles added. What was found: docs/performance.md.
"""

import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import URL, create_engine, text

import catalogs
from benchmarks.run import installation, machine
from catalogs.model import Catalog, Metric, Resource
from expectations import gx_run
from expectations.gx_run import REPORTED_STATES
from expectations.history import History
from expectations.suites import expected, pinned_to, run_suites

SIZES = (300_000, 3_000_000)
GOAL = 1.5
RESOURCE, RELEASE = "bench.full", 1
FILLED = ("name", "amount", "place", "changed_at")
FILL = """
INSERT INTO store.bench__full (row_no, person_no, name, sex, sex__src, paid_on, amount, place, changed_at,
                               _extract, _state, _last_extract, _from)
SELECT n, lpad((n % 50000)::text, 10, '2'), '测' || (n % 7919), (1 + n % 2)::text, '男',
       date '2026-01-01' + (n % 300)::int, (n % 9999) / 100.0, '第' || (n % 97) || '食堂',
       timestamptz '2026-01-01 00:00+00' + n * interval '1 second', 1, 'reported', 1, 1
FROM generate_series(1, :rows) AS n
"""
BY_HAND = f"""
SELECT count(*), count(DISTINCT row_no)::float8 / nullif(count(row_no), 0),
       {", ".join(f"count({name})::float8 / nullif(count(*), 0)" for name in FILLED)}
FROM raw.bench__full WHERE _state IN ({", ".join(f"'{state}'" for state in REPORTED_STATES)})
"""
SPREAD_BY_HAND = f"""
SELECT count(*) FILTER (WHERE sex = '1'), count(*) FILTER (WHERE sex = '2'), count(place),
       percentile_cont(ARRAY[{", ".join(str(step / 20) for step in range(1, 20))}])
           WITHIN GROUP (ORDER BY amount::float8)
FROM raw.bench__full WHERE _state IN ({", ".join(f"'{state}'" for state in REPORTED_STATES)})
"""


def asked() -> Catalog:
    """Return the benchmark's campus with completeness asked of four items: seven rules with those of every suite."""
    catalog = catalogs.load(Path(os.environ["YICI_CAMPUS"]))
    metrics = tuple(
        Metric(f"filled-{name}", "", "nullValues", name, {"mustBeLessThan": 50}, "percent", {}, "error",
               "completeness", "", "finding")
        for name in FILLED
    )  # fmt: skip
    resource = dataclasses.replace(catalog.resources[RESOURCE], metrics=metrics)
    return dataclasses.replace(catalog, resources={RESOURCE: resource})


def measure(rows: int) -> dict[str, float]:
    """Fill the store and measure; the state folder and campus are those of the environment."""
    from warehouse.connect import connect, url
    from warehouse.migrate import upgrade
    from warehouse.views import create_views

    started = time.perf_counter()
    import great_expectations  # noqa: F401

    import_s = time.perf_counter() - started
    catalog = asked()
    resource = catalog.resources[RESOURCE]
    upgrade()
    with connect(autocommit=True) as con:
        create_views(con, catalog)
        con.execute(FILL.replace(":rows", str(rows)))
        con.execute("VACUUM ANALYZE store.bench__full")
    address = url().render_as_string(hide_password=False)
    pinned = pinned_to(address, RELEASE)
    history = History((rows, rows, rows), datetime.now(UTC))
    turns = {
        "suite": lambda: by_gx(catalog, resource, history, pinned),
        "by hand": lambda: by_hand(pinned, BY_HAND),
        "everything": lambda: everything(catalog, resource, history, address),
        "everything by hand": lambda: by_hand(pinned, BY_HAND, SPREAD_BY_HAND),
    }
    best = dict.fromkeys(turns, float("inf"))
    # A short turn is disturbed more easily, so there are more of them.
    for _ in range(max(5, 7_500_000 // rows)):
        for name, turn in turns.items():
            best[name] = min(best[name], timed(turn))
    return {"import": import_s, **best}


def timed(work: Callable[[], None]) -> float:
    """Return the seconds that it took."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def by_gx(catalog: Catalog, resource: Resource, history: History, pinned: URL) -> None:
    """Run the generated suite."""
    rules = expected(catalog, resource, history, datetime.now(UTC))
    checks = gx_run.judge({(resource.name, resource.table): rules}, pinned)
    assert len(checks) == 7 and all(check.passed for check in checks), checks


def everything(catalog: Catalog, resource: Resource, history: History, address: str) -> None:
    """Run all that a release asks of the resource."""
    checks = run_suites(catalog, [resource], address, RELEASE, {resource.name: history})
    assert {"volume", "shift", "freshness"} <= {check.rule for check in checks}
    assert all(check.passed for check in checks), checks


def by_hand(pinned: URL, *queries: str) -> None:
    """Ask by the queries that a person would write, on a connection of their own."""
    engine = create_engine(pinned)
    try:
        with engine.connect() as con:
            for query in queries:
                con.execute(text(query)).one()
    finally:
        engine.dispose()


def main(sizes: list[int]) -> None:
    """Measure each size in a fresh installation and a process of its own, and print a line for each ratio."""
    print(machine())
    for rows in sizes:
        with installation(1) as environment:
            command = [sys.executable, "-m", "benchmarks.suites", "--measure", str(rows)]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(f"bench-suites: {done.stderr[-2000:]}")
        found = json.loads(done.stdout.splitlines()[-1])
        print(f"{rows:,} rows; GX's import {found['import']:.1f} s")
        for ours, theirs, goal in (
            ("suite", "by hand", f"goal ≤ {GOAL}"),
            ("everything", "everything by hand", ""),
        ):
            ratio = found[ours] / found[theirs]
            print(
                f"  {ours:<11} {found[ours]:6.2f} s  by hand {found[theirs]:6.2f} s  ratio {ratio:.2f}  {goal}"
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(int(sys.argv[2]))))
    else:
        main([int(rows) for rows in sys.argv[1:]] or list(SIZES))
