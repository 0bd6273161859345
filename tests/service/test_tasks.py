"""Tasks: only the tables that the demand lists, without small cells, the same for a whole period, until destroyed."""

import itertools
import json
from contextlib import contextmanager
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest

import catalogs
from catalogs.faults import CatalogError
from catalogs.settings import now
from expectations.quality import desk as quality
from expectations.quality import owed
from expectations.quality.terms import terms
from service import signals, task_tables, tasks
from service.problems import Problem
from tests.service import campus
from tests.service.conftest import opened
from tests.service.desk import CANARY, Desk

TASK = "T-2026-001"
TABLES = [["ZT", "DWDM"], ["DWDM"]]
THRESHOLD = 5
# (status, unit, how many, pay): three of 21/B are few, and would follow from the sums.
PEOPLE = [("11", "A", 20, 8000), ("21", "A", 9, 5000), ("11", "B", 30, 9000), ("21", "B", 3, 4000)]


def made_up(**demand: Any) -> dict[str, bytes]:
    found = campus.files()
    found["elements.csv"] = (
        found["elements.csv"] + b"DWDM,\xe5\x8d\x95\xe4\xbd\x8d\xe7\xa0\x81,U,C,units,person,,1,personal,,,\n"
    )
    found["codes/index.csv"] += b"units,local,2026,\xe5\x8d\x95\xe4\xbd\x8d,current\n"
    found["codes/units.csv"] = (
        "code,nameZh,nameEn,parent,validFrom,validTo\nA,甲系,A,,,\nB,乙系,B,,,\n".encode()
    )
    found["populations.csv"] = found["populations.csv"].replace(
        b"status = '11',status = '21'", b"\"status IN ('11','21')\","
    )
    resource = "resources/hr/staff.odcs.yaml"
    contract = json.loads(found[resource])
    unit = next(one for one in contract["schema"][0]["properties"] if one["name"] == "unit")
    unit["customProperties"] = [
        {"property": "element", "value": "DWDM"},
        {"property": "codeTable", "value": "units"},
        {"property": "authoritative", "value": True},
    ]
    found[resource] = json.dumps(contract, ensure_ascii=False).encode()
    pay = campus.contract(
        "hr.pay", "年薪", "RS", {"type": "person", "key": "staff_no", "idType": "staff_no"},
        [
            campus.item("staff_no", "工号", key=1),
            campus.item("amount", "金额", "number", element="NX", authoritative=True),
        ],
    )  # fmt: skip
    found["resources/hr/pay.odcs.yaml"] = pay
    found["elements.csv"] += "NX,年薪,Yearly pay,N,,person,,3,personal,,,\n".encode()
    plain = json.loads(found["campus.yaml"]) | {"thresholds": {"smallCell": THRESHOLD}}
    found["campus.yaml"] = json.dumps(plain, ensure_ascii=False).encode()
    demands = json.loads(found["demands/all.yaml"])
    task = demands[0] | {
        "demandId": "D-T1", "purpose": {"task": TASK}, "elements": ["ZT", "DWDM", "NX"], "mode": "aggregate",
        "frequency": "yearly", "populations": ["staff"], "destroyBy": "2099-12-31",
        "aggregates": {
            "tables": [{"by": table} for table in TABLES], "measures": [{"element": "NX", "of": ["sum", "mean"]}],
        },
    } | demand  # fmt: skip
    for one in demands:
        if one["demandId"] == "D-1":
            one["elements"].remove("DW")
    found["demands/all.yaml"] = json.dumps([*demands, task], ensure_ascii=False).encode()
    return found


def rows() -> dict[str, list[dict]]:
    staff, pay = [], []
    numbers = itertools.count(1)
    for status, unit, count, amount in PEOPLE:
        for _ in range(count):
            number = f"S{next(numbers):03}"
            staff.append(
                {"staff_no": number, "name": f"{CANARY}{number}", "id_no": None, "status": status, "unit": unit,
                 "hired_on": "2005-09-01", "phone": None}
            )  # fmt: skip
            pay.append({"staff_no": number, "amount": str(amount)})
    return {"hr.staff": staff, "hr.pay": pay}


@pytest.fixture(scope="module")
def at_desk(pg_module_database, tmp_path_factory):
    content = catalogs.load(made_up())
    with opened(pg_module_database, tmp_path_factory.mktemp("home"), content=content, rows=rows()) as found:
        # Who else is in the usual campus is nobody of this task.
        gone = [
            {"staff_no": one, "name": "x", "status": "11", "_state": "former"}
            for one in ("T001", "T002", "T003", "T004")
        ]
        campus.publish(found.owner, content, {"hr.staff": gone})
        yield found


def asked(at_desk: Desk, by: list[str], client_id: str = campus.HALL, code: str = TASK):
    return at_desk.post(f"/v1/tasks/{code}:aggregate", {"by": by}, client_id)


def table(at_desk: Desk, by: list[str]) -> dict[tuple, dict]:
    reply = asked(at_desk, by)
    assert reply.status_code == 200, reply.text
    return {tuple(one["code"] for one in row["values"]): row for row in reply.json()["rows"]}


def test_a_task_is_told_its_tables_without_the_few_and_without_what_would_tell_them(at_desk: Desk):
    assert table(at_desk, [])[()]["people"] == 62
    assert {key: row["people"] for key, row in table(at_desk, ["DWDM"]).items()} == {("A",): 29, ("B",): 33}
    cells = {key: row["people"] for key, row in table(at_desk, ["ZT", "DWDM"]).items()}
    # 21/B are three; with 11/B shown they would be the rest of B. The column of A is nobody's complement.
    assert cells == {("11", "A"): 20, ("21", "A"): 9, ("11", "B"): None, ("21", "B"): None}
    assert table(at_desk, ["DWDM", "ZT"]).keys() == cells.keys()


def test_sums_and_means_are_told_where_their_count_may_be(at_desk: Desk):
    by_unit = table(at_desk, ["DWDM"])
    assert by_unit[("A",)]["measures"] == {"NX": {"sum": "205000", "mean": "7068.97"}}
    cells = table(at_desk, ["ZT", "DWDM"])
    assert cells["11", "A"]["measures"]["NX"]["mean"] == "8000.00"
    assert cells["21", "B"]["measures"] == cells["11", "B"]["measures"] == {}
    assert cells["11", "A"]["values"][1] == {"element": "DWDM", "code": "A", "name": "甲系"}


def test_the_answer_says_when_to_destroy_it_and_is_on_record(at_desk: Desk):
    reply = asked(at_desk, ["DWDM"]).json()
    assert (reply["destroy_by"], reply["threshold"], reply["period"]) == (
        "2099-12-31",
        THRESHOLD,
        str(now().year),
    )
    entry = at_desk.last()
    assert (entry["action"], entry["outcome"], entry["purpose"]) == ("task_aggregate", "allowed", TASK)
    assert entry["elements"] == ["DWDM", "NX"]
    assert str(entry["transaction_id"]) == reply["transaction_id"]


@pytest.mark.parametrize(
    ("by", "client_id", "code", "told"),
    [
        (["ZT"], campus.HALL, TASK, "ELEMENT_NOT_GRANTED"),
        (["XM"], campus.HALL, TASK, "ELEMENT_NOT_GRANTED"),
        (["DWDM"], campus.PORTAL, TASK, "PURPOSE_NOT_GRANTED"),
        (["DWDM"], campus.HALL, "T-NONE", "PURPOSE_NOT_GRANTED"),
        (["DWDM"], campus.HALL, campus.EMPLOYED, "PURPOSE_NOT_GRANTED"),
    ],
)
def test_no_other_table_purpose_or_client(at_desk: Desk, by, client_id, code, told):
    assert asked(at_desk, by, client_id, code).json()["code"] == told
    assert at_desk.last()["outcome"] == "refused"


def test_within_a_period_a_newer_release_changes_nothing(at_desk: Desk, as_owner):
    before = table(at_desk, ["ZT", "DWDM"])
    one = rows()["hr.staff"][0]
    campus.publish(at_desk.owner, at_desk.catalog, {"hr.staff": [one | {"status": "21"}]})
    try:
        assert table(at_desk, ["ZT", "DWDM"]) == before
    finally:
        campus.publish(at_desk.owner, at_desk.catalog, {"hr.staff": [one]})


@contextmanager
def changed(at_desk: Desk, files: dict[str, bytes]):
    """Let a demand be changed within the period, after its tables were told; then as it was again."""
    for by in ([], *TABLES):
        assert asked(at_desk, by).status_code == 200
    campus.publish(at_desk.owner, catalogs.load(files), {})
    try:
        yield
    finally:
        campus.publish(at_desk.owner, at_desk.catalog, {})


def test_a_table_that_the_demand_lists_since_is_told_in_the_next_period(at_desk: Desk, as_owner):
    tables = {"tables": [{"by": ["ZT"]}, {"by": ["DWDM"]}], "measures": []}
    with changed(at_desk, made_up(aggregates=tables)):
        newly = asked(at_desk, ["ZT"])
        assert (newly.status_code, newly.json()["code"], newly.json()["rule"]) == (
            403, "NOT_PERMITTED", "task:of_this_period",
        )  # fmt: skip
        entry = at_desk.last()
        assert (entry["action"], entry["outcome"], entry["rule"]) == (
            "task_aggregate", "refused", "task:of_this_period",
        )  # fmt: skip
        assert asked(at_desk, ["ZT", "DWDM"]).json()["rule"] == "task:table"
        assert table(at_desk, ["DWDM"])[("A",)]["people"] == 29


def test_a_table_with_its_elements_in_another_order_is_the_same_table(at_desk: Desk, as_owner):
    before = table(at_desk, ["ZT", "DWDM"])
    with changed(at_desk, made_up(aggregates={"tables": [{"by": ["DWDM", "ZT"]}], "measures": []})):
        reply = asked(at_desk, ["ZT", "DWDM"]).json()
        assert reply["by"] == ["DWDM", "ZT"]
        told = {tuple(one["code"] for one in row["values"]): row["people"] for row in reply["rows"]}
        assert told == {(unit, status): row["people"] for (status, unit), row in before.items()}


@pytest.mark.parametrize(
    ("measures", "told"),
    [
        ([{"element": "NX", "of": ["mean"]}], {"NX": {"mean": "7068.97"}}),
        ([{"element": "NX", "of": ["sum", "extremes"]}], {"NX": {"sum": "205000"}}),
        ([], {}),
    ],
)
def test_a_measure_that_the_demand_gives_no_more_is_not_told_from_what_is_kept(
    at_desk: Desk, as_owner, measures, told
):
    aggregates = {"tables": [{"by": one} for one in TABLES], "measures": measures}
    with changed(at_desk, made_up(aggregates=aggregates)):
        row = table(at_desk, ["DWDM"])[("A",)]
        assert (row["people"], row["measures"]) == (29, told)


def test_what_was_counted_over_other_populations_is_told_nobody(at_desk: Desk, as_owner):
    for populations in (["guest"], ["staff", "guest"]):
        with changed(at_desk, made_up(populations=populations)):
            for by in ([], ["DWDM"]):
                assert asked(at_desk, by).json()["rule"] == "task:of_this_period"


def test_an_item_that_is_masked_since_is_told_in_no_table(at_desk: Desk, as_owner):
    files = made_up()
    for resource, name in (("staff", "unit"), ("pay", "amount")):
        path = f"resources/hr/{resource}.odcs.yaml"
        contract = json.loads(files[path])
        item = next(one for one in contract["schema"][0]["properties"] if one["name"] == name)
        item["customProperties"].append({"property": "mask", "value": "hide"})
        files[path] = json.dumps(contract, ensure_ascii=False).encode()
    with changed(at_desk, files):
        for by in TABLES:
            assert asked(at_desk, by).json()["rule"] == "grant:element"
        assert (table(at_desk, [])[()]["people"], table(at_desk, [])[()]["measures"]) == (62, {})


def test_a_table_of_which_nobody_knows_over_whom_it_was_counted_is_not_told(at_desk: Desk):
    """As those that were kept before populations were kept beside them."""
    older = {
        "release": 1,
        "threshold": THRESHOLD,
        "tables": {"": [{"values": [], "people": 7, "measures": {}}]},
    }
    with pytest.raises(Problem) as refused:
        task_tables.answer_of(at_desk.catalog, older, at_desk.catalog.demands["D-T1"], "2026", ())
    assert refused.value.rule == "task:of_this_period"


def test_what_is_kept_for_the_period_is_encrypted(at_desk: Desk):
    asked(at_desk, [])
    sealed = at_desk.owner.execute("SELECT sealed FROM service.task_answer").fetchone()[0]
    assert b"DWDM" not in sealed and b"people" not in sealed


def test_a_task_that_is_over_or_not_decided_is_told_nothing(at_desk: Desk, as_owner):
    refused = {"state": "refused", "by": ["post:b"], "on": "2026-01-02", "opinion": "no"}
    for change in (
        {"validTo": "2026-01-31"},
        {"decision": refused},
        {"aggregates": None},
        {"populations": []},
    ):
        changed = {name: value for name, value in change.items() if value is not None}
        files = made_up(**changed)
        if change == {"aggregates": None}:
            demands = json.loads(files["demands/all.yaml"])
            demands[-1].pop("aggregates")
            files["demands/all.yaml"] = json.dumps(demands, ensure_ascii=False).encode()
        if change == {"populations": []}:
            with pytest.raises(CatalogError, match="no populations"):
                catalogs.load(files)
            continue
        campus.publish(at_desk.owner, catalogs.load(files), {})
        assert asked(at_desk, ["DWDM"]).status_code == 403
    campus.publish(at_desk.owner, at_desk.catalog, {})
    assert asked(at_desk, ["DWDM"]).status_code == 200


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"aggregates": {"tables": [{"by": ["XM"]}]}}, "a table by XM"),
        (
            {"elements": ["ZT", "DWDM", "NX", "XM"], "aggregates": {"tables": [{"by": ["XM"]}]}},
            "no code table",
        ),
        ({"aggregates": {"measures": [{"element": "ZT", "of": ["sum"]}]}}, '"ZT" is no number'),
        ({"aggregates": {"measures": [{"element": "NX", "of": ["median"]}]}}, "unknown measure median"),
        ({"populations": ["nobody"]}, 'unknown population "nobody"'),
    ],
)
def test_a_demand_that_would_tell_too_much_is_a_fault(change, said):
    with pytest.raises(CatalogError) as error:
        catalogs.load(made_up(**change))
    assert any(fault.rule == "D12" and said in fault.what for fault in error.value.faults), str(error.value)


def test_two_tasks_of_one_client_are_never_about_the_same_people():
    files = made_up()
    demands = json.loads(files["demands/all.yaml"])
    other = demands[-1] | {"demandId": "D-T2", "purpose": {"task": "T-2"}}
    files["demands/all.yaml"] = json.dumps([*demands, other], ensure_ascii=False).encode()
    with pytest.raises(CatalogError, match="D-T1 is about the same people"):
        catalogs.load(files)
    other |= {"validFrom": "2100-01-01", "validTo": "2100-12-31"}
    files["demands/all.yaml"] = json.dumps([*demands, other], ensure_ascii=False).encode()
    catalogs.load(files)


def test_two_populations_with_the_same_people_are_not_told_apart_by_two_tasks(at_desk: Desk, as_owner):
    """Who is in one and not in the other would follow from their tables; the catalog's check cannot see it."""
    files = made_up()
    files["populations.csv"] += "tenured,在编教职工,Tenured,person,hr.staff,unit = 'A',,30,\n".encode()
    files["populations.csv"] += "away,离岗教职工,Away,person,hr.staff,status = '99',,30,\n".encode()
    demands = json.loads(files["demands/all.yaml"])
    nested = demands[-1] | {"demandId": "D-T2", "purpose": {"task": "T-2"}, "populations": ["tenured"]}
    apart = demands[-1] | {"demandId": "D-T3", "purpose": {"task": "T-3"}, "populations": ["away"]}
    files["demands/all.yaml"] = json.dumps([*demands, nested, apart], ensure_ascii=False).encode()
    with changed(at_desk, files):
        refused = asked(at_desk, ["DWDM"], code="T-2")
        assert (refused.status_code, refused.json()["rule"]) == (403, "task:same_people")
        assert TASK in refused.json()["detail"]
        assert asked(at_desk, ["DWDM"], code="T-3").status_code == 200  # nobody is in both
    at_desk.owner.execute("DELETE FROM service.task_answer WHERE demand_id = 'D-T3'")


def test_the_period_is_that_of_the_demands_frequency(at_desk: Desk):
    content, at = at_desk.catalog, now()
    demand = content.demands["D-T1"]
    told = {
        frequency: tasks.period_of(content, _with(demand, frequency=frequency), at)
        for frequency in ("once", "monthly", "yearly", "per_case")
    }
    assert told["once"] == "" and told["monthly"].startswith(told["yearly"]) and len(told["monthly"]) == 7
    assert told["per_case"] == told["yearly"]


def _with(demand, **changes):
    from dataclasses import replace

    return replace(demand, **changes)


def test_who_has_destroyed_what_was_given_is_given_nothing_more_and_who_has_not_is_a_signal(
    at_desk: Desk, as_owner
):
    late = at_desk.catalog.demands | {
        "D-T1": _with(at_desk.catalog.demands["D-T1"], destroy_by=date(2026, 1, 31))
    }
    content = _with(at_desk.catalog, demands=late)
    asked(at_desk, [])

    def overdue() -> list[str]:
        found = signals.signals(at_desk.owner, content, now() - timedelta(days=1), now())
        return [one.who for one in found if one.kind == "not_destroyed"]

    assert overdue() == [campus.HALL]
    tickets = partial(owed.follow, at_desk.owner, content, terms(content))
    assert (tickets(), tickets()) == ((1, 0), (0, 0))
    (ticket,) = (one for one in quality.listed(at_desk.owner) if one.channel == owed.DESTRUCTION)
    assert (ticket.unit, ticket.reference) == ("DT", f"{campus.HALL} D-T1") and "2026-01-31" in ticket.about
    told = {"destroyed_on": "2026-01-30", "how": "硬盘消磁, post:hall-steward"}
    future = told | {"destroyed_on": "2099-01-01"}
    assert at_desk.post(f"/v1/tasks/{TASK}:destroyed", future).status_code == 422
    assert at_desk.post(f"/v1/tasks/{TASK}:destroyed", told, campus.PORTAL).status_code == 403
    reply = at_desk.post(f"/v1/tasks/{TASK}:destroyed", told)
    assert (reply.status_code, reply.json()["destroyed_on"]) == (200, "2026-01-30")
    assert at_desk.last()["action"] == "task_destroyed"
    assert overdue() == []
    assert tickets() == (0, 1)
    assert asked(at_desk, []).json()["rule"] == "task:not_destroyed"
    assert at_desk.owner.execute("SELECT count(*) FROM service.task_answer").fetchone()[0] == 0
