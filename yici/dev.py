"""`yici dev`: Dagster's pages and the service side by side, for working on Yici."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import typer

from yici.demo import serve_systems
from yici.serving import running

STOP_S = 30


def dev(
    port: int = typer.Option(8700, help="Port of the service."),
    dagster_port: int = typer.Option(3000, help="Port of Dagster's pages."),
) -> None:
    """Dagster's pages, its schedules and sensors, and the service, until interrupted."""
    from catalogs.settings import settings
    from pipelines.run import prepare_instance

    home = settings().home
    serve_systems(home)
    prepare_instance()
    workspace = Path(__file__).resolve().parent.parent / "workspace.yaml"
    command = [str(Path(sys.executable).with_name("dagster")), "dev", "--workspace", str(workspace)]
    command += ["--host", "127.0.0.1", "--port", str(dagster_port), "--log-level", "warning"]
    with running(home, port, "healthz") as address, _stopping_on_signal():
        typer.echo(f"service   {address}   (its contract: {address}/openapi.json)")
        typer.echo(f"Dagster   http://127.0.0.1:{dagster_port}   (in about 20 s; Ctrl-C stops both)")
        quiet = os.environ | {"PYTHONWARNINGS": "ignore"}
        process = subprocess.Popen(command, cwd=workspace.parent, env=quiet, start_new_session=True)
        try:
            code = process.wait()
        except KeyboardInterrupt:
            code = 0
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=STOP_S)
    raise typer.Exit(code)


@contextlib.contextmanager
def _stopping_on_signal() -> Iterator[None]:
    """Let SIGTERM and SIGINT end the block, and reach what it starts, also where the caller had them ignored."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
