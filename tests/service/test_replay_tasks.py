"""What was told for a task or at a window can be composed again, too, unless it has to be destroyed by now."""

import asyncio
import json
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

import catalogs
from service import replay, working
from tests.service import campus, rights
from tests.service.conftest import opened
from tests.service.desk import CANARY, T001, Desk
from tests.service.test_declared import with_windows
from tests.service.test_replay import replayed
from tests.service.test_task_rows import TASK, files, lines, worked
from tests.service.test_tasks import made_up, rows

DESTROYED = {"destroyed_on": "2026-01-30", "how": "硬盘消磁, post:hall-steward"}


async def _nobody_starts(_pool) -> None:
    await asyncio.Event().wait()


@contextmanager
def desk_of(database, home, content, content_rows, monkeypatch):
    monkeypatch.setattr(working, "starting", _nobody_starts)
    with opened(database, home, content=catalogs.load(content), rows=content_rows) as at_desk:
        yield at_desk


def moved(at_desk: Desk) -> None:
    """Let everybody of the first unit have left."""
    at_desk.owner.execute("UPDATE store.hr__staff SET _to = yici.current() + 1 WHERE _to IS NULL")
    staff = [one | {"status": "21", "unit": "B"} for one in rows()["hr.staff"]]
    campus.publish(at_desk.owner, at_desk.catalog, {"hr.staff": staff})


def test_a_table_of_a_task_is_reckoned_again_from_the_release_of_its_period(
    pg_database, tmp_path, own_surroundings, monkeypatch
):
    with desk_of(pg_database, tmp_path, made_up(), rows(), monkeypatch) as at_desk:
        asked = {"by": ["DWDM"]}

        def told() -> dict:
            reply = at_desk.post(f"/v1/tasks/{TASK}:aggregate", asked)
            assert reply.status_code == 200, reply.text
            return reply.json()

        def again(answer: dict, request: dict = asked):
            return replayed(at_desk, request, answer, action="task_aggregate", task=TASK)

        first = told()
        moved(at_desk)
        second = told()  # of the same period: the same numbers, from a release that is no longer current
        assert second["rows"] == first["rows"] and second["release"] == first["release"]
        for answer in (first, second):
            reply = again(answer)
            assert reply.status_code == 200, reply.text
            assert (reply.json()["matches"], reply.json()["statuses"]) == (True, {"DWDM": "answered"})
        entry = at_desk.last()
        assert (entry["action"], entry["purpose"], entry["rule"]) == ("replay", TASK, "replay matches")
        other = again(first, {"by": []})
        assert other.json()["errors"] == [{"pointer": "/request", "code": "not_recorded"}]
        at_desk.owner.execute("UPDATE store.hr__staff SET unit = 'A' WHERE staff_no = 'S030'")
        assert again(first).json()["matches"] is False
        assert at_desk.post(f"/v1/tasks/{TASK}:destroyed", DESTROYED).status_code == 200
        gone = again(first)
        assert (gone.status_code, gone.json()["code"], gone.json()["rule"]) == (
            410,
            "GONE",
            "task:not_destroyed",
        )


def test_a_row_for_a_task_is_composed_again_until_it_has_to_be_destroyed(
    pg_database, tmp_path, own_surroundings, monkeypatch
):
    with desk_of(pg_database, tmp_path, files(), rows(), monkeypatch) as at_desk:
        told = [one["answer"] for one in lines(at_desk, worked(at_desk)) if "answer" in one]
        answer = next(one for one in told if one["facts"]["GH"]["value"] == "S002")
        request = {"subject": {"id_type": "staff_no", "id": "S002"}}
        moved(at_desk)
        reply = replayed(at_desk, request, answer, action="task_row", task=TASK)
        assert reply.status_code == 200, reply.text
        assert (reply.json()["matches"], reply.json()["release"]) == (True, answer["release"])
        assert reply.json()["statuses"].keys() == answer["facts"].keys()
        entry = at_desk.last()
        assert (entry["action"], entry["purpose"]) == ("replay", TASK)
        assert at_desk.details(entry)["subject_key"] is not None
        of_another = {"subject": {"id_type": "staff_no", "id": "S003"}}
        assert replayed(at_desk, of_another, answer, action="task_row", task=TASK).status_code == 422
        assert (
            replayed(at_desk, request, answer, campus.PORTAL, action="task_row", task=TASK).status_code == 404
        )
        with monkeypatch.context() as patch:
            patch.setattr(replay, "now", lambda: datetime(2100, 1, 2, tzinfo=UTC))
            gone = replayed(at_desk, request, answer, action="task_row", task=TASK)
        assert (gone.status_code, gone.json()["rule"]) == (410, "task:destroy_by")
        assert at_desk.post(f"/v1/tasks/{TASK}:destroyed", DESTROYED).status_code == 200
        gone = replayed(at_desk, request, answer, action="task_row", task=TASK)
        assert (gone.status_code, gone.json()["rule"]) == (410, "task:not_destroyed")


def test_that_a_row_was_looked_at_again_is_kept_from_the_person_as_long_as_the_row_itself(
    pg_database, tmp_path, own_surroundings, monkeypatch
):
    kept_back = {
        "confidential": {"basis": "试验", "until": "2099-12-31"},
        "ground": "statutory_duty",
        "decision": {"state": "granted", "by": ["post:a", "post:b"], "on": "2026-01-01"},
    }
    with desk_of(pg_database, tmp_path, files(**kept_back), rows(), monkeypatch) as at_desk:
        answer = next(one["answer"] for one in lines(at_desk, worked(at_desk)) if one["n"] == 1)
        number = answer["facts"]["GH"]["value"]
        request = {"subject": {"id_type": "staff_no", "id": number, "capacity": "staff"}}
        reply = replayed(at_desk, request, answer, action="task_row", task=TASK)
        assert reply.status_code == 200 and reply.json()["matches"], reply.text
        assert at_desk.last()["confidentiality"] == "confidential"


def test_what_a_clerk_was_told_at_a_window_is_composed_again_after_the_case_is_closed(
    pg_database, tmp_path, own_surroundings, monkeypatch
):
    with desk_of(pg_database, tmp_path, with_windows(), rights.ROWS, monkeypatch) as at_desk:
        number = at_desk.case(rights.BADGE, external_no="W-1")
        request = {"case": "W-1", "clerk": "T002"}
        told = at_desk.post("/v1/window:prefill", request, campus.PAGES)
        assert told.status_code == 200, told.text
        answer = told.json()["prefill"]
        assert CANARY in told.text
        entry, kept = at_desk.last(), {name: one for name, one in answer.items() if name != "receipt"}
        salt = replay._salt(at_desk.app.state.around, answer["receipt"], entry["transaction_id"])
        assert replay._digest(salt, kept) == entry["response_digest"]  # what the portal keeps proves itself
        closed = at_desk.headers() | {"Content-Type": "application/json"}
        content = json.dumps({"status": "closed"})
        assert at_desk.http.patch(f"/v1/cases/{number}", content=content, headers=closed).is_success
        changed = [
            one | {"name": "另一名"} for one in rights.ROWS["hr.staff"] if one["staff_no"] == T001["id"]
        ]
        at_desk.owner.execute(
            "UPDATE store.hr__staff SET _to = yici.current() + 1 WHERE _to IS NULL AND staff_no = 'T001'"
        )
        campus.publish(at_desk.owner, at_desk.catalog, {"hr.staff": changed})
        reply = replayed(at_desk, request, answer, campus.PAGES, action="window")
        assert reply.status_code == 200, reply.text
        assert (reply.json()["matches"], reply.json()["statuses"]["xm"]) == (True, "available")
        assert CANARY not in reply.text
        entry = at_desk.last()
        details = at_desk.details(entry)
        assert (entry["action"], details["case_id"]) == ("replay", str(number))
        assert details["subject_key"] is not None
        other = replayed(at_desk, request | {"clerk": "T001"}, answer, campus.PAGES, action="window")
        assert other.status_code == 422
        assert replayed(at_desk, request, answer, campus.HALL, action="window").status_code == 404
        at_desk.owner.execute('DELETE FROM service."case" WHERE id = %s', [number])
        gone = replayed(at_desk, request, answer, campus.PAGES, action="window")
        assert (gone.status_code, gone.json()["rule"]) == (410, "replay:retained_case")


@pytest.mark.parametrize("action", ["window", "task_row", "task_aggregate"])
def test_a_malformed_question_to_replay_is_refused_in_words(at_desk: Desk, action: str):
    body = {"action": action, "request": {"nothing": 1}, "receipt": "a.b.c"}
    reply = at_desk.post("/v1/transactions/00000000-0000-4000-8000-000000000000:replay", body)
    assert (reply.status_code, reply.json()["code"]) == (422, "INVALID_PARAMETER")
