"""The weekly reports: what they say, in every form, and that they hold no value of a row."""

import io
import re
from datetime import date

import pytest
from pypdf import PdfReader
from python_calamine import CalamineWorkbook

from catalogs.exports.printing import Press
from expectations.quality import kept
from expectations.quality.facts import gather
from expectations.quality.publishing import write_reports
from expectations.quality.report import campus_report, unit_report
from expectations.quality.report_html import html
from expectations.quality.report_pdf import pdf
from expectations.quality.report_words import labels
from expectations.quality.report_xlsx import xlsx
from expectations.quality.terms import terms
from expectations.quality.week import parse_week, week_of
from tests.expectations.quality.conftest import people
from tests.support import campus
from tests.support.reference import reference_campus
from warehouse.connect import connect


@pytest.fixture
def con(office):
    with connect(autocommit=True) as opened:
        yield opened


def facts(at, con):
    return gather(con, at.catalog, terms(at.catalog), week_of(at.catalog, kept.campus_day(at.catalog)))


def test_the_units_report_says_score_change_tickets_and_worst_rules(office, con):
    at = office()
    at.publish(people())
    at.days_pass(7)
    at.publish(people(wrong=30))
    told = unit_report(facts(at, con), "RS")
    assert told["lead"].startswith("总分 71.9（比上周低 28.1）")
    assert "未销工单 1 张，没有逾期。" in told["lead"]
    by = {one["name"]: one for one in told["dims"]}
    assert (by["规范性"]["score"], by["规范性"]["last"], by["规范性"]["sign"]) == ("70.0", "100.0", "✕")
    # Of the seven days only the thirty hours after the first load were inside the promise.
    assert by["时效性"]["score"] == "17.8"
    assert (by["一致性"]["score"], by["一致性"]["sign"], by["一致性"]["said"]) == ("–", "–", "无数据")
    (fault,) = told["faults"]
    assert (fault["rule"], fault["failed"], fault["of"], fault["ticket"]) == ("性别 代码有效", 30, 100, 1)
    assert [one["score"] for one in told["trend_points"]] == [100.0, pytest.approx(71.96, abs=0.01)]


def test_a_change_is_that_of_the_figures_that_are_shown(office, con):
    at = office()
    at.publish(people(1000, wrong=1))
    at.days_pass(7)
    at.publish(people(1000, wrong=2))
    for one in unit_report(facts(at, con), "RS")["dims"]:
        if one["change"] not in ("–", "0.0"):
            shown = round(float(one["score"]) - float(one["last"]), 1)
            assert f"{shown:+.1f}".replace("-", "−") == one["change"]


def test_the_leaderships_page_says_what_moved_who_is_overdue_and_what_to_decide(office, con):
    at = office("{mendDays: {warning: 1}, climbDays: 1}")
    at.publish(people(wrong=30))
    for _ in range(3):
        at.days_pass(12)
        at.publish(people(wrong=40))
        from expectations.quality import routine

        routine.every_day(con, at.catalog)
    told = campus_report(facts(at, con))
    (row,) = told["who"]
    assert (row["unit"], row["count"], row["post"]) == ("人事处", 1, "数据办负责人")
    assert row["days"] > 28
    assert any("上报至数据办" in one for one in told["decide"])
    assert told["heat"][0]["unit"] == "人事处"
    english = campus_report(facts(at, con), "en")
    assert english["who"][0]["unit"] == "HR" and "data office" in english["decide"][0]


def test_a_vacant_post_is_a_decision(office, con):
    units = """code,nameZh,nameEn,parent,kind,uscc,accountable,steward,contact,successor,validFrom,validTo
RS,人事处,HR,,机关,,,post:hr-steward,,,2000-01-01,
"""
    at = office(**{"units.csv": units})
    at.publish(people())
    assert any("责任岗位空缺（人事处）" in one for one in campus_report(facts(at, con))["decide"])


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_form_of_a_report_says_the_same(office, con, lang):
    at = office()
    at.publish(people(wrong=7))
    told = unit_report(facts(at, con), "RS", lang)
    page = html(told)
    assert told["lead"] in page and "<script" not in page and "http" not in page.replace("http-equiv", "")
    text = "".join(one.extract_text() for one in PdfReader(io.BytesIO(pdf(Press(), told))).pages)
    book = CalamineWorkbook.from_filelike(io.BytesIO(xlsx(told)))
    cells = [
        str(cell)
        for name in book.sheet_names
        for row in book.get_sheet_by_name(name).to_python()
        for cell in row
    ]
    assert labels(lang)["unit_title"] in text.replace("\n", "")
    assert any(told["lead"] in cell for cell in cells)
    for wanted in (told["faults"][0]["rule"], told["tickets"][0]["due"]):
        assert wanted in page and wanted in cells
        assert wanted.replace(" ", "") in text.replace(" ", "").replace("\n", "")


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_leaderships_page_is_one_page_however_much_there_is_to_say(office, con, lang):
    at = office()
    at.publish(people(wrong=30))
    told = campus_report(facts(at, con), lang)
    long = {
        "unit": "Office of the University Archives",
        "count": 3,
        "days": 40,
        "post": "post:da-data-steward",
    }
    told["who"] = [{**long, "about": "archives.graduate_files: status is a known code"}] * 30
    told["moved"] = [
        {"unit": long["unit"], "score": "90.8", "change": "−8.9", "by": "accuracy −8.9", "value": -8.9}
    ] * 5
    told["heat"] = [{**told["heat"][0], "unit": long["unit"]}] * 45
    told["decide"] = ["十张工单开单超过四个星期：请定是限期改正，还是修改规则。"] * 5
    told["trend_points"] = [
        {"week": f"2026-W{n}", "score": 90.0 + n / 10, "shown": "90"} for n in range(40, 52)
    ]
    assert len(PdfReader(io.BytesIO(pdf(Press(), told))).pages) == 1


def test_no_report_holds_a_value_of_a_row(office, con, tmp_path):
    canary = "金丝雀甲乙丙"
    at = office()
    at.publish([*people(50), campus.row(77_777, name=canary, sex=canary), campus.row(52, salary=canary)])
    week = week_of(at.catalog, kept.campus_day(at.catalog))
    files = write_reports(con, at.catalog, terms(at.catalog), week, tmp_path / "out")
    assert len(files) == 6
    for file in files:
        content = file.read_bytes()
        if file.suffix == ".pdf":
            text = "".join(one.extract_text() for one in PdfReader(file).pages)
        elif file.suffix == ".xlsx":
            book = CalamineWorkbook.from_filelike(io.BytesIO(content))
            text = str([book.get_sheet_by_name(name).to_python() for name in book.sheet_names])
        else:
            text = content.decode()
        assert canary not in text and "77777" not in text


def test_a_report_of_a_unit_without_scores_says_so(office, con):
    at = office()
    at.publish(people())
    told = unit_report(facts(at, con), "CW")
    assert told["lead"].startswith("没有得分数据")
    assert "没有未销工单" in html(told)
    assert pdf(Press(), told).startswith(b"%PDF")
    assert xlsx(told).startswith(b"PK")


def test_weeks_carry_their_iso_and_their_teaching_number():
    content = reference_campus()
    week = week_of(content, date(2026, 11, 26))
    assert (week.code, week.first, week.last, week.term, week.teaching) == (
        "2026-W48", date(2026, 11, 23), date(2026, 11, 29), "2026-2027-1", 12,
    )  # fmt: skip
    assert week.title() == "2026 年第 48 周（2026-2027-1 学期第 12 教学周，11-23 至 11-29）"
    assert week_of(content, date(2026, 9, 7)).teaching == 1
    holiday = week_of(content, date(2027, 2, 10))
    assert holiday.teaching is None and "教学周" not in holiday.title()
    assert week_of(content, date(2027, 1, 1)).code == "2026-W53"
    assert parse_week(content, "2026-W48") == week
    for wrong in ("2026-48", "2026-W54", "W48"):
        with pytest.raises(ValueError):
            parse_week(content, wrong)


def test_an_english_report_is_english_where_that_is_known_and_marks_the_rest(office, con):
    at = office()
    at.publish(people(wrong=30))
    told = unit_report(facts(at, con), "RS", "en") | {"whose": "人事处"}
    page = html(told)
    assert '<h1><span lang="zh-CN">人事处</span></h1>' in page and '<title lang="zh-CN">' in page
    left = re.sub(r'<(\w+) lang="zh-CN">[^<]*</\1>', "", page.partition("</style>")[2])
    assert re.findall("[\u4e00-\u9fff]+", left) == []
    assert "<h1>Human resources</h1>" in html(told, english_of={"人事处": "Human resources"}.get)
    assert "1 ticket open, 0 of them overdue." in told["lead"]
    assert {one["cycle"] for one in told["resources"]} == {"daily"}
