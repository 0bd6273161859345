"""`yici serve --portal`: the service and the portal on one machine, connected, until interrupted."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import typer

from yici.serving import running

STOP_S = 30
_KEY, _CLIENT, _SERVICE = "YICI_PORTAL_KEY", "YICI_PORTAL_CLIENT", "YICI_PORTAL_SERVICE"


def serve_both(host: str, port: int, portal_port: int) -> None:
    """Run both until a signal ends them, or the portal ends by itself; then exit as the portal did."""
    from catalogs.settings import settings
    from portal.connecting import connect
    from yici.warehouse import load_catalog

    home = settings().home
    client = os.environ.get(_CLIENT, "portal")
    key = os.environ.get(_KEY) or str(connect(home, load_catalog(), client))
    with running(home, port, "healthz") as address, stopping_on_signal():
        told = os.environ | {_KEY: key, _CLIENT: client, _SERVICE: os.environ.get(_SERVICE, address)}
        command = [sys.executable, "-m", "portal", "--host", host, "--port", str(portal_port)]
        typer.echo(f"service   {address}   (its contract: {address}/openapi.json)")
        typer.echo(
            f"portal    http://{host}:{portal_port}   (who logs in how: docs/portal.md; Ctrl-C stops both)"
        )
        process = subprocess.Popen(command, env=told, start_new_session=True)
        try:
            code = process.wait()
        except KeyboardInterrupt:
            code = 0
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=STOP_S)
    raise typer.Exit(code)


@contextlib.contextmanager
def stopping_on_signal() -> Iterator[None]:
    """Let SIGTERM and SIGINT end the block, and reach what it starts, also where the caller had them ignored."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
