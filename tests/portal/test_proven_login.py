"""Logging in by the campus's own login, and what the service takes for a proof of it: CAS tickets and ID tokens."""

from contextlib import closing
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from portal.configuration import OidcSettings
from service.cas import CasSettings
from service.configuration import Configuration
from service.login import LoginSettings
from tests.portal.house import PEOPLE
from tests.portal.served import served
from tests.portal.test_campus_login import CLIENT, SECRET, provider  # noqa: F401
from tests.service.desk import CANARY
from tests.service.test_cas import Server
from tests.support.http import scripted_server

pytestmark = pytest.mark.usefixtures("provider")
# The portal's address as people type it; the tests ask the very server.
URL = "http://portal.example"


@pytest.fixture(scope="module")
def cas():
    with scripted_server() as found:
        yield Server(found)


@pytest.fixture(scope="module")
def here(pg_module_database, tmp_path_factory, provider, cas):  # noqa: F811
    issuer, numbers = (
        provider.server.url,
        {"studentNumber": "student_no", "user": "staff_no", "employee": "staff_no"},
    )
    service = Configuration(
        login=LoginSettings(issuer, CLIENT, f"{issuer}/keys", numbers),
        cas=CasSettings(f"{cas.server.url}/cas", f"{URL}/login/cas", numbers),
    )
    with served(
        pg_module_database,
        tmp_path_factory.mktemp("home"),
        service,
        oidc=OidcSettings(issuer, CLIENT, {"employee": "staff_no", "student": "student_no"}, SECRET),
        cas=f"{cas.server.url}/cas",
        url=URL,
    ) as found:
        yield found


def sent(browser, wanted="/"):
    """Go to the campus's CAS server; returns the address that it is to send the browser back to."""
    address = urlsplit(browser.get("/login/cas", params={"next": wanted}).headers["location"])
    return parse_qs(address.query)["service"][0]


def back(browser, address, ticket):
    """Come back to an address with a ticket, as a CAS server sends people."""
    path = address.removeprefix(URL)
    return browser.get(f"{path}{'&' if '?' in path else '?'}{urlencode({'ticket': ticket})}")


def test_whoever_the_cas_server_names_is_logged_in_and_sees_the_own_page(here, cas):
    with closing(here.portal.browser()) as browser:
        assert "/login/cas?next=" in browser.get("/login").text
        asked = browser.get("/login/cas").headers["location"]
        assert asked.startswith(f"{cas.server.url}/cas/login?service=")
        address = sent(browser, "/mine")
        assert address.startswith(f"{URL}/login/cas?state=")
        came = back(browser, address, cas.ticket("T002", address))
        assert (came.status_code, came.headers["location"]) == (303, "/mine")
        shown = browser.get("/mine").text
    assert f"{CANARY}乙" in shown and f"{CANARY}甲" not in shown
    assert ("T002", "", "login", "cas", "allowed", "login:cas") in here.portal.deeds()


def test_a_ticket_counts_once_and_only_in_the_browser_that_was_sent(here, cas):
    with closing(here.portal.browser()) as browser, closing(here.portal.browser()) as other:
        address = sent(browser)
        other.get("/login")
        ticket = cas.ticket("T002", address)
        assert back(other, address, ticket).status_code == 400
        assert back(browser, address, ticket).status_code == 303
        again = sent(other)
        assert back(other, again, ticket).status_code == 400
        assert other.get("/").status_code == 303
    assert here.portal.deeds()[-1][2:6] == ("login_failed", "cas", "refused", "login:ticket")


def test_nobody_is_logged_in_as_another_by_a_ticket_that_the_other_brings(here, cas):
    """Somebody sends the own ticket to a browser that is just being logged in: with its state, another, or none."""
    with closing(here.portal.browser()) as victim, closing(here.portal.browser()) as attacker:
        own = sent(attacker)
        for address, service, rule in (
            (own, own, "login:state"),
            (f"{URL}/login/cas", f"{URL}/login/cas", "login:state"),
            (None, own, "login:ticket"),
        ):
            its = sent(victim)
            assert back(victim, address or its, cas.ticket("T002", service)).status_code == 400
            assert victim.get("/").status_code == 303
            assert here.portal.deeds()[-1][2:6] == ("login_failed", "cas", "refused", rule)


@pytest.mark.parametrize("ticket", ["ST-made-up", "x", "ST-1&service=y"])
def test_what_is_no_ticket_logs_nobody_in(here, ticket):
    with closing(here.portal.browser()) as browser:
        refused = back(browser, sent(browser), ticket)
        assert refused.status_code == 400 and "本次登录已过期" in refused.text
        assert browser.get("/").status_code == 303


def test_an_answer_of_one_login_is_none_of_the_other(here, cas, provider):  # noqa: F811
    with closing(here.portal.browser()) as browser:
        browser.get("/login/cas")
        assert browser.get("/login/back", params={"state": "x", "code": "y"}).status_code == 400
        address = sent(browser)
        browser.get("/login/campus")
        assert back(browser, address, cas.ticket("T002", address)).status_code == 400


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


def test_whoever_logs_in_by_another_kind_of_number_is_nobody_with_a_post(here, cas, provider):  # noqa: F811
    number = PEOPLE["steward"]
    with closing(here.portal.browser()) as browser:
        sent_to = browser.get("/login/campus").headers["location"]
        given = provider.give(sent_to, employee=None, student=number)
        assert browser.get("/login/back", params=given).status_code == 303
        assert browser.get("/tickets").status_code == 403
    with closing(here.portal.browser()) as browser:
        address = sent(browser)
        ticket = cas.ticket("x", address, studentNumber=[number])
        assert back(browser, address, ticket).status_code == 303
        assert browser.get("/tickets").status_code == 403
    for way in ("campus", "cas"):
        assert (f"student_no:{number}", "", "login", way, "allowed", f"login:{way}") in here.portal.deeds()
    with closing(here.portal.browser()) as browser:
        address = sent(browser)
        assert back(browser, address, cas.ticket(number, address)).status_code == 303
        assert browser.get("/tickets").status_code == 200
