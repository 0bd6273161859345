"""The walls of the portal: who gets in, how a session lives, who sees which page, what is on record."""

import re
from itertools import product

import httpx
import psycopg
import pytest

from portal.access import OPEN, PAGES
from portal.app import PAGE_MODULES, create_app
from portal.attempts import PER_ACCOUNT
from portal.configuration import Configuration
from tests.portal.house import FORMER, PEOPLE, TICKET, portal_url, token

SOME = "00000000-0000-4000-8000-000000000000"
# An address of every page that the table names. A page without one here fails the test below.
ADDRESSES = {
    "home": "/",
    "search": "/search?q=hr",
    "resources": "/resources.html",
    "resource": "/resources/hr.staff.html",
    "contract": "/resources/hr/staff.odcs.yaml",
    "services": "/services.html",
    "service": "/services/S-EMPLOYED.html",
    "codes": "/codes.html",
    "code": "/codes/staff_status.html",
    "lists": "/lists.html",
    "list": "/lists/demands.html",
    "list_file": "/lists/demands.xlsx",
    "demands": "/demands",
    "responsibilities": "/responsibilities",
    "quality": "/quality",
    "quality_unit": "/quality/RS",
    "reform": "/reform",
    "reform_topic": "/reform/visits",
    "reform_research": "/reform/research",
    "usage": "/usage",
    "tickets": "/tickets",
    "ticket": f"/tickets/{TICKET}",
    "duty": "/duty",
    "waiting": "/duty/rows/hr.staff",
    "samples": "/duty/samples",
    "weekly": "/duty/report/RS/2026-W01.html",
    "window": "/window",
    "issued": "/issued",
    "issued_one": f"/issued/{SOME}",
    "runs": "/runs",
    "maintain": "/maintain",
    "propose": "/maintain/new",
    "form_file": "/maintain/forms/guide.xlsx",
    "edit": "/maintain/edit/guide/hr.staff",
    "versions": "/maintain/versions",
    "version": "/maintain/versions/1",
    "publish": "/maintain/publish",
    "publication": "/maintain/publications/1",
    "mine": "/mine",
    "mine_things": "/mine/things",
    "mine_usages": "/mine/usages",
    "mine_question": f"/mine/usages/{SOME}/question",
    "mine_corrections": "/mine/corrections",
    "mine_correct": "/mine/correct/XM",
    "mine_consents": "/mine/consents",
    "mine_withdraw": f"/mine/consents/{SOME}/withdraw",
    "mine_declared": f"/mine/declared/{SOME}/delete",
    "mine_certificates": "/mine/certificates",
    "mine_certificate_new": "/mine/certificates/new/employment",
    "mine_certificate": f"/mine/certificates/{SOME}",
    "mine_certificate_paper": f"/mine/certificates/{SOME}/paper",
    "mine_certificate_revoke": f"/mine/certificates/{SOME}/revoke",
}
# What is only done, by a form: an address, what is sent, and how it ends for who may.
ACTS = {
    "logout": ("/logout", {}, 303),
    "waiting_export": ("/duty/rows/hr.staff/export", {}, 404),
    "waiting_release": ("/duty/rows/hr.staff/release", {"reason": ""}, 422),
    "waiting_upload": ("/duty/upload/hr.staff", {}, 422),
    "handed_in": ("/duty/handed-in/1", {}, 404),
    "ticket_act": (f"/tickets/{TICKET}/comment", {"said": ""}, 422),
    "sample_judge": ("/duty/samples/1", {"verdict": "right"}, 404),
    "mine_certificate_share": (f"/mine/certificates/{SOME}/shares", {}, 503),
    "mine_certificate_withdraw": (f"/mine/certificates/{SOME}/shares/{SOME}/withdraw", {}, 503),
    "issued_find": ("/issued", {"number": "x"}, 503),
    "issued_revoke": (f"/issued/{SOME}/revoke", {"reason": "x"}, 503),
    "issued_keep": (f"/issued/{SOME}/keep", {"reason": "x"}, 503),
    "window_case": ("/window", {"case": "x"}, 503),
    "window_form": ("/window/form", {"case": "x"}, 503),
    "window_confirm": ("/window/confirm", {"case": "x"}, 503),
    "proposal": ("/maintain/proposals/1", {"act": "comment"}, 404),
    "upload": ("/maintain/upload", {}, 422),
    "wish": ("/maintain/wishes/1", {}, 404),
}
# What the service is asked for; this portal has none.
ASKED = {page for page in ADDRESSES if page.startswith(("mine", "issued"))} - {"mine_question"}
EVERYBODY = set(PEOPLE)
OFFICES = {"data_office", "reform_office", "administrator", "leadership", "auditor"}
ON_DUTY = {"steward", "head"}
ANSWERING = OFFICES | ON_DUTY
PROPOSING = ON_DUTY | {"data_office"}
# Said once more by hand, so that a slip in the table is a difference.
ALLOWED = dict.fromkeys(ADDRESSES, EVERYBODY) | {
    "mine_certificate_share": EVERYBODY,
    "mine_certificate_withdraw": EVERYBODY,
    **dict.fromkeys(
        ("issued", "issued_one", "issued_find", "issued_revoke", "issued_keep"), EVERYBODY - {"member"}
    ),
    "demands": EVERYBODY - {"member"},
    "responsibilities": EVERYBODY - {"member"},
    "quality": ANSWERING | {"engineer"},
    "quality_unit": ANSWERING | {"engineer"},
    "reform": ANSWERING | {"engineer"},
    "reform_topic": ANSWERING | {"engineer"},
    "reform_research": OFFICES,
    "usage": OFFICES | {"engineer"},
    "tickets": ANSWERING,
    "ticket": ANSWERING,
    "weekly": ANSWERING,
    "runs": {"engineer", "data_office", "administrator"},
    "window": {"clerk"},
    "window_case": {"clerk"},
    "window_form": {"clerk"},
    "window_confirm": {"clerk"},
    "duty": ON_DUTY,
    "waiting": ON_DUTY,
    "samples": ON_DUTY,
    "waiting_export": ON_DUTY,
    "waiting_release": ON_DUTY,
    "waiting_upload": ON_DUTY,
    "handed_in": ON_DUTY,
    "ticket_act": ON_DUTY,
    "sample_judge": ON_DUTY,
    "maintain": EVERYBODY - {"member"},
    "proposal": EVERYBODY - {"member"},
    "propose": PROPOSING,
    "form_file": PROPOSING,
    "edit": PROPOSING,
    "upload": PROPOSING,
    "wish": PROPOSING,
    "versions": {"data_office", "auditor"},
    "version": {"data_office", "auditor"},
    "publish": {"data_office"},
    "publication": {"data_office"},
}


@pytest.fixture(scope="module")
def browsers(portal):
    opened = {role: portal.as_role(role) for role in PEOPLE}
    yield opened
    for browser in opened.values():
        browser.close()


def test_every_route_is_a_page_of_the_table_or_open_to_all():
    names = {route.name for module in PAGE_MODULES for route in module.router.routes}
    assert len(create_app(Configuration()).routes) == len(PAGE_MODULES)
    assert names == PAGES.keys() | OPEN
    assert ADDRESSES.keys() | ACTS.keys() == PAGES.keys()


@pytest.mark.parametrize(("page", "role"), list(product(ADDRESSES, PEOPLE)))
def test_a_page_is_shown_to_the_roles_that_it_is_for_and_to_nobody_else(portal, browsers, page, role):
    answer = browsers[role].get(ADDRESSES[page])
    shown = 503 if page in ASKED else 200
    assert answer.status_code == (shown if role in ALLOWED[page] else 403)


@pytest.mark.parametrize(("page", "role"), list(product(sorted(ACTS.keys() - {"logout"}), PEOPLE)))
def test_what_is_done_by_a_form_is_done_by_the_roles_that_it_is_for_and_by_nobody_else(browsers, page, role):
    path, sent, ends = ACTS[page]
    browser = browsers[role]
    answer = browser.post(path, data=sent | {"csrf": token(browser.get("/").text)})
    assert answer.status_code == (ends if role in ALLOWED[page] else 403)


@pytest.mark.parametrize("page", sorted(ADDRESSES))
def test_nobody_sees_a_page_without_logging_in(portal, page):
    with portal.browser() as browser:
        answer = browser.get(ADDRESSES[page])
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login?next=")
    assert answer.text == ""


def test_a_steward_sees_the_tickets_and_quality_of_the_own_unit_only(browsers):
    steward = browsers["steward"]
    listed = steward.get("/tickets").text
    assert "/tickets/1" in listed and "/tickets/2" not in listed
    assert steward.get("/tickets/2").status_code == 403
    assert steward.get("/quality/JW").status_code == 403
    assert browsers["data_office"].get("/tickets/2").status_code == 200


def test_a_post_that_has_ended_gives_nothing_and_a_deputy_has_what_the_post_gives(portal):
    for name, status in (("former", 403), ("deputy", 200)):
        with portal.browser() as browser:
            portal.log_in(browser, name)
            assert browser.get("/tickets").status_code == status


def test_what_was_done_and_what_was_refused_is_on_record_and_stays(portal, browsers):
    before = len(portal.deeds())
    refused = browsers["member"].get(ADDRESSES["tickets"])
    browsers["steward"].get(ADDRESSES["resource"])
    done = portal.deeds()[before:]
    assert done == [
        (PEOPLE["member"], "member", "GET tickets", "", "refused", "page:tickets:role"),
        (PEOPLE["steward"], "steward", "GET resource", "hr.staff", "allowed", "page:resource"),
    ]
    number = portal.owner.execute("SELECT max(id) - 1 FROM portal.deed").fetchone()[0]
    assert str(number) in refused.text
    for statement in ("UPDATE portal.deed SET person = ''", "DELETE FROM portal.deed"):
        with pytest.raises(psycopg.Error):
            portal.owner.execute(statement)


def test_the_search_is_not_on_record_with_what_was_typed(portal, browsers):
    browsers["member"].get("/search", params={"q": "张三丰"})
    browsers["member"].get("/quality/张三丰")
    kept = portal.owner.execute("SELECT string_agg(d::text, ' ') FROM portal.deed d").fetchone()[0]
    assert "张三丰" not in kept


@pytest.mark.parametrize(
    "table",
    [
        "raw.hr__staff",
        "store.hr__staff",
        "yici.quarantine",
        "yici.finding",
        "yici.link",
        "service.record",
        "portal.deed",
    ],
)
def test_the_portal_s_role_cannot_read_what_is_about_persons(portal, pg_module_database, table):
    with psycopg.connect(portal_url(pg_module_database), options="-c yici.release=1") as con:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            con.execute(f"SELECT * FROM {table}")
        con.rollback()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            con.execute("SELECT reference FROM yici.ticket")


def test_every_answer_tells_the_browser_to_trust_nothing_from_elsewhere(portal, browsers):
    for answer in (
        browsers["member"].get("/"),
        browsers["member"].get("/nowhere"),
        portal.browser().get("/login"),
    ):
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy and "http" not in policy
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert "strict-transport-security" not in answer.headers
        assert not re.search(r"<script|\son\w+=|\sstyle=|javascript:", answer.text)


def test_behind_tls_the_cookie_is_of_this_host_and_the_browser_stays_there(
    pg_module_database, portal, tmp_path, monkeypatch
):
    from tests.support.http import asgi_server

    monkeypatch.setenv("YICI_HOME", str(tmp_path))
    monkeypatch.setenv("YICI_DATABASE_URL", pg_module_database.url)
    monkeypatch.setenv("YICI_PORTAL_DATABASE_URL", portal_url(pg_module_database))
    chosen = Configuration(url="https://data.example.edu.cn", is_reference_campus=True)
    with asgi_server(create_app(chosen)) as url:
        answer = httpx.get(f"{url}/login")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-yici=")
    assert all(word in cookie for word in ("Secure", "HttpOnly", "SameSite=lax", "Path=/"))
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_a_login_gives_a_new_session_and_a_logout_ends_it(portal):
    with portal.browser() as browser:
        browser.get("/login")
        before = browser.cookies["yici"]
        assert portal.log_in(browser, "steward").headers["location"] == "/"
        during = browser.cookies["yici"]
        assert during != before
        home = browser.get("/")
        assert home.status_code == 200
        assert browser.post("/logout", data={"csrf": token(home.text)}).status_code == 303
        for value in (before, during):
            with portal.browser() as other:
                other.cookies.set("yici", value)
                assert other.get("/").status_code == 303


@pytest.mark.parametrize(("column", "ago"), [("seen_at", "31 minutes"), ("began_at", "11 hours")])
def test_a_session_ends_when_it_is_idle_and_when_it_is_old(portal, column, ago):
    portal.owner.execute("DELETE FROM portal.session WHERE person = %s", [FORMER])
    browser = portal.as_role("former")
    assert browser.get("/").status_code == 200
    statement = f"UPDATE portal.session SET {column} = now() - interval '{ago}' WHERE person = %s"
    portal.owner.execute(statement, [FORMER])
    assert [browser.get("/").status_code for _ in range(2)] == [303, 303]


def test_the_table_of_sessions_has_no_value_that_a_cookie_could_have(portal):
    browser = portal.as_role("head")
    kept = portal.owner.execute("SELECT string_agg(s::text, ' ') FROM portal.session s").fetchone()[0]
    assert browser.cookies["yici"] not in kept


@pytest.mark.parametrize(
    ("data", "headers"),
    [({}, {}), ({"csrf": "made-up"}, {}), ({"csrf": "right"}, {"Sec-Fetch-Site": "cross-site"})],
    ids=["none", "another", "from elsewhere"],
)
def test_a_form_without_its_own_token_does_nothing(portal, data, headers):
    browser = portal.as_role("clerk")
    if data.get("csrf") == "right":
        data = {"csrf": token(browser.get("/").text)}
    answer = browser.post("/logout", data=data or {"a": "b"}, headers=headers)
    assert answer.status_code == 403
    assert "没有任何更改" in answer.text
    assert browser.get("/").status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "another-password"},
        {"password": "\0"},
        {"code": "000000"},
        {"code": "\0"},
        {"name": "nobody"},
        {"name": "no\0body"},
    ],
)
def test_a_wrong_login_says_one_thing_whatever_was_wrong(portal, wrong):
    with portal.browser() as browser:
        answer = portal.log_in(browser, "engineer", **wrong)
        assert answer.status_code == 401
        assert "账号、密码或验证码不对" in answer.text
        assert browser.get("/").status_code == 303
    portal.owner.execute("DELETE FROM portal.attempt")


def test_a_code_counts_once(portal):
    code = portal.code("auditor")
    with portal.browser() as first, portal.browser() as second:
        told = {"name": "auditor", "password": "for-tests-only", "code": code}
        answers = [
            browser.post(
                "/login/account", data=told | {"csrf": token(browser.get("/login").text)}
            ).status_code
            for browser in (first, second)
        ]
    assert answers == [303, 401]
    portal.owner.execute("DELETE FROM portal.attempt")


def test_too_many_tries_of_an_account_are_refused_even_with_the_right_password(portal):
    with portal.browser() as browser:
        tries = [
            portal.log_in(browser, "leadership", password="wrong").status_code for _ in range(PER_ACCOUNT)
        ]
        last = portal.log_in(browser, "leadership")
    portal.owner.execute("DELETE FROM portal.attempt")
    assert tries == [401] * PER_ACCOUNT
    assert last.status_code == 429
    assert "15 分钟后再试" in last.text


def test_a_campus_of_real_people_has_no_local_accounts(pg_module_database, portal, tmp_path, monkeypatch):
    from tests.support.http import asgi_server

    monkeypatch.setenv("YICI_HOME", str(tmp_path))
    monkeypatch.setenv("YICI_DATABASE_URL", pg_module_database.url)
    monkeypatch.setenv("YICI_PORTAL_DATABASE_URL", portal_url(pg_module_database))
    with asgi_server(create_app(Configuration())) as url, httpx.Client(base_url=url) as browser:
        asked = browser.get("/login").text
        assert "尚未配置登录方式" in asked and 'type="password"' not in asked
        csrf = portal.owner.execute(
            "SELECT csrf FROM portal.session ORDER BY began_at DESC LIMIT 1"
        ).fetchone()[0]
        told = {"csrf": csrf, "name": "steward", "password": "for-tests-only", "code": portal.code("steward")}
        assert browser.post("/login/account", data=told).status_code == 404
        assert browser.get("/").status_code == 303


@pytest.mark.parametrize(
    "elsewhere", ["//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_nobody_is_led_elsewhere(portal, elsewhere):
    with portal.browser() as browser:
        assert portal.log_in(browser, "clerk", next=elsewhere).headers["location"] == "/"
        assert browser.get("/language", params={"to": "en", "back": elsewhere}).headers["location"] == "/"


def test_too_large_a_form_and_another_format_are_refused_in_words(portal, browsers):
    browser = browsers["member"]
    large = browser.post("/logout", data={"csrf": "x" * 70_000})
    other = browser.post("/logout", json={"csrf": "x"})
    assert (large.status_code, other.status_code) == (413, 415)
    assert "提交的内容过大" in large.text and "不支持该提交格式" in other.text


@pytest.mark.parametrize("path", ["/tickets/" + "9" * 5000, "/resources/" + "x" * 5000 + ".html"])
def test_an_address_that_is_no_page_s_by_its_length_is_no_failure(portal, browsers, path):
    with portal.browser() as nobody:
        for browser in (browsers["data_office"], nobody):
            answer = browser.get(path)
            assert answer.status_code == 414
            assert "地址过长" in answer.text and "too long" in answer.text
            assert answer.headers["cache-control"] == "no-store"
            assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("field", ["csrf", "post"])
def test_a_form_of_another_charset_cannot_bring_what_is_no_text(browsers, field):
    # UTF-7 spells a half of a pair of surrogates, which no database takes.
    body = f'--b\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n+2AA-\r\n--b--\r\n'
    answer = browsers["steward"].post(
        "/maintain/upload",
        content=body.encode(),
        headers={"content-type": "multipart/form-data; boundary=b; charset=utf-7"},
    )
    assert answer.status_code == 400
    assert "不支持该提交格式" in answer.text
