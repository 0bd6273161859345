"""Lists of service items and goals of the reform, with the figures of its documents."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from catalogs.lists import alike, powers, reform, volume
from catalogs.lists.base import percent
from catalogs.lists.measured import CaseCount, Measured, Span
from tests.catalogs.lists import made
from tests.catalogs.lists.made import catalog_of, items, numbered, with_items
from tests.catalogs.small import campus, with_files

WINDOW = {"channels": ["window"], "onlineDepth": "I", "visits": 1, "visitReason": "交原件"}
TWICE = WINDOW | {"visits": 2}
GOAL = {"id": "G", "dueOn": "2019-06-30", "nameZh": "目标"}


def goal_of(files: dict[str, bytes], measured: Measured | None = None) -> dict:
    """Return the only goal's row."""
    (row,) = reform.goals(made.given(catalog_of(files), measured)).rows
    return dict(row)


def test_shares_are_cut_off_as_the_documents_print_them():
    assert percent(31, 49) == "63.2%"
    assert percent(11, 49) == "22.4%"
    assert percent(4, 5) == "80%"
    assert percent(0, 7) == "0%"
    assert percent(3, 0) == "无"


@given(st.integers(1, 500), st.integers(0, 500))
def test_a_share_short_of_a_goal_never_looks_like_it(whole, part):
    part = min(part, whole)
    printed = float(percent(part, whole).rstrip("%"))
    assert printed <= part * 100 / whole < printed + 0.1 + 1e-9
    assert (percent(part, whole) == "100%") == (part == whole)


def test_thirty_one_of_forty_nine_items_online_are_63_2_percent():
    files = with_items(49, goals=[GOAL | {"measure": "online", "share": 0.8}])
    files = with_files(files, {f"services/N-{n:03d}.yaml": numbered(n, **WINDOW) for n in range(31, 49)})
    row = goal_of(files)
    assert (row["met"], row["counted"], row["share"], row["outcome"]) == (31, 49, "63.2%", "未达成")
    assert row["missing"] == tuple(f"N-{n:03d}" for n in range(31, 49))
    assert "逾期未达成" in row["why"]


def test_four_fifths_are_enough_for_four_fifths_and_nothing_less():
    goals = [GOAL | {"measure": "at_most_once", "share": 0.8, "excludes": "special"}]
    for broken, outcome in ((10, "达成"), (11, "未达成")):
        files = with_files(
            with_items(50, goals=goals),
            {f"services/N-{n:03d}.yaml": numbered(n, **TWICE) for n in range(broken)},
        )
        assert goal_of(files)["outcome"] == outcome


def test_special_requirements_stand_outside_the_count_and_the_negative_list_inside():
    special = TWICE | {"specialRequirement": {"reason": "须当面谈话"}}
    negative = TWICE | {"negativeList": {"reason": "须现场查验", "until": "2026-01-01"}}
    files = with_files(
        with_items(4, goals=[GOAL | {"measure": "at_most_once", "excludes": "special"}]),
        {
            "services/N-000.yaml": numbered(0, **special),
            "services/N-001.yaml": numbered(1, **negative),
            "services/N-002.yaml": numbered(2, **TWICE),
        },
    )
    row = goal_of(files)
    assert (row["met"], row["counted"]) == (1, 3)
    assert "特殊要求 1 项不计入" in row["why"]
    at = made.given(catalog_of(files))
    assert [row["item"] for row in reform.special(at).rows] == ["N-000"]
    listed = {row["item"]: row["state"] for row in reform.negative(at).rows}
    assert listed == {"N-001": "已列明原因", "N-002": "应列未列"}
    assert "期限 2026-01-01 已过" in reform.negative(at).rows[0]["why"]
    assert [row["item"] for row in reform.at_most_once(at).rows] == ["N-003"]
    assert reform.at_most_once(at).summary["覆盖率"] == "33.3%"


def test_goals_of_high_frequency_items_need_the_case_log():
    files = with_items(3, goals=[GOAL | {"measure": "high_frequency_online"}])
    assert goal_of(files)["outcome"] == "不可测"
    files = with_files(files, {"services/N-001.yaml": numbered(1, **WINDOW)})
    row = goal_of(files, made.cases({"N-000": 60, "N-001": 30, "N-002": 10}))
    assert (row["met"], row["counted"], row["missing"]) == (1, 2, ("N-001",))


def test_a_logged_item_outside_the_catalog_meets_no_goal():
    row = goal_of(
        with_items(1, goals=[GOAL | {"measure": "high_frequency_online"}]),
        made.cases({"N-000": 5, "GONE": 95}),
    )
    assert (row["met"], row["counted"], row["missing"]) == (0, 1, ("GONE",))


def test_a_campus_without_goals_is_measured_by_those_of_the_documents():
    rows = reform.goals(made.given(catalog_of(with_items(2)))).rows
    assert [(row["dueOn"][:7], row["target"]) for row in rows] == [
        ("2018-12", "100%"),
        ("2018-12", "100%"),
        ("2019-06", "80%"),
        ("2019-06", "100%"),
        ("2019-12", "100%"),
        ("2019-12", "100%"),
        ("2019-12", "50%"),
        ("2020-12", "100%"),
        ("2020-12", "100%"),
    ]


def test_channels_have_lists_with_what_is_still_missing():
    kiosk = {"channels": ["online", "mobile", "kiosk"], "urls": {"kiosk": "https://hall.example/k"}}
    files = with_files(
        with_items(3),
        {"services/N-000.yaml": numbered(0, **kiosk), "services/N-001.yaml": numbered(1, **WINDOW)},
    )
    at = made.given(catalog_of(files))
    assert [row["item"] for row in reform.self_service(at).rows] == ["N-000"]
    assert {row["item"]: row["state"] for row in reform.mobile(at).rows} == {
        "N-000": "已开通",
        "N-001": "未开通",
        "N-002": "未开通",
    }
    online = reform.online(at)
    assert (online.summary["已开通"], online.summary["覆盖率"], online.summary["全流程在线占比"]) == (
        2,
        "66.6%",
        "66.6%",
    )


def test_batches_show_how_approvals_stand_against_services():
    files = with_files(
        with_items(3),
        {
            "services/N-000.yaml": numbered(0, kind="审批", batch=1, publishedOn="2026-01-05"),
            "services/N-001.yaml": numbered(1, batch=2, publishedOn="2026-03-05"),
            "services/N-002.yaml": {**numbered(2), "batch": None, "publishedOn": None},
        },
    )
    found = reform.batches(made.given(catalog_of(files)))
    assert found.summary["第 2 批"] == "1 项, 累计审批审核 1 项、服务 1 项"
    assert found.summary["尚未公布"] == "1 项"
    assert [row["item"] for row in found.rows] == ["N-000", "N-001", "N-002"]


def test_the_high_frequency_list_says_what_came_and_went_since_the_period_before():
    spans = tuple(
        Span(name, date(2026, month, 1), date(2026, month, 28), is_over)
        for name, month, is_over in (("八月", 8, True), ("九月", 9, True), ("十月", 10, False))
    )
    counted = {"八月": {"N-000": 80, "N-001": 20}, "九月": {"N-000": 10, "N-001": 90}, "十月": {}}
    measured = Measured(
        release=1,
        at=made.cases({}).at,
        spans=spans,
        cases=tuple(
            CaseCount(code, span, count) for span, counts in counted.items() for code, count in counts.items()
        ),
    )
    found = volume.high_frequency(made.given(catalog_of(with_items(2)), measured))
    assert [(row["span"], row["item"], row["change"]) for row in found.rows] == [
        ("九月", "N-001", "新进"),
        ("九月", "N-000", "退出"),
        ("八月", "N-000", "首期"),
    ]
    assert found.summary["最近一期"] == "九月"


def test_powers_and_items_are_compared_both_ways():
    files = with_files(
        with_items(0),
        {
            "services/N-000.yaml": numbered(0, kind="审批", power="P-1"),
            "services/N-001.yaml": numbered(1, kind="审批"),
            "services/N-002.yaml": numbered(2),
            "powers.yaml": [
                {
                    "code": "P-1",
                    "nameZh": "甲权",
                    "unit": "RS",
                    "lists": ["权责", "审批"],
                    "serviceItems": ["N-000"],
                },
                {"code": "P-2", "nameZh": "乙权", "unit": "RS", "lists": ["小微权力"]},
            ],
        },
    )
    at = made.given(catalog_of(files))
    states = {(row["item"], row["power"]): row["state"] for row in powers.coverage(at).rows}
    assert states == {
        ("N-000", "P-1"): "对应",
        ("N-001", ""): "清单之外",
        ("N-002", ""): "无须权力",
        ("", "P-2"): "无事项行使",
    }
    assert powers.coverage(at).summary["清单内占比"] == "50%"
    assert [row["power"] for row in powers.powers(at).rows] == ["P-1", "P-2"]
    assert [row["power"] for row in powers.approvals(at).rows] == ["P-1"]
    assert [row["power"] for row in powers.minor_powers(at).rows] == ["P-2"]
    assert [row["item"] for row in powers.services(at).rows] == ["N-002"]


def test_what_a_site_does_otherwise_is_named_field_by_field():
    files = with_items(2, sites=[{"code": "1", "nameZh": "东校区"}, {"code": "2", "nameZh": "西校区"}])
    longer = {"variants": [{"campus": "2", "promisedLimit": {"value": 9, "unit": "workday"}}]}
    files = with_files(files, {"services/N-000.yaml": numbered(0, **longer)})
    first, second = alike.unified(made.given(catalog_of(files))).rows
    assert (first["item"], first["promisedLimit"], first["steps"], first["state"]) == (
        "N-000",
        "不一致",
        "一致",
        "不一致",
    )
    assert "时限与西校区不同" in first["why"]
    assert second["state"] == "一致"


def test_items_of_one_name_and_different_rules_are_told_by_field():
    longer = {"caseType": "承诺件", "promisedLimit": {"value": 5, "unit": "workday"}}
    files = with_files(
        campus(),
        {
            "services/a.yaml": numbered(0) | {"nameZh": "成绩单(本科生)", "leadUnit": "JW"},
            "services/b.yaml": numbered(1) | {"nameZh": "成绩单（研究生）"} | longer,
        },
    )
    rows = alike.same_name(made.given(catalog_of(files))).rows
    assert {row["field"] for row in rows} == {"时限", "办件类型"}
    assert all(row["items"] == ("N-000", "N-001") and row["units"] == ("教务处", "人事处") for row in rows)


def test_items_that_are_not_in_force_are_on_no_list():
    files = with_files(campus(items(2)), {"services/N-001.yaml": numbered(1, status="draft")})
    assert "N-001" not in {row["item"] for row in reform.online(made.given(catalog_of(files))).rows}
