"""Changes of the catalog in the browser: from a wish over its decision to a version, and what is in nobody's right."""

import io
import json
import re
import time
from contextlib import closing
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta

import openpyxl
import psycopg
import pytest

from catalogs.changes.edits import Edit
from catalogs.settings import now
from portal import pages_maintain_demands, publishing, wishes
from portal.rendering import LANGUAGE_COOKIE
from portal.wall import LARGER
from tests.portal.house import DEPUTY, PEOPLE, account, portal_url, token
from tests.portal.maintained import (
    OFFICE,
    RESOURCE,
    STEWARD,
    cell_of,
    form,
    in_use,
    proposed,
    purpose_edit,
    saved,
    send,
    upload,
)
from tests.support.zips import that_unpacks_large, with_macros
from warehouse import catalog_versions, proposals

pytestmark = pytest.mark.usefixtures("surroundings_of_maintained")


@pytest.fixture(scope="module")
def browsers(maintained):
    roles = ("steward", "head", "data_office", "auditor", "engineer", "member", "administrator")
    found = {role: maintained.as_role(role) for role in roles}
    yield found
    for browser in found.values():
        browser.close()


def wish_of(answer):
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def test_a_workbook_is_checked_explained_and_proposed(maintained, browsers):
    steward = browsers["steward"]
    book = form(steward, "guide", unit="RS")
    row, column = cell_of(book, "信息资源摘要")
    book.worksheets[0].cell(row, column).value = "在职与离职教职工"
    page = wish_of(upload(steward, saved(book), "目录.xlsx"))
    told = steward.get(page).text
    assert "填写没有错误，共 1 处改动" in told and "<ins>在职与离职教职工</ins>" in told
    unnamed = send(steward, page, act="propose", title=" ", reason="更准确")
    assert unnamed.status_code == 422 and 'id="title-fault">✕ 请写名称' in unnamed.text
    no_day = send(steward, page, act="propose", title="改摘要", reason="更准确", effective_on="明天")
    assert 'id="effective_on-fault"' in no_day.text and "更准确</textarea>" in no_day.text
    answer = send(steward, page, act="propose", title="改摘要", reason="更准确")
    proposal = steward.get(answer.headers["location"]).text
    assert "改摘要" in proposal and "更准确" in proposal and "修订 1.0.0 → 1.0.1" in proposal
    number = int(answer.headers["location"].rpartition("/")[2])
    found = proposals.one(maintained.owner, number)
    assert (found.author, found.person, found.source) == (STEWARD, PEOPLE["steward"], "目录.xlsx")
    assert steward.get(page).status_code == 404


def test_faults_of_a_workbook_are_shown_with_their_cell_and_marked_in_a_copy(maintained, browsers):
    steward = browsers["steward"]
    book = form(steward, "guide", unit="RS")
    sheet = book.worksheets[0]
    row, column = cell_of(book, "共享类型")
    sheet.cell(row, column).value = "也许共享"
    sheet.cell(row + 1, column).value = "=1+1"
    page = wish_of(upload(steward, saved(book)))
    told = steward.get(page).text
    letter = openpyxl.utils.get_column_letter(column)
    assert "有 2 处问题" in told and f">{letter}{row}</td>" in told and f">{letter}{row + 1}</td>" in told
    assert "不是本列可填的词" in told and "复制该单元格并粘贴为数值" in told
    copy = openpyxl.load_workbook(io.BytesIO(steward.get(f"{page}/marked.xlsx").content))
    assert copy.sheetnames[0] == "问题清单"
    assert "不是本列可填的词" in copy[sheet.title].cell(row, column).comment.text
    english = steward.get(page, headers={"Cookie": f"yici={steward.cookies['yici']}; yici-language=en"}).text
    assert "not a word of this column" in english
    before = maintained.owner.execute("SELECT count(*) FROM yici.proposal").fetchone()
    assert send(steward, page, act="propose", title="x").status_code == 422
    assert maintained.owner.execute("SELECT count(*) FROM yici.proposal").fetchone() == before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"%PDF-1.7", "不是 Excel 工作簿"),
        (b"\xd0\xcf\x11\xe0rest", "设有密码的工作簿"),
        (b"PK\x03\x04rest", "工作簿已损坏"),
        (with_macros(), "工作簿含有宏"),
        (that_unpacks_large(), "工作簿解压后过大"),
        (b"", "不是 Excel 工作簿"),
    ],
    ids=["another kind", "old or locked", "damaged", "macros", "bomb", "empty"],
)
def test_what_is_no_usable_workbook_is_told_in_words(browsers, content, said):
    steward = browsers["steward"]
    began = time.monotonic()
    told = steward.get(wish_of(upload(steward, content))).text
    assert said in told and "没有提出任何变更" in told
    assert time.monotonic() - began < 10


def test_a_file_that_is_too_large_and_none_at_all_are_told_in_words(browsers):
    steward = browsers["steward"]
    large = upload(steward, b"x" * (50 * 1024 * 1024))
    assert large.status_code == 413 and "提交的内容过大" in large.text
    told = {"csrf": token(steward.get("/maintain/new").text)}
    none = steward.post("/maintain/upload", data=told, files={"other": ("a", b"a")})
    assert none.status_code == 422 and "请先选择文件" in none.text and 'id="file-fault"' in none.text
    assert LARGER["/maintain/upload"] < 50 * 1024 * 1024


def test_a_wish_is_its_author_s_alone(browsers):
    page = wish_of(upload(browsers["steward"], b"%PDF"))
    assert browsers["head"].get(page).status_code == 404
    assert browsers["data_office"].get(page).status_code == 404
    assert send(browsers["head"], "/maintain/new", page, act="propose", title="x").status_code == 404


def test_a_form_on_a_page_knows_columns_words_and_what_follows_from_the_catalog(maintained, browsers):
    html = browsers["steward"].get("/maintain/edit/guide/hr.staff").text
    assert 'name="f-0-all-updateCycle"' in html and "<option selected>每日</option>" in html
    assert html.count('name="f-0-6-itemName"') == 1 and "<option>无条件共享</option>" in html
    duties = browsers["steward"].get("/maintain/edit/demands/D-1").text
    assert 'name="f-0-all-demandId"' not in duties and 'list="list-element"' in duties


def test_a_form_on_a_page_shows_its_faults_in_place_and_keeps_what_was_typed(browsers):
    steward, page = browsers["steward"], "/maintain/edit/demands/new"
    typed = {
        "f-0-all-requesterUnit": "人事处",
        "f-0-all-serviceItem": "S-NOWHERE",
        "f-0-0-element": "XM",
        "f-0-all-basis": "<b>校人〔2026〕1号</b>",
        "base": "1",
    }
    answer = send(steward, page, **typed)
    assert answer.status_code == 422 and "有 1 处问题" in answer.text
    place = answer.text.index('name="f-0-all-serviceItem"')
    assert "没有这个名称或编码的服务事项" in answer.text[place : place + 600]
    told = answer.text.partition('role="alert"')[2].partition("<form")[0]
    assert '<a href="#f-0-all-serviceItem">关联事项</a>' in told and 'id="f-0-all-serviceItem"' in answer.text
    assert "<title>数据共享需求清单 新需求" in answer.text
    assert "&lt;b&gt;校人" in answer.text and "<b>校人" not in answer.text


def test_a_demand_that_is_filed_on_a_page_is_decided_by_office_and_provider_and_then_granted(
    maintained, browsers
):
    typed = {
        "f-0-all-requesterUnit": "人事处",
        "f-0-all-serviceItem": "S-EMPLOYED",
        "f-0-all-client": "portal",
        "f-0-all-basis": "校人〔2026〕1号",
        "f-0-all-ground": "履行法定职责",
        "f-0-all-scope": "仅申请人本人",
        "f-0-all-frequency": "逐件",
        "f-0-all-retention": "结案后销毁",
        "f-0-all-validFrom": "2026-01-01",
        "f-0-all-validTo": "2099-12-31",
        "f-0-0-element": "RZRQ",
    }
    head, office, steward = (browsers[role] for role in ("head", "data_office", "steward"))
    base = str(catalog_versions.newest(maintained.owner).number)
    page = wish_of(send(head, "/maintain/edit/demands/new", base=base, **typed))
    assert "允许了什么" in head.get(page).text
    proposal = wish_of(send(head, page, act="propose", title="报账系统要入职日期"))
    before = {(one.client, one.element) for one in in_use(maintained).grants()}
    assert ("portal", "RZRQ") not in before
    assert "您的决定" not in head.get(proposal).text and "您的决定" not in steward.get(proposal).text
    for browser in (office, steward):
        html = browser.get(proposal).text
        seen = re.search(r'name="seen" value="(\d+)"', html)[1]
        assert wish_of(send(browser, proposal, act="approve", opinion="用途清楚", seen=seen)) == proposal
    assert "已决定，待发布" in office.get(proposal).text
    publish(office)
    after = {(one.client, one.element) for one in in_use(maintained).grants()}
    assert after - before == {("portal", "RZRQ")}
    assert "已生效" in head.get(proposal).text


def publish(office):
    assert "下一版将包含" in office.get("/maintain/publish").text
    page = wish_of(send(office, "/maintain/publish"))
    return finished(office, page)


def finished(office, page):
    until = time.monotonic() + 60
    while True:
        html = office.get(page).text
        if "http-equiv" not in html:
            return html
        assert "可以离开" in html and time.monotonic() < until
        time.sleep(0.3)


def test_of_two_who_decide_at_once_the_second_sees_what_the_first_did_and_loses_nothing(maintained, browsers):
    number = proposed(maintained, "两人同时", [purpose_edit(maintained, "两人同时看的摘要")]).number
    page, head = f"/maintain/proposals/{number}", browsers["head"]
    seen = re.search(r'name="seen" value="(\d+)"', head.get(page).text)[1]
    send(browsers["data_office"], page, act="comment", opinion="请核对单位名称", seen=seen)
    late = send(head, page, act="approve", opinion="我同意这样改", seen=seen)
    assert late.status_code == 409
    assert "有了新的进展" in late.text and "请核对单位名称" in late.text and "我同意这样改" in late.text
    assert [one.event for one in proposals.one(maintained.owner, number).events].count("approved") == 1
    seen = re.search(r'name="seen" value="(\d+)"', late.text)[1]
    assert send(head, page, act="refuse", opinion="摘要不准确", seen=seen).status_code == 303
    closed = browsers["steward"].get(page).text
    assert "不同意，已退回" in closed and "摘要不准确" in closed


def test_nobody_decides_what_the_same_person_proposed_and_a_reason_is_needed(
    maintained, browsers, pg_module_database
):
    edits = [Edit("elements.csv", "WU", "nameZh", "无数源的数据元", "无人提供的数据元")]
    own = proposed(maintained, "办公室自己的", edits, OFFICE, "data_office").number
    office, page = browsers["data_office"], f"/maintain/proposals/{own}"
    assert "须由他人决定" in office.get(page).text
    refused = send(office, page, act="approve", opinion="同意", seen="2")
    assert refused.status_code == 409 and "现在不由您决定" in refused.text
    with (
        psycopg.connect(portal_url(pg_module_database), autocommit=True) as con,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        con.execute(
            """INSERT INTO yici.proposal_event (proposal, at, on_day, event, post, person, steps, opinion)
               VALUES (%s, now(), now(), 'approved', 'post:other', %s, '{0}', 'x')""",
            [own, PEOPLE["data_office"]],
        )
    other = proposed(maintained, "缺理由", [purpose_edit(maintained, "缺理由的摘要")]).number
    nothing = send(browsers["head"], f"/maintain/proposals/{other}", act="approve", opinion=" ", seen="3")
    assert nothing.status_code == 409 and "请写明理由" in nothing.text
    assert send(browsers["steward"], f"/maintain/proposals/{other}", act="withdraw").status_code == 409
    seen = str(len(proposals.one(maintained.owner, other).events))
    gone = send(browsers["steward"], f"/maintain/proposals/{other}", act="withdraw", seen=seen)
    assert gone.status_code == 303
    assert proposals.one(maintained.owner, other).state == "withdrawn"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE yici.proposal SET state = 'effective'",
        "INSERT INTO yici.catalog_publication SELECT * FROM yici.catalog_publication",
        "UPDATE portal.publication SET state = 'done'",
        "DELETE FROM yici.proposal_event",
        "INSERT INTO yici.catalog_version (hash, at, files) VALUES ('x', now(), '')",
    ],
)
def test_the_portal_s_role_lets_nothing_take_effect(maintained, pg_module_database, statement):
    proposed(maintained, "不由门户生效", [purpose_edit(maintained, "不由门户生效")])
    with psycopg.connect(portal_url(pg_module_database), autocommit=True) as con:
        with pytest.raises(psycopg.Error) as told:
            con.execute(statement)
        assert isinstance(told.value, psycopg.errors.InsufficientPrivilege)


def test_a_steward_proposes_for_the_own_units_only(maintained, browsers):
    steward, office = browsers["steward"], browsers["data_office"]
    assert steward.get("/maintain/forms/guide.xlsx", params={"unit": "JW"}).status_code == 404
    assert [sheet.title for sheet in form(steward, "guide").worksheets] == ["人事处"]
    for path in ("guide/academic.students", "responsibilities/finance.payroll", "powers/nowhere"):
        assert steward.get(f"/maintain/edit/{path}").status_code == 404
    book = form(office, "guide", unit="JW")
    row, column = cell_of(book, "信息资源摘要")
    was = str(book.worksheets[0].cell(row, column).value)
    book.worksheets[0].cell(row, column).value = "别的单位的摘要"
    page = wish_of(upload(steward, saved(book)))
    told = steward.get(page).text
    assert "您的岗位不能提出" in told and f"<del>{was}</del>" not in told
    refused = send(steward, page, act="propose", title="x")
    assert refused.status_code == 403 and "涉及其他单位" in refused.text
    assert maintained.deeds()[-1][2:] == ("proposal propose", "", "refused", "propose:own_unit")
    assert 'name="title"' in office.get(wish_of(upload(office, saved(book)))).text


def test_a_proposal_is_shown_to_those_whom_it_concerns(maintained, browsers):
    edit = purpose_edit(maintained, "只与教务处有关", "resources/academic/students.odcs.yaml")
    number = proposed(maintained, "教务处的事", [edit], "post:jw-steward", "reform_office").number
    page = f"/maintain/proposals/{number}"
    assert browsers["steward"].get(page).status_code == 404
    assert "教务处的事" not in browsers["steward"].get("/maintain").text
    assert browsers["data_office"].get(page).status_code == 200
    assert "教务处的事" in browsers["auditor"].get("/maintain").text
    assert browsers["member"].get(page).status_code == 403
    for role in ("auditor", "steward", "engineer"):
        assert browsers[role].get("/maintain/publish").status_code == 403


def test_every_act_is_on_record_with_post_and_role(maintained, browsers):
    number = proposed(maintained, "留痕", [purpose_edit(maintained, "留痕的摘要")]).number
    before = len(maintained.deeds())
    page = f"/maintain/proposals/{number}"
    seen = str(len(proposals.one(maintained.owner, number).events))
    send(browsers["head"], page, act="approve", opinion="同意", seen=seen)
    done = [one[:5] for one in maintained.deeds()[before:] if one[2] == "proposal approve"]
    assert done == [(PEOPLE["head"], "head", "proposal approve", str(number), "allowed")]
    last = proposals.one(maintained.owner, number).events[-1]
    assert (last.event, last.post, last.person) == ("approved", "post:rs-head", PEOPLE["head"])


def test_a_proposal_is_decided_by_the_holder_and_not_by_whoever_has_an_equal_number(maintained):
    twin = "student-head"
    maintained.secrets[twin] = account(maintained.owner, twin, PEOPLE["head"], "student_no")
    number = proposed(maintained, "同号", [purpose_edit(maintained, "同号者的摘要")]).number
    page = f"/maintain/proposals/{number}"
    seen = str(len(proposals.one(maintained.owner, number).events))
    with closing(maintained.as_role(twin)) as other, closing(maintained.as_role("head")) as head:
        assert other.get(page).status_code == 403
        assert send(other, "/", page, act="approve", opinion="同意", seen=seen).status_code == 403
        assert str(len(proposals.one(maintained.owner, number).events)) == seen
        send(head, page, act="approve", opinion="同意", seen=seen)
    last = proposals.one(maintained.owner, number).events[-1]
    assert (last.event, last.person) == ("approved", PEOPLE["head"])


def test_what_was_typed_when_the_session_had_ended_is_offered_again_to_the_same_person(maintained):
    with closing(maintained.as_role("deputy")) as deputy, closing(maintained.as_role("steward")) as steward:
        page = "/maintain/edit/demands/new"
        csrf = token(deputy.get(page).text)
        ended = "UPDATE portal.session SET seen_at = now() - interval '31 minutes' WHERE person = %s"
        maintained.owner.execute(ended, [DEPUTY])
        typed = {"f-0-all-scope": "打了很久的说明", "base": "1"}
        answer = deputy.post(page, data={"csrf": csrf, "back": page} | typed)
        assert answer.status_code == 303
        assert answer.headers["location"] == "/login?next=%2Fmaintain%2Fedit%2Fdemands%2Fnew&kept=1"
        assert "已保留" in deputy.get(answer.headers["location"]).text
        maintained.log_in(deputy, "deputy", next=page)
        assert "打了很久的说明" in deputy.get(page).text and "已恢复" in deputy.get(page).text
        assert "打了很久的说明" not in steward.get(page).text
        stranger = steward.post(page, data={"csrf": "made-up", "back": page} | typed)
        assert stranger.status_code == 403
    maintained.owner.execute("DELETE FROM portal.draft")


def test_a_form_made_on_an_older_version_changes_only_what_was_typed(maintained, browsers):
    steward = browsers["steward"]
    old = catalog_versions.newest(maintained.owner)
    html = steward.get("/maintain/edit/guide/hr.staff").text
    fields = dict(re.findall(r'<textarea name="(f-0-all-[^"]+)"[^>]*>([^<]*)</textarea>', html))
    decide_all(
        maintained, browsers, [Edit(RESOURCE, "", "description.purpose", purpose(maintained), "别人改的摘要")]
    )
    publish(browsers["data_office"])
    fields["f-0-all-formatNote"] = "我填的说明"
    page = wish_of(send(steward, "/maintain/edit/guide/hr.staff", base=str(old.number), **fields))
    kept = wishes.find(maintained.owner, PEOPLE["steward"], int(page.rpartition("/")[2]))
    assert ["formatNote" in str(edit) for edit in kept.edits] == [True]
    assert "现在已有新版本" in steward.get(page).text


def purpose(portal):
    return next(one for one in in_use(portal).resources.values() if one.file == RESOURCE).purpose


def decide_all(portal, browsers, edits):
    number = proposed(portal, "先行一步", edits).number
    for role in ("head", "data_office"):
        seen = str(len(proposals.one(portal.owner, number).events))
        page = f"/maintain/proposals/{number}"
        assert send(browsers[role], page, act="approve", opinion="同意", seen=seen).status_code == 303
    return number


def test_edits_are_told_in_the_words_of_the_catalog_with_their_address_as_a_detail(maintained, browsers):
    steward = browsers["steward"]
    edit = Edit(RESOURCE, "", "customProperties[updateCycle].value", "daily", "weekly")
    number = proposed(maintained, "改周期", [edit, purpose_edit(maintained, "另一种摘要")]).number
    html = steward.get(f"/maintain/proposals/{number}").text
    table = html.partition('class="stack edits"')[2].partition("</table>")[0]
    assert (
        "数据资源 教职工 (hr.staff)" in table
        and f'<span class="muted small" translate="no">{RESOURCE}' in table
    )
    assert (
        '<th scope="row">更新周期 <span class="muted small" translate="no">customProperties[updateCycle]'
        in table
    )
    assert "<del>每日</del>" in table and "<ins>每周</ins>" in table
    assert '<th scope="row">信息资源摘要 ' in table
    steward.cookies.set(LANGUAGE_COOKIE, "en")
    english = steward.get(f"/maintain/proposals/{number}").text
    steward.cookies.delete(LANGUAGE_COOKIE)
    assert '<th scope="row">Update cycle ' in english and "<ins>weekly</ins>" in english
    page, seen = f"/maintain/proposals/{number}", re.search(r'name="seen" value="(\d+)"', html)[1]
    undecided = send(browsers["head"], page, act="approve", opinion="", seen=seen)
    assert undecided.status_code == 409 and 'id="opinion-fault">✕ 请写明理由' in undecided.text
    unsaid = send(steward, page, act="comment", opinion="", seen=seen)
    assert 'id="said-fault">✕ 请写明理由' in unsaid.text and 'id="opinion-fault"' not in unsaid.text
    assert send(steward, page, act="withdraw", seen=seen).status_code == 303


def test_a_roll_back_names_its_effect_asks_once_and_is_a_new_version(maintained, browsers):
    office = browsers["data_office"]
    before = catalog_versions.newest(maintained.owner)
    decide_all(
        maintained, browsers, [Edit(RESOURCE, "", "description.purpose", purpose(maintained), "将被回退")]
    )
    publish(office)
    page = f"/maintain/versions/{before.number}"
    html = office.get(page).text
    assert "回退后立即生效" in html and "<del>将被回退</del>" in html
    assert '<th scope="row">信息资源摘要 ' in html and "数据资源 教职工 (hr.staff)" in html
    newest = str(before.number + 1)
    without = send(office, page, reason="", newest=newest)
    assert without.status_code == 422 and 'id="reason-fault">✕ 请写明理由' in without.text
    assert send(office, page, reason="试验", newest=str(before.number)).status_code == 409
    told = finished(office, wish_of(send(office, page, reason="内容有误", newest=newest)))
    assert "已完成" in told
    now_newest = catalog_versions.newest(maintained.owner)
    assert (now_newest.number, now_newest.digest, now_newest.origin) == (
        before.number + 2,
        before.digest,
        "rollback",
    )
    listed = office.get("/maintain/versions").text
    assert before.digest[:12] in listed and "回退" in listed
    auditor = browsers["auditor"]
    assert auditor.get(page).status_code == 200 and "回退到版本" not in auditor.get(page).text
    assert send(auditor, "/maintain", page, reason="x", newest=newest).status_code == 403


def test_a_publication_that_somebody_else_asked_for_in_the_office_s_name_does_nothing(maintained):
    asked = publishing.ask(maintained.owner, PEOPLE["steward"], OFFICE, 1, [], 1, "冒名")
    before = catalog_versions.newest(maintained.owner)
    publishing.publish(maintained.owner, asked)
    found = publishing.find(maintained.owner, asked)
    assert found.state == "failed" and "not a post of the data office" in found.told["why"][0]
    assert catalog_versions.newest(maintained.owner) == before


def test_a_roll_back_that_was_asked_for_on_another_version_than_the_present_one_does_nothing(maintained):
    before = catalog_versions.newest(maintained.owner)
    base = before.number - 1
    asked = publishing.ask(maintained.owner, PEOPLE["data_office"], OFFICE, base, [], 1, "看过旧的影响")
    publishing.publish(maintained.owner, asked)
    assert publishing.find(maintained.owner, asked).state == "failed"
    assert catalog_versions.newest(maintained.owner) == before


def test_signs_that_no_text_holds_do_no_harm(maintained, browsers):
    number = proposed(maintained, "怪字符", [purpose_edit(maintained, "怪字符的摘要")]).number
    page = f"/maintain/proposals/{number}"
    assert send(browsers["head"], page, act="comment", opinion="有\x00字符").status_code == 303
    assert "有字符" in browsers["head"].get(page).text
    answer = send(
        browsers["head"], "/maintain/edit/guide/hr.staff", base="x\x00", **{"f-0-all-abstract": "\x00"}
    )
    assert answer.status_code == 404


def test_a_publication_whose_process_died_is_told_apart_from_one_that_works(maintained, browsers):
    asked = publishing.ask(maintained.owner, PEOPLE["data_office"], OFFICE, 1, [])
    assert "即将开始" in browsers["data_office"].get(f"/maintain/publications/{asked}").text
    maintained.owner.execute("UPDATE portal.publication SET state = 'running' WHERE id = %s", [asked])
    told = browsers["data_office"].get(f"/maintain/publications/{asked}").text
    assert "意外中止" in told and "http-equiv" not in told
    assert publishing.under_way(maintained.owner) is None


def test_nothing_is_kept_longer_than_needed(maintained, browsers):
    upload(browsers["steward"], b"%PDF")
    upload(browsers["steward"], b"%PDF")
    (count,) = maintained.owner.execute(
        "SELECT count(*) FROM portal.wish WHERE person = %s", [PEOPLE["steward"]]
    ).fetchone()
    assert count == 1
    maintained.owner.execute("UPDATE portal.wish SET at = %s", [now() - timedelta(days=8)])
    upload(browsers["data_office"], b"%PDF")
    (count,) = maintained.owner.execute("SELECT count(*) FROM portal.wish").fetchone()
    assert count == 1


def test_the_board_names_who_waits_for_whom_and_the_gap_that_is_in_the_way(maintained, browsers):
    demand = {
        "demandId": "D-90",
        "requesterUnit": "RS",
        "contact": "post:rs-desk",
        "purpose": {"serviceItem": "S-EMPLOYED"},
        "elements": ["WU", "RZRQ"],
        "undertaking": "承诺书",
        "basis": "校人〔2026〕9号",
        "ground": "statutory_duty",
        "scope": "仅申请人本人",
        "client": "portal",
        "mode": "service_api",
        "frequency": "per_case",
        "retention": "结案后销毁",
        "validFrom": "2026-01-01",
        "validTo": "2099-12-31",
    }
    edit = Edit("demands/D-90.yaml", "", "", None, demand)
    number = proposed(maintained, "人事处要无人提供的数据", [edit], "post:rs-head", "head").number
    office, page = browsers["data_office"], f"/maintain/proposals/{number}"
    board = browsers["head"].get("/demands").text
    assert re.search(rf'href="{page}">人事处要无人提供的数据</a><br>.*?等待 大厅数据专员', board, re.S)
    assert "人事处要无人提供的数据" not in browsers["engineer"].get("/demands").text
    for browser in (office, browsers["steward"]):
        seen = str(len(proposals.one(maintained.owner, number).events))
        assert send(browser, page, act="approve", opinion="先认责", seen=seen).status_code == 303
    publish(office)
    board = browsers["head"].get("/demands", params={"gap": "无源"}).text
    assert 'href="/maintain/edit/demands/D-90"' in board and "须认责" in board and "D-1<" not in board
    assert "D-90" not in browsers["head"].get("/demands", params={"unit": "教务处"}).text


def test_a_task_is_told_with_the_document_that_orders_it(maintained):
    content = maintained.catalog
    demand = replace(
        content.demands["D-1"], demand_id="D-92", purpose_kind="task", purpose="T-9", basis="监测通知(2026)"
    )
    asked = {"requesterUnit": "人事处", "state": "filed", "elementName": "姓名", "gap": "", "provider": ""}
    rows = [
        asked | {"demandId": "D-92", "purpose": "T-9"},
        asked | {"demandId": "D-1", "purpose": "在职证明"},
    ]
    known = replace(content, demands={**content.demands, "D-92": demand})
    cards = pages_maintain_demands._cards(rows, known, {}, ())
    assert [(one["purpose"], one["basis"]) for one in cards] == [("T-9", "监测通知(2026)"), ("在职证明", "")]


def test_a_demand_waits_since_the_campus_s_day_although_it_was_another_one_in_greenwich(maintained):
    edit = Edit("demands/D-91.yaml", "", "", None, {"demandId": "D-91"})
    with maintained.owner.transaction(force_rollback=True):
        maintained.owner.execute(
            """INSERT INTO yici.proposal (title, author, person, reason, source, base, edits, notes, route, told, state,
                   at, changed_at) VALUES ('', '', '', '', '', 1, %s, '[]', '{}', '{}', 'superseded', %s, %s)""",
            [json.dumps([asdict(edit)]), *[datetime(2026, 3, 1, 16, 30, tzinfo=UTC)] * 2],
        )
        filed = pages_maintain_demands._filed(maintained.owner, maintained.catalog.campus.time_zone)
    assert filed["demands/D-91.yaml"] == date(2026, 3, 2)
