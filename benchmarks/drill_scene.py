"""What one drill works with: a copy of the installation, points at which a run can be held, and how it ends.

A drill disturbs a run that reads day 1. Then the disturbance is gone and `yici run` runs once more, as the schedule or
the operator would start it. The state after that has to be the one of an installation that was never disturbed.
"""

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from benchmarks.drill_campus import Gate, Installation, Sources, remove
from catalogs.model import Catalog
from tests.support.apart import Command, Stable
from warehouse import releases

_REACH_S = 180
_POLL_S = 0.02
# Point → before which rows of which table the warehouse waits for the drill.
POINTS: Mapping[str, tuple[str, str]] = {
    "registered": ("yici.extract", "FOR EACH ROW WHEN (NEW.resource = 'hr.staff')"),
    "opened": ("yici.release", "FOR EACH ROW"),
    "stored": ("store.hr__staff", "FOR EACH STATEMENT"),
    "judged": ("yici.release_resource", "FOR EACH ROW WHEN (NEW.resource = 'hr.staff')"),
    "gated": ("yici.finding", "FOR EACH ROW WHEN (NEW.stage = 'expectations')"),
    "linked": ("yici.link", "FOR EACH STATEMENT"),
    "published": ("yici.current_release", "FOR EACH STATEMENT"),
    "described": ("yici.measured", "FOR EACH STATEMENT"),
}
DBT = "built"
_POINT = """
CREATE OR REPLACE FUNCTION drill.point() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM drill.pause(); RETURN NEW; END $$;
CREATE OR REPLACE FUNCTION drill.dbt() RETURNS event_trigger LANGUAGE plpgsql AS
$$ BEGIN IF current_setting('application_name') = 'dbt' THEN PERFORM drill.pause(); END IF; END $$;
"""


@dataclass(frozen=True)
class State:
    """What an installation holds.

    Attributes:
        digest: what `yici release digest` says.
        rows: rows served per resource, rows in quarantine per resource, and links.
        held: resource → what tells its rows from others.
    """

    digest: str
    rows: Mapping[str, int]
    held: Mapping[str, tuple]


@dataclass
class Seen:
    """What the operator saw of the disturbed run: its exit code and its last words."""

    code: int
    said: str = ""


@dataclass
class Scene:
    """A drill under way.

    Attributes:
        at: the copy that is disturbed.
        sources: what it reads.
        stable: where commands come from.
        catalog: the campus's.
        more: further variables of its commands, for example another landing zone.
    """

    at: Installation
    sources: Sources
    stable: Stable
    catalog: Catalog
    folder: Path
    more: dict[str, str] = field(default_factory=dict)
    _commands: list[Command] = field(default_factory=list)

    def run(self, *arguments: str, day: int = 1, **variables: str) -> Command:
        """Start a command that reads a day's sources; `run` unless another is named."""
        environment = self.at.environment(**self.sources.variables[day], **self.more, **variables)
        log = self.folder / f"{self.at.home.name}-{len(self._commands)}.log"
        self._commands.append(self.stable.start(*(arguments or ("run",)), environment=environment, log=log))
        return self._commands[-1]

    def ran(self, *arguments: str, day: int = 1, **variables: str) -> Seen:
        """Run a command to its end."""
        return self.seen(self.run(*arguments, day=day, **variables))

    def seen(self, command: Command) -> Seen:
        """Wait for a command's end and return what its reader saw last."""
        code = command.wait()
        return Seen(code, last_words(command.said()).replace(str(self.at.home), "<home>"))

    @contextlib.contextmanager
    def held(self, point: str) -> Iterator[tuple[Command, psycopg.Connection]]:
        """Hold a run at a point of the warehouse for the length of the block; yields it and a superuser's session.

        The point stays in the copy, and whoever comes to it afterwards passes.
        """
        with self.at.connect() as con:
            con.execute(_POINT)
            if point == DBT:
                con.execute("CREATE EVENT TRIGGER drill ON ddl_command_start WHEN TAG IN ('CREATE TABLE AS',"
                            " 'CREATE TABLE', 'CREATE VIEW') EXECUTE FUNCTION drill.dbt()")  # fmt: skip
            else:
                table, when = POINTS[point]
                con.execute(
                    f"CREATE TRIGGER drill BEFORE INSERT ON {table} {when} EXECUTE FUNCTION drill.point()"
                )
            with self.at.connect() as beside:
                gate = Gate(beside)
                command = self.run()
                try:
                    _wait_until(command, lambda: bool(gate.waiting()))
                    yield command, con
                finally:
                    with contextlib.suppress(psycopg.Error):
                        gate.open()

    @contextlib.contextmanager
    def held_in_source(self) -> Iterator[tuple[Command, psycopg.Connection, list[int]]]:
        """Hold a run while it reads hr.staff, half way; yields it, a session in the source, and who reads there."""
        with self.sources.hr(1) as con, self.sources.hr(1) as beside:
            gate = Gate(beside)
            command = self.run()
            try:
                _wait_until(command, lambda: bool(gate.waiting()))
                yield command, con, gate.waiting()
            finally:
                with contextlib.suppress(psycopg.Error):
                    gate.open()

    def state(self) -> State:
        """Look at what the installation serves, starting its server if need be."""
        return state(self.at, self.catalog)

    def extract_folder(self, resource: str) -> Path:
        """Return the folder of the newest extract of a resource."""
        system, _, name = resource.partition(".")
        landing = Path(self.more.get("YICI_LANDING", str(self.at.home / "landing")))
        return max((landing / system / name).iterdir())

    def stop_server(self, how: signal.Signals) -> None:
        """Send the warehouse's server a signal and wait for its end: SIGINT fast, SIGQUIT immediate, SIGKILL."""
        end(self.at.server.status().pid, how)

    def close(self) -> None:
        """Kill what still runs and delete the copy."""
        for command in self._commands:
            command.kill()
        remove(self.at)


def state(at: Installation, catalog: Catalog) -> State:
    """Return what an installation holds."""
    with at.connect() as con:
        digest, number = releases.digest(con, catalog), releases.current(con)
        con.execute("SELECT set_config('yici.release', %s, false)", [str(number)])
        held = {}
        for resource in catalog.resources.values():
            if not con.execute("SELECT to_regclass(%s)", [f"raw.{resource.table}"]).fetchone()[0]:
                continue
            items = ", ".join(f'"{item.name}"' for item in resource.items)
            held[resource.name] = con.execute(
                f"SELECT count(*), sum(hashtextextended(ROW({items}, _state)::text, 0)::numeric)"
                f" FROM raw.{resource.table}"
            ).fetchone()
        rows = {name: count for name, (count, _) in held.items()}
        rows["links"] = con.execute("SELECT count(*) FROM raw.links").fetchone()[0]
        waiting = con.execute(
            "SELECT resource, count(*) FROM yici.quarantine WHERE _from <= %(n)s AND (_to IS NULL OR _to > %(n)s)"
            " GROUP BY resource",
            {"n": number},
        ).fetchall()
        rows |= {f"{resource} quarantined": count for resource, count in waiting}
    return State(digest, rows, held)


def last_words(said: str) -> str:
    """The lines in which a command says what went wrong; of a traceback, only the kind of its error."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    if any(line.startswith("Traceback") for line in lines):
        return f"Traceback … {lines[-1].partition(':')[0]}"
    told = [line for line in lines if re.match(r"(yici:|✕|! )", line)]
    told = told or [re.sub(r"\s+", " ", line) for line in lines if "✕" in line]
    return " / ".join(dict.fromkeys(told))


def end(pid: int | None, how: signal.Signals) -> None:
    """Send a PostgreSQL server a signal and wait until it is gone, and its sessions with it."""
    assert pid is not None
    os.kill(pid, how)
    while Path(f"/proc/{pid}").exists():
        time.sleep(_POLL_S)


def _wait_until(command: Command, reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _REACH_S
    while not reached():
        if command.poll() is not None:
            told = f"the run ended (code {command.code}) before it came to the point"
            raise RuntimeError(f"{told}:\n{command.said()[-3000:]}")
        if time.monotonic() > deadline:
            command.kill()
            raise RuntimeError(f"the run did not come to the point:\n{command.said()[-3000:]}")
        time.sleep(_POLL_S)
