"""`python -m service` whose workers are forked from a process that has imported the service, and not each started anew.

uvicorn starts every worker as a new interpreter, which spends two processor seconds on imports: where a test kills a
dozen of them, that is nearly all that it costs. They are processes of their own as before, with what they are given
pickled as before, killed and followed as before. Workers that uvicorn starts itself are tested by
`tests/service/test_shutdown.py`.
"""

import multiprocessing
from pathlib import Path

from uvicorn import _subprocess

from service import logs
from service.__main__ import main

_FORKS, _TRACKS = b"forkserver import main", b"resource_tracker import main"


def workers_of(supervisor: int) -> list[int]:
    """Return the worker processes of a service, however they were started."""
    found = []
    for child in _children(supervisor):
        command = Path(f"/proc/{child}/cmdline").read_bytes()
        if _FORKS in command:
            found += _children(child)
        elif _TRACKS not in command:
            found.append(child)
    return found


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


if __name__ == "__main__":
    forking = multiprocessing.get_context("forkserver")
    forking.set_forkserver_preload(["service.app"])
    _subprocess.spawn = forking
    logs.configure()
    main()
