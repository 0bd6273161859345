"""`python -m portal`: run the portal with uvicorn."""

from catalogs.settings import settings
from service import logs, running
from warehouse.migrate import upgrade


def main() -> None:
    """Prepare the warehouse's schemas and serve pages until a signal ends it."""
    chosen = running.chosen("python -m portal", __doc__ or "", 8800)
    settings()
    upgrade()
    running.run("portal.app:create_served", chosen)


if __name__ == "__main__":
    logs.configure()
    main()
