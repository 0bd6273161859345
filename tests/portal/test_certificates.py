"""My certificates in the portal: asked for, fetched, shared, withdrawn, revoked by the person, and by nobody else."""

import re
from contextlib import closing

import pytest

from catalogs.settings import now
from portal.rendering import LANGUAGE_COOKIE
from portal.texts_certificates import CERTIFICATE_TEXTS
from service import certificate_authority, certificate_sealing
from service.certificate_keys import Seals
from tests.portal.house import files, token
from tests.portal.served import served
from tests.service.certifying import ISSUER, nobody_starts
from tests.service.desk import CANARY
from tests.service.test_certificates import content, with_pool

PATH = re.compile(r"/mine/certificates/[0-9a-f-]{36}")


@pytest.fixture(scope="module")
def here(pg_module_database, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    certificate_authority.reference_keys(home, "试验大学", ISSUER, now())
    kinds = content()["certificates/staff.yaml"].replace(b'"post:a"', b'"post:rs-head"')
    posts = files()["posts.csv"] + b"P-bing,T003,post:rs-head,head,2020-01-01,,\n"
    told = files() | {"certificates/staff.yaml": kinds, "posts.csv": posts}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(certificate_sealing, "starting", nobody_starts)
        with served(pg_module_database, home, told=told) as found:
            yield found


@pytest.fixture(scope="module")
def jia(here):
    with closing(here.portal.as_role("jia")) as browser:
        yield browser


def send(browser, path, form_at=None, **typed):
    shown = browser.get(form_at or path)
    assert shown.status_code == 200, shown.text
    return browser.post(path, data=typed | {"csrf": token(shown.text)})


def ask(browser, **changes):
    typed = {"purpose": "visa", "language": "zh", "validity_days": "30", "shown": ["DW"]} | changes
    reply = send(browser, "/mine/certificates/new/employment", **typed)
    assert reply.status_code == 303, reply.text
    return reply.headers["location"]


def test_a_person_asks_for_one_and_fetches_its_paper(here, jia, pg_module_database):
    listed = jia.get("/mine/certificates").text
    assert (
        "您还没有开具过证明" in listed
        and "在职证明" in listed
        and "/mine/certificates/new/employment" in listed
    )
    path = ask(jia)
    shown = jia.get(path)
    assert shown.status_code == 200 and "证明文件正在生成" in shown.text
    assert CANARY not in shown.text and shown.headers["cache-control"] == "no-store"
    printer = certificate_sealing.Printer(here.desk.app.state.around.keys, Seals(here.desk.home))
    assert with_pool(pg_module_database, lambda pool: certificate_sealing.work(pool, printer)) == 1
    assert f"{path}/paper" in jia.get(path).text
    paper = jia.get(f"{path}/paper")
    assert paper.headers["content-type"] == "application/pdf" and paper.content.startswith(b"%PDF-")
    assert paper.headers["content-disposition"].startswith("attachment")
    assert PATH.search(jia.get("/mine/certificates").text)


def test_a_person_shares_it_sees_who_looked_and_takes_the_share_back(here, jia):
    path = ask(jia)
    made = send(jia, f"{path}/shares", path, shown=["GH"], days="7", max_views="3")
    assert made.status_code == 303, made.text
    codes = re.findall(r">([0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}-[0-9A-Z])<", jia.get(path).text)
    assert len(codes) == 2
    seen = here.desk.http.get(f"/verify/{codes[1]}", headers={"Accept": "application/json"}).json()
    assert [one["value_zh"] for one in seen["values"]] == ["T001"]
    shown = jia.get(path).text
    assert "1 / 3" in shown and "凭核验码由程序查询" in shown
    (withdraw,) = re.findall(r'action="([^"]+/withdraw)"', shown)[1:]
    assert send(jia, withdraw, path).status_code == 303
    assert (
        here.desk.http.get(f"/verify/{codes[1]}", headers={"Accept": "application/json"}).status_code == 404
    )
    assert "已撤回" in jia.get(path).text
    too_long = send(jia, f"{path}/shares", path, days="400")
    assert too_long.status_code == 422 and "参数有误" in too_long.text


def test_a_person_revokes_it_only_with_a_reason(jia):
    path = ask(jia)
    empty = send(jia, f"{path}/revoke", reason=" ")
    assert empty.status_code == 422
    assert send(jia, f"{path}/revoke", reason="换了单位").status_code == 303
    shown = jia.get(path).text
    assert "已撤销" in shown and "换了单位" in shown and f"{path}/revoke" not in shown
    assert "新建分享" not in shown and send(jia, f"{path}/shares", path).status_code == 403


def test_what_is_not_verified_is_refused_in_words_and_nobody_sees_another_s(here, jia):
    path = ask(jia)
    with closing(here.portal.as_role("yi")) as yi:
        refused = send(
            yi, "/mine/certificates/new/employment", purpose="visa", language="zh", validity_days="30"
        )
        assert refused.status_code == 409 and "目前不能开具，没有出具任何证明" in refused.text
        assert "您目前不属于开具对象（教职工）" in refused.text and "联系人事处" in refused.text
        assert 'value="30" selected' in refused.text
        for own in (path, f"{path}/paper", f"{path}/revoke"):
            assert yi.get(own).status_code == 404
    assert jia.get("/mine/certificates/new/none").status_code == 404


def test_one_s_own_page_offers_what_can_be_had_and_says_what_stands_in_the_way_of_the_rest(here, jia):
    shown = jia.get("/mine/certificates").text
    assert "/mine/certificates/new/employment" in shown and "目前不能开具" not in shown
    with closing(here.portal.as_role("bing")) as bing:
        listed = bing.get("/mine/certificates").text
        folded = listed.partition("<details>")[2].partition("</details>")[0]
        assert "/mine/certificates/new/employment" in listed.partition("<details>")[0]
        assert "目前不能开具的 1 种" in folded and "new/telephone" not in listed
        assert "<strong>电话</strong>：学校没有这项记录。" in folded and "由人事处登记后再开具" in folded
        assert bing.get(re.search(r'href="(/mine/correct/DH)"', folded)[1]).status_code == 200
        form = bing.get("/mine/certificates/new/telephone").text
        assert "目前不能开具" in form and "学校没有这项记录" in form
        bing.cookies.set(LANGUAGE_COOKIE, "en")
        english = bing.get("/mine/certificates").text
        assert "1 that you cannot have now, and why" in english
        assert "<strong>Telephone</strong>: The university has no record of it." in english
    with closing(here.portal.as_role("yi")) as yi:
        none = yi.get("/mine/certificates").text
        assert "您目前没有可以开具的证明" in none and "<details open>" in none and "开具的 2 种" in none


def test_names_are_listed_and_ages_told_in_the_reader_s_language(jia):
    path = ask(jia, shown=["GH", "DW"])
    assert "工号、单位" in jia.get(path).text and "刚刚" in jia.get(path).text
    jia.cookies.set(LANGUAGE_COOKIE, "en")
    english = jia.get(path).text
    jia.cookies.delete(LANGUAGE_COOKIE)
    assert "Staff number, Unit" in english and "just now" in english and "、" not in english


def fault_of(html, field):
    """Return what is said below a field that could not be taken, which says so."""
    assert re.search(rf'<(?:input|textarea|select) id="{field}"[^>]*aria-invalid="true"', html), field
    assert f'aria-describedby="{field}-fault"' in html
    (told,) = re.findall(rf'<span class="fault" id="{field}-fault">✕ ([^<]+)</span>', html)
    return told


def test_what_cannot_be_taken_is_told_at_its_field_and_stays_there(here, jia):
    path = ask(jia)
    shared = send(jia, f"{path}/shares", path, days="many", max_views="0", shown=["GH"])
    assert shared.status_code == 422 and 'value="many"' in shared.text
    assert fault_of(shared.text, "days") == "请填 1 至 180 的整数。"
    assert fault_of(shared.text, "max_views").startswith("请填 1 至 1000")
    assert re.search(r'value="GH" checked', shared.text)
    assert "请填写理由" in fault_of(send(jia, f"{path}/revoke", reason=" ").text, "reason")
    chosen = send(jia, "/mine/certificates/new/employment", purpose="none", language="zh", validity_days="7")
    assert chosen.status_code == 422 and fault_of(chosen.text, "purpose") == "请选择本证明的一种用途。"
    number = re.search(r"employment-\d{4}-\d{6}", jia.get(path).text)[0]
    with closing(here.portal.as_role("bing")) as head:
        none = send(head, "/issued", number="employment-1")
        assert "没有出具过此编号" in fault_of(none.text, "number") and 'value="employment-1"' in none.text
        one = send(head, "/issued", number=number).headers["location"]
        assert "请填写理由" in fault_of(send(head, f"{one}/revoke", one, reason=" ").text, "revoke-reason")


def test_every_reason_of_a_refusal_has_its_words():
    told = {key.rpartition(".")[2] for key in CERTIFICATE_TEXTS if key.startswith("certificate.why.")}
    assert told == {
        key.rpartition(".")[2] for key in CERTIFICATE_TEXTS if key.startswith("certificate.mend.")
    }
    assert told >= {
        *("not_permitted", "several_values", "masked", "not_so", "not_a_member"),
        *("stale", "in_dispute", "conflict", "withheld", "not_found", "not_applicable", "source_unavailable"),
    }


def test_whoever_holds_the_issuing_post_finds_revokes_and_leaves_them_without_seeing_a_value(here, jia):
    path = ask(jia)
    number = re.search(r"employment-\d{4}-\d{6}", jia.get(path).text)[0]
    with closing(here.portal.as_role("bing")) as head:
        assert "/issued" in head.get("/").text and "/issued" not in jia.get("/").text
        listed = head.get("/issued")
        assert listed.status_code == 200 and "没有待核定的证明" in listed.text
        assert send(head, "/issued", number="employment-2026-999999").status_code == 404
        found = send(head, "/issued", number=f" {number} ")
        assert found.status_code == 303 and number not in found.headers["location"]
        one = found.headers["location"]
        shown = head.get(one)
        assert number in shown.text and "有效" in shown.text
        assert CANARY not in shown.text and "物理系" not in shown.text
        assert send(head, f"{one}/revoke", one, reason=" ").status_code == 422
        assert send(head, f"{one}/keep", one, reason="未变化").status_code == 404
        assert send(head, f"{one}/revoke", one, reason="开具有误").status_code == 303
        assert "已撤销" in head.get(one).text and f"{one}/revoke" not in head.get(one).text
    assert "已撤销" in jia.get(path).text and "开具有误" in jia.get(path).text
    assert jia.get("/issued").status_code == 403 and jia.get(one).status_code == 403
    deeds = [deed[2:5] for deed in here.portal.deeds() if deed[0] == "T003"]
    assert ("POST issued_revoke", one.rpartition("/")[2], "allowed") in deeds
