"""A running service and the clients that ask it."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.service import campus
from tests.service.conftest import as_owner, at_desk
from tests.service.desk import Desk
from yici.client import Client

__all__ = ["as_owner", "at_desk"]


def client_of(desk: Desk, client_id: str = campus.HALL, **settings: Any) -> Client:
    """Return a client of the service at the desk."""
    return Client(desk.url, client_id, desk.keys[client_id], http={"trust_env": False}, **settings)


@pytest.fixture
def hall(at_desk: Desk) -> Iterator[Client]:
    with client_of(at_desk) as client:
        yield client
