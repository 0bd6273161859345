"""My certificates in the portal: asked for, fetched, shared, withdrawn, revoked by the person, and by nobody else."""

import re
from contextlib import closing

import pytest

from catalogs.settings import now
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
        assert refused.status_code == 409 and "所需数据当前不能出证" in refused.text
        assert "validity_days&#39;" not in refused.text
        for own in (path, f"{path}/paper", f"{path}/revoke"):
            assert yi.get(own).status_code == 404
    assert jia.get("/mine/certificates/new/none").status_code == 404


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
