"""`yici key` over the keys of sensitive items: what each does, another one in its place, and one that is lost."""

from pathlib import Path

import pytest

from connectors import landing_keys
from tests.service.conftest import service_url
from tests.support import campus
from tests.support.postgres import PgDatabase
from tests.warehouse.test_sealed_items import people, sensitive
from tests.yici.commands import yici
from warehouse import key_ring


@pytest.fixture
def house(tmp_path: Path, pg_database: PgDatabase, monkeypatch: pytest.MonkeyPatch) -> campus.Warehouse:
    """A release with sensitive items, in a home with rings of its own."""
    for name in (key_ring.ENVIRONMENT, landing_keys.ENVIRONMENT):
        monkeypatch.delenv(name)
    monkeypatch.setenv("YICI_HOME", str(tmp_path))
    monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
    monkeypatch.setenv("YICI_SERVICE_DATABASE_URL", service_url(pg_database))
    opened = campus.Warehouse(tmp_path, sensitive("id_no", "salary"))
    opened.land(people())
    opened.release()
    return opened


def states(listed: str) -> dict[str, list[str]]:
    """Return what a list says of the keys of store and landing zone."""
    lines = [line.split(maxsplit=2) for line in listed.splitlines()]
    return {ring: [line[2] for line in lines if line[0] == ring] for ring in ("store", "landing")}


def test_keys_of_sensitive_items_are_listed_and_exchanged(house: campus.Warehouse, tmp_path: Path) -> None:
    served, digest = house.served(), house.digest()
    secrets = [key.secret.hex() for key in key_ring.ring().keys]
    listed = yici("key", "list")
    assert states(listed) == {"store": ["in force"], "landing": ["in force, 1 extracts"]}
    assert not [secret for secret in secrets if secret in listed]

    assert "Back up the folder keys/ now" in yici("key", "rotate", "store", "--grace", "0")
    assert "encrypts the extracts to come" in yici("key", "rotate", "landing")
    told = states(yici("key", "list"))
    assert told["store"][0] == "in force" and told["store"][1].startswith("destroyed ")
    assert told["landing"] == ["in force, 0 extracts", "opens what it encrypted, 1 extracts"]
    assert (house.served(), house.digest()) == (served, digest)

    house.landing.remove(house.landing.extracts()[0])
    assert "Destroyed, since no extract needs them" in yici("key", "rotate", "landing")
    assert states(yici("key", "list"))["landing"] == ["in force, 0 extracts"]


def test_lost_keys_are_told_and_not_replaced(house: campus.Warehouse, tmp_path: Path) -> None:
    for file in (key_ring.file_of(tmp_path), landing_keys.file_of(tmp_path)):
        file.unlink()
    told = states(listed := yici("key", "list", exit_code=1))
    assert "LOST" in told["store"] and told["landing"] == ["LOST, 1 extracts"]
    assert "restore the folder keys/ from its backup" in listed


def test_a_key_file_that_cannot_be_written_is_told_before_anything_is_changed(
    house: campus.Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = key_ring.file_of(tmp_path).read_text()
    # So long a name that nothing can be written beside it: what an account without the right to write meets.
    named = tmp_path / ("k" * 255)
    named.write_text(kept)
    monkeypatch.setenv(key_ring.ENVIRONMENT, str(named))
    told = yici("key", "rotate", "store", "--grace", "0", exit_code=2)
    told = " ".join(told.split())
    assert "cannot be written there" in told and "open everything that is sealed" in told
    assert named.read_text() == kept
    assert states(yici("key", "list"))["store"] == ["in force"]
