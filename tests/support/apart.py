"""Commands in processes of their own, which may be killed at any moment, without waiting for Python to import.

A command that imports Dagster, dbt and Great Expectations spends most of its time on that. So a *stable* imports them
once and opens nothing, and each command is forked from it: a process and a session of its own, with its own
environment, that ends as the command line's would. It is POSIX only, as kill -9 is.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

REPOSITORY = Path(__file__).resolve().parents[2]
COMMANDS = ("yici.cli", "pipelines.run", "pipelines.definitions", "expectations.suites", "great_expectations")
_POLL_S = 0.02


@dataclass
class Command:
    """A command under way.

    Attributes:
        pid: its process, which leads a session of its own.
        log: the file of everything that it said.
        code: its exit code, negative for the signal that ended it; None while it runs.
    """

    pid: int
    log: Path
    stable: "Stable" = field(repr=False)
    code: int | None = None

    def poll(self) -> int | None:
        """Return the exit code if it has ended."""
        if self.code is None:
            self.code = self.stable.ask({"poll": self.pid})
        return self.code

    def wait(self, timeout_s: float = 300) -> int:
        """Return the exit code when it has ended.

        Raises:
            TimeoutError: it still runs; it has been killed now.
        """
        deadline = time.monotonic() + timeout_s
        while self.poll() is None:
            if time.monotonic() > deadline:
                self.kill()
                raise TimeoutError(
                    f"still running after {timeout_s:.0f} s, and killed:\n{self.said()[-2000:]}"
                )
            time.sleep(_POLL_S)
        assert self.code is not None
        return self.code

    def kill(self, with_children: bool = True) -> None:
        """kill -9, of the process alone or of all that it started; nothing if it has ended."""
        if self.poll() is not None:
            return
        try:
            (os.killpg if with_children else os.kill)(self.pid, signal.SIGKILL)
        except ProcessLookupError:  # so young that it leads no session yet
            os.kill(self.pid, signal.SIGKILL)
        while self.poll() is None:
            time.sleep(_POLL_S)

    def leaves_children(self) -> bool:
        """Whether anything that it started, in its session, still runs."""
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def said(self) -> str:
        """Return what it wrote so far, on both streams."""
        return self.log.read_text(encoding="utf-8", errors="replace")


class Stable:
    """Where commands wait with everything imported."""

    def __init__(self, modules: tuple[str, ...] = COMMANDS) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.apart", *modules],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.ask({})

    def ask(self, order: Mapping[str, Any]) -> Any:
        """Give one order to the stable's process and return its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the stable died")
        return json.loads(answer)

    def start(
        self,
        *arguments: str,
        environment: Mapping[str, str],
        log: Path,
        call: str = "yici.cli:app",
        folder: Path = REPOSITORY,
    ) -> Command:
        """Call a function in a new process, with these arguments in `sys.argv`.

        Args:
            arguments: as a user types them.
            environment: all of the process's variables.
            log: the file that takes everything it says; a file of that name is replaced.
            call: `module:function`; by default it is the command `yici`.
            folder: where the process is.
        """
        order = {
            "call": call,
            "arguments": arguments,
            "environment": dict(environment),
            "log": str(log),
            "folder": str(folder),
        }
        return Command(self.ask(order), log, self)

    def learn(self, call: str, *arguments: str) -> None:
        """Call `module:function` in the stable itself: what Python has compiled then, no command compiles again."""
        self.ask({"learn": call, "arguments": arguments})

    def close(self) -> None:
        """End the stable; commands that still run go on."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def _serve(modules: list[str]) -> None:
    for module in modules:
        importlib.import_module(module)
    if "connectors.duck" in sys.modules:
        from tests.support.duck import believe_extensions

        believe_extensions()
    for line in sys.stdin:
        order = json.loads(line)
        answer: int | None = None
        if "poll" in order:
            found, status = os.waitpid(order["poll"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if found else None
        elif "learn" in order:
            _function(order["learn"])(*order["arguments"])
        elif order:
            answer = os.fork()
            if answer == 0:
                os.setsid()
                become(order, os.open(os.devnull, os.O_RDONLY))
        print(json.dumps(answer), flush=True)


def become(order: Mapping[str, Any], reads: int) -> NoReturn:
    """Be the command of an order in this process, reading from a file descriptor, and end with its exit code."""
    code: Any = 1
    try:
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        for source, target in ((reads, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        os.environ.clear()
        os.environ.update(order["environment"])
        os.chdir(order["folder"])
        sys.argv = [order["call"], *order["arguments"]]
        _function(order["call"])()
        code = 0
    except SystemExit as ended:
        code = ended.code or 0
    except BaseException:  # noqa: BLE001 - what Python itself would do
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


def _function(name: str) -> Callable[..., object]:
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)


if __name__ == "__main__":
    _serve(sys.argv[1:])
