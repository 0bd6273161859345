"""Logging in by the campus's own login, and what the service takes for a proof of it: CAS tickets and ID tokens."""

from contextlib import closing
from urllib.parse import parse_qs, urlsplit

import pytest

from portal.configuration import OidcSettings
from service.cas import CasSettings
from service.configuration import Configuration
from service.login import LoginSettings
from tests.portal.served import served
from tests.portal.test_campus_login import CLIENT, SECRET, provider  # noqa: F401
from tests.service.desk import CANARY
from tests.service.test_cas import PORTAL, Server
from tests.support.http import scripted_server

pytestmark = pytest.mark.usefixtures("provider")


@pytest.fixture(scope="module")
def cas():
    with scripted_server() as found:
        yield Server(found)


@pytest.fixture(scope="module")
def here(pg_module_database, tmp_path_factory, provider, cas):  # noqa: F811
    issuer, numbers = provider.server.url, {"user": "staff_no", "employee": "staff_no"}
    service = Configuration(
        login=LoginSettings(issuer, CLIENT, f"{issuer}/keys", numbers),
        cas=CasSettings(f"{cas.server.url}/cas", PORTAL, numbers),
    )
    with served(
        pg_module_database,
        tmp_path_factory.mktemp("home"),
        service,
        oidc=OidcSettings(issuer, CLIENT, SECRET, "employee"),
        cas=f"{cas.server.url}/cas",
    ) as found:
        yield found


def test_whoever_the_cas_server_names_is_logged_in_and_sees_the_own_page(here, cas):
    with closing(here.portal.browser()) as browser:
        assert "/login/cas?next=" in browser.get("/login").text
        sent = urlsplit(browser.get("/login/cas", params={"next": "/mine"}).headers["location"])
        assert f"{sent.scheme}://{sent.netloc}{sent.path}" == f"{cas.server.url}/cas/login"
        assert parse_qs(sent.query)["service"] == [f"{here.portal.url}/login/cas"]
        back = browser.get("/login/cas", params={"ticket": cas.ticket("T002")})
        assert (back.status_code, back.headers["location"]) == (303, "/mine")
        shown = browser.get("/mine").text
    assert f"{CANARY}乙" in shown and f"{CANARY}甲" not in shown
    assert ("T002", "", "login", "cas", "allowed", "login:cas") in here.portal.deeds()


def test_a_ticket_counts_once_and_only_in_the_browser_that_was_sent(here, cas):
    with closing(here.portal.browser()) as browser, closing(here.portal.browser()) as other:
        browser.get("/login/cas")
        other.get("/login")
        ticket = cas.ticket("T002")
        assert other.get("/login/cas", params={"ticket": ticket}).status_code == 400
        assert browser.get("/login/cas", params={"ticket": ticket}).status_code == 303
        other.get("/login/cas")
        assert other.get("/login/cas", params={"ticket": ticket}).status_code == 400
        assert other.get("/").status_code == 303
    assert here.portal.deeds()[-1][2:6] == ("login_failed", "cas", "refused", "login:ticket")


@pytest.mark.parametrize("ticket", ["ST-made-up", "x", "ST-1&service=y"])
def test_what_is_no_ticket_logs_nobody_in(here, ticket):
    with closing(here.portal.browser()) as browser:
        browser.get("/login/cas")
        refused = browser.get("/login/cas", params={"ticket": ticket})
        assert refused.status_code == 400 and "本次登录已过期" in refused.text
        assert browser.get("/").status_code == 303


def test_an_answer_of_one_login_is_none_of_the_other(here, cas, provider):  # noqa: F811
    with closing(here.portal.browser()) as browser:
        browser.get("/login/cas")
        assert browser.get("/login/back", params={"state": "x", "code": "y"}).status_code == 400
        browser.get("/login/campus")
        assert browser.get("/login/cas", params={"ticket": cas.ticket("T002")}).status_code == 400


def test_an_id_token_is_handed_on_as_proof(here, provider):  # noqa: F811
    with closing(here.portal.browser()) as browser:
        sent = browser.get("/login/campus", params={"next": "/mine"}).headers["location"]
        back = browser.get("/login/back", params=provider.give(sent, employee="T001"))
        assert (back.status_code, back.headers["location"]) == (303, "/mine")
        assert f"{CANARY}甲" in browser.get("/mine").text


def test_on_a_campus_of_real_people_the_portal_s_word_is_no_proof(here):
    with closing(here.portal.as_role("jia")) as browser:
        refused = browser.get("/mine")
    assert refused.status_code == 403 and CANARY not in refused.text
