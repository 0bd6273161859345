"""The reform, quality and usage as administrators read them: figures, tables, workbooks, charts, nobody to be seen."""

import io
import re
from contextlib import closing
from datetime import date, timedelta
from urllib.parse import unquote

import openpyxl
import psycopg
import pytest

from catalogs.lists import DerivedList
from catalogs.lists.all import today
from portal import charts, marts, reform_materials, reform_visits, reform_voices
from portal.blocks import (
    COUNT,
    WHEN,
    Block,
    Column,
    few_within,
    hidden_last,
    without_few,
    without_few_by,
)
from portal.pages_reform import TOPICS
from portal.reform import Reading
from portal.reform_visits import means, overview
from portal.reform_voices import TOPICS as ENQUIRED
from tests.portal import looks
from tests.portal import marts as built
from tests.portal.figures import FEW, MONTHS, evaluated, ranked, tables, visited
from tests.portal.house import PASSWORD, portal_url
from tests.service.campus import EMPLOYED, TRANSFER

PAGES = ["/reform", *(f"/reform/{topic}" for topic in TOPICS), "/reform/research", "/usage", "/quality"]


def test_the_overview_says_first_what_share_really_needed_at_most_one_visit(office):
    html = office.get("/reform").text
    lead = re.search(r'<p class="lead">([^<]+)', html)[1]
    assert "办结 255 件" in lead
    # 215 of 255 and, apart, 131 and 84; cut off, not rounded.
    assert "84.3%（零跑动 51.3%，跑一次 32.9%）" in lead
    english = office.get(
        "/reform", headers={"Cookie": f"yici={office.cookies['yici']}; yici-language=en"}
    ).text
    assert "84.3% really took at most one visit (51.3% none, 32.9% one)" in english


def test_every_topic_has_findings_and_each_its_definition_table_and_workbook(office):
    for path in PAGES:
        html = office.get(path).text
        found = tables(html)
        assert found, path
        for link, rows in found.items():
            assert len(rows) > 1, link
            assert len({len(row) for row in rows}) == 1, link
        assert html.count('<section class="finding">') == len(found)


def test_a_workbook_is_the_table_and_is_named_by_content_and_date(filled):
    with closing(filled.as_role("data_office")) as office:
        for path in PAGES:
            html = office.get(path).text
            for link, rows in tables(html).items():
                answer = office.get(link)
                assert answer.status_code == 200, link
                name = unquote(answer.headers["content-disposition"].partition("''")[2])
                assert name.endswith(f"-{today(filled.catalog)}-1.xlsx")
                sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
                cells = [
                    ["" if one is None else str(one) for one in row]
                    for row in sheet.iter_rows(values_only=True)
                ]
                assert cells == rows, link


def test_few_cases_show_no_figure_and_never_is_one_row_alone_hidden(office):
    table = tables(office.get("/reform/visits").text)["/reform/visits/visits.xlsx"]
    by_name = {row[0]: row for row in table}
    # Three cases are too few. Hidden alone, the total would tell them: the next smallest goes with them.
    assert set(by_name["学籍变动"][2:]) == {"不列"}
    assert set(by_name["目录外"][2:]) == {"不列"}
    assert by_name["在职证明"][3:7] == ["210", "110", "73", "27"]
    rows = without_few([{"n": 4}, {"n": 30}, {"n": 20}, {"n": 0}], "n", 5)
    assert [row["hidden"] for row in rows] == [True, False, True, False]
    assert [row["hidden"] for row in without_few([{"n": 4}, {"n": 3}, {"n": 20}], "n", 5)] == [
        True,
        True,
        False,
    ]
    assert [row["hidden"] for row in without_few([{"n": 9}, {"n": 8}], "n", 5)] == [False, False]
    # Two rows of one case each: the total less what is shown would tell of both that it is one.
    rows = without_few([{"n": 1}, {"n": 30}, {"n": 1}, {"n": 20}], "n", 5)
    assert [row["hidden"] for row in rows] == [True, False, True, True]


def test_where_sums_stand_in_another_table_none_of_them_tells_a_hidden_row():
    rows = [
        {"item": item, "topic": topic, "n": n}
        for item, topic, n in (("A", "x", 30), ("A", "y", 20), ("B", "x", 3), ("B", "y", 40), ("C", "z", 50))
    ]
    found = without_few_by(rows, ("item", "topic"), "n", 5)
    # Sums of B and of x would tell B's three beside its forty and A's thirty, and that of A these beside its twenty.
    assert [(row["item"], row["topic"]) for row in found if not row["hidden"]] == [("C", "z")]


def test_the_place_of_a_row_tells_nothing_of_it_that_is_hidden():
    columns = (Column("name", "事项", "Item"), Column("m", "多", "More", COUNT))
    rows = [
        {"name": name, "m": m, "hidden": hidden}
        for name, m, hidden in (("丙", 9, False), ("B", 8, True), ("A", 7, True), ("乙", 1, False))
    ]
    assert [row["name"] for row in hidden_last(columns, rows)] == ["丙", "乙", "A", "B"]
    by_month = (Column("name", "月份", "Month", WHEN),)
    assert [row["name"] for row in hidden_last(by_month, rows)] == ["丙", "B", "A", "乙"]


def test_figures_about_few_of_something_else_are_hidden_by_themselves(office):
    rows = without_few([{"n": 40, "m": 2}, {"n": 30, "m": 9}, {"n": 20, "m": 7}, {"n": 9, "m": 0}], "n", 5)
    columns = (Column("n", "件", "Cases", COUNT), Column("m", "询", "Enquiries", COUNT))
    block = Block("b", "t", "c", columns, few_within(rows, "m", ("m",), 5), threshold=5)
    assert block.cells("zh") == [[40, "不列"], [30, 9], [20, "不列"], [9, 0]]
    assert block.hides and not Block("b", "t", "c", columns, rows).hides
    # Three enquiries about one item are too few; the forty about the other would tell them by the sum.
    table = tables(office.get("/reform/visits").text)["/reform/visits/visits.xlsx"]
    assert {row[0]: row[-2:] for row in table[1:]}["在职证明"] == ["20", "不列"]


def test_parts_of_few_are_hidden_in_every_column_chart_and_title(filled):
    """Of 200 cases one took more visits, of 120 closed ones all but two at most one, two evaluations were poor."""
    reading = Reading(filled.owner, filled.catalog, {}, {}, "zh")
    marts = {
        "mart_reform__visit_evidence": [
            visited(MONTHS[0], EMPLOYED, "RS", 150, 49, 1),
            visited(MONTHS[0], TRANSFER, "JW", 100, 60, 40, promised_visits=2, cases_beyond_promise=2),
        ],
        "mart_reform__evaluation": [evaluated(MONTHS[0], EMPLOYED, (60, 20, 15, 0, 2), 2, 1)],
        "mart_reform__unit_league": [ranked("RS", 120, 0.9833, 1), ranked("JW", 40, 0.5, 2)],
    }
    with filled.owner.transaction(force_rollback=True):
        for mart, rows in marts.items():
            filled.owner.execute(f"DELETE FROM marts.{mart}")
            built.insert(filled.owner, mart, rows)
        by_item = next(one for one in reform_visits.visits(reading) if one.name == "visits")
        voices, _ = reform_voices.evaluation(reading)
        (league,) = reform_voices.league(reading)
        told = reform_visits.summary(reading)
    # Three of 400 took more visits than promised; that many had more is told.
    assert told and (told["beyond"], told["more"], told["promised"]) == (None, 41, 200)
    table = {row[0]: row[3:9] for row in by_item.cells("zh")}
    # One more visit beside the 49 and the 199 would be told; and by the sums of the columns in the other row as well.
    assert table["在职证明"] == [200, 150, "不列", "不列", "不列", "不列"]
    assert table["学籍变动"] == [200, 100, "不列", "不列", "不列", "不列"]
    assert by_item.figure is None
    (row,) = voices.cells("zh")
    assert row[1:] == [97, 60, 20, *["不列"] * 8]
    assert "2" not in voices.title.replace("2026", "") and "97" in voices.title
    assert [row[3] for row in league.cells("zh")] == ["不列", "不列"]


@pytest.mark.parametrize(
    ("mart", "topic"),
    [
        ("evaluation", reform_voices.evaluation),
        ("enquiry_topics", reform_voices.enquiries),
        ("spared", reform_materials.materials),
    ],
)
def test_of_too_few_in_all_no_title_tells_anything_either(filled, mart, topic):
    reading = Reading(filled.owner, filled.catalog, {}, {}, "zh")
    with filled.owner.transaction(force_rollback=True):
        assert topic(reading)
        filled.owner.execute(f"DELETE FROM marts.mart_reform__{mart}")
        built.insert(filled.owner, f"mart_reform__{mart}", FEW[mart])
        assert topic(reading) == []


def test_what_an_opening_would_touch_tells_no_item_whose_figures_are_hidden(filled):
    """27 of the one item are shown; the sum with another's would tell the other's."""
    told = {"kind": "开放", "target": "甲", "office": "RS", "alone": 1, "number": 1}
    row = told | {"items": [EMPLOYED, TRANSFER]}
    openings = DerivedList("openings", "开放", "Openings", (), (row,), {})
    _, raising = overview(Reading(filled.owner, filled.catalog, {"openings": openings}, {}, "zh"))
    assert [row["cases"] for row in raising.rows] == [27]


def test_the_mean_time_to_an_answer_is_that_of_the_answered(filled):
    month = date(2026, 7, 1)
    with filled.owner.transaction(force_rollback=True):
        for answered, mean in ((0, None), (1, 9.0)):
            filled.owner.execute(
                """INSERT INTO marts.mart_reform__enquiry_topics (month_on, service_item, topic, enquiries, unanswered,
                       not_solved, mean_days_to_answer) VALUES (%s, %s, '办理地点', 40, %s, 0, %s)""",
                [month, str(answered), 40 - answered, mean],
            )
        told = {topic: days for topic, _, _, _, days in filled.owner.execute(ENQUIRED).fetchall()}
    # 38 that took 1.5 days, and one that took 9
    assert round(float(told["办理地点"]), 4) == round((38 * 1.5 + 9) / 39, 4)


def test_a_figure_that_is_hidden_is_not_in_the_chart_either(office):
    html = office.get("/reform/visits").text
    figure = re.search(r'id="figure-visits">(.*?)</script>', html)[1]
    assert "在职证明" in figure.encode().decode("unicode_escape", "ignore") or "\\u5728" in figure
    assert "目录外" not in figure and "\\u76ee\\u5f55\\u5916" not in figure


def test_means_before_and_after_count_each_item_once_as_the_province_reported_them():
    """Personal items 36.2 → 29.8 days and 8.3 → 7.4 materials, corporate ones 65 → 54 and 14.8 → 13.6."""

    def item(kind: str, cases: int, *values: float) -> dict:
        keys = ("mean_days_before", "mean_days_after", "mean_materials_before", "mean_materials_after")
        return {
            "kind": kind,
            "cases_before": cases,
            "cases_after": cases,
            **dict(zip(keys, values, strict=True)),
        }

    rows = [
        item("personal", 1000, 30.0, 25.0, 8.0, 7.0), item("personal", 10, 42.4, 34.6, 8.6, 7.8),
        item("corporate", 5, 65, 54, 14.8, 13.6), item("corporate", 0, 1, 1, 1, 1),
    ]  # fmt: skip
    personal, corporate = means(rows)
    told = [list(one.values())[4:] for one in (personal, corporate)]
    assert told == [[36.2, 29.8, 8.3, 7.4], [65.0, 54.0, 14.8, 13.6]]
    assert (personal["items"], corporate["items"]) == (2, 1)


def test_the_league_is_of_the_last_month_that_is_over_and_few_cases_are_not_ranked(office):
    html = office.get("/reform/league").text
    assert "2026-08：2 个单位参加排名，人事处第一，教务处末位" in html
    table = tables(html)["/reform/league/league.xlsx"]
    assert [row[:3] for row in table[-2:]] == [["–", "财务处", "不列"], ["–", "大厅", "不列"]]


def test_poor_evaluations_beyond_the_campuss_limit_are_told(office):
    html = office.get("/reform/evaluation").text
    assert "满意率 87.3%；22 个差评中 11 个超过 5 个工作日的回复时限" in html


def test_unclaimed_payments_are_masked_and_shown_to_offices_only(filled, office):
    html = office.get("/reform/research").text
    assert "云溪＊＊＊公司" in html and "附言写有编号" in html and "2 笔未认领，其中 1 笔可提议项目" in html
    assert "已上账的到款平均 3.5 天认领到账户" in html
    assert "2026-09-30 08:00" in html
    with closing(filled.as_role("steward")) as steward:
        assert steward.get("/reform/visits").status_code == 200
        assert "/reform/research" not in steward.get("/reform").text
        for path in ("/reform/research", "/reform/research/unclaimed.xlsx", "/usage"):
            assert steward.get(path).status_code == 403


def test_usage_tells_refusals_by_rule_and_grants_that_nobody_used(office):
    html = office.get("/usage").text
    assert "325 次请求，92.3% 得到作答" in html
    assert "拒绝最多的规则是 case:subject_is_a_party" in html
    unused = tables(html)["/usage/unused.xlsx"]
    assert any("姓名" in row[4] and row[5] == "2000-01-01" for row in unused if row[0] == "在职证明")


def test_home_tells_the_real_share_prefill_use_and_what_changed_since_yesterday(filled, office):
    html = office.get("/").text
    assert "84.3%" in html and "2026-09 预填次数，保留字段 90 个" in html
    assert re.search(r"昨日以来：发布 1 次，\d+ 项次资源更新；新开工单 2 张，销号 0 张", html)
    with closing(filled.as_role("member")) as member:
        seen = member.get("/").text
        assert "84.3%" in seen and 'href="/reform"' not in seen


def test_quality_draws_scores_and_sets_promises_beside_facts(filled, office):
    day = today(filled.catalog)
    for ago, score in ((20, 80.0), (10, 85.25)):
        filled.owner.execute(
            "INSERT INTO yici.score VALUES (%s, 'campus', 'T', 'total', %s, %s, 1, 5, 1)",
            [day - timedelta(days=ago), score, score],
        )
    html = office.get("/quality").text
    assert "3 天里总分由 80.0 变为 91.0" in html
    found = tables(html)
    assert [row[:2] for row in found["/quality/files/trend.xlsx"][1:]] == [
        [day.isoformat(), "91.0"],
        [(day - timedelta(days=10)).isoformat(), "85.2"],
        [(day - timedelta(days=20)).isoformat(), "80.0"],
    ]
    assert "/quality/files/promises.xlsx" in found


def test_no_page_asks_for_what_no_contract_of_a_mart_has(office, monkeypatch):
    monkeypatch.setattr(marts, "_ABSENT", ())
    for path in ["/", *PAGES]:
        assert office.get(path).status_code == 200, path


def test_a_campus_without_a_mart_is_told_what_would_fill_its_page(filled, office):
    filled.owner.execute("ALTER TABLE marts.mart_reform__hand_over RENAME TO gone")
    try:
        answer = office.get("/reform/hand-overs")
        assert answer.status_code == 200 and "尚无数据" in answer.text
        assert office.get("/reform/hand-overs/hand_overs.xlsx").status_code == 404
    finally:
        filled.owner.execute("ALTER TABLE marts.gone RENAME TO mart_reform__hand_over")
    assert office.get("/reform/elsewhere").status_code == 404


def test_the_portals_role_reads_only_marts_that_hold_no_person(filled, pg_module_database):
    closed = [name for name, model in built.models().items() if not built.is_open(model)]
    assert closed
    with psycopg.connect(portal_url(pg_module_database), autocommit=True) as con:
        for name in closed:
            assert marts.read(con, f"SELECT * FROM marts.{name}") == []
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                con.execute(f"SELECT * FROM marts.{name}")
        assert marts.read(con, "SELECT count(*) AS n FROM marts.mart_reform__spared") == [{"n": 1}]


def test_a_model_that_says_it_holds_no_person_has_no_column_that_names_one(filled):
    named = {"staff_no", "student_no", "applicant_no", "agent_no", "asker_no", "case_no", "name", "applicant_name",
             "id_no", "claimed_by", "payer", "payer_account", "payment_no", "subject_id", "person", "phone", "actor_id",
             "subject_key"}  # fmt: skip
    for name, model in built.models().items():
        if built.is_open(model):
            assert not named & {column["name"] for column in model["columns"]}, name


def test_texts_of_systems_cannot_leave_a_chart_or_a_cell():
    evil = "</script><script>alert(1)</script>"
    block = Block("x", evil, evil, [Column("a", "甲", "A")], [{"a": evil}], charts.bars([evil], [1], ["1"]))
    assert block.cells("zh") == [[evil]]
    from portal.rendering import _templates

    source = '{% from "_blocks.html.j2" import finding with context %}{{ finding(block, "/x") }}'
    html = _templates.from_string(source).render(
        block=block, language="zh", t=lambda key, **_: key, plotly=charts.plotly_name()
    )
    assert html.count("<script") == 1 and "alert(1)</script>" not in html


def _page(filled, chromium, **context):
    page = chromium.new_context(**context).new_page()
    page.goto(f"{filled.url}/reform")
    page.get_by_label("账号", exact=True).fill("reform_office")
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_label("动态验证码（6 位）").fill(filled.code("reform_office"))
    page.get_by_role("button", name="登录").click()
    return page


def test_charts_draw_under_the_policy_and_fit_a_phone(filled, chromium, tmp_path):
    page = _page(filled, chromium, viewport=looks.PHONE)
    said = []
    page.on("console", lambda message: "favicon" in message.location["url"] or said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    for path in PAGES:
        page.goto(f"{filled.url}{path}")
        places = page.locator("[data-chart]").count()
        page.wait_for_function(
            "wanted => document.querySelectorAll('[data-chart] .main-svg:first-child').length >= wanted",
            arg=places,
        )
        assert page.locator("[data-chart]:visible").count() == places > 0, path
        assert looks.faults(page) == [], path
    page.screenshot(path=tmp_path / "quality.png", full_page=True)
    assert said == []
    page.context.close()


def test_without_javascript_every_figure_is_in_a_table_and_no_empty_place_is_left(filled, chromium):
    page = _page(filled, chromium, java_script_enabled=False)
    for path in PAGES:
        page.goto(f"{filled.url}{path}")
        assert page.locator("[data-chart]:visible").count() == 0
        for section in page.locator("section.finding").all():
            assert section.locator("tbody tr").first.is_visible(), path
    page.context.close()
