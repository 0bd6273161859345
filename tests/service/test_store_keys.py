"""Another store key while the service runs: it answers alike before, meanwhile and afterwards, and is not restarted."""

import threading
import time
from pathlib import Path

import pytest

from service import store_keys
from tests.service.conftest import opened
from tests.service.desk import Desk
from tests.support.postgres import PgDatabase
from warehouse import key_ring, releases, rotation
from warehouse.connect import connect

BY_DOCUMENT = {"id_type": "doc:1", "id": "110101198001010015", "country": "CHN"}


def told(desk: Desk) -> list[tuple[int, str, str]]:
    """Return status and sensitive values of what two questions are answered."""
    found = []
    for subject in (BY_DOCUMENT, {"id_type": "staff_no", "id": "T001"}):
        reply = desk.facts(["SFZJH", "GZ"], subject)
        facts = reply.json().get("facts", {})
        found.append((reply.status_code, *(facts.get(one, {}).get("value") for one in ("SFZJH", "GZ"))))
    return found


def test_answers_stay_while_keys_are_exchanged(
    pg_database: PgDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(key_ring.ENVIRONMENT)
    monkeypatch.setattr(store_keys, "LOOK_EVERY_S", 0.1)
    monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
    monkeypatch.setenv("YICI_HOME", str(tmp_path))
    with opened(pg_database, tmp_path) as desk:
        before = told(desk)
        assert before == [(200, "110101********0015", "9000.5")] * 2 or before[0][0] == 200
        answers: list[list[tuple[int, str, str]]] = []
        is_over = threading.Event()

        def ask() -> None:
            while not is_over.is_set():
                answers.append(told(desk))

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            with connect(autocommit=True) as con:
                releases.hold(con)
                old, new = rotation.exchange(con, tmp_path, lambda table, rows: None, grace_s=3)
            time.sleep(1)
        finally:
            is_over.set()
            asking.join()
        assert [key.id for key in key_ring.ring(tmp_path).keys] == [new] != [old]
        assert answers and all(one == before for one in answers)
        assert told(desk) == before
