"""What the portal's pages say: the catalog with its promise and quality, search, lists, quality, tickets."""

import io
import re
from contextlib import closing
from datetime import timedelta

import html5lib
import openpyxl
import pytest

from catalogs.settings import now
from portal.texts import LANGUAGES, TEXTS
from tests.portal.house import OTHER_TICKET, TICKET
from tests.portal.test_walls import ADDRESSES, ALLOWED, ASKED


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


def test_every_text_says_the_same_names_in_both_languages():
    for key, (zh, en) in TEXTS.items():
        assert zh and en
        assert set(re.findall(r"{\w+}", zh)) == set(re.findall(r"{\w+}", en)), key


def test_a_resource_tells_promise_and_fact_of_its_extracts(portal, office):
    last = portal.owner.execute("SELECT max(id), max(ordinal) FROM yici.extract").fetchone()
    at = now()
    for step, (state, days) in enumerate(
        [("published", 9), ("published", 8), ("published", 4), ("refused", 3)], 1
    ):
        portal.owner.execute(
            """INSERT INTO yici.extract (id, resource, ordinal, mode, scope, taken_at, finished_at, rows, excluded_rows,
                   path, digest, contract_version, contract_hash, state, seconds)
               VALUES (%s, 'academic.students', %s, 'full', '{}', %s, %s, 4321, 0, '', '', '1', 'x', %s, 0)""",
            [last[0] + step, last[1] + step, *[at - timedelta(days=days)] * 2, state],
        )
    html = office.get("/resources/academic.students.html").text
    strip = re.findall(r'<span class="status (\w+)" title="[^"]+"', html)
    assert strip[-3:] == ["good", "watch", "bad"]
    assert "整批退回" in html and "3 天前" in html and "4,321" in html
    assert re.search(r"最近 \d+ 个批次中 \d+ 个按期发布", html)


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


def test_a_page_on_paper_says_where_it_is_found_again(portal, steward):
    html = steward.get("/search", params={"q": "hr"}).text
    assert f'<span class="address">本页地址 {portal.url}/search?q=hr</span>' in html


def test_what_somebody_types_is_shown_as_text(steward):
    html = steward.get("/search", params={"q": '"><script>alert(1)</script>'}).text
    assert "<script" not in html and "&lt;script&gt;" in html


def test_a_service_item_says_what_is_needed_and_what_no_longer(steward):
    html = steward.get("/services/S-EMPLOYED.html").text
    assert "申请材料" in html and "<svg" in html


def test_a_list_is_a_workbook_with_what_the_reader_may_see(office, steward):
    answers = [browser.get("/lists/demands.xlsx") for browser in (office, steward)]
    assert all("attachment" in answer.headers["content-disposition"] for answer in answers)
    sheets = [openpyxl.load_workbook(io.BytesIO(answer.content)).worksheets[1] for answer in answers]
    assert sheets[0].cell(1, 2).value == "需求编号"
    assert sheets[0].cell(2, 2).value == "D-1"


def test_the_board_of_demands_goes_by_state_and_the_duties_by_unit(office):
    board = office.get("/demands").text
    assert board.index("已授权") < board.index("不予授权")
    assert "D-1" in board
    duties = office.get("/responsibilities", params={"unit": "人事处"}).text
    rows = re.findall(r'<tr><th scope="row">([^<]+)</th>', duties)
    assert rows and set(rows) == {"人事处"}


def test_quality_goes_from_the_unit_to_its_rule_its_rows_and_the_ticket(office, steward):
    heat = office.get("/quality").text
    assert heat.index("人事处") < heat.index("教务处")
    assert 'href="/quality/RS"' in heat
    rows = 'href="/duty/rows/hr.staff?rule=phone.required"'
    assert rows in steward.get("/quality/RS").text and rows not in office.get("/quality/RS").text
    unit = office.get("/quality/RS").text
    assert f'<a href="/tickets/{TICKET}">' in unit and "电话" in unit
    assert "总分 82.0；1 条规则未通过，共 3 行次" in unit
    ticket = office.get(f"/tickets/{TICKET}").text
    assert "电话 必填" in ticket and "逾期" in ticket and "人事处数据专员" in ticket
    assert "CASE-4711" not in ticket


def test_the_home_page_answers_whether_data_can_be_trusted_today(office):
    html = office.get("/").text
    assert re.search(r"\d+ / \d+ 项资源在承诺期内，2 张工单逾期", html)
    assert "91.0" in html and "7 天前尚无得分" in html
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
