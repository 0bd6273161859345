"""Until when a fact holds by its source's own dates, and how far it is verified where its source alone does not say."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

import catalogs
from catalogs.model import Catalog
from service import task_counting, tasks, validity
from service.state import State
from service.transactions import pinned
from tests.service import campus, desk
from tests.service.conftest import opened, service_url
from tests.service.desk import Desk
from tests.support.postgres import PgDatabase

SHANGHAI = ZoneInfo("Asia/Shanghai")
_ELEMENTS = """GW,岗位,Post,C,,person,,1,personal,,,
ZGZ,资格证,Licence,C,staff_status,person,,1,personal,,,
JX,奖项,Awards,C,,person,,1,personal,,,
"""


def day(after: int) -> str:
    """Return the day of the campus that comes so many days after today."""
    return (datetime.now(SHANGHAI).date() + timedelta(days=after)).isoformat()


def made_up() -> Catalog:
    """Return the small campus with what holds for a time: posts (one is picked), licences (one each), awards (many)."""
    files = campus.files()
    files["elements.csv"] += _ELEMENTS.encode()
    # Of an employed student the register of staff comes first.
    files["populations.csv"] = files["populations.csv"].replace(
        b"NOT is_enrolled,10,", b"NOT is_enrolled,15,"
    )
    staff = {"type": "person", "key": "staff_no", "idType": "staff_no", "populations": ["staff"]}
    dates = [campus.item("begins", "自", "date"), campus.item("ends", "至", "date")]
    bounds = {"authoritative": True, "validity": {"from": "begins", "until": "ends"}}
    for name, items in (
        ("posts", [
            campus.item("post_no", "编号", key=1), campus.item("staff_no", "工号"),
            campus.item("post", "岗位", element="GW", pick={"orderBy": "is_main desc"}, **bounds),
            campus.item("is_main", "主岗", "boolean"),
        ]),
        ("licences", [
            campus.item("staff_no", "工号", key=1),
            campus.item("licence", "资格", element="ZGZ", mask="hide", **bounds),
        ]),
        ("awards", [
            campus.item("award_no", "编号", key=1), campus.item("staff_no", "工号"),
            campus.item("award", "奖项", element="JX", many=True, **bounds),
        ]),
    ):  # fmt: skip
        content = campus.contract(f"hr.{name}", name, "RS", staff, [*items, *dates])
        files[f"resources/hr/{name}.odcs.yaml"] = content
    demands = json.loads(files["demands/all.yaml"])
    demands[0]["elements"] += ["GW", "ZGZ", "JX"]
    demands[0]["unmasked"] = ["ZGZ"]
    demands.append(campus._demand("D-9", campus.PORTAL, campus.EMPLOYED, ["ZGZ"], demands[0]["decision"]))
    demands.append(
        campus._demand("D-T", campus.PORTAL, "T-1", [], demands[0]["decision"])
        | {
            "purpose": {"task": "T-1"}, "elements": ["ZGZ"], "unmasked": ["ZGZ"], "populations": ["staff"],
            "aggregates": {"tables": [{"by": ["ZGZ"]}]}, "destroyBy": "2099-12-31", "frequency": "daily",
        }
    )  # fmt: skip
    files["demands/all.yaml"] = json.dumps(demands).encode()
    own = json.loads(files["campus.yaml"]) | {"thresholds": {"smallCell": 1}}
    files["campus.yaml"] = json.dumps(own).encode()
    return catalogs.load(files)


def post(
    number: str, staff_no: str, name: str, begins: str | None, ends: str | None, main: bool
) -> dict[str, Any]:
    return {
        "post_no": number, "staff_no": staff_no, "post": name, "begins": begins, "ends": ends, "is_main": main,
    }  # fmt: skip


@pytest.fixture(scope="module")
def at_desk(pg_module_database: PgDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    rows = {
        "hr.posts": [
            post("1", "T001", "处长", day(1), None, True), post("2", "T001", "科长", "2020-01-01", day(0), False),
            post("3", "T002", "院长", "2010-01-01", day(-1), True), post("4", "T003", "馆员", day(1), None, True),
        ],
        "hr.licences": [
            {"staff_no": "T001", "licence": "11", "begins": None, "ends": day(0)},
            {"staff_no": "T002", "licence": "11", "begins": "2010-01-01", "ends": day(-1)},
            {"staff_no": "T003", "licence": "21", "begins": "2010-01-01", "ends": None},
        ],
        "hr.awards": [
            {"award_no": "1", "staff_no": "T001", "award": "甲等", "begins": "2020-01-01", "ends": day(-1)},
            {"award_no": "2", "staff_no": "T001", "award": "乙等", "begins": "2021-01-01", "ends": None},
            {"award_no": "3", "staff_no": "T003", "award": "丙等", "begins": "2021-01-01", "ends": day(-9)},
        ],
    }  # fmt: skip
    home = tmp_path_factory.mktemp("home")
    with opened(pg_module_database, home, content=made_up(), rows=desk.ROWS | rows) as found:
        yield found


def staff(number: str, **more: str) -> dict[str, str]:
    return {"id_type": "staff_no", "id": number, **more}


def bounds(fact: dict[str, Any]) -> tuple[Any, Any]:
    return fact["valid_from"], fact["valid_until"]


def test_a_value_says_until_when_it_holds_and_its_last_day_counts(at_desk: Desk):
    fact = at_desk.fact("ZGZ")
    assert (fact["status"], bounds(fact)) == ("available", (None, day(0)))
    assert fact["verification"]["level"] == "authoritative"


@pytest.mark.parametrize(
    ("number", "element", "reason"),
    [("T002", "ZGZ", "no_longer_valid"), ("T002", "GW", "no_longer_valid"), ("T003", "GW", "not_yet_valid")],
)
def test_what_does_not_hold_now_is_never_available_and_says_why(at_desk: Desk, number, element, reason):
    fact = at_desk.fact(element, staff(number))
    assert (fact["status"], fact["reason"], fact["verification"]["unmet"]) == ("stale", reason, reason)
    assert fact["verification"]["level"] == "system_verified"
    (claim,) = at_desk.claims([("ZGZ", "is_known", None)], staff("T002")).json()["claims"]
    assert claim["outcome"] == "indeterminate"


def test_of_several_rows_one_that_holds_answers_before_any_other(at_desk: Desk):
    fact = at_desk.fact("GW")  # the main post begins tomorrow
    assert (fact["status"], fact["value"], bounds(fact)) == ("available", "科长", ("2020-01-01", day(0)))


def test_a_list_holds_only_what_holds_now(at_desk: Desk):
    assert at_desk.fact("JX")["value"] == ["乙等"]
    assert at_desk.fact("JX", staff("T003"))["status"] == "not_found"


def test_people_of_one_set_keep_their_own_dates(at_desk: Desk):
    people = [staff(number) for number in ("T001", "T002", "T003")]
    items = [
        {"subject": one, "case_id": at_desk.case(campus.EMPLOYED, [{"role": "applicant", **one}]),
         "actor": {"user_id": "U1", "role": "officer"}} for one in people
    ]  # fmt: skip
    body = {"service_item": campus.EMPLOYED, "elements": ["ZGZ", "GW"], "items": items}
    told = [one["answer"]["facts"] for one in at_desk.post("/v1/facts:batch_query", body).json()["results"]]
    alone = [at_desk.facts(["ZGZ", "GW"], one).json()["facts"] for one in people]
    for ours, theirs in zip(told, alone, strict=True):
        for element in ("ZGZ", "GW"):
            assert bounds(ours[element]) == bounds(theirs[element])
            assert ours[element]["status"] == theirs[element]["status"]
    assert [one["ZGZ"]["status"] for one in told] == ["available", "stale", "available"]


def test_a_sum_does_not_count_what_holds_no_longer(at_desk: Desk):
    reply = at_desk.post("/v1/tasks/T-1:aggregate", {"by": ["ZGZ"]}, campus.PORTAL)
    assert reply.status_code == 200, reply.text
    counted = {row["values"][0]["code"]: row["people"] for row in reply.json()["rows"]}
    assert (counted["11"], counted["21"]) == (1, 1)  # not the one whose licence ended yesterday


def test_a_sum_counts_what_holds_at_the_moment_of_the_question_not_of_the_database(
    at_desk: Desk, pg_module_database: PgDatabase
):
    def counted(at: datetime) -> dict[str, int]:
        async def reckoned() -> dict[str, int]:
            async with asyncpg.create_pool(service_url(pg_module_database), min_size=1, max_size=1) as pool:
                current = await State().current(pool)
                demand = tasks.demand_of(current.catalog, campus.PORTAL, "T-1", at)
                async with pinned(pool, current.release) as con:
                    sums = await task_counting.reckon(con, current, demand, at)
            return {values[0]: one.people for values, one in sums}

        return asyncio.run(reckoned())

    assert counted(datetime.now(UTC))["11"] == 1
    assert "11" not in counted(datetime.now(UTC) + timedelta(days=2))  # it holds until the end of today


MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2050, 1, 1), timezones=st.just(UTC))
DAYS = st.none() | st.dates(date(2000, 1, 1), date(2050, 1, 1))


@given(DAYS, DAYS, MOMENTS)
def test_a_value_holds_from_the_first_moment_of_its_first_day_to_the_last_of_its_last(since, until, at):
    def begins(one: date) -> datetime:
        return datetime(one.year, one.month, one.day, tzinfo=SHANGHAI)

    is_early = since is not None and at < begins(since)
    is_over = until is not None and at >= begins(until + timedelta(days=1))
    expected = "not_yet_valid" if is_early else "no_longer_valid" if is_over else ""
    assert validity.unmet(since, until, at, SHANGHAI) == expected


def fail_a_check(at_desk: Desk, resource: str) -> None:
    """Let a critical check of the resource's newest extract have failed."""
    at_desk.owner.execute(
        "INSERT INTO yici.finding (release, resource, rule, dimension, severity, stage, passed, rows_failed,"
        " extract_id, at) SELECT release, resource, 'plausible', 'validity', 'critical', 'store', false, 1,"
        " extract_id, now() FROM yici.release_resource WHERE resource = %s ORDER BY release DESC LIMIT 1",
        [resource],
    )


def test_a_row_whose_rule_a_person_of_the_provider_waived_is_officer_verified(at_desk: Desk, as_owner):
    campus.publish(at_desk.owner, at_desk.catalog, {"hr.staff": [desk.STAFF[0] | {"_state": "released"}]})
    fact = at_desk.fact("ZT")
    assert (fact["status"], fact["verification"]["level"]) == ("available", "officer_verified")
    assert fact["verification"]["unmet"] == "rule_waived"
    materials = {one["material"]: one for one in at_desk.prefill()["materials"]}
    assert materials["M-STATUS"]["reasons"] == ["ZT:rule_waived"]  # and spares no paper
    campus.publish(at_desk.owner, at_desk.catalog, {"hr.staff": [desk.STAFF[0] | {"_state": "released"}]})
    fail_a_check(at_desk, "hr.staff")
    assert (
        at_desk.fact("ZT")["verification"]["level"] == "system_verified"
    )  # more than the rule speaks against it
    campus.publish(at_desk.owner, at_desk.catalog, {"hr.staff": [desk.STAFF[0]]})
    assert at_desk.fact("ZT")["verification"]["level"] == "authoritative"


def test_what_another_system_bears_out_is_cross_checked_and_what_it_does_not_is_not(at_desk: Desk, as_owner):
    both = staff("T003")
    campus.publish(at_desk.owner, at_desk.catalog, {"hr.staff": [desk.STAFF[2]]})
    fail_a_check(at_desk, "hr.staff")
    fact = at_desk.fact("XM", both)
    assert (fact["status"], fact["verification"]["level"]) == ("available", "cross_checked")
    assert (fact["verification"]["unmet"], fact["verification"]["verifier"]) == ("check_failed", "RS")
    evidence = fact["verification"]["evidence"]
    assert [one["source"] for one in evidence] == ["hr.staff", "academic.students"]
    assert all(one["extract_id"] > 0 and one["record_hash"] for one in evidence)
    materials = {one["material"]: one for one in at_desk.prefill(both)["materials"]}
    assert materials["M-ID"]["reasons"] == ["SFZJH:check_failed"]
    other = at_desk.fact("DW", both)  # the register of students names another unit
    assert other["verification"]["level"] == "system_verified"
    assert len(other["verification"]["evidence"]) == 1
    chosen = at_desk.fact("XM", both | {"capacity": "staff"})
    assert chosen["verification"]["level"] == "system_verified"  # in one capacity only its own sources speak
    campus.publish(at_desk.owner, at_desk.catalog, {"academic.students": [desk.STUDENTS[0]]})
    fail_a_check(at_desk, "academic.students")
    assert at_desk.fact("XM", both)["verification"]["level"] == "system_verified"  # neither is sound
    campus.publish(
        at_desk.owner, at_desk.catalog, {"hr.staff": desk.STAFF[:3], "academic.students": desk.STUDENTS}
    )
    assert at_desk.fact("XM", both)["verification"]["level"] == "authoritative"
