"""`make drills`: disturb a run in every way of the list, run once more, compare with an undisturbed installation.

Everything is real: the embedded PostgreSQL with its usual, durable settings, sources on PostgreSQL, SQLite, SFTP and
HTTP, the command `yici run` in a process of its own. A drill is passed if, after one more run, digest and row counts
are the undisturbed installation's, if meanwhile each resource was served as it was before or as it is afterwards, and
if the operator was told what stays safe. What was found is written to docs/drills.md as it is found; exit code 1 if a
drill failed.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import catalogs
from benchmarks import drill_campus
from benchmarks.drill_list import DRILLS, Drill
from benchmarks.drill_scene import Scene, Seen, State
from catalogs.model import Catalog
from tests.support.apart import Stable

OTHER = "something else"
PAGE = Path(__file__).resolve().parents[1] / "docs" / "drills.md"


@dataclass(frozen=True)
class Result:
    """What a drill came to.

    Attributes:
        seen: what the operator saw of the disturbed run.
        meanwhile: what was served between the two runs: `before`, `after`, `in part` (of each resource one of the two),
            `–` if the server was down, or `something else`, which is a fault.
        again: what the operator saw of the next run.
        recovery_s: how long the next run took, the server's recovery included.
        lost, doubled: rows, against the undisturbed installation.
        is_same: whether the digest is its digest.
    """

    drill: Drill
    seen: Seen
    meanwhile: str
    again: Seen
    recovery_s: float
    lost: int
    doubled: int
    is_same: bool

    @property
    def is_told(self) -> bool:
        """Whether a run that failed by itself said so, and what stays; one that was killed can say nothing."""
        words = ("stays", "nothing was")
        return self.seen.code <= 0 or any(word in self.seen.said for word in words)

    @property
    def is_passed(self) -> bool:
        return (
            self.is_told
            and self.again.code == 0
            and self.is_same
            and not (self.lost or self.doubled)
            and self.meanwhile != OTHER
        )


@dataclass
class Ground:
    """Where drills take place: sources, the installation after day 0, and what day 1 makes of it undisturbed."""

    folder: Path
    sources: drill_campus.Sources
    stable: Stable
    catalog: Catalog
    after_day_0: drill_campus.Installation
    before: State
    expected: State
    undisturbed_s: float

    def scene(self, name: str, disk_mb: int | None = None) -> Scene:
        """Return a copy of the installation to disturb."""
        at = self.after_day_0.copy(self.folder / name, disk_mb)
        return Scene(at, self.sources, self.stable, self.catalog, self.folder)


@contextmanager
def ground(setenv: Callable[[str, str], object] = os.environ.__setitem__) -> Iterator[Ground]:
    """Build sources and installation, measure the undisturbed day, and clear everything in the end.

    Args:
        setenv: how a variable of this process is set, which must not look at an installation of its own.
    """
    folder = Path(tempfile.mkdtemp(prefix="yici-drills-"))
    folder.chmod(0o711)
    stable = Stable()
    first = drill_campus.install(folder)
    setenv("YICI_HOME", str(folder / "nowhere"))
    try:
        with drill_campus.sources(folder / "sources") as sources:
            catalog = catalogs.load(first.campus)
            start = Scene(first, sources, stable, catalog, folder)
            _well(start.ran(day=0))
            before = start.state()
            with first.connect() as con:
                con.execute(drill_campus.PAUSE)
            first.server.stop()
            found = Ground(folder, sources, stable, catalog, first, before, before, 0.0)
            undisturbed = found.scene("undisturbed")
            try:
                started = time.monotonic()
                _well(undisturbed.ran())
                found.undisturbed_s = time.monotonic() - started
                found.expected = undisturbed.state()
            finally:
                undisturbed.close()
            yield found
    finally:
        drill_campus.remove(first)
        stable.close()
        shutil.rmtree(folder, ignore_errors=True)


def _well(found: Seen) -> None:
    if found.code:
        raise RuntimeError(f"the undisturbed run failed: {found.said}")


def run(ground: Ground, drill: Drill) -> Result:
    """Run one drill."""
    scene = ground.scene(drill.name, drill.disk_mb)
    try:
        found = drill.disturb(scene)
        was_down = scene.at.server.status().state != "running"
        meanwhile = "–" if was_down else _which(scene.state(), ground)
        started = time.monotonic()
        again = scene.ran()
        took_s = time.monotonic() - started
        after = scene.state()
    finally:
        scene.close()
    expected = ground.expected
    names = {*expected.rows, *after.rows}
    differences = [after.rows.get(name, 0) - expected.rows.get(name, 0) for name in names]
    return Result(
        drill,
        found,
        meanwhile,
        again,
        took_s,
        -sum(d for d in differences if d < 0),
        sum(d for d in differences if d > 0),
        after.digest == expected.digest,
    )


def _which(found: State, ground: Ground) -> str:
    """Say what is served: of every resource the state before the disturbed run, or after the day."""
    before, after = ground.before, ground.expected
    if found.digest in (before.digest, after.digest):
        return "before" if found.digest == before.digest else "after"
    ours = all(rows in (before.held.get(name), after.held.get(name)) for name, rows in found.held.items())
    return "in part" if ours else OTHER


def main(arguments: Sequence[str]) -> int:
    """Run the named drills, or all of them, which writes the page."""
    parser = argparse.ArgumentParser(prog="benchmarks.drills", description="Failure drills.")
    parser.add_argument("names", nargs="*", metavar="DRILL", help=", ".join(drill.name for drill in DRILLS))
    chosen = parser.parse_args(arguments).names
    if unknown := set(chosen) - {drill.name for drill in DRILLS}:
        parser.error(f"no drill is called {', '.join(sorted(unknown))}")
    results: list[Result] = []
    not_run: dict[str, str] = {}
    failed = False
    with ground() as there:
        print(
            f"undisturbed: {there.undisturbed_s:.1f} s, {sum(there.expected.rows.values()):,} rows",
            flush=True,
        )
        for drill in DRILLS:
            if chosen and drill.name not in chosen:
                continue
            try:
                results.append(run(there, drill))
            except PermissionError as missing:
                not_run[drill.name] = str(missing)
                print(f"- {drill.name}: not run: {missing}", flush=True)
                continue
            except (RuntimeError, TimeoutError) as error:
                failed = True
                not_run[drill.name] = "it did not come about"
                print(f"✕ {drill.name}: {error}", flush=True)
                continue
            print(_told(results[-1]), flush=True)
            if not chosen:
                PAGE.write_text(page(results, not_run, there), encoding="utf-8")
    return 0 if all(result.is_passed for result in results) and not failed else 1


def _told(result: Result) -> str:
    seen, again = result.seen, result.again
    lines = [
        f"{'✓' if result.is_passed else '✕'} {result.drill.name}: exit {seen.code}, served meanwhile:"
        f" {result.meanwhile}",
        f"    next run: exit {again.code} in {result.recovery_s:.1f} s; rows lost {result.lost}, doubled"
        f" {result.doubled}; digest {'the same' if result.is_same else 'DIFFERS'}",
        f"    {seen.said or '(said nothing)'}",
    ]
    return "\n".join(lines + ([f"    next run: {again.said}"] if again.said else []))


_HEAD = """# Failure drills

`make drills` builds a campus with four real sources (PostgreSQL, SQLite, CSV over SFTP, paged HTTP), releases day 0,
and copies the installation, server and all, for each drill. The drill disturbs the run of day 1. Then the disturbance
is over and `yici run` runs once more. A drill is passed if after that

- `yici release digest` is the one of an installation that nobody disturbed, and so are the rows in every resource, in
  quarantine and in the links: none lost, none doubled;
- between the two runs every resource was served as it was *before*, or already as it is *after* the day, or some so
  and some so (*in part*); – where the database was down;
- a run that failed by itself told what failed, and what stays safe.

A run is held at its point by a trigger in the warehouse, or by a view in the source, that waits for the drill: the
blow falls there every time. Disks are small ones in memory, which only root can mount; without root those drills are
named and not run. `python -m benchmarks.drills NAME …` runs single ones.

This page is written by `make drills`. The undisturbed run took {undisturbed_s:.1f} s for {rows:,} rows.

| what was done to the run | exit | what the operator saw | served meanwhile | next run | lost | doubled | digest |
|---|---|---|---|---|---|---|---|
"""


def page(results: Sequence[Result], not_run: Mapping[str, str], ground: Ground) -> str:
    """Return the page of what was found."""
    text = _HEAD.format(undisturbed_s=ground.undisturbed_s, rows=sum(ground.expected.rows.values()))
    group = None
    for result in results:
        if result.drill.group != group:
            group = result.drill.group
            text += f"| **{group}** | | | | | | | |\n"
        said = result.seen.said.replace("|", "\\|") or "nothing"
        code = {-9: "killed", 0: "0"}.get(result.seen.code, str(result.seen.code))
        text += (
            f"| {result.drill.title} | {code} | {said} | {result.meanwhile} | {result.recovery_s:.1f} s |"
            f" {result.lost} | {result.doubled} | {'same' if result.is_same else '**other**'} |\n"
        )
    passed = sum(result.is_passed for result in results)
    text += f"\n{passed} of {len(results)} drills passed.\n"
    for why in dict.fromkeys(not_run.values()):
        names = ", ".join(f"`{name}`" for name, reason in not_run.items() if reason == why)
        text += f"\nNot run ({why}): {names}.\n"
    return text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
