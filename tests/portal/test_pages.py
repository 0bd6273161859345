"""What the portal's pages say: the catalog with its promise and quality, search, lists, quality, tickets."""

import io
import re
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import partial

import html5lib
import openpyxl
import pytest

from catalogs.lists.measured import Kept, Measured
from catalogs.settings import now
from catalogs.views import item_name
from portal.configuration import configuration
from portal.rendering import _templates
from portal.texts import LANGUAGES, text
from portal.wall import told_with_every_answer
from tests.portal import looks
from tests.portal.house import OTHER_TICKET, TICKET, running, surroundings
from tests.portal.test_walls import ADDRESSES, ALLOWED, ASKED
from warehouse import figures


@pytest.fixture(scope="module")
def office(portal):
    with closing(portal.as_role("data_office")) as browser:
        yield browser


@pytest.fixture(scope="module")
def steward(portal):
    with closing(portal.as_role("steward")) as browser:
        yield browser


@pytest.fixture(scope="module")
def reader_of(portal, office):
    """Return a browser of somebody who may see a page: the data office where it may."""
    opened = {"data_office": office}

    def reader(page):
        role = "data_office" if "data_office" in ALLOWED[page] else min(ALLOWED[page])
        if role not in opened:
            opened[role] = portal.as_role(role)
        return opened[role]

    yield reader
    for browser in opened.values():
        browser.close()


def _rows(browser, address, sheet=0):
    """Return the rows of a workbook's sheet, its heading first."""
    answer = browser.get(address)
    assert answer.status_code == 200, address
    return list(
        openpyxl.load_workbook(io.BytesIO(answer.content)).worksheets[sheet].iter_rows(values_only=True)
    )


@pytest.mark.parametrize("page", sorted(set(ADDRESSES) - {"contract", "list_file", "form_file"}))
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_is_well_formed_html_in_either_language(reader_of, page, language):
    browser = reader_of(page)
    answer = browser.get(
        ADDRESSES[page], headers={"Cookie": f"yici={browser.cookies['yici']}; yici-language={language}"}
    )
    assert answer.status_code == (503 if page in ASKED else 200)
    parser = html5lib.HTMLParser(strict=False)
    document = parser.parse(answer.text)
    faults = [code for _, code, _ in parser.errors]
    assert faults == []
    tag = "{http://www.w3.org/1999/xhtml}"
    assert document.attrib["lang"] == ("zh-CN" if language == "zh" else "en")
    assert len(list(document.iter(f"{tag}h1"))) == 1
    for told in document.iter(f"{tag}input"):
        assert told.attrib.get("type") == "hidden" or {"id", "aria-label"} & told.attrib.keys()


@contextmanager
def _taken(portal, extracts):
    """Let the students have been read so many days ago each time, with this outcome, and never since."""
    con, oldest = portal.owner, timedelta(days=90)
    students = "resource = 'academic.students'"
    last = con.execute("SELECT max(id), max(ordinal) FROM yici.extract").fetchone()
    con.execute(f"UPDATE yici.extract SET taken_at = taken_at - %s WHERE {students}", [oldest])
    for step, (state, days) in enumerate(extracts, 1):
        con.execute(
            """INSERT INTO yici.extract (id, resource, ordinal, mode, scope, taken_at, finished_at, rows, excluded_rows,
                   path, digest, contract_version, contract_hash, state, seconds)
               VALUES (%s, 'academic.students', %s, 'full', '{}', %s, %s, 4321, 0, '', '', '1', 'x', %s, 0)""",
            [last[0] + step, last[1] + step, *[now() - timedelta(days=days)] * 2, state],
        )
    try:
        yield
    finally:
        con.execute("DELETE FROM yici.extract WHERE id > %s", [last[0]])
        con.execute(f"UPDATE yici.extract SET taken_at = taken_at + %s WHERE {students}", [oldest])


def test_a_resource_tells_promise_and_fact_of_its_extracts_as_its_workbook_does(portal, office):
    with _taken(portal, [("published", 9), ("published", 8), ("published", 4), ("refused", 3)]):
        html = office.get("/resources/academic.students.html").text
        rows = _rows(office, "/resources/academic.students/extracts.xlsx")
        gone = office.get("/resources/hr.nothing/extracts.xlsx")
    strip = re.findall(r'<span class="status (\w+)" title="([^"]+) (\S+)"', html)
    assert [kind for kind, _, _ in strip][-3:] == ["good", "watch", "bad"]
    assert "整批退回" in html and "4,321" in html
    # What was refused is not there to be used: the last that was published is.
    assert re.search(r"最近发布的批次取于 \S+ \S+（4 天前），承诺每日", html)
    assert "最近 5 个批次中 2 个按期发布" in html
    assert rows[0] == ("时间", "行数", "结果")
    assert [(at, word) for at, _, word in rows[1:]] == [(at, word) for _, at, word in reversed(strip)]
    assert rows[1][1] == 4321
    assert gone.status_code == 404


def test_what_stopped_coming_is_late_now_however_well_it_was_kept_and_stands_on_the_home_page(portal, office):
    assert "现已逾期" not in office.get("/resources/academic.students.html").text
    with _taken(portal, [("published", 10 + step * 0.9) for step in range(30, -1, -1)]):
        html = office.get("/resources/academic.students.html").text
        home = office.get("/").text
    assert "最近 30 个批次中 30 个按期发布" in html
    assert "现已逾期" in html and "（10 天前）" in html and "在承诺期内" not in html
    assert "3 / 4 项资源在承诺期内" in home
    link = '<a href="/resources/academic.students.html">学生</a>'
    (row,) = re.findall(rf'<tr><th scope="row">{link}</th>(.*?)</tr>', home)
    assert row.startswith("<td>教务处</td><td>每日</td><td>20") and "10 天前" in row


def test_a_resource_shows_its_scores_and_its_ticket_to_those_who_answer(portal, office, steward):
    for browser in (office, steward):
        html = browser.get("/resources/hr.staff.html").text
        assert "82.0" in html and f'href="/tickets/{TICKET}"' in html
    assert f'href="/tickets/{OTHER_TICKET}"' not in steward.get("/resources/academic.students.html").text
    with closing(portal.as_role("member")) as member:
        assert "/tickets/" not in member.get("/resources/hr.staff.html").text


def test_what_is_for_the_data_office_is_not_there_for_others(office, steward):
    assert office.get("/resources/hr.guests.html").status_code == 200
    assert steward.get("/resources/hr.guests.html").status_code == 404
    assert steward.get("/resources/hr/guests.odcs.yaml").status_code == 404
    assert "hr.guests" not in steward.get("/search", params={"q": "特邀"}).text
    assert "hr.guests" in office.get("/search", params={"q": "特邀"}).text


@pytest.mark.parametrize("typed", ["在职证明", "职证", "zzzm", "ZZZM", "zm", "s-employed"])
def test_the_search_finds_a_part_of_a_name_pinyin_initials_and_codes(steward, typed):
    found = steward.get("/search", params={"q": typed}).text
    assert 'href="/services/S-EMPLOYED.html"' in found


def test_the_search_is_narrowed_by_kind_and_unit_and_says_what_to_do_when_nothing_is_there(steward):
    html = steward.get("/search", params={"q": "hr", "kind": "数据资源", "unit": "人事处"}).text
    assert "/resources/hr.staff.html" in html and "/services/" not in html.split("<main")[1]
    assert "没有找到。可试" in steward.get("/search", params={"q": "nothing of that name"}).text


def _narrowings(html):
    """Return facet → value → how many, as the page offers them."""
    return {
        facet: dict(re.findall(r'<option value="([^"]+)"[^>]*>[^<]* \(([\d,]+)\)</option>', options))
        for facet, options in re.findall(r'<select id="(\w+)" name="\w+">(.*?)</select>', html, re.S)
    }


def test_the_search_is_narrowed_by_what_contracts_say_and_how_resources_stand(portal, office):
    html = office.get("/search").text
    offered = _narrowings(html)
    assert set(offered) == {"kind", "unit", "system", "share", "personal", "cycle", "fresh", "quality"}
    of_resources = offered["kind"]["数据资源"]
    for facet in ("system", "share", "personal", "cycle", "quality"):
        assert str(sum(map(int, offered[facet].values()))) == of_resources, facet
    assert (
        '<option value="sensitive">敏感个人信息 (' in html
        and '<option value="conditional">有条件共享 (' in html
    )
    # Each figure is what choosing it finds, alone and beside another choice.
    for facet, values in offered.items():
        for value, count in values.items():
            assert f"找到 {count} 条" in office.get("/search", params={facet: value}).text, (facet, value)
    both = office.get("/search", params={"system": "hr", "share": "conditional"}).text
    share = _narrowings(office.get("/search", params={"system": "hr"}).text)["share"]
    assert f"找到 {share['conditional']} 条" in both
    assert '<a class="touch" href="/search?q=&amp;share=conditional">业务系统: ' in both
    assert '<details class="more" open>' in both and '<details class="more">' in html


def test_a_search_for_what_is_late_finds_it_and_another_language_has_its_words(portal, office):
    late = office.get("/search", params={"fresh": "late"}).text
    with _taken(portal, [("published", 90)]):
        assert "/resources/academic.students.html" in office.get("/search", params={"fresh": "late"}).text
    assert "/resources/academic.students.html" not in late.split("<main")[1]
    told = office.get("/search", headers={"Cookie": f"yici={office.cookies['yici']}; yici-language=en"}).text
    assert ">sensitive personal data (" in told and ">conditional (" in told and ">daily (" in told
    assert "个人信息" not in told


def test_a_filter_of_something_that_is_not_there_finds_nothing_and_can_be_taken_away(office):
    html = office.get("/search", params={"system": "<b>", "share": "x" * 500, "kind": "数据资源"}).text
    assert "没有找到。可试" in html and "<b>" not in html
    assert '<option value="&lt;b&gt;" selected>&lt;b&gt; (0)</option>' in html


def test_a_page_on_paper_says_where_it_is_found_again(portal, steward):
    html = steward.get("/search", params={"q": "hr"}).text
    assert f'<span class="address">本页地址 {portal.url}/search?q=hr</span>' in html


def test_what_somebody_types_is_shown_as_text(steward):
    html = steward.get("/search", params={"q": '"><script>alert(1)</script>'}).text
    assert "<script" not in html and "&lt;script&gt;" in html


def test_a_service_item_says_what_is_needed_and_what_no_longer_and_because_of_what(steward):
    html = steward.get("/services/S-EMPLOYED.html").text
    assert "申请材料" in html and "<svg" in html

    def told(material):
        row = re.search(
            rf'<tr><th scope="row">[^<]*<span class="muted small">{material}</span>.*?</tr>', html, re.S
        )
        return re.sub(r"<[^>]+>|\s+", " ", row[0])

    assert "须提交" in told("M-PHONE")
    assert "免提交" in told("M-STATUS") and "由学校核验: 在职状态" in told("M-STATUS")
    assert "学校出具电子证明" in told("M-SEAL")


def test_a_resource_shows_where_its_data_come_from_and_who_uses_them_for_what(steward):
    html = steward.get("/resources/hr.staff.html").text
    picture = html.partition('<div class="lineage">')[2].partition("</div>")[0]
    assert "<svg" in picture and "教职工" in picture
    uses = html.partition('id="uses"')[2].partition("</table>")[0]
    row = r'<th scope="row">人事处</th>.*?<a href="/services/S-EMPLOYED.html">在职证明</a>.*?校人〔2025〕7号'
    assert re.search(row, uses, re.S)
    assert "如何申请: 由用数单位向数据办提出共享需求" in html


def test_a_list_is_a_workbook_with_what_the_reader_may_see(office, steward):
    answers = [browser.get("/lists/demands.xlsx") for browser in (office, steward)]
    assert all("attachment" in answer.headers["content-disposition"] for answer in answers)
    sheets = [openpyxl.load_workbook(io.BytesIO(answer.content)).worksheets[1] for answer in answers]
    assert sheets[0].cell(1, 2).value == "需求编号"
    assert sheets[0].cell(2, 2).value == "D-1"
    # What is for the data office alone is not in a steward's workbook.
    of_office, of_steward = (
        set(_rows(browser, "/lists/responsibilities.xlsx", 1)[1:]) for browser in (office, steward)
    )
    assert len(of_steward) < len(of_office)
    assert any("特邀人员" in row for row in of_office) and not any("特邀人员" in row for row in of_steward)


def test_the_board_of_demands_goes_by_state_and_the_duties_by_unit(office):
    board = office.get("/demands").text
    assert board.index("已授权") < board.index("不予授权")
    assert "D-1" in board
    duties = office.get("/responsibilities", params={"unit": "人事处"}).text
    rows = re.findall(r'<tr><th scope="row">([^<]+)</th>', duties)
    assert rows and set(rows) == {"人事处"}


def test_duties_that_are_not_kept_stand_first_then_what_is_not_known_then_those_that_are(portal, office):
    kept = {
        "academic.students": Kept(30, 1.0, 2.0, is_late=False, rows=10, admitted=10),
        "hr.staff": Kept(30, 0.8, 40.0, is_late=True, rows=10, admitted=10),
        "finance.payroll": Kept(0, None, None, is_late=True),
    }
    figures.keep(portal.owner, Measured(1, now(), kept=kept))
    try:
        html = office.get("/responsibilities").text
    finally:
        portal.owner.execute("DELETE FROM yici.measured")
    states = re.findall(
        r'class="state"[^>]*><span class="status \w+"><span aria-hidden="true">(.)</span> (\S+)</span>', html
    )
    assert {word for _, word in states} == {"从未提供", "逾期", "未测", "履责"}
    order = "✕–✓"
    assert [sign for sign, _ in states] == sorted((sign for sign, _ in states), key=order.index)
    assert f"{sum(sign == '✕' for sign, _ in states)} 行需要处理（排在前面）" in html


def test_engineers_find_the_four_tools_that_are_set_up(portal, pg_module_database, monkeypatch, tmp_path):
    set_up = {
        "YICI_PORTAL_DAGSTER": ("https://runs.example.edu.cn/", "Dagster（调度与运行）"),
        "YICI_PORTAL_DBT_DOCS": ("https://dbt.example.edu.cn/", "dbt 模型文档"),
        "YICI_PORTAL_DATA_DOCS": ("https://checks.example.edu.cn/", "数据校验文档"),
        "YICI_PORTAL_API_DOCS": ("https://service.example.edu.cn/docs", "接口文档"),
    }
    for name, (address, _) in set_up.items():
        monkeypatch.setenv(name, address)
    for name, value in surroundings(pg_module_database, tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("YICI_REFERENCE_CAMPUS", "1")
    with (
        running(pg_module_database, portal.catalog, configuration()) as other,
        closing(other.as_role("engineer")) as engineer,
    ):
        html = engineer.get("/runs").text
    links = dict(re.findall(r'<li><a href="([^"]+)" rel="noreferrer">([^<]+)</a></li>', html))
    assert links == dict(set_up.values())


def test_a_page_that_fails_says_what_is_safe_and_gives_a_reference_and_no_trace(portal, office, monkeypatch):
    def fails(*_):
        raise ValueError("张三 110101199003071234")

    noted, other = [], office.get("/")
    monkeypatch.setattr("portal.pages_quality.facts.scores", fails)
    monkeypatch.setattr("portal.app._log.error", lambda *_, **told: noted.append(told), raising=False)
    with closing(portal.browser()) as browser:
        browser.cookies = office.cookies
        answer = browser.get("/quality")
    assert answer.status_code == 500
    (reference,) = re.findall(r'编号 <code translate="no">(\w{8})</code>', answer.text)
    assert [one["reference"] for one in noted] == [reference]
    assert (
        "这一页未能显示" in answer.text and "已保存的内容都在" in answer.text and "告诉数据办" in answer.text
    )
    assert not any(told in answer.text for told in ("张三", "ValueError", "Traceback", ".py"))
    # Starlette answers it outside the wall; it says to the browser what every other page says.
    assert {name: answer.headers.get(name) for name in told_with_every_answer(False)} == {
        name: other.headers.get(name) for name in told_with_every_answer(False)
    }


def test_a_unit_that_nothing_was_scored_of_has_a_page_that_says_so(office):
    answer = office.get("/quality/GA")
    assert answer.status_code == 200 and "尚无得分" in answer.text


def test_quality_goes_from_the_unit_to_its_rule_its_rows_and_the_ticket(office, steward):
    heat = office.get("/quality").text
    assert heat.index("人事处") < heat.index("教务处")
    table = _rows(office, "/quality/files/heat.xlsx")
    assert [row[:3] for row in table] == [
        ("单位", "总分", "规范性"),
        ("全校", "91.0", "91.0"),
        ("人事处", "82.0", "82.0"),
        ("教务处", "99.5", "99.5"),
    ]
    assert 'href="/quality/RS"' in heat
    rows = 'href="/duty/rows/hr.staff?rule=phone.required"'
    assert rows in steward.get("/quality/RS").text and rows not in office.get("/quality/RS").text
    unit = office.get("/quality/RS").text
    assert f'href="/tickets/{TICKET}">工单 {TICKET}</a>' in unit and "电话" in unit
    assert "总分 82.0；1 条规则未通过，共 3 行次" in unit
    assert _rows(office, "/quality/RS/files/failing.xlsx")[1][:6] == (
        "教职工",
        "电话 必填",
        "完整性",
        "一般",
        3,
        5,
    )
    assert [row[:2] for row in _rows(office, "/quality/RS/files/resources.xlsx")[1:]] == [
        ("人事处", "82.0"),
        ("教职工", "82.0"),
    ]
    for address in (
        "/quality/RS/files/heat.xlsx",
        "/quality/NO/files/failing.xlsx",
        "/quality/files/failing.xlsx",
    ):
        assert office.get(address).status_code == 404
    assert steward.get("/quality/JW/files/failing.xlsx").status_code == 403
    ticket = office.get(f"/tickets/{TICKET}").text
    assert "电话 必填" in ticket and "逾期" in ticket and "人事处数据专员" in ticket
    assert "CASE-4711" not in ticket


def test_the_home_page_answers_whether_data_can_be_trusted_today(office):
    html = office.get("/").text
    assert re.search(r"\d+ / \d+ 项资源在承诺期内，2 张工单逾期", html)
    assert "91.0" in html and "7 天前尚无得分" in html
    overdue = html.partition("谁逾期了")[2].partition("</table>")[0]
    assert re.findall(
        r'<th scope="row">([^<]+)</th><td>([^<]+)</td><td class="number">(\d+)</td>', overdue
    ) == [
        ("人事处", "人事处数据专员", "1"),
        ("教务处", "教务处数据专员", "1"),
    ]
    assert (
        "<dt>可免提交材料</dt>" in html and "<dt>预填使用</dt>" not in html
    )  # a number stands below its own name


def test_a_page_that_is_not_there_says_where_to_go(office):
    for address in (
        "/nowhere",
        "/resources/nothing.html",
        "/lists/nothing.xlsx",
        "/tickets/999",
        "/tickets/x",
        "/quality/NO",
    ):
        answer = office.get(address)
        assert answer.status_code == 404
        assert "没有这一页" in answer.text and 'href="/"' in answer.text
        assert 'action="/search"' in answer.text and 'href="/maintain"' in answer.text, address


def test_a_page_that_is_not_there_tells_nobody_more_than_that(portal, office):
    with closing(portal.browser()) as nobody:
        answer = nobody.get("/nowhere")
    assert answer.status_code == 404 and "没有这一页" in answer.text
    assert 'action="/search"' not in answer.text
    assert office.post("/nowhere", data={"x": "1"}).status_code == 404
    assert office.head("/nowhere").status_code == 404


def test_an_english_page_calls_rules_resources_and_posts_by_their_names(portal, office):
    def english(path):
        cookies = {"Cookie": f"yici={office.cookies['yici']}; yici-language=en"}
        return office.get(path, headers=cookies).text.partition("<main")[2]

    for page in ("/quality/RS", f"/tickets/{TICKET}", "/runs"):
        html = re.sub(r"<(?:a|script|form)\b[^>]*>", "", english(page))
        assert "hr.staff" not in html and "phone.required" not in html, page
    resource = '<a href="/resources/hr.staff.html">Staff</a>'
    assert resource in english("/quality/RS") and resource in english(f"/tickets/{TICKET}")
    phone = item_name(portal.catalog, portal.catalog.resources["hr.staff"].item("phone"), "en")
    assert f"<td>{phone} is given</td>" in english("/quality/RS")
    assert f">Staff: {phone} is given</td>" in english("/tickets")


def test_counts_in_sentences_have_their_thousands_parted(portal, office):
    portal.owner.execute("UPDATE yici.rule_state SET rows_failed = 12345")
    try:
        html = office.get("/quality/RS").text
    finally:
        portal.owner.execute("UPDATE yici.rule_state SET rows_failed = 3")
    assert "共 12,345 行次" in html
    assert text("search.found", "zh", n=1234) == "找到 1,234 条"
    assert text("home.lead", "en", fresh=1234, all=2345, overdue=1000).startswith("1,234 of 2,345 resources")


def test_on_a_telephone_what_is_tapped_alone_is_as_high_as_a_finger(portal, office, chromium):
    context = chromium.new_context(viewport=looks.PHONE)
    context.add_cookies(
        [{"name": one.name, "value": one.value, "url": portal.url} for one in office.cookies.jar]
    )
    page = context.new_page()
    for path in ("/tickets", "/quality/RS", "/resources/hr.staff.html"):
        page.goto(f"{portal.url}{path}")
        heights = [one.bounding_box()["height"] for one in page.locator("main a[href^='/tickets/']").all()]
        assert heights and min(heights) >= 40, path
    context.close()


def test_a_duty_that_promises_nothing_yet_has_no_line_for_it_on_a_telephone():
    """What is still to be collected has no cycle; a cell with nothing in it is not shown there."""
    blank = dict.fromkeys(("unit", "resourceName", "itemName", "gap", "onTime", "quality"), "甲")
    row = blank | {"updateCycle": "", "deadline": "", "state": "从未提供", "sign": "✕", "demands": ()}
    frame = {"language": "zh", "t": partial(text, language="zh"), "entered": None, "site": {"name": "甲"}}
    told = {"path": "/", "address": "/", "unit": "", "units": {}, "red": 1, "rows": [row]}
    html = _templates.get_template("responsibilities.html.j2").render(frame | told)
    assert '<td data-label="承诺"></td>' in html
