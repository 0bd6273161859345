"""`yici dev`: Dagster's pages and the service side by side, for working on Yici."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import typer

from yici.certificate import for_made_up_campus
from yici.demo import serve_systems
from yici.pages import stopping_on_signal
from yici.serving import running

STOP_S = 30


def dev(
    port: int = typer.Option(8700, help="Port of the service."),
    dagster_port: int = typer.Option(3000, help="Port of Dagster's pages."),
) -> None:
    """Dagster's pages, its schedules and sensors, and the service, until interrupted."""
    from catalogs.settings import settings
    from pipelines.run import give_way, prepare_instance

    home = settings().home
    serve_systems(home)
    prepare_instance()
    for_made_up_campus(home, f"http://127.0.0.1:{port}")
    workspace = Path(__file__).resolve().parent.parent / "workspace.yaml"
    command = [str(Path(sys.executable).with_name("dagster")), "dev", "--workspace", str(workspace)]
    command += ["--host", "127.0.0.1", "--port", str(dagster_port), "--log-level", "warning"]
    with running(home, port, "healthz") as address, stopping_on_signal():
        typer.echo(f"service   {address}   (its contract: {address}/openapi.json)")
        typer.echo(f"Dagster   http://127.0.0.1:{dagster_port}   (in about 20 s; Ctrl-C stops both)")
        quiet = os.environ | {"PYTHONWARNINGS": "ignore"}
        process = subprocess.Popen(
            command, cwd=workspace.parent, env=quiet, start_new_session=True, preexec_fn=give_way
        )
        try:
            code = process.wait()
        except KeyboardInterrupt:
            code = 0
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=STOP_S)
    raise typer.Exit(code)
