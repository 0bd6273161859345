"""Start and stop the campus's HTTP servers: one process, one pid file, a lock that dies with the process."""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from demo.servers import government, research
from demo.target import Target, TargetError

_MODULES = {"research": research, "government": government}
_PID, _LOG = "servers.pid", "servers.log"
_WAIT_S = 20.0


def serve(target: Target) -> None:
    """Serve until SIGTERM or SIGINT; prints the addresses.

    Raises:
        TargetError: another process serves this campus, or a port is taken.
    """
    with _only_one(target.out):
        servers = []
        try:
            for name, module in _MODULES.items():
                port, token = target.port(name), target.password(f"token:{name}")
                try:
                    servers.append(module.server(target.folder(name), port, token))
                except OSError as error:
                    raise TargetError(
                        f"port {port} of {name} is taken ({error.strerror}); free it, or build the campus "
                        "into a fresh folder, which chooses other ports"
                    ) from None
                print(f"{name}: http://127.0.0.1:{port}", flush=True)
            ended = threading.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: ended.set())
            for server in servers:
                threading.Thread(target=server.serve_forever, daemon=True).start()
            ended.wait()
        finally:
            for server in servers:
                server.server_close()


def start(target: Target) -> None:
    """Start the servers detached and wait until they answer; if they already do, leave them.

    Raises:
        TargetError: they do not answer in time; the log says why.
    """
    if _answer(target):
        return
    log = target.out / _LOG
    command = [sys.executable, "-m", "demo", "serve", "--out", str(target.out)]
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            cwd=Path(__file__).resolve().parents[2],
        )
    deadline = time.monotonic() + _WAIT_S
    while time.monotonic() < deadline:
        if _answer(target):
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise TargetError(f"the campus's HTTP systems do not answer; see {log}")


def stop(out: Path) -> bool:
    """Stop the servers of a campus; False if none were running.

    The pid file is trusted only while its process holds the lock on it.
    """
    path = out / _PID
    try:
        with path.open("r", encoding="utf-8") as held:
            if _lock(held):
                return False
            number = int(held.read())
            os.kill(number, signal.SIGTERM)
            deadline = time.monotonic() + _WAIT_S
            while not _lock(held):
                if time.monotonic() > deadline:
                    raise TargetError(f"process {number} of the campus's HTTP systems does not end")
                time.sleep(0.05)
    except (FileNotFoundError, ProcessLookupError):
        return False
    return True


@contextlib.contextmanager
def _only_one(out: Path) -> Iterator[None]:
    path = out / _PID
    with path.open("a+", encoding="utf-8") as held:
        if not _lock(held):
            raise TargetError(f"the HTTP systems of {out} are running already")
        held.seek(0)
        held.truncate()
        held.write(str(os.getpid()))
        held.flush()
        yield


def _lock(file) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _answer(target: Target) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for name in _MODULES:
        try:
            opener.open(f"http://127.0.0.1:{target.port(name)}/health", timeout=2).close()
        except (urllib.error.URLError, OSError):
            return False
    return True
