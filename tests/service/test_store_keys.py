"""Another store key while the service runs: it answers alike before, meanwhile and afterwards, and is not restarted."""

import threading
import time
from pathlib import Path

import pytest

from service import store_keys
from tests.service.conftest import opened
from tests.service.desk import T001, Desk
from tests.support.postgres import PgDatabase
from warehouse import key_ring, releases, rotation
from warehouse.connect import connect

BY_DOCUMENT = {"id_type": "doc:1", "id": "110101198001010015", "country": "CHN"}


def told(desk: Desk, case_id: str) -> list[dict]:
    """Return what is answered about one person, asked for by document and by number."""
    found = []
    for subject in (BY_DOCUMENT, T001):
        reply = desk.facts(["SFZJH", "GZ"], subject, case_id)
        assert reply.status_code == 200, reply.json()
        found.append({element: fact.get("value") for element, fact in reply.json()["facts"].items()})
    return found


def test_answers_stay_while_keys_are_exchanged(
    pg_database: PgDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(key_ring.ENVIRONMENT)
    monkeypatch.setattr(store_keys, "LOOK_EVERY_S", 0.1)
    monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
    monkeypatch.setenv("YICI_HOME", str(tmp_path))
    with opened(pg_database, tmp_path) as desk:
        case_id = desk.case(parties=[{"role": "applicant", **BY_DOCUMENT}])
        before = told(desk, case_id)
        assert before == [{"SFZJH": "110101********0015", "GZ": "9000.5"}] * 2
        answers: list[list[dict]] = []
        is_over = threading.Event()

        def ask() -> None:
            while not is_over.is_set():
                answers.append(told(desk, case_id))

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
        assert told(desk, case_id) == before
