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
    workers: int = typer.Option(1, help="Worker processes."),
) -> None:
    """Serve facts over HTTP until interrupted."""
    os.execv(sys.executable, _command(host, port, workers))


def dev(
    port: int = typer.Option(8700, help="Port of the service."),
    dagster_port: int = typer.Option(3000, help="Port of Dagster's pages."),
) -> None:
    """Dagster's pages, its schedules and sensors, and the service, until interrupted."""
    from catalogs.settings import settings
    from pipelines.run import prepare_instance
    from yici.demo import serve_systems

    home = settings().home
    serve_systems(home)
    prepare_instance()
    workspace = Path(__file__).resolve().parent.parent / "workspace.yaml"
    command = [str(Path(sys.executable).with_name("dagster")), "dev", "--workspace", str(workspace)]
    command += ["--host", "127.0.0.1", "--port", str(dagster_port), "--log-level", "warning"]
    with running(home, port) as address, _stopping_on_signal():
        typer.echo(f"service   {address}   (its contract: {address}/openapi.json)")
        typer.echo(f"Dagster   http://127.0.0.1:{dagster_port}   (in about 20 s; Ctrl-C stops both)")
        process = subprocess.Popen(command, cwd=workspace.parent, start_new_session=True)
        try:
            code = process.wait()
        except KeyboardInterrupt:
            code = 0
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=READY_S)
    raise typer.Exit(code)


@contextlib.contextmanager
def _stopping_on_signal() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does, so that what was started is stopped."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def running(home: Path, port: int = 0) -> Iterator[str]:
    """Run the service beside this process until the block ends; yields its address once it is ready."""
    port = port or _free_port()
    log = home / "logs" / "service.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as out:
        process = subprocess.Popen(
            _command("127.0.0.1", port, 1), stdout=out, stderr=out, start_new_session=True
        )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(address, process, log)
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=READY_S)


def _command(host: str, port: int, workers: int) -> list[str]:
    return [sys.executable, "-m", "service", "--host", host, "--port", str(port), "--workers", str(workers)]


def _wait(address: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            urllib.request.urlopen(f"{address}/readyz", timeout=2)
            return
        time.sleep(0.1)
    typer.secho(f"yici: the service did not become ready; see {log}", fg="red", err=True)
    raise typer.Exit(4)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
