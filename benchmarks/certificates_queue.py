"""`make bench-certificates`: graduation week. Thousands ask at once, the service is killed twice, and none is lost.

The small campus goes its real way from source files to a release. Everybody logs in, asks for a certificate over HTTP
and, like a browser, asks again with the same key where no answer came. While people still ask, a worker is killed with
the process that prints for it; while papers are printed, the whole service is. In the end everybody has exactly one
certificate and one sealed paper of it, and the numbers have no gap. What was found: docs/performance.md.
"""

import argparse
import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from psycopg.rows import dict_row
from rich.console import Console

from benchmarks import service_campus
from benchmarks.run import machine
from benchmarks.service_campus import Campus
from catalogs.settings import now
from certificates import judging
from service import certificate_authority, certificates
from service.certificate_keys import read_trust
from service.keys import load as load_keys
from tests.support.http import free_port
from warehouse.embedded import EmbeddedServer

LOGIN, AUDIENCE, ISSUER = "https://login.test.example", "yici", "https://data.test.example"
WORKERS, CONNECTIONS, SAMPLE = 2, 16, 200
# When it is killed: the share of orders that were taken, and of papers that were sealed.
FIRST_KILL, SECOND_KILL = 0.3, 0.4
_READY_S, _LONGEST_S, _LOOK_S, _TELL_S, _PAUSE_S = 600, 3600, 0.2, 10, 0.2
_KIND = {
    "certificate": "employment",
    "nameZh": "在职证明",
    "nameEn": "Certificate of employment",
    "unit": "RS",
    "post": "post:a",
    "populations": ["staff"],
    "askedBy": ["self"],
    "textZh": "兹证明{XM}(工号 {GH})在{DW}任职, {RZRQ}入职。",
    "textEn": "{XM} (staff number {GH}) works at {DW} since {RZRQ}.",
    "elements": [
        {"element": "XM", "labelZh": "姓名", "labelEn": "Name", "disclosable": False},
        {"element": "GH", "labelZh": "工号", "labelEn": "Staff number"},
        {"element": "ZT", "labelZh": "状态", "labelEn": "Status", "must": "in:在职"},
        {"element": "DW", "labelZh": "单位", "labelEn": "Unit"},
        {"element": "RZRQ", "labelZh": "入职日期", "labelEn": "Hired on"},
    ],
    "purposes": [{"code": "job", "nameZh": "求职", "nameEn": "Job application"}],
    "validityDays": [30],
}
console = Console(highlight=False)


class Lost(Exception):
    """Something is not as it should be."""


@dataclass
class Scene:
    """The campus, its service, and who asks it.

    Attributes:
        key: of the campus's login.
        taken: person → the certificate that the service answered with.
        asked_again: why how many requests had to be sent again.
        over: set at the end, so that nobody goes on asking whom nothing answers any more.
    """

    campus: Campus
    key: ECKey
    port: int
    process: subprocess.Popen[bytes] | None = None
    taken: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked_again: Counter[str] = field(default_factory=Counter)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.campus.folder / "service.log"

    def start(self) -> None:
        """Start the service and wait until it answers."""
        command = [sys.executable, "-m", "yici", "serve", "--port", str(self.port), "--workers", str(WORKERS)]
        surroundings = self.campus.environment() | {
            "YICI_LOGIN_ISSUER": LOGIN,
            "YICI_LOGIN_AUDIENCE": AUDIENCE,
            "YICI_LOGIN_JWKS": str(self.campus.folder / "login.jwks"),
            "YICI_LOGIN_NUMBERS": "employee_number=staff_no",
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=surroundings, stdout=log, stderr=log)
        deadline = time.monotonic() + _READY_S
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.address}/readyz", trust_env=False).status_code == 200:
                    return
            time.sleep(_LOOK_S)
        raise Lost(f"the service did not start: {self.log.read_text()[-1000:]}")

    def kill_a_worker(self) -> int:
        """Kill one worker and what it started, and let the service replace it; returns how many processes that were."""
        assert self.process is not None
        workers = [pid for pid in _children(self.process.pid) if b"resource_tracker" not in _command(pid)]
        return _killed(workers[-1])

    def kill(self) -> int:
        """Kill the whole service, as a machine without power would; returns how many processes that were."""
        assert self.process is not None
        count = _killed(self.process.pid)
        self.process.wait()
        return count

    def stop(self) -> None:
        """End the service as an operator does."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=60)

    def owner(self) -> psycopg.Connection[dict[str, Any]]:
        """Connect to the warehouse as the superuser."""
        address = EmbeddedServer(self.campus.folder / "home").ensure()
        return psycopg.connect(address.url("yici"), autocommit=True, row_factory=dict_row)

    def ask(self, http: httpx.Client, person: str) -> None:
        """Ask for one person until there is an answer, always with the same key."""
        key, order = uuid.uuid4().hex, {"kind": "employment", "purpose": "job", "validity_days": 30}
        while not self.over.is_set():
            headers = {"Authorization": f"Bearer {self._bearer(person)}", "Idempotency-Key": key}
            try:
                reply = http.post(f"{self.address}/v1/me/certificates", json=order, headers=headers)
            except httpx.TransportError as error:
                self.asked_again[type(error).__name__] += 1
            else:
                if reply.status_code == 201:
                    self.taken[person] = reply.json()
                    return
                told = reply.json()
                if not told.get("retryable"):
                    raise Lost(f"an order was refused: {told.get('code')}")
                self.asked_again[told["code"]] += 1
            time.sleep(_PAUSE_S)

    def progress(self, person: str) -> dict[str, Any]:
        """Return how far the paper of somebody is, as that person sees it."""
        reply = httpx.get(
            f"{self.address}/v1/me/certificates/{self.taken[person]['certificate_id']}",
            headers={"Authorization": f"Bearer {self._bearer(person)}"},
            trust_env=False,
            timeout=30,
        )
        found: dict[str, Any] = reply.json()
        return found

    def _bearer(self, person: str) -> str:
        moment = int(time.time())
        claims = {
            "iss": LOGIN,
            "aud": AUDIENCE,
            "iat": moment,
            "exp": moment + 300,
            "employee_number": person,
        }
        return jwt.encode({"alg": "ES256", "kid": self.key.kid}, claims, self.key)


@contextlib.contextmanager
def scene(people: int) -> Iterator[Scene]:
    """Make the campus, bring it to a release and serve it until the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="yici-bench-certificates-"))
    folder.chmod(0o711)
    campus = service_campus.make(folder, people)
    kinds = folder / "campus" / "certificates"
    kinds.mkdir()
    (kinds / "staff.yaml").write_text(json.dumps(_KIND, ensure_ascii=False), encoding="utf-8")
    key = ECKey.generate_key("P-256", {"kid": "login"})
    (folder / "login.jwks").write_text(json.dumps(KeySet([key]).as_dict(private=False)))
    certificate_authority.reference_keys(folder / "home", "试验大学", ISSUER, now())
    found = Scene(campus, key, free_port())
    try:
        campus.run()
        found.start()
        yield found
    finally:
        found.over.set()
        found.stop()
        campus.remove()
        shutil.rmtree(folder, ignore_errors=True)


def run(people: int, judged: int = SAMPLE) -> None:
    """Let everybody ask, kill twice, and look whether anything was lost.

    Args:
        people: how many ask.
        judged: how many papers are judged one by one.

    Raises:
        Lost: something was.
    """
    console.print(f"{people:,} people, {WORKERS} workers; {machine()}")
    with scene(people) as found, found.owner() as con:
        persons = [f"T{number:07d}" for number in range(1, people + 1)]
        began = time.monotonic()
        done = threading.Event()
        watching = threading.Thread(target=_watch, args=(found, done, began), daemon=True)
        watching.start()
        asking = ThreadPoolExecutor(1).submit(_ask_all, found, persons)
        _wait(lambda: len(found.taken) >= FIRST_KILL * people or asking.done())
        console.print(
            f"{time.monotonic() - began:5.0f} s  kill -9: {found.kill_a_worker()} processes, one worker's"
        )
        _wait(lambda: _states(con)["ready"] >= SECOND_KILL * people)
        console.print(
            f"{time.monotonic() - began:5.0f} s  kill -9: {found.kill()} processes, all of the service"
        )
        found.start()
        asking.result()
        asked_s = time.monotonic() - began
        _wait(lambda: _states(con)["ready"] == len(found.taken) == people)
        took = time.monotonic() - began
        done.set()
        watching.join()
        again = ", ".join(f"{count} {why}" for why, count in sorted(found.asked_again.items()))
        console.print(
            f"all asked after {asked_s:.0f} s (sent again: {again or 'none'}), all sealed after {took:.0f} s"
        )
        _check(found, con, judged)
        _tell_cost(found.log)


def _ask_all(found: Scene, persons: Sequence[str]) -> None:
    with httpx.Client(trust_env=False, timeout=60) as http, ThreadPoolExecutor(CONNECTIONS) as pool:
        for asked in [pool.submit(found.ask, http, person) for person in persons]:
            asked.result()


def _watch(found: Scene, done: threading.Event, began: float) -> None:
    """Tell every few seconds how far it is, and what the last person sees."""
    with found.owner() as con:
        while not done.wait(_TELL_S):
            states, last = _states(con), next(reversed(found.taken), None)
            told: dict[str, Any] = {}
            if last:
                with contextlib.suppress(httpx.HTTPError, ValueError):
                    told = found.progress(last)
            line = f"{len(found.taken):,} asked, {states['waiting']:,} wait, {states['ready']:,} sealed"
            if told.get("expected_at"):
                line += f"; the last sees {told['ahead']:,} before it, expected by {told['expected_at'][11:16]} UTC"
            console.print(f"{time.monotonic() - began:5.0f} s  {line}")


def _states(con: psycopg.Connection[dict[str, Any]]) -> Counter[str]:
    rows = con.execute("SELECT state, count(*) FROM service.certificate GROUP BY state").fetchall()
    states = Counter({row["state"]: row["count"] for row in rows})
    if states["failed"]:
        raise Lost(f"{states['failed']} papers could not be printed")
    return states


def _wait(is_so: Any) -> None:
    deadline = time.monotonic() + _LONGEST_S
    while not is_so():
        if time.monotonic() > deadline:
            raise Lost("it takes too long")
        time.sleep(_LOOK_S)


def _check(found: Scene, con: psycopg.Connection[dict[str, Any]], judged: int) -> None:
    """Look at every certificate: one for each person, without a gap; and judge the papers of some.

    Raises:
        Lost: one is missing, doubled, or not what it should be.
    """
    rows = con.execute(
        "SELECT id, kind, year, seq, subject_key, content, pdf, revoked_at FROM service.certificate ORDER BY year, seq"
    ).fetchall()
    home = found.campus.folder / "home"
    keys, trust = load_keys(home), read_trust(home)
    assert trust is not None
    if len({row["subject_key"] for row in rows}) != len(rows) or len(rows) != len(found.taken):
        raise Lost(f"{len(rows)} certificates for {len(found.taken)} people")
    for year in {row["year"] for row in rows}:
        numbers = [row["seq"] for row in rows if row["year"] == year]
        if numbers != list(range(1, len(numbers) + 1)):
            raise Lost("the numbers have a gap")
    told = {one["certificate_id"]: one["number"] for one in found.taken.values()}
    papers = set()
    chosen = set(random.Random(1).sample(range(len(rows)), min(judged, len(rows))))
    for place, row in enumerate(rows):
        own = certificates.number(row["kind"], row["year"], row["seq"])
        paper = certificates.unseal(keys, row["id"], "pdf", row["pdf"])
        if told[str(row["id"])] != own or paper in papers or not _is_signed_whole(paper):
            raise Lost(f"{own}: not the paper of this certificate")
        papers.add(paper)
        if place in chosen:
            verdict = judging.read_paper("pdf", paper, trust, now())
            if (verdict["reason"], verdict.get("claims", {}).get("number")) != ("valid", own):
                raise Lost(f"{own}: judged {verdict['reason']}")
    console.print(
        f"{len(rows):,} of {len(found.taken):,}: one certificate a person, numbers without a gap, each with one paper "
        f"signed from its first byte to its last; {len(chosen):,} of them judged valid and of their number"
    )


def _is_signed_whole(paper: bytes) -> bool:
    """Whether a signature's byte range reaches from the first byte to the last."""
    named = re.findall(rb"/ByteRange \[\s*0 (\d+) (\d+) (\d+)\s*\]", paper)
    return len(named) == 1 and int(named[0][1]) + int(named[0][2]) == len(paper)


def _tell_cost(log: Path) -> None:
    """Tell what printing cost, as the printing processes that came to their end say themselves."""
    told = [json.loads(line) for line in log.read_text().splitlines() if '"papers were sealed"' in line]
    made, spent = sum(one["count"] for one in told), sum(one["processor_s"] for one in told)
    if made and spent:
        console.print(
            f"printing: {1_000 * spent / made:.0f} ms of processor time a paper, {made / spent:.1f}/s per core "
            f"({made:,} papers of the processes that ended by themselves, their start included)"
        )


def _killed(pid: int) -> int:
    """Kill a process and all below it; returns how many there were."""
    found = [pid, *_below(pid)]
    for one in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)
    return len(found)


def _below(pid: int) -> list[int]:
    return [one for child in _children(pid) for one in (child, *_below(child))]


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += map(int, file.read_text().split())
    return found


def _command(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="benchmarks.certificates_queue", description=__doc__)
    parser.add_argument("--people", type=int, default=5_000, help="how many ask")
    parser.add_argument("--judged", type=int, default=SAMPLE, help="how many papers are judged one by one")
    chosen = parser.parse_args()
    try:
        run(chosen.people, chosen.judged)
    except Lost as error:
        raise SystemExit(f"not as it should be: {error}") from None


if __name__ == "__main__":
    main()
