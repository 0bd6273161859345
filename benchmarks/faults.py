"""The fault scoreboard: `make faults` injects every kind of fault into a small campus and writes docs/faults.md.

Exit code 1 if a detectable kind was not caught each time, if anything false was answered as verified, or if more than
one clean row in a thousand was refused.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import faults_caught, faults_served
from benchmarks.faults_caught import Label, Seen
from benchmarks.faults_page import Line, Totals, page
from catalogs.model import Catalog
from demo.faults.extract_accidents import DAYS
from demo.faults.kinds import KINDS

MOST_FALSE_SHARE = 0.001
REPOSITORY = Path(__file__).resolve().parent.parent
PAGE = REPOSITORY / "docs" / "faults.md"
_YICI = [sys.executable, "-m", "yici"]


class Campus:
    """A campus of its own in a folder of its own, run by the commands that everybody uses."""

    def __init__(self, home: Path) -> None:
        self.home, self.seconds = home, dict[str, float]()
        os.environ["YICI_HOME"] = str(home)

    def step(self, name: str, *arguments: str, may_fail: bool = False) -> str:
        """Run one command; its time goes to the step's account.

        Raises:
            RuntimeError: it failed, and may not.
        """
        started = time.monotonic()
        done = subprocess.run(list(arguments), cwd=REPOSITORY, capture_output=True, text=True, check=False)
        self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - started
        if done.returncode and not (may_fail and done.returncode == 1):
            raise RuntimeError(
                f"{' '.join(arguments[1:])} failed:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
            )
        return done.stdout

    def demo(self, name: str, *arguments: str) -> None:
        self.step(name, sys.executable, "-m", "demo", *arguments, "--out", str(self.home / "demo"))

    def build(self) -> None:
        self.step("build", *_YICI, "demo", "build")
        self.demo("build", "faults", "keep")

    def release(self, name: str) -> None:
        """Read and release; a resource that is refused makes the exit code 1."""
        self.load()
        self.step(name, *_YICI, "run", may_fail=True)

    def load(self) -> None:
        """Take over where the systems are and what day it is."""
        for line in (self.home / "sources.env").read_text(encoding="utf-8").splitlines():
            variable, equals, value = line.partition("=")
            if equals and not line.startswith("#"):
                os.environ[variable] = value

    def labels(self, number: int) -> Path:
        return self.home / f"labels{number}.jsonl"

    def stop(self) -> None:
        self.step("stop", *_YICI, "demo", "stop", may_fail=True)
        self.step("stop", *_YICI, "db", "remove", "--yes", may_fail=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the scoreboard; returns the exit code."""
    parser = argparse.ArgumentParser(prog="faults", description=__doc__)
    parser.add_argument("--page", type=Path, default=PAGE, help="where the page is written")
    parser.add_argument(
        "--rate", type=float, default=0.0012, help="share of a table's rows that one kind befalls"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", action="append", default=[], help="only these kinds; may be repeated")
    parser.add_argument("--verbose", action="store_true", help="name what was not caught")
    asked = parser.parse_args(arguments)
    with _campus() as campus:
        lines, totals, missed = _play(campus, asked.kind, asked.rate, asked.seed)
    asked.page.write_text(page(lines, totals), encoding="utf-8")
    bad = [line for line in lines if (not asked.kind or line.injected) and not line.is_good]
    if asked.verbose:
        print("\n".join(missed))
    for line in bad:
        print(f"✕ {line.title}: {line.caught} of {line.injected} caught, {line.leaked} leaked")
    injected, caught = sum(line.injected for line in lines), sum(line.caught for line in lines)
    print(
        f"{injected} faults, {caught} caught, {sum(line.leaked for line in lines)} leaked; false alarms: "
        f"{totals.false_rows} of {totals.clean_rows:,} rows, {len(totals.false_resources)} resources; "
        f"{sum(totals.seconds.values()):.0f} s; see {asked.page}"
    )
    return 1 if bad or totals.false_share > MOST_FALSE_SHARE or totals.false_resources else 0


@contextlib.contextmanager
def _campus() -> Iterator[Campus]:
    with tempfile.TemporaryDirectory(prefix="yici-faults-") as folder:
        campus = Campus(Path(folder))
        try:
            yield campus
        finally:
            campus.stop()


def _play(
    campus: Campus, kinds: Sequence[str], rate: float, seed: int
) -> tuple[list[Line], Totals, list[str]]:
    from warehouse.connect import connect

    chosen = [argument for kind in kinds for argument in ("--kind", kind)]
    injecting = ["--rate", str(rate), "--seed", str(seed), *chosen]
    campus.build()
    campus.release("first release")
    told = _told(campus)
    with connect(autocommit=True) as con:
        catalog = _catalog(con)
        seen = faults_caught.look(con, catalog, _current(con))
    false_rows = _untold(told, seen)
    false_resources = faults_caught.false_resources([], seen, faults_caught.NOTHING, catalog)
    clean_rows, lines = seen.rows, _lines()
    missed: list[str] = []
    spoiled: list[Label] = []
    unsettled: list[Label] = []
    for number, what in enumerate(("rows", "extracts"), start=1):
        if what == "extracts":
            campus.step("days pass", *_YICI, "demo", "advance", "--days", str(DAYS))
        campus.demo("accidents", "faults", what, "--labels", str(campus.labels(number)), *injecting)
        labels = faults_caught.read_labels(campus.labels(number))
        befallen = faults_served.subjects_of(labels, catalog, seen.release)
        truth = faults_served.answers(catalog, sorted(befallen))
        before = seen
        campus.release(f"release after {what}")
        with connect(autocommit=True) as con:
            seen = faults_caught.look(con, catalog, _current(con))
        for label in labels:
            lines[label.kind].injected += 1
        unsettled = _score(lines, [*unsettled, *labels], seen, before, catalog, missed)
        spoiled += labels
        for label, element in faults_served.leaked(
            befallen,
            truth,
            faults_served.answers(catalog, sorted(befallen)),
            only_own=what == "extracts",
            catalog=catalog,
        ):
            lines[label.kind].leaked += 1
            missed.append(f"leaked {label.kind} {label.resource} {'|'.join(label.key)} {element}")
        false = faults_caught.false_rows(spoiled, seen, before)
        false_rows += sum(false.values())
        missed += [f"false alarm {name} {count}" for name, count in false.items()]
        false_resources += faults_caught.false_resources(labels, seen, before, catalog)
        clean_rows += seen.rows - len(labels)
    missed += [_missed(label) for label in unsettled]
    return list(lines.values()), Totals(clean_rows, false_rows, false_resources, campus.seconds), missed


def _lines() -> dict[str, Line]:
    return {kind.name: Line(kind.group, kind.title, kind.is_detectable) for kind in KINDS.values()}


def _score(
    lines: dict[str, Line],
    labels: Sequence[Label],
    seen: Seen,
    before: Seen,
    catalog: Catalog,
    missed: list[str],
) -> list[Label]:
    """Count where faults were caught; returns rows of extracts that were refused whole for too many broken rows.

    Nothing of such an extract is served, and only the next one, which brings its rows again, shows which of them broke.
    """
    unsettled = []
    for label in labels:
        stage = faults_caught.stage_of(label, seen, before, catalog)
        if stage:
            lines[label.kind].stages[stage] += 1
        elif label.is_row and faults_caught.TOO_MANY in seen.outcomes.get(label.resource, ("", ""))[1]:
            unsettled.append(label)
        else:
            missed.append(_missed(label))
    return unsettled


def _missed(label: Label) -> str:
    return f"missed {label.kind} {label.resource} {'|'.join(label.key)} {label.columns}"


def _told(campus: Campus) -> Counter[str]:
    """Return, by resource, how many rows the campus writes wrongly by itself."""
    told = json.loads((campus.home / "demo" / "told.json").read_text(encoding="utf-8"))
    return Counter(one["resource"] for one in told)


def _untold(told: Counter[str], seen: Seen) -> int:
    """Return how many rows of the clean campus were refused beyond those that it told of."""
    return sum(max(0, sum(keys.values()) - told[name]) for name, keys in seen.refused.items())


def _catalog(con) -> Catalog:
    from catalogs.loading import load
    from catalogs.versions import unpack

    (blob,) = con.execute(
        "SELECT v.files FROM yici.release r JOIN yici.catalog_version v ON v.id = r.catalog_version"
        " ORDER BY r.id DESC LIMIT 1"
    ).fetchone()
    return load(unpack(blob))


def _current(con) -> int:
    return con.execute("SELECT yici.current()").fetchone()[0]


if __name__ == "__main__":
    sys.exit(main())
