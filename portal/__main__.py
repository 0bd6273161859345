"""`python -m portal`: run the portal with uvicorn."""

import argparse

import uvicorn

from catalogs.settings import settings
from service import logs
from service.wire import Wire
from warehouse.migrate import upgrade

GRACE_S = 10


def main() -> None:
    """Prepare the warehouse's schemas and serve pages until a signal ends it."""
    parser = argparse.ArgumentParser(prog="python -m portal", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8800, help="port to listen on")
    parser.add_argument("--workers", type=int, default=1, help="worker processes")
    chosen = parser.parse_args()
    settings()
    upgrade()
    uvicorn.run(
        "portal.app:create_served",
        factory=True,
        host=chosen.host,
        port=chosen.port,
        workers=chosen.workers,
        access_log=False,
        log_config=None,
        http=Wire,
        ws="none",
        timeout_graceful_shutdown=GRACE_S,
        server_header=False,
    )


if __name__ == "__main__":
    logs.configure()
    main()
