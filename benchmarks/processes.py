"""What a step costs: the processor time and memory of its processes and, told apart, of the database server's.

Read from Linux's /proc; elsewhere everything is 0.
"""

import contextlib
import os
import re
import subprocess
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_EVERY_S = 0.05
_FIELDS = re.compile(r"^(VmHWM|VmRSS|RssAnon|RssShmem):\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True)
class Cost:
    """What one command cost.

    Attributes:
        peak_mb: memory that it and the processes it started held at once, at most.
        server_mb: memory that the server's processes held at once, at most; what they share counts once.
        own_s: its processor seconds and theirs.
        server_s: the server's processor seconds meanwhile, its writers' included.
    """

    peak_mb: float
    server_mb: float
    own_s: float
    server_s: float


def processor_s(pid: int, gone: bool = False) -> float:
    """Return the processor seconds that a process has used, or also those of the processes that it has outlived."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    own, children = sum(map(int, fields[11:13])), sum(map(int, fields[13:15]))
    return (own + (children if gone else 0)) / _TICKS


def family(pid: int) -> list[int]:
    """Return a process and all that it started and that are still there."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            for task in Path(f"/proc/{parent}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def server_s(postmaster: int) -> float:
    """Return the processor seconds of a PostgreSQL server: of its processes, living and gone."""
    return sum(processor_s(pid, gone=pid == postmaster) for pid in family(postmaster))


def run(command: Sequence[str], postmaster: int, **options) -> tuple[subprocess.CompletedProcess[str], Cost]:
    """Run a command to its end, as `subprocess.run` does with `options`, and say what it cost.

    Memory is known by looks every twentieth of a second, each at the most that a process has held so far. What the
    system says of a process that has ended would count what its parent held as it was begun.
    """
    before = server_s(postmaster)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    watch = _Watch(process.pid, postmaster)
    watch.start()
    told: dict[str, str] = {}
    readers = [
        threading.Thread(target=lambda n=name, s=stream: told.update({n: s.read()}))
        for name, stream in (("out", process.stdout), ("err", process.stderr))
    ]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    watch.ended.set()
    watch.join()
    done = subprocess.CompletedProcess(command, process.returncode, told["out"], told["err"])
    return done, Cost(
        peak_mb=watch.peak_kb / 1024,
        server_mb=watch.server_kb / 1024,
        own_s=used.ru_utime + used.ru_stime,
        server_s=server_s(postmaster) - before,
    )


class _Watch(threading.Thread):
    """Looks at the memory of two families of processes until it is told that they have ended."""

    def __init__(self, pid: int, postmaster: int) -> None:
        super().__init__(name="memory", daemon=True)
        self._pid, self._postmaster = pid, postmaster
        self.ended = threading.Event()
        self.peak_kb = self.server_kb = 0

    def run(self) -> None:
        while not self.ended.wait(_EVERY_S):
            own = _memory(family(self._pid))
            server = _memory(family(self._postmaster))
            together = sum(one.get("VmRSS", 0) for one in own)
            self.peak_kb = max(self.peak_kb, together, *(one.get("VmHWM", 0) for one in own))
            shared = max((one.get("RssShmem", 0) for one in server), default=0)
            self.server_kb = max(self.server_kb, shared + sum(one.get("RssAnon", 0) for one in server))


def _memory(processes: Iterable[int]) -> list[dict[str, int]]:
    found = []
    for pid in processes:
        try:
            text = Path(f"/proc/{pid}/status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        found.append({name: int(kb) for name, kb in _FIELDS.findall(text)})
    return found
