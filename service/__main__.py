"""`python -m service`: run the HTTP service with uvicorn."""

import argparse

import uvicorn

from catalogs.settings import settings
from service import logs, metrics
from service.configuration import configuration
from service.stopping import KEEP_ALIVE_S
from service.wire import Wire, tls_options
from warehouse.migrate import upgrade

GRACE_S = 10
# A worker that has not begun to serve by then, or does not answer its supervisor for so long, is given up.
START_S = 60


def main() -> None:
    """Prepare the warehouse's schemas and serve until a signal ends it; open requests are answered first."""
    parser = argparse.ArgumentParser(prog="python -m service", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8700, help="port to listen on")
    parser.add_argument("--workers", type=int, default=1, help="worker processes")
    chosen = parser.parse_args()
    settings()
    upgrade()
    with metrics.shared(chosen.workers):
        uvicorn.run(
            "service.app:create_served",
            factory=True,
            host=chosen.host,
            port=chosen.port,
            workers=chosen.workers,
            access_log=False,
            log_config=None,
            http=Wire,
            ws="none",
            **tls_options(configuration()),
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=GRACE_S,
            timeout_worker_healthcheck=START_S,
            server_header=False,
        )


if __name__ == "__main__":
    logs.configure()
    main()
