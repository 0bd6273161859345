"""`python -m service`: run the HTTP service with uvicorn."""

from catalogs.settings import settings
from service import logs, metrics, running
from service.configuration import configuration
from service.stopping import KEEP_ALIVE_S
from service.wire import tls_options
from warehouse.migrate import upgrade

# A worker that has not begun to serve by then, or does not answer its supervisor for so long, is given up.
START_S = 60


def main() -> None:
    """Prepare the warehouse's schemas and serve until a signal ends it; open requests are answered first."""
    chosen = running.chosen("python -m service", __doc__ or "", 8700)
    settings()
    upgrade()
    with metrics.shared(chosen.workers):
        running.run(
            "service.app:create_served",
            chosen,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_worker_healthcheck=START_S,
            **tls_options(configuration()),
        )


if __name__ == "__main__":
    logs.configure()
    main()
