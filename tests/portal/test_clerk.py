"""A case at the window: only an open case of the clerk's unit, on record under the clerk's name; its form in Word."""

import io
import re
from contextlib import closing

import pytest
from pypdf import PdfReader

from tests.portal.house import PEOPLE, token
from tests.portal.served import served
from tests.service import campus
from tests.service.desk import CANARY
from tests.support.word import text_of


@pytest.fixture(scope="module")
def here(pg_module_database, tmp_path_factory):
    with served(pg_module_database, tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture(scope="module")
def clerk(here):
    with closing(here.portal.as_role("clerk")) as browser:
        yield browser


def show(browser, number, path="/window", **told):
    return browser.post(path, data={"case": number, "csrf": token(browser.get("/").text)} | told)


def test_a_clerk_sees_what_is_spared_and_the_filled_form(here, clerk):
    here.desk.case(external_no="XN-1")
    shown = show(clerk, "XN-1")
    assert shown.status_code == 200, shown.text
    assert "在职证明" in shown.text and f"{CANARY}甲" in shown.text
    assert "免交" in shown.text and "在职状态" in shown.text and "人事处核验" in shown.text
    assert "仍须提交" in shown.text
    assert "110101********0015" in shown.text and "110101198001010015" not in shown.text
    assert "XN-1" not in str(shown.url)


def test_the_record_says_which_clerk_of_which_unit_saw_it_and_the_person_sees_it_too(here, clerk):
    here.desk.case(external_no="XN-2")
    show(clerk, "XN-2")
    entry = here.desk.record("action = 'window' AND outcome = 'allowed'")[-1]
    assert (entry["client_id"], entry["receiver_unit"], entry["purpose"]) == (
        campus.PAGES,
        "RS",
        campus.EMPLOYED,
    )
    assert entry["rule"].startswith("window of hall; granted")
    details = here.desk.details(entry)
    assert (details["actor_id"], details["actor_role"]) == (PEOPLE["clerk"], "officer")
    with closing(here.portal.as_role("jia")) as person:
        assert "窗口代填申请表" in person.get("/mine/usages").text
    assert "XN-2" not in str(here.portal.deeds())


def test_the_unit_s_own_word_form_is_filled(here, clerk):
    here.desk.case(external_no="XN-3")
    answer = show(clerk, "XN-3", "/window/form")
    assert answer.status_code == 200 and "XN-3-20" in answer.headers["content-disposition"]
    assert answer.headers["cache-control"] == "no-store"
    told = text_of(answer.content)
    assert f"{CANARY}甲" in told and "{{" not in told
    # The form shows the name and no other fact: how far that was verified stands below it.
    (note,) = [line for line in told.split("\n") if "核验情况" in line]
    assert re.fullmatch(
        r"所填数据的核验情况：xm：权威数据源核验（人事处，\d{4}-\d\d-\d\d）。留痕编号 [0-9a-f-]{36}。", note
    )


def test_the_filled_form_is_a_pdf_that_says_whose_form_counts(here, clerk):
    here.desk.case(external_no="XN-pdf")
    answer = show(clerk, "XN-pdf", "/window/form", **{"as": "pdf"})
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/pdf"
    assert "XN-pdf-20" in answer.headers["content-disposition"]
    assert answer.headers["cache-control"] == "no-store"
    pages = PdfReader(io.BytesIO(answer.content)).pages
    printed = "".join("".join(page.extract_text().split()) for page in pages)
    assert f"{CANARY}甲" in printed and "XN-pdf" in printed and "110101198001010015" not in printed
    assert "在职证明" in printed and "人事处" in printed and "以原表为准" in printed
    assert "yt" in printed and "申请人签名" in printed
    assert re.search(r"所填数据的核验情况:1权威数据源核验（人事处，\d{4}-\d\d-\d\d）", printed)
    assert f"{CANARY}甲1" in printed
    assert CANARY not in str(PdfReader(io.BytesIO(answer.content)).metadata)


def closed(here):
    number = here.desk.case(external_no="XN-closed")
    sent = here.desk.headers() | {"Content-Type": "application/json"}
    assert here.desk.http.patch(
        f"/v1/cases/{number}", content='{"status": "closed"}', headers=sent
    ).is_success
    return "XN-closed"


def twice(here):
    here.desk.case(external_no="XN-twice")
    here.desk.case(external_no="XN-twice")
    return "XN-twice"


def of_a_system_without_windows(here):
    case = here.desk.case(external_no="XN-online")
    here.portal.owner.execute("UPDATE service.\"case\" SET client_id = 'hr-desk' WHERE id = %s", [case])
    return "XN-online"


def expired(here):
    case = here.desk.case(external_no="XN-old")
    here.portal.owner.execute('UPDATE service."case" SET expires_at = now() WHERE id = %s', [case])
    return "XN-old"


@pytest.mark.parametrize("case", [closed, twice, of_a_system_without_windows, expired, lambda _: "XN-none"])
def test_any_other_case_is_refused_in_the_same_words(here, clerk, case):
    refused = show(clerk, case(here))
    assert refused.status_code == 403
    assert "没有本单位可办的这一办件" in refused.text and CANARY not in refused.text
    assert here.desk.last()["outcome"] == "refused"


def test_a_clerk_of_another_unit_and_who_is_none_see_nothing(here):
    here.desk.case(external_no="XN-4")
    body = {"case": "XN-4", "clerk": PEOPLE["steward"]}
    with closing(here.portal.as_role("steward")) as browser:
        assert show(browser, "XN-4").status_code == 403
    for number, client in ((PEOPLE["steward"], campus.PAGES), (PEOPLE["clerk"], campus.HALL)):
        refused = here.desk.post("/v1/window:prefill", body | {"clerk": number}, client)
        assert refused.json()["code"] == "NOT_PERMITTED"
