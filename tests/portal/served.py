"""A portal together with the service that it asks, over one small warehouse; people whom the warehouse knows."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from joserfc.jwk import ECKey

import catalogs
from portal.configuration import Configuration, ServiceSettings
from service import clients
from service.app import create_app
from service.configuration import Configuration as ServiceConfiguration
from service.wire import Wire
from tests.portal import house
from tests.portal.house import Portal
from tests.service import campus
from tests.service.conftest import service_url
from tests.service.desk import Desk
from tests.support.http import asgi_server
from tests.support.postgres import PgDatabase

# Accounts of people who are in the warehouse themselves: name → number.
KNOWN = {"jia": "T001", "yi": "T002", "bing": "T003"}


@dataclass
class Served:
    """The portal, and the service behind it as its other clients meet it."""

    portal: Portal
    desk: Desk


@contextmanager
def served(
    database: PgDatabase,
    home: Path,
    service: ServiceConfiguration | None = None,
    told: Mapping[str, bytes] | None = None,
    **portal: object,
) -> Iterator[Served]:
    """Run service and portal; the portal is the client `pages`.

    Args:
        database: fresh.
        home: state folder of both.
        service: how the service is set up.
        told: the campus's files; default: those of the small one.
        portal: settings of the portal's configuration.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name, value in house.surroundings(database, home).items():
            patch.setenv(name, value)
        patch.setenv("YICI_SERVICE_DATABASE_URL", service_url(database))
        content = catalogs.load(told or house.files())
        house.fill(database, content)
        key = ECKey.generate_key("P-256", {"kid": "pages-1"})
        private, public = home / "pages.jwk", home / "pages.jwks"
        private.write_text(json.dumps(key.as_dict(private=True)))
        public.write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
        clients.register(campus.PAGES, "DT", "校务数据门户", public)
        app = create_app(service or ServiceConfiguration(is_reference_campus=True))
        with asgi_server(app, http=Wire, ws="none") as url:
            settings = ServiceSettings(url, private, campus.PAGES)
            chosen = Configuration(**{"is_reference_campus": True, "service": settings} | portal)
            with house.running(database, content, chosen) as found:
                for name, number in KNOWN.items():
                    found.secrets[name] = house.account(found.owner, name, number)
                desk = Desk(url, found.catalog, found.owner, home, app, keys={campus.PAGES: key})
                for client, unit in ((campus.HALL, "DT"), (campus.HR, "RS")):
                    desk.register(client, home, unit)
                yield Served(found, desk)
