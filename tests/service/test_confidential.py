"""What people are not told for now: a task that the catalog calls confidential, until its last day or a lift."""

import asyncio
import json
import uuid
from collections.abc import Iterator
from datetime import date, timedelta

import pytest

import catalogs
from catalogs.faults import CatalogError
from catalogs.settings import now
from service import lifting, signals, usages, working
from service.keys import load
from tests.service import campus
from tests.service.conftest import opened, service_url
from tests.service.desk import Desk
from tests.service.test_task_rows import files
from tests.service.test_tasks import TASK, rows
from tests.support.postgres import PgDatabase

TODAY = date.today()
UNTIL = "2099-12-31"
GIVEN = {"basis": "试验法第六条", "until": UNTIL}
TWO = {"state": "granted", "by": ["post:a", "post:b"], "on": "2026-01-01"}
WHOM = "S002"


def content(**confidential: str) -> catalogs.Catalog:
    return catalogs.load(files(confidential=GIVEN | confidential, decision=TWO))


@pytest.fixture(scope="module")
def at_desk(pg_module_database: PgDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(working, "starting", _nobody_starts)
        home = tmp_path_factory.mktemp("home")
        with opened(pg_module_database, home, content=content(), rows=rows()) as found:
            yield found


async def _nobody_starts(_pool: object) -> None:
    await asyncio.Event().wait()


@pytest.fixture
def told(
    at_desk: Desk, pg_module_database: PgDatabase, as_owner: None, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Let a task be told of everybody; returns the transaction that told of one of them."""
    monkeypatch.setenv("YICI_HOME", str(at_desk.home))
    monkeypatch.setenv("YICI_SERVICE_DATABASE_URL", service_url(pg_module_database))
    at_desk.owner.execute("DELETE FROM service.task_rows")
    before = at_desk.last()["seq"] if at_desk.record() else 0
    key = {"Idempotency-Key": uuid.uuid4().hex}
    assert at_desk.post(f"/v1/tasks/{TASK}:rows", {}, campus.HALL, **key).status_code == 202
    asyncio.run(working.main())
    own = set(usages.subject_keys(load(at_desk.home), {"staff_no": [WHOM]}))
    (entry,) = [
        one
        for one in at_desk.record("seq > %s AND action = 'task_row'", before)
        if at_desk.details(one)["subject_key"] in own
    ]
    assert entry["confidentiality"] == "confidential"
    return str(entry["transaction_id"])


def seen(at_desk: Desk) -> str:
    """Return what the portal that shows usages tells of one person."""
    headers = at_desk.headers(campus.PORTAL) | {"X-Road-UserId": f"staff_no:{WHOM}"}
    reply = at_desk.http.get(f"/v2/findUsage?userCode=staff_no:{WHOM}", headers=headers)
    assert reply.status_code == 200, reply.text
    found = reply.json()
    assert found["totalUsages"] == len(found["usages"])
    return json.dumps([one for one in found["usages"] if TASK in str(one)], ensure_ascii=False)


def publish(at_desk: Desk, made: catalogs.Catalog) -> None:
    campus.publish(at_desk.owner, made, {})


def test_a_confidential_task_is_not_seen_until_its_last_day_is_over(at_desk: Desk, told: str):
    assert seen(at_desk) == "[]"
    publish(at_desk, content(until=(TODAY + timedelta(days=2)).isoformat()))
    assert seen(at_desk) == "[]"
    publish(at_desk, content(until=(TODAY - timedelta(days=2)).isoformat()))
    assert "当时依法暂不告知" in seen(at_desk)
    publish(at_desk, content())
    assert seen(at_desk) == "[]"  # the decision was prolonged


def test_a_demand_that_is_gone_keeps_its_secret_and_somebody_is_told(at_desk: Desk, told: str):
    publish(at_desk, catalogs.load(files()))
    assert seen(at_desk) == "[]"
    with at_desk.owner.transaction():
        found = signals.signals(at_desk.owner, catalogs.load(files()), now() - timedelta(days=1), now())
    assert [(one.kind, one.who) for one in found if one.kind == "not_lifted"] == [("not_lifted", campus.HALL)]
    publish(at_desk, content())


def test_a_lift_opens_what_was_told_until_then_and_nothing_that_comes_after(
    at_desk: Desk, told: str, request
):
    with pytest.raises(lifting.NothingHidden):
        lifting.lift(at_desk.owner, campus.HALL, "T-OTHER", "post:a", "试", now())
    opened = lifting.lift(at_desk.owner, campus.HALL, TASK, "post:a", "已结案", now())
    assert opened > 0 and "当时依法暂不告知" in seen(at_desk)
    count = seen(at_desk).count("当时依法暂不告知")
    at_desk.owner.execute("DELETE FROM service.task_rows")
    key = {"Idempotency-Key": uuid.uuid4().hex}
    assert at_desk.post(f"/v1/tasks/{TASK}:rows", {}, campus.HALL, **key).status_code == 202
    asyncio.run(working.main())
    assert seen(at_desk).count("当时依法暂不告知") == count
    with pytest.raises(Exception, match="keep"):
        at_desk.owner.execute("DELETE FROM service.confidentiality_lift")


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"confidential": {"until": UNTIL}}, "no basis"),
        ({"confidential": {"basis": "试验法"}}, "no until"),
        ({"confidential": GIVEN, "validTo": "2027-12-31"}, "more than a year after"),
        ({"confidential": GIVEN, "rows": []}, "not a task with rows"),
        ({"confidential": GIVEN, "ground": "task_of_public_interest"}, "not on a legal duty"),
        ({"confidential": GIVEN, "decision": TWO | {"by": ["post:a"]}}, "decided by one person"),
    ],
)
def test_the_catalog_lets_nobody_be_kept_in_the_dark_without_law_end_and_two_who_answer_for_it(changes, what):
    with pytest.raises(CatalogError) as refused:
        catalogs.load(files(**({"decision": TWO} | changes)))
    assert [fault.rule for fault in refused.value.faults] == ["D14"]
    assert what in str(refused.value)
