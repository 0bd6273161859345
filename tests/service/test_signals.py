"""What the record shows that somebody should look at, and cases that the hall's own log does not know."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

import catalogs
from catalogs.model import Catalog
from catalogs.settings import now
from service.reconciliation import MANY, Reconciled, reconcile
from service.signals import BURST, signals
from tests.service import campus, desk
from tests.service.campus import contract, item
from tests.service.conftest import opened, service_url
from tests.service.desk import T001, Desk
from tests.yici.commands import yici

T002 = {"id_type": "staff_no", "id": "T002"}


@pytest.fixture
def fresh(pg_database, tmp_path, own_surroundings, monkeypatch) -> Iterator[Desk]:
    with opened(pg_database, tmp_path) as found:
        monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
        yield found


def with_hall() -> Catalog:
    """The small campus with a hall whose log of cases is read like any other resource."""
    files = campus.files()
    systems = json.loads(files["systems.yaml"])
    systems.append(
        {
            "system": "hall",
            "nameZh": "大厅",
            "provider": "DT",
            "kind": "sqlite",
            "file": "env:F",
            "delivers": "05:30",
        }
    )
    files["systems.yaml"] = json.dumps(systems, ensure_ascii=False).encode()
    about = json.loads(files["campus.yaml"])
    about["caseLog"] = {"resource": "hall.cases", "period": "month", "item": "what", "acceptedAt": "at"}
    files["campus.yaml"] = json.dumps(about, ensure_ascii=False).encode()
    files["resources/hall/cases.odcs.yaml"] = contract(
        "hall.cases", "办件", "DT", {"type": "person", "key": "staff_no", "idType": "staff_no"},
        [item("case_no", "办件号", key=1), item("staff_no", "工号"), item("what", "事项"), item("at", "受理", "date")],
    )  # fmt: skip
    return catalogs.load(files)


def submitted(
    at_desk: Desk, external_no: str, client_id: str = campus.HALL, service_item: str = campus.EMPLOYED
) -> str:
    case_id = at_desk.case(service_item, [{"role": "applicant", **T001}], client_id, external_no=external_no)
    at_desk.http.patch(
        f"/v1/cases/{case_id}", json={"status": "submitted"}, headers=at_desk.headers(client_id)
    ).raise_for_status()
    return case_id


def log(at_desk: Desk, content: Catalog, numbers: list[str], days: int = 0) -> Reconciled | None:
    """Publish a release that took in the hall's log, taken some days from now, and compare."""
    at = now() + timedelta(days=days)
    rows = [
        {"case_no": one, "staff_no": "T001", "what": campus.EMPLOYED, "at": "2026-10-01"} for one in numbers
    ]
    release = campus.publish(at_desk.owner, content, {"hall.cases": rows}, taken_at=at)
    return reconcile(at_desk.owner, content, release, at)


def test_a_case_that_the_halls_log_knows_is_known_and_one_that_it_misses_after_a_day_is_a_signal(fresh: Desk):
    content = with_hall()
    submitted(fresh, "A-1")
    submitted(fresh, "A-2")
    fresh.case(campus.EMPLOYED, [{"role": "applicant", **T001}], external_no="A-3")  # a draft may be given up
    assert log(fresh, content, ["A-1"]) == Reconciled(known=1)  # the other one is of today
    assert log(fresh, content, [], days=2) == Reconciled(unknown=1)
    found = signals(fresh.owner, content, now() - timedelta(days=1), now())
    assert [(one.who, one.count) for one in found if one.kind == "unknown_case"] == [(campus.HALL, 1)]
    assert log(fresh, content, ["A-2"], days=3) == Reconciled(known=1)  # it came late
    assert fresh.facts(["XM"]).status_code == 200


def test_a_client_with_many_cases_that_nobody_handled_is_suspended(fresh: Desk):
    content = with_hall()
    for number in range(MANY):
        submitted(fresh, f"made-up-{number}")
    submitted(fresh, "P-1", campus.PORTAL)
    assert log(fresh, content, [], days=2) == Reconciled(unknown=MANY + 1, suspended=(campus.HALL,))
    refused = fresh.facts(["XM"], case_id="00000000-0000-0000-0000-000000000000")
    assert (refused.status_code, refused.json()["code"]) == (401, "CLIENT_SUSPENDED")
    assert fresh.get("/v1/elements", campus.PORTAL).status_code == 200
    # the data office lets it in again; the same cases do not suspend it twice
    fresh.owner.execute("UPDATE service.client SET status = 'active'")
    assert log(fresh, content, [], days=3) == Reconciled()
    assert fresh.facts(["XM"]).status_code == 200


def test_a_campus_without_a_case_log_is_not_compared(fresh: Desk):
    assert reconcile(fresh.owner, fresh.catalog, 1, now()) is None


def test_refusals_that_look_like_prying_are_counted_by_who_asked(fresh: Desk):
    case_id = fresh.case()
    for _ in range(3):
        fresh.facts(["XM"], T002, case_id)
    fresh.facts(["XM"], actor={"user_id": "T001", "role": "officer"})
    for number in range(6):
        fresh.claims([("XM", "eq", f"猜{number}")])
    found = {
        (one.kind, one.who): one.count
        for one in signals(fresh.owner, fresh.catalog, now() - timedelta(1), now())
    }
    assert found["no_party", f"{campus.HALL} U1"] == 3
    assert found["self_access", f"{campus.HALL} T001"] == 1
    assert found["guessing", f"{campus.HALL} U1"] == 1


@pytest.mark.parametrize(
    ("action", "role", "who"),
    [
        ("facts", "officer", f"{campus.HALL} U3"),
        ("window", "officer", f"{campus.HALL} U3"),
        # the role is what the system says; only officers are named
        ("facts", "applicant", campus.HALL),
        ("claims", "agent", campus.HALL),
    ],
)
def test_whoever_asks_about_many_people_within_an_hour_is_a_burst(fresh: Desk, action, role, who):
    fresh.facts(["XM"])
    fresh.owner.execute(
        """WITH many AS (
               INSERT INTO service.record SELECT (jsonb_populate_record(r, jsonb_build_object('seq', r.seq + n,
                   'transaction_id', gen_random_uuid(), 'action', %s::text))).*
               FROM service.record r, generate_series(1, 500) n WHERE r.action = 'facts' RETURNING seq)
           INSERT INTO service.record_detail (seq, salt, actor_id, actor_role, subject_key)
           SELECT seq, '', 'U' || seq %% 10, %s, 's' || CASE WHEN seq %% 10 = 3 THEN seq ELSE 0 END FROM many""",
        [action, role],
    )
    bursts = [
        one for one in signals(fresh.owner, fresh.catalog, now() - timedelta(1), now()) if one.kind == "burst"
    ]
    assert [(one.who, one.count) for one in bursts] == [(who, 50)]
    assert role == "officer" or f"one {role}" in bursts[0].detail
    assert BURST < 50


def test_a_grant_that_nobody_uses_is_named_with_its_demand(fresh: Desk):
    fresh.facts(["XM", "GH"])
    told = [one for one in signals(fresh.owner, fresh.catalog, now(), now()) if one.kind == "unused_grant"]
    by_demand = {one.detail.split()[1]: one.detail.rpartition(": ")[2].split(", ") for one in told}
    assert by_demand["D-2"] == ["XH", "XM"]
    assert "XM" not in by_demand["D-1"] and "GZ" in by_demand["D-1"]
    assert "D-4" not in by_demand and "D-5" not in by_demand  # over, refused
    assert desk.CANARY not in repr(told)


def test_what_is_given_at_a_window_or_as_a_certificate_is_a_use_of_the_grant(fresh: Desk):
    """At a window the portal asks, by the rights of the system whose case it is."""
    fresh.facts(["ZT"])
    for action, client, rule, element in (
        ("window", campus.PAGES, f"window of {campus.HALL}; granted", "RZRQ"),
        ("certificate_issue", campus.HALL, "granted", "SFZJH"),
        ("window", campus.PAGES, f"window of {campus.PORTAL}; granted", "HY"),
    ):
        fresh.owner.execute(
            """INSERT INTO service.record SELECT (jsonb_populate_record(r, jsonb_build_object('seq', r.seq + 1,
                   'transaction_id', gen_random_uuid(), 'action', %s::text, 'client_id', %s::text, 'rule', %s::text,
                   'elements', ARRAY[%s]::text[]))).* FROM service.record r ORDER BY seq DESC LIMIT 1""",
            [action, client, rule, element],
        )
    told = [one for one in signals(fresh.owner, fresh.catalog, now(), now()) if one.kind == "unused_grant"]
    (unused,) = [one.detail.rpartition(": ")[2].split(", ") for one in told if "D-1 " in one.detail]
    assert not {"RZRQ", "SFZJH", "ZT"} & set(unused) and {"HY", "GZ"} <= set(unused)


def test_what_is_over_on_the_campus_is_over_although_it_is_still_the_day_before_in_greenwich(fresh: Desk):
    def unused(at: datetime) -> list[str]:
        found = signals(fresh.owner, fresh.catalog, at, at)
        return [one.detail.split()[1] for one in found if one.kind == "unused_grant"]

    # the grants end with 2099; in Shanghai that is at four in the afternoon of Greenwich
    assert "D-2" in unused(datetime(2099, 12, 31, 15, 59, tzinfo=UTC))
    assert unused(datetime(2099, 12, 31, 16, 1, tzinfo=UTC)) == []


def test_who_looks_at_the_signals_stands_on_record_or_sees_nothing(
    fresh: Desk, pg_database, own_surroundings, monkeypatch
):
    for name, value in (
        ("HOME", str(fresh.home)), ("DATABASE_URL", pg_database.url),
        ("SERVICE_DATABASE_URL", service_url(pg_database)),
    ):  # fmt: skip
        monkeypatch.setenv(f"YICI_{name}", value)
    monkeypatch.setattr("yici.warehouse.load_catalog", lambda: fresh.catalog)
    fresh.facts(["XM"], actor={"user_id": "T001", "role": "officer"})
    before = fresh.last()["seq"]
    assert "no post of this campus" in yici("record", "signals", "--as", "post:none", exit_code=2)
    assert fresh.last()["seq"] == before
    assert f"{campus.HALL} T001: an officer asked about themselves" in yici(
        "record", "signals", "--as", "post:a"
    )
    entry = fresh.last()
    assert (entry["seq"], entry["action"], entry["outcome"]) == (before + 1, "record_signals", "allowed")
    assert fresh.details(entry)["actor_id"] == "post:a"
    fresh.owner.execute("REVOKE INSERT ON service.record FROM yici_service")
    try:
        said = yici("record", "signals", "--as", "post:a", exit_code=3)
    finally:
        fresh.owner.execute("GRANT INSERT ON service.record TO yici_service")
    assert "nothing is shown" in said and "T001" not in said
