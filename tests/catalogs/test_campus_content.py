"""What the shipped campus must hold: the lists and rules of the founding documents, the norms' own checks."""

import csv
from collections import defaultdict
from datetime import date
from pathlib import Path

import pytest
import stdnum.cn.uscc
import yaml

from catalogs.loading import read
from catalogs.settings import DEFAULT_CAMPUS

DECIDING = ("审批", "审核")
SIX_UNITS = {"GZ", "JJ", "XX", "HQ", "BW", "BM"}


@pytest.fixture(scope="module")
def campus():
    return read(DEFAULT_CAMPUS)[0].catalog


def _raw(name: str):
    return yaml.safe_load((Path(DEFAULT_CAMPUS) / name).read_text(encoding="utf-8"))


def _critical_path(steps) -> float:
    total, groups = 0.0, defaultdict(float)
    for step in steps:
        days = step.raw["limit"]["value"]
        if step.parallel_group:
            groups[step.parallel_group] = max(groups[step.parallel_group], days)
        else:
            total += days
    return total + sum(groups.values())


def test_the_campus_is_as_large_as_a_reference_must_be(campus):
    assert len(campus.units) >= 24
    assert len(campus.elements) >= 110
    assert len(campus.services) >= 32
    assert len(campus.populations) >= 15


NAMED = [
    "学籍异动", "公房装修改造", "到款认领与经费上账", "预算调整", "预算审核", "报账", "学生报销员",
    "毕业证明书", "学位证明书", "发展党员", "转正", "在读证明", "成绩单", "奖学金", "困难",
    "助学贷款", "在职及收入证明", "宿舍调换", "离校手续", "校园卡补办", "职称", "印章", "出国",
    "户口迁移", "档案", "缓缴", "补办学生证", "教室", "停课", "博士后进站",
]  # fmt: skip


@pytest.mark.parametrize("words", NAMED)
def test_a_named_service_item_is_there(campus, words):
    assert any(words in item.name_zh for item in campus.services.values())


def test_numbers_of_outside_bodies_have_right_check_characters(campus):
    outside = [unit for unit in campus.units.values() if unit.kind == "校外"]
    assert outside
    for unit in outside:
        assert stdnum.cn.uscc.is_valid(unit.uscc), unit.code


def test_an_ended_unit_names_its_successor(campus):
    ended = [unit for unit in campus.units.values() if unit.valid_to]
    assert ended
    assert all(unit.successor in campus.units for unit in ended)


def test_the_fifty_six_peoples_are_numbered_through(campus):
    codes = {code for code in campus.codes["ethnic_groups"].rows if code <= "56"}
    assert codes == {f"{number:02d}" for number in range(1, 57)}


def test_every_code_table_names_its_norm_and_standing():
    rows = list(csv.DictReader((Path(DEFAULT_CAMPUS) / "codes/index.csv").read_text("utf-8").splitlines()))
    files = {path.stem for path in (Path(DEFAULT_CAMPUS) / "codes").glob("*.csv")} - {"index"}
    assert {row["table"] for row in rows} == files
    assert all(row["norm"] and row["status"] in ("verified", "aligned", "local") for row in rows)


def test_holidays_and_adjusted_workdays_are_those_published(campus):
    off = ["2025-01-28", "2025-02-04", "2025-05-05", "2025-10-08", "2026-01-02", "2026-02-23", "2026-06-19",
           "2026-10-07"]  # fmt: skip
    on = ["2025-01-26", "2025-02-08", "2025-04-27", "2025-09-28", "2025-10-11", "2026-01-04", "2026-02-14",
          "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10", "2026-10-20"]  # fmt: skip
    assert not any(campus.calendar.is_working(date.fromisoformat(day)) for day in off)
    assert all(campus.calendar.is_working(date.fromisoformat(day)) for day in on)
    assert {"毕业离校", "年终封账"} <= {day.event for day in campus.calendar.days.values()}


def test_steps_fit_into_the_promised_limit(campus):
    for item in campus.services.values():
        assert _critical_path(item.steps) <= item.promised_limit["value"], item.code


def test_six_units_judge_a_renovation_side_by_side_and_a_return_restarts_all(campus):
    steps = [step for step in campus.services["GZ-001"].steps if step.parallel_group]
    assert {step.unit for step in steps} == SIX_UNITS
    assert {step.on_return for step in steps} == {"restartAll"}


def test_a_guide_is_whole(campus):
    for item in campus.services.values():
        raw = item.raw
        assert raw["legalBasis"] and raw["acceptConditions"] and raw["refusal"] and raw["faq"], item.code
        assert raw["consult"]["phone"] != raw["complaint"]["phone"], item.code
        assert {contact["unit"] for contact in raw["contacts"]} == {item.lead_unit, *item.joint_units}, (
            item.code
        )
        assert raw["result"]["nameZh"] and raw["result"]["sample"], item.code
        assert raw["current"] and set(raw["target"]) == {"date", "mode", "text"}, item.code
        assert raw["fee"]["charged"] is False or {"basis", "standard"} <= set(raw["fee"]), item.code
        assert "其他条件" not in raw["acceptConditions"], item.code


def test_what_takes_more_than_one_visit_is_on_a_list_with_its_reason(campus):
    often = {item.code for item in campus.services.values() if item.visits > 1}
    told = {
        item.code
        for item in campus.services.values()
        if any(item.raw.get(key, {}).get("reason") for key in ("negativeList", "specialRequirement"))
    }
    assert often and often <= told


def test_no_power_outside_the_list(campus):
    powers = {power["code"]: power for power in _raw("powers.yaml")}
    for item in campus.services.values():
        power = item.raw.get("power")
        assert power or item.kind not in DECIDING, item.code
        if power:
            assert item.code in powers[power]["serviceItems"]
    assert all(set(power["serviceItems"]) <= set(campus.services) for power in powers.values())


def test_every_material_proves_facts_or_names_its_gap(campus):
    for material in campus.materials.values():
        assert material.facts or material.gap, material.code


def test_demands_show_every_outcome(campus):
    states = {demand.state for demand in campus.demands.values()}
    assert {"granted", "filed", "refused", "disputed", "withdrawn", "expired"} <= states
    assert any(demand.purpose_kind == "task" for demand in campus.demands.values())
    assert any(demand.rows and demand.state == "granted" for demand in campus.demands.values())


def test_two_persons_decide_where_sensitive_data_is_asked(campus):
    for demand in campus.demands.values():
        sensitive = any(campus.elements[code].pi_class == "sensitive" for code in demand.elements)
        if demand.state == "granted" and sensitive:
            assert len(set(demand.decided_by)) >= 2 and demand.raw["assessment"], demand.demand_id


@pytest.mark.parametrize("code", ["RS-012", "JW-001", "YJS-001", "XG-001"])
def test_every_field_of_a_shown_item_has_a_source_and_a_grant(campus, code):
    granted = {
        grant.element for grant in campus.grants() if grant.purpose == code and grant.client == "service-hall"
    }
    wanted = {field.element for field in campus.services[code].form if field.element}
    assert wanted <= granted


def test_the_code_table_of_units_is_the_organisation_register(campus):
    inside = {
        code: unit.name_zh
        for code, unit in campus.units.items()
        if unit.kind not in ("校外", "申请人所在单位")
    }
    assert {code: row.name_zh for code, row in campus.codes["campus_units"].rows.items()} == inside
