"""The figures of every finding of the reform, said where people read them: in its title, its table, its workbook."""

import dataclasses
import io
import json
import re
from contextlib import closing

import openpyxl
import pytest

from catalogs.lists import DerivedList, reform
from catalogs.lists.base import Column, percent
from portal import reform_deadlines, reform_funds, reform_voices
from portal.english import english_names
from portal.pages_reform import TOPICS
from portal.reform import Reading
from portal.reform_materials import asked_again, materials
from portal.reform_visits import channels_of, milestones, overview
from portal.texts import text
from tests.catalogs.lists import made
from tests.catalogs.small import with_files
from tests.portal import marts as built
from tests.portal.figures import MONTHS, due, ranked, tables
from tests.service.campus import EMPLOYED, TRANSFER

PAGES = ["/reform", *(f"/reform/{topic}" for topic in TOPICS), "/reform/research", "/usage"]
_HAN = re.compile("[\u4e00-\u9fff]")
_SECTION = re.compile(r'<section class="finding">.*?</section>', re.DOTALL)


@pytest.fixture(scope="module")
def abroad(filled):
    """Somebody of the same office who reads English."""
    with closing(filled.as_role("data_office")) as browser:
        browser.cookies.set("yici-language", "en")
        yield browser


# Address, what its titles say, name of a table, some of its rows.
_TOLD = [
    (
        "/reform",
        ["指南承诺最多跑一次的占 83.5%"],
        "/reform/overview/trend",
        [["2026-08", "100", "50", "40", "10", "90%", "100%"]],
    ),
    (
        "/reform/visits",
        ["3 个事项中 1 个有办件超过承诺的到场次数"],
        "/reform/visits/visits",
        [["在职证明", "人事处", "1", "210", "110", "73", "27", "87.1%", "91.9%", "27", "40", "20", "不列"]],
    ),
    (
        "/reform/frequent",
        ["2026 年 2 个事项中 1 个占八成办件，其中 1 个承诺最多跑一次，1 个可网上申请"],
        "/reform/frequent/frequent",
        [
            ["在职证明", "人事处", "200", "80%", "80%", "✓", "✓", "✓"],
            ["学籍变动", "教务处", "50", "20%", "100%", "–", "✓", "✓"],
        ],
    ),
    (
        "/reform/materials",
        ["近一年免提交材料 100 件（25%），免填写字段 90 个", "仍有 14 处向申请人索取学校已有的数据"],
        "/reform/materials/spared",
        [["在职证明", "人事处", "200", "300", "100", "25%", "40", "90", "2.5", "500"]],
    ),
    (
        "/reform/before-after",
        ["个人事项平均用时由 36.2 天变为 29.8 天"],
        "/reform/before-after/before_after",
        [["个人事项", "1", "40", "60", "36.2", "29.8", "8.3", "7.4"]],
    ),
    (
        # 121 in time and 48 late; 24 of the one item and 15 of two that are too few are open beyond their day.
        "/reform/deadlines",
        ["有承诺日期而已办结的，71.5% 按期；39 件逾期未结"],
        "/reform/deadlines/deadlines",
        [
            ["2026-08", "103", "60", "20", "75%", "0", "11", "12", "2.5"],
            ["2026-09", "168", "61", "28", "68.5%", "40", "28", "11", "4.0"],
        ],
    ),
    (
        "/reform/deadlines",
        ["3 个事项中 1 个有办件逾期未结"],
        "/reform/deadlines/deadline_items",
        # What is open within its day and what has none is the one other item's alone, which the sum would tell.
        [["在职证明", "人事处", "198", "100", "32", "75.7%", "不列", "24", "不列", "3.0"]],
    ),
    (
        "/reform/enquiries",
        ["咨询最多的是“办理地点”，占 75.4%", "最该补充的指南：在职证明（办理地点）"],
        "/reform/enquiries/enquiries",
        [["办理地点", "40", "不列", "不列", "不列"]],
    ),
    (
        "/reform/tides",
        ["最忙的一周自 2026-08-31 起新生报到，为平均一周的 1.5 倍", "2026-08-31 一周为平常的 3.0 倍"],
        "/reform/tides/tides",
        [["2026-08-31", "新生报到", "90"], ["2026-09-07", "–", "30"]],
    ),
    (
        # 80 steps that took 12.5 hours, 40 of the next month that took 32.5, and 80 of the other unit that took 40.
        "/reform/hand-overs",
        ["交接最多的是“在职证明”，经 2 个单位", "在财务处停留最久，平均 40.0 小时"],
        "/reform/hand-overs/hand_overs",
        [["在职证明", "2", "250", "150", "70", "50", "27.5"]],
    ),
    (
        "/reform/research",
        ["1 个单位的项目经费，余额最早截至 2026-09-30 08:00"],
        "/reform/research/funds",
        [
            [
                "教务处",
                "30",
                "18",
                "5,000,000.00",
                "3,000,000.00",
                "200,000.00",
                "100,000.00",
                "2,700,000.00",
                "2026-09-30 08:00",
            ]
        ],
    ),
]


@pytest.mark.parametrize(("path", "titles", "table", "rows"), _TOLD, ids=[one[2] for one in _TOLD])
def test_a_finding_says_its_figures_in_its_title_and_its_table(office, path, titles, table, rows):
    html = office.get(path).text
    assert [title for title in titles if title not in html] == []
    told = tables(html)[f"{table}.xlsx"]
    assert [row for row in rows if row not in told] == []


def test_the_overview_sets_what_was_promised_beside_what_really_was(abroad):
    html = abroad.get("/reform").text
    assert "84.3% really took at most one visit (51.3% none, 32.9% one)" in html
    assert "guides promise at most one for 83.5%" in html


def test_what_people_are_still_asked_for_is_named_with_its_reason(office):
    told = tables(office.get("/reform/materials").text)["/reform/materials/asked_again.xlsx"]
    assert ["在职证明", "人事处", "表单字段", "dh", "电话(DH)", "有源未授权"] in [row[:6] for row in told]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_finding_is_defined_on_its_page(office, abroad, language):
    browser = office if language == "zh" else abroad
    for path in PAGES:
        sections = _SECTION.findall(browser.get(path).text)
        assert sections, path
        for section in sections:
            name = re.search(r'<h2 id="([^"]+)"', section)[1]
            caption = re.search(r'<p class="muted small">(.*?)</p>', section, re.DOTALL)[1]
            plain = re.sub(r"<[^>]+>", "", caption).replace("&#39;", "'")
            assert plain.startswith(text(f"reform.{name}.caption", language)), (path, name)


def test_milestones_are_met_missed_or_not_measurable_each_by_its_sign(office, abroad):
    told = tables(office.get("/reform/milestones").text)["/reform/milestones/milestones.xlsx"]
    assert [row[0] for row in told[1:]] == [f"G{number}" for number in range(1, 10)]
    assert ["G1", "✕ 未达成"] in [[row[0], row[7]] for row in told]
    assert ["G2", "– 不可测"] in [[row[0], row[7]] for row in told]
    assert ["G3", "100%", "✓ 达成"] in [[row[0], *row[6:8]] for row in told]
    english = tables(abroad.get("/reform/milestones").text)["/reform/milestones/milestones.xlsx"]
    assert ["G1", "✕ missed"] in [[row[0], row[7]] for row in english]
    assert not any(_HAN.search(row[1]) for row in english)


def test_31_of_49_sub_items_online_and_11_fully_are_told_from_the_catalog_to_the_page():
    window = {"channels": ["window"], "onlineDepth": "I", "visits": 1, "visitReason": "交原件"}
    files = {f"services/N-{n:03d}.yaml": made.numbered(n, onlineDepth="III") for n in range(11, 31)}
    files |= {f"services/N-{n:03d}.yaml": made.numbered(n, **window) for n in range(31, 49)}
    files |= {f"services/N-{n:03d}.yaml": made.numbered(n, onlineDepth="IV") for n in range(11)}
    given = made.given(made.catalog_of(with_files(made.with_items(49), files)))
    lists = {"online": reform.online(given), "mobile": reform.mobile(given), "goals": reform.goals(given)}
    found = {name: (having, percent(having, whole)) for name, having, whole in channels_of(lists)}
    assert list(found) == ["online", "fully_online", "mobile"]
    assert found["online"] == (31, "63.2%") and found["fully_online"] == (11, "22.4%")
    *_, channels = milestones(Reading(None, given.catalog, lists, {}, "zh"))
    assert channels.title == "49 个事项中 31 个可网上申请，占 63.2%"
    assert channels.cells("zh")[1] == ["全流程在线", 11, 49, "22.4%"]


def test_the_levels_of_evaluations_are_called_as_the_campus_calls_them(filled):
    table = next(iter(filled.catalog.codes.values()))
    row = next(iter(table.rows.values()))
    rows = {str(level): dataclasses.replace(row, name_zh=f"级{level}", name_en="") for level in range(1, 6)}
    codes = {**filled.catalog.codes, "evaluation_levels": dataclasses.replace(table, rows=rows)}
    catalog = dataclasses.replace(filled.catalog, codes=codes)
    by_month, _ = reform_voices.evaluation(Reading(filled.owner, catalog, {}, {}, "zh"))
    assert by_month.heads("zh")[2:7] == ["级5", "级4", "级3", "级2", "级1"]


def test_no_page_and_no_workbook_tells_the_amount_of_a_single_payment(filled, office):
    html = office.get("/reform/research").text
    told = tables(html)["/reform/research/payments.xlsx"]
    assert ["2026-08", "未认领", "2", "不列"] in [row[:4] for row in told]
    assert ["2026-08", "已上账", "20", "900,000.00"] in [row[:4] for row in told]
    # Nothing that was booked waits: a zero would say that it did.
    assert {tuple(row[-2:]) for row in told if row[1] == "已上账"} == {("–", "–")}
    workbook = openpyxl.load_workbook(io.BytesIO(office.get("/reform/research/payments.xlsx").content))
    cells = [str(cell) for row in workbook.active.iter_rows(values_only=True) for cell in row]
    assert not any("130,000" in one or "130000" in one for one in (html, *cells))


def test_what_is_hidden_of_unclaimed_payments_is_not_the_difference_of_what_is_shown(filled):
    """Of one month with one payment and others with many: the next smallest is hidden with it."""
    reading = Reading(filled.owner, filled.catalog, {}, {}, "zh")
    rows = [
        {"month_on": month, "claim_status": status, "payments": payments, "amount": amount}
        for month, status, payments, amount in (
            (MONTHS[0], "0", 1, 77), (MONTHS[1], "0", 30, 5000), (MONTHS[1], "1", 40, 9000),
        )
    ]  # fmt: skip
    with filled.owner.transaction(force_rollback=True):
        filled.owner.execute("DELETE FROM marts.mart_research__incoming_payment_status")
        built.insert(filled.owner, "mart_research__incoming_payment_status", rows)
        payments = next(one for one in reform_funds.research(reading) if one.name == "payments")
    assert [row[:4] for row in payments.cells("zh")] == [
        ["2026-08", "未认领", 1, "不列"],
        ["2026-09", "未认领", 30, "不列"],
        ["2026-09", "已认领", 40, "9,000.00"],
    ]


def test_of_deadlines_no_part_of_too_few_is_told_in_title_table_or_chart(filled):
    reading = Reading(filled.owner, filled.catalog, {}, {}, "zh")
    with filled.owner.transaction(force_rollback=True):
        told = []
        for parts in ((60, 3, 0, 40, 0), (4, 0, 0, 0, 0)):
            filled.owner.execute("DELETE FROM marts.mart_reform__deadline")
            built.insert(filled.owner, "mart_reform__deadline", [due(MONTHS[0], EMPLOYED, "RS", *parts)])
            told.append(reform_deadlines.deadlines(reading))
    (by_month, by_item), of_four = told
    # Three of 63 were late: neither they, nor those in time, nor the share of these are told.
    for block in (by_month, by_item):
        ((*_, cases, in_time, late, share, within, beyond, without, days),) = block.cells("zh")
        assert [cases, in_time, late, share] == [103, 60, "不列", "不列"]
        assert [within, beyond, without, days] == ["不列", 0, 0, "4.0"]
        assert block.figure is None
    assert by_month.title == "提交 103 件；超期或逾期的过少，不列"
    assert of_four == []


def test_a_unit_without_promised_days_is_neither_in_time_nor_late(filled):
    reading = Reading(filled.owner, filled.catalog, {}, {}, "zh")
    unit = ranked("RS", 120, 0.9, 1) | {"cases_with_promise": 0, "in_time_share": None}
    some = ranked("JW", 40, 0.75, 2) | {"cases_with_promise": 4, "in_time_share": 0.75}
    with filled.owner.transaction(force_rollback=True):
        filled.owner.execute("DELETE FROM marts.mart_reform__unit_league")
        built.insert(filled.owner, "mart_reform__unit_league", [unit, some])
        (league,) = reform_voices.league(reading)
    # Four had a promised day, of which one was late.
    assert [row[5] for row in league.cells("zh")] == ["–", "不列"]


def test_in_english_funds_are_told_in_english_on_page_in_chart_and_in_workbook(abroad):
    html = abroad.get("/reform/research").text
    listed = tables(html)["/reform/research/unclaimed.xlsx"]
    assert [row[4] for row in listed] == ["Amount (yuan)", "100,000 to below 1 million", "below 10,000"]
    ageing = tables(html)["/reform/research/ageing.xlsx"]
    assert ageing[1][0] == "31 to 90 days"
    figure = json.loads(re.search(r'id="figure-ageing">(.*?)</script>', html, re.DOTALL)[1])
    assert not _HAN.search(json.dumps(figure, ensure_ascii=False))
    sheet = openpyxl.load_workbook(io.BytesIO(abroad.get("/reform/research/ageing.xlsx").content)).active
    assert [[str(cell) for cell in row] for row in sheet.iter_rows(values_only=True)] == ageing


def test_in_english_a_workbook_is_the_table_too(abroad):
    for path in PAGES:
        for link, rows in tables(abroad.get(path).text).items():
            sheet = openpyxl.load_workbook(io.BytesIO(abroad.get(link).content)).active
            cells = [["" if c is None else str(c) for c in row] for row in sheet.iter_rows(values_only=True)]
            assert cells == rows, link


def test_what_an_opening_is_and_who_files_it_is_told_in_the_readers_language(filled):
    told = {"kind": "授权本事项使用", "target": "在职证明", "office": "人事处提出需求", "alone": 1, "number": 1,
            "step": 1, "gain": 9, "total": 9, "items": [EMPLOYED, TRANSFER]}  # fmt: skip
    asked = {"kind": "表单字段", "reason": "有源未授权", "why": "所证事实都有源且已授权, 应免提交"}
    columns = tuple(Column(key, key, key) for key in ("kind", "reason", "why"))
    lists = {
        "openings": DerivedList("openings", "开放", "Openings", (), (told,), {}),
        "asked_again": DerivedList("asked_again", "索取", "Asked", columns, (asked,), {}),
    }
    english = english_names(filled.catalog) | {"在职证明": "Proof of employment", "人事处": "HR"}
    reading = Reading(filled.owner, filled.catalog, lists, {}, "en", english)
    _, raising = overview(reading)
    assert raising.title == (
        "grant to this item Proof of employment (“HR” files a demand) would save most visits: "
        "27 cases that took several are touched"
    )
    assert not _HAN.search(json.dumps(raising.figure, ensure_ascii=False))
    _, openings, _ = materials(reading)
    assert openings.cells("en")[0][1:3] == [
        "grant to this item Proof of employment",
        "“HR” files a demand",
    ]
    (again,) = asked_again(reading)
    assert again.cells("en") == [
        ["form field", "has a source, not granted",
         "all that it proves has a source and is granted, it should not be asked for"],
    ]  # fmt: skip
