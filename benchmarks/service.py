"""`make bench-service`: how many verified answers a second, beside what no answer of this server can do without.

One server process, one embedded warehouse with its usual, durable settings, and the driver share the machine's cores.
Each endpoint is measured in turns with the floor (`service_app`), so that whatever else the machine does hits both; a
ratio is the median over the turns. Requests per second of the server's own processor time say what an answer costs,
whoever else is busy. What was found: docs/performance.md.
"""

import argparse
import base64
import contextlib
import itertools
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import httpx
import psycopg
from joserfc import jwt
from joserfc.jwk import ECKey
from rich.console import Console
from rich.table import Table

from benchmarks import pauses, service_app, service_campus, service_waits, service_wrk
from benchmarks.pauses import Pauses
from benchmarks.processes import processor_s
from benchmarks.run import machine
from benchmarks.service_campus import ELEMENTS, SERVICE_ITEM, Campus
from benchmarks.service_driver import Drive, flat_out, request, steady
from service.jobs import MAX_ITEMS
from service.working import POLL_S
from tests.service.campus import HALL
from tests.service.desk import ASSERTION
from tests.support.http import free_port
from warehouse.embedded import EmbeddedServer

FLOOR = "floor"
GOAL, GOAL_P99_MS, GOAL_SUBJECTS = 0.6, 50, 5_000
CONNECTIONS = 16
_ASKED, _READY = 20_000, 4_000
_RENEW_S = 240
PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
_CASES = """
INSERT INTO service."case" (id, client_id, service_item, status, parties, registered_at, expires_at)
SELECT gen_random_uuid(), %s, %s, 'draft',
    jsonb_build_array(jsonb_build_object('id_type', 'staff_no', 'id', staff_no, 'country', null, 'role', 'applicant')),
    now(), now() + interval '90 days'
FROM store.hr__staff WHERE _to IS NULL
"""


@dataclass
class Turn:
    """One endpoint driven flat out once: the drive, and the processor seconds that it cost server and database."""

    drive: Drive
    server_s: float
    database_s: float

    @property
    def per_server_s(self) -> float:
        return self.drive.statuses[200] / self.server_s

    @property
    def per_both_s(self) -> float:
        return self.drive.statuses[200] / (self.server_s + self.database_s)


@dataclass
class Scene:
    """The running server, and whom to ask about."""

    campus: Campus
    port: int
    process: subprocess.Popen
    key: ECKey
    people: Sequence[tuple[str, str]] = ()
    token: str = ""
    turns: dict[str, list[Turn]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def renew(self) -> None:
        """Get an access token; `renewing` does it every few minutes, beside the drives."""
        moment = int(time.time())
        claims = {"iss": HALL, "sub": HALL, "aud": f"{self.address}/oauth2/token", "iat": moment,
                  "exp": moment + 60, "jti": uuid.uuid4().hex}  # fmt: skip
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION,
            "client_assertion": jwt.encode({"alg": "ES256", "kid": self.key.kid}, claims, self.key),
        }
        reply = httpx.post(f"{self.address}/oauth2/token", data=form, trust_env=False, timeout=60)
        reply.raise_for_status()
        self.token = reply.json()["access_token"]

    @contextlib.contextmanager
    def renewing(self) -> Iterator[None]:
        """Have a token that counts until the block ends."""
        self.renew()
        ends = threading.Event()

        def again() -> None:
            while not ends.wait(_RENEW_S):
                with contextlib.suppress(httpx.HTTPError):
                    self.renew()

        thread = threading.Thread(target=again, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ends.set()
            thread.join()

    def requests(self, what: str) -> Iterator[bytes]:
        """Return requests of one kind without end, each about somebody else."""
        path, body = ENDPOINTS[what]
        chance = random.Random(7)
        while True:
            case_id, number = chance.choice(self.people)
            yield request(path, self.token, body(case_id, number))

    def ready_made(self, what: str) -> list[bytes]:
        """Return such requests made beforehand, so that making them costs the drive nothing."""
        return list(itertools.islice(self.requests(what), _READY))

    def turn(self, what: str, seconds: float) -> Turn:
        """Drive one endpoint flat out."""
        requests = self.ready_made(what)
        server, database = self.server_s(), self.database_s()
        if service_wrk.is_installed():
            drive = service_wrk.flat_out(self.port, requests, seconds, CONNECTIONS)
        else:
            drive = flat_out(self.port, itertools.cycle(requests), seconds, CONNECTIONS)
        return Turn(drive, self.server_s() - server, self.database_s() - database)

    def waits(self) -> dict[str, dict[str, float]]:
        """Return where answers have waited inside the server since the last time."""
        reply = httpx.post(f"{self.address}{service_waits.PATH}", trust_env=False, timeout=60)
        reply.raise_for_status()
        return dict(reply.json())

    def server_s(self, with_gone: bool = False) -> float:
        """Return the processor seconds that the server has used, or also those of processes that it started."""
        return processor_s(self.process.pid, gone=with_gone)

    def database_s(self) -> float:
        """Return those of the warehouse's processes, living and gone."""
        status = EmbeddedServer(self.campus.folder / "home").status()
        assert status.pid
        children = Path(f"/proc/{status.pid}/task/{status.pid}/children").read_text().split()
        return sum(processor_s(int(pid)) for pid in children) + processor_s(status.pid, gone=True)

    def resident_mb(self) -> float:
        """Return the memory that the server holds."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024

    def owner(self) -> psycopg.Connection:
        """Connect to the warehouse as the superuser."""
        address = EmbeddedServer(self.campus.folder / "home").ensure()
        return psycopg.connect(address.url("yici"), autocommit=True)


def _asked(case_id: str, number: str) -> dict:
    return {
        "subject": {"id_type": "staff_no", "id": number},
        "case_id": case_id,
        "actor": {"user_id": "U1", "role": "applicant"},
    }


ENDPOINTS: dict[str, tuple[str, Callable[[str, str], dict]]] = {
    FLOOR: (service_app.PATH, lambda _, number: {"key": number}),
    "prefill": (f"/v1/service-items/{SERVICE_ITEM}:prefill", _asked),
    "facts:query": (
        "/v1/facts:query",
        lambda case_id, number: _asked(case_id, number) | {"service_item": SERVICE_ITEM, "elements": list(ELEMENTS)},
    ),
    "claims:verify": (
        "/v1/claims:verify",
        lambda case_id, number: _asked(case_id, number)
        | {
            "service_item": SERVICE_ITEM,
            "claims": [
                {"element": "XM", "op": "eq", "value": f"员{int(number[1:])}"},
                {"element": "GZ", "op": "ge", "value": "5000"},
            ],
        },
    ),
}  # fmt: skip


@contextlib.contextmanager
def scene(people: int) -> Iterator[Scene]:
    """Make the campus, run it to a release, register a case for everybody, and serve it until the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="yici-bench-service-"))
    folder.chmod(0o711)
    campus = service_campus.make(folder, people)
    process = None
    try:
        campus.run()
        os.environ.update(campus.environment())
        key = _register(folder)
        port = free_port()
        log = (folder / "service.log").open("w")
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.service_app", "--port", str(port)],
            env=campus.environment(),
            stdout=log,
            stderr=log,
        )
        found = Scene(campus, port, process, key)
        with found.owner() as con:
            con.execute(service_app.TABLES)
            con.execute(_CASES, [HALL, SERVICE_ITEM])
            con.execute("VACUUM ANALYZE")
            found.people = con.execute(
                "SELECT id::text, parties->0->>'id' FROM service.\"case\" ORDER BY md5(id::text) LIMIT %s",
                [_ASKED],
            ).fetchall()
        _wait(found, folder / "service.log")
        with found.renewing():
            yield found
    finally:
        if process:
            process.terminate()
            process.wait(timeout=30)
        campus.remove()
        shutil.rmtree(folder, ignore_errors=True)


def _register(folder: Path) -> ECKey:
    from service import clients

    key = ECKey.generate_key("P-256", {"kid": HALL})
    file = folder / "hall.jwks.json"
    file.write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    clients.register(HALL, "DT", "办事大厅", file)
    return key


def _wait(found: Scene, log: Path) -> None:
    for _ in range(600):
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{found.address}/readyz", trust_env=False).status_code == 200:
                return
        if found.process.poll() is not None:
            break
        time.sleep(0.1)
    raise SystemExit(f"bench-service: the service did not start: {log.read_text()[-2000:]}")


def in_turns(found: Scene, rounds: int, seconds: float) -> None:
    """Measure every endpoint `rounds` times, each time right after the floor."""
    for what in ENDPOINTS:  # warm: statements prepared, caches filled
        found.turn(what, 1)
    for _ in range(rounds):
        for what in ENDPOINTS:
            found.turns.setdefault(what, []).append(found.turn(what, seconds))


def ratio(found: Scene, what: str, of: Callable[[Turn], float]) -> float:
    """Return the median over the rounds of an endpoint's figure by the floor's."""
    pairs = zip(found.turns[what], found.turns[FLOOR], strict=True)
    return statistics.median(of(turn) / of(floor) for turn, floor in pairs)


def table_of(found: Scene) -> list[list[str]]:
    """Return the rows of the table of endpoints, the heading first."""
    rows = [["", "requests/s", "÷ floor", "per CPU-second of the server", "÷ floor",
             "with the database's", "÷ floor", "p50, p99 ms", "failed"]]  # fmt: skip
    figures: list[Callable[[Turn], float]] = [
        lambda turn: turn.drive.per_second,
        lambda turn: turn.per_server_s,
        lambda turn: turn.per_both_s,
    ]
    for what, turns in found.turns.items():
        row = [what]
        for figure in figures:
            row += [f"{statistics.median(map(figure, turns)):,.0f}", f"{ratio(found, what, figure):.2f}"]
        p50, p99 = (statistics.median(t.drive.percentile_ms(share) for t in turns) for share in (0.5, 0.99))
        rows.append([*row, f"{p50:.1f}, {p99:.1f}", str(sum(turn.drive.failures for turn in turns))])
    return rows


@dataclass
class Job:
    """What a job came to: how many people it was about, how long it took to answer and to fetch, and what it cost.

    Attributes:
        processor_s: of all its processes and the database's.
    """

    people: int
    seconds: float
    fetching_s: float
    processor_s: float


def in_bulk(found: Scene, people: int) -> Job:
    """Ask about so many people in a job, which the service answers by processes of its own, and fetch the answers."""
    head = {"service_item": SERVICE_ITEM, "elements": list(ELEMENTS)}
    with found.owner() as con:
        cases = con.execute(
            "SELECT id::text, parties->0->>'id' FROM service.\"case\" ORDER BY id LIMIT %s", [people]
        ).fetchall()
    content = "\n".join(json.dumps(one) for one in [head, *(_asked(*case) for case in cases)])
    with httpx.Client(base_url=found.address, trust_env=False, timeout=300) as http:
        headers = {"Authorization": f"Bearer {found.token}", "Content-Type": "application/x-ndjson"}
        before = found.server_s(with_gone=True) + found.database_s()
        reply = http.post(
            "/v1/jobs", content=content, headers=headers | {"Idempotency-Key": uuid.uuid4().hex}
        )
        reply.raise_for_status()
        job = reply.json()
        while job["state"] in ("waiting", "running"):
            time.sleep(0.5)
            job = http.get(f"/v1/jobs/{job['job_id']}", headers=headers).json()
        if (job["state"], job["answered"]) != ("done", len(cases)):
            raise SystemExit(f"bench-service: the job ended {job['state']}, {job['answered']} answered")
        time.sleep(3 * POLL_S)  # until the processes have ended, and what they used is known
        used = found.server_s(with_gone=True) + found.database_s() - before
        began, ended = (datetime.fromisoformat(job[name]) for name in ("began_at", "ended_at"))
        started, fetched = time.perf_counter(), 0
        with http.stream("GET", f"/v1/jobs/{job['job_id']}/results", headers=headers) as lines:
            for line in lines.iter_lines():
                fetched += '"answer"' in line
        if fetched != len(cases):
            raise SystemExit(f"bench-service: {fetched} of {len(cases)} questions of the job were answered")
    return Job(len(cases), (ended - began).total_seconds(), time.perf_counter() - started, used)


@dataclass
class DuringRun:
    """What prefill beside a pipeline run came to, and the floor beside another one.

    Attributes:
        seconds: how long the run took.
        pauses: the machine's own.
        waits: what answers waited for inside the server → how often, and milliseconds: p50, p99, max.
    """

    drive: Drive
    floor: Drive
    seconds: float
    pauses: Pauses
    waits: Mapping[str, Mapping[str, float]]

    def lines(self) -> list[str]:
        """Return what was found, as it stands in docs/performance.md."""
        drive, floor = self.drive, self.floor
        told = [
            f"Prefill at 200 requests/s during a full pipeline run of {self.seconds:.0f} s: p50 "
            f"{drive.percentile_ms(0.5):.1f} ms, p99 {drive.percentile_ms(0.99):.1f} ms (wanted: < {GOAL_P99_MS}), "
            f"{drive.failures} of {drive.statuses.total():,} failed. The floor at the same rate during another run: "
            f"p50 {floor.percentile_ms(0.5):.1f} ms, p99 {floor.percentile_ms(0.99):.1f} ms. Latencies count from when "
            f"a request was due; the driver itself was {drive.lag_ms(0.99):.1f} ms late with one in a hundred. "
            f"{self.pauses.line()} What prefills waited for inside the server:",
            "",
            "|  | times | p50 ms | p99 ms | longest ms |",
            "|---|---|---|---|---|",
        ]
        for what, one in sorted(self.waits.items(), key=lambda pair: -pair[1]["p99"]):
            told.append(
                f"| {what} | {one['count']:,.0f} | {one['p50']:.1f} | {one['p99']:.1f} | {one['max']:.1f} |"
            )
        return [*told, ""]


def during_a_run(found: Scene, per_second: float) -> DuringRun:
    """Prefill at a constant rate while everything is read and published again, after the floor beside a run like it."""
    seen = pauses.look()
    floor, _ = _beside(found, FLOOR, per_second, day=1)
    found.waits()
    drive, took_s = _beside(found, "prefill", per_second, day=2)
    return DuringRun(drive, floor, took_s, seen, found.waits())


def _beside(found: Scene, what: str, per_second: float, day: int) -> tuple[Drive, float]:
    """Drive an endpoint from a run's beginning to its end; also returns how many seconds that took."""
    found.campus.change(day)
    requests = itertools.cycle(found.ready_made(what))
    started = time.perf_counter()
    run = found.campus.yici("run")
    drive = steady(found.port, requests, per_second, lambda _: run.poll() is not None)
    if run.returncode:
        raise SystemExit(f"bench-service: yici run: {run.communicate()[0][-2000:]}")
    return drive, time.perf_counter() - started


@dataclass
class Soaked:
    """What a soak came to: the drive, memory over time, and whether the record has every entry that was handed out."""

    drive: Drive
    memory_mb: list[float]
    receipts: int
    lost: int
    has_gaps: bool


def soak(found: Scene, seconds: float, per_second: float) -> Soaked:
    """Prefill at a constant rate for long, and look every receipt up in the record afterwards."""
    memory: list[float] = []
    numbers: list[int] = []

    def is_over(passed: float) -> bool:
        memory.append(found.resident_mb())
        return passed >= seconds

    def keep(status: int, body: bytes) -> None:
        if status == 200:
            claims = json.loads(body)["receipt"].split(".")[1]
            numbers.append(json.loads(base64.urlsafe_b64decode(claims + "==="))["seq"])

    drive = steady(found.port, found.requests("prefill"), per_second, is_over, keep)
    with found.owner() as con:
        entries = {seq for (seq,) in con.execute("SELECT seq FROM service.record").fetchall()}
    return Soaked(
        drive, memory, len(numbers), len(set(numbers) - entries) + len(numbers) - len(set(numbers)),
        entries != set(range(1, len(entries) + 1)),
    )  # fmt: skip


def lines_of(people: int, found: Scene, job: Job, run: DuringRun | None, soaked: Soaked | None) -> list[str]:
    """Return what was found, as it stands in docs/performance.md."""
    heading, *rows = table_of(found)
    lines = [
        f"{people:,} people, {CONNECTIONS} connections, {len(found.turns[FLOOR])} turns, driven by"
        f" {'wrk' if service_wrk.is_installed() else 'the bundled driver'}. {machine()}.",
        "",
        f"| {' | '.join(heading)} |",
        f"|{'---|' * len(heading)}",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
        f"A job about {job.people:,} people: {job.people / job.seconds:,.0f} a second (wanted: ≥ {GOAL_SUBJECTS:,}), "
        f"{1e6 * job.processor_s / job.people:.0f} µs of processor time each with the database's, so "
        f"{job.people / job.processor_s:,.0f} a second per core; its answers fetched and their receipts signed: "
        f"{job.people / job.fetching_s:,.0f} a second.",
        "",
    ]
    if run:
        lines += run.lines()
    if soaked:
        quarter = max(1, len(soaked.memory_mb) // 4)
        first, last = soaked.memory_mb[quarter : 2 * quarter], soaked.memory_mb[-quarter:]
        lines += [
            f"{soaked.drive.seconds:.0f} s of prefill at 100 requests/s: {soaked.receipts:,} receipts, "
            f"{soaked.lost} without their entry, numbers {'with gaps' if soaked.has_gaps else 'without a gap'}, "
            f"{soaked.drive.failures} failed; memory {statistics.mean(first or last):.0f} MB in the second quarter, "
            f"{statistics.mean(last):.0f} MB in the last.",
            "",
        ]
    return lines


def write(lines: Sequence[str]) -> None:
    """Put the figures into docs/performance.md."""
    marked = re.compile(r"(<!-- bench-service -->\n).*?(<!-- end -->)", re.DOTALL)
    text = PAGE.read_text(encoding="utf-8")
    figures = "\n".join(lines)
    PAGE.write_text(marked.sub(lambda at: f"{at[1]}\n{figures}\n{at[2]}", text), encoding="utf-8")


def main() -> None:
    """Measure, print, and with --write put the figures into docs/performance.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=100_000, help="members of staff")
    parser.add_argument("--rounds", type=int, default=5, help="turns of every endpoint")
    parser.add_argument("--seconds", type=float, default=5, help="of one turn")
    parser.add_argument("--no-run", action="store_true", help="leave out the pipeline run")
    parser.add_argument("--soak", type=float, default=0, metavar="SECONDS", help="at 100 requests/s")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/performance.md")
    asked = parser.parse_args()
    console = Console(width=max(Console().width, 150))
    with scene(asked.people) as found:
        in_turns(found, asked.rounds, asked.seconds)
        heading, *rows = table_of(found)
        table = Table(title=f"{asked.people:,} people; wanted: prefill ÷ floor ≥ {GOAL}")
        for name in heading:
            table.add_column(name, justify="right" if name else "left")
        for row in rows:
            table.add_row(*row)
        console.print(table)
        job = in_bulk(found, min(asked.people, MAX_ITEMS))
        run = None if asked.no_run else during_a_run(found, 200)
        soaked = soak(found, asked.soak, 100) if asked.soak else None
        lines = lines_of(asked.people, found, job, run, soaked)
    console.print("\n".join(lines), soft_wrap=True)
    if asked.write:
        write(lines)


if __name__ == "__main__":
    main()
