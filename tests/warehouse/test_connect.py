"""An external PostgreSQL that cannot be used is a message that names the setting, and holds no password."""

import psycopg
import pytest

from catalogs.settings import ConfigurationError
from tests.service.conftest import service_url
from tests.support.http import free_port
from tests.support.postgres import PgDatabase
from warehouse import connect


def _address(database: PgDatabase, **changes: str) -> str:
    parts = psycopg.conninfo.conninfo_to_dict(database.tcp_url) | changes
    return "postgresql://{user}:{password}@{host}:{port}/{dbname}".format(**parts)


@pytest.mark.parametrize("address", ["garbage", "mysql://u:CANARY@h/d", "postgresql://u:CANARY@h:port/d"])
def test_an_address_that_is_none_says_what_was_expected(monkeypatch: pytest.MonkeyPatch, address: str):
    monkeypatch.setenv("YICI_DATABASE_URL", address)
    with pytest.raises(ConfigurationError, match="YICI_DATABASE_URL: expected postgresql://") as caught:
        connect.pg_params()
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"password": "CANARY"}, "user or password refused"),
        ({"port": "closed"}, "no connection"),
        ({"dbname": "nowhere"}, "the database does not exist"),
    ],
)
def test_an_address_where_nobody_signs_in_says_why(
    pg_database: PgDatabase, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str], words: str
):
    changes = {"port": str(free_port())} if "port" in wrong else wrong
    monkeypatch.setenv("YICI_DATABASE_URL", _address(pg_database, **changes))
    with pytest.raises(ConfigurationError, match=f"YICI_DATABASE_URL: {words}") as caught:
        connect.pg_params()
    assert "CANARY" not in f"{caught.value!r} {caught.value.__cause__!r}"


def test_the_service_signs_in_under_the_name_that_has_its_rights(
    pg_database: PgDatabase, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
    with pytest.raises(ConfigurationError, match="YICI_SERVICE_DATABASE_URL is not set"):
        connect.pg_params("service")
    monkeypatch.setenv("YICI_SERVICE_DATABASE_URL", pg_database.url)
    with pytest.raises(ConfigurationError, match="the user must be yici_service"):
        connect.pg_params("service")
    monkeypatch.setenv("YICI_SERVICE_DATABASE_URL", service_url(pg_database))
    assert connect.pg_params("service").user == "yici_service"
    connect.tell_missing_role()


def test_a_server_without_the_service_s_role_is_refused_before_tables_are_made(
    pg_database: PgDatabase, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
    monkeypatch.setitem(connect.ROLE_NAMES, "service", "yici_service_of_another_server")
    with pytest.raises(ConfigurationError, match="CREATE ROLE yici_service_of_another_server LOGIN"):
        connect.tell_missing_role()
