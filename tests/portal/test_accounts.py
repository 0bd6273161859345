"""Accounts of the reference campus, made by the command."""

from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
from typer.testing import CliRunner

from catalogs.model_posts import Numbered
from portal import accounts
from yici.portal import app

PASSWORD = "for made-up people"


@pytest.fixture
def home(pg_database, tmp_path, monkeypatch):
    """The state folder of an installation of the reference campus."""
    monkeypatch.setenv("YICI_HOME", str(tmp_path))
    monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
    monkeypatch.setenv("YICI_REFERENCE_CAMPUS", "1")
    return tmp_path


def test_an_authenticator_that_read_the_address_makes_codes_that_log_in(home, pg_database):
    done = CliRunner().invoke(
        app, ["account", "steward", "--person", "100003", "--password", PASSWORD], catch_exceptions=False
    )
    assert done.exit_code == 0
    address = next(line for line in done.output.splitlines() if line.startswith("otpauth://"))
    secret = parse_qs(urlsplit(address).query)["secret"][0]
    with pg_database.connect() as con:
        assert accounts.check(con, "steward", "another", pyotp.TOTP(secret).now()) is None
        assert accounts.check(con, "steward", PASSWORD, pyotp.TOTP(secret).now()) == Numbered(
            "staff_no", "100003"
        )


def test_a_campus_of_real_people_gets_no_account(home, monkeypatch):
    monkeypatch.delenv("YICI_REFERENCE_CAMPUS")
    done = CliRunner().invoke(app, ["account", "steward", "--person", "100003", "--password", PASSWORD])
    assert done.exit_code != 0
    assert "Nothing was made" in str(done.exception)
