"""How a server of ours is run: where it listens, how many workers it has, and the settings that all servers share."""

import argparse
from typing import Any

import uvicorn

from service.wire import Wire

GRACE_S = 10


def chosen(prog: str, about: str, port: int) -> argparse.Namespace:
    """Read the command line.

    Args:
        prog: how the program is called.
        about: what it does.
        port: that it listens on by default.

    Returns:
        host, port, workers.
    """
    parser = argparse.ArgumentParser(prog=prog, description=about)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=port, help="port to listen on")
    parser.add_argument("--workers", type=int, default=1, help="worker processes")
    return parser.parse_args()


def run(app: str, told: argparse.Namespace, **own: Any) -> None:
    """Serve until a signal ends it; requests that are being answered are answered first.

    Args:
        app: import path of what makes the application of a worker.
        told: of `chosen`.
        own: settings of uvicorn that this server has beside those of all.
    """
    uvicorn.run(
        app,
        factory=True,
        host=told.host,
        port=told.port,
        workers=told.workers,
        access_log=False,
        log_config=None,
        http=Wire,
        ws="none",
        timeout_graceful_shutdown=GRACE_S,
        server_header=False,
        **own,
    )
