"""How the portal becomes known to the service."""

import json

import pytest
from joserfc.jwk import ECKey

import catalogs
from catalogs.settings import ConfigurationError
from portal.connecting import connect
from tests.portal.house import files
from tests.service import campus


def test_the_portal_is_known_by_a_key_that_is_made_once_and_stays_here(pg_database, tmp_path, monkeypatch):
    monkeypatch.setenv("YICI_HOME", str(tmp_path))
    monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
    catalog = catalogs.load(files())
    file = connect(tmp_path, catalog, campus.PAGES)
    assert connect(tmp_path, catalog, campus.PAGES) == file
    assert file.stat().st_mode & 0o077 == 0
    key = ECKey.import_key(json.loads(file.read_text()))
    assert key.is_private
    with pg_database.connect() as con:
        unit, jwks = con.execute(
            "SELECT unit, jwks FROM service.client WHERE client_id = %s", [campus.PAGES]
        ).fetchone()
    assert unit == "DT"
    assert jwks["keys"][0]["kid"] == key.kid and "d" not in jwks["keys"][0]


def test_a_client_that_is_no_portal_gets_no_key(tmp_path):
    with pytest.raises(ConfigurationError, match="Nothing was made"):
        connect(tmp_path, catalogs.load(files()), campus.HALL)
    assert not (tmp_path / "keys").exists()
