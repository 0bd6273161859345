"""Mine: the person who has logged in sees and corrects what is theirs, and nobody else does."""

import re
from contextlib import closing

import html5lib
import psycopg
import pytest

from portal import pages_mine
from portal.rendering import LANGUAGE_COOKIE
from tests.portal.house import account, portal_url, token
from tests.portal.served import served
from tests.service import campus
from tests.service.desk import CANARY


@pytest.fixture(scope="module")
def here(pg_module_database, tmp_path_factory):
    with served(pg_module_database, tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture(scope="module")
def jia(here):
    with closing(here.portal.as_role("jia")) as browser:
        yield browser


def send(browser, path, **told):
    page = browser.get(path)
    assert page.status_code == 200, page.text
    return browser.post(path, data=told | {"csrf": token(page.text)})


def test_a_person_sees_the_own_data_as_the_catalog_lets_them(jia):
    shown = jia.get("/mine")
    assert shown.status_code == 200
    assert f"{CANARY}甲" in shown.text and "110101198001010015" in shown.text
    assert "*******0001" in shown.text and "13900000001" not in shown.text
    assert "试验规定第三条" in shown.text and "9000.5" not in shown.text
    assert f"{CANARY}乙" not in shown.text and f"{CANARY}丙" not in shown.text
    assert shown.headers["cache-control"] == "no-store"


def test_a_person_sees_who_looked_and_asks_why(here, jia):
    assert here.desk.facts(["XM"]).status_code == 200
    refused = here.desk.facts(["DH"])
    assert refused.status_code == 403
    shown = jia.get("/mine/usages").text
    assert "为办理《在职证明》读取: 姓名 (经办人)" in shown
    assert "未给出数据" in shown and "系统 hall" in shown
    path = re.search(r"/mine/usages/[0-9a-f-]{36}/question", shown)[0]
    assert send(jia, path, reason="我没有办过这件事").headers["location"] == "/mine/usages"
    after = jia.get("/mine/usages").text
    assert "我没有办过这件事" in after and "待大厅答复" in after


def test_who_looked_at_many_items_names_them_when_asked_and_in_english_says_it_was_oneself(jia, monkeypatch):
    monkeypatch.setattr(pages_mine, "_MOST_NAMED", 2)
    assert jia.get("/mine").status_code == 200
    shown = jia.get("/mine/usages").text
    folded = re.search(
        r"<details><summary>本人查看自己的数据.*?（(\d+) 项）.*?</summary>(.*?)</details>", shown
    )
    assert int(folded[1]) == folded[2].count("、") + 1 > 2
    jia.cookies.set(LANGUAGE_COOKIE, "en")
    english = jia.get("/mine/usages").text
    jia.cookies.delete(LANGUAGE_COOKIE)
    assert ">yourself</td>" in english and "本人" not in english


def test_a_person_corrects_a_value_and_sees_the_provider_s_decision(here, jia):
    empty = send(jia, "/mine/correct/DW", stated="量子所", reason=" ")
    assert empty.status_code == 422 and "量子所" in empty.text
    assert 'aria-invalid="true"' in empty.text and 'id="reason-fault">✕ 请填写理由' in empty.text
    assert send(jia, "/mine/correct/DW", stated="量子所", reason="已调动").status_code == 303
    listed = jia.get("/mine/corrections").text
    assert "所在单位" in listed and "人事处" in listed and "待决定" in listed and "刚刚" in listed
    assert "更正办理中" in jia.get("/mine").text
    again = send(jia, "/mine/correct/DW", stated="量子所", reason="再说一次")
    assert again.status_code == 409 and "该项更正正在处理" in again.text and "再说一次" in again.text
    (waiting,) = here.desk.get("/v1/corrections", campus.HR).json()
    path = f"/v1/corrections/{waiting['correction_id']}"
    assert here.desk.get(path, campus.HR).json()["stated"]["stated"] == "量子所"
    said = {"decision": "reject", "reason": "调令尚未生效"}
    assert here.desk.post(f"{path}:decide", said, campus.HR).status_code == 200
    decided = jia.get("/mine/corrections").text
    assert "未采纳" in decided and "调令尚未生效" in decided


def test_a_consent_is_shown_and_taken_back_only_by_whose_it_is(here, jia):
    case = here.desk.case()
    here.portal.owner.execute(
        """INSERT INTO service.consent (id, client_id, case_id, service_item, subject_key, notice, version,
               notice_digest, elements, given_by, actor_key, evidence_digest, given_at)
           VALUES (gen_random_uuid(), %s, %s, %s, %s, 'N-1', '1', '', '{XM}', 'subject', '', '', now())""",
        [campus.HALL, case, campus.EMPLOYED, here.desk.app.state.around.keys.subject_key("staff_no", "T001")],
    )
    path = re.search(r"/mine/consents/[0-9a-f-]{36}/withdraw", jia.get("/mine/consents").text)[0]
    with closing(here.portal.as_role("yi")) as other:
        assert other.get(path).status_code == 404
        csrf = token(other.get("/mine/consents").text)
        assert other.post(path, data={"csrf": csrf}).status_code == 404
    assert send(jia, path).status_code == 303
    assert "已撤回" in jia.get("/mine/consents").text


def test_ages_are_told_in_words_on_one_s_own_pages(here, jia):
    here.portal.owner.execute("UPDATE service.consent SET given_at = now() - interval '3 days'")
    assert re.search(
        r"\d{4}-\d\d-\d\d<br><span class=\"muted small\">[^<]*(前|刚刚)</span>", jia.get("/mine").text
    )
    assert "3 天前" in jia.get("/mine/consents").text
    jia.cookies.set(LANGUAGE_COOKIE, "en")
    english = jia.get("/mine/consents").text, jia.get("/mine/corrections").text
    jia.cookies.delete(LANGUAGE_COOKIE)
    assert "3 days ago" in english[0] and re.search("just now|minutes? ago", english[1])


@pytest.mark.parametrize("path", ["", "/usages", "/corrections", "/consents", "/correct/XM"])
def test_own_pages_are_well_formed_html(jia, path):
    parser = html5lib.HTMLParser(strict=False)
    parser.parse(jia.get(f"/mine{path}").text)
    assert [code for _, code, _ in parser.errors] == []


def test_another_s_session_with_a_person_s_bearer_shows_nothing(here, jia):
    """Whoever writes into the portal's own tables is still nobody to the service."""
    jia.get("/mine")
    with closing(here.portal.as_role("yi")) as other:
        assert f"{CANARY}乙" in other.get("/mine").text
        statement = """UPDATE portal.session s SET bearer = o.bearer, bearer_until = o.bearer_until
            FROM portal.session o WHERE s.person = 'T002' AND o.person = 'T001'"""
        assert here.portal.owner.execute(statement).rowcount >= 1
        refused = other.get("/mine")
    assert refused.status_code == 403
    assert "需要重新登录才能查看本人数据" in refused.text and CANARY not in refused.text


def test_an_equal_number_of_another_kind_is_shown_nothing_of_the_first_one_s(here, jia):
    here.portal.secrets["jia-student"] = account(here.portal.owner, "jia-student", "T001", "student_no")
    assert f"{CANARY}甲" in jia.get("/mine").text
    with closing(here.portal.as_role("jia-student")) as other:
        refused = other.get("/mine")
    assert refused.status_code == 403 and CANARY not in refused.text
    assert ("student_no:T001", "", "login", "account", "allowed", "login:account") in here.portal.deeds()


def test_the_portal_keeps_and_records_nothing_of_what_it_shows(here, jia, pg_module_database):
    jia.get("/mine")
    for table in ("portal.session", "portal.deed"):
        kept = here.portal.owner.execute(f"SELECT string_agg(t::text, ' ') FROM {table} t").fetchone()[0]
        assert not any(value in kept for value in (CANARY, "110101198001010015", "量子所", "我没有办过"))
    assert ("T001", "member", "GET mine_correct", "DW", "allowed", "page:mine_correct") in here.portal.deeds()
    with psycopg.connect(portal_url(pg_module_database)) as con:
        for table in ("service.correction", "service.question", "service.consent"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                con.execute(f"SELECT * FROM {table}")
            con.rollback()


def test_a_bearer_that_ends_is_renewed_and_one_that_never_was_is_told(here, jia):
    here.portal.owner.execute("UPDATE portal.session SET bearer_until = now() WHERE person = 'T001'")
    assert jia.get("/mine").status_code == 200
    renewed = "SELECT bearer_until > now() + interval '5 minutes' FROM portal.session WHERE person = 'T001'"
    assert (True,) in here.portal.owner.execute(renewed).fetchall()
    with closing(here.portal.as_role("member")) as unknown:
        refused = unknown.get("/mine")
    assert refused.status_code == 403 and "数据服务查无此人" in refused.text
