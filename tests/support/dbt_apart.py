"""dbt for commands of a stable: forked like they are, and not a new Python that imports dbt for each call of a run.

A command has one thread when it begins. It then forks a *groom*, which forks dbt whenever the command calls for it, in
the command's session: whoever kills that kills dbt. dbt runs in what the pipeline itself starts, with the pipe by which
it notices that the command alone was killed. As a new Python it is run by the drills, by
`tests/test_docs.py` and by `tests/pipelines/test_dbt.py`.
"""

import contextlib
import json
import os
import signal
import socket
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import IO, Any, NoReturn

from pipelines import dbt
from tests.support.apart import COMMANDS, Command, Stable, become
from tests.support.dbt import MODULES


class StableWithDbt(Stable):
    """A stable whose commands have a groom."""

    def __init__(self) -> None:
        super().__init__((*COMMANDS, *MODULES, __name__))

    def start(self, *arguments: str, call: str = f"{__name__}:yici", **options: Any) -> Command:
        """Call a function in a new process; by default it is the command `yici`, with a groom."""
        return super().start(*arguments, call=call, **options)

    def learn_project(self, home: Path) -> None:
        """Know how a project is read that a run has parsed in a state folder."""
        self.learn("tests.support.quick_dbt:learn", str(home / "dbt" / "project"))


def yici() -> None:
    """Be the command `yici`, with a groom."""
    from yici.cli import app

    alive, held = os.pipe()  # the writing end is the command's, and closed when it is gone
    here, there = socket.socketpair()
    groom = os.fork()
    if groom == 0:
        os.close(held)
        here.close()
        _groom(there.makefile("rw"), alive)
    os.close(alive)
    there.close()
    with here, here.makefile("rw") as orders:
        dbt.call = partial(_call, orders)
        try:
            app()
        finally:
            here.shutdown(socket.SHUT_RDWR)
            os.waitpid(groom, 0)


def _groom(orders: IO[str], alive: int) -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(BrokenPipeError):  # the command is gone
        for line in orders:
            pid = os.fork()
            if pid == 0:
                signal.signal(signal.SIGINT, signal.default_int_handler)
                become(json.loads(line), alive)
            _, status = os.waitpid(pid, 0)
            print(os.waitstatus_to_exitcode(status), file=orders, flush=True)
    os._exit(0)


def _call(
    groom: IO[str], arguments: list[str], environment: Mapping[str, str], folder: Path
) -> tuple[int, str]:
    """Stand in for `pipelines.dbt.call`."""
    with tempfile.NamedTemporaryFile(suffix=".log") as log:
        order = {
            "call": f"{__name__}:_dbt",
            "arguments": arguments,
            "environment": dict(environment),
            "log": log.name,
            "folder": str(folder),
        }
        print(json.dumps(order), file=groom, flush=True)
        return int(groom.readline()), Path(log.name).read_text(encoding="utf-8")


def _dbt() -> None:
    exec(dbt._DBT, {})
