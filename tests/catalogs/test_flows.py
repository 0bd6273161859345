"""The flow of a service item: it ends, in the time promised, and nobody waits for nothing (CATALOG §3.6)."""

from typing import Any

import catalogs
from tests.catalogs.breaches import Breach, assert_told, cases
from tests.catalogs.small import SERVICE, campus, service_item


def step(seq: int, name: str = "核验", unit: str = "RS", **keys: Any) -> dict[str, Any]:
    """Return one step."""
    return {"seq": seq, "code": f"S{seq:02d}", "nameZh": name, "unit": unit, "role": "clerk", **keys}


def flow(*steps: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return files whose RS-001 has these steps between a first and a last one."""
    return {SERVICE: service_item(steps=[step(1, "受理"), *steps, step(9, "办结")], **changes)}


def days(value: float) -> dict[str, Any]:
    return {"limit": {"value": value, "unit": "workday"}}


BOTH: dict[str, Any] = {"parallelGroup": "both", "join": "all", "onReturn": "restartAll"}
PROMISED = {"caseType": "承诺件", "promisedLimit": {"value": 5, "unit": "workday"}}
BREACHES = [
    Breach("S21", flow(step(2, **BOTH), step(3), step(4, unit="CW", **BOTH)), SERVICE, "never joins", "parallelGroup"),
    Breach("S21", flow(step(2, **BOTH)), SERVICE, '"both" has one step', "parallelGroup"),
    Breach("S21", flow(step(2, **BOTH), step(3, **BOTH | {"join": "any"})), SERVICE, "disagree on join", "join"),
    Breach("S21", flow(step(2, **BOTH), step(3, **BOTH | {"onReturn": "resumeNode"})),
           SERVICE, "on onReturn", "onReturn"),
    Breach("S21", flow(step(2, join="all")), SERVICE, "no parallel group", "join"),
    Breach("S21", flow(step(10, "送达", condition="邮寄")), SERVICE, "nobody ends the case", "condition"),
    Breach("S21", flow(step(2, input=["体检报告"])), SERVICE, "nobody brings", "input"),
    Breach("S22", flow(step(2, **days(3)), step(3, **days(2.5)), **PROMISED),
           SERVICE, "5.5 workdays", "promisedLimit"),
]  # fmt: skip


@cases(BREACHES)
def test_a_breach_is_told_where_a_person_looks(breach):
    assert_told(breach)


def test_two_steps_with_one_code_are_told_both():
    twin = step(2) | {"code": "S01"}
    assert [fault.rule for fault in catalogs.check(campus(flow(twin)))] == ["S21", "S21"]


def test_steps_at_the_same_time_count_once_and_units_are_not_compared_with_others():
    together = [step(seq, unit=unit, **BOTH, **days(5)) for seq, unit in ((2, "RS"), (3, "CW"))]
    assert catalogs.check(campus(flow(*together, **PROMISED))) == []
    hours = step(2, limit={"value": 100, "unit": "hour"})
    assert catalogs.check(campus(flow(hours, **PROMISED))) == []


def test_a_step_may_wait_for_a_material_or_for_what_an_earlier_step_gives():
    steps = [step(2, input=["M-ID"], output="核验单"), step(3, input=["核验单"])]
    assert catalogs.check(campus(flow(*steps))) == []
    [fault] = catalogs.check(campus(flow(*reversed([step(3, output="核验单"), step(2, input=["核验单"])]))))
    assert fault.rule == "S21"


def test_a_limit_is_a_number_and_a_unit():
    for limit in ({"value": "3"}, {"value": -1}, {"value": 1, "unit": "week"}):
        faults = catalogs.check(campus(flow(step(2, limit=limit))))
        assert [fault.rule for fault in faults if fault.severity == "error"] == ["V03"]
