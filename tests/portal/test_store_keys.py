"""Another store key while the portal runs: its desk seals and opens with the keys of now, and is not restarted."""

from pathlib import Path

import pytest

from portal.database import Database
from tests.portal.house import desk_url
from tests.support.postgres import PgDatabase
from warehouse import key_ring, releases, rotation
from warehouse.connect import connect
from warehouse.migrate import upgrade

SEALED = "SELECT encode(yici.seal('一行', 'hr.staff#row'), 'hex')"
OPENED = "SELECT yici.unseal(decode(%s, 'hex'), 'hr.staff#row')"


def test_what_the_desk_writes_after_a_rotation_is_sealed_with_the_new_key(
    pg_database: PgDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(key_ring.ENVIRONMENT)
    monkeypatch.setenv("YICI_HOME", str(tmp_path))
    monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
    monkeypatch.setenv("YICI_DESK_DATABASE_URL", desk_url(pg_database))
    upgrade()
    desk = Database(1, "desk")
    try:
        with desk.connection() as con:
            (before,) = con.execute(SEALED).fetchone()
        with connect(autocommit=True) as owner:
            releases.hold(owner)
            old, new = rotation.exchange(owner, tmp_path, lambda table, rows: None, grace_s=0)
        with desk.connection() as con:
            (after,) = con.execute(SEALED).fetchone()
            assert con.execute(OPENED, [after]).fetchone() == ("一行",)
        assert (before[:8], after[:8]) == (old, new)
        # what cannot be read leaves the desk the keys that it has
        key_ring.file_of(tmp_path).write_text("{")
        with desk.connection() as con:
            assert con.execute(SEALED).fetchone() == (after,)
    finally:
        desk.close()
