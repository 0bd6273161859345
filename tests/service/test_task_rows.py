"""Rows for a task: what the demand lists, about whom it lists, each judged and recorded alone, until destroyed."""

import asyncio
import json
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import asyncpg
import httpx
import pytest

import catalogs
from catalogs.faults import CatalogError
from catalogs.settings import now
from expectations.quality import owed
from expectations.quality.terms import terms
from service import following, signals, working
from service.keys import load
from service.state import State
from tests.service import campus
from tests.service.conftest import opened, service_url
from tests.service.desk import CANARY, Desk
from tests.service.test_subjects_of_things import REFERENCE
from tests.service.test_tasks import PEOPLE, TASK, made_up, rows

ROWS = ["GH", "ZT", "DWDM"]
GRANTED = {"rows": ROWS, "elements": ["GH", "ZT", "DWDM", "NX"], "assessment": "PIA-2026-9"}
CHILD = "S001"
COUNT = sum(people for _, _, people, _ in PEOPLE)


@pytest.fixture(scope="module")
def at_desk(pg_module_database, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(working, "starting", _nobody_starts)
        content, home = catalogs.load(files()), tmp_path_factory.mktemp("home")
        staff = [
            one | {"born": "2016-05-01" if one["staff_no"] == CHILD else "1980-05-01"}
            for one in rows()["hr.staff"]
        ]
        with opened(pg_module_database, home, content=content, rows=rows() | {"hr.staff": staff}) as found:
            gone = [
                {"staff_no": one, "name": "x", "status": "11", "_state": "former"}
                for one in ("T001", "T002", "T003", "T004")
            ]
            campus.publish(found.owner, content, {"hr.staff": gone})
            yield found


def files(**demand) -> dict[str, bytes]:
    """The campus of tasks, with birth dates and rows in the task's demand."""
    found = made_up(**(GRANTED | demand))
    resource = "resources/hr/staff.odcs.yaml"
    contract = json.loads(found[resource])
    contract["schema"][0]["properties"].append(
        campus.item("born", "出生日期", "date", element="CSRQ", authoritative=True)
    )
    found[resource] = json.dumps(contract, ensure_ascii=False).encode()
    found["elements.csv"] += "CSRQ,出生日期,Born on,D,,person,,3,personal,,,\n".encode()
    plain = json.loads(found["campus.yaml"]) | {"minors": {"birthDate": "CSRQ"}}
    found["campus.yaml"] = json.dumps(plain, ensure_ascii=False).encode()
    return found


async def _nobody_starts(_pool) -> None:
    await asyncio.Event().wait()


@pytest.fixture
def surroundings(at_desk: Desk, pg_module_database, as_owner, monkeypatch) -> None:
    """Let a test work on jobs and publish; afterwards nothing was given and the first catalog is in force."""
    monkeypatch.setenv("YICI_HOME", str(at_desk.home))
    monkeypatch.setenv("YICI_SERVICE_DATABASE_URL", service_url(pg_module_database))
    yield
    for table in ("task_rows", "task_destroyed", "job"):
        at_desk.owner.execute(f"DELETE FROM service.{table}")


def asked(
    at_desk: Desk, client_id: str = campus.HALL, code: str = TASK, body: dict | None = None
) -> httpx.Response:
    key = {"Idempotency-Key": uuid.uuid4().hex}
    return at_desk.post(f"/v1/tasks/{code}:rows", body or {}, client_id, **key)


def worked(at_desk: Desk) -> str:
    """Have the rows prepared; returns the job."""
    reply = asked(at_desk)
    assert reply.status_code == 202, reply.text
    asyncio.run(working.main())
    return reply.json()["job_id"]


def results(at_desk: Desk, job: str, client_id: str = campus.HALL) -> httpx.Response:
    return at_desk.get(f"/v1/jobs/{job}/results", client_id)


def lines(at_desk: Desk, job: str) -> list[dict]:
    reply = results(at_desk, job)
    assert reply.status_code == 200, reply.text
    return [json.loads(line) for line in reply.text.splitlines()]


def test_everybody_of_the_population_is_told_of_what_the_demand_lists_and_no_more(
    at_desk: Desk, surroundings
):
    at_desk.headers()
    before = at_desk.last()["seq"]
    job = worked(at_desk)
    told = at_desk.get(f"/v1/jobs/{job}").json()
    assert (told["task"], told["service_item"], told["state"], told["items"]) == (TASK, None, "done", COUNT)
    found = [one["answer"] for one in lines(at_desk, job)]
    assert sorted(one["facts"]["GH"]["value"] for one in found) == [f"S{n:03}" for n in range(1, COUNT + 1)]
    assert all(one["facts"].keys() == set(ROWS) for one in found)
    assert {one["facts"]["ZT"]["status"] for one in found} == {"available"}
    assert CANARY not in results(at_desk, job).text
    entries = at_desk.record("seq > %s AND action = 'task_row'", before)
    assert {str(one["transaction_id"]) for one in entries} == {one["transaction_id"] for one in found}
    told = {(one["outcome"], one["purpose"], tuple(one["elements"])) for one in entries}
    assert told == {("allowed", TASK, tuple(ROWS))}
    whose = {at_desk.details(one)["subject_key"] for one in entries}
    assert len(whose) == COUNT and None not in whose


def test_answers_are_those_of_an_ordinary_question(at_desk: Desk, surroundings):
    case_id = at_desk.case(parties=[{"role": "applicant", "id_type": "staff_no", "id": "S002"}])
    alone = at_desk.fact("ZT", {"id_type": "staff_no", "id": "S002"}, case_id=case_id)
    first = next(one["answer"]["facts"] for one in lines(at_desk, worked(at_desk)) if one["n"] == 1)
    same = {name for name in alone if name not in ("age_seconds",)}
    assert {name: first["ZT"][name] for name in same} == {name: alone[name] for name in same}


@pytest.mark.parametrize(
    ("client_id", "code", "body", "told"),
    [
        (campus.PORTAL, TASK, {}, "PURPOSE_NOT_GRANTED"),
        (campus.HALL, "T-NONE", {}, "PURPOSE_NOT_GRANTED"),
        (campus.HALL, campus.EMPLOYED, {}, "PURPOSE_NOT_GRANTED"),
        (campus.HALL, TASK, {"populations": ["undergrad"]}, "INVALID_PARAMETER"),
        (campus.HALL, TASK, {"subjects": ["S001"]}, "INVALID_PARAMETER"),
    ],
)
def test_no_other_task_client_or_choice_of_people(at_desk: Desk, surroundings, client_id, code, body, told):
    assert asked(at_desk, client_id, code, body).json()["code"] == told
    assert at_desk.owner.execute("SELECT count(*) FROM service.job").fetchone()[0] == 0


def changed(at_desk: Desk, **demand) -> None:
    campus.publish(at_desk.owner, catalogs.load(files(**demand)), {})


@pytest.fixture
def republished(at_desk: Desk, surroundings):
    yield
    campus.publish(at_desk.owner, at_desk.catalog, {})


def test_where_sums_alone_are_granted_there_are_no_rows_however_few_the_people(at_desk: Desk, republished):
    changed(at_desk, rows=[])
    reply = asked(at_desk).json()
    assert (reply["code"], reply["rule"]) == ("ELEMENT_NOT_GRANTED", "task:rows")
    assert at_desk.last()["outcome"] == "refused"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"rows": []}, "ELEMENT_NOT_GRANTED"),
        ({"rows": ["GH", "ZT"]}, "ELEMENT_NOT_GRANTED"),
        ({"destroyBy": "2026-01-31"}, "PURPOSE_NOT_GRANTED"),
        ({"validTo": "2026-01-31"}, "PURPOSE_NOT_GRANTED"),
    ],
)
def test_a_right_that_ends_stops_a_job_and_keeps_its_answers_back(at_desk: Desk, republished, change, told):
    waiting, done = asked(at_desk).json()["job_id"], worked(at_desk)
    at_desk.owner.execute("UPDATE service.job SET state = 'running' WHERE id = %s", [waiting])
    at_desk.owner.execute("UPDATE service.job_part SET answered = NULL WHERE job = %s", [waiting])
    changed(at_desk, **change)
    asyncio.run(working.main())
    stopped = at_desk.get(f"/v1/jobs/{waiting}").json()
    assert (stopped["state"], stopped["code"]) == ("stopped", told)
    assert results(at_desk, done).json()["code"] == told
    assert at_desk.owner.execute("SELECT count(*) FROM service.task_rows").fetchone()[0] == 0


def test_rows_are_given_once_in_a_period(at_desk: Desk, surroundings):
    first, second = asked(at_desk).json()["job_id"], worked(at_desk)
    assert len(lines(at_desk, second)) == COUNT
    assert len(lines(at_desk, second)) == COUNT  # what broke off is fetched again
    assert results(at_desk, first).json()["rule"] == "task:once_a_period"
    assert asked(at_desk).json()["rule"] == "task:once_a_period"


def test_of_a_child_is_told_only_where_the_demand_was_assessed(at_desk: Desk, republished):
    changed(at_desk, assessment=None)
    found = lines(at_desk, worked(at_desk))
    left_out = [one["problem"] for one in found if "problem" in one]
    assert [(one["code"], one["rule"]) for one in left_out] == [("NOT_PERMITTED", "task:person")]
    assert CHILD not in {one["answer"]["facts"]["GH"]["value"] for one in found if "answer" in one}
    assert len(found) == COUNT and CHILD not in json.dumps(left_out)
    (entry,) = at_desk.record("transaction_id = %s", left_out[0]["instance"].removeprefix("urn:uuid:"))
    assert (entry["outcome"], entry["rule"]) == ("refused", "minor:assessed_demand")


def test_whoever_left_the_population_meanwhile_is_not_told_of(at_desk: Desk, republished):
    job = asked(at_desk).json()["job_id"]
    gone = rows()["hr.staff"][1] | {"_state": "former"}
    release = campus.publish(at_desk.owner, at_desk.catalog, {"hr.staff": [gone]})
    at_desk.owner.execute("UPDATE service.job SET release = %s WHERE id = %s", [release, job])
    asyncio.run(working.main())
    problems = [one["problem"]["rule"] for one in lines(at_desk, job) if "problem" in one]
    assert problems == ["task:person"]
    campus.publish(
        at_desk.owner, at_desk.catalog, {"hr.staff": [gone | {"_state": "reported", "born": "1980-05-01"}]}
    )


def test_a_population_that_may_hold_children_needs_an_assessment():
    found = files(assessment=None)
    text = found["populations.csv"].decode()
    head, staff, *others = text.splitlines()
    found["populations.csv"] = "\n".join(
        [f"{head},minors", f"{staff},true", *(f"{one}," for one in others)]
    ).encode()
    with pytest.raises(CatalogError) as error:
        catalogs.load(found)
    assert any(fault.rule == "D13" and "may hold children" in fault.what for fault in error.value.faults)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rows": ["XM"]}, '"XM" is not among the elements'),
        ({"rows": ["HJ"], "elements": ["ZT", "DWDM", "NX", "HJ"]}, '"HJ" has no landed source'),
        ({"destroyBy": None}, "no destroyBy"),
    ],
)
def test_a_demand_whose_rows_would_tell_too_much_is_a_fault(change, said):
    with pytest.raises(CatalogError) as error:
        catalogs.load(files(**change))
    assert any(fault.rule == "D13" and said in fault.what for fault in error.value.faults), str(error.value)


def test_whoever_was_given_rows_owes_the_word_that_they_are_destroyed(at_desk: Desk, surroundings):
    job = worked(at_desk)
    late = replace(at_desk.catalog.demands["D-T1"], destroy_by=date(2026, 1, 31))
    content = replace(at_desk.catalog, demands=at_desk.catalog.demands | {"D-T1": late})
    found = signals.signals(at_desk.owner, content, now() - timedelta(days=1), now())
    assert [one.who for one in found if one.kind == "not_destroyed"] == [campus.HALL]
    assert owed.follow(at_desk.owner, content, terms(content)) == (1, 0)
    told = {"destroyed_on": "2026-01-30", "how": "硬盘消磁, post:hall-steward"}
    assert at_desk.post(f"/v1/tasks/{TASK}:destroyed", told).status_code == 200
    assert owed.follow(at_desk.owner, content, terms(content)) == (0, 1)
    assert results(at_desk, job).json()["code"] == "NOT_FOUND"
    assert asked(at_desk).json()["rule"] == "task:not_destroyed"


def test_who_was_told_a_value_in_rows_hears_that_it_was_corrected(
    at_desk: Desk, republished, pg_module_database
):
    whom = {"id_type": "staff_no", "id": "S002"}
    found = [one["answer"] for one in lines(at_desk, worked(at_desk)) if "answer" in one]
    (told,) = (one["transaction_id"] for one in found if one["facts"]["GH"]["value"] == "S002")
    body = {
        "subject": whom, "case_id": at_desk.case(parties=[{"role": "applicant", **whom}]), "element": "ZT",
        "actor": {"user_id": "S002", "role": "applicant"}, "service_item": campus.EMPLOYED, "stated": "离职",
        "reason": "已离职",
    }  # fmt: skip
    filed = at_desk.post("/v1/corrections", body, **{"Idempotency-Key": uuid.uuid4().hex})
    assert filed.status_code == 201, filed.text
    decided = {"decision": "accept", "reason": "属实"}
    path = f"/v1/corrections/{filed.json()['correction_id']}:decide"
    assert at_desk.post(path, decided, campus.HR).status_code == 200
    one = next(row for row in rows()["hr.staff"] if row["staff_no"] == "S002") | {"born": "1980-05-01"}
    campus.publish(at_desk.owner, at_desk.catalog, {"hr.staff": [one | {"status": "21"}]})

    async def follow() -> int:
        async with asyncpg.create_pool(service_url(pg_module_database), min_size=1) as pool:
            return await following.follow(pool, load(at_desk.home), await State().current(pool))

    asyncio.run(follow())
    assert told in {change["transaction_id"] for change in at_desk.get("/v1/changes").json()}
    campus.publish(at_desk.owner, at_desk.catalog, {"hr.staff": [one]})


def _student(number: str, kind: str, status: str = "02") -> dict:
    return {
        "student_no": number, "name": f"{CANARY}{number[-1]}", "sex": "1", "major_name": "物理学", "student_kind": kind,
        "status": status, "born_on": "2005-05-01",
    }  # fmt: skip


def test_on_the_reference_campus_the_registry_is_told_of_undergraduates_on_the_roll(
    pg_database, tmp_path, own_surroundings, monkeypatch
):
    content = catalogs.load(REFERENCE)
    demand = content.demands["D-2026-0204"]
    then = datetime.combine(demand.valid_from + timedelta(days=60), time(4), UTC)
    monkeypatch.setenv("YICI_CLOCK_OFFSET_S", str((then - datetime.now(UTC)).total_seconds()))
    monkeypatch.setattr(working, "starting", _nobody_starts)
    students = [
        _student("20250000001", "11"), _student("20250000002", "12"),
        _student("20250000003", "41"), _student("20250000004", "11", status="07"),
    ]  # fmt: skip
    with opened(
        pg_database, tmp_path, content=content, rows={"hr.staff": [], "academic.students": students}
    ) as at:
        for name, value in (("HOME", str(tmp_path)), ("SERVICE_DATABASE_URL", service_url(pg_database))):
            monkeypatch.setenv(f"YICI_{name}", value)
        monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
        at.register(demand.client, tmp_path, "XX")
        reply = asked(at, demand.client, demand.purpose)
        assert reply.status_code == 202, reply.text
        asyncio.run(working.main())
        told = results(at, reply.json()["job_id"], demand.client)
        found = [json.loads(line)["answer"]["facts"] for line in told.text.splitlines()]
        assert [one["XH"]["value"] for one in found] == ["20250000002", "20250000001"]  # by population
        assert {one["XM"]["value"] for one in found} == {f"{CANARY}1", f"{CANARY}2"}
        assert all(one.keys() == set(demand.rows) for one in found)
        assert {fact["status"] for one in found for fact in one.values()} == {"available"}
        again = asked(at, demand.client, demand.purpose)
        assert (again.json()["code"], again.json()["rule"]) == ("NOT_PERMITTED", "task:once_a_period")
