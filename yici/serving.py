"""Start the service for a command and stop it again."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import typer

READY_S = 30


def serve(
    host: str = typer.Option("127.0.0.1", help="Address to listen on."),
    port: int = typer.Option(8700, help="Port to listen on."),
    workers: int = typer.Option(1, help="Worker processes; with --portal one."),
    portal: bool = typer.Option(False, help="The portal beside it, which asks it for people and clerks."),
    portal_port: int = typer.Option(8800, help="Port of the portal."),
) -> None:
    """Serve facts over HTTP until interrupted."""
    _tell_unusable()
    if portal:
        from yici.pages import serve_both

        serve_both(host, port, portal_port)
    os.execv(sys.executable, _command(host, port, workers))


@contextlib.contextmanager
def running(home: Path, port: int = 0, probe: str = "readyz") -> Iterator[str]:
    """Run the service beside this process until the block ends; yields its address once `probe` is answered.

    `readyz` waits for a published release too, `healthz` only for the process.
    """
    _tell_unusable()
    port = port or _free_port()
    log = home / "logs" / "service.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as out:
        process = subprocess.Popen(
            _command("127.0.0.1", port, 1), stdout=out, stderr=out, start_new_session=True
        )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(f"{address}/{probe}", process, log)
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=READY_S)


def _tell_unusable() -> None:
    """Refuse here, in words, a warehouse that the service could not sign in to: its own log is for machines."""
    from warehouse.connect import pg_params

    pg_params("service")


def _command(host: str, port: int, workers: int) -> list[str]:
    return [sys.executable, "-m", "service", "--host", host, "--port", str(port), "--workers", str(workers)]


def _wait(url: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            urllib.request.urlopen(url, timeout=2)
            return
        time.sleep(0.1)
    typer.secho(f"yici: the service did not become ready; see {log}", fg="red", err=True)
    raise typer.Exit(4)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
